"""What of a set's truth, or of another tool's motifs, was found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.discovery.found import FoundMotif, Result, aligned, overlap, places, shared

#: a motif of the other tool is found again if one of genoml's has as high a correlation and overlap
CORRELATION, OVERLAP = 0.95, 0.8
#: seqlets of the motifs of the other tool that must be found again
LEAST_SEQLETS = 100


def found_again(theirs: Result, ours: Result) -> list[tuple[int, int, float, float, float]]:
    """Of each motif of the other tool with 100 seqlets: number, seqlets, and the best correlation and overlaps.

    The best is the motif of genoml, of the same sign, with the largest product of correlation and overlap.
    """
    rows = []
    for number, motif in enumerate(theirs.motifs):
        if len(motif.start) < LEAST_SEQLETS:
            continue
        pairs = [overlap(motif, own) for own in ours.motifs if own.sign == motif.sign]
        best = max(pairs, key=lambda pair: pair[0] * pair[1], default=(0.0, 0.0, 0.0))
        rows.append((number, len(motif.start), *best))
    return rows


def recovery(result: Result, truth: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """Of planted motifs: how many were found, are split, and how many of the found ones are false.

    A found motif is the planted one to which its contributions correlate best, if at least half of its seqlets, by
    that alignment, have a site of it within half its width; else it is false. A planted motif that several are is
    split. ``correlation``: the least of the found ones; ``sites``: share of all sites that a seqlet is at.
    """
    known = [truth[f"motif_{number}"] for number in range(len(truth["names"]))]
    of: dict[int, list[tuple[float, int]]] = {}
    false = 0
    for motif in result.motifs:
        values = [aligned(matrix, motif.hypothetical)[0] for matrix in known]
        best = int(np.argmax(values))
        at, covered = _sites(motif, known[best], truth, best)
        if 2 * at < len(motif.start):
            false += 1
        else:
            of.setdefault(best, []).append((values[best], covered))
    return {
        "planted": len(known),
        "found": len(of),
        "split": sum(len(several) > 1 for several in of.values()),
        "false": false,
        "correlation": min((max(several)[0] for several in of.values()), default=0.0),
        "sites": sum(covered for several in of.values() for _, covered in several) / len(truth["site_start"]),
    }


def _sites(
    motif: FoundMotif, matrix: NDArray[Any], truth: Mapping[str, NDArray[Any]], which: int
) -> tuple[int, int]:
    """Seqlets that are at a site of a planted motif, and its sites that have a seqlet."""
    _, offset, turned = aligned(matrix, motif.hypothetical)
    width, own = len(matrix), len(motif.hypothetical)
    start = places(motif, -offset if not turned else own + offset - width, width)
    sites = truth["site_motif"] == which
    return shared(motif.example, start, truth["site_example"][sites], truth["site_start"][sites], width / 2)
