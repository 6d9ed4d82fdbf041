"""Goals of a design: what is made as large as possible, from the levels of a model's tasks.

A level is a prediction on the scale on which the model is linear: the logit of a probability, the logarithm of a rate,
log(1 + reads) of a profile's counts, the value of a regression. It does not saturate, and has the order of the
prediction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Goal", "Maximise", "Minimise", "Specific", "Target"]

#: a task by its number, from 0, or its name
TaskName: TypeAlias = "int | str"
Floats = NDArray[np.float64]


def number_of(task: TaskName, names: Sequence[str]) -> int:
    """The number of a task.

    Raises
    ------
    ValueError
        If there is none of this name or number; the message names those that there are.
    """
    if isinstance(task, str) and task in names:
        return list(names).index(task)
    if isinstance(task, int | np.integer) and not isinstance(task, bool) and 0 <= task < len(names):
        return int(task)
    raise ValueError(f"no task is named {task!r}; there are {', '.join(names)}")


class Goal:
    """Base of the goals. One of your own defines ``tasks``, ``score`` and, for the method gradient, ``gradient``.

    Shapes
    ------
    levels : (..., tasks), in the order of ``tasks``
    """

    #: predictions whose levels are wanted, one a task
    wanted: Sequence[float] | None = None

    def tasks(self, names: Sequence[str]) -> list[int]:
        """The numbers of the tasks whose levels the goal reads, of a model whose tasks have these names."""
        raise NotImplementedError(f"{type(self).__name__} must define tasks")

    def score(self, levels: Floats, wanted: Floats) -> Floats:
        """The number (...,) that is to become as large as possible; ``wanted`` are levels, (tasks,) or none."""
        raise NotImplementedError(f"{type(self).__name__} must define score")

    def gradient(self, levels: Floats, wanted: Floats) -> Floats:
        """Derivative of the score by each level, (..., tasks)."""
        raise NotImplementedError(f"{type(self).__name__} must define gradient")


@dataclass(frozen=True)
class Maximise(Goal):
    """As large a level of one task as possible: f = y."""

    task: TaskName = 0

    def tasks(self, names: Sequence[str]) -> list[int]:
        return [number_of(self.task, names)]

    def score(self, levels: Floats, wanted: Floats) -> Floats:
        return levels[..., 0]

    def gradient(self, levels: Floats, wanted: Floats) -> Floats:
        return np.ones_like(levels)


@dataclass(frozen=True)
class Minimise(Maximise):
    """As small a level of one task as possible: f = -y."""

    def score(self, levels: Floats, wanted: Floats) -> Floats:
        return -levels[..., 0]

    def gradient(self, levels: Floats, wanted: Floats) -> Floats:
        return -np.ones_like(levels)


@dataclass(frozen=True)
class Target(Goal):
    """Predictions near given ones: f = -sum_t (y_t - level(wanted_t))^2.

    Parameters
    ----------
    values : mapping
        Task -> the prediction that is wanted, as ``predict`` gives it: a probability between 0 and 1, a rate above 0,
        reads, or a value.
    """

    values: Mapping[TaskName, float]

    def __post_init__(self) -> None:
        if not isinstance(self.values, Mapping) or not self.values:
            raise TypeError(
                f"Target expects predictions by task, such as {{'dev': 5.0}}, got {self.values!r}"
            )

    @property
    def wanted(self) -> Sequence[float]:  # type: ignore[override]
        return list(self.values.values())

    def tasks(self, names: Sequence[str]) -> list[int]:
        return [number_of(task, names) for task in self.values]

    def score(self, levels: Floats, wanted: Floats) -> Floats:
        return np.asarray(-((levels - wanted) ** 2).sum(axis=-1))

    def gradient(self, levels: Floats, wanted: Floats) -> Floats:
        return np.asarray(-2.0 * (levels - wanted))


@dataclass(frozen=True)
class Specific(Goal):
    """One task high above the others: f = y_task - max of y_other.

    Parameters
    ----------
    task : int or str
        The one that is to be high.
    against : sequence of int or str, optional
        The others; all, if left out.

    References
    ----------
    Gosai et al. (2024), doi:10.1038/s41586-024-08070-z, whose minimum gap this is.
    """

    task: TaskName
    against: Sequence[TaskName] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.against, str) or (self.against is not None and not len(self.against)):
            raise TypeError(f"Specific expects a list of tasks as against, got {self.against!r}")

    def tasks(self, names: Sequence[str]) -> list[int]:
        task = number_of(self.task, names)
        others = range(len(names)) if self.against is None else self.against
        numbers = [number_of(other, names) for other in others]
        numbers = [other for other in numbers if other != task]
        if not numbers:
            raise ValueError(f"Specific expects another task beside {self.task!r} to be against, got none")
        return [task, *numbers]

    def score(self, levels: Floats, wanted: Floats) -> Floats:
        return np.asarray(levels[..., 0] - levels[..., 1:].max(axis=-1))

    def gradient(self, levels: Floats, wanted: Floats) -> Floats:
        found = np.zeros_like(levels)
        found[..., 0] = 1.0
        highest: Any = levels[..., 1:].argmax(axis=-1)[..., None] + 1
        np.put_along_axis(found, highest, -1.0, axis=-1)
        return found
