"""Losses of counts: Poisson, negative binomial, and zero-inflated negative binomial.

A negative binomial (NB2) with mean m and dispersion a has variance m + a m^2; a = 1 / r, where r is also called size,
theta or inverse dispersion. a -> 0 is the Poisson.
"""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace

from genoml.arguments import checked
from genoml.backend import Array
from genoml.losses.labels import COUNTS, FINITE, Domain, check_host_labels
from genoml.losses.negative_binomial import (
    Terms,
    count_constant,
    half_poisson_deviance,
    log_of,
    negative_binomial_terms,
    without_constant,
)
from genoml.losses.reduce import (
    Reduction,
    labelled,
    loss_namespace,
    parameter_like,
    reduce_loss,
    reduce_losses,
    sum_to_shape,
)
from genoml.ops.activations import sigmoid, softplus
from genoml.ops.arrays import clip
from genoml.ops.special import exp_or_inf, largest_exponent, weighted

#: Least mean, since log m and 1 / m are infinite at 0.
LEAST_MEAN = 1e-8
_DISPERSIONS = Domain("dispersion >= 0", low=0.0)


@checked
def poisson_loss(
    predictions: Array,
    targets: Any,
    *,
    log_input: bool = False,
    full: bool = False,
    sample_weight: Any = None,
    mask: Any = None,
    reduction: Reduction = "mean",
) -> tuple[Array, Array]:
    """Negative log-likelihood of counts y under a Poisson with mean m.

        l = m - y log m,    dl/dm = 1 - y / m
        with log_input, z = log m:    l = exp(z) - y z,    dl/dz = exp(z) - y
        with full, plus log(y!) = lgamma(y + 1), which no prediction changes

    Parameters
    ----------
    predictions : array
        Means m > 0 (0 and below count as 1e-8), or their logarithms z.
    targets : array, NumPy array or list
        Counts y >= 0, not necessarily whole; of the same shape, or (N,) for predictions of (N, 1).
    log_input : bool
        Whether the predictions are logarithms; the mean is then always positive.
    full : bool
        Whether the loss is the whole -log p(y). PyTorch approximates this constant by Stirling's formula; here it is
        exact, and more precise in single precision at large counts than the short form.
    sample_weight, mask, reduction
        As in ``mean_squared_error``.

    Returns
    -------
    loss, grad
        The value, and its gradient with respect to the predictions.

    Raises
    ------
    ValueError
        If shapes differ, or a host count is negative or not finite.
    """
    what = "poisson_loss"
    xp = loss_namespace(predictions, what)
    y, present = labelled(predictions, targets, mask, what, COUNTS)
    if log_input:
        z = predictions
        m = exp_or_inf(z)
        grads = m - y
    else:
        m = clip(predictions, LEAST_MEAN)
        z = xp.log(m)
        grads = 1.0 - y / m
    # m -> inf: m outgrows y log m, so l -> inf; m -> 0: -y log m -> inf, and 0 for y = 0
    z = clip(z, high=largest_exponent(z))
    entries = half_poisson_deviance(y, m, z) + count_constant(y) if full else m - weighted(y, z)
    return reduce_loss(entries, grads, sample_weight, present, reduction, what)


def _terms(
    predictions: Array, y: Array, log_dispersion: Array, log_input: bool, full: bool
) -> tuple[Terms, Array]:
    """The likelihood's terms, and the factor from a gradient in log m to one in the predictions."""
    xp = array_namespace(predictions)
    z = predictions if log_input else log_of(predictions, LEAST_MEAN)
    terms = negative_binomial_terms(z, log_dispersion, y)
    if not full:
        terms = terms._replace(entries=without_constant(terms.entries, y))
    return terms, (xp.ones_like(z) if log_input else xp.exp(-z))


