"""Adam's update of all parameters in one kernel; the standard version launches about ten a parameter."""

from __future__ import annotations

from typing import Any

import numpy as np

from genoml.backend import Array
from genoml.parallel import ALONE, Workers
from genoml_cupy.launch import Kernels
from genoml_cupy.twins._arguments import MOST, THREADS, covered, real

#: Parameters of a launch, and elements of a block, as in kernels/adam.cu.
_MOST, _CHUNK = 48, 2048
_POINTERS = ("param", "grad", "mean", "square")
#: The structure of kernels/adam.cu.
_PARAMETERS = np.dtype(
    [(name, np.uint64, _MOST) for name in _POINTERS]
    + [("start", np.int64, _MOST), ("kept", np.float64, _MOST)]
    + [
        (name, np.int32, _MOST)
        for name in ("size", "inner", "innermost", "outer_step", "inner_step", "innermost_step", "chunks")
    ]
)


def adam_update_all(
    kernels: Kernels,
    params: list[Array],
    grads: list[Array],
    means: list[Array],
    squares: list[Array],
    kept: list[float],
    *,
    beta1: float,
    beta2: float,
    rate: float,
    correction: float,
    eps: float,
    workers: Workers = ALONE,
) -> Any:
    """See genoml.ops.adam.adam_update_all; covers arrays of one dtype."""
    if not covered(*params, *grads, *means, *squares) or any(param.size + _CHUNK >= MOST for param in params):
        return NotImplemented
    dtype = params[0].dtype
    scalars = [
        real(dtype, value) for value in (beta1, 1.0 - beta1, beta2, 1.0 - beta2, rate, correction, eps)
    ]
    results = []
    for first in range(0, len(params), _MOST):
        some = slice(first, first + _MOST)
        results += _launch(
            kernels, params[some], grads[some], means[some], squares[some], kept[some], scalars
        )
    return results


def _launch(
    kernels: Kernels,
    params: list[Array],
    grads: list[Array],
    means: list[Array],
    squares: list[Array],
    kept: list[float],
    scalars: list[np.generic],
) -> list[tuple[Array, ...]]:
    xp, dtype, count = kernels.xp, params[0].dtype, len(params)
    held = [
        [xp.ascontiguousarray(param) for param in params],
        [grad if grad.ndim <= 3 else xp.ascontiguousarray(grad).ravel() for grad in grads],
        [xp.ascontiguousarray(mean) for mean in means],
        [xp.ascontiguousarray(square) for square in squares],
    ]
    table = np.zeros((), _PARAMETERS)
    for name, arrays in zip(_POINTERS, held, strict=True):
        table[name][:count] = [kernels.address(array) for array in arrays]
    sizes = np.array([param.size for param in params], np.int64)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    chunks = -(-sizes // _CHUNK)
    table["start"][:count], table["kept"][:count] = starts[:-1], kept
    table["size"][:count], table["chunks"][:count] = sizes, chunks
    table["inner"], table["innermost"] = 1, 1
    for i, grad in enumerate(held[1]):
        shape = (1, 1, 1, *grad.shape)[-3:]
        steps = (0, 0, 0, *(stride // dtype.itemsize for stride in grad.strides))[-3:]
        table["inner"][i], table["innermost"][i] = shape[1] * shape[2], shape[2]
        for name, step in zip(("outer_step", "inner_step", "innermost_step"), steps, strict=True):
            table[name][i] = step
    flat = [xp.empty((int(starts[-1]),), dtype=dtype) for _ in range(3)]
    kernels.launch(
        "adam",
        "adam_update_all",
        dtype,
        (int(chunks.sum()), 1, 1),
        (THREADS, 1, 1),
        table[()],
        *scalars,
        *flat,
    )
    return [
        tuple(whole[start:stop].reshape(param.shape) for whole in flat)
        for param, start, stop in zip(params, starts[:-1].tolist(), starts[1:].tolist(), strict=True)
    ]
