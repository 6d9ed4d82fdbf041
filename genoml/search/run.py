"""A whole search: which trials, in processes, with its table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from genoml.search.folder import Result, SearchFolder, SearchRecord
from genoml.search.halving import Rung, Trial, halving_rungs, random_trials, successive_halving
from genoml.search.processes import Workers
from genoml.search.ranges import Ranges, make_ranges
from genoml.search.table import ranked, ranked_by_score, write_table
from genoml.typed import SettingError


def plan(record: SearchRecord) -> tuple[list[Trial], list[Rung]]:
    """The trials of a search, and its rounds.

    Raises
    ------
    ValueError
        If the ranges or the numbers cannot be.
    """
    ranges = with_defaults(make_ranges(record.ranges), shuffled=record.negatives == "shuffle")
    trials = random_trials(ranges, record.trials, seed=record.seed)
    if record.factor is None:
        return trials, [Rung(len(trials), None)]
    if "epochs" in ranges.ranges:
        raise SettingError("epochs", "is what successive halving varies, and expects one number, got a range")
    epochs = trials[0].config.n_epochs
    return trials, halving_rungs(len(trials), epochs, min_epochs=record.min_epochs, factor=record.factor)


def with_defaults(ranges: Ranges, *, shuffled: bool) -> Ranges:
    """The same, filled in where it was left open: the epochs, and no baseline, which is the same for all trials."""
    defaults = {"epochs": 40 if shuffled else 20, "baseline": False}
    return Ranges(ranges.ranges, {k: v for k, v in defaults.items() if k not in ranges.ranges} | ranges.fixed)


def run_search(
    folder: str | Path,
    record: SearchRecord,
    *,
    processes: int = 1,
    resume: bool = False,
    on_result: Callable[[Result, int], None] | None = None,
) -> list[Result]:
    """Search for the settings with the highest validation score.

    Every trial is a run of ``genoml train`` in its own process, on the same held-out sequences. What is on
    disk is not trained again, so a search that was killed goes on where it was, and ends as if it had not
    been.

    Parameters
    ----------
    folder : path-like
        Where to; made, unless ``resume``.
    record : SearchRecord
        What is searched, and in what.
    processes : int
        Trials at a time. The trials, and what they score, are the same whatever the number.
    resume : bool
        Go on with the search that is there.
    on_result : callable, optional
        Told of each result as it comes, and the number of its round, from 0.

    Returns
    -------
    list of Result
        One a trial, the best first; also in ``trials.tsv``.

    Raises
    ------
    ValueError
        If the ranges or the numbers cannot be, or no trial finished.
    RunError
        If the folder holds something else, or another search is at work there.
    """
    if processes < 1:
        raise ValueError(f"processes expects at least 1, got {processes}")
    trials, rungs = plan(record)
    store = SearchFolder(Path(folder))
    store.open(record, resume=resume)
    results: list[Result] = []
    order = ranked_by_score if record.factor is None else ranked
    with store.locked():
        store.clear()
        workers = Workers(store, record, processes)

        def evaluate(going: Sequence[Trial], epochs: int | None) -> Mapping[int, float | None]:
            scores = {}
            for result in workers.run(going, epochs):
                results.append(result)
                scores[result.trial.number] = result.score
                write_table(store.path, order(results))
                if on_result is not None:
                    on_result(result, next(i for i, rung in enumerate(rungs) if rung.epochs == epochs))
            return scores

        try:
            successive_halving(trials, rungs, evaluate)
        finally:
            workers.close()
        best = order(results)
        if best[0].score is None:
            raise ValueError(f"no trial finished; trial {best[0].trial.number}: {best[0].error}")
        store.save_best(best[0])
    return best
