"""A training step as a CUDA graph: the GPU is given its forward and backward pass once, and told to repeat it.

What a stream records keeps its addresses and numbers. So a graph has memory of its own, and what differs from step to
step is copied there before each launch: the batch, the parameters, the state, the number of the step. The update is not
recorded: it takes few launches, and its numbers change with the learning rate.

References
----------
CUDA C++ Programming Guide, CUDA graphs, stream capture; cuBLAS, CUDA graphs support.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from genoml.backend import Array, BackendError
from genoml_cupy.launch import Kernels, Matrix

#: Bytes that cuBLAS may compute in; without memory of ours it would put allocations into the graph.
_WORKSPACE_BYTES = 32 << 20


class StepGraph:
    """A function (rows, step) -> (loss, gradients) of a model, by a graph from the second call in a row with one shape.

    ``rows`` are NumPy arrays, in tuples and dicts. The first call runs as it is, which compiles kernels; so do later
    calls with rows of other shapes. Recorded, the step is an array of the device, and gradients lie in the graph's
    memory, until the next call.

    Raises
    ------
    BackendError
        If the function does what a graph cannot hold.
    """

    def __init__(self, kernels: Kernels, model: Any, function: Callable[..., Any]) -> None:
        self.kernels, self.xp = kernels, kernels.xp
        self.model, self.function = model, function
        self._shapes: Any = None
        self._graph: Any = None

    def __call__(self, rows: Any, step: int, x: None = None) -> tuple[Array, Mapping[str, Array]]:
        """What the function returns; the model's state is changed as the function changes it."""
        shapes = [(array.shape, array.dtype) for array in _arrays_in(rows)]
        as_before = shapes == self._shapes
        if self._graph is None:
            self._shapes = shapes
        if not as_before:
            return self.function(rows, step)  # type: ignore[no-any-return]
        given = [self.xp.asarray(array) for array in (*_arrays_in(rows), np.uint32(step & 0xFFFFFFFF))]
        given += [*self.model.params.values(), *self.model.state.values()]
        if self._graph is None:
            self._record(rows, given)
        for own, array in zip(self._inputs, given, strict=True):
            own.data.copy_from_device_async(self.xp.ascontiguousarray(array).data, own.nbytes)
        self._graph.launch()
        self.model.state = {path: value.copy() for path, value in self._state.items()}
        return self._loss.copy(), self._grads

    def _record(self, rows: Any, given: list[Array]) -> None:
        xp, model = self.xp, self.model
        params, state = dict(model.params), dict(model.state)
        xp.get_default_memory_pool().free_all_blocks()  # the graph takes as much again
        self._pool = xp.cuda.MemoryPool()
        stream = xp.cuda.Stream()  # one that waits for the default stream, and lets it wait
        with xp.cuda.using_allocator(self._pool.malloc), stream:
            self._inputs = [xp.empty(array.shape, array.dtype) for array in given]
            left = iter(self._inputs)
            own_rows = _replaced(rows, left)
            step = next(left)
            model.params = {path: next(left) for path in params}
            model.state = {path: next(left) for path in state}
            try:
                with _recording(self.kernels, stream) as recorded:
                    self._loss, self._grads = self.function(own_rows, step)
                    self._state = {path: xp.ascontiguousarray(value) for path, value in model.state.items()}
            finally:
                model.params, model.state = params, state
        self._graph = recorded[0]


@contextmanager
def _recording(kernels: Kernels, stream: Any) -> Iterator[list[Any]]:
    """Record what the stream is given; the list holds the graph at the end.

    Meanwhile, for milliseconds, products of all arrays of CuPy go to cuBLAS past CuPy, which refuses them.
    """
    cupy, made = kernels.xp, list[Any]()
    library, plain = Cublas(cupy, stream), kernels.cublas
    kernels.cublas = library
    cupy.ndarray.__matmul__ = lambda a, b: _matmul(kernels, a, b)
    failed: Exception | None = None
    stream.begin_capture()
    try:
        yield made
    except Exception as error:
        failed = error
    finally:
        del cupy.ndarray.__matmul__
        kernels.cublas = plain
        try:
            made.append(stream.end_capture())
        except Exception as error:  # what was refused has broken the recording
            failed = failed or error
    if failed is not None:
        raise BackendError(
            f"a step of this training cannot be a CUDA graph: {type(failed).__name__}: {failed}; run it without "
            "GENOML_CUDA_GRAPHS"
        ) from failed


