"""Graphs: networks of any shape by nodes, and sums of branches."""

from __future__ import annotations

import pickle
import re
from typing import Any

import msgspec
import numpy as np
import pytest

from genoml import nn
from genoml.checkpoint import load_weights, save_weights
from genoml.models import build_model
from genoml.nn import Node
from genoml.nn.description import LayerRecord, build_network, describe_network
from genoml.nn.layer import Layer, Pass
from genoml.ops.windows import EVERYTHING, Reach

BPNET = {"filters": 4, "dilated_layers": 2, "profile_length_bp": 10, "profile_kernel_size": 5}


def conv(channels: int = 4, out: int = 4, width: int = 3, **options: Any) -> nn.Conv1D:
    return nn.Conv1D(channels, out, width, **options)


def bpnet_graph() -> nn.Graph:
    """The network of build_model("bpnet", BPNET), as nodes with the same paths."""
    nodes = [Node("conv", conv(4, 4, 21))]
    for i in (1, 2):
        below = nodes[-1].name
        dilated = Node(f"dilated{i}", nn.Sequential({"conv": conv(dilation=2**i)}), below)
        nodes += [dilated, Node(f"sum{i}", "add", [below, dilated.name], crop=True)]
    profile = {"conv": conv(4, 1, 5, activation=None), "crop": nn.CropTo(10), "flatten": nn.Flatten()}
    counts = {"mean": nn.GlobalAveragePool1D(), "dense": nn.Dense(4, 1)}
    return nn.Graph(
        [
            *nodes,
            Node("heads.profile", nn.Sequential(profile), "sum2"),
            Node("heads.counts", nn.Sequential(counts), "sum2"),
            Node("y", "concatenate", ["heads.profile", "heads.counts"]),
        ]
    )


def outputs(model: Layer, x: np.ndarray, run: Pass | None = None, **wanted: bool) -> Any:
    y, back = model.vjp(x, run or Pass())
    cotangent = np.random.default_rng(1).standard_normal(y.shape).astype(y.dtype)
    return y, *back(cotangent, **wanted)


def test_bpnet_as_a_graph_gives_its_numbers_and_gradients() -> None:
    model, graph = build_model("bpnet", BPNET), bpnet_graph()
    graph.params = model.params
    x = np.random.default_rng(0).standard_normal((3, 4, 50)).astype(np.float32)
    y, grad_x, grads = outputs(graph, x)
    expected, expected_x, expected_grads = outputs(model, x)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_allclose(grad_x, expected_x, atol=1e-6)
    assert set(grads) == set(expected_grads) == set(model.params)
    for path, value in expected_grads.items():
        np.testing.assert_allclose(grads[path], value, atol=1e-5)


def test_layers_in_a_graph_are_fused_as_in_sequential() -> None:
    layers = {"conv": conv(activation=None), "norm": nn.BatchNorm1D(4), "relu": nn.ReLU(), "end": conv()}
    row = nn.Sequential(layers)
    graph = nn.Graph(
        [Node(name, None, source) for name, source in zip(layers, ["input", *layers], strict=False)], layers
    )
    assert [stretch.names for stretch in graph._stretches] == [list(layers)]
    x = np.random.default_rng(0).standard_normal((2, 4, 12)).astype(np.float32)
    for run in (Pass(), Pass(training=True)):
        for found, expected in zip(outputs(graph, x, run)[:2], outputs(row, x, run)[:2], strict=True):
            np.testing.assert_array_equal(found, expected)


def test_backward_computes_only_what_is_read() -> None:
    graph = bpnet_graph()
    x = np.random.default_rng(0).standard_normal((2, 4, 50)).astype(np.float32)
    _, _, whole = outputs(graph, x)
    frozen = frozenset(path for path in graph.params if not path.startswith("dilated2"))
    _, grad_x, grads = outputs(graph, x, Pass(frozen=frozen), need_x=False)
    assert grad_x is None
    assert {path for path in grads if path.startswith("dilated2")} == set(grads)
    for path, value in grads.items():
        np.testing.assert_array_equal(value, whole[path])
    assert outputs(graph, x, need_params=False)[2] == {}
    assert outputs(graph, x, need_x=False, need_params=False)[1:] == (None, {})


