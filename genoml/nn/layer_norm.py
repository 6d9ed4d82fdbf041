"""Normalisation of each example: over features, and over groups of channels."""

from __future__ import annotations

from collections.abc import Mapping

from array_api_compat import array_namespace

from genoml.arguments import Count, NotNegative
from genoml.backend import Array, Backend
from genoml.nn.layer import EVALUATION, Gradient, Grads, Layer, Parameter, Pass, Pullback, expect_shape
from genoml.nn.reach import sees_everything
from genoml.ops.arrays import sum_rows
from genoml.ops.normalise import standardize_vjp
from genoml.ops.secants import Between, standardize_between
from genoml.random import Initializer, constant

__all__ = ["GroupNorm", "LayerNorm"]


class LayerNorm(Layer):
    """Normalise each position over its features, then scale and shift each feature.

        y = gamma (x - mean) / sqrt(var + eps) + beta,  mean and (biased) var over the last axis

    Parameters
    ----------
    features : int
        Size of the last axis of x.
    eps : float
        Added to the variance.

    Shapes
    ------
    x, y : (batch, ..., features)

    Raises
    ------
    ValueError
        If the features differ.

    References
    ----------
    Ba, Kiros and Hinton (2016), Layer normalization, arXiv:1607.06450.
    """

    gamma, gamma_grad = Parameter(), Gradient()  # (features,)
    beta, beta_grad = Parameter(), Gradient()  # (features,)

    def __init__(
        self,
        features: Count,
        *,
        eps: NotNegative = 1e-5,
        dtype: str = "float32",
        backend: str | Backend | None = None,
    ) -> None:
        super().__init__(dtype=dtype, backend=backend)
        self.features, self.eps = features, eps

    def initial_params(self) -> Mapping[str, Initializer]:
        return {"gamma": constant((self.features,), 1.0), "beta": constant((self.features,), 0.0)}

    reach = sees_everything

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        ok = x.ndim >= 2 and x.shape[-1] == self.features
        expect_shape(self, x, ok, f"(batch, ..., {self.features})")
        xp, gamma = array_namespace(x), self.gamma
        normed, back = standardize_vjp(x, (-1,), self.eps)

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            # y = gamma xhat + beta: dgamma = sum(g xhat), dbeta = sum g, dxhat = gamma g
            rows = tuple(range(grad.ndim - 1))
            grads = dict[str, Array]()
            if need_params:
                grads = {"gamma": xp.sum(grad * normed, axis=rows), "beta": xp.sum(grad, axis=rows)}
            return (back(grad * gamma) if need_x else None), grads

        return normed * gamma + self.beta, pullback

    def between(self, x: Array, reference: Array) -> Between:
        """The rule of ``standardize_between``, then scale and shift."""
        gamma, beta = self.gamma, self.beta
        y, y_r, back = standardize_between(x, reference, (-1,), self.eps)
        return y * gamma + beta, y_r * gamma + beta, lambda m: back(m * gamma)


class GroupNorm(Layer):
    """Normalise groups of channels of each example over their length, then scale and shift each channel.

        y = gamma (x - mean) / sqrt(var + eps) + beta,  mean and (biased) var of each (example, group)

    One group is layer normalisation over channels and length; a group a channel is instance normalisation.

    Parameters
    ----------
    groups : int
        Number of groups; divides the channels.
    channels : int
        Size of axis 1 of x.
    eps : float
        Added to the variance.

    Shapes
    ------
    x, y : (batch, channels, length >= 1)

    Raises
    ------
    ValueError
        If the groups do not divide the channels, or the channels differ.

    References
    ----------
    Wu and He (2018), Group normalization, doi:10.1007/978-3-030-01261-8_1.
    """

    gamma, gamma_grad = Parameter(), Gradient()  # (channels,)
    beta, beta_grad = Parameter(), Gradient()  # (channels,)

    def __init__(
        self,
        groups: Count,
        channels: Count,
        *,
        eps: NotNegative = 1e-5,
        dtype: str = "float32",
        backend: str | Backend | None = None,
    ) -> None:
        super().__init__(dtype=dtype, backend=backend)
        if channels % groups:
            raise ValueError(
                f"GroupNorm expects groups that divide the channels, got {groups} and {channels}"
            )
        self.groups = groups
        self.channels = channels
        self.eps = eps

    def initial_params(self) -> Mapping[str, Initializer]:
        return {"gamma": constant((self.channels,), 1.0), "beta": constant((self.channels,), 0.0)}

    reach = sees_everything

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        ok = x.ndim == 3 and x.shape[1] == self.channels and x.shape[2] >= 1
        expect_shape(self, x, ok, f"(batch, {self.channels}, length >= 1)")
        xp = array_namespace(x)
        gamma = self.gamma
        n, channels, length = x.shape
        grouped = (n, length, self.groups, channels // self.groups)
        # channels-last, as the memory is; the groups split the last axis
        rows = xp.permute_dims(x, (0, 2, 1))
        standard, back = standardize_vjp(xp.reshape(rows, grouped), (1, 3), self.eps)
        normed = xp.reshape(standard, (n, length, channels))

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            # y = gamma xhat + beta: dgamma = sum(g xhat), dbeta = sum g, dxhat = gamma g
            g, grads = xp.permute_dims(grad, (0, 2, 1)), dict[str, Array]()
            if need_params:
                grads = {"gamma": sum_rows(g * normed), "beta": sum_rows(g)}
            if not need_x:
                return None, grads
            grad_rows = xp.reshape(back(xp.reshape(g * gamma, grouped)), (n, length, channels))
            return xp.permute_dims(grad_rows, (0, 2, 1)), grads

        return xp.permute_dims(normed * gamma + self.beta, (0, 2, 1)), pullback

    def between(self, x: Array, reference: Array) -> Between:
        """The rule of ``standardize_between`` in each group, then scale and shift."""
        xp, channels, length = array_namespace(x), self.channels, x.shape[2]

        def groups(z: Array) -> Array:
            shape = (z.shape[0], length, self.groups, channels // self.groups)
            return xp.reshape(xp.permute_dims(z, (0, 2, 1)), shape)

        def maps(rows: Array) -> Array:
            return xp.permute_dims(xp.reshape(rows, (rows.shape[0], length, channels)), (0, 2, 1))

        y, y_r, back = standardize_between(groups(x), groups(reference), (1, 3), self.eps)
        gamma, beta = self.gamma[:, None], self.beta[:, None]
        return maps(y) * gamma + beta, maps(y_r) * gamma + beta, lambda m: maps(back(groups(m * gamma)))
