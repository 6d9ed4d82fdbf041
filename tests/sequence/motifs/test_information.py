"""Information content: the textbook values."""

from __future__ import annotations

import math

import numpy as np
import pytest

from genoml.explain import base_probabilities, information_content


def test_bits_of_certain_equal_and_two_way_columns():
    matrix = [[10, 0, 0, 0], [5, 5, 5, 5], [0, 3, 3, 0], [0, 0, 0, 0]]
    np.testing.assert_allclose(information_content(matrix), [2, 0, 1, 0], atol=1e-15)


def test_bits_equal_two_minus_the_entropy():
    probabilities = np.random.default_rng(0).dirichlet([1] * 4, 20)
    entropy = [-sum(p * math.log2(p) for p in row) for row in probabilities]
    np.testing.assert_allclose(information_content(probabilities), 2 - np.asarray(entropy), atol=1e-12)


def test_few_sites_are_corrected():
    # e(n) = 3 / (2 ln 2 n): 0.2164 bits for ten sites (Schneider et al. 1986)
    matrix = [[10, 0, 0, 0], [3, 3, 2, 2]]
    assert information_content(matrix, n_sites=10)[0] == pytest.approx(2 - 0.21640425613334452)
    assert information_content(matrix, n_sites=10)[1] == 0.0
    assert information_content([[1, 0, 0, 0]], n_sites=1)[0] == 0.0


def test_counts_and_their_probabilities_are_the_same_motif():
    counts = np.asarray([[1, 2, 3, 4], [0, 0, 5, 0]])
    np.testing.assert_allclose(base_probabilities(counts), [[0.1, 0.2, 0.3, 0.4], [0, 0, 1, 0]])
    np.testing.assert_allclose(information_content(counts), information_content(base_probabilities(counts)))


@pytest.mark.parametrize("function", [base_probabilities, information_content])
def test_what_is_no_motif_is_refused(function):
    with pytest.raises(ValueError, match=r"columns A C G T, got \(4, 3\)"):
        function(np.ones((4, 3)))
    with pytest.raises(ValueError, match="below 0 or not finite"):
        function([[1, -1, 0, 0]])
    with pytest.raises(ValueError, match="below 0 or not finite"):
        function([[1, math.nan, 0, 0]])
    with pytest.raises(ValueError, match="n_sites must be positive, got 0"):
        information_content([[1, 0, 0, 0]], n_sites=0)
