"""What a run learns from its validation data: a calibration that undoes resampling, a threshold, a baseline."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import special

from genoml.data import SequenceData
from genoml.evaluation import Calibration, brier_score
from genoml.evaluation.thresholds import choose_threshold
from genoml.models import build_model
from genoml.runs.assess import assess, calibrate, prior_offset, score_baseline
from genoml.runs.config import TrainConfig
from support.planted import planted_data

TARGETS = np.repeat([[1.0], [0.0]], [10, 90], axis=0)


@pytest.mark.parametrize(
    ("settings", "share"),
    [
        ({}, 0.1),
        ({"class_weight": "balanced"}, 0.5),
        ({"sampling": "balanced"}, 0.5),
        ({"sampling": "negatives", "negatives_per_positive": 4.0}, 0.2),
        ({"sampling": "negatives"}, 0.5),
    ],
    ids=str,
)
def test_the_offset_turns_the_share_that_was_trained_on_into_the_true_one(
    settings: dict[str, Any], share: float
) -> None:
    offset = prior_offset(TrainConfig(**settings), TARGETS)
    assert special.expit(special.logit(share) + offset) == pytest.approx(0.1)


def test_calibration_follows_the_correction_of_the_prior() -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(-2.0, 2.0, 4000)
    labels = (rng.random(4000) < special.expit(true)).astype(float)
    # what a model trained on balanced classes, and twice too sure, would give
    logits = 2.0 * true + 1.5
    assert calibrate(logits, labels, "none", -1.5) == Calibration(1.0, -1.5)
    scaled, platt = calibrate(logits, labels, "temperature", -1.5), calibrate(logits, labels, "platt", -1.5)
    for found in (scaled, platt):
        assert found.slope == pytest.approx(0.5, abs=0.04)
        assert found.offset == pytest.approx(-0.75, abs=0.15)
        assert brier_score(special.expit(found(logits)), labels) < brier_score(special.expit(logits), labels)


def test_what_is_kept_is_of_the_validation_data() -> None:
    data, validation = planted_data(30), planted_data(20, seed=1)
    config = TrainConfig(model="promoter_cnn", model_options={"filters": 2, "kernel_size": 8})
    model = build_model(config.model, config.model_options, seed=0)
    found = assess(model, data, validation, config)
    assert list(found.scores) == ["auroc", "aupr", "brier", "ece", "f1", "mcc"]
    assert found.baseline == score_baseline(data, validation, 0)
    assert found.calibration == Calibration()
    assert found.threshold is not None
    assert 0.0 < found.threshold < 1.0
    without = assess(model, data, validation, TrainConfig(baseline=False, threshold_by="recall"))
    assert without.baseline == {}
    assert without.threshold != found.threshold
    strict = TrainConfig(baseline=False, threshold_by="precision", threshold_at_least=1.0)
    ordered = assess(model, data, _turned(validation, model), strict)
    assert ordered.threshold is None


def _turned(data: SequenceData, model: Any) -> SequenceData:
    """The same sequences, the one that the model scores highest called a negative."""
    from genoml.train.predict import predict

    scores = predict(model, data.codes)[:, 0]
    targets = np.ones((len(data), 1), np.float32)
    targets[np.argmax(scores)] = 0.0
    targets[np.argsort(scores)[:-4]] = 0.0
    return SequenceData(data.codes, targets)


def test_the_baseline_learns_from_a_part_of_many_sequences(monkeypatch: pytest.MonkeyPatch) -> None:
    data, validation = planted_data(60), planted_data(20, seed=1)
    monkeypatch.setattr("genoml.runs.score_baselines.MOST_FOR_BASELINE", 50)
    found = score_baseline(data, validation, 0)
    assert found == score_baseline(data, validation, 0)
    assert 0.0 <= found["auroc"] <= 1.0
    assert found != score_baseline(data, validation, 1)


def test_the_threshold_is_the_best_on_validation_data() -> None:
    assert choose_threshold(special.expit([-3.0, -1.0, 0.5]), [0, 1, 1]) == pytest.approx(
        (special.expit(-3.0) + special.expit(-1.0)) / 2
    )


def test_classes_are_not_balanced_twice() -> None:
    with pytest.raises(ValueError, match="class_weight: expects none with sampling balanced"):
        TrainConfig(class_weight="balanced", sampling="balanced")


def test_the_schedule_has_as_many_steps_as_the_sampler_makes() -> None:
    config = TrainConfig(sampling="negatives", negatives_per_positive=3.0, batch_size=8, epochs=2)
    assert config.sampler.epoch_size(TARGETS) == 40
    options = config.fit_options(config.sampler.epoch_size(TARGETS), (1.0, 1.0))
    # one cycle: 10 steps, at the end of which the rate is near 0
    assert options.schedule(9) < 0.1 < options.schedule(5)
    assert options.sampler == config.sampler
