"""Transformer block, and the position-wise network in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from array_api_compat import array_namespace

from genoml.arguments import Count, Share
from genoml.backend import Array, Backend
from genoml.nn.attention.self_attention import SelfAttention
from genoml.nn.containers import Container, Pulled, between_row, pull_row
from genoml.nn.dense import Dense
from genoml.nn.dropout import Dropout
from genoml.nn.layer import EVALUATION, Grads, Pass, Pullback, expect_shape
from genoml.nn.layer_norm import LayerNorm
from genoml.nn.reach import sees_everything
from genoml.ops.activations import ActivationName
from genoml.ops.secants import Between, activation_between

__all__ = ["MLP", "TransformerBlock"]


class MLP(Container):
    """Two dense layers, the same at every position: y = activation(x W1 + b1) W2 + b2.

    Parameters
    ----------
    features, hidden_features : int
        Size of the last axis of x, and between the layers.
    out_features : int or None
        Size of the last axis of y; ``features`` if None.
    activation : str or None
        As in Dense.

    Shapes
    ------
    x : (batch, ..., features)
    y : (batch, ..., out_features)

    Raises
    ------
    ValueError
        If the features differ.
    """

    def __init__(
        self,
        features: Count,
        hidden_features: Count,
        out_features: Count | None = None,
        *,
        activation: ActivationName | None = "gelu",
        seed: int = 0,
        dtype: str = "float32",
        backend: str | Backend | None = None,
    ) -> None:
        self.features, self.hidden_features = features, hidden_features
        self.out_features = features if out_features is None else out_features
        self.activation = activation
        layers = {
            "hidden": Dense(features, hidden_features, activation, dtype=dtype, backend=backend),
            "output": Dense(hidden_features, self.out_features, dtype=dtype, backend=backend),
        }
        super().__init__(layers, seed=seed)

    reach = sees_everything

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        """The output, and the pullback of its gradient."""
        ok = x.ndim >= 2 and x.shape[-1] == self.features
        expect_shape(self, x, ok, f"(batch, ..., {self.features})")
        xp = array_namespace(x)
        shape = tuple(x.shape)
        count = 1
        for size in shape[:-1]:
            count *= size
        rows = xp.reshape(x, (count, self.features))
        hidden, back_hidden = self["hidden"].vjp(rows, self.run_of("hidden", run))
        y, back_output = self["output"].vjp(hidden, self.run_of("output", run))
        row: list[Pulled] = [
            (["hidden"], self.learns("hidden", run), back_hidden),
            (["output"], self.learns("output", run), back_output),
        ]

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            # the chain rule, on a matrix with one row a position
            g = xp.reshape(grad, (count, self.out_features))
            grad_x, grads = pull_row(row, g, need_x, need_params, run)
            return (None if grad_x is None else xp.reshape(grad_x, shape)), grads

        return xp.reshape(y, (*shape[:-1], self.out_features)), pullback

    def between(self, x: Array, reference: Array) -> Between:
        """The chain rule for multipliers, at every position."""
        xp, hidden, output = array_namespace(x), self["hidden"].params, self["output"].params
        z, z_r = (rows @ hidden["weights"] + hidden["bias"] for rows in (x, reference))
        y, y_r, back = activation_between(self.activation, z, z_r)

        def back_rows(m: Array) -> Array:
            into_z = back(m @ xp.matrix_transpose(output["weights"]))
            return into_z @ xp.matrix_transpose(hidden["weights"])

        y, y_r = (rows @ output["weights"] + output["bias"] for rows in (y, y_r))
        return y, y_r, back_rows


class TransformerBlock(Container):
    """Self-attention, then an MLP, each after a layer normalisation and with a shortcut (pre-norm).

        a = x + dropout(attention(norm1(x)))
        y = a + dropout(mlp(norm2(a)))

    Padding is excluded with ``layer(x, mask=mask)``, as in SelfAttention. The children are ``norm1``,
    ``attention``, ``dropout1``, ``norm2``, ``mlp`` and ``dropout2``.

    Parameters
    ----------
    features : int
        Size of the last axis of x and y.
    heads : int
        Number of attention heads.
    hidden_features : int or None
        Size inside the MLP; ``4 * features`` if None.
    dropout : float
        Rate of both dropouts.
    activation : str or None
        That of the MLP.
    **attention
        Further options of SelfAttention: ``key_size``, ``value_size``, ``causal``, ``position``,
        ``max_length``, ``bases``, ``qkv_bias``, ``block_size``.

    Shapes
    ------
    x, y : (batch, length >= 1, features)

    Raises
    ------
    ValueError
        If the features differ; and as SelfAttention.

    References
    ----------
    Vaswani et al. (2017), Attention is all you need, arXiv:1706.03762; the normalisation comes first, as in
    Xiong et al. (2020), On layer normalization in the transformer architecture, arXiv:2002.04745.
    """

    def __init__(
        self,
        features: Count,
        heads: Count = 1,
        *,
        hidden_features: Count | None = None,
        dropout: Share = 0.0,
        activation: ActivationName | None = "gelu",
        seed: int = 0,
        dtype: str = "float32",
        backend: str | Backend | None = None,
        **attention: Any,
    ) -> None:
        place: dict[str, Any] = {"dtype": dtype, "backend": backend}
        self.features = features
        self.heads = heads
        self.dropout = dropout
        self.hidden_features = hidden_features or 4 * features
        self.activation = activation
        layers = {
            "norm1": LayerNorm(features, **place),
            "attention": SelfAttention(features, heads, **attention, **place),
            "dropout1": Dropout(dropout, **place),
            "norm2": LayerNorm(features, **place),
            "mlp": MLP(features, self.hidden_features, activation=activation, **place),
            "dropout2": Dropout(dropout, **place),
        }
        super().__init__(layers, seed=seed)

    def settings(self) -> Mapping[str, Any]:
        """The constructor's arguments, with the options of SelfAttention."""
        return {**self["attention"].settings(), **super().settings()}

    reach = sees_everything

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        """The output, and the pullback of its gradient."""
        ok = x.ndim == 3 and x.shape[1] >= 1 and x.shape[2] == self.features
        expect_shape(self, x, ok, f"(batch, length >= 1, {self.features})")
        middle, back_attention = self._branch(x, ("norm1", "attention", "dropout1"), run)
        y, back_mlp = self._branch(middle, ("norm2", "mlp", "dropout2"), run)
        learns_below = self.learns("norm1", run) or self.learns("attention", run)

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            g, mlp = back_mlp(grad, need_x=need_x or learns_below, need_params=need_params)
            if g is None:
                return None, mlp
            g, attention = back_attention(g, need_x=need_x, need_params=need_params)
            return g, attention | mlp

        return y, pullback

    def _branch(self, x: Array, names: tuple[str, ...], run: Pass) -> tuple[Array, Pullback]:
        """The sum x + f(x), with f these children in a row, and its pullback: dL/dx = g + (df/dx)^T g."""
        h, pullbacks = x, list[Pulled]()
        for name in names:
            h, back = self[name].vjp(h, self.run_of(name, run))
            pullbacks.append(([name], self.learns(name, run), back))

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            g, grads = pull_row(pullbacks, grad, need_x, need_params, run)
            return (grad + g if need_x else None), grads

        return x + h, pullback

    def between(self, x: Array, reference: Array) -> Between:
        """The chain rule for multipliers through both sums x + f(x)."""
        backs = []
        for names in (("norm1", "attention"), ("norm2", "mlp")):
            y, y_r, back = between_row([self[name] for name in names], x, reference)
            x, reference = x + y, reference + y_r
            backs.append(back)

        def back_block(m: Array) -> Array:
            for back in reversed(backs):
                m = m + back(m)
            return m

        return x, reference, back_block
