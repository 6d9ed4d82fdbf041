"""Metrics: scikit-learn's and SciPy's numbers with ties, on every backend, without a read of the device."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from unittest import mock

import array_api_strict
import numpy as np
import pytest
import scipy.stats
from array_api_strict._array_object import Array as StrictArray
from sklearn import metrics as sklearn_metrics

from genoml.backend import use_backend
from genoml.metrics import aupr, auroc, f1_score, pearson, spearman

CLASSIFICATION = [auroc, aupr, f1_score]
CORRELATION = [pearson, spearman]
COUNTED = [auroc, aupr, pearson, spearman]


def references(predictions, targets):
    return {
        auroc: sklearn_metrics.roc_auc_score(targets, predictions),
        aupr: sklearn_metrics.average_precision_score(targets, predictions),
        f1_score: sklearn_metrics.f1_score(targets, predictions >= 0.5, zero_division=0.0),
        pearson: scipy.stats.pearsonr(predictions, targets)[0],
        spearman: scipy.stats.spearmanr(predictions, targets)[0],
    }


def tied_case(rng: np.random.Generator, size: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Predictions of a few levels with both classes present, and neither constant."""
    size = int(rng.integers(2, 201)) if size is None else size
    predictions = rng.integers(0, int(rng.integers(2, 40)), size) / 7.0
    targets = rng.integers(0, 2, size)
    targets[:2] = 0, 1
    predictions[:2] = rng.permutation([0.0, 1.0])
    return predictions, targets


def test_thousand_random_cases_with_ties_equal_scikit_learn_and_scipy():
    rng = np.random.default_rng(20)
    for _ in range(1000):
        predictions, targets = tied_case(rng)
        for metric, expected in references(predictions, targets).items():
            assert float(metric(predictions, targets)) == pytest.approx(expected, rel=0, abs=1e-12)


def test_thousand_random_pairs_of_measurements_equal_scipy():
    rng = np.random.default_rng(21)
    for _ in range(1000):
        size = int(rng.integers(2, 201))
        x = rng.integers(-5, 6, size) * 10.0 ** int(rng.integers(-8, 9))
        y = x * rng.integers(-1, 2) + rng.integers(0, 4, size)
        x[:2], y[:2] = [0, 1], [9, 0]
        assert float(pearson(x, y)) == pytest.approx(scipy.stats.pearsonr(x, y)[0], rel=0, abs=1e-12)
        assert float(spearman(x, y)) == pytest.approx(scipy.stats.spearmanr(x, y)[0], rel=0, abs=1e-12)


def test_auroc_is_the_share_of_pairs_in_order():
    rng = np.random.default_rng(22)
    for _ in range(50):
        predictions, targets = tied_case(rng)
        positives, negatives = predictions[targets == 1], predictions[targets == 0]
        wins = (negatives[:, None] < positives) + 0.5 * (negatives[:, None] == positives)
        assert float(auroc(predictions, targets)) == pytest.approx(wins.mean(), abs=1e-14)


def test_every_backend_gives_the_same_numbers(backend):
    rng = np.random.default_rng(23)
    for _ in range(10):
        predictions, targets = tied_case(rng, size=120)
        predictions = predictions.astype(np.float32)
        for metric, expected in references(predictions, targets).items():
            result = metric(backend.asarray(predictions), backend.asarray(targets))
            assert result.shape == ()
            tolerance = 1e-12 if "64" in str(result.dtype) else 2e-6
            assert float(backend.to_numpy(result)) == pytest.approx(expected, rel=0, abs=tolerance)


@pytest.mark.parametrize("kind", ["bool", "int32", "int64", "uint8", "float32"])
def test_targets_may_be_of_any_kind(backend, kind):
    predictions = backend.asarray(np.asarray([0.1, 0.4, 0.35, 0.8]), "float32")
    targets = backend.asarray(np.asarray([0, 0, 1, 1]).astype(kind))
    assert float(auroc(predictions, targets)) == pytest.approx(0.75)
    assert float(aupr(predictions, targets)) == pytest.approx(5 / 6)
    assert float(f1_score(predictions, targets)) == pytest.approx(2 / 3)


@pytest.mark.parametrize("metric", CLASSIFICATION + CORRELATION)
def test_columns_and_flat_arrays_mix(backend, metric):
    predictions = np.asarray([0.2, 0.7, 0.6, 0.9], dtype=np.float32)
    targets = np.asarray([0, 1, 0, 1])
    flat = float(metric(backend.asarray(predictions), backend.asarray(targets)))
    column = backend.asarray(predictions[:, None])
    assert float(metric(column, backend.asarray(targets))) == flat
    assert float(metric(column, backend.asarray(targets[:, None]))) == flat
    assert float(metric(backend.asarray(predictions), backend.asarray(targets[:, None]))) == flat


