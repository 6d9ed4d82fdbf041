"""Measured errors of a layer or loss: against its formula, its central differences, and NumPy.

Every figure is relative to what was expected: the largest difference over 1 + the largest expected value.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from genoml.backend import Array, Backend, get_backend, use_backend
from genoml.nn.layer import Layer, Pass
from genoml.random import host_generator
from genoml.testing.cases import LayerCase, LossCase
from genoml.testing.gradients import expect, measure_gradients, measure_loss_gradient
from genoml.testing.secants import secant_error


@dataclass(frozen=True)
class Limits:
    """Limits of the checks; each is relative, as the measured errors are."""

    #: pullback against central differences, which are themselves good to about 1e-9
    gradient: float = 1e-6
    #: multipliers times differences against the change of the output, by dtype
    secant: Mapping[str, float] = field(default_factory=lambda: {"float64": 5e-13, "float32": 5e-5})
    #: outputs and gradients against NumPy's and against the formula, by dtype
    difference: Mapping[str, float] = field(default_factory=lambda: {"float64": 1e-11, "float32": 2e-5})


LIMITS = Limits()


@dataclass(frozen=True)
class Figures:
    """Errors of one layer or loss, measured on one backend in one dtype.

    Attributes
    ----------
    gradients : mapping
        Array -> error of its gradient against central differences; empty but in float64.
    differences : mapping
        Output and gradients -> difference from NumPy's in float64, on the same weights and input.
    formula : float or None
        Output in evaluation mode against the case's reference; None if it has none.
    secant : float or None
        What the multipliers of a layer's ``between`` miss of the change of its output; None of a loss.
    """

    gradients: Mapping[str, float]
    differences: Mapping[str, float]
    formula: float | None
    secant: float | None = None

    @property
    def gradient(self) -> float | None:
        """The largest error of a gradient; None if none was measured."""
        return max(self.gradients.values(), default=None)

    @property
    def difference(self) -> float:
        """The largest difference from NumPy."""
        return max(self.differences.values(), default=0.0)

    def failures(self, dtype: str, limits: Limits = LIMITS) -> list[str]:
        """A message for each error that is over its limit."""
        allowed = limits.difference[dtype]
        named = [
            *((f"gradient of {name}", value, limits.gradient) for name, value in self.gradients.items()),
            *((f"{name} against NumPy", value, allowed) for name, value in self.differences.items()),
            ("output against the formula", self.formula or 0.0, allowed),
            ("multipliers against the change", self.secant or 0.0, limits.secant[dtype]),
        ]
        return [f"{what}: {value:.1e}, allowed {limit:.0e}" for what, value, limit in named if value > limit]


def has_float64(backend: Backend) -> bool:
    """Whether the backend's device has double precision."""
    try:
        return bool(backend.asarray(np.zeros(1), "float64").dtype == backend.dtype("float64"))
    except (TypeError, ValueError):
        return False


def relative_difference(got: np.ndarray, expected: np.ndarray) -> float:
    """Relative difference max |got - expected| / (1 + max |expected|); infinite if shapes differ or not finite."""
    if got.shape != expected.shape:
        return math.inf
    with np.errstate(invalid="ignore"):
        worst = float(np.max(np.abs(got.astype(np.float64) - expected), initial=0.0))
    worst /= 1.0 + float(np.max(np.abs(expected), initial=0.0))
    return worst if math.isfinite(worst) else math.inf


def forward_backward(
    layer: Layer, x: Array, cotangent: np.ndarray | None = None, *, training: bool = True
) -> dict[str, np.ndarray]:
    """Output, input gradient (if x has one) and parameter gradients on the host, for comparing two runs."""
    backend = layer.backend
    y, pullback = layer.vjp(x, Pass(training=training, step=0))
    host = backend.to_numpy(y)
    if cotangent is None:
        cotangent = host_generator(0, "cotangent").standard_normal(host.shape)
    grad_x, grads = pullback(backend.asarray(cotangent, layer.dtype))
    found = {"y": host} if grad_x is None else {"y": host, "grad_x": backend.to_numpy(grad_x)}
    return found | {f"{name}_grad": backend.to_numpy(value) for name, value in grads.items()}


def run_case(case: LayerCase, on: Backend, dtype: str) -> dict[str, np.ndarray]:
    """``forward_backward`` of a case."""
    return forward_backward(case.build(on, dtype), case.array(on, dtype), training=case.training)


