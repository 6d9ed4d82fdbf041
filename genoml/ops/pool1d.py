"""Max and average pooling along the length, with gradients. Arrays are channels-last: (N, L, C)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array
from genoml.ops.arrays import constant_like, pad_axis
from genoml.ops.dispatch import operation
from genoml.ops.secants import Back, Between, paired
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
        free, parts = None, []
        for tap in taps:
            hit = tap == y
            first = hit if free is None else xp.logical_and(hit, free)
            free = xp.logical_not(hit) if free is None else xp.logical_and(free, xp.logical_not(hit))
            parts.append(xp.where(first, grad, zero))
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


def max_between(x: Array, reference: Array, axis: int) -> tuple[Array, Array, Back]:
    """The maximum along an axis (2 or above), of paired x (n, 1, ...) and reference (n, K, ...); outputs drop the axis.

    With a = argmax x, b = argmax r, y = x_a, y_r = r_b, c = max(y, y_r):  M^T m holds m (c - y_r) / (x_a - r_a) at a,
    plus m (y - c) / (x_b - r_b) at b, whose products with x - r sum to m (c - y_r) + m (y - c) = m (y - y_r).

    No quotient divides by zero: if y > y_r then x_a - r_a >= y - y_r > 0, since r_a <= y_r; if y < y_r then
    x_b - r_b <= y - y_r < 0, since x_b <= y; each lies in [0, 1]. Where y = y_r and a = b, m goes to a.
    """
    xp = array_namespace(x)
    at, at_r = (xp.argmax(z, axis=axis, keepdims=True) for z in (x, reference))
    shape = tuple(x.shape[axis] if i == axis else 1 for i in range(x.ndim))
    places = xp.reshape(xp.arange(x.shape[axis], dtype=at.dtype, device=device_of(x)), shape)
    zero, one = constant_like(x, 0.0), constant_like(x, 1.0)
    hit, hit_r = at == places, at_r == places
    y, y_r = xp.max(x, axis=axis, keepdims=True), xp.max(reference, axis=axis, keepdims=True)
    reference_at = xp.sum(xp.where(hit, reference, zero), axis=axis, keepdims=True)
    x_at = xp.sum(xp.where(hit_r, x, zero), axis=axis, keepdims=True)
    rise = y - y_r
    up, down, same = rise > 0, rise < 0, xp.logical_and(rise == 0, at == at_r)
    share = xp.where(up, rise / xp.where(up, y - reference_at, one), xp.astype(same, x.dtype))
    share_r = xp.where(down, rise / xp.where(down, x_at - y_r, one), zero)

    def back(m: Array) -> Array:
        m = xp.expand_dims(m, axis=axis)
        return xp.where(hit, m * share, zero) + xp.where(hit_r, m * share_r, zero)

    return xp.squeeze(y, axis=axis), xp.squeeze(y_r, axis=axis), back


def axis_max_between(x: Array, reference: Array, axis: int) -> Between:
    """The maximum along an axis (1 or above) of x (n, ...) and its references (n K, ...)."""
    xp = array_namespace(x)
    given, others = paired(x, reference)
    y, y_r, back = max_between(given, others, axis + 1)
    pairs = tuple(y_r.shape)

    def back_all(m: Array) -> Array:
        return xp.reshape(back(xp.reshape(m, pairs)), tuple(reference.shape))

    return y[:, 0, ...], xp.reshape(y_r, (pairs[0] * pairs[1], *pairs[2:])), back_all


def max_pool_between(x: Array, reference: Array, size: int, stride: int, ceil_mode: bool) -> Between:
    """Max pooling of rows (n, L, C), as ``max_pool1d_vjp``: the maximum of each window; windows that overlap add up."""
    xp, length, reach = array_namespace(x), x.shape[1], Reach(size, stride, partial=ceil_mode)
    count = reach.outputs(length)
    short = max(reach.reads(0, count)[1] - length, 0)

    def windows(rows: Array) -> Array:
        rows = pad_axis(rows, 0, short, -math.inf) if short else rows
        return xp.stack([rows[:, reach.tap(k, count), :] for k in range(size)], axis=2)

    y, y_r, back = axis_max_between(windows(x), windows(reference), 2)

    def back_rows(m: Array) -> Array:
        of_windows = back(m)
        taps = [of_windows[:, :, k, :] for k in range(size)]
        return gather_windows(taps, length + short, stride)[:, :length, :]

    return y, y_r, back_rows
