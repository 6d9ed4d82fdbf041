"""Gated recurrent unit."""

from __future__ import annotations

from collections.abc import Mapping

from genoml.backend import Array
from genoml.nn.base import Gradient, Parameter
from genoml.nn.recurrent import Recurrent
from genoml.ops.recurrent import ScanPullback, gru_scan
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
        return gru_scan(z, self.weights_recurrent, self.bias_recurrent, keep)
