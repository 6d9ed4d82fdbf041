"""The shortest form of alleles, and the leftmost place of insertions and deletions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from genoml.genome import GenomeStore
from genoml.sequence.alphabet import CODE_LETTERS
from genoml.sequence.intervals import Intervals
from genoml.sequence.variants import Variants, texts

_CODE_TO_LETTER = bytes.maketrans(bytes(range(len(CODE_LETTERS))), CODE_LETTERS.encode())
#: bases left of an insertion or deletion that are fetched together
_STRETCH_BP = 64


def trimmed(variants: Variants) -> Variants:
    """Variants with alleles in their shortest form: without the shared suffix, then without the shared prefix.

    Each allele keeps a base or more, as VCF asks for. ALTs that are no sequence stay as they are.
    """
    rows = [row for row in _longer(variants) if _is_sequence(variants.alt[row])]
    if not rows:
        return variants
    pos, ref, alt = variants.pos.copy(), variants.ref.copy(), variants.alt.copy()
    for row in rows:
        ahead, ref[row], alt[row] = _shortest(ref[row], alt[row])
        pos[row] += ahead
    return replace(variants, pos=pos, ref=ref, alt=alt)


def normalise(variants: Variants, genome: GenomeStore) -> Variants:
    """Trimmed variants with insertions and deletions as far left as the genome's repeats allow, as ``bcftools norm``.

        while both alleles end with one base:  leave it out; if one is then empty, add the genome's base before both

    Rows whose REF is not the genome's stay as they are, and so do those of chromosomes that it lacks.

    References
    ----------
    Tan, Abecasis and Kang (2015), Unified representation of genetic variants, doi:10.1093/bioinformatics/btv112.
    """
    pos, ref, alt = variants.pos.copy(), variants.ref.copy(), variants.alt.copy()
    sizes = np.array([genome.sizes.get(name, 0) for name in variants.names], np.int64)[variants.codes]
    rows = np.array([row for row in _longer(variants) if _is_sequence(alt[row])], np.int64)
    ends = pos[rows] + np.fromiter(map(len, ref[rows]), np.int64, len(rows))
    rows, ends = rows[ends <= sizes[rows]], ends[ends <= sizes[rows]]
    starts = np.maximum(0, pos[rows] - _STRETCH_BP)
    for row, letters in zip(rows.tolist(), _stretches(genome, variants, rows, starts, ends), strict=True):
        name, before = variants.names[variants.codes[row]], letters[: len(letters) - len(ref[row])]
        if letters[len(before) :] != ref[row]:
            continue
        start, first, second = _leftmost(genome, name, int(pos[row]), ref[row], alt[row], before)
        ahead, ref[row], alt[row] = _shortest(first, second)
        pos[row] = start + ahead
    return replace(variants, pos=pos, ref=texts(ref), alt=texts(alt))


def _stretches(
    genome: GenomeStore, variants: Variants, rows: np.ndarray, starts: np.ndarray, ends: np.ndarray
) -> list[str]:
    """The genome's letters of many stretches."""
    places = Intervals.from_codes(variants.names, variants.codes[rows], starts, ends)
    return [codes.tobytes().translate(_CODE_TO_LETTER).decode() for codes in genome.fetch(places)]


def _longer(variants: Variants) -> list[int]:
    """Rows in which an allele has two letters or more."""
    lengths = [len(ref) + len(alt) for ref, alt in zip(variants.ref, variants.alt, strict=True)]
    found: list[int] = np.flatnonzero(np.array(lengths, np.int64) > 2).tolist()
    return found


def _is_sequence(alt: str) -> bool:
    return alt.isalpha()


def _shortest(ref: str, alt: str) -> tuple[int, str, str]:
    """Bases left out in front, and both alleles."""
    shortest = min(len(ref), len(alt))
    behind = 0
    while behind < shortest - 1 and ref[-1 - behind] == alt[-1 - behind]:
        behind += 1
    ahead = 0
    while ahead < shortest - behind - 1 and ref[ahead] == alt[ahead]:
        ahead += 1
    return ahead, ref[ahead : len(ref) - behind], alt[ahead : len(alt) - behind]


def letters_at(genome: GenomeStore, name: str, start: int, end: int) -> str:
    """The genome's letters from start to end."""
    (codes,) = genome.fetch(Intervals(name, [start], [end]))
    return str(codes.tobytes().translate(_CODE_TO_LETTER).decode())


def _leftmost(
    genome: GenomeStore, name: str, pos: int, ref: str, alt: str, before: str
) -> tuple[int, str, str]:
    """Start and alleles after shifting, which may share a prefix; ``before``: the genome's letters before them."""
    at = len(before)  # letters that are not used yet
    while ref[-1] == alt[-1]:
        if min(len(ref), len(alt)) == 1:
            if not pos:
                break  # there is no base before the first
            if not at:
                before = letters_at(genome, name, max(0, pos - _STRETCH_BP), pos)
                at = len(before)
            at -= 1
            pos -= 1
            ref, alt = before[at] + ref, before[at] + alt
        ref, alt = ref[:-1], alt[:-1]
    return pos, ref, alt
