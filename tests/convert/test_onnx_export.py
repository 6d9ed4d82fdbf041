"""Networks as ONNX: every layer of genoml beside onnxruntime, and through our own reader and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from genoml import nn
from genoml.backend import Array, get_backend
from genoml.convert import ConvertError, ExportError, convert_onnx, export_onnx
from genoml.convert.onnx_writer import Value, Writer
from genoml.io import read_weights
from genoml.models import MODELS, build_model, model_spec
from genoml.nn import EVALUATION, Pass, Pullback
from genoml.nn.layer import Layer
from genoml.random import host_generator
from genoml.testing.layers import LAYERS

#: layers that our own reader does not know, and what it says; tokens are not sequences
ONE_WAY = {
    "Embedding": "expects an axis of the 4 bases",
    "Embedding and GRU": "expects an axis of the 4 bases",
    "BiasFactorised": "Sub.: it takes two arrays that depend on the sequences",
    "BiasFactorised, both trained": "Sub.: it takes two arrays that depend on the sequences",
    "ControlTracks": "expects an axis of the 4 bases",
}
#: layers along positions, of (batch, length, features)
ROWS = (
    nn.SelfAttention, nn.TransformerBlock, nn.SinusoidalPositions, nn.LSTM, nn.GRU, nn.Bidirectional, nn.LayerNorm,
    nn.MLP,
)  # fmt: skip


def settled(layer: Layer) -> Layer:
    """Running statistics as if trained."""
    rng = host_generator(1, "settle")
    for name, value in layer.state.items():
        low, high = (0.3, 2.0) if name.endswith("var") else (-0.5, 0.5)
        layer.state[name] = rng.uniform(low, high, value.shape).astype(np.float32)
    return layer


def sequences(n: int, length: int) -> np.ndarray:
    codes = host_generator(n, "sequences").integers(0, 4, (n, length))
    return np.ascontiguousarray(np.eye(4, dtype=np.float32)[codes].transpose(0, 2, 1))


def outputs(file: bytes, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run(None, {"sequences": x})[0]
    return found


def expect_equal(found: np.ndarray, expected: Any) -> None:
    expected = np.asarray(expected)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("opset", [17, 20])
@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_gives_the_same_in_onnxruntime(name: str, opset: int) -> None:
    case = LAYERS[name]
    layer = settled(case.build(get_backend("numpy"), "float32"))
    x = case.input().astype(np.int32 if case.integer else np.float32)
    file = export_onnx(layer, x.shape[1:], integer=case.integer, opset=opset)
    expect_equal(outputs(file, x), layer.vjp(x)[0])


def behind_a_convolution(layer: Layer, shape: tuple[int, ...]) -> tuple[Layer, int]:
    """A network of sequences whose end a layer is, and their length; one of both strands reads them itself."""
    if isinstance(layer, nn.StrandSymmetric):
        return layer, shape[-1]
    if len(shape) == 2:
        conv = nn.Conv1D(4, shape[1], 3)
        return nn.Sequential({"conv": conv, "pool": nn.GlobalMaxPool1D(), "layer": layer}), 9
    if isinstance(layer, ROWS):
        return nn.Sequential(
            {"conv": nn.Conv1D(4, shape[2], 1), "rows": nn.Transpose(), "layer": layer}
        ), shape[1]
    return nn.Sequential({"conv": nn.Conv1D(4, shape[1], 1), "layer": layer}), shape[2]


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_is_read_back_from_the_file_that_is_written_of_it(name: str, tmp_path: Path) -> None:
    case = LAYERS[name]
    layer = settled(case.build(get_backend("numpy"), "float32"))
    if name in ONE_WAY:
        x = case.input().astype(np.int32 if case.integer else np.float32)
        (tmp_path / "m.onnx").write_bytes(export_onnx(layer, x.shape[1:], integer=case.integer))
        with pytest.raises(ConvertError, match=ONE_WAY[name]):
            convert_onnx(read_weights(tmp_path / "m.onnx"))
        return
    network, length = behind_a_convolution(layer, case.input().shape)
    (tmp_path / "m.onnx").write_bytes(export_onnx(network, (4, length)))
    back = convert_onnx(read_weights(tmp_path / "m.onnx"))
    x = sequences(2, length)
    expect_equal(np.asarray(back.network.vjp(x)[0]).transpose(back.axes), network.vjp(x)[0])


@pytest.mark.parametrize("kind", [nn.SelfAttention, nn.AttentionPool1D, nn.StrandSymmetric, nn.GroupNorm])
def test_a_layer_of_several_operations_comes_back_as_itself(kind: type[Layer], tmp_path: Path) -> None:
    cases = {name: case for name, case in LAYERS.items() if isinstance(case.make(), kind)}
    assert cases
    for case in cases.values():
        network, length = behind_a_convolution(
            case.build(get_backend("numpy"), "float32"), case.input().shape
        )
        (tmp_path / "m.onnx").write_bytes(export_onnx(network, (4, length)))
        back = convert_onnx(read_weights(tmp_path / "m.onnx")).network
        assert kind in [type(layer) for layer in getattr(back, "layers", [back])]


@pytest.mark.parametrize("name", MODELS)
def test_every_network_gives_the_same_there_and_back(name: str, tmp_path: Path) -> None:
    length = {"bpnet": 1500, "deepromoter": 300}.get(name, 250)
    small = {
        "danq": {"filters": 16, "hidden": 8},
        "deepsea": {"filters": [16, 16, 16]},
        "bpnet": {"profile_length_bp": 100},
    }
    options = small.get(name, {}) | ({"length_bp": length} if model_spec(name).fixed_length else {})
    model = settled(build_model(name, options))
    file = export_onnx(model, (4, length))
    for n in (1, 3):
        x = sequences(n, length)
        expect_equal(outputs(file, x), model.vjp(x)[0])
    (tmp_path / "m.onnx").write_bytes(file)
    back = convert_onnx(read_weights(tmp_path / "m.onnx")).network
    expect_equal(np.asarray(back.vjp(x)[0]), model.vjp(x)[0])


@pytest.mark.parametrize("name", ["motif_cnn", "deepbind", "promoter_cnn"])
def test_a_network_of_global_pooling_reads_any_length(name: str) -> None:
    model = settled(build_model(name, {}))
    file = export_onnx(model, (4, 100), any_length=True)
    for length in (100, 101, 163):
        x = sequences(2, length)
        expect_equal(outputs(file, x), model.vjp(x)[0])


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([nn.Flatten(), nn.Dense(40, 1)], "the network reads one length only"),
        (
            [nn.Transpose(), nn.SelfAttention(4, position="relative")],
            "layer 1: its positions depend on the length",
        ),
        ([nn.MaxPool1D(2), nn.CropTo(3)], "layer 1: the positions that it cuts off depend on the length"),
        (
            [nn.Conv1D(4, 2, 3, stride=2, padding="same")],
            "layer 0: its zeros at the ends depend on the length",
        ),
    ],
)
def test_a_network_of_one_length_is_refused_for_any(layers: list[Layer], words: str) -> None:
    with pytest.raises(ExportError, match=words):
        export_onnx(nn.Sequential(layers), (4, 10), any_length=True)
    assert export_onnx(nn.Sequential(layers), (4, 10))


class Doubled(nn.Layer):
    """y = 2 x."""

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        return 2.0 * x, lambda grad, **_: (2.0 * grad, {})


class OtherReLU(nn.ReLU):
    """A subclass that computes something else."""

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        return 2.0 * x, lambda grad, **_: (2.0 * grad, {})


@pytest.mark.parametrize("kind", [Doubled, OtherReLU])
def test_a_layer_of_your_own_needs_a_rule(kind: type[Layer]) -> None:
    model = nn.Sequential({"conv": nn.Conv1D(4, 2, 3), "own": kind()})
    with pytest.raises(
        ExportError, match=f"layer own .{kind.__name__}. has no rule for ONNX; give one: rules="
    ):
        export_onnx(model, (4, 9))

    def rule(w: Writer, layer: Layer, x: Value) -> str:
        return w.add("Mul", x.name, w.number(2.0))

    x = sequences(2, 9)
    expect_equal(outputs(export_onnx(model, (4, 9), rules={kind: rule}), x), model.vjp(x)[0])


def test_equal_networks_give_equal_bytes_and_the_network_stays() -> None:
    model = settled(build_model("motif_cnn", {})).to(dtype="float64")
    before = {name: np.array(value) for name, value in model.params.items()}
    file = export_onnx(model, (4, 60), metadata={"tasks": "ctcf"})
    assert file == export_onnx(settled(build_model("motif_cnn", {})), (4, 60), metadata={"tasks": "ctcf"})
    assert model.dtype == "float64"
    assert all(np.array_equal(model.params[name], value) for name, value in before.items())
    loaded = onnx.load_from_string(file)
    notes = {entry.key: entry.value for entry in loaded.metadata_props}
    assert notes["tasks"] == "ctcf"
    assert len(notes["weights_sha256"]) == 64
    assert {node.op_type for node in loaded.graph.node} >= {"Conv", "Gemm", "ReduceMax"}


def test_an_operation_that_the_operator_set_lacks_is_named() -> None:
    model = nn.Sequential({"norm": nn.LayerNorm(8)})
    with pytest.raises(
        ExportError, match="layer norm: LayerNormalization needs operator set 17 or later, got 16"
    ):
        export_onnx(model, (4, 8), opset=16)
    assert export_onnx(nn.Sequential([nn.Conv1D(4, 2, 3)]), (4, 8), opset=13)
    with pytest.raises(ExportError, match="expects an operator set from 13 to 21, got 12"):
        export_onnx(model, (4, 8), opset=12)
