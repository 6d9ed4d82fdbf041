"""A network from a builder's nodes: the outputs joined, a last softmax or sigmoid told apart from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np

from genoml import nn
from genoml.convert import shapes
from genoml.convert.builder import Builder, ConvertError, Value
from genoml.nn.graph import Graph
from genoml.nn.layer import Layer
from genoml.nn.node import INPUT, Node

__all__ = ["Converted", "finish", "sequence_input", "with_bases"]


@dataclass(frozen=True, eq=False)
class Converted:
    """A network of another tool, as genoml's layers, with what the file says of it.

    Attributes
    ----------
    network : Layer
        (batch, 4, length) -> (batch, outputs) or (batch, outputs, positions).
    length_bp : int
        Length of the sequences that it reads.
    fixed_length : bool
        Whether it reads that length alone.
    outputs : tuple of str
        Names of the tool's outputs; several are flattened and lie behind one another.
    last : {"softmax", "sigmoid"}, optional
        Function of the outputs that was cut off.
    axes : tuple of int
        The network's axes in the order of the tool's outputs.
    input_axes : tuple of int
        The axes of the tool's input that are the network's: (0, 2, 1) for (batch, length, 4).
    bases : str
        Order of the bases in the file, as far as it is known.
    tracks : int
        Tracks whose profiles, and then whose totals, the outputs are; 0 of other outputs.
    """

    network: Layer
    length_bp: int
    fixed_length: bool
    outputs: tuple[str, ...]
    last: Literal["softmax", "sigmoid"] | None = None
    axes: tuple[int, ...] = (0, 1)
    input_axes: tuple[int, ...] = (0, 1, 2)
    bases: str = "ACGT"
    tracks: int = 0

    def of(self, network: Layer) -> Converted:
        """The same of another network."""
        return replace(self, network=network)

    def with_last(self) -> Converted:
        """The network with the function that was cut off."""
        if self.last is None:
            return self
        end = nn.Softmax(1) if self.last == "softmax" else nn.Sigmoid()
        return replace(self, network=nn.Sequential({"network": self.network, self.last: end}), last=None)


def sequence_input(
    b: Builder, name: str, shape: Sequence[int | None], length_bp: int | None, *, channels: int | None = None
) -> tuple[Value, bool]:
    """The input of one-hot sequences: of what its shape leaves open the length is given; whether that is fixed.

    Raises
    ------
    ConvertError
        If it is no input of sequences, the length is unknown, or another than the one given.
    """
    if not all(size is None or isinstance(size, int) for size in shape):
        raise ConvertError(f"import: input {name} has shape {tuple(shape)}; expects whole numbers")
    sizes = [-1 if size is None else int(size) for size in shape]
    bases = [axis for axis in range(1, len(sizes)) if sizes[axis] == 4]
    if channels is None:
        if not bases:
            raise ConvertError(
                f"import: input {name} has shape {tuple(sizes)}; expects an axis of the 4 bases"
            )
        channels = bases[-1]
    long = [axis for axis in range(1, len(sizes)) if axis != channels and sizes[axis] != 1]
    if len(long) != 1:
        raise ConvertError(f"import: input {name} has shape {tuple(sizes)}; expects one axis of positions")
    known = sizes[long[0]]
    if known < 1 and length_bp is None:
        raise ConvertError(
            f"import: input {name} has no fixed length; give the length of the sequences (--length)"
        )
    if known >= 1 and length_bp not in (None, known):
        raise ConvertError(f"import: input {name} reads {known} bp, --length says {length_bp}")
    b.batch = max(sizes[0], 1)
    sizes[long[0]] = known if known >= 1 else int(length_bp or 0)
    return b.input(name, [1, *sizes[1:]], channels=channels), known >= 1


def finish(
    b: Builder,
    source: Value,
    outputs: Sequence[tuple[str, Value]],
    *,
    fixed_length: bool = True,
    cut: bool = False,
) -> Converted:
    """The network of a builder's nodes, from its input to these outputs; with ``cut`` without the last function.

    Raises
    ------
    ConvertError
        If an output is the input itself.
    """
    named = [(name, b.settled(value)) for name, value in outputs]
    if not named:
        raise ConvertError("import: the network has no outputs")
    if len(named) > 1:
        flat = [shapes.flatten(b, f"{name}_flat", value) for name, value in named]
        joined = shapes.join(b, "outputs", "concatenate", [replace(x, features=None) for x in flat], 1)
        last = None
    else:
        joined = _channels_first(b, named[0][1])
        joined, last = _without_last(b, joined) if cut else (joined, None)
    network = _network(b, joined.node)
    axes = [axis for axis in joined.order if axis is not None]
    return Converted(
        network,
        b.shapes[source.node][2],
        fixed_length,
        tuple(name for name, _ in named),
        last,
        tuple(axes),
        tuple(source.order.index(own) for own in range(3)),
    )


def _channels_first(b: Builder, value: Value) -> Value:
    """An output of positions as (batch, channels, positions)."""
    layer = b.nodes[value.node][0] if value.node in b.nodes else None
    if layer is None:
        raise ConvertError("import: an output is the input itself")
    if (
        len(b.shapes[value.node]) == 3
        and value.order == (0, 1, 2)
        and isinstance(layer, nn.LSTM | nn.GRU | nn.Bidirectional)
    ):
        return replace(
            value, node=b.add(f"{value.node}_transpose", nn.Transpose(), value.node), order=(0, 2, 1)
        )
    return value


def _without_last(b: Builder, value: Value) -> tuple[Value, Any]:
    """The value before a last softmax over channels, or a last sigmoid; and which it was."""
    layer, sources = b.nodes[value.node]
    if isinstance(layer, nn.Softmax) and layer.axis == 1:
        return replace(value, node=sources[0]), "softmax"
    if isinstance(layer, nn.Sigmoid):
        return replace(value, node=sources[0]), "sigmoid"
    return value, None


def _network(b: Builder, output: str) -> Layer:
    """The nodes that an output needs, as a Sequential if they are a row, else as a Graph."""
    (source,) = b.inputs
    if b.reverse is not None and any(b.reverse in b.nodes[name][1] for name in b.needed([output])):
        raise ConvertError(
            "import: the reverse complement is read otherwise than by the network of the sequence"
        )
    nodes = _rectified({name: b.nodes[name] for name in b.needed([output])})
    before = source
    for name, (layer, sources) in nodes.items():
        if isinstance(layer, str) or sources != (before,):
            break
        before = name
    else:
        return nn.Sequential({name: layer for name, (layer, _) in nodes.items()})
    if all(isinstance(layer, str) for layer, _ in nodes.values()):
        raise ConvertError("import: the network has no layers")
    made = []
    for name, (layer, sources) in nodes.items():
        how, _, axis = layer.partition(":") if isinstance(layer, str) else (layer, "", "")
        read = [INPUT if own == source else own for own in sources]
        made.append(Node(name, how, read, axis=int(axis or 1)))
    return Graph(made)


def _rectified(nodes: Mapping[str, tuple[Layer | str, tuple[str, ...]]]) -> dict[str, Any]:
    """The nodes with each ReLU as the activation of the convolution or dense layer that it alone reads."""
    readers = Counter(own for _, sources in nodes.values() for own in sources)
    found, instead = dict[str, Any](), dict[str, str]()
    for name, (layer, sources) in nodes.items():
        read = tuple(instead.get(own, own) for own in sources)
        made = found[read[0]][0] if read[0] in found else None
        alone = type(layer) is nn.ReLU and readers[sources[0]] == 1
        if alone and (type(made) is nn.Conv1D or type(made) is nn.Dense) and made.activation is None:
            made.activation, instead[name] = "relu", read[0]
        else:
            found[name] = (layer, read)
    return found


def both_strands(b: Builder, name: str, how: str, values: Sequence[Value]) -> Value | None:
    """The mean or maximum of a network and itself on the other strand, as the layer of both; else None."""
    if b.reverse is None or len(values) != 2 or how not in ("mean", "maximum"):
        return None
    first, second = (b.settled(value).node for value in values)
    if not _mirrored(b, first, second):
        return None
    layer = nn.StrandSymmetric(_network(b, first), "mean" if how == "mean" else "max")
    return replace(values[0], node=b.add(name, layer, b.inputs[0]))


def _mirrored(b: Builder, first: str, second: str) -> bool:
    """Whether one node is computed of the input as another is of its reverse complement."""
    if second == b.reverse:
        return first == b.inputs[0]
    if first not in b.nodes or second not in b.nodes:
        return False
    (layer, sources), (other, others) = b.nodes[first], b.nodes[second]
    if isinstance(layer, str) or isinstance(other, str):
        same = layer == other
    else:
        arrays = [{**own.params, **own.state} for own in (layer, other)]
        same = (
            type(layer) is type(other)
            and layer.settings() == other.settings()
            and all(np.array_equal(arrays[0][key], arrays[1][key]) for key in arrays[0])
        )
    return same and len(sources) == len(others) and all(map(partial(_mirrored, b), sources, others))


def with_bases(converted: Converted, bases: str) -> Converted:
    """The network that reads channels in the order A, C, G, T, where the file's are in this order.

    A convolution that reads the input has its channels moved; before any other layer they are moved by one of
    width 1.
    """
    if sorted(bases) != sorted("ACGT"):
        raise ConvertError(f"--bases expects A, C, G and T in the file's order, such as AGCT, got {bases!r}")
    if bases == "ACGT":
        return converted
    places = [bases.index(letter) for letter in "ACGT"]  # ours -> the file's
    network = converted.network
    first = network.layers[0] if isinstance(network, nn.Sequential) else None
    if type(first) is nn.Conv1D and first.groups == 1:
        first.weights = first.weights[:, places, :]
        return converted
    kernel = np.zeros((4, 4, 1))
    kernel[places, range(4), 0] = 1.0
    mover = nn.Conv1D(4, 4, 1, bias=False, activation=None)
    mover.weights = mover.backend.asarray(kernel, dtype=mover.dtype)
    return replace(converted, network=nn.Sequential({"bases": mover, "network": network}))
