"""The largest value of a correlation, its place, and the gradient through it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml import nn
from genoml.backend import Backend
from genoml.nn.fused import fused_vjp
from genoml.ops.conv1d import (
    conv1d_max,
    conv1d_max_grad_w,
    conv1d_max_grad_x,
    conv1d_vjp,
    spread_to_positions,
)
from genoml.ops.windows import Reach
from genoml_numpy import NumpyBackend
from support.backends import has_float64
from support.guard import no_host_read
from support.operations import LAYOUTS, laid_out

TWIN = NumpyBackend().twins["conv1d_max"]


def whole_numbers(shape: tuple[int, ...], seed: int, high: int = 3) -> np.ndarray:
    """Values whose sums are exact, so that ties are ties in any order of summation."""
    return np.random.default_rng(seed).integers(-high, high + 1, shape).astype(np.float32)


@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 3)])
def test_it_is_the_maximum_of_the_correlation_and_its_first_place(
    stride: int, dilation: int, backend: Backend
) -> None:
    x, w = whole_numbers((3, 40, 4), 0), whole_numbers((5, 4, 6), 1)
    y, _ = conv1d_vjp.standard(x, w, stride, dilation)
    device_x, device_w = backend.asarray(x), backend.asarray(w)
    with no_host_read(backend):
        values, positions = conv1d_max(device_x, device_w, stride, dilation)
    np.testing.assert_array_equal(backend.to_numpy(values), y.max(axis=1))
    np.testing.assert_array_equal(backend.to_numpy(positions), y.argmax(axis=1))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_numpys_twin_equals_the_standard_version(data: st.DataObject) -> None:
    k, extra = data.draw(st.integers(1, 9)), data.draw(st.integers(0, 70))
    shape = (data.draw(st.integers(0, 6)), k + extra, data.draw(st.integers(1, 4)))
    layout = data.draw(st.sampled_from(LAYOUTS))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    x = np.round(laid_out(rng, shape, np.float32, layout))
    w = whole_numbers((k, shape[2], data.draw(st.integers(1, 5))), 3, high=1)
    got = TWIN(x, w)
    if got is NotImplemented:
        assert extra < 40 or shape[0] == 0
        return
    for found, expected in zip(got, conv1d_max.standard(x, w), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_seen_by_numpys_twin(value: float) -> None:
    x, w = whole_numbers((2, 40, 1), 0), np.ones((1, 1, 1), np.float32)
    x[1, 33] = value
    values, positions = TWIN(x, w)
    np.testing.assert_array_equal(values[:, 0], x[:, :, 0].max(axis=1))
    np.testing.assert_array_equal(positions[:, 0], x[:, :, 0].argmax(axis=1))


@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (3, 1), (2, 2)])
def test_both_gradients_are_those_of_the_full_correlation(
    stride: int, dilation: int, backend: Backend
) -> None:
    dtype = "float64" if has_float64(backend) else "float32"
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((4, 30, 3)), rng.standard_normal((4, 3, 5))
    grad, count = rng.standard_normal((4, 5)), Reach(4, stride, dilation).outputs(30)
    _, positions = conv1d_max(*(backend.asarray(a, dtype) for a in (x, w)), stride, dilation)
    device_x, device_grad = backend.asarray(x, dtype), backend.asarray(grad, dtype)
    with no_host_read(backend):
        found = conv1d_max_grad_w(device_x, positions, device_grad, 4, stride, dilation)
        dense = spread_to_positions(positions, device_grad, count)
    _, pullback = conv1d_vjp.standard(x, w, stride, dilation)
    wanted = pullback(backend.to_numpy(dense).astype(np.float64))
    grad_x = conv1d_max_grad_x(backend.asarray(w, dtype), positions, device_grad, 30, stride, dilation)
    rtol = 1e-12 if has_float64(backend) else 1e-5
    for got, expected in zip((grad_x, found), wanted, strict=True):
        np.testing.assert_allclose(backend.to_numpy(got), expected, rtol=rtol, atol=rtol)


# ------------------------------------------------------------ two layers as one

CONVOLUTIONS = [
    {},
    {"activation": None},
    {"bias": False},
    {"padding": "same"},
    {"stride": 3, "padding": 2},
    {"dilation": 2},
    {"activation": "sigmoid"},
    {"groups": 2},
]


@pytest.mark.parametrize("need_x", [True, False])
@pytest.mark.parametrize("options", CONVOLUTIONS, ids=str)
def test_sequential_gives_the_numbers_of_the_two_layers(
    options: dict[str, object], need_x: bool, backend: Backend
) -> None:
    dtype = "float64" if has_float64(backend) else "float32"
    conv = nn.Conv1D(4, 6, 5, **options, dtype=dtype)  # type: ignore[arg-type]
    pool = nn.GlobalMaxPool1D(dtype=dtype)
    rng = np.random.default_rng(0)
    x = backend.asarray(rng.standard_normal((3, 4, 37)), dtype)
    grad = backend.asarray(rng.standard_normal((3, 6)), dtype)
    between, back_conv = conv.vjp(x)
    expected, back_pool = pool.vjp(between)
    middle, _ = back_pool(grad)
    grad_x, grads = back_conv(middle, need_x=need_x)
    found, pullback = nn.Sequential([conv, pool]).vjp(x)
    found_x, found_grads = pullback(grad, need_x=need_x)
    close = {"rtol": 1e-11, "atol": 1e-11} if has_float64(backend) else {"rtol": 1e-4, "atol": 1e-4}
    pairs = {"y": (found, expected)} | {n: (found_grads[f"0.{n}"], value) for n, value in grads.items()}
    if need_x:
        pairs["x"] = found_x, grad_x
    else:
        assert found_x is None
    assert len(found_grads) == len(grads)
    for name, (got, wanted) in pairs.items():
        np.testing.assert_allclose(backend.to_numpy(got), backend.to_numpy(wanted), err_msg=name, **close)


def test_a_filter_that_is_silent_everywhere_gets_no_gradient() -> None:
    model = nn.Sequential([nn.Conv1D(4, 2, 3), nn.GlobalMaxPool1D()])
    model.params["0.bias"] = np.array([-100.0, 0.0], np.float32)
    x = np.random.default_rng(0).standard_normal((2, 4, 20)).astype(np.float32)
    y, pullback = model.vjp(x)
    _, grads = pullback(np.ones_like(y))
    assert np.all(y[:, 0] == 0.0)
    assert not grads["0.weights"][0].any()
    assert grads["0.weights"][1].any()


def test_only_the_plain_layers_are_joined() -> None:
    pool = nn.GlobalMaxPool1D()
    assert fused_vjp([nn.Conv1D(4, 2, 3), pool]) is not None
    assert fused_vjp([nn.Conv1D(64, 2, 3), pool]) is None
    assert fused_vjp([nn.Conv1D(4, 2, 3, activation="tanh"), pool]) is None
