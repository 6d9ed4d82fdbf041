"""Leiden: modularity by its formula, known partitions, and Numba's loops against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

from genoml.explain.discovery import communities as leiden
from genoml.explain.discovery.communities import Graph, communities, modularity
from genoml.parallel.parts import ALONE, Workers
from genoml_numpy import compiled

# Zachary's karate club: the neighbours with a larger number of each member, from 1
KARATE = (
    "2 3 4 5 6 7 8 9 11 12 13 14 18 20 22 32|3 4 8 14 18 20 22 31|4 8 9 10 14 28 29 33|8 13 14|7 11|7 11 17|17||"
    "31 33 34|34||||34|33 34|33 34|||33 34|34|33 34||33 34|26 28 30 33 34|26 28 32|32|30 34|34|32 34|33 34|33 34|"
    "33 34|34"
)


def graph_of(dense: np.ndarray) -> Graph:
    row, node = np.nonzero(dense)
    return Graph.from_entries(row, node, dense[row, node].astype(float), len(dense))


def karate() -> np.ndarray:
    dense = np.zeros((34, 34))
    for row, others in enumerate(KARATE.split("|")):
        for other in others.split():
            dense[row, int(other) - 1] = dense[int(other) - 1, row] = 1
    assert dense.sum() == 156
    return dense


def blocks(seed: int, sizes: tuple[int, ...], inner: float, outer: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    chance = np.where(labels[:, None] == labels, inner, outer)
    upper = np.triu(rng.random(chance.shape) < chance, 1) * rng.uniform(0.5, 1.5, chance.shape)
    return upper + upper.T


def test_modularity_is_its_double_sum() -> None:
    dense = blocks(0, (5, 6, 7), 0.7, 0.3)
    labels = np.random.default_rng(1).integers(0, 3, 18)
    strength, total = dense.sum(axis=1), dense.sum()
    same = labels[:, None] == labels
    wanted = ((dense - np.outer(strength, strength) / total) * same).sum() / total
    assert modularity(graph_of(dense), labels) == pytest.approx(wanted, abs=1e-12)


def test_the_karate_club_falls_into_its_four_groups() -> None:
    graph = graph_of(karate())
    labels = communities(graph, 0, ALONE, runs=4)
    # the largest modularity there is: Brandes et al. (2008), doi:10.1109/TKDE.2007.190689
    assert modularity(graph, labels) == pytest.approx(0.41979, abs=1e-5)
    assert np.bincount(labels).tolist() == [12, 11, 6, 5]


def test_a_ring_of_cliques_falls_into_its_cliques() -> None:
    dense = np.kron(np.eye(8), np.ones((5, 5)) - np.eye(5))
    for clique in range(8):
        i, j = 5 * clique, (5 * clique + 6) % 40
        dense[i, j] = dense[j, i] = 1
    labels = communities(graph_of(dense), 3, ALONE, runs=2)
    assert labels.tolist() == np.repeat(np.arange(8), 5).tolist()


def test_a_graph_without_edges_is_a_community_a_node() -> None:
    assert communities(graph_of(np.zeros((3, 3))), 0, ALONE).tolist() == [0, 1, 2]


def test_the_same_seed_gives_the_same_labels_for_any_number_of_threads() -> None:
    graph = graph_of(blocks(4, (20, 30, 25), 0.3, 0.1))
    workers = Workers(3)
    try:
        found = [communities(graph, 5, of, runs=4) for of in (ALONE, workers, workers)]
    finally:
        workers.close()
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


@pytest.mark.parametrize("seed", range(4))
def test_compiled_loops_take_the_same_steps(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = graph_of(blocks(seed, (15, 25, 20, 30), 0.3, 0.08))
    found = []
    for twins in ({}, compiled.TWINS):
        monkeypatch.setattr(leiden, "twin", lambda name, plain, twins=twins: twins.get(name, plain))
        found.append(leiden.leiden(graph, np.random.default_rng(seed)))
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("twins", [{}, compiled.TWINS], ids=["NumPy", "Numba"])
def test_parts_are_gathered_with_the_sums_of_their_weights(twins: dict[str, object]) -> None:
    dense = blocks(2, (6, 8), 0.6, 0.3)
    parts = np.random.default_rng(0).integers(0, 4, 14)
    gather = twins.get("gather_communities", leiden.gather_communities)
    found = Graph(*gather(*graph_of(dense), parts, 4))  # type: ignore[operator]
    chosen = np.eye(4)[parts]
    wanted = graph_of(chosen.T @ dense @ chosen)
    for column, expected in zip(found, wanted, strict=True):
        np.testing.assert_allclose(column, expected)


@pytest.mark.parametrize("twins", [{}, compiled.TWINS], ids=["NumPy", "Numba"])
def test_refined_parts_stay_within_communities_and_are_connected(twins: dict[str, object]) -> None:
    dense = blocks(6, (15, 15), 0.3, 0.1)
    graph, labels, parts = graph_of(dense), np.repeat([0, 1], 15), np.arange(30)
    refine = twins.get("refine_nodes", leiden.refine_nodes)
    refine(*graph, graph.strength, labels, np.random.default_rng(1).permutation(30), parts)  # type: ignore[operator]
    assert len(np.unique(parts)) < 30
    for part in np.unique(parts):
        own = np.flatnonzero(parts == part)
        assert len(set(labels[own].tolist())) == 1
        reached = np.linalg.matrix_power((dense[np.ix_(own, own)] > 0) + np.eye(len(own)), len(own))
        assert (reached > 0).all()
