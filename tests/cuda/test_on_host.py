"""CuPy on the CPU catches what a GPU refuses or leaves undefined, says what it is, and trains whole networks."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genoml.backend import Backend
from genoml.models import MODELS
from genoml.testing import forward_backward
from genoml_cupy.launch import OPTIONS, source
from support import cupy_on_host
from support.cupy_on_host import CannotEmulateError, build, counting
from support.models import small_input, small_model
from support.subprocesses import output_of, run_python

PLANTED = """
extern "C" __global__ void overflow(int* x) {
  if (FIRST == 0) x[0] = x[0] + 2147483647;
}

extern "C" __global__ void no_barrier(REAL* x) {
  __shared__ REAL shared[8];
  shared[threadIdx.x] = (REAL)(blockIdx.x + threadIdx.x);
  x[blockIdx.x * 8 + threadIdx.x] = shared[7 - threadIdx.x];
}

extern "C" __global__ void lost_barrier(REAL* x) {
  if (threadIdx.x < 4) __syncthreads();
  x[threadIdx.x] = 1;
}

extern "C" __global__ void wide(REAL* x) {
  DYNAMIC_SHARED(bytes);
  bytes[4 * threadIdx.x] = 1;
  x[threadIdx.x] = bytes[4 * threadIdx.x];
}
"""


@pytest.fixture
def planted(cuda: Backend) -> Callable[..., None]:
    cupy: Any = cuda.xp
    options = (*OPTIONS, "-DREAL=float")
    # a module of its own in either order: the sanitizer reports a place once
    code = source("updates").split("// Updates")[0] + PLANTED + f"// turned: {cupy_on_host.option('turned')}"
    module = cuda.cupy.RawModule(code=code, options=options)  # type: ignore[attr-defined]

    def launch(name: str, *arguments: Any, threads: int = 8, shared: int = 0) -> None:
        given = tuple(cupy.asarray(a) if isinstance(a, list) else a for a in arguments)
        module.get_function(name)((2, 1, 1), (threads, 1, 1), given, shared_mem=shared)

    return launch


def of(cuda: Backend, *values: float, dtype: str = "float32") -> Any:
    return cuda.asarray(np.array(values, dtype))


def test_undefined_behaviour_is_reported(
    cuda: Backend, planted: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    planted("overflow", of(cuda, -(2**30), dtype="int32"))
    with pytest.raises(Exception, match="overflow: undefined behaviour"):
        planted("overflow", of(cuda, 1, dtype="int32"))
    assert "signed integer overflow" in capfd.readouterr().err


def test_a_missing_barrier_gives_other_numbers_in_the_other_order(cuda: Backend, planted: Any) -> None:
    x, y = of(cuda, *[0] * 16), of(cuda, *[0] * 16)
    planted("no_barrier", x)
    cupy_on_host.option("turned", not cupy_on_host.option("turned"))
    planted("no_barrier", y)
    cupy_on_host.option("turned", not cupy_on_host.option("turned"))
    assert not np.array_equal(cuda.to_numpy(x), cuda.to_numpy(y))


def test_a_barrier_that_some_threads_never_reach_is_an_error(cuda: Backend, planted: Any) -> None:
    with pytest.raises(Exception, match="a barrier that not all threads of a block reach"):
        planted("lost_barrier", of(cuda, *[0] * 8))


def test_shared_memory_written_past_its_end_is_an_error(cuda: Backend, planted: Any) -> None:
    planted("wide", of(cuda, *[0] * 8), shared=29)
    with pytest.raises(Exception, match="writes behind its 28 bytes of shared memory"):
        planted("wide", of(cuda, *[0] * 8), shared=28)


def test_too_many_threads_and_too_much_shared_memory_are_refused(cuda: Backend, planted: Any) -> None:
    with pytest.raises(Exception, match=r"overflow: CUDA refuses 2 x 1 x 1 blocks of 1025 x 1 x 1 threads"):
        planted("overflow", of(cuda, 1, dtype="int32"), threads=1025)
    with pytest.raises(Exception, match=r"wide: CUDA refuses .* with 50000 bytes"):
        planted("wide", of(cuda, *[0] * 8), shared=50_000)


@pytest.mark.parametrize("arguments", [(), ([1.0], [1.0]), (np.int64(3),), ([1.0],)])
def test_arguments_that_are_not_the_parameters_are_an_error(planted: Any, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(AssertionError, match="overflow takes pi4, got"):
        planted("overflow", *arguments)


def test_a_source_that_does_not_compile_says_why(cuda: Backend) -> None:
    code = 'extern "C" __global__ void k(int* x) { x[0] = unknown_name; }'
    with pytest.raises(Exception, match="unknown_name"):
        cuda.cupy.RawModule(code=code).get_function("k")  # type: ignore[attr-defined]


def test_new_memory_is_full_of_nan(cuda: Backend) -> None:
    with cuda.cupy.cuda.using_allocator(None):  # type: ignore[attr-defined]  # not a block used before
        new = cuda.xp.empty(1000, dtype=cuda.xp.float32)
    assert np.isnan(cuda.to_numpy(new)).all()


def test_launches_copies_and_waits_are_counted(cuda: Backend) -> None:
    x, xp = of(cuda, 1, 2), cuda.xp
    (x + 1.0) @ x  # compiles
    with counting() as found:
        y = cuda.asarray(np.ones((2, 2), np.float32)) @ xp.reshape(x + 1.0, (2, 1))
    assert (found["launches"], found["products"], found["to_device"], found["waits"]) == (1, 1, 1, 0)
    assert found["operations"] == 2 * 2 * 2
    with counting() as found:
        float(xp.sum(y))
    assert (found["launches"], found["to_host"], found["waits"]) == (1, 1, 1)


ON = "import sys; sys.path[:0] = sys.argv[1:]; from support import cupy_on_host; cupy_on_host.start()\n"
TESTS = str(Path(__file__).resolve().parents[1])


def test_numbers_too_small_for_float32_count_as_zero_where_that_is_asked_for() -> None:
    code = ON + "import cupy\nprint(cupy.asarray([1e-39], dtype='float32') * 1e30 > 0)"
    assert "True" in output_of(code, TESTS, GENOML_CUPY_ON_HOST="on")
    assert "False" in output_of(code, TESTS, GENOML_CUPY_ON_HOST="on,denormals")


def test_guarded_a_read_behind_an_array_ends_the_process() -> None:
    code = (
        ON
        + """
