from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from genoml.backend import Array, Backend
from genoml.data import Augmentation, CodeRows, SequenceData, split_by_group, split_random
from genoml.losses import binary_cross_entropy_with_logits
from genoml.metrics import auroc
from genoml.models import build_model
from genoml.nn import (
    BatchNorm1D,
    Conv1D,
    Dense,
    Dropout,
    Exp,
    GlobalMaxPool1D,
    Graph,
    Layer,
    Node,
    Parallel,
    Sequential,
)
from genoml.nn.layer import EVALUATION, Grads, Pass, Pullback
from genoml.optim import SGD, AdamW
from genoml.optim.schedules import one_cycle
from genoml.parallel import Workers
from genoml.sequence import reverse_complement
from genoml.train import (
    ASYNCHRONOUS_INTERVAL,
    FitOptions,
    NotFiniteError,
    Steps,
    Trainer,
    first_not_finite,
    fit,
)
from genoml.train.objectives import BinaryClassification, MultiClassification, Objective, Regression
from genoml.train.predict import predict_outputs
from genoml.train.step import Batch
from genoml_numpy import NumpyBackend
from support.planted import planted_data


class QueuingBackend(NumpyBackend):
    """NumPy that says it queues its work, and so is read once an interval."""

    asynchronous = True


def small_model(seed: int = 0, backend: str | Backend | None = None) -> Layer:
    return build_model("promoter_cnn", {"filters": 6, "kernel_size": 8}, seed=seed, backend=backend)


def small_options(**changes: Any) -> FitOptions:
    given = {"epochs": 4, "batch_size": 16, "optimizer": AdamW(0.03), "no_checks": ("copies",)}
    return FitOptions(**given | changes)


def weights(model: Layer) -> dict[str, np.ndarray]:
    return {
        path: np.array(model.backend.to_numpy(value))
        for path, value in [*model.params.items(), *model.state.items()]
    }


