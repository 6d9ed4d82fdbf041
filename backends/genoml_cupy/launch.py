"""Sources of the kernels in ``kernels/*.cu``, their launch, and products of matrices where they lie."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple, TypeAlias

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
#: CUBLAS_TF32_TENSOR_OP_MATH, which CuPy does not name
_TF32_MODE = 3


@cache
def source(file: str) -> str:
    """Source of kernels/FILE.cu, after the common header."""
    folder = files("genoml_cupy") / "kernels"
    return "".join((folder / name).read_text(encoding="utf-8") for name in ("common.cuh", f"{file}.cu"))


class Matrix(NamedTuple):
    """A matrix of a product, or a batch of them, in the memory of an array; rows may overlap or have gaps.

    Attributes
    ----------
    array : Array
        Whose memory it is, which the others count from its first element.
    leading : int
        Elements from a row to the next.
    offset, step : int
        Elements to the first matrix of a batch, and from one to the next.
    turned : bool
        Whether the product takes the transpose.
    addresses : Array, optional
        Where each matrix of the batch begins, as int64, in place of offset and step.
    """

    array: Array
    leading: int
    offset: int = 0
    step: int = 0
    turned: bool = False
    addresses: Array | None = None


class Kernels:
    """Kernels on the current GPU, compiled by NVRTC at first use and cached on disk by CuPy; products by cuBLAS."""

    def __init__(self) -> None:
        import cupy
        from cupy._core import _routines_linalg
        from cupy_backends.cuda.libs import cublas

        self.xp = cupy
        self._linalg, self.cublas = _routines_linalg, cublas
        self._handle = cupy.cuda.device.get_cublas_handle
        self._module = cache(self._compile)
        self._function = cache(self._find)  # a module makes a new object each time it is asked for one
        self._number = cache(_on_host)

    def _compile(self, file: str, real: str) -> Any:
        return self.xp.RawModule(code=source(file), options=(*OPTIONS, f"-DREAL={real}"))

    def _find(self, file: str, name: str, dtype: Any) -> Callable[..., None]:
        kernel: Callable[..., None] = self._module(file, REALS[str(dtype)]).get_function(name)
        return kernel

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

        Arguments are arrays, NumPy scalars, whose dtypes are those of the kernel's parameters, and structures by value
        (``numpy.void``).
        """
        self._function(file, name, dtype)(grid, block, arguments, shared_mem=shared_bytes)

    def address(self, array: Array) -> int:
        """Where an array's first element lies."""
        return int(array.data.ptr)

    def part(self, array: Array, start: int, shape: tuple[int, ...]) -> Array:
        """A contiguous array in the memory of a contiguous one, from its element ``start`` on.

        It is what ``array[start:stop].reshape(shape)`` is, in a third of the time.
        """
        dtype = array.dtype
        return self.xp.ndarray(shape, dtype, array.data + start * dtype.itemsize)

    def rows(self, array: Array) -> tuple[Array, ...]:
        """What iterating over a contiguous array gives, in half of the time."""
        shape = array.shape[1:]
        size = math.prod(shape)
        return tuple(self.part(array, at * size, shape) for at in range(array.shape[0]))

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
        """Queue c = alpha a b + beta c for each matrix of a batch: (m, k) times (k, n)."""
        # cuBLAS counts along columns: its c^T = b^T a^T is the same memory
        dtype = c.array.dtype
        cublas, (_, factor), (_, rest) = self.cublas, self._number(dtype, alpha), self._number(dtype, beta)
        head = (self._handle(), int(b.turned), int(a.turned), n, m, k, factor)
        if a.addresses is not None:
            multiply = cublas.sgemmBatched if dtype.itemsize == 4 else cublas.dgemmBatched
            where = [int(matrix.addresses.data.ptr) for matrix in (b, a, c)]  # type: ignore[union-attr]
            rounded = dtype.itemsize == 4 and self._tf32()
            if rounded:  # these take no compute type: the handle's mode has it
                cublas.setMathMode(head[0], _TF32_MODE)
            multiply(*head, where[0], b.leading, where[1], a.leading, rest, where[2], c.leading, batch)
            if rounded:
                cublas.setMathMode(head[0], cublas.CUBLAS_DEFAULT_MATH)
            return
        size = dtype.itemsize
        kind = 0 if size == 4 else 1  # CUDA_R_32F, CUDA_R_64F
        cublas.gemmStridedBatchedEx(
            *head, b.array.data.ptr + size * b.offset, kind, b.leading, b.step,
            a.array.data.ptr + size * a.offset, kind, a.leading, a.step, rest,
            c.array.data.ptr + size * c.offset, kind, c.leading, c.step, batch, self._compute_type(size), -1,
        )  # fmt: skip

    def _compute_type(self, size: int) -> int:
        cublas = self.cublas
        if size == 8:
            return int(cublas.CUBLAS_COMPUTE_64F)
        return int(cublas.CUBLAS_COMPUTE_32F_FAST_TF32 if self._tf32() else cublas.CUBLAS_COMPUTE_32F)

    def _tf32(self) -> bool:
        linalg = self._linalg
        return bool(linalg.get_compute_type("float32") == linalg.COMPUTE_TYPE_TF32)


def _on_host(dtype: Any, value: float) -> tuple[np.ndarray, int]:
    """A factor of a product, which cuBLAS reads from the host, and its address."""
    factor = np.array(value, dtype=dtype)
    return factor, factor.ctypes.data
