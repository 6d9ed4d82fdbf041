"""What several commands share: options, reading sequences, the progress shown while training."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from genoml.backend import Backend, get_backend
from genoml.models import model_spec
from genoml.runs import RunRecord
from genoml.sequence import base_codes, count_ambiguous

backend_option = click.option(
    "--backend",
    "backend_name",
    metavar="FLAG",
    default=None,
    help="Array library to run on: numpy (default), cupy, torch, jax, ... See `genoml backends`.",
)


def open_backend(name: str | None) -> Backend:
    """The backend asked for, or the default one."""
    return get_backend(name)


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


def load_sequences(path: str, min_length_bp: int = 1) -> Sequences:
    """Read a FASTA or FASTQ file whole.

    Raises
    ------
    FormatError, OSError
        See genoml.io.
    ValueError
        If a sequence is shorter than the model can read; the message names it.
    """
    from genoml.io import read_sequences

    records = list(read_sequences(path))
    for number, record in enumerate(records, 1):
        if len(record.sequence) < min_length_bp:
            raise ValueError(
                f"{path}, record {number} ({record.id}): {len(record.sequence)} bp is shorter than the model "
                f"reads (at least {min_length_bp} bp); remove it, or choose a model with a smaller kernel"
            )
    return Sequences(path, [record.name for record in records], [record.sequence for record in records])


def model_min_length(model: str, options: dict[str, Any]) -> int:
    """The shortest sequence that a model can read, in bp."""
    return model_spec(model).min_length_bp(**options)


def encode(sequences: Sequences, length: int, ambiguous: str) -> np.ndarray:
    """Base codes (n, length), shorter sequences padded evenly on both sides.

    Raises
    ------
    ValueError
        If ``ambiguous`` is ``"error"`` and there is an ambiguous letter; the message names file and record.
    """
    try:
        codes = base_codes(sequences.letters, pad="both", length=length)
    except ValueError as error:
        raise ValueError(f"{sequences.path}: {error}") from error
    if ambiguous == "error":
        affected = np.flatnonzero(count_ambiguous(codes, per_sequence=True))
        if len(affected):
            first = int(affected[0])
            raise ValueError(
                f"{sequences.path}, record {first + 1} ({sequences.names[first]}): an ambiguous letter, and "
                f"{len(affected)} record(s) in all have one; choose ambiguous = zero, uniform or iupac"
            )
    return codes


def encode_for_run(sequences: Sequences, record: RunRecord) -> np.ndarray:
    """Base codes as the run's model expects them; longer sequences than in training are read whole."""
    return encode(sequences, max(record.length_bp, sequences.longest), record.config.ambiguous)


_LOCUS = re.compile(r"^([^:\s]+):\d+-\d+")


def chromosomes(names: Sequence[str]) -> list[str] | None:
    """The chromosome of each name of the form ``chr8:100-300``; None if a name is of another form."""
    found = [_LOCUS.match(name) for name in names]
    return None if not all(found) else [match.group(1) for match in found if match]


def option_group(*options: Callable[..., Any]) -> Callable[..., Any]:
    """Several click options as one decorator, in the order given."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def folder_argument(name: str) -> Callable[..., Any]:
    """A run folder as an argument."""
    return click.argument(name, type=click.Path(path_type=Path))