@pytest.mark.parametrize("metric", CLASSIFICATION + CORRELATION)
def test_numpy_arrays_and_lists_join_the_device_array(backend, metric):
    predictions = np.asarray([0.2, 0.7, 0.6, 0.9], dtype=np.float32)
    targets = np.asarray([0, 1, 0, 1])
    targets.flags.writeable = False
    on_device = backend.asarray(predictions)
    expected = float(metric(on_device, backend.asarray(targets)))
    results = [metric(on_device, targets), metric(on_device, targets.tolist())]
    results.append(metric(predictions, backend.asarray(targets)))
    for result in results:
        assert float(result) == expected
        assert type(result) is type(metric(on_device, on_device))


@pytest.mark.parametrize("metric", CLASSIFICATION + CORRELATION)
def test_lists_go_to_the_default_backend(backend, metric):
    with use_backend(backend):
        result = metric([0.2, 0.7, 0.6, 0.9], [0, 1, 0, 1])
    on_device = metric(backend.asarray([0.2, 0.7, 0.6, 0.9]), backend.asarray([0, 1, 0, 1]))
    assert type(result) is type(on_device)
    assert float(result) == float(on_device)


def test_what_does_not_exist_is_nan(backend):
    scores = backend.asarray(np.asarray([0.2, 0.7, 0.6]), "float32")
    constant = backend.asarray(np.asarray([0.1, 0.1, 0.1]), "float32")
    ones, zeros = backend.asarray(np.asarray([1, 1, 1])), backend.asarray(np.asarray([0, 0, 0]))
    none = backend.asarray(np.asarray([]), "float32")
    assert math.isnan(auroc(scores, ones))
    assert math.isnan(auroc(scores, zeros))
    assert math.isnan(aupr(scores, zeros))
    assert float(aupr(scores, ones)) == 1.0
    assert float(f1_score(constant, zeros)) == 0.0
    for metric in CORRELATION:
        assert math.isnan(metric(scores, constant))
        assert math.isnan(metric(constant, scores))
        assert math.isnan(metric(scores[:1], scores[:1]))
        assert math.isnan(metric(none, none))
    assert math.isnan(auroc(none, none))
    assert math.isnan(aupr(none, none))
    assert float(f1_score(none, none)) == 0.0


@pytest.mark.parametrize("metric", CLASSIFICATION + CORRELATION)
def test_a_nan_prediction_or_target_makes_the_result_nan(backend, metric):
    good = backend.asarray(np.asarray([0, 1, 0, 1]), "float32")
    bad = backend.asarray(np.asarray([0.2, np.nan, 0.6, 0.9]), "float32")
    assert math.isnan(metric(bad, good))
    assert math.isnan(metric(good, bad))


@pytest.mark.parametrize("metric", CLASSIFICATION)
def test_targets_other_than_zero_and_one_make_the_result_nan(backend, metric):
    scores = backend.asarray(np.asarray([0.2, 0.7, 0.6]), "float32")
    assert math.isnan(metric(scores, backend.asarray(np.asarray([0, 1, 2]))))
    assert math.isnan(metric(scores, backend.asarray(np.asarray([-1, 1, 1]))))


def test_infinite_predictions_are_ranked(backend):
    predictions = backend.asarray(np.asarray([-np.inf, 0.0, np.inf, np.inf]), "float32")
    targets = backend.asarray(np.asarray([0, 1, 0, 1]))
    assert float(auroc(predictions, targets)) == 0.625
    assert float(aupr(predictions, targets)) == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert float(spearman(predictions, targets)) == pytest.approx(0.5 / math.sqrt(4.5), abs=1e-6)
    assert math.isnan(pearson(predictions, targets))


def test_signed_zeros_are_tied(backend):
    predictions = backend.asarray(np.asarray([0.0, -0.0, -0.0, 0.0]), "float32")
    assert float(auroc(predictions, backend.asarray(np.asarray([0, 1, 0, 1])))) == 0.5
    assert math.isnan(spearman(predictions, backend.asarray(np.asarray([0, 1, 0, 1]))))


