"""Updates of all parameters in one kernel; the standard versions launch up to ten a parameter."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from genoml.backend import Array
from genoml.parallel import ALONE, Workers
from genoml_cupy.launch import Kernels
from genoml_cupy.twins._arguments import MOST, THREADS, covered, ints, real

#: Parameters of a launch, and elements of a block, as in kernels/updates.cu.
_MOST, _CHUNK = 44, 2048
_POINTERS = ("param", "grad", "first", "second", "third")
_AXES = ("inner", "innermost", "outer_step", "inner_step", "innermost_step")
#: The structure of kernels/updates.cu.
_PARAMETERS = np.dtype(
    [(name, np.uint64, _MOST) for name in _POINTERS]
    + [("start", np.int64, _MOST), ("decay", np.float64, _MOST)]
    + [(name, np.int32, _MOST) for name in ("size", *_AXES, "chunks")]
)


def adam_update_all(
    kernels: Kernels,
    params: list[Array],
    grads: list[Array],
    means: list[Array],
    squares: list[Array],
    decays: list[float],
    *,
    decoupled: bool,
    beta1: float,
    beta2: float,
    rate: float,
    correction: float,
    eps: float,
    workers: Workers = ALONE,
    in_place: bool = False,
) -> Any:
    """See genoml.ops.adam.adam_update_all; covers arrays of one dtype."""
    numbers = [beta1, 1.0 - beta1, beta2, 1.0 - beta2, rate, correction, eps]
    own = [1.0 - decay for decay in decays] if decoupled else decays
    return _update(kernels, "adam", params, grads, [means, squares], own, numbers, (decoupled,))


def update_all(
    kernels: Kernels,
    params: list[Array],
    grads: list[Array],
    slots: list[list[Array]],
    decays: list[float],
    *,
    rule: str,
    **of: Any,
) -> Any:
    """See genoml.ops.updates.update_all; covers arrays of one dtype."""
    if rule == "sgd" and slots:
        numbers, flag = [of["rate"], of["momentum"]], (of["nesterov"],)
        return _update(kernels, "sgd_momentum", params, grads, slots, decays, numbers, flag)
    if rule in ("sgd", "adagrad"):
        return _update(kernels, rule, params, grads, slots, decays, list(of.values()))
    if rule != "rmsprop":
        return NotImplemented
    squares, *others = slots
    means = others.pop(0) if of["centred"] else None
    velocities = others.pop(0) if of["momentum"] else None
    numbers = [of["rate"], of["rho"], 1.0 - of["rho"], of["eps"], of["momentum"]]
    given = [squares, means, velocities]
    return _update(kernels, rule, params, grads, given, decays, numbers, (of["centred"],))


def _update(
    kernels: Kernels,
    name: str,
    params: list[Array],
    grads: list[Array],
    slots: Sequence[list[Array] | None],
    decays: list[float],
    numbers: list[float],
    flags: tuple[bool, ...] = (),
) -> Any:
    """The updated parameters and slots, by launches of at most _MOST parameters; a slot may be missing."""
    there = [arrays for arrays in slots if arrays is not None]
    if not params or not covered(*params, *grads, *(array for arrays in there for array in arrays)):
        return NotImplemented
    if any(param.size + _CHUNK >= MOST for param in params):
        return NotImplemented
    scalars = [*(real(params[0].dtype, number) for number in numbers), *ints(*flags)]
    results: list[tuple[Array, ...]] = []
    for first in range(0, len(params), _MOST):
        some = slice(first, first + _MOST)
        own = [None if arrays is None else arrays[some] for arrays in slots]
        results += _launch(kernels, name, params[some], grads[some], own, decays[some], scalars)
    return results


def _launch(
    kernels: Kernels,
    name: str,
    params: list[Array],
    grads: list[Array],
    slots: Sequence[list[Array] | None],
    decays: list[float],
    scalars: list[np.generic],
) -> list[tuple[Array, ...]]:
    xp, dtype, count = kernels.xp, params[0].dtype, len(params)
    grads = [grad if grad.ndim <= 3 else xp.ascontiguousarray(grad).ravel() for grad in grads]
    there = [params, *(arrays for arrays in slots if arrays is not None)]
    held = iter([list(map(xp.ascontiguousarray, arrays)) for arrays in there])
    own = next(held)
    by_name = [own, grads, *(own if arrays is None else next(held) for arrays in slots)]
    sizes = [param.size for param in params]
    starts = [0, *accumulate(sizes)]
    chunks = [-(-size // _CHUNK) for size in sizes]
    axes = zip(*map(_three_axes, grads), strict=True)
    columns: dict[str, Any] = {"start": starts[:-1], "decay": decays, "size": sizes, "chunks": chunks}
    columns |= dict(zip(_AXES, axes, strict=True))
    columns |= {
        at: list(map(kernels.address, arrays)) for at, arrays in zip(_POINTERS, by_name, strict=False)
    }
    table = np.zeros((), _PARAMETERS)
    for at, column in columns.items():
        table[at][:count] = column
    flat = [xp.empty((starts[-1],), dtype=dtype) for _ in there]
    left = iter(flat[1:])
    outputs = [flat[0], *(flat[0] if arrays is None else next(left) for arrays in slots)]
    kernels.launch(
        "updates", name, dtype, (sum(chunks), 1, 1), (THREADS, 1, 1), table[()], *scalars, *outputs
    )
    return [
        tuple(kernels.part(whole, start, param.shape) for whole in flat)
        for param, start in zip(params, starts, strict=False)
    ]


def _three_axes(grad: Array) -> tuple[int, ...]:
    """Elements of the last two axes and of the last, and the strides of three, in elements."""
    size = grad.dtype.itemsize
    _, inner, innermost = (1, 1, 1, *grad.shape)[-3:]
    outer_step, inner_step, innermost_step = (0, 0, 0, *grad.strides)[-3:]
    return inner * innermost, innermost, outer_step // size, inner_step // size, innermost_step // size
