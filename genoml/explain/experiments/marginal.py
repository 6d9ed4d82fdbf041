"""Marginalisation: what a motif alone does to a model's output, in backgrounds that differ in everything else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from genoml.arguments import Count, Whole, checked
from genoml.data import Codes
from genoml.evaluation.paired import PairedStatistics, paired_statistics
from genoml.explain.experiments.motifs import AnyMotif, DrawnMotif, drawn_motifs
from genoml.explain.experiments.places import start_of, warn_of_few
from genoml.explain.experiments.scored import ScoredSequences
from genoml.explain.tasks import Task
from genoml.nn.layer import Layer
from genoml.sequence.codes import Sequences
from genoml.sequence.matched import gc_content
from genoml.sequence.strand import reverse_complement

__all__ = ["Marginalisation", "marginalise"]


@dataclass(frozen=True, eq=False)
class Marginalisation:
    """Effects of motifs in backgrounds, the result of :func:`marginalise`.

    Attributes
    ----------
    motifs : tuple of DrawnMotif
        The m motifs.
    strands : str
        On which they were put in, of ``"+-"``.
    start : array of shape (m,)
        Where each begins in the backgrounds.
    before : array of shape (n,)
        f of each background.
    after : array of shape (m, strands, n)
        f with the motif.
    gc : array of shape (n,)
        GC content of each background.
    rounding : float
        Differences as small as this are rounding.
    """

    motifs: tuple[DrawnMotif, ...]
    strands: str
    start: NDArray[np.int64]
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    gc: NDArray[np.float64]
    rounding: float

    @property
    def names(self) -> list[str]:
        """Of the motifs."""
        return [motif.name for motif in self.motifs]

    @property
    def n_backgrounds(self) -> int:
        """Number of backgrounds."""
        return len(self.before)

    @property
    def effect(self) -> NDArray[np.float64]:
        """f with the motif - f of the background, in the mean over the strands, (m, n)."""
        found: NDArray[np.float64] = self.after.mean(axis=1) - self.before
        return found

    @property
    def by_strand(self) -> NDArray[np.float64]:
        """The mean effect on each strand, (m, strands)."""
        found: NDArray[np.float64] = (self.after - self.before).mean(axis=2)
        return found

    @cached_property
    def statistics(self) -> PairedStatistics:
        """Of each motif's effects over the backgrounds, (m,); the false discovery rate is over the motifs."""
        return paired_statistics(self.effect, rounding=self.rounding)


@checked
def marginalise(
    model: Layer,
    backgrounds: Sequences | Codes,
    motifs: AnyMotif | Iterable[AnyMotif] | Mapping[str, AnyMotif],
    *,
    position: Literal["centre"] | Whole = "centre",
    strands: Literal["+-", "+", "-"] = "+-",
    sample: bool = False,
    task: Task | None = None,
    both_strands: bool | None = None,
    seed: Whole = 0,
    batch_size: Count = 512,
    windows: bool = True,
    ambiguous: str | None = None,
) -> Marginalisation:
    """What motifs alone do to a model's output: the change of f when one takes the place of a background's bases.

        effect[m, n] = mean over strands of f(background n with motif m) - f(background n)

    Differences are paired: each is between a background with the motif and the same background. The standard error is
    that of their mean. What differs between backgrounds is no uncertainty about the motif's effect.

    f is an output as the model's objective reads it, before a sigmoid or an exponential: a logit, or the logarithm of
    a rate or of counts. Effects then add up where factors multiply.

    Parameters
    ----------
    model : Layer
        A trained model that reads one-hot sequences (batch, 4, length).
    backgrounds : array, or letters
        Sequences without the motifs, as base codes or letters; see :func:`backgrounds`.
    motifs : motif, sequence or mapping of motifs
        Letters (IUPAC; each that stands for several bases is drawn for each background), a ``Motif`` or
        ``DiscoveredMotif`` (its most probable bases), or base codes (width,), such as the letters of a seqlet. The keys
        of a mapping are their names.
    position : "centre" or int
        Where motifs begin, from 0; ``"centre"``: at length // 2 - width // 2.
    strands : {"+-", "+", "-"}
        As they are written, as their reverse complement, or both.
    sample : bool
        Bases of a matrix are drawn by its probabilities, anew for each background.
    task, both_strands, ambiguous
        As in ``saliency``.
    seed : int
        Of letters that are drawn.
    batch_size : int
        Sequences computed at a time.
    windows : bool
        False computes every sequence whole: to compare, at a multiple of the cost.

    Raises
    ------
    ValueError
        For a motif that is longer than the backgrounds or does not fit them there, or has unknown letters; backgrounds
        that are padded there; no such output.

    Warns
    -----
    UserWarning
        With one background, of which there is no standard error, and with copies of backgrounds.

    References
    ----------
    Avsec et al. (2021), doi:10.1038/s41588-021-00782-6; Koo et al. (2021), doi:10.1371/journal.pcbi.1008925, who call
    it global importance analysis.
    """
    scored = ScoredSequences(
        model, backgrounds, "marginalise", task=task, both_strands=both_strands, ambiguous=ambiguous,
        batch_size=batch_size, windows=windows,
    )  # fmt: skip
    n = len(scored.codes)
    warn_of_few(scored.codes, "marginalise")
    drawn = drawn_motifs(motifs, n, sample=sample, seed=seed)
    start = np.array([start_of(motif, position, scored.codes) for motif in drawn], np.int64)
    after = np.empty((len(drawn), len(strands), n))
    # those of one width are computed together, and those whose letters are the same in all backgrounds
    kinds = np.array([(motif.width, len(motif.codes)) for motif in drawn])
    for kind in np.unique(kinds, axis=0):
        rows = np.flatnonzero((kinds == kind).all(axis=1))
        forward = np.stack([drawn[row].codes for row in rows], axis=1)  # (n or 1, motifs, width)
        each = [forward if strand == "+" else reverse_complement(forward) for strand in strands]
        bases = np.stack(each, axis=2).reshape(len(forward), -1, 1, int(kind[0]))
        found = scored.replaced([int(start[rows[0]])], bases)
        after[rows] = found.reshape(n, len(rows), len(strands)).transpose(1, 2, 0)
    gc = gc_content(scored.codes)
    return Marginalisation(tuple(drawn), strands, start, scored.own, after, gc, scored.rounding(after))
