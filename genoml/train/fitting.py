"""``fit``, which trains a model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from os import PathLike
from typing import Any

import numpy as np

from genoml.data import SequenceData
from genoml.nn.layer import Layer
from genoml.parallel import ONE_RANK, Ranks
from genoml.train.checkpoints import Checkpoints
from genoml.train.fingerprint import describe_options
from genoml.train.loop import Trainer
from genoml.train.options import Callback, FitOptions, History, as_callback, options_for
from genoml.train.progress import Shown, epoch_lines
from genoml.train.transfer import take_weights


def fit(
    model: Layer,
    data: SequenceData | tuple[Any, Any],
    *,
    validation: SequenceData | tuple[Any, Any] | None = None,
    options: FitOptions | None = None,
    callback: Callback | Callable[[dict[str, float]], object] | None = None,
    progress: Shown = "auto",
    checkpoints: Checkpoints | str | PathLike[str] | None = None,
    resume: bool = False,
    init: Layer | Mapping[str, Any] | None = None,
    ranks: Ranks = ONE_RANK,
) -> History:
    """Train a model on sequences and targets.

    Parameters
    ----------
    model : Layer
        (batch, 4, length) -> (batch, outputs), of the objective in the options: logits for binary labels by default.
        It is trained in place, on its own backend.
    data, validation : SequenceData, or (sequences, targets)
        Training data, and data to choose the best epoch by; without the latter the last epoch is kept. Sequences may be
        letters (a list, an array, a column of a data frame) or codes, targets (n,) or (n, tasks).
    options : FitOptions
        Options of the training. Strands: both of DNA, one of RNA (letter U), unless the augmentation says otherwise.
    callback : Callback or function, optional
        Called after every logging interval and epoch, a function with each epoch's record and weights.
    progress : "auto", True, False or None
        Whether standard error gets a line an epoch, and a bar: in a terminal and in a notebook; always; never.
    checkpoints : Checkpoints or path, optional
        Folder for the state of the training; a path saves it after each epoch, every ten minutes and on Ctrl-C.
    resume : bool
        Resume the training whose checkpoint is there, with the same model, data and options; begin, if there is none.
        The bits are those without the interruption, on the same backend and number of threads; see docs/restarts.md.
    init : Layer, or mapping of path to array, optional
        Weights to begin with, as far as they fit by path and shape, see ``take_weights``; History.init says which.

    ranks : Ranks
        Processes that share out each batch, see ``genoml.parallel``: all call ``fit`` alike, and end with the same
        weights and history. R ranks of T threads give the bits of as many threads; rank 0 alone calls, shows and saves.

    The best epoch is the first with the greatest validation score of the objective (AUROC for labels, accuracy for
    classes, Pearson's r for numbers), or, for counts and where that score is undefined, with the smallest validation
    loss; with ``best_within`` the last one so near to it. A warning names validation sequences that are copies of
    training sequences, and sequences of several classes, if all are in memory, but for ``FitOptions.no_checks``.
    Validation, prediction and explanation go by ``model.trained``: both strands if it was trained on both.

    Returns
    -------
    History
        A record an epoch: epoch (from 1), step (number of steps so far), loss, learning_rate, seconds,
        sequences_per_second, and with validation data validation_loss and the defined scores of the objective, such
        as validation_auroc. Ctrl-C ends training early, with ``interrupted`` set and the best weights so far.

    Raises
    ------
    TypeError, ValueError
        For an argument of another kind, targets that the loss is not defined for, an ``init`` of which nothing fits,
        or a pattern that matches no parameter; where a rank has other weights, targets or options than rank 0.
    CheckpointError
        If a checkpoint cannot be written, is damaged or of another training, or is there and not to be resumed.
    NotFiniteError
        At the first loss that is not finite, or whose weights would make it so; up to 16 steps later, with the
        same weights, where the backend queues its work.
    """
    options = options_for(model, options)
    data = SequenceData.of(data)
    held_out = None if validation is None else SequenceData.of(validation)
    taken = None if init is None else take_weights(model, init)
    _expect_alike(model, data, held_out, options, ranks)
    trainer = Trainer(model, data, held_out, options, as_callback(callback) if ranks.first else None, ranks)
    if checkpoints is not None:
        place = checkpoints if isinstance(checkpoints, Checkpoints) else Checkpoints(checkpoints)
        trainer.keep(place, resume=resume)
    elif resume:
        raise ValueError("fit expects checkpoints, the folder to resume from, with resume=True, got None")
    done = trainer.state.epoch
    if held_out is not None and not done and ranks.first:
        trainer.options.warn_of_leaks(data, held_out)
    shown = progress if ranks.first else None
    with epoch_lines(shown, trainer.callback, options, data.targets, done, taken) as trainer.callback:
        return replace(trainer.run(), init=taken)


def _expect_alike(
    model: Layer, data: SequenceData, held_out: SequenceData | None, options: FitOptions, ranks: Ranks
) -> None:
    """Raise ValueError, on all ranks, unless all begin with the same weights, targets and options."""
    if ranks.count == 1:
        return
    seen = hashlib.sha256(repr((describe_options(options), options.threads)).encode())
    for name, value in sorted(model.params.items()):
        seen.update(name.encode() + np.ascontiguousarray(model.backend.to_numpy(value)).tobytes())
    for part in (data, held_out):
        if part is not None:
            seen.update(repr((*part.codes.shape, *part.targets.shape)).encode())
            if isinstance(part.targets, np.ndarray):  # others are read from files as they come
                seen.update(np.ascontiguousarray(part.targets).tobytes())
    ranks.expect_alike(seen.hexdigest(), "weights, targets or options")
