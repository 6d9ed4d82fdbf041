"""Sources of the kernels in ``kernels/*.cu``, and their launch."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

import numpy as np

from genoml.backend import Array

#: Blocks along each axis of a grid, or threads along each axis of a block.
Size: TypeAlias = tuple[int, int, int]

#: The type REAL in a kernel's source, by dtype.
REALS = {"float32": "float", "float64": "double"}
#: Options of NVRTC, besides -DREAL=...
OPTIONS = ("--std=c++17",)
#: Shared memory in bytes that a block has on every GPU by default.
SHARED_BYTES = 48 * 1024


@cache
def source(file: str) -> str:
    """Source of kernels/FILE.cu, after the common header."""
    folder = files("genoml_cupy") / "kernels"
    return "".join((folder / name).read_text(encoding="utf-8") for name in ("common.cuh", f"{file}.cu"))


class Kernels:
    """Base of the launchers of kernels on arrays of one library: CuPy, or in tests NumPy with host kernels."""

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

        Arguments are arrays and NumPy scalars, whose dtypes are those of the kernel's parameters.
        """
        raise NotImplementedError(f"{type(self).__name__} must define launch")


class CudaKernels(Kernels):
    """Kernels on the current GPU, compiled by NVRTC at first use and cached on disk by CuPy."""

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
