"""Sums and products of arrays and constants: joins, biases, and a scale and a shift a channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from genoml import nn
from genoml.convert.builder import Builder, ConvertError, Operand, Value
from genoml.convert.operations import batch_norm, behind_attention, positions
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
    if (
        x.ndim == 3
        and value.shape[-2:] == x.shape[1:]
        and value.size == x.shape[1] * x.shape[2]
        and min(x.shape[1:]) > 1
    ):
        return positions(b, name, x, value.reshape(x.shape[1:]))
    flat = value.reshape(-1) if value.shape[-1:] == (value.size,) == x.shape[-1:] else value
    return biased(b, name, x, flat) if flat.ndim == 1 else affine(b, name, x, 1.0, value)


def affine(b: Builder, name: str, x: Value, scale: np.ndarray | float, shift: np.ndarray | float) -> Value:
    """x scale + shift, of one number or one a channel: a normalisation by 0 and 1; two in a row are one."""
    constants = [np.asarray(each, np.float64) for each in (scale, shift)]
    if len(set(x.order) - {None}) < sum(own is not None for own in x.order):
        return _of_parts(b, name, x, constants)
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


def _of_parts(b: Builder, name: str, x: Value, constants: Sequence[np.ndarray]) -> Value:
    """The same where several of the tool's axes are parts of one, such as heads and features: along that one."""
    wide = [each.reshape([1] * (x.ndim - each.ndim) + list(each.shape)) for each in constants]
    varied = {x.order[axis] for each in wide for axis, size in enumerate(each.shape) if size != 1} or {1}
    if len(varied) > 1 or varied & {0, None}:
        raise ConvertError(f"an array {x.shape} and constants along several of its axes")
    own = varied.pop()
    parts = [axis for axis in range(x.ndim) if x.order[axis] == own]
    sizes = [x.shape[axis] for axis in parts]
    rows = [np.broadcast_to(each.reshape([each.shape[a] for a in parts]), sizes).reshape(-1) for each in wide]
    axes = len(b.shapes[x.node])
    whole = Value(x.node, (x.shape[0], *b.shapes[x.node][1:]), tuple(range(axes)))
    y = affine(
        b, name, whole, *(row.reshape([-1 if axis == own else 1 for axis in range(axes)]) for row in rows)
    )
    return replace(x, node=y.node, order=tuple(None if axis is None else y.order[axis] for axis in x.order))


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
    if (folded := behind_attention(b, name, x, None, bias)) is not None:
        return folded
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
