"""Motifs that a tool found, as modisco_side.py and genoml_side.py write them, and what two of them have in common."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class FoundMotif:
    """One motif: its contributions (width, 4) and where its seqlets lie, on strands 1 and -1."""

    sign: int
    contributions: NDArray[Any]
    hypothetical: NDArray[Any]
    example: NDArray[Any]
    start: NDArray[Any]
    strand: NDArray[Any]


@dataclass(frozen=True)
class Result:
    """What a tool found in a set: seconds of the clock and of the processor, peak memory in MiB."""

    motifs: list[FoundMotif]
    seconds: tuple[float, float]
    peak_mib: float
    extracted: NDArray[Any]

    @classmethod
    def read(cls, path: Path) -> Result:
        """From an NPZ file."""
        with np.load(path) as file:
            motifs = []
            for number, sign in enumerate(file["sign"].tolist()):
                own = file["motif"] == number
                matrices = (file[f"{name}_{number}"] for name in ("contributions", "hypothetical"))
                motifs.append(
                    FoundMotif(sign, *matrices, *(file[name][own] for name in ("example", "start", "strand")))
                )
            clock, processor = file["seconds"].tolist()
            return cls(motifs, (clock, processor), float(np.max(file["peak_mib"])), file["extracted"])


def aligned(one: NDArray[Any], other: NDArray[Any]) -> tuple[float, int, bool]:
    """Largest correlation of two matrices (width, 4), the place of the other's first position in the one, and whether
    the other is turned to its reverse complement.

    Every offset at which they share a position; where one has no position its values are 0.
    """
    best = (-2.0, 0, False)
    for turned in (False, True):
        values = other[::-1, ::-1] if turned else other
        for offset in range(1 - len(values), len(one)):
            low, high = min(0, offset), max(len(one), offset + len(values))
            pair = np.zeros((2, high - low, 4))
            pair[0, -low : len(one) - low] = one
            pair[1, offset - low : offset - low + len(values)] = values
            found = float(np.corrcoef(pair[0].ravel(), pair[1].ravel())[0, 1])
            best = max(best, (found, offset, turned))
    return best


def places(motif: FoundMotif, first: int, width: int) -> NDArray[np.int64]:
    """Where positions [first, first + width) of a motif start in the sequences of its seqlets."""
    before, after = first, len(motif.contributions) - first - width
    return motif.start + np.where(motif.strand == 1, before, after)


def shared(example: Any, start: Any, others: Any, other_start: Any, tolerance: float) -> tuple[int, int]:
    """Number of places that have one of the others within a tolerance, and of the others that have one of these."""
    other_places: dict[int, list[int]] = {}
    for row, place in zip(others.tolist(), other_start.tolist(), strict=True):
        other_places.setdefault(row, []).append(place)
    here, there = 0, set()
    for row, place in zip(example.tolist(), start.tolist(), strict=True):
        near = [other for other in other_places.get(row, ()) if abs(other - place) <= tolerance]
        here += bool(near)
        there.update((row, other) for other in near)
    return here, len(there)


def overlap(theirs: FoundMotif, ours: FoundMotif) -> tuple[float, float, float]:
    """Correlation of contributions, aligned, and Jaccard index of the seqlets: of all, and where theirs have room.

    By the alignment each of our seqlets says where their motif would start. It is the same as one of theirs if the two
    starts are apart by at most half the width of theirs, so that at least half of it is shared. Their motif has room
    from the first to the last of their starts: seqlets that overhang the sequence are dropped while patterns are
    aligned and widened.
    """
    value, offset, turned = aligned(theirs.contributions, ours.contributions)
    width, own = len(theirs.contributions), len(ours.contributions)
    # their first position, counted from our first, or from our last if ours is turned
    start = places(ours, -offset if not turned else own + offset - width, width)
    room = (start >= theirs.start.min()) & (start <= theirs.start.max())
    found = []
    for chosen in (np.ones(len(start), bool), room):
        here, there = shared(theirs.example, theirs.start, ours.example[chosen], start[chosen], width / 2)
        both = min(here, there)
        found.append(both / (len(theirs.start) + int(chosen.sum()) - both))
    return value, found[0], found[1]
