"""Ablation: what a model's output loses when sites of sequences are replaced, one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from genoml.arguments import Count, Whole, checked
from genoml.data import Codes
from genoml.evaluation.paired import PairedStatistics, paired_statistics
from genoml.explain.experiments.scored import ScoredSequences
from genoml.explain.experiments.sites import How, Sites, SomeSites, found_sites, replacements
from genoml.explain.tasks import Task
from genoml.nn.layer import Layer
from genoml.sequence.codes import Sequences
from genoml.sequence.matched import gc_content

__all__ = ["Ablation", "ablate", "ablated"]


@dataclass(frozen=True, eq=False)
class Ablation:
    """Effects of replacing sites, the result of :func:`ablate`.

    Attributes
    ----------
    sites : Sites
        The k sites.
    how : str
        What took the place of their bases.
    before : array of shape (k,)
        f of each site's sequence.
    after : array of shape (k, repeats)
        f with other bases in the site.
    gc : array of shape (k,)
        GC content of each site's sequence.
    rounding : float
        Differences as small as this are rounding.
    """

    sites: Sites
    how: How
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    gc: NDArray[np.float64]
    rounding: float

    @property
    def effect(self) -> NDArray[np.float64]:
        """f without the site - f, (k, repeats): below 0 where the site raises f."""
        return self.after - self.before[:, None]

    @cached_property
    def statistics(self) -> PairedStatistics:
        """Of each site's effects over the repeats, (k,): how they depend on what takes the site's place."""
        return paired_statistics(self.effect, rounding=self.rounding)


@checked
def ablate(
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
) -> Ablation:
    """What sites do for a model's output: the change of f when their bases are replaced.

        effect[site, repeat] = f(sequence with other bases in the site) - f(sequence)

    Parameters
    ----------
    model : Layer
        A trained model that reads one-hot sequences (batch, 4, length).
    codes : array, or letters
        Sequences as base codes, or letters.
    sites : array, Seqlets or path
        Rows (example, start, end) of whole numbers, positions of the letters or codes as given; seqlets; or a BED
        file, whose chromosomes are the ``names`` of the sequences, or those of the genome where names are loci
        (``chr8:100-300(-)``, 0-based, end not included).
    how : {"shuffle", "random", "zero", "background"}
        What takes the place of a site's bases: its letters in another order; bases drawn by the composition of its
        sequence; nothing, a column of zeros, which no training has shown the model (one repeat); what stands there when
        the whole sequence is shuffled with its dinucleotides.
    n : int
        Repeats, each with bases of its own.
    seed : int
        Of all draws.
    names : sequence of str, optional
        Of the sequences, for BED.
    task, both_strands, batch_size, windows, ambiguous
        As in :func:`marginalise`.

    Raises
    ------
    ValueError
        Without sites, for one outside of its sequence or on padding, names that a BED file does not know, or no such
        output.

    References
    ----------
    Avsec et al. (2021), doi:10.1038/s41588-021-00782-6.
    """
    scored = ScoredSequences(
        model, codes, "ablate", task=task, both_strands=both_strands, ambiguous=ambiguous,
        batch_size=batch_size, windows=windows,
    )  # fmt: skip
    found = found_sites(sites, scored.lengths, names)
    placed = found.moved(scored.ahead)
    bases = replacements(scored.codes, placed, how, 1 if how == "zero" else n, seed)
    after = ablated(scored, placed.example, placed.start, bases)
    own, gc = scored.own[found.example], gc_content(scored.codes)[found.example]
    return Ablation(found, how, own, after, gc, scored.rounding(after))


def ablated(
    scored: ScoredSequences, example: np.ndarray, start: np.ndarray, bases: Sequence[NDArray[np.uint8]]
) -> NDArray[np.float64]:
    """f of sequences with other bases from a position on, (windows, repeats); those of a sequence go together."""
    found = np.empty((len(bases), len(bases[0])))
    width = np.array([each.shape[1] for each in bases])
    keys = np.stack([example, width], axis=1)
    for one in np.unique(keys, axis=0):
        rows = np.flatnonzero((keys == one).all(axis=1))
        rows = rows[np.argsort(start[rows], kind="stable")]
        new = np.stack([bases[row] for row in rows.tolist()], axis=1)[None]  # (1, repeats, sites, width)
        found[rows] = scored.replaced(start[rows].tolist(), new, rows=[one[0]])[0].T
    return found
