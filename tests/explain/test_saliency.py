"""Saliency: central differences, its correction, and both strands."""

from __future__ import annotations

import numpy as np
import pytest

from genoml.explain import saliency
from genoml.nn import Conv1D, Dense, GlobalAveragePool1D, Layer, Sequential, StrandSymmetric


def network(dtype: str = "float32", outputs: int = 2) -> Layer:
    layers = [
        Conv1D(4, 6, 5, activation="tanh", padding="same"),
        GlobalAveragePool1D(),
        Dense(6, outputs),
    ]
    return Sequential(layers, seed=3).to(dtype=dtype)


def codes_of(n: int, length: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 4, (n, length)).astype(np.uint8)


def differences(model: Layer, codes: np.ndarray, task: int) -> np.ndarray:
    """Central differences of the output by each entry of the one-hot input."""
    backend, step = model.backend, 1e-5
    x = np.eye(4)[codes]
    found = np.zeros_like(x)

    def score(moved: np.ndarray) -> np.ndarray:
        y, _ = model.vjp(backend.asarray(moved.transpose(0, 2, 1), dtype="float64"))
        return backend.to_numpy(y)[:, task]

    for place, base in np.ndindex(x.shape[1:]):
        up, down = x.copy(), x.copy()
        up[:, place, base] += step
        down[:, place, base] -= step
        found[:, place, base] = (score(up) - score(down)) / (2 * step)
    return found


def test_the_gradient_is_that_of_central_differences() -> None:
    model, codes = network("float64"), codes_of(3, 11)
    for task in (0, 1):
        expected = differences(model, codes, task)
        found = saliency(model, codes, task=task, corrected=False)
        np.testing.assert_allclose(found.hypothetical, expected, atol=1e-9)
        own = np.take_along_axis(expected, codes[:, :, None].astype(int), 2)[:, :, 0]
        np.testing.assert_allclose(found.actual, own, atol=1e-9)
        corrected = saliency(model, codes, task=task)
        centred = expected - expected.mean(axis=2, keepdims=True)
        np.testing.assert_allclose(corrected.hypothetical, centred, atol=1e-9)


def test_the_correction_takes_off_what_a_constant_on_all_bases_adds() -> None:
    model, codes = network(), codes_of(2, 15)
    before = saliency(model, codes)
    weights = model.params["0.weights"]
    model.params["0.weights"] = (
        weights + 0.5
    )  # the same for the four bases: outputs shift with the length only
    model.params["0.bias"] = model.params["0.bias"] - 0.5 * 5
    inner = slice(4, -4)  # at the ends there is padding, whose bases sum to zero
    after = saliency(model, codes)
    np.testing.assert_allclose(before.actual[:, inner], after.actual[:, inner], atol=1e-6)
    plain = saliency(model, codes, corrected=False).actual
    assert np.abs(plain[:, inner] - before.actual[:, inner]).max() > 1e-3


def test_an_ambiguous_base_contributes_nothing_where_its_row_is_zero() -> None:
    codes = codes_of(1, 12)
    codes[0, 5], codes[0, -1] = 14, 15
    found = saliency(network(), codes)
    assert found.actual[0, 5] == found.actual[0, -1] == 0.0
    assert found.hypothetical[0, 5].any()


def test_both_strands_are_those_of_a_symmetric_model(backend) -> None:
    model, codes = network(), codes_of(3, 13)
    both = saliency(model, codes, both_strands=True)
    wrapped = saliency(StrandSymmetric(model), codes)
    np.testing.assert_allclose(both.hypothetical, wrapped.hypothetical, atol=1e-6)
    turned = saliency(model, 3 - codes[:, ::-1], both_strands=True)
    np.testing.assert_allclose(turned.hypothetical, both.hypothetical[:, ::-1, ::-1], atol=1e-6)


def test_batches_and_weights_of_outputs_add_up() -> None:
    model, codes = network(), codes_of(5, 12)
    one, other = (saliency(model, codes, task=task).actual for task in (0, -1))
    found = saliency(model, codes, task=[1.0, 3.0], batch_size=2).actual
    np.testing.assert_allclose(found, one + 3 * other, atol=1e-6)


@pytest.mark.parametrize(
    ("codes", "options", "words"),
    [
        (np.zeros((0, 9), np.uint8), {}, "saliency expects uint8 codes"),
        (np.zeros((1, 9), np.uint8), {"task": 2}, "expects an output from 0 to 1, got 2"),
        (np.zeros((1, 9), np.uint8), {"task": [np.nan, 1.0]}, "finite weights"),
    ],
)
def test_bad_input_is_named(codes: np.ndarray, options: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        saliency(network(), codes, **options)


def test_the_bits_depend_on_no_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    codes, found = codes_of(7, 2000), []
    for count in ("1", "3"):
        monkeypatch.setenv("GENOML_THREADS", count)
        found.append(saliency(network(), codes).hypothetical)
    np.testing.assert_array_equal(*found)
