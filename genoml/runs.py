"""A run folder: everything that prediction needs, and the record of how the model came to be.

    run.json             configuration, data, encoding, versions, seed, result
    weights.safetensors  the weights of the best epoch
    log.jsonl            one record an epoch
"""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from genoml.backend import Backend, get_backend
from genoml.checkpoint import load_weights, save_weights
from genoml.config import TrainConfig
from genoml.io.files import write_whole
from genoml.models import build_model
from genoml.nn.base import Layer

RECORD, WEIGHTS, LOG = "run.json", "weights.safetensors", "log.jsonl"


class RunError(ValueError):
    """A run folder that is missing, incomplete or damaged, or that would be overwritten."""


class RunRecord(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What ``run.json`` holds."""

    format: Literal[1] = 1
    status: Literal["running", "finished", "interrupted", "diverged"] = "running"
    config: TrainConfig
    #: length of the training sequences after padding; shorter ones are padded to it
    length_bp: int
    alphabet: str = "auto"
    padding: Literal["both"] = "both"
    #: counts and sources of the training data
    data: dict[str, Any] = {}
    seed: int = 0
    backend: dict[str, str] = {}
    versions: dict[str, str] = {}
    best_epoch: int | None = None
    best: dict[str, float] = {}


def versions(backend: Backend) -> dict[str, str]:
    """What the numbers of a run depend on."""
    from genoml import __version__

    return {
        "genoml": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        backend.name: backend.describe()["version"],
    }


class RunFolder:
    """A run folder being written."""

    def __init__(self, path: Path, record: RunRecord) -> None:
        self.path, self.record = path, record

    @classmethod
    def create(cls, path: str | Path, record: RunRecord, model: Layer) -> RunFolder:
        """Make the folder, with the record and the initial weights in it.

        Raises
        ------
        RunError
            If it exists and is not an empty folder, or cannot be made.
        """
        path = Path(path)
        refuse_existing(path)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"{path}: cannot make the run folder ({error.strerror})") from error
        folder = cls(path, record)
        folder.save_weights(model)
        (path / LOG).touch()
        folder.save_record()
        return folder

    def save_record(self) -> None:
        """Write ``run.json`` anew."""
        with write_whole(self.path / RECORD) as file:
            file.write(msgspec.json.format(msgspec.json.encode(self.record), indent=2) + b"\n")

    def save_weights(self, model: Layer) -> None:
        """Write the weights anew."""
        save_weights(self.path / WEIGHTS, model)

    def log(self, record: dict[str, float]) -> None:
        """Add a line to the log."""
        with (self.path / LOG).open("ab") as file:
            file.write(msgspec.json.encode(record) + b"\n")


def refuse_existing(path: str | Path) -> None:
    """Raise RunError unless a run can be written there."""
    path = Path(path)
    if path.is_dir() and not any(path.iterdir()):
        return
    if path.exists():
        raise RunError(f"{path}: already exists; choose another folder, or remove it")


def read_record(path: str | Path) -> RunRecord:
    """The record of a run folder.

    Raises
    ------
    RunError
        If the folder or its record is missing or damaged.
    """
    path = Path(path)
    if not path.is_dir():
        raise RunError(f"{path}: no such run folder")
    try:
        return msgspec.json.decode((path / RECORD).read_bytes(), type=RunRecord)
    except FileNotFoundError as error:
        raise RunError(f"{path}: not a run folder, it has no {RECORD}") from error
    except (msgspec.DecodeError, OSError, UnicodeDecodeError) as error:
        raise RunError(f"{path / RECORD}: damaged or of another version ({error})") from error


def read_log(path: str | Path) -> list[dict[str, float]]:
    """The epochs of a run, in order."""
    lines = (Path(path) / LOG).read_bytes().splitlines()
    return [msgspec.json.decode(line, type=dict[str, float]) for line in lines]


def load_run(path: str | Path, backend: str | Backend | None = None) -> tuple[Layer, RunRecord]:
    """The trained model of a run folder, on a backend, and its record.

    Raises
    ------
    RunError, CheckpointError
        If a file is missing or damaged, or the weights do not fit the model.
    """
    record = read_record(path)
    config = record.config
    model = build_model(config.model, config.model_options, seed=config.seed, backend=get_backend(backend))
    load_weights(Path(path) / WEIGHTS, model)
    return model, record
