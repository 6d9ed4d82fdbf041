"""The largest value of a cross-correlation along each sequence, and where it is: the scan for a motif.

Behind it only the winning windows matter. The gradient of the kernels is a sum over N F windows of K C values,
where that of a full correlation runs over N L F.
"""

from __future__ import annotations

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array
from genoml.ops._dispatch import operation
from genoml.ops.conv1d import conv1d_vjp


@operation
def conv1d_max(x: Array, w: Array, stride: int = 1, dilation: int = 1) -> tuple[Array, Array]:
    """max_l y[n, l, f] of the correlation y, and the first l that has it.

        y[n, l, f] = sum_{k, c} w[k, c, f] x[n, l stride + k dilation, c]

    Shapes
    ------
    x : (N, L, C);  w : (K, C, F);  both results : (N, F), the second of integers
    """
    xp = array_namespace(x)
    y, _ = conv1d_vjp(x, w, stride, dilation)
    return xp.max(y, axis=1), xp.argmax(y, axis=1)


@operation
def conv1d_max_grad_w(
    x: Array, positions: Array, grad: Array, kernel_size: int, stride: int = 1, dilation: int = 1
) -> Array:
    """dw[k, c, f] = sum_n g[n, f] x[n, l(n, f) stride + k dilation, c], l being the positions.

    Shapes
    ------
    x : (N, L, C);  positions, grad : (N, F);  dw : (K, C, F)
    """
    xp, (n, length, c), f = array_namespace(x), x.shape, grad.shape[1]
    kind, device = positions.dtype, device_of(x)
    rows = xp.reshape(x, (n * length, c))
    first = xp.arange(n, dtype=kind, device=device)[:, None] * length + positions * stride
    taps = xp.arange(kernel_size, dtype=kind, device=device) * dilation
    at = xp.reshape(first[:, :, None] + taps, (n * f * kernel_size,))
    windows = xp.reshape(xp.take(rows, at, axis=0), (n, f, kernel_size * c))
    total = xp.sum(windows * grad[:, :, None], axis=0)
    return xp.permute_dims(xp.reshape(total, (f, kernel_size, c)), (1, 2, 0))


def spread_to_positions(positions: Array, grad: Array, count: int) -> Array:
    """The gradient with respect to y, (N, count, F): g at the winning positions, 0 elsewhere."""
    xp, device = array_namespace(grad), device_of(grad)
    steps = xp.reshape(xp.arange(count, dtype=positions.dtype, device=device), (1, count, 1))
    zero = xp.zeros((), dtype=grad.dtype, device=device)
    return xp.where(positions[:, None, :] == steps, grad[:, None, :], zero)
