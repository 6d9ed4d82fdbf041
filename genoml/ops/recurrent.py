"""The steps of recurrent layers, and backpropagation through them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array
from genoml.ops._dispatch import operation

#: gradients of the states, one a step (None: zero), and whether the weights' gradient is needed -> gradients of z
#: and of the weights
LSTMPullback: TypeAlias = Callable[..., tuple[Array, dict[str, Array]]]


@operation
def lstm_scan(z: Array, weights: Array, keep: Array | None = None) -> tuple[Array, LSTMPullback]:
    """Run the steps of an LSTM whose gates' input part is z.

        (i, f, g, o) = z_t + h_{t-1} weights
        c_t = sigmoid(f) c_{t-1} + sigmoid(i) tanh(g)
        h_t = sigmoid(o) tanh(c_t),   h_0 = c_0 = 0

    A step t at which ``keep`` is False leaves h and c as they are.

    Shapes
    ------
    z : (length, batch, 4 hidden);  weights : (hidden, 4 hidden);  keep : (length, batch, 1)
    states h : (length, batch, hidden)
    """
    xp, (length, batch, _), size = array_namespace(z), z.shape, weights.shape[0]
    half = xp.full((size,), 0.5, dtype=z.dtype, device=device_of(z))
    # sigmoid(a) = (1 + tanh(a / 2)) / 2: one tanh serves all four gates, scaled before and after
    scale = xp.concat([half, half, 2.0 * half, half])
    z, scaled, shift = z * scale, weights * scale, 1.0 - scale
    h = c = xp.zeros((batch, size), dtype=z.dtype, device=device_of(z))
    activations: list[Array] = []
    squashed: list[Array] = []
    cells, states = [c], [h]
    for t in range(length):
        a = xp.tanh(z[t, :, :] + h @ scaled) * scale + shift
        i, f, g, o = (a[:, k * size : (k + 1) * size] for k in range(4))
        cell = f * c + i * g
        bounded = xp.tanh(cell)
        state = o * bounded
        c = cell if keep is None else xp.where(keep[t, :, :], cell, c)
        h = state if keep is None else xp.where(keep[t, :, :], state, h)
        activations.append(a)
        cells.append(c)
        squashed.append(bounded)
        states.append(h)

    def back(received: list[Array | None], need_weights: bool = True) -> tuple[Array, dict[str, Array]]:
        a = xp.reshape(xp.stack(activations), (length, batch, 4, size))
        slopes, into_cell, kept = _lstm_slopes(a, xp.stack(cells[:-1]), xp.stack(squashed), keep)
        grad_z = _lstm_back(received, slopes, into_cell, kept, weights, keep)
        return grad_z, ({"weights_recurrent": recurrent_grad(before, grad_z)} if need_weights else {})

    before = xp.stack(states[:-1])
    return xp.stack(states[1:]), back


def _lstm_slopes(a: Array, before: Array, bounded: Array, keep: Array | None) -> tuple[Array, Array, Array]:
    """What dc and dh are multiplied with: (length, batch, 4, hidden) and twice (length, batch, hidden).

    i, f, g, o are the gates behind their functions, and i', ... before: dc/di' = g i (1 - i),
    dc/df' = c_{t-1} f (1 - f), dc/dg' = i (1 - g^2), dh/do' = tanh(c) o (1 - o);
    dh/dc = o (1 - tanh(c)^2);  dc/dc_{t-1} = f.
    A padded step has slopes 0, and passes dc on whole.
    """
    xp = array_namespace(a)
    i, f, g, o = (a[:, :, k, :] for k in range(4))
    parts = [g * i * (1.0 - i), before * f * (1.0 - f), i * (1.0 - g * g), bounded * o * (1.0 - o)]
    slopes, into_cell = xp.stack(parts, axis=2), o * (1.0 - bounded * bounded)
    if keep is None:
        return slopes, into_cell, f
    zero = xp.zeros((), dtype=a.dtype, device=device_of(a))
    one = xp.ones((), dtype=a.dtype, device=device_of(a))
    return (
        xp.where(keep[:, :, :, None], slopes, zero),
        xp.where(keep, into_cell, zero),
        xp.where(keep, f, one),
    )


def _lstm_back(
    received: list[Array | None],
    slopes: Array,
    into_cell: Array,
    kept: Array,
    weights: Array,
    keep: Array | None,
) -> Array:
    """The recursion in reverse; gives dL/dz (length, batch, 4 hidden).

    dh_t = dL/dy_t + dz_{t+1} W^T;  dc_t = dh_t dh/dc + dc_{t+1} f_{t+1};  dz_t = (dc, dc, dc, dh) slopes.
    """
    xp, (length, batch, _, size) = array_namespace(slopes), slopes.shape
    transposed = xp.matrix_transpose(weights)
    dh = dc = xp.zeros((batch, size), dtype=slopes.dtype, device=device_of(slopes))
    zero, grads = xp.zeros((), dtype=slopes.dtype, device=device_of(slopes)), []
    for t in reversed(range(length)):
        grad = received[t]
        dh = dh if grad is None else dh + grad
        dc = dc + dh * into_cell[t, :, :]
        dz = xp.reshape(xp.stack([dc, dc, dc, dh], axis=1) * slopes[t, ...], (batch, 4 * size))
        passed = None if keep is None else xp.where(keep[t, :, :], zero, dh)
        dh = dz @ transposed if passed is None else dz @ transposed + passed
        dc = dc * kept[t, :, :]
        grads.append(dz)
    return xp.stack(grads[::-1])


def recurrent_grad(before: Array, grad_z: Array) -> Array:
    """z_t = ... + h_{t-1} W  =>  dL/dW = sum_t h_{t-1}^T dz_t, as one product over all steps."""
    xp, (length, batch, size) = array_namespace(before), before.shape
    rows = xp.reshape(before, (length * batch, size))
    return xp.matrix_transpose(rows) @ xp.reshape(grad_z, (length * batch, grad_z.shape[2]))
