"""What runs kernels on the CPU catches what a GPU would leave undefined; and whole networks train on them."""

from __future__ import annotations

import ctypes
import os
from typing import Any

import numpy as np
import pytest

from genoml.models import MODELS
from genoml.testing import forward_backward
from genoml_cupy.launch import source
from support.cuda_on_host import CudaOnHostBackend, HostKernels, compile_for_host, compiler
from support.models import small_input, small_model

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


@pytest.fixture(scope="module")
def planted() -> ctypes.CDLL:
    return compile_for_host({"planted": source("adam").split("// Adam")[0] + PLANTED})


def launch(library: ctypes.CDLL, name: str, *arguments: Any, turned: bool = False, shared: int = 0) -> None:
    kernels = HostKernels(turned, library)
    kernels.launch("planted", name, "float32", (2, 1, 1), (8, 1, 1), *arguments, shared_bytes=shared)


def test_undefined_behaviour_is_reported(planted: ctypes.CDLL, capfd: pytest.CaptureFixture[str]) -> None:
    launch(planted, "overflow", np.full(1, -(2**30), np.int32))
    with pytest.raises(AssertionError, match="overflow: undefined behaviour"):
        launch(planted, "overflow", np.ones(1, np.int32))
    assert "signed integer overflow" in capfd.readouterr().err


def test_a_missing_barrier_gives_other_numbers_in_the_other_order(planted: ctypes.CDLL) -> None:
    found = [np.zeros(16, np.float32), np.zeros(16, np.float32)]
    for turned, x in enumerate(found):
        launch(planted, "no_barrier", x, turned=bool(turned))
    assert not np.array_equal(*found)


def test_a_barrier_that_some_threads_never_reach_is_an_error(planted: ctypes.CDLL) -> None:
    with pytest.raises(AssertionError, match="a barrier that not all threads of a block reach"):
        launch(planted, "lost_barrier", np.zeros(8, np.float32))


def test_shared_memory_written_past_its_end_is_an_error(planted: ctypes.CDLL) -> None:
    launch(planted, "wide", np.zeros(8, np.float32), shared=29)
    with pytest.raises(AssertionError, match="writes behind its 28 bytes of shared memory"):
        launch(planted, "wide", np.zeros(8, np.float32), shared=28)


@pytest.mark.parametrize("arguments", [(), (np.zeros(1), np.zeros(1)), (np.int64(3),)])
def test_arguments_that_are_not_the_parameters_are_an_error(
    planted: ctypes.CDLL, arguments: tuple[Any, ...]
) -> None:
    with pytest.raises(AssertionError, match="overflow takes p8 , got"):
        launch(planted, "overflow", *arguments)


def test_a_source_that_does_not_compile_says_why() -> None:
    with pytest.raises(RuntimeError, match="unknown_name"):
        compile_for_host({"bad": "__global__ void k(int* x) { x[0] = unknown_name; }"})


def test_the_compiler_is_the_one_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "my-compiler --flag")
    assert compiler() == ["my-compiler", "--flag"]
    monkeypatch.delenv("CXX")
    found = compiler()
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(RuntimeError, match=r"need a C\+\+ compiler: install g\+\+"):
        compiler()
    assert found


@pytest.mark.parametrize("name", MODELS)
def test_a_network_computes_the_same_with_the_kernels(name: str) -> None:
    backend = CudaOnHostBackend()
    expected = forward_backward(small_model(name, "numpy"), small_input(name, 2))
    found = forward_backward(small_model(name, backend), small_input(name, 2))
    assert set(found) == set(expected)
    for path, value in expected.items():
        np.testing.assert_allclose(found[path], value, atol=1e-10 * (1 + np.abs(value).max()), err_msg=path)
