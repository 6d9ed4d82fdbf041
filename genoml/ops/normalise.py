"""Normalisation: standardising over axes, variances, and scale, shift, ReLU and max pooling in one operation.

The last four, and the statistics of a batch, are operations because memory traffic is what takes time: a backend's twin
passes over the arrays once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array
from genoml.ops.activations import activation_vjp
from genoml.ops.arrays import sum_rows
from genoml.ops.dispatch import operation
from genoml.ops.pool1d import max_pool1d_vjp
from genoml.parallel import WHOLE, Part

#: dL/dy -> sum g, sum g (x - mean) or None, and a function of (factor, slope, constant) that gives dL/dx
RectifyPullback: TypeAlias = Callable[[Array], tuple[Array, Array | None, Callable[..., Array]]]


@operation
def rectified_vjp(
    x: Array,
    shift: Array,
    size: int = 1,
    ceil_mode: bool = False,
    *,
    mean: Array | None = None,
    scale: Array | None = None,
) -> tuple[Array, RectifyPullback]:
    """Scale and shift, then ReLU, then max pooling over windows that do not overlap.

        y[n, j, c] = max_{k < size} max(z[n, j size + k, c], 0),   z = (x - mean) scale + shift

    Let g = dL/dz: the output's gradient at the first largest z of each
    window if that z is above 0, and zero elsewhere. The pullback returns three things:

        sum g and sum g (x - mean), over n and l, from which a layer makes the gradients of shift and scale;
        into_x(factor, slope, constant) = factor g - slope (x - mean) - constant, the gradient of x.

    A layer whose mean and scale depend on x passes its own factor, slope and constant. None stands for 1, 0, 0. Without
    a mean there is no slope, and x is not kept for the pullback.

    Parameters
    ----------
    mean, scale : (C,) or None
        Both or neither. None stands for mean 0 and scale 1.

    Shapes
    ------
    x : (N, L, C);  shift, and both sums : (C,);  y and grad : (N, Reach(size, size, partial=ceil_mode).outputs(L), C)
    """
    xp = array_namespace(x)
    centred = x if mean is None else x - mean
    z = (centred if scale is None else centred * scale) + shift
    rectified = xp.maximum(z, xp.zeros((), dtype=z.dtype, device=device_of(z)))
    y, back = (rectified, None) if size == 1 else max_pool1d_vjp(rectified, size, size, ceil_mode)

    def pullback(grad: Array) -> tuple[Array, Array | None, Callable[..., Array]]:
        # dmax(z, 0)/dz = 1 where z > 0, and the maximum of a window passes its gradient to one z
        g = (grad if back is None else back(grad)) * xp.astype(rectified > 0, grad.dtype)

        def into_x(
            factor: Array | None = None, slope: Array | None = None, constant: Array | None = None
        ) -> Array:
            own = g if factor is None else g * factor
            return own if slope is None else own - centred * slope - constant

        with_x = None if mean is None else sum_rows(g * centred)
        return sum_rows(g), with_x, into_x

    return y, pullback


def biased_vjp(
    z: Array, bias: Array | None, activation: str | None
) -> tuple[Array, Callable[[Array, bool], tuple[Array, Array | None]]]:
    """y = activation(z + bias), and the pullback: dL/dy and whether db is needed -> dL/dz, and db or None.

    Shapes
    ------
    z, y : (N, C) or (N, L, C);  bias : (C,)
    """
    if activation != "relu" or bias is None:
        y, back = activation_vjp(activation)(z if bias is None else z + bias)

        def pullback(grad: Array, need_bias: bool) -> tuple[Array, Array | None]:
            # b is added to each row, so db = sum dz
            g = back(grad)
            return g, (sum_rows(g) if need_bias and bias is not None else None)

        return y, pullback
    rows = z[None, :, :] if z.ndim == 2 else z
    rectified, back_rectifier = rectified_vjp(rows, bias)

    def pullback_rectified(grad: Array, need_bias: bool) -> tuple[Array, Array | None]:
        grad_bias, _, into_rows = back_rectifier(grad[None, :, :] if z.ndim == 2 else grad)
        g = into_rows()
        return (g[0, :, :] if z.ndim == 2 else g), (grad_bias if need_bias else None)

    return (rectified[0, :, :] if z.ndim == 2 else rectified), pullback_rectified


@operation
def squares_around(rows: Array, mean: Array) -> Array:
    """Sum of squared deviations, sum_r (rows[r, c] - mean[c])^2: the numerator of a variance.

    Shapes
    ------
    rows : (R, C);  mean, result : (C,)
    """
    xp = array_namespace(rows)
    centred = rows - mean
    return xp.sum(centred * centred, axis=0)


@operation
def batch_statistics(
    rows: Array,
    running_mean: Array,
    running_var: Array,
    momentum: float,
    eps: float,
    count: int,
    part: Part = WHOLE,
    shift: Array | None = None,
    moments: tuple[Array, Array] | None = None,
) -> tuple[Array, Array, Array, Array]:
    """Batch normalisation's mean and 1 / sqrt(var + eps) over n and l, and the next running mean and variance.

        running' = (1 - momentum) running + momentum batch

    ``var`` is biased, the running variance unbiased. ``count`` is the number of rows in the whole batch, of which
    these may be a part. The running mean is that of rows + shift. ``moments``, the sum of the rows and of their squares
    around their mean, are given where they are known (see ``conv1d_moments_vjp``).

    Of a batch in parts each part takes its squares around its own mean, so that parts meet once; see
    ``joined_statistics``.

    Shapes
    ------
    rows : (N, L, C);  all others : (C,)
    """
    xp = array_namespace(rows)
    own = rows.shape[0] * rows.shape[1]
    if moments is None:
        flat = xp.reshape(rows, (own, rows.shape[2]))
        total = sum_rows(flat)
        squares = squares_around(flat, total / own)
    else:
        total, squares = moments
    if part.meeting is not None:
        brought = xp.stack([total, squares, xp.full_like(total, own)])
        joined = part.whole_sum(brought, joined_statistics)
        total, squares = joined[0, ...], joined[1, ...]
    mean, var = total / count, squares / count
    keep = 1.0 - momentum
    unbiased = var * (count / (count - 1))
    next_mean = keep * running_mean + momentum * (mean if shift is None else mean + shift)
    next_var = keep * running_var + momentum * unbiased
    return mean, 1.0 / xp.sqrt(var + eps), next_mean, next_var


def joined_statistics(a: Array, b: Array) -> Array:
    """Statistics of two sets of rows together: their sum s, their squares q around their own mean, their number n.

    With means m = s / n, the square around the common mean M of the rows of a is q_a + n_a (m_a - M)^2, since the
    deviations from m_a sum to 0. Put in m_a - M = n_b (m_a - m_b) / n, and likewise for b:

        s = s_a + s_b,   n = n_a + n_b,   q = q_a + q_b + (m_b - m_a)^2 n_a n_b / n

    Squares are taken around a mean of the numbers, never around 0, where a large mean would cost all digits; that
    m_a and m_b are rounded costs far less than x - M loses by the rounding of M.

    Shapes
    ------
    a, b, result : (..., 3, C), s, q and n in this order

    References
    ----------
    Chan, Golub and LeVeque (1983), Algorithms for computing the sample variance, doi:10.1080/00031305.1983.10483115.
    """
    xp = array_namespace(a)
    (sum_a, squares_a, n_a), (sum_b, squares_b, n_b) = (
        (each[..., 0, :], each[..., 1, :], each[..., 2, :]) for each in (a, b)
    )
    n, apart = n_a + n_b, sum_b / n_b - sum_a / n_a
    return xp.stack([sum_a + sum_b, squares_a + squares_b + apart * apart * (n_a * (n_b / n)), n], axis=-2)


@operation
def statistics_gradient(
    sum_g: Array, sum_gc: Array, scale: Array, factor: Array, count: int, part: Part = WHOLE
) -> tuple[Array, Array, Array]:
    """dgamma, and (slope, constant) of dx = factor g - slope (x - mean) - constant, for the batch's mean and scale.

    y = gamma xhat + beta with xhat = (x - mean) s, where mean and s depend on every x, which gives with sums over the
    n rows of the whole batch, and factor = gamma s:
    dx = (factor / n) (n g - sum g - xhat sum(g xhat)),  dgamma = sum(g xhat) = s sum(g (x - mean)).
    dgamma is this part's share.

    Shapes
    ------
    all arrays : (C,)
    """
    whole_g, whole_gc = sum_g, sum_gc
    if part.meeting is not None:
        both = part.whole_sum(array_namespace(sum_g).stack([sum_g, sum_gc]))
        whole_g, whole_gc = both[0, ...], both[1, ...]
    return sum_gc * scale, factor * scale * scale * (whole_gc / count), factor * (whole_g / count)


@operation
def standardize_vjp(x: Array, axes: tuple[int, ...], eps: float) -> tuple[Array, Callable[[Array], Array]]:
    """Standardise: (x - mean) / sqrt(var + eps), with mean and biased variance over the axes; and its pullback."""
    xp = array_namespace(x)
    centred = x - xp.mean(x, axis=axes, keepdims=True)
    scale = 1.0 / xp.sqrt(xp.mean(centred * centred, axis=axes, keepdims=True) + eps)
    normed = centred * scale

    def pullback(grad: Array) -> Array:
        # mean and scale s = 1 / sqrt(var + eps) depend on every x: dx = s (g - mean(g) - xhat mean(g xhat))
        mean = xp.mean(grad, axis=axes, keepdims=True)
        along = xp.mean(grad * normed, axis=axes, keepdims=True)
        return scale * (grad - mean - normed * along)

    return normed, pullback
