"""A network as operations on maps, each of which sees a window of what it reads: the graph that cones go through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from operator import is_

from array_api_compat import array_namespace

from genoml.backend import Array
from genoml.explain.mutants.steps import Evaluated
from genoml.nn.fused import evaluate_row
from genoml.nn.reach import Correlation, Joining
from genoml.ops.conv1d import conv1d_vjp
from genoml.ops.windows import EVERYTHING, Reach, slices

__all__ = ["Network", "Operation", "network_of"]


@dataclass(frozen=True)
class Operation:
    """A value of a network, made of earlier values: joined, then correlated or given to a layer, then to others.

    Attributes
    ----------
    sources : tuple of int
        The values that it reads: 0 is the input, i the output of the i-th operation.
    reach : Reach or None
        What an output position sees; None: it reads whole maps, and gives no map.
    join : callable or None
        The sources as one, position by position.
    layer : Evaluated or None
        Given what is read.
    correlation : Correlation or None
        What the layer is, if it is one, and is computed by.
    tail : tuple of Evaluated
        Functions of each position alone, of what comes out.
    """

    sources: tuple[int, ...]
    reach: Reach | None
    join: Joining | None = None
    layer: Evaluated | None = None
    correlation: Correlation | None = None
    tail: tuple[Evaluated, ...] = ()

    @property
    def alone(self) -> bool:
        """Whether each output is made of one position of one source."""
        return self.join is None and self.layer is None and self.reach == Reach()

    @property
    def pads_itself(self) -> bool:
        """Whether the layer's own ``vjp`` computes it, with its own padding."""
        return self.layer is not None and self.correlation is None

    def reads(self, start: int, stop: int, length: int) -> tuple[int, int, int]:
        """The stretch of its sources, of this length, from which the outputs [start, stop) are computed.

        The stretch goes past the ends where zeros are read there; the third number says how many outputs of the
        stretch come before ``start``.
        """
        if self.reach is None:
            return 0, length, 0
        if self.layer is None or not self.pads_itself:
            return *self.reach.reads(start, stop), 0
        (first,), size = slices(((start,), stop - start), self.reach, length)
        own = self.layer.reach(size)
        if own is None or own.before != self.reach.before:  # padding depends on the length: take the whole
            first, size = 0, length
        return first, first + size, start - first // self.reach.stride

    def evaluate(self, sources: Sequence[Array], ahead: int = 0, count: int | None = None) -> Array:
        """The output for stretches of the sources, of which ``ahead`` outputs are left out, and ``count`` kept.

        Shapes
        ------
        sources, y : (n, length, channels) where the operation has a reach, else as layers have them
        """
        xp = array_namespace(sources[0])
        rows, back = sources[0], (0, 2, 1)
        if self.reach is None:
            y = rows if self.join is None else self.join(sources)
            return y if self.layer is None else self.layer.vjp(y)[0]
        if self.join is not None:
            rows = xp.permute_dims(self.join([xp.permute_dims(own, back) for own in sources]), back)
        if self.correlation is not None:
            sums = conv1d_vjp(rows, self.correlation.kernel, self.reach.stride, self.reach.dilation)[0]
            rows = self.correlation.y(self.correlation.sums(sums))
        elif self.layer is not None:
            rows = xp.permute_dims(self.layer.vjp(xp.permute_dims(rows, back))[0], back)
            rows = rows[:, ahead : None if count is None else ahead + count, :]
        if self.tail:
            rows = xp.permute_dims(evaluate_row(self.tail, xp.permute_dims(rows, back)), back)
        return rows


@dataclass
class Network:
    """The operations of a network in the order of computing; the last one gives its output.

    Attributes
    ----------
    operations : list of Operation
        Each gives the value of its number, from 1.
    lengths : list of int or None
        Of each value; None: it is no map.
    """

    operations: list[Operation] = field(default_factory=list)
    lengths: list[int | None] = field(default_factory=list)

    def add(self, operation: Operation) -> int:
        """Append an operation; its number."""
        length = self.lengths[operation.sources[0]]
        self.operations.append(operation)
        whole = operation.reach is None or length is None
        self.lengths.append(None if whole else operation.reach.outputs(length))  # type: ignore[union-attr,arg-type]
        return len(self.operations)

    @cached_property
    def last_read(self) -> list[list[int]]:
        """For each operation the values that none after it reads."""
        last = {source: number for number, own in enumerate(self.operations) for source in own.sources}
        return [
            [source for source in last if last[source] == number] for number in range(len(self.operations))
        ]

    def lay(self, layer: Evaluated, value: int) -> int:
        """Append the operations of a layer that reads a value; the number of its output."""
        length = self.lengths[value]
        if length is None:
            return self.add(Operation((value,), None, layer=layer))
        branches = layer.branches(length)
        if branches is None:
            return self._lay_alone(layer, value, length)
        values = [value]
        for row in branches.rows:
            own = values[row.sources[0]]
            if row.join is not None:
                own = self._join(row.join, tuple(values[source] for source in row.sources))
            for inner in row.layers:
                own = self.lay(inner, own)
            values.append(own)
        return values[-1]

    def _lay_alone(self, layer: Evaluated, value: int, length: int) -> int:
        reach = layer.reach(length)
        if reach is None or reach == EVERYTHING:
            return self.add(Operation((value,), None, layer=layer))
        if reach.copies:
            return value if reach == Reach(copies=True) else self.add(Operation((value,), reach))
        if reach == Reach():
            return self.add(Operation((value,), Reach(), tail=(layer,)))
        return self.add(Operation((value,), reach, layer=layer, correlation=layer.correlation()))

    def _join(self, join: Joining, sources: tuple[int, ...]) -> int:
        maps = all(self.lengths[source] is not None for source in sources)
        return self.add(Operation(sources, Reach() if maps else None, join=join))

    def with_kernels_of(self, other: Network) -> Network:
        """The same with the kernels of a network that was laid for another length, where its layers are the same."""
        pairs = list(zip(self.operations, other.operations, strict=False))
        same = len(self.operations) == len(other.operations) and all(
            a.layer is b.layer and len(a.tail) == len(b.tail) and all(map(is_, a.tail, b.tail))
            for a, b in pairs
        )
        both = [replace(a, correlation=b.correlation) for a, b in pairs]
        return Network(both, self.lengths) if same else self

    def merged(self) -> Network:
        """The same with each function of single positions in the operation before it, if nothing else reads that."""
        readers = [source for operation in self.operations for source in operation.sources]
        found, number = Network([], [self.lengths[0]]), {0: 0}
        for at, operation in enumerate(self.operations, 1):
            sources = tuple(number[source] for source in operation.sources)
            before = found.operations[sources[0] - 1] if sources[0] else None
            after = None
            if operation.alone and before is not None and readers.count(operation.sources[0]) == 1:
                after = _with_tail(before, operation.tail)
            if after is None:
                number[at] = found.add(replace(operation, sources=sources))
            else:
                found.operations[sources[0] - 1] = after
                number[at] = sources[0]
        return found


def _with_tail(operation: Operation, tail: tuple[Evaluated, ...]) -> Operation | None:
    """An operation with functions of each position behind it; None if it gives no map."""
    if operation.reach is None:
        return None
    if operation.correlation is not None and not operation.tail and len(tail) == 1:
        own = tail[0].correlation()
        both = None if own is None else operation.correlation.then(own)
        if both is not None:
            return replace(operation, correlation=both)
    return replace(operation, tail=operation.tail + tail)


def network_of(model: Evaluated, length: int) -> Network:
    """The operations of a network that reads maps of this length."""
    network = Network([], [length])
    network.lay(model, 0)
    return network.merged()
