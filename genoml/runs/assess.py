"""Assessment of a trained model on validation data: calibration, threshold, scores and a k-mer baseline."""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np

from genoml.data import SequenceData
from genoml.evaluation import (
    Calibration,
    brier_score,
    expected_calibration_error,
    fit_platt,
    fit_temperature,
    log_odds,
)
from genoml.evaluation.curves import precision_recall_curve
from genoml.evaluation.thresholds import choose_threshold, score_calls
from genoml.nn.layer import Layer
from genoml.parallel import ONE_RANK, Ranks, Threads
from genoml.runs.baseline import KmerBaseline, KmerRidge
from genoml.runs.config import TrainConfig
from genoml.runs.make_task import label_shares
from genoml.runs.score_baselines import linear_targets, some_examples
from genoml.runs.task_scores import linear_scores, task_scores
from genoml.runs.tasks import TaskRecord
from genoml.train.objectives import BinaryClassification
from genoml.train.predict import predict_outputs, score_predictions


class HeldOut(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Results on the validation data, as ``run.json`` keeps them.

    Attributes
    ----------
    calibration : Calibration
        Calibration of the model's logits, for the probabilities that ``genoml predict`` writes.
    threshold : float or None
        The probability from which on a sequence is called positive, by ``threshold_by``; None where no
        threshold is as it asks.
    scores : dict
        Of the calibrated probabilities: auroc, aupr, brier, ece, and f1 and mcc at the threshold; of other tasks than
        binary those of the objective.
    baseline : dict
        auroc and aupr of 6-mer logistic regression on the same sequences, or, for other tasks than binary, the scores
        of ridge regression on 5-mers; empty with baseline = false.
    """

    calibration: Calibration = Calibration()
    threshold: float | None = None
    scores: dict[str, float] = {}
    baseline: dict[str, float] = {}


def assess(
    model: Layer,
    data: SequenceData,
    validation: SequenceData,
    config: TrainConfig,
    task: TaskRecord | None = None,
    ranks: Ranks = ONE_RANK,
) -> HeldOut:
    """Score a trained model on the validation data, and for one label calibrate it and choose its threshold there.

    Parameters
    ----------
    model : Layer
        With the weights of the best epoch.
    data, validation : SequenceData
        Training data and held-out data.
    config : TrainConfig
        Settings of the training and of the calibration.
    task : TaskRecord, optional
        The task; binary if None.
    ranks : Ranks
        Processes that compute the outputs together; all else is rank 0's.
    """
    with Threads(config.threads or ranks.threads(model.backend), ranks) as threads:
        outputs = predict_outputs(
            model,
            validation,
            both_strands=config.reads_both_strands(data.alphabet),
            ambiguous=config.ambiguous,
            threads=threads,
        )
    return ranks.on_first(lambda: _assess_outputs(outputs, data, validation, config, task))


def _assess_outputs(
    outputs: np.ndarray,
    data: SequenceData,
    validation: SequenceData,
    config: TrainConfig,
    task: TaskRecord | None,
) -> HeldOut:
    if task is not None and task.kind != "binary":
        has_baseline = config.baseline and task.kind != "profile"
        baseline = ridge_baseline(data, validation, config, task) if has_baseline else {}
        scores = task_scores(task, outputs, validation)
        return HeldOut(calibration=label_offsets(config, task, data), scores=scores, baseline=baseline)
    logits = outputs[:, 0].astype(np.float64)
    targets = validation.targets[:, 0]
    calibration = calibrate(logits, targets, config.calibrate, prior_offset(config, data.targets))
    probabilities = BinaryClassification(calibration=calibration).predictions(logits)
    threshold = _threshold(probabilities, targets, config)
    calls = score_calls(probabilities, targets, 0.5 if threshold is None else threshold)
    scores = score_predictions(probabilities, targets)
    return HeldOut(
        calibration=calibration,
        threshold=threshold,
        scores={
            "auroc": scores["auroc"],
            "aupr": scores["aupr"],
            "brier": brier_score(probabilities, targets),
            "ece": expected_calibration_error(probabilities, targets),
            "f1": calls["f1"],
            "mcc": calls["mcc"],
        },
        baseline=_baseline_of(data, validation, config) if config.baseline else {},
    )


def _threshold(probabilities: np.ndarray, targets: np.ndarray, config: TrainConfig) -> float | None:
    how, at_least = config.threshold_by, config.threshold_at_least
    if how not in ("precision", "recall"):
        return choose_threshold(probabilities, targets, how)
    if how == "precision" and precision_recall_curve(probabilities, targets)[0][:-1].max() < at_least:
        return None
    return choose_threshold(probabilities, targets, how, at_least=at_least)


def prior_offset(config: TrainConfig, targets: np.ndarray) -> float:
    """Offset of the logits that gives the classes their shares of the training data.

    0 unless sampling or class weights made a class count for more than its share; see
    ``genoml.evaluation.prior_shift``.
    """
    if config.class_weight == "none" and config.sampling == "uniform":
        return 0.0
    true = log_odds(float(np.mean(targets[:, 0])))
    if config.class_weight == "balanced":
        return true  # weighed, the classes have equal shares
    return true - log_odds(config.sampler.share_of_positives(targets))


def label_offsets(config: TrainConfig, task: TaskRecord, data: SequenceData) -> Calibration:
    """The same for several labels, each by its share of the training data."""
    if task.kind != "multilabel" or config.class_weight == "none":
        return Calibration()
    return Calibration(offset=tuple(log_odds(share) for share in label_shares(data).tolist()))


def calibrate(
    logits: np.ndarray,
    targets: np.ndarray,
    how: Literal["none", "temperature", "platt"],
    prior_offset: float = 0.0,
) -> Calibration:
    """Fit a calibration to held-out logits, after the correction of the prior."""
    if how == "none":
        return Calibration(offset=prior_offset)
    if how == "platt":  # has an offset of its own
        return fit_platt(logits, targets)
    slope = fit_temperature(logits + prior_offset, targets).slope
    return Calibration(slope, slope * prior_offset)


def _baseline_of(data: SequenceData, validation: SequenceData, config: TrainConfig) -> dict[str, float]:
    """The baseline, which sees what the network sees: the same strands, and ambiguous letters in the same way."""
    both = config.reads_both_strands(data.alphabet)
    return score_baseline(data, validation, config.seed, both_strands=both, ambiguous=config.ambiguous)


def score_baseline(
    data: SequenceData,
    validation: SequenceData,
    seed: int,
    *,
    both_strands: bool = True,
    ambiguous: str = "zero",
) -> dict[str, float]:
    """AUROC and AUPR of 6-mer logistic regression on the validation data.

    It learns from some of the training sequences, see ``some_examples``.
    """
    rows = some_examples(data, TaskRecord(), seed)
    baseline = KmerBaseline(both_strands=both_strands, ambiguous=ambiguous)
    baseline.fit(data.codes[rows], data.targets[rows])
    scores = score_predictions(baseline.predict(validation.codes), validation.targets[:, 0])
    return {"auroc": scores["auroc"], "aupr": scores["aupr"]}


def ridge_baseline(
    data: SequenceData, validation: SequenceData, config: TrainConfig, task: TaskRecord
) -> dict[str, float]:
    """Scores of ridge regression on 5-mers, of labels, classes, numbers or logarithms of relative counts.

    It learns from some of the training sequences, see ``some_examples``; a missing value counts as the mean
    of its task.
    """
    part = data.take(some_examples(data, task, config.seed))
    ridge = KmerRidge(both_strands=config.reads_both_strands(data.alphabet), ambiguous=config.ambiguous)
    predicted = ridge.fit(part.codes, linear_targets(part, task)).predict(validation.codes)
    return linear_scores(task, predicted, validation)
