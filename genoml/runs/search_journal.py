"""Journal of a search, which is Optuna's and holds its whole state."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import IO, Any

import msgspec

from genoml.io.processes import lock
from genoml.runs.record import RunError
from genoml.runs.search_ranges import SearchRecord

JOURNAL = "journal.log"
#: name of the study in the journal
_STUDY = "genoml"


def load_optuna() -> Any:
    """Import Optuna, and keep its messages to warnings.

    Raises
    ------
    ValueError
        If it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise ValueError("genoml search needs Optuna: pip install 'genoml-xp[search]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


class _JournalLock:
    """Lock of the journal that ends with its process; Optuna's own stays behind when a process is killed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def acquire(self) -> bool:
        file = self._path.open("ab")
        lock(file, wait=True)
        self._file = file
        return True

    def release(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()


def _storage(folder: Path) -> Any:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    path = folder / JOURNAL
    with path.open("ab") as file:
        has_locks = lock(file, wait=True)
    own = _JournalLock(path) if has_locks else JournalFileOpenLock(str(path))
    return JournalStorage(JournalFileBackend(str(path), own))


def create_study(folder: Path) -> Any:
    """Make the journal of a new search."""
    return load_optuna().create_study(storage=_storage(folder), study_name=_STUDY, direction="maximize")


def load_study(folder: Path) -> Any:
    """Load the study in the journal of a search.

    Raises
    ------
    RunError
        If there is none, it is damaged, or the folder holds links, devices or pipes.
    """
    optuna = load_optuna()
    if not (folder / JOURNAL).is_file():
        raise RunError(f"{folder}: no search to resume, it has no {JOURNAL}; leave out --resume")
    _refuse_devices(folder)
    try:
        study = optuna.load_study(storage=_storage(folder), study_name=_STUDY)
        for trial in study.get_trials(deepcopy=False):
            number = trial.user_attrs.get("trial", 1)
            if type(number) is not int or number < 1:  # names its files
                raise ValueError(f"a trial has the number {number!r}")
        return study
    except (KeyError, ValueError, TypeError, AttributeError) as error:  # lines that are not a journal's
        raise RunError(f"{folder / JOURNAL}: damaged, or not of a search ({error})") from error


def _refuse_devices(folder: Path) -> None:
    """Raise RunError if a folder, which may be someone else's, holds anything but files and folders.

    Opening a pipe would wait for ever, and writing to a link would leave the folder.
    """
    for path in folder.rglob("*"):
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:  # another process at work has removed it
            continue
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise RunError(f"{os.fspath(path)}: is a link, device or pipe; expects a file, so remove it")


def read_record(study: Any, folder: Path) -> SearchRecord:
    """The record of a search in its journal.

    Raises
    ------
    RunError
        If there is none, or one of another version.
    """
    try:
        return msgspec.convert(study.user_attrs.get("search"), SearchRecord)
    except msgspec.ValidationError as error:
        raise RunError(f"{folder / JOURNAL}: damaged or of another version ({error})") from error
