"""The operations of genoml.ops as plain loops, and random arrays in unusual memory layouts."""

from __future__ import annotations

from typing import Any

import numpy as np


def loop_conv(
    x: np.ndarray, w: np.ndarray, grad: np.ndarray, stride: int, dilation: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """y, grad_x and grad_w of a cross-correlation, position by position, in float64."""
    x, w, grad = (a.astype(np.float64) for a in (x, w, grad))
    y, grad_x, grad_w = np.zeros(grad.shape), np.zeros(x.shape), np.zeros(w.shape)
    for position in range(grad.shape[1]):
        for k in range(w.shape[0]):
            at = position * stride + k * dilation
            y[:, position] += x[:, at] @ w[k]
            grad_x[:, at] += grad[:, position] @ w[k].T
            grad_w[k] += x[:, at].T @ grad[:, position]
    return y, grad_x, grad_w


def loop_max_pool(x: np.ndarray, grad: np.ndarray, size: int, stride: int) -> tuple[np.ndarray, np.ndarray]:
    """y and grad_x of max pooling, the first of equals taking the gradient; grad has a row a window."""
    y, grad_x = np.zeros(grad.shape, x.dtype), np.zeros(x.shape, grad.dtype)
    for n, window, c in np.ndindex(*grad.shape):
        values = x[n, window * stride : window * stride + size, c]
        first = int(values.argmax())
        y[n, window, c] = values[first]
        grad_x[n, window * stride + first, c] += grad[n, window, c]
    return y, grad_x


LAYOUTS = ("contiguous", "channels-first", "gaps", "reversed", "broadcast")


def laid_out(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any, layout: str) -> np.ndarray:
    """A random array; its values do not depend on the layout, but for "broadcast", which repeats one row."""
    values = rng.standard_normal(shape).astype(dtype)
    if layout == "channels-first":
        return np.ascontiguousarray(values.transpose(0, 2, 1)).transpose(0, 2, 1)
    if layout == "gaps":
        wide = np.zeros((shape[0], 2 * shape[1], shape[2] + 1), dtype)
        wide[:, ::2, 1:] = values
        return wide[:, ::2, 1:]
    if layout == "reversed":
        return np.ascontiguousarray(values[:, ::-1])[:, ::-1]
    if layout == "broadcast":
        one = rng.standard_normal((shape[0], 1, shape[2])).astype(dtype)
        return np.broadcast_to(one, shape)
    return values


def assert_close(got: Any, expected: np.ndarray, dtype: Any, what: str = "") -> None:
    """Equal to rounding, relative to the largest value, and of this dtype."""
    got = np.asarray(got)
    assert got.shape == expected.shape, what
    assert got.dtype == dtype, what
    scale = 1.0 + np.max(np.abs(expected), initial=0.0)
    limit = (1e-12 if np.dtype(dtype) == np.float64 else 2e-5) * scale
    assert np.max(np.abs(got - expected), initial=0.0) <= limit, what


def loop_jaccard(x: np.ndarray, y: np.ndarray, offset: int) -> float:
    """The continuous Jaccard similarity of two matrices at an offset, zeros where either has no position."""
    shared = united = 0.0
    for p in range(min(0, -offset) - len(y), len(x) + len(y) + abs(offset)):
        for c in range(x.shape[1]):
            own = float(x[p, c]) if 0 <= p < len(x) else 0.0
            other = float(y[p + offset, c]) if 0 <= p + offset < len(y) else 0.0
            shared += np.sign(own * other) * min(abs(own), abs(other))
            united += max(abs(own), abs(other))
    return shared / united if united else 0.0
