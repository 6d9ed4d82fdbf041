"""One-dimensional cross-correlation as matrix products, with both gradients.

Arrays are channels-last: x (N, L, C), w (K, C, F) -> y (N, Lo, F), with
Lo = (L - (K - 1) dilation - 1) // stride + 1.
Two algorithms, chosen by shape:

phases
    The batch is one long sequence of N L rows. Rows r, r + K, r + 2K, ... of its im2col matrix are the
    memory from r C on, reshaped; so the correlation is K large products without a copy of the windows.
    Windows that straddle two sequences are computed and cut off. Stride and dilation 1.
taps
    One product for each kernel position: y = sum_k x[k dilation :: stride] @ w[k]. Any stride and dilation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array
from genoml.ops._dispatch import operation
from genoml.ops.windows import Reach

#: grad (N, Lo, F) -> (grad_x or None, grad_w)
ConvPullback: TypeAlias = Callable[..., tuple[Array | None, Array]]
Algorithm: TypeAlias = Literal["phases", "taps"]


def choose_algorithm(length: int, kernel_size: int, stride: int, dilation: int) -> Algorithm:
    """``phases`` where it applies; ``taps`` for strides, dilations, and kernels that span the sequence.

    Phases computes ``length`` positions where ``length - kernel_size + 1`` are wanted, which is waste once
    the kernel is longer than half the sequence.
    """
    if stride == 1 and dilation == 1 and 2 * kernel_size <= length + 1:
        return "phases"
    return "taps"


@operation
def conv1d_vjp(x: Array, w: Array, stride: int = 1, dilation: int = 1) -> tuple[Array, ConvPullback]:
    """Cross-correlation and its pullback.

        y[n, l, f] = sum_{k, c} w[k, c, f] x[n, l stride + k dilation, c]

    Shapes
    ------
    x : (N, L, C);  w : (K, C, F);  y and grad : (N, Lo, F)
    """
    if choose_algorithm(x.shape[1], w.shape[0], stride, dilation) == "phases":
        return conv1d_phases(x, w)
    return conv1d_taps(x, w, stride, dilation)


def grouped_conv1d_vjp(
    x: Array, w: Array, groups: int, stride: int = 1, dilation: int = 1
) -> tuple[Array, ConvPullback]:
    """The correlation of each block of channels with its own kernels, group by group.

    Shapes
    ------
    x : (N, L, C);  w : (K, C / groups, F), kernels in the order of their groups;  y and grad : (N, Lo, F)
    """
    if groups == 1:
        return conv1d_vjp(x, w, stride, dilation)  # type: ignore[no-any-return]
    xp, c, f = array_namespace(x), w.shape[1], w.shape[2] // groups
    outputs, pullbacks = [], []
    for g in range(groups):
        part, kernels = x[:, :, g * c : (g + 1) * c], w[:, :, g * f : (g + 1) * f]
        y, back = conv1d_vjp(part, kernels, stride, dilation)
        outputs.append(y)
        pullbacks.append(back)

    def pullback(grad: Array, need_x: bool = True) -> tuple[Array | None, Array]:
        # the groups share neither channels nor kernels, so their gradients stand side by side
        parts = [back(grad[:, :, g * f : (g + 1) * f], need_x) for g, back in enumerate(pullbacks)]
        grad_x = xp.concat([part[0] for part in parts], axis=2) if need_x else None
        return grad_x, xp.concat([part[1] for part in parts], axis=2)

    return xp.concat(outputs, axis=2), pullback


# ---------------------------------------------------------------- phases


def pad_rows(rows: Array, before: int, after: int) -> Array:
    """(T, C) -> (before + T + after, C), with zeros."""
    xp = array_namespace(rows)
    zeros = [
        xp.zeros((count, rows.shape[1]), dtype=rows.dtype, device=device_of(rows))
        for count in (before, after)
    ]
    parts = ([zeros[0]] if before else []) + [rows] + ([zeros[1]] if after else [])
    return rows if len(parts) == 1 else xp.concat(parts, axis=0)


def _correlate_rows(rows: Array, w: Array) -> Array:
    """rows (T, C) -> y (T, F), y[t] = sum_k rows[t + k] @ w[k], with zeros past the end."""
    xp = array_namespace(rows)
    (t, c), (k, _, f) = rows.shape, w.shape
    n = -(-t // k)
    flat = xp.reshape(pad_rows(rows, 0, n * k + k - t), ((n * k + k) * c,))
    kernel = xp.reshape(w, (k * c, f))
    phases = [xp.reshape(flat[r * c : (r + n * k) * c], (n, k * c)) @ kernel for r in range(k)]
    return xp.reshape(xp.stack(phases, axis=1), (n * k, f))[:t, :]


def _correlate_rows_grad_w(rows: Array, grad: Array, k: int) -> Array:
    """dw[k] = sum_t rows[t + k]^T @ grad[t], phase by phase."""
    xp = array_namespace(rows)
    (t, c), f = rows.shape, grad.shape[1]
    n = -(-t // k)
    flat = xp.reshape(pad_rows(rows, 0, n * k + k - t), ((n * k + k) * c,))
    by_phase = xp.reshape(pad_rows(grad, 0, n * k - t), (n, k, f))
    total = xp.zeros((k * c, f), dtype=grad.dtype, device=device_of(grad))
    for r in range(k):
        windows = xp.reshape(flat[r * c : (r + n * k) * c], (n, k * c))
        total = total + xp.matrix_transpose(windows) @ by_phase[:, r, :]
    return xp.reshape(total, (k, c, f))


def conv1d_phases(x: Array, w: Array) -> tuple[Array, ConvPullback]:
    """The correlation by phases; stride and dilation 1."""
    xp = array_namespace(x)
    (n, length, c), (k, _, f) = x.shape, w.shape
    rows = xp.reshape(x, (n * length, c))
    y = xp.reshape(_correlate_rows(rows, w), (n, length, f))[:, : length - k + 1, :]

    def pullback(grad: Array, need_x: bool = True) -> tuple[Array | None, Array]:
        # y[t] = sum_k rows[t+k] w[k]  =>  dw[k] = sum_t rows[t+k]^T g[t],  dx[t] = sum_k g[t-k] w[k]^T;
        # the rows of g that straddle two sequences are zero, so no window needs to know where one ends
        tail = xp.zeros((n, k - 1, f), dtype=grad.dtype, device=device_of(grad))
        g = xp.reshape(xp.concat([grad, tail], axis=1), (n * length, f))
        grad_w = _correlate_rows_grad_w(rows, g, k)
        if not need_x:
            return None, grad_w
        transposed = xp.permute_dims(xp.flip(w, axis=0), (0, 2, 1))
        grad_x = _correlate_rows(pad_rows(g, k - 1, 0), transposed)[: n * length, :]
        return xp.reshape(grad_x, (n, length, c)), grad_w

    return y, pullback


# ---------------------------------------------------------------- taps


def _tap(x: Array, reach: Reach, k: int) -> Array:
    """The rows that kernel position k meets, as a matrix (N Lo, C)."""
    count = reach.outputs(x.shape[1])
    return array_namespace(x).reshape(x[:, reach.tap(k, count), :], (x.shape[0] * count, x.shape[2]))


def _correlate_taps(x: Array, w: Array, reach: Reach) -> Array:
    total = _tap(x, reach, 0) @ w[0, :, :]
    for k in range(1, reach.kernel):
        total = total + _tap(x, reach, k) @ w[k, :, :]
    return array_namespace(x).reshape(total, (x.shape[0], reach.outputs(x.shape[1]), w.shape[2]))


def _spread(grad: Array, stride: int) -> Array:
    """Put stride - 1 zeros between positions: the gradient of taking every stride-th one."""
    if stride == 1:
        return grad
    xp = array_namespace(grad)
    n, count, f = grad.shape
    gaps = xp.zeros((n, count, stride - 1, f), dtype=grad.dtype, device=device_of(grad))
    spread = xp.concat([grad[:, :, None, :], gaps], axis=2)
    return xp.reshape(spread, (n, count * stride, f))[:, : (count - 1) * stride + 1, :]


def conv1d_taps(x: Array, w: Array, stride: int = 1, dilation: int = 1) -> tuple[Array, ConvPullback]:
    """The correlation by kernel positions; any stride and dilation."""
    xp = array_namespace(x)
    (n, length, _), (kernel_size, _, f) = x.shape, w.shape
    reach = Reach(kernel_size, stride, dilation)
    count = reach.outputs(length)

    def pullback(grad: Array, need_x: bool = True) -> tuple[Array | None, Array]:
        # y[l] = sum_k x[l s + k d] w[k]  =>  dw[k] = sum_l x[l s + k d]^T g[l], and dx is the full
        # correlation of g, spread by the stride, with the reversed, transposed kernel
        g = xp.reshape(grad, (n * count, f))
        grad_w = xp.stack([xp.matrix_transpose(_tap(x, reach, k)) @ g for k in range(kernel_size)])
        if not need_x:
            return None, grad_w
        spread, before = _spread(grad, stride), reach.span - 1
        ends = [
            xp.zeros((n, size, f), dtype=grad.dtype, device=device_of(grad))
            for size in (before, length - spread.shape[1])
        ]
        padded = xp.concat([ends[0], spread, ends[1]], axis=1)
        transposed = xp.permute_dims(xp.flip(w, axis=0), (0, 2, 1))
        return _correlate_taps(padded, transposed, Reach(kernel_size, dilation=dilation)), grad_w

    return _correlate_taps(x, w, reach), pullback
