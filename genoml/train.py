"""The training loop.

Sequences stay on the host as base codes, a byte a base; each batch crosses to the device as codes and becomes
one-hot there. The loop reads the device once a logging interval: every step where the backend computes at
once (NumPy), every 16 steps where it queues work (CUDA).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import NoReturn, Protocol

import numpy as np

from genoml.backend import Array
from genoml.data import Augmentation, SequenceData, epoch_order
from genoml.inference import encode_batch, predict_logits
from genoml.losses import binary_cross_entropy_with_logits
from genoml.metrics import auroc
from genoml.nn.base import Layer
from genoml.nn.containers import Parallel, Sequential
from genoml.optim import AdamW, Optimizer, clip_by_norm
from genoml.random import host_generator
from genoml.schedules import Schedule, constant

#: steps between two reads of the device, where it works asynchronously
ASYNCHRONOUS_INTERVAL = 16


class NotFiniteError(ArithmeticError):
    """The loss became NaN or infinite. The model holds the last weights that gave a finite one.

    Attributes
    ----------
    step : int
        Step, from 0, whose loss was not finite, or whose update made the weights so that the next would be.
    layer : str
        Path and class of the first layer whose parameters or output were not finite, or ``"the loss"``.
    """

    def __init__(self, step: int, layer: str) -> None:
        super().__init__(
            f"the loss is not finite at step {step}, first seen in {layer}; the weights before it are kept. "
            "Try a smaller learning rate or gradient clipping"
        )
        self.step, self.layer = step, layer


class Callback(Protocol):
    """What ``fit`` tells its caller."""

    def step(self, step: int, loss: float, examples: int) -> None:
        """A logging interval has ended."""

    def epoch(self, record: dict[str, float], improved: bool) -> None:
        """An epoch has ended; ``improved`` if the model's validation score is the best so far."""


@dataclass
class FitOptions:
    """How to train; the defaults are those of ``genoml train``."""

    epochs: int = 20
    batch_size: int = 64
    optimizer: Optimizer = field(default_factory=lambda: AdamW(1e-3))
    schedule: Schedule = field(default_factory=constant)
    augmentation: Augmentation = field(default_factory=lambda: Augmentation(reverse_complement=True))
    class_weight: tuple[float, float] = (1.0, 1.0)
    label_smoothing: float = 0.0
    max_grad_norm: float | None = None
    #: decay of the exponential moving average of the weights that is evaluated and kept; 0 = none
    average_decay: float = 0.0
    #: stop after this many epochs without a better validation score; None = never
    patience: int | None = None
    ambiguous: str = "zero"
    seed: int = 0


@dataclass
class History:
    """What training did: one record an epoch, and the place among them of the one whose weights were kept."""

    epochs: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int | None = None
    interrupted: bool = False


class _Average:
    """Exponential moving average of the parameters and the state, a = d a + (1 - d) p.

    d is at most (1 + t) / (10 + t) at step t, which forgets the initial weights. The running statistics of a
    batch normalisation are averaged too, since they belong to the weights beside them.
    """

    def __init__(self, model: Layer, decay: float) -> None:
        self.model, self.decay, self.steps = model, decay, 0
        self.params, self.state = dict(model.params), dict(model.state)

    def update(self) -> None:
        """Take in the model as it is now."""
        self.steps += 1
        d = min(self.decay, (1.0 + self.steps) / (10.0 + self.steps))
        for mine, live in ((self.params, self.model.params), (self.state, self.model.state)):
            for name, value in live.items():
                mine[name] = d * mine[name] + (1.0 - d) * value

    def apply(self) -> None:
        """Put the averages into the model."""
        self.model.params, self.model.state = self.params, self.state


