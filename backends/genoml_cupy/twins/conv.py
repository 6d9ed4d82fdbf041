"""Convolution as products over the memory of x, without windows copied and without a launch a kernel position.

A batch is one matrix of N L rows, C wide. The windows of rows r, r + K, r + 2 K, ... are then a matrix as they lie,
K C wide: K products, one a phase, are one strided batch. The windows at position l of all examples are a matrix too, of
rows L C apart: one product a position, for kernels so long that whole phases would mostly compute what straddles two
examples. A kernel position alone is C wide: dilated kernels add up K products, and each gives its own part of the
kernel's gradient. Where K is large, rows t, t + d, t + 2 d, ... are copied one behind the other, for which a dilation
of d is none.
"""

from __future__ import annotations

from typing import Any

from genoml.backend import Array
from genoml.ops.windows import Reach
from genoml.parallel import ALONE, Workers
from genoml_cupy.launch import Kernels, Matrix
from genoml_cupy.twins._arguments import MOST, covered, ints, real, strides, tiles
from genoml_cupy.twins._margins import within_zeros

#: Narrowest x whose kernel's gradient is made a kernel position at a time; below it a product would be too thin.
_WIDE = 16
#: Fewest positions of a dilated kernel for which rows are put in another order: at most three copies, for K products.
_MANY = 8


def conv1d_vjp(
    kernels: Kernels, x: Array, w: Array, stride: int = 1, dilation: int = 1, workers: Workers = ALONE
) -> Any:
    """See genoml.ops.conv1d.conv1d_vjp; covers stride 1."""
    n, length, c = x.shape
    k = w.shape[0]
    gap = Reach(k, 1, dilation).span - 1
    if stride != 1 or not covered(x, w) or gap >= length or 2 * n * length >= MOST:
        return NotImplemented
    xp = kernels.xp
    rows = xp.ascontiguousarray(x).reshape(n * length, c)
    kernel = xp.ascontiguousarray(w)
    y = _correlate(kernels, rows, kernel, n, length, dilation)

    def pullback(grad: Array, need_x: bool = True, need_w: bool = True) -> tuple[Array | None, Array | None]:
        # y[t] = sum_k rows[t + k d] w[k]  =>  dw[k] = sum_t rows[t + k d]^T g[t],  dx[t] = sum_k g[t - k d] w[k]^T;
        # the rows of g that straddle two examples are zero, and so are those before the first
        padded = within_zeros(kernels, grad, gap)
        grad_w = _grad_w(kernels, rows, padded[gap:], k, dilation) if need_w else None
        if not need_x:
            return None, grad_w
        turned = xp.ascontiguousarray(kernel[::-1].transpose(0, 2, 1))
        grad_x = _correlate_rows(kernels, padded, turned, dilation, n * length)
        return grad_x.reshape(n, length, c), grad_w

    return y, pullback


def pad_axis(
    kernels: Kernels, x: Array, before: int, after: int, value: float = 0.0, *, axis: int = 1
) -> Any:
    """See genoml.ops.arrays.pad_axis; covers the length of (N, L, C), or of (N, C, L) in the memory of the former."""
    if x.ndim != 3 or axis not in (1, 2) or not before + after or not covered(x):
        return NotImplemented
    rows = x if axis == 1 else x.transpose(0, 2, 1)
    n, count, channels = rows.shape
    length = before + count + after
    if 2 * n * length >= MOST or (axis == 2 and rows.strides[2] != x.dtype.itemsize):
        return NotImplemented
    out = kernels.xp.empty((n, length, channels), dtype=x.dtype)
    kernels.launch(
        "conv", "pad_rows", x.dtype, *tiles(n * length, channels), rows, *strides(rows),
        *ints(n, count, channels, 0, before, length), real(x.dtype, value), out,
    )  # fmt: skip
    return out if axis == 1 else out.transpose(0, 2, 1)


