"""Epistasis: what replacing two sites of a sequence does beyond what replacing each of them does."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from genoml.arguments import Count, Whole, checked
from genoml.data import Codes
from genoml.evaluation.paired import PairedStatistics, paired_statistics
from genoml.explain.experiments.ablation import ablated
from genoml.explain.experiments.scored import ScoredSequences
from genoml.explain.experiments.sites import How, Sites, SomeSites, found_sites, replacements
from genoml.explain.tasks import Task
from genoml.nn.layer import Layer
from genoml.sequence.codes import Sequences
from genoml.sequence.matched import gc_content

__all__ = ["PairEffects", "pairs"]


@dataclass(frozen=True, eq=False)
class PairEffects:
    """Effects of replacing pairs of sites, the result of :func:`pairs`.

    Attributes
    ----------
    sites : Sites
        The sites.
    first, second : arrays of int64, shape (p,)
        Numbers of the sites of each pair, in the order along their sequence.
    joint : array of shape (p, repeats)
        f without both sites - f.
    first_alone, second_alone : arrays of shape (p, repeats)
        f without one of them - f, with the same bases in its place.
    gc : array of shape (p,)
        GC content of each pair's sequence.
    rounding : float
        Differences as small as this are rounding.
    """

    sites: Sites
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    joint: NDArray[np.float64]
    first_alone: NDArray[np.float64]
    second_alone: NDArray[np.float64]
    gc: NDArray[np.float64]
    rounding: float

    @property
    def epistasis(self) -> NDArray[np.float64]:
        """joint - first_alone - second_alone, (p, repeats): 0 where effects add up."""
        return self.joint - self.first_alone - self.second_alone

    @cached_property
    def statistics(self) -> PairedStatistics:
        """Of each pair's epistasis over the repeats, (p,)."""
        return paired_statistics(self.epistasis, rounding=self.rounding)


@checked
def pairs(
    model: Layer,
    codes: Sequences | Codes,
    sites: SomeSites,
    *,
    how: How = "shuffle",
    n: Count = 20,
    seed: Whole = 0,
    names: Sequence[str] | None = None,
    task: Task | None = None,
    both_strands: bool | None = None,
    batch_size: Count = 384,
    windows: bool = True,
    ambiguous: str | None = None,
) -> PairEffects:
    """Epistasis of sites: what replacing two of a sequence does beyond what replacing each does.

        epistasis = (f without both - f) - (f without the first - f) - (f without the second - f)

    for all pairs of sites of one sequence. In each repeat a site gets the same bases alone and in all its pairs. Of
    two sites each of which is enough, epistasis is below 0 where they raise f; of two that need each other, above.

    Parameters
    ----------
    model, codes, sites, how, n, seed, names, task, both_strands, batch_size, windows, ambiguous
        As in :func:`ablate`.

    Raises
    ------
    ValueError
        If no sequence has two sites that do not overlap; and as :func:`ablate`.

    Warns
    -----
    UserWarning
        For sites that overlap, whose pairs are left out.
    """
    scored = ScoredSequences(
        model, codes, "pairs", task=task, both_strands=both_strands, ambiguous=ambiguous,
        batch_size=batch_size, windows=windows,
    )  # fmt: skip
    found = found_sites(sites, scored.lengths, names)
    placed = found.moved(scored.ahead)
    couples = np.array(_couples(found), np.int64).reshape(-1, 2)
    if not len(couples):
        raise ValueError("pairs expects a sequence with two sites that do not overlap, got none")
    bases = replacements(scored.codes, placed, how, 1 if how == "zero" else n, seed)
    alone = ablated(scored, placed.example, placed.start, bases) - scored.own[found.example][:, None]
    first, second = couples.T
    example = found.example[first]
    joined = []
    for a, b in couples.tolist():
        low = placed.start[a]
        span = np.repeat(scored.codes[None, found.example[a], low : placed.end[b]], len(bases[a]), axis=0)
        span[:, : placed.end[a] - low], span[:, placed.start[b] - low :] = bases[a], bases[b]
        joined.append(span)
    joint = ablated(scored, example, placed.start[first], joined) - scored.own[example][:, None]
    gc, rounding = gc_content(scored.codes)[example], scored.rounding(joint)
    return PairEffects(found, first, second, joint, alone[first], alone[second], gc, rounding)


def _couples(sites: Sites) -> list[tuple[int, int]]:
    """Pairs of sites of one sequence that do not overlap, in the order along it."""
    couples: list[tuple[int, int]] = []
    for example in np.unique(sites.example):
        rows = np.flatnonzero(sites.example == example)
        couples += combinations(rows[np.argsort(sites.start[rows], kind="stable")].tolist(), 2)
    apart = [(a, b) for a, b in couples if sites.end[a] <= sites.start[b]]
    if overlapping := len(couples) - len(apart):
        warnings.warn(f"pairs: {overlapping} pairs of sites overlap, and are left out", stacklevel=4)
    return apart
