"""What several commands share: options, backends, reading sequences and scoring them."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click
import numpy as np

from genoml.backend import Backend, BackendError, get_backend, use_backend
from genoml.inference import predict
from genoml.models import check_options, model_spec
from genoml.nn.base import Layer
from genoml.objectives import BinaryClassification
from genoml.runs import RunRecord
from genoml.sequence import base_codes, count_ambiguous

#: Letters of amino acids that are also ambiguous bases, none of them common in a genome.
_SEVERAL_BASES = b"RYSWKMBDHVryswkmbdhv"
#: Length from which a sequence is checked: shorter ones may well be half ambiguous.
_LEAST_JUDGED = 10
#: bases in a batch of predictions, at most, which bounds memory for long sequences
_BATCH_BP = 1 << 18

backend_option = click.option(
    "--backend",
    "backend_name",
    metavar="FLAG",
    default=None,
    help="Array library to run on: numpy (default), cupy, torch, jax, ... See `genoml backends`.",
)


def open_backend(name: str | None) -> Backend:
    """Open the backend with this name, or the default one, and make it the default while the command runs.

    Raises
    ------
    BackendError
        If it is unknown or cannot be used here.
    """
    try:
        return click.get_current_context().with_resource(use_backend(get_backend(name)))
    except BackendError as error:
        origin = "GENOML_BACKEND: " if name is None and os.environ.get("GENOML_BACKEND") else ""
        raise BackendError(f"{origin}{error}; see genoml backends") from error


@dataclass(frozen=True)
class Sequences:
    """The records of a file, in order."""

    path: str
    names: list[str]
    letters: list[str]

    def __len__(self) -> int:
        return len(self.letters)

    @property
    def longest(self) -> int:
        """Length in bp of the longest."""
        return max(map(len, self.letters))

    def digest(self) -> str:
        """blake2b of names and sequences; it does not depend on line width or compression."""
        content = "\n".join(["\n".join(self.names), *self.letters])
        return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()

    def place(self, index: int) -> str:
        """File, number and name of a record, for messages."""
        name = self.names[index].split(maxsplit=1)[0]
        path = "standard input" if self.path == "-" else self.path
        return f"{path}, record {index + 1} ({name})"


def load_sequences(path: str, ambiguous: str = "zero") -> Sequences:
    """Read a FASTA or FASTQ file whole.

    Raises
    ------
    FormatError, OSError
        See genoml.io.
    ValueError
        If a sequence is empty or has both T and U, or, with ``ambiguous="error"``, an ambiguous letter; the
        message names file and record.
    """
    from genoml.io import read_sequences

    records = list(read_sequences(path))
    loaded = Sequences(path, [record.name for record in records], [record.sequence for record in records])
    for index, letters in enumerate(loaded.letters):
        if not letters:
            raise ValueError(f"{loaded.place(index)}: has no sequence; remove it")
        if {"T", "U"} <= set(letters.upper()):
            raise ValueError(f"{loaded.place(index)}: has both T and U; write it as DNA or as RNA")
        n_ambiguous = len(letters) - len(letters.encode().translate(None, _SEVERAL_BASES))
        if len(letters) >= _LEAST_JUDGED and n_ambiguous > len(letters) // 2:
            raise ValueError(
                f"{loaded.place(index)}: {n_ambiguous} of {len(letters)} letters stand for two or three bases, as in "
                "protein; expects DNA or RNA"
            )
    if ambiguous == "error":
        _refuse_ambiguous(loaded)
    return loaded


def _refuse_ambiguous(sequences: Sequences) -> None:
    affected = np.flatnonzero(count_ambiguous(sequences.letters, per_sequence=True))
    if len(affected):
        first = int(affected[0])
        letter = next(letter for letter in sequences.letters[first] if letter not in "ACGTUacgtu")
        raise ValueError(
            f"{sequences.place(first)}: ambiguous letter {letter!r}, and {len(affected)} record(s) in all "
            "have one; remove them, or train with ambiguous = zero, uniform or iupac"
        )


def refuse_two_inputs(positives: str, negatives: str) -> None:
    """Raise ValueError if both files are standard input, which can be read once."""
    if positives == negatives == "-":
        raise ValueError(
            "standard input (-) can be only one of POSITIVES and NEGATIVES; name a file for the other"
        )


def refuse_short(sequences: Sequences, model: str, options: dict[str, Any]) -> None:
    """Raise ValueError, naming file and record, if a sequence is shorter than what the model can read."""
    shortest = model_spec(model).min_length_bp(**check_options(model, options))
    for index, letters in enumerate(sequences.letters):
        if len(letters) < shortest:
            raise ValueError(
                f"{sequences.place(index)}: {len(letters)} bp is shorter than the model reads (at least "
                f"{shortest} bp); remove it, or train a model with a smaller kernel"
            )


def refuse_long(sequences: Sequences, model: str, length_bp: int) -> None:
    """Raise ValueError, naming file and record, if a sequence is longer than the model's fixed length."""
    for index, letters in enumerate(sequences.letters):
        if len(letters) > length_bp:
            raise ValueError(
                f"{sequences.place(index)}: {len(letters)} bp is longer than the {length_bp} bp that this "
                f"{model} was trained on and reads; cut it to them, or train a model that reads any length"
            )


def encode(sequences: Sequences, length: int) -> np.ndarray:
    """Base codes (n, length), shorter sequences padded evenly on both sides."""
    return base_codes(sequences.letters, pad="both", length=length)


def score_sequences(model: Layer, record: RunRecord, path: str) -> tuple[Sequences, np.ndarray]:
    """Read a file, and predict the probabilities (n, tasks) of its sequences with a run's model.

    A sequence shorter than those of the training is padded to their length, a longer one is read whole, so
    that a score does not depend on what else is in the file. Models of a fixed length refuse longer ones.

    Raises
    ------
    FormatError, OSError, ValueError
        See load_sequences, refuse_short, refuse_long and predict.
    """
    config = record.config
    sequences = load_sequences(path, config.ambiguous)
    refuse_short(sequences, config.model, config.model_options)
    if model_spec(config.model).fixed_length:
        refuse_long(sequences, config.model, record.length_bp)
        widths = np.full(len(sequences), record.length_bp)
    else:
        widths = np.array([_width(len(letters), record.length_bp) for letters in sequences.letters])
    order, parts = [], []
    for width in np.unique(widths).tolist():
        rows = np.flatnonzero(widths == width)
        codes = base_codes([sequences.letters[row] for row in rows], pad="both", length=width)
        batch_size = max(1, min(256, _BATCH_BP // width))
        order.append(rows)
        parts.append(
            predict(
                model,
                codes,
                objective=BinaryClassification(calibration=record.held_out.calibration),
                batch_size=batch_size,
                ambiguous=config.ambiguous,
                both_strands=config.reverse_complement,
            )
        )
    return sequences, np.concatenate(parts)[np.argsort(np.concatenate(order))]


def _width(length: int, trained: int) -> int:
    """Width to which a sequence is padded: the padding is equal on both sides, so that strands are read alike."""
    return max(length, trained + (trained - length) % 2)


_LOCUS = re.compile(r"^([^:\s]+):\d+-\d+")


def chromosomes(names: Sequence[str]) -> list[str] | None:
    """The chromosome of each name of the form ``chr8:100-300``; None if a name is of another form."""
    found = [_LOCUS.match(name) for name in names]
    return None if not all(found) else [match.group(1) for match in found if match]
