"""How near sequences are to a goal, by one model or an ensemble."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from genoml.design.goals import Goal
from genoml.design.levels import Levels
from genoml.nn.layer import Layer

__all__ = ["Scorer"]

Floats = NDArray[np.float64]
#: how the scores of an ensemble's models become one: their mean, the smallest, or k: mean - k standard deviations
Ensemble: TypeAlias = "Literal['mean', 'minimum'] | float"

#: numbers of changed sequences that are held at a time
_NUMBERS = 1 << 23
#: sequences whose gradient is computed at a time
_BATCH = 128


@dataclass(frozen=True)
class Scorer:
    """The score of a goal.

    Attributes
    ----------
    members : sequence of Levels
        Of the goal's tasks, one a model.
    goal : Goal
        The goal.
    ensemble : {"mean", "minimum"} or float
        How the members' scores become one.
    wanted : array
        Levels that the goal wants, if any.
    """

    members: Sequence[Levels]
    goal: Goal
    ensemble: Ensemble
    wanted: Floats

    @classmethod
    def of(cls, models: Sequence[Layer], goal: Goal, ensemble: Ensemble, codes: np.ndarray) -> Scorer:
        """The scorer of a goal for sequences like these.

        Raises
        ------
        ValueError
            If the models do not read them, differ in their tasks, or have no task that the goal names.
        """
        every = [Levels.of(model, codes) for model in models]
        for number, other in enumerate(every[1:], 1):
            if other.names != every[0].names or type(other.objective) is not type(every[0].objective):
                kinds = [
                    f"{type(each.objective).__name__} of {', '.join(each.names)}"
                    for each in (every[0], other)
                ]
                raise ValueError(
                    f"design expects models of the same tasks; model 0 has {kinds[0]}, model {number} {kinds[1]}"
                )
        tasks = goal.tasks(every[0].names)
        members = [each.only(tasks) for each in every]
        wanted = np.zeros(0) if goal.wanted is None else members[0].wanted(goal.wanted)
        return cls(members, goal, ensemble, wanted)

    def _combined(self, scores: Sequence[Floats]) -> Floats:
        """One score of the members'."""
        if len(scores) == 1:
            return scores[0]
        every = np.stack(scores)
        if self.ensemble == "minimum":
            return np.asarray(every.min(axis=0))
        mean = every.mean(axis=0)
        return np.asarray(mean if self.ensemble == "mean" else mean - self.ensemble * every.std(axis=0))

    def _weights(self, scores: Floats) -> Floats:
        """The derivative of the score by each member's, (members, n).

        Of mean - k sd:  d/ds_m = 1 / M - k (s_m - mean) / (M sd);  of the minimum 1 for the first that has it.
        """
        count = len(scores)
        if self.ensemble == "minimum":
            return np.asarray(np.arange(count)[:, None] == scores.argmin(axis=0), dtype=np.float64)
        found = np.full(scores.shape, 1.0 / count)
        if self.ensemble != "mean":
            apart, sd = scores - scores.mean(axis=0), scores.std(axis=0)
            found -= self.ensemble * np.divide(apart, count * sd, out=np.zeros_like(apart), where=sd > 0)
        return found

    def _score(self, member: Levels, outputs: Floats) -> Floats:
        return self.goal.score(member.levels(outputs), self.wanted)

    def of_codes(self, codes: np.ndarray) -> Floats:
        """The scores (n,) of sequences, computed whole."""
        return self._combined([self._score(member, member.outputs(codes)) for member in self.members])

    def predictions(self, codes: np.ndarray) -> Floats:
        """Predictions (n, tasks) of all tasks for sequences, the mean of the members."""
        if not len(codes):
            return np.zeros((0, len(self.members[0].names)))
        return np.asarray(np.mean([member.predictions(codes) for member in self.members], axis=0))

    def of_changes(self, codes: np.ndarray, stretches: np.ndarray | None = None) -> Floats:
        """The scores (n, positions, kinds) after each replacement of a base, or by one of some stretches.

        Without stretches the kinds are A, C, G and T; the own base gives the score of the sequence.
        """
        n, length = codes.shape
        kinds, width = (4, 1) if stretches is None else stretches.shape
        columns = max(len(member.columns) for member in self.members)
        found = np.empty((n, length - width + 1, kinds))
        step = max(_NUMBERS // (length * kinds * columns), 1)
        for part in (slice(first, first + step) for first in range(0, n, step)):
            scores = []
            for member in self.members:
                own = member.outputs(codes[part])
                scores.append(self._score(member, member.changed_outputs(codes[part], own, stretches)))
            found[part] = self._combined(scores)
        return found

    def with_gradient(self, codes: np.ndarray) -> tuple[Floats, Floats]:
        """The scores (n,) of sequences, and their gradient by the bases, (n, length, 4)."""
        with self.members[0].model.backend.computing():
            parts = [self._with_gradient(codes[at : at + _BATCH]) for at in range(0, len(codes), _BATCH)]
        scores, gradients = zip(*parts, strict=True)
        return np.concatenate(scores), np.concatenate(gradients)

    def _with_gradient(self, codes: np.ndarray) -> tuple[Floats, Floats]:
        traced = [member.input_gradient(codes) for member in self.members]
        levels = [member.levels(outputs) for member, (outputs, _) in zip(self.members, traced, strict=True)]
        scores = np.stack([self.goal.score(each, self.wanted) for each in levels])
        weights = self._weights(scores)
        gradient = np.zeros((*codes.shape, 4))
        for member, (outputs, pull), own, weight in zip(self.members, traced, levels, weights, strict=True):
            by_levels = weight[:, None] * self.goal.gradient(own, self.wanted)
            gradient += pull(member.pulled(outputs, by_levels))
        return self._combined(list(scores)), gradient
