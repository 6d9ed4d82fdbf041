"""Layers that are told which positions are real and which are padding, and containers that pass it on."""

from __future__ import annotations

from typing import Any

from genoml.backend import Array
from genoml.nn.base import Layer, Pullback, expect_shape
from genoml.ops.arrays import array_like


class MaskedLayer(Layer):
    """A layer whose call takes a mask of the real steps: over (batch, length, features), or a container of such."""

    @property
    def takes_mask(self) -> bool:
        """Whether a mask has an effect: False for a container in which no layer takes one."""
        return True

    def __call__(
        self, x: Array, *, training: bool = False, step: int | None = None, mask: Any = None
    ) -> Array:
        """The output for ``x``; keeps what ``backward`` needs. ``mask`` is (batch, length), 1 = real."""
        self.backend.check(x, type(self).__name__)
        self.check_dtype(x)
        y, self._pullback = self.vjp(x, training=training, step=step, mask=mask)
        self._shape = tuple(y.shape)
        return y

    def vjp(
        self, x: Array, *, training: bool = False, step: int | None = None, mask: Any = None
    ) -> tuple[Array, Pullback]:
        """The output, and the pullback of its gradient."""
        raise NotImplementedError(f"{type(self).__name__} must define vjp(x, *, training, step, mask)")

    def real_steps(self, mask: Any, x: Array) -> Array | None:
        """The mask (host values, or an array beside x) as booleans (batch, length); None if all are real.

        Raises
        ------
        ValueError
            If the mask is not (batch, length).
        """
        if mask is None:
            return None
        real, expected = array_like(mask, x, f"{type(self).__name__} mask"), tuple(x.shape[:2])
        expect_shape(f"{type(self).__name__} mask", real, tuple(real.shape) == expected, f"{expected}")
        return real != 0


def call_vjp(
    layer: Layer, x: Array, *, training: bool = False, step: int | None = None, mask: Any = None
) -> tuple[Array, Pullback]:
    """``layer.vjp``, with the mask for a layer that takes one."""
    if isinstance(layer, MaskedLayer) and layer.takes_mask:
        return layer.vjp(x, training=training, step=step, mask=mask)
    return layer.vjp(x, training=training, step=step)


def refuse_unread_mask(layer: MaskedLayer, mask: Any) -> None:
    """Raise ValueError if there is a mask and the layer has no use for it: it would silently do nothing."""
    if mask is not None and not layer.takes_mask:
        raise ValueError(f"{type(layer).__name__} has no layer that takes a mask, and was given one")
