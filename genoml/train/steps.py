"""One step of training, and what happens when its loss is not finite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from genoml.backend import Array
from genoml.data import SequenceData
from genoml.inference import encode_batch
from genoml.nn.base import Layer, Pass
from genoml.optim import clip_by_norm, limit_norms
from genoml.parallel import Threads
from genoml.random import host_generator
from genoml.train.finite import NotFiniteError, first_not_finite
from genoml.train.options import FitOptions
from genoml.train.snapshots import Average, Snapshot


@dataclass(frozen=True)
class Batch:
    """What one step reads: positions in the data, the input, the targets, and what stands beside them."""

    index: np.ndarray
    #: one-hot on the device; where the device queues its work, codes on the host, since encoding takes no time
    input: Array
    targets: np.ndarray
    extras: dict[str, np.ndarray]


class Steps:
    """The steps of one training; ``Trainer`` makes epochs of them."""

    def __init__(self, model: Layer, data: SequenceData, options: FitOptions) -> None:
        self.model, self.data, self.options = model, data, options
        model.backend.load_twins()  # before two threads ask for them, or Ctrl-C cuts it short
        self.threads = Threads(options.threads or model.backend.threads)
        self.objective = options.objective
        self.step = 0
        #: the data as this epoch sees them
        self.examples = data
        self.average = Average(model, options.average_decay) if options.average_decay else None
        self.peak_rate = options.optimizer.learning_rate
        #: steps whose losses have not been read: (step, loss on the device, positions of the batch)
        self._pending: list[tuple[int, Array, np.ndarray]] = []
        self._begin()

    def _begin(self) -> None:
        """Take the weights as they are for those before the first step to come."""
        #: before the first step that has not been read; before the newest step; before the last finite loss
        self._unread = self._newest = self._good = Snapshot(self.model, self.options.optimizer)

    # ------------------------------------------------------------ one step

    def batch(self, step: int, index: np.ndarray) -> Batch:
        """What a step reads, augmented by a generator keyed by the step: the same whoever makes it, and when."""
        rng = host_generator(self.options.seed, "augment", step)
        codes = self.options.augmentation(self.examples.codes[index], rng)
        queued = self.model.backend.asynchronous
        extras = {name: values[index] for name, values in self.examples.extras.items()}
        return Batch(index, codes if queued else self._encode(codes), self.examples.targets[index], extras)

    def _encode(self, codes: np.ndarray) -> Array:
        return encode_batch(codes, self.model.backend, self.model.dtype, self.options.ambiguous)

    def input_of(self, batch: Batch) -> Array:
        """The input of a batch on the device."""
        return self._encode(batch.input) if self.model.backend.asynchronous else batch.input

    def run_step(self, batch: Batch) -> None:
        """Forward, backward, update; the loss stays on the device."""
        options, model = self.options, self.model
        self._newest = Snapshot(model, options.optimizer)
        x = self.input_of(batch)
        outputs, pullback = self.threads.vjp(model, x, Pass(training=True, step=self.step))
        loss, grad = self.objective.loss(outputs, batch.targets, **batch.extras)
        _, grads = pullback(grad, need_x=False)
        for penalty in options.penalties:
            value, own = penalty(model)
            loss = loss + value
            grads |= {name: grads[name] + more for name, more in own.items()}
        self._pending.append((self.step, loss, batch.index))
        if options.max_grad_norm is not None:
            grads, _ = clip_by_norm(grads, options.max_grad_norm)
        options.optimizer.learning_rate = self.peak_rate * options.schedule(self.step)
        options.optimizer.update(model.params, grads, workers=self.threads.workers)
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

    # ------------------------------------------------------------ a loss that is not finite

    def _stop_at(self, position: int) -> NoReturn:
        """Repeat the pending steps up to this one, whose loss is not finite, find the layer, and raise."""
        pending = self._pending
        bad_step, _, bad_index = pending[position]
        self._unread.restore(self.model, self.options.optimizer)
        self._pending, self.step, self.average = [], pending[0][0], None
        for step, _, index in pending[:position]:
            self.run_step(self.batch(step, index))
        if position:
            self._good = self._newest
        x = self.input_of(self.batch(bad_step, bad_index))
        self._diverged(
            bad_step, first_not_finite(self.model, x, run=Pass(training=True, step=bad_step)), bad_index
        )

    def try_weights(self, step: int, index: np.ndarray) -> None:
        """Raise NotFiniteError if the weights after a step are, or give, what is not finite.

        The loss after the last update before weights are kept is never seen; so they are tried on its batch.
        """
        where = first_not_finite(self.model, self.input_of(self.batch(step, index)))
        if where is not None:
            self._diverged(step, where, index)

    def _diverged(self, step: int, where: str | None, index: np.ndarray | None = None) -> NoReturn:
        """Go back to the weights that gave the last finite loss, and raise."""
        self._good.restore(self.model, self.options.optimizer)
        rows = [] if index is None else index.tolist()
        raise NotFiniteError(step, where or "the loss", [self.data.name_of(row) for row in rows])
