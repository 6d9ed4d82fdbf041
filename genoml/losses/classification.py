"""Classification losses: cross-entropy of two and of several classes, and focal losses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from genoml.arguments import NotNegative, Probability, Share, checked
from genoml.backend import Array
from genoml.losses.labels import PROBABILITIES, WEIGHTS, check_host_labels
from genoml.losses.reduce import (
    Reduction,
    class_targets,
    class_weights,
    labelled,
    loss_namespace,
    parameter_like,
    reduce_loss,
)
from genoml.ops.activations import log_softmax, sigmoid, softplus
from genoml.ops.arrays import clip
from genoml.ops.special import weighted

#: weights of the negative and of the positive class: numbers, or one a label
ClassPair: TypeAlias = tuple[float | tuple[float, ...], float | tuple[float, ...]]


def _class_pair(predictions: Array, pair: ClassPair, what: str) -> list[Any]:
    of_labels = any(isinstance(each, tuple) for each in pair)
    for each in pair if of_labels else [pair]:
        check_host_labels(each, WEIGHTS, f"{what}: class_weight")
    return [
        parameter_like(each, predictions, what, "class_weight") if isinstance(each, tuple) else each
        for each in pair
    ]


@checked
def binary_cross_entropy(
    predictions: Array,
    targets: Any,
    *,
    class_weight: ClassPair = (1.0, 1.0),
    sample_weight: Any = None,
    mask: Any = None,
    reduction: Reduction = "mean",
) -> tuple[Array, Array]:
    """Binary cross-entropy of probabilities.

        l = -(w1 t log p + w0 (1 - t) log(1 - p)),    dl/dp = -w1 t / p + w0 (1 - t) / (1 - p)

    with p clipped to [eps, 1 - eps], where eps is the dtype's machine epsilon, so that the loss is finite. The form on
    logits is exact; prefer it in training.

    Parameters
    ----------
    predictions : array
        Probabilities p.
    targets : array, NumPy array or list
        Labels t, 0 or 1 or between (soft labels); of the same shape, or (N,) for predictions of (N, 1).
    class_weight : (w0, w1)
        Weights of the negative and of the positive class, each a number, or a tuple of one a label.
    sample_weight : optional
        One weight per example, or one per entry.
    mask : optional
        Nonzero where there is a label; a missing label may have any value, even NaN.
    reduction : "mean", "sum" or "none"
        See ``genoml.losses``.

    Returns
    -------
    loss, grad
        The value, and its gradient with respect to the predictions.

    Raises
    ------
    ValueError
        If shapes differ, or a host label is not between 0 and 1.
    TypeError
        If targets are an array of another library.
    """
    what = "binary_cross_entropy"
    xp = loss_namespace(predictions, what)
    t, present = labelled(predictions, targets, mask, what, PROBABILITIES)
    w0, w1 = _class_pair(predictions, class_weight, what)
    eps = xp.finfo(predictions.dtype).eps
    p = clip(predictions, eps, 1.0 - eps)
    q = 1.0 - p
    entries = -(w1 * t * xp.log(p) + w0 * (1.0 - t) * xp.log(q))
    grads = w0 * (1.0 - t) / q - w1 * t / p
    return reduce_loss(entries, grads, sample_weight, present, reduction, what)


@checked
def binary_cross_entropy_with_logits(
    predictions: Array,
    targets: Any,
    *,
    class_weight: ClassPair = (1.0, 1.0),
    sample_weight: Any = None,
    mask: Any = None,
    reduction: Reduction = "mean",
) -> tuple[Array, Array]:
    """Binary cross-entropy of logits z, p = 1 / (1 + exp(-z)); stable for any z.

        l = w1 t softplus(-z) + w0 (1 - t) softplus(z),    softplus(z) = max(z, 0) + log(1 + exp(-|z|))
        dl/dz = w0 (1 - t) p - w1 t (1 - p)

    Parameters, returns and errors are those of ``binary_cross_entropy``; ``predictions`` are logits.
    """
    what = "binary_cross_entropy_with_logits"
    z = predictions
    loss_namespace(predictions, what)
    t, present = labelled(z, targets, mask, what, PROBABILITIES)
    w0, w1 = _class_pair(predictions, class_weight, what)
    entries = weighted(w1 * t, softplus(-z)) + weighted(w0 * (1.0 - t), softplus(z))
    # sigmoid(-z), not 1 - sigmoid(z): the difference of near-equal numbers loses the gradient's digits
    grads = w0 * (1.0 - t) * sigmoid(z) - w1 * t * sigmoid(-z)
    return reduce_loss(entries, grads, sample_weight, present, reduction, what)


@checked
def focal_loss(
    predictions: Array,
    targets: Any,
    *,
    alpha: Probability | None = 0.25,
    gamma: NotNegative = 2.0,
    sample_weight: Any = None,
    mask: Any = None,
    reduction: Reduction = "mean",
) -> tuple[Array, Array]:
    """Focal loss: binary cross-entropy of logits z with less weight on easy examples, p = 1 / (1 + exp(-z)).

        l = -alpha t (1 - p)^gamma log p - (1 - alpha) (1 - t) p^gamma log(1 - p)

    The mean is over all entries; the paper divides by the number of positives instead.

    Parameters
    ----------
    predictions : array
        Logits z.
    targets, sample_weight, mask, reduction
        As in ``binary_cross_entropy``.
    alpha : float or None
        Weight of the positive class, 1 - alpha that of the negative one; None gives both the weight 1.
    gamma : float
        How much less easy examples count; 0 gives the cross-entropy.

    Raises
    ------
    ValueError
        If shapes differ, alpha is outside [0, 1], gamma < 0, or a host label is not between 0 and 1.

    References
    ----------
    Lin et al. (2017), Focal loss for dense object detection, arXiv:1708.02002, eq. 5 and appendix B.
    """
    what = "focal_loss"
    z = predictions
    xp = loss_namespace(predictions, what)
    t, present = labelled(z, targets, mask, what, PROBABILITIES)
    weight, other = (1.0, 1.0) if alpha is None else (alpha, 1.0 - alpha)
    up = softplus(z)  # -log(1 - p)
    down = softplus(-z)  # -log p
    # q^gamma = exp(-gamma softplus(z)), which stays exact where q = 1 - p underflows
    q_power = xp.exp(-gamma * up) if gamma else xp.ones_like(z)
    p_power = xp.exp(-gamma * down) if gamma else xp.ones_like(z)
    p, q = sigmoid(z), sigmoid(-z)
    positive, negative = weight * t * q_power, other * (1.0 - t) * p_power
    entries = weighted(positive, down) + weighted(negative, up)
    # d/dz q^gamma = -gamma q^gamma p and d/dz log p = q, so d/dz (-q^gamma log p) = q^gamma (gamma p log p
    # - q); the negative class is the mirror image
    # z -> inf: q softplus(z) ~ z exp(-z) -> 0, so each limit is that of its factor which is 0; -inf mirrors it
    grads = negative * (gamma * weighted(q, up) + p) - positive * (gamma * weighted(p, down) + q)
    return reduce_loss(entries, grads, sample_weight, present, reduction, what)


@checked
def softmax_cross_entropy(
    predictions: Array,
    targets: Any,
    *,
    label_smoothing: Share = 0.0,
    class_weight: Sequence[float] | None = None,
    sample_weight: Any = None,
    mask: Any = None,
    reduction: Reduction = "mean",
) -> tuple[Array, Array]:
    """Softmax cross-entropy of logits z of K classes, p = softmax(z); stable for any z.

        l = -sum_k w_k t_k log p_k,    dl/dz_j = p_j sum_k w_k t_k - w_j t_j

    where t is one-hot, or any weights of the classes, after smoothing: t_k <- (1 - s) t_k + s / K.

    Parameters
    ----------
    predictions : array
        Logits, (batch, classes) or (batch, classes, length, ...).
    targets : array, NumPy array or list
        Class numbers 0 to K - 1 of shape (batch,) or (batch, length, ...); or, in the predictions' shape,
        one-hot labels or probabilities.
    label_smoothing : float
        s, from 0 up to but not including 1.
    class_weight : sequence of floats, optional
        w, one weight per class.
    sample_weight, mask : optional
        Of the class numbers' shape, or (batch,) for the weights. A missing class may be any number or NaN.
    reduction : "mean", "sum" or "none"
        See ``genoml.losses``; an entry is one softmax.

    Shapes
    ------
    grad : that of the predictions

    Raises
    ------
    ValueError
        If shapes differ, label_smoothing is out of range, or a host label is no class.

    References
    ----------
    Smoothing: Szegedy et al. (2016), Rethinking the Inception architecture, arXiv:1512.00567, section 7.
    """
    what = "softmax_cross_entropy"
    xp = loss_namespace(predictions, what)
    t, present = class_targets(predictions, targets, mask, what)
    if label_smoothing:
        t = (1.0 - label_smoothing) * t + label_smoothing / predictions.shape[1]
    weights = class_weights(predictions, class_weight, what)
    if weights is not None:
        t = t * weights
    log_p = log_softmax(predictions, 1)
    # t_k log p_k -> 0 for t_k = 0 and z_k -> -inf: a class that is masked and not the label costs nothing
    entries = -xp.sum(weighted(t, log_p), axis=1)
    # d log p_k / dz_j = [j = k] - p_j, which is finite for infinite z too
    grads = xp.exp(log_p) * xp.sum(t, axis=1, keepdims=True) - t
    return reduce_loss(entries, grads, sample_weight, present, reduction, what, axis=1)


@checked
def focal_loss_multiclass(
    predictions: Array,
    targets: Any,
    *,
    gamma: NotNegative = 2.0,
    class_weight: Sequence[float] | None = None,
    sample_weight: Any = None,
    mask: Any = None,
    reduction: Reduction = "mean",
) -> tuple[Array, Array]:
    """Focal loss of several classes: softmax cross-entropy with less weight on easy examples, p = softmax(z).

        l = -sum_k w_k t_k (1 - p_k)^gamma log p_k

    Parameters, shapes and errors are those of ``softmax_cross_entropy``; ``class_weight`` is the paper's
    alpha.

    References
    ----------
    Lin et al. (2017), Focal loss for dense object detection, arXiv:1708.02002, eq. 5, with a softmax for the
    sigmoid.
    """
    what = "focal_loss_multiclass"
    xp = loss_namespace(predictions, what)
    t, present = class_targets(predictions, targets, mask, what)
    weights = class_weights(predictions, class_weight, what)
    if weights is not None:
        t = t * weights
    log_p = log_softmax(predictions, 1)
    p = xp.exp(log_p)
    q = -xp.expm1(log_p)
    # where q rounds to 0 so do its powers; 1 in its place keeps 0^0 and the quotient below defined
    zero = q <= 0.0
    safe = xp.where(zero, xp.ones_like(q), q)
    power = xp.where(zero, xp.full_like(q, 1.0 if gamma == 0.0 else 0.0), safe**gamma)
    entries = -xp.sum(weighted(t * power, log_p), axis=1)
    # dl/dlog p_k = t_k q^gamma (gamma p log p / q - 1) =: s_k, where log p / q -> -1 as q -> 0;
    # dl/dz_j = s_j - p_j sum_k s_k
    quotient = xp.where(zero, -xp.ones_like(q), log_p / safe)
    slopes = t * power * (gamma * weighted(p, quotient) - 1.0)  # p log p -> 0 as p -> 0
    grads = slopes - p * xp.sum(slopes, axis=1, keepdims=True)
    return reduce_loss(entries, grads, sample_weight, present, reduction, what, axis=1)
