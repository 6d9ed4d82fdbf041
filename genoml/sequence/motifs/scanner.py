"""Motif scans of both strands, as a batched convolution on the backend."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, Self

import numpy as np

from genoml.backend import Array, Backend, get_backend
from genoml.ops.conv1d import conv1d_hits
from genoml.sequence.alphabet import PAD_CODE
from genoml.sequence.codes import FlatCodes, Sequences, flat_codes
from genoml.sequence.encode import one_hot
from genoml.sequence.motifs.motif import check_p_value
from genoml.sequence.motifs.score_tables import DeviceGroup, ScoreBank, ScoredMotif
from genoml.sequence.strand import reverse_complement

__all__ = ["Hit", "MotifHits", "MotifScanner", "as_batch", "window_scores"]

#: Windows per block of a scan: enough to outweigh what a block costs; more on a device, which needs larger work.
_BLOCK, _DEVICE_BLOCK = 2**16, 2**18
#: Candidates of a group of motifs that are read from a device at once; of a block with more, each half alone.
_MOST_READ = 2**14
#: Neighbouring blocks that threads share out, before the first of them is returned.
_SPAN = 16
#: Candidates scored again at a time; it bounds memory where nearly every window is a candidate.
_CHECKED_AT_ONCE = 2**15
#: Windows of one motif that are scored at a time: few enough for a CPU's cache.
_SCORED_AT_ONCE = 2**14


class Hit(NamedTuple):
    """A window that reaches the threshold; coordinates are 0-based, half-open, on the given sequence.

    Attributes
    ----------
    start, end : int
        Coordinates of the window on the given sequence, also for hits on the reverse strand.
    strand : str
        ``"+"``, or ``"-"`` if the reverse complement of the window matches.
    score : float
        Log-odds in bits.
    p_value : float
        Probability that a random window on one strand scores as much.
    sequence : int
        Index of the sequence in the batch; 0 for a single one.
    """

    start: int
    end: int
    strand: str
    score: float
    p_value: float
    sequence: int = 0


class MotifHits(NamedTuple):
    """Hits of several motifs, one array (hits,) a column, in the order of sequence, start, motif, strand.

    Attributes
    ----------
    motif, sequence : numpy.ndarray
        int64, indices into the given lists.
    start, end : numpy.ndarray
        int64, 0-based, half-open, on the given sequence.
    strand : numpy.ndarray
        ``"+"`` or ``"-"``.
    score, p_value : numpy.ndarray
        float64, log-odds in bits, and the probability that a random window on one strand scores as much.
    """

    motif: np.ndarray
    sequence: np.ndarray
    start: np.ndarray
    end: np.ndarray
    strand: np.ndarray
    score: np.ndarray
    p_value: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence[MotifHits]) -> Self:
        """Join blocks of hits into one."""
        return cls(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def sites(self, sequences: Sequence[str]) -> list[str]:
        """Letters of each hit on its strand, from the sequences that were scanned; RNA stays RNA."""
        rows = self.sequence.tolist()
        places = zip(rows, self.start.tolist(), self.end.tolist(), strict=True)
        sites = [sequences[row][start:end] for row, start, end in places]
        reverse = np.flatnonzero(self.strand == "-").tolist()
        # a site without U does not show that its sequence is RNA
        rna = {row: "U" in sequences[row].upper() for row in {rows[hit] for hit in reverse}}
        for hit, site in zip(reverse, reverse_complement([sites[hit] for hit in reverse]), strict=True):
            sites[hit] = site.replace("T", "U").replace("t", "u") if rna[rows[hit]] else site
        return sites


class MotifScanner:
    """Scanner for many motifs at once: a batched convolution on the backend, checked exactly on the host.

        candidates = windows i with sum_k log_odds[f, k, x[i + k]] >= limit[f] - error,   in float32

    The limits leave room for float32, TF32 and bfloat16 products. Each candidate, about one window in
    1 / p_value, is then scored in float64, with the bins of the exact score distribution, so that hits,
    scores and p-values are the same on every backend. Sequences are cut into blocks: memory grows with the
    sequences and the hits, not with their product with the motifs.

    An ambiguous letter scores as the worst of its bases, so that a hit is a hit for every reading, and a stretch of N
    is none.

    Parameters
    ----------
    motifs : sequence of PWM
        One or more, of any widths.
    p_value : float
        Hits are the windows whose p-value is at most this, for one window on one strand, as in FIMO. A motif that is
        too short for this has no hits.
    threshold : float, optional
        In bits: hits are the windows that score at least this, for any p-value.
    both_strands : bool
        Scan the reverse complement of each window too. A palindrome is found on both strands.
    best_if_short : bool
        For a motif that is too short for ``p_value``, report the windows with its best score.
    backend : str or Backend, optional
        Where the convolution runs; by default the default backend.

    Raises
    ------
    ValueError
        If there is no motif, the p-value is outside (0, 1], or the threshold is not a number.

    References
    ----------
    Grant et al. (2011, FIMO), doi:10.1093/bioinformatics/btr064; Korhonen et al. (2009, MOODS),
    doi:10.1093/bioinformatics/btp554. Hits may overlap, as there.
    """

    def __init__(
        self,
        motifs: Sequence[ScoredMotif],
        *,
        p_value: float = 1e-4,
        threshold: float | None = None,
        both_strands: bool = True,
        best_if_short: bool = False,
        backend: str | Backend | None = None,
    ) -> None:
        check_p_value(p_value)
        if not motifs:
            raise ValueError("MotifScanner expects at least one motif, got none")
        if threshold is not None and math.isnan(threshold):
            raise ValueError(f"MotifScanner expects a threshold in bits, got {threshold}")
        self.backend = get_backend(backend)
        self._bank = ScoreBank(
            motifs,
            p_value=p_value,
            threshold=threshold,
            both_strands=both_strands,
            best_if_short=best_if_short,
        )
        self._groups = self._bank.on_device(self.backend)

    def scan(self, sequences: str | bytes | np.ndarray | Sequences) -> MotifHits:
        """All hits in one sequence or a batch, as letters or base codes; lengths may differ.

        Raises
        ------
        ValueError
            For a letter that is no nucleotide.
        """
        return MotifHits.joined([_NO_HITS, *self.blocks(sequences)])

    def count_blocks(self, bases: int, sequences: int) -> int:
        """The number of blocks of a batch with so many bases in so many sequences."""
        return len(range(0, bases + sequences, self._step))  # a place of padding after each

    @property
    def _step(self) -> int:
        return _DEVICE_BLOCK if self.backend.asynchronous else _BLOCK

    def blocks(
        self, sequences: str | bytes | np.ndarray | Sequences, only: range | None = None
    ) -> Iterator[MotifHits]:
        """The same hits in the same order, block by block, for results larger than memory; or of some blocks only."""
        for span in self.spans(sequences, only):
            yield from span()

    def spans(
        self, sequences: str | bytes | np.ndarray | Sequences, only: range | None = None
    ) -> Iterator[Callable[[], list[MotifHits]]]:
        """The same scan in spans of 16 blocks, each a function that gives its hits and depends on no other."""
        codes, starts = _joined(as_batch(sequences)[1])
        begins = range(0, codes.size, self._step)
        if only is not None:
            begins = begins[only.start : only.stop]
        for first in range(0, len(begins), _SPAN):
            yield partial(self._span, codes, begins[first : first + _SPAN], starts)

    def _span(self, codes: np.ndarray, begins: range, starts: np.ndarray) -> list[MotifHits]:
        """The hits of neighbouring blocks, shared out among threads."""
        if len(begins) < 2:
            return [self._block(codes, begin, begins.step, starts) for begin in begins]
        from concurrent.futures import ThreadPoolExecutor  # slow to import, and for long work only

        with ThreadPoolExecutor(self.backend.threads, "genoml") as pool, self.backend.computing():
            work = [pool.submit(self._block, codes, begin, begins.step, starts) for begin in begins]
            return [part.result() for part in work]

    def _block(self, codes: np.ndarray, begin: int, block: int, starts: np.ndarray) -> MotifHits:
        """The hits that begin in the ``block`` positions from ``begin`` on."""
        widest = self._bank.tables.shape[1]
        part = codes[begin : begin + block + widest - 1]
        # few different lengths, since some libraries compile for each; padding scores nothing
        length = min(block, 1 << max(part.size, 256).bit_length()) + widest - 1
        part = np.pad(part, (0, length - part.size), constant_values=PAD_CODE)
        return self._hits(part, *self._candidates(part), begin, starts)

    def _candidates(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The windows of a block that may be hits: their starts, and their rows of the bank."""
        # R, as half A and half G, scores at least as much as the worse of the two
        x = one_hot(codes[None, :], ambiguous="iupac", backend=self.backend)
        found = list(self._found(x, codes.size - self._bank.tables.shape[1] + 1, self._groups))
        places, filters = zip(*found, strict=True)
        return np.concatenate(places), np.concatenate(filters)

    def _found(
        self, x: Array, n_windows: int, groups: Sequence[DeviceGroup]
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Starts and rows of the bank of each group's candidates: one read of the device, of bounded size."""
        queued = [
            conv1d_hits(
                x[:, : n_windows + group.kernel.shape[0] - 1, :], group.kernel, group.limits, _MOST_READ
            )
            for group in groups
        ]
        sizes = [found.shape[0] for found in queued]
        read = self.backend.to_numpy(self.backend.xp.concat(queued)).astype(np.int64)
        for group, found in zip(groups, np.split(read, np.cumsum(sizes[:-1])), strict=True):
            count, half = int(found[0]), n_windows // 2
            if count < found.size:
                place, column = np.divmod(found[1 : 1 + count], group.filters.size)
                yield place, group.filters[column]
                continue
            for first, after in ((0, half), (half, n_windows)):
                for place, filters in self._found(x[:, first:, :], after - first, [group]):
                    yield place + first, filters

    def _hits(
        self, codes: np.ndarray, places: np.ndarray, filters: np.ndarray, begin: int, starts: np.ndarray
    ) -> MotifHits:
        bank, parts = self._bank, [_NO_HITS]
        order = np.lexsort((filters, places))
        for first in range(0, order.size, _CHECKED_AT_ONCE):
            chosen = order[first : first + _CHECKED_AT_ONCE]
            windows = codes[places[chosen, None] + np.arange(bank.tables.shape[1])]
            hits, scores, p_values = bank.exact(windows, filters[chosen])
            hit_filters = filters[chosen][hits]
            position = places[chosen][hits] + begin
            rows = np.searchsorted(starts, position, side="right") - 1
            start, strand = position - starts[rows], _STRANDS[bank.strands[hit_filters]]
            end = start + bank.widths[hit_filters]
            parts.append(MotifHits(bank.motifs[hit_filters], rows, start, end, strand, scores, p_values))
        return MotifHits.joined(parts)


_STRANDS = np.array(["+", "-"])
_WHOLE, _REAL = np.zeros(0, dtype=np.int64), np.zeros(0)
_NO_HITS = MotifHits(_WHOLE, _WHOLE, _WHOLE, _WHOLE, _STRANDS[:0], _REAL, _REAL)


def as_batch(sequence: Any) -> tuple[bool, FlatCodes]:
    """Whether the argument is a single sequence, and the codes of the batch."""
    single = isinstance(sequence, str | bytes) or (isinstance(sequence, np.ndarray) and sequence.ndim == 1)
    return single, flat_codes([sequence] if single else sequence)


def window_scores(table: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """score[i] = sum_k table[k, codes[i + k]], a block of windows at a time.

    Shapes
    ------
    table : (width, 16);  codes : (length,) intp;  scores : (length - width + 1,), empty if that is negative
    """
    width = len(table)
    scores = np.zeros(max(codes.size - width + 1, 0))
    for begin in range(0, scores.size, _SCORED_AT_ONCE):
        block = scores[begin : begin + _SCORED_AT_ONCE]
        for k, row in enumerate(table):
            block += row.take(codes[begin + k : begin + k + block.size], mode="clip")
    return scores


def _joined(flat: FlatCodes) -> tuple[np.ndarray, np.ndarray]:
    """All sequences in one row with padding after each, so that no window spans two; and their starts."""
    ends = np.cumsum(flat.lengths)
    codes = np.insert(flat.codes, ends, PAD_CODE)
    return codes, ends - flat.lengths + np.arange(flat.lengths.size)
