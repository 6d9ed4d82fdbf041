"""Labelled sequences as base codes, in memory or read from disk batch by batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple, Self

import numpy as np

from genoml.data.augment import Augmentation
from genoml.data.codes import Codes, LazyRows, as_codes, join_codes, row_numbers, take_rows
from genoml.sequence.codes import alphabet_of, holds_letters, list_sequences
from genoml.sequence.encode import base_codes
from genoml.sequence.intervals import Intervals


class Rows(NamedTuple):
    """Some examples as arrays: codes (n, length), targets, extras, and the control tracks if there are any."""

    codes: np.ndarray
    targets: np.ndarray
    extras: dict[str, np.ndarray]
    control: np.ndarray | None = None

    def labels(self, rows: slice) -> Rows:
        """Targets and extras of some of them; the input, which a loss does not read, stays whole."""
        return self._replace(
            targets=self.targets[rows], extras={name: values[rows] for name, values in self.extras.items()}
        )


@dataclass(frozen=True)
class SequenceData:
    """Sequences of one length with their targets.

    Attributes
    ----------
    codes : (n, length) uint8
        Base codes, see genoml.sequence: an array, a ``numpy.memmap``, windows of a genome on disk, a data set of HDF5
        or zarr, or another array-like that gives rows by a slice and by ascending numbers.
    targets : (n, tasks) float32
        Labels: an array; of ``ProfileData`` profiles, which may also be rows read on demand.
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
    control : (n, channels, length), or None
        Further input of the network beside the bases, such as control tracks: an array, or rows read on demand.
    alphabet : {"DNA", "RNA"}
        Letters of the sequences. RNA has one strand, so models of it are trained and read on one by default.

    Sequences given as letters (a list, an array, a column of a data frame) become codes, the shorter ones padded evenly
    on both sides; the alphabet is then RNA if there is a U.
    """

    codes: Codes
    targets: Any
    groups: np.ndarray | None = None
    extras: Mapping[str, np.ndarray] = field(default_factory=dict)
    names: np.ndarray | None = None
    intervals: Intervals | None = None
    target_names: tuple[str, ...] = ()
    control: Any = None
    alphabet: Literal["DNA", "RNA"] = "DNA"

    def __post_init__(self) -> None:
        if holds_letters(self.codes):
            batch = list_sequences(self.codes)
            object.__setattr__(self, "codes", base_codes(batch, pad="both"))
            object.__setattr__(self, "alphabet", alphabet_of(batch))
        if not isinstance(self.targets, np.ndarray | LazyRows) or self.targets.dtype.kind not in "biuf":
            got = str(getattr(self.targets, "dtype", type(self.targets).__name__))
            raise TypeError(
                f"SequenceData expects targets as an array of numbers, got {got}; use np.array(targets, np.float32)"
            )
        if len(self.codes.shape) != 2 or self.codes.dtype != np.uint8:
            raise ValueError(
                f"SequenceData expects uint8 codes (n, length), got {self.codes.dtype} {self.codes.shape}"
            )
        object.__setattr__(self, "codes", as_codes(self.codes))
        for text in ("groups", "names"):
            if isinstance(getattr(self, text), list | tuple):
                object.__setattr__(self, text, np.array(getattr(self, text), dtype=object))
        self.check_targets()
        per_example = {
            "groups": self.groups,
            "names": self.names,
            "intervals": self.intervals,
            "control": self.control,
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

    def check_targets(self) -> None:
        """Raise ValueError unless targets are (n, tasks); a data set with other targets overrides this."""
        if self.targets.ndim != 2 or len(self.targets) != len(self.codes):
            hint = "; genoml.data.ProfileData has profiles" if self.targets.ndim == 3 else ""
            raise ValueError(
                f"SequenceData expects targets ({len(self.codes)}, tasks), got {self.targets.shape}{hint}"
            )

    def __len__(self) -> int:
        return len(self.codes)

    def name_of(self, row: int) -> str:
        """Name of an example for messages: its own, its place in the genome, or its number from 0."""
        if self.names is not None:
            return str(self.names[row])
        return f"example {row}" if self.intervals is None else self.intervals.place(row)

    def take(self, index: np.ndarray | Sequence[int]) -> Self:
        """The examples at these positions, in their order, or where a mask is true.

        Codes in memory are copied; of codes that are read on demand it is a view.
        """
        index = row_numbers(index, len(self))
        return replace(
            self,
            codes=take_rows(self.codes, index),
            targets=take_rows(self.targets, index),
            groups=None if self.groups is None else self.groups[index],
            extras={name: values[index] for name, values in self.extras.items()},
            names=None if self.names is None else self.names[index],
            intervals=None if self.intervals is None else self.intervals[index],
            control=None if self.control is None else take_rows(self.control, index),
        )

    def batch(
        self,
        index: np.ndarray,
        augmentation: Augmentation,
        rng: np.random.Generator,
        rows: slice = slice(None),
    ) -> Rows:
        """The examples at these positions as arrays, augmented; with ``rows`` these of them alone are read."""
        if self.control is not None:
            raise ValueError("SequenceData turns no control tracks; genoml.data.ProfileData does")
        drawn, index = augmentation.draw(len(index), rng, rows), index[rows]
        codes = augmentation.apply(self.codes[index], *drawn)
        return Rows(codes, self.targets[index], {name: v[index] for name, v in self.extras.items()})

    def for_epoch(self, epoch: int, seed: int) -> Self:
        """The data of one epoch; a data set that draws new examples each epoch overrides this."""
        return self

    @classmethod
    def of(cls, data: Any) -> SequenceData:
        """A data set as it is, or of a pair (sequences, targets), whose targets may be (n,) or (n, tasks).

        Raises
        ------
        TypeError
            For anything else; it names the kind.
        """
        if isinstance(data, SequenceData):
            return data
        if not isinstance(data, tuple) or len(data) != 2:
            raise TypeError(
                f"expects SequenceData or a pair (sequences, targets), got {type(data).__name__}; "
                "genoml.data.table_data makes data of a data frame"
            )
        sequences, targets = data
        columns = np.asarray(targets)
        if columns.dtype.kind not in "US":  # text is refused, also of digits
            columns = columns.astype(np.float32)
        return cls(sequences, columns[:, None] if columns.ndim == 1 else columns)

    @classmethod
    def binary(
        cls,
        positives: Codes,
        negatives: Codes,
        groups: tuple[Sequence[str], Sequence[str]] | None = None,
    ) -> SequenceData:
        """Make a data set from positives (target 1) and negatives (target 0): letters, or codes of one length.

        Raises
        ------
        TypeError, ValueError
            For neither letters nor codes, or codes of two lengths.
        """
        all_groups = None if groups is None else np.array([*groups[0], *groups[1]], dtype=object)
        codes: Any
        if holds_letters(positives) or holds_letters(negatives):
            letters = [list_sequences(part) for part in (positives, negatives)]
            counts = [len(part) for part in letters]
            codes = letters[0] + letters[1]
        else:
            if positives.shape[1:] != negatives.shape[1:]:
                raise ValueError(
                    "SequenceData.binary expects positives and negatives of one length, got "
                    f"{positives.shape} and {negatives.shape}"
                )
            counts = [part.shape[0] for part in (positives, negatives)]
            codes = join_codes((positives, negatives))
        targets = np.concatenate([np.ones((counts[0], 1)), np.zeros((counts[1], 1))])
        return cls(codes, targets.astype(np.float32), all_groups)
