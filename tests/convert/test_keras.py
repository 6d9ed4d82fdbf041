"""What Keras models may hold that is not converted, and rules for layers of one's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from genoml.convert import KERAS_RULES, ConvertError, convert_keras
from genoml.convert.operations import elementwise

X = np.random.default_rng(0).normal(size=(2, 4, 8)).astype(np.float32)
RNG = np.random.default_rng(1)


def sequential(
    *layers: tuple[str, str, dict[str, Any]], shape: tuple[Any, ...] = (None, 8, 4)
) -> dict[str, Any]:
    """A Sequential of (class, name, config)."""
    described = [{"class_name": kind, "config": {"name": name, **config}} for kind, name, config in layers]
    first = {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": list(shape)}}
    return {"class_name": "Sequential", "config": {"name": "m", "layers": [first, *described]}}


CONV = ("Conv1D", "conv", {"filters": 3, "kernel_size": [2]})
ARRAYS = {"conv/kernel": RNG.normal(size=(2, 4, 3)), "conv/bias": RNG.normal(size=3)}


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            ("Lambda", "trick", {"function": "gASV"}),
            r"layer trick \(Lambda\) holds code, which is never run; give a rule",
        ),
        (
            ("Mine", "own", {}),
            r"node own \(Mine\) is not supported; known: Activation, .*KERAS_RULES\['Mine'\]",
        ),
        (("UpSampling1D", "up", {}), r"node up \(UpSampling1D\) is not supported; known: "),
        (
            ("Activation", "a", {"activation": "relu6"}),
            r"layer a \(Activation\): the activation 'relu6' is not supported",
        ),
        (
            ("ReLU", "a", {"max_value": 6.0}),
            r"layer a \(ReLU\): max_value = 6.0 is not supported; expects None",
        ),
        (
            ("MaxPooling1D", "p", {"pool_size": [3], "padding": "same"}),
            r"layer p .*: a pooling with padding \(1, 1\)",
        ),
        (("Conv1D", "c", {"data_format": "channels_first"}), r"layer c \(Conv1D\): it has arrays none"),
        (
            ("GRU", "g", {}),
            r"layer g \(GRU\): it has arrays none, and its settings say kernel, recurrent_kernel, bias",
        ),
        (
            ("LSTM", "g", {"recurrent_activation": "hard_sigmoid"}),
            "recurrent_activation = 'hard_sigmoid' is not supp",
        ),
        (
            ("Bidirectional", "g", {"merge_mode": "sum"}),
            "merge_mode = 'sum' is not supported; expects 'concat'",
        ),
        (("TimeDistributed", "t", {"layer": {"class_name": "Conv1D"}}), "holds a layer of the class Conv1D"),
        (("Permute", "t", {}), r"layer t \(Permute\) is used as no rule knows \(KeyError: 'dims'\)"),
        (("Dense", "d", {}), r"layer d \(Dense\): it has arrays none, and its settings say kernel, bias"),
        (("Reshape", "r", {"target_shape": [3, 3, 3]}), r"layer r \(Reshape\): a reshape from \(7, 3\) to"),
    ],
)
def test_what_is_not_supported_is_named(layer: tuple[str, str, dict[str, Any]], message: str) -> None:
    with pytest.raises(ConvertError, match=message) as caught:
        convert_keras(sequential(CONV, layer), ARRAYS)
    assert str(caught.value).startswith("import: ")
    assert "\n" not in str(caught.value)


def test_arrays_of_another_shape_name_the_layer() -> None:
    with pytest.raises(ConvertError, match=r"layer conv \(Conv1D\): node conv: weights expects shape"):
        convert_keras(sequential(CONV), ARRAYS | {"conv/kernel": np.zeros((2, 5, 3))})


def test_numbers_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ConvertError, match="node conv: bias holds numbers that are not finite"):
        convert_keras(sequential(CONV), ARRAYS | {"conv/bias": np.full(3, np.nan)})


@pytest.mark.parametrize("key", ["Mine", "own"])
def test_a_rule_for_a_class_or_one_layer_converts_it(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        KERAS_RULES, key, lambda b, layer, values: elementwise(b, layer.name, values[0], "tanh")
    )
    found = convert_keras(sequential(CONV, ("Mine", "own", {})), ARRAYS).network(X)
    np.testing.assert_allclose(found, np.tanh(convert_keras(sequential(CONV), ARRAYS).network(X)), atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "length", "message"),
    [
        (
            (None, None, 4),
            None,
            r"input x has no fixed length; give the length of the sequences \(--length\)",
        ),
        ((None, 8, 4), 9, "input x reads 8 bp, --length says 9"),
        ((None, 8, 5), None, r"input x has shape .* expects an axis of the 4 bases"),
        ((None, 8, 8, 4), None, "expects one axis of positions"),
    ],
)
def test_an_input_that_is_no_sequences_of_one_length_is_refused(
    shape: Any, length: int | None, message: str
) -> None:
    with pytest.raises(ConvertError, match=message):
        convert_keras(sequential(CONV, shape=shape), ARRAYS, length_bp=length)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"class_name": "Subclassed"},
            "expects a topology of Functional, Model, Sequential, got 'Subclassed'",
        ),
        ({}, "expects a topology of Functional, Model, Sequential, got None"),
        ({"class_name": "Sequential", "config": {"layers": []}}, "expects a model with one input"),
        ({"class_name": "Model", "config": {"layers": [3]}}, "the topology is not as Keras writes it"),
        ({"class_name": "Model", "config": 3}, "the topology is not as Keras writes it"),
    ],
)
def test_a_topology_that_is_none_is_refused(config: Any, message: str) -> None:
    with pytest.raises(ConvertError, match=message):
        convert_keras(config, {})


def test_a_small_file_cannot_ask_for_a_large_array() -> None:
    with pytest.raises(ConvertError, match=r"node pad gives .* numbers a sequence, more than 268,435,456"):
        convert_keras(sequential(CONV, ("ZeroPadding1D", "pad", {"padding": 1 << 40})), ARRAYS)


def test_models_within_models_that_call_one_another_twice_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genoml.convert.builder._MOST_NODES", 200)
    model: dict[str, Any] = sequential(("Activation", "a", {"activation": "tanh"}))
    for depth in range(40):
        inner = [
            {**model, "config": {**model["config"], "name": f"m{depth}"}, "name": f"m{depth}_{i}"}
            for i in (0, 1)
        ]
        model = sequential()
        model["config"]["layers"] += inner
    with pytest.raises(ConvertError, match="the network has more than 200 nodes"):
        convert_keras(model, {})


def test_layers_that_wait_for_one_another_are_refused() -> None:
    def add(name: str, *read: str) -> dict[str, Any]:
        calls = [[[other, 0, 0, {}] for other in read]]
        return {"class_name": "Add", "name": name, "config": {"name": name}, "inbound_nodes": calls}

    first = {
        "class_name": "InputLayer",
        "config": {"name": "x", "batch_input_shape": [None, 8, 4]},
        "inbound_nodes": [],
    }
    inner = {"layers": [first, add("a", "x", "b"), add("b", "a", "x")], "input_layers": [["x", 0, 0]]}
    config = {"class_name": "Model", "config": {**inner, "output_layers": [["b", 0, 0]]}}
    with pytest.raises(ConvertError, match="layer a reads b, which is not in the model"):
        convert_keras(config, {})
