"""Training into a run folder: begun or resumed, recorded, and stopped by a signal without loss."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, get_args

import msgspec

from genoml.backend import Backend, get_backend, use_backend
from genoml.checkpoint import newest_generation
from genoml.data import ProfileData, SequenceData
from genoml.data.checks import FitCheck
from genoml.io.errors import unicode_path
from genoml.io.processes import signals_as_ctrl_c
from genoml.nn.layer import Layer
from genoml.parallel import ONE_RANK, Ranks
from genoml.runs.assess import HeldOut, assess
from genoml.runs.begin import begin_again, begin_with, new_record, set_apart
from genoml.runs.config import TrainConfig
from genoml.runs.folder import EVENTS, RunFolder, read_log
from genoml.runs.make_task import class_weights
from genoml.runs.on_ranks import expect_alike, on_ranks, parts_of, threads_of
from genoml.runs.profiles import expect_bias, profile_config, put_bias
from genoml.runs.progress import Progress, Recorder
from genoml.runs.record import RunError, read_record
from genoml.runs.run import Run, build_recorded, load_run
from genoml.runs.tasks import begin_at_mean, build_network
from genoml.train import (
    Callback,
    Callbacks,
    Checkpoints,
    History,
    NotFiniteError,
    TensorBoard,
    fit,
    saved_epochs,
)
from genoml.train.fingerprint import versions


def begin_run(
    out: str | PathLike[str],
    data: SequenceData,
    validation: SequenceData,
    config: TrainConfig | None = None,
    *,
    backend: str | Backend | None = None,
    sources: Mapping[str, Any] | None = None,
    notes: Sequence[str] = (),
    display: type[Progress] = Progress,
    callback: Callback | None = None,
    tensorboard: bool = False,
    ranks: Ranks = ONE_RANK,
) -> Run:
    """Train a network by name into a new run folder, as ``genoml train`` does.

    Ctrl-C, SIGTERM and SIGHUP end training early and keep the best epoch so far; after a signal the process ends.

    Parameters
    ----------
    out : path
        Folder to make.
    data, validation : SequenceData
        Training data, and data to choose the best epoch by.
    config : TrainConfig, optional
        The settings.
    backend : str, Backend or None
        Backend to train on; the default backend if None.
    sources : mapping, optional
        Sources of the data, for the record.
    notes : sequence of str
        What was guessed or left out when they were read, for the record.
    display : class of Progress
        Display of the progress.
    callback : Callback, optional
        Called after every logging interval and epoch.
    tensorboard : bool
        Whether events for TensorBoard are written into the folder too.
    ranks : Ranks
        Processes that share out each batch, which all call this alike; rank 0 alone writes, and shows progress.

    Raises
    ------
    RunError, InUseError
        If the folder exists, cannot be written, or is written by another process.
    ValueError
        If model and data do not go together, or tensorboardX is asked for and not installed.
    NotFiniteError, CheckpointError
        See ``fit``.
    """
    backend = get_backend(backend)
    config = config or TrainConfig()
    ranks.expect_own_gpus(backend)
    expect_alike(ranks, config, (sources or {}).get("hashes"), data.codes.shape, validation.codes.shape)
    display = display if ranks.first else Progress
    bias = None
    if isinstance(data, ProfileData):
        config = profile_config(config, data)
        if config.data.bias is not None:
            bias = load_run(config.data.bias, backend)
            expect_bias(bias, data)
    with _events(Path(out), tensorboard) as events, use_backend(backend):
        record, known = new_record(data, validation, config, backend, bias, display.tried, ranks)
        record.notes = [*notes, *record.notes]
        record.data = {**_as_text(sources or {}), **record.data}
        record.data["working_folder"] = unicode_path(_working_folder(out))
        model = build_network(record.training, record.task, backend)
        begin_at_mean(model, record.task)
        if bias is not None:
            put_bias(model, bias)
        if (init := record.training.init) is not None:
            record.data["init_weights"], line = begin_with(init, model)
            record.notes.append(line)
        set_apart(record, model)
        backend.load_twins()  # before there is a run, which Ctrl-C must leave usable
        callbacks = [each for each in (events, callback) if each is not None]
        begun = partial(RunFolder.begin, out, record, model, known)
        with on_ranks(ranks, begun, RunFolder(Path(out), record)) as folder:
            return _train(folder, model, data, validation, display, callbacks, ranks, resume=False)


def _as_text(sources: Mapping[str, Any]) -> dict[str, Any]:
    """Sources with paths that JSON can hold."""
    return {key: unicode_path(value) if isinstance(value, str) else value for key, value in sources.items()}


def _working_folder(out: str | PathLike[str]) -> str:
    """The working folder as seen from a run folder, so that both can move."""
    try:
        return os.path.relpath(os.getcwd(), os.path.realpath(out))
    except ValueError:  # on another drive of Windows
        return os.getcwd()


def continue_run(
    folder: RunFolder,
    data: SequenceData,
    validation: SequenceData,
    *,
    backend: str | Backend | None = None,
    display: type[Progress] = Progress,
    callback: Callback | None = None,
    tensorboard: bool = False,
    ranks: Ranks = ONE_RANK,
) -> Run:
    """Resume a run of ``open_run`` from its checkpoint, or from the beginning if it has none yet.

    Parameters
    ----------
    folder : RunFolder
        Result of ``open_run``.
    data, validation : SequenceData
        Data that it was begun with.
    **others
        See ``begin_run``; without a ``backend`` it is the one that the run was begun on.
    """
    record = folder.record
    backend = get_backend(backend or record.backend["name"])
    ranks.expect_own_gpus(backend)
    display = display if ranks.first else Progress
    opened = partial(_opened_again, folder)
    with (
        on_ranks(ranks, opened, folder) as folder,
        _events(folder.path, tensorboard) as events,
        use_backend(backend),
    ):
        model = build_recorded(folder.path, record, backend)
        saved = ranks.on_first(lambda: newest_generation(folder.checkpoints) is not None)
        if record.training.init is not None and not saved:
            begin_again(folder, model)
        now = {"backend": backend.name, **backend.describe(), **versions(backend)}
        now["ranks"] = parts_of(ranks.count, threads_of(record, ranks, backend))
        began = {"backend": record.backend["name"], **record.backend, **record.versions}
        began["ranks"] = parts_of(record.ranks, record.training.threads or 1)
        record.resumed.append({key: value for key, value in now.items() if began.get(key) != value})
        record.status = "running"
        record.held_out = HeldOut()  # that of the weights so far
        folder.begin_log()
        folder.save_record()
        callbacks = [each for each in (events, callback) if each is not None]
        return _train(folder, model, data, validation, display, callbacks, ranks, resume=True)


@contextmanager
def _opened_again(folder: RunFolder) -> Iterator[RunFolder]:
    with folder.writing():
        if read_record(folder.path) != folder.record:
            raise RunError(f"{folder.path}: has changed since it was opened, by another process; try again")
        yield folder


@contextmanager
def _events(folder: Path, wanted: bool) -> Iterator[TensorBoard | None]:
    """Events for TensorBoard in a run folder; ValueError if tensorboardX is not installed."""
    try:
        events = TensorBoard(folder / EVENTS) if wanted else None
    except ImportError as error:
        raise ValueError(str(error)) from error
    with nullcontext() if events is None else closing(events):
        yield events


def _train(
    folder: RunFolder,
    model: Layer,
    data: SequenceData,
    validation: SequenceData,
    display: type[Progress],
    callbacks: list[Callback],
    ranks: Ranks,
    *,
    resume: bool,
) -> Run:
    record, config = folder.record, folder.record.training
    epoch_size = config.sampler.epoch_size(data.targets)
    weights = class_weights(config, record.task, data)
    options = config.fit_options(epoch_size, objective=record.task.objective(config, class_weight=weights))
    threads = threads_of(record, ranks, model.backend)
    options = replace(options, threads=threads, no_checks=get_args(FitCheck))  # the record has what they find
    checkpoints = Checkpoints(folder.checkpoints, config.checkpoint_steps, config.checkpoint_minutes)
    first = ranks.on_first(lambda: saved_epochs(folder.checkpoints))
    progress = display(config.n_epochs, epoch_size, first=first)
    callback = Callbacks(Recorder(folder, model, progress, first), *callbacks)
    progress.ranks, progress.threads = ranks.count, threads
    progress.start(folder, resumed=resume)
    with signals_as_ctrl_c():
        try:
            history = fit(
                model, data, validation=validation, options=options,
                callback=callback, progress=None, checkpoints=checkpoints, resume=resume, ranks=ranks,
            )  # fmt: skip
        except NotFiniteError:
            if record.best_epoch is None:
                folder.save_weights(model)
            record.status = "diverged"
            folder.save_record()
            progress.end(folder)
            raise
        except BaseException:
            # nothing to keep; the path is free for another try
            if not resume and record.best_epoch is None and newest_generation(folder.checkpoints) is None:
                folder.discard()
            raise
        finally:
            progress.close()
        _finish(folder, model, history, data, validation, ranks)
        progress.end(folder)
    return Run(folder.path, model, record)


def _finish(
    folder: RunFolder,
    model: Layer,
    history: History,
    data: SequenceData,
    validation: SequenceData,
    ranks: Ranks,
) -> None:
    # again, since Ctrl-C may have come between the files of an epoch
    record = folder.record
    for epoch in history.epochs[len(read_log(folder.path)) :] if ranks.first else []:
        folder.log(epoch)
    folder.save_weights(model)
    if history.best is not None:
        record.best, record.best_epoch = history.best, history.best_epoch
    config = msgspec.structs.replace(record.training, threads=threads_of(record, ranks, model.backend))
    record.held_out = assess(model, data, validation, config, record.task, ranks)
    record.status = "interrupted" if history.interrupted else "finished"
    folder.save_record()  # last: a run that says that it is finished is whole
    if not history.interrupted:
        folder.discard_checkpoints()
