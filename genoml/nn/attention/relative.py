"""Relative positions: attention scores that depend on the distance from query to key, by biases or basis functions.

The distance is j - i, the key's position minus the query's. A matrix of scores over (i, j) is constant along
its diagonals, so it is made from one row of distances by ``skew``, and the gradient of the row is a sum along
diagonals, by ``unskew``: both are reshapes, without gather or scatter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.arguments import Count
from genoml.backend import Array
from genoml.ops.arrays import clip, pad_axis

#: the shortest half-life of the exponential bases, in positions
SHORTEST_HALF_LIFE = 3.0


@dataclass(frozen=True)
class Tile:
    """A block of the matrix of scores: queries q_start to q_stop, keys k_start to k_stop."""

    q_start: int
    q_stop: int
    k_start: int
    k_stop: int

    @property
    def first_distance(self) -> int:
        """The most negative distance, of the last query to the first key."""
        return self.k_start - self.q_stop + 1

    @property
    def distances(self) -> int:
        """Number of different distances."""
        return (self.q_stop - self.q_start) + (self.k_stop - self.k_start) - 1


class TermGradient(Protocol):
    """Collects the gradient of a score term, tile by tile, in one backward pass."""

    def add(self, grad: Array, tile: Tile) -> None:
        """Take dL/dscores of one tile, (batch, heads, queries, keys)."""

    def result(self) -> dict[str, Array]:
        """Gradients of the arrays that the term is made from, by name."""


class ScoreTerm(Protocol):
    """A term of the scores that is added to q . k."""

    def scores(self, tile: Tile) -> Array:
        """Scores that broadcast to (batch, heads, queries, keys)."""

    def gradient(self) -> TermGradient:
        """A collector of the term's gradient, for one backward pass."""


# ---------------------------------------------------------------- diagonals


def skew(rows: Array, keys: int) -> Array:
    """(..., queries, queries + keys - 1) -> (..., queries, keys): y[i, j] = rows[i, j - i + queries - 1].

    Row i of y begins at value (queries - 1) + i (width - 1) of the flattened rows: y is a matrix of rows that are
    one value shorter.
    """
    xp = array_namespace(rows)
    *batch, queries, width = rows.shape
    if queries == 1:
        return rows
    flat = xp.reshape(rows, (*batch, queries * width))
    taken = flat[..., queries - 1 : queries - 1 + queries * (width - 1)]
    return xp.reshape(taken, (*batch, queries, width - 1))[..., :keys]


def unskew(matrix: Array) -> Array:
    """The transpose of ``skew``: (..., queries, keys) -> (..., queries, queries + keys - 1), zero elsewhere."""
    xp = array_namespace(matrix)
    *batch, queries, keys = matrix.shape
    if queries == 1:
        return matrix
    width = queries + keys - 1
    shifted = pad_axis(matrix, 0, queries - 2, axis=len(batch) + 1)
    flat = xp.reshape(shifted, (*batch, queries * (width - 1)))
    return xp.reshape(pad_axis(flat, queries - 1, 1, axis=len(batch)), (*batch, queries, width))


class DistanceSums:
    """Sum over tiles of gradients by distance, for the distances -(length - 1) to length - 1."""

    def __init__(self) -> None:
        self.parts: dict[tuple[int, int], Array] = {}

    def add(self, part: Array, tile: Tile) -> None:
        """Add one tile's gradients, (heads, distances, ...); tiles along a diagonal share one array."""
        key = (tile.first_distance, tile.distances)
        self.parts[key] = part if key not in self.parts else self.parts[key] + part

    def total(self, length: int) -> Array:
        """The sum, (heads, 2 length - 1, ...)."""
        total = None
        for (first, count), part in self.parts.items():
            padded = pad_axis(part, first + length - 1, length - first - count)
            total = padded if total is None else total + padded
        return total


# ---------------------------------------------------------------- learned biases


class RelativeBias:
    """score[h, i, j] = table[clip(j - i, -(reach - 1), reach - 1) + reach - 1, h].

    Shapes
    ------
    table : (2 reach - 1, heads)

    References
    ----------
    Shaw, Uszkoreit and Vaswani (2018), arXiv:1803.02155, for the clipped distance; Raffel et al. (2020),
    arXiv:1910.10683, section 2.1, for a number a head in place of a vector.
    """

    def __init__(self, table: Array, length: Count) -> None:
        self.table = table
        self.length = length
        self.reach = (table.shape[0] + 1) // 2

    def scores(self, tile: Tile) -> Array:
        """Scores of a tile, (heads, queries, keys)."""
        xp = array_namespace(self.table)
        reach = self.reach
        heads = self.table.shape[1]
        first, count = tile.first_distance, tile.distances
        distance = xp.arange(first, first + count, dtype=xp.int32, device=device_of(self.table))
        by_distance = xp.take(self.table, clip(distance, 1 - reach, reach - 1) + (reach - 1), axis=0)
        queries, keys = tile.q_stop - tile.q_start, tile.k_stop - tile.k_start
        rows = xp.broadcast_to(xp.matrix_transpose(by_distance)[:, None, :], (heads, queries, count))
        return skew(rows, keys)

    def gradient(self) -> TermGradient:
        """A collector of sums over batch and diagonals; clipped distances add to the ends of the table."""
        return _BiasGradient(self)


