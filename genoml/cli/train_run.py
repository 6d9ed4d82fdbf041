"""Training into a run folder: begun, or taken up again."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from genoml.backend import Backend
from genoml.checkpoint import newest_generation
from genoml.cli.progress import Progress, TerminalProgress
from genoml.config import TrainConfig
from genoml.data import SequenceData, ShuffledNegatives
from genoml.held_out import assess
from genoml.models import build_model
from genoml.runs import RunFolder, RunRecord, build_recorded, read_log
from genoml.train import Callback, Callbacks, Checkpoints, History, NotFiniteError, fit, saved_epochs
from genoml.versions import versions


class _Recorder:
    """Writes the log and the best weights, and shows the progress of the epochs after the ``first``."""

    def __init__(self, folder: RunFolder, model: Any, progress: Progress, first: int) -> None:
        self.folder, self.model, self.progress, self.first = folder, model, progress, first

    def step(self, step: int, loss: float, examples: int) -> None:
        self.progress.step(step, loss, examples)

    def epoch(self, record: dict[str, float], improved: bool) -> None:
        self.folder.log(record)
        if improved:
            self.folder.save_weights(self.model)
            self.folder.record.best_epoch, self.folder.record.best = int(record["epoch"]), record
            self.folder.save_record()
        if record["epoch"] > self.first:
            self.progress.epoch(record, improved)


@contextmanager
def sigterm_as_ctrl_c() -> Iterator[None]:
    """What asks a process to end, as batch systems do, ends training as Ctrl-C does, and then the process."""
    if threading.current_thread() is not threading.main_thread():  # where no signal can be caught
        yield
        return
    received = []

    def stop(number: int, frame: Any) -> None:
        received.append(number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        if received:
            os.kill(os.getpid(), signal.SIGTERM)


def train_run(
    out: Path,
    config: TrainConfig,
    backend: Backend,
    data: SequenceData,
    validation: SequenceData,
    sources: dict[str, Any],
    display: type[Progress] = TerminalProgress,
    events: Callback | None = None,
) -> tuple[Any, History]:
    """Train into a new run folder; ``display`` says what happens, and ``events`` is told of it too."""
    config = config.for_data(data.codes.shape[1], shuffled=isinstance(data, ShuffledNegatives))
    # other threads would give other bits: the record of the run says how many
    config = msgspec.structs.replace(config, threads=config.threads or backend.threads)
    record = RunRecord(
        config=config,
        length_bp=data.codes.shape[1],
        data=sources | {"n_training": len(data), "n_validation": len(validation)},
        seed=config.seed,
        backend={"name": backend.name, **backend.describe()},
        versions=versions(backend),
    )
    model = build_model(config.model, config.model_options, seed=config.seed, backend=backend)
    backend.load_twins()  # before there is a run that Ctrl-C shall leave usable
    folder = RunFolder.create(out, record, model)
    return _run(folder, model, data, validation, display, events, resume=False)


def resume_run(
    folder: RunFolder,
    backend: Backend,
    data: SequenceData,
    validation: SequenceData,
    display: type[Progress] = TerminalProgress,
    events: Callback | None = None,
) -> tuple[Any, History]:
    """Go on with a run, from its checkpoint, or from the beginning if it has none yet."""
    record = folder.record
    model = build_recorded(folder.path, record, backend)
    now = {"backend": backend.name, **backend.describe(), **versions(backend)}
    began = {"backend": record.backend["name"], **record.backend, **record.versions}
    record.resumed.append({key: value for key, value in now.items() if began.get(key) != value})
    record.status = "running"
    folder.begin_log()
    folder.save_record()
    return _run(folder, model, data, validation, display, events, resume=True)


def _run(
    folder: RunFolder,
    model: Any,
    data: SequenceData,
    validation: SequenceData,
    display: type[Progress],
    events: Callback | None,
    *,
    resume: bool,
) -> tuple[Any, History]:
    record, config = folder.record, folder.record.config
    positive = float(data.targets.mean())
    weights = (0.5 / (1.0 - positive), 0.5 / positive) if config.class_weight == "balanced" else (1.0, 1.0)
    epoch_size = config.sampler.epoch_size(data.targets)
    first = saved_epochs(folder.checkpoints)
    progress = display(config.n_epochs, epoch_size, first=first)
    _report_start(folder, model, progress, len(data), len(validation), resume=resume)
    callback: Callback = _Recorder(folder, model, progress, first)
    if events is not None:
        callback = Callbacks(callback, events)
    with sigterm_as_ctrl_c():
        try:
            history = fit(
                model,
                data,
                validation=validation,
                options=config.fit_options(epoch_size, weights),
                callback=callback,
                checkpoints=Checkpoints(
                    folder.checkpoints, config.checkpoint_steps, config.checkpoint_minutes
                ),
                resume=resume,
            )
        except NotFiniteError:
            if record.best_epoch is None:
                folder.save_weights(model)
            record.status = "diverged"
            folder.save_record()
            _report_end(folder, progress)
            raise
        except BaseException:
            # nothing to keep, and the way is free for another try
            if not resume and record.best_epoch is None and newest_generation(folder.checkpoints) is None:
                folder.discard()
            raise
        finally:
            progress.close()
        _finish(folder, model, history, data, validation)
        _report_end(folder, progress)
    return model, history


def _finish(
    folder: RunFolder, model: Any, history: History, data: SequenceData, validation: SequenceData
) -> None:
    # again, since Ctrl-C may have come between the files of an epoch
    record = folder.record
    for epoch in history.epochs[len(read_log(folder.path)) :]:
        folder.log(epoch)
    folder.save_weights(model)
    if history.best_epoch is not None:
        record.best = history.epochs[history.best_epoch]
        record.best_epoch = int(record.best["epoch"])
    record.status = "interrupted" if history.interrupted else "finished"
    folder.save_record()
    record.held_out = assess(model, data, validation, record.config)
    folder.save_record()
    if not history.interrupted:
        folder.discard_checkpoints()


def _report_start(
    folder: RunFolder, model: Any, progress: Progress, n_training: int, n_validation: int, *, resume: bool
) -> None:
    record, backend = folder.record, model.backend.name
    line = (
        f"{n_training} sequences of {record.length_bp} bp to train on, {n_validation} to validate; "
        f"{record.config.model} on {backend}"
    )
    if resume:
        line = f"resuming {folder.path} after {_epochs(progress)}: {line}"
        changed = record.resumed[-1]
        if changed:
            line += f"; begun with other {', '.join(changed)}, so numbers may differ by rounding"
    progress.start(
        line,
        run=str(folder.path),
        model=record.config.model,
        backend=backend,
        length_bp=record.length_bp,
        n_training=n_training,
        n_validation=n_validation,
    )


def _epochs(progress: Progress) -> str:
    """How many epochs are done, in words."""
    return f"{progress.done} epoch{'' if progress.done == 1 else 's'}"


def _report_end(folder: RunFolder, progress: Progress) -> None:
    record = folder.record
    line = f"{record.status} after {progress.seconds:.0f} s"
    if record.best_epoch is not None and "validation_auroc" in record.best:
        line += f"; best epoch {record.best_epoch}, AUROC {record.best['validation_auroc']:.4f} in validation"
    if record.held_out.baseline:
        line += f" (6-mer logistic regression {record.held_out.baseline['auroc']:.4f})"
    if record.best_epoch is None:
        line += "; no epoch ended, so the weights are those of its last step"
    progress.end(
        f"{line}; run folder {folder.path}",
        run=str(folder.path),
        status=record.status,
        best_epoch=record.best_epoch,
        best=record.best,
    )
