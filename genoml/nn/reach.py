"""Receptive fields of layers: what a layer may say, beside its ``vjp``, of what its outputs see of its inputs.

Mutagenesis computes by it what a change reaches, and nothing else (genoml/explain/mutants). All of it is about
evaluation, and about positions: the last axis of (batch, channels, length).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array
from genoml.ops.windows import EVERYTHING, Reach


class HasReach(Protocol):
    """A layer as used here, see :meth:`genoml.nn.Layer.reach`."""

    def reach(self, length: int) -> Reach | None:
        """What each output position sees of an input of this length; None: the layer does not say."""
        ...


LayerT = TypeVar("LayerT", bound=HasReach)


@dataclass(frozen=True)
class Branches(Generic[LayerT]):
    """A layer as rows of layers that read the same input, and the function that joins the rows' outputs.

    Attributes
    ----------
    rows : tuple of rows of layers
        In a row each layer reads the output of the one before; an empty row gives x itself.
    join : callable or None
        The rows' outputs -> y, a function of each position alone. None: y is the output of the only row.
    """

    rows: tuple[tuple[LayerT, ...], ...]
    join: Callable[[Sequence[Array]], Array] | None = None

    def reach(self, length: int) -> Reach | None:
        """What an output may see: the smallest window that holds what each row sees; None if a layer does not say."""
        found: Reach | None = None
        for row in self.rows:
            reach = reach_in_row(row, length)
            if reach is None:
                return None
            found = reach if found is None else found.beside(reach, length)
        return found


@dataclass(frozen=True)
class Correlation:
    """A layer as y = read(bias + correlation of x with the kernel), with ``read`` a function of each position.

    The correlation is that of the layer's reach. It is linear, so that what a change of x adds to it is the
    correlation of the change.

    Shapes
    ------
    kernel : (kernel size, channels, out_channels);  bias : (out_channels,) or None
    read : (batch, positions, out_channels) -> (batch, positions, features); None: the sums are y
    """

    kernel: Array
    bias: Array | None = None
    read: Callable[[Array], Array] | None = None

    def sums(self, correlated: Array) -> Array:
        """The argument of ``read``: the correlation plus the bias."""
        return correlated if self.bias is None else correlated + self.bias

    def y(self, sums: Array) -> Array:
        """The output: ``read`` of the sums."""
        return sums if self.read is None else self.read(sums)

    def then(self, other: Correlation) -> Correlation | None:
        """Combine with a correlation of width 1 that follows; None if they cannot be combined."""
        if self.read is not None or other.kernel.shape[0] > 1:
            return None
        mixed = other.kernel[0, :, :]
        bias = None if self.bias is None else other.sums(self.bias @ mixed)
        return Correlation(self.kernel @ mixed, other.bias if bias is None else bias, other.read)


def per_channel(scale: Array, shift: Array) -> Correlation:
    """The function y = x scale + shift, with one scale and shift a channel, as a correlation of width 1."""
    xp = array_namespace(scale)
    diagonal = xp.eye(scale.shape[0], dtype=scale.dtype, device=device_of(scale)) * scale
    return Correlation(diagonal[None, :, :], shift)


def reach_in_row(layers: Sequence[HasReach], length: int) -> Reach | None:
    """Receptive field of layers in a row, for a sequence of this length; None if a layer does not say."""
    total = Reach(copies=True)
    for layer in layers:
        own = layer.reach(total.outputs(length))
        if own is None:
            return None
        total = total.then(own, length)
    return total


def sees_itself(layer: object, length: int) -> Reach:
    """``reach`` of a function of each position alone: an output sees its own position."""
    return Reach()


def sees_everything(layer: object, length: int) -> Reach:
    """``reach`` of a layer that mixes or pools all positions, or has none: an output may see everything."""
    return EVERYTHING
