"""A training that is cut short and taken up again, from Python."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genoml.backend import Array, Backend
from genoml.checkpoint import CheckpointError, host_weights, newest_generation
from genoml.data import BalancedSampler, SequenceData, ShuffledNegatives, split_random
from genoml.nn import BatchNorm1D, Conv1D, Dense, Dropout, GlobalMaxPool1D, Layer, MotifLayer, Sequential
from genoml.nn.layer import EVALUATION, Grads, Pass, Pullback
from genoml.nn.penalties import information_penalty
from genoml.optim import SGD, Adagrad, AdamW, RMSprop
from genoml.optim.schedules import ReduceOnPlateau, one_cycle
from genoml.train import Checkpoints, FitOptions, History, NotFiniteError, Trainer, fit, saved_epochs
from genoml_numpy import NumpyBackend
from support.planted import planted_data

REST, HELD = split_random(planted_data(40), 0.2, 0)
#: steps of an epoch of REST in batches of 16
STEPS = 4


class QueuingBackend(NumpyBackend):
    """NumPy that says it queues its work, so that losses are read once an interval."""

    asynchronous = True


def network(backend: str | Backend | None = None, width: int = 6) -> Layer:
    layers: dict[str, Layer] = {
        "conv": Conv1D(4, width, 8, backend=backend),
        "norm": BatchNorm1D(width, backend=backend),
        "drop": Dropout(0.3, backend=backend),
        "pool": GlobalMaxPool1D(backend=backend),
        "dense": Dense(width, 1, backend=backend),
    }
    return Sequential(layers, seed=3)


def options(**changes: Any) -> FitOptions:
    return FitOptions(**{"epochs": 4, "batch_size": 16, "optimizer": AdamW(0.03), "seed": 2} | changes)


class Stopped(KeyboardInterrupt):
    """What a test stops a training with: Ctrl-C."""


class Watcher:
    """Notes what it is told, and stops at a step or after an epoch."""

    def __init__(self, *, at_step: int = -1, after_epoch: int = -1) -> None:
        self.at_step, self.after_epoch = at_step, after_epoch
        self.records: list[dict[str, float]] = []

    def step(self, step: int, loss: float, examples: int) -> None:
        if step >= self.at_step > 0:
            raise Stopped

    def epoch(self, record: dict[str, float], improved: bool) -> None:
        self.records.append(record)
        if record["epoch"] == self.after_epoch:
            raise Stopped


def timeless(history: History) -> list[dict[str, float]]:
    timed = ("seconds", "sequences_per_second")
    return [{key: value for key, value in record.items() if key not in timed} for record in history.epochs]


def expect_same(first: tuple[Layer, History], second: tuple[Layer, History]) -> None:
    (model, history), (other, other_history) = first, second
    expected, found = host_weights(model), host_weights(other)
    assert all(np.array_equal(expected[name], found[name]) for name in expected)
    assert timeless(history) == timeless(other_history)
    assert history.best_epoch == other_history.best_epoch


SETTINGS: dict[str, Callable[[], dict[str, Any]]] = {
    "average and one cycle": lambda: {"average_decay": 0.9, "schedule": one_cycle(4 * STEPS)},
    "plateau": lambda: {"schedule": ReduceOnPlateau(0.5, patience=0, threshold=0.5)},
    "momentum": lambda: {"optimizer": SGD(0.05, momentum=0.9), "max_grad_norm": 0.5},
    "adagrad": lambda: {"optimizer": Adagrad(0.05), "sampler": BalancedSampler()},
    "rmsprop": lambda: {"optimizer": RMSprop(0.01, momentum=0.5, centred=True), "max_weight_norm": 1.0},
    "patience": lambda: {"epochs": 30, "patience": 2},
}


@pytest.mark.parametrize("on", [NumpyBackend(), QueuingBackend()], ids=["each step", "each interval"])
@pytest.mark.parametrize("setting", SETTINGS)
def test_a_resumed_training_ends_bitwise_equal_to_the_unbroken_one(
    tmp_path: Path, setting: str, on: Backend
) -> None:
    model = network(on)
    unbroken = fit(model, REST, validation=HELD, options=options(**SETTINGS[setting]()))
    stops = [Watcher(at_step=step) for step in (1, STEPS, STEPS + 2)] + [Watcher(after_epoch=2)]
    for number, stop in enumerate(stops):
        folder = tmp_path / str(number)
        run = partial(fit, data=REST, validation=HELD, checkpoints=folder)
        halted = run(network(on), options=options(**SETTINGS[setting]()), callback=stop)
        assert halted.interrupted
        resumed = network(on)
        told = Watcher()
        history = run(resumed, options=options(**SETTINGS[setting]()), callback=told, resume=True)
        expect_same((model, unbroken), (resumed, history))
        assert told.records == history.epochs


def test_ctrl_c_while_an_epoch_is_told_of_keeps_the_epoch(tmp_path: Path) -> None:
    settings = partial(options, average_decay=0.9)
    model, resumed = network(), network()
    unbroken = fit(model, REST, validation=HELD, options=settings())
    run = partial(fit, data=REST, validation=HELD, checkpoints=tmp_path)
    halted = run(network(), options=settings(), callback=Watcher(after_epoch=2))
    assert (len(halted.epochs), halted.interrupted, saved_epochs(tmp_path)) == (2, True, 2)
    expect_same((model, unbroken), (resumed, run(resumed, options=settings(), resume=True)))


def test_a_checkpoint_gives_back_the_state_of_the_loop(tmp_path: Path) -> None:
    settings = options(epochs=2, average_decay=0.9, schedule=ReduceOnPlateau())
    trainer = Trainer(network(), REST, HELD, settings, Watcher(at_step=STEPS + 2))
    trainer.keep(Checkpoints(tmp_path), resume=False)
    trainer.run()
    state, checkpointer = trainer.state, trainer.checkpointer
    assert checkpointer is not None
    found = checkpointer.read()
    assert found is not None
    for name in ("epoch", "batch", "step", "elapsed_s", "losses", "learning_rate", "schedule", "best_score"):
        assert getattr(found, name) == getattr(state, name), name
    assert (found.epoch, found.batch, found.step) == (1, 2, STEPS + 2)
    assert found.history == state.history
    assert found.arrays.keys() == state.arrays.keys()
    assert all(np.array_equal(value, state.arrays[name]) for name, value in found.arrays.items())


def test_a_training_can_be_broken_in_every_step(tmp_path: Path) -> None:
    model = network()
    unbroken = fit(model, REST, validation=HELD, options=options(epochs=2, average_decay=0.9))
    for _ in range(2 * STEPS + 1):
        resumed = network()
        step = 1 + int(newest_generation(tmp_path) or 0)
        history = fit(
            resumed, REST, validation=HELD, options=options(epochs=2, average_decay=0.9),
            callback=Watcher(at_step=step), checkpoints=tmp_path, resume=True,
        )  # fmt: skip
        if not history.interrupted:
            break
    expect_same((model, unbroken), (resumed, history))


def test_a_penalty_and_negatives_drawn_anew_come_back_too(tmp_path: Path) -> None:
    data = ShuffledNegatives.of(planted_data(24).codes[:24], seed=1)

    def motifs() -> Layer:
        return Sequential({"motifs": MotifLayer(4, 8), "pool": GlobalMaxPool1D(), "dense": Dense(4, 1)})

    def settings() -> FitOptions:
        return options(epochs=3, penalties=(partial(information_penalty, strength=1e-2),))

    model = motifs()
    unbroken = fit(model, data, options=settings())
    fit(motifs(), data, options=settings(), callback=Watcher(at_step=5), checkpoints=tmp_path)
    resumed = motifs()
    history = fit(resumed, data, options=settings(), checkpoints=tmp_path, resume=True)
    expect_same((model, unbroken), (resumed, history))


def test_checkpoints_change_no_number_and_hold_the_end(tmp_path: Path) -> None:
    plain, kept = network(), network()
    expected = fit(plain, REST, validation=HELD, options=options())
    often = Checkpoints(tmp_path / "c", every_steps=1)
    found = fit(kept, REST, validation=HELD, options=options(), checkpoints=often)
    expect_same((plain, expected), (kept, found))
    assert saved_epochs(tmp_path / "c") == 4
    again = network()
    history = fit(again, REST, validation=HELD, options=options(), checkpoints=often, resume=True)
    expect_same((plain, expected), (again, history))


def test_where_there_is_no_checkpoint_resuming_begins(tmp_path: Path) -> None:
    model, other = network(), network()
    expected = fit(model, REST, options=options(epochs=1))
    history = fit(other, REST, options=options(epochs=1), checkpoints=tmp_path / "none", resume=True)
    expect_same((model, expected), (other, history))
    with pytest.raises(
        CheckpointError, match="holds a checkpoint already; resume it, or choose another folder"
    ):
        fit(network(), REST, options=options(), checkpoints=tmp_path / "none")
    with pytest.raises(ValueError, match="expects checkpoints, the folder to resume from"):
        fit(network(), REST, resume=True)


def stopped(folder: Path, **changes: Any) -> None:
    fit(
        network(),
        REST,
        validation=HELD,
        options=options(**changes),
        callback=Watcher(at_step=6),
        checkpoints=folder,
    )


def other_targets(data: SequenceData) -> SequenceData:
    return replace(data, targets=1.0 - data.targets)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 8}, "was begun with batch_size = 16, got 8"),
        ({"optimizer": AdamW(0.01)}, "was begun with optimizer = AdamW{"),
        ({"optimizer": SGD(0.03)}, "was begun with optimizer = AdamW{"),
        ({"schedule": one_cycle(17)}, "was begun with schedule = constant"),
        ({"seed": 3}, "was begun with seed = 2, got 3"),
        ({"sampler": BalancedSampler()}, "was begun with sampler"),
    ],
)
def test_other_settings_are_refused_by_name(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    stopped(tmp_path)
    with pytest.raises(CheckpointError) as caught:
        fit(network(), REST, validation=HELD, options=options(**changes), checkpoints=tmp_path, resume=True)
    assert str(caught.value).startswith(f"{tmp_path}/state-")
    assert message in str(caught.value)


def test_other_data_and_another_model_are_refused(tmp_path: Path) -> None:
    stopped(tmp_path)
    run = partial(fit, options=options(), checkpoints=tmp_path, resume=True)
    with pytest.raises(CheckpointError, match="was begun with other training data"):
        run(network(), other_targets(REST), validation=HELD)
    with pytest.raises(CheckpointError, match="was begun with other validation data"):
        run(network(), REST)
    with pytest.raises(CheckpointError, match="expects shape"):
        run(network(width=5), REST, validation=HELD)


def test_a_training_moves_between_backends(tmp_path: Path, backend: Backend) -> None:
    model = network("numpy")
    fit(model, REST, validation=HELD, options=options(epochs=2, average_decay=0.9))
    expected = host_weights(model)
    for first, then in (("numpy", backend), (backend, "numpy")):
        folder = tmp_path / str(first == "numpy")
        run = partial(fit, data=REST, validation=HELD, checkpoints=folder)
        run(network(first), options=options(epochs=2, average_decay=0.9), callback=Watcher(at_step=5))
        resumed = network(then)
        run(resumed, options=options(epochs=2, average_decay=0.9), resume=True)
        assert resumed.backend.name == (then if isinstance(then, str) else then.name)
        for name, value in host_weights(resumed).items():
            np.testing.assert_allclose(value, expected[name], atol=2e-4)


def test_a_save_reads_the_device_once(tmp_path: Path) -> None:
    reads: list[int] = []

    class Counting(QueuingBackend):
        def to_numpy(self, array: Array) -> np.ndarray:
            reads.append(1)
            return super().to_numpy(array)

    trainer = Trainer(network(Counting()), REST, None, options(average_decay=0.9))
    trainer.keep(Checkpoints(tmp_path), resume=False)
    assert trainer.checkpointer is not None
    trainer.steps.run(trainer.steps.batch(0, np.arange(16)))
    reads.clear()
    assert trainer.checkpointer.save(trainer.state)
    assert len(reads) == 1
    trainer.checkpointer.finish()
    trainer.checkpointer.close()


# ------------------------------------------------------------ what goes wrong


class Failing(Layer):
    """The identity, until a step at which it does something else."""

    def __init__(self, at: int, fault: Callable[[Array], Array], *, gradient: bool = False) -> None:
        super().__init__()
        self.at, self.fault, self.gradient = at, fault, gradient

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        bad = run.training and run.step == self.at

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            return (self.fault(grad) if bad and self.gradient else grad), {}

        return (self.fault(x) if bad and not self.gradient else x), pullback


def failing(at: int, fault: Callable[[Array], Array], *, gradient: bool = False) -> Layer:
    layers = {
        "conv": Conv1D(4, 6, 8),
        "pool": GlobalMaxPool1D(),
        "fault": Failing(at, fault, gradient=gradient),
        "dense": Dense(6, 1),
    }
    return Sequential(layers, seed=3)


def healthy(x: Array) -> Array:
    return x


def test_out_of_memory_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    def exhausted(x: Array) -> Array:
        return np.zeros((1 << 60,), np.uint8)

    model, resumed = failing(-1, healthy), failing(-1, healthy)
    unbroken = fit(model, REST, options=options())
    with pytest.raises(MemoryError):
        fit(failing(STEPS + 2, exhausted), REST, options=options(), checkpoints=tmp_path)
    assert saved_epochs(tmp_path) == 1
    history = fit(resumed, REST, options=options(), checkpoints=tmp_path, resume=True)
    expect_same((model, unbroken), (resumed, history))


@pytest.mark.parametrize("gradient", [False, True], ids=["output", "gradient"])
def test_what_is_not_finite_stops_within_a_step_names_layer_and_sequences_and_is_not_saved(
    tmp_path: Path, gradient: bool
) -> None:
    def spoiled(x: Array) -> Array:
        return x * np.float32(np.nan)

    data = replace(REST, names=np.array([f"seq{i}" for i in range(len(REST))]))
    often = Checkpoints(tmp_path, every_steps=1)
    bad = STEPS + 1
    with pytest.raises(NotFiniteError) as caught:
        fit(failing(bad, spoiled, gradient=gradient), data, options=options(), checkpoints=often)
    # a gradient spoils the weights, which are looked at before they are saved
    assert caught.value.step == bad
    assert caught.value.layer == ("layer conv (Conv1D)" if gradient else "layer fault (Failing)")
    chosen = options().sampler.batches(data.targets, 16, 2, 1)[bad - STEPS]
    assert caught.value.examples == tuple(f"seq{row}" for row in chosen)
    first, second, third = caught.value.examples[:3]
    assert f"in the batch of {first}, {second}, {third} and {len(chosen) - 3} more;" in str(caught.value)
    model, resumed = failing(-1, healthy), failing(-1, healthy)
    unbroken = fit(model, data, options=options())
    history = fit(resumed, data, options=options(), checkpoints=often, resume=True)
    expect_same((model, unbroken), (resumed, history))


def test_sequences_without_names_are_named_by_their_number() -> None:
    with pytest.raises(NotFiniteError) as caught:
        fit(failing(0, lambda x: x / np.float32(0)), REST, options=options())
    assert all(name.startswith("example ") for name in caught.value.examples)


@pytest.mark.parametrize(
    ("name", "value"), [("every_steps", 0), ("every_minutes", -1.0), ("every_minutes", np.nan)]
)
def test_checkpoints_refuse_what_makes_no_sense(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"Checkpoints expects {name} above 0, got"):
        Checkpoints("folder", **{name: value})
