"""Prediction with a trained model, and scores of predictions."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from threading import Lock
from typing import Any, cast

import numpy as np

from genoml.backend import Array, Backend
from genoml.data import Codes, SequenceData
from genoml.metrics import aupr, auroc, f1_score
from genoml.nn.layer import Layer, Pass
from genoml.parallel import Part, Threads, even_ranges
from genoml.sequence.codes import Sequences
from genoml.sequence.encode import one_hot
from genoml.sequence.strand import reverse_complement
from genoml.train.objectives import BinaryClassification, Objective
from genoml.train.trained import Trained, batches_of, reading_of

#: sequences, and base pairs, that the host computes together, at most
_RUN, _RUN_BP = 64, 1 << 16
#: such runs a thread, for whose end Ctrl-C waits
_RUNS_AHEAD = 4


def encode_batch(
    codes: np.ndarray, backend: Backend, dtype: str, ambiguous: str, control: np.ndarray | None = None
) -> Array:
    """Base codes (n, length) -> one-hot (n, 4, length) on the device, channels-last in memory.

    Control tracks (n, channels, length) are further channels behind the bases.
    """
    encoded = one_hot(codes, ambiguous=ambiguous, dtype=dtype, backend=backend)
    if control is not None:
        tracks = backend.asarray(np.ascontiguousarray(control.transpose(0, 2, 1)), dtype=dtype)
        encoded = backend.xp.concat([encoded, tracks], axis=2)
    return backend.xp.permute_dims(encoded, (0, 2, 1))


# ------------------------------------------------------------ what it says


def predict_outputs(
    model: Layer,
    sequences: Sequences | Codes | SequenceData,
    *,
    batch_size: int = 256,
    both_strands: bool | None = None,
    ambiguous: str | None = None,
    threads: int | Threads | None = None,
) -> np.ndarray:
    """Outputs (n, outputs) of a model for sequences, the mean of both strands if it was trained on both.

    They are what the model's objective reads: logits, logarithms of rates, values. Runs of sequences are shared out
    among ``threads``, as many as the backend has if None, and the ranks of a ``Threads``, which all get all outputs;
    the bits are the same for any number of them.

    Parameters
    ----------
    model : Layer
        A model. What is left out below is as ``model.trained`` says, or, if ``fit`` has not trained it, both strands
        and ``"zero"``.
    sequences : str, list of str or bytes, array of letters, column of a data frame, or uint8 codes (n, length)
        Letters that are shorter than the training sequences are padded to their length; codes are read as they are. Or
        a data set, for a network that reads its control tracks too; without them they are 0.

    Raises
    ------
    ValueError
        Without sequences, for an ambiguous letter with ``ambiguous="error"``, or letters that are no bases.
    TypeError
        For what cannot be sequences, such as a whole data frame, a dict or a set.

    Warns
    -----
    UserWarning
        If strands or ambiguous letters are asked for otherwise than in training.
    """
    read = reading_of(model, both_strands=both_strands, ambiguous=ambiguous)
    control, given = None, cast("Any", sequences)
    if isinstance(given, SequenceData):
        control = given.control
        given = given.codes
    batches = batches_of(model, given)
    if not sum(len(rows) for rows, _ in batches):
        raise ValueError("predict_outputs expects at least one sequence, got none")
    model.draw()  # before the threads, which would draw one each
    backend = model.backend
    shared = threads if isinstance(threads, Threads) else Threads(threads or backend.threads)
    runs = [(codes, rows) for _, codes in batches for rows in runs_of(codes, batch_size, backend)]
    own = range(len(runs))[shared.ranks.rows(len(runs))]
    outputs = dict[int, np.ndarray]()
    run, reading = Pass(part=Part(workers=shared.workers), pulls=0), Lock()

    def fill(block: int, first: int, last: int) -> None:
        for number in own[block + first : block + last]:
            codes, rows = runs[number]
            with reading:  # of files, perhaps, or of an array of yours
                given = codes[rows], None if control is None else control[rows]
            outputs[number] = _outputs_of_run(model, read, *given, run)

    with backend.computing(), nullcontext() if shared is threads else shared:
        at_once = _RUNS_AHEAD * shared.count
        for block in range(0, len(own), at_once):
            shared.workers.share_out(partial(fill, block), min(at_once, len(own) - block))
    everyone = shared.ranks.gather([outputs[number] for number in own])
    order = np.argsort(np.concatenate([rows for rows, _ in batches]))
    return np.concatenate([part for parts in everyone for part in parts])[order]


def runs_of(codes: Codes, batch_size: int, backend: Backend) -> list[slice]:
    """Rows that are computed together, the same on any number of threads: on the host an even number of even runs."""
    count, length = codes.shape
    if backend.asynchronous:  # which compiles for a shape
        return [slice(start, start + batch_size) for start in range(0, count, batch_size)]
    most = min(batch_size, _RUN, max(1, _RUN_BP // max(length, 1)))
    pairs = -(-count // (2 * most))
    return [slice(*rows) for rows in even_ranges(count, min(count, 2 * pairs))]


def _outputs_of_run(
    model: Layer, read: Trained, codes: np.ndarray, control: np.ndarray | None, run: Pass
) -> np.ndarray:
    """Outputs of a run of sequences, on the host."""
    backend = model.backend
    outputs, _ = model.vjp(encode_batch(codes, backend, model.dtype, read.ambiguous, control), run)
    if read.both_strands:
        turned = None if control is None else read.objective.turned_control(control)
        x = encode_batch(reverse_complement(codes), backend, model.dtype, read.ambiguous, turned)
        outputs = (outputs + read.objective.turned(model.vjp(x, run)[0])) * 0.5
    return backend.to_numpy(outputs)


def finite_outputs(model: Layer, sequences: Sequences | Codes | SequenceData, **options: Any) -> np.ndarray:
    """Outputs as ``predict_outputs`` gives them; ValueError where the model gives a NaN."""
    with np.errstate(all="ignore"):
        outputs = predict_outputs(model, sequences, **options)
    refuse_nan(outputs)
    return outputs


def refuse_nan(outputs: np.ndarray) -> None:
    """Raise ValueError where a model gave a NaN."""
    affected = int(np.sum(np.isnan(outputs).any(axis=1)))
    if affected:
        raise ValueError(
            f"the model gives no number (NaN) for {affected} of {len(outputs)} sequences; its weights are too "
            "large or damaged: train it again, with a smaller learning rate"
        )


def predict(
    model: Layer,
    sequences: Sequences | Codes | SequenceData,
    *,
    objective: Objective | None = None,
    **options: Any,
) -> np.ndarray:
    """Predictions (n, tasks) for sequences: probabilities, values or rates, as the model was trained for.

    Parameters
    ----------
    model : Layer
        A trained model.
    sequences
        As in ``predict_outputs``.
    objective : Objective, optional
        Objective of the training: what the model was trained for if None, or binary classification if ``fit`` has not
        trained it.
    **options
        Options of ``predict_outputs``.

    Raises
    ------
    ValueError, TypeError
        As ``predict_outputs``, where the model gives a NaN, and for another objective than it was trained for.
    """
    read = reading_of(model, objective=objective)
    return read.objective.predictions(finite_outputs(model, sequences, **options))


def predict_frame(model: Layer, frame: Any, *, sequence: str = "sequence", **options: Any) -> Any:
    """Predictions as further columns of a data frame (pandas or polars); the frame given stays as it is.

    Parameters
    ----------
    model : Layer
        A trained model.
    frame : data frame
        With a column of sequences.
    sequence : str
        Name of that column.
    **options
        Those of ``predict``.

    Returns
    -------
    data frame
        With the column ``score``, or one a task, ``score_NAME`` (or its number, from 0).

    Raises
    ------
    ValueError, TypeError
        As ``predict``; if there is no such column, one has the name of a score already, or it is no data frame.
    """
    return add_scores(
        frame, sequence, lambda column: predict(model, column, **options), reading_of(model).task_names
    )


def add_scores(frame: Any, sequence: str, scores_of: Any, task_names: tuple[str, ...]) -> Any:
    """A data frame with the scores of its sequences as further columns, see ``predict_frame``."""
    add = getattr(frame, "assign", None) or getattr(frame, "with_columns", None)
    if add is None or not hasattr(frame, "columns"):
        raise TypeError(f"expects a data frame of pandas or polars, got {type(frame).__name__}")
    columns = list(frame.columns)
    if sequence not in columns:
        raise ValueError(f"expects a column {sequence!r} of sequences, got {', '.join(map(str, columns))}")
    scores = scores_of(frame[sequence])
    names = score_names(scores.shape[1], task_names)
    taken = [name for name in names if name in columns]
    if taken:
        raise ValueError(f"the data frame has a column {taken[0]!r} already; rename it")
    return add(**{name: scores[:, task] for task, name in enumerate(names)})


def score_names(count: int, task_names: tuple[str, ...] = ()) -> list[str]:
    """Names of the columns of scores: ``score``, or ``score_TASK`` of each, by name if known, else from 0."""
    names = task_names if len(task_names) == count else tuple(map(str, range(count)))
    return ["score"] if count == 1 else [f"score_{name}" for name in names]


# ------------------------------------------------------------ how good it is


def evaluate(
    model: Layer, data: Any, *, objective: Objective | None = None, **options: Any
) -> dict[str, float]:
    """Scores of a model on labelled data, as its objective has them, with the numbers of examples.

    Parameters
    ----------
    model : Layer
        A trained model.
    data : SequenceData, or (sequences, targets)
        Sequences in any form of ``predict_outputs``, and what they are known to be.
    objective, **options
        As in ``predict``.

    Returns
    -------
    dict
        For one label 0 or 1: AUROC, AUPR and F1 (at probability 0.5), ``n_positives`` and ``n_negatives``. Otherwise
        the scores of the objective, such as accuracy, Pearson's r, or the AUROC of each task, and ``n_examples``.

    Raises
    ------
    ValueError, TypeError
        As ``predict``; and for targets that the objective is not defined for, or of another number of tasks.
    """
    given = SequenceData.of(data)
    wanted = reading_of(model, objective=objective).objective
    wanted.check(given.targets, given.extras)
    outputs = finite_outputs(model, given, **options)
    tasks = wanted.predictions(outputs).shape[1]
    if tasks != given.targets.shape[1]:
        raise ValueError(f"the model predicts {tasks} tasks, and the data have {given.targets.shape[1]}")
    if isinstance(wanted, BinaryClassification) and tasks == 1:
        known = np.reshape(given.extras.get("mask", np.ones(len(given))), len(given)) != 0
        return score_predictions(wanted.predictions(outputs)[known, 0], given.targets[known, 0])
    scores = wanted.scores(outputs.astype(np.float64), np.asarray(given.targets), **given.extras)
    return {**scores, "n_examples": len(given)}


def score_predictions(predictions: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """AUROC, AUPR and F1 of any probabilities, with the numbers of examples."""
    scores = np.asarray(predictions, np.float64)
    return {
        "auroc": float(auroc(scores, targets)),
        "aupr": float(aupr(scores, targets)),
        "f1": float(f1_score(scores, targets)),
        "n_positives": int(np.sum(targets == 1)),
        "n_negatives": int(np.sum(targets == 0)),
    }
