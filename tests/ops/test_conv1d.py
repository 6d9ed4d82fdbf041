"""Every algorithm of the convolution, and NumPy's twin, against a plain loop: output and both gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml.backend import Backend
from genoml.ops.conv1d import choose_algorithm, conv1d_phases, conv1d_taps, conv1d_vjp
from genoml.ops.windows import Reach
from genoml_numpy import NumpyBackend
from genoml_numpy.twins.conv1d_dilated import conv1d_dilated
from support.backends import has_float64
from support.guard import no_host_read
from support.operations import LAYOUTS, assert_close, laid_out, loop_conv

TWIN = NumpyBackend().twins["conv1d_vjp"]


class Case(NamedTuple):
    batch: int
    extra: int  # positions beyond the one at which the kernel just fits
    kernel: int
    channels: int
    filters: int
    stride: int
    dilation: int
    seed: int
    dtype: Any
    x_layout: str
    grad_layout: str

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """x, w and the output's gradient."""
        rng = np.random.default_rng(self.seed)
        length = (self.kernel - 1) * self.dilation + 1 + self.extra
        x = laid_out(rng, (self.batch, length, self.channels), self.dtype, self.x_layout)
        w = rng.standard_normal((self.kernel, self.channels, self.filters)).astype(self.dtype)
        count = Reach(self.kernel, self.stride, self.dilation).outputs(length)
        return x, w, laid_out(rng, (self.batch, count, self.filters), self.dtype, self.grad_layout)


def cases(strides: int = 4, dilations: int = 4) -> st.SearchStrategy[Case]:
    return st.builds(
        Case,
        batch=st.integers(0, 4),
        extra=st.integers(0, 20),
        kernel=st.integers(1, 9),
        channels=st.integers(1, 10),
        filters=st.integers(1, 5),
        stride=st.integers(1, strides),
        dilation=st.integers(1, dilations),
        seed=st.integers(0, 2**32 - 1),
        dtype=st.sampled_from([np.float32, np.float64]),
        x_layout=st.sampled_from(LAYOUTS),
        grad_layout=st.sampled_from(LAYOUTS),
    )


def agree(case: Case, run: Callable[[np.ndarray, np.ndarray], Any], expected: Any = None) -> None:
    """Output and gradients of ``run`` equal the loop's, and nothing that went in has changed."""
    x, w, grad = case.arrays()
    kept = [a.copy() for a in (x, w, grad)]
    for a in (w, x, grad):
        a.flags.writeable = False
    expected = expected or loop_conv(x, w, grad, case.stride, case.dilation)
    y, pullback = run(x, w)
    grad_x, grad_w = pullback(grad)
    for name, got, value in zip(("y", "grad_x", "grad_w"), (y, grad_x, grad_w), expected, strict=True):
        assert_close(got, value, case.dtype, name)
    none, again = pullback(grad, False)
    assert none is None
    np.testing.assert_array_equal(again, grad_w)
    again, none = pullback(grad, True, False)
    assert none is None
    np.testing.assert_array_equal(again, grad_x)
    for a, before in zip((x, w, grad), kept, strict=True):
        np.testing.assert_array_equal(a, before)


@settings(max_examples=150, deadline=None)
@given(cases())
def test_taps_equal_the_loop(case: Case) -> None:
    agree(case, lambda x, w: conv1d_taps(x, w, case.stride, case.dilation))


@settings(max_examples=150, deadline=None)
@given(cases(strides=1, dilations=1))
def test_phases_equal_the_loop(case: Case) -> None:
    agree(case, conv1d_phases)


@settings(max_examples=150, deadline=None)
@given(cases())
def test_the_chosen_algorithm_equals_the_loop(case: Case) -> None:
    agree(case, lambda x, w: conv1d_vjp.standard(x, w, case.stride, case.dilation))


@settings(max_examples=200, deadline=None)
@given(cases(strides=2, dilations=2))
def test_numpys_twin_equals_the_loop_where_it_serves(case: Case) -> None:
    x, w, _ = case.arrays()
    if TWIN(x, w, case.stride, case.dilation) is not NotImplemented:
        agree(case, lambda x, w: TWIN(x, w, case.stride, case.dilation))


@settings(max_examples=100, deadline=None)
@given(cases())
def test_the_operation_on_numpy_equals_the_loop(case: Case) -> None:
    agree(case, lambda x, w: conv1d_vjp(x, w, case.stride, case.dilation))


