"""What a network looks like to a reader: repr and summary; and layers put in the place of others."""

from __future__ import annotations

from math import prod
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import genoml
from genoml import nn
from genoml.backend import Backend, get_backend
from genoml.testing import LayerCase
from genoml.testing.layers import LAYERS
from support.backends import StrictBackend
from support.models import SMALL, small_length_bp, small_model

CASES = pytest.mark.parametrize("case", LAYERS.values(), ids=LAYERS)


def network(**options: Any) -> nn.Sequential:
    return nn.Sequential(
        {
            "scan": nn.Conv1D(4, 8, 5, padding="same"),
            "norm": nn.BatchNorm1D(8),
            "body": nn.Residual([nn.Conv1D(8, 8, 3, padding=1), nn.Dropout(0.2)]),
            "pool": nn.GlobalMaxPool1D(),
            "head": nn.Dense(8, 1),
        },
        **options,
    )


# ---------------------------------------------------------------- repr


def test_a_layer_reads_as_it_is_typed_without_what_is_at_its_default() -> None:
    assert repr(nn.Conv1D(4, 32, 8)) == "Conv1D(4, 32, 8)"
    assert (
        repr(nn.Conv1D(4, 32, 8, bias=False, activation=None))
        == "Conv1D(4, 32, 8, bias=False, activation=None)"
    )
    assert repr(nn.Dense(32, 1, activation="sigmoid", seed=3)) == "Dense(32, 1, activation='sigmoid')"
    assert repr(nn.Dense(32, 1, dtype="float64")) == "Dense(32, 1, dtype='float64')"
    assert repr(nn.RCBatchNorm1D(6, eps=0.1)) == "RCBatchNorm1D(6, eps=0.1)"
    assert repr(nn.MotifLayer(2, 7, threshold=0.5)) == "MotifLayer(2, 7, threshold=0.5)"


def test_a_network_reads_as_one_line_a_layer() -> None:
    assert repr(network()).splitlines() == [
        "Sequential()",
        "  scan: Conv1D(4, 8, 5, padding='same')",
        "  norm: BatchNorm1D(8)",
        "  body: Residual()",
        "    0: Conv1D(8, 8, 3, padding=1)",
        "    1: Dropout(0.2)",
        "  pool: GlobalMaxPool1D()",
        "  head: Dense(8, 1)",
    ]


@CASES
def test_the_line_of_a_layer_typed_again_makes_the_same_layer(case: LayerCase) -> None:
    layer = case.make()
    if hasattr(layer, "named_layers"):
        assert len(repr(layer).splitlines()) > len(layer.named_layers)
        return
    again = eval(repr(layer), vars(nn).copy())
    assert repr(again) == repr(layer)
    assert {name: value.shape for name, value in again.params.items()} == {
        name: value.shape for name, value in layer.params.items()
    }


def test_reading_a_layer_draws_nothing() -> None:
    layer = nn.Conv1D(4, 8, 5)
    repr(layer)
    assert layer._tables is None


def test_a_layer_that_keeps_an_array_shows_its_shape_and_what_it_does_not_keep_is_left_out() -> None:
    class Own(nn.Layer):
        def __init__(self, width: int, table: Any, unkept: int = 3, **options: Any) -> None:
            super().__init__(**options)
            self.width, self.table = width, table

    assert repr(Own(3, np.zeros((2, 5)))) == "Own(3, array(2, 5))"


# ---------------------------------------------------------------- summary


def test_a_summary_has_a_row_a_layer_with_shapes_and_numbers_of_parameters() -> None:
    summary = network().summary(30)
    found = {row.path: (row.output, row.parameters) for row in summary.rows}
    assert found == {
        "": ((1,), 0),
        "scan": ((8, 30), 4 * 8 * 5 + 8),
        "norm": ((8, 30), 16),
        "body": ((8, 30), 0),
        "body.0": ((8, 30), 8 * 8 * 3 + 8),
        "body.1": ((8, 30), 0),
        "pool": ((8,), 0),
        "head": ((1,), 9),
    }
    assert summary.parameters == sum(row.parameters for row in summary.rows)
    assert summary.state == 16
    assert summary.input == (4, 30)


