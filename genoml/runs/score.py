"""Predictions of a run's model for sequences, and their scores on labels."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from genoml import metrics
from genoml.checkpoint import CheckpointError
from genoml.checkpoint.files import open_tensors
from genoml.data import SequenceData
from genoml.data.files import NamedSequences, check_sequences, checked_blocks
from genoml.data.traits import TrainedOn
from genoml.evaluation import brier_score, expected_calibration_error
from genoml.evaluation.bootstrap import bootstrap
from genoml.evaluation.thresholds import score_calls
from genoml.io.errors import FormatWarning
from genoml.models import check_options, model_spec
from genoml.nn.layer import Layer
from genoml.runs.record import SEQUENCES, RunError, RunRecord
from genoml.sequence.alphabet import PAD_CODE, count_u_and_t
from genoml.train.objectives import Objective
from genoml.train.predict import finite_outputs, score_predictions
from genoml.train.trained import Trained, padded_lengths

#: sequences that are predicted as if there were no others, so that parts of a file give the bits of the whole
BLOCK = 1024
#: bases in a batch of predictions, at most, which bounds memory for long sequences
_BATCH_BP = 1 << 18
#: metrics with bootstrap intervals
_RESAMPLED = ("auroc", "aupr")
_WITHOUT_HASHES = "remove it to go without the check of trained sequences"


def objective_of(record: RunRecord) -> Objective:
    """Objective that turns the model's outputs into predictions, calibrated if the run is."""
    if record.network is not None:
        return record.network.build_objective()
    return record.task.objective(calibration=record.held_out.calibration)


def trained_of(record: RunRecord) -> Trained:
    """Record of the training of a run's model: the sequences that it reads and the meaning of its outputs."""
    settings = record.settings
    both = settings.reverse_complement
    return Trained(
        objective_of(record),
        record.alphabet != "RNA" if both is None else both,
        record.length_bp,
        "RNA" if record.alphabet == "RNA" else "DNA",
        settings.ambiguous,
    )


def readable_blocks(record: RunRecord, blocks: Iterable[NamedSequences]) -> Iterator[NamedSequences]:
    """Blocks of a file, as far as a run's model can read them; ValueError, naming file and record, where it cannot."""
    told: set[str] = set()
    for block in checked_blocks(blocks, trained_of(record).ambiguous):
        _widths(record, block)
        found = count_u_and_t(block.letters)
        alphabet = "RNA" if found["U"] else "DNA" if found["T"] else record.alphabet
        said = unlike_training(record, [*map(len, block.letters)], alphabet)
        for name in said.keys() - told:
            warnings.warn(f"{block.path}: {said[name]}", FormatWarning, stacklevel=2)
        told |= said.keys()
        yield block


def unlike_training(record: RunRecord, lengths: Sequence[int], alphabet: str) -> dict[str, str]:
    """Lines, by the name of a check, if sequences are far longer than in training, or not DNA or RNA as there."""
    said = {}
    longest = max(lengths, default=0)
    if longest > 2 * record.length_bp:
        said["long"] = (
            f"sequences have up to {longest} bp, and those of the training had {record.length_bp} bp at most; they are "
            "read whole, and a score may grow with the length alone"
        )
    if record.alphabet in ("DNA", "RNA") and alphabet != record.alphabet:
        read = "U is read as T" if record.alphabet == "DNA" else "T is read as U"
        said["letters"] = (
            f"the sequences are {alphabet}, and the run was trained on {record.alphabet}: {read}"
        )
    return said


