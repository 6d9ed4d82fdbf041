"""Exact dinucleotide shuffles: negatives with the composition of the positives."""

from __future__ import annotations

from typing import Any, overload

import numpy as np

from genoml.sequence.codes import FlatCodes, decode, flat_codes
from genoml.sequence.encode import base_codes

# Rows are worked on in blocks of about this many array cells, to bound memory.
_BLOCK = 1 << 22
_RANDOM_BITS = 56


@overload
def dinucleotide_shuffle(sequences: str, *, seed: int = ...) -> str: ...
@overload
def dinucleotide_shuffle(sequences: bytes, *, seed: int = ...) -> bytes: ...
@overload
def dinucleotide_shuffle(sequences: np.ndarray, *, seed: int = ...) -> np.ndarray: ...
@overload
def dinucleotide_shuffle(sequences: list[str], *, seed: int = ...) -> list[str]: ...
@overload
def dinucleotide_shuffle(sequences: list[bytes], *, seed: int = ...) -> list[bytes]: ...
@overload
def dinucleotide_shuffle(sequences: list[np.ndarray], *, seed: int = ...) -> list[np.ndarray]: ...
def dinucleotide_shuffle(sequences: Any, *, seed: int = 0) -> Any:
    """Shuffle sequences so that every dinucleotide count stays exactly as it is.

    Each result is drawn uniformly from all sequences with the same first letter, the same last letter and
    the same count of each dinucleotide (hence of each letter). A sequence is a path that uses every edge of
    a graph once: letters are vertices and dinucleotides edges. A path is drawn by choosing for each vertex,
    save the last letter, the edge by which it is left for the last time, such that these edges lead to the
    last letter; then the order of the other edges of each vertex at random. IUPAC codes are letters of
    their own; so is padding, hence shuffle first and pad afterwards.

    Parameters
    ----------
    sequences : str, bytes, uint8 array, or a batch of them
        One sequence: letters or codes (length,). Many, of equal length or not: a list of either, or codes
        (batch, length).
    seed : int
        Seed of a Philox generator. The same sequences in the same order with the same seed give the same
        result.

    Returns
    -------
    str, bytes, numpy.ndarray or list
        As given. Letters come back in upper case, with U where the sequence had U.

    Raises
    ------
    ValueError
        For illegal letters or codes.

    References
    ----------
    Altschul and Erickson (1985), doi:10.1093/oxfordjournals.molbev.a040370. Deviation: last edges are drawn
    by loop-erased random walks (Wilson 1996, doi:10.1145/237814.237880), which have the same distribution
    as drawing all of them until they connect, but need few steps for any composition.
    """
    rng = np.random.Generator(np.random.Philox(seed))
    is_array = isinstance(sequences, np.ndarray) and sequences.dtype == np.uint8
    if is_array and sequences.ndim != 1:
        return _shuffle_equal(base_codes(sequences), rng)
    single = is_array or isinstance(sequences, str | bytes)
    items = [sequences] if single else list(sequences)
    rows = _shuffle_ragged(flat_codes(items), rng)
    results = [_in_the_form_of(item, row) for item, row in zip(items, rows, strict=True)]
    return results[0] if single else results


def _in_the_form_of(item: str | bytes | np.ndarray, codes: np.ndarray) -> str | bytes | np.ndarray:
    if isinstance(item, np.ndarray):
        return codes
    rna = "U" in item.upper() if isinstance(item, str) else b"U" in item.upper()
    letters = str(decode(codes, alphabet="RNA" if rna else "DNA"))
    return letters if isinstance(item, str) else letters.encode("ascii")


def _shuffle_ragged(flat: FlatCodes, rng: np.random.Generator) -> list[np.ndarray]:
    out: list[Any] = [None] * flat.lengths.size
    starts = np.cumsum(flat.lengths) - flat.lengths
    for length in np.unique(flat.lengths).tolist():
        rows = np.flatnonzero(flat.lengths == length)
        shuffled = _shuffle_equal(flat.codes[starts[rows, None] + np.arange(length)], rng)
        for row, codes in zip(rows.tolist(), shuffled, strict=True):
            out[row] = codes
    return out


