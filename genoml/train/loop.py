"""The training loop.

Sequences stay on the host as base codes; each batch crosses to the device as codes and becomes one-hot there. The loop
reads the device once a logging interval: every step on NumPy, every 16 steps where work is queued (CUDA).
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace

import numpy as np

from genoml.data import SequenceData
from genoml.nn.layer import Layer
from genoml.optim.schedules import ReduceOnPlateau
from genoml.parallel import ONE_RANK, Ranks
from genoml.train.background import ahead
from genoml.train.checkpoints import Checkpointer, Checkpoints
from genoml.train.options import Callback, FitOptions, History
from genoml.train.predict import predict_outputs
from genoml.train.state import TrainingState, Weights, memory_of
from genoml.train.step import Steps
from genoml.train.trained import Trained

#: steps between two reads of a device that works asynchronously
ASYNCHRONOUS_INTERVAL = 16


class Trainer:
    """Training loop; ``fit`` makes one and runs it.

    Attributes
    ----------
    steps : Steps
        Does the steps, on the model and the optimiser themselves.
    state : TrainingState
        As of the last step whose loss has been read.
    checkpointer : Checkpointer or None
        Saves the state, where that is asked for.
    """

    def __init__(
        self,
        model: Layer,
        data: SequenceData,
        validation: SequenceData | None,
        options: FitOptions,
        callback: Callback | None = None,
        ranks: Ranks = ONE_RANK,
    ) -> None:
        self.model = model
        self.data, self.validation = data, validation
        options = replace(options, objective=options.objective.for_data(data))
        self.options, self.callback = options.for_alphabet(data.alphabet), callback
        for part in (data, validation):
            if part is not None:
                options.objective.check(part.targets, part.extras)
        self.interval = ASYNCHRONOUS_INTERVAL if model.backend.asynchronous else 1
        self.ranks = ranks = model.backend.sums(ranks)
        self.steps = Steps(model, data, self.options, ranks)
        steps, rate = self.steps, options.optimizer.learning_rate
        self.state = TrainingState(steps.unread, rate, steps.average, memory_of(options.schedule))
        self.checkpointer: Checkpointer | None = None

    def keep(self, checkpoints: Checkpoints, *, resume: bool) -> None:
        """Save checkpoints from now on; with ``resume`` continue from the one that is there. Rank 0 has the folder."""

        def begin() -> TrainingState | None:
            self.checkpointer = Checkpointer(
                checkpoints, self.model, self.options, self.data, self.validation, resume=resume
            )
            return self.checkpointer.read() if resume else None

        state = self.ranks.on_first(begin)
        if state is not None:
            self._take_up(state)

    def _take_up(self, state: TrainingState) -> None:
        """Continue from this state, and report its epochs to the callback."""
        model, self.state = self.model, state
        state.put(model, self.options)
        self.steps.begin(state.step, state.average)
        if self.callback is None:
            return
        for epoch, record in enumerate(state.history.epochs, 1):
            best = epoch == state.history.best_epoch
            if best and state.best is not None:
                state.best.put(model)
            self.callback.epoch(record, best)
            state.weights.put(model)

    def _save(self, index: np.ndarray | None = None) -> None:
        """Save the state; ``index`` are the positions of the batch that led to it."""
        if self.checkpointer is None or self.checkpointer.save(self.state) or index is None:
            return
        if self.ranks.count > 1:
            return  # the next loss will tell all of them
        self.steps.try_weights(self.state.step - 1, index)
        self.steps.diverged(self.state.step - 1, "the optimiser", index)

    def run(self) -> History:
        """Train all epochs; the model ends with the weights of the best (of the last, without validation)."""
        optimizer, interrupted = self.options.optimizer, False
        self.model.trained = Trained.on(self.data, self.options)
        try:
            # every loss is checked here; NumPy's warnings would name neither step nor layer
            with (
                np.errstate(all="ignore"),
                self.model.backend.computing(),
                self.steps.threads,
                self.ranks.stopping(),
            ):
                try:
                    self._run_epochs()
                except KeyboardInterrupt:
                    interrupted = True  # perhaps within an update
                    self.steps.good.put(self.model, optimizer)
                    self._save()
                if self.state.best is not None:
                    self.state.best.put(self.model)
            if self.checkpointer is not None:
                self.checkpointer.finish()
        finally:
            optimizer.learning_rate = self.steps.peak_rate
            if self.checkpointer is not None:
                self.checkpointer.close()
        return replace(self.state.history, interrupted=interrupted)

    def _run_epochs(self) -> None:
        options = self.options
        rest = range(
            self.state.epoch, 0 if self.state.history.stagnates(options.patience) else options.epochs
        )
        views = ahead(lambda epoch: self.data.for_epoch(epoch, options.seed), rest, min(options.prefetch, 1))
        with closing(views):
            for examples in views:
                self._end_epoch(self.run_epoch(examples))
                if self.state.history.stagnates(options.patience):
                    break

    def run_epoch(self, examples: SequenceData) -> dict[str, float]:
        """Run the batches that are left of the current epoch; the record of the epoch."""
        options, steps = self.options, self.steps
        begun = self.state
        losses = begun.losses
        start = time.perf_counter() - begun.elapsed_s
        steps.examples = examples
        size = options.batch_size * options.accumulate
        batches = options.sampler.batches(self.data.targets, size, options.seed, begun.epoch)
        places = [
            (number, place) for number, index in enumerate(batches) for place in steps.places(len(index))
        ]
        least = min(stop - start for _, (start, stop) in places)
        if least < self.ranks.count:
            raise ValueError(
                f"a batch of {least} sequences (batch_size {options.batch_size}) gives some of {self.ranks.count} "
                "ranks none; choose another batch_size"
            )
        first, unread = begun.step - begun.batch, 0
        rest = [(number, place) for number, place in places if number >= begun.batch]
        made = ahead(lambda at: steps.batch(first + at[0], batches[at[0]], at[1]), rest, options.prefetch)
        with closing(made):
            for (number, _), batch in zip(rest, made, strict=True):
                steps.run(batch)
                if not batch.is_last:
                    continue
                unread += len(batch.index)
                asked = self.ranks.asked_to_stop
                if steps.n_pending < self.interval and number + 1 < len(batches) and not asked:
                    continue
                losses += steps.read_losses()
                self._record_step(number + 1, time.perf_counter() - start)
                if self.ranks.asked_to_stop:
                    raise KeyboardInterrupt
                if self.checkpointer is not None and self.checkpointer.is_due(steps.step):
                    self._save(batch.index)
                if self.callback is not None:
                    self.callback.step(steps.step, losses[-1], unread)
                unread = 0
        steps.try_weights(steps.step - 1, batches[-1])
        sizes = [len(index) for index in batches]
        seconds = time.perf_counter() - start
        return {
            "epoch": begun.epoch + 1,
            "step": steps.step,
            "loss": float(np.average(losses, weights=sizes)),
            "learning_rate": options.optimizer.learning_rate,
            "seconds": seconds,
            "sequences_per_second": sum(sizes) / seconds,
        }

    def _record_step(self, batch: int, elapsed_s: float) -> None:
        """Take the weights of the last step into the state."""
        steps = self.steps
        self.state = replace(
            self.state, weights=steps.unread, learning_rate=self.options.optimizer.learning_rate,
            average=steps.average, batch=batch, step=steps.step, elapsed_s=elapsed_s,
        )  # fmt: skip

    def _end_epoch(self, record: dict[str, float]) -> None:
        """Validate, update the state, report to the callback and save."""
        model, state = self.model, self.state
        if state.average is not None:
            state.average.weights.put(model)
        if self.validation is not None:
            record |= self.validate(self.validation)
        score = self._score(record)
        improved = score > state.best_score - self.options.best_within
        best_epoch = state.epoch + 1 if improved else state.history.best_epoch
        self._tell_schedule(record)
        self.state = replace(
            state, schedule=memory_of(self.options.schedule), epoch=state.epoch + 1, batch=0, elapsed_s=0.0, losses=[],
            history=History([*state.history.epochs, record], best_epoch),
            best=Weights.of(model) if improved else state.best,
            best_score=max(score, state.best_score),
        )  # fmt: skip
        if self.callback is not None:
            self.callback.epoch(record, improved)
        state.weights.put(model, self.options.optimizer)
        self._save()

    def validate(self, data: SequenceData) -> dict[str, float]:
        """Loss and scores on held-out data, which are read as ``model.trained`` says."""
        options = self.options
        outputs = predict_outputs(self.model, data, threads=self.steps.threads).astype(np.float64)
        targets = np.asarray(data.targets)
        loss = options.objective.validation_loss(outputs, targets, **data.extras)
        if not np.isfinite(loss):
            self.steps.diverged(self.steps.step - 1, "the validation loss")
        scores = options.objective.scores(outputs, targets, **data.extras)
        return {"validation_loss": loss} | {f"validation_{name}": value for name, value in scores.items()}

    def _score(self, record: dict[str, float]) -> float:
        """Score of an epoch, higher is better: the objective's; minus the loss if undefined; else its number."""
        best = f"validation_{self.options.objective.best}"
        if best in record:
            return record[best]
        return -record["validation_loss"] if "validation_loss" in record else record["epoch"]

    def _tell_schedule(self, record: dict[str, float]) -> None:
        """Report the score, or the loss, to a ReduceOnPlateau that maximises, or minimises."""
        schedule = self.options.schedule
        if isinstance(schedule, ReduceOnPlateau):
            loss = record.get("validation_loss", record["loss"])
            schedule.report(self._score(record) if schedule.maximise else loss)
