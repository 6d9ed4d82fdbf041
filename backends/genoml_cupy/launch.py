"""The CUDA kernels of ``kernels/*.cu``: their sources, and how to launch one."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

import numpy as np

from genoml.backend import Array

#: blocks along each axis, or threads of a block
Size: TypeAlias = tuple[int, int, int]

#: what REAL is in a kernel's source
REALS = {"float32": "float", "float64": "double"}
#: of NVRTC, beside -DREAL=...; a product and a sum are one operation, as on any GPU
OPTIONS = ("--std=c++17",)
#: shared memory in bytes that every GPU gives a block without being asked
SHARED_BYTES = 48 * 1024


@cache
def source(file: str) -> str:
    """The text of kernels/FILE.cu, after the lines that all kernels share."""
    folder = files("genoml_cupy") / "kernels"
    return "".join((folder / name).read_text(encoding="utf-8") for name in ("common.cuh", f"{file}.cu"))


class Kernels:
    """Base of what launches kernels: on CuPy arrays here, and in the tests on NumPy arrays, compiled for the host."""

    #: the library: functions of the Array API standard that allocate, and ``ascontiguousarray``
    xp: Any

    def launch(
        self,
        file: str,
        name: str,
        dtype: Any,
        grid: Size,
        block: Size,
        *arguments: Array | np.generic,
        shared_bytes: int = 0,
    ) -> None:
        """Queue the kernel ``name`` of kernels/FILE.cu, compiled for ``dtype``.

        The arguments are arrays and NumPy scalars with the dtypes of the kernel's parameters.
        """
        raise NotImplementedError(f"{type(self).__name__} must define launch")


class CudaKernels(Kernels):
    """Launches kernels on the current GPU. NVRTC compiles them at first use, and CuPy keeps them on disk."""

    def __init__(self) -> None:
        import cupy

        self.xp = cupy
        self._module = cache(self._compile)

    def _compile(self, file: str, real: str) -> Any:
        return self.xp.RawModule(code=source(file), options=(*OPTIONS, f"-DREAL={real}"))

    def launch(
        self,
        file: str,
        name: str,
        dtype: Any,
        grid: Size,
        block: Size,
        *arguments: Array | np.generic,
        shared_bytes: int = 0,
    ) -> None:
        """See Kernels.launch."""
        kernel = self._module(file, REALS[str(dtype)]).get_function(name)
        kernel(grid, block, arguments, shared_mem=shared_bytes)
