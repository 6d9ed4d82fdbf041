"""Steps of training, and the search for the layer at fault if a loss is not finite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NoReturn

import numpy as np

from genoml.backend import Array
from genoml.data import SequenceData
from genoml.data.dataset import Rows
from genoml.nn.containers import Sequential
from genoml.nn.graph import Graph
from genoml.nn.layer import EVALUATION, Layer, Pass
from genoml.nn.node import INPUT
from genoml.nn.parallel import Ensemble, Parallel
from genoml.optim import clip_by_norm, limit_norms
from genoml.optim.base import is_weights
from genoml.parallel import Part, Threads
from genoml.random import host_generator
from genoml.train.options import FitOptions
from genoml.train.predict import encode_batch
from genoml.train.state import Average, Weights
from genoml.train.transfer import expect_frozen, frozen_parameters, frozen_state, rates_of

#: sequences that the message names, at most
_NAMED = 3


@dataclass(frozen=True)
class Batch:
    """Batch of one step: positions in the data, the examples there, and the input that is made of them."""

    index: np.ndarray
    rows: Rows
    #: the input on the device; None where the device queues its work, since encoding then takes no time
    input: Array | None


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

    def __init__(self, model: Layer, data: SequenceData, options: FitOptions) -> None:
        self.model = model
        self.data = data
        self.options = options
        model.backend.load_twins()  # before two threads ask for them, or Ctrl-C interrupts it
        self.threads = Threads(options.threads or model.backend.threads)
        self.objective = options.objective
        self.examples = data
        self.peak_rate = options.optimizer.learning_rate
        self.frozen = frozen_parameters(model, options.freeze)
        self.rates = rates_of(model, options.learning_rates, self.frozen, self.peak_rate)
        self._frozen_state = frozen_state(model, self.frozen)
        self._gradients = model.backend.repeated(self.gradients, model)
        #: steps whose losses have not been read: (step, loss on the device, positions of the batch)
        self._pending: list[tuple[int, Array, np.ndarray]] = []
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

    def batch(self, step: int, index: np.ndarray) -> Batch:
        """Make the batch of a step, augmented by a generator keyed by the step: the same in any thread."""
        rng = host_generator(self.options.seed, "augment", step)
        rows = self.examples.batch(index, self.options.augmentation, rng)
        return Batch(index, rows, None if self.model.backend.asynchronous else self._encode(rows))

    def _encode(self, rows: Rows) -> Array:
        model = self.model
        return encode_batch(rows.codes, model.backend, model.dtype, self.options.ambiguous, rows.control)

    def input_of(self, batch: Batch) -> Array:
        """The input of a batch on the device."""
        return self._encode(batch.rows) if batch.input is None else batch.input

    def run(self, batch: Batch) -> None:
        """Forward, backward, update; the loss stays on the device."""
        options, model = self.options, self.model
        self.newest = Weights.of(model, options.optimizer)
        loss, grads = self._gradients(batch.rows, self.step, batch.input)
        self._pending.append((self.step, loss, batch.index))
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
        """Loss of a batch, and the parameters' gradients; x is its input, where that has been made ahead."""
        options, model = self.options, self.model
        frozen = {path: model.state[path] for path in self._frozen_state}
        x = self._encode(rows) if x is None else x
        if self.objective.in_parts:
            share = partial(self._loss_share, rows)
            loss, grads = self.threads.gradients(model, x, self._pass(step), share)
        else:
            outputs, pullback = self.threads.vjp(model, x, self._pass(step))
            loss, grad = self._loss(outputs, rows)
            _, grads = pullback(grad, need_x=False)
        if self.frozen:
            expect_frozen(model, frozen)
            grads = {path: value for path, value in grads.items() if path not in self.frozen}
        for penalty in options.penalties:
            value, penalty_grads = penalty(model)
            loss = loss + value
            grads |= {name: grads[name] + more for name, more in penalty_grads.items() if name in grads}
        return loss, grads

    def _loss_share(self, batch: Rows, outputs: Array, at: slice, part: Part) -> tuple[Array, Array]:
        """Share of some rows in the loss of their batch, and its gradient.

        The mean over the labels of a batch is that of its parts' means, weighted by their numbers of labels.
        """
        if part.meeting is None:
            return self._loss(outputs, batch)
        rows = batch.labels(at)
        loss, grad = self._loss(outputs, rows)
        share = len(rows.targets) / part.total
        if "mask" in rows.extras:
            known = np.asarray(np.count_nonzero(rows.extras["mask"]))
            share = int(known) / max(int(part.whole_sum(known)), 1)
        return loss * share, grad * share

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
        return Pass(training=True, step=step, frozen=self.frozen)

    def read_losses(self) -> list[float]:
        """Losses since the last read, in one read of the device.

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
            self.run(self.batch(step, index))
        if position:
            self.good = self.newest
        x = self.input_of(self.batch(bad_step, bad_index))
        where = first_not_finite(self.model, x, run=self._pass(bad_step))
        self.diverged(bad_step, where, bad_index)

    def try_weights(self, step: int, index: np.ndarray) -> None:
        """Raise NotFiniteError if the weights after a step, or the output that they give, are not finite.

        The loss after the last update is not computed before its weights are kept; so they are tried on its batch.
        """
        where = first_not_finite(self.model, self.input_of(self.batch(step, index)))
        if where is not None:
            self.diverged(step, where, index)

    def diverged(self, step: int, where: str | None, index: np.ndarray | None = None) -> NoReturn:
        """Restore the weights that gave the last finite loss, and raise NotFiniteError."""
        self.good.put(self.model, self.options.optimizer)
        rows = [] if index is None else index.tolist()
        raise NotFiniteError(step, where or "the loss", [self.data.name_of(row) for row in rows])


# ---------------------------------------------------------------- a number that is not finite


class NotFiniteError(ArithmeticError):
    """Raised if the loss is NaN or infinite; the model holds the last weights that gave a finite one.

    Attributes
    ----------
    step : int
        Step, from 0, whose loss was not finite, or whose update made the weights so that the next would be.
    layer : str
        Path and class of the first layer whose parameters or output were not finite, or ``"the loss"``.
    examples : tuple of str
        The batch's sequences: what ``SequenceData.name_of`` calls them.
    """

    def __init__(self, step: int, layer: str, examples: Sequence[str] = ()) -> None:
        super().__init__(
            f"the loss is not finite at step {step}, first seen in {layer}{_of_batch(examples)}; the weights "
            "before it are kept. Try a smaller learning rate or gradient clipping"
        )
        self.step = step
        self.layer = layer
        self.examples = tuple(examples)


def _of_batch(examples: Sequence[str]) -> str:
    more = len(examples) - _NAMED
    named = ", ".join(examples[:_NAMED]) + (f" and {more} more" if more > 0 else "")
    return f", in the batch of {named}" if examples else ""


def first_not_finite(layer: Layer, x: Array, run: Pass = EVALUATION) -> str | None:
    """Path and class of the first layer whose parameters or output for ``x`` are not finite, or None; one read."""
    flags: dict[str, Array] = {}
    _note_finite(layer, x, "", run, flags)
    backend = layer.backend
    finite = backend.to_numpy(backend.xp.stack(list(flags.values()))).tolist()
    return next((name for name, sound in zip(flags, finite, strict=True) if not sound), None)


def _note_finite(layer: Layer, x: Array, path: str, run: Pass, flags: dict[str, Array]) -> Array:
    """The output for ``x``; whether it, parameters and state are finite is noted for each layer, on the device."""
    # other containers give their layers inputs that cannot be computed here
    if isinstance(layer, Graph):
        values = {INPUT: x}
        for node in layer.nodes:
            read = [values[source] for source in node.sources]
            below = f"{path}.{node.name}" if path else node.name
            values[node.name] = (
                node.joined(read, below)[0]
                if node.joins
                else _note_finite(layer[node.name], read[0], below, layer.run_of(node.name, run), flags)
            )
        return values[layer.nodes[-1].name]
    if isinstance(layer, Sequential | Parallel):
        y = x
        for name, child in layer.named_layers.items():
            below = f"{path}.{name}" if path else name
            y = _note_finite(child, x, below, layer.run_of(name, run), flags)
            if isinstance(layer, Sequential):
                x = y
        return y if isinstance(layer, Sequential) else layer.vjp(x, run)[0]
    xp = layer.backend.xp
    y, _ = layer.vjp(x, run)
    sound = [xp.all(xp.isfinite(value)) for value in (*layer.params.values(), *layer.state.values(), y)]
    flags[f"layer {path} ({type(layer).__name__})"] = xp.all(xp.stack(sound))
    return y