class Cublas:
    """The functions of cuBLAS that genoml_cupy.launch calls, on a stream; CuPy's own refuse while one records.

    cuBLAS itself may be recorded. The factors are then numbers of the graph, since they are read from the host.
    """

    def __init__(self, cupy: Any, stream: Any) -> None:
        from cupy_backends.cuda.libs import cublas

        self._constants = cublas
        # CuPy has loaded it
        self._library = ctypes.CDLL(f"libcublas.so.{cupy.cuda.runtime.runtimeGetVersion() // 1000}")
        self._memory = cupy.empty((_WORKSPACE_BYTES,), dtype="uint8")
        handle = cupy.cuda.device.get_cublas_handle()
        self._call("cublasSetStream_v2", "pp", handle, stream.ptr)
        self._call("cublasSetWorkspace_v2", "ppz", handle, self._memory.data.ptr, _WORKSPACE_BYTES)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._constants, name)

    def _call(self, name: str, kinds: str, *arguments: int) -> None:
        values = [_C_TYPES[kind](value) for kind, value in zip(kinds, arguments, strict=True)]
        status = getattr(self._library, name)(*values)
        if status:
            raise BackendError(f"{name} answers with status {status}")

    def gemmStridedBatchedEx(self, *arguments: int) -> None:  # noqa: N802 - as CuPy calls it
        """Batches whose matrices stand a stride apart."""
        self._call("cublasGemmStridedBatchedEx", "p" + 5 * "i" + "p" + 2 * "piil" + "ppiiliii", *arguments)

    def sgemmBatched(self, *arguments: int) -> None:  # noqa: N802
        """Batches of float32 by addresses."""
        self._call("cublasSgemmBatched", "p" + 5 * "i" + "ppipippii", *arguments)

    def dgemmBatched(self, *arguments: int) -> None:  # noqa: N802
        """Batches of float64 by addresses."""
        self._call("cublasDgemmBatched", "p" + 5 * "i" + "ppipippii", *arguments)

    def setMathMode(self, handle: int, mode: int) -> None:  # noqa: N802
        """Whether float32 is rounded to TF32 where no compute type says it."""
        self._call("cublasSetMathMode", "pi", handle, mode)


_C_TYPES: dict[str, Any] = {
    "p": ctypes.c_void_p, "i": ctypes.c_int, "l": ctypes.c_longlong, "z": ctypes.c_size_t,
}  # fmt: skip


def _matmul(kernels: Kernels, a: Array, b: Array) -> Array:
    """a @ b of matrices, or batches of them, of one dtype."""
    xp = kernels.xp
    if min(a.ndim, b.ndim) < 2 or a.dtype != b.dtype or a.dtype.kind != "f":
        raise TypeError(f"no product of {a.dtype} {a.shape} and {b.dtype} {b.shape}")
    if b.ndim == 2 and a.ndim > 2:  # one product of all rows
        return _matmul(kernels, a.reshape(-1, a.shape[-1]), b).reshape(*a.shape[:-1], b.shape[-1])
    outer = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    (m, k), n = a.shape[-2:], b.shape[-1]
    y = xp.empty((*outer, m, n), a.dtype)
    first, second = (
        _matrix(xp, array if array.ndim == 2 else xp.broadcast_to(array, (*outer, *array.shape[-2:])))
        for array in (a, b)
    )
    kernels.product(m, n, k, first, second, Matrix(y, n, 0, m * n), batch=math.prod(outer))
    return y


def _matrix(xp: Any, array: Array) -> Matrix:
    """A matrix as it lies, if its rows or columns are contiguous; a copy otherwise, and of batches."""
    rows, columns = array.shape[-2:]
    if array.ndim == 2 and array.T.flags.c_contiguous:
        return Matrix(array, rows, turned=True)
    array = xp.ascontiguousarray(array)
    return Matrix(array, columns, 0, rows * columns)


def _arrays_in(value: Any) -> Iterator[np.ndarray]:
    """NumPy arrays within tuples and dicts, in order."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, tuple | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _arrays_in(part)


def _replaced(value: Any, others: Iterator[Array]) -> Any:
    """The same with other arrays in the place of NumPy's."""
    if isinstance(value, np.ndarray):
        return next(others)
    if isinstance(value, dict):
        return {key: _replaced(part, others) for key, part in value.items()}
    if isinstance(value, tuple):
        return type(value)._make(_replaced(part, others) for part in value)  # type: ignore[attr-defined]
    return value
