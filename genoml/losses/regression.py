"""Regression losses: squared error, Huber loss, one minus the correlation, and cosine with logarithms."""

from __future__ import annotations

import math
from typing import Any

from array_api_compat import array_namespace

from genoml.arguments import NotNegative, Positive, checked
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
from genoml.ops.special import square_or_inf, squared_error


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
        entries, grads = squared_error(predictions, t, max(math.prod(predictions.shape), 1))
        return reduce_losses(entries, (), (), None, None, reduction, what)[0], grads
    entries, grads = squared_error(predictions, t)
    return reduce_loss(entries, grads, sample_weight, present, reduction, what)


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


@checked
def cosine_log_loss(
    predictions: Array,
    targets: Any,
    *,
    multiplier: Positive = 1000.0,
    cosine_weight: NotNegative = 1.0,
    sample_weight: Any = None,
    mask: Any = None,
    reduction: Reduction = "mean",
) -> tuple[Array, Array]:
    """Cosine similarity across the tasks, and squared error of logarithms: for regions by cell types.

        l_i = -w cos(y_i, t_i) + (1/T) sum_j (s(y_ij) - s(t_ij))^2,    s(v) = sign(v) log(1 + m |v|)
        cos(y, t) = sum_j u_j v_j,    u = y / |y|,    v = t / |t|,    |y|^2 = sum_j y_j^2
        dl/dy_j = -w (v_j - cos u_j) / |y| + (2 / T) (s(y_j) - s(t_j)) m / (1 + m |y_j|)

    since du_k/dy_j = (delta_kj - u_k u_j) / |y|, and s'(y) = m / (1 + m |y|) on both sides of 0. The cosine says in
    which cell types a region is open whatever its height, the logarithms how high. An entry is an example. A row of
    zeros has the cosine 0, and no gradient of it.

    Parameters
    ----------
    predictions : array
        y, (batch, tasks): values as they are, such as mean coverage.
    targets : array, NumPy array or list
        t, of the same shape.
    multiplier : float
        m > 0; 1000 for mean coverage of about 1000 bp, 1 for counts.
    cosine_weight : float
        w >= 0.
    mask : optional
        (batch,): nonzero where an example has targets, all of them.
    sample_weight, reduction
        As in ``mean_squared_error``, one weight per example.

    Raises
    ------
    ValueError
        If shapes differ, there is no task, m or w is out of range, or a host target is not finite.

    References
    ----------
    CREsted: Kempynck et al. (2025), doi:10.1101/2025.04.02.646812, its CosineMSELogLoss with ``max_weight=1``, the
    default. Deviations: w is a number, not the squared error of the batch up to a bound; s of a negative target is
    defined.
    """
    what = "cosine_log_loss"
    xp = loss_namespace(predictions, what)
    require_axes(predictions, what, low=2, axes="(batch, tasks)", axis=1)
    t, present = labelled(predictions, targets, mask, what, FINITE, axis=1)
    zero, size = constant_like(predictions, 0.0), xp.abs(predictions)
    u, length = _unit_rows(predictions)
    v, _ = _unit_rows(t)
    cosine = xp.sum(u * v, axis=1, keepdims=True)
    turn = xp.where(
        length > 0.0, (v - cosine * u) / xp.where(length > 0.0, length, xp.ones_like(length)), zero
    )
    error = _signed_log(predictions, multiplier) - _signed_log(t, multiplier)
    # m / (1 + m |y|) log|y| vanishes as y grows
    slope = xp.where(xp.isinf(error), zero, error) / (1.0 / multiplier + size)
    tasks = float(predictions.shape[1])
    entries = xp.sum(square_or_inf(error), axis=1) / tasks - cosine_weight * cosine[:, 0]
    grads = (2.0 / tasks) * slope - cosine_weight * turn
    return reduce_loss(entries, grads, sample_weight, present, reduction, what, axis=1)


def _signed_log(values: Array, multiplier: float) -> Array:
    """sign(v) log(1 + m |v|), without overflow of m |v|."""
    xp = array_namespace(values)
    size, least = xp.abs(values), 1.0 / multiplier
    # for large v log(m v), since log1p(m v) could leave the range
    large = size > 1e6 * least
    small = xp.log1p(multiplier * xp.where(large, xp.zeros_like(size), size))
    return xp.sign(values) * xp.where(large, xp.log(size + least) + math.log(multiplier), small)


def _unit_rows(values: Array) -> tuple[Array, Array]:
    """Rows of length 1, and their lengths before, (batch, 1); zeros stay, an infinite row has its limit."""
    xp = array_namespace(values)
    infinite = xp.isinf(values)
    endless = xp.any(infinite, axis=1, keepdims=True)
    values = xp.where(endless, xp.where(infinite, xp.sign(values), xp.zeros_like(values)), values)
    # divided by the largest first: squares of small or large numbers leave the range of float32
    widest = xp.max(xp.abs(values), axis=1, keepdims=True)
    scaled = values / xp.where(widest > 0.0, widest, xp.ones_like(widest))
    root = xp.sqrt(xp.sum(scaled * scaled, axis=1, keepdims=True))
    length = xp.where(endless, xp.full_like(widest, math.inf), widest * root)
    return scaled / xp.where(root > 0.0, root, xp.ones_like(root)), length
