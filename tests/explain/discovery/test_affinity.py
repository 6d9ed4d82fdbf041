"""The graph of seqlets: bandwidths, mutual weights, rank correlations and fine similarities."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from genoml.explain.discovery.affinity import density_adapted, fine_similarities, rank_correlations
from genoml.explain.discovery.tracks import scaled, turned
from genoml.ops.jaccard import jaccard
from genoml.parallel.parts import ALONE


def test_weights_are_geometric_means_of_shares_with_the_wanted_entropy() -> None:
    n, perplexity = 12, 4.0
    rng = np.random.default_rng(0)
    similarity = rng.uniform(0.05, 0.9, (n, n))
    similarity = (similarity + similarity.T) / 2
    neighbours = np.array([[j for j in range(n) if j != i] for i in range(n)])
    near = np.take_along_axis(similarity, neighbours, 1).astype(np.float32)
    graph = density_adapted(neighbours, near, perplexity, ALONE)
    weights = np.zeros((n, n))
    weights[np.repeat(np.arange(n), np.diff(graph.at)), graph.node] = graph.weight
    np.testing.assert_allclose(weights, weights.T)
    # each row's share from the definition, its bandwidth on a fine grid
    distance = -np.log(near.astype(float) / (2 - near))
    shares = np.zeros((n, n))
    for i in range(n):
        grid = np.linspace(0.01, 60, 60_000)[:, None]
        p = np.exp(-grid * (distance[i] - distance[i].min()))
        p /= p.sum(axis=1, keepdims=True)
        entropy = -(p * np.log(np.maximum(p, 1e-300))).sum(axis=1)
        shares[i, neighbours[i]] = p[np.argmin(np.abs(entropy - np.log(perplexity)))]
    np.testing.assert_allclose(weights, np.sqrt(shares * shares.T), atol=2e-3)


def test_only_mutual_neighbours_that_are_alike_have_a_weight() -> None:
    neighbours = np.array([[1, 2], [0, 2], [3, 0], [2, -1]])
    near = np.array([[0.5, 0.4], [0.5, 0.4], [0.3, 0.4], [0.0, 0.3]], np.float32)
    graph = density_adapted(neighbours, near, 2.0, ALONE)
    assert [graph.node[i:j].tolist() for i, j in zip(graph.at, graph.at[1:], strict=False)] == [
        [1, 2],
        [0],
        [0],
        [],
    ]


def test_rank_correlations_are_spearmans() -> None:
    a, b = np.random.default_rng(1).normal(size=(2, 5, 30))
    expected = [spearmanr(x, y).statistic for x, y in zip(a, b, strict=True)]
    assert rank_correlations(a, b) == pytest.approx(expected)


def test_fine_similarities_take_the_strand_that_is_asked_for() -> None:
    rng = np.random.default_rng(2)
    pairs = scaled(rng.normal(size=(6, 10, 4)), rng.normal(size=(6, 10, 4)))
    pairs[3] = turned(pairs[:1])[0]
    neighbours = np.array([[3, 1], [0, 2], [1, 5], [0, 4], [3, 5], [2, 4]])
    reverse = np.array(
        [[True, False], [False, True], [True, False], [True, False], [False, True], [False, True]]
    )
    found = fine_similarities(pairs, neighbours, reverse, ALONE)
    assert found[0, 0] == found[3, 0] == pytest.approx(1.0, abs=1e-5)
    for i in range(6):
        for place, j in enumerate(neighbours[i]):
            other = turned(pairs[j : j + 1]) if reverse[i, place] else pairs[j : j + 1]
            one = np.zeros(1, np.int64)
            assert found[i, place] == pytest.approx(
                float(jaccard(pairs[i : i + 1], other, one, one, -3, 3)[0][0])
            )
