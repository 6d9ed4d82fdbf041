"""Clipping of gradients, and the max-norm constraint on weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping

from array_api_compat import array_namespace

from genoml.arguments import Positive, checked
from genoml.backend import Array
from genoml.ops.arrays import clip
from genoml.optim.base import is_weights


@checked
def clip_by_norm(grads: Mapping[str, Array], max_norm: Positive) -> tuple[dict[str, Array], Array]:
    """Scale all gradients by min(1, max_norm / norm), norm = sqrt(sum of all squares).

    Returns the scaled gradients and the norm before scaling, a 0-d array on the device.

    Raises
    ------
    ValueError
        If there are no gradients, or max_norm is not positive.

    References
    ----------
    Pascanu et al. (2013), On the difficulty of training recurrent neural networks, arXiv:1211.5063, alg. 1.
    """
    if not grads:
        raise ValueError("clip_by_norm expects at least one gradient, got none")
    xp = array_namespace(*grads.values())
    squares = [xp.sum(grad * grad) for grad in grads.values()]
    norm = xp.sqrt(xp.sum(xp.stack(squares)))
    scale = max_norm / xp.maximum(norm, xp.ones_like(norm) * max_norm)
    return {name: grad * scale for name, grad in grads.items()}, norm


@checked
def clip_by_value(grads: Mapping[str, Array], limit: Positive) -> dict[str, Array]:
    """Clip each number of each gradient to [-limit, limit]. This changes the gradient's direction.

    Raises
    ------
    ValueError
        If limit is not positive.
    """
    return {name: clip(grad, -limit, limit) for name, grad in grads.items()}


@checked
def limit_norms(
    params: MutableMapping[str, Array],
    max_norm: Positive,
    *,
    applies: Callable[[str], bool] | None = None,
) -> None:
    """Max-norm constraint: scale down the weights into each output whose norm exceeds ``max_norm``.

        w_o <- w_o min(1, max_norm / |w_o|)    for each output o; to be called after ``optimizer.update``

    An output is a kernel of a convolution, whose weights are (out, in, length), and a column of a dense
    layer, whose weights are (in, out). Basset was trained with max_norm = 7.

    Parameters
    ----------
    params : mapping of arrays
        Replaced in the mapping, never written to.
    max_norm : float
        Largest Euclidean norm.
    applies : callable, optional
        Parameter name -> whether it is constrained; by default those called ``weights``.

    Raises
    ------
    ValueError
        If max_norm is not positive, or a constrained parameter has fewer than two axes.

    References
    ----------
    Srivastava et al. (2014), Dropout, https://jmlr.org/papers/v15/srivastava14a.html, section 5.1; Kelley
    et al. (2016), Basset, doi:10.1101/gr.200535.115.
    """
    chosen = applies or is_weights
    for name in [name for name in params if chosen(name)]:
        weights = params[name]
        if weights.ndim < 2:
            raise ValueError(f"limit_norms expects at least 2 axes, got {name} of {tuple(weights.shape)}")
        xp = array_namespace(weights)
        inputs = (0,) if weights.ndim == 2 else tuple(range(1, weights.ndim))
        norm = xp.sqrt(xp.sum(weights * weights, axis=inputs, keepdims=True))
        params[name] = weights * (max_norm / xp.maximum(norm, xp.ones_like(norm) * max_norm))
