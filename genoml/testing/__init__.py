"""Checks for layers and losses, your own too: right derivatives, right behaviour, the same numbers on every backend.

``measure_layer`` measures errors: a pullback against central differences in float64, along random directions
and with a random cotangent (with a cotangent of ones, a wrong softmax passes); outputs and gradients against
NumPy's; the output against the formula. ``check_layer`` judges them and runs the rest of the list that every
layer of genoml passes. docs/layers.md shows both on a layer of your own; ``python -m genoml.testing --backend
NAME`` measures genoml's own layers and losses on your machine.
"""

from genoml.testing.cases import LayerCase, LossCase
from genoml.testing.checks import (
    check_copied,
    check_dtypes,
    check_edges,
    check_errors,
    check_forward,
    check_layer,
    check_needs,
    check_pure,
    check_reach,
    check_same_numbers,
    check_saved,
)
from genoml.testing.gradients import (
    Slope,
    central_difference,
    check_gradients,
    check_loss,
    measure_gradients,
    measure_loss_gradient,
)
from genoml.testing.measure import (
    LIMITS,
    Figures,
    Limits,
    forward_backward,
    has_float64,
    layer_differences,
    loss_differences,
    measure_layer,
    measure_loss,
    relative_difference,
    run_case,
)
from genoml.testing.secants import check_secants, secant_error

__all__ = [
    "LIMITS",
    "Figures",
    "LayerCase",
    "Limits",
    "LossCase",
    "Slope",
    "central_difference",
    "check_copied",
    "check_dtypes",
    "check_edges",
    "check_errors",
    "check_forward",
    "check_gradients",
    "check_layer",
    "check_loss",
    "check_needs",
    "check_pure",
    "check_reach",
    "check_same_numbers",
    "check_saved",
    "check_secants",
    "forward_backward",
    "has_float64",
    "layer_differences",
    "loss_differences",
    "measure_gradients",
    "measure_layer",
    "measure_loss",
    "measure_loss_gradient",
    "relative_difference",
    "run_case",
    "secant_error",
]