def _correlate(kernels: Kernels, rows: Array, w: Array, n: int, length: int, dilation: int) -> Array:
    """(n, outputs, F) of rows (n length, C)."""
    k, c, f = w.shape
    count = length - (k - 1) * dilation
    if dilation == 1 and k > 1 and 2 * k > length + 1:
        # y[:, l] = x[:, l : l + K] w, a product a position
        y = kernels.xp.empty((n, count, f), dtype=rows.dtype)
        kernels.product(
            n,
            f,
            k * c,
            Matrix(rows, length * c, step=c),
            Matrix(w, f),
            Matrix(y, count * f, step=f),
            batch=count,
        )
        return y
    # the last rows stay unwritten: they straddle the end, and are not part of the view
    y = _correlate_rows(kernels, rows, w, dilation, n * length)
    return y.reshape(n, length, f)[:, :count]


def _correlate_rows(kernels: Kernels, rows: Array, w: Array, dilation: int, total: int) -> Array:
    """y[t] = sum_k rows[t + k dilation] w[k] of as many rows t as there are all of, in a matrix (total, F)."""
    k, c, f = w.shape
    if dilation > 1 and k >= _MANY:
        return _apart(kernels, rows, w, dilation)[:total]
    count, y = rows.shape[0] - (k - 1) * dilation, kernels.xp.empty((total, f), dtype=rows.dtype)
    if dilation > 1:
        for tap in range(k):
            at = Matrix(rows, c, tap * dilation * c)
            kernels.product(count, f, c, at, Matrix(w, f, tap * c * f), Matrix(y, f), beta=float(tap > 0))
        return y
    whole = count // k * k
    if whole:
        kernels.product(
            whole // k, f, k * c, Matrix(rows, k * c, step=c), Matrix(w, f), Matrix(y, k * f, step=f), batch=k
        )
    if count > whole:  # less than one row a phase: each window alone, or as rows of their own where k is 1
        at, out = Matrix(rows, k * c, whole * c, c), Matrix(y, f, whole * f, f)
        kernels.product(1, f, k * c, at, Matrix(w, f), out, batch=count - whole)
    return y


def _apart(kernels: Kernels, rows: Array, w: Array, dilation: int) -> Array:
    """The same of rows in the order of their phases: row q d + p is at p T + q, of T rows a phase."""
    xp, (total, c), f = kernels.xp, rows.shape, w.shape[2]
    whole, left = divmod(total, dilation)
    each = whole + (left > 0)
    phases = xp.empty((dilation, each, c), dtype=rows.dtype)
    phases[:, :whole] = rows[: whole * dilation].reshape(whole, dilation, c).transpose(1, 0, 2)
    if left:
        phases[:left, whole] = rows[whole * dilation :]
    y = _correlate_rows(kernels, phases.reshape(dilation * each, c), w, 1, dilation * each)
    return xp.ascontiguousarray(y.reshape(dilation, each, f).transpose(1, 0, 2)).reshape(each * dilation, f)


def _grad_w(kernels: Kernels, rows: Array, grad: Array, k: int, dilation: int) -> Array:
    """dw[k] = sum_t rows[t + k dilation]^T grad[t]."""
    xp, c, f = kernels.xp, rows.shape[1], grad.shape[1]
    count = rows.shape[0] - (k - 1) * dilation
    if c >= _WIDE or dilation > 1 or k == 1:
        grad_w = xp.empty((k, c, f), dtype=rows.dtype)
        taps = Matrix(rows, c, step=dilation * c, turned=True)
        kernels.product(c, f, count, taps, Matrix(grad, f), Matrix(grad_w, f, step=c * f), batch=k)
        return grad_w
    # windows (K C) of each phase, and those that are left one by one: shares of the gradient, which are added up
    each, left = divmod(count, k)
    shares = xp.empty(((k if each else 0) + left, k * c, f), dtype=rows.dtype)
    if each:
        kernels.product(
            k * c, f, each, Matrix(rows, k * c, step=c, turned=True), Matrix(grad, k * f, step=f),
            Matrix(shares, f, step=k * c * f), batch=k,
        )  # fmt: skip
    if left:
        done = each * k
        kernels.product(
            k * c, f, 1, Matrix(rows, k * c, done * c, c, turned=True), Matrix(grad, f, done * f, f),
            Matrix(shares, f, (k * k * c * f) if each else 0, k * c * f), batch=left,
        )  # fmt: skip
    return shares.sum(axis=0).reshape(k, c, f)
