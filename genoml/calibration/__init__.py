"""Calibration of probabilities: measures of it, and corrections of logits.

``reliability_curve``, ``brier_score``, ``brier_decomposition`` and ``expected_calibration_error`` measure calibration;
``fit_temperature`` and ``fit_platt`` learn a :class:`Calibration` from held-out logits; ``prior_shift`` corrects logits
for other class proportions than those of training. All compute on the host, in float64: convert device arrays with
``get_backend().to_numpy`` first.
"""

from genoml.calibration.reliability import (
    BrierDecomposition,
    ReliabilityCurve,
    brier_decomposition,
    brier_score,
    expected_calibration_error,
    reliability_curve,
)
from genoml.calibration.scaling import Calibration, fit_platt, fit_temperature, log_odds, prior_shift

__all__ = [
    "BrierDecomposition",
    "Calibration",
    "ReliabilityCurve",
    "brier_decomposition",
    "brier_score",
    "expected_calibration_error",
    "fit_platt",
    "fit_temperature",
    "log_odds",
    "prior_shift",
    "reliability_curve",
]
