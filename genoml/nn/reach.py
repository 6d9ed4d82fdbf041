"""Receptive fields of layers: what a layer may say, beside its ``vjp``, of what its outputs see of its inputs.

Mutagenesis computes by it what a change reaches, and nothing else (genoml/explain/mutants). All of it is about
evaluation, and about positions: the last axis of (batch, channels, length).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array
from genoml.ops.windows import EVERYTHING, Reach


class HasReach(Protocol):
    """A layer as used here, see :meth:`genoml.nn.Layer.reach`."""

    def reach(self, length: int) -> Reach | None:
        """What each output position sees of an input of this length; None: the layer does not say."""
        ...

    def vjp(self, x: Array) -> tuple[Array, Any]:
        """The output, in evaluation, and what is of no use here."""
        ...


T = TypeVar("T")
LayerT = TypeVar("LayerT", bound=HasReach)
#: several arrays -> one
Joining: TypeAlias = Callable[[Sequence[Array]], Array]


@dataclass(frozen=True)
class Row(Generic[T]):
    """Layers in a row inside another layer, which read its input or what other rows give.

    Attributes
    ----------
    layers : tuple of layers
        Each reads the output of the one before; without any the row gives what it reads.
    sources : tuple of int
        What the first layer reads: 0 is x, i the output of the i-th row.
    join : callable or None
        The sources -> what the first layer reads, a function of each position alone. None: there is one source.
    """

    layers: tuple[T, ...] = ()
    sources: tuple[int, ...] = (0,)
    join: Joining | None = None


@dataclass(frozen=True)
class Branches(Generic[LayerT]):
    """A layer as rows of layers, each of which reads x or rows before it; the last one gives y.

    In evaluation it can stand for the layer: it has a reach, and a ``vjp`` without a pullback.
    """

    rows: tuple[Row[LayerT], ...]

    readout = None

    @classmethod
    def in_row(cls, layers: Sequence[LayerT]) -> Branches[LayerT]:
        """Layers one after another."""
        return cls((Row(tuple(layers)),))

    @classmethod
    def joined(cls, rows: Sequence[Sequence[LayerT]], join: Joining) -> Branches[LayerT]:
        """Rows of layers that read x, and the function that joins their outputs; an empty row gives x."""
        sources = tuple(range(1, len(rows) + 1))
        return cls((*(Row(tuple(row)) for row in rows), Row((), sources, join)))

    @property
    def parallel(self) -> bool:
        """Whether every row but the last reads x, and the last only joins the others."""
        *first, last = self.rows
        plain = all(row.sources == (0,) and row.join is None for row in first)
        return (
            plain and not last.layers and last.sources == tuple(range(1, len(first) + 1)) and len(first) > 0
        )

    def pieces(self) -> list[LayerT | Branches[LayerT]]:
        """The layers, and branches between them, one after another: cut wherever all that follows reads one value."""
        found: list[LayerT | Branches[LayerT]] = []
        begin, count = 0, len(self.rows)
        for end in range(1, count + 1):
            if any(source < end for row in self.rows[end:] for source in row.sources):
                continue
            *first, last = self.rows[begin:end]
            if first or last.join is not None:
                rows = [
                    replace(row, sources=tuple(i - begin for i in row.sources))
                    for row in (*first, replace(last, layers=()) if last.join else last)
                ]
                found += [self if rows == list(self.rows) else Branches(tuple(rows))]
            if not first or last.join is not None:
                found += last.layers
            begin = end
        return found

    def branches(self, length: int) -> Branches[LayerT]:
        """Itself."""
        return self

    def correlation(self) -> None:
        """It is no single correlation."""

    def reach(self, length: int) -> Reach | None:
        """What an output may see: the smallest window that holds what each row sees; None if a layer does not say."""
        seen = [Reach(copies=True)]
        for row in self.rows:
            total = seen[row.sources[0]]
            for source in row.sources[1:]:
                total = total.beside(seen[source], length)
            own = reach_in_row(row.layers, total.outputs(length))
            if own is None:
                return None
            seen.append(total.then(own, length))
        return seen[-1]

    def vjp(self, x: Array) -> tuple[Array, None]:
        """The output, in evaluation."""
        values = [x]
        for row in self.rows:
            read = [values[source] for source in row.sources]
            y = read[0] if row.join is None else row.join(read)
            for layer in row.layers:
                y, _ = layer.vjp(y)
            values.append(y)
        return values[-1], None


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
    span, stride, before, copies, count, everything = 1, 1, 0, True, length, False
    for layer in layers:
        own = layer.reach(count)
        if own is None:
            return None
        everything = everything or own == EVERYTHING
        if not everything:  # as Reach.then, at once: a network plans by hundreds of rows
            before += own.before * stride
            span += (own.span - 1) * stride
            stride *= own.stride
            copies = copies and own.copies
            count = own.outputs(count)
    if everything:
        return EVERYTHING
    return Reach(span, stride, before=before, copies=copies).with_outputs(count, length)


def sees_itself(layer: object, length: int) -> Reach:
    """``reach`` of a function of each position alone: an output sees its own position."""
    return Reach()


def sees_everything(layer: object, length: int) -> Reach:
    """``reach`` of a layer that mixes or pools all positions, or has none: an output may see everything."""
    return EVERYTHING
