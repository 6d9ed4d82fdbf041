"""Networks of genoml as ONNX files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from genoml.convert.onnx_layers import RULES
from genoml.convert.onnx_writer import OPSETS, ExportError, Rule, Value, Writer, needs_onnx, on_host
from genoml.nn.layer import Layer

__all__ = ["export_onnx"]


def _lengths(length: int, several: bool) -> list[int]:
    """The lengths that are traced; further ones, odd and even and much longer, to see what depends on the length."""
    return [length, length + 1, length + 3, 2 * length + 5] if several else [length]


def export_onnx(
    network: Layer,
    shape: Sequence[int],
    *,
    any_length: bool = False,
    integer: bool = False,
    codes: np.ndarray | None = None,
    both_strands: bool = False,
    turned: Callable[[np.ndarray], np.ndarray] | None = None,
    last: Callable[[Writer, Value], Value] | None = None,
    rules: Mapping[type, Rule] | None = None,
    metadata: Mapping[str, str] | None = None,
    opset: int = 17,
) -> bytes:
    """A network, as it is in evaluation, as the bytes of an ONNX file, in float32.

    The graph has one input, ``sequences``, (batch, ...) with any number of sequences, and one output, ``predictions``.
    Equal networks give equal bytes. A mask has no place in it: all positions are real.

    Parameters
    ----------
    network : Layer
        Of any kind and on any backend. A layer of your own needs a rule.
    shape : sequence of int
        Of an input, without the batch: (4, length) for networks of one-hot sequences.
    any_length : bool
        Whether sequences of other lengths are allowed too; ``shape`` has one that is. Possible where no layer's numbers
        depend on the length: convolutions and global pooling.
    integer : bool
        Whether the network reads tokens, int32.
    codes : array of shape (letters, 4), optional
        The graph reads codes (batch, length), uint8, whose one-hot rows these are, in place of one-hot sequences.
    both_strands : bool
        Whether the output is the mean over the sequence and its reverse complement.
    turned : callable, optional
        With ``both_strands``: gives outputs (n, outputs) of the reverse complement the order of those of the sequence.
    last : callable, optional
        Adds operations behind the outputs.
    rules : mapping of class to rule, optional
        For layers of your own: (writer, layer, input) -> name of the output.
    metadata : mapping of str to str, optional
        Notes in the file, beside the version of genoml and the SHA-256 of the weights.
    opset : int
        ONNX's operator set, 13 to 21.

    Raises
    ------
    ExportError
        For a layer without a rule, an operation that the operator set lacks, or a network that reads one length with
        ``any_length``; the message names the layer.
    ModuleNotFoundError
        Without the package ``onnx``.
    """
    onnx = needs_onnx()
    if not OPSETS[0] <= opset <= OPSETS[1]:
        raise ExportError(f"ONNX expects an operator set from {OPSETS[0]} to {OPSETS[1]}, got {opset}")
    model = on_host(network)
    w = Writer({**RULES, **(rules or {})}, opset)
    shapes = tuple((*shape[:-1], length) for length in _lengths(shape[-1], any_length))
    x = Value("sequences", shapes, integer)
    w.claim(x.name, "predictions")
    x = x if codes is None else _from_codes(w, x, codes)
    y = w.layer(model, "", x)
    if both_strands:
        y = _mean_of_strands(w, model, x, y, turned)
    y = y if last is None else last(w, y)
    w.nodes.append(onnx.helper.make_node("Identity", [y.name], ["predictions"], name="predictions"))
    kind = "UINT8" if codes is not None else "INT32" if integer else "FLOAT"
    given = ["batch", *shape] if codes is None else ["batch", shape[-1]]
    if any_length:
        given[-1] = "length"
    element = getattr(onnx.TensorProto, kind)
    entry = onnx.helper.make_tensor_value_info("sequences", element, given)
    return _file(onnx, w, entry, y, metadata or {})


def _from_codes(w: Writer, x: Value, codes: np.ndarray) -> Value:
    """Codes (batch, length) as one-hot sequences (batch, 4, length)."""
    with w.within("codes"):
        rows = w.add("Gather", w.tensor("one_hot", codes), w.add("Cast", x.name, to=6), axis=0)
        return Value(w.add("Transpose", rows, perm=[0, 2, 1]), x.shapes)


def _mean_of_strands(
    w: Writer, model: Layer, x: Value, y: Value, turned: Callable[[np.ndarray], np.ndarray] | None
) -> Value:
    """The mean with the outputs for the reverse complement."""
    with w.within("reverse_complement"):
        flipped = Value(w.flipped(x.name, [1, 2]), x.shapes)
    other = w.layer(model, "reverse_complement", flipped).name
    with w.within("both_strands"):
        order = np.arange(y.shapes[0][0], dtype=np.float32)
        order = order if turned is None else turned(order[None])[0]
        if np.any(np.diff(order) != 1):
            other = w.add("Gather", other, w.integers("turned", *map(int, order)), axis=1)
        return Value(w.add("Mean", y.name, other), y.shapes)


def _file(onnx: Any, w: Writer, given: Any, y: Value, metadata: Mapping[str, str]) -> bytes:
    """The model's bytes, checked."""
    helper = onnx.helper
    axes: list[int | str | None] = [
        sizes[0] if len(set(sizes)) == 1 else None for sizes in zip(*y.shapes, strict=True)
    ]
    output = helper.make_tensor_value_info("predictions", onnx.TensorProto.FLOAT, ["batch", *axes])
    tensors = [onnx.numpy_helper.from_array(array, name) for name, array in w.tensors.items()]
    graph = helper.make_graph(w.nodes, "genoml", [given], [output], tensors)
    sets = [helper.make_opsetid("", w.opset)]
    model = helper.make_model(
        graph, opset_imports=sets, producer_name="genoml", producer_version=version("genoml-xp"),
        ir_version=helper.find_min_ir_version_for(sets),
    )  # fmt: skip
    weights = hashlib.sha256()
    for array in w.tensors.values():
        weights.update(array.tobytes())
    helper.set_model_props(model, {**metadata, "weights_sha256": weights.hexdigest()})
    onnx.checker.check_model(model, full_check=True)
    data: bytes = model.SerializeToString(deterministic=True)
    return data
