from __future__ import annotations

import inspect
import re

import numpy as np
import pytest

from genoml.backend import Backend
from genoml.inference import predict_logits
from genoml.models import MODELS, build_model, check_options, model_spec


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("options", [{}, {"kernel_size": 5}, {"filters": 3, "kernel_size": 9}])
def test_a_model_reads_its_shortest_sequence_and_nothing_shorter(name: str, options: dict[str, int]) -> None:
    shortest = model_spec(name).min_length_bp(**options)
    model = build_model(name, options)
    codes = np.zeros((2, shortest), np.uint8)
    assert predict_logits(model, codes).shape == (2, 1)
    with pytest.raises(ValueError, match="length"):
        predict_logits(model, codes[:, 1:])


@pytest.mark.parametrize("name", MODELS)
def test_the_options_for_a_length_suit_that_length(name: str) -> None:
    spec = model_spec(name)
    for length in (30, 100, 200, 500, 1000):
        options = spec.options_for(length)
        assert check_options(name, options) == options
        assert spec.min_length_bp(**options) <= length


@pytest.mark.parametrize("name", MODELS)
def test_the_seed_decides_the_weights(name: str) -> None:
    first, same, other = (build_model(name, seed=seed).params for seed in (1, 1, 2))
    drawn = [path for path in first if path.endswith("weights")]
    assert drawn
    assert all(np.array_equal(first[path], same[path]) for path in first)
    assert not any(np.array_equal(first[path], other[path]) for path in drawn)


def test_the_promoter_model_gives_the_same_numbers_on_every_backend(backend: Backend) -> None:
    codes = np.random.default_rng(0).integers(0, 15, (3, 40), dtype=np.uint8)
    expected = predict_logits(build_model("promoter_cnn", backend="numpy"), codes)
    found = predict_logits(build_model("promoter_cnn", backend=backend), codes)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_unknown_names_are_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"unknown model 'cnn'; models: .*motif_cnn"):
        build_model("cnn")
    with pytest.raises(ValueError, match=r"no option 'filter'; did you mean filters\?"):
        build_model("promoter_cnn", {"filter": 3})
    with pytest.raises(ValueError, match="no option 'seed'; options: filters"):
        build_model("promoter_cnn", {"seed": 3})


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("filters", "many", "option filters: Expected `int`, got `str`"),
        ("filters", 0, "option filters: expects 1 or more, got 0"),
        ("kernel_size", -3, "option kernel_size: expects 1 or more, got -3"),
        ("pool_size", 1.5, "option pool_size: Expected `int`"),
        ("dropout", [0.1], "option dropout: Expected `array` of length 3, got 1"),
        ("dropout", [0.1, 2.0, 0.1], "model motif_cnn: Dropout expects 0 <= rate < 1, got 2.0"),
    ],
)
def test_a_value_that_a_network_cannot_have_is_refused(option: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        build_model("motif_cnn", {option: value})


@pytest.mark.parametrize("name", MODELS)
def test_the_shortest_length_knows_the_defaults_of_the_network(name: str) -> None:
    spec = model_spec(name)
    build = inspect.signature(spec.build).parameters
    for key, parameter in inspect.signature(spec.min_length_bp).parameters.items():
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD:
            assert parameter.default == build[key].default
