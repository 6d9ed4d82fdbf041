"""ONNX's functions of each number: arithmetic, activations, and GELU and ceilings that are written as several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from genoml.convert import operations as ops
from genoml.convert import shapes
from genoml.convert.arithmetic import arithmetic as combine
from genoml.convert.builder import Builder, ConvertError, Value
from genoml.convert.onnx_shapes import Rule
from genoml.convert.shapes import is_constant
from genoml.io.weights import GraphNode

__all__ = ["arithmetic", "elementwise", "erf", "exp", "gelu", "minimum"]


@dataclass(frozen=True, eq=False)
class Part:
    """What is known of an operation that has a meaning together with later ones only: part of GELU, or a ceiling."""

    kind: str
    value: Value
    number: float = 0.0


def arithmetic(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value | Part:
    """Sums and products of two values, or of a value and constants; parts of GELU."""
    first, second = given
    if isinstance(first, Part) or isinstance(second, Part):
        return (
            _of_gelu(b, node, first, second) if isinstance(first, Part) else _of_gelu(b, node, second, first)
        )
    return combine(b, node.name, node.operation, first, second)


def erf(b: Builder, node: GraphNode, given: Sequence[Any]) -> Part:
    """The first part of GELU, which is x times half of one plus this function of x / sqrt 2."""
    source, scale, shift = b.affine.get(shapes.needed(given[0]).node, (None, np.ones(1), np.ones(1)))
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
            return ops.elementwise(b, node.name, part.value, "gelu")
    doubled = part.kind == "2 gelu" and (half or (is_constant(other) and np.allclose(other, 2.0)))
    whole = part.kind == "cdf" and isinstance(other, Value) and other.node == part.value.node
    if (node.operation == "Mul" and (whole or (doubled and half))) or (
        node.operation == "Div" and doubled and not half
    ):
        return ops.elementwise(b, node.name, part.value, "gelu")
    raise ConvertError("an error function that is no part of GELU")


def elementwise(kind: str, **defaults: float) -> Rule:
    """A function by its name; its options are the operation's attributes."""

    def rule(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value:
        options = {ours: float(node.attributes.get("alpha", default)) for ours, default in defaults.items()}
        return ops.elementwise(b, node.name, shapes.needed(given[0]), kind, **options)

    return rule


def minimum(b: Builder, node: GraphNode, given: Sequence[Any]) -> Part:
    """A ceiling, of an exponential."""
    if len(given) != 2 or not is_constant(given[1]) or np.size(given[1]) != 1:
        raise ConvertError("a minimum that is no ceiling")
    return Part("ceiling", shapes.needed(given[0]), float(np.reshape(given[1], ())))


def exp(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value:
    """An exponential, with a ceiling if it reads one."""
    if isinstance(given[0], Part) and given[0].kind == "ceiling":
        return ops.elementwise(b, node.name, given[0].value, "exp", ceiling=given[0].number)
    return ops.elementwise(b, node.name, shapes.needed(given[0]), "exp")


def gelu(b: Builder, node: GraphNode, given: Sequence[Any]) -> Value:
    """GELU as one operation."""
    tanh = node.attributes.get("approximate", "none") == "tanh"
    return ops.elementwise(b, node.name, shapes.needed(given[0]), "gelu_tanh" if tanh else "gelu")
