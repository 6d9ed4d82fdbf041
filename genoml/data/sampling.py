"""Samplers: the examples of an epoch and their order, uniform or for imbalanced classes.

Every sampler is a pure function of the targets, the seed and the epoch: a run can be resumed at any step, and the order
does not depend on how far ahead batches are fetched.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genoml.arguments import Positive, checked
from genoml.random import host_generator


class Sampler:
    """Base of the samplers; by itself it draws each example once an epoch, in random order."""

    def epoch_size(self, targets: np.ndarray) -> int:
        """Number of examples of an epoch."""
        return len(targets)

    def batches(self, targets: np.ndarray, batch_size: int, seed: int, epoch: int) -> list[np.ndarray]:
        """Positions of the examples of each batch, whose sizes differ by at most one.

        Parameters
        ----------
        targets : (n, tasks) array
            Of the training data.
        batch_size : int
            The most examples of a batch.
        seed, epoch : int
            Keys of the draw.

        Raises
        ------
        ValueError
            If batch_size < 1, there are no examples, or the targets are not what the sampler needs.
        """
        return epoch_order(len(targets), batch_size, seed, epoch)

    def share_of_positives(self, targets: np.ndarray) -> float:
        """Fraction of positives among the draws, for the first task: ``trained_prior`` of ``prior_shift``."""
        return float(np.mean(targets[:, 0]))


@dataclass(frozen=True)
class BalancedSampler(Sampler):
    """Batches with equally many examples of each class.

    An epoch draws as many examples as there are (rounded up to equal numbers), so its length is that of
    uniform sampling. The examples of each class are drawn in random order, and none again before all have been, also
    across epochs: after every epoch the examples of a class have been seen equally often, up to one. At 1:99 an epoch
    sees each positive about 50 times, and half of the negatives once.

    Classes are 0 and 1 of one target, or the columns of one-hot targets.
    """

    def epoch_size(self, targets: np.ndarray) -> int:
        classes = len(np.unique(_classes(targets)))
        return -(-len(targets) // classes) * classes

    def batches(self, targets: np.ndarray, batch_size: int, seed: int, epoch: int) -> list[np.ndarray]:
        labels = _classes(targets)
        classes = np.unique(labels)
        columns = -(-len(labels) // len(classes))
        drawn = [
            _rounds(np.flatnonzero(labels == label), columns, seed, epoch, int(label)) for label in classes
        ]
        # a row has one example of each class, in random order, so that any run of rows is balanced
        rows = host_generator(seed, "balanced", epoch).permuted(np.stack(drawn, axis=1), axis=1)
        return cut(rows.reshape(-1), batch_size)

    def share_of_positives(self, targets: np.ndarray) -> float:
        return 0.5 if len(np.unique(targets[:, 0])) == 2 else super().share_of_positives(targets)


@checked
@dataclass(frozen=True)
class NegativeSampler(Sampler):
    """All positives, and new negatives for each epoch.

    An epoch draws every positive once and ``ratio`` times as many negatives, which differ from those of the
    epochs before until all have been used. An epoch is as long as that: at 1:99 with ratio 1 a fiftieth of the
    data, so train for more epochs.

    Attributes
    ----------
    ratio : float
        Negatives for each positive, above 0.
    """

    ratio: Positive = 1.0

    def epoch_size(self, targets: np.ndarray) -> int:
        positives = int(np.sum(_binary("NegativeSampler", targets)))
        return positives + self._negatives(positives)

    def batches(self, targets: np.ndarray, batch_size: int, seed: int, epoch: int) -> list[np.ndarray]:
        positive = _binary("NegativeSampler", targets)
        positives = np.flatnonzero(positive)
        negatives = _rounds(np.flatnonzero(~positive), self._negatives(len(positives)), seed, epoch, 0)
        both = np.concatenate([positives, negatives])
        return cut(host_generator(seed, "negatives", epoch).permutation(both), batch_size)

    def share_of_positives(self, targets: np.ndarray) -> float:
        positives = int(np.sum(_binary("NegativeSampler", targets)))
        return positives / (positives + self._negatives(positives))

    def _negatives(self, positives: int) -> int:
        return max(1, round(self.ratio * positives))


@checked
@dataclass(frozen=True, eq=False)
class WeightedSampler(Sampler):
    """Draw each example in proportion to its weight.

    Of the n draws of an epoch, example i gets n w_i / sum w on average, and in each epoch that number rounded
    down or up (systematic sampling: less noise than draws with replacement).

    Attributes
    ----------
    weights : (n,) array
        One for each training example, 0 or more.
    """

    weights: np.ndarray

    def __post_init__(self) -> None:
        weights = np.asarray(self.weights, np.float64)
        if weights.ndim != 1 or not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
            raise ValueError(
                "WeightedSampler expects weights (n,) of 0 or more, one above 0 at least, "
                f"got shape {weights.shape}, from {weights.min(initial=np.inf)} to {weights.max(initial=-np.inf)}"
            )

    def batches(self, targets: np.ndarray, batch_size: int, seed: int, epoch: int) -> list[np.ndarray]:
        share = self._shares(targets)
        count = len(targets)
        rng = host_generator(seed, "weighted", epoch)
        # random order, so that neighbours in the data do not exclude one another
        order = rng.permutation(count)
        ends = np.cumsum(share[order])
        points = (np.arange(count) + rng.random()) / count * ends[-1]
        drawn = order[np.minimum(np.searchsorted(ends, points, side="right"), count - 1)]
        return cut(rng.permutation(drawn), batch_size)

    def share_of_positives(self, targets: np.ndarray) -> float:
        return float(self._shares(targets) @ targets[:, 0])

    def _shares(self, targets: np.ndarray) -> np.ndarray:
        weights = np.asarray(self.weights, np.float64)
        if len(weights) != len(targets):
            raise ValueError(
                f"WeightedSampler expects {len(weights)} examples, as weights, got {len(targets)}"
            )
        # scaled first, so that no sum overflows
        weights = weights / weights.max()
        shares: np.ndarray = weights / weights.sum()
        return shares


def _rounds(members: np.ndarray, count: int, seed: int, epoch: int, label: int) -> np.ndarray:
    """``count`` members for one epoch: whole rounds of all members, then the next part of a shared round.

    The parts of all epochs, joined, are permutations of the members, one after another.
    """
    size = len(members)
    whole, rest = divmod(count, size)
    rounds = host_generator(seed, "rounds", label, epoch).permuted(np.tile(members, (whole, 1)), axis=1)
    start = epoch * rest
    first = start // size
    last = -(-(start + rest) // size)
    shared = [
        host_generator(seed, "round", label, number).permutation(members) for number in range(first, last)
    ]
    part = np.concatenate([members[:0], *shared])[start - first * size :][:rest]
    return np.concatenate([rounds.reshape(-1), part])


def _binary(sampler: str, targets: np.ndarray) -> np.ndarray:
    """Whether each example is a positive; ValueError unless there are positives, negatives and nothing else."""
    positive: np.ndarray = targets[:, 0] == 1
    if targets.shape[1] != 1 or not (positive | (targets[:, 0] == 0)).all():
        raise ValueError(f"{sampler} expects one target of 0 or 1, got {targets.shape[1]} targets, or others")
    if positive.all() or not positive.any():
        raise ValueError(
            f"{sampler} expects both classes, got {int(positive.sum())} positives of {len(targets)} examples"
        )
    return positive


def _classes(targets: np.ndarray) -> np.ndarray:
    """The class of each example."""
    if targets.shape[1] == 1:
        return _binary("BalancedSampler", targets).astype(np.int64)
    if not ((targets == 0) | (targets == 1)).all() or not (targets.sum(axis=1) == 1).all():
        raise ValueError(
            f"BalancedSampler expects one target of 0 or 1, or one-hot classes; got {targets.shape[1]} targets "
            "that are not one-hot"
        )
    labels: np.ndarray = np.argmax(targets, axis=1)
    return labels


def epoch_order(count: int, batch_size: int, seed: int, epoch: int) -> list[np.ndarray]:
    """Batches of positions for one epoch: a permutation keyed by (seed, epoch), cut evenly.

    Batch sizes differ by at most one, so that no small last batch disturbs batch statistics.

    Raises
    ------
    ValueError
        If batch_size < 1 or there are no examples.
    """
    if batch_size < 1 or count < 1:
        raise ValueError(f"epoch_order expects examples and batch_size >= 1, got {count} and {batch_size}")
    return cut(host_generator(seed, "order", epoch).permutation(count), batch_size)


def cut(order: np.ndarray, batch_size: int) -> list[np.ndarray]:
    """Cut an order of examples into batches of at most ``batch_size``, as evenly as possible.

    Raises
    ------
    ValueError
        If batch_size < 1.
    """
    if batch_size < 1:
        raise ValueError(f"a batch expects at least 1 example, got batch_size = {batch_size}")
    return np.array_split(order, -(-len(order) // batch_size))
