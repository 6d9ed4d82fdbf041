"""ONNX graphs: each operation by its rule; constants, such as arithmetic of shapes, are computed as they come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from genoml.convert import operations as ops
from genoml.convert import shapes
from genoml.convert.builder import Builder, ConvertError, Operand, Value
from genoml.convert.network import Converted, finish, sequence_input
from genoml.convert.nodes import convert_nodes, in_order
from genoml.convert.onnx_recurrent import gathered_state, recurrent
from genoml.convert.shapes import is_constant
from genoml.io.weights import GraphNode, WeightsFile

__all__ = ["convert_onnx"]

Rule: TypeAlias = Callable[[Builder, GraphNode, Sequence[Any]], Any]


@dataclass(frozen=True, eq=False)
class Part:
    """What is known of an operation that has a meaning together with later ones only: part of GELU's formula."""

    kind: str
    value: Value


def _name(node: GraphNode) -> str:
    return node.name or node.outputs[0]


def _value(x: Any) -> Value:
    if not isinstance(x, Value):
        raise ConvertError(
            "it reads a constant, or part of a formula, where an array of the sequences is expected"
        )
    return x


def _axes(node: GraphNode, given: Sequence[Any], default: Sequence[int] = ()) -> list[int]:
    """Axes of an operation: an attribute in older files, the second input in newer ones."""
    found = node.attributes.get("axes")
    if found is None:
        found = (
            shapes.constant(given[1], "axes").tolist() if len(given) > 1 and given[1] is not None else default
        )
    return [int(axis) for axis in found]


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
    x, kernel = _value(given[0]), shapes.constant(given[1], "kernel")
    spatial = kernel.ndim - 2
    ones = [1] * spatial
    bias = shapes.constant(given[2], "bias") if len(given) > 2 and given[2] is not None else None
    return ops.convolution(
        b, _name(node), x, kernel, bias, channels=1, positions=range(2, 2 + spatial),
        stride=node.attributes.get("strides") or ones, dilation=node.attributes.get("dilations") or ones,
        padding=_padding(node, spatial), groups=int(node.attributes.get("group", 1)),
    )  # fmt: skip