def layer_differences(case: LayerCase, got: Mapping[str, np.ndarray], dtype: str) -> dict[str, float]:
    """Differences of a result of ``run_case`` from NumPy in float64 on the same (rounded) numbers."""
    x = case.input()
    rounded = x if case.integer else x.astype(dtype).astype(np.float64)
    cotangent = host_generator(0, "cotangent").standard_normal(got["y"].shape)
    with use_backend("numpy") as home:  # a variant of NumPy would else run its own operations here too
        expected = forward_backward(
            case.build(home, dtype).to(dtype="float64"),
            case.place(home, rounded, "float64"),
            cotangent.astype(dtype).astype(np.float64),
            training=case.training,
        )
    expect(set(got) == set(expected), f"results {sorted(got)}, on NumPy {sorted(expected)}")
    return {name: relative_difference(got[name], value) for name, value in expected.items()}


def formula_difference(case: LayerCase, on: Backend, dtype: str) -> float | None:
    """The output in evaluation mode against the case's reference."""
    if case.reference is None:
        return None
    layer, x = case.build(on, dtype), case.input()
    arrays = {name: on.to_numpy(a) for name, a in [*layer.params.items(), *layer.state.items()]}
    return relative_difference(on.to_numpy(layer(case.place(on, x, dtype))), case.reference(arrays, x))


def measure_layer(
    case: LayerCase, *, backend: str | Backend | None = None, dtype: str = "float64"
) -> Figures:
    """Measure a layer on a backend: the errors that ``check_layer`` judges.

    Parameters
    ----------
    case : LayerCase
        The layer and its inputs.
    backend : str or Backend, optional
        Where; the default backend if None.
    dtype : "float64" or "float32"
        In float32 gradients are compared with NumPy's, and not with differences, which are too coarse there.

    Raises
    ------
    AssertionError
        If gradients are missing or have another shape.
    """
    on = get_backend(backend)
    gradients = {}
    if dtype == "float64":
        slopes = measure_gradients(case.build(on, dtype), case.input(), training=case.training)
        gradients = {name: slope.error for name, slope in slopes.items()}
    differences = layer_differences(case, run_case(case, on, dtype), dtype)
    formula, secant = formula_difference(case, on, dtype), secant_error(case, on, dtype)
    return Figures(gradients, differences, formula, secant)


def loss_differences(case: LossCase, on: Backend, dtype: str) -> dict[str, float]:
    """The losses of the entries and their gradients against NumPy in float64, on the same (rounded) numbers."""
    value, grads = case(*case.on(on, dtype), reduction="none")
    with use_backend("numpy") as home:
        rounded = (home.asarray(given.astype(dtype).astype(np.float64)) for given in case.inputs)
        expected, expected_grads = case(*rounded, reduction="none")
    pairs = {"value": (value, expected)}
    for number, pair in enumerate(zip(grads, expected_grads, strict=True), start=1):
        pairs[f"gradient of input {number}"] = pair
    return {
        name: relative_difference(on.to_numpy(got), home.to_numpy(wanted))
        for name, (got, wanted) in pairs.items()
    }


def measure_loss(case: LossCase, *, backend: str | Backend | None = None, dtype: str = "float64") -> Figures:
    """Measure a loss on a backend: its gradients, its difference from NumPy and from the formula."""
    on = get_backend(backend)
    formula = None
    if case.reference is not None:
        value, _ = case(*case.on(on, dtype), reduction="none")
        formula = relative_difference(on.to_numpy(value), case.reference(*case.inputs, case.targets))
    gradients = _loss_gradients(case, on) if dtype == "float64" else {}
    return Figures(gradients, loss_differences(case, on, dtype), formula)


def _loss_gradients(case: LossCase, on: Backend) -> dict[str, float]:
    """The error of the gradient for each input in turn, the others held."""
    errors = {}
    for at, value in enumerate(case.inputs):

        def moved(array: Array, at: int = at) -> tuple[Array, Array]:
            inputs = [array if i == at else other for i, other in enumerate(case.on(on, "float64"))]
            loss, grads = case(*inputs)
            return loss, grads[at]

        errors[f"input {at + 1}"] = measure_loss_gradient(moved, value, backend=on).error
    return errors
