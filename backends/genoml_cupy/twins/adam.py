"""Adam's update of all parameters in one kernel; the standard version launches about ten a parameter."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import numpy as np

from genoml.backend import Array
from genoml.parallel import ALONE, Workers
from genoml_cupy.launch import Kernels
from genoml_cupy.twins._arguments import MOST, THREADS, covered, real

#: Parameters of a launch, and elements of a block, as in kernels/adam.cu.
_MOST, _CHUNK = 48, 2048
_POINTERS = ("param", "grad", "mean", "square")
_AXES = ("inner", "innermost", "outer_step", "inner_step", "innermost_step")
#: The structure of kernels/adam.cu.
_PARAMETERS = np.dtype(
    [(name, np.uint64, _MOST) for name in _POINTERS]
    + [("start", np.int64, _MOST), ("kept", np.float64, _MOST)]
    + [(name, np.int32, _MOST) for name in ("size", *_AXES, "chunks")]
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
    sizes = [param.size for param in params]
    starts = [0, *accumulate(sizes)]
    chunks = [-(-size // _CHUNK) for size in sizes]
    columns: dict[str, list[Any]] = {
        name: [kernels.address(array) for array in arrays]
        for name, arrays in zip(_POINTERS, held, strict=True)
    }
    columns |= {"start": starts[:-1], "kept": kept, "size": sizes, "chunks": chunks}
    axes = [_three_axes(grad) for grad in held[1]]
    columns |= dict(zip(_AXES, map(list, zip(*axes, strict=True)), strict=True))
    table = np.zeros((), _PARAMETERS)
    for name, column in columns.items():
        table[name][:count] = column
    flat = [xp.empty((starts[-1],), dtype=dtype) for _ in range(3)]
    kernels.launch(
        "adam",
        "adam_update_all",
        dtype,
        (sum(chunks), 1, 1),
        (THREADS, 1, 1),
        table[()],
        *scalars,
        *flat,
    )
    return [
        tuple(whole[start:stop].reshape(param.shape) for whole in flat)
        for param, start, stop in zip(params, starts[:-1], starts[1:], strict=True)
    ]


def _three_axes(grad: Array) -> tuple[int, ...]:
    """Elements of the last two axes and of the last, and the strides of three, in elements."""
    size = grad.dtype.itemsize
    _, inner, innermost = (1, 1, 1, *grad.shape)[-3:]
    outer_step, inner_step, innermost_step = (0, 0, 0, *grad.strides)[-3:]
    return inner * innermost, innermost, outer_step // size, inner_step // size, innermost_step // size
