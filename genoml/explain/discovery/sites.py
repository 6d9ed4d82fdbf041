"""Windows that may be sites of motifs, and the fit of those of each sequence to its contributions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from genoml.backend import Backend
from genoml.explain.discovery.fit import fit_sparse
from genoml.explain.discovery.motif import DiscoveredMotif
from genoml.ops.conv1d import conv1d_vjp

__all__ = ["GAP", "MOST_STEPS", "Bank", "Candidates", "candidates", "fitted"]

#: duality gap at which a fit ends, as a part of the value at h = 0, and steps after which it does
GAP, MOST_STEPS = 1e-3, 5000
# numbers that are held at a time: candidates by positions
_NUMBERS_AT_ONCE = 1 << 22


class Bank(NamedTuple):
    """Motifs of unit norm on both strands, each from the first row on.

    ``kernel`` (widest, 4, 2 motifs); ``width`` (2 motifs,); motif k is column 2 k, its reverse complement 2 k + 1.
    """

    kernel: NDArray[np.float32]
    width: NDArray[np.int64]

    @classmethod
    def of(cls, motifs: Sequence[DiscoveredMotif], trim: float) -> Bank:
        cores = [motif.contributions[motif.core(trim)] for motif in motifs]
        cores = [core / np.linalg.norm(core) for core in cores]
        width = np.repeat([len(core) for core in cores], 2)
        kernel = np.zeros((int(width.max()), 4, len(width)), np.float32)
        for column, core in enumerate(cores):
            kernel[: len(core), :, 2 * column] = core
            kernel[: len(core), :, 2 * column + 1] = core[::-1, ::-1]
        return cls(kernel, width)


class Candidates(NamedTuple):
    """Windows that would be hits alone, by row, start and column of the bank."""

    row: NDArray[np.int64]
    start: NDArray[np.int64]
    column: NDArray[np.int64]
    product: NDArray[np.float64]
    energy: NDArray[np.float64]


def candidates(
    g: NDArray[np.float64], codes: NDArray[np.int64], bank: Bank, c: float, backend: Backend
) -> Candidates:
    """Windows within the sequences with <g, C> > c w."""
    n, length = g.shape
    widest = len(bank.kernel)
    x = np.zeros((n, length + widest - 1, 4), np.float32)
    x[:, :length] = (codes[:, :, None] == np.arange(4)) * g[:, :, None]
    product, _ = conv1d_vjp(backend.asarray(x), backend.asarray(bank.kernel))
    sums = np.zeros((n, length + 1))
    np.cumsum(g**2, axis=1, out=sums[:, 1:])
    energy = np.full((n, length, len(bank.width)), np.inf, np.float32)
    for width in np.unique(bank.width).tolist():
        within = (sums[:, width:] - sums[:, :-width]).astype(np.float32)
        energy[:, : within.shape[1], bank.width == width] = within[:, :, None]
    host = backend.to_numpy(product)
    row, start, column = np.nonzero(host > np.float32(c) * np.sqrt(1 + energy))
    at = (row, start, column)
    return Candidates(row, start, column, host[at].astype(np.float64), energy[at].astype(np.float64))


def fitted(
    found: Candidates,
    g: NDArray[np.float64],
    codes: NDArray[np.int64],
    bank: Bank,
    c: float,
    backend: Backend,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """h of the candidates, and the gap of each sequence that has one."""
    h, gaps = np.zeros(len(found.row)), [np.zeros(0)]
    for at in _batches(found, g.shape[1]):
        h[at], gap = _fitted(found, at, g, codes, bank, c, backend)
        gaps.append(gap)
    return h, np.concatenate(gaps)


def _batches(found: Candidates, length: int) -> Iterator[NDArray[np.int64]]:
    """Candidates of some sequences at a time, of those with alike numbers together, in bounded memory."""
    numbers = np.unique(found.row, return_counts=True)[1]
    order = np.argsort(-numbers, kind="stable")
    ends = np.cumsum(numbers)
    first = 0
    while first < len(order):
        count = max(1, _NUMBERS_AT_ONCE // (int(numbers[order[first]]) * length))
        chosen = order[first : first + count]
        yield np.concatenate([np.arange(ends[row] - numbers[row], ends[row]) for row in chosen.tolist()])
        first += count


def _fitted(
    found: Candidates,
    at: NDArray[np.int64],
    g: NDArray[np.float64],
    codes: NDArray[np.int64],
    bank: Bank,
    c: float,
    backend: Backend,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """h of candidates, which are those of some sequences one after the other, and the gap of each sequence."""
    row, start, column = found.row[at], found.start[at], found.column[at]
    begins = np.flatnonzero(np.diff(row, prepend=-1))
    numbers = np.diff(begins, append=len(row))
    which = np.repeat(np.arange(len(begins)), numbers)
    place = np.arange(len(row)) - begins[which]
    n, most, length = len(begins), int(numbers.max()), g.shape[1]
    taps = np.arange(len(bank.kernel))
    there = np.minimum(start[:, None] + taps, length - 1)
    base = codes[row[:, None], there]
    # beyond a motif's end the kernel is 0, and so it is for a base that is not known
    values = bank.kernel[taps, np.minimum(base, 3), column[:, None]] * (base < 4)
    atoms = np.zeros((n, most, length + len(taps) - 1), np.float32)
    atoms[which[:, None], place[:, None], start[:, None] + taps] = values
    weights = np.ones((n, most), np.float32)
    weights[which, place] = np.sqrt(1 + found.energy[at])
    arrays = (atoms[:, :, :length], g[row[begins]].astype(np.float32), c * weights)
    ready = (np.ascontiguousarray(each, np.float32) for each in arrays)
    h, gap = fit_sparse(*ready, gap=GAP, most_steps=MOST_STEPS, backend=backend)
    return h[which, place], gap
