"""The middle of a sequence."""

from __future__ import annotations

from array_api_compat import array_namespace

from genoml.backend import Array, Backend
from genoml.nn.base import Layer, Pullback, expect_shape
from genoml.nn.reach import Reach
from genoml.ops.pad import pad_length


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

    def __init__(self, length: int, *, dtype: str = "float32", backend: str | Backend | None = None) -> None:
        super().__init__(dtype=dtype, backend=backend)
        if length < 1:
            raise ValueError(f"CropTo expects length >= 1, got {length}")
        self.length = length

    def reach(self, length: int) -> Reach:
        """Each position itself, counted from the first that is kept."""
        before = (length - self.length) // 2
        return Reach(before=-before, after=self.length + before - length, copies=True)

    def vjp(self, x: Array, *, training: bool = False, step: int | None = None) -> tuple[Array, Pullback]:
        ok = x.ndim == 3 and x.shape[2] >= self.length
        expect_shape("CropTo", x, ok, f"(batch, channels, length >= {self.length})")
        xp, reach = array_namespace(x), self.reach(x.shape[2])
        before, after = -reach.before, -reach.after

        def pullback(grad: Array, *, need_x: bool = True) -> tuple[Array | None, dict[str, Array]]:
            # y is a part of x: its gradient, with zeros where x was cut off
            if not need_x:
                return None, {}
            rows = pad_length(xp.permute_dims(grad, (0, 2, 1)), before, after)
            return xp.permute_dims(rows, (0, 2, 1)), {}

        return x[:, :, before : before + self.length], pullback
