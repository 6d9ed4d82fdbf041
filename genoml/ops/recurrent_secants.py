"""The steps of an LSTM and of a GRU between pairs of inputs (genoml/ops/secants.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array
from genoml.ops.activations import sigmoid
from genoml.ops.recurrent import gru_back, lstm_back
from genoml.ops.secants import midpoint, sigmoid_slope, slope_of_pairs, tanh_slope

#: states of x and of its references, and multipliers of each state of the references -> multipliers of their z
ScanBetween: TypeAlias = tuple[Array, Array, Callable[[list[Array | None]], Array]]


def _lstm_steps(z: Array, weights: Array) -> tuple[Array, Array, Array]:
    """Of the steps of ``lstm_scan``: gates before their functions (batch, length, 4, hidden), cells and states.

    Cells and states are (batch, length + 1, hidden), the first ones 0.
    """
    xp = array_namespace(z)
    length, batch, _ = z.shape
    size = weights.shape[0]
    h = c = xp.zeros((batch, size), dtype=z.dtype, device=device_of(z))
    gates, cells, states = list[Array](), [c], [h]
    for t in range(length):
        a = xp.reshape(z[t, :, :] + h @ weights, (batch, 4, size))
        c = sigmoid(a[:, 1, :]) * c + sigmoid(a[:, 0, :]) * xp.tanh(a[:, 2, :])
        h = sigmoid(a[:, 3, :]) * xp.tanh(c)
        gates.append(a)
        cells.append(c)
        states.append(h)
    return tuple(xp.stack(own, axis=1) for own in (gates, cells, states))


def lstm_between(z: Array, z_r: Array, weights: Array) -> ScanBetween:
    """The steps of ``lstm_scan`` between pairs of z.

    Of products the product rule, D(f c + i g) = mean(f) Dc + mean(c) Df + mean(g) Di + mean(i) Dg, and
    D(o tanh c) = mean(o) D(tanh c) + mean(tanh c) Do; of the gates and tanh their mean slopes. The recursion in reverse
    is that of the gradient, with means in place of values, and mean slopes in place of derivatives.
    """
    xp = array_namespace(z)
    (a, c, h), (a_r, c_r, h_r) = _lstm_steps(z, weights), _lstm_steps(z_r, weights)
    pairs = [(a[:, :, k, :], a_r[:, :, k, :]) for k in range(4)]
    i, f, g, o = (
        midpoint(act(x), act(r))
        for act, (x, r) in zip((sigmoid, sigmoid, xp.tanh, sigmoid), pairs, strict=True)
    )
    s_i, s_f, s_g, s_o = (
        slope_of_pairs(slope, x, r)
        for slope, (x, r) in zip(
            (sigmoid_slope, sigmoid_slope, tanh_slope, sigmoid_slope), pairs, strict=True
        )
    )
    now, now_r = c[:, 1:, :], c_r[:, 1:, :]
    before = midpoint(c[:, :-1, :], c_r[:, :-1, :])
    bounded = midpoint(xp.tanh(now), xp.tanh(now_r))
    slopes = xp.stack([g * s_i, before * s_f, i * s_g, bounded * s_o], axis=2)
    into_cell = o * slope_of_pairs(tanh_slope, now, now_r)
    slopes, into_cell, kept = (_steps_first(own) for own in (slopes, into_cell, f))

    def back(received: list[Array | None]) -> Array:
        return lstm_back(received, slopes, into_cell, kept, weights, None)

    return _steps_first(h[:, 1:, :]), _steps_first(h_r[:, 1:, :]), back


def _steps_first(x: Array) -> Array:
    """(batch, length, ...) -> (length, batch, ...)."""
    return array_namespace(x).permute_dims(x, (1, 0, *range(2, x.ndim)))


def _gru_steps(z: Array, weights: Array, bias: Array) -> tuple[Array, Array]:
    """Of the steps of ``gru_scan``: r and u before their functions, q + bias and n before tanh, in one array
    (batch, length, 4, hidden), and the states (batch, length + 1, hidden), the first ones 0.
    """
    xp = array_namespace(z)
    length, batch, _ = z.shape
    size = weights.shape[0]
    h = xp.zeros((batch, size), dtype=z.dtype, device=device_of(z))
    gates, states = list[Array](), [h]
    for t in range(length):
        own, from_state = (xp.reshape(rows, (batch, 3, size)) for rows in (z[t, :, :], h @ weights))
        r, u = (own[:, k, :] + from_state[:, k, :] for k in (0, 1))
        q = from_state[:, 2, :] + bias
        n = own[:, 2, :] + sigmoid(r) * q
        update = sigmoid(u)
        h = (1.0 - update) * xp.tanh(n) + update * h
        gates.append(xp.stack([r, u, q, n], axis=1))
        states.append(h)
    return xp.stack(gates, axis=1), xp.stack(states, axis=1)


def gru_between(z: Array, z_r: Array, weights: Array, bias: Array) -> ScanBetween:
    """The steps of ``gru_scan`` between pairs of z.

    With n = tanh(n'), D h_t = (1 - mean u) Dn + mean(u) D h_{t-1} + (mean(h_{t-1}) - mean(n)) Du, and n' changes by
    D z_n + mean(r) Dq + mean(q) Dr; of the gates and tanh the mean slopes. The recursion in reverse is the gradient's.
    """
    xp = array_namespace(z)
    (a, h), (a_r, h_r) = _gru_steps(z, weights, bias), _gru_steps(z_r, weights, bias)
    (r, r_r), (u, u_r), (q, q_r), (n, n_r) = ((a[:, :, k, :], a_r[:, :, k, :]) for k in range(4))
    reset, update = midpoint(sigmoid(r), sigmoid(r_r)), midpoint(sigmoid(u), sigmoid(u_r))
    new, before = midpoint(xp.tanh(n), xp.tanh(n_r)), midpoint(h[:, :-1, :], h_r[:, :-1, :])
    slope_n = (1.0 - update) * slope_of_pairs(tanh_slope, n, n_r)
    by_reset = slope_n * midpoint(q, q_r) * slope_of_pairs(sigmoid_slope, r, r_r)
    by_update = (before - new) * slope_of_pairs(sigmoid_slope, u, u_r)
    slopes = _steps_first(xp.stack([by_reset, by_update, slope_n * reset], axis=2))
    update, slope_n = _steps_first(update), _steps_first(slope_n)

    def back(received: list[Array | None]) -> Array:
        into_states = gru_back(received, slopes, update, weights)
        length, batch, size = into_states.shape
        shared = xp.reshape(into_states[:, :, None, :] * slopes[:, :, :2, :], (length, batch, 2 * size))
        return xp.concat([shared, into_states * slope_n], axis=2)

    return _steps_first(h[:, 1:, :]), _steps_first(h_r[:, 1:, :]), back
