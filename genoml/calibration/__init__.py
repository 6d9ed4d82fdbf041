"""Whether probabilities mean what they say, and how to make them.

``reliability_curve``, ``brier_score``, ``brier_decomposition`` and ``expected_calibration_error`` measure it;
``fit_temperature`` and ``fit_platt`` learn from held-out logits a :class:`Calibration`, and ``prior_shift``
corrects logits that were learned from classes of other shares. All compute on the host, in float64: move
device arrays over with ``get_backend().to_numpy`` first.
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
