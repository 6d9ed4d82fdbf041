"""Regression losses: squared error, Huber loss, and one minus the correlation."""

from __future__ import annotations

import math
from typing import Any

from array_api_compat import array_namespace

from genoml.arguments import Positive, checked
from genoml.backend import Array
from genoml.losses.labels import FINITE
from genoml.losses.reduce import (
    Reduction,
    entry_weights,
    labelled,
    loss_namespace,
    reduce_loss,
    reduce_losses,
    require_axes,
)
from genoml.ops.arrays import clip, constant_like
from genoml.ops.special import squared_error


@checked
def mean_squared_error(
    predictions: Array,
    targets: Any,
    *,
    sample_weight: Any = None,
    mask: Any = None,
    reduction: Reduction = "mean",
) -> tuple[Array, Array]:
    """Squared error.

        l = (y - t)^2,    dl/dy = 2 (y - t)

    Parameters
    ----------
    predictions : array
        y, of any shape.
    targets : array, NumPy array or list
        t, of the same shape, or (N,) for predictions of (N, 1).
    sample_weight : optional
        One weight per example, or one per entry.
    mask : optional
        Nonzero where there is a target; a missing target may have any value, even NaN.
    reduction : "mean", "sum" or "none"
        See ``genoml.losses``.

    Returns
    -------
    loss, grad
        The value, and its gradient with respect to the predictions.

    Raises
    ------
    ValueError
        If shapes differ, or a host target is not finite.
    TypeError
        If targets are an array of another library.
    """
    what = "mean_squared_error"
    loss_namespace(predictions, what)
    t, present = labelled(predictions, targets, mask, what, FINITE)
    if reduction == "mean" and sample_weight is None and present is None:  # each gradient once through memory
        entries, grads = squared_error(predictions, t, float(max(math.prod(predictions.shape), 1)))
        return reduce_losses(entries, (), (), None, None, reduction, what)[0], grads
    return reduce_loss(*squared_error(predictions, t), sample_weight, present, reduction, what)


@checked
def huber_loss(
    predictions: Array,
    targets: Any,
    *,
    delta: Positive = 1.0,
    sample_weight: Any = None,
    mask: Any = None,
    reduction: Reduction = "mean",
) -> tuple[Array, Array]:
    """Huber loss: half the squared error near 0, linear beyond ``delta``, so that outliers have a bounded gradient.

        l = d^2 / 2 for |d| <= delta, delta (|d| - delta / 2) beyond,    d = y - t
        dl/dy = d clipped to [-delta, delta]

    Parameters and returns are those of ``mean_squared_error``; ``delta`` > 0 is in the targets' unit.

    Raises
    ------
    ValueError
        If shapes differ, delta is not positive, or a host target is not finite.

    References
    ----------
    Huber (1964), Robust estimation of a location parameter, doi:10.1214/aoms/1177703732.
    """
    what = "huber_loss"
    loss_namespace(predictions, what)
    t, present = labelled(predictions, targets, mask, what, FINITE)
    error = predictions - t
    grads = clip(error, -delta, delta)
    # with c = clip(d): c (d - c / 2) is d^2 / 2 inside and delta (|d| - delta / 2) outside
    entries = grads * (error - 0.5 * grads)
    return reduce_loss(entries, grads, sample_weight, present, reduction, what)


@checked
def pearson_loss(
    predictions: Array,
    targets: Any,
    *,
    sample_weight: Any = None,
    mask: Any = None,
    reduction: Reduction = "mean",
) -> tuple[Array, Array]:
    """Pearson loss: one minus the correlation over the batch, for each task.

        l_j = 1 - r_j,    r = sum_i w_i a_i b_i / sqrt(sum_i w_i a_i^2 sum_i w_i b_i^2)
        dl/dy_i = -w_i (b_i / sqrt(A B) - r a_i / A),    A = sum w a^2, B = sum w b^2

    where a and b are the predictions and the targets minus their weighted means over the labelled examples
    of the task. The entries are tasks: ``"mean"`` is the mean over those with at least two labels. A task
    whose predictions or targets are constant has r = 0 and gradient 0. Infinite predictions have the limit of
    y = +-M as M -> inf, the correlation of their signs, and gradient 0. A small batch makes a noisy correlation.

    Parameters
    ----------
    predictions : array
        (batch,), (batch, tasks) or (batch, tasks, ...).
    targets, mask
        As in ``mean_squared_error``.
    sample_weight : optional
        Weights >= 0 within the correlation: one per example, or one per entry.
    reduction : "mean", "sum" or "none"
        Over the tasks; ``"none"`` gives one loss per task.

    Raises
    ------
    ValueError
        If shapes differ, or a host target is not finite.
    """
    what = "pearson_loss"
    xp = loss_namespace(predictions, what)
    require_axes(predictions, what, low=1, axes="(batch, ...)")
    t, present = labelled(predictions, targets, mask, what, FINITE)
    zero = constant_like(predictions, 0.0)
    weights = entry_weights(predictions, sample_weight, what)
    weight = xp.ones_like(predictions) if weights is None else xp.ones_like(predictions) * weights
    if present is not None:
        weight = xp.where(present, weight, zero)
    y = xp.where(weight == 0.0, zero, predictions)
    # r does not change with the scale of y: over M it is +-1 where infinite and 0 elsewhere, and A grows as M^2
    infinite = xp.any(xp.isinf(y), axis=0)
    y = xp.where(infinite, xp.where(xp.isinf(y), clip(y, -1.0, 1.0), zero), y)
    a, size_a = _standardised(y, weight)
    b, size_b = _standardised(t, weight)
    flat = xp.logical_or(size_a == 0.0, size_b == 0.0)
    r = xp.where(flat, zero, xp.sum(weight * a * b, axis=0))
    # the derivative of the mean vanishes, since sum w b = sum w a = 0
    grads = xp.where(
        xp.logical_or(flat, infinite),
        zero,
        -weight * (b - r * a) / xp.where(flat, xp.ones_like(size_a), size_a),
    )
    labels = present if present is not None else xp.ones_like(predictions, dtype=xp.bool)
    counted = xp.sum(xp.astype(labels, predictions.dtype), axis=0) >= 2.0
    return reduce_loss(1.0 - r, grads, None, counted, reduction, what, axis=0)


def _standardised(values: Array, weight: Array) -> tuple[Array, Array]:
    """Values minus their weighted mean, scaled to a norm of 1; and the norm before, 0 for constants."""
    xp = array_namespace(values)
    eps = xp.finfo(values.dtype).eps
    total = xp.sum(weight, axis=0)
    mean = xp.sum(weight * values, axis=0) / xp.where(total > 0.0, total, xp.ones_like(total))
    centred = xp.where(weight > 0.0, values - mean, xp.zeros_like(values))
    # an empty batch has no largest number
    widest = xp.max(xp.abs(centred), axis=0) if values.shape[0] else xp.zeros_like(total)
    # the mean of equal numbers may differ from them by rounding, which is no spread
    flat = widest <= 8.0 * eps * xp.abs(mean)
    one = xp.ones_like(total)
    # divide by the largest first: squares of small or large numbers leave the range of float32
    scale = xp.where(flat, one, widest)
    centred = centred / scale
    root = xp.where(flat, one, xp.sqrt(xp.sum(weight * centred * centred, axis=0)))
    return centred / root, xp.where(flat, xp.zeros_like(total), scale * root)
