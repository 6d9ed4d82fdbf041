"""Fully connected layer, and Flatten that leads to it."""

from __future__ import annotations

from collections.abc import Mapping

from array_api_compat import array_namespace

from genoml.backend import Array, Backend
from genoml.nn.layer import EVALUATION, Gradient, Grads, Layer, Parameter, Pass, Pullback, expect_shape
from genoml.nn.reach import Correlation, sees_everything
from genoml.ops.activations import activation_vjp, applied
from genoml.ops.arrays import dense_grad_weights
from genoml.random import Initializer, constant, glorot_normal, he_normal

__all__ = ["Dense"]


class Dense(Layer):
    """Affine map of the features, then an activation.

        y[n, o] = activation(bias[o] + sum_i x[n, i] weights[i, o])

    Parameters
    ----------
    in_features, out_features : int
        Sizes of a row of x and of y.
    activation : str or None
        ``"relu"``, ``"sigmoid"`` or None.

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
        in_features: int,
        out_features: int,
        activation: str | None = None,
        *,
        seed: int = 0,
        dtype: str = "float32",
        backend: str | Backend | None = None,
    ) -> None:
        super().__init__(seed=seed, dtype=dtype, backend=backend)
        if in_features < 1 or out_features < 1:
            raise ValueError(f"Dense expects sizes of at least 1, got {in_features} and {out_features}")
        self.in_features, self.out_features = in_features, out_features
        self.activation = activation
        self._activate = activation_vjp(activation)

    def initial_params(self) -> Mapping[str, Initializer]:
        shape = (self.in_features, self.out_features)
        rectified = self.activation == "relu"
        weights = he_normal(shape, shape[0]) if rectified else glorot_normal(shape, *shape)
        return {"weights": weights, "bias": constant((self.out_features,), 0.0)}

    reach = sees_everything

    def correlation(self) -> Correlation:
        """One of width 1 over a vector, then the activation."""
        return Correlation(self.weights[None, :, :], self.bias, applied(self.activation))

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        xp, weights = array_namespace(x), self.weights
        expect_shape(
            "Dense", x, x.ndim == 2 and x.shape[1] == self.in_features, f"(batch, {self.in_features})"
        )
        y, back = self._activate(x @ weights + self.bias)

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            # z = x W + b is linear in each: dL/dW = x^T g, dL/db = sum_n g, dL/dx = g W^T
            g, grads = back(grad), dict[str, Array]()
            if need_params:
                grads = {"weights": dense_grad_weights(x, g, run.part), "bias": xp.sum(g, axis=0)}
            return (g @ xp.matrix_transpose(weights) if need_x else None), grads

        return y, pullback
