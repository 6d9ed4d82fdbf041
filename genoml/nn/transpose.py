"""From convolutions, whose channels are axis 1, to layers whose features are the last axis, and back."""

from __future__ import annotations

from array_api_compat import array_namespace

from genoml.backend import Array
from genoml.nn.base import EVALUATION, Grads, Layer, Pass, Pullback, expect_shape
from genoml.nn.reach import sees_everything

__all__ = ["Transpose"]


class Transpose(Layer):
    """The last two axes swapped: y[n, l, c] = x[n, c, l], a view without a copy.

    Between a convolution, (batch, channels, length), and attention or a recurrent layer, (batch, length,
    features). The derivative is the same swap.

    Shapes
    ------
    x : (batch, channels, length), or (batch, length, channels)
    y : (batch, length, channels), or (batch, channels, length)

    Raises
    ------
    ValueError
        If x has not three axes.
    """

    reach = sees_everything

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        """The output, and the pullback of its gradient."""
        expect_shape("Transpose", x, x.ndim == 3, "(batch, channels, length)")
        xp = array_namespace(x)

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            return (xp.permute_dims(grad, (0, 2, 1)) if need_x else None), {}

        return xp.permute_dims(x, (0, 2, 1)), pullback
