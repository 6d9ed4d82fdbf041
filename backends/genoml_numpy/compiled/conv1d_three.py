"""Convolution with kernels of three, any dilation, with half the multiplications: minimal filtering F(4, 3).

Four outputs d apart, y_j = sum_k w_k x_{j + k}, come from the six rows x_0, ..., x_5 by six products in place of
twelve (Winograd 1980; Lavin and Gray 2016, arXiv:1509.09308):

    y = A [(G w) * (B x)]        * : for each of the six, a row of channels times a matrix (C, F)

Interpolation at the points 0, 1, -1, 1/2, -2 and infinity keeps the error of float32 at three times the direct one's;
0, +-1, +-2 and infinity give four times. Transforms and products are compiled, and work in blocks that stay in the
cache.

The gradients are made of the same transforms. dL/dw = G^T [(B x)^T * (A^T g)], since y is linear in G w. dL/dx is the
correlation of g, with zeros around it, with the reversed and transposed kernels.
"""

from __future__ import annotations

import numpy as np

from genoml.ops.windows import Reach
from genoml.parallel import Workers
from genoml_numpy.compiled import filtering
from genoml_numpy.compiled.filtering import GROUPS
from genoml_numpy.compiled.tiles import NARROW, NARROW_ROWS, padded, panels_of

_G = np.array(
    [
        [1 / 2, 0, 0],
        [1 / 6, 1 / 6, 1 / 6],
        [1 / 6, -1 / 6, 1 / 6],
        [16 / 15, 8 / 15, 4 / 15],
        [1 / 30, -1 / 15, 2 / 15],
        [0, 0, 1 / 2],
    ]
)
#: least channels on either side: with fewer, the transforms cost what they save
_LEAST = 48


def groups_of(count: int, dilation: int) -> int:
    """Groups of four that cover so many outputs of a sequence."""
    whole, rest = divmod(count, 4 * dilation)
    return whole * dilation + min(rest, dilation)


def covers(x: np.ndarray, w: np.ndarray, stride: int, dilation: int, around: int = 0) -> bool:
    """Whether it is quicker, with so many zeros around x: many channels, and outputs enough to fill the groups."""
    if stride != 1 or len(w) != 3 or not len(x) or x.dtype != np.float32 or w.dtype != np.float32:
        return False
    count = x.shape[1] + around - 2 * dilation
    if count <= 0 or min(w.shape[1:]) < _LEAST:
        return False
    return bool(4 * groups_of(count, dilation) <= 1.35 * count)


def correlate(
    x: np.ndarray,
    w: np.ndarray,
    dilation: int,
    before: int,
    count: int,
    workers: Workers,
    bias: np.ndarray | None = None,
    rectified: bool = False,
    pool: tuple[int, bool] = (1, False),
) -> np.ndarray:
    """``count`` outputs of each sequence, which begins with ``before`` rows of zeros; bias and ReLU if wanted.

    With ``pool``, a size of 2 or 4 and whether a shorter last window is kept, the largest of each window.
    """
    c, f = w.shape[1:]
    groups = groups_of(count, dilation)
    total = len(x) * groups
    transformed = (_G @ w.reshape(3, c * f).astype(np.float64)).astype(np.float32).reshape(6, c, f)
    kernels = np.stack([panels_of(kernel) for kernel in transformed])
    size, ceil_mode = pool
    y = np.empty((len(x), Reach(size, size, partial=ceil_mode).outputs(count), f), np.float32)
    added = np.zeros(f, np.float32) if bias is None else np.ascontiguousarray(bias)

    def blocks(first: int, last: int) -> None:
        stretch = first * GROUPS, min(last * GROUPS, total)
        filtering.correlate(x, kernels, dilation, before, groups, *stretch, added, rectified, size, count, y)

    workers.share_out(blocks, -(-total // GROUPS))
    return y


def gradient_of_kernels(
    x: np.ndarray, grad: np.ndarray, k: int, dilation: int, workers: Workers, before: int = 0
) -> np.ndarray:
    """dL/dw (3, C, F) of rows (N, L, C), ``before`` zeros in front of them, for outputs' gradients (N, count, F)."""
    c, f = x.shape[2], grad.shape[2]
    total = np.zeros((6, padded(c, NARROW_ROWS), padded(f, NARROW)), np.float32)
    filtering.add_products(x, grad, dilation, before, groups_of(grad.shape[1], dilation), total)
    summed = _G.T @ total[:, :c, :f].reshape(6, c * f).astype(np.float64)
    return summed.astype(np.float32).reshape(3, c, f)
