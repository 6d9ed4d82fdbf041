"""Convolution and pooling against PyTorch's own, over random shapes; and how accurate single precision is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml.ops.conv1d import conv1d_phases, conv1d_taps, conv1d_vjp
from genoml.ops.pool1d import max_pool1d_vjp
from parity.counterparts_ops import torch_conv

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]


def sample(seed: int, x: tuple[int, ...], w: tuple[int, ...], stride: int = 1, dilation: int = 1) -> Arrays:
    rng = np.random.default_rng(seed)
    count = (x[1] - (w[0] - 1) * dilation - 1) // stride + 1
    return tuple(rng.standard_normal(shape) for shape in (x, w, (x[0], count, w[2])))  # type: ignore[return-value]


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 3), st.integers(0, 15), st.integers(1, 7), st.integers(1, 4), st.integers(1, 4),
    st.integers(1, 4), st.integers(1, 3), st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_convolution_equals_pytorchs(
    batch: int, extra: int, kernel: int, channels: int, filters: int, stride: int, dilation: int, seed: int
) -> None:
    length = (kernel - 1) * dilation + 1 + extra
    x, w, grad = sample(seed, (batch, length, channels), (kernel, channels, filters), stride, dilation)
    expected = torch_conv(x, w, grad, stride, dilation)
    y, pullback = conv1d_vjp(x, w, stride, dilation)
    for got, value in zip((y, *pullback(grad)), expected, strict=True):
        np.testing.assert_allclose(got, value, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("run", [conv1d_vjp, conv1d_phases, conv1d_taps], ids=["numpy", "phases", "taps"])
@pytest.mark.parametrize(
    ("x_shape", "w_shape"),
    [((8, 300, 4), (15, 4, 32)), ((4, 120, 64), (7, 64, 48)), ((16, 200, 32), (5, 32, 16))],
)
def test_single_precision_is_at_most_4_times_less_accurate_than_pytorchs(
    x_shape: tuple[int, ...], w_shape: tuple[int, ...], run: object
) -> None:
    exact = sample(1, x_shape, w_shape)
    single = tuple(a.astype(np.float32) for a in exact)
    expected = torch_conv(*(a.astype(np.float64) for a in single))
    theirs = torch_conv(*single)
    y, pullback = run(single[0], single[1])  # type: ignore[operator]
    ours = (y, *pullback(single[2]))
    for name, got, other, value in zip(("y", "grad_x", "grad_w"), ours, theirs, expected, strict=True):
        assert got.dtype == np.float32
        scale = np.sqrt(np.mean(value**2))
        mine, pytorchs = (np.sqrt(np.mean((a - value) ** 2)) / scale for a in (got, other))
        assert mine <= 4.0 * pytorchs, f"{name}: {mine:.2e}, PyTorch {pytorchs:.2e}"


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 3), st.integers(1, 20), st.integers(1, 3), st.integers(1, 5), st.integers(1, 5),
    st.integers(0, 2**32 - 1), st.booleans(), st.booleans(),
)  # fmt: skip
def test_max_pooling_with_ties_equals_pytorchs(
    batch: int, extra: int, channels: int, size: int, stride: int, seed: int, ties: bool, ceil_mode: bool
) -> None:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((batch, size + extra, channels))
    x = np.round(x) if ties else x
    leaf = torch.tensor(x.transpose(0, 2, 1).copy(), requires_grad=True)
    expected = F.max_pool1d(leaf, size, stride, ceil_mode=ceil_mode)
    grad = rng.standard_normal(tuple(expected.shape))
    expected.backward(torch.tensor(grad))
    y, pullback = max_pool1d_vjp(x, size, stride, ceil_mode)
    np.testing.assert_array_equal(y.transpose(0, 2, 1), expected.detach())
    grad_x = pullback(np.ascontiguousarray(grad.transpose(0, 2, 1)))
    np.testing.assert_allclose(grad_x.transpose(0, 2, 1), leaf.grad, rtol=1e-12, atol=1e-13)
