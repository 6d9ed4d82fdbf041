"""Run folder of a network that was made by hand."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any, Literal

from genoml.nn.layer import Layer
from genoml.runs.folder import RunFolder
from genoml.runs.network import NetworkSettings
from genoml.runs.record import RunRecord, SourceRecord
from genoml.runs.run import Run
from genoml.runs.tasks import TaskRecord
from genoml.sequence.encode import check_ambiguous
from genoml.train import History
from genoml.train.fingerprint import versions
from genoml.train.objectives import Objective
from genoml.train.trained import reading_of


def save_run(
    model: Layer,
    path: str | PathLike[str],
    *,
    length_bp: int | None = None,
    objective: Objective | None = None,
    ambiguous: Literal["zero", "uniform", "iupac", "error"] | None = None,
    reverse_complement: bool | None = None,
    history: History | None = None,
    data: Mapping[str, Any] | None = None,
    standalone: bool = True,
    task: TaskRecord | None = None,
    source: SourceRecord | None = None,
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
    length_bp : int, optional
        Length of the sequences that it was trained on, to which shorter ones are padded. This and the next three are
        as ``fit`` left them on the model (``model.trained``); give them for a model that it has not trained.
    objective : Objective, optional
        What it was trained for; binary classification from logits if ``fit`` has not trained it.
    ambiguous : {"zero", "uniform", "iupac", "error"}, optional
        What it reads for letters such as N and R.
    reverse_complement : bool, optional
        Whether a prediction is the mean of both strands, as it should be for a model that was trained on both.
    history : History, optional
        What ``fit`` returned.
    data : mapping, optional
        Facts about the training data to keep: text and numbers by name.
    standalone : bool
        Whether the network is described, so that ``load_run(path)`` can build it. With False any network can be
        saved, and ``load_run(path, model=...)`` needs the same one.
    task : TaskRecord, optional
        What the targets mean, for ``genoml evaluate`` on tables.
    source : SourceRecord, optional
        Where an imported network came from.

    Raises
    ------
    ValueError
        If the network cannot be described: for example with a layer of your own class. The message names it. If it was
        trained for another objective, or the length is unknown.
    RunError
        If the folder exists, or cannot be written.

    Warns
    -----
    UserWarning
        If strands, ambiguous letters or lengths are to be read otherwise than in training.
    """
    read = reading_of(
        model,
        objective=objective,
        both_strands=reverse_complement,
        ambiguous=ambiguous,
        length_bp=length_bp,
    )
    if not read.length_bp:
        raise ValueError(
            "save_run expects length_bp, the length of the training sequences, as fit did not train the model"
        )
    network = NetworkSettings.of(
        model,
        read.objective,
        ambiguous=check_ambiguous(read.ambiguous),
        reverse_complement=read.both_strands,
        standalone=standalone,
    )
    record = RunRecord(
        status="finished",
        network=network,
        length_bp=read.length_bp,
        alphabet=read.alphabet,
        data=dict(data or {}),
        seed=model.seed,
        backend={"name": model.backend.name, **model.backend.describe()},
        versions=versions(model.backend),
        task=task or TaskRecord(),
        source=source,
    )
    if history is not None and history.best is not None:
        record.best, record.best_epoch = history.best, history.best_epoch
    folder = RunFolder.create(path, record, model)
    for epoch in [] if history is None else history.epochs:
        folder.log(epoch)
    return Run(folder.path, model, record)
