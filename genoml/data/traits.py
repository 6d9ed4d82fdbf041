"""Traits of sequences, which the checks of data compare: hash, length, GC content, targets; windows of a genome."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from genoml.data.codes import row_slices
from genoml.data.dataset import SequenceData
from genoml.data.files import NamedSequences
from genoml.data.leaks import sequence_hashes
from genoml.data.profiles import ProfileData
from genoml.data.shuffled import ShuffledNegatives
from genoml.sequence.alphabet import PAD_CODE
from genoml.sequence.intervals import Intervals, concat
from genoml.sequence.matched import gc_content

#: What targets are: labels 0 and 1, a column a task; one-hot classes; numbers.
TargetKind: TypeAlias = Literal["labels", "classes", "numbers"]


@dataclass(frozen=True, eq=False)
class Traits:
    """Properties of sequences that the checks compare: hash, length, GC content and targets.

    Attributes
    ----------
    hashes : (n,) uint64
        See ``sequence_hashes``.
    length_bp : (n,) int64
        Length without padding.
    gc : (n,) float64
        GC content; NaN for a sequence without a base.
    targets : (n, tasks) float
        NaN where one is missing; (n,), 1 for positives and 0 for negatives, of two files.
    names : (n,) of str
        Names for messages.
    kind : {"labels", "classes", "numbers"}
        What the targets are.
    tasks : tuple of str
        Names of the columns of the targets.
    """

    hashes: np.ndarray
    length_bp: np.ndarray
    gc: np.ndarray
    targets: np.ndarray
    names: np.ndarray
    kind: TargetKind = "labels"
    tasks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.hashes)

    @classmethod
    def of_data(cls, data: SequenceData, kind: TargetKind = "labels", *, both_strands: bool = True) -> Traits:
        """Traits of a data set, which is read block by block."""
        slices = [*row_slices(data.codes)] or [slice(0)]
        blocks = (np.asarray(data.codes[rows]) for rows in slices)
        hashes, length_bp, gc = _measure(blocks, both_strands)
        numbers = data.totals if isinstance(data, ProfileData) else data.targets
        mask = np.broadcast_to(data.extras.get("mask", np.ones((1, 1))), numbers.shape)
        targets = np.where(mask != 0, numbers, np.nan)
        return cls(hashes, length_bp, gc, targets, names_of(data), kind, data.target_names)

    @classmethod
    def of_files(
        cls, positives: NamedSequences, negatives: NamedSequences, *, both_strands: bool = True
    ) -> Traits:
        """Traits of positives and negatives; each length is read by itself, since one may be far longer than others."""
        both = NamedSequences(
            "", [*positives.names, *negatives.names], [*positives.letters, *negatives.letters]
        )
        lengths = np.array(list(map(len, both.letters)))
        order = np.argsort(lengths, kind="stable")
        groups = np.split(order, np.flatnonzero(np.diff(lengths[order])) + 1)
        blocks = (both.take(rows.tolist()).codes(int(lengths[rows[0]])) for rows in groups)
        hashes, length_bp, gc = (values[np.argsort(order)] for values in _measure(blocks, both_strands))
        targets = np.repeat([1.0, 0.0], [len(positives), len(negatives)])
        return cls(hashes, length_bp, gc, targets, np.array(both.ids, object))


@dataclass(frozen=True, eq=False)
class TrainedOn:
    """What a model was trained and validated on, as far as later data are compared with it.

    Attributes
    ----------
    hashes : (n,) uint64
        Of the sequences, see ``sequence_hashes``.
    windows : Intervals or None
        The windows of a genome that they are.
    """

    hashes: np.ndarray
    windows: Intervals | None = None

    @classmethod
    def of_parts(cls, parts: Sequence[SequenceData], hashes: Sequence[np.ndarray]) -> TrainedOn:
        """Of the parts of a split, with the hashes of each."""
        placed = [windows for windows in map(windows_of, parts) if windows is not None]
        windows = concat(placed) if len(placed) == len(parts) else None
        return cls(np.unique(np.concatenate(hashes)), windows)

    def arrays(self) -> dict[str, np.ndarray]:
        """As arrays for a file: the hashes; of windows the names of the chromosomes, and number, start and end."""
        if self.windows is None:
            return {"hashes": self.hashes}
        names = np.frombuffer("\n".join(self.windows.names).encode(), np.uint8)
        places = np.stack([self.windows.codes, self.windows.start, self.windows.end], axis=1).astype(np.int64)
        return {"hashes": self.hashes, "chromosomes": names, "windows": places}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> TrainedOn:
        """From what ``arrays`` gave; KeyError or ValueError for other arrays."""
        if "windows" not in arrays:
            return cls(arrays["hashes"])
        names = tuple(arrays["chromosomes"].tobytes().decode().split("\n"))
        codes, start, end = arrays["windows"].T
        return cls(arrays["hashes"], Intervals.from_codes(names, codes, start, end, "."))


def windows_of(data: SequenceData) -> Intervals | None:
    """The windows of a genome that the examples are; those of shuffles are left out."""
    if data.intervals is None or not isinstance(data, ShuffledNegatives):
        return data.intervals
    return data.intervals[data.source.numbers == 0]


def _measure(blocks: Iterable[np.ndarray], both_strands: bool) -> list[np.ndarray]:
    """Hashes, lengths and GC content of the rows of blocks of codes."""
    parts = [
        (
            sequence_hashes(codes, both_strands=both_strands),
            (codes != PAD_CODE).sum(axis=1),
            gc_content(codes),
        )
        for codes in blocks
    ]
    return [np.concatenate(values) for values in zip(*parts, strict=True)]


def names_of(data: SequenceData) -> np.ndarray:
    """Name of each example, for messages."""
    return np.array([data.name_of(row) for row in range(len(data))], object)