def test_integer_and_boolean_predictions_are_scores(backend):
    targets = backend.asarray(np.asarray([0, 1, 0, 1]))
    calls = np.asarray([0, 1, 1, 1])
    for predictions in (backend.asarray(calls), backend.asarray(calls.astype(bool))):
        assert float(auroc(predictions, targets)) == 0.75
        assert float(aupr(predictions, targets)) == pytest.approx(2 / 3)
        assert float(f1_score(predictions, targets)) == pytest.approx(0.8)
        for metric in CORRELATION:
            assert float(metric(predictions, targets)) == pytest.approx(1 / math.sqrt(3), abs=1e-6)


def test_f1_threshold_is_inclusive_and_settable():
    predictions, targets = np.asarray([-1.0, 0.0, 0.5, 2.0]), np.asarray([0, 0, 1, 1])
    assert f1_score(predictions, targets) == 1.0
    assert f1_score(predictions, targets, threshold=0.0) == pytest.approx(0.8)
    assert f1_score(predictions, targets, threshold=3.0) == 0.0


def test_large_float32_input_equals_scikit_learn_and_scipy():
    rng = np.random.default_rng(24)
    predictions = rng.random(200_000).astype(np.float32)
    targets = (rng.random(200_000) < predictions).astype(np.float32)
    for metric, expected in references(predictions.astype(np.float64), targets).items():
        assert float(metric(predictions, targets)) == pytest.approx(expected, rel=0, abs=1e-12)


def test_large_input_without_float64_keeps_float32_accuracy():
    rng = np.random.default_rng(25)
    predictions = (rng.integers(0, 500, 100_000) / 500).astype(np.float32)
    targets = (rng.random(100_000) < predictions).astype(np.int32)
    device = array_api_strict.Device("no_float64")
    there = [array_api_strict.asarray(x, device=device) for x in (predictions, targets)]
    for metric, expected in references(predictions.astype(np.float64), targets).items():
        result = metric(there[0], there[1])
        assert result.dtype == array_api_strict.float32
        assert float(result) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("length", [2, 1000, 300_000, 1_500_000])
def test_auroc_of_many_examples_keeps_float32_accuracy_without_float64(length):
    rng = np.random.default_rng(26)
    predictions = rng.integers(0, 2 * length, length).astype(np.float32)
    targets = rng.integers(0, 2, length).astype(np.int32)
    targets[:2] = 0, 1
    device = array_api_strict.Device("no_float64")
    there = [array_api_strict.asarray(x, device=device) for x in (predictions, targets)]
    assert float(auroc(*there)) == pytest.approx(float(auroc(predictions, targets)), rel=3e-7)


@pytest.mark.parametrize("metric", COUNTED)
def test_counts_are_the_same_as_examples_repeated(backend, metric):
    rng = np.random.default_rng(29)
    predictions, targets = tied_case(rng, size=40)
    counts = rng.multinomial(40, np.full(40, 1 / 40), size=7)
    predictions, there = predictions.astype(np.float32), backend.asarray(targets)
    found = metric(backend.asarray(predictions), there, counts=counts)
    expected = [float(metric(np.repeat(predictions, row), np.repeat(targets, row))) for row in counts]
    tolerance = 1e-12 if "64" in str(found.dtype) else 2e-6
    np.testing.assert_allclose(backend.to_numpy(found), expected, rtol=0, atol=tolerance)
    np.testing.assert_array_equal(
        backend.to_numpy(metric(backend.asarray(predictions), there, counts=backend.asarray(counts))),
        backend.to_numpy(found),
    )


@pytest.mark.parametrize("metric", COUNTED)
def test_a_resample_of_one_value_has_no_such_metric(metric):
    scores, targets = np.asarray([0.1, 0.7, 0.7, 0.3]), np.asarray([1.0, 0.0, 0.0, 0.1])
    if metric in CLASSIFICATION:
        targets = np.asarray([1, 0, 0, 1])
    found = metric(scores, targets, counts=[[0, 3, 1, 0], [2, 0, 1, 1], [0, 0, 0, 0]])
    np.testing.assert_array_equal(np.isnan(found), [True, False, True])


@pytest.mark.parametrize("metric", COUNTED)
def test_counts_of_another_shape_are_named(metric):
    with pytest.raises(ValueError, match=rf"{metric.__name__} expects counts \(resamples, 3\).*got \(3,\)"):
        metric([0.1, 0.2, 0.3], [0, 1, 1], counts=[1, 1, 1])
    with pytest.raises(ValueError, match=r"got \(2, 4\)"):
        metric([0.1, 0.2, 0.3], [0, 1, 1], counts=np.ones((2, 4)))


