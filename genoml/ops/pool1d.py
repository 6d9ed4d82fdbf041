"""Pooling along the length, with its gradients. Arrays are channels-last: (N, L, C)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array
from genoml.ops._dispatch import operation
from genoml.ops.pad import pad_length
from genoml.ops.windows import Reach

#: grad of the output -> grad of the input
PoolPullback: TypeAlias = Callable[[Array], Array]


@operation
def max_pool1d_vjp(x: Array, size: int, stride: int, ceil_mode: bool = False) -> tuple[Array, PoolPullback]:
    """y[n, l, c] = max_{k < size} x[n, l stride + k, c]; the first of equals takes the gradient.

    Shapes
    ------
    x : (N, L, C);  y and grad : (N, Reach(size, stride, partial=ceil_mode).outputs(L), C)
    """
    length, reach = x.shape[1], Reach(size, stride, partial=ceil_mode)
    count = reach.outputs(length)
    short = reach.reads(0, count)[1] - length
    if short <= 0:
        return _max_pool_whole(x, reach, count)
    # the values behind the end are never larger, and come last: they never take a gradient from a real one
    y, back = _max_pool_whole(pad_length(x, 0, short, -math.inf), reach, count)
    return y, lambda grad: back(grad)[:, :length, :]


def _max_pool_whole(x: Array, reach: Reach, count: int) -> tuple[Array, PoolPullback]:
    """The first ``count`` windows, all of them inside x."""
    xp = array_namespace(x)
    length = x.shape[1]
    taps = [x[:, reach.tap(k, count), :] for k in range(reach.kernel)]
    y = taps[0]
    for tap in taps[1:]:
        y = xp.maximum(y, tap)

    def pullback(grad: Array) -> Array:
        # dx[l s + k] gets g[l] where tap k is the first to equal the maximum of window l
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
    """y[n, l, c] = (1 / size) sum_{k < size} x[n, l stride + k, c].

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
    """Sum of parts[k][l] at position l stride + k, for windows that may overlap.

    Positions are stride-blocks: window l begins block l, and part k = q stride + r falls q blocks later.
    """
    xp = array_namespace(parts[0])
    n, count, channels = parts[0].shape
    shifts = -(-len(parts) // stride)
    blocks = count + shifts - 1

    def zeros(size: int) -> Array:
        return xp.zeros((n, size, channels), dtype=parts[0].dtype, device=device_of(parts[0]))

    columns = []
    for r in range(min(stride, len(parts))):
        shifted = [
            xp.concat([zeros(q), part, zeros(shifts - 1 - q)], axis=1) if shifts > 1 else part
            for q, part in enumerate(parts[r::stride])
        ]
        total = shifted[0]
        for part in shifted[1:]:
            total = total + part
        columns.append(total)
    columns += [zeros(blocks)] * (stride - len(columns))
    full = xp.reshape(xp.stack(columns, axis=2), (n, blocks * stride, channels))
    if blocks * stride >= length:
        return full[:, :length, :]
    return xp.concat([full, zeros(length - blocks * stride)], axis=1)


@operation
def global_max_vjp(x: Array) -> tuple[Array, PoolPullback]:
    """y[n, c] = max_l x[n, l, c]; where several are largest, the first takes the gradient.

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
