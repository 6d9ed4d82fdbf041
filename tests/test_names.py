"""The names that people import: kept in one place each, fetched when they are asked for, known to type checkers."""

from __future__ import annotations

import ast
import inspect
import pkgutil
from importlib import import_module
from pathlib import Path

import pytest

import genoml
from genoml import nn
from support.subprocesses import output_of

ROOMS = {found.name for found in pkgutil.iter_modules(genoml.__path__)} - {"__main__"}
FAMILIES = sorted(found.name for found in pkgutil.walk_packages(nn.__path__, "genoml.nn."))


def imports_of(module: object) -> list[ast.ImportFrom]:
    tree = ast.parse(Path(inspect.getfile(module)).read_text())  # type: ignore[arg-type]
    return [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]


def starred(module: object) -> list[str]:
    return [str(node.module) for node in imports_of(module) if node.names[0].name == "*"]


def test_genoml_has_the_names_of_its_rooms_and_no_list_of_its_own() -> None:
    for room in genoml._NAMED:
        for name in import_module(f"genoml.{room}").__all__:
            assert getattr(genoml, name) is getattr(import_module(f"genoml.{room}"), name)
            assert name in genoml.__all__
    assert not set(genoml.__all__) & ROOMS, "a name that is a module too"


def test_type_checkers_are_told_of_the_same_rooms_and_names() -> None:
    assert starred(genoml) == [f"genoml.{room}" for room in sorted(genoml._NAMED)]
    told = [alias for node in imports_of(genoml) if node.module == "genoml" for alias in node.names]
    assert {alias.name for alias in told} == ROOMS
    assert all(alias.asname == alias.name for alias in told), "without `as` it is not exported"


def test_every_family_of_layers_is_exported() -> None:
    with_names = [family for family in FAMILIES if hasattr(import_module(family), "__all__")]
    assert starred(nn) == with_names
    assert sorted(nn.__all__) == sorted(
        name for family in with_names for name in import_module(family).__all__
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_every_layer_of_a_module_that_is_not_private_to_it_is_in_its_all(family: str) -> None:
    module = import_module(family)
    own = {
        name
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, nn.Layer) and value.__module__ == module.__name__
    }
    #: what only other layers are made of
    bases = {"Activation", "Container", "Recurrent"}
    assert own - bases <= set(getattr(module, "__all__", ()))


def test_dir_lists_the_names_and_the_modules() -> None:
    listed = dir(genoml)
    assert {"Conv1D", "one_hot_encode", "read_fasta", "auroc", "use_backend", "models", "train", "nn"} <= set(
        listed
    )
    assert "__version__" in listed
    assert not [name for name in listed if name.startswith("_") and name != "__version__"]


def test_a_name_that_there_is_not_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'genoml' has no attribute 'Conv2D'"):
        _ = genoml.Conv2D
    assert not hasattr(genoml, "_private")


def test_modules_are_there_without_an_import_of_their_own() -> None:
    code = """
        import genoml
        print(genoml.models.build_model("promoter_cnn").summary(100).parameters > 0, genoml.train.fit.__name__)
    """
    assert output_of(code) == "True fit"


def test_importing_genoml_imports_nothing_else_and_a_layer_numpy_and_array_api_compat_alone() -> None:
    code = """
        import sys
        before = set(sys.modules)
        import genoml
        def outside():
            new = {name for name in set(sys.modules) - before if getattr(sys.modules[name], "__spec__", None)}
            return sorted({name.split(".")[0] for name in new} - set(sys.stdlib_module_names) - {"genoml"})
        print(outside())
        genoml.Conv1D, genoml.binary_cross_entropy, genoml.batch_encode, genoml.auroc, genoml.Adam
        print(outside())
    """
    assert output_of(code).splitlines() == ["[]", "['array_api_compat', 'numpy']"]


def test_a_star_brings_the_names_and_hides_no_module_of_the_standard_library() -> None:
    code = """
        import io, random
        from genoml import *
        print(Conv1D.__name__, one_hot_encode("ACGT").shape, read_fasta.__name__)
        print(io.BytesIO.__name__, random.random.__name__)
    """
    assert output_of(code).splitlines() == ["Conv1D (4, 4) read_fasta", "BytesIO random"]


@pytest.mark.parametrize("other", ["genoml-1.5.3.dist-info", None])
def test_an_unrelated_tool_of_the_same_name_beside_it_is_said_in_one_line(
    other: str | None, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    for name in ("genoml_xp-0.1.0.dist-info", "genomlkit-1.0.dist-info", *([other] if other else [])):
        (tmp_path / name).mkdir()
    genoml._warn_of_other_genoml(tmp_path)
    lines = [str(warning.message) for warning in recwarn]
    assert len(lines) == (other is not None)
    assert all(f"{tmp_path} also holds {other}, an unrelated tool" in line for line in lines)
