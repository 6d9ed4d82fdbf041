"""A run folder: everything that prediction needs, and the record of how the model came to be.

- run.json: configuration, data, encoding, versions, seed, result
- weights.safetensors: the weights of the best epoch
- log.jsonl: one record an epoch
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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

    def __post_init__(self) -> None:
        if self.length_bp < 1:
            raise ValueError(f"length_bp expects at least 1, got {self.length_bp}")


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
        #: folders that did not exist before, innermost first
        self._made: list[Path] = []

    @classmethod
    def create(cls, path: str | Path, record: RunRecord, model: Layer) -> RunFolder:
        """Make the folder, with the record and the initial weights in it.

        Raises
        ------
        RunError
            If it exists and is not an empty folder, or cannot be made; nothing is left of it then.
        """
        path = Path(path)
        refuse_existing(path)
        folder = cls(path, record)
        folder._made = [made for made in (path, *path.parents) if not made.exists()]
        try:
            with _written(path):
                path.mkdir(parents=True, exist_ok=True)
                (path / LOG).touch()
            folder.save_weights(model)
            folder.save_record()
        except BaseException:
            folder.discard()
            raise
        return folder

    def save_record(self) -> None:
        """Write ``run.json`` anew."""
        content = msgspec.json.format(msgspec.json.encode(self.record), indent=2) + b"\n"
        with _written(self.path / RECORD), write_whole(self.path / RECORD) as file:
            file.write(content)

    def save_weights(self, model: Layer) -> None:
        """Write the weights anew."""
        with _written(self.path / WEIGHTS):
            save_weights(self.path / WEIGHTS, model)

    def log(self, record: dict[str, float]) -> None:
        """Add a line to the log."""
        with _written(self.path / LOG), (self.path / LOG).open("ab") as file:
            file.write(msgspec.json.encode(record) + b"\n")

    def discard(self) -> None:
        """Remove what ``create`` made: for a run that fails before it has anything to show."""
        with suppress(OSError):
            for name in (RECORD, WEIGHTS, LOG):
                (self.path / name).unlink(missing_ok=True)
            for made in self._made:
                made.rmdir()


@contextmanager
def _written(path: Path) -> Iterator[None]:
    """Name the file where writing fails: a full disk does not."""
    try:
        yield
    except OSError as error:
        what = f"{path}: cannot be written ({error.strerror or error})"
        raise RunError(f"{what}; check space and permissions, or choose another folder") from error


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
        raise RunError(f"{path}: no such run folder; check the path, or make one with genoml train")
    try:
        return msgspec.json.decode((path / RECORD).read_bytes(), type=RunRecord)
    except FileNotFoundError as error:
        raise RunError(f"{path}: not a run folder, it has no {RECORD}") from error
    except (msgspec.DecodeError, OSError, UnicodeDecodeError) as error:
        what = f"{path / RECORD}: damaged or of another version ({error})"
        raise RunError(f"{what}; train the model again") from error


def read_log(path: str | Path) -> list[dict[str, float]]:
    """The epochs of a run, in order; a last line that was cut short, by a full disk, is left out.

    Raises
    ------
    RunError
        If the log is missing or damaged.
    """
    path = Path(path) / LOG
    try:
        *lines, _ = path.read_bytes().split(b"\n")
        return [msgspec.json.decode(line, type=dict[str, float]) for line in lines]
    except (msgspec.DecodeError, OSError) as error:
        raise RunError(f"{path}: not a readable log ({error})") from error


def load_run(path: str | Path, backend: str | Backend | None = None) -> tuple[Layer, RunRecord]:
    """The trained model of a run folder, on a backend, and its record.

    Raises
    ------
    RunError, CheckpointError
        If a file is missing or damaged, or the weights do not fit the model.
    """
    record = read_record(path)
    config = record.config
    target = get_backend(backend)
    try:
        model = build_model(config.model, config.model_options, seed=config.seed, backend=target)
    except ValueError as error:
        raise RunError(f"{Path(path) / RECORD}: {error}") from error
    load_weights(Path(path) / WEIGHTS, model)
    return model, record