def test_a_summary_prints_as_a_table() -> None:
    model = nn.Sequential(
        {"scan": nn.Conv1D(4, 200, 8), "pool": nn.GlobalMaxPool1D(), "head": nn.Dense(200, 1)}
    )
    assert str(model.summary(1000)).splitlines() == [
        "layer                      output             parameters",
        "Sequential()               (batch, 1)",
        "  scan: Conv1D(4, 200, 8)  (batch, 200, 993)       6,600",
        "  pool: GlobalMaxPool1D()  (batch, 200)",
        "  head: Dense(200, 1)      (batch, 1)                201",
        "input (batch, 4, 1000): 6,801 parameters",
    ]
    assert repr(model.summary(1000)) == str(model.summary(1000))


def test_a_summary_is_a_table_in_a_notebook() -> None:
    model = nn.Sequential({"scan": nn.Conv1D(4, 200, 8), "head<": nn.Flatten()})
    shown = model.summary(1000)._repr_html_()
    assert shown.count("<tr>") == 4
    assert "<code>scan: Conv1D(4, 200, 8)</code>" in shown
    assert ">(batch, 200, 993)</td><td>6,600</td>" in shown
    assert "head&lt;: Flatten()" in shown
    assert "input (batch, 4, 1000): 6,600 parameters" in shown


def test_a_network_is_a_table_in_a_notebook_with_shapes_once_the_length_is_known() -> None:
    model = network()
    shown = model._repr_html_()
    assert "<code>head: Dense(8, 1)</code></td><td>9</td>" in shown
    assert "output" not in shown
    assert all(layer._tables is None for layer in model)  # nothing is drawn
    model.trained = SimpleNamespace(length_bp=30)
    assert model._repr_html_() == model.summary(30)._repr_html_()


@CASES
def test_every_layer_has_a_summary_of_the_shape_that_it_gives(case: LayerCase, backend: Backend) -> None:
    layer = case.make()
    summary = layer.summary(case.shape[1:])
    y = layer.vjp(case.array(backend, "float32", (1, *case.shape[1:])))[0]
    assert summary.rows[0].output == tuple(y.shape[1:])
    assert summary.parameters == sum(prod(value.shape) for value in layer.params.values())
    assert summary.state == sum(prod(value.shape) for value in layer.state.values())


@pytest.mark.parametrize("name", SMALL)
def test_every_published_network_has_a_summary(name: str, backend: Backend) -> None:
    model = small_model(name, backend, "float32")
    summary = model.summary(small_length_bp(name))
    assert all(row.output is not None for row in summary.rows)
    assert summary.parameters == sum(prod(value.shape) for value in model.params.values())


def test_a_summary_leaves_the_network_as_it_is() -> None:
    model = network()
    model.summary(30)
    assert all(layer._tables is None for layer in model)
    assert [type(layer) for layer in model] == [
        nn.Conv1D, nn.BatchNorm1D, nn.Residual, nn.GlobalMaxPool1D, nn.Dense,
    ]  # fmt: skip
    x = np.ones((2, 4, 30), dtype=np.float32)
    before = {path: value.copy() for path, value in model.state.items()}
    y = model(x)
    model.summary(30)
    model.backward(np.ones_like(y))  # what is pending is as it was
    for path, value in before.items():
        np.testing.assert_array_equal(model.state[path], value)


def test_a_length_is_that_of_tokens_where_a_network_reads_tokens() -> None:
    summary = nn.Sequential([nn.Embedding(7, 3), nn.GRU(3, 4)]).summary(9)
    assert summary.input == (9,)
    assert summary.rows[-1].output == (9, 4)


def test_an_input_that_a_network_cannot_read_is_refused_by_the_layer_that_cannot() -> None:
    with pytest.raises(ValueError, match=r"Conv1D expects \(batch, 6, length >= 3\), got \(1, 4, 20\)"):
        nn.Sequential([nn.Conv1D(6, 2, 3)]).summary(20)
    assert nn.Sequential([nn.Conv1D(6, 2, 3)]).summary((6, 20)).rows[0].output == (2, 18)


