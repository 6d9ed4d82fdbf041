"""How networks made of layers are written as operations of ONNX: rows, joins, graphs, heads of profiles, strands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from genoml import nn
from genoml.convert.onnx_writer import Rule, Value, Writer

__all__ = ["CONTAINER_RULES"]


def _joined(operation: str, **attributes: Any) -> Rule:
    """Every layer of a container on the same input, and their outputs joined."""

    def rule(w: Writer, layer: Any, x: Value) -> str:
        outputs = [w.layer(child, name, x).name for name, child in layer.named_layers.items()]
        return w.add(operation, *outputs, **attributes)

    return rule


def _residual(w: Writer, layer: Any, x: Value) -> str:
    """x, cropped to the length of f(x), and f(x)."""
    y = w.row(layer.named_layers, x)
    short = x.name if x.ndim != 3 else w.cropped(x, [shape[1] for shape in y.shapes])
    return w.add("Add", short, y.name)


_JOINS: dict[str, Callable[[Writer, list[str], int], str]] = {
    "add": lambda w, given, axis: w.add("Sum", *given),
    "mean": lambda w, given, axis: w.add("Mean", *given),
    "multiply": lambda w, given, axis: _product(w, given),
    "maximum": lambda w, given, axis: w.add("Max", *given),
    "concatenate": lambda w, given, axis: w.add("Concat", *given, axis=axis),
}


def _product(w: Writer, given: list[str]) -> str:
    first, *others = given
    for other in others:
        first = w.add("Mul", first, other)
    return first


def _graph(w: Writer, layer: nn.Graph, x: Value) -> str:
    found = {"input": x}
    for node in layer.nodes:
        read = [found[name] for name in node.sources]
        if not node.joins:
            found[node.name] = w.layer(layer.named_layers[node.name], node.name, read[0])
            continue
        with w.within(node.name):
            lengths = [
                min(shapes) for shapes in zip(*([s[-1] for s in one.shapes] for one in read), strict=True)
            ]
            names = [w.cropped(one, lengths) if node.crop else one.name for one in read]
            joined = _JOINS[str(node.layer)](w, names, node.axis)
        found[node.name] = Value(joined, _joined_shapes(node, read, lengths))
    return found[layer.nodes[-1].name].name


def _joined_shapes(node: nn.Node, read: list[Value], lengths: list[int]) -> tuple[tuple[int, ...], ...]:
    shapes = []
    for number, length in enumerate(lengths):
        own = [list(one.shapes[number]) for one in read]
        shape = own[0]
        if node.layer == "concatenate":
            shape[node.axis - 1] = sum(each[node.axis - 1] for each in own)
        if node.crop:
            shape[-1] = length
        shapes.append(tuple(shape))
    return tuple(shapes)


def _strands(w: Writer, layer: nn.StrandSymmetric, x: Value) -> str:
    """The model on both strands."""
    given = w.layer(layer["model"], "model", x).name
    turned = Value(w.flipped(x.name, [1, 2]), x.shapes)
    with w.within("other strand"):
        other = w.layer(layer["model"], "model", turned).name
    return w.add("Mean" if layer.combine == "mean" else "Max", given, other)


def _bias_factorised(w: Writer, layer: nn.BiasFactorised, x: Value) -> str:
    """Logits are added; of log counts log(exp(a) + exp(b)) = m + log(exp(a - m) + exp(b - m)), m the larger."""
    a, b = (w.layer(layer[name], name, x) for name in ("network", "bias"))
    logits = w.one([shape[0] - layer.tracks for shape in a.shapes], "its outputs")
    profile = w.add("Add", *(w.cut(one.name, 1, 0, logits) for one in (a, b)))
    counts = [w.cut(one.name, 1, logits) for one in (a, b)]
    most = w.add("Max", *counts)
    powers = [w.add("Exp", w.add("Sub", one, most)) for one in counts]
    total = w.add("Add", most, w.add("Log", w.add("Add", *powers)))
    return w.add("Concat", profile, total, axis=1)


def _control_tracks(w: Writer, layer: nn.ControlTracks, x: Value) -> str:
    """Heads that read the middle of the control tracks too; zeros where x has none."""
    lengths, given = [shape[1] for shape in x.shapes], x.shapes[0][0] > 4
    bases = w.cut(x.name, 1, 0, 4) if given else x.name
    h = w.layer(layer["body"], "body", Value(bases, tuple((4, n) for n in lengths)))
    if given:
        tracks = Value(w.cut(x.name, 1, 4), tuple((layer.controls, n) for n in lengths))
        middle = w.cropped(tracks, [shape[1] for shape in h.shapes])
    else:
        nothing = w.add("Mul", w.cut(h.name, 1, 0, 1), w.number(0.0))
        middle = w.add("Concat", *[nothing] * layer.controls, axis=1)
    both = w.add("Concat", h.name, middle, axis=1)
    wide = tuple((shape[0] + layer.controls, shape[1]) for shape in h.shapes)
    profile = w.layer(layer["profile"], "profile", Value(both, wide)).name
    total = w.add("Log", w.add("Add", w.reduce("ReduceSum", middle, [1, 2], keepdims=True), w.number(1.0)))
    mean = w.reduce("ReduceMean", h.name, [2])
    summed = w.add("Concat", mean, w.reshaped(total, 0, 1), axis=1)
    counts = w.layer(layer["counts"], "counts", Value(summed, tuple((shape[0] + 1,) for shape in h.shapes)))
    return w.add("Concat", profile, counts.name, axis=1)


def _in_row(w: Writer, layer: Any, x: Value) -> str:
    return w.row(layer.named_layers, x).name


CONTAINER_RULES: dict[type, Rule] = {
    nn.Sequential: _in_row,
    nn.Frozen: _in_row,
    nn.Parallel: _joined("Concat", axis=1),
    nn.Ensemble: _joined("Mean"),
    nn.Residual: _residual,
    nn.CroppedResidual: _residual,
    nn.Graph: _graph,
    nn.StrandSymmetric: _strands,
    nn.BiasFactorised: _bias_factorised,
    nn.ControlTracks: _control_tracks,
}
