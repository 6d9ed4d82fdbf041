"""``fit`` with targets other than labels, with penalties, constraints and plateau schedules."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from genoml.backend import Backend
from genoml.data import Augmentation, SequenceData, split_random
from genoml.nn import (
    Conv1D,
    Dense,
    GlobalAveragePool1D,
    GlobalMaxPool1D,
    LearnedDispersion,
    MotifLayer,
    Sequential,
    information_penalty,
)
from genoml.optim import SGD, AdamW
from genoml.optim.schedules import ReduceOnPlateau
from genoml.sequence import base_codes
from genoml.train import Counts, FitOptions, MultiClassification, Regression, fit
from genoml.train.predict import predict, predict_outputs
from support.planted import planted_data

MOTIF = "TGACTCAT"
ONE_STRAND = Augmentation(False, 0)


def sites(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Sequences with 0, 1 or 2 sites, and how many."""
    rng = np.random.default_rng(seed)
    codes, number = rng.integers(0, 4, (count, 40), dtype=np.uint8), rng.integers(0, 3, count)
    for row, sites in enumerate(number):
        for site in range(sites):
            start = 20 * site + rng.integers(0, 12)
            codes[row, start : start + 8] = base_codes([MOTIF])[0]
    return codes, number


def network(outputs: int, *more: Any, seed: int = 0) -> Sequential:
    return Sequential([Conv1D(4, 8, 8), GlobalAveragePool1D(), Dense(8, outputs), *more], seed=seed)


def options(**changes: Any) -> FitOptions:
    given = {"epochs": 25, "batch_size": 32, "optimizer": AdamW(0.05), "augmentation": ONE_STRAND}
    return FitOptions(**(given | {"no_checks": ("copies",)} | changes))


def test_a_number_of_sites_is_regressed() -> None:
    codes, number = sites(300)
    data = SequenceData(codes, number[:, None].astype(np.float32))
    rest, held = split_random(data, 0.3, 0, by_class=False)
    model = network(1)
    history = fit(model, rest, validation=held, options=options(objective=Regression()))
    assert history.best_epoch is not None
    assert history.epochs[history.best_epoch - 1]["validation_pearson"] > 0.8
    assert history.best_epoch == 1 + int(
        np.argmax([record["validation_pearson"] for record in history.epochs])
    )
    found = predict(model, held.codes, objective=Regression(), both_strands=False)
    assert np.corrcoef(found[:, 0], held.targets[:, 0])[0, 1] > 0.8


def test_classes_are_told_apart() -> None:
    codes, number = sites(300)
    data = SequenceData(codes, np.eye(3, dtype=np.float32)[number])
    model = network(3)
    history = fit(model, data, validation=data, options=options(objective=MultiClassification()))
    assert max(record["validation_accuracy"] for record in history.epochs) > 0.6
    shares = predict(model, codes, objective=MultiClassification(), both_strands=False)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, rtol=1e-6)


def test_counts_are_fitted_with_their_offset_and_a_learned_dispersion() -> None:
    codes, number = sites(600)
    rng = np.random.default_rng(1)
    depth = rng.uniform(20.0, 200.0, len(codes))
    mean = depth * np.exp(0.8 * number)
    counts = rng.negative_binomial(1 / 0.25, 1 / (1 + 0.25 * mean)).astype(np.float32)
    offset = np.log(depth)[:, None].astype(np.float32)
    data = SequenceData(codes, counts[:, None], extras={"offset": offset})
    rest, held = split_random(data, 0.3, 0, by_class=False)
    model = network(1, LearnedDispersion(1, 2.0))
    history = fit(model, rest, validation=held, options=options(objective=Counts(), epochs=40))
    losses = [record["validation_loss"] for record in history.epochs]
    assert history.best_epoch == int(np.argmin(losses)) + 1
    fitted = float(np.exp(model.params["3.log_dispersion"][0]))
    assert 0.15 < fitted < 0.5
    plain = SequenceData(held.codes, held.targets)
    without = fit(
        network(1, LearnedDispersion(1, 2.0)), plain, validation=plain, options=options(objective=Counts())
    )
    assert min(record["validation_loss"] for record in without.epochs) > min(losses)


