"""Two motifs at several distances: what they do together beyond what each does alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genoml.arguments import Count, Whole, checked
from genoml.data import Codes
from genoml.evaluation.paired import PairedStatistics, paired_statistics
from genoml.explain.experiments.motifs import AnyMotif, DrawnMotif, drawn_motifs
from genoml.explain.experiments.periods import amplitudes
from genoml.explain.experiments.places import expect_bases, start_of_pair, warn_of_few
from genoml.explain.experiments.scored import ScoredSequences
from genoml.explain.tasks import Task
from genoml.nn.layer import Layer
from genoml.sequence.codes import Sequences
from genoml.sequence.matched import gc_content
from genoml.sequence.strand import reverse_complement

__all__ = ["Spacing", "space"]

#: strands of the first motif and of the second
ORIENTATIONS = ("++", "+-", "-+", "--")


@dataclass(frozen=True, eq=False)
class Spacing:
    """Effects of two motifs at several distances, the result of :func:`space`.

    Attributes
    ----------
    motifs : (DrawnMotif, DrawnMotif)
        The first, and the second behind it.
    orientations : tuple of str
        Strands of both, such as ``"+-"``.
    distances : array of shape (d,)
        Bases between the end of the first and the beginning of the second.
    fixed : {"first", "second"}
        The motif that stays in its place.
    position : int
        Where that one begins.
    joint, first, second : arrays of shape (o, d, n)
        f of each background with both motifs, with the first alone, and with the second alone, at the same places.
    neither : array of shape (n,)
        f of the backgrounds.
    gc : array of shape (n,)
        GC content of each background.
    rounding : float
        Differences as small as this are rounding.
    """

    motifs: tuple[DrawnMotif, DrawnMotif]
    orientations: tuple[str, ...]
    distances: NDArray[np.int64]
    fixed: Literal["first", "second"]
    position: int
    joint: NDArray[np.float64]
    first: NDArray[np.float64]
    second: NDArray[np.float64]
    neither: NDArray[np.float64]
    gc: NDArray[np.float64]
    rounding: float

    @property
    def n_backgrounds(self) -> int:
        """Number of backgrounds."""
        return len(self.neither)

    @property
    def cooperativity(self) -> NDArray[np.float64]:
        """joint - first - second + neither, (o, d, n): 0 where effects add up."""
        return self.joint - self.first - self.second + self.neither

    @cached_property
    def statistics(self) -> PairedStatistics:
        """Of the cooperativity over the backgrounds, (o, d); the false discovery rate is over all of these."""
        return paired_statistics(self.cooperativity, rounding=self.rounding)

    def spectrum(self, periods: ArrayLike) -> NDArray[np.float64]:
        """Amplitude of the mean cooperativity at periods in bp, (o, periods); see :func:`amplitudes`."""
        return amplitudes(self.distances, self.statistics.mean, periods)


@checked
def space(
    model: Layer,
    backgrounds: Sequences | Codes,
    first: AnyMotif,
    second: AnyMotif,
    distances: Iterable[int] = range(150),
    *,
    orientations: Literal["all"] | Sequence[str] = "all",
    fixed: Literal["first", "second"] = "first",
    position: Literal["centre"] | Whole = "centre",
    sample: bool = False,
    task: Task | None = None,
    both_strands: bool | None = None,
    seed: Whole = 0,
    batch_size: Count = 512,
    windows: bool = True,
    ambiguous: str | None = None,
) -> Spacing:
    """What two motifs do together at several distances, beyond what each does alone at its place.

        cooperativity[o, d, n] = joint - first - second + neither

    of f for background n with both motifs, one, the other, and none of them. The second lies behind the first; with
    all four orientations so does every arrangement, or its reverse complement. f is on the scale on which effects that
    multiply add up, as in :func:`marginalise`. The background with the motif that stays is traced once; the other one
    is a window at all distances.

    Parameters
    ----------
    model, backgrounds, sample, task, both_strands, seed, batch_size, windows, ambiguous
        As in :func:`marginalise`.
    first, second : motif
        As there, one each.
    distances : iterable of int
        Bases between the end of the first and the beginning of the second.
    orientations : "all" or sequence of str
        Strands of the first and the second, of ``"++"``, ``"+-"``, ``"-+"``, ``"--"``.
    fixed : {"first", "second"}
        The motif that stays in its place.
    position : "centre" or int
        Where that one begins, from 0; ``"centre"``: so that the widest arrangement is in the middle.

    Raises
    ------
    ValueError
        For a distance that does not fit, with the largest that does; one below 0, at which motifs overlap; another
        orientation; and as :func:`marginalise`.

    Warns
    -----
    UserWarning
        With one background, of which there is no standard error, and with copies of backgrounds.

    References
    ----------
    Avsec et al. (2021), doi:10.1038/s41588-021-00782-6, for distances between motifs.
    """
    scored = ScoredSequences(
        model, backgrounds, "space", task=task, both_strands=both_strands, ambiguous=ambiguous,
        batch_size=batch_size, windows=windows,
    )  # fmt: skip
    n = len(scored.codes)
    warn_of_few(scored.codes, "space")
    pair = drawn_motifs([first, second], n, sample=sample, seed=seed)
    apart = np.array(list(distances), np.int64)
    wanted = ORIENTATIONS if orientations == "all" else tuple(orientations)
    if not wanted or set(wanted) - set(ORIENTATIONS):
        raise ValueError(
            f"orientations expects 'all' or some of {', '.join(ORIENTATIONS)}, got {orientations}"
        )
    start = start_of_pair(pair, apart, fixed, position, scored.codes.shape[1])
    still = 0 if fixed == "first" else 1
    stays, moves = pair[still], pair[1 - still]
    places = start + pair[0].width + apart if fixed == "first" else start - apart - pair[0].width
    for low, motif in ((start, stays), (int(places.min()), moves), (int(places.max()), moves)):
        expect_bases(scored.codes, low, low + motif.width)
    strands = [_both_strands(motif) for motif in (stays, moves)]
    moving = np.repeat(strands[1][:, :, None], len(places), axis=2)
    alone = [
        scored.replaced([start], strands[0][:, :, None])[:, :, 0].T,  # (strands, n)
        scored.replaced(places.tolist(), moving).transpose(1, 2, 0),  # (strands, d, n)
    ]
    shape = (len(wanted), len(apart), n)
    joint, first_alone, second_alone = (np.empty(shape) for _ in range(3))
    for strand in sorted({each[still] for each in wanted}):
        within = scored.codes.copy()
        within[:, start : start + stays.width] = strands[0][:, "+-".index(strand)]
        both = scored.replaced(places.tolist(), moving, within=within).transpose(1, 2, 0)
        for row in [row for row, each in enumerate(wanted) if each[still] == strand]:
            other = "+-".index(wanted[row][1 - still])
            joint[row] = both[other]
            standing = np.broadcast_to(alone[0]["+-".index(strand)], shape[1:])
            ordered = (standing, alone[1][other])
            first_alone[row], second_alone[row] = ordered if fixed == "first" else ordered[::-1]
    return Spacing(
        (pair[0], pair[1]), wanted, apart, fixed, start, joint, first_alone, second_alone, scored.own,
        gc_content(scored.codes), scored.rounding(joint),
    )  # fmt: skip


def _both_strands(motif: DrawnMotif) -> NDArray[np.uint8]:
    """Letters of a motif and its reverse complement, (n or 1, 2, width)."""
    return np.stack([motif.codes, reverse_complement(motif.codes)], axis=1)
