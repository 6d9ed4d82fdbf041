"""Residual blocks: a shortcut around layers that keep the shape, or shorten the sequence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import add

from genoml.backend import Array
from genoml.nn.containers import Sequential
from genoml.nn.layer import EVALUATION, Grads, Layer, Pass, Pullback
from genoml.nn.messages import layer_label
from genoml.nn.reach import Branches, reach_in_row
from genoml.nn.shape import crop_to
from genoml.ops.arrays import in_memory_order
from genoml.ops.secants import Between
from genoml.ops.windows import EVERYTHING

__all__ = ["CroppedResidual", "Residual"]


class Residual(Sequential):
    """A shortcut around one layer, or around several in a row: y = x + f(x).

    The parameters are named as in Sequential.

    Shapes
    ------
    x, y : any that the layers map to itself

    Raises
    ------
    ValueError
        If f(x) does not have the shape of x.

    References
    ----------
    He et al. (2016), Deep residual learning for image recognition, doi:10.1109/CVPR.2016.90, eq. 1.
    """

    def __init__(self, layers: Layer | Sequence[Layer] | Mapping[str, Layer], *, seed: int = 0) -> None:
        super().__init__([layers] if isinstance(layers, Layer) else layers, seed=seed)

    def branches(self, length: int) -> Branches[Layer]:
        """x, and f(x), added."""
        return Branches.joined([(), self.layers], lambda outputs: outputs[0] + outputs[1])

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        y, pullback_layers = super().vjp(x, run)
        if tuple(y.shape) != tuple(x.shape):
            raise ValueError(
                f"{layer_label(self)} expects f(x) of x's shape {tuple(x.shape)}, got {tuple(y.shape)}"
            )

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            # y = x + f(x): dL/dx = g + (df/dx)^T g
            grad_x, grads = pullback_layers(grad, need_x=need_x, need_params=need_params)
            return (None if grad_x is None else in_memory_order(grad_x, grad, add)), grads

        return in_memory_order(x, y, add), pullback

    def between(self, x: Array, reference: Array) -> Between:
        """y = x + f(x): the multipliers of y, and those that f gives back, added."""
        y, y_r, back = super().between(x, reference)
        return (
            in_memory_order(x, y, add),
            in_memory_order(reference, y_r, add),
            lambda m: in_memory_order(back(m), m, add),
        )


class CroppedResidual(Sequential):
    """A shortcut around convolutions without padding: y = crop(x) + f(x), the middle of x being added.

    f keeps the channels and shortens the sequence; ``crop`` is that of :class:`CropTo`. The parameters are
    named as in Sequential.

    Shapes
    ------
    x : (batch, channels, length)
    y : (batch, channels, length - what f takes off)

    Raises
    ------
    ValueError
        If f(x) has other channels than x, or is longer.

    References
    ----------
    Avsec et al. (2021), BPNet, doi:10.1038/s41588-021-00782-6, as in its authors' later code.
    """

    def branches(self, length: int) -> Branches[Layer] | None:
        """The middle of x, and f(x), added."""
        f = reach_in_row(self.layers, length)
        if f is None or f == EVERYTHING:
            return None
        crop = crop_to(f.outputs(length), self.dtype, self.backend)
        return Branches.joined([(crop,), self.layers], lambda outputs: outputs[0] + outputs[1])

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        """The output, and the pullback of its gradient."""
        y, pullback_layers = super().vjp(x, run)
        before, after = tuple(x.shape), tuple(y.shape)
        if y.ndim != 3 or after[:2] != before[:2] or after[2] > before[2]:
            raise ValueError(
                f"{layer_label(self)} expects f(x) of x's channels and no longer than x {before}, got {after}"
            )
        middle, pullback_crop = crop_to(after[2], self.dtype, self.backend).vjp(x, run)

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            # y = crop(x) + f(x): dL/dx = crop^T g + (df/dx)^T g
            grad_x, grads = pullback_layers(grad, need_x=need_x, need_params=need_params)
            shortcut, _ = pullback_crop(grad, need_x=need_x)
            if grad_x is None or shortcut is None:
                return None, grads
            return in_memory_order(grad_x, shortcut, add), grads

        return in_memory_order(y, middle, add), pullback

    def between(self, x: Array, reference: Array) -> Between:
        """y = crop(x) + f(x): the multipliers of y where x is kept, and those that f gives back, added."""
        y, y_r, back = super().between(x, reference)
        crop = crop_to(y.shape[2], self.dtype, self.backend)
        middle, middle_r, back_crop = crop.between(x, reference)
        return (
            in_memory_order(y, middle, add),
            in_memory_order(y_r, middle_r, add),
            lambda m: in_memory_order(back(m), back_crop(m), add),
        )
