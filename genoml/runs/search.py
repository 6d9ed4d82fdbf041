"""Search of hyper-parameters by Optuna: each trial is ``genoml train``, in a process of its own.

A search is a folder, in which any number of processes and machines may work at the same time:

- journal.log: Optuna's journal, which holds all that is known
- trials/007.toml, trials/007: the settings of a trial, and its run folder once it is finished
- trials.tsv, best.toml: the table, and the settings of the best trial
- at-work/: a file for each process at work, locked as long as it lives
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import msgspec

from genoml.runs import RunError
from genoml.runs.search_ranges import SearchRecord, planned
from genoml.runs.search_table import Result
from genoml.runs.search_trials import Search

JOURNAL = "journal.log"
#: name of the study in the journal
_STUDY = "genoml"


def open_search(folder: str | Path, record: SearchRecord, *, resume: bool) -> Search:
    """Begin a search for the settings with the highest validation score, or open the one that is there.

    Parameters
    ----------
    folder : path-like
        Where to; made, unless ``resume``.
    record : SearchRecord
        What is searched, and in what.
    resume : bool
        Go on with the search that is there, or take part in it.

    Raises
    ------
    ValueError
        If Optuna is not installed, or the ranges or the numbers cannot be.
    RunError
        If there is one and it is not to be resumed; if there is none and one is; or if it is another.
    """
    folder, optuna, ranges = Path(folder), load_optuna(), planned(record)
    if not resume:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            hint = "add --resume to go on with it, or choose" if (folder / JOURNAL).exists() else "choose"
            raise RunError(f"{folder}: already exists; {hint} another folder")
        (folder / "trials").mkdir(parents=True, exist_ok=True)
        study = optuna.create_study(storage=_storage(folder), study_name=_STUDY, direction="maximize")
    else:
        study = _load(folder)
        _refuse_other(folder, _record(study, folder), record)
    study.set_user_attr("search", msgspec.to_builtins(record))
    if record.factor is None:
        study.pruner = optuna.pruners.NopPruner()
    else:
        study.pruner = optuna.pruners.SuccessiveHalvingPruner(
            min_resource=record.min_epochs, reduction_factor=record.factor
        )
    return Search(folder, record, ranges, study)


def run_search(
    search: Search, *, processes: int = 1, on_result: Callable[[Result, int], None] | None = None
) -> list[Result]:
    """Train the trials of a search that are left.

    A search that was killed goes on where it was, and another process or machine that opens it while it is
    running takes part in it. A trial whose process was killed, or that failed but did not diverge, is tried
    again.

    Parameters
    ----------
    search : Search
        From ``open_search``.
    processes : int
        Trials at a time. With one, the same seed gives the same trials; with random sampling with any number.
    on_result : callable, optional
        Told of each result as it comes, and how many trials have ended.

    Returns
    -------
    list of Result
        One a trial, the best first; also in ``trials.tsv``.

    Raises
    ------
    ValueError
        If no trial finished.
    """
    if processes < 1:
        raise ValueError(f"processes expects at least 1, got {processes}")
    with search.at_work(), ThreadPoolExecutor(processes, "genoml-search") as pool:
        search.retry_failed()
        workers = [pool.submit(search.work, on_result) for _ in range(processes)]
        try:
            ended, _ = wait(workers, return_when=FIRST_EXCEPTION)
            for worker in ended:
                worker.result()
        finally:
            search.stop()
    best = search.write_results()
    if not best or best[0].score is None:
        reason = f"trial {best[0].trial}: {best[0].error}" if best else "others are at work on them"
        raise ValueError(f"no trial finished; {reason}")
    return best


def read_search(folder: str | Path) -> SearchRecord:
    """The record of a search.

    Raises
    ------
    RunError
        If it is missing or damaged.
    """
    return _record(_load(Path(folder)), Path(folder))


def load_optuna() -> Any:
    """Optuna, which warns and no more.

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


def _storage(folder: Path) -> Any:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return JournalStorage(JournalFileBackend(str(folder / JOURNAL)))


def _load(folder: Path) -> Any:
    optuna = load_optuna()
    if not (folder / JOURNAL).is_file():
        raise RunError(f"{folder}: no search to resume, it has no {JOURNAL}; leave out --resume")
    try:
        return optuna.load_study(storage=_storage(folder), study_name=_STUDY)
    except (
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
    ) as error:  # what lines that are not a journal's raise
        raise RunError(f"{folder / JOURNAL}: damaged, or not of a search ({error})") from error


def _record(study: Any, folder: Path) -> SearchRecord:
    try:
        return msgspec.convert(study.user_attrs.get("search"), SearchRecord)
    except msgspec.ValidationError as error:
        raise RunError(f"{folder / JOURNAL}: damaged or of another version ({error})") from error


def _refuse_other(folder: Path, before: SearchRecord, now: SearchRecord) -> None:
    """Raise RunError if what is to be resumed is another search; it may have grown, or its files moved."""
    ours, theirs = msgspec.to_builtins(now), msgspec.to_builtins(before)
    free = {"positives", "negatives", "threads"} | ({"trials"} if now.trials > before.trials else set())
    changed = [key for key in ours if key not in free and ours[key] != theirs[key]]
    if changed:
        raise RunError(
            f"{folder}: holds a search with another {', '.join(changed)} "
            f"({'; '.join(f'{theirs[key]}, now {ours[key]}' for key in changed)}); choose another folder"
        )


def file_hashes(positives: str, negatives: str) -> dict[str, str]:
    """sha256 of both files; of shuffles the word."""
    found = {"positives": _sha256(positives), "negatives": "shuffle"}
    return found if negatives == "shuffle" else found | {"negatives": _sha256(negatives)}


def _sha256(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
