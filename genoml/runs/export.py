"""A run's network as an ONNX file, which gives what ``genoml predict`` does, without genoml."""

from __future__ import annotations

import json
import warnings
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from genoml.convert import ExportError, export_onnx
from genoml.convert.onnx_writer import Value, Writer
from genoml.io.files import write_whole
from genoml.runs.run import Run
from genoml.sequence.alphabet import PAD_CODE
from genoml.sequence.encode import one_hot
from genoml.train.cell_types_objective import CellTypes
from genoml.train.counts_objective import Counts
from genoml.train.objectives import BinaryClassification, MultiClassification, Objective, Regression
from genoml.train.predict import predict_outputs
from genoml.train.profile_objective import Profile

__all__ = ["export_run"]


def export_run(
    run: Run,
    path: str | PathLike[str],
    *,
    length: int | str | None = None,
    logits: bool = False,
    one_strand: bool = False,
    codes: bool = False,
    opset: int = 17,
) -> float | None:
    """Write a run's network as ONNX: one-hot sequences in, predictions out, as ``run.predict`` gives them.

    Strands, calibration and the turning back of standardised values are in the file. Sequences have the length of the
    training; shorter ones are to be padded with zeros, equally at both ends. Control tracks are read as 0.

    Parameters
    ----------
    run : Run
        The run.
    path : path
        File to write; it must not exist yet.
    length : int or "any", optional
        Length of the sequences, in bp; ``"any"``, where the network can read more than one.
    logits : bool
        Outputs as the objective reads them (logits, logarithms of rates), not predictions.
    one_strand : bool
        The output of the sequence as it is given, for a run that averages both strands too.
    codes : bool
        Read base codes (batch, length), uint8, in place of one-hot sequences: A C G T are 0 to 3, the other letters as
        ``genoml.sequence.alphabet.CODE_LETTERS`` has them, and padding 15.
    opset : int
        ONNX's operator set.

    Returns
    -------
    float or None
        Largest difference of onnxruntime's outputs from genoml's on random sequences, relative to the largest; None if
        onnxruntime is not installed.

    Raises
    ------
    ExportError
        See ``export_onnx``; for a file that does not give genoml's outputs.
    FileExistsError
        If the file is there.
    """
    if Path(path).exists():
        raise FileExistsError(f"{path} exists; choose another name or remove it")
    model, trained = run.model, run.model.trained
    both = bool(trained is not None and trained.both_strands and not one_strand)
    ambiguous = "zero" if trained is None or trained.ambiguous == "error" else trained.ambiguous
    length_bp = run.record.length_bp if length in (None, "any") else int(length or 0)
    objective = run.objective
    data = export_onnx(
        model, (4, length_bp), any_length=length == "any", both_strands=both, turned=objective.turned, opset=opset,
        codes=_table(ambiguous) if codes else None, metadata=_metadata(run, both, logits),
        last=None if logits else lambda w, y: _predictions(w, objective, y),
    )  # fmt: skip
    difference = _difference(data, run, length_bp, both=both, logits=logits, codes=codes, ambiguous=ambiguous)
    with write_whole(path) as file:
        file.write(data)
    return difference


def _table(ambiguous: str) -> np.ndarray:
    """The one-hot row of each code."""
    rows: np.ndarray = one_hot(np.arange(PAD_CODE + 1, dtype=np.uint8), ambiguous=ambiguous, backend="numpy")
    return rows


def _metadata(run: Run, both: bool, logits: bool) -> dict[str, str]:
    """What the file says of itself."""
    return {
        "bases": "ACGT",
        "tasks": json.dumps(list(run.objective.task_names) or run.record.task.names),
        "objective": repr(run.objective),
        "outputs": "logits, before the objective's function" if logits else "predictions",
        "strands": "the mean of both" if both else "as given",
        "length_bp": str(run.record.length_bp),
        "genoml": run.record.versions.get("genoml", ""),
    }


# ---------------------------------------------------------------- predictions


def _predictions(w: Writer, objective: Objective, y: Value) -> Value:
    """Operations that make predictions of outputs, as ``objective.predictions`` does."""
    with w.within("predictions"):
        if isinstance(objective, BinaryClassification):
            z = y.name
            if objective.calibration is not None:
                slope = np.float32(objective.calibration.slope)
                offset = np.asarray(objective.calibration.offset, np.float32)  # of several labels one each
                z = w.add("Add", w.add("Mul", z, w.tensor("slope", slope)), w.tensor("offset", offset))
            return Value(w.add("Sigmoid", z), y.shapes)
        if isinstance(objective, MultiClassification):
            return Value(w.add("Softmax", y.name, axis=1), y.shapes)
        if isinstance(objective, Regression):
            return y if not objective.scale else Value(_unscaled(w, objective, y.name), y.shapes)
        if isinstance(objective, CellTypes):
            return Value(w.add("Softplus", y.name), y.shapes)
        if isinstance(objective, Counts):
            return _rates(w, objective, y)
        if isinstance(objective, Profile):
            return _reads(w, objective, y)
    raise ExportError(f"predictions of {type(objective).__name__} are not known to ONNX; export the logits")


def _unscaled(w: Writer, objective: Regression, y: str) -> str:
    """scale y + mean."""
    return w.add("Add", w.add("Mul", y, w.tensor("scale", objective.scale)), w.tensor("mean", objective.mean))


def _rates(w: Writer, objective: Counts, y: Value) -> Value:
    """exp(the first outputs + the mean log rate)."""
    tasks = objective.predictions(np.zeros((1, y.shapes[0][0]))).shape[1]
    z = w.cut(y.name, 1, 0, tasks)
    if objective.log_rate:
        z = w.add("Add", z, w.tensor("log_rate", objective.log_rate))
    return Value(w.add("Exp", z), ((tasks,),) * len(y.shapes))


def _reads(w: Writer, objective: Profile, y: Value) -> Value:
    """Expected reads of each position, softmax(logits) max(exp(c) - 1, 0), (batch, tracks, length)."""
    tracks, length = objective.tracks, objective.length_bp
    logits = w.reshaped(w.cut(y.name, 1, 0, tracks * length), 0, tracks, length)
    counts = w.reshaped(w.cut(y.name, 1, tracks * length), 0, tracks, 1)
    reads = w.add("Relu", w.add("Sub", w.add("Exp", counts), w.number(1.0)))
    return Value(w.add("Mul", w.add("Softmax", logits, axis=2), reads), ((tracks, length),) * len(y.shapes))


# ---------------------------------------------------------------- comparison


def _difference(
    data: bytes, run: Run, length_bp: int, *, both: bool, logits: bool, codes: bool, ambiguous: str
) -> float | None:
    """Largest difference of onnxruntime's outputs from genoml's, relative to the largest; None without it."""
    try:
        from onnxruntime import InferenceSession
    except ModuleNotFoundError:
        return None

    sequences = np.random.default_rng(0).integers(0, 4, (4, length_bp), dtype=np.uint8)
    sequences[-1, : length_bp // 10] = PAD_CODE
    given: Any = sequences if codes else np.ascontiguousarray(_table(ambiguous)[sequences].transpose(0, 2, 1))
    session = InferenceSession(data, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"sequences": given})
    with warnings.catch_warnings():  # of one strand, which was asked for
        warnings.simplefilter("ignore")
        outputs = predict_outputs(run.model, sequences, both_strands=both, ambiguous=ambiguous)
    expected = outputs if logits else run.objective.predictions(outputs)
    difference = float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-30))
    if not difference <= 1e-3:
        raise ExportError(f"onnxruntime's outputs differ from genoml's by {difference:.1e} of the largest")
    return difference
