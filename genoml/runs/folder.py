"""Files of a run folder: everything that prediction needs, and the record of the training.

- run.json: settings, data, encoding, versions, seed, result
- weights.safetensors: the weights of the best epoch
- sequences.safetensors: hashes of the sequences that it was trained on
- log.jsonl: one record an epoch
- checkpoint/: the state of the training, until it is finished, see genoml.train.Checkpoints
- config.toml: the settings again, for people and for ``genoml train --config``; a network that was made by hand has
  none
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path
from shutil import rmtree
from typing import Any, Literal

import msgspec
import numpy as np

from genoml.checkpoint import discard_generations, save_weights
from genoml.checkpoint.files import NotPlainError, open_plain, pack_tensors, read_plain
from genoml.io.files import write_whole
from genoml.nn.layer import Layer
from genoml.runs.assess import HeldOut
from genoml.runs.config import TrainConfig
from genoml.runs.config_text import config_text
from genoml.runs.network import NetworkSettings

RECORD = "run.json"
WEIGHTS = "weights.safetensors"
SEQUENCES = "sequences.safetensors"
LOG = "log.jsonl"
CONFIG = "config.toml"
#: folder of the training's state
CHECKPOINT = "checkpoint"
#: folder of TensorBoard's events
EVENTS = "tensorboard"
#: keys of every line of the log; an undefined value is null
LOG_KEYS = (
    "epoch", "step", "loss", "learning_rate", "seconds", "sequences_per_second",
    "validation_loss", "validation_auroc", "validation_aupr",
)  # fmt: skip


#: longer than any chromosome
_MOST_LENGTH_BP = 1 << 32
#: bytes of a record and of a log, at most
_MOST_RECORD, _MOST_LOG = 16 << 20, 256 << 20
#: errors of reading a damaged file of JSON
_DAMAGED = (NotPlainError, msgspec.DecodeError, OSError, UnicodeDecodeError, RecursionError)


class RunError(ValueError):
    """Raised if a run folder is missing, incomplete or damaged, or would be overwritten."""


class RunRecord(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Content of ``run.json``: either ``config`` or ``network``, which describe the model, and the rest."""

    format: Literal[1] = 1
    status: Literal["running", "finished", "interrupted", "diverged"] = "running"
    #: the settings of ``genoml train``
    config: TrainConfig | None = None
    #: the description of a network that was made by hand
    network: NetworkSettings | None = None
    #: length of the training sequences after padding; shorter ones are padded to it
    length_bp: int
    alphabet: str = "auto"
    padding: Literal["both"] = "both"
    #: counts and sources of the training data
    data: dict[str, Any] = {}
    #: what the checks of the training data found: a line for each, by the name of the check
    warnings: dict[str, str] = {}
    seed: int = 0
    backend: dict[str, str] = {}
    versions: dict[str, str] = {}
    best_epoch: int | None = None
    best: dict[str, float] = {}
    #: calibration, threshold and scores on the validation data, when training has ended
    held_out: HeldOut = HeldOut()
    #: what differed each time it was resumed: backend, device, versions
    resumed: list[dict[str, str]] = []

    def __post_init__(self) -> None:
        if (self.config is None) == (self.network is None):
            raise ValueError("a run expects either config, of genoml train, or network, made by hand")
        if not 1 <= self.length_bp <= _MOST_LENGTH_BP:
            raise ValueError(
                f"length_bp expects at least 1 and at most {_MOST_LENGTH_BP}, got {self.length_bp}"
            )

    @property
    def settings(self) -> TrainConfig | NetworkSettings:
        """Settings of training, or of a network that was made by hand."""
        settings = self.config or self.network
        if settings is None:
            raise RunError("a run expects either config or network")
        return settings

    @property
    def training(self) -> TrainConfig:
        """The settings of ``genoml train``.

        Raises
        ------
        RunError
            If the network was made by hand.
        """
        if self.config is None:
            raise RunError("its network was made by hand, and genoml train has no settings for it")
        return self.config