class _BiasGradient:
    def __init__(self, term: RelativeBias) -> None:
        self.term, self.sums = term, DistanceSums()

    def add(self, grad: Array, tile: Tile) -> None:
        xp = array_namespace(grad)
        self.sums.add(xp.sum(unskew(xp.sum(grad, axis=0)), axis=1), tile)

    def result(self) -> dict[str, Array]:
        length, reach = self.term.length, self.term.reach
        total = self.sums.total(length)  # (heads, 2 length - 1)
        xp, excess = array_namespace(total), length - reach
        if excess <= 0:
            table = pad_axis(total, -excess, -excess)
        else:
            ends = [
                xp.sum(part, axis=1, keepdims=True)
                for part in (total[:, : excess + 1], total[:, total.shape[1] - excess - 1 :])
            ]
            middle = total[:, excess + 1 : total.shape[1] - excess - 1]
            table = xp.concat([ends[0], middle, ends[1]], axis=1)
        return {"relative_bias": xp.matrix_transpose(table)}


# ---------------------------------------------------------------- basis functions


def distance_bases(like: Array, length: int, reach: int, bases: int) -> Array:
    """Fixed functions of the distance d from -(length - 1) to length - 1, of shape (2 length - 1, 6 bases).

    Three families of |d|, with n = ``bases`` functions each, then the same times the sign of d:

    exponential
        2^(-|d| / t), half-lives t from 3 to ``reach`` in equal ratios
    central mask
        1 where |d| < 2^b - 1, b = 1 ... n, else 0
    gamma
        the gamma density of |d| with means from reach / n to reach in equal steps and standard deviation
        reach / 2n, divided by its maximum

    References
    ----------
    Avsec et al. (2021), Enformer, doi:10.1038/s41592-021-01252-x, methods. There the sequence at hand gives
    ``reach``, and the gamma densities are divided by their maximum over the positions at hand; here both are
    fixed, so that a function does not change with the length of the input.
    """
    xp, device = array_namespace(like), device_of(like)
    distance = xp.arange(1 - length, length, dtype=like.dtype, device=device)
    away = xp.abs(distance)[:, None]
    index = xp.arange(bases, dtype=like.dtype, device=device)[None, :]
    share = index / max(bases - 1, 1)  # from 0 to 1

    shortest = math.log(SHORTEST_HALF_LIFE)
    half_lives = xp.exp(shortest + share * (math.log(reach) - shortest))
    exponential = xp.exp(away / half_lives * -math.log(2.0))
    central = xp.astype(away < xp.exp((index + 1.0) * math.log(2.0)) - 1.5, like.dtype)

    mean, deviation = reach / bases + share * (reach - reach / bases), reach / (2.0 * bases)
    shape = (mean / deviation) * (mean / deviation)
    # density(x) / density(mode) = exp((shape - 1) (log r - r + 1)) with r = x / mode
    ratio = away / ((shape - 1.0) * (deviation * deviation) / mean)
    tiny = clip(ratio, 1e-30)
    gamma = xp.exp((shape - 1.0) * (xp.log(tiny) - tiny + 1.0))

    even, sign = xp.concat([exponential, central, gamma], axis=1), clip(distance, -1.0, 1.0)
    return xp.concat([even, even * sign[:, None]], axis=1)


class RelativeBasis:
    """score[n, h, i, j] = query[n, h, i, :] . keys[h, j - i, :]: products of queries with a vector for each distance.

    Shapes
    ------
    query : (batch, heads, length, key_size)
    keys : (heads, 2 length - 1, key_size), one a distance

    References
    ----------
    Dai et al. (2019), Transformer-XL, arXiv:1901.02860, section 3.3.
    """

    def __init__(self, query: Array, keys: Array) -> None:
        self.query = query
        self.keys = keys
        self.length = query.shape[2]

    def part(self, tile: Tile) -> Array:
        """The keys of the distances in a tile, (heads, distances, key_size)."""
        start = tile.first_distance + self.length - 1
        return self.keys[:, start : start + tile.distances, :]

    def scores(self, tile: Tile) -> Array:
        """Scores of a tile, (batch, heads, queries, keys)."""
        xp = array_namespace(self.query)
        by_distance = self.query[:, :, tile.q_start : tile.q_stop, :] @ xp.matrix_transpose(self.part(tile))
        return skew(by_distance, tile.k_stop - tile.k_start)

    def gradient(self) -> TermGradient:
        """A collector of the gradients of queries and distance keys, by the product rule."""
        return _BasisGradient(self)


class _BasisGradient:
    def __init__(self, term: RelativeBasis) -> None:
        self.term, self.sums = term, DistanceSums()
        self.queries: dict[int, Array] = {}

    def add(self, grad: Array, tile: Tile) -> None:
        # score = skew(q k^T): with g = unskew(grad), dq = g k, dk = sum over the batch of g^T q
        xp, g = array_namespace(grad), unskew(grad)
        query = self.term.query[:, :, tile.q_start : tile.q_stop, :]
        self.sums.add(xp.sum(xp.matrix_transpose(g) @ query, axis=0), tile)
        part, key = g @ self.term.part(tile), tile.q_start
        self.queries[key] = part if key not in self.queries else self.queries[key] + part

    def result(self) -> dict[str, Array]:
        xp = array_namespace(self.term.query)
        query = xp.concat([self.queries[start] for start in sorted(self.queries)], axis=2)
        return {"query": query, "keys": self.sums.total(self.term.length)}
