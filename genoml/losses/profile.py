"""Losses of profiles: counts along a sequence, with separate terms for shape and total.

Arrays are (batch, tasks, length) or (batch, length); the last axis is the positions. An entry is one profile.
"""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace

from genoml.arguments import NotNegative, checked
from genoml.backend import Array
from genoml.losses.labels import COUNTS
from genoml.losses.reduce import (
    Reduction,
    labelled,
    loss_namespace,
    match_shape,
    reduce_loss,
    reduce_losses,
    require_axes,
    without_axis,
)
from genoml.ops.activations import log_softmax, log_sum_exp
from genoml.ops.arrays import clip
from genoml.ops.special import exp_or_inf, largest_exponent, lgamma, square_or_inf, weighted

_AXES = "(batch, ..., length)"


@checked
def multinomial_loss(
    predictions: Array,
    targets: Any,
    *,
    full: bool = True,
    sample_weight: Any = None,
    mask: Any = None,
    reduction: Reduction = "mean",
) -> tuple[Array, Array]:
    """Multinomial loss of a profile's shape: n counts k_i with p = softmax(z) over the positions.

        l = -sum_i k_i log p_i [ - log n! + sum_i log k_i! if full ],    dl/dz_i = n p_i - k_i

    Parameters
    ----------
    predictions : array
        Logits z, (batch, ..., length).
    targets : array, NumPy array or list
        Counts k >= 0 in the same shape; a profile without counts has loss 0.
    full : bool
        Whether the loss is the whole -log p(k | n); the constant does not depend on the predictions.
    sample_weight, mask : optional
        One per profile (the predictions' shape without the positions); weights may also be (batch,).
    reduction : "mean", "sum" or "none"
        See ``genoml.losses``.

    Returns
    -------
    loss, grad
        The value, and its gradient with respect to the predictions.

    Raises
    ------
    ValueError
        If shapes differ, or a host count is negative or not finite.

    References
    ----------
    Avsec et al. (2021), Base-resolution models of transcription-factor binding,
    doi:10.1038/s41588-021-00782-6, methods, profile loss.
    """
    what = "multinomial_loss"
    loss_namespace(predictions, what)
    require_axes(predictions, what, low=2, axes=_AXES, axis=-1)
    k, present = labelled(predictions, targets, mask, what, COUNTS, axis=-1)
    entries, grads = _multinomial(predictions, k, full)
    return reduce_loss(entries, grads, sample_weight, present, reduction, what, axis=-1)


def _multinomial(z: Array, k: Array, full: bool) -> tuple[Array, Array]:
    xp = array_namespace(z)
    log_p = log_softmax(z, -1)
    n = xp.sum(k, axis=-1)
    entries = -xp.sum(weighted(k, log_p), axis=-1)
    if full:
        entries = entries - lgamma(n + 1.0) + xp.sum(lgamma(k + 1.0), axis=-1)
    # d log p_j / dz_i = [i = j] - p_i
    return entries, xp.expand_dims(n, axis=-1) * xp.exp(log_p) - k


