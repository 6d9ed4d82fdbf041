"""Transformer block, its position-wise network, and pooling by attention: layers composed of layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array, Backend
from genoml.nn.attention import SelfAttention
from genoml.nn.base import Gradient, Layer, Parameter, Pullback, expect_shape
from genoml.nn.containers import Container
from genoml.nn.dense import Dense
from genoml.nn.dropout import Dropout
from genoml.nn.layer_norm import LayerNorm
from genoml.nn.masked import MaskedLayer, call_vjp
from genoml.nn.reach import Reach, sees_everything
from genoml.nn.softmax import softmax, softmax_gradient
from genoml.random import Initializer, constant, identity


class MLP(Container):
    """Two dense layers at each position alike: y = activation(x W1 + b1) W2 + b2.

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
        features: int,
        hidden_features: int,
        out_features: int | None = None,
        *,
        activation: str | None = "gelu",
        seed: int = 0,
        dtype: str = "float32",
        backend: str | Backend | None = None,
    ) -> None:
        self.features, self.out_features = features, features if out_features is None else out_features
        layers = {
            "hidden": Dense(features, hidden_features, activation, dtype=dtype, backend=backend),
            "output": Dense(hidden_features, self.out_features, dtype=dtype, backend=backend),
        }
        super().__init__(layers, seed=seed)

    reach = sees_everything

    def vjp(self, x: Array, *, training: bool = False, step: int | None = None) -> tuple[Array, Pullback]:
        """The output, and the pullback of its gradient."""
        ok = x.ndim >= 2 and x.shape[-1] == self.features
        expect_shape("MLP", x, ok, f"(batch, ..., {self.features})")
        xp, shape, count = array_namespace(x), tuple(x.shape), 1
        for size in shape[:-1]:
            count *= size
        hidden, back_hidden = self["hidden"].vjp(xp.reshape(x, (count, self.features)))
        y, back_output = self["output"].vjp(hidden)

        def pullback(grad: Array, *, need_x: bool = True) -> tuple[Array | None, dict[str, Array]]:
            # the chain rule, on a matrix with a row a position
            g, output = back_output(xp.reshape(grad, (count, self.out_features)))
            grad_x, own = back_hidden(g, need_x=need_x)
            grads = _prefixed("hidden", own) | _prefixed("output", output)
            return (None if grad_x is None else xp.reshape(grad_x, shape)), grads

        return xp.reshape(y, (*shape[:-1], self.out_features)), pullback


def _prefixed(name: str, grads: Mapping[str, Array]) -> dict[str, Array]:
    return {f"{name}.{key}": value for key, value in grads.items()}