def test_a_graph_is_described_saved_copied_and_printed(tmp_path: Any) -> None:
    graph = bpnet_graph()
    x = np.random.default_rng(0).standard_normal((2, 4, 50)).astype(np.float32)
    text = msgspec.json.encode(describe_network(graph))
    again = build_network(msgspec.json.decode(text, type=LayerRecord), graph.backend)
    save_weights(tmp_path / "w.safetensors", graph)
    load_weights(tmp_path / "w.safetensors", again)
    for other in (again, pickle.loads(pickle.dumps(graph)), nn.Graph(graph.nodes, graph.named_layers)):
        np.testing.assert_array_equal(other.vjp(x)[0], graph.vjp(x)[0])
        assert list(other.params) == list(graph.params)
    assert "sum1 = add(conv, dilated1, crop)" in repr(graph)
    assert graph.summary(50).parameters == sum(value.size for value in graph.params.values())


def test_a_layer_of_a_graph_can_be_replaced() -> None:
    graph = bpnet_graph()
    graph["conv"] = conv(4, 4, 11)
    assert graph.vjp(np.zeros((1, 4, 50), np.float32))[0].shape == (1, 11)


def test_a_graph_trains() -> None:
    graph = nn.Graph(
        [
            Node("a", nn.Dense(3, 5, "tanh")),
            Node("b", nn.Dense(3, 5, "sigmoid")),
            Node("gated", "multiply", ["a", "b"]),
            Node("y", nn.Dense(5, 1), "gated"),
        ]
    )
    rng = np.random.default_rng(0)
    x = rng.standard_normal((64, 3)).astype(np.float32)
    target = x[:, :1] * x[:, 1:2]
    losses = []
    for _ in range(200):
        y = graph(x, training=True)
        graph.backward((y - target) / len(x))
        for path, grad in graph.grads.items():
            graph.params[path] = graph.params[path] - 0.5 * grad
        losses.append(float(np.mean((y - target) ** 2)))
    assert losses[-1] < 0.3 * losses[0]


def test_what_a_graph_sees() -> None:
    shortcut = nn.Graph([Node("f", conv(width=5)), Node("y", "add", ["f", "input"], crop=True)])
    assert shortcut.reach(30) == Reach(5)
    assert nn.Sum([conv(width=3), conv(width=5)], crop=True).reach(30) == Reach(5)
    behind = nn.Graph([Node("f", conv()), Node("y", "concatenate", ["f", "input"], axis=2)])
    assert behind.reach(30) == EVERYTHING


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([Node("a", conv(), "b"), Node("b", conv())], "node 'a' reads 'b', which is no node before it"),
        ([Node("a", conv()), Node("a", conv(), "a")], "expects each name once, got 'a' twice"),
        ([Node("a")], "node 'a' has no layer"),
        ([Node("a", conv()), Node("b", conv())], "no node reads 'a'; only the last node is an output"),
        ([Node("y", "add", ["input", "input"])], "expects at least one layer"),
        ([], "expects at least one layer"),
    ],
)
def test_graphs_that_make_no_sense_are_refused(nodes: list[Node], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        nn.Graph(nodes)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a", conv(), ["b", "c"]), "node 'a' expects one source, as a layer reads one array, got 2"),
        (("a", "add", []), "node 'a' expects sources, got 0"),
        (
            ("a", "minimum", ["b", "c"]),
            "a layer or one of add, mean, multiply, maximum, concatenate, got 'minimum'",
        ),
        (("a", nn.ReLU), "node 'a' expects a layer or one of add"),
        (("a", "add", ["b", "c"], 2), "node 'a' expects axis >= 1, and 1 unless it concatenates, got 2"),
        (("a", conv(), "b", 1, True), "node 'a' expects crop=True of a join only"),
    ],
)
def test_nodes_that_make_no_sense_are_refused(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Node(*arguments)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            nn.Sum([conv(width=3), conv(width=5)]),
            "Sum: +(0, 1) expects arrays of one shape (crop=True takes the middle)".replace("+(", "+ = add("),
        ),
        (nn.Sum([conv(), conv(out=3)], crop=True), "expects arrays of one shape, got [(1, 4, 7), (1, 3, 7)]"),
        (
            nn.Graph([Node("a", conv()), Node("y", "concatenate", ["a", "input"])]),
            "y = concatenate(a, input) expects arrays of one shape but along axis 1, got [(1, 4, 7), (1, 4, 9)]",
        ),
    ],
)
def test_arrays_that_cannot_be_joined_are_refused(model: Layer, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        model.vjp(np.zeros((1, 4, 9), np.float32))


def test_a_sum_expects_layers() -> None:
    with pytest.raises(TypeError, match="Sum expects layers, got int at '1'"):
        nn.Sum([conv(), 3])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="Sum expects at least one layer"):
        nn.Sum([])
