"""Which output of a run is explained, by the names that people know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genoml.explain import count_task, profile_task
from genoml.explain.tasks import Task
from genoml.io.errors import shown
from genoml.runs.run import Run
from genoml.train.cell_types_objective import CellTypes
from genoml.train.counts_objective import Counts
from genoml.train.objectives import BinaryClassification, MultiClassification
from genoml.train.profile_objective import Profile

__all__ = ["Explained", "explained_output"]


@dataclass(frozen=True)
class Explained:
    """The output of a model that bases are explained for.

    Attributes
    ----------
    task : int or callable
        See :func:`genoml.explain.saliency`.
    what : str
        It in words; empty where there is one output alone.
    predicted : str
        What the number beside an explained sequence is.
    columns : tuple of int
        The numbers of the prediction that are added up for it; empty: all.
    """

    task: Task = 0
    what: str = ""
    predicted: str = "probability"
    columns: tuple[int, ...] = (0,)

    def number_of(self, numbers: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """The number (n,) of predictions (n, tasks)."""
        chosen = numbers[:, list(self.columns)] if self.columns else numbers
        found: NDArray[np.floating[Any]] = chosen.sum(axis=1)
        return found


#: of a network with one output
THE_OUTPUT = Explained()


def explained_output(run: Run, name: str | None = None) -> Explained:
    """The output of a run that bases are explained for.

    Parameters
    ----------
    run : Run
        The run.
    name : str, optional
        Of a task or class; of profiles ``counts`` or ``profile``, of all tracks, or of one: ``counts:TRACK``. None: the
        first output, or the counts of profiles.

    Raises
    ------
    ValueError
        If there is no such output; the message lists them.
    """
    objective = run.objective
    names = list(objective.task_names) or run.record.task.names
    if isinstance(objective, Profile):
        return _explained_part(objective.tracks, names, name)
    if name is not None and name not in names:
        raise ValueError(f"no output is named {shown(name)!r}; there are {', '.join(names) or 'no names'}")
    number = 0 if name is None else names.index(name)
    of = f" of {names[number]}" if len(names) > 1 else ""
    what, kind = "the value", "value"
    if isinstance(objective, BinaryClassification | MultiClassification):
        what, kind = "the logit", "probability"
    elif isinstance(objective, Counts):
        what, kind = "the logarithm of the rate", "rate"
    elif isinstance(objective, CellTypes):
        what = "z, of the activity log(1 + exp(z))"
    return Explained(number, what + of if of else "", kind + of, (number,))


def _explained_part(tracks: int, names: list[str], name: str | None) -> Explained:
    """The counts or the shape of profiles."""
    part, _, track = (name or "counts").partition(":")
    names = names if len(names) == tracks else [str(number) for number in range(tracks)]
    if part not in ("counts", "profile") or (track and track not in names):
        known = [
            f"{each}{of}" for each in ("counts", "profile") for of in ("", *(f":{one}" for one in names))
        ]
        raise ValueError(f"no output is named {shown(name or '')!r}; there are {', '.join(known)}")
    number = names.index(track) if track else None
    of = track or ("its track" if tracks == 1 else f"{', '.join(names)}, in the mean")
    what = "the logarithm of the counts" if part == "counts" else "the shape of the profile"
    task = count_task(number, tracks=tracks) if part == "counts" else profile_task(number, tracks=tracks)
    columns = () if number is None else (number,)
    return Explained(task, f"{what} of {of}", f"reads of {track or 'all tracks'}", columns)
