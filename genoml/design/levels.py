"""The levels of a model's tasks: its outputs on the scale of its predictions on which it is linear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genoml.explain import output_changes
from genoml.nn.layer import Layer
from genoml.sequence.strand import reverse_complement
from genoml.train.cell_types_objective import CellTypes
from genoml.train.counts_objective import Counts
from genoml.train.objectives import BinaryClassification, MultiClassification, Objective, Regression
from genoml.train.predict import encode_batch, predict_outputs
from genoml.train.profile_objective import Profile
from genoml.train.trained import reading_of

__all__ = ["Levels"]

Floats = NDArray[np.float64]
#: bases of changed sequences that are computed at a time, where sequences are short
_BATCH_BP = 1 << 17


@dataclass(frozen=True)
class Levels:
    """Levels of some tasks of one model.

        level = slope output + offset;  of classes the logit, z_k - log sum over j != k of exp(z_j)

    Attributes
    ----------
    model : Layer
        The model.
    objective : Objective
        What it was trained for; of one that ``fit`` has not trained, outputs are levels and predictions.
    both_strands : bool
        Whether outputs are the mean of both strands.
    ambiguous : str
        How it reads ambiguous bases.
    names : sequence of str
        Names of all its tasks; without any, their numbers.
    tasks : tuple of int
        Those whose levels are read.
    columns : tuple of int
        The outputs that these depend on.
    slope, offset : arrays of shape (columns,)
        See above.
    """

    model: Layer
    objective: Objective
    both_strands: bool
    ambiguous: str
    names: tuple[str, ...]
    tasks: tuple[int, ...]
    columns: tuple[int, ...]
    slope: Floats
    offset: Floats

    @classmethod
    def of(cls, model: Layer, sample: np.ndarray) -> Levels:
        """Those of all tasks of a model, whose outputs for some codes (n, length) tell how many there are.

        Raises
        ------
        ValueError
            If the model does not read sequences of this length.
        """
        trained = model.trained
        objective = Objective() if trained is None else trained.objective
        read = reading_of(model, untrained_both=False)
        if trained is not None and trained.length_bp not in (0, sample.shape[1]):
            raise ValueError(
                f"design expects sequences of {trained.length_bp} bp, which the model was trained on, got "
                f"{sample.shape[1]} bp"
            )
        outputs = _flat(predict_outputs(model, sample[:1], both_strands=read.both_strands))
        total, count = outputs.shape[1], 0
        if isinstance(objective, Profile):
            count = objective.tracks
        elif isinstance(objective, Counts):
            count = objective.predictions(outputs).shape[1]
        columns = tuple(range(total - count if isinstance(objective, Profile) else 0, total))[: count or None]
        names = tuple(objective.task_names)
        names = names if len(names) == len(columns) else tuple(map(str, range(len(columns))))
        slope, offset = np.ones(len(columns)), np.zeros(len(columns))
        if isinstance(objective, BinaryClassification) and objective.calibration is not None:
            slope, offset = objective.calibration.slope * slope, objective.calibration.offset + offset
        elif isinstance(objective, Regression) and objective.scale:
            slope, offset = slope * objective.scale, offset + objective.mean
        elif isinstance(objective, Counts) and objective.log_rate:
            offset = offset + objective.log_rate
        every = tuple(range(len(columns)))
        return cls(model, objective, read.both_strands, read.ambiguous, names, every, columns, slope, offset)

    def only(self, tasks: Sequence[int]) -> Levels:
        """Those of some of the tasks."""
        chosen, columns = list(tasks), list(self.columns)
        if isinstance(self.objective, MultiClassification):
            return self._with(
                tasks, columns, self.slope, self.offset
            )  # a class's level depends on all outputs
        return self._with(tasks, [columns[task] for task in chosen], self.slope[chosen], self.offset[chosen])

    def _with(self, tasks: Sequence[int], columns: Sequence[int], slope: Floats, offset: Floats) -> Levels:
        about = self.model, self.objective, self.both_strands, self.ambiguous, self.names
        return Levels(*about, tuple(tasks), tuple(columns), slope, offset)

    def wanted(self, predictions: Sequence[float]) -> Floats:
        """The levels of predictions, one a task.

        Raises
        ------
        ValueError
            For predictions that the model cannot give.
        """
        values = np.asarray(predictions, dtype=np.float64)
        low, high, what = -np.inf, np.inf, "finite values"
        kind = type(self.objective)
        if isinstance(self.objective, BinaryClassification | MultiClassification):
            low, high, what = 0.0, 1.0, "probabilities between 0 and 1, both excluded"
        elif isinstance(self.objective, Counts | CellTypes):
            low, what = 0.0, "rates above 0" if kind is Counts else "values above 0"
        elif isinstance(self.objective, Profile):
            low, what = -1e-300, "reads of 0 or more"
        if not ((values > low) & (values < high)).all():
            raise ValueError(f"Target expects {what}, got {', '.join(f'{value:g}' for value in values)}")
        if high == 1.0:
            return np.asarray(np.log(values) - np.log1p(-values))
        if isinstance(self.objective, Counts):
            return np.asarray(np.log(values))
        if isinstance(self.objective, CellTypes):
            return np.asarray(values + np.log(-np.expm1(-values)))
        return np.asarray(np.log1p(values) if isinstance(self.objective, Profile) else values)

    # ------------------------------------------------------------ from sequences

    def outputs(self, codes: np.ndarray) -> Floats:
        """The outputs (n, columns) of sequences."""
        options: Any = {"both_strands": self.both_strands, "ambiguous": self.ambiguous}
        found = _flat(predict_outputs(self.model, codes, **options))
        return found[:, list(self.columns)].astype(np.float64)

    def changed_outputs(self, codes: np.ndarray, own: Floats, stretches: np.ndarray | None) -> Floats:
        """Outputs (n, positions, kinds, columns) after each replacement, see ``output_changes``."""
        options: Any = {"both_strands": self.both_strands, "ambiguous": self.ambiguous}
        batch_size = max(384, _BATCH_BP // codes.shape[1])
        changes = output_changes(
            self.model, codes, self.columns, stretches=stretches, batch_size=batch_size, **options
        )
        return np.asarray(own[:, None, None, :] + changes)

    def levels(self, outputs: Floats) -> Floats:
        """Levels (..., tasks) of outputs (..., columns)."""
        if not isinstance(self.objective, MultiClassification):
            return self.slope * outputs + self.offset
        flat = self.objective.logits(outputs.reshape(-1, len(self.columns)))
        return flat[:, list(self.tasks)].reshape(*outputs.shape[:-1], len(self.tasks))

    def pulled(self, outputs: Floats, grad: Floats) -> Floats:
        """The gradient by outputs (n, columns) from that by levels (n, tasks)."""
        if not isinstance(self.objective, MultiClassification):
            return self.slope * grad
        # dl_k/dz_k = 1, dl_k/dz_j = -exp(z_j) / sum over i != k of exp(z_i)
        found = np.zeros_like(outputs)
        for place, task in enumerate(self.tasks):
            others = np.exp(outputs - outputs.max(axis=1, keepdims=True))
            others[:, task] = 0.0
            share = -others / others.sum(axis=1, keepdims=True)
            share[:, task] = 1.0
            found += grad[:, place, None] * share
        return found

    def predictions(self, codes: np.ndarray) -> Floats:
        """Predictions (n, tasks) of all tasks, as people read them."""
        options: Any = {"both_strands": self.both_strands, "ambiguous": self.ambiguous}
        outputs = _flat(predict_outputs(self.model, codes, **options))
        return np.asarray(self.objective.numbers(outputs), dtype=np.float64)

    def input_gradient(self, codes: np.ndarray) -> tuple[Floats, Any]:
        """Outputs (n, columns), and a function from their gradient to that by the bases, (n, length, 4)."""
        backend, objective = self.model.backend, self.objective
        x = encode_batch(codes, backend, self.model.dtype, self.ambiguous)
        own, pullback = self.model.vjp(x)
        shape, values = tuple(own.shape), _flat(backend.to_numpy(own)).astype(np.float64)
        other_pullback: Any = None
        if self.both_strands:
            x = encode_batch(reverse_complement(codes), backend, self.model.dtype, self.ambiguous)
            other, other_pullback = self.model.vjp(x)
            turned = _flat(backend.to_numpy(objective.turned(other)))
            values = 0.5 * (values + turned)

        def pull(grad: Floats) -> Floats:
            whole = np.zeros((len(codes), int(np.prod(shape[1:]))))
            whole[:, list(self.columns)] = grad
            placed = backend.asarray(whole.reshape(shape), dtype=self.model.dtype)
            found = backend.to_numpy(pullback(placed, need_params=False)[0])
            if other_pullback is not None:
                # turning outputs only moves them, there and back
                turned = backend.to_numpy(other_pullback(objective.turned(placed), need_params=False)[0])
                found = 0.5 * (found + turned[:, ::-1, ::-1])
            return np.asarray(found.transpose(0, 2, 1), dtype=np.float64)

        return values[:, list(self.columns)], pull


def _flat(outputs: np.ndarray) -> np.ndarray:
    return outputs.reshape(len(outputs), -1)
