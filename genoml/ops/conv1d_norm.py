"""Convolution beside batch normalisation: its output's statistics, and both with ReLU and pooling in one operation.

They are operations because the output of a convolution is the largest array around. A twin gathers the statistics while
rows are in the cache, or never writes the output: only the pooled one.
"""

from __future__ import annotations

from typing import TypeAlias

from genoml.backend import Array
from genoml.ops.arrays import pad_axis
from genoml.ops.conv1d import ConvPullback, conv1d_vjp
from genoml.ops.dispatch import operation
from genoml.ops.normalise import rectified_vjp
from genoml.parallel import ALONE, Workers

#: sum over the rows of each channel, and sum of squares around their mean; None: still to be computed
Moments: TypeAlias = tuple[Array, Array] | None


@operation
def conv1d_moments_vjp(
    x: Array, w: Array, padding: tuple[int, int] = (0, 0), workers: Workers = ALONE
) -> tuple[Array, Moments, ConvPullback]:
    """Cross-correlation of x with zeros around it, the moments of its rows, and the pullback.

    Stride and dilation are 1. The standard version leaves the moments to ``batch_statistics``.

    Shapes
    ------
    x : (N, L, C);  w : (K, C, F);  y and grad : (N, sum(padding) + L - K + 1, F);  both moments : (F,)
    """
    before, length = padding[0], x.shape[1]
    y, back = conv1d_vjp(pad_axis(x, *padding), w, 1, 1, workers)

    def pullback(grad: Array, need_x: bool = True, need_w: bool = True) -> tuple[Array | None, Array | None]:
        # the zeros have no gradient
        grad_x, grad_w = back(grad, need_x, need_w)
        return (grad_x[:, before : before + length, :] if need_x else None), grad_w

    return y, None, pullback


@operation
def pooled_conv1d(
    x: Array,
    w: Array,
    shift: Array,
    size: int = 1,
    ceil_mode: bool = False,
    padding: tuple[int, int] = (0, 0),
    workers: Workers = ALONE,
) -> Array:
    """Correlation, shift, ReLU and max pooling over windows that do not overlap, where no gradient is wanted.

        y[n, j, f] = max_{k < size} max(z[n, j size + k, f] + shift[f], 0)

    z is the correlation of x, with zeros around it, for stride and dilation 1.

    Shapes
    ------
    x : (N, L, C);  w : (K, C, F);  shift : (F,);  y : as in ``rectified_vjp``, for z of sum(padding) + L - K + 1
    """
    z, _ = conv1d_vjp(pad_axis(x, *padding), w, 1, 1, workers)
    y: Array = rectified_vjp(z, shift, size, ceil_mode)[0]
    return y
