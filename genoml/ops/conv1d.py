"""One-dimensional cross-correlation as matrix products, with both gradients, and its maximum over the length.

Arrays are channels-last: x (N, L, C), w (K, C, F) -> y (N, Lo, F), with Lo = (L - (K - 1) dilation - 1) // stride + 1.
There are two algorithms, chosen by shape:

phases
    For stride and dilation 1. The batch is taken as one long sequence of N L rows. Rows r, r + K, r + 2K, ... of its
    im2col matrix are the memory from r C on, reshaped. So the correlation is K large products, and no window is
    copied. Windows that straddle two sequences are computed too, and cut off.
taps
    For any stride and dilation. One product for each kernel position: y = sum_k x[k dilation :: stride] @ w[k].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array
from genoml.ops.arrays import pad_axis
from genoml.ops.dispatch import operation
from genoml.ops.normalise import biased_vjp
from genoml.ops.windows import Reach
from genoml.parallel import ALONE, Workers

#: grad (N, Lo, F), need_x, need_w -> grad_x and grad_w, None where not needed
ConvPullback: TypeAlias = Callable[..., tuple[Array | None, Array | None]]
Algorithm: TypeAlias = Literal["phases", "taps"]


def choose_algorithm(length: int, kernel_size: int, stride: int, dilation: int) -> Algorithm:
    """Name of the algorithm: ``phases`` for stride and dilation 1 and kernels up to half the sequence, else ``taps``.

    Phases computes ``length`` positions although only ``length - kernel_size + 1`` are wanted. That is too much waste
    once the kernel is longer than half the sequence.
    """
    return "phases" if stride == dilation == 1 and 2 * kernel_size <= length + 1 else "taps"


@operation
def conv1d_vjp(
    x: Array, w: Array, stride: int = 1, dilation: int = 1, workers: Workers = ALONE
) -> tuple[Array, ConvPullback]:
    """Cross-correlation and its pullback.

        y[n, l, f] = sum_{k, c} w[k, c, f] x[n, l stride + k dilation, c]

    ``workers`` are threads that a twin may share out the positions among, in the pullback too.

    Shapes
    ------
    x : (N, L, C);  w : (K, C, F);  y and grad : (N, Lo, F)
    """
    if choose_algorithm(x.shape[1], w.shape[0], stride, dilation) == "phases":
        return conv1d_phases(x, w)
    return conv1d_taps(x, w, stride, dilation)


@operation
def biased_conv1d_vjp(
    x: Array, w: Array, bias: Array, stride: int = 1, dilation: int = 1, workers: Workers = ALONE, *,
    rectified: bool = True,
) -> tuple[Array, Callable[..., tuple[Array | None, ...]]]:  # fmt: skip
    """y + bias of the cross-correlation y, or max(y + bias, 0), and its pullback, which gives dL/dbias (F,) too."""
    z, back_conv = conv1d_vjp(x, w, stride, dilation, workers)
    y, back = biased_vjp(z, bias, "relu" if rectified else None)

    def pullback(grad: Array, need_x: bool = True, need_w: bool = True) -> tuple[Array | None, ...]:
        g, grad_bias = back(grad, need_w)
        return *back_conv(g, need_x, need_w), grad_bias

    return y, pullback


def grouped_conv1d_vjp(
    x: Array, w: Array, groups: int, stride: int = 1, dilation: int = 1, workers: Workers = ALONE
) -> tuple[Array, ConvPullback]:
    """Grouped correlation: each group of channels with its own kernels, and the pullback.

    Shapes
    ------
    x : (N, L, C);  w : (K, C / groups, F), kernels ordered by group;  y and grad : (N, Lo, F)
    """
    if groups == 1:
        return conv1d_vjp(x, w, stride, dilation, workers)  # type: ignore[no-any-return]
    xp = array_namespace(x)
    c, f = w.shape[1], w.shape[2] // groups
    outputs, pullbacks = [], []
    for g in range(groups):
        part, kernels = x[:, :, g * c : (g + 1) * c], w[:, :, g * f : (g + 1) * f]
        y, back = conv1d_vjp(part, kernels, stride, dilation, workers)
        outputs.append(y)
        pullbacks.append(back)

    def pullback(grad: Array, need_x: bool = True, need_w: bool = True) -> tuple[Array | None, Array | None]:
        # the groups share neither channels nor kernels, so their gradients are concatenated
        parts = [back(grad[:, :, g * f : (g + 1) * f], need_x, need_w) for g, back in enumerate(pullbacks)]
        grad_x = xp.concat([part[0] for part in parts], axis=2) if need_x else None
        return grad_x, (xp.concat([part[1] for part in parts], axis=2) if need_w else None)

    return xp.concat(outputs, axis=2), pullback


def _correlate_rows(rows: Array, w: Array) -> Array:
    """Correlate rows (T, C) to y (T, F): y[t] = sum_k rows[t + k] @ w[k], with zeros past the end."""
    xp = array_namespace(rows)
    t, c = rows.shape
    k, _, f = w.shape
    n = -(-t // k)
    flat = xp.reshape(pad_axis(rows, 0, n * k + k - t, axis=0), ((n * k + k) * c,))
    kernel = xp.reshape(w, (k * c, f))
    phases = [xp.reshape(flat[r * c : (r + n * k) * c], (n, k * c)) @ kernel for r in range(k)]
    return xp.reshape(xp.stack(phases, axis=1), (n * k, f))[:t, :]


def _correlate_rows_grad_w(rows: Array, grad: Array, k: int) -> Array:
    """Gradient of the kernel: dw[k] = sum_t rows[t + k]^T @ grad[t], phase by phase."""
    xp = array_namespace(rows)
    t, c = rows.shape
    n, f = -(-t // k), grad.shape[1]
    flat = xp.reshape(pad_axis(rows, 0, n * k + k - t, axis=0), ((n * k + k) * c,))
    by_phase = xp.reshape(pad_axis(grad, 0, n * k - t, axis=0), (n, k, f))
    total = xp.zeros((k * c, f), dtype=grad.dtype, device=device_of(grad))
    for r in range(k):
        windows = xp.reshape(flat[r * c : (r + n * k) * c], (n, k * c))
        total = total + xp.matrix_transpose(windows) @ by_phase[:, r, :]
    return xp.reshape(total, (k, c, f))


def conv1d_phases(x: Array, w: Array) -> tuple[Array, ConvPullback]:
    """The correlation by phases, for stride and dilation 1."""
    xp = array_namespace(x)
    n, length, c = x.shape
    k, _, f = w.shape
    rows = xp.reshape(x, (n * length, c))
    y = xp.reshape(_correlate_rows(rows, w), (n, length, f))[:, : length - k + 1, :]

    def pullback(grad: Array, need_x: bool = True, need_w: bool = True) -> tuple[Array | None, Array | None]:
        # y[t] = sum_k rows[t+k] w[k]  =>  dw[k] = sum_t rows[t+k]^T g[t],  dx[t] = sum_k g[t-k] w[k]^T;
        # the rows of g that straddle two sequences are zero, so sequences need no separate treatment
        g = xp.reshape(pad_axis(grad, 0, k - 1), (n * length, f))
        grad_w = _correlate_rows_grad_w(rows, g, k) if need_w else None
        if not need_x:
            return None, grad_w
        transposed = xp.permute_dims(xp.flip(w, axis=0), (0, 2, 1))
        grad_x = _correlate_rows(pad_axis(g, k - 1, 0, axis=0), transposed)[: n * length, :]
        return xp.reshape(grad_x, (n, length, c)), grad_w

    return y, pullback


def _tap(x: Array, reach: Reach, k: int) -> Array:
    """The rows of x under kernel position k, as a matrix (N Lo, C)."""
    count = reach.outputs(x.shape[1])
    return array_namespace(x).reshape(x[:, reach.tap(k, count), :], (x.shape[0] * count, x.shape[2]))


def _correlate_taps(x: Array, w: Array, reach: Reach) -> Array:
    total = _tap(x, reach, 0) @ w[0, :, :]
    for k in range(1, reach.kernel):
        total = total + _tap(x, reach, k) @ w[k, :, :]
    return array_namespace(x).reshape(total, (x.shape[0], reach.outputs(x.shape[1]), w.shape[2]))


def _spread(grad: Array, stride: int) -> Array:
    """grad with stride - 1 zeros between positions, the gradient of taking every stride-th position."""
    if stride == 1:
        return grad
    xp = array_namespace(grad)
    n, count, f = grad.shape
    gaps = xp.zeros((n, count, stride - 1, f), dtype=grad.dtype, device=device_of(grad))
    spread = xp.concat([grad[:, :, None, :], gaps], axis=2)
    return xp.reshape(spread, (n, count * stride, f))[:, : (count - 1) * stride + 1, :]


def conv1d_taps(x: Array, w: Array, stride: int = 1, dilation: int = 1) -> tuple[Array, ConvPullback]:
    """The correlation by kernel positions, for any stride and dilation."""
    xp = array_namespace(x)
    n, length, _ = x.shape
    kernel_size, _, f = w.shape
    reach = Reach(kernel_size, stride, dilation)
    count = reach.outputs(length)

    def pullback(grad: Array, need_x: bool = True, need_w: bool = True) -> tuple[Array | None, Array | None]:
        # y[l] = sum_k x[l s + k d] w[k]  =>  dw[k] = sum_l x[l s + k d]^T g[l], and dx is the full
        # correlation of g, spread by the stride, with the reversed, transposed kernel
        g, grad_w = xp.reshape(grad, (n * count, f)), None
        if need_w:
            grad_w = xp.stack([xp.matrix_transpose(_tap(x, reach, k)) @ g for k in range(kernel_size)])
        if not need_x:
            return None, grad_w
        spread = _spread(grad, stride)
        padded = pad_axis(spread, reach.span - 1, length - spread.shape[1])
        transposed = xp.permute_dims(xp.flip(w, axis=0), (0, 2, 1))
        return _correlate_taps(padded, transposed, Reach(kernel_size, dilation=dilation)), grad_w

    return _correlate_taps(x, w, reach), pullback


@operation
def conv1d_max(
    x: Array, w: Array, stride: int = 1, dilation: int = 1, workers: Workers = ALONE
) -> tuple[Array, Array]:
    """Maximum of the correlation, max_l y[n, l, f], and the first l where it is reached; ``workers`` may share it.

        y[n, l, f] = sum_{k, c} w[k, c, f] x[n, l stride + k dilation, c]

    Shapes
    ------
    x : (N, L, C);  w : (K, C, F);  both results : (N, F), the second of integers
    """
    xp = array_namespace(x)
    y, _ = conv1d_vjp(x, w, stride, dilation, workers)
    return xp.max(y, axis=1), xp.argmax(y, axis=1)


@operation
def conv1d_max_grad_w(
    x: Array, positions: Array, grad: Array, kernel_size: int, stride: int = 1, dilation: int = 1
) -> Array:
    """Gradient of the kernel for ``conv1d_max``, with l(n, f) the positions of the maxima.

        dw[k, c, f] = sum_n g[n, f] x[n, l(n, f) stride + k dilation, c]

    Only the winning windows count: a sum over N F windows of K C values, where a full correlation's runs over N L F.

    Shapes
    ------
    x : (N, L, C);  positions, grad : (N, F);  dw : (K, C, F)
    """
    xp = array_namespace(x)
    n, length, c = x.shape
    f = grad.shape[1]
    kind, device = positions.dtype, device_of(x)
    rows = xp.reshape(x, (n * length, c))
    first = xp.arange(n, dtype=kind, device=device)[:, None] * length + positions * stride
    taps = xp.arange(kernel_size, dtype=kind, device=device) * dilation
    at = xp.reshape(first[:, :, None] + taps, (n * f * kernel_size,))
    windows = xp.reshape(xp.take(rows, at, axis=0), (n, f, kernel_size * c))
    total = xp.sum(windows * grad[:, :, None], axis=0)
    return xp.permute_dims(xp.reshape(total, (f, kernel_size, c)), (1, 2, 0))


@operation
def conv1d_max_grad_x(
    w: Array, positions: Array, grad: Array, length: int, stride: int = 1, dilation: int = 1
) -> Array:
    """Gradient of x for ``conv1d_max``: each maximum gives g[n, f] w[:, :, f] to the window that it came from.

    Shapes
    ------
    w : (K, C, F);  positions, grad : (N, F);  dx : (N, length, C)
    """
    xp = array_namespace(grad)
    shape = (positions.shape[0], length, w.shape[1])
    # y is linear in x: its pullback is the same at zeros
    y, back = conv1d_vjp(xp.zeros(shape, dtype=grad.dtype, device=device_of(grad)), w, stride, dilation)
    return back(spread_to_positions(positions, grad, y.shape[1]), True, False)[0]


@operation
def conv1d_hits(x: Array, w: Array, limits: Array, most: int) -> Array:
    """Hits of a motif scan: where the correlation along one long sequence reaches its filter's limit.

        y[l, f] = sum_{k, c} w[k, c, f] x[0, l + k, c] >= limits[f]

    The result is the number of hits, then their places l F + f in any order, then what has no meaning. Of more than
    ``most`` hits only some are there, and the result has no more entries than that number.

    Shapes
    ------
    x : (1, L, C);  w : (K, C, F);  limits : (F,);  result : (1 + m,) of integers
    """
    xp = array_namespace(x)
    y, _ = conv1d_vjp(x, w)
    reached = xp.reshape(xp.astype(y[0, :, :] >= limits, xp.int32), (-1,))
    up_to = xp.cumulative_sum(reached, dtype=xp.int32)
    wanted = xp.arange(1, 1 + min(most, reached.shape[0]), dtype=xp.int32, device=device_of(x))
    # the first place where the running number of hits is i is that of the i-th; a hit that is not there has the size
    places = xp.astype(xp.searchsorted(up_to, wanted), xp.int32)
    return xp.concat([up_to[-1:], places])


def spread_to_positions(positions: Array, grad: Array, count: int) -> Array:
    """The gradient with respect to y, (N, count, F): g at the positions of the maxima, 0 elsewhere."""
    xp, device = array_namespace(grad), device_of(grad)
    steps = xp.reshape(xp.arange(count, dtype=positions.dtype, device=device), (1, count, 1))
    zero = xp.zeros((), dtype=grad.dtype, device=device)
    return xp.where(positions[:, None, :] == steps, grad[:, None, :], zero)
