from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from genoml.backend import Backend
from genoml.models import MODELS, build_model, check_options, model_spec
from genoml.nn.layer import Pass
from genoml.testing import forward_backward
from genoml.train.predict import predict_outputs
from support.backends import has_float64
from support.guard import no_host_read
from support.models import SMALL, small_input, small_length_bp, small_model

NAMES = pytest.mark.parametrize("name", MODELS)


def test_every_model_has_a_small_form_for_the_tests() -> None:
    assert set(SMALL) == set(MODELS)


@NAMES
@pytest.mark.parametrize("small", [False, True], ids=["published", "small"])
def test_a_model_reads_its_shortest_sequence_and_nothing_shorter(name: str, small: bool) -> None:
    spec = model_spec(name)
    options: dict[str, Any] = dict(SMALL[name]) if small else {}
    shortest = spec.min_length_bp(**options)
    if spec.fixed_length:
        with pytest.raises(ValueError, match=f"model {name}: expects length_bp >= {shortest}, got"):
            build_model(name, options | {"length_bp": shortest - 1})
        options["length_bp"] = shortest
    model = build_model(name, options)
    codes = np.zeros((2, shortest), np.uint8)
    logits = predict_outputs(model, codes)
    assert logits.ndim == 2
    assert len(logits) == 2
    if shortest > 1:  # files have no empty sequences
        with pytest.raises(ValueError, match="length >= "):
            predict_outputs(model, codes[:, 1:])


@pytest.mark.parametrize("name", [name for name, spec in MODELS.items() if spec.fixed_length])
def test_a_model_of_a_fixed_length_reads_no_other(name: str) -> None:
    model = small_model(name)
    codes = np.zeros((2, 2 * small_length_bp(name)), np.uint8)
    with pytest.raises(ValueError, match=r"Dense expects \(batch, "):
        predict_outputs(model, codes)


def test_a_model_of_a_fixed_length_says_which_option_to_set() -> None:
    model = build_model("basset", {"filters": [4, 4, 4], "dense_units": 8})
    words = r'^basset reads 600 bp; build it with length_bp=300 to read 300 bp: "dense1" Dense expects \(batch, 40\)'
    with pytest.raises(ValueError, match=words):
        model(np.zeros((2, 4, 300), np.float32))
    with pytest.raises(ValueError, match=r'^"conv1" Conv1D expects .*transpose the last two axes\?$'):
        model(np.zeros((2, 600, 4), np.float32))


@pytest.mark.parametrize("name", [name for name in MODELS if name != "bpnet"])
def test_the_options_for_a_length_suit_that_length_and_give_one_output(name: str) -> None:
    spec = model_spec(name)
    options = {key: value for key, value in SMALL[name].items() if key not in ("length_bp", "n_outputs")}
    for length in (spec.min_length_bp(**options), 100, 251):
        found = spec.options_for(length)
        assert check_options(name, found) == found
        assert spec.min_length_bp(**found) <= max(length, spec.min_length_bp())
        model = build_model(name, found | options)
        assert predict_outputs(model, np.zeros((2, length), np.uint8)).shape == (2, 1)


def test_bpnet_says_that_it_has_no_use_for_labels() -> None:
    with pytest.raises(ValueError, match="model bpnet predicts a profile along each sequence"):
        model_spec("bpnet").options_for(2114)


@NAMES
def test_the_seed_decides_the_weights(name: str) -> None:
    first, same, other = (build_model(name, SMALL[name], seed=seed).params for seed in (1, 1, 2))
    drawn = [path for path in first if re.search(r"weights(_\w+)?$", path)]
    assert drawn
    assert all(np.array_equal(first[path], same[path]) for path in first)
    assert not any(np.array_equal(first[path], other[path]) for path in drawn)