class TransformerBlock(MaskedLayer, Container):
    """Attention, then an MLP, each behind a layer normalisation and beside a shortcut (pre-norm).

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
        features: int,
        heads: int = 1,
        *,
        hidden_features: int | None = None,
        dropout: float = 0.0,
        activation: str | None = "gelu",
        seed: int = 0,
        dtype: str = "float32",
        backend: str | Backend | None = None,
        **attention: Any,
    ) -> None:
        place: dict[str, Any] = {"dtype": dtype, "backend": backend}
        self.features = features
        layers = {
            "norm1": LayerNorm(features, **place),
            "attention": SelfAttention(features, heads, **attention, **place),
            "dropout1": Dropout(dropout, **place),
            "norm2": LayerNorm(features, **place),
            "mlp": MLP(features, hidden_features or 4 * features, activation=activation, **place),
            "dropout2": Dropout(dropout, **place),
        }
        super().__init__(layers, seed=seed)

    reach = sees_everything

    def vjp(
        self, x: Array, *, training: bool = False, step: int | None = None, mask: Any = None
    ) -> tuple[Array, Pullback]:
        """The output, and the pullback of its gradient."""
        ok = x.ndim == 3 and x.shape[1] >= 1 and x.shape[2] == self.features
        expect_shape("TransformerBlock", x, ok, f"(batch, length >= 1, {self.features})")
        middle, back_attention = self._branch(
            x, ("norm1", "attention", "dropout1"), training=training, step=step, mask=mask
        )
        y, back_mlp = self._branch(middle, ("norm2", "mlp", "dropout2"), training=training, step=step)

        def pullback(grad: Array, *, need_x: bool = True) -> tuple[Array | None, dict[str, Array]]:
            g, mlp = back_mlp(grad)
            grad_x, attention = back_attention(g, need_x=need_x)
            return grad_x, attention | mlp

        return y, pullback

    def _branch(
        self, x: Array, names: tuple[str, ...], *, training: bool, step: int | None, mask: Any = None
    ) -> tuple[Array, Pullback]:
        """The shortcut x + f(x), f being these children in a row: dL/dx = g + (df/dx)^T g."""
        h, pullbacks = x, []
        for name in names:
            h, back = call_vjp(self[name], h, training=training, step=step, mask=mask)
            pullbacks.append((name, back))

        def pullback(grad: Array, *, need_x: bool = True) -> tuple[Array | None, dict[str, Array]]:
            g, grads = grad, dict[str, Array]()
            for i, (name, back) in reversed(list(enumerate(pullbacks))):
                g, own = back(g, need_x=need_x or i > 0)
                grads |= _prefixed(name, own)
            return (grad + g if need_x else None), grads

        return x + h, pullback


class AttentionPool1D(Layer):
    """Mean of each window with learned weights, from a softmax over the window.

        weights[n, :, o, l] = softmax_k(sum_c x[n, c, l pool_size + k] W[c, o])
        y[n, o, l] = sum_k weights[n, k, o, l] x[n, o, l pool_size + k]

    W begins as twice the identity, which is close to maximum pooling; W = 0 is average pooling. Positions
    past the last whole window are dropped.

    Parameters
    ----------
    channels : int
        Size of axis 1 of x.
    pool_size : int
        Window width, and the step between windows, in positions.
    per_channel : bool
        Whether each channel has weights of its own (W is (channels, channels)), or all share one set
        (W is (channels, 1), and begins as zero).

    Shapes
    ------
    x : (batch, channels, length >= pool_size)
    y : (batch, channels, length // pool_size)

    Raises
    ------
    ValueError
        If the channels differ, or a sequence is shorter than the window.

    References
    ----------
    Avsec et al. (2021), Enformer, doi:10.1038/s41592-021-01252-x, methods, "attention pooling".
    """

    weights, weights_grad = Parameter(), Gradient()  # (channels, channels) or (channels, 1)

    def __init__(
        self,
        channels: int,
        pool_size: int = 2,
        *,
        per_channel: bool = True,
        dtype: str = "float32",
        backend: str | Backend | None = None,
    ) -> None:
        super().__init__(dtype=dtype, backend=backend)
        if channels < 1 or pool_size < 1:
            raise ValueError(f"AttentionPool1D expects sizes >= 1, got {channels} and {pool_size}")
        self.channels, self.pool_size, self.per_channel = channels, pool_size, per_channel

    def initial_params(self) -> Mapping[str, Initializer]:
        """W as said above."""
        shared = constant((self.channels, 1), 0.0)
        return {"weights": identity(self.channels, 2.0) if self.per_channel else shared}

    def reach(self, length: int) -> Reach:
        """Windows of ``pool_size`` positions that do not overlap."""
        return Reach(self.pool_size, self.pool_size)

    def vjp(self, x: Array, *, training: bool = False, step: int | None = None) -> tuple[Array, Pullback]:
        """The output, and the pullback of its gradient."""
        ok = x.ndim == 3 and x.shape[1] == self.channels and x.shape[2] >= self.pool_size
        expect_shape("AttentionPool1D", x, ok, f"(batch, {self.channels}, length >= {self.pool_size})")
        xp, weights, size = array_namespace(x), self.weights, self.pool_size
        n, channels, length = x.shape
        count, outputs = length // size, weights.shape[1]
        # channels-last, as the memory is: a row a position
        used = xp.permute_dims(x[:, :, : count * size], (0, 2, 1))
        rows = xp.reshape(used, (n * count * size, channels))
        windows = xp.reshape(rows, (n, count, size, channels))
        share = softmax(xp.reshape(rows @ weights, (n, count, size, outputs)), axis=2)

        def pullback(grad: Array, *, need_x: bool = True) -> tuple[Array | None, dict[str, Array]]:
            # y = sum_k s_k x_k with s = softmax(x W): ds_k = g x_k (summed over the channels that share s),
            # dz = softmax'(ds), dW = x^T dz, dx = s g + dz W^T
            g = xp.permute_dims(grad, (0, 2, 1))[:, :, None, :]
            grad_share = g * windows
            if outputs != channels:
                grad_share = xp.sum(grad_share, axis=3, keepdims=True)
            logits = xp.reshape(softmax_gradient(share, grad_share, axis=2), (n * count * size, outputs))
            grads = {"weights": xp.matrix_transpose(rows) @ logits}
            if not need_x:
                return None, grads
            direct = xp.reshape(share * g, (n * count * size, channels))
            grad_rows = direct + logits @ xp.matrix_transpose(weights)
            return self._place(xp.reshape(grad_rows, (n, count * size, channels)), length), grads

        return xp.permute_dims(xp.sum(share * windows, axis=2), (0, 2, 1)), pullback

    def _place(self, rows: Array, length: int) -> Array:
        """Zeros for the positions that were dropped; to (batch, channels, length)."""
        xp, (n, used, channels) = array_namespace(rows), rows.shape
        if used < length:
            rest = xp.zeros((n, length - used, channels), dtype=rows.dtype, device=device_of(rows))
            rows = xp.concat([rows, rest], axis=1)
        return xp.permute_dims(rows, (0, 2, 1))
