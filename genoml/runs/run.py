"""Trained models with their settings, loaded from a run folder."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from genoml.backend import Backend, get_backend
from genoml.checkpoint import CheckpointError, load_weights
from genoml.checkpoint.files import open_tensors
from genoml.checkpoint.weights import fits
from genoml.data.checks import check_evaluated
from genoml.data.files import SHUFFLE, NamedSequences, load_sequences
from genoml.data.traits import Traits
from genoml.io.errors import FormatWarning
from genoml.nn.layer import Layer
from genoml.runs.config import TrainConfig
from genoml.runs.folder import read_log
from genoml.runs.network import NetworkSettings
from genoml.runs.record import RECORD, WEIGHTS, RunError, RunRecord, read_record
from genoml.runs.score import (
    objective_of,
    outputs_of,
    read_known,
    refuse_two_inputs,
    score_labels,
    trained_of,
    unlike_training,
)
from genoml.runs.tasks import begin_at_mean, build_network
from genoml.sequence.codes import letters_of
from genoml.train.objectives import BinaryClassification, Objective
from genoml.train.predict import add_scores

#: text that is a sequence rather than the name of a file
_BASES = re.compile("[ACGTUNacgtun]{4,}")
#: name of a file of sequences, sequences as text, or the result of ``genoml.data.load_sequences``
SequenceSource: TypeAlias = "str | PathLike[str] | Iterable[str] | NamedSequences"


@dataclass(frozen=True)
class Run:
    """Trained model with the record of its training, from ``load_run`` or ``save_run``.

    Attributes
    ----------
    path : Path
        Its folder.
    model : Layer
        With its weights, on a backend.
    record : RunRecord
        Content of ``run.json``.
    """

    path: Path
    model: Layer
    record: RunRecord

    def __post_init__(self) -> None:
        # prediction and explanation of the model itself go by the run too
        self.model.trained = trained_of(self.record)

    @property
    def settings(self) -> TrainConfig | NetworkSettings:
        """Settings of training, or of a network that was made by hand."""
        return self.record.settings

    @property
    def objective(self) -> Objective:
        """Objective that turns the model's outputs into predictions, calibrated if the run is."""
        return objective_of(self.record)

    @property
    def threshold(self) -> float:
        """Threshold of the probability of a positive: chosen in validation, or 0.5."""
        chosen = self.record.held_out.threshold
        return 0.5 if chosen is None else chosen

    def history(self) -> list[dict[str, float]]:
        """Record of each epoch; errors as in ``read_log``."""
        return read_log(self.path)

    def read(self, sequences: SequenceSource) -> NamedSequences:
        """Read sequences with their names, and check them.

        Raises
        ------
        FormatError, OSError, ValueError
            See ``genoml.data.load_sequences``.
        """
        if isinstance(sequences, NamedSequences):
            return sequences
        if isinstance(sequences, str | PathLike):
            if isinstance(sequences, str) and _BASES.fullmatch(sequences) and not os.path.exists(sequences):
                raise ValueError(
                    f"expects a list of sequences, or the name of a file, got {sequences[:20]!r}; "
                    "write one sequence as [sequence]"
                )
            return load_sequences(sequences, self.settings.ambiguous)
        letters = letters_of(sequences)
        return NamedSequences("sequences", [f"sequence_{i + 1}" for i in range(len(letters))], letters)

    def read_labelled(
        self, positives: SequenceSource, negatives: SequenceSource
    ) -> tuple[NamedSequences, NamedSequences]:
        """Read positives and negatives; the word ``shuffle`` stands for exact dinucleotide shuffles of the positives.

        The shuffles are keyed by the run's seed. Errors are those of ``read``.
        """
        refuse_two_inputs(positives, negatives)
        first = self.read(positives)
        shuffled = isinstance(negatives, str) and negatives == SHUFFLE
        return first, first.shuffled(self.record.seed) if shuffled else self.read(negatives)

    def predict(self, sequences: SequenceSource) -> np.ndarray:
        """Predict (n, tasks): probabilities, or values or rates if the model was trained for them.

        As ``genoml predict``: averaged over both strands and calibrated, if the run is. Shorter sequences are padded to
        the length of the training sequences.

        Parameters
        ----------
        sequences : iterable of str, or path
            DNA or RNA, also as bytes, arrays of letters, codes or a column of a data frame; or the name of a FASTA or
            FASTQ file, plain or compressed.

        Raises
        ------
        FormatError, OSError, ValueError
            For sequences that cannot be read, or not by this model; the message names file and record.
        TypeError
            For what cannot be sequences, such as a whole data frame, a dict or a set.
        """
        return self.objective.predictions(self.outputs(sequences))

    def outputs(self, sequences: SequenceSource) -> np.ndarray:
        """Outputs (n, outputs) that the predictions are made of: logits, values, logarithms of rates.

        Arguments and errors are those of ``predict``; ``run.objective.logits`` makes calibrated logits of them.
        """
        return outputs_of(self.model, self.record, self.read(sequences))

    def expect_one_label(self, what: str) -> None:
        """Raise ValueError unless the model tells positives from negatives."""
        kind, several = type(self.objective).__name__, len(self.record.task.names) > 1
        if not isinstance(self.objective, BinaryClassification) or several:
            got = f"one of the task {self.record.task.kind}" if self.record.config else f"one of {kind}"
            raise ValueError(f"{what} expects a model of one label 0 or 1, got {got}")

    def predict_frame(self, frame: Any, *, sequence: str = "sequence") -> Any:
        """Predictions as further columns of a data frame, see ``genoml.train.predict.predict_frame``."""
        return add_scores(frame, sequence, self.predict, self.objective.task_names)

    def evaluate(
        self,
        positives: SequenceSource,
        negatives: SequenceSource,
        *,
        intervals: bool = False,
        no_checks: Collection[str] = (),
    ) -> dict[str, Any]:
        """Score the model on positives and negatives, as ``genoml evaluate`` does.

        Parameters
        ----------
        positives, negatives : iterable of str, or path
            As in ``predict``; sequences that the model was not trained on. The negatives may be the word ``shuffle``,
            see ``read_labelled``.
        intervals : bool
            Also 95 % intervals of AUROC and AUPR, from 1000 bootstrap resamples.
        no_checks : collection of str
            Checks of the sequences that are left out, see ``genoml.data.checks.check_evaluated``.

        Returns
        -------
        dict
            See ``genoml.runs.score.score_labels``; and ``warnings``, a line for each check that found something.

        Raises
        ------
        FormatError, OSError, ValueError
            As ``predict``; and if the model does not give probabilities of one label.
        """
        self.expect_one_label("evaluate")
        sequences = self.read_labelled(positives, negatives)
        scores = np.concatenate([self.predict(named)[:, 0] for named in sequences])
        traits = Traits.of_files(*sequences, both_strands=trained_of(self.record).both_strands)
        result = score_labels(scores, traits.targets, self.record, intervals=intervals)
        said = check_evaluated(traits, read_known(self.path, self.record), skip=no_checks)
        letters = "RNA" if "RNA" in [each.alphabet for each in sequences] else "DNA"
        unlike = unlike_training(self.record, traits.length_bp.tolist(), letters)
        said |= {name: line for name, line in unlike.items() if name not in no_checks}
        result["warnings"] = said
        return result


