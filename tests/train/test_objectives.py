"""Objectives: a loss, the scores of an epoch, and what a prediction is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import special, stats
from scipy.spatial import distance

from genoml import losses
from genoml.backend import Backend
from genoml.evaluation import Calibration
from genoml.metrics import aupr, auroc, matthews_correlation, pearson, spearman
from genoml.train import BinaryClassification, Counts, MultiClassification, Objective, Profile, Regression

RNG = np.random.default_rng(3)
OUTPUTS = RNG.standard_normal((8, 2))
LABELS = RNG.integers(0, 2, (8, 2)).astype(np.float32)
COUNTS = RNG.poisson(6.0, (8, 2)).astype(np.float32)
OFFSET = RNG.standard_normal((8, 2))


def gradient_by_differences(objective: Objective, outputs: np.ndarray, targets: Any, **extras: Any) -> float:
    """The slope of the loss along a random direction, less that of the gradient."""
    direction = np.random.default_rng(0).standard_normal(outputs.shape)
    step = 1e-6
    up, down = (float(objective.loss(outputs + s * direction, targets, **extras)[0]) for s in (step, -step))
    return (up - down) / (2 * step) - float(np.sum(objective.loss(outputs, targets, **extras)[1] * direction))


CASES: list[tuple[Objective, int, np.ndarray]] = [
    (BinaryClassification(), 2, LABELS),
    (BinaryClassification((0.3, 2.0), 0.1), 2, LABELS),
    (BinaryClassification((0.3, 2.0), focal_gamma=1.5), 2, LABELS),
    (MultiClassification(), 2, np.eye(2)[LABELS[:, 0].astype(int)]),
    (MultiClassification((1.0, 3.0), 0.1), 2, np.eye(2)[LABELS[:, 0].astype(int)]),
    (Regression(), 2, OUTPUTS[::-1].copy()),
    (Regression("huber", 0.5), 2, OUTPUTS[::-1].copy()),
    (Regression(mean=(1.0, -0.5), scale=(2.0, 0.5)), 2, OUTPUTS[::-1].copy()),
    (Counts("poisson"), 2, COUNTS),
    (Counts("poisson", log_rate=(2.0, -1.0)), 2, COUNTS),
    (Counts(log_rate=(2.0, -1.0)), 4, COUNTS),
    (Counts(dispersion=0.7), 2, COUNTS),
    (Counts(), 4, COUNTS),
    (Counts("zero_inflated"), 6, COUNTS),
    (Profile(2, 5, count_weight=0.7), 12, RNG.poisson(2.0, (8, 2, 5)).astype(np.float32)),
    (Profile(1, 4, count_weight=0.0), 5, RNG.poisson(2.0, (8, 1, 4)).astype(np.float32)),
]


@pytest.mark.parametrize(("objective", "outputs", "targets"), CASES, ids=[str(case[0]) for case in CASES])
def test_the_gradient_is_the_slope_of_the_loss(
    objective: Objective, outputs: int, targets: np.ndarray
) -> None:
    values = np.random.default_rng(1).standard_normal((8, outputs))
    weights = np.linspace(0.5, 2.0, 8)
    assert abs(gradient_by_differences(objective, values, targets, sample_weight=weights)) < 1e-7


@pytest.mark.parametrize(("objective", "outputs", "targets"), CASES, ids=[str(case[0]) for case in CASES])
def test_the_loss_is_the_same_on_every_backend(
    objective: Objective, outputs: int, targets: np.ndarray, backend: Backend
) -> None:
    values = np.random.default_rng(1).standard_normal((8, outputs)).astype(np.float32)
    extras = {"offset": OFFSET.astype(np.float32)} if "offset" in objective.extras else {}
    expected, grad = objective.loss(values.astype(np.float64), targets, **extras)
    found, found_grad = objective.loss(backend.asarray(values), targets, **extras)
    np.testing.assert_allclose(backend.to_numpy(found), expected, rtol=2e-6)
    np.testing.assert_allclose(backend.to_numpy(found_grad), grad, rtol=2e-5, atol=1e-6)


def test_focal_loss_with_exponent_zero_is_the_weighted_cross_entropy() -> None:
    small = BinaryClassification((0.5, 3.0), focal_gamma=1e-9)
    plain = BinaryClassification((0.5, 3.0))
    assert float(small.loss(OUTPUTS, LABELS)[0]) == pytest.approx(float(plain.loss(OUTPUTS, LABELS)[0]))


def test_validation_loss_leaves_out_what_only_helps_training() -> None:
    helped = BinaryClassification((0.2, 5.0), 0.3, 2.0)
    assert helped.validation_loss(OUTPUTS, LABELS) == BinaryClassification().validation_loss(OUTPUTS, LABELS)


def test_scores_are_means_over_tasks_of_the_labels_that_are_there() -> None:
    mask = np.ones((8, 2), np.float32)
    mask[:3, 1] = 0.0
    labels = LABELS.copy()
    labels[3:5] = [[0, 0], [1, 1]]
    expected = np.mean([auroc(OUTPUTS[:, 0], labels[:, 0]), auroc(OUTPUTS[3:, 1], labels[3:, 1])])
    scores = BinaryClassification().scores(OUTPUTS, labels, mask=mask)
    assert list(scores) == ["auroc", "auroc_0", "auroc_1", "aupr", "aupr_0", "aupr_1"]
    assert scores["auroc"] == pytest.approx(expected)
    assert scores["auroc_1"] == auroc(OUTPUTS[3:, 1], labels[3:, 1])
    assert scores["aupr_0"] == aupr(OUTPUTS[:, 0], labels[:, 0])
    assert BinaryClassification().scores(OUTPUTS, np.ones_like(labels)) == {}
    expected = np.mean([pearson(OUTPUTS[:, 0], COUNTS[:, 0]), pearson(OUTPUTS[3:, 1], COUNTS[3:, 1])])
    scores = Regression(task_names=("brain", "liver")).scores(OUTPUTS, COUNTS, mask=mask)
    assert scores["pearson"] == pytest.approx(expected)
    assert scores["spearman_liver"] == spearman(OUTPUTS[3:, 1], COUNTS[3:, 1])


def test_a_task_whose_score_is_undefined_is_left_out_of_the_mean() -> None:
    labels = LABELS.copy()
    labels[:, 1] = 1.0
    scores = BinaryClassification().scores(OUTPUTS, labels)
    assert list(scores) == ["auroc", "auroc_0", "aupr", "aupr_0"]
    assert scores["auroc"] == scores["auroc_0"] == auroc(OUTPUTS[:, 0], labels[:, 0])


def test_one_task_has_no_scores_of_tasks_and_names_must_fit() -> None:
    assert list(BinaryClassification().scores(OUTPUTS[:, :1], LABELS[:, :1])) == ["auroc", "aupr"]
    with pytest.raises(ValueError, match="Regression expects 1 tasks, as task_names, got 2"):
        Regression(task_names=("one",)).scores(OUTPUTS, COUNTS)


def test_counts_are_scored_by_the_deviance_that_the_model_explains() -> None:
    y, exposure = COUNTS, np.exp(OFFSET)
    null = exposure * (y.sum(axis=0) / exposure.sum(axis=0))

    def explained(log_p: Any) -> np.ndarray:
        saturated, model, none = (log_p(m).sum(axis=0) for m in (y + 1e-300, np.exp(OUTPUTS + OFFSET), null))
        return 1 - (saturated - model) / (saturated - none)

    poisson = explained(lambda m: stats.poisson.logpmf(y, m))
    scores = Counts("poisson").scores(OUTPUTS, y, offset=OFFSET)
    assert scores["deviance_explained"] == pytest.approx(poisson.mean())
    assert scores["deviance_explained_1"] == pytest.approx(poisson[1])
    a = np.array([0.7, 0.2])
    binomial = explained(lambda m: stats.nbinom.logpmf(y, 1 / a, 1 / (1 + a * m)))
    learned = np.concatenate([OUTPUTS, np.broadcast_to(np.log(a), (8, 2))], axis=1)
    scores = Counts().scores(learned, y, offset=OFFSET)
    assert scores["deviance_explained_0"] == pytest.approx(binomial[0])
    assert scores["deviance_explained_1"] == pytest.approx(binomial[1])
    fixed = Counts(dispersion=0.7).scores(OUTPUTS, y, offset=OFFSET)
    assert fixed["deviance_explained_0"] == pytest.approx(binomial[0])
    rates = np.log1p(y) - OFFSET
    assert fixed["pearson_0"] == pytest.approx(pearson(OUTPUTS[:, 0], rates[:, 0]))
    inflated = np.concatenate([OUTPUTS, OUTPUTS, OUTPUTS], axis=1)
    assert "deviance_explained" not in Counts("zero_inflated").scores(inflated, y)


def test_a_mean_that_no_number_holds_is_scored_without_a_warning() -> None:
    scores = Counts("poisson").scores(np.array([[900.0], [-900.0], [0.0]]), COUNTS[:3, :1])
    assert scores["deviance_explained"] < 0


def test_predictions_go_through_the_calibration() -> None:
    found = BinaryClassification(calibration=Calibration(0.5, -2.0)).predictions(OUTPUTS)
    np.testing.assert_allclose(found, special.expit(0.5 * OUTPUTS - 2.0))


def test_accuracy_is_the_share_of_classes_that_are_right() -> None:
    outputs = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [0.0, 3.0, 1.0]])
    targets = np.eye(3)[[0, 1, 2]]
    scores = MultiClassification().scores(outputs, targets)
    assert scores == {"accuracy": pytest.approx(2 / 3), "mcc": matthews_correlation(outputs, targets)}
    masked = MultiClassification().scores(outputs, targets, mask=np.array([1, 1, 0]))
    assert masked == {"accuracy": 1.0, "mcc": pytest.approx(1.0)}
    assert MultiClassification().scores(outputs, targets, mask=np.zeros(3)) == {}


def test_predictions_are_probabilities_or_rates() -> None:
    np.testing.assert_allclose(BinaryClassification().predictions(OUTPUTS), special.expit(OUTPUTS))
    np.testing.assert_allclose(MultiClassification().predictions(OUTPUTS), special.softmax(OUTPUTS, axis=1))
    np.testing.assert_allclose(Counts().predictions(OUTPUTS), np.exp(OUTPUTS[:, :1]))
    np.testing.assert_array_equal(Regression().predictions(OUTPUTS), OUTPUTS)


def test_standardised_targets_are_turned_back_in_predictions() -> None:
    plain, scaled = Regression(), Regression(mean=(1.0, -40.0), scale=(2.0, 0.1))
    targets = scaled.predictions(OUTPUTS)
    np.testing.assert_allclose(targets, OUTPUTS * [2.0, 0.1] + [1.0, -40.0])
    assert float(scaled.loss(OUTPUTS, targets)[0]) == pytest.approx(0.0, abs=1e-12)
    assert scaled.scores(OUTPUTS, targets) == pytest.approx(plain.scores(OUTPUTS, OUTPUTS))
    assert scaled.contradicts(plain)
    with pytest.raises(ValueError, match="Regression expects a mean and a scale above 0 a task"):
        Regression(mean=(0.0,), scale=(0.0,))


def test_the_rate_of_the_training_data_is_added_to_the_outputs_of_counts() -> None:
    rates = np.log([3.0, 0.5])
    plain, shifted = Counts("poisson"), Counts("poisson", log_rate=tuple(rates))
    np.testing.assert_allclose(shifted.predictions(OUTPUTS), np.exp(OUTPUTS) * [3.0, 0.5])
    first, second = (
        each.loss(values, COUNTS)[0] for each, values in ((shifted, OUTPUTS), (plain, OUTPUTS + rates))
    )
    assert float(first) == pytest.approx(float(second))
    explained = [
        each.scores(v, COUNTS)["deviance_explained"]
        for each, v in ((shifted, OUTPUTS), (plain, OUTPUTS + rates))
    ]
    assert explained[0] == pytest.approx(explained[1])
    assert shifted.contradicts(plain)


def test_an_offset_multiplies_the_mean_of_counts() -> None:
    rate, a = np.exp(OUTPUTS + OFFSET), 0.7
    expected = -stats.nbinom.logpmf(COUNTS, 1 / a, 1 / (1 + a * rate)).mean()
    assert float(Counts(dispersion=a).loss(OUTPUTS, COUNTS, offset=OFFSET)[0]) == pytest.approx(expected)
    log_a = np.full_like(OUTPUTS, np.log(a))
    learned = Counts().loss(np.concatenate([OUTPUTS, log_a], axis=1), COUNTS, offset=OFFSET)[0]
    assert float(learned) == pytest.approx(expected)
    poisson = -stats.poisson.logpmf(COUNTS, rate).mean()
    assert float(Counts("poisson").loss(OUTPUTS, COUNTS, offset=OFFSET)[0]) == pytest.approx(poisson)


def test_a_zero_inflated_model_gives_log_rates_then_zero_logits_then_log_dispersions() -> None:
    v, log_a = np.full((8, 2), 0.3), np.full((8, 2), -0.2)
    expected, _ = losses.zero_inflated_negative_binomial_loss(OUTPUTS, v, log_a, COUNTS, log_input=True)
    joined = np.concatenate([OUTPUTS, v, log_a], axis=1)
    assert float(Counts("zero_inflated").loss(joined, COUNTS)[0]) == pytest.approx(float(expected))


@pytest.mark.parametrize(
    ("objective", "value", "words"),
    [
        (BinaryClassification(), 2.0, r"BinaryClassification: targets expects labels from 0 to 1, got 2"),
        (Counts(), -1.0, r"Counts: targets expects counts >= 0, got -1"),
        (Regression(), np.nan, r"Regression: targets expects finite targets, got nan"),
        (MultiClassification(), np.inf, r"MultiClassification: targets expects labels from 0 to 1, got inf"),
    ],
    ids=str,
)
def test_targets_outside_the_domain_are_refused_with_their_position(
    objective: Objective, value: float, words: str
) -> None:
    targets = LABELS.copy()
    targets[5, 1] = value
    with pytest.raises(ValueError, match=rf"{words} at position \(5, 1\)"):
        objective.check(targets, {})
    mask = np.ones_like(targets)
    mask[5, 1] = 0.0
    objective.check(targets, {"mask": mask})


def test_what_the_loss_does_not_take_is_refused() -> None:
    with pytest.raises(ValueError, match="Regression takes sample_weight, mask beside targets, got offset"):
        Regression().check(OUTPUTS, {"offset": OFFSET})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: Counts("gamma"),
            "'negative_binomial' or 'zero_inflated', got 'gamma'",
        ),  # type: ignore[arg-type]
        (lambda: Counts("poisson", 0.5), "expects no fixed dispersion with 'poisson'"),
        (lambda: Counts().loss(OUTPUTS[:, :1], COUNTS[:, :1]), r"expects 2 outputs a task, got 1 outputs"),
    ],
)
def test_settings_that_cannot_be_are_refused(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


PROFILES = RNG.poisson(2.0, (6, 2, 9)).astype(np.float32)
PROFILE = Profile(2, 9, count_weight=0.7, strands="+-")


def test_the_profile_objective_is_its_formula() -> None:
    values = np.random.default_rng(2).standard_normal((6, 20))
    logits, log_counts = values[:, :18].reshape(6, 2, 9), values[:, 18:]
    shares = special.softmax(logits, axis=2)
    expected = np.mean(
        [
            -stats.multinomial.logpmf(PROFILES[n, t], PROFILES[n, t].sum(), shares[n, t])
            + 0.7 * (log_counts[n, t] - np.log1p(PROFILES[n, t].sum())) ** 2
            for n in range(6)
            for t in range(2)
        ]
    )
    assert float(PROFILE.loss(values, PROFILES)[0]) == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(PROFILE.numbers(values), np.maximum(np.exp(log_counts) - 1, 0))
    np.testing.assert_allclose(PROFILE.predictions(values).sum(axis=2), PROFILE.numbers(values))


def test_the_scores_of_profiles_are_those_of_scipy() -> None:
    values = np.random.default_rng(2).standard_normal((6, 20))
    counts = PROFILES.astype(np.float64)
    counts[3, 1] = 0.0  # without reads: no shape
    logits, log_counts = values[:, :18].reshape(6, 2, 9), values[:, 18:]
    there = [(n, t) for n in range(6) for t in range(2) if (n, t) != (3, 1)]
    scores = PROFILE.scores(values, counts)

    def mean(metric: Any) -> float:
        of_track = [np.mean([metric(n, t) for n, t in there if t == track]) for track in (0, 1)]
        return float(np.mean(of_track))

    shares = special.softmax(logits, axis=2)
    assert scores["profile_jsd"] == pytest.approx(
        mean(lambda n, t: distance.jensenshannon(shares[n, t], counts[n, t]))
    )
    assert scores["mean_profile_jsd"] == pytest.approx(
        mean(lambda n, t: distance.jensenshannon(counts[:, t].mean(axis=0), counts[n, t]))
    )
    assert scores["profile_pearson"] == pytest.approx(
        mean(lambda n, t: stats.pearsonr(shares[n, t], counts[n, t])[0])
    )
    totals = np.log1p(counts.sum(axis=2))
    assert scores["counts_pearson_1"] == pytest.approx(stats.pearsonr(log_counts[:, 1], totals[:, 1])[0])
    assert scores["counts_spearman"] == pytest.approx(
        np.mean([stats.spearmanr(log_counts[:, t], totals[:, t])[0] for t in (0, 1)])
    )


def test_profiles_that_do_not_fit_the_objective_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Profile expects targets \(n, 2, 9\), got \(6, 2, 8\)"):
        PROFILE.check(PROFILES[:, :, :8], {})
    with pytest.raises(
        ValueError, match=r"Profile: targets expects counts >= 0, got -1 at position \(0, 0, 0\)"
    ):
        PROFILE.check(np.where(PROFILES[0, 0, 0] == PROFILES, -1.0, PROFILES), {})
    with pytest.raises(ValueError, match=r"2 tracks of 9 bp\) expects outputs \(batch, 20\), got \(6, 19\)"):
        PROFILE.loss(np.zeros((6, 19)), PROFILES)
    for wrong in ({"tracks": 0}, {"count_weight": -1.0}, {"count_weight": "much"}, {"strands": "+"}):
        with pytest.raises(ValueError, match=r"Profile expects|strands"):
            Profile(**wrong)  # type: ignore[arg-type]


def test_outputs_of_the_other_strand_are_turned_back(backend: Backend) -> None:
    values = np.arange(40.0).reshape(2, 20).astype(np.float32)
    turned = backend.to_numpy(PROFILE.turned(backend.asarray(values)))
    np.testing.assert_array_equal(turned[:, :9], values[:, 17:8:-1])
    np.testing.assert_array_equal(turned[:, 18:], values[:, [19, 18]])
    np.testing.assert_array_equal(backend.to_numpy(PROFILE.turned(backend.asarray(turned))), values)