@NAMES
def test_forward_and_backward_give_the_same_numbers_on_every_backend(name: str, backend: Backend) -> None:
    dtype = "float64" if has_float64(backend) else "float32"
    expected = forward_backward(small_model(name, "numpy", dtype), small_input(name).astype(dtype))
    model, x = small_model(name, backend, dtype), backend.asarray(small_input(name), dtype)
    with no_host_read(backend):
        y, pullback = model.vjp(x, Pass(training=True, step=0))
        pullback(y, need_x=False)
    found = forward_backward(small_model(name, backend, dtype), x)
    assert set(found) == set(expected)
    limit = 1e-10 if dtype == "float64" else 2e-5
    for path, value in expected.items():
        np.testing.assert_allclose(found[path], value, atol=limit * (1 + np.abs(value).max()), err_msg=path)


@NAMES
def test_a_sequence_alone_is_read_as_in_a_batch(name: str) -> None:
    """A recurrent layer that runs across the batch fails here."""
    model, x = small_model(name), small_input(name)
    together = model(x)
    for i in range(len(x)):
        np.testing.assert_allclose(model(x[i : i + 1]), together[i : i + 1], rtol=1e-10, atol=1e-12)


@NAMES
def test_outputs_are_logits_and_not_probabilities(name: str) -> None:
    """The output is affine in the parameters of the last layer: 100 times these give 100 times that."""
    model, x = small_model(name), small_input(name)
    before = model(x)
    last = ("heads.profile.conv.", "heads.counts.dense.", "output.")
    if name in ("motif_cnn", "promoter_cnn"):
        last = ("dense.",)
    changed = [path for path in model.params if path.startswith(last)]
    assert len(changed) in (2, 4)
    for path in changed:
        model.params[path] = 100.0 * model.params[path]
    np.testing.assert_allclose(model(x), 100.0 * before, rtol=1e-9)


def test_unknown_names_are_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"unknown model 'cnn'; models: .*motif_cnn"):
        build_model("cnn")
    with pytest.raises(
        ValueError, match=r"options\.filter: unknown key of model promoter_cnn; did you mean filters\?"
    ):
        build_model("promoter_cnn", {"filter": 3})
    with pytest.raises(
        ValueError, match=r"options\.seed: unknown key of model promoter_cnn; there are filters, "
    ):
        build_model("promoter_cnn", {"seed": 3})


@pytest.mark.parametrize(
    ("name", "option", "value", "message"),
    [
        ("motif_cnn", "filters", "many", "options.filters: expects a whole number, got text"),
        ("motif_cnn", "filters", 0, "options.filters: expects a whole number >= 1"),
        ("motif_cnn", "kernel_size", -3, "options.kernel_size: expects a whole number >= 1"),
        ("motif_cnn", "pool_size", 1.5, "options.pool_size: expects a whole number, got a number"),
        ("motif_cnn", "dropout", [0.1], "options.dropout: expects a list of length 3, got 1"),
        (
            "motif_cnn",
            "dropout",
            [0.1, 2.0, 0.1],
            "options.dropout[1]: expects a number < 1.0",
        ),
        ("deepbind", "dropout", 1, "options.dropout: expects a number < 1.0"),
        (
            "deepbind",
            "pooling",
            "mean",
            "options.pooling: invalid value 'mean', expects 'max' or 'max_and_mean'",
        ),
        ("deepsea", "filters", [3, 0, 3], "options.filters[1]: expects a whole number >= 1"),
        ("deepsea", "length_bp", 162, "model deepsea: expects length_bp >= 163, got 162"),
        ("deepromoter", "kernel_sizes", [], "model deepromoter: Parallel expects at least one layer"),
        ("attention_cnn", "heads", 5, "model attention_cnn: SelfAttention expects heads that divide"),
        (
            "bpnet",
            "profile_length_bp",
            0,
            "options.profile_length_bp: expects a whole number >= 1",
        ),
    ],
)
def test_a_value_that_a_network_cannot_have_is_refused(
    name: str, option: str, value: object, message: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        build_model(name, {option: value})


def test_a_rate_may_be_written_as_an_integer() -> None:
    assert check_options("deepbind", {"dropout": 0}) == {"dropout": 0.0}