class RunFolder:
    """Run folder that is being written."""

    def __init__(self, path: Path, record: RunRecord) -> None:
        self.path, self.record = path, record
        #: folders that did not exist before, innermost first
        self._made: list[Path] = []

    @classmethod
    def create(
        cls,
        path: str | PathLike[str],
        record: RunRecord,
        model: Layer,
        hashes: np.ndarray | None = None,
    ) -> RunFolder:
        """Make the folder, with the record, the initial weights, and the hashes of the sequences in it.

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
            if record.config is not None:
                folder.save_config()
            if hashes is not None:
                with _written(path / SEQUENCES), write_whole(path / SEQUENCES) as file:
                    file.write(pack_tensors({"hashes": hashes}, {}))
            folder.save_weights(model)
            folder.save_record()
        except BaseException:
            folder.discard()
            raise
        return folder

    def save_record(self) -> None:
        """Write ``run.json``."""
        content = msgspec.json.format(msgspec.json.encode(self.record), indent=2) + b"\n"
        with _written(self.path / RECORD), write_whole(self.path / RECORD) as file:
            file.write(content)

    def save_config(self) -> None:
        """Write ``config.toml``."""
        with _written(self.path / CONFIG), write_whole(self.path / CONFIG) as file:
            file.write(config_text(self.record.training).encode())

    def save_weights(self, model: Layer) -> None:
        """Write the weights."""
        with _written(self.path / WEIGHTS):
            save_weights(self.path / WEIGHTS, model)

    def log(self, record: dict[str, float]) -> None:
        """Add a line to the log, with all of LOG_KEYS."""
        with _written(self.path / LOG), (self.path / LOG).open("ab") as file:
            file.write(msgspec.json.encode(dict.fromkeys(LOG_KEYS) | record) + b"\n")

    @property
    def checkpoints(self) -> Path:
        """Folder of the training's state."""
        return self.path / CHECKPOINT

    def begin_log(self) -> None:
        """Empty the log; a resumed training writes all its epochs again."""
        with _written(self.path / LOG), write_whole(self.path / LOG):
            pass

    def discard_checkpoints(self) -> None:
        """Remove the training's state: the run is finished."""
        discard_generations(self.checkpoints)

    def discard(self) -> None:
        """Remove what ``create`` made, if a run fails before it has any result."""
        with suppress(OSError):
            for name in (RECORD, WEIGHTS, SEQUENCES, LOG, CONFIG):
                (self.path / name).unlink(missing_ok=True)
            rmtree(self.path / EVENTS, ignore_errors=True)
            self.discard_checkpoints()
            for made in self._made:
                made.rmdir()


@contextmanager
def _written(path: Path) -> Iterator[None]:
    """Turn an OSError into a RunError that names the file, as that of a full disk does not."""
    try:
        yield
    except OSError as error:
        what = f"{path}: cannot be written ({error.strerror or error})"
        raise RunError(f"{what}; check space and permissions, or choose another folder") from error


def refuse_existing(path: str | PathLike[str]) -> None:
    """Raise RunError unless a new run can be written to this path."""
    path = Path(path)
    if path.is_dir() and not any(path.iterdir()):
        return
    if path.exists():
        raise RunError(f"{path}: already exists; choose another folder, or remove it")


def read_record(path: str | PathLike[str]) -> RunRecord:
    """Read the record of a run folder.

    Raises
    ------
    RunError
        If the folder or its record is missing or damaged.
    """
    path = Path(path)
    if not path.is_dir():
        raise RunError(f"{path}: no such run folder; check the path, or make one with genoml train")
    try:
        return msgspec.json.decode(read_plain(path / RECORD, _MOST_RECORD), type=RunRecord)
    except FileNotFoundError as error:
        raise RunError(f"{path}: not a run folder, it has no {RECORD}") from error
    except _DAMAGED as error:
        what = f"{path / RECORD}: damaged or of another version ({error})"
        raise RunError(f"{what}; train the model again") from error


def read_log(path: str | PathLike[str]) -> list[dict[str, float]]:
    """Read the records of a run's epochs, in order, without undefined values.

    A last line that was cut short, by a full disk, is left out.

    Raises
    ------
    RunError
        If the log is missing or damaged.
    """
    path = Path(path) / LOG
    try:
        *lines, _ = read_plain(path, _MOST_LOG).split(b"\n")
        records = [msgspec.json.decode(line, type=dict[str, float | None]) for line in lines]
    except _DAMAGED as error:
        raise RunError(f"{path}: not a readable log ({error})") from error
    return [{key: value for key, value in line.items() if value is not None} for line in records]


def open_run(path: str | PathLike[str]) -> RunFolder:
    """Open a run folder whose training can be resumed.

    Raises
    ------
    RunError
        If it is missing, damaged or finished, was not made from files, or holds links, devices or pipes.
    """
    path = Path(path)
    record = read_record(path)
    if record.config is None:
        raise RunError(f"{path}: was not made by genoml train, and cannot be taken up again; predict with it")
    if record.status == "finished":
        raise RunError(
            f"{path}: is finished, after {record.config.n_epochs} epochs or by patience; predict with it"
        )
    if record.status == "diverged":
        raise RunError(
            f"{path}: its loss was not finite, and would be so again; train anew with other settings"
        )
    if not {"positives", "negatives", "hashes"} <= record.data.keys():
        raise RunError(f"{path}: its record does not say which files it was trained on; train anew")
    for name in (WEIGHTS, LOG, CONFIG):
        try:
            with open_plain(path / name):
                pass
        except (NotPlainError, OSError) as error:
            raise RunError(f"{path / name}: {error}; train the model again") from error
    return RunFolder(path, record)
