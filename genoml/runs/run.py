"""Trained models with their settings: loaded from a run folder, or saved as one."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from genoml.backend import Backend, get_backend
from genoml.checkpoint import load_weights
from genoml.checkpoint.files import open_tensors
from genoml.checkpoint.weights import fits
from genoml.data.files import SHUFFLE, NamedSequences, load_sequences
from genoml.models import build_model
from genoml.nn.layer import Layer
from genoml.runs.config import TrainConfig
from genoml.runs.folder import RECORD, WEIGHTS, RunError, RunFolder, RunRecord, read_log, read_record
from genoml.runs.network import NetworkSettings
from genoml.runs.score import objective_of, refuse_two_inputs, score_labels, score_sequences
from genoml.train import History
from genoml.train.fingerprint import versions
from genoml.train.objectives import BinaryClassification, Objective

#: text that is a sequence rather than the name of a file
_BASES = re.compile("[ACGTUNacgtun]{4,}")
#: name of a file of sequences, sequences as text, or the result of ``genoml.data.load_sequences``
Given: TypeAlias = "str | PathLike[str] | Iterable[str] | NamedSequences"


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
        What ``run.json`` holds.
    """

    path: Path
    model: Layer
    record: RunRecord

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

    def read(self, sequences: Given) -> NamedSequences:
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
        letters = [str(letters) for letters in sequences]
        return NamedSequences("sequences", [f"sequence_{i + 1}" for i in range(len(letters))], letters)

    def read_labelled(self, positives: Given, negatives: Given) -> tuple[NamedSequences, NamedSequences]:
        """Read positives and negatives; the word ``shuffle`` stands for exact dinucleotide shuffles of the positives.

        The shuffles are keyed by the run's seed. Errors are those of ``read``.
        """
        refuse_two_inputs(positives, negatives)
        first = self.read(positives)
        shuffled = isinstance(negatives, str) and negatives == SHUFFLE
        return first, first.shuffled(self.record.seed) if shuffled else self.read(negatives)

    def predict(self, sequences: Given) -> np.ndarray:
        """Predict (n, tasks): probabilities, or values or rates if the model was trained for them.

        As ``genoml predict``: averaged over both strands and calibrated, if the run is. Shorter sequences are padded to
        the length of the training sequences.

        Parameters
        ----------
        sequences : iterable of str, or path
            DNA or RNA; or the name of a FASTA or FASTQ file, plain or compressed.

        Raises
        ------
        FormatError, OSError, ValueError
            For sequences that cannot be read, or not by this model; the message names file and record.
        """
        return score_sequences(self.model, self.record, self.read(sequences))

    def evaluate(self, positives: Given, negatives: Given, *, intervals: bool = False) -> dict[str, Any]:
        """Score the model on positives and negatives, as ``genoml evaluate`` does.

        Parameters
        ----------
        positives, negatives : iterable of str, or path
            As in ``predict``; sequences that the model was not trained on. The negatives may be the word ``shuffle``,
            see ``read_labelled``.
        intervals : bool
            Also 95 % intervals of AUROC and AUPR, from 1000 bootstrap resamples.

        Returns
        -------
        dict
            See ``genoml.runs.score.score_labels``.

        Raises
        ------
        FormatError, OSError, ValueError
            As ``predict``; and if the model does not give probabilities of one label.
        """
        if not isinstance(self.objective, BinaryClassification):
            raise ValueError(
                f"evaluate expects a model of one label 0 or 1, got one of {type(self.objective).__name__}"
            )
        scores = [self.predict(given)[:, 0] for given in self.read_labelled(positives, negatives)]
        targets = np.concatenate([np.ones(len(scores[0])), np.zeros(len(scores[1]))])
        return score_labels(np.concatenate(scores), targets, self.record, intervals=intervals)


def load_run(
    path: str | PathLike[str], backend: str | Backend | None = None, *, model: Layer | None = None
) -> Run:
    """Load the trained model of a run folder, and its record, to a backend.

    Parameters
    ----------
    path : path
        What ``genoml train`` or ``save_run`` made.
    backend : str, Backend or None
        Where to; the default backend if None.
    model : Layer, optional
        The same network as the one that was saved, whose weights are replaced: for one that could not be
        described, see ``save_run``.

    Raises
    ------
    RunError, CheckpointError
        If a file is missing or damaged, the weights do not fit the model, or there is no model.
    ValueError
        If both a model and a backend are given.
    """
    if model is not None and backend is not None:
        raise ValueError("load_run expects backend or model, which has one, got both")
    path = Path(path)
    record = read_record(path)
    if model is None:
        model = build_recorded(path, record, backend)
    load_weights(path / WEIGHTS, model)
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
            config = record.training
            model = build_model(config.model, config.model_options, seed=config.seed, backend=target)
        if not fits(model, numbers):
            raise ValueError("the network has more numbers than its file of weights")
        model.draw()
    except (ValueError, TypeError, MemoryError, OverflowError, RecursionError) as error:
        raise RunError(f"{Path(path) / RECORD}: {error}") from error
    return model


def save_run(
    model: Layer,
    path: str | PathLike[str],
    *,
    length_bp: int,
    objective: Objective | None = None,
    ambiguous: Literal["zero", "uniform", "iupac", "error"] = "zero",
    reverse_complement: bool = True,
    history: History | None = None,
    data: Mapping[str, Any] | None = None,
    standalone: bool = True,
) -> Run:
    """Write a run folder for a trained network that was made by hand.

    ``load_run`` gives it back, and the commands that read a run (predict, evaluate, report) read it. Weights are
    numbers, the network a description of its layers: nothing in the folder is code.

    Parameters
    ----------
    model : Layer
        (batch, 4, length) -> (batch, outputs), made of the layers of ``genoml.nn``.
    path : path
        Folder to make; it must not exist yet, or be empty.
    length_bp : int
        Length of the sequences that it was trained on, to which shorter ones are padded.
    objective : Objective, optional
        What it was trained for; binary classification from logits if None.
    ambiguous : {"zero", "uniform", "iupac", "error"}
        What it reads for letters such as N and R.
    reverse_complement : bool
        Whether a prediction is the mean of both strands, as it should be for a model that was trained on both.
    history : History, optional
        What ``fit`` returned.
    data : mapping, optional
        Facts about the training data to keep: text and numbers by name.
    standalone : bool
        Whether the network is described, so that ``load_run(path)`` can build it. With False any network can be
        saved, and ``load_run(path, model=...)`` needs the same one.

    Raises
    ------
    ValueError
        If the network cannot be described: for example with a layer of your own class. The message names it.
    RunError
        If the folder exists, or cannot be written.
    """
    network = NetworkSettings.of(
        model,
        objective,
        ambiguous=ambiguous,
        reverse_complement=reverse_complement,
        standalone=standalone,
    )
    record = RunRecord(
        status="finished",
        network=network,
        length_bp=length_bp,
        data=dict(data or {}),
        seed=model.seed,
        backend={"name": model.backend.name, **model.backend.describe()},
        versions=versions(model.backend),
    )
    if history is not None and history.best is not None:
        record.best, record.best_epoch = history.best, history.best_epoch
    folder = RunFolder.create(path, record, model)
    for epoch in [] if history is None else history.epochs:
        folder.log(epoch)
    return Run(folder.path, model, record)
