"""A rectifier with what stands around it: an affine map of each channel before it, max pooling behind it.

They are one operation since the arrays are what takes time: a backend's twin can pass over them once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array
from genoml.ops._dispatch import operation
from genoml.ops.pool1d import max_pool1d_vjp

#: grad of y -> sum g, sum g (x - mean) or None, and a function of (factor, slope, constant) that gives dL/dx
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
    """y[n, j, c] = max_{k < size} max(z[n, j size + k, c], 0),   z = (x - mean) scale + shift.

    With g = dL/dz, which is the output's gradient at the first largest z of each window if that is above 0 and
    zero elsewhere, the pullback gives the sums over n and l that the gradients of shift and scale are made of,

        sum g,   sum g (x - mean),

    and ``into_x(factor, slope, constant) = factor g - slope (x - mean) - constant``: a layer whose mean and
    scale depend on x knows the three, which stand for 1, 0, 0 where they are None.

    Parameters
    ----------
    mean, scale : (C,) or None
        Both or neither; None stands for 0 and 1.

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
        # dmax(z, 0)/dz = 1 where z > 0, and the pooled maximum hands its gradient to one z
        g = (grad if back is None else back(grad)) * xp.astype(rectified > 0, grad.dtype)

        def into_x(
            factor: Array | None = None, slope: Array | None = None, constant: Array | None = None
        ) -> Array:
            own = g if factor is None else g * factor
            return own if slope is None else own - centred * slope - constant

        with_x = None if mean is None else xp.sum(g * centred, axis=(0, 1))
        return xp.sum(g, axis=(0, 1)), with_x, into_x

    return y, pullback


@operation
def squares_around(rows: Array, mean: Array) -> Array:
    """sum_r (rows[r, c] - mean[c])^2, the numerator of a variance.

    Shapes
    ------
    rows : (R, C);  mean, result : (C,)
    """
    xp = array_namespace(rows)
    centred = rows - mean
    return xp.sum(centred * centred, axis=0)
