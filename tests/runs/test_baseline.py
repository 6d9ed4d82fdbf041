"""The k-mer baselines: what they can learn, and the ridge regression against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from genoml.backend import Backend
from genoml.metrics import auroc, pearson
from genoml.runs.baseline import KmerBaseline, KmerRidge
from genoml.runs.site_baselines import composition_baseline, positional_baseline
from genoml.sequence import reverse_complement

RNG = np.random.default_rng(9)
CODES = RNG.integers(0, 4, (300, 40)).astype(np.uint8)
# the share of G and C decides
SHARE = np.isin(CODES, (1, 2)).mean(axis=1, keepdims=True)


def test_composition_is_learned_on_every_backend_alike(backend: Backend) -> None:
    labels = (np.median(SHARE) < SHARE).astype(np.float32)
    found = KmerBaseline(2, backend=backend).fit(CODES[:200], labels[:200]).predict(CODES[200:])
    assert auroc(found, labels[200:]) > 0.95
    reference = KmerBaseline(2, backend="numpy").fit(CODES[:200], labels[:200]).predict(CODES[200:])
    # the bias begins where its gradient is 0 but for rounding, which Adam's first steps magnify
    np.testing.assert_allclose(found, reference, atol=1e-3)


def test_probabilities_of_a_rare_class_begin_at_its_share() -> None:
    labels = (np.arange(300) < 6).astype(np.float32)[:, None]
    assert KmerBaseline(2).fit(CODES, labels).predict(CODES).mean() == pytest.approx(0.02, abs=0.01)


def test_both_strands_are_predicted_alike() -> None:
    labels = (np.median(SHARE) < SHARE).astype(np.float32)
    for model in (KmerBaseline(3).fit(CODES, labels), KmerRidge(3).fit(CODES, SHARE)):
        np.testing.assert_allclose(model.predict(CODES), model.predict(reverse_complement(CODES)), rtol=1e-5)


@pytest.mark.parametrize("size", [250, 60])
def test_ridge_regression_is_that_of_scikit_learn_for_its_penalty(size: int) -> None:
    targets = np.concatenate([SHARE, RNG.standard_normal((300, 1))], axis=1)
    model = KmerRidge(4).fit(CODES[:size], targets[:size])
    x = model.backend.to_numpy(model._standardised(model._counts(CODES[:size]))).astype(np.float64)
    for task in range(2):
        # the penalty that its weights are the solution for
        residual = targets[:size, task] - targets[:size, task].mean() - x @ model.weights[:, task]
        w = model.weights[:, task]
        penalty = float((x @ w) @ residual / (w @ w))
        other = Ridge(penalty).fit(x, targets[:size, task])
        np.testing.assert_allclose(other.coef_, w, rtol=1e-3, atol=1e-6 * np.abs(w).max())
    predicted = model.predict(CODES[250:])
    assert predicted.shape == (50, 2)
    assert pearson(predicted[:, 0], targets[250:, 0]) > 0.8
    # noise is shrunk to its mean
    assert np.abs(model.weights[:, 1]).max() < np.abs(model.weights[:, 0]).max() * 20


def test_targets_that_are_no_columns_are_refused() -> None:
    with pytest.raises(ValueError, match=r"KmerRidge expects targets \(300, tasks\), got \(300,\)"):
        KmerRidge(2).fit(CODES, SHARE[:, 0])


def test_a_baseline_of_one_strand_tells_a_motif_from_its_reverse_complement() -> None:
    labels = (np.arange(300) % 2).astype(np.float32)[:, None]
    motif = np.array([[2, 3, 2, 3, 0, 0]], np.uint8)
    codes = CODES.copy()
    codes[:, 5:11] = np.where(labels == 1, motif, reverse_complement(motif))
    for kind in (KmerBaseline, KmerRidge):
        one = kind(4, both_strands=False).fit(codes[:200], labels[:200]).predict(codes[200:])
        both = kind(4).fit(codes[:200], labels[:200]).predict(codes[200:])
        right = [np.mean((np.ravel(found) > 0.5) == (labels[200:, 0] == 1)) for found in (one, both)]
        assert right[0] > 0.95 > 0.8 > right[1]


def test_a_baseline_reads_ambiguous_letters_as_asked() -> None:
    codes = np.full((20, 12), 14, np.uint8)
    codes[:10] = 4  # R: A or G
    labels = (np.arange(20) < 10).astype(np.float32)[:, None]
    blind = KmerBaseline(2).fit(codes, labels).predict(codes)
    seeing = KmerBaseline(2, ambiguous="iupac").fit(codes, labels).predict(codes)
    assert np.ptp(blind) == 0 < np.ptp(seeing)


def test_ridge_regression_on_positions_and_on_composition_finds_what_decides() -> None:
    at_place = (CODES[:, 7] == 2)[:, None] + 0.1 * RNG.standard_normal((300, 1))
    found = positional_baseline(binary=False).fit(CODES[:200], at_place[:200]).predict(CODES[200:])
    assert pearson(found[:, 0], at_place[200:, 0]) > 0.9
    share = composition_baseline(binary=False).fit(CODES[:200], SHARE[:200]).predict(CODES[200:])
    assert pearson(share[:, 0], SHARE[200:, 0]) > 0.99
