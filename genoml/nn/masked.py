"""Layers over (batch, length, features) that are told which positions are real and which are padding."""

from __future__ import annotations

from typing import Any

from genoml.backend import Array
from genoml.nn.base import Layer, Pullback, expect_shape
from genoml.ops.convert import array_like


class MaskedLayer(Layer):
    """A layer over (batch, length, features) whose call takes a mask of the real steps."""

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
