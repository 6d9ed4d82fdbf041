"""Max and average pooling along the length, with gradients. Arrays are channels-last: (N, L, C)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import reduce
from typing import TypeAlias

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array
from genoml.ops.arrays import constant_like, pad_axis
from genoml.ops.dispatch import operation
from genoml.ops.secants import Between, paired
from genoml.ops.windows import Reach

#: dL/dy -> dL/dx
PoolPullback: TypeAlias = Callable[[Array], Array]


@operation
def max_pool1d_vjp(x: Array, size: int, stride: int, ceil_mode: bool = False) -> tuple[Array, PoolPullback]:
    """Max pooling: y[n, l, c] = max_{k < size} x[n, l stride + k, c]; of equal values the first takes the gradient.

    Shapes
    ------
    x : (N, L, C);  y and grad : (N, Reach(size, stride, partial=ceil_mode).outputs(L), C)
    """
    length, reach = x.shape[1], Reach(size, stride, partial=ceil_mode)
    count = reach.outputs(length)
    short = reach.reads(0, count)[1] - length
    if short <= 0:
        return _max_pool_whole(x, reach, count)
    # the padding is -inf and comes last, so it never takes a gradient from a real value
    y, back = _max_pool_whole(pad_axis(x, 0, short, -math.inf), reach, count)
    return y, lambda grad: back(grad)[:, :length, :]


def _max_pool_whole(x: Array, reach: Reach, count: int) -> tuple[Array, PoolPullback]:
    """Max pooling with ``count`` windows that all lie inside x."""
    xp = array_namespace(x)
    length = x.shape[1]
    taps = [x[:, reach.tap(k, count), :] for k in range(reach.kernel)]
    y = taps[0]
    for tap in taps[1:]:
        y = xp.maximum(y, tap)

    def pullback(grad: Array) -> Array:
        # dx[l s + k] gets g[l] if tap k is the first that equals the maximum of window l
        zero = xp.zeros((), dtype=grad.dtype, device=device_of(grad))
        parts = [xp.where(first, grad, zero) for first in _first_largest(taps, y)]
        return gather_windows(parts, length, reach.stride)

    return y, pullback


def average_pool1d_vjp(x: Array, size: int, stride: int) -> tuple[Array, PoolPullback]:
    """Average pooling: y[n, l, c] = (1 / size) sum_{k < size} x[n, l stride + k, c].

    Shapes
    ------
    x : (N, L, C);  y and grad : (N, (L - size) // stride + 1, C)
    """
    length, reach = x.shape[1], Reach(size, stride)
    count = reach.outputs(length)
    total = x[:, reach.tap(0, count), :]
    for k in range(1, size):
        total = total + x[:, reach.tap(k, count), :]

    def pullback(grad: Array) -> Array:
        # each position of window l has weight 1 / size: dx[l s + k] gets g[l] / size for every k
        return gather_windows([grad * (1.0 / size)] * size, length, stride)

    return total * (1.0 / size), pullback


def gather_windows(parts: list[Array], length: int, stride: int) -> Array:
    """Add parts[k][l] at position l stride + k; windows may overlap.

    The positions are divided into blocks of ``stride``. Window l begins block l, and its part k = q stride + r lies
    in block l + q.
    """
    xp = array_namespace(parts[0])
    n, count, channels = parts[0].shape
    shifts = -(-len(parts) // stride)
    blocks = count + shifts - 1
    empty = xp.zeros((n, blocks, channels), dtype=parts[0].dtype, device=device_of(parts[0]))
    columns = []
    for r in range(min(stride, len(parts))):
        shifted = [pad_axis(part, q, shifts - 1 - q) for q, part in enumerate(parts[r::stride])]
        total = shifted[0]
        for part in shifted[1:]:
            total = total + part
        columns.append(total)
    columns += [empty] * (stride - len(columns))
    full = xp.reshape(xp.stack(columns, axis=2), (n, blocks * stride, channels))
    unread = length - blocks * stride
    return pad_axis(full, 0, unread) if unread > 0 else full[:, :length, :]


@operation
def global_max_vjp(x: Array) -> tuple[Array, PoolPullback]:
    """Global max pooling: y[n, c] = max_l x[n, l, c]; of equal values the first takes the gradient.

    Shapes
    ------
    x : (N, L, C);  y and grad : (N, C)
    """
    xp = array_namespace(x)
    length = x.shape[1]

    def pullback(grad: Array) -> Array:
        at = xp.argmax(x, axis=1, keepdims=True)
        positions = xp.reshape(xp.arange(length, dtype=at.dtype, device=device_of(x)), (1, length, 1))
        zero = xp.zeros((), dtype=grad.dtype, device=device_of(grad))
        return xp.where(at == positions, grad[:, None, :], zero)

    return xp.max(x, axis=1), pullback


# ---------------------------------------------------------------- secants (genoml/ops/secants.py)


def _shares(y: Array, y_r: Array, reference_at: Array, x_at: Array, same: Array) -> tuple[Array, Array]:
    """Which part of m a maximum gives to the largest of x, at a, and which to the largest of r, at b.

    With y = x_a, y_r = r_b, c = max(y, y_r):  M^T m holds m (c - y_r) / (x_a - r_a) at a, plus m (y - c) / (x_b - r_b)
    at b, whose products with x - r sum to m (c - y_r) + m (y - c) = m (y - y_r).

    No quotient divides by zero: if y > y_r then x_a - r_a >= y - y_r > 0, since r_a <= y_r; if y < y_r then
    x_b - r_b <= y - y_r < 0, since x_b <= y; each lies in [0, 1]. Where y = y_r and a = b (``same``), m goes to a.
    """
    xp, rise = array_namespace(y), y - y_r
    zero, one = constant_like(y, 0.0), constant_like(y, 1.0)
    up, down = rise > 0, rise < 0
    share = xp.where(up, rise / xp.where(up, y - reference_at, one), xp.where(rise == 0, same, zero))
    return share, xp.where(down, rise / xp.where(down, x_at - y_r, one), zero)


def largest_between(
    taps: Sequence[Array], references: Sequence[Array]
) -> tuple[Array, Array, Callable[[Array], list[Array]]]:
    """The largest of several arrays (n, ...), and of their references (n K, ...); m goes back to each of them."""
    xp, shape = array_namespace(taps[0]), tuple(references[0].shape)
    pairs = [paired(x, r) for x, r in zip(taps, references, strict=True)]
    xs, rs = [x for x, _ in pairs], [r for _, r in pairs]
    y, y_r = reduce(xp.maximum, xs), reduce(xp.maximum, rs)
    first, first_r = _first_largest(xs, y), _first_largest(rs, y_r)

    def value_at(masks: Sequence[Array], values: Sequence[Array]) -> Array:
        found = values[-1]
        for mask, value in zip(masks[:-1], values[:-1], strict=True):
            found = xp.where(mask, value, found)
        return found

    both = reduce(xp.logical_or, [xp.logical_and(a, b) for a, b in zip(first, first_r, strict=True)])
    at = value_at(first, rs), value_at(first_r, xs)
    share, share_r = _shares(y, y_r, *at, xp.astype(both, y.dtype))
    masks = [[xp.astype(mask, y.dtype) for mask in own] for own in (first, first_r)]

    def back(m: Array) -> list[Array]:
        m = xp.reshape(m, tuple(share.shape))
        own, other = m * share, m * share_r
        return [xp.reshape(a * own + b * other, shape) for a, b in zip(*masks, strict=True)]

    return y[:, 0, ...], xp.reshape(y_r, shape), back


def _first_largest(values: Sequence[Array], largest: Array) -> list[Array]:
    """Where each array is the first that is the largest."""
    xp = array_namespace(largest)
    free, found = None, []
    for value in values:
        hit = value == largest
        found.append(hit if free is None else xp.logical_and(hit, free))
        free = xp.logical_not(hit) if free is None else xp.logical_and(free, xp.logical_not(hit))
    return found


def axis_max_between(x: Array, reference: Array, axis: int) -> Between:
    """The maximum along an axis (1 or above) of x (n, ...) and its references (n K, ...)."""
    xp, axis = array_namespace(x), axis + 1
    given, others = paired(x, reference)
    at, at_r = (xp.argmax(z, axis=axis, keepdims=True) for z in (given, others))
    along = tuple(given.shape[axis] if i == axis else 1 for i in range(given.ndim))
    places = xp.reshape(xp.arange(given.shape[axis], dtype=at.dtype, device=device_of(x)), along)
    hit, hit_r, zero = at == places, at_r == places, constant_like(x, 0.0)
    y, y_r = (xp.max(z, axis=axis, keepdims=True) for z in (given, others))
    reference_at = xp.sum(xp.where(hit, others, zero), axis=axis, keepdims=True)
    x_at = xp.sum(xp.where(hit_r, given, zero), axis=axis, keepdims=True)
    share, share_r = _shares(y, y_r, reference_at, x_at, xp.astype(at == at_r, x.dtype))

    def back(m: Array) -> Array:
        m = xp.reshape(m, tuple(share.shape))
        parts = xp.where(hit, m * share, zero) + xp.where(hit_r, m * share_r, zero)
        return xp.reshape(parts, tuple(reference.shape))

    y_r = xp.squeeze(y_r, axis=axis)
    return xp.squeeze(y, axis=axis)[:, 0, ...], xp.reshape(y_r, (reference.shape[0], *y_r.shape[2:])), back


def max_pool_between(x: Array, reference: Array, size: int, stride: int, ceil_mode: bool) -> Between:
    """Max pooling of rows (n, L, C), as ``max_pool1d_vjp``: the maximum of each window; windows that overlap add up."""
    length, reach = x.shape[1], Reach(size, stride, partial=ceil_mode)
    count = reach.outputs(length)
    short = max(reach.reads(0, count)[1] - length, 0)

    def taps(rows: Array) -> list[Array]:
        rows = pad_axis(rows, 0, short, -math.inf) if short else rows
        return [rows[:, reach.tap(k, count), :] for k in range(size)]

    y, y_r, back = largest_between(taps(x), taps(reference))

    def back_rows(m: Array) -> Array:
        return gather_windows(back(m), length + short, stride)[:, :length, :]

    return y, y_r, back_rows
