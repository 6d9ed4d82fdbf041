"""The steps of an LSTM compiled whole: products with weights that are packed once, and the gates in vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from genoml.backend import Array
from genoml.ops.recurrent import recurrent_grad
from genoml_numpy.compiled.functions import CONTRACT, sigmoid, tanh
from genoml_numpy.compiled.signatures import BYTE, FLOAT, INT, NOTHING, compiled, given, written
from genoml_numpy.compiled.tiles import ROWS, multiply_wide, padded, panels_of
from genoml_numpy.twins import recurrent as plain

_ONE = np.float32(1.0)


@compiled(
    NOTHING, given(FLOAT, 3), given(FLOAT, 1), given(FLOAT, 3), given(BYTE, 2), *[written(FLOAT, 3)] * 3, loose=CONTRACT
)  # fmt: skip
def _steps(z: Any, bias: Any, weights: Any, keep: Any, gates: Any, cells: Any, states: Any) -> None:
    """Gates after their functions, and c and h after each step, which begin with those before the first."""
    length, batch, width = z.shape
    size = width // 4
    h = np.zeros((padded(batch, ROWS), size), np.float32)
    products = np.empty((h.shape[0], weights.shape[0] * weights.shape[2]), np.float32)
    for t in range(length):
        if t == 0:
            products[:] = 0.0
        else:
            multiply_wide(h, 0, weights, 0, weights.shape[0], products)
        for n in range(batch):
            product, own, row = products[n], z[t, n], gates[t, n]
            for j in range(2 * size):
                row[j] = sigmoid(product[j] + own[j] + bias[j])
            for j in range(2 * size, 3 * size):
                row[j] = tanh(product[j] + own[j] + bias[j])
            for j in range(3 * size, 4 * size):
                row[j] = sigmoid(product[j] + own[j] + bias[j])
            before, after, state = cells[t, n], cells[t + 1, n], h[n]
            if keep.shape[0] > 0 and keep[t, n] == 0:
                after[:] = before
            else:
                i, f, g, o = row[:size], row[size : 2 * size], row[2 * size : 3 * size], row[3 * size :]
                for j in range(size):
                    after[j] = f[j] * before[j] + i[j] * g[j]
                for j in range(size):
                    state[j] = o[j] * tanh(after[j])
            states[t + 1, n, :] = state


@compiled(
    NOTHING, *[given(FLOAT, 2)] * 3, given(BYTE, 1), *[written(FLOAT, 2)] * 3, written(FLOAT, 1), loose=CONTRACT
)  # fmt: skip
def _gates_back(
    gates: Any, before: Any, after: Any, keep: Any, dh: Any, dc: Any, grad: Any, total: Any
) -> None:
    """A step of the twin in NumPy: grad = dL/dz, and dc of the step before; total += sum of grad over the batch.

    Of a padded step grad is 0, and dc stays as it is.
    """
    batch, size = before.shape
    squashed, sums = np.empty(size, np.float32), np.zeros(total.shape[0], np.float32)
    for n in range(batch):
        row, to = gates[n], grad[n]
        if keep.shape[0] > 0 and keep[n] == 0:
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
            di[j] = c[j] * i[j] * g[j] * (_ONE - i[j])
        for j in range(size):
            c[j] = c[j] * f[j]
            df[j] = c[j] * last[j] * (_ONE - f[j])
        for j in range(4 * size):
            sums[j] += to[j]
    for j in range(4 * size):
        total[j] += sums[j]


@compiled(
    NOTHING, given(FLOAT, 2), INT, given(FLOAT, 3), given(BYTE, 1), written(FLOAT, 2), written(FLOAT, 2)
)
def _states_back(grad: Any, start: Any, transposed: Any, keep: Any, products: Any, dh: Any) -> None:
    """dh of the step before: dz W^T, and dh as it is of a padded step."""
    multiply_wide(grad, start, transposed, 0, transposed.shape[0], products)
    for n in range(dh.shape[0]):
        if keep.shape[0] == 0 or keep[n] != 0:
            for j in range(dh.shape[1]):
                dh[n, j] = products[n, j]


def lstm_scan(z: Array, weights: Array, keep: Array | None = None, bias: Array | None = None) -> Any:
    """See genoml.ops.recurrent.lstm_scan; covers float32."""
    added = np.zeros(z.shape[2], z.dtype) if bias is None else bias
    if any(array.dtype != np.float32 for array in (z, weights, added)):
        return plain.lstm_scan(z, weights, keep, bias)
    length, batch, width = z.shape
    size = width // 4
    kept = np.empty((0, batch), np.uint8) if keep is None else np.ascontiguousarray(keep[:, :, 0], np.uint8)
    z, added = np.ascontiguousarray(z), np.ascontiguousarray(added)
    gates = np.empty(z.shape, np.float32)
    #: c and h before the first step and after each
    cells, states = (np.empty((length + 1, batch, size), np.float32) for _ in range(2))
    cells[0] = states[0] = 0.0
    _steps(z, added, panels_of(np.ascontiguousarray(weights)), kept, gates, cells, states)

    def back(
        received: list[Array | None], need_weights: bool = True
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        rows = np.empty((length * batch + ROWS, width), np.float32)
        rows[length * batch :] = 0.0  # a tile reads rows behind the last of a batch
        grad_z = rows[: length * batch].reshape(length, batch, width)
        transposed = panels_of(np.ascontiguousarray(weights.T))
        products = np.empty((padded(batch, ROWS), transposed.shape[0] * transposed.shape[2]), np.float32)
        dh, dc = np.zeros((2, batch, size), np.float32)
        total = np.zeros(width, np.float32)
        for t in reversed(range(length)):
            real = kept[t] if len(kept) else kept.reshape(-1)
            if received[t] is not None:
                dh += received[t]
            _gates_back(gates[t], cells[t], cells[t + 1], real, dh, dc, grad_z[t], total)
            if t:
                _states_back(rows, t * batch, transposed, real, products, dh)
        if not need_weights:
            return grad_z, {}
        grads = {"weights_recurrent": recurrent_grad(states[:-1], grad_z)}
        return grad_z, grads if bias is None else {**grads, "bias": total}

    return states[1:], back