@checked
def negative_binomial_loss(
    predictions: Array,
    targets: Any,
    *,
    dispersion: Any = 1.0,
    log_input: bool = False,
    full: bool = True,
    sample_weight: Any = None,
    mask: Any = None,
    reduction: Reduction = "mean",
) -> tuple[Array, Array]:
    """Negative log-likelihood of counts y, negative binomial (NB2) with mean m and dispersion a = 1 / r.

        l = lgamma(r) + lgamma(y + 1) - lgamma(y + r) + (y + r) log(1 + m / r) - y log(m / r)
        dl/dm = (m - y) / (m (1 + a m));    with log_input, z = log m:    dl/dz = (m - y) / (1 + a m)

    The variance is m + a m^2. Exact to rounding for counts of 0 to 1e6 and dispersions of 1e-6 to 1e6, in
    single precision too; a = 0 is the Poisson. To learn the dispersion as well, see
    ``negative_binomial_loss_with_dispersion``; to estimate it, ``genoml.evaluation.dispersion``.

    Parameters
    ----------
    predictions : array
        Means m > 0 (0 and below count as 1e-8), or their logarithms z.
    targets : array, NumPy array or list
        Counts y >= 0, of the same shape, or (N,) for predictions of (N, 1).
    dispersion : float or array
        a >= 0: a number, one per task, or any array that broadcasts to the predictions. For a size (theta, r),
        dispersion = 1 / size.
    log_input : bool
        Whether the predictions are logarithms.
    full : bool
        Whether the loss is the whole -log p(y), or leaves out lgamma(y + 1), which no prediction changes.
    sample_weight, mask, reduction
        As in ``mean_squared_error``.

    Returns
    -------
    loss, grad
        The value, and its gradient with respect to the predictions.

    Raises
    ------
    ValueError
        If shapes differ, or a host count or dispersion is negative or not finite.

    References
    ----------
    Hilbe (2011), Negative binomial regression, 2nd ed., doi:10.1017/CBO9780511973420, eq. 8.9.
    """
    what = "negative_binomial_loss"
    loss_namespace(predictions, what)
    y, present = labelled(predictions, targets, mask, what, COUNTS)
    check_host_labels(dispersion, _DISPERSIONS, what)
    a = parameter_like(dispersion, predictions, what, "dispersion")
    log_a = log_of(a, 2.0**-57)  # about exp(-40), from where on it is a Poisson
    terms, chain = _terms(predictions, y, log_a, log_input, full)
    return reduce_loss(terms.entries, terms.log_mean_grad * chain, sample_weight, present, reduction, what)


@checked
def negative_binomial_loss_with_dispersion(
    predictions: Array,
    log_dispersion: Any,
    targets: Any,
    *,
    log_input: bool = False,
    full: bool = True,
    sample_weight: Any = None,
    mask: Any = None,
    reduction: Reduction = "mean",
) -> tuple[Array, tuple[Array, Array]]:
    """``negative_binomial_loss`` with the gradient in the logarithm of the dispersion too.

        dl/dlog a = r (digamma(y + r) - digamma(r) - log(1 + m / r) - (y - m) / (r + m)),    r = 1 / a

    Parameters
    ----------
    log_dispersion : number or array
        log a: one number, one per task (tasks,), or, from the network, one per prediction. Any real number; it is
        clipped to [-40, 40], beyond which the gradient is 0.
    predictions, targets, log_input, full, sample_weight, mask, reduction
        As in ``negative_binomial_loss``.

    Returns
    -------
    loss, (grad, grad_log_dispersion)
        The second gradient has the shape of ``log_dispersion``, summed over the predictions that share a number.
    """
    what = "negative_binomial_loss_with_dispersion"
    loss_namespace(predictions, what)
    y, present = labelled(predictions, targets, mask, what, COUNTS)
    check_host_labels(log_dispersion, FINITE, f"{what}: log_dispersion")
    log_a = parameter_like(log_dispersion, predictions, what, "log_dispersion")
    terms, chain = _terms(predictions, y, log_a, log_input, full)
    grads = (terms.log_mean_grad * chain, terms.log_dispersion_grad)
    loss, reduced = reduce_losses(terms.entries, grads, (None, None), sample_weight, present, reduction, what)
    grad, grad_a = reduced
    return loss, (grad, sum_to_shape(grad_a, tuple(log_a.shape)))


