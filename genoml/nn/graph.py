"""Networks of any shape: layers whose outputs are read several times, and joined.

A Layer reads one array and gives one. A network of several inputs reads them side by side, as channels of one array,
and one of several outputs gives them behind one another: end it with a node that concatenates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import add
from typing import Any

from genoml.backend import Array
from genoml.nn.containers import Container, between_row, pull_row
from genoml.nn.layer import EVALUATION, Grads, Layer, Pass, Pullback
from genoml.nn.messages import layer_label
from genoml.nn.node import INPUT, Node
from genoml.nn.reach import Branches, Row, reach_in_row
from genoml.nn.shape import crop_to
from genoml.ops.arrays import in_memory_order
from genoml.ops.secants import Between
from genoml.ops.windows import EVERYTHING, Reach

__all__ = ["Graph", "Sum"]


@dataclass(frozen=True)
class _Stretch:
    """Layers in a row by name, the join before them, and the values that they read and are the last to read."""

    sources: tuple[int, ...]
    join: Node | None = None
    names: list[str] = field(default_factory=list)
    last: list[int] = field(default_factory=list)


class Graph(Container):
    """Layers and joins of any shape: residual towers, sums of skips, several heads.

        node = layer(source), or a join of its sources:
        add: sum_i x_i;   mean: (1/n) sum_i x_i;   multiply: prod_i x_i;   maximum: max_i x_i;
        concatenate: [x_1, ..., x_n]

    The last node is the output. Layers one after another that nothing else reads are computed as Sequential computes
    them, fused where they can be. An array is let go after the last node that reads it. Backward goes the nodes in
    reverse; the gradient of a node that is read twice is the sum of those of its readers. A mask is handed on as in
    Sequential.

    A graph is described by names and numbers alone, as its nodes without their layers beside the layers by name:
    ``Graph(graph.nodes, graph.named_layers)`` is the same network. ``genoml.nn.description`` makes JSON of it, and the
    network of that.

    Parameters
    ----------
    nodes : sequence of Node
        Each after those that it reads.
    layers : mapping of str to Layer, optional
        The layers of the nodes that have none themselves.

    Shapes
    ------
    x : what the nodes with the source ``"input"`` read
    y : that of the last node

    The arrays of a join have one shape, but along the axis of a concatenation, and but for the length with ``crop``.

    Raises
    ------
    ValueError
        For a node that reads what is not before it, is named twice, has no layer, or is read by no other; and for
        arrays that cannot be joined.

    Examples
    --------
    >>> from genoml.nn import Conv1D, Sequential
    >>> block = Graph([
    ...     Node("conv", Conv1D(4, 4, 3)),
    ...     Node("gate", Sequential([Conv1D(4, 4, 3, activation="sigmoid")])),
    ...     Node("gated", "multiply", ["conv", "gate"]),
    ...     Node("y", "add", ["gated", "input"], crop=True),
    ... ])
    """

    def __init__(
        self, nodes: Sequence[Node], layers: Mapping[str, Layer] | None = None, *, seed: int = 0
    ) -> None:
        for number, node in enumerate(nodes):
            if not isinstance(node, Node):
                kind = type(self).__name__
                raise TypeError(f"{kind} expects nodes of kind Node, got {type(node).__name__} at {number}")
        given = dict(layers or {}) | {
            node.name: node.layer for node in nodes if isinstance(node.layer, Layer)
        }
        self.nodes = tuple(
            replace(node, layer=None) if isinstance(node.layer, Layer) else node for node in nodes
        )
        self._check(given)
        own = {node.name: given[node.name] for node in self.nodes if node.name in given}
        super().__init__(own, seed=seed)
        self._stretches = self._plan()

    def _check(self, layers: Mapping[str, Layer]) -> None:
        """Raise ValueError unless every node reads what is before it, has a layer, and is read."""
        kind, known = type(self).__name__, [INPUT]
        for node in self.nodes:
            unknown = [source for source in node.sources if source not in known]
            if unknown:
                raise ValueError(
                    f"{kind}: node {node.name!r} reads {unknown[0]!r}, which is no node before it"
                )
            if node.name in known:
                raise ValueError(f"{kind} expects each name once, got {node.name!r} twice")
            if node.layer is None and node.name not in layers:
                raise ValueError(f"{kind}: node {node.name!r} has no layer")
            known.append(node.name)
        read = {source for node in self.nodes for source in node.sources}
        idle = [name for name in (*known[:-1], *layers) if name not in read and name != known[-1]]
        if idle:
            raise ValueError(f"{kind}: no node reads {idle[0]!r}; only the last node is an output")

    def _plan(self) -> list[_Stretch]:
        """The nodes as stretches: a join or nothing, and the layers behind it that are read by the next alone."""
        readers = [source for node in self.nodes for source in node.sources]
        stretches, value, end = list[_Stretch](), {INPUT: 0}, dict[str, _Stretch]()
        for node in self.nodes:
            source = node.sources[0]
            if not node.joins and source in end and readers.count(source) == 1:
                stretch = end.pop(source)
                number = value[source]
            else:
                own = tuple(value[source] for source in node.sources)
                stretch = _Stretch(own, node if node.joins else None)
                stretches.append(stretch)
                number = len(stretches)
            if not node.joins:
                stretch.names.append(node.name)
            value[node.name], end[node.name] = number, stretch
        later = set[int]()
        for stretch in reversed(stretches):
            stretch.last.extend(set(stretch.sources) - later)
            later |= set(stretch.sources)
        return stretches

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        values: list[Any] = [x]
        pulled, learns = [], [False]
        for stretch in self._stretches:
            read = [values[source] for source in stretch.sources]
            for source in stretch.last:
                values[source] = None
            y, back = (
                (read[0], None) if stretch.join is None else stretch.join.joined(read, layer_label(self))
            )
            del read
            y, row = self.run_row(stretch.names, y, run)
            below = any(learns[source] for source in stretch.sources)
            learns.append(below or any(own for _, own, _ in row))
            pulled.append((stretch.sources, below, row, back))
            values.append(y)

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            # dL/dv of a value v is the sum over its readers r of (dr/dv)^T dL/dr
            grads: dict[str, Array] = {}
            found: list[Any] = [None] * len(pulled) + [grad]
            for number in range(len(pulled), 0, -1):
                (sources, below, row, back), g = pulled[number - 1], found[number]
                found[number] = None
                if g is None:  # a layer above that reads integers has no gradient to give, or nobody reads it
                    continue
                g, own = pull_row(row, g, need_x or (need_params and below), need_params, run)
                grads |= own
                if g is None:
                    continue
                for source, part in zip(sources, [g] if back is None else back(g), strict=True):
                    if need_x or (need_params and learns[source]):
                        sum_so_far = found[source]
                        found[source] = part if sum_so_far is None else in_memory_order(sum_so_far, part, add)
            return found[0], grads

        return values[-1], pullback

    def between(self, x: Array, reference: Array) -> Between:
        """The chain rule for multipliers; those of a node that is read twice are added, as gradients are."""
        values: list[Any] = [(x, reference)]
        backs = []
        for stretch in self._stretches:
            read = [values[source] for source in stretch.sources]
            for source in stretch.last:
                values[source] = None
            (y, y_r), back_join = read[0], None
            if stretch.join is not None:
                arrays, references = [own for own, _ in read], [other for _, other in read]
                y, y_r, back_join = stretch.join.between(arrays, references, layer_label(self))
            y, y_r, back_row = between_row([self[name] for name in stretch.names], y, y_r)
            backs.append((stretch.sources, back_row, back_join))
            values.append((y, y_r))

        def back(m: Array) -> Array:
            found: list[Any] = [None] * len(backs) + [m]
            for number in range(len(backs), 0, -1):
                sources, back_row, back_join = backs[number - 1]
                into = back_row(found[number])
                found[number] = None
                for source, part in zip(
                    sources, [into] if back_join is None else back_join(into), strict=True
                ):
                    sum_so_far = found[source]
                    found[source] = part if sum_so_far is None else in_memory_order(sum_so_far, part, add)
            return found[0]

        return *values[-1], back

    def reach(self, length: int) -> Reach | None:
        """That of its branches; everything if positions are put behind one another."""
        if any(node.layer == "concatenate" and node.axis != 1 for node in self.nodes):
            return EVERYTHING
        return super().reach(length)

    def branches(self, length: int) -> Branches[Layer] | None:
        """The stretches as rows; where a join crops, those of more positions end in a CropTo."""
        if any(node.layer == "concatenate" and node.axis != 1 for node in self.nodes):
            return None
        rows, number, lengths = list[Row[Layer]](), [0], list[int | None]([length])
        for stretch in self._stretches:
            sources = [number[source] for source in stretch.sources]
            found = [lengths[source] for source in stretch.sources]
            own = found[0]
            if stretch.join is not None and stretch.join.crop:
                if None in found:
                    return None
                own = min(size for size in found if size is not None)
                for at, size in enumerate(found):
                    if size != own:
                        crop = crop_to(max(own, 1), self.dtype, self.backend)
                        rows.append(Row((crop,), (sources[at],)))
                        sources[at] = len(rows)
            layers = tuple(self[name] for name in stretch.names)
            rows.append(
                Row(layers, tuple(sources), None if stretch.join is None else stretch.join.position_wise)
            )
            number.append(len(rows))
            seen = None if own is None else reach_in_row(layers, own)
            lengths.append(None if seen is None or seen == EVERYTHING else seen.outputs(own or 0))
        return Branches(tuple(rows))


class Sum(Graph):
    """Branches that read the same input, added: y = f_1(x) + ... + f_n(x).

    dL/dx is the sum over the branches of (df_i/dx)^T g. SpliceAI's skips are a Sum in a Sum:
    ``skip_i = Sum([Conv1D(32, 32, 1), Sequential([*blocks_i, skip_i+1])], crop=True)``.

    Parameters
    ----------
    layers : sequence or mapping of Layer
        The branches.
    crop : bool
        Whether of longer outputs the middle is taken, as long as the shortest, see :class:`CropTo`.

    Shapes
    ------
    x : what the branches read
    y : that of every branch, or with ``crop`` of the shortest

    Raises
    ------
    ValueError
        If the branches' outputs have not one shape.
    """

    def __init__(
        self, layers: Sequence[Layer] | Mapping[str, Layer], crop: bool = False, *, seed: int = 0
    ) -> None:
        named = layers if isinstance(layers, Mapping) else {str(i): own for i, own in enumerate(layers)}
        for name, layer in named.items():
            self._expect_layer(name, layer)
        nodes = [Node(name, layer) for name, layer in named.items()]
        super().__init__([*nodes, Node("+", "add", tuple(named), crop=crop)] if nodes else [], seed=seed)
        self.crop = crop
