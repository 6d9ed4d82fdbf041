"""Labelled sequences as base codes, in memory or read from disk batch by batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from genoml.data.codes import Codes, join_codes, take_rows
from genoml.sequence.intervals import Intervals


@dataclass(frozen=True)
class SequenceData:
    """Sequences of one length with their targets.

    Attributes
    ----------
    codes : (n, length) uint8
        Base codes, see genoml.sequence: an array, a ``numpy.memmap``, or anything else that gives rows as
        :class:`~genoml.data.Codes` says, such as windows of a genome on disk.
    targets : (n, tasks) float32
        Labels.
    groups : (n,) of str, or None
        Groups that a split keeps together, such as chromosomes.
    extras : mapping of (n, ...) arrays
        Further arguments of the loss, by name: ``sample_weight``, ``mask`` (0 where a label
        is missing), ``offset`` (of counts); see genoml.train.objectives.
    names : (n,) of str, or None
        Name of each example.
    intervals : Intervals or None
        Place of each example in a genome; for a shuffle, that of the shuffled sequence.
    target_names : tuple of str
        Name of each column of the targets: tasks, or classes. Empty if unknown.
    """

    codes: Codes
    targets: np.ndarray
    groups: np.ndarray | None = None
    extras: Mapping[str, np.ndarray] = field(default_factory=dict)
    names: np.ndarray | None = None
    intervals: Intervals | None = None
    target_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (hasattr(self.codes, "shape") and hasattr(self.codes, "dtype")):
            got = type(self.codes).__name__
            raise TypeError(
                f"SequenceData expects codes as an array, such as base_codes(sequences), got {got}"
            )
        if not isinstance(self.targets, np.ndarray) or self.targets.dtype.kind not in "biuf":
            got = str(getattr(self.targets, "dtype", type(self.targets).__name__))
            raise TypeError(
                f"SequenceData expects targets as an array of numbers, got {got}; use np.array(targets, np.float32)"
            )
        if len(self.codes.shape) != 2 or self.codes.dtype != np.uint8:
            raise ValueError(
                f"SequenceData expects uint8 codes (n, length), got {self.codes.dtype} {self.codes.shape}"
            )
        if self.targets.ndim != 2 or len(self.targets) != len(self.codes):
            raise ValueError(
                f"SequenceData expects targets ({len(self.codes)}, tasks), got {self.targets.shape}"
            )
        per_example = {
            "groups": self.groups,
            "names": self.names,
            "intervals": self.intervals,
            **self.extras,
        }
        for name, values in per_example.items():
            if values is not None and len(values) != len(self.codes):
                of = "" if name == "groups" else "of "
                raise ValueError(f"SequenceData expects {len(self.codes)} {of}{name}, got {len(values)}")
        if self.target_names and len(self.target_names) != self.targets.shape[1]:
            raise ValueError(
                f"SequenceData expects {self.targets.shape[1]} target_names, got {len(self.target_names)}"
            )

    def __len__(self) -> int:
        return len(self.codes)

    def name_of(self, row: int) -> str:
        """Name of an example for messages: its own, its place in the genome, or its number from 0."""
        if self.names is not None:
            return str(self.names[row])
        return f"example {row}" if self.intervals is None else self.intervals.place(row)

    def take(self, index: np.ndarray) -> Self:
        """The examples at these positions, or where a mask is true.

        Codes in memory are copied; of codes that are read on demand it is a view.
        """
        return replace(
            self,
            codes=take_rows(self.codes, index),
            targets=self.targets[index],
            groups=None if self.groups is None else self.groups[index],
            extras={name: values[index] for name, values in self.extras.items()},
            names=None if self.names is None else self.names[index],
            intervals=None if self.intervals is None else self.intervals[index],
        )

    def for_epoch(self, epoch: int, seed: int) -> Self:
        """The data of one epoch; a data set that draws new examples each epoch overrides this."""
        return self

    @classmethod
    def binary(
        cls,
        positives: Codes,
        negatives: Codes,
        groups: tuple[Sequence[str], Sequence[str]] | None = None,
    ) -> SequenceData:
        """Make a data set from positives (target 1) and negatives (target 0) of one length.

        Raises
        ------
        TypeError, ValueError
            For anything but codes, or of two lengths.
        """
        for codes in (positives, negatives):
            if not hasattr(codes, "shape"):
                raise TypeError(
                    f"SequenceData.binary expects codes, such as base_codes(sequences), got {type(codes).__name__}"
                )
        if positives.shape[1:] != negatives.shape[1:]:
            raise ValueError(
                "SequenceData.binary expects positives and negatives of one length, got "
                f"{positives.shape} and {negatives.shape}"
            )
        targets = np.concatenate([np.ones((len(positives), 1)), np.zeros((len(negatives), 1))])
        all_groups = None if groups is None else np.array([*groups[0], *groups[1]], dtype=object)
        return cls(join_codes([positives, negatives]), targets.astype(np.float32), all_groups)
