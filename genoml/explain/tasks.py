"""What of a model's output is explained: one output, weights of all, or the counts or the shape of a profile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from array_api_compat import array_namespace
from array_api_compat import device as device_of
from numpy.typing import ArrayLike

from genoml.backend import Array
from genoml.models import join_profile, split_profile
from genoml.nn.layer import Layer
from genoml.ops.activations import softmax
from genoml.train.objectives import Objective
from genoml.train.profile_objective import Profile

__all__ = ["ProfilePart", "Task", "count_task", "profile_task"]

#: the number of an output; the weight of each; or a function from a batch of outputs to their weights, of its shape
Task: TypeAlias = int | ArrayLike | Callable[[Array], Array]


@dataclass(frozen=True)
class ProfilePart:
    """A part of BPNet's outputs, as their weights; see ``profile_task`` and ``count_task``.

    Attributes
    ----------
    part : {"counts", "profile"}
        Which head.
    tracks : int
        Tracks of the model.
    track : int or None
        Which of them; None: the mean of all.
    """

    part: Literal["counts", "profile"]
    tracks: int = 1
    track: int | None = None

    def __post_init__(self) -> None:
        if self.tracks < 1 or (self.track is not None and not 0 <= self.track < self.tracks):
            raise ValueError(f"expects a track from 0 to {self.tracks - 1}, got {self.track}")

    def __call__(self, outputs: Array) -> Array:
        """Weights of outputs (n, tracks * (length + 1)), of their shape."""
        xp = array_namespace(outputs)
        logits, log_counts = split_profile(outputs, self.tracks)
        share = np.full(self.tracks, 1.0 / self.tracks)
        if self.track is not None:
            share = np.eye(self.tracks)[self.track]
        shares = xp.asarray(share, dtype=outputs.dtype, device=device_of(outputs))
        if self.part == "counts":
            return join_profile(xp.zeros_like(logits), xp.zeros_like(log_counts) + shares)
        weights = (softmax(logits, axis=2) - 1.0 / logits.shape[2]) * shares[None, :, None]
        return join_profile(weights, xp.zeros_like(log_counts))


def count_task(track: int | None = None, *, tracks: int = 1) -> ProfilePart:
    """The logarithm of a track's counts, log(1 + n), as what is explained.

    Parameters
    ----------
    track : int, optional
        Which; None: the mean of all.
    tracks : int
        Tracks of the model.

    Raises
    ------
    ValueError
        If there is no such track.
    """
    return ProfilePart("counts", tracks, track)


def profile_task(track: int | None = None, *, tracks: int = 1) -> ProfilePart:
    """The shape of a track's profile as what is explained, whatever the counts.

        f = sum_l p_l (z_l - mean(z)),    p = softmax(z) of the sequence itself, held constant

    High where the logits z stand out at the positions that have the reads. Arguments and errors as in ``count_task``.

    References
    ----------
    Avsec et al. (2021), doi:10.1038/s41588-021-00782-6, methods, whose contribution scores weigh the logits so.
    """
    return ProfilePart("profile", tracks, track)


def task_of(model: Layer, task: Task | None) -> Task:
    """The task that was asked for, or output 0; of a model that was trained for profiles the counts of all tracks."""
    if task is not None:
        return task
    objective = _objective(model)
    return count_task(tracks=objective.tracks) if isinstance(objective, Profile) else 0


def other_strand(model: Layer, task: Task) -> Task:
    """The same task of the outputs for the reverse complement, whose positions are turned and strands exchanged."""
    objective = _objective(model)
    if type(objective).turned is Objective.turned:
        return task

    def turned(outputs: Array) -> Array:
        return objective.turned(weights_of(objective.turned(outputs), task))

    return turned


def _objective(model: Layer) -> Objective:
    return Objective() if model.trained is None else model.trained.objective


def weights_of(outputs: Array, task: Task) -> Array:
    """Weights of a batch of outputs, (n, features); outputs with more axes are flattened.

    Raises
    ------
    ValueError
        If there is no such output, or the weights are of another shape or not finite.
    """
    xp, size = array_namespace(outputs), 1
    for extent in outputs.shape[1:]:
        size *= extent
    shape = (outputs.shape[0], size)
    if callable(task):
        found = task(outputs)
        if tuple(found.shape) != tuple(outputs.shape):
            raise ValueError(f"task expects weights {tuple(outputs.shape)}, got {tuple(found.shape)}")
        return xp.reshape(found, shape)
    if isinstance(task, int | np.integer):
        if not -size <= task < size:
            raise ValueError(f"task expects an output from 0 to {size - 1}, got {task}")
        weights = np.zeros(size)
        weights[task] = 1.0
    else:
        weights = np.asarray(task, dtype=np.float64)
        if weights.shape != (size,) or not np.isfinite(weights).all():
            raise ValueError(f"task expects {size} finite weights, one an output, got shape {weights.shape}")
    row = xp.asarray(weights, dtype=outputs.dtype, device=device_of(outputs))
    return xp.broadcast_to(row, shape)


def score_of(outputs: Array, weights: Array) -> Array:
    """f[n, k] = sum_o weights[n, o] outputs[n k, o], (n, k): of k rows of outputs for each row of weights."""
    xp = array_namespace(outputs)
    count, size = weights.shape
    # the products of matrices, (k, o) by (o, 1) of each n
    rows = xp.reshape(outputs, (count, -1, size))
    return xp.reshape(rows @ xp.expand_dims(weights, axis=2), (count, -1))
