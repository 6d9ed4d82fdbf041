"""A search on disk. What is done is what its folders say, so a search that was killed goes on from there.

- search.json: what is searched, in what, on which data
- trials/007/epochs-20: the run folder of a trial that finished, as ``genoml train`` makes it
- trials/007/epochs-20.json: why a trial failed
- trials.tsv, best.toml: the table, and the settings of the best trial
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from typing import Any, Literal

import msgspec

from genoml.config_text import config_text
from genoml.io.files import write_whole
from genoml.objectives import BinaryClassification
from genoml.runs import RunError, read_log, read_record
from genoml.search.halving import Trial

#: ends the names of runs under way
_PART = ".part"
RECORD, TABLE, BEST = "search.json", "trials.tsv", "best.toml"
#: what trials are chosen by: of held-out training data, never of a test set
SCORE = f"validation_{BinaryClassification.best}"


class SearchRecord(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What ``search.json`` holds: all that decides the result, but for the number of processes."""

    format: Literal[1] = 1
    positives: str
    negatives: str
    #: sha256 of the files by path
    data: dict[str, str]
    #: as the file of ranges had them
    ranges: dict[str, Any]
    trials: int
    seed: int = 0
    #: one in so many trials goes on; none = random search
    factor: int | None = None
    min_epochs: int = 1
    #: threads of each trial
    threads: int
    backend: str


class Failure(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Why a trial has no score: its loss was not finite, which it would be again, or anything else."""

    status: Literal["diverged", "failed"] = "failed"
    error: str


@dataclass
class Result:
    """What is known of a trial after some epochs."""

    trial: Trial
    epochs: int
    status: Literal["finished", "diverged", "failed"]
    score: float | None = None
    best_epoch: int | None = None
    seconds: float | None = None
    error: str = ""
    run: str = ""
    record: dict[str, float] = field(default_factory=dict)


class SearchFolder:
    """The folder of a search; one process at a time works in it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def place(self, trial: Trial, epochs: int) -> Path:
        """Where the run of a trial ends up."""
        return self.path / "trials" / f"{trial.number:03d}" / f"epochs-{epochs}"

    def result(self, trial: Trial, epochs: int) -> Result | None:
        """How a trial ended; None if it has not."""
        place = self.place(trial, epochs)
        failed = _failure_of(place)
        if failed is not None:
            return Result(trial, epochs, failed.status, error=failed.error)
        if not place.exists():
            return None
        record = read_record(place)
        seconds = sum(line["seconds"] for line in read_log(place))
        if SCORE not in record.best:
            why = "no validation score; are both classes in the held-out sequences?"
            return Result(trial, epochs, "failed", error=why, seconds=seconds)
        return Result(
            trial, epochs, "finished", record.best[SCORE], record.best_epoch, seconds, run=str(place),
            record=record.best,
        )  # fmt: skip

    def fail(self, trial: Trial, epochs: int, failure: Failure) -> None:
        """Record that a trial failed."""
        place = _failure(self.place(trial, epochs))
        place.parent.mkdir(parents=True, exist_ok=True)
        with write_whole(place) as file:
            file.write(msgspec.json.encode(failure) + b"\n")

    def keep(self, part: Path, trial: Trial, epochs: int) -> None:
        """Give a finished run its name."""
        os.rename(part, self.place(trial, epochs))

    def part(self, trial: Trial, epochs: int) -> Path:
        """Where a run is written until it is finished: a name that no process had before."""
        place = self.place(trial, epochs)
        place.parent.mkdir(parents=True, exist_ok=True)
        return place.with_name(f"{place.name}.{secrets.token_hex(4)}{_PART}")

    def clear(self) -> None:
        """Make way for what is to be tried again: runs half done by processes that were killed, and failures
        that may have been the machine's.
        """
        for part in self.path.glob(f"trials/*/*{_PART}*"):
            rmtree(part) if part.is_dir() else part.unlink()
        for path in self.path.glob("trials/*/epochs-*.json"):
            failure = _failure_of(path.with_suffix(""))
            if failure is not None and failure.status != "diverged":
                path.unlink()

    def save_best(self, best: Result) -> None:
        """Write the settings of the best trial, for ``genoml train --config``."""
        with write_whole(self.path / BEST) as file:
            file.write(config_text(read_record(best.run).training).encode())

    def open(self, record: SearchRecord, *, resume: bool) -> None:
        """Begin a search, or go on with the one that is there.

        Raises
        ------
        RunError
            If there is one and it is not to be resumed; if there is none and one is; or if it is another.
        """
        place = self.path / RECORD
        if not resume:
            if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
                hint = "add --resume to go on with it, or choose" if place.exists() else "choose"
                raise RunError(f"{self.path}: already exists; {hint} another folder")
            self.path.mkdir(parents=True, exist_ok=True)
        else:
            _refuse_other(place, record)
        with write_whole(place) as file:
            file.write(msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes out; the system lets go when this one ends, however it ends.

        Raises
        ------
        RunError
            If another search is at work in the folder.
        """
        try:
            import fcntl
        except ImportError:  # not on this system
            yield
            return
        handle = os.open(self.path, os.O_RDONLY)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise RunError(f"{self.path}: another search is at work there; wait for its end") from error
            yield
        finally:
            os.close(handle)


def _failure(place: Path) -> Path:
    return place.with_name(f"{place.name}.json")


def _failure_of(place: Path) -> Failure | None:
    path = _failure(place)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Failure)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, OSError, UnicodeDecodeError) as error:
        raise RunError(f"{path}: damaged ({error}); remove it, and resume") from error


def read_search(path: Path) -> SearchRecord:
    """The record of a search.

    Raises
    ------
    RunError
        If it is missing or damaged.
    """
    place = path / RECORD
    try:
        return msgspec.json.decode(place.read_bytes(), type=SearchRecord)
    except FileNotFoundError as error:
        raise RunError(f"{path}: no search to resume, it has no {RECORD}; leave out --resume") from error
    except (msgspec.DecodeError, OSError, UnicodeDecodeError) as error:
        raise RunError(f"{place}: damaged or of another version ({error})") from error


def _refuse_other(place: Path, record: SearchRecord) -> None:
    """Raise RunError if what is to be resumed is another search; random search may have grown."""
    before, now = (msgspec.to_builtins(own) for own in (read_search(place.parent), record))
    if record.factor is None and now["trials"] > before["trials"]:
        before["trials"] = now["trials"]
    changed = [key for key in now if before[key] != now[key]]
    if changed:
        raise RunError(
            f"{place.parent}: holds a search with another {', '.join(changed)} "
            f"({'; '.join(f'{before[key]}, now {now[key]}' for key in changed)}); choose another folder"
        )


def file_hashes(*paths: str) -> dict[str, str]:
    """sha256 of each file by path."""
    found = {}
    for path in paths:
        with open(path, "rb") as file:
            found[path] = hashlib.file_digest(file, "sha256").hexdigest()
    return found
