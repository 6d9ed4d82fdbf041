"""Search of hyper-parameters by Optuna: each trial is ``genoml train`` in a process of its own.

A search is a folder. Several processes and machines may work in it at the same time:

- journal.log: Optuna's journal, which holds the whole state
- trials/007.toml, trials/007: the settings of a trial, and its run folder once it is finished
- trials.tsv, best.toml: the table, and the settings of the best trial
- at-work/: a file for each process of the search, locked as long as the process lives
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import msgspec

from genoml.backend import Backend
from genoml.data.files import SHUFFLE, load_sequences
from genoml.io.processes import lock, open_lock
from genoml.io.settings import make_settings
from genoml.parallel import ONE_RANK, WHOLE_RUN, Shard
from genoml.runs import DataSettings, RunError, read_source
from genoml.runs.on_ranks import ready_files
from genoml.runs.read_data import file_hash
from genoml.runs.score import refuse_two_inputs
from genoml.runs.search_journal import JOURNAL, create_study, load_optuna, load_study, read_record
from genoml.runs.search_ranges import SearchRecord, make_ranges, planned, read_ranges
from genoml.runs.search_table import Result
from genoml.runs.search_trials import LOCK, Search

#: seconds within which Ctrl-C is heard
_WAIT_S = 0.5


def open_search(
    folder: str | Path, record: SearchRecord, *, resume: bool, shard: Shard = WHOLE_RUN
) -> Search:
    """Begin a search for the settings with the highest validation score, or resume one.

    Parameters
    ----------
    folder : path-like
        Folder of the search; made, unless ``resume``.
    record : SearchRecord
        Data, ranges and options.
    resume : bool
        Resume the search that is there, or take part in it.
    shard : Shard
        Begin every ``shard.count``-th trial only. The first of several shards begins the search, the others take part.

    Raises
    ------
    ValueError
        If Optuna is not installed, or the ranges or the numbers are not allowed.
    RunError
        If the folder is in use and not to be resumed; if there is no search to resume; or if it is another one.
    """
    folder = Path(folder)
    optuna = load_optuna()
    ranges = planned(record)
    several = shard.count > 1
    if not resume:
        if not several:
            _refuse_existing(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with open_lock(folder / LOCK) as file:
            lock(file, wait=True)
            resume = several and (folder / JOURNAL).is_file()  # another shard has begun it
            if not resume:
                _refuse_existing(folder)  # another process may have begun one by now
                (folder / "trials").mkdir()
                study = create_study(folder)
                study.set_user_attr("search", msgspec.to_builtins(record))
    if resume:
        study = load_study(folder)
        _refuse_other(folder, read_record(study, folder), record)
        for trial in study.get_trials(deepcopy=False):
            ended = "trial" in trial.user_attrs and trial.state.is_finished()
            if ended and (lacking := ranges.ranges.keys() - trial.params.keys()):
                reason = f"trial {trial.user_attrs['trial']} has no {', '.join(sorted(lacking))}"
                raise RunError(f"{folder / JOURNAL}: damaged, or not of this search ({reason})")
        study.set_user_attr("search", msgspec.to_builtins(record))
    if record.factor is None:
        study.pruner = optuna.pruners.NopPruner()
    else:
        study.pruner = optuna.pruners.SuccessiveHalvingPruner(
            min_resource=record.min_epochs, reduction_factor=record.factor
        )
    return Search(folder, record, ranges, study, shard)


def _refuse_existing(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or {path.name for path in folder.iterdir()} - {LOCK}):
        hint = "add --resume to go on with it, or choose" if (folder / JOURNAL).exists() else "choose"
        raise RunError(f"{folder}: already exists; {hint} another folder")


def run_search(
    search: Search,
    *,
    processes: int = 1,
    devices: Sequence[str] = (),
    on_result: Callable[[Result, int], None] | None = None,
) -> list[Result]:
    """Train the remaining trials of a search.

    A search that was killed is resumed where it was. Another process or machine that opens a running search takes
    part in it. A trial whose process was killed, or that failed without diverging, is tried again.

    Parameters
    ----------
    search : Search
        From ``open_search``.
    processes : int
        Trials at a time. With one, the same seed gives the same trials; with random sampling with any number.
    devices : sequence of str
        What the processes get as ``CUDA_VISIBLE_DEVICES``, in turn; see ``Backend.devices``.
    on_result : callable, optional
        Called with each result, and the number of trials that have ended.

    Returns
    -------
    list of Result
        One for each trial, the best first; also in ``trials.tsv``. A shard gives those of its trials, and writes none.

    Raises
    ------
    ValueError
        If no trial finished.
    """
    if processes < 1:
        raise ValueError(f"processes expects at least 1, got {processes}")
    with search.at_work(), ThreadPoolExecutor(processes, "genoml-search") as pool:
        search.retry_failed()
        try:
            places = [devices[worker % len(devices)] if devices else None for worker in range(processes)]
            left = {pool.submit(search.work, on_result, device) for device in places}
            while left:
                # for short times: Ctrl-C that the system hands to another thread does not wake this one
                ended, left = wait(left, _WAIT_S, FIRST_EXCEPTION)
                for worker in ended:
                    worker.result()
        finally:
            search.stop()
    best = search.write_results()
    if not best and not search.numbers:  # fewer trials than shards
        return best
    if not best or best[0].score is None:
        reason = f"trial {best[0].trial}: {best[0].error}" if best else "others are at work on them"
        raise ValueError(f"no trial finished; {reason}")
    return best


def read_search(folder: str | Path) -> SearchRecord:
    """Read the record of a search.

    Raises
    ------
    RunError
        If it is missing or damaged.
    """
    return read_record(load_study(Path(folder)), Path(folder))


def _refuse_other(folder: Path, before: SearchRecord, now: SearchRecord) -> None:
    """Raise RunError if the folder holds another search; trials may be added, and files moved."""
    ours = msgspec.to_builtins(now)
    theirs = msgspec.to_builtins(before)
    free = {"positives", "negatives", "threads"} | ({"trials"} if now.trials > before.trials else set())
    changed = [key for key in ours if key not in free and ours[key] != theirs[key]]
    if changed:
        raise RunError(
            f"{folder}: holds a search with another {', '.join(changed)} "
            f"({'; '.join(f'{theirs[key]}, now {ours[key]}' for key in changed)}); choose another folder"
        )


def make_record(
    positives: str,
    negatives: str,
    ranges: Path,
    *,
    data: Mapping[str, Any] | None = None,
    processes: int,
    backend: Backend,
    resume: Path | None = None,
    **options: Any,
) -> SearchRecord:
    """Make the record of a search over two files, or other data, which are read once to find their errors.

    Parameters
    ----------
    positives, negatives : str
        Names of FASTA or FASTQ files; the negatives may be the word ``shuffle``. Empty for other data.
    ranges : Path
        TOML file of ranges.
    data : mapping, optional
        Other data, keys of ``DataSettings``; they win over the table ``[data]`` of the ranges.
    processes : int
        Trials at a time, which share the threads of the backend unless the ranges fix them.
    resume : Path, optional
        Folder of the search to resume, whose number of threads is kept.
    **options
        Other fields of the record.

    Raises
    ------
    FormatError, OSError, ValueError
        For files that cannot be read, or no search to resume.
    """
    values = read_ranges(ranges)
    if not (positives or data or values.get("data")):
        raise ValueError(
            "a search expects POSITIVES and NEGATIVES, a table, or a genome with regions; got none"
        )
    if positives:
        refuse_unread(positives, negatives)
        values.pop("data", None)
        hashes = file_hashes(positives, negatives)
    else:
        values["data"], hashes = _described(values, data or {})
    threads = values.get("threads") if resume is None else read_search(resume).threads
    return SearchRecord(
        positives=positives,
        negatives=negatives,
        data=hashes,
        ranges=values,
        threads=threads if isinstance(threads, int) else max(1, backend.threads // processes),
        backend=backend.name,
        **options,
    )


def _described(values: Mapping[str, Any], given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The data of a search with their task, read once, and the sha256 of their files."""
    settings = make_settings(values.get("data", {}), DataSettings, "data").changed(given)
    ready_files(ONE_RANK, settings)
    ranges = make_ranges({**values, "data": settings.given})
    read = read_source(settings, ranges.config({key: each.values[0] for key, each in ranges.ranges.items()}))
    settings = msgspec.structs.replace(settings, task=read.task)
    return settings.given, read.sources["hashes"]


def refuse_unread(positives: str, negatives: str) -> None:
    """Raise ValueError or OSError for sequences that no trial could read."""
    refuse_two_inputs(positives, negatives)
    for path in (positives, negatives):
        if path == "-":
            raise ValueError("-: every trial reads the sequences anew; expects files, got standard input")
        if path != SHUFFLE or path == positives:
            load_sequences(path)


def file_hashes(positives: str, negatives: str) -> dict[str, str]:
    """sha256 of both files; for shuffles the word ``shuffle``."""
    return {
        "positives": file_hash(positives),
        "negatives": SHUFFLE if negatives == SHUFFLE else file_hash(negatives),
    }
