"""Layers over vectors (batch, features): the dense layer, and a learned dispersion for predicted counts."""

from __future__ import annotations

import math
from collections.abc import Mapping

from array_api_compat import array_namespace

from genoml.arguments import Count, Positive
from genoml.backend import Array, Backend
from genoml.nn.layer import (
    EVALUATION,
    AffinePullback,
    Gradient,
    Grads,
    Layer,
    Parameter,
    Pass,
    Pullback,
    expect_shape,
)
from genoml.nn.reach import Correlation, sees_everything
from genoml.ops.activations import ActivationName, activation_vjp, applied
from genoml.ops.arrays import dense_grad_weights, dense_product, sum_rows
from genoml.ops.normalise import biased_vjp
from genoml.ops.secants import Between, activation_between
from genoml.random import Initializer, constant, glorot_normal, he_normal

__all__ = ["Dense", "LearnedDispersion"]


class Dense(Layer):
    """Affine map of the features, then an activation.

        y[n, o] = activation(bias[o] + sum_i x[n, i] weights[i, o])

    Parameters
    ----------
    in_features, out_features : int
        Sizes of a row of x and of y.
    activation : str or None
        One of genoml/ops/activations.py, such as ``"relu"`` or ``"sigmoid"``; None: the affine map alone.

    Shapes
    ------
    x : (batch, in_features)
    y : (batch, out_features)

    Raises
    ------
    ValueError
        If x is not (batch, in_features).
    """

    weights, weights_grad = Parameter(), Gradient()  # (in_features, out_features)
    bias, bias_grad = Parameter(), Gradient()  # (out_features,)

    def __init__(
        self,
        in_features: Count,
        out_features: Count,
        activation: ActivationName | None = None,
        *,
        seed: int = 0,
        dtype: str = "float32",
        backend: str | Backend | None = None,
    ) -> None:
        super().__init__(seed=seed, dtype=dtype, backend=backend)
        self.in_features, self.out_features = in_features, out_features
        self.activation = activation
        activation_vjp(activation)  # an unknown name is an error now

    def initial_params(self) -> Mapping[str, Initializer]:
        shape = (self.in_features, self.out_features)
        rectified = self.activation == "relu"
        weights = he_normal(shape, shape[0]) if rectified else glorot_normal(shape, *shape)
        return {"weights": weights, "bias": constant((self.out_features,), 0.0)}

    reach = sees_everything

    def correlation(self) -> Correlation:
        """The layer as a correlation of width 1 over a vector, then the activation."""
        return Correlation(self.weights[None, :, :], self.bias, applied(self.activation))

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        z, back_product = self.product(x, run)
        y, back = biased_vjp(z, self.bias, self.activation)

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            return back_product(*back(grad, need_params), need_x, need_params)

        return y, pullback

    def between(self, x: Array, reference: Array) -> Between:
        """The affine map's transpose, after the mean slope of the activation."""
        (z, _), (z_r, back_product) = self.product(x, EVALUATION), self.product(reference, EVALUATION)
        y, y_r, back = activation_between(self.activation, z + self.bias, z_r + self.bias)
        return y, y_r, lambda m: back_product(back(m), None, True, False)[0]

    def product(self, x: Array, run: Pass) -> tuple[Array, AffinePullback]:
        """x W, (batch, out_features), without bias and activation; and its pullback."""
        xp, weights = array_namespace(x), self.weights
        expect_shape(self, x, x.ndim == 2 and x.shape[1] == self.in_features, f"(batch, {self.in_features})")

        def pullback(grad: Array, grad_bias: Array | None, need_x: bool, need_params: bool) -> Grads:
            # linear in each: dL/dW = x^T g, dL/dx = g W^T
            grads = dict[str, Array]()
            if need_params:
                grads = {"weights": dense_grad_weights(x, grad, run.part), "bias": grad_bias}
            return (dense_product(grad, xp.matrix_transpose(weights), run.part) if need_x else None), grads

        return dense_product(x, weights, run.part), pullback


class LearnedDispersion(Layer):
    """One trained dispersion a task, the same for every sequence, appended to the predictions.

        y[n, o] = x[n, o],    y[n, tasks + o] = log_dispersion[o]

    At the end of a network that is trained with ``objectives.Counts()`` it makes the dispersion of the
    negative binomial a parameter like any other. A network whose last layer has twice the outputs instead
    predicts a dispersion for each sequence.

    Parameters
    ----------
    tasks : int
        Number of predictions a sequence.
    dispersion : float
        What it begins with, for example from ``genoml.evaluation.dispersion.estimate_dispersion``.

    Shapes
    ------
    x : (batch, tasks)
    y : (batch, 2 tasks)
    log_dispersion : (tasks,)

    Raises
    ------
    ValueError
        If x is not (batch, tasks), or the dispersion is not a number above 0.
    """

    log_dispersion, log_dispersion_grad = Parameter(), Gradient()  # (tasks,)

    def __init__(
        self,
        tasks: Count = 1,
        dispersion: Positive = 1.0,
        *,
        dtype: str = "float32",
        backend: str | Backend | None = None,
    ) -> None:
        super().__init__(dtype=dtype, backend=backend)
        self.tasks, self.dispersion = tasks, dispersion

    def initial_params(self) -> Mapping[str, Initializer]:
        return {"log_dispersion": constant((self.tasks,), math.log(self.dispersion))}

    affine = True
    reach = sees_everything

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        xp, tasks = array_namespace(x), self.tasks
        ok = x.ndim == 2 and x.shape[1] == tasks
        expect_shape(self, x, ok, f"(batch, {tasks})")
        repeated = xp.broadcast_to(self.log_dispersion[None, :], (x.shape[0], tasks))

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            # a copy of x, and of one number for all sequences: dL/dx = g[:, :tasks], dL/da = sum_n g[n, tasks:]
            grads = {"log_dispersion": sum_rows(grad[:, tasks:])} if need_params else {}
            return (grad[:, :tasks] if need_x else None), grads

        return xp.concat([x, repeated], axis=1), pullback
