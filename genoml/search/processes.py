"""Trials in processes of their own: one that dies, whatever of, is one trial that failed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree

import msgspec

from genoml.config_text import config_text
from genoml.runs import RunError, read_record
from genoml.search.folder import Failure, Result, SearchFolder, SearchRecord
from genoml.search.halving import Trial

#: what the array libraries take the number of their threads from
_THREADS = ("GENOML_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Workers:
    """Processes that train trials, so many at a time; a context manager, which ends them.

    Each is ``genoml train`` in a fresh interpreter. They end with this process, even if it is killed: they
    watch a pipe that the system closes then.
    """

    def __init__(self, folder: SearchFolder, record: SearchRecord, processes: int) -> None:
        self.folder, self.record = folder, record
        self._pool = ThreadPoolExecutor(processes, "genoml-search")
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopping = False

    def run(self, trials: Sequence[Trial], epochs: int | None) -> Iterator[Result]:
        """Train what has not been trained, and give each result as it comes."""
        waiting: set[Future[Result]] = set()
        for trial in trials:
            own = trial.config.epochs if epochs is None else epochs
            if own is None:
                raise ValueError(f"trial {trial.number} expects a number of epochs")
            done = self.folder.result(trial, own)
            if done is not None:
                yield done
            else:
                waiting.add(self._pool.submit(self._train, trial, own))
        while waiting:
            ended, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in ended)

    def close(self) -> None:
        """End the processes that are at work."""
        self._stopping = True
        for process in list(self._running):
            process.kill()
        self._pool.shutdown(cancel_futures=True)

    def _train(self, trial: Trial, epochs: int) -> Result:
        part = self.folder.part(trial, epochs)
        settings = part.with_name(f"{part.name}.toml")
        config = msgspec.structs.replace(trial.config, epochs=epochs, threads=self.record.threads)
        settings.write_text(config_text(config), encoding="utf-8")
        try:
            error = self._process(part, settings)
        finally:
            settings.unlink(missing_ok=True)
        if self._stopping:  # killed by us, which says nothing about the trial
            return Result(trial, epochs, "failed", error="stopped")
        if error is not None:
            rmtree(part, ignore_errors=True)
            self.folder.fail(trial, epochs, error)
        else:
            self.folder.keep(part, trial, epochs)
        result = self.folder.result(trial, epochs)
        if result is None:
            raise RunError(f"{part}: a trial that has just ended is gone; is another program at work there?")
        return result

    def _process(self, part: Path, settings: Path) -> Failure | None:
        """Train in a process; why it failed, or None."""
        record = self.record
        arguments = ["train", record.positives, record.negatives, "--out", str(part), "--quiet"]
        arguments += ["--config", str(settings), "--backend", record.backend]
        with _started(
            [sys.executable, "-m", "genoml.cli.search_worker", *arguments], record.threads
        ) as process:
            self._running.add(process)
            if self._stopping:
                process.kill()
            try:
                # the pipe to its standard input stays open until it ends: see search_worker
                said = process.stderr.read() if process.stderr else b""
                code = process.wait()
            finally:
                self._running.discard(process)
        try:
            status = read_record(part).status
        except RunError:  # it failed before it had a folder
            status = "interrupted"
        if code == 0 and status == "finished":
            return None
        reason = _reason(code, said.decode(errors="replace"))
        return Failure(status="diverged" if status == "diverged" else "failed", error=reason)


@contextmanager
def _started(arguments: list[str], threads: int) -> Iterator[subprocess.Popen[bytes]]:
    environment = os.environ | dict.fromkeys(_THREADS, str(threads))
    # its own session, so that Ctrl-C comes to this process alone, which then ends the others
    process = subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment,
        start_new_session=True,
    )  # fmt: skip
    with process:
        yield process


def _reason(code: int, said: str) -> str:
    """Why a process failed, on one line."""
    lines = [line for line in said.splitlines() if line.strip()]
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        hint = ", as by the system when memory runs out" if -code == signal.SIGKILL else ""
        return f"killed ({name}{hint})"
    last = lines[-1].removeprefix("genoml: error: ") if lines else f"exit code {code}"
    return " ".join(last.split())
