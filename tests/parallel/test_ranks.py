"""A batch shared out among ranks gives the bits of as many threads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from array_api_compat import array_namespace

from genoml import losses, nn
from genoml.backend import Array, Backend, get_backend
from genoml.data import Augmentation, SequenceData, ShuffledNegatives
from genoml.io.errors import FormatError
from genoml.optim import SGD
from genoml.optim.schedules import ReduceOnPlateau
from genoml.parallel import ONE_RANK, Ranks, Threads, tree_sum
from genoml.train import BinaryClassification, FitOptions, History, NotFiniteError, fit
from genoml.train.predict import predict_outputs
from support.models import SMALL, small_length_bp, small_model
from support.planted import planted_data
from support.thread_ranks import ThreadRanks, as_ranks

# CuPy without NCCL says so
pytestmark = pytest.mark.filterwarnings("ignore:sums over ranks go through the host")

#: weights and states by path, and the records of the epochs but for their times
Found = tuple[dict[str, np.ndarray], list[dict[str, float]]]


@pytest.fixture(autouse=True)
def always_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Threads.__init__, "__kwdefaults__", {"least_input": 1, "least_work": 1})


def network(backend: Backend | None = None) -> nn.Layer:
    """What sums over a batch, and draws for each example, between layers that do neither."""
    place: dict[str, Any] = {"dtype": "float32", "backend": backend}
    layers = [
        nn.Conv1D(4, 5, 4, **place), nn.BatchNorm1D(5, **place), nn.ReLU(**place), nn.Dropout(0.3, **place),
        nn.GlobalMaxPool1D(**place), nn.Dense(5, 1, **place),
    ]  # fmt: skip
    return nn.Sequential(layers, seed=3)


def trained(model: nn.Layer, data: Any, ranks: Ranks, threads: int, **more: Any) -> Found:
    held, checkpoints, resume = (more.pop(name, None) for name in ("validation", "checkpoints", "resume"))
    options = {
        "epochs": 2,
        "batch_size": 16,
        "threads": threads,
        "augmentation": Augmentation(True, 2),
    } | more
    history = fit(
        model, data, validation=held, options=FitOptions(**options), checkpoints=checkpoints, resume=bool(resume),
        progress=None, ranks=ranks,
    )  # fmt: skip
    return of(model, history)


def of(model: nn.Layer, history: History) -> Found:
    timed = ("seconds", "sequences_per_second")
    epochs = [{name: value for name, value in epoch.items() if name not in timed} for epoch in history.epochs]
    weights = {**model.params, **model.state}
    return {name: np.array(model.backend.to_numpy(value)) for name, value in weights.items()}, epochs


def expect_equal(found: Found, expected: Found) -> None:
    assert found[1] == expected[1]
    for name, value in expected[0].items():
        np.testing.assert_array_equal(found[0][name], value, err_msg=name)


def expect_close(found: Found, expected: Found) -> None:
    for name, value in expected[0].items():
        np.testing.assert_allclose(found[0][name], value, rtol=1e-4, atol=1e-6, err_msg=name)


def labelled(name: str, count: int) -> SequenceData:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, (count, small_length_bp(name)), dtype=np.uint8)
    tasks = int(SMALL[name].get("n_outputs", 1))
    return SequenceData(codes, (rng.random((count, tasks)) < 0.4).astype(np.float32))


def test_four_parts_are_the_same_bits_on_any_ranks_and_threads(backend: Backend) -> None:
    data = planted_data(8)  # one batch, and parts of one size, which compile once

    def run(ranks: Ranks) -> Found:
        return trained(network(backend), data, ranks, 4 // ranks.count)

    one = run(ONE_RANK)
    for count in (2, 4):
        for found in as_ranks(count, run):
            expect_equal(found, one)


@pytest.mark.parametrize(("ranks", "threads"), [(2, 1), (3, 1), (2, 2)])
@pytest.mark.parametrize("name", ["motif_cnn", "deepstarr", "danq"])
def test_training_is_that_of_as_many_threads(name: str, ranks: int, threads: int) -> None:
    every = labelled(name, 87)
    data, held = every.take(np.arange(67)), every.take(np.arange(67, 87))
    more: dict[str, Any] = {
        "validation": held,
        "max_grad_norm": 1.0,
        "average_decay": 0.9,
    }
    one = trained(small_model(name, "numpy", "float32"), data, ONE_RANK, ranks * threads, **more)
    for found in as_ranks(
        ranks, lambda own: trained(small_model(name, "numpy", "float32"), data, own, threads, **more)
    ):
        expect_equal(found, one)


def test_masked_and_weighted_losses_are_those_of_the_whole_batch() -> None:
    rng, data = np.random.default_rng(1), planted_data(33)
    extras = {
        "mask": (rng.random((66, 1)) < 0.3).astype(np.float32), "sample_weight": rng.random(66).astype(np.float32)
    }  # fmt: skip
    data = SequenceData(data.codes, data.targets, extras=extras)
    one = trained(network(), data, ONE_RANK, 1)
    for found in as_ranks(3, lambda own: trained(network(), data, own, 1)):
        expect_close(found, one)


class Centred(BinaryClassification):
    """A loss that needs the whole batch: the cross-entropy of logits less their mean."""

    def loss(self, outputs: Array, targets: Any, **extras: Any) -> tuple[Array, Array]:
        xp = array_namespace(outputs)
        centred = outputs - xp.mean(outputs, axis=0, keepdims=True)
        loss, grad = losses.binary_cross_entropy_with_logits(centred, targets, **extras)
        return loss, grad - xp.mean(grad, axis=0, keepdims=True)


def test_a_loss_of_ones_own_is_given_the_batch_of_all_ranks() -> None:
    data = planted_data(33)
    weighted = SequenceData(data.codes, data.targets, extras={"sample_weight": np.linspace(0.5, 2, 66)})

    def run(ranks: Ranks) -> Found:  # AdamW would make much of gradients that are 0 but for rounding
        return trained(network(), weighted, ranks, 1, objective=Centred(), optimizer=SGD(0.1))

    one = run(ONE_RANK)
    for found in as_ranks(3, run):
        expect_close(found, one)


def test_shuffles_plateaus_and_patience_agree() -> None:
    data, held = ShuffledNegatives.of(planted_data(30).codes[:30]), planted_data(20, seed=3)

    def run(ranks: Ranks, threads: int) -> Found:
        schedule, sgd = ReduceOnPlateau(patience=0), SGD(0.05, momentum=0.9)
        more: dict[str, Any] = {"epochs": 4, "patience": 2, "optimizer": sgd, "schedule": schedule}
        return trained(network(), data, ranks, threads, validation=held, **more)

    one = run(ONE_RANK, 2)
    for found in as_ranks(2, lambda own: run(own, 1)):
        expect_equal(found, one)


def test_each_rank_reads_its_own_rows_only() -> None:
    data, read = planted_data(32), dict[int, list[int]]()

    class Watched(SequenceData):
        def batch(self, index: np.ndarray, *given: Any) -> Any:
            rows = super().batch(index, *given)
            read.setdefault(rank_of[id(self)], []).append(len(rows.codes))
            return rows

    rank_of: dict[int, int] = {}

    def run(ranks: Ranks) -> None:
        own = Watched(data.codes, data.targets)
        rank_of[id(own)] = ranks.rank
        trained(network(), own, ranks, 1, epochs=1)

    as_ranks(2, run)
    assert {rank: set(counts) for rank, counts in read.items()} == {0: {8}, 1: {8}}


class Stops:
    """Asks its rank to stop, as a signal would, after some steps."""

    def __init__(self, ranks: ThreadRanks, after: int) -> None:
        self.ranks, self.after = ranks, after

    def step(self, step: int, loss: float, examples: int) -> None:
        self.ranks.stop = self.ranks.stop or step == self.after

    def epoch(self, record: dict[str, float], improved: bool) -> None: ...


def test_all_ranks_stop_in_the_same_step_and_go_on_to_the_same_bits(tmp_path: Path) -> None:
    data, held = planted_data(40), planted_data(10, seed=3)
    options: dict[str, Any] = {"epochs": 3, "batch_size": 16, "threads": 1}

    def stopped(ranks: ThreadRanks) -> tuple[bool, Found]:
        model = network()
        history = fit(
            model, data, validation=held, options=FitOptions(**options), callback=Stops(ranks, 7), progress=None,
            checkpoints=tmp_path, ranks=ranks,
        )  # fmt: skip
        return history.interrupted, of(model, history)

    first, *others = as_ranks(3, stopped)
    assert first[0]
    for other in others:
        assert other[0]
        expect_equal(other[1], first[1])
    more: dict[str, Any] = {"validation": held, "epochs": 3, "augmentation": Augmentation()}
    one = trained(network(), data, ONE_RANK, 3, **more)
    again = as_ranks(
        3, lambda own: trained(network(), data, own, 1, checkpoints=tmp_path, resume=True, **more)
    )
    for found in again:
        expect_equal(found, one)


def test_what_rank_0_finds_wrong_all_ranks_raise(tmp_path: Path) -> None:
    data = planted_data(20)
    trained(network(), data, ONE_RANK, 1, checkpoints=tmp_path)

    def run(ranks: Ranks) -> str:
        with pytest.raises(Exception, match="holds a checkpoint already") as raised:
            trained(network(), data, ranks, 1, checkpoints=tmp_path)
        return type(raised.value).__name__

    assert as_ranks(2, run) == ["CheckpointError"] * 2


def test_a_loss_that_is_not_finite_is_the_same_error_on_all_ranks() -> None:
    def run(ranks: Ranks) -> str:
        with np.errstate(all="ignore"), pytest.raises(NotFiniteError) as raised:
            trained(network(), planted_data(20), ranks, 1, optimizer=SGD(1e30))
        return str(raised.value)

    messages = as_ranks(2, run)
    assert messages[0] == messages[1]
    assert "the loss is not finite at step" in messages[0]


def test_a_batch_of_fewer_sequences_than_ranks_is_refused_before_the_first_step() -> None:
    with pytest.raises(
        ValueError, match=r"a batch of 2 sequences \(batch_size 3\) gives some of 3 ranks none"
    ):
        as_ranks(3, lambda own: trained(network(), planted_data(10), own, 1, batch_size=3))


@pytest.mark.parametrize("ranks", [2, 7])
def test_predictions_do_not_depend_on_ranks(
    ranks: int, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genoml.train.predict._RUN", 4)
    codes = np.random.default_rng(0).integers(0, 4, (19, 12), dtype=np.uint8)
    one = predict_outputs(network(backend), codes, threads=1, batch_size=4)

    def run(own: Ranks) -> np.ndarray:
        with Threads(2, own) as threads:
            return predict_outputs(network(backend), codes, threads=threads, batch_size=4)

    for found in as_ranks(ranks, run):
        np.testing.assert_array_equal(found, one)


def test_a_tree_of_trees_is_the_whole_tree() -> None:
    values = list(np.random.default_rng(0).standard_normal((8, 50)).astype(np.float32))
    whole = tree_sum(values)
    for size in (2, 4):
        parts = [tree_sum(values[i : i + size]) for i in range(0, 8, size)]
        np.testing.assert_array_equal(tree_sum(parts), whole)
    assert tree_sum(["a", "b", "c", "d", "e"]) == "abcde"


def test_batch_normalisation_meets_the_other_ranks_twice_a_step() -> None:
    class Counted(ThreadRanks):
        met = 0

        def sum(self, value: Array, *how: Any) -> Array:
            self.met += 1
            return super().sum(value, *how)

    def run(own: ThreadRanks) -> int:
        own.__class__ = Counted
        trained(network(), planted_data(16), own, 2, epochs=1)  # two batches
        return own.met

    assert as_ranks(2, run) == [4, 4]


def test_one_process_alone_is_every_rank() -> None:
    assert (ONE_RANK.rank, ONE_RANK.count, ONE_RANK.first, ONE_RANK.asked_to_stop) == (0, 1, True, False)
    assert ONE_RANK.rows(5) == slice(0, 5)
    assert ONE_RANK.gather("a") == ["a"]
    assert ONE_RANK.on_first(lambda: get_backend("numpy").name) == "numpy"


def test_ranks_that_begin_unlike_are_refused_on_all() -> None:
    def run(ranks: Ranks) -> None:
        codes = np.random.default_rng(0).integers(0, 4, (12, 20), dtype=np.uint8)
        targets = (np.arange(12) % 2).astype(np.float32)[:, None]
        model = nn.Sequential([nn.Conv1D(4, 3, 5), nn.GlobalMaxPool1D(), nn.Dense(3, 1)], seed=ranks.rank)
        with pytest.raises(ValueError, match="rank 1 has other weights, targets or options than rank 0"):
            fit(model, SequenceData(codes, targets), ranks=ranks)

    as_ranks(2, run)


def test_units_are_dealt_out_and_their_results_come_back_in_order_to_the_first() -> None:
    done: list[tuple[int, int]] = []

    def mapped(ranks: Ranks) -> list[int]:
        def work(unit: int) -> int:
            done.append((unit, ranks.rank))
            return unit * unit

        return list(ranks.map(work, iter(range(7))))

    assert as_ranks(3, mapped) == [[unit * unit for unit in range(7)], [], []]
    assert sorted(done) == [(unit, unit % 3) for unit in range(7)]
    assert mapped(ONE_RANK) == [unit * unit for unit in range(7)]


def test_what_the_work_on_a_unit_raises_all_ranks_raise_after_the_results_before_it() -> None:
    def mapped(ranks: Ranks) -> list[int]:
        def work(unit: int) -> int:
            if unit in (4, 5):
                raise FormatError(f"unit {unit} is bad", path="a.fa", line=unit)
            return unit

        found = list[int]()
        with pytest.raises(FormatError, match=r"a\.fa, line 4: unit 4 is bad"):
            found.extend(ranks.map(work, range(9)))
        return found

    assert as_ranks(3, mapped) == [[0, 1, 2, 3], [], []]


def test_ranks_with_other_units_are_refused_on_all() -> None:
    def mapped(ranks: Ranks) -> None:
        with pytest.raises(ValueError, match="ranks read other inputs than each other"):
            list(ranks.map(abs, range(4 + ranks.rank)))

    as_ranks(2, mapped)