@pytest.mark.parametrize("grad_layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numpys_twin_serves_the_common_convolution(grad_layout: str, dtype: Any) -> None:
    case = Case(3, 30, 8, 4, 6, 1, 1, 0, dtype, "contiguous", grad_layout)
    x, w, _ = case.arrays()
    assert TWIN(x, w, 1, 1) is not NotImplemented
    agree(case, TWIN)


def test_a_pullback_can_be_called_again_with_another_gradient() -> None:
    case = Case(2, 9, 4, 3, 5, 1, 1, 1, np.float64, "contiguous", "contiguous")
    x, w, grad = case.arrays()
    for run in (conv1d_phases, conv1d_taps, TWIN):
        _, pullback = run(x, w)
        first = pullback(grad)
        pullback(grad * 3.0)
        for got, expected in zip(pullback(grad), first, strict=True):
            np.testing.assert_array_equal(got, expected)


def test_sequences_of_a_batch_do_not_touch_each_other() -> None:
    x, w, grad = Case(3, 12, 5, 4, 3, 1, 1, 2, np.float64, "contiguous", "contiguous").arrays()
    other = x.copy()
    other[1] = 1e6
    for run in (conv1d_phases, conv1d_taps, TWIN):
        (y, back), (y_other, back_other) = run(x, w), run(other, w)
        np.testing.assert_allclose(y[[0, 2]], y_other[[0, 2]], rtol=1e-13, atol=1e-13)
        grad_x, grad_x_other = back(grad)[0], back_other(grad)[0]
        np.testing.assert_array_equal(grad_x, grad_x_other)  # linear: it depends on w and grad alone


@pytest.mark.parametrize(
    ("batch", "extra", "kernel", "stride", "dilation"),
    [
        (3, 20, 6, 1, 1),
        (2, 0, 5, 1, 1),
        (2, 3, 8, 1, 1),
        (2, 11, 3, 3, 2),
        (1, 9, 4, 5, 1),
        (2, 8, 1, 1, 1),
        (0, 9, 4, 1, 1),
    ],
)
def test_every_backend_equals_the_loop(
    batch: int, extra: int, kernel: int, stride: int, dilation: int, backend: Backend
) -> None:
    dtype = "float64" if has_float64(backend) else "float32"
    case = Case(batch, extra, kernel, 4, 3, stride, dilation, 5, np.dtype(dtype), "contiguous", "contiguous")
    arrays = case.arrays()
    x, w, grad = (backend.asarray(a, dtype) for a in arrays)
    with no_host_read(backend):
        y, pullback = conv1d_vjp(x, w, stride, dilation)
        grad_x, grad_w = pullback(grad)
    for got, expected in zip((y, grad_x, grad_w), loop_conv(*arrays, stride, dilation), strict=True):
        assert_close(backend.to_numpy(got), expected, dtype)


# ---------------------------------------------------------------- the choice


@pytest.mark.parametrize(
    ("length", "kernel", "stride", "dilation", "expected"),
    [
        (1000, 8, 1, 1, "phases"),
        (200, 15, 1, 1, "phases"),
        (19, 10, 1, 1, "phases"),  # half the sequence
        (18, 10, 1, 1, "taps"),  # more than half of it
        (10, 10, 1, 1, "taps"),
        (1, 1, 1, 1, "phases"),
        (1000, 8, 2, 1, "taps"),
        (1000, 8, 1, 2, "taps"),
        (1000, 8, 4, 4, "taps"),
    ],
)
def test_the_algorithm_is_chosen_by_shape(
    length: int, kernel: int, stride: int, dilation: int, expected: str
) -> None:
    assert choose_algorithm(length, kernel, stride, dilation) == expected


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 60), st.integers(1, 9), st.integers(1, 5), st.integers(1, 5))
def test_the_output_has_every_position_at_which_the_kernel_lies_inside(
    length: int, kernel: int, stride: int, dilation: int
) -> None:
    reach = (kernel - 1) * dilation
    if reach < length:
        inside = [start for start in range(0, length, stride) if start + reach < length]
        assert Reach(kernel, stride, dilation).outputs(length) == len(inside)


@pytest.mark.parametrize(("batch", "length"), [(3, 1000), (1, 4300), (40, 60)])
def test_dilated_sequences_in_blocks_give_what_positions_of_the_kernel_give(batch: int, length: int) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(batch, length, 3)), rng.normal(size=(4, 3, 2))
    y, pullback = conv1d_dilated(x, w, 7)
    expected, expected_pullback = conv1d_taps(x, w, 1, 7)
    grad = rng.normal(size=expected.shape)
    for got, own in zip((y, *pullback(grad)), (expected, *expected_pullback(grad)), strict=True):
        np.testing.assert_allclose(got, own, atol=1e-10)
