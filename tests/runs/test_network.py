"""Networks made by hand as descriptions, from which they can be built again."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import numpy as np
import pytest

from genoml import nn
from genoml.backend import get_backend
from genoml.checkpoint import host_weights
from genoml.models import MODELS, build_model
from genoml.nn.layer import Layer
from genoml.runs.network import LayerRecord, NetworkSettings, describe_network
from genoml.testing.layers import LAYERS
from genoml.train import Counts, MultiClassification, Objective

#: layers of the registry that are of genoml.nn, and made of such
DESCRIBED = [name for name, case in LAYERS.items() if type(case.make()).__name__ in nn.__all__]


def through_json(settings: NetworkSettings) -> NetworkSettings:
    return msgspec.json.decode(msgspec.json.encode(settings), type=NetworkSettings)


def rebuilt(model: Layer) -> Layer:
    settings = through_json(NetworkSettings.of(model))
    return settings.build(get_backend("numpy"))


@pytest.mark.parametrize("name", DESCRIBED)
def test_every_layer_is_built_again_from_its_description(name: str) -> None:
    case, backend = LAYERS[name], get_backend("numpy")
    layer = case.build(backend, "float64")
    again = rebuilt(layer)
    again.params, again.state = layer.params, layer.state
    x = case.array(backend, "float64")
    expected, found = layer.vjp(x)[0], again.vjp(x)[0]
    assert np.array_equal(expected, found)


@pytest.mark.parametrize("name", MODELS)
def test_every_published_network_is_built_again_with_the_same_initial_weights(name: str) -> None:
    spec = MODELS[name]
    options = {} if name == "bpnet" else spec.options_for(600)
    model = build_model(name, options, seed=5)
    again = rebuilt(model)
    expected, found = host_weights(model), host_weights(again)
    assert list(expected) == list(found)
    assert all(np.array_equal(expected[path], found[path]) for path in expected)


class Halved(nn.Dense):
    pass


def changed() -> Layer:
    layer = nn.Conv1D(4, 3, 5)
    layer.activation = "gelu_of_my_own"
    return layer


def swapped() -> Layer:
    block = nn.TransformerBlock(8, 2)
    block.named_layers["dropout2"] = nn.ReLU()
    return block


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Sequential({"a": nn.ReLU(), "b": Halved(3, 2)}), "layer b (Halved) cannot be described"),
        (lambda: nn.Sequential([nn.Sequential([Halved(3, 2)])]), "layer 0.0 (Halved) cannot be described"),
        (lambda: Halved(3, 2), "the network (Halved) cannot be described, since it is no class of genoml.nn"),
        (swapped, "layer dropout2 (ReLU) cannot be described, since it is in the place of a Dropout"),
        (changed, "activation"),
    ],
)
def test_what_cannot_be_described_is_refused_by_name(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        describe_network(make())


@pytest.mark.parametrize(
    "objective",
    [
        MultiClassification(task_names=("a", "b"), class_weight=(0.5, 2.0)),
        Counts(distribution="poisson"),
        Counts(dispersion=0.3),
    ],
)
def test_an_objective_comes_back(objective: Objective) -> None:
    settings = through_json(NetworkSettings.of(nn.Dense(3, 2), objective))
    assert settings.build_objective() == objective


def test_an_objective_of_ones_own_is_refused() -> None:
    class Own(Objective):
        pass

    with pytest.raises(ValueError, match=r"a run expects an objective of BinaryClassification.*, got Own"):
        NetworkSettings.of(nn.Dense(3, 2), Own())
    with pytest.raises(ValueError, match=r"objective expects one of .*, got 'os.system'"):
        NetworkSettings(objective="os.system")


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (LayerRecord(kind="os.system"), "unknown kind of layer 'os.system'"),
        (LayerRecord(kind="Layer"), "unknown kind of layer 'Layer'"),
        (LayerRecord(kind="ReLU", options={"code": 1}), "ReLU has no argument 'code'"),
        (LayerRecord(kind="ReLU", options={"backend": "torch"}), "ReLU has no argument 'backend'"),
        (
            LayerRecord(kind="MotifLayer", options={"n_motifs": 10**12, "width": 4}),
            "n_motifs expects at most 1048576",
        ),
        (LayerRecord(kind="Dense", options={"in_features": "3", "out_features": 1}), "Expected `int`"),
        (LayerRecord(kind="Sequential"), "at least one layer"),
        (LayerRecord(kind="Graph", options={"nodes": []}), "at least one layer"),
        (LayerRecord(kind="Graph", options={"nodes": [{"name": "a"}]}), "node 'a' has no layer"),
        (
            LayerRecord(kind="Graph", options={"nodes": [{"name": "a", "layer": "exec"}]}),
            "or one of add, mean",
        ),
        (
            LayerRecord(kind="Graph", options={"nodes": [{"name": "a", "layer": ["b"]}]}),
            "or one of add, mean",
        ),
        (
            LayerRecord(kind="Graph", options={"nodes": [{"name": "a", "sources": [3]}]}),
            "Expected `str`, got `int`",
        ),
        (
            LayerRecord(kind="Graph", options={"nodes": [{"name": "a", "sources": 3}]}),
            "Expected `str | array`",
        ),
    ],
)
def test_a_description_that_makes_no_sense_is_refused(record: LayerRecord, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        NetworkSettings(layers=record).build(get_backend("numpy"))
