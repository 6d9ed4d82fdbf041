"""The status of each variant: whether its REF is the genome's, and whether it can be scored."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from genoml.genome import GenomeStore, Intervals, overlaps_any
from genoml.genome.gather import row_blocks
from genoml.io.errors import FormatError
from genoml.sequence.alphabet import BYTE_TO_CODE, PAD_CODE
from genoml.sequence.variants import Variants
from genoml.variants.chromosomes import Chromosomes
from genoml.variants.normalise import letters_at, normalise, trimmed

#: statuses of an ALT, as in docs/variants.md; ``outside`` is of variants outside regions that were asked for
STATUSES = (
    "ok", "mismatch", "swapped", "reference", "unsupported", "edge", "ambiguous", "too_long", "unknown_chromosome",
    "outside",
)  # fmt: skip
Edges: TypeAlias = Literal["drop", "pad"]

_LETTERS = BYTE_TO_CODE["DNA"]
_BLOCK_BASES = 1 << 20


@dataclass(frozen=True)
class CheckOptions:
    """Options of a check.

    Attributes
    ----------
    length_bp : int
        Length of the window around a variant.
    score_swapped : bool
        Score a variant whose ALT, not REF, is the genome's, with its alleles exchanged.
    edges : {"drop", "pad"}
        Whether a window that passes an end of its chromosome is padded, or the variant is not scored.
    most_n : float
        Greatest share of bases of the window that are none of A C G T.
    normalise : bool
        Shift insertions and deletions left, see :func:`genoml.variants.normalise`.
    regions : Intervals, optional
        Only variants whose REF overlaps one of them are scored.
    both_anchors : bool
        Windows of insertions and deletions are also filled up at the left end.
    share_bp : int
        Single bases in the same stretch of so many bp share a window, see ``score_variants``.
    """

    length_bp: int
    score_swapped: bool = False
    edges: Edges = "drop"
    most_n: float = 0.1
    normalise: bool = False
    regions: Intervals | None = None
    both_anchors: bool = False
    share_bp: int = 0

    def __post_init__(self) -> None:
        if self.length_bp < 1:
            raise ValueError(f"length_bp expects 1 or more, got {self.length_bp}")
        if self.edges not in ("drop", "pad"):
            raise ValueError(f"edges expects 'drop' or 'pad', got {self.edges!r}")
        if not 0 <= self.share_bp <= self.length_bp // 2:
            raise ValueError(
                f"share_bp expects 0 to {self.length_bp // 2}, half a window, got {self.share_bp}"
            )
        if not 0 <= self.most_n <= 1:
            raise ValueError(f"most_n expects a share from 0 to 1, got {self.most_n}")


@dataclass(frozen=True)
class Checked:
    """Result of :func:`check_variants`, a row for each of theirs.

    Attributes
    ----------
    status : numpy.ndarray
        (n,) str, one of ``STATUSES``.
    compared, agrees : numpy.ndarray
        (n,) bool: whether REF has a place in the genome and no N, and whether it is what the genome has there.
    chrom : numpy.ndarray
        (n,) int64, number of its chromosome in the genome, or -1.
    chosen : numpy.ndarray
        (m,) int64, the rows to score.
    alleles : Variants
        (m,) those rows with the genome's names of chromosomes, trimmed, ``ref`` being what the genome has.
    turned : numpy.ndarray
        (m,) bool: whether REF and ALT were exchanged.
    """

    status: np.ndarray
    compared: np.ndarray
    agrees: np.ndarray
    chrom: np.ndarray
    chosen: np.ndarray
    alleles: Variants
    turned: np.ndarray


def check_variants(
    genome: GenomeStore, variants: Variants, options: CheckOptions, chromosomes: Chromosomes | None = None
) -> Checked:
    """Compare REF with the genome, and say of each ALT whether it can be scored.

    Parameters
    ----------
    genome : GenomeStore
        The genome.
    variants : Variants
        Such as :func:`genoml.io.read_vcf` gives.
    options : CheckOptions
        What is scored.
    chromosomes : Chromosomes, optional
        Names of chromosomes, chosen from the beginning of a file; from these variants if None.
    """
    chromosomes = chromosomes or Chromosomes.match(genome, variants)
    chrom = chromosomes.numbers(variants)
    status = np.full(len(variants), "ok", dtype=f"U{max(map(len, STATUSES))}")
    sequence = np.array([alt.isalpha() for alt in variants.alt], bool)
    known = chrom >= 0
    with_n = np.array(["N" in ref for ref in variants.ref], bool)
    compared = known & ~with_n
    agrees = np.zeros(len(variants), bool)
    agrees[compared] = _same(genome, chrom, variants.pos, variants.ref, np.flatnonzero(compared))
    missed = compared & ~agrees & sequence
    swapped = np.zeros(len(variants), bool)
    swapped[missed] = _same(genome, chrom, variants.pos, variants.alt, np.flatnonzero(missed))
    alt_n = np.array(["N" in alt for alt in variants.alt], bool) & sequence
    status[with_n | alt_n] = "ambiguous"
    status[compared & ~agrees] = "mismatch"
    status[swapped] = "swapped"
    status[~known] = "unknown_chromosome"
    status[~sequence] = "unsupported"
    status[(variants.alt == variants.ref) | (variants.alt == ".")] = "reference"
    wanted = (status == "ok") | ((status == "swapped") & options.score_swapped)
    chosen = np.flatnonzero(wanted)
    turned = swapped[chosen]
    alleles = _renamed(variants[chosen], genome, chrom[chosen], turned)
    alleles = normalise(alleles, genome) if options.normalise else trimmed(alleles)
    refused = _refusals(genome, alleles, options)
    status[chosen[refused != ""]] = refused[refused != ""]
    kept = refused == ""
    return Checked(status, compared, agrees, chrom, chosen[kept], alleles[kept], turned[kept])


def _renamed(variants: Variants, genome: GenomeStore, chrom: np.ndarray, turned: np.ndarray) -> Variants:
    """Variants on the genome's chromosomes, with ``ref`` and ``alt`` exchanged where they are turned."""
    ref, alt = np.where(turned, variants.alt, variants.ref), np.where(turned, variants.ref, variants.alt)
    return replace(variants, names=genome.names, codes=chrom, ref=ref, alt=alt)


