"""Trials of a search: drawn by Optuna, and trained by ``genoml train`` in processes of their own."""

from __future__ import annotations

import os
import re
import secrets
import socket
import subprocess
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from typing import IO, Any

import msgspec

from genoml.io.files import write_whole
from genoml.io.processes import lock, open_lock
from genoml.parallel import WHOLE_RUN, Shard
from genoml.random import host_generator
from genoml.runs import read_record
from genoml.runs.config import TrainConfig
from genoml.runs.config_text import config_text
from genoml.runs.record import sealed_config
from genoml.runs.search_process import start_training
from genoml.runs.search_ranges import Ranges, SearchRecord
from genoml.runs.search_table import Result, ranked, reason_of, write_table

BEST = "best.toml"
#: file whose lock is the search's
LOCK = "in-use.lock"
#: name of a process at work
_PROCESS = re.compile(r"[^/\\\0]+-\d+-[0-9a-f]{8}")


class Search:
    """Search that trains its trials and reports their results to Optuna.

    Each process at work holds a lock on a file of its own, and a trial names its process; a running trial whose
    process no longer holds its lock was killed, and is tried again under the same number. On systems and file
    systems without such locks every such trial counts as running until at-work/ is removed.

    Parameters
    ----------
    folder : Path
        Folder of the search.
    record : SearchRecord
        Data, ranges and options.
    ranges : Ranges
        The ranges, with defaults filled in.
    study : optuna.Study
        The study in the journal of the folder.
    shard : Shard
        Which begins every ``shard.count``-th trial only, and writes no table.
    """

    def __init__(
        self, folder: Path, record: SearchRecord, ranges: Ranges, study: Any, shard: Shard = WHOLE_RUN
    ) -> None:
        self.folder = folder
        self.shard = shard
        #: of the trials that may be begun here
        self.numbers = range(shard.number, record.trials + 1, shard.count)
        self.record = record
        self.ranges = ranges
        self.study = study
        self._distributions = {key: each.distribution() for key, each in ranges.ranges.items()}
        self._name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._mutex = threading.Lock()
        self._training: set[subprocess.Popen[bytes]] = set()
        self._stopping = False

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Show other processes that this one is alive; at the end return its unfinished trials to the search."""
        path = self.folder / "at-work" / self._name
        path.parent.mkdir(exist_ok=True)
        try:
            with path.open("xb") as file:
                lock(file, wait=False)
                yield
        finally:
            path.unlink(missing_ok=True)
            with self._locked():
                self._reclaim()

    def work(self, on_result: Callable[[Result, int], None] | None = None, device: str | None = None) -> None:
        """Train trials, on a device, until none is left to begin; several threads may call this."""
        while not self._stopping and (trial := self.ask()) is not None:
            self._try(trial, device)
            if self._stopping:
                return
            with self._locked():
                results = self._results()
                if self.shard.count == 1:
                    write_table(self.folder, results, self.record.score)
                if on_result is not None:
                    number = trial.user_attrs["trial"]
                    on_result(next(each for each in results if each.trial == number), len(results))

    def stop(self) -> None:
        """Stop the running trials, which then count as not begun."""
        self._stopping = True
        for process in list(self._training):
            process.kill()

    def retry_failed(self) -> None:
        """Queue its failed trials again, since the machine may be at fault, but not those that diverged."""
        with self._locked():
            self._reclaim()
            for trial in self._newest():
                failed = trial.state.name == "FAIL" and trial.user_attrs.get("status") != "diverged"
                if failed and trial.user_attrs["trial"] in self.numbers:
                    self._again(trial)

    def write_results(self) -> list[Result]:
        """Write the table and the best settings; return the results, the best first, of a shard those of its trials."""
        with self._locked():
            results = self._results()
            if self.shard.count > 1:
                return [each for each in results if each.trial in self.numbers]
            write_table(self.folder, results, self.record.score)
            if results and results[0].run:
                with write_whole(self.folder / BEST) as file:
                    file.write(sealed_config(read_record(results[0].run).training))
        return results

    def ask(self) -> Any:
        """Next trial to train; None if all have been begun."""
        with self._locked():
            self._reclaim()
            known = self._newest()
            waiting = any(trial.state.name == "WAITING" for trial in known)
            begun = {trial.user_attrs["trial"] for trial in known}
            number = next((number for number in self.numbers if number not in begun), None)
            if not waiting and number is None:
                return None
            # seeded by the trial, so that a resumed search draws what it would have drawn
            self.study.sampler = self._sampler(number or 0)  # not asked for one that waits
            trial = self.study.ask(self._distributions)
            trial.set_user_attr("process", self._name)
            trial.set_user_attr("trial", trial.user_attrs.get("trial", number))
            return trial

    def _sampler(self, number: int) -> Any:
        from optuna import exceptions, samplers

        seed = int(host_generator(self.record.seed, "search", number).integers(2**32))
        if self.record.sampler == "random":
            return samplers.RandomSampler(seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", exceptions.ExperimentalWarning)
            # a running trial counts as a poor one, so that others are not drawn near it
            return samplers.TPESampler(seed=seed, constant_liar=True)

    def _newest(self) -> list[Any]:
        """Optuna's trials, only the last try of one that was tried again."""
        tries = self.study.get_trials(deepcopy=False)
        return list({each.user_attrs["trial"]: each for each in tries if "trial" in each.user_attrs}.values())

    def _reclaim(self) -> None:
        """Queue trials again whose process was killed; call it with the lock held."""
        from optuna.trial import TrialState

        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if not self._is_at_work(trial.user_attrs.get("process")):
                self.study.tell(trial.number, state=TrialState.FAIL)
                if "trial" in trial.user_attrs:
                    self._again(trial)

    def _again(self, trial: Any) -> None:
        with suppress(FileNotFoundError), self._settings(trial).open("rb") as settings:
            lock(settings, wait=True)  # until its process has noticed that the search was killed
        rmtree(self._part(trial), ignore_errors=True)
        self.study.enqueue_trial(trial.params, user_attrs={"trial": trial.user_attrs["trial"]})

    def _is_at_work(self, name: object) -> bool:
        if _PROCESS.fullmatch(str(name)):  # a journal of someone else may name any file
            with suppress(FileNotFoundError), (self.folder / "at-work" / str(name)).open("r+b") as file:
                return not lock(file, wait=False)
        return False

    def _place(self, number: int) -> Path:
        return self.folder / "trials" / f"{number:03d}"

    def _part(self, trial: Any) -> Path:
        """Folder of this try's run until it is finished; an earlier try may not have ended yet."""
        return self._place(trial.user_attrs["trial"]).with_suffix(f".try{trial.number}")

    def _settings(self, trial: Any) -> Path:
        """Settings of a trial, which its process holds locked."""
        return self._place(trial.user_attrs["trial"]).with_suffix(".toml")

    def _try(self, trial: Any, device: str | None) -> None:
        """Train a trial, and report the result to Optuna."""
        from optuna.trial import TrialState

        part = self._part(trial)
        try:
            config = self.ranges.config(self.ranges.settings(trial.params))
        except ValueError as error:  # settings that do not go together
            status, reason = "failed", str(error)
        else:
            status, reason = self._train(trial, config, part, device)
        if self._stopping and status == "failed":  # stopped by us: no result of the trial
            return
        trial.set_user_attr("status", status)
        trial.set_user_attr("error", reason)
        if status == "finished":
            os.rename(part, self._place(trial.user_attrs["trial"]))
            known = self.study.get_trials(deepcopy=False)[trial.number]
            self.study.tell(trial, max(known.intermediate_values.values()))
        else:
            rmtree(part, ignore_errors=True)
            self.study.tell(trial, state=TrialState.PRUNED if status == "pruned" else TrialState.FAIL)

    def _train(self, trial: Any, config: TrainConfig, part: Path, device: str | None) -> tuple[str, str]:
        """Run ``genoml train``, reporting the score of each epoch; return the status, and the reason of a failure."""
        config = msgspec.structs.replace(config, threads=self.record.threads)
        settings = self._settings(trial)
        settings.write_text(config_text(config), encoding="utf-8")
        ended = ""
        seconds = 0.0
        scored = False
        with tempfile.TemporaryFile() as errors, self._process(part, settings, errors, device) as process:
            for event in map(msgspec.json.decode, process.stdout or ()):
                ended = event.get("status", "")
                if event["event"] != "epoch":
                    continue
                seconds += event["seconds"]
                trial.set_user_attr("seconds", seconds)
                score = event.get(self.record.score)
                if score is None:
                    continue
                scored = True
                trial.report(score, int(event["epoch"]))
                if trial.should_prune() and event["epoch"] < config.n_epochs:
                    process.kill()
                    return "pruned", ""
            code = process.wait()
            errors.seek(0)
            reason = reason_of(code, errors.read().decode(errors="replace"))
        if code == 0 and ended == "finished":
            unscored = "no validation score; are both classes in the held-out sequences?"
            return ("finished", "") if scored else ("failed", unscored)
        return "diverged" if ended == "diverged" else "failed", reason

    @contextmanager
    def _process(
        self, part: Path, settings: Path, errors: IO[bytes], device: str | None
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A training, which ends with this process."""
        process = start_training(self.record, part, settings, errors, device)
        with process:
            self._training.add(process)
            try:
                if self._stopping:
                    process.kill()
                yield process
            finally:
                self._training.discard(process)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock of the search against other threads, processes and machines."""
        with self._mutex, open_lock(self.folder / LOCK) as file:
            lock(file, wait=True)
            yield

    def _results(self) -> list[Result]:
        ended = [self._result(trial) for trial in self._newest() if trial.state.is_finished()]
        return ranked(ended, halving=self.record.factor is not None)

    def _result(self, trial: Any) -> Result:
        known, scores = trial.user_attrs, trial.intermediate_values
        settings = self.ranges.settings(trial.params)
        status = known.get("status", "failed")
        finished = status == "finished"
        succeeded = status in ("finished", "pruned")
        best = min(scores, key=lambda epoch: (-scores[epoch], epoch)) if succeeded else None
        return Result(
            trial=known["trial"],
            settings=settings,
            status=status,
            epochs=self.ranges.config(settings).n_epochs if finished else max(scores, default=0),
            score=None if best is None else scores[best],
            best_epoch=best,
            seconds=known.get("seconds"),
            run=str(self._place(known["trial"])) if finished else "",
            error=known.get("error", ""),
        )