def outputs_of(model: Layer, record: RunRecord, sequences: NamedSequences) -> np.ndarray:
    """Outputs (n, outputs) of a run's model for sequences, which its objective reads.

    A sequence shorter than those of the training is padded to their length, a longer one is read whole, so
    that a score does not depend on what else is in the file. Networks of ``genoml.models`` that read one length
    refuse longer ones.

    Raises
    ------
    ValueError
        For sequences that the model cannot read; the message names file and record.
    """
    trained = trained_of(record)
    check_sequences(sequences, trained.ambiguous)
    if not len(sequences):
        raise ValueError(f"{sequences.path}: expects at least one sequence, got none")
    widths = _widths(record, sequences)
    order, parts = list[np.ndarray](), list[np.ndarray]()
    for first, width in (
        (start, width)
        for start in range(0, len(sequences), BLOCK)
        for width in np.unique(widths[start : start + BLOCK]).tolist()
    ):
        rows = first + np.flatnonzero(widths[first : first + BLOCK] == width)
        outputs = finite_outputs(
            model,
            sequences.take(rows.tolist()).codes(width),
            batch_size=max(1, min(256, _BATCH_BP // width)),
            ambiguous=trained.ambiguous,
            both_strands=trained.both_strands,
        )
        if parts and outputs.shape[1:] != parts[0].shape[1:]:
            raise ValueError(
                f"{sequences.path}: its outputs have a value a position; expects sequences of one length"
            )
        order.append(rows)
        parts.append(outputs)
    return np.concatenate(parts)[np.argsort(np.concatenate(order))]


def outputs_of_data(
    model: Layer, record: RunRecord, data: SequenceData, *, as_trained: bool = False
) -> np.ndarray:
    """Outputs (n, outputs) of a run's model for a data set, padded as ``outputs_of`` pads; or as it is.

    Raises
    ------
    ValueError
        For sequences longer than a network of a fixed length reads.
    """
    trained, config = trained_of(record), record.config
    fixed = config is not None and model_spec(config.model).fixed_length
    if (
        config is not None
        and fixed
        and data.intervals is not None
        and data.codes.shape[1] != record.length_bp
    ):
        raise ValueError(
            f"windows of {data.codes.shape[1]} bp: this {config.model} was trained on and reads {record.length_bp} bp; "
            "leave out --window-bp, or train a model that reads any length"
        )
    options: dict[str, Any] = {"ambiguous": trained.ambiguous, "both_strands": trained.both_strands}
    if as_trained or not isinstance(data.codes, np.ndarray):  # windows of a genome, all of one length
        batch_size = max(1, min(256, _BATCH_BP // data.codes.shape[1]))
        return finite_outputs(model, data, batch_size=batch_size, **options)
    lengths = (data.codes != PAD_CODE).sum(axis=1)
    if config is not None and fixed and lengths.max() > record.length_bp:
        row = int(np.argmax(lengths))
        raise ValueError(
            f"{data.name_of(row)}: {lengths[row]} bp is longer than the {record.length_bp} bp that this "
            f"{config.model} was trained on and reads; cut it to them, or train a model that reads any length"
        )
    widths = np.full(len(data), record.length_bp) if fixed else padded_lengths(lengths, record.length_bp)
    outputs: np.ndarray | None = None
    for length, width in np.unique(np.stack([lengths, widths], axis=1), axis=0).tolist():
        rows = np.flatnonzero((lengths == length) & (widths == width))
        found = finite_outputs(
            model, _repadded(data.codes[rows], length, width), batch_size=max(1, min(256, _BATCH_BP // width)),
            **options,
        )  # fmt: skip
        outputs = np.empty((len(data), found.shape[1]), found.dtype) if outputs is None else outputs
        outputs[rows] = found
    if outputs is None:
        raise ValueError("expects at least one sequence, got none")
    return outputs


def _repadded(codes: np.ndarray, length: int, width: int) -> np.ndarray:
    """Codes of sequences of one length, which were padded evenly, padded evenly to another width."""
    first = np.argmax(codes != PAD_CODE, axis=1)
    index = first[:, None] + np.arange(length)
    left = (width - length) // 2
    padded = np.full((len(codes), width), PAD_CODE, np.uint8)
    padded[:, left : left + length] = np.take_along_axis(codes, index, axis=1)
    return padded


def _widths(record: RunRecord, sequences: NamedSequences) -> np.ndarray:
    """Length to pad each sequence to: equally on both sides, so that both strands are read alike."""
    config, trained = record.config, record.length_bp
    if config is not None:
        refuse_short(sequences, config.model, config.model_options)
        if model_spec(config.model).fixed_length:
            refuse_long(sequences, config.model, trained)
            return np.full(len(sequences), trained)
    if record.source is not None and record.source.fixed_length:
        refuse_long(sequences, f"network of {record.source.files[0]}", trained)
        return np.full(len(sequences), trained)
    return padded_lengths(np.array(list(map(len, sequences.letters))), trained)


def refuse_short(sequences: NamedSequences, model: str, options: dict[str, Any]) -> None:
    """Raise ValueError, naming file and record, if a sequence is shorter than what the model can read."""
    shortest = model_spec(model).min_length_bp(**check_options(model, options))
    for index, letters in enumerate(sequences.letters):
        if len(letters) < shortest:
            raise ValueError(
                f"{sequences.place(index)}: {len(letters)} bp is shorter than the model reads (at least "
                f"{shortest} bp); remove it, or train a model with a smaller kernel"
            )


def refuse_long(sequences: NamedSequences, model: str, length_bp: int) -> None:
    """Raise ValueError, naming file and record, if a sequence is longer than the model's fixed length."""
    for index, letters in enumerate(sequences.letters):
        if len(letters) > length_bp:
            raise ValueError(
                f"{sequences.place(index)}: {len(letters)} bp is longer than the {length_bp} bp that this "
                f"{model} was trained on and reads; cut it to them, or train a model that reads any length"
            )


def refuse_two_inputs(positives: object, negatives: object) -> None:
    """Raise ValueError if both files are standard input, which can be read once."""
    if positives == negatives == "-":
        raise ValueError(
            "standard input (-) can be only one of POSITIVES and NEGATIVES; name a file for the other"
        )


def read_known(path: str | PathLike[str], record: RunRecord) -> TrainedOn | None:
    """Read what a run was trained on, hashes of sequences and windows; None of a run without them.

    Raises
    ------
    RunError
        If their file is damaged, or not the one that the record of the run knows.
    """
    path = Path(path) / SEQUENCES
    if not path.exists():
        return None
    try:
        with open_tensors(path) as file:
            arrays, digest = file.read()
        if digest == record.sequences:
            return TrainedOn.from_arrays(arrays)
    except (CheckpointError, KeyError, ValueError) as error:
        raise RunError(f"{path}: damaged; {_WITHOUT_HASHES}") from error
    raise RunError(f"{path}: has changed since the training; {_WITHOUT_HASHES}")


def score_labels(
    probabilities: np.ndarray, targets: np.ndarray, record: RunRecord, *, intervals: bool = False
) -> dict[str, Any]:
    """Scores of probabilities (n,) on labels (n,), 0 or 1.

    Returns
    -------
    dict
        ``auroc aupr f1 n_positives n_negatives brier ece``; the calls at probability 0.5 (``at_half``) and at
        the threshold that was chosen in validation (``at_threshold``); what the validation data gave
        (``validation``); with ``intervals`` 95 % bootstrap intervals of AUROC and AUPR. Undefined values, such
        as the precision of no call, are None.
    """
    held_out = record.held_out
    result: dict[str, Any] = dict(score_predictions(probabilities, targets))
    result["brier"] = brier_score(probabilities, targets)
    result["ece"] = expected_calibration_error(probabilities, targets)
    result["at_half"] = score_calls(probabilities, targets, 0.5)
    if held_out.threshold is not None:
        result["at_threshold"] = score_calls(probabilities, targets, held_out.threshold)
    if held_out.baseline:
        result["validation"] = {"model": held_out.scores, "baseline": held_out.baseline}
    if intervals:
        for name in _RESAMPLED:
            interval = bootstrap(getattr(metrics, name), probabilities, targets)
            result[f"{name}_interval"] = [interval.low, interval.high]
    return {key: without_nan(value) for key, value in result.items()}


def without_nan(value: Any) -> Any:
    """The value with None in the place of NaN, which JSON lacks."""
    if isinstance(value, dict):
        return {key: without_nan(part) for key, part in value.items()}
    return None if isinstance(value, float) and np.isnan(value) else value
