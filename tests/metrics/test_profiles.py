"""Figures of profiles against SciPy, on every backend, and where they are not defined."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.spatial import distance

from genoml.backend import Backend
from genoml.metrics import jensen_shannon_distance, profile_pearson

RNG = np.random.default_rng(5)
PREDICTED = RNG.random((4, 2, 30)).astype(np.float32)
READS = RNG.poisson(0.7, (4, 2, 30)).astype(np.float32)


def test_distances_and_correlations_are_those_of_scipy(backend: Backend) -> None:
    p, q = backend.asarray(PREDICTED), backend.asarray(READS)
    found = backend.to_numpy(jensen_shannon_distance(p, q)), backend.to_numpy(profile_pearson(p, q))
    for row, track in np.ndindex(4, 2):
        one, other = PREDICTED[row, track].astype(float), READS[row, track].astype(float)
        assert found[0][row, track] == pytest.approx(distance.jensenshannon(one, other), rel=1e-4)
        assert found[1][row, track] == pytest.approx(stats.pearsonr(one, other)[0], abs=1e-5)


def test_shapes_apart_have_the_largest_distance_and_equal_ones_none() -> None:
    one, other = np.array([[1.0, 3.0, 0.0, 0.0]]), np.array([[0.0, 0.0, 2.0, 2.0]])
    assert jensen_shannon_distance(one, other)[0] == pytest.approx(np.sqrt(np.log(2)))
    assert jensen_shannon_distance(one, 5 * one)[0] == 0.0


def test_without_reads_nothing_is_said(backend: Backend) -> None:
    empty = backend.asarray(np.zeros((2, 6), np.float32))
    some = backend.asarray(np.ones((2, 6), np.float32))
    assert np.isnan(backend.to_numpy(jensen_shannon_distance(some, empty))).all()
    assert np.isnan(backend.to_numpy(profile_pearson(some, empty))).all()
    with pytest.raises(ValueError, match=r"profiles of one shape \(..., length\), got \(2, 6\) and \(2, 5\)"):
        profile_pearson(some, some[:, :5])
