"""Sites in sequences: where they are, and what takes the place of their bases."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genoml.explain.discovery.loci import LOCUS
from genoml.explain.discovery.seqlets import Seqlets
from genoml.io import read_bed
from genoml.io.errors import shown
from genoml.random import derive_key, host_generator
from genoml.sequence.alphabet import PAD_CODE
from genoml.sequence.euler import row_keys
from genoml.sequence.shuffle import shuffle_each

__all__ = ["How", "Sites", "SomeSites", "found_sites", "replacements"]

#: what takes the place of a site's bases
How: TypeAlias = Literal["shuffle", "random", "zero", "background"]
#: rows (example, start, end); seqlets; or a BED file
SomeSites: TypeAlias = ArrayLike | Seqlets | str | PathLike[str]


@dataclass(frozen=True, eq=False)
class Sites:
    """Sites in sequences.

    Attributes
    ----------
    example, start, end : arrays of int64, shape (k,)
        Row of the sequences, and positions [start, end) in it.
    names : tuple of str
        Of the sites; empty where they have none.
    """

    example: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.example)

    def moved(self, ahead: NDArray[np.int64]) -> Sites:
        """The same in sequences with so many positions ahead, (n,)."""
        by = ahead[self.example]
        return Sites(self.example, self.start + by, self.end + by, self.names)


def found_sites(sites: SomeSites, lengths: np.ndarray, names: Sequence[str] | None = None) -> Sites:
    """Sites, which must lie in the sequences, of these lengths (n,).

    Raises
    ------
    ValueError
        Without sites, for one outside of its sequence, or a BED file whose names are not known.
    """
    if isinstance(sites, str | PathLike):
        found = _of_bed(sites, names, lengths)
    elif isinstance(sites, Seqlets):
        found = Sites(sites.example, sites.start, sites.end, ("",) * len(sites))
    else:
        rows = np.asarray(sites)
        if rows.ndim != 2 or rows.shape[1] != 3 or rows.dtype.kind not in "iu":
            raise ValueError(
                f"sites expects whole numbers (k, 3), example, start and end, got {rows.dtype} {rows.shape}"
            )
        example, start, end = rows.astype(np.int64).T
        found = Sites(example, start, end, ("",) * len(rows))
    if not len(found):
        raise ValueError("expects at least one site, got none")
    for row, (example, start, end) in enumerate(zip(found.example, found.start, found.end, strict=True)):
        length = lengths[example] if 0 <= example < len(lengths) else -1
        if not 0 <= start < end <= length:
            where = f"its sequence, which has {length} bp" if length >= 0 else f"the {len(lengths)} sequences"
            raise ValueError(f"site {row} (example {example}, {start} to {end}) is outside of {where}")
    return found


def _of_bed(path: str | PathLike[str], names: Sequence[str] | None, lengths: np.ndarray) -> Sites:
    """Sites of a BED file: on sequences by their names, or on the genome that the names are loci of."""
    if names is None:
        raise ValueError(f"{path}: sites of a BED file expect names=, the names of the sequences")
    intervals = read_bed(path)
    loci = [LOCUS.fullmatch(name) for name in names]
    row_of = {name: row for row, name in enumerate(names)}
    labels = intervals.columns.get("name", [""] * len(intervals))
    found: list[tuple[int, int, int, str]] = []
    for number in range(len(intervals)):
        chrom, start, end = (
            str(intervals.chrom[number]),
            int(intervals.start[number]),
            int(intervals.end[number]),
        )
        if chrom in row_of:
            found.append((row_of[chrom], start, end, str(labels[number])))
            continue
        inside = [row for row, locus in enumerate(loci) if locus and _holds(locus, chrom, start, end)]
        if not inside:
            raise ValueError(
                f"{path}: {shown(intervals.place(number))} is on no sequence, by name or by a name like chr8:100-300 "
                "that holds it"
            )
        for row in inside:
            locus = loci[row]
            low, high = (int(locus[2]), int(locus[3])) if locus else (0, 0)
            if high - low != lengths[row]:
                raise ValueError(
                    f"{names[row]} is a locus of {high - low} bp, but its sequence has {lengths[row]}"
                )
            turned = locus is not None and locus[4] == "-"
            first = high - end if turned else start - low
            found.append((row, first, first + end - start, str(labels[number])))
    rows = np.array([row[:3] for row in found], np.int64).reshape(-1, 3)
    return Sites(rows[:, 0], rows[:, 1], rows[:, 2], tuple(row[3] for row in found))


def _holds(locus: re.Match[str], chrom: str, start: int, end: int) -> bool:
    return locus[1] == chrom and int(locus[2]) <= start and end <= int(locus[3])


def replacements(codes: np.ndarray, sites: Sites, how: How, n: int, seed: int) -> list[NDArray[np.uint8]]:
    """Bases that take the place of each site's, (n, width) each; the same for the same seed and number of the site.

    ``"shuffle"``: the site's own letters in another order. ``"random"``: bases drawn by the composition of its
    sequence. ``"zero"``: no base. ``"background"``: what stands there when the whole sequence is shuffled with its
    dinucleotides.

    Raises
    ------
    ValueError
        For a site on padding.

    Warns
    -----
    UserWarning
        For sites that a shuffle leaves as they are, since all their letters are one.
    """
    found: list[Any] = []
    spans = zip(sites.example, sites.start, sites.end, strict=True)
    alike = sum(bool((codes[row, start:end] == codes[row, start]).all()) for row, start, end in spans)
    if alike and how == "shuffle":
        warnings.warn(
            f"{alike} of {len(sites.start)} sites have one letter alone, which a shuffle leaves as it is; "
            "random or background replaces them",
            stacklevel=4,
        )
    for number, (example, start, end) in enumerate(zip(sites.example, sites.start, sites.end, strict=True)):
        own, width = codes[example], end - start
        if (own[start:end] == PAD_CODE).any():
            raise ValueError(
                f"site {number} (example {example}, {start} to {end}) is on padding, not on bases"
            )
        rng = host_generator(seed, "ablate", number)
        if how == "shuffle":
            found.append(rng.permuted(np.repeat(own[None, start:end], n, axis=0), axis=1))
        elif how == "random":
            counts = np.bincount(own[own < 4], minlength=4).astype(np.float64)
            shares = counts / counts.sum() if counts.sum() else np.full(4, 0.25)
            found.append(rng.choice(4, (n, width), p=shares).astype(np.uint8))
        elif how == "zero":
            found.append(np.full((n, width), PAD_CODE, np.uint8))
        else:
            keys = row_keys(derive_key(seed, "ablate", number)[0], np.arange(n))
            found.append(shuffle_each(np.repeat(own[None], n, axis=0), keys)[:, start:end])
    return found
