"""Compiled passes of genoml_numpy.compiled.conv1d_tiles.

Arrays are (N, L, channels), transforms (size, tiles, channels): rows of real parts, then of imaginary parts, see
genoml_numpy.twins.conv1d_tiles. Tiles and channels of a transform are padded with zeros to whole tiles of vectors.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from genoml_numpy.compiled.signatures import FLAG, FLOAT, INT, NOTHING, compiled, given, written
from genoml_numpy.compiled.tiles import NARROW, NARROW_ROWS, narrow_tile

_ROWS = given(FLOAT, 3)
_FLAT = given(FLOAT, 1)
#: tiles whose products are summed before they are added to the gradient of the kernels
_SUMMED = 64


@compiled(NOTHING, _FLAT, INT, INT, INT, INT, _FLAT, INT, INT, INT, written(FLOAT, 1), INT, INT, INT, FLAG)
def _multiply(
    a: Any, a_at: Any, a_row: Any, a_column: Any, rows: Any, b: Any, b_at: Any, b_row: Any, width: Any, c: Any,
    c_at: Any, c_row: Any, inner: Any, add: Any,
) -> None:  # fmt: skip
    """c[m, n] (+)= sum_k a[m, k] b[k, n], each with the place of its first number and the distances of its rows."""
    for m in range(0, rows, NARROW_ROWS):
        for n in range(0, width, NARROW):
            narrow_tile(
                a, a_at + m * a_row, a_row, a_column, b, b_at + n, b_row, c, c_at + m * c_row + n, c_row, inner, add,
                1, 0,
            )  # fmt: skip


@compiled(NOTHING, _ROWS, given(FLOAT, 2), INT, INT, INT, written(FLOAT, 3))
def to_frequencies(x: Any, forward: Any, step: Any, tiles: Any, used: Any, out: Any) -> None:
    """Transforms of the tiles of x, which are ``step`` rows apart and ``used`` rows long; zeros past the end."""
    n, length, c = x.shape
    size, padded, wide = out.shape
    held, flat, matrix = np.zeros((used, wide), np.float32), out.reshape(-1), forward.reshape(-1)
    rows = held.reshape(-1)
    for tile in range(n * tiles):
        example, start = tile // tiles, tile % tiles * step
        for r in range(used):
            if start + r < length:
                held[r, :c] = x[example, start + r]
            else:
                held[r, :c] = 0.0
        _multiply(
            matrix, 0, size, 1, size, rows, 0, wide, wide, flat, tile * wide, padded * wide, used, False
        )
    out[:, n * tiles :] = 0.0


@compiled(NOTHING, _ROWS, FLAG, written(FLOAT, 4))
def pack_kernels(w: Any, conjugate: Any, kernels: Any) -> None:
    """Transforms (size, C, F) of kernels as ``multiply_frequencies`` reads them, with W or conj(W).

    With W = p + i q: (a + i b) conj(W) has the parts (a + b) p + b (q - p) and (a + b) p - a (p + q), and (a + i b) W
    has the same with the last factors interchanged. ``kernels`` is (2 + 3 half, panels, C or more, NARROW).
    """
    size, c, f = w.shape
    half = size // 2 - 1
    second, third = (half, 2 * half) if conjugate else (2 * half, half)
    for i in range(2 + half):
        for panel in range(kernels.shape[1]):
            start = panel * NARROW
            stop = min(start + NARROW, f)
            kernels[i, panel, c:] = 0.0
            if stop < start + NARROW:
                kernels[i, panel, :c] = 0.0
            for channel in range(c):
                given_re, out = w[i, channel, start:stop], kernels[i, panel, channel]
                for m in range(stop - start):
                    out[m] = given_re[m]
            if i < 2:
                continue
            kernels[i + second, panel] = kernels[i, panel]
            kernels[i + third, panel] = kernels[i, panel]
            for channel in range(c):
                given_im = w[i + half, channel, start:stop]
                out, other = kernels[i + second, panel, channel], kernels[i + third, panel, channel]
                for m in range(stop - start):
                    out[m] = given_im[m] - out[m]
                for m in range(stop - start):
                    other[m] = -(other[m] + given_im[m])


@compiled(NOTHING, _FLAT, INT, INT, given(FLOAT, 3), written(FLOAT, 1), INT, INT, FLAG)
def _multiply_panels(
    a: Any, a_at: Any, rows: Any, panels: Any, c: Any, c_at: Any, width: Any, add: Any
) -> None:
    """c (+)= a b, b being packed."""
    flat, inner = panels.reshape(-1), panels.shape[1]
    for m in range(0, rows, NARROW_ROWS):
        for panel in range(panels.shape[0]):
            narrow_tile(
                a, a_at + m * inner, inner, 1, flat, panel * inner * NARROW, NARROW,
                c, c_at + m * width + panel * NARROW, width, inner, add, 1, 0,
            )  # fmt: skip


@compiled(NOTHING, _ROWS, given(FLOAT, 4), written(FLOAT, 3))
def multiply_frequencies(x: Any, kernels: Any, y: Any) -> None:
    """Each frequency's complex product in three real ones.

    With kernels P, Q, R of a frequency: re(y) = (re(x) + im(x)) P + im(x) Q, im(y) = (re(x) + im(x)) P + re(x) R.
    ``kernels`` are those of the two frequencies without imaginary part, and then all P, all Q, all R, packed.
    """
    size, tiles, c = x.shape
    f, half = y.shape[2], size // 2 - 1
    x_flat, y_flat = x.reshape(-1), y.reshape(-1)
    both = np.empty((NARROW_ROWS, c), np.float32)
    for i in range(2):
        _multiply_panels(x_flat, i * tiles * c, tiles, kernels[i], y_flat, i * tiles * f, f, False)
    for i in range(2, 2 + half):
        j = i + half
        for r in range(0, tiles, NARROW_ROWS):
            re, im = (i * tiles + r) * c, (j * tiles + r) * c
            re_y, im_y = (i * tiles + r) * f, (j * tiles + r) * f
            for m in range(NARROW_ROWS):
                for channel in range(c):
                    both[m, channel] = x[i, r + m, channel] + x[j, r + m, channel]
            _multiply_panels(both.reshape(-1), 0, NARROW_ROWS, kernels[i], y_flat, re_y, f, False)
            y[j, r : r + NARROW_ROWS] = y[i, r : r + NARROW_ROWS]
            _multiply_panels(x_flat, im, NARROW_ROWS, kernels[i + half], y_flat, re_y, f, True)
            _multiply_panels(x_flat, re, NARROW_ROWS, kernels[i + 2 * half], y_flat, im_y, f, True)


@compiled(NOTHING, _ROWS, _ROWS, written(FLOAT, 3))
def multiply_transposed(x: Any, g: Any, out: Any) -> None:
    """X conj(G) of each frequency, summed over the tiles, in three real products.

    re = S + im(x)^T (im(g) - re(g)), im = S - re(x)^T (re(g) + im(g)) with S = (re(x) + im(x))^T re(g).
    """
    size, tiles, c = x.shape
    f, half = g.shape[2], size // 2 - 1
    x_flat, g_flat, out_flat = x.reshape(-1), g.reshape(-1), out.reshape(-1)
    both, shared = np.empty((_SUMMED, c), np.float32), np.empty((c, f), np.float32)
    less, more = np.empty((_SUMMED, f), np.float32), np.empty((_SUMMED, f), np.float32)
    for i in range(2 + half):
        j = i + half
        for r in range(0, tiles, _SUMMED):
            many, add = min(_SUMMED, tiles - r), r > 0
            at = (i * tiles + r) * f
            if i < 2:
                _multiply(
                    x_flat, (i * tiles + r) * c, 1, c, c, g_flat, at, f, f, out_flat, i * c * f, f, many, add
                )  # fmt: skip
                continue
            for m in range(many):
                for channel in range(c):
                    both[m, channel] = x[i, r + m, channel] + x[j, r + m, channel]
                for channel in range(f):
                    less[m, channel] = g[j, r + m, channel] - g[i, r + m, channel]
                for channel in range(f):
                    more[m, channel] = -(g[i, r + m, channel] + g[j, r + m, channel])
            _multiply(both.reshape(-1), 0, 1, c, c, g_flat, at, f, f, shared.reshape(-1), 0, f, many, add)
            _multiply(
                x_flat, (j * tiles + r) * c, 1, c, c, less.reshape(-1), 0, f, f, out_flat, i * c * f, f, many, add
            )  # fmt: skip
            _multiply(
                x_flat, (i * tiles + r) * c, 1, c, c, more.reshape(-1), 0, f, f, out_flat, j * c * f, f, many, add
            )  # fmt: skip
        if i >= 2:
            out[i] += shared
            out[j] += shared


@compiled(NOTHING, _ROWS, given(FLOAT, 2), INT, INT, INT, written(FLOAT, 3))
def from_frequencies(y: Any, inverse: Any, step: Any, tiles: Any, used: Any, rows: Any) -> None:
    """Rows of the tiles, ``used`` of each, ``step`` rows apart; where tiles overlap their rows are added up."""
    size, padded, wide = y.shape
    n, length, f = rows.shape
    flat, matrix = y.reshape(-1), inverse.reshape(-1)
    held = np.empty((inverse.shape[0], wide), np.float32)
    for tile in range(n * tiles):
        example, start = tile // tiles, tile % tiles * step
        _multiply(
            matrix, 0, size, 1, inverse.shape[0], flat, tile * wide, padded * wide, wide, held.reshape(-1), 0, wide,
            size, False,
        )  # fmt: skip
        for r in range(min(used, length - start)):
            out, own = rows[example, start + r], held[r]
            if start > 0 and r < used - step:
                for channel in range(f):
                    out[channel] += own[channel]
            else:
                for channel in range(f):
                    out[channel] = own[channel]
