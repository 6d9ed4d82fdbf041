"""Evaluation of models on the host: curves, thresholds, intervals, calibration, dispersion of counts, paired tests.

Predictions and targets are NumPy arrays: move device arrays over with ``get_backend().to_numpy`` first.
"""

from genoml.evaluation.bootstrap import ConfidenceInterval, bootstrap, delong, per_task
from genoml.evaluation.calibration import Calibration, fit_platt, fit_temperature, log_odds, prior_shift
from genoml.evaluation.curves import cumulative_calls, precision_recall_curve, roc_curve
from genoml.evaluation.dispersion import CountDiagnosis, DispersionFit, diagnose_counts, estimate_dispersion
from genoml.evaluation.paired import (
    PairedStatistics,
    benjamini_hochberg,
    paired_statistics,
    signed_rank_p_value,
)
from genoml.evaluation.reliability import (
    BrierDecomposition,
    ReliabilityCurve,
    brier_decomposition,
    brier_score,
    expected_calibration_error,
    reliability_curve,
)
from genoml.evaluation.specificity import gini, specificity, specificity_scores
from genoml.evaluation.thresholds import choose_threshold, score_calls

__all__ = [
    "BrierDecomposition",
    "Calibration",
    "ConfidenceInterval",
    "CountDiagnosis",
    "DispersionFit",
    "PairedStatistics",
    "ReliabilityCurve",
    "benjamini_hochberg",
    "bootstrap",
    "brier_decomposition",
    "brier_score",
    "choose_threshold",
    "cumulative_calls",
    "delong",
    "diagnose_counts",
    "estimate_dispersion",
    "expected_calibration_error",
    "fit_platt",
    "fit_temperature",
    "gini",
    "log_odds",
    "paired_statistics",
    "per_task",
    "precision_recall_curve",
    "prior_shift",
    "reliability_curve",
    "roc_curve",
    "score_calls",
    "signed_rank_p_value",
    "specificity",
    "specificity_scores",
]
