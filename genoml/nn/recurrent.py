"""Recurrent layers: LSTM and GRU; their steps are in genoml/ops/recurrent.py.

The input's part of every gate is one matrix product for all steps; only the state's part runs step by step,
in Python. In the pullback, whatever does not depend on later steps (the slopes of the gates) is computed for
all steps at once, so that a step costs one product and a few element-wise operations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.arguments import Count
from genoml.backend import Array, Backend
from genoml.nn.layer import EVALUATION, Gradient, Grads, Layer, Parameter, Pass, Pullback, expect_shape
from genoml.nn.reach import sees_everything
from genoml.ops.recurrent import ScanPullback, StepsPullback, gru_scan, lstm_vjp, read_steps
from genoml.ops.recurrent_secants import ScanBetween, gru_between, lstm_between
from genoml.ops.secants import Between
from genoml.random import Drawn, Initializer, constant, glorot_normal

__all__ = ["GRU", "LSTM"]


class Recurrent(Layer):
    """Base of LSTM and GRU: the input's part of the gates, and the output from the states."""

    gates: int
    reads_mask = True
    weights_input, weights_input_grad = Parameter(), Gradient()  # (in_features, gates hidden)
    weights_recurrent, weights_recurrent_grad = Parameter(), Gradient()  # (hidden, gates hidden)
    bias, bias_grad = Parameter(), Gradient()  # (gates hidden,)

    def __init__(
        self,
        in_features: Count,
        hidden: Count,
        *,
        return_sequences: bool = True,
        seed: int = 0,
        dtype: str = "float32",
        backend: str | Backend | None = None,
    ) -> None:
        super().__init__(seed=seed, dtype=dtype, backend=backend)
        self.in_features = in_features
        self.hidden = hidden
        self.return_sequences = return_sequences

    def initial_params(self) -> Mapping[str, Initializer]:
        """Each gate's weights are drawn as a dense layer's."""
        size = self.hidden
        return {
            "weights_input": glorot_normal((self.in_features, self.gates * size), self.in_features, size),
            "weights_recurrent": glorot_normal((size, self.gates * size), size, size),
            "bias": constant((self.gates * size,), 0.0),
        }

    def read(self, x: Array, keep: Array | None) -> tuple[Array, StepsPullback]:
        """Run the steps.

        Shapes
        ------
        x : (batch, length, features);  keep : (length, batch, 1);  states : (batch, length, hidden)
        """
        raise NotImplementedError(f"{type(self).__name__} must define read(x, keep)")

    reach = sees_everything

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        """The output, and the pullback of its gradient."""
        ok = x.ndim == 3 and x.shape[1] >= 1 and x.shape[2] == self.in_features
        expect_shape(self, x, ok, f"(batch, length >= 1, {self.in_features})")
        xp, real = array_namespace(x), run.real_steps(self, x)
        keep = None if real is None else xp.permute_dims(real, (1, 0))[:, :, None]
        if real is not None:  # whatever the padding holds, NaN too, must not reach a product
            x = xp.where(real[:, :, None], x, xp.zeros((), dtype=x.dtype, device=device_of(x)))
        length = x.shape[1]
        states, back = self.read(x, keep)

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            return back(self._received(grad, length), need_x, need_params)

        return (states if self.return_sequences else states[:, -1, :]), pullback

    def _received(self, grad: Array, length: int) -> list[Array | None]:
        """The gradient, or the multipliers, of each step's state."""
        if self.return_sequences:
            return [grad[:, t, :] for t in range(length)]
        return [None] * (length - 1) + [grad]

    def scan_between(self, z: Array, z_r: Array) -> ScanBetween:
        """The steps between pairs of z, see genoml/ops/recurrent.py."""
        raise NotImplementedError(f"{type(self).__name__} must define scan_between(z, z_r)")

    def between(self, x: Array, reference: Array) -> Between:
        """The steps' own rules, after the affine input's part of the gates."""
        xp, weights, length = array_namespace(x), self.weights_input, x.shape[1]
        z, z_r = (xp.permute_dims(rows, (1, 0, 2)) @ weights + self.bias for rows in (x, reference))
        states, states_r, back = self.scan_between(z, z_r)

        def back_all(m: Array) -> Array:
            into_z = back(self._received(m, length))
            return xp.permute_dims(into_z @ xp.matrix_transpose(weights), (1, 0, 2))

        if not self.return_sequences:
            return states[-1, :, :], states_r[-1, :, :], back_all
        return xp.permute_dims(states, (1, 0, 2)), xp.permute_dims(states_r, (1, 0, 2)), back_all


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
        A padded step leaves the state as it is, wherever it lies: after right padding the last state is that
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
        """As in Recurrent, with 1 for the forget gate's bias."""
        closed = constant((4 * self.hidden,), 0.0)

        def forget_gate_open(rng: Any) -> Any:
            value = closed(rng)
            value[self.hidden : 2 * self.hidden] = 1.0
            return value

        return {**super().initial_params(), "bias": Drawn(closed.shape, forget_gate_open)}

    def read(self, x: Array, keep: Array | None) -> tuple[Array, StepsPullback]:
        """Run the steps; see :meth:`Recurrent.read`."""
        return lstm_vjp(x, self.weights_input, self.weights_recurrent, self.bias, keep)  # type: ignore[no-any-return]

    def scan_between(self, z: Array, z_r: Array) -> ScanBetween:
        """See :meth:`Recurrent.scan_between`."""
        return lstm_between(z, z_r, self.weights_recurrent)


class GRU(Recurrent):
    """Gated recurrent unit.

        (r, u, n) = x_t weights_input + bias        three blocks, in this order (PyTorch writes z for u)
        (r', u', q) = h_{t-1} weights_recurrent
        r = sigmoid(r + r'),  u = sigmoid(u + u'),  n = tanh(n + r (q + bias_recurrent))
        h_t = (1 - u) n + u h_{t-1},   h_0 = 0

    The reset gate acts after the matrix product, as in PyTorch and cuDNN. PyTorch's weight_ih and weight_hh are the
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
        """As in Recurrent, with a second bias."""
        return {**super().initial_params(), "bias_recurrent": constant((self.hidden,), 0.0)}

    def read(self, x: Array, keep: Array | None) -> tuple[Array, StepsPullback]:
        """Run the steps; see :meth:`Recurrent.read`."""

        def scan(z: Array) -> tuple[Array, ScanPullback]:
            return gru_scan(z + self.bias, self.weights_recurrent, self.bias_recurrent, keep)  # type: ignore[no-any-return]

        return read_steps(x, self.weights_input, scan)

    def scan_between(self, z: Array, z_r: Array) -> ScanBetween:
        """See :meth:`Recurrent.scan_between`."""
        return gru_between(z, z_r, self.weights_recurrent, self.bias_recurrent)
