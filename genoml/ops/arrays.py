"""Array helpers that the standard lacks: conversion from the host, constants, bounds, padding, sums by key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from array_api_compat import array_namespace, is_array_api_obj, to_device
from array_api_compat import device as device_of

from genoml.backend import Array, backend_of, get_backend
from genoml.ops.dispatch import operation
from genoml.parallel import WHOLE, Part, even_ranges

#: least number of weights that the parts of a batch read once between them; with fewer, meeting costs what it saves
LEAST_SHARED = 1 << 22


def array_like(values: Any, reference: Array, what: str) -> Array:
    """``values`` as an array with the reference's dtype, on the reference's device.

    Labels and weights begin on the host, so lists, numbers and NumPy arrays are moved. An array of another library
    is refused: moving it would hide a copy between devices.

    Raises
    ------
    TypeError
        If ``values`` is an array of a library other than the reference's and NumPy.
    """
    xp = array_namespace(reference)
    home = backend_of(reference)
    if home is not None and home.owns(values):
        return xp.astype(values, reference.dtype, copy=False)
    if is_array_api_obj(values) and not get_backend("numpy").owns(values):
        raise TypeError(
            f"{what} expects the array library of the predictions, {xp.__name__}, or host values; "
            f"got {type(values).__module__.split('.')[0]}.{type(values).__name__}"
        )
    if home is not None:
        moved, there = xp.astype(home.asarray(values), reference.dtype, copy=False), device_of(reference)
        return moved if device_of(moved) == there else to_device(moved, there)
    return xp.asarray(values, dtype=reference.dtype, device=device_of(reference))


@operation
def constant_like(x: Array, value: float | tuple[float, ...]) -> Array:
    """The value as a 0-dimensional array with x's dtype and device; several values as one with one axis."""
    if isinstance(value, tuple):
        return array_like(value, x, "constant_like")
    return array_namespace(x).full((), value, dtype=x.dtype, device=device_of(x))


@operation
def clip(x: Array, low: float | None = None, high: float | None = None) -> Array:
    """x within bounds, min(max(x, low), high); None is no bound, and NaN stays NaN.

    The namespace's ``clip`` chooses entries by a mask, for which CuPy waits until the device has counted them.
    """
    xp = array_namespace(x)
    if low is not None:
        x = xp.maximum(x, constant_like(x, low))
    return x if high is None else xp.minimum(x, constant_like(x, high))


@operation
def pad_axis(x: Array, before: int, after: int, value: float = 0.0, *, axis: int = 1) -> Array:
    """x with ``before`` and ``after`` entries of ``value`` added at the ends of one axis (0 or above).

    The default is axis 1, the length of a channels-last array: (N, L, C) -> (N, before + L + after, C).
    """
    xp = array_namespace(x)

    def end(size: int) -> list[Array]:
        shape = (*x.shape[:axis], size, *x.shape[axis + 1 :])
        return [xp.full(shape, value, dtype=x.dtype, device=device_of(x))] if size else []

    parts = [*end(before), x, *end(after)]
    return xp.concat(parts, axis=axis) if len(parts) > 1 else x


@operation
def in_memory_order(x: Array, other: Array, operator: Callable[[Array, Array], Array]) -> Array:
    """operator(x, other) of two arrays of one shape, laid out in memory as x is.

    Arrays (N, C, L) are channels-last in memory, and so are parts of them. NumPy keeps the order of the axes. A library
    that does not has a twin, lest every layer after a sum copy its input.
    """
    return operator(x, other)


@operation
def sum_rows(x: Array) -> Array:
    """Sum over all axes but the last: the gradient of what is added to each row, as a bias is.

    Shapes
    ------
    x : (..., C);  result : (C,)
    """
    return array_namespace(x).sum(x, axis=tuple(range(x.ndim - 1)))


@operation
def dense_grad_weights(x: Array, grad: Array, part: Part = WHOLE) -> Array:
    """Gradient of a dense layer's weights: x^T grad = sum_n x[n, i] grad[n, j].

    Of a batch in parts it is the part's share, and the gradient is the sum of the shares. A twin may have the parts
    compute the gradient together, each some of its rows: then the first part's share is all of it, the others' zero.

    Shapes
    ------
    x : (N, I);  grad : (N, J);  result : (I, J)
    """
    return array_namespace(x).matrix_transpose(x) @ grad


def dense_product(x: Array, weights: Array, part: Part = WHOLE) -> Array:
    """x weights. With large weights each part of a batch computes some columns, for the rows of all parts.

    With the 47 million weights of DeepSEA and 32 rows a part, reading them is what takes time: its step is 4 % shorter.

    Shapes
    ------
    x : (N, I);  weights : (I, J);  result : (N, J)
    """
    meeting, columns = part.meeting, weights.shape[1]
    if meeting is None or meeting.parts == 1 or weights.shape[0] * columns < LEAST_SHARED:
        return x @ weights
    xp, brought = array_namespace(x), meeting.gather(part.index, x)
    start, stop = even_ranges(columns, meeting.parts)[part.index]
    pieces = meeting.gather(part.index, xp.concat(brought) @ weights[:, start:stop])
    first = sum(other.shape[0] for other in brought[: part.index])
    return xp.concat([piece[first : first + x.shape[0], :] for piece in pieces], axis=1)


@operation
def segment_sum(rows: Array, keys: Array, count: int) -> Array:
    """Sums by key: out[v] is the sum of the rows whose key is v, 0 <= v < count. Rows with other keys are ignored.

    This is the gradient of a table look-up, for which the standard has no scatter-add. The rows are sorted by key, so
    that equal keys are neighbours, and log2(T) passes add them up: in the pass with shift d, each row adds the sum
    held d rows before it if that row has the same key. The last row of a key then holds the key's sum. Rows are added
    pairwise and within one key only, so no digits are lost, as they would be in differences of a running total. The
    cost does not grow with the table, as that of a product with a one-hot matrix would.

    Shapes
    ------
    rows : (T, F);  keys : (T,) integers;  out : (count, F)
    """
    xp, device = array_namespace(rows), device_of(rows)
    total, features = rows.shape
    zero = constant_like(rows, 0.0)
    if total == 0:
        return xp.zeros((count, features), dtype=rows.dtype, device=device)
    order = xp.argsort(keys)
    keys, rows = xp.take(keys, order, axis=0), xp.take(rows, order, axis=0)
    at = xp.arange(total, dtype=keys.dtype, device=device)
    shift = 1
    while shift < total:  # by index, not by slices: every pass has the same shapes, and compiles once
        before = clip(at - shift, 0)
        same = xp.logical_and(at >= shift, xp.take(keys, before, axis=0) == keys)
        rows = rows + xp.where(same[:, None], xp.take(rows, before, axis=0), zero)
        shift *= 2
    wanted = xp.arange(count, dtype=keys.dtype, device=device)
    ends = xp.astype(xp.searchsorted(keys, wanted, side="right"), keys.dtype) - 1
    last = clip(ends, 0)
    found = xp.logical_and(ends >= 0, xp.take(keys, last, axis=0) == wanted)
    return xp.where(found[:, None], xp.take(rows, last, axis=0), zero)
