"""An LSTM compiled whole: its inputs' and states' products are one, with weights that are packed once, and the gates
are computed in vectors while a step's products are in the cache.

Backward, some steps at a time add their part to the weights' gradients, so that dL/dz is never held as a whole.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from genoml.backend import Array
from genoml_numpy.compiled.functions import CONTRACT, sigmoid, tanh
from genoml_numpy.compiled.signatures import BYTE, FLAG, FLOAT, INT, NOTHING, compiled, given, written
from genoml_numpy.compiled.tiles import ROWS, WIDE, multiply_packed, multiply_wide, padded, panels_of

_ONE = np.float32(1.0)
#: Rows of a block of steps, whose part of the weights' gradients is one product.
_ROWS_AT_ONCE = 512


@compiled(NOTHING, given(FLOAT, 1), given(FLOAT, 1), written(FLOAT, 1), FLAG, loose=CONTRACT)
def _squash(a: Any, b: Any, out: Any, by_tanh: Any) -> None:
    """out = tanh(a + b), or the sigmoid. Slices count from 0: other bounds of a loop make no vectors."""
    if by_tanh:
        for j in range(out.shape[0]):
            out[j] = tanh(a[j] + b[j])
    else:
        for j in range(out.shape[0]):
            out[j] = sigmoid(a[j] + b[j])


@compiled(
    NOTHING, given(FLOAT, 3), given(FLOAT, 3), given(FLOAT, 1), given(BYTE, 2), *[written(FLOAT, 3)] * 3, loose=CONTRACT
)  # fmt: skip
def _steps(x: Any, weights: Any, bias: Any, keep: Any, gates: Any, cells: Any, states: Any) -> None:
    """Gates after their functions; c before the first step and after each; h after each, batch first as x is."""
    batch, length, features = x.shape
    size = states.shape[2]
    rows = np.zeros((padded(batch, ROWS), features + size), np.float32)  # x_t and h_{t-1}
    products = np.empty((rows.shape[0], weights.shape[0] * weights.shape[2]), np.float32)
    cells[0] = 0.0
    for t in range(length):
        for n in range(batch):
            for j in range(features):
                rows[n, j] = x[n, t, j]
        multiply_wide(rows, 0, weights, 0, weights.shape[0], products)
        for n in range(batch):
            product, row = products[n], gates[t, n]
            _squash(product[: 2 * size], bias[: 2 * size], row[: 2 * size], False)
            _squash(product[2 * size : 3 * size], bias[2 * size : 3 * size], row[2 * size : 3 * size], True)
            _squash(product[3 * size : 4 * size], bias[3 * size :], row[3 * size :], False)
            before, after, state = cells[t, n], cells[t + 1, n], rows[n, features:]
            if keep.shape[0] > 0 and keep[t, n] == 0:
                after[:] = before
            else:
                i, f, g, o = row[:size], row[size : 2 * size], row[2 * size : 3 * size], row[3 * size :]
                for j in range(size):
                    after[j] = f[j] * before[j] + i[j] * g[j]
                for j in range(size):
                    state[j] = o[j] * tanh(after[j])
            for j in range(size):
                states[n, t, j] = state[j]


@compiled(
    NOTHING, *[given(FLOAT, 2)] * 3, given(BYTE, 2), INT, *[written(FLOAT, 2)] * 3, written(FLOAT, 1), loose=CONTRACT
)  # fmt: skip
def _gates_back(
    gates: Any, before: Any, after: Any, keep: Any, t: Any, dh: Any, dc: Any, grad: Any, total: Any
) -> None:
    """A step of the twin in NumPy: grad = dL/dz, and dc of the step before; total += sum of grad over the batch.

    Of a padded step grad is 0, and dc stays as it is.
    """
    batch, size = before.shape
    squashed, sums = np.empty(size, np.float32), np.zeros(total.shape[0], np.float32)
    for n in range(batch):
        row, to = gates[n], grad[n]
        if keep.shape[0] > 0 and keep[t, n] == 0:
            to[:] = 0.0
            continue
        i, f, g, o = row[:size], row[size : 2 * size], row[2 * size : 3 * size], row[3 * size :]
        di, df, dg, do = to[:size], to[size : 2 * size], to[2 * size : 3 * size], to[3 * size :]
        from_h, c, last, cell = dh[n], dc[n], before[n], after[n]
        for j in range(size):  # few arrays a loop: the compiler checks each pair for overlap, up to eight
            squashed[j] = tanh(cell[j])
        for j in range(size):
            through = from_h[j] * o[j]
            c[j] += through * (_ONE - squashed[j] * squashed[j])
            do[j] = through * squashed[j] * (_ONE - o[j])
        for j in range(size):
            dg[j] = c[j] * i[j] * (_ONE - g[j] * g[j])
        for j in range(size):
            di[j] = c[j] * i[j] * g[j] * (_ONE - i[j])
        for j in range(size):
            c[j] = c[j] * f[j]
            df[j] = c[j] * last[j] * (_ONE - f[j])
        for j in range(4 * size):
            sums[j] += to[j]
    for j in range(4 * size):
        total[j] += sums[j]


@compiled(
    NOTHING, INT, INT, given(FLOAT, 3), given(FLOAT, 3), given(BYTE, 2), given(FLOAT, 3), given(FLOAT, 3),
    written(FLOAT, 2), written(FLOAT, 2), written(FLOAT, 1), written(FLOAT, 3), written(FLOAT, 3),
)  # fmt: skip
def _steps_back(
    first: Any, last: Any, gates: Any, cells: Any, keep: Any, received: Any, transposed: Any, dh: Any, dc: Any,
    total: Any, panels: Any, grad_x: Any,
) -> None:  # fmt: skip
    """The steps from ``last`` back to ``first``: dL/dz as panels, dL/dx, dL/dbias; those two only if they have room."""
    batch, size = dh.shape
    features = grad_x.shape[2] if grad_x.shape[1] > 0 else 0
    width = gates.shape[2]
    grad = np.zeros((padded(batch, ROWS), padded(width, WIDE)), np.float32)
    products = np.empty((grad.shape[0], transposed.shape[0] * WIDE), np.float32)
    for t in range(last - 1, first - 1, -1):
        for n in range(batch):
            for j in range(size):
                dh[n, j] += received[t, n, j]
        _gates_back(gates[t], cells[t], cells[t + 1], keep, t, dh, dc, grad, total)
        for n in range(batch):
            for panel in range(panels.shape[0]):
                to, part = panels[panel, (t - first) * batch + n], grad[n, panel * WIDE : (panel + 1) * WIDE]
                for j in range(WIDE):
                    to[j] = part[j]
        if t == 0 and features == 0:
            break
        multiply_wide(grad, 0, transposed, 0, transposed.shape[0], products)
        for n in range(batch):
            if features > 0:
                grad_x[n, t, :] = products[n, :features]
            if keep.shape[0] == 0 or keep[t, n] != 0:  # a padded step hands dh on as it is
                dh[n, :] = products[n, features : features + size]


@compiled(NOTHING, given(FLOAT, 1), written(FLOAT, 3), INT, INT)
def _spread(row: Any, to: Any, tile: Any, place: Any) -> None:
    """A row as tiles of ROWS columns, from ``tile`` on, with zeros behind it."""
    for m in range(row.shape[0] // ROWS):
        part, into = row[m * ROWS : (m + 1) * ROWS], to[tile + m, place]
        for j in range(ROWS):
            into[j] = part[j]
    whole = row.shape[0] // ROWS * ROWS
    for j in range(whole, padded(row.shape[0], ROWS)):
        to[tile + whole // ROWS, place, j - whole] = row[j] if j < row.shape[0] else np.float32(0.0)


@compiled(NOTHING, given(FLOAT, 3), given(FLOAT, 3), INT, INT, written(FLOAT, 3))
def _rows_of(x: Any, states: Any, first: Any, last: Any, to: Any) -> None:
    """The rows x_t and h_{t-1} of some steps as ``multiply_packed`` takes them, h from a tile of its own on."""
    batch, tile = x.shape[0], padded(x.shape[2], ROWS) // ROWS
    nothing = np.zeros(states.shape[2], np.float32)
    for t in range(first, last):
        for n in range(batch):
            place = (t - first) * batch + n
            _spread(x[n, t], to, 0, place)
            _spread(states[n, t - 1] if t > 0 else nothing, to, tile, place)


def lstm_vjp(
    x: Array, weights_input: Array, weights_recurrent: Array, bias: Array, keep: Array | None = None
) -> Any:
    """See genoml.ops.recurrent.lstm_vjp; covers float32."""
    if any(array.dtype != np.float32 for array in (x, weights_input, weights_recurrent, bias)):
        return NotImplemented
    batch, length, features = x.shape
    size, width = weights_recurrent.shape
    real = np.empty((0, batch), np.uint8) if keep is None else np.ascontiguousarray(keep[:, :, 0], np.uint8)
    x = np.ascontiguousarray(x)
    weights = np.ascontiguousarray(np.concatenate([weights_input, weights_recurrent]))
    gates = np.empty((length, batch, width), np.float32)
    cells, states = (
        np.empty((length + 1, batch, size), np.float32),
        np.empty((batch, length, size), np.float32),
    )
    _steps(x, panels_of(weights), np.ascontiguousarray(bias), real, gates, cells, states)

    def pullback(
        received: list[Array | None], need_x: bool = True, need_params: bool = True
    ) -> tuple[np.ndarray | None, dict[str, np.ndarray]]:
        given_h = np.empty((length, batch, size), np.float32)
        for t, grad in enumerate(received):
            given_h[t] = 0.0 if grad is None else grad
        transposed = panels_of(np.ascontiguousarray((weights if need_x else weights_recurrent).T))
        grad_x = np.empty((batch, length if need_x else 0, features), np.float32)
        dh, dc = np.zeros((2, batch, size), np.float32)
        total = np.zeros(width, np.float32)
        steps = min(length, max(1, _ROWS_AT_ONCE // max(batch, 1)))
        of_states = padded(features, ROWS)
        # one line more each: with a power of two as their distance, the cache would keep few of them
        rows = np.empty(((of_states + padded(size, ROWS)) // ROWS, steps * batch + 2, ROWS), np.float32)
        panels = np.empty(
            (padded(width, WIDE) // WIDE if need_params else 0, steps * batch + 1, WIDE), np.float32
        )
        summed = np.empty((len(rows) * ROWS, len(panels) * WIDE), np.float32)
        for last in range(length, 0, -steps):
            first = max(0, last - steps)
            _steps_back(
                first, last, gates, cells, real, given_h, transposed, dh, dc, total, panels, grad_x
            )  # fmt: skip
            if need_params:
                _rows_of(x, states, first, last, rows)
                multiply_packed(rows, panels, (last - first) * batch, summed, last < length)
        of_inputs, of_recurrent = summed[:features, :width], summed[of_states : of_states + size, :width]
        grads = {"weights_input": of_inputs, "weights_recurrent": of_recurrent, "bias": total}
        return (grad_x if need_x else None), (grads if need_params else {})

    return states, pullback