def load_run(
    path: str | PathLike[str], backend: str | Backend | None = None, *, model: Layer | None = None
) -> Run:
    """Load the trained model of a run folder, and its record, to a backend.

    Parameters
    ----------
    path : path
        Folder that ``genoml train`` or ``save_run`` made.
    backend : str, Backend or None
        Backend of the model; the default backend if None.
    model : Layer, optional
        The same network as the one that was saved, whose weights are replaced: for one that could not be
        described, see ``save_run``.

    Raises
    ------
    RunError, CheckpointError
        If a file is missing or damaged, the weights do not fit the model, or there is no model.
    ValueError
        If both a model and a backend are given.

    Warns
    -----
    FormatWarning
        If its training is not finished.
    """
    if model is not None and backend is not None:
        raise ValueError("load_run expects backend or model, which has one, got both")
    path = Path(path)
    record = read_record(path)
    if model is None:
        model = build_recorded(path, record, backend)
    try:
        load_weights(path / WEIGHTS, model, sha256=record.weights)
    except CheckpointError:
        if read_record(path) == record:  # not written meanwhile, by its training
            raise
        load_weights(path / WEIGHTS, model, sha256=read_record(path).weights)
    if record.status != "finished":
        what = f"{path}: its training is {record.status}, not finished; these are the weights of its best epoch so far"
        warnings.warn(FormatWarning(what), stacklevel=2)
    return Run(path, model, record)


def build_recorded(
    path: str | PathLike[str], record: RunRecord, backend: str | Backend | None = None
) -> Layer:
    """Build the network of a run's record with initial weights; no larger than its file of weights.

    Raises
    ------
    RunError, CheckpointError
        If there is no such network, or the file is missing, damaged or too small for it.
    """
    target = get_backend(backend)
    with open_tensors(Path(path) / WEIGHTS) as file:
        numbers = file.numbers
    try:
        if record.network is not None:
            model = record.network.build(target, most=numbers)
        else:
            model = build_network(record.training, record.task, target)
        if not fits(model, numbers):
            raise ValueError("the network has more numbers than its file of weights")
        model.draw()
        if record.network is None:
            begin_at_mean(model, record.task)
    except (ValueError, TypeError, MemoryError, OverflowError, RecursionError) as error:
        raise RunError(f"{Path(path) / RECORD}: {error}") from error
    return model