def test_correlation_survives_large_offsets_and_extreme_scales():
    rng = np.random.default_rng(27)
    x, y = rng.integers(0, 50, 100) * 1.0, rng.integers(0, 50, 100) * 1.0
    expected = scipy.stats.pearsonr(x, y)[0]
    for a, b in [(x + 2.0**50, y), (x * 2.0**1010, y * 2.0**-1060), ((x - 25) * 2.0**1019, y)]:
        assert float(pearson(a, b)) == pytest.approx(expected, rel=0, abs=1e-12)


def test_correlation_stays_within_one():
    rng = np.random.default_rng(28)
    for _ in range(200):
        x = rng.normal(size=7)
        for metric in CORRELATION:
            assert metric(x, 3 * x - 1) == pytest.approx(1.0)
            assert metric(x, 3 * x - 1) <= 1.0
            assert metric(x, -x) >= -1.0


@contextmanager
def no_host_read() -> Iterator[None]:
    """Any read of an array-api-strict array on the host fails while this is open."""
    reads = ["__float__", "__bool__", "__int__", "__index__", "__complex__", "__array__", "__dlpack__"]
    with mock.patch.multiple(
        StrictArray, **{name: mock.Mock(side_effect=AssertionError(name)) for name in reads}
    ):
        yield


@pytest.mark.parametrize("metric", CLASSIFICATION + CORRELATION)
def test_nothing_is_read_back_to_the_host(metric):
    device = array_api_strict.Device("device1")
    predictions = array_api_strict.asarray([0.2, 0.7, 0.7, 0.9], device=device)
    targets = array_api_strict.asarray([0, 1, 0, 1], device=device)
    flags = array_api_strict.ArrayAPIStrictFlags(
        boolean_indexing=False, data_dependent_shapes=False, enabled_extensions=()
    )
    with no_host_read(), flags:
        result = metric(predictions, targets)
    assert result.device == device


@pytest.mark.parametrize("metric", CLASSIFICATION + CORRELATION)
def test_inputs_are_unchanged(backend, metric):
    predictions, targets = np.asarray([0.9, -0.0, 0.7, 0.7]), np.asarray([1, 0, 0, 1])
    there = backend.asarray(predictions, "float32"), backend.asarray(targets)
    before = [backend.to_numpy(x).copy() for x in there]
    metric(*there)
    for x, y in zip(there, before, strict=True):
        np.testing.assert_array_equal(backend.to_numpy(x), y)


@pytest.mark.parametrize("metric", CLASSIFICATION + CORRELATION)
def test_wrong_shapes_are_named(backend, metric):
    def array(*shape: int) -> object:
        return backend.asarray(np.zeros(shape, dtype=np.float32))

    with pytest.raises(ValueError, match=rf"{metric.__name__} expects .* got \(3,\) and \(4,\)"):
        metric(array(3), array(4))
    with pytest.raises(ValueError, match=r"got \(3, 2\) and \(3,\)"):
        metric(array(3, 2), array(3))
    with pytest.raises(ValueError, match=r"got \(3,\) and \(1, 3\)"):
        metric(array(3), array(1, 3))
    with pytest.raises(ValueError, match=r"got \(\) and \(\)"):
        metric(array(), array())


@pytest.mark.parametrize("metric", CLASSIFICATION + CORRELATION)
def test_wrong_kinds_are_named(metric):
    with pytest.raises(TypeError, match=r"real numbers in .*, got dtype complex128"):
        metric(np.zeros(3, dtype=np.complex128), np.zeros(3))
    with pytest.raises(TypeError, match=r"real numbers in .*, got dtype <U1"):
        metric(np.zeros(3), np.asarray(["A", "C", "G"]))


def test_arrays_of_two_devices_are_named():
    devices = [array_api_strict.Device(name) for name in ("device1", "device2")]
    one, two = (array_api_strict.asarray([0.0, 1.0], device=device) for device in devices)
    with pytest.raises(ValueError, match=r"on one device, got .*device1.* and .*device2"):
        auroc(one, two)


class Foreign:
    """The least that makes an array of another library."""

    shape, ndim = (2,), 1

    def __array_namespace__(self, api_version=None):
        return SimpleNamespace(__name__="foreign")


def test_arrays_of_two_libraries_are_named():
    with pytest.raises(TypeError, match="one array library, got array_api_strict and foreign"):
        auroc(array_api_strict.asarray([0.0, 1.0]), Foreign())


def test_results_can_be_formatted():
    assert f"{auroc([0.1, 0.9], [0, 1]):.3f}" == "1.000"
