"""Sums and products of arrays and constants: joins, biases, and a scale and a shift a channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from genoml import nn
from genoml.convert.builder import Builder, ConvertError, Operand, Value
from genoml.convert.operations import batch_norm
from genoml.convert.shapes import constant, join


def arithmetic(b: Builder, name: str, operation: str, first: Operand, second: Operand) -> Value:
    """``Add``, ``Sub``, ``Mul`` or ``Div`` of two operands, one of which is no constant."""
    if isinstance(first, Value) and isinstance(second, Value):
        if operation not in ("Add", "Mul"):
            raise ConvertError("it takes two arrays that depend on the sequences")
        return join(b, name, "add" if operation == "Add" else "multiply", [first, second])
    swapped = not isinstance(first, Value)
    x, other = (second, first) if swapped else (first, second)
    if not isinstance(x, Value):
        raise ConvertError("it reads constants where an array of the sequences is expected")
    value = np.asarray(constant(other, "constant"), np.float64)
    if operation == "Mul":
        return affine(b, name, x, value, 0.0)
    if operation == "Div":
        if swapped:
            raise ConvertError("it divides by an array that depends on the sequences")
        return affine(b, name, x, 1.0 / value, 0.0)
    if operation == "Sub":
        return affine(b, name, x, -1.0 if swapped else 1.0, value if swapped else -value)
    flat = value.reshape(-1) if value.size == x.shape[-1] > 1 else value
    return biased(b, name, x, flat) if flat.ndim == 1 else affine(b, name, x, 1.0, value)


def affine(b: Builder, name: str, x: Value, scale: np.ndarray | float, shift: np.ndarray | float) -> Value:
    """x scale + shift, of one number or one a channel: a normalisation by 0 and 1; two in a row are one."""
    constants = [np.asarray(each, np.float64) for each in (scale, shift)]
    axis = _axis_of(x, constants)
    size = x.shape[axis]
    factor, added = (np.broadcast_to(each.reshape(-1), (size,)) for each in constants)
    source = x
    if (known := b.affine.get(x.node)) is not None and known[0].order == x.order:
        source, own_scale, own_shift = known
        factor, added = own_scale * factor, own_shift * factor + added
    one, zero = np.ones(size), np.zeros(size)
    arrays = {"gamma": factor, "beta": added, "running_mean": zero, "running_var": one}
    value = batch_norm(b, name, source, arrays, 0.0, axis)
    b.affine[value.node] = (source, factor, added)
    return value


def _axis_of(x: Value, constants: Sequence[np.ndarray]) -> int:
    """The axis along which constants differ; where none does, that of the channels."""
    found = set()
    for each in constants:
        axes = [x.ndim - each.ndim + i for i, size in enumerate(each.shape) if size != 1]
        if each.ndim > x.ndim or len(axes) > 1 or any(x.shape[axis] != each.size for axis in axes):
            raise ConvertError(
                f"an array {x.shape} and a constant {each.shape}, which is not one number a channel"
            )
        found.update(axes)
    channel = x.order.index(1) if 1 in x.order else None
    if len(found) > 1 or (not found and channel is None) or 0 in found:
        raise ConvertError(f"an array {x.shape} and constants along several of its axes")
    return found.pop() if found else int(channel or 0)


def biased(b: Builder, name: str, x: Value, bias: np.ndarray) -> Value:
    """x + bias, a number a channel, which a convolution or dense layer just before takes as its own."""
    layer, sources = b.nodes.get(x.node, (None, ()))
    if isinstance(layer, nn.Conv1D) and not layer.has_bias and x.order[-1] == 1 and bias.ndim == 1:
        made = nn.Conv1D(
            layer.in_channels, layer.out_channels, layer.kernel_size, stride=layer.stride, padding=layer.padding,
            dilation=layer.dilation, groups=layer.groups, activation=None,
        )  # fmt: skip
        arrays = {"weights": np.asarray(layer.weights), "bias": bias}
        return replace(x, node=b.add(name, made, sources[0], arrays))
    if isinstance(layer, nn.Dense) and not np.asarray(layer.bias).any() and bias.ndim == 1:
        arrays = {"weights": np.asarray(layer.weights), "bias": bias}
        made_dense = nn.Dense(layer.in_features, layer.out_features)
        return replace(x, node=b.add(name, made_dense, sources[0], arrays))
    return affine(b, name, x, 1.0, bias)
