"""The kernels of genoml_cupy compiled for the CPU, and launched on NumPy arrays: their arithmetic without a GPU.

The sources are those that NVRTC compiles for a GPU; cuda_on_host.h gives the C++ compiler CUDA's words. What a
GPU would leave undefined is an error here: signed overflow and the like (-fsanitize=undefined), an argument of
another type than its parameter, a barrier that not all threads of a block reach, shared memory written past its
end, and a result that depends on the order of the threads.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from genoml_cupy.launch import REALS, Kernels, Matrix, Size, source
from genoml_cupy.twins import twins_on
from genoml_numpy import NumpyBackend

HEADER = Path(__file__).with_name("cuda_on_host.h")
KERNELS = Path(str(importlib.util.find_spec("genoml_cupy").origin)).parent / "kernels"  # type: ignore[union-attr]
#: as many seconds as the compiler may take
_LIMIT_S = 120


def kernel_files() -> list[str]:
    """Every kernel file, by name."""
    return sorted(path.stem for path in KERNELS.glob("*.cu"))


def kernels_in(text: str) -> list[str]:
    """The kernels that a source defines."""
    return re.findall(r"__global__\s+void\s+(\w+)\s*\(", text)


def compiler() -> list[str]:
    """The C++ compiler: that of CXX, or one on the path.

    Raises
    ------
    RuntimeError
        If there is none.
    """
    if os.environ.get("CXX"):
        return os.environ["CXX"].split()
    for name in ("g++", "clang++"):
        if shutil.which(name):
            return [name]
    raise RuntimeError("the tests of the CUDA kernels need a C++ compiler: install g++ or clang++")


def host_source(texts: Mapping[str, str]) -> str:
    """Files of kernels for both element types as one C++ file, each in a namespace, no macro outside its own."""
    parts = [f'#include "{HEADER}"']
    for file, text in texts.items():
        text = text.replace('extern "C" __global__', "__global__")
        macros = {"REAL", *re.findall(r"#define (\w+)", text)} - {"DYNAMIC_SHARED"}
        for real in REALS.values():
            space = f"{file}_{real}"
            parts += [f"#define REAL {real}", f"namespace {space} {{", text, "}"]
            parts += [f"EXPORT({space}_{name}, {space}::{name})" for name in kernels_in(text)]
            parts += [f"#undef {name}" for name in sorted(macros)]
    return "\n".join(parts)


def compile_for_host(texts: Mapping[str, str]) -> ctypes.CDLL:
    """The kernels of these files as a library, with the sanitizer's reports counted."""
    with tempfile.TemporaryDirectory() as folder:
        made, library = Path(folder) / "kernels.cpp", Path(folder) / "kernels.so"
        made.write_text(host_source(texts))
        command = [*compiler(), "-std=c++17", "-O1", "-shared", "-fPIC", "-fsanitize=undefined", "-Wall"]
        command += ["-Werror", "-o", str(library), str(made)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
        if done.returncode:
            raise RuntimeError(f"the kernels do not compile for the host:\n{done.stderr}")
        return ctypes.CDLL(str(library))


@cache
def _library() -> ctypes.CDLL:
    return compile_for_host({file: source(file) for file in kernel_files()})


def _letter(argument: Any) -> str:
    """As cuda_on_host.h describes a parameter."""
    return "p8" if isinstance(argument, np.ndarray) else f"{argument.dtype.kind}{argument.dtype.itemsize}"


def _memory(matrix: Matrix, i: int, rows: int, columns: int) -> np.ndarray:
    """The i-th matrix of a batch where it lies; an error where cuBLAS would refuse it."""
    assert matrix.leading >= max(columns, 1), f"rows of {columns} that are {matrix.leading} apart"
    array = matrix.array
    size = array.itemsize
    start = array.ctypes.data + (matrix.offset + i * matrix.step) * size
    if matrix.addresses is not None:
        start = int(matrix.addresses[i])
    kind = ctypes.c_float if size == 4 else ctypes.c_double
    first = np.ctypeslib.as_array(ctypes.cast(start, ctypes.POINTER(kind)), (1,))
    return as_strided(first, (rows, columns), (matrix.leading * size, size))


class HostKernels(Kernels):
    """Launches on the CPU; with ``turned`` the last thread of a block runs first."""

    xp = np

    def __init__(self, turned: bool = False, library: ctypes.CDLL | None = None) -> None:
        self.turned, self.library = turned, library or _library()
        #: the kernels that ran
        self.launched: list[str] = []

    def launch(
        self,
        file: str,
        name: str,
        dtype: Any,
        grid: Size,
        block: Size,
        *arguments: Any,
        shared_bytes: int = 0,
    ) -> None:
        """See Kernels.launch; raises for whatever a GPU would leave undefined."""
        assert min(*grid, *block) >= 1, f"{name}: an empty grid, {grid} x {block}, which CUDA refuses"
        assert block[0] * block[1] * block[2] <= 1024, f"{name}: {block} is more than 1024 threads"
        assert grid[1] <= 65535, f"{name}: {grid} blocks"
        library, found = self.library, ctypes.create_string_buffer(1024)
        symbol = f"{file}_{REALS[str(dtype)]}_{name}"
        library[f"parameters_of_{symbol}"](found)
        given = " ".join(map(_letter, arguments))
        assert given == found.value.decode().strip(), f"{name} takes {found.value.decode()}, got {given}"
        held = [a if isinstance(a, np.ndarray) else np.atleast_1d(a) for a in arguments]
        pointers = [ctypes.c_void_p(a.ctypes.data) for a in held]
        # an array is passed as the address of its address, as cuLaunchKernel has it
        places = [
            ctypes.cast(ctypes.pointer(p), ctypes.c_void_p) if isinstance(a, np.ndarray) else p
            for a, p in zip(arguments, pointers, strict=True)
        ]
        before = library.reports_so_far()
        status = library[f"launch_{symbol}"](
            (ctypes.c_uint * 3)(*grid),
            (ctypes.c_uint * 3)(*block),
            ctypes.c_size_t(shared_bytes),
            ctypes.c_int(self.turned),
            (ctypes.c_void_p * len(places))(*(p.value for p in places)),
        )
        assert status != 1, f"{name}: a barrier that not all threads of a block reach"
        assert status != 2, f"{name}: writes behind its {shared_bytes} bytes of shared memory"
        assert library.reports_so_far() == before, f"{name}: undefined behaviour, see standard error"
        self.launched.append(name)

    def address(self, array: np.ndarray) -> int:
        """See Kernels.address."""
        return array.ctypes.data

    def product(
        self,
        m: int,
        n: int,
        k: int,
        a: Matrix,
        b: Matrix,
        c: Matrix,
        *,
        batch: int = 1,
        alpha: float = 1.0,
        beta: float = 0.0,
    ) -> None:
        """See Kernels.product."""
        for i in range(batch):
            left = _memory(a, i, k, m).T if a.turned else _memory(a, i, m, k)
            right = _memory(b, i, n, k).T if b.turned else _memory(b, i, k, n)
            out = _memory(c, i, m, n)
            kept = beta * out if beta else 0.0
            out[...] = alpha * (left @ right) + kept
        self.launched.append("product")


class CudaOnHostBackend(NumpyBackend):
    """NumPy with the twins of CuPy, whose kernels run on the CPU."""

    name = "cuda-on-host"

    def __init__(self, turned: bool = False) -> None:
        super().__init__()
        self.kernels = HostKernels(turned)
        self._twins = twins_on(self.kernels)

    @property
    def twins(self) -> dict[str, Any]:
        return self._twins

    @property
    def threads(self) -> int:
        return 1
