"""Open reading frames by a plain loop over every codon, and those that EMBOSS getorf wrote."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from genoml.io import read_fasta

GENOMES = Path(__file__).resolve().parents[1] / "data" / "genomes"
STOPS = ("TAA", "TAG", "TGA")


def phix174() -> str:
    return next(read_fasta(GENOMES / "phix174.fa")).sequence


def getorf(name: str) -> dict[tuple[int, int, str], str]:
    """Letters that getorf wrote, by (start, end, strand), 0-based and half-open."""
    found = {}
    for record in read_fasta(GENOMES / name, letters=None):
        match = re.search(r"\[(\d+) - (\d+)\]", record.name)
        assert match
        first, last = int(match[1]), int(match[2])
        strand = "-" if "REVERSE SENSE" in record.name else "+"
        found[min(first, last) - 1, max(first, last), strand] = record.sequence
    return found


def loop_orfs(
    sequence: str,
    min_length: int,
    starts: Iterable[str] | None,
    *,
    circular: bool = False,
    nested: bool = False,
    partial: str = "end",
) -> set[tuple[int, int, str, bool, bool]]:
    """(start, end, strand, partial_start, partial_end) of the standard code; ``starts=None``: after any stop."""
    pairs = dict(zip("ACGTN", "TGCAN", strict=True))
    other = "".join(pairs[base] for base in reversed(sequence))
    size = len(sequence)
    found = set()
    for strand, letters in (("+", sequence), ("-", other)):
        walk = walk_ring if circular else walk_line
        for start, end, before, beyond in walk(letters, starts, nested, partial):
            if end - start < max(min_length, 1):
                continue
            place = start if strand == "+" else (size - end) % size if circular else size - end
            found.add((place, place + end - start, strand, before, beyond))
    return found


def walk_line(letters, starts, nested, partial):
    for frame in range(3):
        # (start, partial_start) of the ORFs that are open; before the first stop one may have come in
        at_edge = starts is None or partial == "both"
        open_orfs = [(frame, starts is None or letters[frame : frame + 3] not in starts)] if at_edge else []
        position = frame
        while position + 3 <= len(letters):
            codon = letters[position : position + 3]
            if codon in STOPS:
                for start, before in open_orfs:
                    if not before or partial == "both":
                        yield start, position, before, False
                open_orfs = [(position + 3, False)] if starts is None else []
            elif (
                starts is not None
                and codon in starts
                and (nested or not open_orfs)
                and (position, False) not in open_orfs
            ):
                open_orfs.append((position, False))
            position += 3
        for start, before in open_orfs:
            if partial == "both" or (partial == "end" and not before):
                yield start, position, before, True


def walk_ring(letters, starts, nested, partial):
    size, rounds = len(letters), letters * 5
    for stop in range(size if size >= 3 else 0):
        if rounds[stop : stop + 3] not in STOPS:
            continue
        open_starts: list[int] = []
        position = stop + 3
        while rounds[position : position + 3] not in STOPS:
            codon = rounds[position : position + 3]
            begins = position == stop + 3 if starts is None else codon in starts
            if begins and (nested or not open_starts):
                open_starts.append(position)
            position += 3
        for start in open_starts:
            passed = start - start % size
            yield start - passed, position - passed, False, False
