"""Convolution by tiles of outputs in the registers: the same numbers, and where it is chosen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml.ops.conv1d import biased_conv1d_vjp, conv1d_vjp
from genoml.parallel import ALONE, Workers
from genoml_numpy.compiled import TWINS, conv1d_direct, conv1d_three
from genoml_numpy.compiled.conv1d import algorithm_of, biased_vjp, linear_vjp
from support.operations import LAYOUTS, assert_close, laid_out


def inputs(
    n: int, count: int, kernel: int, dilation: int, c: int, f: int, layout: str = "C", seed: int = 0
) -> list[np.ndarray]:
    """Rows, kernels, bias, and a gradient of the outputs."""
    rng = np.random.default_rng(seed)
    x = laid_out(rng, (n, count + (kernel - 1) * dilation, c), np.float32, layout)
    w = (rng.standard_normal((kernel, c, f)) / (kernel * c) ** 0.5).astype(np.float32)
    grad = laid_out(rng, (n, count, f), np.float32, layout)
    arrays = [x, w, rng.standard_normal(f).astype(np.float32), grad]
    for array in arrays:
        array.flags.writeable = False
    return arrays


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_register_tiles_equal_the_standard_version(data: st.DataObject) -> None:
    n, count = data.draw(st.integers(1, 3)), data.draw(st.integers(16, 200))
    kernel, dilation = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 9))
    c, f = data.draw(st.sampled_from([16, 32, 48, 80])), data.draw(st.sampled_from([16, 32, 48, 80]))
    layout, seed = data.draw(st.sampled_from(LAYOUTS)), data.draw(st.integers(0, 99))
    x, w, bias, grad = inputs(n, count, kernel, dilation, c, f, layout, seed)
    each = [
        (linear_vjp(conv1d_direct, x, w, dilation), conv1d_vjp.standard(x, w, 1, dilation)),
        *(
            (
                biased_vjp(conv1d_direct, x, w, bias, dilation, rectified=rectified),
                biased_conv1d_vjp.standard(x, w, bias, 1, dilation, rectified=rectified),
            )
            for rectified in (False, True)
        ),
    ]
    for (y, back), (expected, expected_back) in each:
        assert_close(y, expected, np.float32, "y")
        sure = grad * (np.abs(expected) > 1e-4)  # where rounding could decide what ReLU passes on, g is 0
        for got, wanted in zip(back(sure), expected_back(sure), strict=True):
            assert_close(got, wanted, np.float32, "gradient")
        assert back(sure, False)[0] is None
        assert back(sure, True, False)[1] is None


@pytest.mark.parametrize(
    ("count", "kernel", "dilation", "c", "f"),
    [(2000, 11, 1, 32, 32), (1500, 41, 25, 32, 32), (700, 75, 1, 64, 16), (300, 5, 2, 256, 64)],
)
def test_float32_is_at_most_twice_as_far_off_as_products_by_taps(
    count: int, kernel: int, dilation: int, c: int, f: int
) -> None:
    single = inputs(2, count, kernel, dilation, c, f)
    x, w, _, grad = (array.astype(np.float64) for array in single)
    exact, exact_back = conv1d_vjp.standard(x, w, 1, dilation)
    wanted = exact, *exact_back(grad)
    direct, direct_back = conv1d_vjp.standard(*single[:2], 1, dilation)
    plain = direct, *direct_back(single[3])
    y, back = linear_vjp(conv1d_direct, *single[:2], dilation)
    for got, by_taps, true in zip((y, *back(single[3])), plain, wanted, strict=True):
        size = np.linalg.norm(true)
        error = np.linalg.norm(by_taps - true) / size
        assert np.linalg.norm(got - true) / size < 2.0 * max(error, 3e-7)


@pytest.mark.parametrize(
    ("shape", "kernel", "dilation", "chosen"),
    [
        ((1, 9000, 32), (41, 32, 32), 25, conv1d_direct),  # SpliceAI's
        ((1, 10000, 32), (11, 32, 32), 1, conv1d_direct),
        ((4, 2000, 64), (11, 64, 64), 1, None),  # tiles have fewer multiplications
        ((4, 2000, 64), (11, 64, 64), 4, conv1d_direct),
        ((16, 2082, 64), (3, 64, 64), 2, conv1d_three),
        ((32, 125, 60), (5, 60, 60), 1, None),  # no whole vectors
        ((1, 9000, 4), (11, 4, 32), 1, None),
        ((1, 130, 32), (11, 32, 32), 1, None),  # too few outputs
        ((900, 25, 32), (11, 32, 32), 1, None),  # a sequence has no tile
        ((0, 9000, 32), (11, 32, 32), 1, None),
    ],
)
def test_the_algorithm_is_chosen_by_shape(
    shape: tuple[int, ...], kernel: tuple[int, ...], dilation: int, chosen: object
) -> None:
    x, w = np.zeros(shape, np.float32), np.zeros(kernel, np.float32)
    assert algorithm_of(x, w, 1, dilation) is chosen
    assert algorithm_of(x.astype(np.float64), w, 1, dilation) is None
    assert algorithm_of(x, w, 2, dilation) is None


def test_threads_give_the_same_bits() -> None:
    x, w, bias, grad = inputs(1, 3000, 5, 4, 48, 32)
    results, workers = [], [Workers(1), Workers(2)]
    try:
        for own in (ALONE, *workers):
            y, back = biased_conv1d_vjp(x, w, bias, 1, 4, own)
            results.append([y, *back(grad)])
    finally:
        for own in workers:
            own.close()
    for one, *several in zip(*results, strict=True):
        for other in several:
            np.testing.assert_array_equal(one, other)


def test_a_value_that_is_not_finite_stays_in_sight() -> None:
    x, w, bias, _ = inputs(2, 300, 3, 2, 32, 32)
    damaged = x.copy()
    damaged[0, 7, 3] = np.nan
    y, _ = TWINS["biased_conv1d_vjp"](damaged, w, bias, 1, 2)
    assert np.isnan(y[0, [3, 5, 7]]).all()
    assert np.isfinite(y[1]).all()
