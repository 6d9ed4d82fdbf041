"""Files of a run folder: everything that prediction needs, and the record of the training.

- run.json: settings, data, encoding, versions, seed, result, and hashes of itself and of the next two
- weights.safetensors: the weights of the best epoch
- sequences.safetensors: hashes of the sequences that it was trained on, and their places in a genome
- log.jsonl: one record an epoch
- checkpoint/: the state of the training, until it is finished, see genoml.train.Checkpoints
- config.toml: the settings again, for people and for ``genoml train --config``; none for a network made by hand
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from hashlib import sha256
from os import PathLike
from pathlib import Path
from shutil import rmtree

import msgspec

from genoml.checkpoint import discard_generations, pack_weights
from genoml.checkpoint.files import pack_tensors
from genoml.data.traits import TrainedOn
from genoml.io.files import write_whole
from genoml.io.plain import NotPlainError, open_plain, read_plain
from genoml.io.processes import locked, refuse_locked
from genoml.nn.layer import Layer
from genoml.runs.config_text import read_config
from genoml.runs.record import (
    CONFIG,
    DAMAGED,
    RECORD,
    SEQUENCES,
    WEIGHTS,
    RunError,
    RunRecord,
    read_record,
    sealed_config,
    sealed_record,
)

LOG = "log.jsonl"
#: file that is there and locked while a process writes the run
LOCK = "in-use.lock"
#: bytes of a log, at most
_MOST_LOG = 256 << 20
#: folder of the training's state
CHECKPOINT = "checkpoint"
#: folder of TensorBoard's events
EVENTS = "tensorboard"
#: keys of every line of the log; an undefined value is null
LOG_KEYS = (
    "epoch", "step", "loss", "learning_rate", "seconds", "sequences_per_second",
    "validation_loss", "validation_auroc", "validation_aupr",
)  # fmt: skip


class RunFolder:
    """Run folder that is being written."""

    def __init__(self, path: Path, record: RunRecord) -> None:
        self.path, self.record = path, record
        #: folders that did not exist before, innermost first
        self._made: list[Path] = []
        self._writing = False

    @classmethod
    def create(
        cls, path: str | PathLike[str], record: RunRecord, model: Layer, known: TrainedOn | None = None
    ) -> RunFolder:
        """Make the folder, with the record, the initial weights, and what tells the sequences in it.

        Raises
        ------
        RunError
            If it exists and is not an empty folder, or cannot be made; nothing is left of it then.
        InUseError
            If another process writes into it.
        """
        with cls.begin(path, record, model, known) as folder:
            return folder

    @classmethod
    @contextmanager
    def begin(
        cls, path: str | PathLike[str], record: RunRecord, model: Layer, known: TrainedOn | None = None
    ) -> Iterator[RunFolder]:
        """Make the folder as ``create`` does, and be the only process that writes into it until the block ends."""
        path = Path(path)
        refuse_existing(path)
        folder = cls(path, record)
        folder._made = [made for made in (path, *path.parents) if not made.exists()]
        try:
            with _written(path):
                path.mkdir(parents=True, exist_ok=True)
            with folder.writing():
                _refuse_files(path)  # another process may have made it by now
                folder._fill(model, known)
                yield folder
        except BaseException:
            folder._remove_made()
            raise

    def _fill(self, model: Layer, known: TrainedOn | None) -> None:
        try:
            with _written(self.path / LOG):
                (self.path / LOG).touch()
            if self.record.config is not None:
                self.save_config()
            if known is not None:
                content = pack_tensors(known.arrays(), {})
                self.record.sequences = sha256(content).hexdigest()
                self._write(SEQUENCES, content)
            self.save_weights(model)
            self.save_record()
        except BaseException:
            self.discard()
            raise

    @contextmanager
    def writing(self) -> Iterator[RunFolder]:
        """Be the only process that writes into the folder until the block ends; it may be nested.

        Raises
        ------
        InUseError
            If another process does.
        """
        with ExitStack() as stack:
            if not self._writing:
                with _written(self.path / LOCK):
                    stack.enter_context(locked(self.path / LOCK, self.path))
                self._writing = True
                stack.callback(setattr, self, "_writing", False)
            yield self

    def _write(self, name: str, content: bytes) -> None:
        with _written(self.path / name), write_whole(self.path / name) as file:
            file.write(content)

    def save_record(self) -> None:
        """Write ``run.json``, sealed."""
        self._write(RECORD, sealed_record(self.record))

    def save_config(self) -> None:
        """Write ``config.toml``."""
        self._write(CONFIG, sealed_config(self.record.training))

    def save_weights(self, model: Layer) -> None:
        """Write the weights, after the record that knows them and those before them."""
        content = pack_weights(model)
        digest = sha256(content).hexdigest()
        if self.record.weights and digest not in self.record.weights:
            self.record.weights = [digest, *self.record.weights]
            self.save_record()
        self._write(WEIGHTS, content)
        self.record.weights = [digest]

    def log(self, record: dict[str, float]) -> None:
        """Add a line to the log, with all of LOG_KEYS."""
        with _written(self.path / LOG), (self.path / LOG).open("ab") as file:
            file.write(msgspec.json.encode(dict.fromkeys(LOG_KEYS) | record) + b"\n")

    @property
    def checkpoints(self) -> Path:
        """Folder of the training's state."""
        return self.path / CHECKPOINT

    def place_of(self, file: str) -> str:
        """Where a file of the record is: seen from the folder where training began, or from here.

        Raises
        ------
        RunError
            If it is no file but a device, a pipe or a folder, which a record of someone else may name.
        """
        if os.path.exists(file) and not os.path.isfile(file):
            raise RunError(
                f"{self.path}: its record names {file}, which is no file; name the files to train on"
            )
        there = os.path.join(self.path, str(self.record.data.get("working_folder", ".")), file)
        here = os.path.exists(file) and os.path.exists(there) and os.path.samefile(file, there)
        return file if here or not os.path.isfile(there) else os.path.normpath(there)

    def begin_log(self) -> None:
        """Empty the log; a resumed training writes all its epochs again."""
        self._write(LOG, b"")

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
            if self._writing:
                (self.path / LOCK).unlink()
        self._remove_made()

    def _remove_made(self) -> None:
        """Remove the folders that were made, as far as nothing is in them."""
        with suppress(OSError):
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
    """Raise RunError unless a new run can be written to this path, InUseError if another process does it just now."""
    path = Path(path)
    if (path / LOCK).is_file():
        refuse_locked(path / LOCK, path)
    _refuse_files(path)


