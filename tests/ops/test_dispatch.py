"""Operations and their twins: where they are defined, what they are called, and which of the two runs."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genoml import ops
from genoml.backend import get_backend
from genoml.ops.dispatch import Operation, operation
from genoml_cupy.twins import twins_on
from genoml_numpy.twins import TWINS

PACKAGE = Path(ops.__file__).parents[1]


def operations() -> set[str]:
    modules = (
        importlib.import_module(f"{ops.__name__}.{m.name}") for m in pkgutil.iter_modules(ops.__path__)
    )
    return {
        value.name for module in modules for value in vars(module).values() if isinstance(value, Operation)
    }


def test_operations_are_defined_in_ops_alone() -> None:
    elsewhere = [
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if path.parent != PACKAGE / "ops" and "ops.dispatch import" in path.read_text()
    ]
    assert elsewhere == []


@pytest.mark.parametrize("twins", [TWINS, twins_on(None)], ids=["numpy", "cupy"])
def test_every_twin_has_the_name_of_an_operation(twins: dict[str, Any]) -> None:
    assert set(twins) <= operations()


def test_a_twin_runs_where_it_covers_the_case_and_else_the_standard_version(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @operation
    def doubled(x: np.ndarray) -> Any:
        return "standard"

    monkeypatch.setitem(TWINS, "doubled", lambda x: "twin" if x.ndim == 1 else NotImplemented)
    backend = get_backend("numpy")
    monkeypatch.setattr(type(backend), "twins", TWINS)
    assert doubled(np.zeros(2)) == "twin"
    assert doubled(np.zeros((2, 2))) == "standard"
    assert doubled.standard(np.zeros(2)) == "standard"
