"""Test cases: a layer or a loss with its inputs, its formula, and inputs that it must refuse."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from genoml import losses
from genoml.backend import Array, Backend
from genoml.nn.layer import Layer
from genoml.random import host_generator


@dataclass(frozen=True)
class LayerCase:
    """Test case of a layer.

    Attributes
    ----------
    make : callable
        Builds the layer.
    shape : tuple of int
        Shape of a sample input.
    edges : sequence of shapes
        Other inputs that must work: batch 0 and 1, length equal to the kernel.
    errors : sequence of (shape, words)
        Inputs that must be refused with ValueError, and a part of the message.
    reference : callable, optional
        (layer's params and state as NumPy arrays, x) -> y: the formula as a plain loop, in evaluation mode.
    training : bool
        Whether gradients are checked in training mode.
    sample : callable, optional
        (generator, shape) -> host input; normal numbers if not given.
    integer : bool
        Whether the layer reads integers, which ``sample`` then gives: they have no gradient.
    """

    make: Callable[[], Layer]
    shape: tuple[int, ...]
    edges: Sequence[tuple[int, ...]] = ()
    errors: Sequence[tuple[tuple[int, ...], str]] = ()
    reference: Callable[[Mapping[str, np.ndarray], np.ndarray], np.ndarray] | None = None
    training: bool = True
    sample: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray] = field(
        default=lambda rng, shape: rng.standard_normal(shape)
    )
    integer: bool = False

    def input(self, shape: tuple[int, ...] | None = None, seed: int = 0) -> np.ndarray:
        """A random host input of the sample shape, or of another."""
        return self.sample(host_generator(seed, "case"), self.shape if shape is None else shape)

    def array(self, backend: Backend, dtype: str, shape: tuple[int, ...] | None = None) -> Array:
        """The input on a backend; int32 where the layer reads integers."""
        return self.place(backend, self.input(shape), dtype)

    def place(self, backend: Backend, values: np.ndarray, dtype: str) -> Array:
        """Host values as an input of the layer, with the dtype that it reads."""
        return backend.asarray(values, "int32" if self.integer else dtype)

    def build(self, backend: Backend, dtype: str, seed: int = 0) -> Layer:
        """The layer on a backend, its parameters moved away from special values such as 0 and 1."""
        layer = self.make().to(backend, dtype)
        rng = host_generator(seed, "nudge")
        for name in sorted(layer.params):
            host = backend.to_numpy(layer.params[name])
            layer.params[name] = backend.asarray(host + 0.1 * rng.standard_normal(host.shape), dtype)
        return layer


@dataclass(frozen=True)
class LossCase:
    """Test case of a loss.

    Attributes
    ----------
    loss : callable
        (inputs ..., targets, **options) -> (value, gradient, or a tuple of them), as in ``genoml.losses``.
    inputs : tuple of arrays
        The arguments that have gradients.
    targets : array
        The argument after them.
    reference : callable, optional
        (inputs ..., targets) -> the losses of the entries, by the formula, in plain NumPy.
    options : dict
        Options of the loss.
    bad : tuple of (position, value, words)
        Targets outside the loss's domain, which must be refused, and a part of the message.
    axis : int, optional
        The axis that the gradient has and the entries have not.
    """

    loss: Callable[..., Any]
    inputs: tuple[np.ndarray, ...]
    targets: np.ndarray
    reference: Callable[..., np.ndarray] | None = None
    options: dict[str, Any] = field(default_factory=dict)
    bad: tuple[tuple[tuple[int, ...], float, str], ...] = ()
    axis: int | None = None

    @property
    def entries(self) -> tuple[int, ...]:
        """Shape of the single losses."""
        if self.reference is not None:
            return tuple(self.reference(*self.inputs, self.targets).shape)
        return tuple(self(*self.inputs, reduction="none")[0].shape)

    def __call__(self, *inputs: Any, targets: Any = None, **options: Any) -> tuple[Any, tuple[Any, ...]]:
        """The loss, and its gradients as a tuple."""
        targets = self.targets if targets is None else targets
        value, grads = self.loss(*inputs, targets, **(self.options | options))
        return value, grads if isinstance(grads, tuple) else (grads,)

    def on(self, backend: Backend, dtype: str) -> tuple[Array, ...]:
        """The inputs on a backend."""
        return tuple(backend.asarray(value, dtype) for value in self.inputs)


@cache
def loss_cases() -> dict[str, LossCase]:
    """Every public loss of genoml by its name, for checking an installation.

    The registry of the test suite has more settings of each, and formulas written with SciPy.
    """
    rng = host_generator(0, "loss cases")
    logits = 2.0 * rng.standard_normal((6, 4))
    labels = rng.integers(0, 2, (6, 4)).astype(np.float64)
    classes = rng.integers(0, 4, 6)
    counts = rng.poisson(3.0, (6, 4)).astype(np.float64)
    means = np.exp(0.5 * logits)
    log_dispersion = rng.standard_normal(4)
    profiles = rng.poisson(2.0, (5, 2, 9)).astype(np.float64)
    profile_logits = rng.standard_normal((5, 2, 9))
    cases = (
        LossCase(losses.binary_cross_entropy, (1.0 / (1.0 + np.exp(-logits)),), labels),
        LossCase(losses.binary_cross_entropy_with_logits, (logits,), labels),
        LossCase(losses.cosine_log_loss, (logits,), counts, axis=1),
        LossCase(losses.focal_loss, (logits,), labels),
        LossCase(losses.focal_loss_multiclass, (logits,), classes, axis=1),
        LossCase(losses.huber_loss, (logits,), counts),
        LossCase(losses.mean_squared_error, (logits,), counts),
        LossCase(losses.multinomial_loss, (profile_logits,), profiles, axis=-1),
        LossCase(
            losses.multinomial_profile_loss, (profile_logits, rng.standard_normal((5, 2))), profiles, axis=-1
        ),
        LossCase(losses.negative_binomial_loss, (means,), counts, options={"dispersion": 0.5}),
        LossCase(losses.negative_binomial_loss_with_dispersion, (means, log_dispersion), counts),
        LossCase(losses.pearson_loss, (logits,), counts, axis=0),
        LossCase(losses.poisson_loss, (means,), counts),
        LossCase(losses.poisson_multinomial_loss, (np.exp(profile_logits),), profiles, axis=-1),
        LossCase(losses.softmax_cross_entropy, (logits,), classes, axis=1),
        LossCase(losses.zero_inflated_negative_binomial_loss, (means, logits, log_dispersion), counts),
    )
    return {case.loss.__name__: case for case in cases}
