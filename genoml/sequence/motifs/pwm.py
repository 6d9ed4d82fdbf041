"""Position weight matrices: log-odds scores, their p-values, and scans of both strands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from genoml.backend import Backend
from genoml.sequence.alphabet import MEMBERSHIP, PAD_CODE
from genoml.sequence.codes import Sequences, flat_codes
from genoml.sequence.encode import ONE_HOT_TABLES
from genoml.sequence.motifs.motif import (
    Motif,
    check_p_value,
    checked_background,
    checked_matrix,
    consensus,
    degenerate_consensus,
)
from genoml.sequence.motifs.scanner import Hit, MotifScanner, as_batch, window_scores
from genoml.sequence.motifs.score_distribution import ScoreDistribution
from genoml.sequence.motifs.score_tables import reverse_table

__all__ = ["PWM", "Hit"]

UNIFORM = (0.25, 0.25, 0.25, 0.25)
#: Number of sites assumed where a file gives none, as in the MEME suite.
ASSUMED_SITES = 20.0


class PWM:
    """A position weight matrix: the log-odds of a base at each position of a motif.

        log_odds[i, b] = log2(probabilities[i, b] / background[b])
        score(window) = sum_i log_odds[i, window[i]]

    An ambiguous letter scores as the worst of its bases, so that a hit is a hit for every reading, and a stretch of N
    is none. A window with padding scores minus infinity.

    Parameters
    ----------
    probabilities : array_like
        (width, 4), columns A, C, G, T, each row summing to 1. A zero makes the base impossible: minus
        infinity bits.
    background : sequence of 4 floats
        Probabilities of A, C, G, T outside the motif, all above 0.
    name : str
        Name for display.
    n_sites : float, optional
        Number of sites from which the probabilities were estimated.

    Raises
    ------
    ValueError
        For another shape, rows or a background that do not sum to 1, or values out of range.

    References
    ----------
    Stormo (2000), DNA binding sites: representation and discovery, doi:10.1093/bioinformatics/16.1.16.
    """

    def __init__(
        self,
        probabilities: ArrayLike,
        *,
        background: Sequence[float] = UNIFORM,
        name: str = "",
        n_sites: float | None = None,
    ) -> None:
        self.probabilities = checked_matrix(probabilities, "probabilities")
        sums = self.probabilities.sum(axis=1)
        if np.any(np.abs(sums - 1.0) > 1e-6):
            raise ValueError(
                f"PWM expects probabilities whose rows sum to 1, got {sums.tolist()}; "
                "for counts use PWM.from_counts"
            )
        self.background = checked_background(background)
        self.name, self.n_sites = name, n_sites
        with np.errstate(divide="ignore"):
            self.log_odds = np.log2(self.probabilities / self.background)
        # (width, 16): the score of every base code, of several bases the worst
        among = np.where(MEMBERSHIP[:PAD_CODE], self.log_odds[:, None, :], np.inf).min(axis=2)
        self.table = np.concatenate([among, np.full((self.width, 1), -np.inf)], axis=1)
        for array in (self.probabilities, self.background, self.log_odds, self.table):
            array.setflags(write=False)

    @classmethod
    def from_counts(
        cls,
        matrix: ArrayLike,
        *,
        pseudocount: float | Sequence[float] = 0.25,
        background: Sequence[float] = UNIFORM,
        name: str = "",
    ) -> Self:
        """Make a PWM from counts of each base at each position.

            probabilities[i, b] = (counts[i, b] + pseudocount) / sum_b (counts[i, b] + pseudocount)

        Parameters
        ----------
        matrix : array_like
            (width, 4) counts, columns A, C, G, T.
        pseudocount : float or 4 floats
            Added to the count of each base, as in Biopython. MEME and MOODS spread one number over the
            background instead; their ``c`` is ``[c * q for q in background]`` here.

        Raises
        ------
        ValueError
            If the matrix is not (width, 4), holds a negative or non-finite value, or a row stays zero.
        """
        counts = checked_matrix(matrix, "counts")
        added = np.broadcast_to(np.asarray(pseudocount, dtype=np.float64), (4,))
        if not np.all(np.isfinite(added)) or np.any(added < 0):
            raise ValueError(f"PWM expects pseudocount >= 0, got {pseudocount}")
        smoothed = counts + added
        totals = smoothed.sum(axis=1, keepdims=True)
        if np.any(totals <= 0):
            raise ValueError(f"PWM expects counts at every position, got none at {int(np.argmin(totals))}")
        return cls(
            smoothed / totals, background=background, name=name, n_sites=float(counts.sum(axis=1).max())
        )

    @classmethod
    def from_sequences(
        cls,
        sequences: Sequences,
        *,
        pseudocount: float | Sequence[float] = 0.25,
        background: Sequence[float] = UNIFORM,
        name: str = "",
    ) -> Self:
        """Make a PWM from aligned sites of one length, as letters or base codes.

        An ambiguous letter counts in equal shares for each of its bases.

        Raises
        ------
        ValueError
            If there is no site, sites differ in length, or a letter is no nucleotide.
        """
        flat = flat_codes(sequences)
        widths = set(flat.lengths.tolist())
        if len(widths) != 1 or 0 in widths:
            raise ValueError(f"PWM expects sites of one length, 1 or more, got {sorted(widths)}")
        counts = ONE_HOT_TABLES["iupac"][flat.codes.reshape(flat.lengths.size, -1)].sum(axis=0)
        return cls.from_counts(counts, pseudocount=pseudocount, background=background, name=name)

    @classmethod
    def from_motif(
        cls,
        motif: Motif,
        *,
        pseudocount: float | Sequence[float] = 0.25,
        background: Sequence[float] = UNIFORM,
    ) -> Self:
        """Make a PWM from a motif of a JASPAR, TRANSFAC or MEME file.

        Probabilities are multiplied by the number of sites in the file (20 if none) before the pseudocount is added.
        """
        counts = motif.matrix
        if motif.kind == "probabilities":
            counts = motif.probabilities * (ASSUMED_SITES if motif.n_sites is None else motif.n_sites)
        return cls.from_counts(counts, pseudocount=pseudocount, background=background, name=motif.name)

    def to_motif(self) -> Motif:
        """The probabilities as a motif, for ``genoml.io.write_meme``."""
        return Motif(self.name or self.consensus, self.probabilities, n_sites=self.n_sites)

    def __repr__(self) -> str:
        name = f"{self.name}, " if self.name else ""
        return f"PWM({name}{self.consensus}, {float(self.information_content.sum()):.1f} bits)"

    @property
    def width(self) -> int:
        """Number of positions, in bases."""
        return int(self.probabilities.shape[0])

    @property
    def consensus(self) -> str:
        """The most probable base at each position; ties go to the first of A, C, G, T."""
        return consensus(self.probabilities)

    @property
    def degenerate_consensus(self) -> str:
        """The consensus in IUPAC letters, by the rule of Cavener (1987), pseudocounts included."""
        return degenerate_consensus(self.probabilities)

    @property
    def information_content(self) -> np.ndarray:
        """Relative entropy in bits: sum_b p[i, b] log2(p[i, b] / background[b]), (width,)."""
        terms = self.probabilities * np.where(self.probabilities > 0, self.log_odds, 0.0)
        return np.asarray(terms.sum(axis=1))

    @property
    def max_score(self) -> float:
        """The highest possible score, in bits: that of the consensus if the background is uniform."""
        return float(self.log_odds.max(axis=1).sum())

    def reverse_complement(self) -> PWM:
        """The PWM of the other strand: it scores a window as this one scores its reverse complement."""
        matrix = self.probabilities[::-1, ::-1]
        background = self.background[::-1].tolist()
        return PWM(matrix, background=background, name=self.name, n_sites=self.n_sites)

    @cached_property
    def distribution(self) -> ScoreDistribution:
        """The distribution of scores over random windows."""
        return ScoreDistribution(self.log_odds, self.background)

    def p_value(self, score: float) -> float:
        """P(S >= score) for a random background window on one strand, to 0.001 bits per position."""
        if math.isinf(score):
            return 1.0 if score < 0 else 0.0
        return float(self.distribution.p_value(self.distribution.bins(np.array(score))))

    def threshold(self, p_value: float = 1e-4) -> float:
        """The lowest score in bits with at most this p-value; infinite if there is none."""
        check_p_value(p_value)
        lowest_bin = self.distribution.threshold_bin(p_value)
        return math.inf if lowest_bin is None else lowest_bin * self.distribution.granularity

    def score(self, sequence: str | bytes | np.ndarray | Sequences) -> Any:
        """Log-odds in bits of a sequence as long as the motif; of a batch, an array (batch,).

        Raises
        ------
        ValueError
            If a sequence is longer or shorter than the motif.
        """
        single, flat = as_batch(sequence)
        wrong = set(flat.lengths.tolist()) - {self.width}
        if wrong:
            raise ValueError(
                f"PWM.score expects sequences of {self.width} bases, got {min(wrong)}; PWM.scan finds windows"
            )
        windows = flat.codes.reshape(-1, self.width)
        scores = self.table[np.arange(self.width), windows].sum(axis=1)
        return float(scores[0]) if single else scores

    def window_scores(self, sequence: str | bytes | np.ndarray, strand: str = "+") -> np.ndarray:
        """Scores in bits of all windows of one sequence: (length - width + 1,), empty if it is shorter.

        On strand ``"-"`` entry i is the score of the reverse complement of the window that begins at i.
        """
        if strand not in ("+", "-"):
            raise ValueError(f"strand expects '+' or '-', got {strand!r}")
        _, flat = as_batch(sequence)
        if flat.lengths.size != 1:
            raise ValueError(f"PWM.window_scores expects one sequence, got {flat.lengths.size}")
        codes = flat.codes.astype(np.intp)
        return window_scores(self.table if strand == "+" else reverse_table(self.table), codes)

    def scan(
        self,
        sequence: str | bytes | np.ndarray | Sequences,
        threshold: float | None = None,
        *,
        p_value: float = 1e-4,
        both_strands: bool = True,
        backend: str | Backend | None = None,
    ) -> list[Hit]:
        """Find every window that scores at least the threshold.

        Parameters
        ----------
        sequence : str, bytes, uint8 codes, or a batch of them
            One sequence or many; lengths may differ, and one shorter than the motif has no hits.
        threshold : float, optional
            In bits. If None, hits are the windows whose p-value is at most ``p_value``; if the motif is too short for
            that, those with its best score.
        p_value : float
            Used without a threshold; for one window on one strand, as in FIMO.
        both_strands : bool
            Scan the reverse complement of each window too. A palindrome is found on both strands.
        backend : str or Backend, optional
            Where the scan runs; hits are the same on all. For many motifs at once, see MotifScanner.

        Returns
        -------
        list of Hit
            In the order of sequence, start, strand (``"+"`` first).

        Raises
        ------
        ValueError
            For a letter that is no nucleotide, or a p-value outside (0, 1].
        """
        hits = MotifScanner(
            [self], p_value=p_value, threshold=threshold, both_strands=both_strands, best_if_short=True,
            backend=backend,
        ).scan(sequence)  # fmt: skip
        columns = (hits.start, hits.end, hits.strand, hits.score, hits.p_value, hits.sequence)
        return [Hit(*values) for values in zip(*(column.tolist() for column in columns), strict=True)]
