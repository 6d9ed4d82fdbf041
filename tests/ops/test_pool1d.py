"""Max pooling against a plain loop, NumPy's twin against the standard version; ties, overlaps, gaps, NaN."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml.backend import Backend
from genoml.ops.pool1d import average_pool1d_vjp, global_max_vjp, max_pool1d_vjp
from genoml.ops.windows import Reach
from genoml_numpy import NumpyBackend
from support.backends import has_float64
from support.guard import no_host_read
from support.operations import LAYOUTS, assert_close, laid_out, loop_max_pool

TWINS = NumpyBackend().twins


class Case(NamedTuple):
    batch: int
    windows: int
    rest: int  # positions behind the last whole window
    channels: int
    size: int
    stride: int
    seed: int
    dtype: Any
    ties: bool
    x_layout: str
    grad_layout: str

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """x and the output's gradient; with ties, x takes three values only."""
        rng = np.random.default_rng(self.seed)
        length = (self.windows - 1) * self.stride + self.size + min(self.rest, self.stride - 1)
        x = laid_out(rng, (self.batch, length, self.channels), self.dtype, self.x_layout)
        if self.ties:
            x = np.sign(np.round(x))
        return x, laid_out(rng, (self.batch, self.windows, self.channels), self.dtype, self.grad_layout)


CASES = st.builds(
    Case,
    batch=st.integers(0, 3),
    windows=st.integers(1, 6),
    rest=st.integers(0, 4),
    channels=st.integers(1, 4),
    size=st.integers(1, 6),
    stride=st.integers(1, 6),
    seed=st.integers(0, 2**32 - 1),
    dtype=st.sampled_from([np.float32, np.float64]),
    ties=st.booleans(),
    x_layout=st.sampled_from(LAYOUTS),
    grad_layout=st.sampled_from(LAYOUTS),
)


def agree(case: Case, run: Any) -> None:
    x, grad = case.arrays()
    kept = x.copy(), grad.copy()
    x.flags.writeable = grad.flags.writeable = False
    expected_y, expected = loop_max_pool(x, grad, case.size, case.stride)
    y, pullback = run(x)
    np.testing.assert_array_equal(y, expected_y)
    assert y.dtype == case.dtype
    assert_close(pullback(grad), expected, case.dtype)
    assert_close(pullback(grad), expected, case.dtype, "called again")
    np.testing.assert_array_equal(x, kept[0])
    np.testing.assert_array_equal(grad, kept[1])


@settings(max_examples=200, deadline=None)
@given(CASES)
def test_max_pooling_equals_the_loop(case: Case) -> None:
    agree(case, lambda x: max_pool1d_vjp.standard(x, case.size, case.stride))


@settings(max_examples=200, deadline=None)
@given(CASES)
def test_max_pooling_on_numpy_equals_the_loop(case: Case) -> None:
    agree(case, lambda x: max_pool1d_vjp(x, case.size, case.stride))


@settings(max_examples=200, deadline=None)
@given(CASES)
def test_numpys_twin_equals_the_loop(case: Case) -> None:
    case = case._replace(stride=case.size)  # windows side by side are what the twin serves
    assert TWINS["max_pool1d_vjp"](case.arrays()[0], case.size, case.size) is not NotImplemented
    agree(case, lambda x: TWINS["max_pool1d_vjp"](x, case.size, case.size))


@settings(max_examples=150, deadline=None)
@given(CASES)
def test_the_global_maximum_and_its_twin_equal_one_window_of_the_whole_length(case: Case) -> None:
    x, grad = case.arrays()
    grad = grad[:, 0, :]
    expected_y, expected = loop_max_pool(x, grad[:, None, :], x.shape[1], 1)
    for run in (global_max_vjp.standard, TWINS["global_max_vjp"]):
        y, pullback = run(x)
        np.testing.assert_array_equal(y, expected_y[:, 0, :])
        assert_close(pullback(grad), expected, case.dtype)


class CutOff(NamedTuple):
    """The parts of a case whose last window may reach past the end of the sequence."""

    length: int
    size: int
    stride: int
    seed: int
    ties: bool
    layout: str

    def starts(self) -> list[int]:
        """Windows begin until one of them reaches the end, and inside the sequence."""
        starts = [0]
        while starts[-1] + self.size < self.length and starts[-1] + self.stride < self.length:
            starts.append(starts[-1] + self.stride)
        return starts

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(self.seed)
        x = laid_out(rng, (2, self.length, 3), np.float64, self.layout)
        x = np.sign(np.round(x)) if self.ties else x
        return x, laid_out(rng, (2, len(self.starts()), 3), np.float64, self.layout)


CUT_OFF = st.builds(
    CutOff,
    length=st.integers(1, 12),
    size=st.integers(1, 6),
    stride=st.integers(1, 6),
    seed=st.integers(0, 2**32 - 1),
    ties=st.booleans(),
    layout=st.sampled_from(LAYOUTS),
)


@settings(max_examples=300, deadline=None)
@given(CUT_OFF)
def test_with_ceil_mode_a_last_window_is_cut_off_by_the_end(case: CutOff) -> None:
    assert Reach(case.size, case.stride, partial=True).outputs(case.length) == len(case.starts())
    x, grad = case.arrays()
    x.flags.writeable = grad.flags.writeable = False
    expected_y, expected = loop_max_pool(x, grad, case.size, case.stride)
    runs = [max_pool1d_vjp.standard, max_pool1d_vjp]
    runs += [TWINS["max_pool1d_vjp"]] if case.size == case.stride else []
    for run in runs:
        y, pullback = run(x, case.size, case.stride, True)
        np.testing.assert_array_equal(y, expected_y)
        for _ in range(2):
            assert_close(pullback(grad), expected, np.float64)


