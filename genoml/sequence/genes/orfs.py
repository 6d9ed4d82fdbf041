"""Open reading frames, on both strands of linear and circular sequences.

The stop codons of a reading frame cut it into regions; a binary search finds the first start codon of each region. No
loop runs over bases or codons.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from genoml.sequence.alphabet import COMPLEMENT_CODES, PAD_CODE
from genoml.sequence.codes import flat_codes
from genoml.sequence.genes.genetic_codes import GeneticCode, codon_index, codon_lookup, genetic_code

#: Ends of a linear sequence that may cut an ORF: none, the one where it would stop, or both.
PartialEnds: TypeAlias = Literal["none", "end", "both"]


class ORF(NamedTuple):
    """One open reading frame.

    Attributes
    ----------
    start, end : int
        0-based, half-open, on the given strand, for ORFs of both strands. On a circular sequence
        ``0 <= start < length``, and an ORF across the origin has ``end > length``, as in GFF3.
    strand : str
        ``"+"`` or ``"-"``.
    frame : int
        1, 2, 3 on the plus strand, by ``start % 3``; -1, -2, -3 on the minus strand, counted likewise from
        the start of the reverse complement.
    partial_start, partial_end : bool
        Whether the sequence ends before the ORF's start, or its stop codon, comes.
    protein : str
        Its translation without the stop; a start codon gives M.
    """

    start: int
    end: int
    strand: str
    frame: int
    partial_start: bool
    partial_end: bool
    protein: str

    @property
    def length_bp(self) -> int:
        """Length in bp."""
        return self.end - self.start


class _Regions(NamedTuple):
    """The ORFs of one reading frame, in codons."""

    first: np.ndarray
    last: np.ndarray  # exclusive: where the stop codon is, or the end of the frame
    partial_start: np.ndarray
    partial_end: np.ndarray


class _Rules(NamedTuple):
    code: GeneticCode
    starts: np.ndarray | None  # None: an ORF begins right after a stop
    min_codons: int
    nested: bool
    partial: str
    include_stop: bool


def find_orfs(
    seq: str | bytes | np.ndarray,
    min_length: int = 100,
    *,
    table: int | str | GeneticCode = 1,
    starts: str | Iterable[str] = "ATG",
    circular: bool = False,
    nested: bool = False,
    partial: str | None = None,
    strand: str = "both",
    include_stop: bool = False,
    alphabet: str = "auto",
) -> list[ORF]:
    """Find the open reading frames of a sequence.

    Parameters
    ----------
    seq : str, bytes or uint8 codes (length,)
        DNA or RNA in upper or lower case, with IUPAC letters.
    min_length : int
        Least length in bp, the stop codon not counted.
    table : int, str or GeneticCode
        NCBI number or name, see :func:`genetic_code`.
    starts : {"ATG", "table", "any"} or iterable of codons
        First codon of an ORF: ATG; any start codon of the table; any codon, so that an ORF is everything between two
        stops; or one of the given codons, such as ``["ATG", "GTG"]``.
    circular : bool
        Read on across the end of the sequence. A reading frame without any stop has no ORF then, as it would
        have no end. An ORF may be longer than the sequence, if that is no multiple of three.
    nested : bool
        Report an ORF for every start codon, not only for the first of those that share a stop.
    partial : {"none", "end", "both"}, optional
        Which ORFs cut by the ends of a linear sequence are reported: none; those without a stop codon; or also those
        whose start may be before the sequence, which then begin with the first codon of their frame. By default
        ``"both"`` for ``starts="any"`` and otherwise ``"end"``, as in EMBOSS getorf.
    strand : {"both", "+", "-"}
        Which strands are searched.
    include_stop : bool
        Whether ``start`` and ``end`` include the stop codon, as for a CDS in GFF3.
    alphabet : {"auto", "DNA", "RNA"}
        Letters that are accepted; ``"auto"``: T or U, but not both.

    Returns
    -------
    list of ORF
        By start, then end, plus strand first.

    Notes
    -----
    A codon with ambiguous letters is a stop, or a start, if all its readings are. A codon that can be a stop and
    something else (genetic codes 27, 28, 31) counts as a stop.

    Raises
    ------
    ValueError
        For a letter that is no nucleotide, padding, a negative ``min_length``, an unknown table or option, or
        ``nested`` with ``starts="any"``.
    TypeError
        For any other kind.

    References
    ----------
    Rice, Longden and Bleasby (2000), EMBOSS, doi:10.1016/S0168-9525(00)02024-2: with ``starts="any"`` the
    ORFs are those of ``getorf -find 0``, with ``starts="table"`` those of ``-find 1``; docs/agreement.md lists
    the differences.

    Examples
    --------
    >>> [(orf.start, orf.end, orf.strand, orf.protein) for orf in find_orfs("CCATGGCTTAGC", 6)]
    [(2, 8, '+', 'MA')]
    """
    rules = _rules(min_length, table, starts, nested, partial, include_stop)
    if strand not in ("both", "+", "-"):
        raise ValueError(f"strand expects 'both', '+' or '-', got {strand!r}")
    codes = _checked_codes(seq, alphabet)
    found: list[ORF] = []
    for sign in "+-" if strand == "both" else strand:
        read = codes if sign == "+" else np.take(COMPLEMENT_CODES, codes[::-1])
        for orfs in _search(read, sign, circular, rules):
            found += orfs
    found.sort(key=lambda orf: (orf.start, orf.end, orf.strand))
    return found


def _rules(
    min_length: int, table: Any, starts: Any, nested: bool, partial: str | None, include_stop: bool
) -> _Rules:
    if isinstance(min_length, bool) or not isinstance(min_length, int | np.integer):
        raise TypeError(f"min_length expects a number of bp, got {type(min_length).__name__}")
    if min_length < 0:
        raise ValueError(f"min_length expects 0 bp or more, got {min_length}")
    code = genetic_code(table)
    anything = isinstance(starts, str) and starts == "any"
    if anything and nested:
        raise ValueError("nested expects start codons: with starts='any', every codon would begin an ORF")
    partial = partial or ("both" if anything else "end")
    if partial not in ("none", "end", "both"):
        raise ValueError(f"partial expects 'none', 'end' or 'both', got {partial!r}")
    if isinstance(starts, str):
        known = {"ATG": ("ATG",), "table": code.start_codons, "any": ()}
        if starts not in known:
            raise ValueError(f"starts expects 'ATG', 'table', 'any' or a list of codons, got {starts!r}")
        starts = known[starts]
    lookup = None if anything else codon_lookup(starts)
    if lookup is not None and not lookup.any():
        raise ValueError("starts expects at least one codon, got none")
    return _Rules(code, lookup, max(1, -(-int(min_length) // 3)), nested, partial, include_stop)


def _checked_codes(seq: Any, alphabet: str) -> np.ndarray:
    if not isinstance(seq, str | bytes) and not (isinstance(seq, np.ndarray) and seq.ndim == 1):
        raise TypeError(
            f"find_orfs expects one str, bytes or uint8 array (length,), got {type(seq).__name__}"
        )
    codes = flat_codes([seq], alphabet=alphabet).codes
    if codes.size and int(codes.max()) == PAD_CODE:
        at = int(np.argmax(codes == PAD_CODE))
        raise ValueError(f"find_orfs expects bases, got padding at position {at}; cut it off")
    return codes


def _search(codes: np.ndarray, strand: str, circular: bool, rules: _Rules) -> Iterator[list[ORF]]:
    length = len(codes)
    # a circle can be read three times round
    if length < 3 or rules.min_codons > (length if circular else length // 3):
        return
    wide = np.concatenate([codes, codes[:2]]) if circular else codes
    indices = codon_index(np.lib.stride_tricks.sliding_window_view(wide, 3))
    if not circular:
        for offset in range(3):
            of_frame = indices[offset::3]
            yield _records(of_frame, _regions(of_frame, rules), offset, length, strand, rules)
        return
    # codons follow each other in three rings or, if the length is no multiple of three, in a single one
    n_rings = 3 if length % 3 == 0 else 1
    for offset in range(n_rings):
        ring = indices[np.arange(offset, 3 * length // n_rings, 3) % length]
        stops = np.flatnonzero(rules.code.stop_lookup[ring])
        if stops.size:
            # cut after a stop, a ring is a frame with a stop at either end
            after = int(stops[0]) + 1
            ring = np.roll(ring, -after)
            regions = _regions(ring, rules, closed=True)
            yield _records(ring, regions, offset + 3 * after, length, strand, rules)


def _regions(indices: np.ndarray, rules: _Rules, *, closed: bool = False) -> _Regions:
    """The ORFs of one frame; a ``closed`` frame has a stop at both ends, so that no ORF is partial."""
    is_stop = rules.code.stop_lookup[indices]
    stops = np.flatnonzero(is_stop)
    after = np.concatenate([[0], stops + 1])
    until = np.concatenate([stops, [len(indices)]])
    region = np.arange(len(after))
    cut = not closed
    if rules.starts is None:
        first = after
    else:
        begins = rules.starts[indices] & ~is_stop
        cut = cut and rules.partial == "both" and not begins[:1].any()
        begins[:1] |= cut and not is_stop[:1].any()
        first = np.append(np.flatnonzero(begins), len(indices))
        if rules.nested:
            region = np.searchsorted(stops, first)
        else:
            first = first[np.searchsorted(first[:-1], after)]
    last = until[region]
    partial_start = (first == 0) & cut
    partial_end = (region == len(stops)) & (not closed)
    taken = last - first >= rules.min_codons
    if rules.partial != "both":
        taken &= ~partial_start
    if rules.partial == "none":
        taken &= ~partial_end
    return _Regions(first[taken], last[taken], partial_start[taken], partial_end[taken])


def _records(
    indices: np.ndarray, regions: _Regions, offset: int, length: int, strand: str, rules: _Rules
) -> list[ORF]:
    """ORF records of a frame whose first codon is at ``offset`` on the strand that is read."""
    if not regions.first.size:
        return []
    size = 3 * (regions.last - regions.first)
    if rules.include_stop:
        size = size + np.where(regions.partial_end, 0, 3)
    read_start = (offset + 3 * regions.first) % length
    start = read_start if strand == "+" else (length - read_start - size) % length
    frame = (read_start % 3 + 1) * (1 if strand == "+" else -1)
    letters = rules.code.letters[indices].tobytes().decode("ascii")
    # a partial start is cut within the protein, and the codon after a stop need not be a start
    initiated = (~regions.partial_start) & (rules.starts is not None)
    proteins = [
        _protein(letters, *row)
        for row in zip(regions.first.tolist(), regions.last.tolist(), initiated.tolist(), strict=True)
    ]
    columns = zip(
        start.tolist(),
        (start + size).tolist(),
        frame.tolist(),
        regions.partial_start.tolist(),
        regions.partial_end.tolist(),
        proteins,
        strict=True,
    )
    return [ORF(start, end, strand, *rest) for start, end, *rest in columns]


def _protein(letters: str, first: int, last: int, initiated: bool) -> str:
    return "M" + letters[first + 1 : last] if initiated else letters[first:last]
