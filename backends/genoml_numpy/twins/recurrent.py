"""The steps of an LSTM in preallocated arrays, so that a step's numbers stay in the core's cache.

The standard version makes about fifteen arrays per step, and stacks those that backward needs. Here each step writes
its results into their final place, and backward computes each step's slopes when it needs them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from genoml.backend import Array
from genoml.ops.recurrent import ScanPullback, recurrent_grads


def lstm_scan(z: Array, weights: Array, keep: Array | None = None, bias: Array | None = None) -> Any:
    """See genoml.ops.recurrent.lstm_scan; covers sequences without padding."""
    if keep is not None or z.dtype != weights.dtype:
        return NotImplemented
    length, batch, width = z.shape
    size = weights.shape[0]
    # sigmoid(a) = (1 + tanh(a / 2)) / 2: one tanh serves all four gates, scaled before and after
    scale = np.full(width, 0.5, z.dtype)
    scale[2 * size : 3 * size] = 1.0
    shift = 1.0 - scale
    gates = np.empty(z.shape, z.dtype)
    #: c and h before the first step and after each
    cells, states = np.zeros((2, length + 1, batch, size), z.dtype)
    squashed = np.empty((length, batch, size), z.dtype)
    product = np.empty((batch, size), z.dtype)
    for t in range(length):
        a = np.matmul(states[t], weights, out=gates[t])
        a += z[t]
        if bias is not None:
            a += bias
        a *= scale
        np.tanh(a, out=a)
        a *= scale
        a += shift
        i, f, g, o = _gates(a, size)
        np.multiply(f, cells[t], out=cells[t + 1])
        cells[t + 1] += np.multiply(i, g, out=product)
        np.multiply(o, np.tanh(cells[t + 1], out=squashed[t]), out=states[t + 1])

    return states[1:], _pullback(gates, cells, states, squashed, weights, bias)


def _gates(step: np.ndarray, size: int) -> list[np.ndarray]:
    """Views of the four gates of one step, (batch, size) each: input, forget, cell, output."""
    return [step[:, k * size : (k + 1) * size] for k in range(4)]


def _pullback(
    gates: np.ndarray,
    cells: np.ndarray,
    states: np.ndarray,
    squashed: np.ndarray,
    weights: np.ndarray,
    bias: np.ndarray | None,
) -> ScanPullback:
    length, batch, _ = gates.shape
    size = weights.shape[0]

    def back(
        received: list[Array | None], need_weights: bool = True
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        # the recursion of the standard version, with i, f, g, o after their functions: dh/dc = o (1 - tanh(c)^2),
        # di' = dc g i (1 - i), df' = dc c_{t-1} f (1 - f), dg' = dc i (1 - g^2), do' = dh tanh(c) o (1 - o)
        grad_z = np.empty_like(gates)
        transposed = np.ascontiguousarray(
            weights.T
        )  # BLAS is slower, by a third at 32 rows, where it must turn them
        slope = np.empty((batch, size), gates.dtype)
        dh, dc = np.zeros((2, batch, size), gates.dtype)
        for t in reversed(range(length)):
            i, f, g, o = _gates(gates[t], size)
            di, df, dg, do = _gates(grad_z[t], size)
            if received[t] is not None:
                dh += received[t]
            np.multiply(dh, o, out=do)
            _less_square(squashed[t], out=slope)
            dc += np.multiply(slope, do, out=slope)
            do *= squashed[t]
            do *= np.subtract(1.0, o, out=slope)
            np.multiply(dc, i, out=dg)
            np.multiply(dg, g, out=di)
            di *= np.subtract(1.0, i, out=slope)
            dg *= _less_square(g, out=slope)
            dc *= f
            np.multiply(dc, cells[t], out=df)
            df *= np.subtract(1.0, f, out=slope)
            np.matmul(grad_z[t], transposed, out=dh)
        return grad_z, (recurrent_grads(states[:-1], grad_z, bias) if need_weights else {})

    return back


def _less_square(values: np.ndarray, out: np.ndarray) -> np.ndarray:
    """1 - values^2."""
    np.multiply(values, values, out=out)
    np.subtract(1.0, out, out=out)
    return out