x = cupy_on_host.opened().cupy.zeros(4096, dtype="uint8")
k = cupy_on_host.opened().cupy.RawKernel(
    'extern "C" __global__ void k(unsigned char* x, int i) { x[0] = x[i]; }', "k")
import numpy as np
k((1,), (1,), (x, np.int32(4095)))
print("inside", flush=True)
k((1,), (1,), (x, np.int32(4096)))
"""
    )
    done = run_python(code, TESTS, GENOML_CUPY_ON_HOST="on,guarded")
    assert (done.stdout, done.returncode) == ("inside\n", -signal.SIGSEGV), done.stderr


def test_left_on_by_accident_it_is_named() -> None:
    shown = output_of(ON + "from genoml.cli import main; main(['backends'])", TESTS)
    assert f"on {cupy_on_host.DEVICE_NAME}" in shown
    assert "no GPU" in cupy_on_host.DEVICE_NAME


def test_a_missing_compiler_and_a_missing_wheel_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(CannotEmulateError, match=r"cupy-on-host needs g\+\+"):
        build.home.__wrapped__()
    monkeypatch.setitem(sys.modules, "cupy_backends", None)
    monkeypatch.delitem(sys.modules, "cupy_backends")
    monkeypatch.setattr(build, "module_file", absent)
    with pytest.raises(CannotEmulateError, match=r"needs CuPy's wheel: pip install"):
        build.home.__wrapped__()


def absent(name: str) -> Path:
    raise ModuleNotFoundError(name)


def test_pytest_says_so_too() -> None:
    code = "import sys, pytest; sys.exit(pytest.main(sys.argv[1:]))"
    root = Path(TESTS).parent
    arguments = ("-q", "-p", "no:cacheprovider", "--backend", "cupy-on-host", "--rootdir", str(root))
    done = run_python(
        code, *arguments, str(root / "tests/ops/test_segments.py"), path=root / "tests", PATH=os.devnull
    )
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, done.stdout
    assert "cupy-on-host needs g++" in done.stderr + done.stdout


@pytest.mark.parametrize("name", MODELS)
def test_a_network_computes_the_same_with_the_kernels(cuda: Backend, name: str) -> None:
    expected = forward_backward(small_model(name, "numpy"), small_input(name, 2))
    found = forward_backward(small_model(name, cuda), cuda.asarray(small_input(name, 2)))
    assert set(found) == set(expected)
    for path, value in expected.items():
        np.testing.assert_allclose(found[path], value, atol=1e-10 * (1 + np.abs(value).max()), err_msg=path)