def same(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> bool:
    return first.keys() == second.keys() and all(np.array_equal(first[path], second[path]) for path in first)


class Recorder:
    """A callback that keeps what it is told, and the weights at each epoch."""

    def __init__(self, model: Layer, at_step: Callable[[int], None] = lambda step: None) -> None:
        self.model, self.at_step = model, at_step
        self.steps: list[tuple[int, float, int]] = []
        self.epochs: list[tuple[dict[str, float], bool]] = []
        self.weights: list[dict[str, np.ndarray]] = []

    def step(self, step: int, loss: float, examples: int) -> None:
        self.steps.append((step, loss, examples))
        self.at_step(step)

    def epoch(self, record: dict[str, float], improved: bool) -> None:
        self.epochs.append((record, improved))
        self.weights.append(weights(self.model))


# ------------------------------------------------------------ learning


def test_a_planted_motif_is_learned() -> None:
    rest, held = split_random(planted_data(150), 0.2, 0)
    model = small_model()
    history = fit(model, rest, validation=held, options=small_options(epochs=12))
    assert max(record["validation_auroc"] for record in history.epochs) > 0.9
    assert history.epochs[-1]["loss"] < history.epochs[0]["loss"]


def test_the_model_ends_with_the_epoch_of_the_greatest_validation_auroc() -> None:
    rest, held = split_random(planted_data(40), 0.3, 0)
    model = small_model()
    recorder = Recorder(model)
    history = fit(model, rest, validation=held, options=small_options(epochs=8), callback=recorder)
    scores = [record["validation_auroc"] for record in history.epochs]
    assert history.best_epoch == int(np.argmax(scores)) + 1
    assert history.best == history.epochs[int(np.argmax(scores))]
    assert len(set(scores)) > 1
    logits = predict_outputs(model, held.codes)
    assert float(auroc(logits, held.targets)) == max(scores)
    assert same(weights(model), recorder.weights[int(np.argmax(scores))])
    assert [improved for _, improved in recorder.epochs] == [
        score > max(scores[:i], default=-1.0) for i, score in enumerate(scores)
    ]


@pytest.mark.parametrize("within", [0.02, 1.0])
def test_the_last_epoch_that_is_near_enough_to_the_best_is_kept(within: float) -> None:
    rest, held = split_random(planted_data(40), 0.3, 0)
    model, options = small_model(), small_options(epochs=8, best_within=within)
    recorder = Recorder(model)
    history = fit(model, rest, validation=held, options=options, callback=recorder)
    scores = [record["validation_auroc"] for record in history.epochs]
    near = [i for i, score in enumerate(scores) if score > max(scores[:i], default=-1.0) - within]
    assert history.best_epoch == near[-1] + 1
    assert same(weights(model), recorder.weights[near[-1]])


def test_without_validation_the_last_weights_are_kept() -> None:
    model = small_model()
    recorder = Recorder(model)
    history = fit(model, planted_data(20), options=small_options(epochs=3), callback=recorder)
    assert history.best_epoch == 3
    assert "validation_loss" not in history.epochs[0]
    assert same(weights(model), recorder.weights[-1])
    assert not same(recorder.weights[-1], recorder.weights[-2])


def test_validation_data_of_one_class_choose_by_the_loss_and_leave_auroc_out() -> None:
    data = planted_data(20)
    positives = data.take(data.targets[:, 0] == 1)
    history = fit(small_model(), data, validation=positives, options=small_options(epochs=4))
    losses = [record["validation_loss"] for record in history.epochs]
    assert history.best_epoch == int(np.argmin(losses)) + 1
    assert all("validation_auroc" not in record for record in history.epochs)


def test_validation_averages_auroc_over_tasks() -> None:
    data = planted_data(30)
    second = 1.0 - data.targets
    tasks = SequenceData(data.codes, np.concatenate([data.targets, second], axis=1))
    model = Sequential([Conv1D(4, 6, 8), GlobalMaxPool1D(), Dense(6, 2)])
    history = fit(model, tasks, validation=tasks, options=small_options(epochs=2))
    logits = predict_outputs(model, tasks.codes)
    each = [float(auroc(logits[:, i], tasks.targets[:, i])) for i in range(2)]
    assert history.best is not None
    assert history.best["validation_auroc"] == pytest.approx(np.mean(each), abs=1e-12)


def test_patience_stops_after_so_many_epochs_without_a_better_score() -> None:
    rest, held = split_by_group(planted_data(40), ["chr1"])
    options = small_options(epochs=60, patience=3)
    history = fit(small_model(), rest, validation=held, options=options)
    assert history.best_epoch is not None
    assert len(history.epochs) == history.best_epoch + 3 < 60


def test_the_record_of_an_epoch_has_the_documented_keys() -> None:
    data = planted_data(20)
    record = fit(small_model(), data, validation=data, options=small_options(epochs=1)).epochs[0]
    assert list(record) == [
        "epoch", "step", "loss", "learning_rate", "seconds", "sequences_per_second",
        "validation_loss", "validation_auroc", "validation_aupr",
    ]  # fmt: skip
    assert record["step"] == 3
    assert record["sequences_per_second"] == pytest.approx(40 / record["seconds"])


def test_the_callback_hears_of_every_example_once() -> None:
    model = small_model()
    recorder = Recorder(model)
    fit(model, planted_data(25), options=small_options(epochs=2), callback=recorder)
    assert [step for step, _, _ in recorder.steps] == list(range(1, 9))
    assert sum(examples for _, _, examples in recorder.steps) == 100


# ------------------------------------------------------------ the options


def step_of(options: FitOptions, data: SequenceData) -> tuple[float, dict[str, np.ndarray]]:
    """Loss and weights after one step on all the data."""
    model = small_model()
    steps = Steps(model, data, options)
    steps.run(steps.batch(0, np.arange(len(data))))
    return steps.read_losses()[0], weights(model)


def test_a_step_is_one_update_with_the_gradient_of_the_loss() -> None:
    data = planted_data(10)
    plain = Augmentation(False, 0)
    loss, found = step_of(small_options(optimizer=SGD(0.1), augmentation=plain), data)
    model = small_model()
    x = np.eye(4, dtype=np.float32)[data.codes].transpose(0, 2, 1)
    logits, pullback = model.vjp(x, Pass(training=True, step=0))
    expected, grad = binary_cross_entropy_with_logits(logits, data.targets)
    _, grads = pullback(grad)
    assert loss == pytest.approx(float(expected), rel=1e-6)
    for path, value in model.params.items():
        np.testing.assert_allclose(found[path], value - 0.1 * grads[path], atol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("class_weight", [(1.0, 1.0), (0.5, 3.0)])
def test_class_weights_and_label_smoothing_enter_the_loss(
    smoothing: float, class_weight: tuple[float, float]
) -> None:
    data = planted_data(10)
    options = small_options(
        augmentation=Augmentation(False, 0), objective=BinaryClassification(class_weight, smoothing)
    )
    loss, _ = step_of(options, data)
    z = predict_outputs(small_model(), data.codes, both_strands=False).astype(np.float64)
    t = data.targets * (1 - smoothing) + smoothing / 2
    entries = class_weight[1] * t * np.logaddexp(0, -z) + class_weight[0] * (1 - t) * np.logaddexp(0, z)
    assert loss == pytest.approx(entries.mean(), rel=1e-5)


def test_clipping_bounds_the_step() -> None:
    before = weights(small_model())
    _, after = step_of(small_options(optimizer=SGD(1.0), max_grad_norm=1e-3), planted_data(10))
    moved = sum(float(((after[path] - before[path]) ** 2).sum()) for path in before) ** 0.5
    assert moved == pytest.approx(1e-3, rel=1e-3)


def test_the_schedule_is_followed_and_the_optimizer_gets_its_rate_back() -> None:
    options = small_options(epochs=2, schedule=one_cycle(6, warmup=0.5))
    model = small_model()
    history = fit(model, planted_data(20), options=options)
    schedule = one_cycle(6, warmup=0.5)
    assert history.epochs[0]["learning_rate"] == 0.03 * schedule(2)
    assert history.epochs[1]["learning_rate"] == 0.03 * schedule(5)
    assert options.optimizer.learning_rate == 0.03


def test_the_average_is_evaluated_and_kept_while_training_goes_on_from_the_live_weights() -> None:
    rest, held = split_random(planted_data(40), 0.25, 0)
    model, live = small_model(), small_model()
    averaged = Recorder(model)
    plain: list[dict[str, np.ndarray]] = []
    live_recorder = Recorder(live, lambda step: plain.append(weights(live)))
    history = fit(model, rest, validation=held, options=small_options(average_decay=0.8), callback=averaged)
    fit(live, rest, options=small_options(), callback=live_recorder)
    # a_t = d a + (1 - d) p_t over the steps of the run without an average
    expected = weights(small_model())
    per_epoch = len(plain) // 4
    for t, step in enumerate(plain, 1):
        d = min(0.8, (1 + t) / (10 + t))
        expected = {path: d * expected[path] + (1 - d) * step[path] for path in expected}
        if t % per_epoch == 0:
            for path, value in averaged.weights[t // per_epoch - 1].items():
                np.testing.assert_allclose(value, expected[path], atol=1e-5)
    # the same losses, hence the same live weights
    assert [loss for _, loss, _ in averaged.steps] == [loss for _, loss, _ in live_recorder.steps]
    assert history.best_epoch is not None
    assert same(weights(model), averaged.weights[history.best_epoch - 1])
    logits = predict_outputs(model, held.codes)
    assert float(auroc(logits, held.targets)) == history.epochs[history.best_epoch - 1]["validation_auroc"]


def test_the_same_seed_gives_the_same_weights_and_another_one_others() -> None:
    found = []
    for seed in (3, 3, 4):
        model = small_model()
        fit(model, planted_data(20), options=small_options(epochs=2, seed=seed))
        found.append(weights(model))
    assert same(found[0], found[1])
    assert not same(found[0], found[2])


def test_an_empty_training_set_is_refused() -> None:
    with pytest.raises(ValueError, match="expects examples"):
        fit(small_model(), planted_data(4).take(np.array([], dtype=int)))


# ------------------------------------------------------------ losses that are not finite


class Poison(Layer):
    """The identity, until the step at which it gives NaN in the value or in the gradient."""

    def __init__(self, at: int, *, gradient: bool = False) -> None:
        super().__init__()
        self.at, self.gradient = at, gradient

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        bad = run.training and run.step == self.at

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            return (grad * np.float32(np.nan) if bad and self.gradient else grad), {}

        return (x * np.float32(np.nan) if bad and not self.gradient else x), pullback


def poisoned(at: int, *, gradient: bool = False, backend: Backend | None = None) -> Layer:
    layers: Sequence[tuple[str, Layer]] = [
        ("conv", Conv1D(4, 6, 8, backend=backend)),
        ("norm", BatchNorm1D(6, backend=backend)),
        ("drop", Dropout(0.3, backend=backend)),
        ("pool", GlobalMaxPool1D(backend=backend)),
        ("poison", Poison(at, gradient=gradient).to(backend)),
        ("dense", Dense(6, 1, backend=backend)),
    ]
    return Sequential(dict(layers), seed=5)


def diverge(model: Layer, **changes: Any) -> NotFiniteError:
    with pytest.raises(NotFiniteError) as caught:
        fit(model, planted_data(160, 20), options=small_options(**changes))
    return caught.value


def weights_before(step: int, backend: Backend | None = None) -> dict[str, np.ndarray]:
    """What the healthy run holds when this step begins."""
    model = poisoned(-1, backend=backend)
    trainer = Trainer(model, planted_data(160, 20), None, small_options(epochs=2))
    seen: list[dict[str, np.ndarray]] = []
    step_once = trainer.steps.run

    def noted(batch: Batch) -> None:
        seen.append(weights(model))
        step_once(batch)

    trainer.steps.run = noted  # type: ignore[method-assign]
    trainer.run()
    return seen[step]


@pytest.mark.parametrize("on", [NumpyBackend(), QueuingBackend()], ids=["each step", "each interval"])
@pytest.mark.parametrize("bad_step", [0, 1, 7, 15, 16, 17, 19, 20, 30])
def test_a_loss_that_is_not_finite_leaves_the_weights_of_the_last_finite_one(
    on: Backend, bad_step: int
) -> None:
    # 20 steps an epoch: intervals of 16 and 4, so that steps at both ends of an interval are among these
    assert ASYNCHRONOUS_INTERVAL == 16
    model = poisoned(bad_step, backend=on)
    error = diverge(model)
    assert error.step == bad_step
    assert error.layer == "layer poison (Poison)"
    assert same(weights(model), weights_before(max(bad_step - 1, 0), on))


@pytest.mark.parametrize("on", [NumpyBackend(), QueuingBackend()], ids=["each step", "each interval"])
@pytest.mark.parametrize("bad_step", [3, 15, 16, 19])
def test_a_gradient_that_is_not_finite_is_seen_in_the_next_loss(on: Backend, bad_step: int) -> None:
    model = poisoned(bad_step, gradient=True, backend=on)
    error = diverge(model)
    # step 19 is the last of its epoch: its weights are tried before they are kept
    assert error.step == (bad_step if bad_step == 19 else bad_step + 1)
    assert error.layer == "layer conv (Conv1D)"
    assert same(weights(model), weights_before(bad_step, on))


def test_a_huge_learning_rate_stops_in_the_step_without_a_warning_and_leaves_a_usable_model() -> None:
    layers = [Conv1D(4, 6, 8), BatchNorm1D(6), Exp(), GlobalMaxPool1D(), Dense(6, 1)]
    model = Sequential(layers)
    before = weights(model)
    error = diverge(model, optimizer=AdamW(1e30))
    assert error.step == 1
    assert "step 1" in str(error)
    assert "layer" in str(error)
    assert same(weights(model), before)
    assert np.isfinite(predict_outputs(model, planted_data(5, 20).codes)).all()


def test_a_last_update_that_makes_the_weights_useless_is_not_kept() -> None:
    model = small_model()
    with pytest.raises(NotFiniteError) as caught:
        fit(model, planted_data(8), options=small_options(epochs=1, optimizer=SGD(1e39)))
    assert caught.value.step == 0
    assert np.isfinite(predict_outputs(model, planted_data(5).codes)).all()


def test_a_validation_loss_that_is_not_finite_stops_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    data = planted_data(20)

    def broken(*_: object, **__: object) -> np.ndarray:
        return np.full((len(data), 1), np.nan, np.float32)

    monkeypatch.setattr("genoml.train.loop.predict_outputs", broken)
    with pytest.raises(NotFiniteError, match="the validation loss"):
        fit(small_model(), data, validation=data, options=small_options())


def test_the_first_layer_that_is_not_finite_is_found_in_nested_containers() -> None:
    model = Sequential(
        {
            "both": Parallel(
                {"a": GlobalMaxPool1D(), "b": Sequential({"pool": GlobalMaxPool1D(), "d": Dense(4, 1)})}
            )
        }
    )
    x = np.ones((2, 4, 10), np.float32)
    assert first_not_finite(model, x) is None
    model.params["both.b.d.bias"] = np.array([np.inf], np.float32)
    assert first_not_finite(model, x) == "layer both.b.d (Dense)"
    assert first_not_finite(model, x * np.float32(np.nan)) == "layer both.a (GlobalMaxPool1D)"


def test_the_first_node_of_a_graph_that_is_not_finite_is_found() -> None:
    nodes = [Node("a", Dense(3, 2)), Node("b", Dense(3, 2)), Node("y", "multiply", ["a", "b"])]
    model, x = Sequential({"graph": Graph(nodes)}), np.ones((1, 3), np.float32)
    assert first_not_finite(model, x) is None
    model.params["graph.b.weights"] = np.full((3, 2), np.inf, np.float32)
    assert first_not_finite(model, x) == "layer graph.b (Dense)"


# ------------------------------------------------------------ intervals and interruption


def test_reading_the_losses_in_intervals_changes_no_number() -> None:
    found = []
    for backend in (NumpyBackend(), QueuingBackend()):
        model = poisoned(-1, backend=backend)
        recorder = Recorder(model)
        history = fit(model, planted_data(160, 20), options=small_options(epochs=2), callback=recorder)
        found.append((weights(model), [record["loss"] for record in history.epochs], recorder.steps))
    assert same(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]
    assert [step for step, _, _ in found[1][2]] == [16, 20, 36, 40]
    assert sum(examples for _, _, examples in found[1][2]) == 640


def test_an_interrupt_in_the_first_epoch_leaves_the_weights_of_the_last_finite_loss() -> None:
    model = poisoned(-1)

    def stop(step: int) -> None:
        if step == 7:
            raise KeyboardInterrupt

    recorder = Recorder(model, stop)
    history = fit(model, planted_data(160, 20), options=small_options(), callback=recorder)
    assert history.interrupted
    assert history.best_epoch is None
    assert same(weights(model), weights_before(6))


def test_an_interrupt_amid_an_update_does_not_leave_half_of_it() -> None:
    class Interrupted(AdamW):
        def step_one(self, name: str, param: Array, grad: Array, decay: float, workers: Workers) -> Array:
            if self.steps == 8 and name == "dense.weights":
                raise KeyboardInterrupt
            return super().step_one(name, param, grad, decay, workers)

    model = poisoned(-1)
    history = fit(model, planted_data(160, 20), options=small_options(optimizer=Interrupted(0.03)))
    assert history.interrupted
    assert same(weights(model), weights_before(7))  # they gave a finite loss


def test_an_update_does_not_wait_for_the_weights_before_the_last_finite_loss() -> None:
    alive: list[int] = []
    held: list[weakref.ref[Array]] = []

    class Watched(AdamW):
        def step_one(self, name: str, param: Array, grad: Array, decay: float, workers: Workers) -> Array:
            if name == "dense.weights":
                held.append(weakref.ref(param))
                alive.append(sum(ref() is not None for ref in held))
            return super().step_one(name, param, grad, decay, workers)

    fit(poisoned(-1), planted_data(160, 20), options=small_options(optimizer=Watched(0.03)))
    assert set(alive[2:]) <= {1, 2}  # the first weights may be those of the best epoch


def test_an_interrupt_later_leaves_the_best_epoch() -> None:
    rest, held = split_random(planted_data(40), 0.25, 0)
    model = small_model()

    def stop(step: int) -> None:
        if step == 10:
            raise KeyboardInterrupt

    recorder = Recorder(model, stop)
    options = small_options(epochs=9, average_decay=0.9)
    history = fit(model, rest, validation=held, options=options, callback=recorder)
    assert history.interrupted
    assert len(history.epochs) == 2
    assert history.best_epoch is not None
    assert same(weights(model), recorder.weights[history.best_epoch - 1])


def test_training_runs_on_every_backend_with_the_same_result(backend: Backend) -> None:
    data = planted_data(8, 16)
    options: dict[str, Any] = {"epochs": 1, "batch_size": 8, "average_decay": 0.9, "max_grad_norm": 1.0}
    expected, found = small_model(backend="numpy"), small_model(backend=backend)
    for model in (expected, found):
        fit(model, data, validation=data, options=small_options(optimizer=SGD(0.1), **options))
    for path, value in weights(found).items():
        np.testing.assert_allclose(value, weights(expected)[path], atol=1e-4)


@pytest.mark.parametrize("both_strands", [True, False])
def test_validation_sequences_that_stand_in_the_training_data_are_named_once(both_strands: bool) -> None:
    rest, held = split_random(planted_data(12), 0.25, 0)
    copies = np.concatenate([held.codes, rest.codes[:2], reverse_complement(rest.codes[2:4])])
    held = SequenceData(copies, np.concatenate([held.targets, rest.targets[:4]]))
    options = small_options(epochs=2, no_checks=(), augmentation=Augmentation(both_strands))
    words = "4 of 10" if both_strands else "2 of 10"
    with pytest.warns(UserWarning, match=words) as warned:
        fit(small_model(), rest, validation=held, options=options)
    (line,) = [str(each.message) for each in warned]
    assert line == (
        f"{words} validation sequences (example 6 is the first) are copies of training sequences; "
        "scores in validation are too high"
    )
    assert warned[0].filename == __file__
    fit(small_model(), rest, validation=held, options=replace(options, no_checks=("copies",)))


@pytest.mark.parametrize("several", [False, True])
def test_a_sequence_with_two_classes_is_named(several: bool) -> None:
    rest, held = split_random(planted_data(12), 0.25, 0)
    codes = np.concatenate([rest.codes, held.codes[:1]])
    targets = np.concatenate([rest.targets, 1 - held.targets[:1]])
    model: Any = small_model()
    objective: Objective = BinaryClassification()
    if several:
        model["dense"] = Dense(6, 2, seed=1)
        objective = MultiClassification()
        targets, held = (
            np.hstack([targets, 1 - targets]),
            replace(held, targets=np.hstack([held.targets, 1 - held.targets])),
        )
    options = small_options(epochs=1, objective=objective, no_checks=("copies",))
    with pytest.warns(
        UserWarning, match=r"^2 of 25 sequences \(example 18 is the first\) stand in more than one"
    ):
        fit(model, SequenceData(codes, targets), validation=held, options=options)
    options = replace(options, no_checks=("copies", "classes"))
    fit(model, SequenceData(codes, targets), validation=held, options=options)


def test_what_is_not_in_memory_or_has_no_classes_is_not_read_for_the_checks() -> None:
    data = planted_data(12)
    options = small_options(epochs=1, no_checks=())
    on_disk = SequenceData(CodeRows(data.codes), data.targets)
    fit(small_model(), data, validation=on_disk, options=options)
    numbers = replace(data, targets=np.arange(24, dtype=np.float32)[:, None])
    twice = replace(data.take(np.zeros(2, int)), targets=np.ones((2, 1), np.float32))
    options = replace(options, objective=Regression(), no_checks=("copies",))
    fit(small_model(), numbers, validation=twice, options=options)