def _shuffle_equal(codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shuffle (batch, length) codes."""
    out = codes.copy()
    if codes.shape[1] < 4:  # with three letters or fewer, first and last fixed, nothing can move
        return out
    present, vertices = np.unique(codes, return_inverse=True)
    if present.size == 1:
        return out
    vertices = vertices.reshape(codes.shape).astype(np.int64)
    step = max(1, _BLOCK // max(codes.shape[1], present.size**2))
    for first in range(0, codes.shape[0], step):
        paths = _euler_paths(vertices[first : first + step], present.size, rng)
        out[first : first + step] = present[paths]
    return out


def _euler_paths(s: np.ndarray, n_vertices: int, rng: np.random.Generator) -> np.ndarray:
    """Draw a uniform Euler path for each row of vertices (batch, length)."""
    batch, length = s.shape
    source, target = s[:, :-1], s[:, 1:]
    offset = np.arange(batch)[:, None] * n_vertices
    cells = (offset + source) * n_vertices + target
    counts = np.bincount(cells.ravel(), minlength=batch * n_vertices**2)
    counts = counts.reshape(batch, n_vertices, n_vertices)
    last = _last_edges(counts, s[:, -1], rng)
    targets = _edge_order(source, target, last, rng)

    # walk: the edges of a vertex lie side by side, and each visit takes the next of them
    degree = counts.sum(axis=2)
    pointer = np.cumsum(degree, axis=1) - degree + np.arange(batch)[:, None] * (length - 1)
    pointer, targets = pointer.ravel(), targets.ravel()
    path = np.empty((length, batch), dtype=np.int64)
    path[0] = s[:, 0]
    for position in range(1, length):
        vertex = offset[:, 0] + path[position - 1]
        edge = pointer[vertex]
        path[position] = targets[edge]
        pointer[vertex] = edge + 1
    return path.T


def _edge_order(
    source: np.ndarray, target: np.ndarray, last: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Order the edges of each row by source, at random within a source but for its last edge.

    Each edge is one 64-bit key: source, then random bits, then target; sorting the keys sorts the edges.
    """
    greatest = (1 << _RANDOM_BITS) - 1
    random = rng.integers(0, greatest, size=source.shape, dtype=np.uint64)
    # of the edges that could be the last one of a vertex, which are alike, one is put behind all others
    row, column = np.nonzero(target == np.take_along_axis(last, source, axis=1))
    chosen = np.full(last.shape, -1)
    chosen[row, source[row, column]] = column
    row, vertex = np.nonzero(chosen >= 0)
    random[row, chosen[row, vertex]] = greatest
    keys = source.astype(np.uint64) << np.uint64(60)
    keys |= random << np.uint64(4)
    keys |= target.astype(np.uint64)
    keys.sort(axis=1)
    return (keys & np.uint64(15)).astype(np.int64)


def _last_edges(counts: np.ndarray, root: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw for each vertex the target of its last edge, (batch, vertices); -1 for the root and absentees.

    From each vertex that is not yet joined, walk at random along the edges until the tree is met, keeping
    for each vertex only the latest step: loops erase themselves. Edges from a vertex to itself can be no
    part of the tree and are left out of the walk.
    """
    batch, n_vertices, _ = counts.shape
    present = counts.sum(axis=2) > 0
    steps = np.cumsum(counts * ~np.eye(n_vertices, dtype=bool), axis=2)
    last = np.full((batch, n_vertices), -1)
    joined = np.zeros((batch, n_vertices), dtype=bool)
    joined[np.arange(batch), root] = True
    for start in range(n_vertices):
        begun = np.flatnonzero(present[:, start] & ~joined[:, start])
        rows, vertex = begun, np.full(begun.size, start)
        while rows.size:
            edges = steps[rows, vertex]
            draw = np.floor(rng.random(rows.size) * edges[:, -1])
            reached = (draw[:, None] >= edges).sum(axis=1)
            last[rows, vertex] = reached
            going = ~joined[rows, reached]
            rows, vertex = rows[going], reached[going]
        rows, vertex = begun, np.full(begun.size, start)
        while rows.size:
            joined[rows, vertex] = True
            vertex = last[rows, vertex]
            going = ~joined[rows, vertex]
            rows, vertex = rows[going], vertex[going]
    return last
