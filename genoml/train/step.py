"""Steps of training, and the search for the layer at fault if a loss is not finite."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import NoReturn

import numpy as np

from genoml.backend import Array
from genoml.data import SequenceData
from genoml.data.dataset import Rows
from genoml.nn.layer import EVALUATION, Layer, Pass
from genoml.nn.parallel import Ensemble
from genoml.optim import clip_by_norm, limit_norms
from genoml.optim.base import is_weights
from genoml.parallel import ONE_RANK, Gradients, Part, Ranks, Threads, even_ranges
from genoml.random import host_generator
from genoml.train.batch import Batch, labels_in
from genoml.train.finite import NotFiniteError, first_not_finite
from genoml.train.options import FitOptions
from genoml.train.predict import encode_batch
from genoml.train.state import Average, Weights
from genoml.train.transfer import expect_frozen, frozen_parameters, frozen_state, rates_of


class Steps:
    """Steps of a training: forward, backward, update, and reading of the losses.

    Attributes
    ----------
    step : int
        Steps done, read or not.
    examples : SequenceData
        The data as the current epoch sees them.
    average : Average or None
        The moving average of the weights.
    unread, newest, good : Weights
        Weights before the first step whose loss has not been read; before the newest step; before the last
        step with a finite loss.
    """

    def __init__(
        self, model: Layer, data: SequenceData, options: FitOptions, ranks: Ranks = ONE_RANK
    ) -> None:
        self.model = model
        self.data = data
        self.options = options
        model.backend.load_twins()  # before two threads ask for them, or Ctrl-C interrupts it
        self.ranks = ranks
        self.threads = Threads(options.threads or ranks.threads(model.backend), ranks)
        self.objective = options.objective
        self.examples = data
        self.peak_rate = options.optimizer.learning_rate
        self.frozen = frozen_parameters(model, options.freeze)
        self.rates = rates_of(model, options.learning_rates, self.frozen, self.peak_rate)
        self._frozen_state = frozen_state(model, self.frozen)
        self._repeated = model.backend.repeated(self.gradients, model)
        #: steps whose losses have not been read: (step, loss on the device, positions of the batch)
        self._pending: list[tuple[int, Array, np.ndarray]] = []
        #: of the batches of a step so far
        self._gradients = Gradients([])
        self.begin(0, Average(Weights.of(model)) if options.average_decay else None)

    def begin(self, step: int, average: Average | None) -> None:
        """Begin at this step, with the current model and optimiser."""
        self.step, self.average = step, average
        self.unread = self.newest = self.good = Weights.of(self.model, self.options.optimizer)

    @property
    def n_pending(self) -> int:
        """Number of steps whose losses have not been read."""
        return len(self._pending)

    # ------------------------------------------------------------ one step

    def places(self, examples: int) -> list[tuple[int, int]]:
        """The batches of a step of so many examples, as ranges of them."""
        return even_ranges(examples, -(-examples // self.options.batch_size))

    def batch(self, step: int, index: np.ndarray, place: tuple[int, int] | None = None) -> Batch:
        """Make a batch of a step, augmented by a generator keyed by the step: the same in any thread.

        ``index`` are the positions of all examples of the step, ``place`` the range of the batch's; None: all.
        """
        start, stop = (0, len(index)) if place is None else place
        rng, own = host_generator(self.options.seed, "augment", step), self.ranks.rows(stop - start)
        rows = self.examples.batch(
            index, self.options.augmentation, rng, slice(start + own.start, start + own.stop)
        )
        x = None if self.model.backend.asynchronous else self._encode(rows)
        mask = self.examples.extras.get("mask")
        labels = len(index) if mask is None else int(np.count_nonzero(mask[index]))
        return Batch(index, (start, stop), rows, x, labels)

    def _batches(self, step: int, index: np.ndarray) -> Iterator[Batch]:
        """All batches of a step, one after the other."""
        return (self.batch(step, index, place) for place in self.places(len(index)))

    def _encode(self, rows: Rows) -> Array:
        model = self.model
        return encode_batch(rows.codes, model.backend, model.dtype, self.options.ambiguous, rows.control)

    def input_of(self, batch: Batch) -> Array:
        """The input of a batch on the device."""
        return self._encode(batch.rows) if batch.input is None else batch.input

    def run(self, batch: Batch) -> None:
        """Forward, backward, and with a step's last batch the update; the loss stays on the device."""
        options, model = self.options, self.model
        if batch.is_first:
            self.newest, self._gradients = Weights.of(model, options.optimizer), Gradients([])
        if self.ranks.count == 1 and batch.is_first and batch.is_last:
            loss, grads = self._repeated(batch.rows, self.step, batch.input)
        else:  # ranks exchange sums within a step, which a device cannot repeat by itself
            run = replace(self._pass(self.step), part=batch.part)
            found = self._gradients + self._of_batch(batch.rows, self.input_of(batch), run, batch.labels)
            self._gradients = Gradients([]) if batch.is_last else found
            if not batch.is_last:
                return
            loss, grads = self._of_step(found)
        self._pending.append((self.step, loss, batch.index))
        if not model.backend.asynchronous and np.isfinite(model.backend.to_numpy(loss)):
            self.good = self.newest  # the update has the memory of the weights before these
        if options.max_grad_norm is not None:
            grads, _ = clip_by_norm(grads, options.max_grad_norm)
        options.optimizer.learning_rate = self.peak_rate * options.schedule(self.step)
        options.optimizer.update(model.params, grads, workers=self.threads.workers, rates=self.rates)
        if options.max_weight_norm is not None:
            limit_norms(
                model.params, options.max_weight_norm,
                applies=lambda path: is_weights(path) and path not in self.frozen,
            )  # fmt: skip
        if self.average is not None:
            self.average = self.average.updated(model, options.average_decay)
        self.step += 1

    def gradients(self, rows: Rows, step: int, x: Array | None = None) -> tuple[Array, dict[str, Array]]:
        """Loss of a step of one batch in this process, and the parameters' gradients.

        x is the batch's input, where that has been made ahead.
        """
        x = self._encode(rows) if x is None else x
        return self._of_step(self._of_batch(rows, x, self._pass(step)))

    def _of_batch(self, rows: Rows, x: Array, run: Pass, labels: int | None = None) -> Gradients:
        """Share of one batch, and of this rank, in a step's loss and gradients.

        ``labels`` is the number in the step, None if the batch is all of it.
        """
        model = self.model
        frozen = {path: model.state[path] for path in self._frozen_state}
        if self.objective.in_parts:
            found = self.threads.gradients(model, x, run, partial(self._loss_share, rows, labels))
        else:
            outputs, pullback = self.threads.vjp(model, x, run)
            loss, grad = self._whole_loss(outputs, rows, labels)
            found = Gradients([(loss, pullback(grad, need_x=False)[1])])
        if self.frozen:
            expect_frozen(model, frozen)
        return found

    def _of_step(self, found: Gradients) -> tuple[Array, dict[str, Array]]:
        """Loss and gradients of a step, over all ranks, with the penalties."""
        loss, grads = found.total()
        grads = {path: value for path, value in grads.items() if path not in self.frozen}
        grads = self.ranks.sum_all({"": loss, **grads})
        loss = grads.pop("")
        for penalty in self.options.penalties:
            value, penalty_grads = penalty(self.model)
            loss = loss + value
            grads |= {name: grads[name] + more for name, more in penalty_grads.items() if name in grads}
        return loss, grads

    def _loss_share(
        self, batch: Rows, labels: int | None, outputs: Array, at: slice, part: Part
    ) -> tuple[Array, Array]:
        """Share of some rows in the loss of their step, and its gradient.

        The mean over the labels of a step is that of its parts' means, weighted by their numbers of labels.
        """
        if labels is None and part.meeting is None:
            return self._loss(outputs, batch)
        rows = batch.labels(at)
        loss, grad = self._loss(outputs, rows)
        share = labels_in(rows) / max(labels_in(batch) if labels is None else labels, 1)
        return loss * share, grad * share

    def _whole_loss(self, outputs: Array, rows: Rows, labels: int | None) -> tuple[Array, Array]:
        """A rank's share of the loss of the whole batch, which all gather for it, and the gradient of its outputs."""
        ranks = self.ranks
        if labels is None:
            return self._loss(outputs, rows)
        xp, everyone = self.model.backend.xp, ranks.gather((outputs, rows.targets, rows.extras))
        first = sum(len(targets) for _, targets, _ in everyone[: ranks.rank])
        targets = np.concatenate([targets for _, targets, _ in everyone])
        extras = {name: np.concatenate([own[name] for _, _, own in everyone]) for name in rows.extras}
        batch = rows._replace(targets=targets, extras=extras)
        loss, grad = self._loss(xp.concat([own for own, _, _ in everyone]), batch)
        share = labels_in(batch) / max(labels, 1)
        return loss * (share / ranks.count), grad[first : first + len(rows.targets), ...] * share

    def _loss(self, outputs: Array, rows: Rows) -> tuple[Array, Array]:
        """Loss and its gradient; of an ensemble the mean loss of its members, and the gradient of each one's own."""
        if not isinstance(self.model, Ensemble):
            return self.objective.loss(outputs, rows.targets, **rows.extras)
        xp, (n, members, tasks) = self.model.backend.xp, outputs.shape
        extras = {name: np.repeat(values, members, axis=0) for name, values in rows.extras.items()}
        targets = np.repeat(rows.targets, members, axis=0)
        loss, grad = self.objective.loss(xp.reshape(outputs, (n * members, tasks)), targets, **extras)
        return loss, xp.reshape(grad * float(members), (n, members, tasks))

    def _pass(self, step: int) -> Pass:
        return Pass(training=True, step=step, frozen=self.frozen, pulls=1)

    def read_losses(self) -> list[float]:
        """Losses since the last read, in one read of the device.

        Raises
        ------
        NotFiniteError
            If one is not finite; the model then holds the last weights that gave a finite loss.
        """
        backend = self.model.backend
        with self.ranks.reading():
            values = backend.to_numpy(backend.xp.stack([loss for _, loss, _ in self._pending]))
        for position, value in enumerate(values):
            if not np.isfinite(value):
                self._stop_at(position)
        self._pending.clear()
        self.good = self.newest
        self.unread = Weights.of(self.model, self.options.optimizer)
        return [float(value) for value in values]

    # ------------------------------------------------------------ a loss that is not finite

    def _stop_at(self, position: int) -> NoReturn:
        """Repeat the pending steps up to this one, whose loss is not finite, find the layer, and raise."""
        pending = self._pending
        bad_step, _, bad_index = pending[position]
        self.unread.put(self.model, self.options.optimizer)
        self._pending = []
        self.step, self.average = pending[0][0], None
        for step, _, index in pending[:position]:
            for batch in self._batches(step, index):
                self.run(batch)
        if position:
            self.good = self.newest
        self.diverged(bad_step, self._first_bad(bad_step, bad_index, self._pass(bad_step)), bad_index)

    def _first_bad(self, step: int, index: np.ndarray, run: Pass = EVALUATION) -> str | None:
        """See ``first_not_finite``, for the first batch of a step, and rank, where there is something."""
        for batch in self._batches(step, index):
            found = self.ranks.gather(first_not_finite(self.model, self.input_of(batch), run))
            if where := next((where for where in found if where is not None), None):
                return where
        return None

    def try_weights(self, step: int, index: np.ndarray) -> None:
        """Raise NotFiniteError if the weights after a step, or the output that they give, are not finite.

        The loss after the last update is not computed before its weights are kept; so they are tried on its batch.
        """
        where = self._first_bad(step, index)
        if where is not None:
            self.diverged(step, where, index)

    def diverged(self, step: int, where: str | None, index: np.ndarray | None = None) -> NoReturn:
        """Restore the weights that gave the last finite loss, and raise NotFiniteError."""
        self.good.put(self.model, self.options.optimizer)
        rows = [] if index is None else index.tolist()
        raise NotFiniteError(step, where or "the loss", [self.data.name_of(row) for row in rows])
