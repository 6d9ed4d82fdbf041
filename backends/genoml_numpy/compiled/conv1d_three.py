"""Convolution with kernels of three, any dilation, with half the multiplications: minimal filtering F(4, 3).

Four outputs d apart, y_j = sum_k w_k x_{j + k}, come from the six rows x_0, ..., x_5 by six products in place of
twelve (Winograd 1980; Lavin and Gray 2016, arXiv:1509.09308):

    y = A [(G w) * (B x)]        * : for each of the six, a row of channels times a matrix (C, F)

Interpolation at the points 0, 1, -1, 1/2, -2 and infinity keeps the error of float32 at three times the direct one's;
0, +-1, +-2 and infinity give four times. The transforms A and B are compiled, and work in blocks that stay in the cache
with the products between them.

The gradients are made of the same transforms. dL/dw = G^T [(B x)^T * (A^T g)], since y is linear in G w. dL/dx is the
correlation of g, with zeros around it, with the reversed and transposed kernels.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from genoml.parallel import Workers
from genoml_numpy.compiled.filtering import restore_rows, transform_rows

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
#: numbers of a block's transforms, of rows and outputs together, for the second cache
_BLOCK = 1 << 17
#: groups of a block, at least and at most
_FEWEST, _MOST = 32, 256


def groups_of(count: int, dilation: int) -> int:
    """Groups of four that cover so many outputs of a sequence."""
    whole, rest = divmod(count, 4 * dilation)
    return whole * dilation + min(rest, dilation)


def groups_of_block(c: int, f: int) -> int:
    """How many groups are transformed and multiplied together."""
    return max(_FEWEST, min(_MOST, _BLOCK // (6 * (c + f))))


def covers(x: np.ndarray, w: np.ndarray, stride: int, dilation: int) -> bool:
    """Whether it is quicker: many channels, and outputs enough to fill the groups."""
    if stride != 1 or len(w) != 3 or not len(x) or x.dtype != np.float32 or w.dtype != np.float32:
        return False
    count = x.shape[1] - 2 * dilation
    if count <= 0 or min(w.shape[1:]) < _LEAST:
        return False
    return bool(4 * groups_of(count, dilation) <= 1.35 * count)


def _room(groups: int, c: int, f: int) -> Callable[[int], tuple[int, np.ndarray, np.ndarray]]:
    """Block number -> its first group, and room for transforms of its rows and outputs, (6, size, C or F)."""
    size = groups_of_block(c, f)
    rows, outputs = (np.empty(6 * size * width, np.float32) for width in (c, f))

    def of_block(number: int) -> tuple[int, np.ndarray, np.ndarray]:
        start = number * size
        count = min(size, groups - start)
        v, m = rows[: 6 * count * c], outputs[: 6 * count * f]
        return start, v.reshape(6, count, c), m.reshape(6, count, f)

    return of_block


def correlate(
    x: np.ndarray,
    w: np.ndarray,
    dilation: int,
    before: int,
    count: int,
    workers: Workers,
    bias: np.ndarray | None = None,
    rectified: bool = False,
) -> np.ndarray:
    """``count`` outputs of each sequence, which begins with ``before`` rows of zeros; bias and ReLU if wanted."""
    n, _, c = x.shape
    f, groups = w.shape[2], groups_of(count, dilation)
    kernels = (_G @ w.reshape(3, c * f).astype(np.float64)).astype(np.float32).reshape(6, c, f)
    y = np.empty((n, count, f), np.float32)
    added = np.zeros(f, np.float32) if bias is None else np.ascontiguousarray(bias)

    def blocks(first: int, last: int) -> None:
        room = _room(n * groups, c, f)
        for start, v, m in map(room, range(first, last)):
            transform_rows(x, dilation, before, groups, start, False, v)
            np.matmul(v, kernels, out=m)
            restore_rows(m, dilation, groups, start, added, rectified, y)

    workers.share_out(blocks, -(-n * groups // groups_of_block(c, f)))
    return y


def gradient_of_kernels(
    x: np.ndarray, grad: np.ndarray, k: int, dilation: int, workers: Workers
) -> np.ndarray:
    """dL/dw (3, C, F) of rows (N, L, C), for the outputs' gradient (N, count, F)."""
    (n, count, f), c = grad.shape, x.shape[2]
    groups, total = groups_of(count, dilation), np.zeros((6, c, f), np.float32)
    product, room = np.empty_like(total), _room(n * groups, c, f)
    for start, v, g in map(room, range(-(-n * groups // groups_of_block(c, f)))):
        transform_rows(x, dilation, 0, groups, start, False, v)
        transform_rows(grad, dilation, 0, groups, start, True, g)
        total += np.matmul(v.transpose(0, 2, 1), g, out=product)
    summed = _G.T @ total.reshape(6, c * f).astype(np.float64)
    return summed.astype(np.float32).reshape(3, c, f)
