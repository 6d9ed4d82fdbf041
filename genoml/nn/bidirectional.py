"""A recurrent layer in both directions."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, cast

from array_api_compat import array_namespace

from genoml.arguments import Limits
from genoml.backend import Array
from genoml.nn.containers import Container
from genoml.nn.layer import EVALUATION, Grads, Pass, Pullback, expect_shape
from genoml.nn.reach import sees_everything
from genoml.nn.recurrent import Recurrent
from genoml.ops.secants import Between

__all__ = ["Bidirectional"]


class Bidirectional(Container):
    """A recurrent layer and a second one that reads the sequence backwards, their outputs side by side.

        y[n, t] = [forward(x)[n, t], backward(flipped x)[n, length - 1 - t]]

    Without ``return_sequences`` they are the last state of each: that of the backward layer has read the
    sequence from its end to its start. Parameters are named ``forward.weights_input``,
    ``backward.weights_input``, ...

    Sequences of different lengths are padded on the right and given with a mask. The backward layer meets the
    padding first; there its state stays 0, so that it starts at each sequence's own last step.

    Parameters
    ----------
    layer : LSTM or GRU
        The forward layer; the backward one has its sizes and weights of its own.
    mask : (batch, length), 1 = real, 0 = padding, an argument of the call
        See :class:`LSTM`.

    Shapes
    ------
    x : (batch, length >= 1, in_features)
    y : (batch, length, 2 hidden), or (batch, 2 hidden) without ``return_sequences``

    Raises
    ------
    TypeError
        If ``layer`` is not a recurrent layer.

    References
    ----------
    Schuster and Paliwal (1997), Bidirectional recurrent neural networks, doi:10.1109/78.650093.
    """

    def __init__(
        self, layer: Annotated[Recurrent, Limits(description="an LSTM or a GRU")], *, seed: int = 0
    ) -> None:
        other = type(layer)(
            layer.in_features,
            layer.hidden,
            return_sequences=layer.return_sequences,
            dtype=layer.dtype,
            backend=layer.backend,
        )
        super().__init__({"forward": layer, "backward": other}, seed=seed)

    def _expect_layer(self, name: str, layer: object) -> None:
        if not isinstance(layer, Recurrent):
            raise TypeError(f"Bidirectional expects an LSTM or a GRU, got {type(layer).__name__}")

    @property
    def directions(self) -> tuple[Recurrent, Recurrent]:
        """The layer that reads the sequence from its start, and the one that reads it from its end."""
        forward, backward = self.layers
        return cast("Recurrent", forward), cast("Recurrent", backward)

    reach = sees_everything

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        """The output, and the pullback of its gradient."""
        xp = array_namespace(x)
        forward, backward = self.directions
        expect_shape(self, x, x.ndim == 3, f"(batch, length >= 1, {forward.in_features})")
        real = run.real_steps(self, x)
        flipped = None if real is None else xp.flip(real, axis=1)
        y_forward, pull_forward = forward.vjp(x, replace(self.run_of("forward", run), mask=real))
        other_run = replace(self.run_of("backward", run), mask=flipped)
        y_backward, pull_backward = backward.vjp(xp.flip(x, axis=1), other_run)
        learns_forward, learns_backward = self.learns("forward", run), self.learns("backward", run)

        def unflip(states: Array) -> Array:
            return xp.flip(states, axis=1) if forward.return_sequences else states

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            # y holds the two outputs side by side, and x goes to both: dL/dx is the sum of what they return
            size = forward.hidden
            x_forward, grads_forward = pull_forward(
                grad[..., :size], need_x=need_x, need_params=need_params and learns_forward
            )
            x_backward, grads_backward = pull_backward(
                unflip(grad[..., size:]), need_x=need_x, need_params=need_params and learns_backward
            )
            grads = {f"forward.{name}": value for name, value in grads_forward.items()}
            grads |= {f"backward.{name}": value for name, value in grads_backward.items()}
            if x_forward is None or x_backward is None:
                return None, grads
            return x_forward + xp.flip(x_backward, axis=1), grads

        return xp.concat([y_forward, unflip(y_backward)], axis=-1), pullback

    def between(self, x: Array, reference: Array) -> Between:
        """Each direction's own; the multipliers of x are the sum of both."""
        xp, (forward, backward) = array_namespace(x), self.directions
        y, y_r, back = forward.between(x, reference)
        other, other_r, back_other = backward.between(xp.flip(x, axis=1), xp.flip(reference, axis=1))

        def unflip(states: Array) -> Array:
            return xp.flip(states, axis=1) if forward.return_sequences else states

        def back_all(m: Array) -> Array:
            into = back_other(unflip(m[..., forward.hidden :]))
            return back(m[..., : forward.hidden]) + xp.flip(into, axis=1)

        both = (xp.concat([one, unflip(two)], axis=-1) for one, two in ((y, other), (y_r, other_r)))
        return *both, back_all
