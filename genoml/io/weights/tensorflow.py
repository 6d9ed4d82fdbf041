"""TensorFlow's frozen graphs, by a reader of protocol buffers of our own (the framework is 1.6 GB).

Fields by number, as tensorflow/core/framework has them in graph.proto, node_def.proto, attr_value.proto, tensor.proto.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from genoml.io.errors import shown
from genoml.io.weights.contents import MOST_AXES, MOST_PARTS, Contents, GraphNode, Room, WeightsError, numbers

#: numbers of the types
_TYPES = {
    1: "f4", 2: "f8", 3: "i4", 4: "u1", 5: "i2", 6: "i1", 8: "c8", 9: "i8", 10: "b1", 14: "bf16", 17: "u2", 18: "c16",
    19: "f2", 22: "u4", 23: "u8",
}  # fmt: skip
_TEXT = 7
#: fields of values one by one: as bytes of this type, or as varints
_FIXED = {5: "f4", 6: "f8", 9: "f4", 12: "f8"}
_VARINTS = (7, 10, 11, 13, 16, 17)


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return value & (1 << 64) - 1, at
    raise WeightsError("a number of more than 10 bytes")


def _fields(data: memoryview) -> Iterator[tuple[int, Any]]:
    """Number and value of each field of a message: a whole number, or bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind, end = key & 7, at
        if kind == 0:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        if kind == 2:
            length, at = _varint(data, at)
            end = at + length
        elif kind in (1, 5):
            end = at + (8 if kind == 1 else 4)
        else:
            raise WeightsError(f"no protocol buffer: a field of kind {kind}")
        if end > len(data):
            raise WeightsError(
                f"cut, or no protocol buffer: a field of {end - at} bytes where {len(data) - at} are left"
            )
        yield key >> 3, data[at:end]
        at = end


def _bytes(value: Any) -> memoryview:
    if not isinstance(value, memoryview):
        raise WeightsError("no frozen graph: a number where a message is expected")
    return value


def _text(value: Any) -> str:
    return bytes(_bytes(value)).decode()


def _integer(value: Any) -> int:
    """A whole number of 64 bits with sign."""
    if not isinstance(value, int):
        raise WeightsError("no frozen graph: a message where a number is expected")
    return value - (1 << 64) if value >> 63 else value


def _shape(data: memoryview) -> tuple[int, ...] | None:
    """A TensorShapeProto; None if its axes are not known."""
    axes = []
    for number, value in _fields(data):
        if number == 3 and value:
            return None
        if number == 2:
            sizes = [_integer(size) for field, size in _fields(_bytes(value)) if field == 1]
            axes.append(sizes[-1] if sizes else 0)
            if len(axes) > MOST_AXES:
                raise WeightsError(f"a shape of more than {MOST_AXES} axes")
    return tuple(axes)


def _tensor(name: str, data: memoryview, room: Room) -> np.ndarray | None:
    """A TensorProto; None if it holds text. Values that are left out at the end are as the last."""
    kind, content, single = 0, memoryview(b""), list[np.ndarray]()
    shape: tuple[int, ...] = ()
    for number, value in _fields(data):
        if number == 1:
            kind = _integer(value)
        elif number == 2:
            shape = _shape(_bytes(value)) or ()
        elif number == 4:
            content = _bytes(value)
        elif number in _FIXED:
            single.append(np.frombuffer(_bytes(value), np.dtype(_FIXED[number]).newbyteorder("<")))
        elif number in _VARINTS:
            single.append(_varints(value))
        if len(single) > MOST_PARTS:
            raise WeightsError(f"{shown(name)} has its values one by one; expects at most {MOST_PARTS} so")
    if kind == _TEXT:
        return None
    if kind not in _TYPES:
        raise WeightsError(f"{shown(name)} has type {kind} of TensorFlow, which is not read")
    code = _TYPES[kind]
    room.take(name, shape, 16)
    if len(content):
        return numbers(name, content, code, shape)
    values = np.concatenate(single) if single else np.zeros(1, np.int64)
    if code in ("f2", "bf16"):  # their bits
        values = numbers(name, values.astype("<u2").tobytes(), code, values.shape)
    elif code in ("c8", "c16"):  # real and imaginary parts in turn
        values = values.view(f"c{2 * values.itemsize}")
    count = prod(shape)
    if len(values) > count or not len(values):
        raise WeightsError(f"{shown(name)} has {len(values)} values for shape {shape}")
    whole = np.full(count, values[-1:], np.dtype("f4" if code == "bf16" else code).newbyteorder("="))
    whole[: len(values)] = values
    return whole.reshape(shape)