def _refuse_files(path: Path) -> None:
    if path.is_dir() and {entry.name for entry in path.iterdir()} <= {LOCK}:
        return
    if path.exists():
        raise RunError(f"{path}: already exists; choose another folder, or remove it")


def read_log(path: str | PathLike[str]) -> list[dict[str, float]]:
    """Records of a run's epochs, in order, without undefined values, and without a last line that was cut short.

    Raises
    ------
    RunError
        If the log is missing or damaged.
    """
    path, records, place = Path(path) / LOG, [], ""
    try:
        *lines, _ = read_plain(path, _MOST_LOG).split(b"\n")
        for number, line in enumerate(lines, 1):
            place, record = f", line {number}", msgspec.json.decode(line, type=dict[str, float | None])
            if record.get("epoch") is None or not record.keys() >= set(LOG_KEYS):
                raise ValueError("it lacks the epoch, or another of its keys")
            records.append({key: value for key, value in record.items() if value is not None})
    except DAMAGED as error:
        raise RunError(f"{path}{place}: not a readable log ({error})") from error
    return records


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
        with RunFolder(path, record).writing() as folder:
            folder.discard_checkpoints()  # of one that was killed before it could
        what = f"{path}: is finished, after {record.config.n_epochs} epochs or by patience; predict with it"
        raise RunError(what)
    if record.status == "diverged":
        what = f"{path}: its loss was not finite, and would be so again; train anew with other settings"
        raise RunError(what)
    if "hashes" not in record.data or not (record.config.data.is_given or "negatives" in record.data):
        raise RunError(f"{path}: its record does not say which files it was trained on; train anew")
    if "name" not in record.backend:
        raise RunError(f"{path}: its record does not say which backend it was trained on; train anew")
    for name in (WEIGHTS, LOG, CONFIG):
        try:
            with open_plain(path / name):
                pass
        except (NotPlainError, OSError) as error:
            raise RunError(f"{path / name}: {error}; train the model again") from error
    if read_config(path / CONFIG, {}) != record.config:
        raise RunError(
            f"{path / CONFIG}: has other settings than {RECORD}, by which a run goes on; train anew with them, or "
            "have them written again by genoml.runs.reseal"
        )
    return RunFolder(path, record)