class _Snapshot:
    """Everything a step changes. Arrays are replaced, never written to, so this copies no numbers."""

    def __init__(self, model: Layer, optimizer: Optimizer) -> None:
        self.params, self.state = dict(model.params), dict(model.state)
        self.moments, self.steps = dict(optimizer.state), optimizer.steps

    def restore(self, model: Layer, optimizer: Optimizer) -> None:
        model.params, model.state = self.params, self.state
        optimizer.state, optimizer.steps = dict(self.moments), self.steps


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
        self.step = 0
        #: the data as this epoch sees them
        self.examples = data
        self.interval = ASYNCHRONOUS_INTERVAL if model.backend.asynchronous else 1
        self.average = _Average(model, options.average_decay) if options.average_decay else None
        self.peak_rate = options.optimizer.learning_rate
        #: steps whose losses have not been read: (step, loss on the device, positions of the batch)
        self._pending: list[tuple[int, Array, np.ndarray]] = []
        #: before the first step that has not been read; before the newest step; before the last finite loss
        self._unread = self._newest = self._good = _Snapshot(model, options.optimizer)

    # ------------------------------------------------------------ one step

    def batch(self, step: int, index: np.ndarray) -> Array:
        """The batch's input on the device, augmented by a generator keyed by the step."""
        rng = host_generator(self.options.seed, "augment", step)
        codes = self.options.augmentation(self.examples.codes[index], rng)
        return encode_batch(codes, self.model.backend, self.model.dtype, self.options.ambiguous)

    def run_step(self, index: np.ndarray) -> None:
        """Forward, backward, update; the loss stays on the device."""
        options, model = self.options, self.model
        self._newest = _Snapshot(model, options.optimizer)
        smooth = options.label_smoothing
        targets = self.examples.targets[index] * (1.0 - smooth) + 0.5 * smooth
        logits, pullback = model.vjp(self.batch(self.step, index), training=True, step=self.step)
        loss, grad = binary_cross_entropy_with_logits(logits, targets, class_weight=options.class_weight)
        self._pending.append((self.step, loss, index))
        _, grads = pullback(grad, need_x=False)
        if options.max_grad_norm is not None:
            grads, _ = clip_by_norm(grads, options.max_grad_norm)
        options.optimizer.learning_rate = self.peak_rate * options.schedule(self.step)
        options.optimizer.update(model.params, grads)
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
        self._good, self._unread = self._newest, _Snapshot(self.model, self.options.optimizer)
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
        """Loss, and AUROC (mean over tasks that have both classes), on held-out data, strands averaged."""
        logits = predict_logits(self.model, data.codes, ambiguous=self.options.ambiguous)
        loss, _ = binary_cross_entropy_with_logits(logits.astype(np.float64), data.targets)
        if not np.isfinite(loss):
            self._diverged(self.step - 1, "the validation loss")
        scores = [float(auroc(logits[:, i], data.targets[:, i])) for i in range(logits.shape[1])]
        defined = [score for score in scores if not np.isnan(score)]
        found = {"validation_loss": float(loss)}
        return found | {"validation_auroc": float(np.mean(defined))} if defined else found

    def run(self) -> History:
        """All epochs; the model ends with the weights of the best one (of the last, without validation)."""
        try:
            # every loss is looked at here; NumPy's warnings would only say the same without step and layer
            with np.errstate(all="ignore"), self.model.backend.computing():
                return self._run()
        finally:
            self.options.optimizer.learning_rate = self.peak_rate

    def _run(self) -> History:
        history, optimizer, model = History(), self.options.optimizer, self.model
        best, best_score = None, -np.inf
        try:
            for epoch in range(self.options.epochs):
                record = self.run_epoch(epoch)
                live = _Snapshot(model, optimizer)
                if self.average is not None:
                    self.average.apply()
                if self.validation is not None:
                    record |= self.validate(self.validation)
                history.epochs.append(record)
                score = _score(record)
                improved = score > best_score
                if improved:
                    best, best_score = _Snapshot(model, optimizer), score
                    history.best_epoch = epoch
                if self.callback is not None:
                    self.callback.epoch(record, improved)
                live.restore(model, optimizer)
                if self._out_of_patience(epoch, history):
                    break
        except KeyboardInterrupt:
            # it may have come in the midst of an update
            history.interrupted = True
            self._good.restore(model, optimizer)
        if best is not None:
            best.restore(model, optimizer)
        return history

    def _out_of_patience(self, epoch: int, history: History) -> bool:
        patience = self.options.patience
        if patience is None or history.best_epoch is None:
            return False
        return epoch - history.best_epoch >= patience


def _score(record: dict[str, float]) -> float:
    """Higher is better: AUROC; the loss where no task has both classes; the newest without validation."""
    if "validation_auroc" in record:
        return record["validation_auroc"]
    return -record["validation_loss"] if "validation_loss" in record else record["epoch"]


def _finite(layer: Layer) -> bool:
    """Whether all parameters and state are finite; reads the device."""
    arrays = [*layer.params.values(), *layer.state.values()]
    return all(bool(np.all(np.isfinite(layer.backend.to_numpy(value)))) for value in arrays)


def first_not_finite(
    layer: Layer, x: Array, path: str = "", *, training: bool = False, step: int | None = None
) -> str | None:
    """Path and class of the first layer whose parameters or output for ``x`` are not finite, or None."""
    # the layers inside other containers read what only their container can give them
    if isinstance(layer, Sequential | Parallel):
        for name, child in layer.named_layers.items():
            below = f"{path}.{name}" if path else name
            found = first_not_finite(child, x, below, training=training, step=step)
            if found is not None:
                return found
            if isinstance(layer, Sequential):
                x, _ = child.vjp(x, training=training, step=step)
        return None
    if _finite(layer):
        y, _ = layer.vjp(x, training=training, step=step)
        if bool(np.all(np.isfinite(layer.backend.to_numpy(y)))):
            return None
    return f"layer {path} ({type(layer).__name__})"


def fit(
    model: Layer,
    data: SequenceData,
    *,
    validation: SequenceData | None = None,
    options: FitOptions | None = None,
    callback: Callback | None = None,
) -> History:
    """Train a model that gives logits on binary labels.

    Parameters
    ----------
    model : Layer
        (batch, 4, length) -> logits (batch, tasks); trained in place, on its own backend.
    data, validation : SequenceData
        What to train on, and what to choose the best epoch by; without validation data the last one is kept.
    options : FitOptions
        How.
    callback : Callback, optional
        Told of every logging interval and epoch; in ``epoch`` the model holds the weights that were
        evaluated.

    Notes
    -----
    The best epoch is the first with the greatest validation AUROC; with the smallest validation loss where
    the validation data have one class only.

    Returns
    -------
    History
        A record an epoch: epoch (from 1), step (number of steps so far), loss, learning_rate, seconds,
        sequences_per_second, and with validation data validation_loss and validation_auroc (which is left out
        where it is undefined). Ctrl-C ends training early, with ``interrupted`` set and the best weights in
        place; before the end of the first epoch those are the last that gave a finite loss.

    Raises
    ------
    NotFiniteError
        At the first loss that is not finite, or the first whose weights would make it so. Where the backend
        queues its work it comes up to 16 steps later, with the same weights.
    """
    return Trainer(model, data, validation, options or FitOptions(), callback).run()
