"""TensorFlow's frozen graphs: each operation by its rule; constants are computed as they come.

Graphs are those that Keras models are frozen to: convolutions written as Conv2D of an image one position high,
dilation as SpaceToBatchND and back, normalisation as arithmetic, and a softmax as its formula.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from genoml.convert import operations as ops
from genoml.convert import shapes
from genoml.convert.arithmetic import arithmetic, biased
from genoml.convert.builder import Builder, ConvertError, Operand, Value
from genoml.convert.constants import strided
from genoml.convert.network import Converted, finish, sequence_input
from genoml.convert.nodes import convert_nodes, graph_nodes, in_order
from genoml.convert.shapes import is_constant
from genoml.io.weights import GraphNode, WeightsFile


@dataclass(frozen=True, eq=False)
class Part:
    """What is known of an operation that has a meaning together with later ones only: part of a softmax, say."""

    kind: str
    values: tuple[Value, ...]
    facts: Any = None


Given: TypeAlias = "Operand | Part"
Rule: TypeAlias = Callable[[Builder, GraphNode, Sequence[Any]], Any]

_ELEMENTWISE = {"Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "Elu": "elu", "Softplus": "softplus"}


def _axes(x: Any) -> list[int]:
    return [int(axis) for axis in np.asarray(shapes.constant(x, "axis")).reshape(-1)]


def _convolve(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value | Part:
    """Conv2D of NHWC, along the one axis with positions; between SpaceToBatchND and back, one with dilation."""
    x, kernel = given[0], shapes.constant(given[1], "kernel")
    if node.attributes.get("data_format", "NHWC") != "NHWC":
        raise ConvertError("channels before positions (NCHW)")
    options: dict[str, Any] = {
        "stride": node.attributes["strides"][1:3],
        "dilation": node.attributes.get("dilations", [1, 1, 1, 1])[1:3],
        "padding": node.attributes["padding"].lower(),
    }
    kernel = np.transpose(kernel, (3, 2, 0, 1))
    if isinstance(x, Part) and x.kind == "space_to_batch":
        if options["padding"] != "valid":
            raise ConvertError("a padded convolution between SpaceToBatchND and BatchToSpaceND")
        return Part("dilated", x.values, {**x.facts, "kernel": kernel})
    return ops.convolution(b, node.name, shapes.needed(x), kernel, channels=3, positions=(1, 2), **options)


def _space_to_batch(b: Builder, node: GraphNode, given: Sequence[Any]) -> Part:
    block, pads = (shapes.constant(x, "block") for x in given[1:3])
    if block.size != 1:
        raise ConvertError("blocks along more than one axis")
    return Part(
        "space_to_batch", (shapes.needed(given[0]),), {"dilation": int(block[0]), "pads": pads[0].tolist()}
    )


def _batch_to_space(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value:
    part, crops = given[0], shapes.constant(given[2], "crops")[0].tolist()
    if not isinstance(part, Part) or part.kind != "dilated" or crops[0]:
        raise ConvertError("it does not follow SpaceToBatchND and a convolution")
    (before, after), kernel = part.facts["pads"], part.facts["kernel"]
    size = max(kernel.shape[2:])
    return ops.convolution(
        b, node.name, part.values[0], kernel.reshape(*kernel.shape[:2], size), channels=2, positions=(1,),
        dilation=(part.facts["dilation"],), padding=(before, after - crops[1]),
    )  # fmt: skip


def _arithmetic(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value | Part:
    """Sums and products; of a softmax x - max and the quotient by the sum."""
    first, second = given
    if isinstance(second, Part) and node.operation == "Sub" and second.kind == "maximum":
        return Part("shifted", (shapes.needed(first),), second)
    if isinstance(second, Part) and node.operation == "RealDiv" and second.kind == "sum":
        return ops.softmax(b, node.name, second.values[0], second.facts)
    known = {"AddV2": "Add", "RealDiv": "Div"}
    return arithmetic(b, node.name, known.get(node.operation, node.operation), first, second)


def _reduce(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value | Part:
    """Mean and maximum along positions; parts of a softmax; the mean of networks that were stacked."""
    x, axes, keep = given[0], _axes(given[1]), bool(node.attributes.get("keep_dims"))
    if isinstance(x, Part):
        if x.kind == "stack" and node.operation == "Mean" and axes == [x.facts] and not keep:
            return shapes.join(b, node.name, "mean", list(x.values))
        if x.kind == "exponential" and node.operation == "Sum" and axes == x.facts and keep:
            return Part("sum", x.values, axes[0])
        raise ConvertError(f"it reads a {x.kind}")
    value = shapes.needed(x)
    if keep and node.operation == "Max" and len(axes) == 1 and value.order[value.axis(axes[0])] == 1:
        return Part("maximum", (value,), axes)
    if node.operation not in ("Mean", "Max"):
        raise ConvertError("a sum along positions")
    long = [axis for axis in axes if value.order[value.axis(axis)] is not None]
    if len(long) != 1:
        raise ConvertError(f"it reduces axes {axes} of an array {value.shape}")
    found = ops.global_pool(
        b,
        node.name,
        value,
        node.operation.lower().replace("mean", "average"),
        positions=long[0],
        keepdims=True,
    )
    return found if keep else shapes.squeeze(b, found, axes)


def _exponential(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value | Part:
    x = given[0]
    if isinstance(x, Part) and x.kind == "shifted" and x.values[0] is x.facts.values[0]:
        return Part("exponential", x.values, x.facts.facts)
    return ops.elementwise(b, node.name, shapes.needed(x), "exp")


def _slice(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value:
    """Positions cut off at the ends."""
    x = shapes.needed(given[0])
    numbers = np.arange(max(x.shape))
    for i in range(x.ndim):  # what is left of each axis
        begin, end, step = (shapes.constant(part, "slice")[i : i + 1] for part in given[1:4])
        if not begin.size:
            break
        masks = {key: value >> i & 1 for key, value in node.attributes.items() if isinstance(value, int)}
        if any(masks.get(f"{kind}_mask") for kind in ("ellipsis", "new_axis", "shrink_axis")) or step[0] != 1:
            raise ConvertError("a slice that is not a cut at the ends")
        left = strided(numbers[: x.shape[i]], begin, end, step, masks)
        if len(left) < x.shape[i]:
            if not len(left):
                raise ConvertError(f"it leaves nothing of {x.shape[i]} positions; give a greater length")
            x = shapes.shift(b, node.name, x, -int(left[0]), int(left[-1]) + 1 - x.shape[i], axis=i)
    return x


def _pool(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value:
    """Pooling of NHWC, along the one axis with positions."""
    x, sizes, strides = shapes.needed(given[0]), node.attributes["ksize"], node.attributes["strides"]
    along = next(axis for axis in (1, 2) if x.order[axis] is not None)
    return ops.pool(
        b, node.name, x, "max" if node.operation == "MaxPool" else "average", channels=3, positions=along,
        size=sizes[along], stride=strides[along], padding=node.attributes["padding"].lower(),
    )  # fmt: skip


def _expand(b: Builder, node: GraphNode, given: Sequence[Any]) -> Any:
    x, axes = given[0], _axes(given[1])
    if isinstance(x, Part):
        return x  # of SpaceToBatchND, whose convolution follows
    return shapes.unsqueeze(x, axes)


def _squeeze(b: Builder, node: GraphNode, given: Sequence[Any]) -> Any:
    if isinstance(given[0], Part):
        return given[0]
    return shapes.squeeze(b, given[0], list(node.attributes.get("squeeze_dims") or []))


def _pack(b: Builder, node: GraphNode, given: Sequence[Any]) -> Operand | Part:
    axis = int(node.attributes.get("axis", 0))
    if all(map(is_constant, given)):
        return np.stack(given, axis=axis)
    return Part("stack", tuple(map(shapes.needed, given)), axis)


def _strided(b: Builder, node: GraphNode, given: Sequence[Any]) -> Operand:
    if not all(map(is_constant, given)):
        return _slice(b, node, given)
    x, begin, end, step = given
    return strided(
        x, begin, end, step, {key: value for key, value in node.attributes.items() if isinstance(value, int)}
    )


def _normalise(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value:
    names = ("gamma", "beta", "running_mean", "running_var")
    arrays = {name: shapes.constant(x, name) for name, x in zip(names, given[1:5], strict=True)}
    return ops.batch_norm(
        b, node.name, shapes.needed(given[0]), arrays, node.attributes.get("epsilon", 1e-3), 3
    )


def _product(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value:
    if node.attributes.get("transpose_a") or node.attributes.get("transpose_b"):
        raise ConvertError("a product of transposed matrices")
    return ops.dense(b, node.name, shapes.needed(given[0]), shapes.constant(given[1], "weights"))


def _pad(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value:
    x = shapes.needed(given[0])
    for axis, (before, after) in enumerate(shapes.constant(given[1], "padding").tolist()):
        x = shapes.shift(b, node.name, x, before, after, axis=axis)
    return x


def _shape(b: Builder, node: GraphNode, given: Sequence[Any]) -> np.ndarray:
    return np.array(given[0].shape, np.int64)


_RULES: dict[str, Rule] = {
    "Identity": lambda b, node, given: given[0],
    "StopGradient": lambda b, node, given: given[0],
    "Cast": lambda b, node, given: given[0],
    "Const": lambda b, node, given: node.attributes["value"],
    "Shape": _shape,
    "Conv2D": _convolve,
    "BiasAdd": lambda b, node, given: biased(
        b, node.name, shapes.needed(given[0]), shapes.constant(given[1], "bias")
    ),
    "SpaceToBatchND": _space_to_batch,
    "BatchToSpaceND": _batch_to_space,
    "MatMul": _product,
    "FusedBatchNormV3": _normalise,
    "ExpandDims": _expand,
    "Squeeze": _squeeze,
    "Pack": _pack,
    "ConcatV2": lambda b, node, given: shapes.concatenate(b, node.name, given[:-1], int(given[-1])),
    "StridedSlice": _strided,
    "Transpose": lambda b, node, given: shapes.transpose(given[0], _axes(given[1])),
    "Reshape": lambda b, node, given: shapes.reshape(b, node.name, given[0], _axes(given[1])),
    "Pad": _pad,
    "PadV2": _pad,
    "MaxPool": _pool,
    "AvgPool": _pool,
    "Exp": _exponential,
    "LeakyRelu": lambda b, node, given: ops.elementwise(
        b, node.name, shapes.needed(given[0]), "leaky_relu", slope=node.attributes.get("alpha", 0.2)
    ),
    "Softmax": lambda b, node, given: ops.softmax(b, node.name, shapes.needed(given[0])),
    **dict.fromkeys(("Mean", "Max", "Sum"), _reduce),
    **dict.fromkeys(("Add", "AddV2", "Sub", "Mul", "RealDiv"), _arithmetic),
    **{
        op: lambda b, node, given, kind=kind: ops.elementwise(b, node.name, shapes.needed(given[0]), kind)  # type: ignore[misc]
        for op, kind in _ELEMENTWISE.items()
    },
}


def convert_frozen_graph(
    file: WeightsFile,
    *,
    length_bp: int | None = None,
    outputs: Sequence[str] | None = None,
    cut: bool = False,
) -> Converted:
    """The network of a frozen graph, from its one placeholder to what no node reads, or to these outputs.

    Parameters
    ----------
    file : WeightsFile
        From ``genoml.io.read_weights``.
    length_bp : int, optional
        Length of the sequences, where the graph leaves it open.
    outputs : sequence of str, optional
        Names of nodes.
    cut : bool
        Whether a last softmax or sigmoid is cut off.

    Raises
    ------
    ConvertError
        For an operation that no rule converts; the message names the node.
    """
    nodes = [_plain(node) for node in graph_nodes(file) if node.operation not in ("NoOp", "Assert")]
    inputs = [node for node in nodes if node.operation == "Placeholder"]
    if len(inputs) != 1:
        raise ConvertError(
            f"import: expects a graph with one placeholder, got {[node.name for node in inputs]}"
        )
    shape = inputs[0].attributes.get("shape")
    if not isinstance(shape, tuple | list):
        raise ConvertError(f"import: input {inputs[0].name} does not say its shape")
    read = {name for node in nodes for name in node.inputs}
    wanted = list(outputs) if outputs else [node.name for node in nodes if node.name not in read]
    b = Builder()
    source, fixed = sequence_input(b, inputs[0].name, shape, length_bp)
    values: dict[str, Any] = {inputs[0].name: source, **file.tensors}
    convert_nodes(b, in_order(nodes, wanted, values), _RULES, values)
    found = [(name, shapes.needed(values[name])) for name in wanted if not is_constant(values[name])]
    return finish(b, source, found, fixed_length=fixed, cut=cut)


def _plain(node: GraphNode) -> GraphNode:
    """The node without inputs that only order the computation, and with the first output named like the node."""
    inputs = tuple(name.removesuffix(":0") for name in node.inputs if not name.startswith("^"))
    return replace(node, inputs=inputs)