def _varints(value: Any) -> np.ndarray:
    """One whole number, or several packed together."""
    if isinstance(value, int) or not len(value):
        return np.array([_integer(value)] if isinstance(value, int) else [], np.int64)
    data = np.frombuffer(value, np.uint8)
    ends = np.flatnonzero(data < 128)
    starts = np.concatenate([[0], ends[:-1] + 1])
    if data[-1] >= 128 or (ends - starts).max() > 9:
        raise WeightsError("a number of more than 10 bytes")
    found = np.zeros(len(ends), np.uint64)
    for place in range(10):  # each byte has 7 bits, the lowest first
        has = starts + place <= ends
        found[has] |= (data[starts[has] + place] & 127).astype(np.uint64) << np.uint64(7 * place)
    return found.view(np.int64)


def _values(name: str, number: int, value: Any, room: Room) -> list[Any]:
    """What a field of an AttrValue holds; those of its lists have the same numbers."""
    if number == 2:
        text = bytes(_bytes(value))
        return [text.decode() if text.isascii() else text]
    if number in (3, 5, 6):
        whole: list[int] = _varints(value).tolist()
        return whole if number == 3 else [bool(n) if number == 5 else _TYPES.get(n, n) for n in whole]
    if number == 4:
        return [float(each) for each in np.frombuffer(_bytes(value), "<f4")]
    if number == 7:
        return [_shape(_bytes(value))]
    return [_tensor(name, _bytes(value), room)] if number == 8 else []


def _node(data: memoryview, room: Room) -> GraphNode:
    """A NodeDef."""
    name, operation, inputs, attributes = "", "", list[str](), dict[str, Any]()
    for number, value in _fields(data):
        if number == 1:
            name = _text(value)
        elif number == 2:
            operation = _text(value)
        elif number == 3:
            inputs.append(_text(value))
        elif number == 5:
            entry = dict(_fields(_bytes(value)))
            found: Any = None
            for kind, each in _fields(_bytes(entry.get(2, memoryview(b"")))):
                if kind == 1:  # a list
                    parts = [_values(name, field, part, room) for field, part in _fields(_bytes(each))]
                    found = [part for several in parts for part in several]
                else:
                    found = next(iter(_values(name, kind, each, room)), None)
            attributes[_text(entry.get(1, memoryview(b"")))] = found
    return GraphNode(name, operation, tuple(inputs), (name,), attributes)


def read_frozen_graph(content: bytes) -> Contents:
    """Read the nodes and constants of a graph whose variables were frozen into constants."""
    room, nodes = Room(len(content)), dict[str, GraphNode]()
    tensors, read = dict[str, np.ndarray](), set[str]()
    for number, value in _fields(memoryview(content)):
        if number != 1:
            continue
        node = _node(_bytes(value), room)
        if not node.name or not node.operation or node.name in nodes:
            raise WeightsError(f"node {shown(node.name)!r} is there twice, or lacks name or operation")
        nodes[node.name] = node
        read |= {name.removeprefix("^").partition(":")[0] for name in node.inputs}
        if len(nodes) > MOST_PARTS:
            raise WeightsError(f"more than {MOST_PARTS} nodes")
        if node.operation == "Const" and isinstance(node.attributes.get("value"), np.ndarray):
            tensors[node.name] = node.attributes["value"]
    if not nodes:
        raise WeightsError("holds no nodes; expects a TensorFlow frozen graph")
    kept = tuple(node for node in nodes.values() if node.operation != "Const")
    inputs = {node.name: node.attributes.get("shape") for node in kept if node.operation == "Placeholder"}
    outputs = {node.name: None for node in kept if node.name not in read}
    return Contents("tensorflow", tensors, kept, {"inputs": inputs, "outputs": outputs})
