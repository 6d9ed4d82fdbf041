"""Gradient checks: pullbacks against central differences in float64, with random directions and cotangents."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from genoml.backend import Array, Backend, get_backend
from genoml.nn.layer import Layer, Pass
from genoml.random import host_generator


def expect(condition: Any, message: str) -> None:
    """Raise AssertionError with the message unless the condition holds."""
    if not condition:
        raise AssertionError(message)


@dataclass(frozen=True)
class Slope:
    """The derivative along one direction, by the pullback and by central differences."""

    got: float
    expected: float

    @property
    def error(self) -> float:
        """Their difference, relative to 1 + |expected|; infinite if one is not finite."""
        error = abs(self.got - self.expected) / (1.0 + abs(self.expected))
        return error if math.isfinite(error) else math.inf


def central_difference(
    function: Callable[[np.ndarray], float], x: np.ndarray, v: np.ndarray, h: float
) -> float:
    """Central difference along a direction v: (f(x + h v) - f(x - h v)) / 2 h."""
    return (function(x + h * v) - function(x - h * v)) / (2.0 * h)


def _worst_slope(
    function: Callable[[np.ndarray], float],
    value: np.ndarray,
    gradient: np.ndarray,
    rng: np.random.Generator,
    directions: int,
    h: float,
) -> Slope:
    """The slope with the largest error of those along random directions."""
    slopes = []
    for _ in range(directions):
        v = rng.standard_normal(value.shape)
        slopes.append(Slope(float(np.sum(gradient * v)), central_difference(function, value, v, h)))
    return max(slopes, key=lambda slope: slope.error)


def measure_gradients(
    layer: Layer,
    x: np.ndarray,
    *,
    directions: int = 3,
    h: float = 1e-6,
    training: bool = True,
    seed: int = 0,
) -> dict[str, Slope]:
    """Slopes by a layer's pullback and by central differences, for the input ``"x"`` and for every parameter.

    With L = sum(cotangent * layer(x)), <dL/da, v> must equal (L(a + h v) - L(a - h v)) / 2h for random v.
    The layer must be float64; its parameters and state are left as they were. An ``x`` of integers has no
    gradient: the pullback must then give None for it.

    Returns
    -------
    dict
        Array -> the slope with the largest error of those along ``directions`` random directions.

    Raises
    ------
    AssertionError
        If gradients are missing or have another shape, or the input's comes although it was not asked for.
    """
    backend, rng = layer.backend, host_generator(seed, "check_gradients")
    run = Pass(training=training, step=0)
    state, discrete = dict(layer.state), np.issubdtype(np.asarray(x).dtype, np.integer)
    sample = backend.asarray(x, "int32" if discrete else "float64")
    inputs = {} if discrete else {"x": np.asarray(x, np.float64)}
    inputs |= {name: backend.to_numpy(value) for name, value in layer.params.items()}
    y, pullback = layer.vjp(sample, run)
    cotangent = rng.standard_normal(tuple(y.shape))
    grad_x, grads = pullback(backend.asarray(cotangent), need_x=True)
    found = dict(grads) if grad_x is None else {"x": grad_x, **grads}
    expect(set(found) == set(inputs), f"gradients of {sorted(found)}, expected {sorted(inputs)}")
    without_x, _ = pullback(backend.asarray(cotangent), need_x=False)
    expect(without_x is None, "the pullback computes the input's gradient although need_x is False")

    def loss_with(name: str, value: np.ndarray) -> float:
        layer.state = state
        if name == "x":
            out, _ = layer.vjp(backend.asarray(value), run)
        else:
            kept, layer.params[name] = layer.params[name], backend.asarray(value)
            out, _ = layer.vjp(sample, run)
            layer.params[name] = kept
        return float(np.sum(cotangent * backend.to_numpy(out)))

    slopes = {}
    for name, value in inputs.items():
        gradient = backend.to_numpy(found[name])
        same = gradient.shape == value.shape
        expect(same, f"gradient of {name} has shape {gradient.shape}, not {value.shape}")
        function = lambda a, name=name: loss_with(name, a)  # noqa: E731
        slopes[name] = _worst_slope(function, value, gradient, rng, directions, h)
    layer.state = state
    return slopes


def check_gradients(
    layer: Layer,
    x: np.ndarray,
    *,
    directions: int = 3,
    h: float = 1e-6,
    rtol: float = 1e-6,
    training: bool = True,
    seed: int = 0,
) -> None:
    """Check a layer's pullback against central differences: see ``measure_gradients``.

    Raises
    ------
    AssertionError
        Naming the first array whose gradient differs by more than rtol (1 + |expected|).
    """
    slopes = measure_gradients(layer, x, directions=directions, h=h, training=training, seed=seed)
    for name, slope in slopes.items():
        expect(
            slope.error <= rtol,
            f"gradient of {name}: pullback gives {slope.got!r}, central differences {slope.expected!r}",
        )


def measure_loss_gradient(
    loss: Callable[..., tuple[Array, Array]],
    predictions: np.ndarray,
    *args: Any,
    backend: str | Backend | None = None,
    h: float = 1e-6,
    seed: int = 0,
    **options: Any,
) -> Slope:
    """Slopes by a loss's gradient and by central differences of its value, in float64.

    Of three random directions, the slope with the largest error. ``args`` and ``options`` go to the loss.

    Raises
    ------
    AssertionError
        If the gradient does not have the shape of the predictions.
    """
    on, rng = get_backend(backend), host_generator(seed, "check_loss")
    value = np.asarray(predictions, np.float64)
    _, grad = loss(on.asarray(value), *args, **options)
    gradient = on.to_numpy(grad)
    expect(gradient.shape == value.shape, f"gradient has shape {gradient.shape}, not {value.shape}")

    def total(p: np.ndarray) -> float:
        return float(np.sum(on.to_numpy(loss(on.asarray(p), *args, **options)[0])))

    return _worst_slope(total, value, gradient, rng, 3, h)


def check_loss(
    loss: Callable[..., tuple[Array, Array]],
    predictions: np.ndarray,
    *args: Any,
    backend: Backend | None = None,
    h: float = 1e-6,
    rtol: float = 1e-6,
    seed: int = 0,
    **options: Any,
) -> None:
    """Check a loss's gradient against central differences of its value, in float64.

    Raises
    ------
    AssertionError
        If they differ by more than rtol (1 + |expected|) along one of three random directions.
    """
    slope = measure_loss_gradient(loss, predictions, *args, backend=backend, h=h, seed=seed, **options)
    expect(
        slope.error <= rtol,
        f"the loss gives gradient {slope.got!r}, central differences {slope.expected!r}",
    )