@settings(max_examples=150, deadline=None)
@given(CASES)
def test_average_pooling_equals_the_loop(case: Case) -> None:
    x, grad = case.arrays()
    expected_y, expected = np.zeros(grad.shape), np.zeros(x.shape)
    for window in range(case.windows):
        part = slice(window * case.stride, window * case.stride + case.size)
        expected_y[:, window] = x[:, part].mean(axis=1, dtype=np.float64)
        expected[:, part] += grad[:, window, None].astype(np.float64) / case.size
    y, pullback = average_pool1d_vjp(x, case.size, case.stride)
    assert_close(y, expected_y, case.dtype)
    assert_close(pullback(grad), expected, case.dtype)


POOLS = [(3, 3), (5, 2), (2, 3), (1, 1), (4, 1), (1, 3)]


@pytest.mark.parametrize(("size", "stride"), POOLS)
def test_every_backend_gives_the_first_of_equals_the_gradient(
    size: int, stride: int, backend: Backend
) -> None:
    dtype = "float64" if has_float64(backend) else "float32"
    host, grad = Case(2, 4, 2, 3, size, stride, 7, np.dtype(dtype), True, "contiguous", "contiguous").arrays()
    expected_y, expected = loop_max_pool(host, grad, size, stride)
    x, g = backend.asarray(host, dtype), backend.asarray(grad, dtype)
    with no_host_read(backend):
        y, pullback = max_pool1d_vjp(x, size, stride)
        grad_x = pullback(g)
    np.testing.assert_array_equal(backend.to_numpy(y), expected_y)
    assert_close(backend.to_numpy(grad_x), expected, dtype)


@pytest.mark.parametrize(("size", "stride", "length"), [(3, 3, 8), (5, 2, 6), (2, 3, 7), (4, 4, 3)])
def test_every_backend_cuts_off_the_last_window_alike(
    size: int, stride: int, length: int, backend: Backend
) -> None:
    host, grad = (a.astype(np.float32) for a in CutOff(length, size, stride, 5, True, "contiguous").arrays())
    expected_y, expected = loop_max_pool(host, grad, size, stride)
    x, g = backend.asarray(host), backend.asarray(grad)
    with no_host_read(backend):
        y, pullback = max_pool1d_vjp(x, size, stride, True)
        grad_x = pullback(g)
    np.testing.assert_array_equal(backend.to_numpy(y), expected_y)
    assert_close(backend.to_numpy(grad_x), expected, np.float32)


def test_minus_infinity_in_a_cut_off_window_takes_the_gradient(backend: Backend) -> None:
    host = np.full((1, 3, 1), -np.inf, np.float32)
    _, pullback = max_pool1d_vjp(backend.asarray(host), 2, 2, True)
    grad_x = backend.to_numpy(pullback(backend.asarray(np.ones((1, 2, 1)), "float32")))
    np.testing.assert_array_equal(grad_x[0, :, 0], [1.0, 0.0, 1.0])


def test_every_backend_gives_the_first_global_maximum_the_gradient(backend: Backend) -> None:
    host = np.array([[[1.0, 2.0], [3.0, 2.0], [3.0, 0.0]]], np.float32)
    y, pullback = global_max_vjp(backend.asarray(host, "float32"))
    np.testing.assert_array_equal(backend.to_numpy(y), [[3.0, 2.0]])
    grad_x = pullback(backend.asarray([[5.0, 7.0]], "float32"))
    np.testing.assert_array_equal(backend.to_numpy(grad_x), [[[0.0, 7.0], [5.0, 0.0], [0.0, 0.0]]])


@pytest.mark.parametrize(("size", "stride"), POOLS)
def test_a_nan_reaches_every_window_that_it_lies_in(size: int, stride: int, backend: Backend) -> None:
    host = np.arange(24, dtype=np.float32).reshape(1, 12, 2)
    host[0, 4, 1] = np.nan
    y, _ = max_pool1d_vjp(backend.asarray(host, "float32"), size, stride)
    starts = np.arange(y.shape[1]) * stride
    expected = (starts <= 4) & (starts + size > 4)
    np.testing.assert_array_equal(np.isnan(backend.to_numpy(y)[0, :, 1]), expected)
    assert not np.isnan(backend.to_numpy(y)[0, :, 0]).any()


def test_a_nan_is_the_global_maximum_and_takes_the_gradient(backend: Backend) -> None:
    host = np.array([[[1.0, 2.0], [np.nan, 5.0], [3.0, 0.0]]], np.float32)
    y, pullback = global_max_vjp(backend.asarray(host, "float32"))
    np.testing.assert_array_equal(backend.to_numpy(y), [[np.nan, 5.0]])
    grad_x = pullback(backend.asarray([[2.0, 3.0]], "float32"))
    np.testing.assert_array_equal(backend.to_numpy(grad_x), [[[0.0, 0.0], [2.0, 3.0], [0.0, 0.0]]])


def test_minus_infinity_is_a_value_like_any_other(backend: Backend) -> None:
    host = np.full((1, 4, 1), -np.inf, np.float32)
    y, pullback = max_pool1d_vjp(backend.asarray(host, "float32"), 2, 2)
    assert np.all(backend.to_numpy(y) == -np.inf)
    grad_x = backend.to_numpy(pullback(backend.asarray(np.ones((1, 2, 1)), "float32")))
    np.testing.assert_array_equal(grad_x[0, :, 0], [1.0, 0.0, 1.0, 0.0])
