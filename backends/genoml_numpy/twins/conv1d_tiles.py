"""Convolution by overlap-save tiles in the frequency domain, with matrix products only.

A tile is B neighbouring rows, B = 16 or 32, and gives S = B - K + 1 outputs. Its Fourier transform is one small
product with a constant matrix; in the frequency domain the correlation of a tile is, for each frequency, one
complex product of matrices, done in three real ones. For K = 11 and B = 32 these are 2.1 multiplications per output
and pair of channels instead of 11, with the same order of error in single precision.

With X, W, Y the transforms of a tile, a kernel and an output, Y = X conj(W); since the transform is linear and
unitary but for a factor, the gradients are dW = X conj(G) and dX = G W, G being the transform of dL/dy.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

#: Tile lengths.
SIZES = (16, 32)
#: Largest number of multiplications, relative to the direct method, for which tiles are chosen.
WORTH = 0.62
#: Least channels on either side: with fewer, the transforms cost what they save.
LEAST_CHANNELS = 48


def tile_size(length: int, kernel_size: int, channels: int, filters: int) -> int | None:
    """The tile length with the fewest multiplications, or None if the direct method is as good."""
    if min(channels, filters) < LEAST_CHANNELS:
        return None
    count = length - kernel_size + 1
    direct = count * kernel_size * channels * filters
    costs = {}
    for size in SIZES:
        step = size - kernel_size + 1
        if step >= kernel_size:
            products = 2 + 3 * (size // 2 - 1)
            transforms = size * (size * channels + step * filters)
            costs[size] = -(-count // step) * (products * channels * filters + transforms)
    best = min(costs, key=costs.__getitem__, default=None)
    return best if best is not None and costs[best] <= WORTH * direct else None


@lru_cache
def transforms(size: int, dtype: np.dtype[Any]) -> tuple[np.ndarray, np.ndarray]:
    """The real Fourier transform of ``size`` values as a matrix, and its inverse.

    Rows: constant, alternating, then real and imaginary parts of the frequencies 1 to size / 2 - 1.
    """
    n = np.arange(size)
    k = np.arange(1, size // 2)
    angle = 2.0 * np.pi * np.outer(k, n) / size
    real = np.stack([np.ones(size), (-1.0) ** n])  # the two frequencies without imaginary part
    forward = np.concatenate([real, np.cos(angle), -np.sin(angle)])
    inverse = np.concatenate([real, 2.0 * np.cos(angle), -2.0 * np.sin(angle)]).T / size
    return np.ascontiguousarray(forward, dtype), np.ascontiguousarray(inverse, dtype)


def _cut(rows: np.ndarray, size: int, step: int, tiles: int) -> np.ndarray:
    """Cut into tiles, (N, L, C) -> (size, N tiles C): row b of all tiles side by side; zeros past the end."""
    n, length, c = rows.shape
    needed = (tiles - 1) * step + size
    if needed > length:
        padded = np.zeros((n, needed, c), rows.dtype)
        padded[:, :length] = rows
        rows = padded
    rows = np.ascontiguousarray(rows)
    a, b, e = rows.strides
    view = as_strided(rows, (size, n, tiles, c), (b, a, step * b, e), writeable=False)
    return view.reshape(size, n * tiles * c)


class _Tiles:
    """One correlation by tiles: the transforms that forward computes and backward uses."""

    def __init__(self, x: np.ndarray, w: np.ndarray, size: int) -> None:
        self.n, self.length, self.c = x.shape
        self.k, _, self.f = w.shape
        self.size = size
        self.step = size - self.k + 1
        self.count = self.length - self.k + 1
        self.tiles = -(-self.count // self.step)
        self.half = size // 2 - 1
        self.forward, self.inverse = transforms(size, np.result_type(x, w))
        m = self.n * self.tiles
        self.x = (self.forward @ _cut(x, size, self.step, self.tiles)).reshape(size, m, self.c)
        kernels = np.ascontiguousarray(w).reshape(self.k, self.c * self.f)
        self.w = (self.forward[:, : self.k] @ kernels).reshape(size, self.c, self.f)

    def frequencies(self) -> range:
        """Rows of the real parts; the imaginary part is ``half`` rows later."""
        return range(2, 2 + self.half)

    def output(self) -> np.ndarray:
        """y (N, count, F): Y = X conj(W), three products per frequency."""
        x, w = self.x, self.w
        y = np.empty((self.size, x.shape[1], self.f), x.dtype)
        np.matmul(x[:2], w[:2], out=y[:2])
        for i in self.frequencies():
            re, im = x[i], x[i + self.half]
            wr, wi = w[i], w[i + self.half]
            shared = (re + im) @ wr
            np.subtract(shared, im @ (wr - wi), out=y[i])
            np.subtract(shared, re @ (wr + wi), out=y[i + self.half])
        rows = self.inverse[: self.step] @ y.reshape(self.size, -1)
        rows = rows.reshape(self.step, self.n, self.tiles, self.f).transpose(1, 2, 0, 3)
        return rows.reshape(self.n, self.tiles * self.step, self.f)[:, : self.count]

    def gradients(
        self, grad: np.ndarray, need_x: bool, need_w: bool
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        """dL/dx (N, L, C) and dL/dw (K, C, F), None where not needed."""
        m = self.x.shape[1]
        g = (self.forward[:, : self.step] @ _cut(grad, self.step, self.step, self.tiles)).reshape(
            self.size, m, self.f
        )
        return (self._grad_x(g) if need_x else None), (self._grad_w(g) if need_w else None)

    def _grad_w(self, g: np.ndarray) -> np.ndarray:
        """The gradient of the kernels: dW = X conj(G), transformed back."""
        x = self.x
        grad_w = np.empty_like(self.w, dtype=g.dtype)
        np.matmul(x[:2].transpose(0, 2, 1), g[:2], out=grad_w[:2])
        for i in self.frequencies():
            j = i + self.half
            shared = (x[i] + x[j]).T @ g[i]
            np.subtract(shared, x[j].T @ (g[i] - g[j]), out=grad_w[i])
            np.subtract(shared, x[i].T @ (g[i] + g[j]), out=grad_w[j])
        kernels: np.ndarray = self.inverse[: self.k] @ grad_w.reshape(self.size, -1)
        return kernels.reshape(self.k, self.c, self.f)

    def _grad_x(self, g: np.ndarray) -> np.ndarray:
        """The gradient of the sequences: dX = G W, transformed back."""
        w = self.w
        grad_x = np.empty((self.size, g.shape[1], self.c), g.dtype)
        np.matmul(g[:2], w[:2].transpose(0, 2, 1), out=grad_x[:2])
        for i in self.frequencies():
            j = i + self.half
            shared = (g[i] + g[j]) @ w[i].T
            np.subtract(shared, g[j] @ (w[i] + w[j]).T, out=grad_x[i])
            np.add(shared, g[i] @ (w[j] - w[i]).T, out=grad_x[j])
        return self._joined(grad_x)

    def _joined(self, grad_x: np.ndarray) -> np.ndarray:
        """Gradients of the tiles, added up to sequences; neighbouring tiles overlap in K - 1 rows."""
        rows = (self.inverse @ grad_x.reshape(self.size, -1)).reshape(self.size, self.n, self.tiles, self.c)
        joined = np.zeros((self.n, self.tiles * self.step + self.k - 1, self.c), grad_x.dtype)
        body = joined[:, : self.tiles * self.step].reshape(self.n, self.tiles, self.step, self.c)
        body[...] = rows[: self.step].transpose(1, 2, 0, 3)
        # the K - 1 rows past a tile's step are the first rows of the next tile (step >= K)
        body[:, 1:, : self.k - 1] += rows[self.step :, :, :-1].transpose(1, 2, 0, 3)
        joined[:, self.tiles * self.step :] += rows[self.step :, :, -1].transpose(1, 0, 2)
        return joined[:, : self.length]


def conv1d_tiles(x: np.ndarray, w: np.ndarray, size: int) -> tuple[np.ndarray, Any]:
    """Convolution with tiles of ``size`` rows, stride and dilation 1: y and its pullback."""
    tiles = _Tiles(x, w, size)

    def pullback(
        grad: np.ndarray, need_x: bool = True, need_w: bool = True
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        return tiles.gradients(grad, need_x, need_w)

    return tiles.output(), pullback
