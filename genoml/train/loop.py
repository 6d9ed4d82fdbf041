"""The training loop.

Sequences stay on the host as base codes, a byte a base; each batch crosses to the device as codes and becomes
one-hot there. The loop reads the device once a logging interval: every step where the backend computes at
once (NumPy), every 16 steps where it queues work (CUDA).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from os import PathLike

import numpy as np

from genoml.data import SequenceData
from genoml.inference import predict_outputs
from genoml.nn.base import Layer
from genoml.schedules import ReduceOnPlateau
from genoml.train.checkpoints import Checkpoints, Keeper
from genoml.train.options import Callback, FitOptions, History
from genoml.train.prefetch import ahead
from genoml.train.snapshots import Snapshot, Weights
from genoml.train.state import Standing
from genoml.train.steps import Steps

#: steps between two reads of the device, where it works asynchronously
ASYNCHRONOUS_INTERVAL = 16


class Trainer(Steps):
    """One run of training; ``fit`` builds it and runs it."""

    def __init__(
        self,
        model: Layer,
        data: SequenceData,
        validation: SequenceData | None,
        options: FitOptions,
        callback: Callback | None = None,
    ) -> None:
        super().__init__(model, data, options)
        self.validation, self.callback = validation, callback
        for part in (data, validation):
            if part is not None:
                self.objective.check(part.targets, part.extras)
        self.interval = ASYNCHRONOUS_INTERVAL if model.backend.asynchronous else 1
        #: as of the last step whose loss has been read
        self.standing = Standing()
        self.keeper: Keeper | None = None

    # ------------------------------------------------------------ checkpoints

    def keep(self, checkpoints: Checkpoints, *, resume: bool) -> None:
        """Save the state as told; with ``resume`` take up the one that is there, and tell the callback of it."""
        self.keeper = Keeper(checkpoints, self, resume=resume)
        if not resume or not self.keeper.restore():
            return
        self.step = self.standing.place.step
        self._begin()
        if self.callback is None:
            return
        history = self.standing.history
        for epoch, record in enumerate(history.epochs):
            live = Weights(self.model)
            if epoch == history.best_epoch and self.standing.best is not None:
                self.standing.best.put(self.model)
            self.callback.epoch(record, epoch == history.best_epoch)
            live.put(self.model)

    def _save(self, index: np.ndarray | None = None) -> None:
        """Save the newest state; ``index`` are the positions of the batch that led to it."""
        if self.keeper is not None and not self.keeper.save() and index is not None:
            self.try_weights(self.step - 1, index)
            self._diverged(self.step - 1, "the optimiser", index)

    # ------------------------------------------------------------ epochs

    def run_epoch(self, examples: SequenceData) -> dict[str, float]:
        """All batches of the epoch under way, but for those done before a restart."""
        place, options, losses = self.standing.place, self.options, self.standing.losses
        start = time.perf_counter() - place.elapsed_s
        self.examples = examples
        batches = options.sampler.batches(self.data.targets, options.batch_size, options.seed, place.epoch)
        first, unread = self.step - place.batch, 0
        rest = range(place.batch, len(batches))
        made = ahead(lambda number: self.batch(first + number, batches[number]), rest, options.prefetch)
        with closing(made):
            for number, batch in zip(rest, made, strict=True):
                self.run_step(batch)
                unread += len(batch.index)
                if len(self._pending) < self.interval and number + 1 < len(batches):
                    continue
                losses += self.read_losses()
                place.batch, place.step = number + 1, self.step
                place.elapsed_s = time.perf_counter() - start
                self._between_steps(batch.index)
                if self.callback is not None:
                    self.callback.step(self.step, losses[-1], unread)
                unread = 0
        self.try_weights(self.step - 1, batches[-1])
        seconds = time.perf_counter() - start
        return {
            "epoch": place.epoch + 1,
            "step": self.step,
            "loss": float(np.average(losses, weights=[len(index) for index in batches])),
            "learning_rate": self.options.optimizer.learning_rate,
            "seconds": seconds,
            "sequences_per_second": sum(map(len, batches)) / seconds,
        }

    def _between_steps(self, index: np.ndarray) -> None:
        if self.keeper is not None:
            self.keeper.note(self._unread)
            if self.keeper.is_due():
                self._save(index)

    def validate(self, data: SequenceData) -> dict[str, float]:
        """The objective's loss and scores on held-out data; strands are averaged if both were trained on."""
        outputs = predict_outputs(
            self.model,
            data.codes,
            both_strands=self.options.augmentation.reverse_complement,
            ambiguous=self.options.ambiguous,
            threads=self.threads,
        ).astype(np.float64)
        loss = self.objective.validation_loss(outputs, data.targets, **data.extras)
        if not np.isfinite(loss):
            self._diverged(self.step - 1, "the validation loss")
        scores = self.objective.scores(outputs, data.targets, **data.extras)
        return {"validation_loss": loss} | {f"validation_{name}": value for name, value in scores.items()}

    def run(self) -> History:
        """All epochs; the model ends with the weights of the best one (of the last, without validation)."""
        try:
            # every loss is looked at here; NumPy's warnings would only say the same without step and layer
            with np.errstate(all="ignore"), self.model.backend.computing(), self.threads:
                self._run()
            if self.keeper is not None:
                self.keeper.finish()
        finally:
            self.options.optimizer.learning_rate = self.peak_rate
            if self.keeper is not None:
                self.keeper.close()
        return self.standing.history

    def _run(self) -> None:
        standing, optimizer, model = self.standing, self.options.optimizer, self.model
        try:
            first, epochs, seed = standing.place.epoch, self.options.epochs, self.options.seed
            rest = range(first, 0 if self._out_of_patience() else epochs)
            views = ahead(lambda epoch: self.data.for_epoch(epoch, seed), rest, min(self.options.prefetch, 1))
            with closing(views):
                self._run_epochs(views)
        except KeyboardInterrupt:
            # it may have come in the midst of an update
            standing.history.interrupted = True
            self._good.restore(model, optimizer)
            self._save()
        if standing.best is not None:
            standing.best.put(model)

    def _run_epochs(self, views: Iterator[SequenceData]) -> None:
        standing, optimizer, model = self.standing, self.options.optimizer, self.model
        for examples in views:
            record = self.run_epoch(examples)
            live = Snapshot(model, optimizer)
            if self.average is not None:
                self.average.put(model)
            if self.validation is not None:
                record |= self.validate(self.validation)
            score = self._score(record)
            improved = score > standing.best_score
            standing.history.epochs.append(
                record
            )  # first, since Ctrl-C may come before the best one is noted
            if improved:
                standing.best, standing.best_score = Weights(model), score
                standing.history.best_epoch = standing.place.epoch
            if self.callback is not None:
                self.callback.epoch(record, improved)
            live.restore(model, optimizer)
            self._tell_schedule(record)
            standing.next_epoch()
            if self.keeper is not None:
                self.keeper.note(live)
                self._save()
            if self._out_of_patience():
                break

    def _score(self, record: dict[str, float]) -> float:
        """Higher is better: the objective's score, the loss where it is undefined; else the newest epoch."""
        best = f"validation_{self.objective.best}"
        if best in record:
            return record[best]
        return -record["validation_loss"] if "validation_loss" in record else record["epoch"]

    def _tell_schedule(self, record: dict[str, float]) -> None:
        """What a ReduceOnPlateau goes by: the score if it is to rise, the loss if it is to fall."""
        schedule = self.options.schedule
        if isinstance(schedule, ReduceOnPlateau):
            loss = record.get("validation_loss", record["loss"])
            schedule.report(self._score(record) if schedule.maximise else loss)

    def _out_of_patience(self) -> bool:
        patience, history = self.options.patience, self.standing.history
        if patience is None or history.best_epoch is None:
            return False
        return len(history.epochs) - 1 - history.best_epoch >= patience


