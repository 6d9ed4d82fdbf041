"""ONNX, read by the package ``onnx`` (extra ``onnx``)."""

from __future__ import annotations

from typing import Any

import numpy as np

from genoml.io.errors import shown
from genoml.io.weights.contents import MOST_PARTS, Contents, GraphNode, Room, WeightsError


def read_onnx(content: bytes) -> Contents:
    """Read nodes, initialisers and constants; arrays in other files are refused."""
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("needs onnx; pip install 'genoml-xp[onnx]'", name=error.name) from error
    model = onnx.load_model_from_string(content)
    graph, reader = model.graph, _Reader(onnx, len(content))
    if not graph.node and not graph.initializer:
        raise WeightsError("no graph; expects an ONNX model")
    if len(graph.node) + len(graph.initializer) > MOST_PARTS:
        raise WeightsError(f"{len(graph.node)} nodes; expects at most {MOST_PARTS}")
    if graph.sparse_initializer:
        raise WeightsError("holds sparse arrays, which are not read")
    for tensor in graph.initializer:
        reader.keep(tensor.name, reader.array(tensor, tensor.name))
    nodes = []
    for node in graph.node:
        read = reader.node(node)
        if read.operation == "Constant" and len(read.outputs) == 1 and len(read.attributes) == 1:
            (value,) = read.attributes.values()
            reader.keep(read.outputs[0], np.asarray(value))
        else:
            nodes.append(read)
    given = {value.name: _shape(value) for value in graph.input if value.name not in reader.tensors}
    metadata = {
        "inputs": given,
        "outputs": {value.name: _shape(value) for value in graph.output},
        "opsets": {each.domain: each.version for each in model.opset_import},
        "producer": model.producer_name,
    }
    return Contents("onnx", reader.tensors, tuple(nodes), metadata)


def _shape(value: Any) -> tuple[int, ...] | None:
    """Shape of an input or output; -1 for a free axis, None if it is not said."""
    kind = value.type.tensor_type
    if not kind.HasField("shape"):
        return None
    return tuple(axis.dim_value if axis.HasField("dim_value") else -1 for axis in kind.shape.dim)


class _Reader:
    """Makes our own nodes and arrays of ONNX's."""

    def __init__(self, onnx: Any, size: int) -> None:
        self._onnx = onnx
        self._room = Room(size)
        self.tensors: dict[str, np.ndarray] = {}

    def keep(self, name: str, value: np.ndarray) -> None:
        """Keep an array by its name."""
        if name in self.tensors:
            raise WeightsError(f"{shown(name)} is there twice")
        if value.dtype.kind in "biufc":  # not text
            self.tensors[name] = value

    def array(self, tensor: Any, name: str) -> np.ndarray:
        """An array that lies in the file itself."""
        if tensor.data_location == self._onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise WeightsError(f"refused: {shown(name)} lies in another file; save the model as one file")
        self._room.take(name, tuple(tensor.dims), 16)
        value: np.ndarray = self._onnx.numpy_helper.to_array(tensor)
        if value.dtype.name == "bfloat16":
            value = value.astype(np.float32)
        if value.dtype.kind not in "biufcOSU":
            raise WeightsError(f"{shown(name)} has dtype {value.dtype.name}, which is not read")
        return value if value.dtype.kind not in "biufc" else np.array(value, value.dtype.newbyteorder("="))

    def node(self, node: Any) -> GraphNode:
        """A node with its attributes."""
        kinds = self._onnx.AttributeProto
        domain = "" if node.domain in ("", "ai.onnx") else f"{node.domain}::"
        attributes: dict[str, Any] = {}
        for each in node.attribute:
            where = f"{node.name or 'without name'} ({node.op_type})"
            if each.type == kinds.TENSOR:
                attributes[each.name] = self.array(each.t, where)
            elif each.type == kinds.STRING:
                attributes[each.name] = each.s.decode("utf-8", "replace")
            elif each.type == kinds.STRINGS:
                attributes[each.name] = [text.decode("utf-8", "replace") for text in each.strings]
            elif each.type in (kinds.FLOAT, kinds.INT):
                attributes[each.name] = each.f if each.type == kinds.FLOAT else each.i
            elif each.type in (kinds.FLOATS, kinds.INTS):
                attributes[each.name] = list(each.floats if each.type == kinds.FLOATS else each.ints)
            else:
                raise WeightsError(
                    f"node {shown(where)}: attribute {shown(each.name)} holds a graph or what else is not read"
                )
        return GraphNode(node.name, domain + node.op_type, tuple(node.input), tuple(node.output), attributes)
