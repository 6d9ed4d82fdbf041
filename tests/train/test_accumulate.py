"""Several batches a step are the batch that they are together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genoml import nn
from genoml.backend import Array, Backend
from genoml.data import Augmentation, BalancedSampler, SequenceData
from genoml.optim import SGD
from genoml.optim.schedules import one_cycle
from genoml.parallel import ONE_RANK, Ranks, Threads
from genoml.runs.config import TrainConfig
from genoml.train import Checkpoints, FitOptions, History, fit
from genoml.train.step import Steps
from support.backends import has_float64
from support.planted import planted_data
from support.thread_ranks import as_ranks

#: weights by path, and the loss of each epoch
Found = tuple[dict[str, np.ndarray], list[float]]


@pytest.fixture(autouse=True)
def always_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Threads.__init__, "__kwdefaults__", {"least_input": 1, "least_work": 1})


def network(backend: Backend | None = None, dtype: str = "float64", *, normed: bool = False) -> nn.Layer:
    """What draws for each example, on both strands too; with ``normed`` what sums over a batch."""
    place: dict[str, Any] = {"dtype": dtype, "backend": backend}
    layers: list[nn.Layer] = [nn.Conv1D(4, 6, 5, **place), nn.ReLU(**place), nn.Dropout(0.3, **place)]
    if normed:
        layers.insert(1, nn.BatchNorm1D(6, **place))
    both = nn.StrandSymmetric(nn.Sequential([*layers, nn.GlobalMaxPool1D(**place), nn.Dense(6, 1, **place)]))
    return nn.Sequential([both], seed=3)


def data_of(n: int) -> SequenceData:
    """Examples of which some have no label, and each a weight."""
    rng, data = np.random.default_rng(1), planted_data(n)
    mask = (rng.random((2 * n, 1)) < 0.6).astype(np.float32)
    extras = {"mask": mask, "sample_weight": rng.random(2 * n).astype(np.float32)}
    return SequenceData(data.codes, data.targets, extras=extras)


def trained(model: nn.Layer, data: SequenceData, ranks: Ranks = ONE_RANK, **more: Any) -> Found:
    keep = {name: more.pop(name) for name in ("checkpoints", "resume", "callback") if name in more}
    settings: dict[str, Any] = {
        "epochs": 2, "optimizer": SGD(0.1, momentum=0.9), "max_grad_norm": 0.05, "threads": 1,
        "schedule": one_cycle(8), "augmentation": Augmentation(True, 2), "average_decay": 0.9,
    }  # fmt: skip
    history = fit(model, data, options=FitOptions(**settings | more), progress=None, ranks=ranks, **keep)
    return found_in(model, history)


def found_in(model: nn.Layer, history: History) -> Found:
    arrays = {**model.params, **model.state}
    weights = {name: np.array(model.backend.to_numpy(value)) for name, value in arrays.items()}
    return weights, [epoch["loss"] for epoch in history.epochs]


def expect_same(found: Found, expected: Found) -> None:
    assert found[1] == expected[1]
    for name, value in expected[0].items():
        np.testing.assert_array_equal(found[0][name], value, err_msg=name)


def expect_close(found: Found, expected: Found, rtol: float) -> None:
    np.testing.assert_allclose(found[1], expected[1], rtol=rtol)
    for name, value in expected[0].items():
        np.testing.assert_allclose(found[0][name], value, rtol=rtol, atol=rtol, err_msg=name)


def squares(model: nn.Layer) -> tuple[Array, dict[str, Array]]:
    xp, (name, weights) = model.backend.xp, next(iter(model.params.items()))
    return xp.sum(weights * weights) * 0.01, {name: weights * 0.02}


@pytest.mark.parametrize("sampler", ["all", "balanced"])
def test_batches_of_a_step_are_one_batch_of_their_size(sampler: str, backend: Backend) -> None:
    dtype = "float64" if has_float64(backend) else "float32"
    # 70 examples are steps of 23 or 24, the last of batches that are not full
    more: dict[str, Any] = {"sampler": BalancedSampler()} if sampler == "balanced" else {}
    more["penalties"] = (squares,)
    whole = trained(network(backend, dtype), data_of(35), batch_size=24, **more)
    several = trained(network(backend, dtype), data_of(35), batch_size=8, accumulate=3, **more)
    expect_close(several, whole, 1e-10 if dtype == "float64" else 1e-4)


@pytest.mark.parametrize("threads", [1, 2])
def test_shares_that_threads_compute_together_add_up(threads: int) -> None:
    def model() -> nn.Layer:  # weights of 2^18 numbers, whose gradient threads compute together
        layers = [nn.Flatten(dtype="float64"), nn.Dense(80, 3300, dtype="float64")]
        return nn.Sequential([*layers, nn.Dense(3300, 1, dtype="float64")], seed=1)

    rng = np.random.default_rng(0)
    data = SequenceData(
        rng.integers(0, 4, (24, 20), dtype=np.uint8), rng.random((24, 1)).round().astype(np.float32)
    )
    more: dict[str, Any] = {
        "epochs": 1,
        "optimizer": SGD(0.01),
        "augmentation": Augmentation(False),
        "threads": threads,
    }
    whole = trained(model(), data, batch_size=24, **more)
    expect_close(trained(model(), data, batch_size=8, accumulate=3, **more), whole, 1e-9)


def test_ranks_and_threads_add_up_alike() -> None:
    def run(ranks: Ranks) -> Found:
        more: dict[str, Any] = {"batch_size": 8, "accumulate": 3, "threads": 4 // ranks.count}
        return trained(network(None, "float32", normed=True), data_of(33), ranks, **more)

    one = run(ONE_RANK)
    for count in (2, 4):
        for found in as_ranks(count, run):
            expect_same(found, one)


def test_batch_normalisation_goes_by_the_batch() -> None:
    data, model = planted_data(12), network(normed=True)
    options = FitOptions(batch_size=8, accumulate=3, threads=1, augmentation=Augmentation(False))
    steps, index = Steps(model, data, options), np.arange(24)
    shares = []
    for place in steps.places(24):
        batch = steps.batch(0, index, place)
        y, _ = model.vjp(steps.input_of(batch), nn.Pass(training=True, step=0, part=batch.part))
        shares.append(float(options.objective.loss(y, batch.rows.targets)[0]))
    model = network(normed=True)
    steps = Steps(model, data, options)
    for place in steps.places(24):
        assert steps.step == 0
        steps.run(steps.batch(0, index, place))
    assert steps.step == 1
    np.testing.assert_allclose(steps.read_losses(), [np.mean(shares)], rtol=1e-12)


class Stop:
    """Ctrl-C at a step."""

    def __init__(self, after: int) -> None:
        self.after = after

    def step(self, step: int, loss: float, examples: int) -> None:
        if step == self.after:
            raise KeyboardInterrupt

    def epoch(self, record: dict[str, float], improved: bool) -> None: ...


def test_a_training_of_several_batches_a_step_resumes_to_the_same_bits(tmp_path: Path) -> None:
    def run(**more: Any) -> Found:
        return trained(network(normed=True), data_of(33), batch_size=8, accumulate=3, epochs=3, **more)

    one = run()
    run(checkpoints=Checkpoints(tmp_path, every_steps=1), callback=Stop(4))
    expect_same(run(checkpoints=tmp_path, resume=True), one)


def test_steps_are_counted_and_scheduled_as_steps() -> None:
    seen: list[tuple[int, int]] = []

    class Counts:
        def step(self, step: int, loss: float, examples: int) -> None:
            seen.append((step, examples))

        def epoch(self, record: dict[str, float], improved: bool) -> None: ...

    trained(network(), planted_data(20), batch_size=8, accumulate=2, epochs=1, callback=Counts())
    assert seen == [(1, 14), (2, 13), (3, 13)]
    config = TrainConfig(batch_size=8, accumulate=2, epochs=4).for_data(50)
    schedule: Any = config.fit_options(40).schedule
    assert config.fit_options(40).accumulate == 2
    assert schedule.keywords["total"] == 4 * 3


def test_a_batch_of_a_step_with_fewer_examples_than_ranks_is_refused() -> None:
    def run(ranks: Ranks) -> None:
        trained(network(), planted_data(10), ranks, batch_size=3, accumulate=2)

    with pytest.raises(
        ValueError, match=r"a batch of 2 sequences \(batch_size 3\) gives some of 3 ranks none"
    ):
        as_ranks(3, run)