def test_missing_labels_and_example_weights_reach_the_loss(backend: Backend) -> None:
    codes, number = sites(32)
    targets = np.stack([number, np.full(32, np.nan)], axis=1).astype(np.float32)
    mask = np.stack([np.ones(32), np.zeros(32)], axis=1).astype(np.float32)
    weight = np.zeros(32, np.float32)
    weight[0] = 1.0
    data = SequenceData(codes, targets, extras={"mask": mask, "sample_weight": weight})
    model = network(2).to(backend)
    before = predict_outputs(model, codes, both_strands=False)
    history = fit(model, data, options=options(epochs=1, objective=Regression(), optimizer=SGD(1e-3)))
    # the mean is over the labels that are there; a weight says how much each counts in it
    expected = (before[0, 0] - number[0]) ** 2 / 32
    assert history.epochs[0]["loss"] == pytest.approx(expected, rel=1e-4)


def test_targets_outside_the_domain_stop_before_the_first_step() -> None:
    codes, number = sites(10)
    counts = number[:, None].astype(np.float32)
    counts[7] = -2.0
    model = network(1)
    with pytest.raises(ValueError, match=r"Counts: targets expects counts >= 0, got -2 at position \(7, 0\)"):
        fit(model, SequenceData(codes, counts), options=options(objective=Counts("poisson")))
    with pytest.raises(ValueError, match="SequenceData expects 10 of offset, got 9"):
        SequenceData(codes, counts, extras={"offset": np.zeros(9)})


def test_a_penalty_enters_loss_and_gradient() -> None:
    def trained(strength: float) -> tuple[float, np.ndarray]:
        layer = MotifLayer(2, 6, seed=1)
        model = Sequential([layer, GlobalMaxPool1D(), Dense(2, 1)])
        penalties = (partial(information_penalty, strength=strength),) if strength else ()
        chosen = options(epochs=1, batch_size=1000, optimizer=SGD(0.1), penalties=penalties)
        history = fit(model, planted_data(20), options=chosen)
        return history.epochs[0]["loss"], np.array(layer.logits)

    start = Sequential([MotifLayer(2, 6, seed=1), GlobalMaxPool1D(), Dense(2, 1)])
    value, grads = information_penalty(start, 0.5)
    assert set(grads) == {"0.logits"}
    (plain, without), (penalised, with_it) = trained(0.0), trained(0.5)
    assert penalised - plain == pytest.approx(float(value), rel=1e-4)
    np.testing.assert_allclose(without - with_it, 0.1 * grads["0.logits"], atol=1e-6)


def test_a_penalty_on_motifs_needs_motifs() -> None:
    with pytest.raises(
        ValueError, match="information_penalty expects a model with a MotifLayer, got Sequential"
    ):
        information_penalty(network(1))


def test_the_largest_norm_is_kept_after_every_step() -> None:
    model = network(1)
    fit(model, planted_data(20), options=options(epochs=2, max_weight_norm=0.3))
    kernels = model.params["0.weights"]
    assert np.sqrt((kernels**2).sum(axis=(1, 2))).max() <= 0.3 + 1e-6


@pytest.mark.parametrize("maximise", [False, True])
def test_a_plateau_schedule_is_told_the_validation_score(maximise: bool) -> None:
    data = planted_data(20)
    schedule = ReduceOnPlateau(0.5, patience=0, maximise=maximise, threshold=10.0)
    chosen = options(epochs=4, schedule=schedule, optimizer=SGD(0.01))
    history = fit(network(1), data, validation=data, options=chosen)
    rates = [record["learning_rate"] for record in history.epochs]
    # nothing improves on the first score by a factor of ten
    np.testing.assert_allclose(rates, [0.01, 0.01, 0.005, 0.0025])


def test_strands_are_averaged_in_validation_only_if_both_are_trained_on() -> None:
    data = planted_data(30)
    found = []
    for augmentation in (ONE_STRAND, Augmentation(True, 0)):
        model = network(1)
        history = fit(model, data, validation=data, options=options(epochs=1, augmentation=augmentation))
        outputs = predict_outputs(model, data.codes, both_strands=augmentation.reverse_complement)
        expected = np.mean(np.logaddexp(0, outputs) - data.targets * outputs)
        assert history.epochs[0]["validation_loss"] == pytest.approx(expected, rel=1e-5)
        found.append(expected)
    assert found[0] != pytest.approx(found[1], rel=1e-3)
