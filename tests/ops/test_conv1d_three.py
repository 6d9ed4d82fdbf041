"""Convolution with kernels of three by minimal filtering: the same numbers, and where it is chosen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml.ops.conv1d import biased_conv1d_vjp, conv1d_vjp
from genoml.parallel import ALONE, Workers
from genoml_numpy.compiled import TWINS, conv1d_three
from genoml_numpy.compiled.conv1d import biased_vjp, linear_vjp
from support.operations import LAYOUTS, assert_close, laid_out


def inputs(
    n: int, length: int, dilation: int, c: int, f: int, layout: str = "C", seed: int = 0
) -> list[np.ndarray]:
    """Rows, kernels, bias, and a gradient of the outputs."""
    rng = np.random.default_rng(seed)
    x = laid_out(rng, (n, length, c), np.float32, layout)
    w = (rng.standard_normal((3, c, f)) / (3 * c) ** 0.5).astype(np.float32)
    grad = laid_out(rng, (n, length - 2 * dilation, f), np.float32, layout)
    arrays = [x, w, rng.standard_normal(f).astype(np.float32), grad]
    for array in arrays:
        array.flags.writeable = False
    return arrays


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_minimal_filtering_equals_the_standard_version(data: st.DataObject) -> None:
    dilation, n = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 3))
    length = 2 * dilation + 1 + data.draw(st.integers(0, 90))
    c, f = data.draw(st.sampled_from([1, 3, 64, 1100])), data.draw(st.sampled_from([1, 5, 48]))
    layout, seed = data.draw(st.sampled_from(LAYOUTS)), data.draw(st.integers(0, 99))
    x, w, bias, grad = inputs(n, length, dilation, c, f, layout, seed)
    each = [
        (linear_vjp(conv1d_three, x, w, dilation), conv1d_vjp.standard(x, w, 1, dilation)),
        (
            biased_vjp(conv1d_three, x, w, bias, dilation),
            biased_conv1d_vjp.standard(x, w, bias, 1, dilation),
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
    ("dilation", "length", "c", "f"),
    [(1, 126, 256, 60), (1, 33, 60, 120), (2, 500, 64, 64), (64, 700, 64, 64)],
)
def test_float32_is_at_most_four_times_as_far_off_as_the_direct_way(
    dilation: int, length: int, c: int, f: int
) -> None:
    single = inputs(4, length, dilation, c, f)
    x, w, _, grad = (array.astype(np.float64) for array in single)
    exact, exact_back = conv1d_vjp.standard(x, w, 1, dilation)
    wanted = exact, *exact_back(grad)
    direct, direct_back = conv1d_vjp.standard(*single[:2], 1, dilation)
    plain = direct, *direct_back(single[3])
    y, back = linear_vjp(conv1d_three, *single[:2], dilation)
    for got, by_products, true in zip((y, *back(single[3])), plain, wanted, strict=True):
        size = np.linalg.norm(true)
        assert np.linalg.norm(got - true) / size < 4.0 * max(
            np.linalg.norm(by_products - true) / size, 1.5e-7
        )


@pytest.mark.parametrize(
    ("shape", "kernel", "chosen"),
    [
        ((16, 2082, 64), (3, 64, 64), True),  # BPNet's
        ((128, 126, 256), (3, 256, 60), True),  # DeepSTARR's
        ((2, 100, 4), (3, 4, 300), False),  # bases: too few channels
        ((2, 100, 64), (5, 64, 64), False),
        ((2, 4, 64), (3, 64, 64), False),  # two outputs where four are computed
        ((0, 100, 64), (3, 64, 64), False),
    ],
)
def test_it_is_chosen_for_many_channels_and_whole_groups(
    shape: tuple[int, ...], kernel: tuple[int, ...], chosen: bool
) -> None:
    x, w = np.zeros(shape, np.float32), np.zeros(kernel, np.float32)
    assert conv1d_three.covers(x, w, 1, 1) == chosen
    assert not conv1d_three.covers(x.astype(np.float64), w, 1, 1)
    assert not conv1d_three.covers(x, w, 2, 1)


def test_the_twin_uses_it_and_a_value_that_is_not_finite_stays_in_sight() -> None:
    x, w, bias, _ = inputs(2, 40, 2, 64, 48)
    y, _ = TWINS["conv1d_vjp"](x, w, 1, 2)
    assert not np.array_equal(y, conv1d_vjp.standard(x, w, 1, 2)[0])  # rounded otherwise: by another way
    damaged = x.copy()
    damaged[0, 7, 3] = np.nan
    found, _ = TWINS["biased_conv1d_vjp"](damaged, w, bias, 1, 2)
    assert np.isnan(found[0, [3, 5, 7]]).all()
    assert np.isfinite(found[1]).all()


def test_threads_give_the_same_bits() -> None:
    x, w, bias, grad = inputs(1, 3000, 4, 64, 64)
    results = []
    workers = Workers(2)
    try:
        for own in (ALONE, workers):
            y, back = biased_conv1d_vjp(x, w, bias, 1, 4, own)
            results.append([y, *back(grad)])
    finally:
        workers.close()
    for one, several in zip(*results, strict=True):
        np.testing.assert_array_equal(one, several)
