"""Attention maps: what the layers themselves say, of every layer of a model, and nothing left behind."""

from __future__ import annotations

import numpy as np
import pytest

from genoml.explain import attention_layers, attention_maps
from genoml.models import build_model
from genoml.nn import (
    LSTM,
    Bidirectional,
    Conv1D,
    Dense,
    GlobalAveragePool1D,
    Layer,
    SelfAttention,
    Sequential,
    TransformerBlock,
    Transpose,
)
from genoml.train.predict import predict_outputs


def network() -> Layer:
    return Sequential(
        {
            "conv": Conv1D(4, 6, 3, padding="same"),
            "steps": Transpose(),
            "first": SelfAttention(6, 2, position="rotary", key_size=4),
            "block": TransformerBlock(6, 3),
            "channels": Transpose(),
            "mean": GlobalAveragePool1D(),
            "output": Dense(6, 1),
        }
    )


def codes_of(n: int, length: int) -> np.ndarray:
    return np.random.default_rng(2).integers(0, 4, (n, length)).astype(np.uint8)


def test_each_map_is_what_its_layer_gives_for_what_it_reads(backend) -> None:
    model, codes = network(), codes_of(5, 9)
    maps = attention_maps(model, codes, batch_size=2)
    assert {path: found.shape for path, found in maps.items()} == {
        "first": (5, 2, 9, 9),
        "block.attention": (5, 3, 9, 9),
    }
    x = model.backend.asarray(np.eye(4)[codes].transpose(0, 2, 1), dtype="float32")
    read = model["steps"](model["conv"](x))
    expected = model.backend.to_numpy(model["first"].attention(read))
    np.testing.assert_allclose(maps["first"], expected, atol=1e-6)
    for found in maps.values():
        np.testing.assert_allclose(found.sum(axis=3), 1.0, atol=1e-5)


def test_padding_is_read_by_nothing() -> None:
    codes = codes_of(2, 9)
    codes[1, 6:] = 15
    for found in attention_maps(network(), codes).values():
        assert not found[1, :, :, 6:].any()
        assert found[0, :, :, 6:].all()


def test_the_model_is_as_it_was() -> None:
    model, codes = network(), codes_of(2, 9)
    before = predict_outputs(model, codes)
    attention_maps(model, codes)
    assert "vjp" not in vars(model["first"])
    np.testing.assert_array_equal(predict_outputs(model, codes), before)
    with pytest.raises(ValueError, match="Conv1D expects"):
        attention_maps(Sequential([Conv1D(4, 6, 30), Transpose(), SelfAttention(6)]), codes)
    assert "vjp" not in vars(model["first"])


def test_models_without_attention_have_no_maps() -> None:
    assert attention_maps(build_model("motif_cnn", {"filters": 4}), codes_of(1, 60)) == {}
    recurrent = Sequential([Transpose(), Bidirectional(LSTM(4, 2))])
    assert attention_layers(recurrent) == {}


def test_a_layer_that_is_the_model_has_an_empty_path() -> None:
    assert list(attention_layers(SelfAttention(4))) == [""]
    named = build_model("attention_cnn", {"filters": 8, "heads": 2})
    assert list(attention_layers(named)) == ["block1.attention", "block2.attention"]


def test_bad_codes_are_named() -> None:
    with pytest.raises(ValueError, match="attention_maps expects uint8 codes"):
        attention_maps(network(), np.zeros((2, 9)))
