"""Max and average pooling along the length, with gradients. Arrays are channels-last: (N, L, C)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array
from genoml.ops.arrays import pad_axis
from genoml.ops.dispatch import operation
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
        return _gather_windows(parts, length, reach.stride)

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
        return _gather_windows([grad * (1.0 / size)] * size, length, stride)

    return total * (1.0 / size), pullback


def _gather_windows(parts: list[Array], length: int, stride: int) -> Array:
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
