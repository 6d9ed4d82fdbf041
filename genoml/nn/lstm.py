"""Long short-term memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array
from genoml.nn.recurrent import Recurrent, ScanPullback, recurrent_grad
from genoml.random import Initializer, constant


class LSTM(Recurrent):
    """Long short-term memory.

        (i, f, g, o) = x_t weights_input + h_{t-1} weights_recurrent + bias        four blocks, in this order
        c_t = sigmoid(f) c_{t-1} + sigmoid(i) tanh(g)
        h_t = sigmoid(o) tanh(c_t),   h_0 = c_0 = 0

    The gates are in PyTorch's order; its weight_ih and weight_hh are the transposes of ours, and our one bias
    is the sum of its two. The forget gate's bias begins at 1, so that the cell remembers at first.

    Parameters
    ----------
    in_features, hidden : int
        Sizes of a step of x and of the state.
    return_sequences : bool
        Give every state, or the last one only.
    mask : (batch, length), 1 = real, 0 = padding, an argument of the call
        A padded step leaves the state as it is, wherever it lies: behind right padding the last state is that
        of the last real step. y repeats the state there.

    Shapes
    ------
    x : (batch, length >= 1, in_features)
    y : (batch, length, hidden), or (batch, hidden) without ``return_sequences``

    Raises
    ------
    ValueError
        If x, or the mask, has another shape.

    References
    ----------
    Hochreiter and Schmidhuber (1997), Long short-term memory, doi:10.1162/neco.1997.9.8.1735; the forget gate
    is that of Gers et al. (2000), doi:10.1162/089976600300015015; its bias, of Jozefowicz et al. (2015), An
    empirical exploration of recurrent network architectures.
    """

    gates = 4

    def initial_params(self) -> Mapping[str, Initializer]:
        """As the others, but for the forget gate's bias."""

        def forget_gate_open(rng: Any) -> Any:
            value = constant((4 * self.hidden,), 0.0)(rng)
            value[self.hidden : 2 * self.hidden] = 1.0
            return value

        return {**super().initial_params(), "bias": forget_gate_open}

    def scan(self, z: Array, keep: Array | None) -> tuple[list[Array], ScanPullback]:
        """Run the steps; see :meth:`Recurrent.scan`."""
        xp, (length, batch, _), size = array_namespace(z), z.shape, self.hidden
        half = xp.full((size,), 0.5, dtype=z.dtype, device=device_of(z))
        # sigmoid(a) = (1 + tanh(a / 2)) / 2: one tanh serves all four gates, scaled before and after
        scale = xp.concat([half, half, 2.0 * half, half])
        w = self.weights_recurrent
        z, weights, shift = z * scale, w * scale, 1.0 - scale
        h = c = xp.zeros((batch, size), dtype=z.dtype, device=device_of(z))
        activations: list[Array] = []
        squashed: list[Array] = []
        cells, states = [c], [h]
        for t in range(length):
            a = xp.tanh(z[t, :, :] + h @ weights) * scale + shift
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

        def back(received: list[Array | None]) -> tuple[Array, dict[str, Array]]:
            a = xp.reshape(xp.stack(activations), (length, batch, 4, size))
            slopes, into_cell, kept = _lstm_slopes(a, xp.stack(cells[:-1]), xp.stack(squashed), keep)
            grad_z = _lstm_back(received, slopes, into_cell, kept, w, keep)
            return grad_z, {"weights_recurrent": recurrent_grad(xp.stack(states[:-1]), grad_z)}

        return states[1:], back


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
