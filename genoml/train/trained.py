"""What a model was trained for, and how sequences of any form become the base codes that it reads."""

from __future__ import annotations

import warnings
from copy import copy
from dataclasses import dataclass, replace
from typing import Literal, cast

import numpy as np

from genoml.data import Codes, SequenceData
from genoml.data.codes import as_codes
from genoml.nn.layer import Layer
from genoml.sequence.codes import Sequences, flat_codes, holds_letters, list_sequences
from genoml.sequence.encode import base_codes
from genoml.train.objectives import BinaryClassification, Objective
from genoml.train.options import FitOptions


@dataclass(frozen=True)
class Trained:
    """Record of a training on its model, ``model.trained``: the sequences that it reads, the meaning of its outputs.

    Attributes
    ----------
    objective : Objective
        Turns the model's outputs into predictions; its ``task_names`` are those of the training data.
    both_strands : bool
        Whether it was trained on both strands, and a prediction is the mean of both.
    length_bp : int
        Length of the training sequences, to which shorter letters are padded; 0: unknown.
    alphabet : {"DNA", "RNA"}
        Letters of the training sequences.
    ambiguous : str
        How it reads letters such as N and R, see ``genoml.sequence.one_hot``.
    """

    objective: Objective
    both_strands: bool
    length_bp: int = 0
    alphabet: Literal["DNA", "RNA"] = "DNA"
    ambiguous: str = "zero"

    @property
    def task_names(self) -> tuple[str, ...]:
        """Names of the tasks, or of the classes; empty if unknown."""
        return self.objective.task_names

    @classmethod
    def on(cls, data: SequenceData, options: FitOptions) -> Trained:
        """What is learned from these data, with options for their alphabet."""
        objective = options.objective
        if data.target_names and not objective.task_names:
            objective = copy(objective)
            object.__setattr__(objective, "task_names", data.target_names)
        both = options.augmentation.reverse_complement is not False
        return cls(objective, both, data.codes.shape[1], data.alphabet, options.ambiguous)


def reading_of(
    model: Layer,
    *,
    objective: Objective | None = None,
    both_strands: bool | None = None,
    ambiguous: str | None = None,
    length_bp: int | None = None,
    untrained_both: bool = True,
) -> Trained:
    """The record ``model.trained`` with the given values in place of its own; the defaults if ``fit`` made none.

    Raises
    ------
    ValueError
        If the objective is another than the one that the outputs were trained for.

    Warns
    -----
    UserWarning
        If strands, ambiguous letters or lengths are to be read otherwise than in training.
    """
    known: Trained | None = model.trained
    if known is None:
        both = untrained_both if both_strands is None else both_strands
        return Trained(
            objective or BinaryClassification(), both, length_bp or 0, ambiguous=ambiguous or "zero"
        )
    if objective is not None and known.objective.contradicts(objective):
        raise ValueError(f"the model was trained for {known.objective}, got objective = {objective}")
    if both_strands not in (None, known.both_strands):
        words = "both strands" if known.both_strands else "one strand"
        _warn_otherwise(f"the model was trained on {words}, and is read with both_strands = {both_strands}")
    if ambiguous not in (None, "error", known.ambiguous) and known.ambiguous != "error":
        _warn_otherwise(
            f"the model was trained with ambiguous = {known.ambiguous!r}, and is read with {ambiguous!r}"
        )
    if length_bp not in (None, known.length_bp):
        _warn_otherwise(
            f"the model was trained on {known.length_bp} bp, and is read with length_bp = {length_bp}"
        )
    return replace(
        known,
        length_bp=length_bp or known.length_bp,
        objective=objective or known.objective,
        both_strands=known.both_strands if both_strands is None else both_strands,
        ambiguous=ambiguous or known.ambiguous,
    )


def _warn_otherwise(what: str) -> None:
    warnings.warn(f"{what}; leave it out to read as in training", stacklevel=4)


def padded_lengths(lengths: np.ndarray, trained_bp: int) -> np.ndarray:
    """Length to pad each sequence to: equally on both sides, so that both strands are read alike."""
    padded: np.ndarray = np.maximum(lengths, trained_bp + (trained_bp - lengths) % 2)
    return padded


def read_codes(model: Layer, sequences: Sequences | Codes) -> Codes:
    """Sequences of any form as base codes (n, length); letters are padded to the longest, or to those of training."""
    if not holds_letters(sequences):
        return as_codes(cast("Codes", sequences))
    batch = [sequences] if isinstance(sequences, str | bytes) else list_sequences(sequences)
    lengths = [len(item) for item in batch if hasattr(item, "__len__")]
    trained_bp = 0 if model.trained is None else model.trained.length_bp
    return base_codes(batch, pad="both", length=max([trained_bp, *lengths]))


def batches_of(model: Layer, sequences: Sequences | Codes) -> list[tuple[np.ndarray, Codes]]:
    """Rows and base codes of the sequences of one length each, so that no score depends on the other sequences."""
    if not holds_letters(sequences):
        codes = as_codes(cast("Codes", sequences))
        if codes.dtype != np.uint8 or len(codes.shape) != 2:
            raise TypeError(
                f"expects letters or uint8 base codes (n, length), got {codes.dtype} {tuple(codes.shape)}"
            )
        return [(np.arange(len(codes)), codes)]
    batch = [sequences] if isinstance(sequences, str | bytes) else list_sequences(sequences)
    flat = flat_codes(batch)
    if not flat.lengths.all():
        raise ValueError(f"sequence {int(np.argmin(flat.lengths))} has no letters")
    widths = padded_lengths(flat.lengths, 0 if model.trained is None else model.trained.length_bp)
    items = np.split(flat.codes, np.cumsum(flat.lengths)[:-1]) if len(widths) else []
    found: list[tuple[np.ndarray, Codes]] = []
    for width in np.unique(widths).tolist():
        rows = np.flatnonzero(widths == width)
        found.append((rows, base_codes([items[row] for row in rows], pad="both", length=width)))
    return found
