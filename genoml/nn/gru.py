"""Gated recurrent unit."""

from __future__ import annotations

from collections.abc import Mapping

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array
from genoml.nn.base import Gradient, Parameter
from genoml.nn.recurrent import Recurrent, ScanPullback
from genoml.ops.recurrent import recurrent_grad
from genoml.random import Initializer, constant

__all__ = ["GRU"]


class GRU(Recurrent):
    """Gated recurrent unit.

        (r, u, n) = x_t weights_input + bias        three blocks, in this order (PyTorch writes z for u)
        (r', u', q) = h_{t-1} weights_recurrent
        r = sigmoid(r + r'),  u = sigmoid(u + u'),  n = tanh(n + r (q + bias_recurrent))
        h_t = (1 - u) n + u h_{t-1},   h_0 = 0

    The reset gate acts behind the matrix, as in PyTorch and cuDNN. PyTorch's weight_ih and weight_hh are the
    transposes of ours; its two biases of r and u act only as their sum, which is ours, and its second bias of
    n is ``bias_recurrent``.

    Parameters, mask, shapes and errors are those of :class:`LSTM`.

    References
    ----------
    Cho et al. (2014), Learning phrase representations using RNN encoder-decoder, doi:10.3115/v1/D14-1179;
    there the reset gate multiplies h_{t-1} before the matrix.
    """

    gates = 3
    bias_recurrent, bias_recurrent_grad = Parameter(), Gradient()  # (hidden,)

    def initial_params(self) -> Mapping[str, Initializer]:
        """As the others, with the second bias."""
        return {**super().initial_params(), "bias_recurrent": constant((self.hidden,), 0.0)}

    def scan(self, z: Array, keep: Array | None) -> tuple[Array, ScanPullback]:
        """Run the steps; see :meth:`Recurrent.scan`."""
        xp, (length, batch, _), size = array_namespace(z), z.shape, self.hidden
        half = xp.full((2 * size,), 0.5, dtype=z.dtype, device=device_of(z))
        one = xp.ones((size,), dtype=z.dtype, device=device_of(z))
        # sigmoid(a) = (1 + tanh(a / 2)) / 2: one tanh for both gates, whose arguments come out halved
        scale = xp.concat([half, one])
        w, bias = self.weights_recurrent, self.bias_recurrent
        z, weights = z * scale, w * scale
        h = xp.zeros((batch, size), dtype=z.dtype, device=device_of(z))
        resets: list[Array] = []
        updates: list[Array] = []
        candidates: list[Array] = []
        projected: list[Array] = []
        states = [h]
        for t in range(length):
            from_state = h @ weights
            gates = 0.5 * xp.tanh(z[t, :, : 2 * size] + from_state[:, : 2 * size]) + 0.5
            r, u = gates[:, :size], gates[:, size:]
            q = from_state[:, 2 * size :] + bias
            n = xp.tanh(z[t, :, 2 * size :] + r * q)
            if keep is not None:  # u = 1 is a step that changes nothing, and passes the gradient on whole
                u = xp.where(keep[t, :, :], u, one)
            h = (1.0 - u) * n + u * h
            for values, value in ((resets, r), (updates, u), (candidates, n), (projected, q), (states, h)):
                values.append(value)

        def back(received: list[Array | None]) -> tuple[Array, dict[str, Array]]:
            before, u = xp.stack(states[:-1]), xp.stack(updates)
            r, n, q = (xp.stack(values) for values in (resets, candidates, projected))
            slopes, slope_n = _gru_slopes(r, u, n, q, before)
            grad_states = _gru_back(received, slopes, u, w)
            # z reaches n directly, h_{t-1} through r: they share dr and du, and differ in the last block
            shared = xp.reshape(grad_states[:, :, None, :] * slopes, (length, batch, 3 * size))
            grad_z = xp.concat([shared[:, :, : 2 * size], grad_states * slope_n], axis=2)
            grads = {
                "weights_recurrent": recurrent_grad(before, shared),
                "bias_recurrent": xp.sum(shared[:, :, 2 * size :], axis=(0, 1)),
            }
            return grad_z, grads

        return xp.stack(states[1:]), back


def _gru_slopes(r: Array, u: Array, n: Array, q: Array, before: Array) -> tuple[Array, Array]:
    """What dh is multiplied with: towards h_{t-1} W, (length, batch, 3, hidden), and towards n's input.

    With r', u', n' before their functions: dh/dn' = (1 - u) (1 - n^2), dh/dr' = dh/dn' q r (1 - r),
    dh/du' = (h_{t-1} - n) u (1 - u), dh/dq = dh/dn' r, where q has its bias.
    """
    xp = array_namespace(r)
    slope_n = (1.0 - u) * (1.0 - n * n)
    parts = [slope_n * q * r * (1.0 - r), (before - n) * u * (1.0 - u), slope_n * r]
    return xp.stack(parts, axis=2), slope_n


def _gru_back(received: list[Array | None], slopes: Array, updates: Array, weights: Array) -> Array:
    """The recursion in reverse: dh_{t-1} = dL/dy_{t-1} + dh_t u_t + (dh_t slopes_t) W^T.

    Shapes
    ------
    dh : (length, batch, hidden)
    """
    xp, (length, batch, _, size) = array_namespace(slopes), slopes.shape
    transposed = xp.matrix_transpose(weights)
    dh, grads = xp.zeros((batch, size), dtype=slopes.dtype, device=device_of(slopes)), []
    for t in reversed(range(length)):
        grad = received[t]
        dh = dh if grad is None else dh + grad
        grads.append(dh)
        through = xp.reshape(dh[:, None, :] * slopes[t, ...], (batch, 3 * size))
        dh = dh * updates[t, :, :] + through @ transposed
    return xp.stack(grads[::-1])
