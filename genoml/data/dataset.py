"""Labelled sequences in memory, a byte a base, and how they are split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from genoml.random import host_generator


@dataclass(frozen=True)
class SequenceData:
    """Sequences of one length with their targets.

    Attributes
    ----------
    codes : (n, length) uint8
        Base codes, see genoml.sequence.
    targets : (n, tasks) float32
        Labels.
    groups : (n,) of str, or None
        What must not be torn apart by a split, such as the chromosome.
    extras : mapping of (n, ...) arrays
        What the loss takes beside the targets, by its name there: ``sample_weight``, ``mask`` (0 where a label
        is missing), ``offset`` (of counts); see genoml.objectives.
    """

    codes: np.ndarray
    targets: np.ndarray
    groups: np.ndarray | None = None
    extras: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.codes.ndim != 2 or self.codes.dtype != np.uint8:
            raise ValueError(
                f"SequenceData expects uint8 codes (n, length), got {self.codes.dtype} {self.codes.shape}"
            )
        if self.targets.ndim != 2 or len(self.targets) != len(self.codes):
            raise ValueError(
                f"SequenceData expects targets ({len(self.codes)}, tasks), got {self.targets.shape}"
            )
        if self.groups is not None and len(self.groups) != len(self.codes):
            raise ValueError(f"SequenceData expects {len(self.codes)} groups, got {len(self.groups)}")
        for name, values in self.extras.items():
            if len(values) != len(self.codes):
                raise ValueError(f"SequenceData expects {len(self.codes)} of {name}, got {len(values)}")

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, index: np.ndarray) -> Self:
        """The examples at these positions, or where a mask is true."""
        return replace(
            self,
            codes=self.codes[index],
            targets=self.targets[index],
            groups=None if self.groups is None else self.groups[index],
            extras={name: values[index] for name, values in self.extras.items()},
        )

    def for_epoch(self, epoch: int, seed: int) -> Self:
        """What one epoch trains on; a data set whose examples are drawn anew each time overrides this."""
        return self

    @classmethod
    def binary(
        cls,
        positives: np.ndarray,
        negatives: np.ndarray,
        groups: tuple[Sequence[str], Sequence[str]] | None = None,
    ) -> SequenceData:
        """Two sets of base codes of one length: target 1 and target 0."""
        targets = np.concatenate([np.ones((len(positives), 1)), np.zeros((len(negatives), 1))])
        together = None if groups is None else np.array([*groups[0], *groups[1]], dtype=object)
        return cls(np.concatenate([positives, negatives]), targets.astype(np.float32), together)


def split_random(
    data: SequenceData, fraction: float, seed: int, *, by_class: bool = True
) -> tuple[SequenceData, SequenceData]:
    """(rest, held out): a random ``fraction`` of each class is held out, at least one example of each.

    Classes are those of the first target, so that a rare class is present on both sides. With
    ``by_class=False``, for targets that are not classes, the examples are one class.

    Raises
    ------
    ValueError
        If the fraction is not between 0 and 1, or a class has fewer than two examples.
    """
    if not 0.0 < fraction < 1.0:
        raise ValueError(f"split_random expects 0 < fraction < 1, got {fraction}")
    rng, held = host_generator(seed, "split"), np.zeros(len(data), dtype=bool)
    labels = data.targets[:, 0] if by_class else np.zeros(len(data))
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) < 2:
            raise ValueError(
                f"split_random expects at least 2 examples of each class, got {len(members)} of {label}"
            )
        count = min(max(round(fraction * len(members)), 1), len(members) - 1)
        held[rng.permutation(members)[:count]] = True
    return data.take(~held), data.take(held)


def split_by_group(data: SequenceData, groups: Iterable[str]) -> tuple[SequenceData, SequenceData]:
    """(rest, held out): all examples of the named groups are held out.

    Raises
    ------
    ValueError
        If the data have no groups, a name is not among them, or nothing is left on one side.
    """
    if data.groups is None:
        raise ValueError("split_by_group expects data with groups, got none")
    wanted, present = set(groups), set(data.groups)
    if not wanted <= present:
        raise ValueError(
            f"split_by_group: no such group {sorted(wanted - present)}; there are {sorted(present)}"
        )
    held = np.isin(data.groups, sorted(wanted))
    if held.all() or not held.any():
        raise ValueError(f"split_by_group: holding out {sorted(wanted)} leaves nothing on one side")
    return data.take(~held), data.take(held)