def _excess_zero(v: Array, n0: Array, x: Array) -> Array:
    """-log(s + (1 - s) exp(-n0)) for n0 >= 0, s = sigmoid(v), x = v + n0, without loss of digits."""
    xp = array_namespace(v)
    # softplus(v) + n0 - softplus(x), and the same with softplus(x) = x + softplus(-x); neither meets inf - inf
    positive = x > 0.0
    sign = xp.where(positive, -xp.ones_like(v), xp.ones_like(v))
    return softplus(sign * v) + xp.where(positive, xp.zeros_like(v), n0) - softplus(sign * x)


@checked
def zero_inflated_negative_binomial_loss(
    predictions: Array,
    zero_logits: Any,
    log_dispersion: Any,
    targets: Any,
    *,
    log_input: bool = False,
    full: bool = True,
    sample_weight: Any = None,
    mask: Any = None,
    reduction: Reduction = "mean",
) -> tuple[Array, tuple[Array, Array, Array]]:
    """Zero-inflated negative binomial loss: counts are 0 with probability s, otherwise negative binomial.

        p(0) = s + (1 - s) NB(0),    p(y) = (1 - s) NB(y) for y > 0,    s = 1 / (1 + exp(-v))

    In logits v, with n(y) = -log NB(y):

        y > 0:  l = softplus(v) + n(y)
        y = 0:  l = softplus(v) + n(0) - softplus(v + n(0))

    Parameters
    ----------
    predictions : array
        Means m of the negative binomial, or their logarithms: not of the counts, whose mean is (1 - s) m.
    zero_logits, log_dispersion : number or array
        v and log a: one number, one per task, or one per prediction.
    targets, log_input, full, sample_weight, mask, reduction
        As in ``negative_binomial_loss``.

    Returns
    -------
    loss, (grad, grad_zero_logits, grad_log_dispersion)
        Each gradient has its argument's shape.

    References
    ----------
    Lambert (1992), Zero-inflated Poisson regression, doi:10.2307/1269547, with a negative binomial; as used
    for counts of single cells by Eraslan et al. (2019), doi:10.1038/s41467-018-07931-2.
    """
    what = "zero_inflated_negative_binomial_loss"
    xp = loss_namespace(predictions, what)
    y, present = labelled(predictions, targets, mask, what, COUNTS)
    for values, name in ((zero_logits, "zero_logits"), (log_dispersion, "log_dispersion")):
        check_host_labels(values, FINITE, f"{what}: {name}")
    log_a = parameter_like(log_dispersion, predictions, what, "log_dispersion")
    logits = parameter_like(zero_logits, predictions, what, "zero_logits")
    v = logits + xp.zeros_like(predictions)
    terms, chain = _terms(predictions, y, log_a, log_input, full)
    empty = y == 0.0
    n0 = xp.where(empty, terms.entries, xp.zeros_like(v))
    # s = 0 or 1 whatever n(0), for v = -inf or inf
    x = v + xp.where(xp.isinf(v), xp.zeros_like(v), n0)
    entries = xp.where(empty, _excess_zero(v, n0, x), softplus(v) + terms.entries)
    # a zero comes from the negative binomial with probability sigmoid(-v - n(0)), its share of the gradient
    share = xp.where(empty, sigmoid(-x), xp.ones_like(v))
    grad_v = sigmoid(v) - xp.where(empty, sigmoid(x), xp.zeros_like(v))
    grads = (terms.log_mean_grad * chain * share, grad_v, terms.log_dispersion_grad * share)
    loss, reduced = reduce_losses(entries, grads, (None, None, None), sample_weight, present, reduction, what)
    grad, grad_v, grad_a = reduced
    grad_v = sum_to_shape(grad_v, tuple(logits.shape))
    grad_a = sum_to_shape(grad_a, tuple(log_a.shape))
    return loss, (grad, grad_v, grad_a)