@checked
def multinomial_profile_loss(
    predictions: Array,
    log_counts: Array,
    targets: Any,
    *,
    counts_weight: NotNegative = 1.0,
    full: bool = True,
    sample_weight: Any = None,
    mask: Any = None,
    reduction: Reduction = "mean",
) -> tuple[Array, tuple[Array, Array]]:
    """BPNet's loss: the multinomial loss of a profile's shape plus the squared error of its log total.

        l = multinomial(z, k) + counts_weight (c - log(1 + n))^2,    n = sum_i k_i
        dl/dz_i = n p_i - k_i,    dl/dc = 2 counts_weight (c - log(1 + n))

    Parameters
    ----------
    predictions : array
        Logits z of the positions, (batch, ..., length).
    log_counts : array
        Predicted log(1 + n), one per profile: the same shape without the positions.
    targets : array, NumPy array or list
        Counts k >= 0, (batch, ..., length).
    counts_weight : float
        The paper's lambda; with half the mean total count, shape and total have about equal weight (its alpha = 1).
    full, sample_weight, mask, reduction
        As in ``multinomial_loss``.

    Returns
    -------
    loss, (grad, grad_log_counts)
        Each gradient has its argument's shape.

    References
    ----------
    Avsec et al. (2021), doi:10.1038/s41588-021-00782-6, methods, BPNet loss.
    """
    what = "multinomial_profile_loss"
    xp = loss_namespace(predictions, what)
    require_axes(predictions, what, low=2, axes=_AXES, axis=-1)
    c = match_shape(log_counts, predictions, without_axis(predictions, -1), what, kind="log_counts")
    k, present = labelled(predictions, targets, mask, what, COUNTS, axis=-1)
    entries, grads = _multinomial(predictions, k, full)
    error = c - xp.log1p(xp.sum(k, axis=-1)) if counts_weight else xp.zeros_like(c)
    entries = entries + counts_weight * square_or_inf(error)
    loss, reduced = reduce_losses(
        entries, (grads, 2.0 * counts_weight * error), (-1, None), sample_weight, present, reduction, what
    )
    grad, grad_c = reduced
    return loss, (grad, xp.reshape(grad_c, tuple(log_counts.shape)))


@checked
def poisson_multinomial_loss(
    predictions: Array,
    targets: Any,
    *,
    total_weight: NotNegative = 1.0,
    log_input: bool = False,
    sample_weight: Any = None,
    mask: Any = None,
    reduction: Reduction = "mean",
) -> tuple[Array, Array]:
    """Borzoi's loss of predicted coverage m: a Poisson of the total plus a multinomial of the shape.

        l = [ total_weight (S - n log S) - sum_i k_i log(m_i / S) ] / length,    S = sum_i m_i,  n = sum_i k_i
        dl/dm_i = [ total_weight (1 - n / S) + n / S - k_i / m_i ] / length

    With total_weight = 1 this is the Poisson loss of all positions; below 1 the shape counts more than the
    total.

    Parameters
    ----------
    predictions : array
        Coverage m > 0 (below 1e-6 it counts as 1e-6), or log m with ``log_input``; (batch, ..., length).
    targets : array, NumPy array or list
        Counts or coverage k >= 0 in the same shape.
    total_weight : float
        Weight of the total; Borzoi was trained with 0.2.
    log_input : bool
        Whether the predictions are logarithms.
    sample_weight, mask, reduction
        As in ``multinomial_loss``.

    Raises
    ------
    ValueError
        If shapes differ, total_weight < 0, or a host count is negative or not finite.

    References
    ----------
    Linder et al. (2025), Predicting RNA-seq coverage from DNA sequence, doi:10.1038/s41588-024-02053-6,
    methods. Borzoi adds 1e-6 to predictions and targets; here only a smaller prediction is raised to that.
    """
    what = "poisson_multinomial_loss"
    xp = loss_namespace(predictions, what)
    require_axes(predictions, what, low=2, axes=_AXES, axis=-1)
    k, present = labelled(predictions, targets, mask, what, COUNTS, axis=-1)
    z = predictions if log_input else xp.log(clip(predictions, 1e-6))
    log_p = log_softmax(z, -1)
    log_total = log_sum_exp(z, -1)
    n = xp.sum(k, axis=-1)
    length = predictions.shape[-1]
    entries = -xp.sum(weighted(k, log_p), axis=-1)
    # in z: d S / dz_i = S p_i = m_i, d log S / dz_i = p_i, d log p_j / dz_i = [i = j] - p_i
    grads = xp.expand_dims((1.0 - total_weight) * n, axis=-1) * xp.exp(log_p) - k
    if not log_input:
        grads = grads * xp.exp(-z)
    if total_weight:  # S -> inf: S outgrows n log S
        lower = clip(log_total, high=largest_exponent(z))
        entries = entries + total_weight * (exp_or_inf(log_total) - weighted(n, lower))
        grads = grads + total_weight * (exp_or_inf(z) if log_input else 1.0)
    return reduce_loss(entries / length, grads / length, sample_weight, present, reduction, what, axis=-1)
