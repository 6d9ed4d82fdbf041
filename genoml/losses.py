"""Losses: each returns its value and its gradient with respect to the predictions, both on the device.

All take the same options. For entries i with loss l_i, weight w_i and mask m_i (0 where a label is missing):

    mean   sum_i m_i w_i l_i / sum_i m_i        sum   sum_i m_i w_i l_i        none   m_i w_i l_i, entry by entry

The mean divides by the number of labels that are there, so a weight of 2 counts an example twice as much as
its neighbours. With no label at all the mean is 0, and so is its gradient. With ``"none"`` the gradient is
that of the sum.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array
from genoml.nn.activations import sigmoid
from genoml.ops.convert import array_like

Reduction: TypeAlias = Literal["mean", "sum", "none"]


def match_targets(predictions: Array, targets: Any, what: str) -> Array:
    """Targets with the predictions' shape, dtype and device; (N,) serves predictions of (N, 1).

    Raises
    ------
    ValueError
        For any other difference in shape: broadcasting (N, 1) against (N,) would give N x N losses.
    """
    xp = array_namespace(predictions)
    targets = array_like(targets, predictions, what)
    shape = tuple(predictions.shape)
    if tuple(targets.shape) == shape:
        return targets
    if shape == (*targets.shape, 1):
        return xp.reshape(targets, shape)
    raise ValueError(f"{what} expects targets of shape {shape}, got {tuple(targets.shape)}")


def _entry_weights(predictions: Array, sample_weight: Any, what: str) -> Array | None:
    if sample_weight is None:
        return None
    xp = array_namespace(predictions)
    weight = array_like(sample_weight, predictions, what)
    if tuple(weight.shape) == tuple(predictions.shape):
        return weight
    if tuple(weight.shape) == (predictions.shape[0],):
        return xp.reshape(weight, (predictions.shape[0],) + (1,) * (predictions.ndim - 1))
    raise ValueError(
        f"{what} expects sample_weight of shape {(predictions.shape[0],)} or {tuple(predictions.shape)}, "
        f"got {tuple(weight.shape)}"
    )


def reduce_loss(
    entries: Array, grads: Array, sample_weight: Any, mask: Array | None, reduction: Reduction, what: str
) -> tuple[Array, Array]:
    """Weigh, mask and reduce the losses of single entries, and their gradients alike."""
    xp = array_namespace(entries)
    weight = _entry_weights(entries, sample_weight, what)
    if weight is not None:
        entries, grads = entries * weight, grads * weight
    if mask is not None:
        zero = xp.zeros((), dtype=entries.dtype, device=device_of(entries))
        entries, grads = xp.where(mask, entries, zero), xp.where(mask, grads, zero)
    if reduction == "none":
        return entries, grads
    total = xp.sum(entries)
    if reduction == "sum":
        return total, grads
    if reduction != "mean":
        raise ValueError(f"{what} expects reduction 'mean', 'sum' or 'none', got {reduction!r}")
    if mask is None:
        count = 1
        for size in entries.shape:
            count *= size
        return total / max(count, 1), grads / max(count, 1)
    present = xp.maximum(xp.sum(xp.astype(mask, entries.dtype)), xp.ones_like(total))
    return total / present, grads / present


def _labelled(predictions: Array, targets: Any, mask: Any, what: str) -> tuple[Array, Array | None]:
    """Targets in shape, and the mask as booleans; a missing label reads 0, so that a NaN there does no harm."""
    targets = match_targets(predictions, targets, what)
    if mask is None:
        return targets, None
    xp = array_namespace(predictions)
    present = match_targets(predictions, mask, f"{what}: mask") != 0
    return xp.where(present, targets, xp.zeros_like(targets)), present


def binary_cross_entropy(
    predictions: Array,
    targets: Any,
    *,
    class_weight: tuple[float, float] = (1.0, 1.0),
    sample_weight: Any = None,
    mask: Any = None,
    reduction: Reduction = "mean",
) -> tuple[Array, Array]:
    """Cross-entropy of probabilities.

        l = -(w1 t log p + w0 (1 - t) log(1 - p)),    dl/dp = -w1 t / p + w0 (1 - t) / (1 - p)

    with p kept eps away from 0 and 1, eps being the dtype's machine epsilon, so that a sure mistake costs a
    large but finite amount. The form on logits is exact; prefer it in training.

    Parameters
    ----------
    predictions : array
        Probabilities p.
    targets : array, NumPy array or list
        Labels t, 0 or 1 or between (soft labels); of the same shape, or (N,) for predictions of (N, 1).
    class_weight : (w0, w1)
        Weights of the negative and of the positive class.
    sample_weight : optional
        One weight an example, or one an entry.
    mask : optional
        Nonzero where the label is there; a missing label may hold anything, NaN too.
    reduction : "mean", "sum" or "none"
        See the module's text.

    Returns
    -------
    loss, grad
        The value, and its gradient with respect to the predictions.

    Raises
    ------
    ValueError
        If shapes differ.
    TypeError
        If targets are an array of another library.
    """
    xp, what = array_namespace(predictions), "binary_cross_entropy"
    t, present = _labelled(predictions, targets, mask, what)
    w0, w1 = class_weight
    eps = xp.finfo(predictions.dtype).eps
    p = xp.clip(predictions, eps, 1.0 - eps)
    q = 1.0 - p
    entries = -(w1 * t * xp.log(p) + w0 * (1.0 - t) * xp.log(q))
    grads = w0 * (1.0 - t) / q - w1 * t / p
    return reduce_loss(entries, grads, sample_weight, present, reduction, what)


def binary_cross_entropy_with_logits(
    predictions: Array,
    targets: Any,
    *,
    class_weight: tuple[float, float] = (1.0, 1.0),
    sample_weight: Any = None,
    mask: Any = None,
    reduction: Reduction = "mean",
) -> tuple[Array, Array]:
    """Cross-entropy of logits z, p = 1 / (1 + exp(-z)); stable for any z.

        l = w1 t softplus(-z) + w0 (1 - t) softplus(z),    softplus(z) = max(z, 0) + log(1 + exp(-|z|))
        dl/dz = w0 (1 - t) p - w1 t (1 - p)

    Parameters, returns and errors are those of ``binary_cross_entropy``; ``predictions`` are logits.
    """
    xp, what, z = array_namespace(predictions), "binary_cross_entropy_with_logits", predictions
    t, present = _labelled(z, targets, mask, what)
    w0, w1 = class_weight
    tail = xp.log1p(xp.exp(-xp.abs(z)))
    zero = xp.zeros((), dtype=z.dtype, device=device_of(z))
    entries = w1 * t * (xp.maximum(-z, zero) + tail) + w0 * (1.0 - t) * (xp.maximum(z, zero) + tail)
    # sigmoid(-z), not 1 - sigmoid(z): the difference of near-equal numbers loses the gradient's digits
    grads = w0 * (1.0 - t) * sigmoid(z) - w1 * t * sigmoid(-z)
    return reduce_loss(entries, grads, sample_weight, present, reduction, what)
