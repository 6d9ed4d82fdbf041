"""ONNX graphs: each operation by its rule; constants, such as arithmetic of shapes, are computed as they come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from genoml.convert import operations as ops
from genoml.convert import shapes
from genoml.convert.arithmetic import affine
from genoml.convert.builder import Builder, ConvertError, Value
from genoml.convert.network import Converted, both_strands, finish, sequence_input
from genoml.convert.nodes import convert_nodes, graph_nodes, in_order
from genoml.convert.onnx_functions import arithmetic, elementwise, erf, exp, gelu, minimum
from genoml.convert.onnx_products import attention, matmul
from genoml.convert.onnx_recurrent import recurrent
from genoml.convert.onnx_shapes import SHAPE_RULES, Rule, axes_of
from genoml.convert.onnx_symbols import Symbol, Windows
from genoml.io.weights import GraphNode, WeightsFile

__all__ = ["convert_onnx"]


def _padding(node: GraphNode, spatial: int) -> list[Any]:
    """Padding of each axis of positions."""
    auto = node.attributes.get("auto_pad", "NOTSET")
    if auto in ("VALID", "SAME_UPPER"):
        return ["valid" if auto == "VALID" else "same"] * spatial
    if auto != "NOTSET":
        raise ConvertError(f"auto_pad {auto}")
    pads = list(node.attributes.get("pads") or [0] * (2 * spatial))
    return list(zip(pads[:spatial], pads[spatial:], strict=True))


def _conv(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value:
    x, kernel = shapes.needed(given[0]), shapes.constant(given[1], "kernel")
    spatial = kernel.ndim - 2
    ones = [1] * spatial
    bias = shapes.constant(given[2], "bias") if len(given) > 2 and given[2] is not None else None
    return ops.convolution(
        b, node.name, x, kernel, bias, channels=1, positions=range(2, 2 + spatial),
        stride=node.attributes.get("strides") or ones, dilation=node.attributes.get("dilations") or ones,
        padding=_padding(node, spatial), groups=int(node.attributes.get("group", 1)),
    )  # fmt: skip


def _gemm(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value:
    said = node.attributes
    if said.get("transA") or (said.get("alpha", 1.0), said.get("beta", 1.0)) != (1.0, 1.0):
        raise ConvertError("transA, alpha or beta")
    weights = shapes.constant(given[1], "weights")
    bias = shapes.constant(given[2], "bias").reshape(-1) if len(given) > 2 and given[2] is not None else None
    return ops.dense(
        b, node.name, shapes.needed(given[0]), weights.T if said.get("transB") else weights, bias
    )


def _normalise(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value:
    names = ("gamma", "beta", "running_mean", "running_var")
    arrays = {name: shapes.constant(x, name) for name, x in zip(names, given[1:5], strict=True)}
    return ops.batch_norm(
        b, node.name, shapes.needed(given[0]), arrays, float(node.attributes.get("epsilon", 1e-5)), 1
    )


def _layer_norm(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value:
    x = shapes.needed(given[0])
    if int(node.attributes.get("axis", -1)) not in (-1, x.ndim - 1):
        raise ConvertError("a layer normalisation of several axes")
    arrays = {"gamma": shapes.constant(given[1], "scale")}
    if len(given) > 2 and given[2] is not None:
        arrays["beta"] = shapes.constant(given[2], "bias")
    return ops.layer_norm(b, node.name, x, arrays, float(node.attributes.get("epsilon", 1e-5)))


def _pool(kind: str) -> Rule:
    def rule(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value:
        x, sizes = shapes.needed(given[0]), node.attributes["kernel_shape"]
        along = [i for i in range(len(sizes)) if x.order[2 + i] is not None]
        flat = [size for i, size in enumerate(sizes) if i not in along]
        if len(along) != 1 or any(size != 1 for size in flat):
            raise ConvertError("a pooling along more than one axis")
        at = along[0]
        if any(step != 1 for step in node.attributes.get("dilations") or ()):
            raise ConvertError("a pooling with dilation")
        steps = node.attributes.get("strides") or [1] * len(sizes)
        return ops.pool(
            b, node.name, x, kind, channels=1, positions=2 + at, size=int(sizes[at]), stride=int(steps[at]),
            padding=_padding(node, len(sizes))[at], ceil_mode=bool(node.attributes.get("ceil_mode")),
        )  # fmt: skip

    return rule


def _global(kind: str) -> Rule:
    def rule(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value:
        x = shapes.needed(given[0])
        along = [axis for axis in range(2, x.ndim) if x.order[axis] is not None]
        return ops.global_pool(b, node.name, x, kind, positions=along[0], keepdims=True)

    return rule


def _reduce(kind: str) -> Rule:
    def rule(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value:
        x, keep = shapes.needed(given[0]), bool(node.attributes.get("keepdims", 1))
        axes = [x.axis(axis) for axis in axes_of(node, given)]
        along = [axis for axis in axes if x.order[axis] is not None]
        if len(along) != 1:
            raise ConvertError(f"it reduces axes {axes} of an array {x.shape[1:]}")
        found = ops.global_pool(b, node.name, x, kind, positions=along[0], keepdims=True)
        return found if keep else shapes.squeeze(b, found, axes)

    return rule


def _softmax(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value | Symbol:
    x = shapes.needed(given[0])
    axis = x.axis(int(node.attributes.get("axis", -1)))
    if "axis" not in node.attributes and x.ndim > 2:
        raise ConvertError("a softmax that does not say its axis")
    if axis == 2 and x.ndim == 4:
        return Windows(x)
    return ops.softmax(b, node.name, x, axis, logarithm=node.operation == "LogSoftmax")


def _sum(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value:
    """A sum of all positions: their mean, times how many they are."""
    x = shapes.needed(given[0])
    many = np.prod([x.shape[axis] for axis in axes_of(node, given)])
    return affine(b, f"{node.name}_sum", _reduce("average")(b, node, given), float(many), 0.0)


def _instance_norm(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value:
    """Each channel is a group."""
    x, eps = shapes.needed(given[0]), float(node.attributes.get("epsilon", 1e-5))
    gamma, beta = (shapes.constant(each, "scale") for each in given[1:3])
    return ops.group_norm(b, node.name, x, x.shape[1], gamma, beta, eps)


def _of_symbols(b: Builder, node: GraphNode, given: Sequence[Any]) -> Any:
    raise ConvertError("it reads no part of attention, where it has a meaning")


def _joined(how: str) -> Rule:
    """Arrays of the sequences joined; of both strands, by the layer of both."""

    def rule(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value:
        values = [shapes.needed(x) for x in given]
        strands = both_strands(b, node.name, how, values)
        return strands if strands is not None else shapes.join(b, node.name, how, values)

    return rule


def _known(rule: Rule) -> Rule:
    """A rule, or what a symbol says of the operation that reads it."""

    def read(b: Builder, node: GraphNode, given: Sequence[Any]) -> Any:
        symbol = next((x for x in given if isinstance(x, Symbol)), None)
        if symbol is None or node.operation in (*_PASSED, "MatMul"):
            return rule(b, node, given)
        return symbol.then(b, node, given)

    return read


#: operations that leave numbers as they are
_PASSED = ("Identity", "Dropout", "Cast")
_RULES: dict[str, Rule] = {
    **dict.fromkeys(_PASSED, lambda b, node, given: given[0]),
    **SHAPE_RULES,
    "Conv": _conv,
    "Gemm": _gemm,
    "MatMul": matmul,
    "Attention": attention,
    "BatchNormalization": _normalise,
    "LayerNormalization": _layer_norm,
    **dict.fromkeys(("Add", "Sub", "Mul", "Div"), arithmetic),
    "Sum": _joined("add"),
    "Mean": _joined("mean"),
    "Max": _joined("maximum"),
    "Where": _of_symbols,
    "InstanceNormalization": _instance_norm,
    "Relu": elementwise("relu"),
    "Sigmoid": elementwise("sigmoid"),
    "Tanh": elementwise("tanh"),
    "Exp": exp,
    "Min": minimum,
    "Softplus": elementwise("softplus"),
    "Elu": elementwise("elu", alpha=1.0),
    "LeakyRelu": elementwise("leaky_relu", slope=0.01),
    "Gelu": gelu,
    "Erf": erf,
    **dict.fromkeys(("Softmax", "LogSoftmax"), _softmax),
    "MaxPool": _pool("max"),
    "AveragePool": _pool("average"),
    "GlobalMaxPool": _global("max"),
    "GlobalAveragePool": _global("average"),
    "ReduceMean": _reduce("average"),
    "ReduceMax": _reduce("max"),
    "ReduceSum": _sum,
    "LSTM": recurrent,
    "GRU": recurrent,
}


def convert_onnx(
    file: WeightsFile,
    *,
    length_bp: int | None = None,
    outputs: Sequence[str] | None = None,
    cut: bool = False,
) -> Converted:
    """The network of an ONNX graph with one input, (batch, 4, length) or (batch, length, 4).

    Parameters
    ----------
    file : WeightsFile
        From ``genoml.io.read_weights``.
    length_bp : int, optional
        Length of the sequences, where the graph leaves it open.
    outputs : sequence of str, optional
        Names of values, in place of the graph's outputs.
    cut : bool
        Whether a last softmax or sigmoid is cut off.

    Raises
    ------
    ConvertError
        For an operation that no rule converts; the message names the node.
    """
    inputs = file.metadata["inputs"]
    if len(inputs) != 1 or next(iter(inputs.values())) is None:
        raise ConvertError(f"import: expects a graph with one input whose shape it says, got {list(inputs)}")
    ((name, shape),) = inputs.items()
    b = Builder()
    first = next((axis for axis in range(1, len(shape)) if shape[axis] == 4), None)
    source, fixed = sequence_input(b, name, shape, length_bp, channels=first)
    values: dict[str, Any] = {name: source, **file.tensors}
    wanted = list(outputs or file.metadata["outputs"])
    nodes = [replace(node, name=node.name or node.outputs[0]) for node in graph_nodes(file)]
    convert_nodes(
        b, in_order(nodes, wanted, values), {name: _known(rule) for name, rule in _RULES.items()}, values
    )
    return finish(
        b, source, [(each, shapes.needed(values[each])) for each in wanted], fixed_length=fixed, cut=cut
    )