def test_a_layer_that_stands_twice_is_counted_once() -> None:
    shared = nn.Dense(4, 4)
    assert nn.Sequential([shared, nn.ReLU(), shared]).summary((4,)).parameters == 20


# ---------------------------------------------------------------- a layer in the place of another


def test_a_new_layer_takes_the_path_of_the_old_one_and_the_networks_seed(backend: Backend) -> None:
    model = network(seed=7)
    model["head"] = nn.Dense(8, 3)
    assert (model["head"].path, model["head"].seed) == ("head", 7)
    assert model(backend.asarray(np.ones((2, 4, 30)), "float32")).shape == (2, 3)
    model["body"][-1] = nn.ReLU()
    assert model["body"][1].path == "body.1"
    same = network(seed=7)
    same[-1] = nn.Dense(8, 3)
    np.testing.assert_array_equal(
        backend.to_numpy(same.params["head.weights"]), backend.to_numpy(model.params["head.weights"])
    )
    assert list(model.named_layers) == list(network().named_layers)


def test_weights_that_a_new_layer_has_already_stay_its_own() -> None:
    model, head = network(), nn.Dense(8, 2, seed=9)
    weights = head.weights
    model[-1] = head
    assert model.params["head.weights"] is weights


def test_gradients_and_training_go_to_the_new_layer() -> None:
    model, x = network(), np.ones((2, 4, 30), dtype=np.float32)
    y = model(x)
    model["head"] = nn.Dense(8, 1)
    with pytest.raises(RuntimeError, match="needs a forward pass first"):
        model.backward(np.ones_like(y))
    model.backward(np.ones_like(model(x)))
    assert model.grads["head.weights"] is model["head"].weights_grad


def test_what_does_not_fit_is_refused_and_the_network_stays() -> None:
    model = network()
    old = model["head"]
    with pytest.raises(TypeError, match="Sequential expects layers, got str at 'head'"):
        model["head"] = "Dense"  # type: ignore[assignment]
    with pytest.raises(TypeError, match="expects a layer of float32 at 'head', got one of float64"):
        model["head"] = nn.Dense(8, 1, dtype="float64")
    with pytest.raises(ValueError, match="Sequential expects one backend, got numpy and strict"):
        model["head"] = nn.Dense(8, 1, backend=StrictBackend())
    with pytest.raises(KeyError, match="'tail' is no layer here; layers: scan, norm, body, pool, head"):
        model["tail"] = nn.Dense(8, 1)
    with pytest.raises(IndexError):
        model[5] = nn.Dense(8, 1)
    assert model["head"] is old


def test_a_direction_of_a_bidirectional_layer_can_be_another_recurrent_one(backend: Backend) -> None:
    layer, other = nn.Bidirectional(nn.LSTM(3, 2)), nn.LSTM(3, 2, seed=4)
    layer["backward"] = other
    assert layer.directions[1] is other
    assert layer(backend.asarray(np.ones((2, 5, 3)), "float32")).shape == (2, 5, 4)
    with pytest.raises(TypeError, match="Bidirectional expects an LSTM or a GRU, got Dense"):
        layer["forward"] = nn.Dense(3, 2)


def test_a_trained_network_can_be_given_another_head() -> None:
    model = nn.Sequential({"scan": nn.Conv1D(4, 8, 5), "pool": nn.GlobalMaxPool1D(), "head": nn.Dense(8, 1)})
    x = np.random.default_rng(0).standard_normal((4, 4, 20)).astype(np.float32)
    scan = model["scan"](x)
    model["head"] = nn.Dense(8, 5)
    np.testing.assert_array_equal(model["scan"](x), scan)
    optimizer = genoml.Adam(0.01)
    y = model(x)
    model.backward(y)
    optimizer.update(model.params, model.grads)
    assert get_backend("numpy").to_numpy(model(x)).shape == (4, 5)
