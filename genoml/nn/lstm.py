"""Long short-term memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genoml.backend import Array
from genoml.nn.recurrent import Recurrent
from genoml.ops.recurrent import ScanPullback, lstm_scan
from genoml.random import Drawn, Initializer, constant

__all__ = ["LSTM"]


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
        closed = constant((4 * self.hidden,), 0.0)

        def forget_gate_open(rng: Any) -> Any:
            value = closed(rng)
            value[self.hidden : 2 * self.hidden] = 1.0
            return value

        return {**super().initial_params(), "bias": Drawn(closed.shape, forget_gate_open)}

    def scan(self, z: Array, keep: Array | None) -> tuple[Array, ScanPullback]:
        """Run the steps; see :meth:`Recurrent.scan`."""
        return lstm_scan(z, self.weights_recurrent, keep)  # type: ignore[no-any-return]