def fit(
    model: Layer,
    data: SequenceData,
    *,
    validation: SequenceData | None = None,
    options: FitOptions | None = None,
    callback: Callback | None = None,
    checkpoints: Checkpoints | str | PathLike[str] | None = None,
    resume: bool = False,
) -> History:
    """Train a model on sequences and targets.

    Parameters
    ----------
    model : Layer
        (batch, 4, length) -> (batch, outputs) as the objective reads them: logits on binary labels, unless
        the options say otherwise. Trained in place, on its own backend.
    data, validation : SequenceData
        What to train on, and what to choose the best epoch by; without validation data the last one is kept.
    options : FitOptions
        How.
    callback : Callback, optional
        Told of every logging interval and epoch; in ``epoch`` the model holds the weights that were
        evaluated.
    checkpoints : Checkpoints or path, optional
        Where the state of the training is saved, and how often; a path alone: after each epoch, each ten
        minutes, and on Ctrl-C.
    resume : bool
        Take up the training whose checkpoint is there, with a model, data and options as it was begun with; if
        there is none, begin. The callback is told of the epochs before. It ends with the same bits as
        without the interruption, on the same backend and number of threads; see docs/restarts.md.

    Notes
    -----
    The best epoch is the first with the greatest validation score of the objective (AUROC for labels,
    accuracy for classes, Pearson's r for numbers); with the smallest validation loss for counts, and where
    that score is undefined, as with validation data of one class. Both strands are averaged in validation
    if the augmentation trains on both.

    Returns
    -------
    History
        A record an epoch: epoch (from 1), step (number of steps so far), loss, learning_rate, seconds,
        sequences_per_second, and with validation data validation_loss and the objective's scores, such as
        validation_auroc, which are left out where they are undefined. Ctrl-C ends training early, with
        ``interrupted`` set and the best weights in place; before the end of the first epoch those are the
        last that gave a finite loss.

    Raises
    ------
    ValueError
        For targets that the objective's loss is not defined for.
    CheckpointError
        If a checkpoint cannot be written, is damaged, or is of other settings or data; or if the folder
        has one and it is not to be resumed.
    NotFiniteError
        At the first loss that is not finite, or the first whose weights would make it so. Where the backend
        queues its work it comes up to 16 steps later, with the same weights.
    """
    trainer = Trainer(model, data, validation, options or FitOptions(), callback)
    if checkpoints is not None:
        place = checkpoints if isinstance(checkpoints, Checkpoints) else Checkpoints(checkpoints)
        trainer.keep(place, resume=resume)
    elif resume:
        raise ValueError("fit expects checkpoints, the folder to resume from, with resume=True, got None")
    return trainer.run()
