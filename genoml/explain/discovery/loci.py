"""Places in sequences as places in a genome, where the sequences' names are loci."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genoml.io.bed import write_bed
from genoml.io.errors import FormatWarning
from genoml.io.files import FilePath
from genoml.sequence.intervals import Intervals

__all__ = ["LOCUS", "Regions"]

#: names of places in a genome, such as ``chr8:100-300(-)``; a window may begin before its chromosome
LOCUS = re.compile(r"(\S+):(-?\d+)-(\d+)(?:\(([-+.])\))?")


class Regions(NamedTuple):
    """Where sequences of one length lie.

    Attributes
    ----------
    names, chroms : list of str
        Of each sequence: its name, and its chromosome; where the names are no loci, the names.
    first : array of int64
        Coordinate of the first position; 0 where the names are no loci.
    strand : array of str
        ``+``, ``-`` or ``.``.
    length : int
        Positions of a sequence.
    warnings : tuple of str
        What was warned of.
    """

    names: list[str]
    chroms: list[str]
    first: NDArray[np.int64]
    strand: NDArray[np.str_]
    length: int
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, names: Sequence[str], shape: tuple[int, int], what: str) -> Self:
        """Regions of names such as ``chr8:100-300(-)``, 0-based and half-open, for contributions (n, length).

        Raises
        ------
        ValueError
            If there is not one name for each row, or a locus has another length than the contributions.

        Warns
        -----
        FormatWarning
            For names that stand twice, and if one name is no locus: then all coordinates are those in the sequences.
            ``what`` begins the message.
        """
        n, length = shape
        if len(names) != n:
            raise ValueError(f"{what}: expects a name for each of the {n} sequences, got {len(names)}")
        said = []
        if repeated := n - len(set(names)):
            said.append(f"{what}: {repeated} of {n} regions repeat another: their seqlets count twice")
        loci = [LOCUS.fullmatch(name) for name in names]
        chroms, first, strand = list(names), np.zeros(n, np.int64), np.full(n, ".")
        if None in loci:
            odd = f"{names[loci.index(None)]!r} is no locus like chr8:100-300"
            said.append(f"{what}: coordinates are those in the sequences, since {odd}")
        else:
            chroms, first, strand = _parsed([locus for locus in loci if locus], length)
        for line in said:
            warnings.warn(line, FormatWarning, stacklevel=3)
        return cls(list(names), chroms, first, strand, length, tuple(said))

    def write(
        self,
        path: FilePath,
        example: NDArray[np.int64],
        start: NDArray[np.int64],
        end: NDArray[np.int64],
        *,
        score: NDArray[np.float64],
        label: ArrayLike | None = None,
        turned: NDArray[np.bool_] | None = None,
    ) -> None:
        """Write a BED file of six columns of places [start, end) in the sequences ``example``.

        ``label`` is the column of names, the sequences' own by default. ``turned`` says what lies on the other strand
        of its sequence; None: the strand is the region's. What hangs over the start of a chromosome is cut off.
        """
        own = self.strand[example]
        back = own == "-"
        low = self.first[example] + np.where(back, self.length - end, start)
        high = low + end - start
        strand = own if turned is None else np.where(turned != back, "-", "+")
        on = np.flatnonzero(high > 0)
        rows = example[on].tolist()
        labels: Any = [self.names[row] for row in rows] if label is None else np.asarray(label)[on]
        found = Intervals(
            [self.chroms[row] for row in rows], np.maximum(low, 0)[on], high[on], strand[on],
            name=labels, score=score[on],
        )  # fmt: skip
        write_bed(path, found, columns=6)


def _parsed(
    loci: Sequence[re.Match[str]], length: int
) -> tuple[list[str], NDArray[np.int64], NDArray[np.str_]]:
    """Chromosome, start and strand of loci, which must have the length."""
    first = np.array([int(locus[2]) for locus in loci], np.int64)
    sizes = np.array([int(locus[3]) for locus in loci], np.int64) - first
    if (sizes != length).any():
        row = int(np.argmax(sizes != length))
        raise ValueError(
            f"{loci[row][0]!r} is a locus of {sizes[row]} bp, but the contributions have {length}; "
            "a locus expects a 0-based start, and an end that is not included"
        )
    return [locus[1] for locus in loci], first, np.array([locus[4] or "." for locus in loci])
