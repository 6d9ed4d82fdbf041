"""Plain attention: every query attends to every key, with no mask and no position term."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from array_api_compat import array_namespace

from genoml.backend import Array
from genoml.ops.activations import softmax, softmax_gradient
from genoml.ops.dispatch import operation
from genoml.parallel import ALONE, Workers

#: dL/dy -> gradients of query, key and value
PlainPullback: TypeAlias = Callable[[Array], tuple[Array, Array, Array]]


@operation
def plain_attention_vjp(
    query: Array,
    key: Array,
    value: Array,
    with_weights: bool = False,
    *,
    scale: float = 1.0,
    workers: Workers = ALONE,
) -> tuple[Array, Array | None, PlainPullback]:
    """Plain attention: y = W v with W = softmax(scale q k^T) over the keys. Returns y, W (or None), the pullback of y.

    Parameters
    ----------
    with_weights : bool
        Whether to return W.

    ``workers`` are threads that a twin may share out the heads among, in the pullback too.

    Shapes
    ------
    query, key : (batch, heads, length, key_size);  value, y : (batch, heads, length, value_size)
    W : (batch, heads, length, length)
    """
    xp = array_namespace(query)
    scaled = query * scale
    weights = softmax(scaled @ xp.matrix_transpose(key), axis=-1)

    def pullback(grad: Array) -> tuple[Array, Array, Array]:
        # y = W v, W = softmax(S), S = s q k^T, s the scale:
        # dv = W^T g, dW = g v^T, dS = W (dW - sum(dW W)), dq = s dS k, dk = s dS^T q
        grad_scores = softmax_gradient(weights, grad @ xp.matrix_transpose(value), axis=-1)
        transposed = xp.matrix_transpose(grad_scores)
        return (grad_scores @ key) * scale, transposed @ scaled, xp.matrix_transpose(weights) @ grad

    return weights @ value, (weights if with_weights else None), pullback