def _same(
    genome: GenomeStore, chrom: np.ndarray, pos: np.ndarray, alleles: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Whether the genome has these rows' alleles at their places, (rows,) bool."""
    texts = alleles[rows]
    lengths = np.fromiter(map(len, texts), np.int64, len(rows))
    sizes = np.array(list(genome.sizes.values()), np.int64)[chrom[rows]]
    inside = pos[rows] + lengths <= sizes
    found = np.zeros(len(rows), bool)
    for length in np.unique(lengths[inside]).tolist():
        some = np.flatnonzero(inside & (lengths == length))
        letters = "".join(texts[some]).encode().translate(_LETTERS)
        codes = np.frombuffer(letters, np.uint8).reshape(len(some), length)
        start = pos[rows[some]]
        places = Intervals.from_codes(genome.names, chrom[rows[some]], start, start + length)
        found[some] = (genome.fetch(places) == codes).all(axis=1)
    return found


def windows_around(
    alleles: Variants, length_bp: int, share_bp: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Start of each variant's window of the reference, and bases more that the alternative reads at an end.

        start = middle - floor(length / 2),   more = max(0, len(REF) - len(ALT))

    ``middle`` is that of REF, or, of a single base and with ``share_bp``, that of the stretch of so many bp it is in.

    Returns
    -------
    start, more, longest : numpy.ndarray
        (n,) int64 each; ``longest`` is the length of the longer allele.
    """
    ref, alt = (
        np.fromiter(map(len, column), np.int64, len(alleles)) for column in (alleles.ref, alleles.alt)
    )
    middle = alleles.pos + ref // 2
    if share_bp:
        shared = alleles.pos // share_bp * share_bp + share_bp // 2
        middle = np.where((ref == 1) & (alt == 1), shared, middle)
    return middle - length_bp // 2, np.maximum(ref - alt, 0), np.maximum(ref, alt)


def _refusals(genome: GenomeStore, alleles: Variants, options: CheckOptions) -> np.ndarray:
    """Why a variant whose alleles are right is not scored, ``""`` if it is."""
    length = options.length_bp
    start, more, longest = windows_around(alleles, length, options.share_bp)
    sizes = np.array(list(genome.sizes.values()), np.int64)[alleles.codes]
    refused = np.full(len(alleles), "", dtype=f"U{max(map(len, STATUSES))}")
    before = start - more * options.both_anchors
    past = (before < 0) | (start + length + more > sizes)
    if options.edges == "drop":
        refused[past] = "edge"
    windows = Intervals.from_codes(genome.names, alleles.codes, start, start + length)
    for rows in row_blocks(windows, _BLOCK_BASES):
        codes = genome.fetch(windows[rows], edges="pad")
        share = np.count_nonzero((codes > 3) & (codes != PAD_CODE), axis=1) / length
        refused[rows] = np.where((share > options.most_n) & (refused[rows] == ""), "ambiguous", refused[rows])
    refused[longest > max(1, length // 2)] = "too_long"
    if options.regions is not None and len(alleles):
        ends = alleles.pos + np.fromiter(map(len, alleles.ref), np.int64, len(alleles))
        places = Intervals.from_codes(genome.names, alleles.codes, alleles.pos, ends)
        refused[~overlaps_any(places, options.regions)] = "outside"
    return refused


def refuse_another_build(
    variants: Variants, checked: Checked, path: str, genome: GenomeStore, least_match: float
) -> None:
    """Raise FormatError if too few REF alleles of the records at the beginning of a file are the genome's.

    Only records are counted whose REF has a place in the genome and no N.
    """
    first = (variants.alt_index == 1) & checked.compared
    compared, agree = int(first.sum()), int((first & checked.agrees).sum())
    if not compared or agree >= least_match * compared:
        return
    row = int(np.flatnonzero(first & ~checked.agrees)[0])
    turned = int((first & (checked.status == "swapped")).sum())
    fix = "another genome build? If not, lower --least-match"
    if turned > (compared - agree) / 2:
        fix = f"of {turned} of them ALT is: score them with --swapped score, and lower --least-match"
    what = (
        f"{100 * (1 - agree / compared):.0f} % of REF alleles ({compared - agree} of {compared}) are not those of "
        f"{genome.path.removesuffix('.store')} (first: line {variants.line[row]}, {variants.place(row)}, "
        f"genome {_genome_has(genome, variants, checked.chrom, row)})"
    )
    raise FormatError(what, path=path, fix=fix)


def _genome_has(genome: GenomeStore, variants: Variants, chrom: np.ndarray, row: int) -> str:
    """Letters of the genome at a row's REF."""
    name, start = genome.names[chrom[row]], int(variants.pos[row])
    end = min(genome.sizes[name], start + len(variants.ref[row]))
    return letters_at(genome, name, start, end) if start < end else f"ends at {end}"