def _gemm(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value:
    said = node.attributes
    if said.get("transA") or (said.get("alpha", 1.0), said.get("beta", 1.0)) != (1.0, 1.0):
        raise ConvertError("transA, alpha or beta")
    weights = shapes.constant(given[1], "weights")
    bias = shapes.constant(given[2], "bias").reshape(-1) if len(given) > 2 and given[2] is not None else None
    return ops.dense(b, _name(node), _value(given[0]), weights.T if said.get("transB") else weights, bias)


def _matmul(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value:
    return ops.dense(b, _name(node), _value(given[0]), shapes.constant(given[1], "weights"))


def _normalise(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value:
    names = ("gamma", "beta", "running_mean", "running_var")
    arrays = {name: shapes.constant(x, name) for name, x in zip(names, given[1:5], strict=True)}
    return ops.batch_norm(
        b, _name(node), _value(given[0]), arrays, float(node.attributes.get("epsilon", 1e-5)), 1
    )


def _layer_norm(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value:
    x = _value(given[0])
    if int(node.attributes.get("axis", -1)) not in (-1, x.ndim - 1):
        raise ConvertError("a layer normalisation of several axes")
    arrays = {"gamma": shapes.constant(given[1], "scale")}
    if len(given) > 2 and given[2] is not None:
        arrays["beta"] = shapes.constant(given[2], "bias")
    return ops.layer_norm(b, _name(node), x, arrays, float(node.attributes.get("epsilon", 1e-5)))


def _arithmetic(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value | Part:
    """Sums and products of two values, or of a value and constants."""
    first, second = given
    if isinstance(first, Part) or isinstance(second, Part):
        return (
            _of_gelu(b, node, first, second) if isinstance(first, Part) else _of_gelu(b, node, second, first)
        )
    if isinstance(first, Value) and isinstance(second, Value):
        how = {"Add": "add", "Mul": "multiply"}.get(node.operation)
        if how is None:
            raise ConvertError("it takes two arrays that depend on the sequences")
        return shapes.join(b, _name(node), how, [first, second])
    swapped = not isinstance(first, Value)
    x, other = (second, first) if swapped else (first, second)
    return _with_constant(
        b, node, _value(x), np.asarray(shapes.constant(other, "constant"), np.float64), swapped
    )


def _with_constant(b: Builder, node: GraphNode, x: Value, other: np.ndarray, swapped: bool) -> Value:
    if node.operation == "Mul":
        return ops.affine(b, _name(node), x, other, 0.0)
    if node.operation == "Div":
        if swapped:
            raise ConvertError("it divides by an array that depends on the sequences")
        return ops.affine(b, _name(node), x, 1.0 / other, 0.0)
    if node.operation == "Sub":
        return ops.affine(b, _name(node), x, -1.0 if swapped else 1.0, other if swapped else -other)
    flat = other.reshape(-1) if other.size == x.shape[-1] else other
    return (
        ops.biased(b, _name(node), x, flat)
        if flat.ndim == 1 and flat.size > 1
        else ops.affine(b, _name(node), x, 1.0, other)
    )


def _erf(b: Builder, node: GraphNode, given: Sequence[Any]) -> Part:
    """The beginning of GELU, x (1 + erf(x / sqrt 2)) / 2."""
    source, scale, shift = b.affine.get(_value(given[0]).node, (None, np.ones(1), np.ones(1)))
    if source is None or not np.allclose(scale, 0.5**0.5) or np.any(shift):
        raise ConvertError("an error function that is no part of GELU")
    return Part("erf", source)


def _of_gelu(b: Builder, node: GraphNode, part: Part, other: Any) -> Value | Part:
    """The rest of GELU, in any order of its products: erf + 1, times x, times 1/2."""
    half = is_constant(other) and np.allclose(other, 0.5)
    if part.kind == "erf" and node.operation == "Add" and is_constant(other) and np.allclose(other, 1.0):
        return Part("1 + erf", part.value)
    if node.operation == "Mul" and part.kind == "1 + erf":
        if half:
            return Part("cdf", part.value)
        if isinstance(other, Value) and other.node == part.value.node:
            return Part("2 gelu", part.value)
        source, scale, shift = b.affine.get(getattr(other, "node", ""), (None, np.ones(1), np.ones(1)))
        if (
            source is not None
            and source.node == part.value.node
            and np.allclose(scale, 0.5)
            and not np.any(shift)
        ):
            return ops.elementwise(b, _name(node), part.value, "gelu")
    doubled = part.kind == "2 gelu" and (half or (is_constant(other) and np.allclose(other, 2.0)))
    whole = part.kind == "cdf" and isinstance(other, Value) and other.node == part.value.node
    if (node.operation == "Mul" and (whole or (doubled and half))) or (
        node.operation == "Div" and doubled and not half
    ):
        return ops.elementwise(b, _name(node), part.value, "gelu")
    raise ConvertError("an error function that is no part of GELU")


def _elementwise(kind: str, **defaults: float) -> Rule:
    """A function by its name; its options are the operation's attributes."""

    def rule(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value:
        options = {ours: float(node.attributes.get("alpha", default)) for ours, default in defaults.items()}
        return ops.elementwise(b, _name(node), _value(given[0]), kind, **options)

    return rule


def _gelu(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value:
    tanh = node.attributes.get("approximate", "none") == "tanh"
    return ops.elementwise(b, _name(node), _value(given[0]), "gelu_tanh" if tanh else "gelu")


def _pool(kind: str) -> Rule:
    def rule(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value:
        x, sizes = _value(given[0]), node.attributes["kernel_shape"]
        along = [i for i in range(len(sizes)) if x.order[2 + i] is not None]
        flat = [size for i, size in enumerate(sizes) if i not in along]
        if len(along) != 1 or any(size != 1 for size in flat):
            raise ConvertError("a pooling along more than one axis")
        at = along[0]
        if any(step != 1 for step in node.attributes.get("dilations") or ()):
            raise ConvertError("a pooling with dilation")
        steps = node.attributes.get("strides") or [1] * len(sizes)
        return ops.pool(
            b, _name(node), x, kind, channels=1, positions=2 + at, size=int(sizes[at]), stride=int(steps[at]),
            padding=_padding(node, len(sizes))[at], ceil_mode=bool(node.attributes.get("ceil_mode")),
        )  # fmt: skip

    return rule


def _global(kind: str) -> Rule:
    def rule(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value:
        x = _value(given[0])
        along = [axis for axis in range(2, x.ndim) if x.order[axis] is not None]
        return ops.global_pool(b, _name(node), x, kind, positions=along[0], keepdims=True)

    return rule


def _reduce(kind: str) -> Rule:
    def rule(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value:
        x, keep = _value(given[0]), bool(node.attributes.get("keepdims", 1))
        axes = [x.axis(axis) for axis in _axes(node, given)]
        along = [axis for axis in axes if x.order[axis] is not None]
        if len(along) != 1:
            raise ConvertError(f"it reduces axes {axes} of an array {x.shape[1:]}")
        found = ops.global_pool(b, _name(node), x, kind, positions=along[0], keepdims=True)
        return found if keep else shapes.squeeze(b, found, axes)

    return rule


def _softmax(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value:
    x = _value(given[0])
    axis = x.axis(int(node.attributes.get("axis", -1)))
    if "axis" not in node.attributes and x.ndim > 2:
        raise ConvertError("a softmax that does not say its axis")
    return ops.softmax(b, _name(node), x, axis)


def _concat(b: Builder, node: GraphNode, given: Sequence[Any]) -> Operand:
    axis = int(node.attributes["axis"])
    if all(map(is_constant, given)):
        return np.concatenate(given, axis=axis)
    state = gathered_state(given)
    return (
        state
        if state is not None
        else shapes.join(b, _name(node), "concatenate", [_value(x) for x in given], axis)
    )


def _slice(b: Builder, node: GraphNode, given: Sequence[Any]) -> Operand:
    """Positions cut off at the ends."""
    x, said = given[0], node.attributes
    if len(given) > 1:
        parts = [None if part is None else shapes.constant(part, "slice").tolist() for part in given[1:]]
    else:
        parts = [said["starts"], said["ends"], said.get("axes")]
    starts, ends, axes, steps = [*parts, None, None][:4]
    axes = axes if axes is not None else list(range(len(starts)))
    steps = steps if steps is not None else [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        if is_constant(x):
            index = [slice(None)] * x.ndim
            index[axis] = slice(start, None if step < 0 and end < -x.shape[axis] else end, step)
            x = x[tuple(index)]
            continue
        value = _value(x)
        first, last, by = slice(start, end, step).indices(value.shape[value.axis(axis)])
        if by != 1 or last <= first:
            raise ConvertError("a slice that is not a cut at the ends, or leaves nothing")
        x = shapes.shift(b, _name(node), value, -first, last - value.shape[value.axis(axis)], axis=axis)
    return x  # type: ignore[no-any-return]


def _pad(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value:
    x, said = _value(given[0]), node.attributes
    pads = shapes.constant(given[1], "pads").tolist() if len(given) > 1 else list(said["pads"])
    filled = given[2] if len(given) > 2 and given[2] is not None else np.asarray(said.get("value", 0.0))
    if said.get("mode", "constant") != "constant" or np.any(shapes.constant(filled, "value") != 0):
        raise ConvertError("a padding with other values than 0")
    axes = (
        shapes.constant(given[3], "axes").tolist()
        if len(given) > 3 and given[3] is not None
        else range(x.ndim)
    )
    half = len(pads) // 2
    for axis, before, after in zip(axes, pads[:half], pads[half:], strict=True):
        x = shapes.shift(b, _name(node), x, int(before), int(after), axis=int(axis))
    return x


def _gather(b: Builder, node: GraphNode, given: Sequence[Any]) -> Any:
    x, index = given[0], shapes.constant(given[1], "index")
    axis = int(node.attributes.get("axis", 0))
    if is_constant(x):
        return np.take(x, index, axis=axis)
    return ops.picked(b, _name(node), _value(x), axis, index)


def _squeeze(b: Builder, node: GraphNode, given: Sequence[Any]) -> Operand:
    x = given[0]
    if is_constant(x):
        return np.squeeze(x, tuple(_axes(node, given)) or None)
    value = _value(x)
    ones = [axis for axis, size in enumerate(value.shape) if size == 1]
    return shapes.squeeze(b, value, _axes(node, given, ones))


def _unsqueeze(b: Builder, node: GraphNode, given: Sequence[Any]) -> Operand:
    x, axes = given[0], _axes(node, given)
    return np.expand_dims(x, tuple(axes)) if is_constant(x) else shapes.unsqueeze(_value(x), axes)


def _transposed(b: Builder, node: GraphNode, given: Sequence[Any]) -> Operand:
    x = given[0]
    axes = list(node.attributes.get("perm") or reversed(range(x.ndim)))
    return np.transpose(x, axes) if is_constant(x) else shapes.transpose(_value(x), axes)


def _reshaped(b: Builder, node: GraphNode, given: Sequence[Any]) -> Operand:
    x, target = given[0], shapes.constant(given[1], "shape").tolist()
    if not node.attributes.get("allowzero"):
        target = [x.shape[i] if size == 0 else size for i, size in enumerate(target)]
    return np.reshape(x, target) if is_constant(x) else shapes.reshape(b, _name(node), _value(x), target)


def _flattened(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value:
    if int(node.attributes.get("axis", 1)) != 1:
        raise ConvertError("it flattens other axes than all but the batch")
    return shapes.flatten(b, _name(node), _value(given[0]))


def _filled(b: Builder, node: GraphNode, given: Sequence[Any]) -> np.ndarray:
    shape, value = shapes.constant(given[0], "shape"), node.attributes.get("value", np.zeros(1, np.float32))
    if np.prod(shape) > _MOST_FILLED:
        raise ConvertError(f"it makes a constant of shape {tuple(shape.tolist())}")
    return np.full(shape.tolist(), np.asarray(value).reshape(-1)[0])


#: numbers of a constant that is made, at most
_MOST_FILLED = 1 << 24

_RULES: dict[str, Rule] = {
    **dict.fromkeys(("Identity", "Dropout", "Cast"), lambda b, node, given: given[0]),
    "Shape": lambda b, node, given: np.array(given[0].shape, np.int64),
    "Conv": _conv,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "BatchNormalization": _normalise,
    "LayerNormalization": _layer_norm,
    **dict.fromkeys(("Add", "Sub", "Mul", "Div"), _arithmetic),
    "Sum": lambda b, node, given: shapes.join(b, _name(node), "add", [_value(x) for x in given]),
    "Mean": lambda b, node, given: shapes.join(b, _name(node), "mean", [_value(x) for x in given]),
    "Relu": _elementwise("relu"),
    "Sigmoid": _elementwise("sigmoid"),
    "Tanh": _elementwise("tanh"),
    "Exp": _elementwise("exp"),
    "Softplus": _elementwise("softplus"),
    "Elu": _elementwise("elu", alpha=1.0),
    "LeakyRelu": _elementwise("leaky_relu", slope=0.01),
    "Gelu": _gelu,
    "Erf": _erf,
    "Softmax": _softmax,
    "MaxPool": _pool("max"),
    "AveragePool": _pool("average"),
    "GlobalMaxPool": _global("max"),
    "GlobalAveragePool": _global("average"),
    "ReduceMean": _reduce("average"),
    "ReduceMax": _reduce("max"),
    "Concat": _concat,
    "Slice": _slice,
    "Pad": _pad,
    "Gather": _gather,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Transpose": _transposed,
    "Reshape": _reshaped,
    "Flatten": _flattened,
    "ConstantOfShape": _filled,
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
    nodes = [replace(node, name=node.name or node.outputs[0]) for node in file.topology or ()]
    convert_nodes(b, in_order(nodes, wanted, values), _RULES, values)
    return finish(b, source, [(each, _value(values[each])) for each in wanted], fixed_length=fixed, cut=cut)
