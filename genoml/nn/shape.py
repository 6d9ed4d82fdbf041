"""Layers that rearrange their input: flatten, transpose, crop, pad."""

from __future__ import annotations

from functools import lru_cache

from array_api_compat import array_namespace

from genoml.arguments import Count
from genoml.backend import Array, Backend
from genoml.nn.layer import EVALUATION, Grads, Layer, Pass, Pullback
from genoml.nn.messages import expect_shape
from genoml.nn.reach import sees_everything
from genoml.ops.arrays import pad_axis
from genoml.ops.windows import Reach

__all__ = ["CropTo", "Flatten", "Pad", "Transpose"]


class Flatten(Layer):
    """All axes but the batch as one, channel by channel: y[n, c L + l] = x[n, c, l].

    Shapes
    ------
    x : (batch, ...)
    y : (batch, product of the others)
    """

    readout = "flatten"

    affine = True
    reach = sees_everything

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        xp, shape = array_namespace(x), tuple(x.shape)
        expect_shape(self, x, x.ndim >= 2, "(batch, ...)")
        size = 1
        for extent in shape[1:]:
            size *= extent

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            return (xp.reshape(grad, shape) if need_x else None), {}

        return xp.reshape(x, (shape[0], size)), pullback


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

    affine = True
    reach = sees_everything

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        """The output, and the pullback of its gradient."""
        expect_shape(self, x, x.ndim == 3, "(batch, channels, length)")
        xp = array_namespace(x)

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            return (xp.permute_dims(grad, (0, 2, 1)) if need_x else None), {}

        return xp.permute_dims(x, (0, 2, 1)), pullback


class CropTo(Layer):
    """The ``length`` positions in the middle: y[n, c, l] = x[n, c, l + (L - length) // 2].

    Profile models cut off the ends, where the receptive field reaches past the sequence. If L - length is
    odd, the right end loses one position more.

    Parameters
    ----------
    length : int
        Positions to keep.

    Shapes
    ------
    x : (batch, channels, L >= length)
    y : (batch, channels, length)

    Raises
    ------
    ValueError
        If a sequence is shorter than ``length``.
    """

    def __init__(
        self, length: Count, *, dtype: str = "float32", backend: str | Backend | None = None
    ) -> None:
        super().__init__(dtype=dtype, backend=backend)
        self.length = length

    affine = True

    def reach(self, length: int) -> Reach:
        """An output is the input at its own position, counted from the first that is kept."""
        before = (length - self.length) // 2
        return Reach(before=-before, after=self.length + before - length, copies=True)

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        ok = x.ndim == 3 and x.shape[2] >= self.length
        expect_shape(self, x, ok, f"(batch, channels, length >= {self.length})")
        # CropTo's own: a subclass with another vjp may not define one
        xp, reach = array_namespace(x), CropTo.reach(self, x.shape[2])
        before, after = -reach.before, -reach.after

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            # y is a part of x: its gradient, with zeros where x was cut off
            if not need_x:
                return None, {}
            rows = pad_axis(xp.permute_dims(grad, (0, 2, 1)), before, after)
            return xp.permute_dims(rows, (0, 2, 1)), {}

        return x[:, :, before : before + self.length], pullback


@lru_cache(maxsize=256)
def crop_to(length: int, dtype: str = "float32", backend: Backend | None = None) -> CropTo:
    """A CropTo for layers that crop within: the same one each time, as it holds nothing."""
    return CropTo(length, dtype=dtype, backend=backend)


class Pad(Layer):
    """Zeros added at the two ends of a sequence, or positions cut off: y[n, c, l] = x[n, c, l - before], else 0.

    Parameters
    ----------
    before, after : int
        Zeros on the left and on the right; below 0, positions to cut off.

    Shapes
    ------
    x : (batch, channels, length)
    y : (batch, channels, before + length + after)

    Raises
    ------
    ValueError
        If a sequence is too short to be cut.
    """

    def __init__(
        self, before: int, after: int, *, dtype: str = "float32", backend: str | Backend | None = None
    ) -> None:
        super().__init__(dtype=dtype, backend=backend)
        self.before, self.after = before, after

    affine = True

    def reach(self, length: int) -> Reach:
        """An output is the input at its own position, or 0."""
        return Reach(before=self.before, after=self.after, copies=max(self.before, self.after) <= 0)

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        shortest = max(1 - self.before - self.after, 1, 1 - self.before, 1 - self.after)
        ok = x.ndim == 3 and x.shape[2] >= shortest
        expect_shape(self, x, ok, f"(batch, channels, length >= {shortest})")

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            # y is x moved by ``before``: its gradient is g moved back, with zeros where x was cut off
            return (_moved(grad, -self.before, -self.after) if need_x else None), {}

        return _moved(x, self.before, self.after), pullback


def _moved(x: Array, before: int, after: int) -> Array:
    """x (batch, channels, length) with zeros at its ends, or without some of its positions."""
    xp, stop = array_namespace(x), x.shape[2] + min(after, 0)
    rows = xp.permute_dims(x[:, :, max(-before, 0) : stop], (0, 2, 1))
    return xp.permute_dims(pad_axis(rows, max(before, 0), max(after, 0)), (0, 2, 1))
