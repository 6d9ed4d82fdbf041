"""Splits into training and held-out examples: at random, by class, by group such as chromosome, in folds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal, TypeAlias

import numpy as np

from genoml.arguments import Limits, checked
from genoml.data.dataset import SequenceData
from genoml.data.missing import check_present
from genoml.random import host_generator

#: side of a group in a split
_UNDECIDED, _REST, _HELD = 0, 1, 2
#: How folds are made: of equal numbers of examples, or of each class, or of whole groups.
FoldsBy: TypeAlias = Literal["random", "class", "group"]


@checked
def split_random(
    data: SequenceData,
    fraction: Annotated[float, Limits(gt=0, lt=1)],
    seed: int,
    *,
    by_class: bool = True,
    together: np.ndarray | None = None,
) -> tuple[SequenceData, SequenceData]:
    """Hold out a random ``fraction`` of each class, at least one example of each: (rest, held out).

    Classes are those of the first target, or the columns of one-hot targets, so that a rare class is present on both
    sides. With
    ``by_class=False``, for targets that are not classes, the examples are one class. ``together`` (n,) gives groups
    that are not divided, such as those of ``duplicate_groups``; one larger than what is to be held out is in the rest.

    Raises
    ------
    ValueError
        If the fraction is not between 0 and 1, a class has fewer than two examples, or its groups leave it on one side.
    """
    if together is not None and len(together) != len(data):
        raise ValueError(
            f"split_random expects together, a group for each of {len(data)} examples, got {len(together)}"
        )
    rng = host_generator(seed, "split")
    _, group = np.unique(np.arange(len(data)) if together is None else together, return_inverse=True)
    side = np.full(len(data), _UNDECIDED)  # of each group
    labels = _labels(data.targets) if by_class else np.zeros(len(data))
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) < 2:
            raise ValueError(
                f"split_random expects at least 2 examples of each class, got {len(members)} of {label}"
            )
        count = min(max(round(fraction * len(members)), 1), len(members) - 1)
        _hold_out(side, group[rng.permutation(members)], count)
        if len(np.unique(side[group[members]])) < 2:
            raise ValueError(f"split_random: the groups leave all examples of class {label} on one side")
    held = side[group] == _HELD
    return data.take(~held), data.take(held)


def _labels(targets: np.ndarray) -> np.ndarray:
    """The class of each example: its column of one-hot targets, else its first target."""
    one_hot = targets.shape[1] > 1 and np.isin(targets, (0, 1)).all() and (targets.sum(axis=1) == 1).all()
    labels: np.ndarray = targets.argmax(axis=1) if one_hot else targets[:, 0]
    return labels


def _hold_out(side: np.ndarray, drawn: np.ndarray, count: int) -> None:
    """Decide the side of the groups of one class, given for its examples in random order; ``count`` are held out."""
    names, first, sizes = np.unique(drawn, return_index=True, return_counts=True)
    missing = count - int(sizes[side[names] == _HELD].sum())
    order = np.argsort(first)
    order = order[side[names[order]] == _UNDECIDED]
    none_fits = missing == count and len(order) and sizes[order].min() > missing
    missing = int(sizes[order].min()) if none_fits else missing
    for group, size in zip(names[order].tolist(), sizes[order].tolist(), strict=True):
        side[group] = _HELD if size <= missing else _REST
        missing -= size if size <= missing else 0


@checked
def split_by_group(data: SequenceData, groups: Iterable[str]) -> tuple[SequenceData, SequenceData]:
    """Hold out all examples of the named groups: (rest, held out).

    Raises
    ------
    ValueError
        If the data have no groups, a name is not among them, or nothing is left on one side.
    """
    wanted = set(groups)
    held = _members(data, wanted, "split_by_group")
    if held.all() or not held.any():
        raise ValueError(f"split_by_group: holding out {sorted(wanted)} leaves nothing on one side")
    return data.take(~held), data.take(held)


@checked
def split_three_ways(
    data: SequenceData, *, validation: Iterable[str], test: Iterable[str]
) -> tuple[SequenceData, SequenceData, SequenceData]:
    """Split by whole groups, such as chromosomes: (train, validation, test).

    Raises
    ------
    ValueError
        If the data have no groups, a name is unknown or given twice, or one of the three is empty.
    """
    first, second = set(validation), set(test)
    if first & second:
        raise ValueError(f"split_three_ways expects each group once, got {sorted(first & second)} in both")
    parts = [_members(data, wanted, "split_three_ways") for wanted in (first, second)]
    parts.insert(0, ~(parts[0] | parts[1]))
    for name, part in zip(("training", "validation", "test"), parts, strict=True):
        if not part.any():
            raise ValueError(f"split_three_ways: nothing is left for {name}")
    return data.take(parts[0]), data.take(parts[1]), data.take(parts[2])


@checked
def k_folds(
    data: SequenceData, k: Annotated[int, Limits(ge=2)], seed: int = 0, *, by: FoldsBy = "random"
) -> Iterator[tuple[SequenceData, SequenceData]]:
    """Yield (rest, held out) for each of ``k`` folds; every example is held out once.

    Parameters
    ----------
    k : int
        Number of folds, 2 or more.
    seed : int
        The same data with the same seed give the same folds.
    by : {"random", "class", "group"}
        ``"random"``: fold sizes differ by at most one. ``"class"``: the same within each class of the first target (of
        one-hot targets, each column), so that a rare class is spread evenly. ``"group"``: groups stay together, in
        folds of about equal size.

    Raises
    ------
    ValueError
        If there are fewer examples, examples of a class, or groups than folds.
    """
    rng = host_generator(seed, "folds", k)
    fold = _folds_of_groups(data, k, rng) if by == "group" else _folds(data, k, rng, by == "class")
    return ((data.take(fold != number), data.take(fold == number)) for number in range(k))


def _folds(data: SequenceData, k: int, rng: np.random.Generator, by_class: bool) -> np.ndarray:
    """The fold of each example, assigned in turn, class after class."""
    labels = np.zeros(len(data), np.int64)
    if by_class:
        labels = data.targets.argmax(axis=1)
        if data.targets.shape[1] == 1:
            _, labels = np.unique(data.targets[:, 0], return_inverse=True)
    count = np.bincount(labels)
    if count.size == 0 or count.min() < k:
        what = "examples of each class" if by_class else "examples"
        raise ValueError(f"k_folds expects at least {k} {what}, got {count.min(initial=len(data))}")
    order = rng.permutation(len(data))
    order = order[np.argsort(labels[order], kind="stable")]
    fold = np.empty(len(data), np.int64)
    fold[order] = np.arange(len(data)) % k
    return fold


def _folds_of_groups(data: SequenceData, k: int, rng: np.random.Generator) -> np.ndarray:
    """The fold of each example: groups from the largest on, each to the smallest fold so far."""
    if data.groups is None:
        raise ValueError("k_folds by group expects data with groups, got none")
    check_present(data.groups, "k_folds by group expects a group")
    names, which, sizes = np.unique(data.groups.astype(str), return_inverse=True, return_counts=True)
    if len(names) < k:
        raise ValueError(f"k_folds by group expects at least {k} groups, got {len(names)}")
    order = rng.permutation(len(names))
    fold_of = np.empty(len(names), np.int64)
    fold_sizes = np.zeros(k, np.int64)
    for group in order[np.argsort(-sizes[order], kind="stable")].tolist():
        fold_of[group] = np.argmin(fold_sizes)
        fold_sizes[fold_of[group]] += sizes[group]
    fold: np.ndarray = fold_of[which]
    return fold


def _members(data: SequenceData, wanted: set[str], what: str) -> np.ndarray:
    """Whether each example is in one of the named groups; ValueError for an unknown group."""
    if data.groups is None:
        raise ValueError(f"{what} expects data with groups, got none")
    check_present(data.groups, f"{what} expects a group")
    present = set(data.groups)
    if not wanted <= present:
        raise ValueError(f"{what}: no such group {sorted(wanted - present)}; there are {sorted(present)}")
    return np.isin(data.groups, sorted(wanted))
