"""Which backend is chosen, what is said when there is none, and that arrays of two libraries never mix."""

from __future__ import annotations

import importlib.util
import threading
from contextvars import Context, copy_context
from importlib.metadata import EntryPoint
from typing import Any

import numpy as np
import pytest

import genoml.backend
from genoml import BackendError, get_backend, nn, use_backend
from genoml.backend import Backend, backend_entry_points, backend_of
from genoml_numpy import NumpyBackend
from support.backends import ReadOnlyNumpyBackend, StrictBackend
from support.subprocesses import BLOCK, output_of, run_python


@pytest.fixture(autouse=True)
def no_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GENOML_BACKEND", raising=False)


@pytest.fixture
def clean() -> Context:
    """A context in which no backend was chosen."""
    return Context()


# ---------------------------------------------------------------- the default


def test_numpy_is_the_default(clean: Context) -> None:
    assert clean.run(get_backend).name == "numpy"


def test_the_environment_variable_sets_the_default(clean: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENOML_BACKEND", "nonesuch")
    with pytest.raises(BackendError, match="unknown backend 'nonesuch'"):
        clean.run(get_backend)
    monkeypatch.setenv("GENOML_BACKEND", "")
    assert clean.run(get_backend).name == "numpy"


def test_a_call_of_use_backend_wins_over_the_environment(
    clean: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENOML_BACKEND", "nonesuch")
    clean.run(use_backend, "numpy")
    assert clean.run(get_backend).name == "numpy"


def test_a_call_of_use_backend_stays_in_force(clean: Context) -> None:
    mine = ReadOnlyNumpyBackend()
    clean.run(use_backend, mine)
    assert clean.run(get_backend) is mine


def test_blocks_nest_and_the_former_default_returns() -> None:
    before, outer, inner = get_backend(), StrictBackend("device1"), ReadOnlyNumpyBackend()
    with use_backend(outer) as given:
        assert given is outer is get_backend()
        with use_backend(inner):
            assert get_backend() is inner
            use_backend("numpy")
            assert get_backend().name == "numpy"
        assert get_backend() is outer
    assert get_backend() is before


def test_the_former_default_returns_after_an_error() -> None:
    before = get_backend()
    with pytest.raises(ZeroDivisionError), use_backend(StrictBackend()):
        raise ZeroDivisionError
    assert get_backend() is before


def test_a_backend_that_cannot_be_used_leaves_the_default_alone() -> None:
    with use_backend(ReadOnlyNumpyBackend()) as mine:
        with pytest.raises(BackendError):
            use_backend("nonesuch")
        assert get_backend() is mine


def test_a_name_gives_the_same_object_each_time() -> None:
    assert get_backend("numpy") is get_backend("numpy")
    assert get_backend(get_backend("numpy")) is get_backend("numpy")


def test_the_default_belongs_to_its_thread() -> None:
    seen: dict[str, str] = {}
    ready = threading.Barrier(2)

    def work(name: str, backend: Backend | None) -> None:
        if backend is not None:
            use_backend(backend)
        ready.wait(timeout=10)
        seen[name] = get_backend().name

    with use_backend(StrictBackend()):
        threads = [
            threading.Thread(target=work, args=("chose", ReadOnlyNumpyBackend())),
            threading.Thread(target=work, args=("did not", None)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen == {"chose": "numpy-readonly", "did not": "numpy"}
        assert get_backend().name == "strict"


def test_a_copied_context_carries_the_default_and_keeps_its_changes() -> None:
    with use_backend(StrictBackend()):
        context = copy_context()
        assert context.run(get_backend).name == "strict"
        context.run(use_backend, "numpy")
        assert get_backend().name == "strict"
        assert context.run(get_backend).name == "numpy"


# ---------------------------------------------------------------- what cannot be used


def test_an_unknown_name_lists_the_installed_backends() -> None:
    with pytest.raises(
        BackendError,
        match=r"unknown backend 'nump'; did you mean numpy\? installed backends: .*cupy.*jax.*numpy.*torch",
    ):
        get_backend("nump")


def test_the_four_backends_are_entry_points() -> None:
    assert {"numpy", "cupy", "torch", "jax"} <= set(backend_entry_points())


ASK = """
from genoml import get_backend, use_backend
from genoml.backend import BackendError
try:
    backend = {how}
except BackendError as error:
    print(error)
else:
    print("fell back to", backend)
"""


@pytest.mark.parametrize(
    ("library", "extra"),
    [("torch", "genoml-xp[torch]"), ("jax", "genoml-xp[jax]"), ("cupy", "genoml-xp[cuda12]")],
)
def test_an_absent_library_is_named_with_the_command_that_installs_it(library: str, extra: str) -> None:
    code = BLOCK.format(library=library) + ASK.format(how=f"get_backend({library!r})")
    message = output_of(code)
    assert message.startswith(f"backend {library!r} cannot be loaded")
    assert f"pip install '{extra}'" in message


@pytest.mark.parametrize("how", ["get_backend()", "use_backend('torch').backend"])
def test_nothing_falls_back_to_numpy(how: str) -> None:
    code = BLOCK.format(library="torch") + ASK.format(how=how)
    assert "pip install 'genoml-xp[torch]'" in output_of(code, GENOML_BACKEND="torch")


WITHOUT_GPU = """
import sys, types
cupy = types.ModuleType("cupy")
cupy.cuda = types.SimpleNamespace(is_available=lambda: False)
compat = types.ModuleType("array_api_compat.cupy")
import array_api_compat
array_api_compat.cupy = compat
sys.modules |= {"cupy": cupy, "array_api_compat.cupy": compat}
"""


def test_cupy_without_a_gpu_is_an_error_that_names_the_gpu() -> None:
    message = output_of(WITHOUT_GPU + ASK.format(how="get_backend('cupy')"))
    assert message.startswith("backend 'cupy' needs a CUDA GPU")
    assert "nvidia-smi" in message


def test_cupy_here_loads_or_says_what_is_missing() -> None:
    if importlib.util.find_spec("cupy") is None:
        expected = "pip install 'genoml-xp\\[cuda12\\]'"
    else:
        import cupy

        if cupy.cuda.is_available():
            assert get_backend("cupy").name == "cupy"
            return
        expected = "GPU"
    with pytest.raises(BackendError, match=expected):
        get_backend("cupy")


class _Unnamed(NumpyBackend):
    name = "another"


def _not_a_backend() -> Any:
    return 3


def _explodes() -> Any:
    raise RuntimeError("no licence found")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("_Unnamed", "entry point 'odd' gives a backend named 'another'"),
        ("_not_a_backend", "entry point 'odd' gives int, expected a genoml Backend"),
        ("_explodes", "backend 'odd' cannot be loaded: no licence found"),
        ("_missing", "backend 'odd' cannot be loaded"),
    ],
)
def test_a_faulty_package_is_a_backend_error(
    target: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = EntryPoint("odd", f"{__name__}:{target}", genoml.backend.ENTRY_POINT_GROUP)
    monkeypatch.setattr(EntryPoint, "load", lambda self: globals()[target])
    monkeypatch.setattr(genoml.backend, "backend_entry_points", lambda: {"odd": point})
    with pytest.raises(BackendError, match=message):
        get_backend("odd")
    assert "odd" not in genoml.backend._instances


def test_the_base_class_says_what_a_subclass_must_define() -> None:
    class Half(Backend):
        name = "half"

    half = Half()
    for call in (lambda: half.owns(1), lambda: half.asarray([1]), lambda: half.to_numpy(1)):
        with pytest.raises(NotImplementedError, match="Half must define"):
            call()
    assert half.twins == {}


# ---------------------------------------------------------------- arrays


def foreign(backend: Backend, shape: tuple[int, ...]) -> Any:
    """An array of another library."""
    other = StrictBackend() if not backend.name.startswith("strict") else get_backend("numpy")
    return other.asarray(np.zeros(shape), "float32")


def test_an_array_of_another_library_is_refused_and_both_are_named(backend: Backend) -> None:
    layer, array = nn.Dense(3, 2), foreign(backend, (4, 3))
    library = type(array).__module__.split(".")[0]
    with pytest.raises(TypeError, match=f"Dense is on backend {backend.name} .*got {library}"):
        layer(array)
    layer(backend.asarray(np.zeros((4, 3)), "float32"))
    with pytest.raises(TypeError, match=f"Dense.backward is on backend {backend.name} .*got {library}"):
        layer.backward(foreign(backend, (4, 2)))


@pytest.mark.parametrize("letters", ["ACGT", ["ACGT", "ACGA"]])
def test_letters_in_the_place_of_an_array_are_to_be_encoded(letters: Any) -> None:
    with pytest.raises(TypeError, match=r"got (str|list); encode letters with genoml.batch_encode"):
        nn.Conv1D(4, 2, 3)(letters)


def test_an_array_on_another_device_is_refused_and_both_are_named() -> None:
    layer = nn.Dense(3, 2, backend=StrictBackend("device1"))
    there = StrictBackend("CPU_DEVICE").asarray(np.zeros((4, 3)), "float32")
    with pytest.raises(ValueError, match=r"device1.*CPU_DEVICE"):
        layer(there)


@pytest.mark.parametrize(
    "values", [np.arange(6.0).reshape(2, 3), [[0.0, 1.0], [2.0, 3.0]], np.float32(2.5), 7]
)
def test_host_values_cross_to_the_device_and_return(values: Any, backend: Backend) -> None:
    array = backend.asarray(values, "float32")
    assert array.dtype == backend.dtype("float32")
    back = backend.to_numpy(array)
    assert isinstance(back, np.ndarray)
    np.testing.assert_array_equal(back, np.asarray(values, np.float32))
    backend.synchronize()


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "int64", "float32"])
def test_the_dtype_asked_for_is_the_dtype_that_comes(dtype: str, backend: Backend) -> None:
    array = backend.asarray(np.array([0, 1, 1]), dtype)
    assert array.dtype == backend.dtype(dtype)
    assert backend.to_numpy(array).dtype == np.dtype(dtype)


def test_an_array_of_the_library_can_be_given_another_dtype(backend: Backend) -> None:
    array = backend.asarray(np.array([1.0, 2.0]), "float32")
    assert backend.asarray(array, "int32").dtype == backend.dtype("int32")
    assert backend.asarray(array).dtype == backend.dtype("float32")


def test_an_unknown_dtype_is_refused(backend: Backend) -> None:
    with pytest.raises(ValueError, match="has no dtype 'float33'"):
        backend.dtype("float33")


def test_every_backend_describes_its_device_and_version(backend: Backend) -> None:
    facts = backend.describe()
    assert {"device", "version"} <= set(facts)
    assert all(isinstance(value, str) and value for value in facts.values())
    assert backend.name in repr(backend)


def test_the_backend_of_an_array_is_found(backend: Backend) -> None:
    assert backend_of(backend.asarray([1.0], "float32")) is backend
    assert backend_of("a word") is None


def test_a_numpy_array_belongs_to_numpy_whatever_the_default() -> None:
    with use_backend(StrictBackend()):
        assert backend_of(np.zeros(3)) is get_backend("numpy")


# ---------------------------------------------------------------- imports

#: not needed to make arrays and layers; each is imported by what needs it
LATE = ("torch", "jax", "cupy", "dnaio", "msgspec", "safetensors", "click", "matplotlib", "jinja2", "tqdm")


def test_importing_genoml_imports_numpy_and_array_api_compat_only() -> None:
    code = f"import sys, genoml; print(sorted(set({LATE!r}) & set(sys.modules)))"
    assert output_of(code) == "[]"


def test_importing_genoml_resolves_no_backend() -> None:
    code = "import genoml; from genoml import backend; print(backend._instances)"
    assert output_of(code, GENOML_BACKEND="nonesuch") == "{}"


def test_the_environment_variable_is_read_at_use() -> None:
    done = run_python("import genoml; genoml.get_backend()", GENOML_BACKEND="nonesuch")
    assert done.returncode == 1
    assert "unknown backend 'nonesuch'" in done.stderr
