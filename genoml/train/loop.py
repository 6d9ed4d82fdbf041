"""The training loop.

Sequences stay on the host as base codes, a byte a base; each batch crosses to the device as codes and becomes
one-hot there. The loop reads the device once a logging interval: every step where the backend computes at
once (NumPy), every 16 steps where it queues work (CUDA).
"""

from __future__ import annotations

import time
from typing import NoReturn

import numpy as np

from genoml.backend import Array
from genoml.data import SequenceData, epoch_order
from genoml.inference import encode_batch, predict_outputs
from genoml.nn.base import Layer
from genoml.optim import clip_by_norm, limit_norms
from genoml.random import host_generator
from genoml.schedules import ReduceOnPlateau
from genoml.threads import Threads
from genoml.train.finite import NotFiniteError, first_not_finite
from genoml.train.options import Callback, FitOptions, History
from genoml.train.snapshots import Average, Snapshot

#: steps between two reads of the device, where it works asynchronously
ASYNCHRONOUS_INTERVAL = 16


class Trainer:
    """One run of training; ``fit`` builds it and runs it."""

    def __init__(
        self,
        model: Layer,
        data: SequenceData,
        validation: SequenceData | None,
        options: FitOptions,
        callback: Callback | None = None,
    ) -> None:
        self.model, self.data, self.validation, self.options = model, data, validation, options
        self.callback = callback
        self.threads = Threads(options.threads or model.backend.threads)
        self.objective = options.objective
        for part in (data, validation):
            if part is not None:
                self.objective.check(part.targets, part.extras)
        self.step = 0
        #: the data as this epoch sees them
        self.examples = data
        self.interval = ASYNCHRONOUS_INTERVAL if model.backend.asynchronous else 1
        self.average = Average(model, options.average_decay) if options.average_decay else None
        self.peak_rate = options.optimizer.learning_rate
        #: steps whose losses have not been read: (step, loss on the device, positions of the batch)
        self._pending: list[tuple[int, Array, np.ndarray]] = []
        #: before the first step that has not been read; before the newest step; before the last finite loss
        self._unread = self._newest = self._good = Snapshot(model, options.optimizer)

    # ------------------------------------------------------------ one step

    def batch(self, step: int, index: np.ndarray) -> Array:
        """The batch's input on the device, augmented by a generator keyed by the step."""
        rng = host_generator(self.options.seed, "augment", step)
        codes = self.options.augmentation(self.examples.codes[index], rng)
        return encode_batch(codes, self.model.backend, self.model.dtype, self.options.ambiguous)

    def run_step(self, index: np.ndarray) -> None:
        """Forward, backward, update; the loss stays on the device."""
        options, model = self.options, self.model
        self._newest = Snapshot(model, options.optimizer)
        x = self.batch(self.step, index)
        outputs, pullback = self.threads.vjp(model, x, training=True, step=self.step)
        extras = {name: values[index] for name, values in self.examples.extras.items()}
        loss, grad = self.objective.loss(outputs, self.examples.targets[index], **extras)
        _, grads = pullback(grad, need_x=False)
        for penalty in options.penalties:
            value, own = penalty(model)
            loss = loss + value
            grads |= {name: grads[name] + more for name, more in own.items()}
        self._pending.append((self.step, loss, index))
        if options.max_grad_norm is not None:
            grads, _ = clip_by_norm(grads, options.max_grad_norm)
        options.optimizer.learning_rate = self.peak_rate * options.schedule(self.step)
        options.optimizer.update(model.params, grads)
        if options.max_weight_norm is not None:
            limit_norms(model.params, options.max_weight_norm)
        if self.average is not None:
            self.average.update()
        self.step += 1

    def read_losses(self) -> list[float]:
        """The losses since the last read, from the device in one go.

        Raises
        ------
        NotFiniteError
            If one is not finite; the model then holds the last weights that gave a finite loss.
        """
        backend = self.model.backend
        values = backend.to_numpy(backend.xp.stack([loss for _, loss, _ in self._pending]))
        for position, value in enumerate(values):
            if not np.isfinite(value):
                self._stop_at(position)
        self._pending.clear()
        self._good, self._unread = self._newest, Snapshot(self.model, self.options.optimizer)
        return [float(value) for value in values]

    def _stop_at(self, position: int) -> NoReturn:
        """Repeat the pending steps up to this one, whose loss is not finite, find the layer, and raise."""
        pending = self._pending
        bad_step, _, bad_index = pending[position]
        self._unread.restore(self.model, self.options.optimizer)
        self._pending, self.step, self.average = [], pending[0][0], None
        for _, _, index in pending[:position]:
            self.run_step(index)
        if position:
            self._good = self._newest
        x = self.batch(bad_step, bad_index)
        self._diverged(bad_step, first_not_finite(self.model, x, training=True, step=bad_step))

    def _diverged(self, step: int, where: str | None) -> NoReturn:
        """Go back to the weights that gave the last finite loss, and raise."""
        self._good.restore(self.model, self.options.optimizer)
        raise NotFiniteError(step, where or "the loss")

    # ------------------------------------------------------------ epochs

    def run_epoch(self, epoch: int) -> dict[str, float]:
        """All batches once."""
        start, losses, unread = time.perf_counter(), [], 0
        self.examples = self.data.for_epoch(epoch, self.options.seed)
        batches = epoch_order(len(self.data), self.options.batch_size, self.options.seed, epoch)
        for number, index in enumerate(batches, 1):
            self.run_step(index)
            unread += len(index)
            if len(self._pending) >= self.interval or number == len(batches):
                losses += self.read_losses()
                if self.callback is not None:
                    self.callback.step(self.step, losses[-1], unread)
                unread = 0
        # the last update's loss will not be seen: try its weights before they are evaluated and kept
        where = first_not_finite(self.model, self.batch(self.step - 1, batches[-1]))
        if where is not None:
            self._diverged(self.step - 1, where)
        seconds = time.perf_counter() - start
        return {
            "epoch": epoch + 1,
            "step": self.step,
            "loss": float(np.average(losses, weights=[len(index) for index in batches])),
            "learning_rate": self.options.optimizer.learning_rate,
            "seconds": seconds,
            "sequences_per_second": len(self.data) / seconds,
        }

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
                return self._run()
        finally:
            self.options.optimizer.learning_rate = self.peak_rate

    def _run(self) -> History:
        history, optimizer, model = History(), self.options.optimizer, self.model
        best, best_score = None, -np.inf
        try:
            for epoch in range(self.options.epochs):
                record = self.run_epoch(epoch)
                live = Snapshot(model, optimizer)
                if self.average is not None:
                    self.average.apply()
                if self.validation is not None:
                    record |= self.validate(self.validation)
                history.epochs.append(record)
                score = self._score(record)
                improved = score > best_score
                if improved:
                    best, best_score = Snapshot(model, optimizer), score
                    history.best_epoch = epoch
                if self.callback is not None:
                    self.callback.epoch(record, improved)
                live.restore(model, optimizer)
                self._tell_schedule(record)
                if self._out_of_patience(epoch, history):
                    break
        except KeyboardInterrupt:
            # it may have come in the midst of an update
            history.interrupted = True
            self._good.restore(model, optimizer)
        if best is not None:
            best.restore(model, optimizer)
        return history

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

    def _out_of_patience(self, epoch: int, history: History) -> bool:
        patience = self.options.patience
        if patience is None or history.best_epoch is None:
            return False
        return epoch - history.best_epoch >= patience


def fit(
    model: Layer,
    data: SequenceData,
    *,
    validation: SequenceData | None = None,
    options: FitOptions | None = None,
    callback: Callback | None = None,
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
    NotFiniteError
        At the first loss that is not finite, or the first whose weights would make it so. Where the backend
        queues its work it comes up to 16 steps later, with the same weights.
    """
    return Trainer(model, data, validation, options or FitOptions(), callback).run()
