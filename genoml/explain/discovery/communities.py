"""Communities of a weighted graph by modularity: the Leiden algorithm."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from genoml.explain.discovery.words import twin
from genoml.parallel.parts import Workers
from genoml.random import host_generator

_RUNS = 16
_MOST_ITERATIONS = 10
# a gain that is less than this is rounding
_LEAST_GAIN = 1e-12
_Labels = NDArray[np.int64]


class Graph(NamedTuple):
    """An undirected graph as sparse rows: edge (i, j) stands in row i and in row j, a loop once with both its ends.

    Attributes
    ----------
    at, node, weight : arrays
        Entries ``at[i] : at[i + 1]`` are the neighbours of node i, and the weights, all above 0.
    """

    at: NDArray[np.int64]
    node: NDArray[np.int64]
    weight: NDArray[np.float64]

    @property
    def strength(self) -> NDArray[np.float64]:
        """Sum of the weights of each node."""
        row = np.repeat(np.arange(len(self.at) - 1), np.diff(self.at))
        return np.bincount(row, self.weight, minlength=len(self.at) - 1).astype(np.float64)

    @classmethod
    def from_entries(cls, row: Any, node: Any, weight: Any, n: int) -> Graph:
        """Entries in any order; those of the same place are added up."""
        order = np.argsort(row * n + node, kind="stable")
        row, node, weight = row[order], node[order], weight[order]
        new = np.ones(len(row), bool)
        new[1:] = (row[1:] != row[:-1]) | (node[1:] != node[:-1])
        total = np.bincount(np.cumsum(new) - 1, weight).astype(np.float64)
        return cls(np.searchsorted(row[new], np.arange(n + 1)), node[new], total)


def modularity(graph: Graph, labels: _Labels) -> float:
    """Q = sum_c (w_c / W - (K_c / W)^2): w_c weights within community c, K_c of its nodes, W of all, edges twice."""
    row = np.repeat(np.arange(len(labels)), np.diff(graph.at))
    total = float(graph.weight.sum())
    inner = float(graph.weight[labels[row] == labels[graph.node]].sum())
    return inner / total - float(((np.bincount(labels, graph.strength) / total) ** 2).sum())


def communities(graph: Graph, seed: int, workers: Workers, runs: int = _RUNS) -> _Labels:
    """The partition with the largest modularity of some runs of Leiden, numbered by size; of equals the first run's.

    References
    ----------
    Traag, Waltman and van Eck (2019), doi:10.1038/s41598-019-41695-z. Deviations: in the refinement a node joins the
    community of the largest gain, not one drawn by gain; runs are repeated until a partition does not improve.
    """
    n = len(graph.at) - 1
    if not len(graph.node):
        return np.arange(n)
    found: list[tuple[float, _Labels] | None] = [None] * runs

    def work(start: int, stop: int) -> None:
        for run in range(start, stop):
            labels = leiden(graph, host_generator(seed, "communities", run))
            found[run] = modularity(graph, labels), labels

    workers.share_out(work, runs)
    best = max((one for one in found if one is not None), key=lambda one: one[0])[1]
    return _by_size(best)


def _by_size(labels: _Labels) -> _Labels:
    """Numbers of communities from the largest on; of equals the one with the first node first."""
    kinds, first, inverse, sizes = np.unique(
        labels, return_index=True, return_inverse=True, return_counts=True
    )
    number = np.empty(len(kinds), np.int64)
    number[np.lexsort((first, -sizes))] = np.arange(len(kinds))
    return number[inverse]


def leiden(graph: Graph, rng: np.random.Generator) -> _Labels:
    """One run: rounds of moving, refining and aggregating, until modularity does not grow."""
    n = len(graph.at) - 1
    labels, best = np.arange(n), -1.0
    for _ in range(_MOST_ITERATIONS):
        found = _round(graph, labels, rng)
        value = modularity(graph, found)
        if value <= best + 1e-9:
            break
        labels, best = found, value
    return labels


def _round(graph: Graph, labels: _Labels, rng: np.random.Generator) -> _Labels:
    """Labels after moving on the graph and on ever smaller ones, whose nodes are parts of communities."""
    move, refine = twin("move_nodes", move_nodes), twin("refine_nodes", refine_nodes)
    gather = twin("gather_communities", gather_communities)
    of_node = np.arange(len(labels))
    while True:
        n = len(graph.at) - 1
        labels, strength = labels.copy(), graph.strength
        move(*graph, strength, labels, rng.permutation(n))
        labels = np.unique(labels, return_inverse=True)[1]
        parts = np.arange(n)
        refine(*graph, strength, labels, rng.permutation(n), parts)
        first, parts = np.unique(parts, return_index=True, return_inverse=True)[1:]
        if len(first) == n:
            return labels[of_node]
        graph = Graph(*gather(*graph, parts, len(first)))
        labels, of_node = labels[first], parts[of_node]


def move_nodes(
    at: NDArray[np.int64],
    node: NDArray[np.int64],
    weight: NDArray[np.float64],
    strength: NDArray[np.float64],
    labels: _Labels,
    order: NDArray[np.int64],
) -> None:
    """Move nodes to the neighbouring (or to an empty) community of the largest gain, until none moves.

    Moving node v, out of all, into c gains 2 / W (w(v, c) - k_v K_c / W). The neighbours of a node that moved, out of
    its new community, are looked at again. ``labels``, numbers below n, are written.
    """
    n, total = len(strength), strength.sum()
    sums = np.bincount(labels, strength, minlength=n)
    sizes = np.bincount(labels, minlength=n)
    empty = np.flatnonzero(sizes == 0)[::-1].tolist()
    queue, waiting, head = order.tolist(), np.ones(n, bool), 0
    while head < len(queue):
        v = queue[head]
        head += 1
        waiting[v] = False
        near, own = node[at[v] : at[v + 1]], labels[v]
        sums[own] -= strength[v]
        kinds, inverse = np.unique(labels[near], return_inverse=True)
        gains = np.bincount(inverse, np.where(near == v, 0.0, weight[at[v] : at[v + 1]]), len(kinds))
        gains = gains - strength[v] * sums[kinds] / total
        staying = float(
            gains[kinds == own].sum() - (0.0 if own in kinds else strength[v] * sums[own] / total)
        )
        chosen, best = own, staying + _LEAST_GAIN
        if len(gains) and gains.max() > best:
            chosen, best = kinds[np.argmax(gains)], gains.max()
        if best < 0 and empty and sizes[own] > 1:
            chosen = empty.pop()
        sums[chosen] += strength[v]
        if chosen != own:
            labels[v] = chosen
            sizes[chosen] += 1
            sizes[own] -= 1
            if not sizes[own]:
                empty.append(own)
            again = near[(labels[near] != chosen) & ~waiting[near]]
            waiting[again] = True
            queue.extend(again.tolist())


def refine_nodes(
    at: NDArray[np.int64],
    node: NDArray[np.int64],
    weight: NDArray[np.float64],
    strength: NDArray[np.float64],
    labels: _Labels,
    order: NDArray[np.int64],
    parts: _Labels,
) -> None:
    """Merge nodes into well connected parts of their communities; ``parts``, from 0 to n - 1, are written.

    A part C of community S is well connected if w(C, S - C) >= K_C (K_S - K_C) / W. A node that is alone and well
    connected joins such a part of the largest gain, if that is not negative.
    """
    total = strength.sum()
    whole = np.bincount(labels, strength)[labels]
    sums, sizes = strength.copy(), np.ones(len(strength), np.int64)
    row = np.repeat(np.arange(len(strength)), np.diff(at))
    inner = (labels[row] == labels[node]) & (row != node)
    outward = np.bincount(row[inner], weight[inner], minlength=len(strength))
    for v in order.tolist():
        k = strength[v]
        if sizes[v] != 1 or parts[v] != v or outward[v] < k * (whole[v] - k) / total:
            continue
        entries = np.arange(at[v], at[v + 1])[inner[at[v] : at[v + 1]]]
        kinds, inverse = np.unique(parts[node[entries]], return_inverse=True)
        if not len(kinds):
            continue
        shared = np.bincount(inverse, weight[entries], len(kinds))
        sound = outward[kinds] >= sums[kinds] * (whole[v] - sums[kinds]) / total
        gains = np.where(sound, shared - k * sums[kinds] / total, -1.0)
        best = int(np.argmax(gains))
        if gains[best] >= 0:
            part = kinds[best]
            parts[v] = part
            outward[part] += outward[v] - 2 * shared[best]
            sums[part] += k
            sizes[part] += 1
            sizes[v] = 0


def gather_communities(
    at: NDArray[np.int64],
    node: NDArray[np.int64],
    weight: NDArray[np.float64],
    parts: _Labels,
    count: int,
) -> Graph:
    """The graph whose nodes are the parts of another's nodes."""
    row = np.repeat(np.arange(len(parts)), np.diff(at))
    return Graph.from_entries(parts[row], parts[node], weight, count)
