"""The trials of a search: asked of Optuna, trained by ``genoml train`` in processes of their own, and their table."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import IO, Any

import msgspec

from genoml.io.files import write_whole
from genoml.random import host_generator
from genoml.runs import read_record
from genoml.runs.config import TrainConfig
from genoml.runs.config_text import config_text
from genoml.runs.search_ranges import Ranges, SearchRecord
from genoml.runs.search_table import SCORE, Result, ranked, write_table

BEST = "best.toml"
#: what the array libraries take the number of their threads from
_THREADS = ("GENOML_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Search:
    """A search at work: asks Optuna for trials, trains them and tells how they ended.

    Each process at work holds a lock of its own file, and a trial names its process; a trial under way whose
    process holds no lock any more was killed, and is tried again under the same number. On systems and file
    systems without such locks every such trial counts as under way until at-work/ is removed.

    Parameters
    ----------
    folder : Path
        Of the search.
    record : SearchRecord
        What is searched, and in what.
    ranges : Ranges
        Its ranges, defaults filled in.
    study : optuna.Study
        In the journal of the folder.
    """

    def __init__(self, folder: Path, record: SearchRecord, ranges: Ranges, study: Any) -> None:
        self.folder, self.record, self.ranges, self.study = folder, record, ranges, study
        self._distributions = {key: own.distribution() for key, own in ranges.ranges.items()}
        self._name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._mutex = threading.Lock()
        self._training: set[subprocess.Popen[bytes]] = set()
        self._stopping = False

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Tell other processes that this one is alive; at the end give back the trials that it leaves undone."""
        own = self.folder / "at-work" / self._name
        own.parent.mkdir(exist_ok=True)
        try:
            with own.open("wb") as file:
                _lock(file, wait=False)
                yield
        finally:
            own.unlink(missing_ok=True)
            with self._locked():
                self._reclaim()

    def work(self, on_result: Callable[[Result, int], None] | None = None) -> None:
        """Train trials until there is none left to begin; several threads may do so."""
        while not self._stopping and (trial := self.ask()) is not None:
            self._try(trial)
            if self._stopping:
                return
            with self._locked():
                results = self._write_table()
                if on_result is not None:
                    number = trial.user_attrs["trial"]
                    on_result(next(own for own in results if own.trial == number), len(results))

    def stop(self) -> None:
        """End the trainings under way, which then count as not begun."""
        self._stopping = True
        for process in list(self._training):
            process.kill()

    def retry_failed(self) -> None:
        """Try again what failed, which may have been the machine's fault, but not what diverged."""
        with self._locked():
            self._reclaim()
            for trial in self._newest():
                if trial.state.name == "FAIL" and trial.user_attrs.get("status") != "diverged":
                    self._again(trial)

    def write_results(self) -> list[Result]:
        """Write the table and the best settings; the results, the best first."""
        with self._locked():
            results = self._write_table()
            if results and results[0].run:
                with write_whole(self.folder / BEST) as file:
                    file.write(config_text(read_record(results[0].run).training).encode())
        return results

    def ask(self) -> Any:
        """The trial to train next; None if all have been begun."""
        with self._locked():
            self._reclaim()
            known = self._newest()
            waiting = any(trial.state.name == "WAITING" for trial in known)
            if not waiting and len(known) >= self.record.trials:
                return None
            number = len(known) + 1
            # seeded by the trial, so that a search that goes on draws what it would have drawn
            self.study.sampler = self._sampler(number)
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
            # a trial under way counts as a poor one, so that others are not drawn beside it
            return samplers.TPESampler(seed=seed, constant_liar=True)

    def _newest(self) -> list[Any]:
        """Optuna's trials, by our number; of one that was tried again the last try."""
        found = self.study.get_trials(deepcopy=False)
        return list({own.user_attrs["trial"]: own for own in found if "trial" in own.user_attrs}.values())

    def _reclaim(self) -> None:
        """Try again the trials whose process was killed; called where no other process begins one."""
        from optuna.trial import TrialState

        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if not self._is_at_work(trial.user_attrs.get("process")):
                self.study.tell(trial.number, state=TrialState.FAIL)
                if "trial" in trial.user_attrs:
                    self._again(trial)

    def _again(self, trial: Any) -> None:
        rmtree(self._part(trial), ignore_errors=True)
        self.study.enqueue_trial(trial.params, user_attrs={"trial": trial.user_attrs["trial"]})

    def _is_at_work(self, name: str | None) -> bool:
        try:
            with (self.folder / "at-work" / str(name)).open("r+b") as file:
                return not _lock(file, wait=False)
        except FileNotFoundError:
            return False

    def _place(self, number: int) -> Path:
        return self.folder / "trials" / f"{number:03d}"

    def _part(self, trial: Any) -> Path:
        """Where a run is written until it is finished, of this try alone: one before may not have ended yet."""
        return self._place(trial.user_attrs["trial"]).with_suffix(f".try{trial.number}")

    def _try(self, trial: Any) -> None:
        """Train a trial, and tell how it ended."""
        from optuna.trial import TrialState

        part = self._part(trial)
        try:
            config = self.ranges.config(self.ranges.settings(trial.params))
        except ValueError as error:  # settings that do not go together
            status, reason = "failed", str(error)
        else:
            status, reason = self._train(trial, config, part)
        if self._stopping and status == "failed":  # killed by us, which says nothing about the trial
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

    def _train(self, trial: Any, config: TrainConfig, part: Path) -> tuple[str, str]:
        """Run ``genoml train``, reporting the score of each epoch; how it ended, and why if it failed."""
        config = msgspec.structs.replace(config, threads=self.record.threads)
        settings = part.with_suffix(".toml")
        settings.write_text(config_text(config), encoding="utf-8")
        ended, seconds, scored = "", 0.0, False
        with tempfile.TemporaryFile() as said, self._process(part, settings, said) as process:
            for event in map(msgspec.json.decode, process.stdout or ()):
                ended = event.get("status", "")
                if event["event"] != "epoch":
                    continue
                seconds += event["seconds"]
                trial.set_user_attr("seconds", seconds)
                if event.get(SCORE) is None:
                    continue
                scored = True
                trial.report(event[SCORE], int(event["epoch"]))
                if trial.should_prune() and event["epoch"] < config.n_epochs:
                    process.kill()
                    return "pruned", ""
            code = process.wait()
            said.seek(0)
            reason = _reason(code, said.read().decode(errors="replace"))
        if code == 0 and ended == "finished":
            unscored = "no validation score; are both classes in the held-out sequences?"
            return ("finished", "") if scored else ("failed", unscored)
        return "diverged" if ended == "diverged" else "failed", reason

    @contextmanager
    def _process(self, part: Path, settings: Path, said: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
        """``genoml train``, which ends with this process: its next line finds no reader."""
        record = self.record
        command = [sys.executable, "-m", "genoml", "train", record.positives, record.negatives, "--json"]
        command += ["--out", str(part), "--config", str(settings), "--backend", record.backend]
        environment = os.environ | dict.fromkeys(_THREADS, str(record.threads))
        # its own session, so that Ctrl-C comes to this process alone, which then ends the others
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, env=environment,
            start_new_session=True,
        ) as process:  # fmt: skip
            self._training.add(process)
            try:
                if self._stopping:
                    process.kill()
                yield process
            finally:
                self._training.discard(process)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other threads, processes and machines out."""
        with self._mutex, (self.folder / "lock").open("wb") as file:
            _lock(file, wait=True)
            yield

    def _write_table(self) -> list[Result]:
        ended = [self._result(trial) for trial in self._newest() if trial.state.is_finished()]
        results = ranked(ended, halving=self.record.factor is not None)
        write_table(self.folder, results)
        return results

    def _result(self, trial: Any) -> Result:
        known, scores = trial.user_attrs, trial.intermediate_values
        settings = self.ranges.settings(trial.params)
        status = known.get("status", "failed")
        finished, succeeded = status == "finished", status in ("finished", "pruned")
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


def _lock(file: IO[bytes], *, wait: bool) -> bool:
    """Lock a file until it is closed, which the system does for a process that ends, however it ends."""
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):  # held by another, or not on this system
        return False
    return True


def _reason(code: int, said: str) -> str:
    """Why a process failed, on one line."""
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        hint = ", as by the system when memory runs out" if -code == signal.SIGKILL else ""
        return f"killed ({name}{hint})"
    lines = [line for line in said.splitlines() if line.strip()]
    last = lines[-1].removeprefix("genoml: error: ") if lines else f"exit code {code}"
    return " ".join(last.split())
