"""Every CUDA twin equals its operation's standard version: random shapes, memory layouts, dtypes, and edges."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genoml.backend import Array, Backend
from genoml.ops.activations import softmax, softmax_gradient
from genoml.ops.adam import adam_update_all
from genoml.ops.arrays import in_memory_order, pad_axis, segment_sum, sum_rows
from genoml.ops.attention import plain_attention_vjp
from genoml.ops.conv1d import conv1d_hits, conv1d_max, conv1d_max_grad_w, conv1d_vjp
from genoml.ops.dispatch import Operation
from genoml.ops.normalise import batch_statistics, rectified_vjp, standardize_vjp, statistics_gradient
from genoml.ops.pool1d import global_max_vjp, max_pool1d_vjp
from genoml.ops.recurrent import gru_scan, lstm_scan
from genoml.ops.special import squared_error
from genoml.ops.threefry import random_uniform
from genoml.ops.updates import update_all
from genoml.ops.windows import Reach
from support.operations import LAYOUTS

SOME = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
DTYPES = st.sampled_from(["float32", "float64"])
VIEWS = st.sampled_from(LAYOUTS)
SEEDS = st.integers(0, 999)
SMALL = st.integers(1, 5)


def view(
    on: Backend, seed: int, shape: tuple[int, ...], dtype: str, layout: str, whole: bool = False
) -> Array:
    """A random array of three axes on the device whose memory is laid out in an unusual way."""
    rng, (n, length, channels) = np.random.default_rng(seed), shape

    def drawn(*sizes: int) -> Array:
        values = rng.integers(-2, 3, sizes) if whole else rng.standard_normal(sizes)
        return on.asarray(values.astype(dtype))

    if layout == "channels-first":
        return on.xp.permute_dims(drawn(n, channels, length), (0, 2, 1))
    if layout == "gaps":
        return drawn(n, 2 * length, channels + 1)[:, ::2, 1:]
    if layout == "reversed":
        return drawn(n, length, channels)[:, ::-1]
    if layout == "broadcast":
        return on.xp.broadcast_to(drawn(n, 1, channels), shape)
    return drawn(n, length, channels)


def twin_of(on: Backend, operation: Operation) -> Any:
    return on.twins[operation.name]


def assert_same(on: Backend, got: Any, expected: Any, dtype: str) -> None:
    """Equal to rounding, of the same shape and dtype; NaN where NaN."""
    found, wanted = on.to_numpy(got), on.to_numpy(expected)
    assert found.shape == wanted.shape
    assert found.dtype == wanted.dtype
    scale = 1.0 + np.max(np.abs(wanted), initial=0.0, where=np.isfinite(wanted))
    limit = (1e-12 if dtype == "float64" else 2e-5) * scale
    np.testing.assert_allclose(found, wanted, rtol=0, atol=limit)


def assert_vjp_same(
    on: Backend, operation: Operation, arguments: tuple[Any, ...], grad: Array, dtype: str
) -> None:
    y, pullback = twin_of(on, operation)(*arguments)
    expected, expected_pullback = operation.standard(*arguments)
    assert_same(on, y, expected, dtype)
    assert_same(on, pullback(grad), expected_pullback(grad), dtype)


@SOME
@given(
    SMALL,
    st.integers(1, 30),
    SMALL,
    st.integers(1, 6),
    st.integers(1, 7),
    st.booleans(),
    DTYPES,
    VIEWS,
    VIEWS,
    SEEDS,
)
def test_max_pooling(
    cuda: Backend, n: int, length: int, channels: int, size: int, stride: int, ceil_mode: bool,
    dtype: str, layout: str, grad_layout: str, seed: int,
) -> None:  # fmt: skip
    x = view(cuda, seed, (n, max(length, size), channels), dtype, layout, whole=True)  # with many equals
    y, _ = max_pool1d_vjp.standard(x, size, stride, ceil_mode)
    grad = view(cuda, seed + 1, tuple(y.shape), dtype, grad_layout)
    assert_vjp_same(cuda, max_pool1d_vjp, (x, size, stride, ceil_mode), grad, dtype)


@SOME
@given(
    SMALL, st.integers(1, 30), SMALL, st.integers(1, 6), st.booleans(), st.booleans(), DTYPES, VIEWS, SEEDS
)
def test_a_rectifier_with_what_stands_around_it(
    cuda: Backend, n: int, length: int, channels: int, size: int, ceil_mode: bool, affine: bool,
    dtype: str, layout: str, seed: int,
) -> None:  # fmt: skip
    x = view(cuda, seed, (n, max(length, size), channels), dtype, layout, whole=True)
    mean, scale, shift, slope, constant = (
        view(cuda, seed + k, (1, 1, channels), dtype, "contiguous")[0, 0, :] for k in range(1, 6)
    )
    options = {"mean": mean, "scale": scale} if affine else {}
    y, pullback = twin_of(cuda, rectified_vjp)(x, shift, size, ceil_mode, **options)
    expected, expected_pullback = rectified_vjp.standard(x, shift, size, ceil_mode, **options)
    assert_same(cuda, y, expected, dtype)
    grad = view(cuda, seed + 6, tuple(y.shape), dtype, layout)
    found, wanted = pullback(grad), expected_pullback(grad)
    assert (found[1] is None) == (wanted[1] is None) == (not affine)
    for got, right in zip(found[:2], wanted[:2], strict=True):
        if right is not None:
            assert_same(cuda, got, right, dtype)
    for arguments in ((), (scale, slope, constant)):
        assert_same(cuda, found[2](*arguments), wanted[2](*arguments), dtype)


@SOME
@given(SMALL, st.integers(1, 40), st.integers(1, 70), DTYPES, VIEWS, st.booleans(), SEEDS)
def test_the_global_maximum(
    cuda: Backend, n: int, length: int, channels: int, dtype: str, layout: str, spread: bool, seed: int
) -> None:
    x = view(cuda, seed, (n, length, channels), dtype, layout, whole=True)
    grad = view(cuda, seed + 1, (n, 1, channels), dtype, "contiguous")[:, 0, :]
    if spread:
        grad = cuda.xp.broadcast_to(grad[:1, :1], (n, channels))
    assert_vjp_same(cuda, global_max_vjp, (x,), grad, dtype)


@SOME
@given(
    st.integers(1, 3), st.integers(0, 150), SMALL, st.integers(1, 20), st.integers(1, 7), st.integers(1, 3),
    st.integers(1, 3), DTYPES, VIEWS, SEEDS,
)  # fmt: skip
def test_the_maximum_of_a_scan_and_the_gradient_of_its_kernels(
    cuda: Backend, n: int, extra: int, channels: int, filters: int, kernel_size: int, stride: int,
    dilation: int, dtype: str, layout: str, seed: int,
) -> None:  # fmt: skip
    shape = (n, (kernel_size - 1) * dilation + 1 + extra, channels)
    x = view(cuda, seed, shape, dtype, layout, whole=True)  # sums are exact, so that ties are ties
    w = view(cuda, seed + 1, (kernel_size, channels, filters), dtype, layout, whole=True)
    y, positions = twin_of(cuda, conv1d_max)(x, w, stride, dilation)
    expected, expected_positions = conv1d_max.standard(x, w, stride, dilation)
    assert_same(cuda, y, expected, dtype)
    np.testing.assert_array_equal(cuda.to_numpy(positions), cuda.to_numpy(expected_positions))
    grad = view(cuda, seed + 2, (n, filters, 1), dtype, layout)[:, :, 0]
    arguments = (x, positions, grad, kernel_size, stride, dilation)
    assert_same(
        cuda, twin_of(cuda, conv1d_max_grad_w)(*arguments), conv1d_max_grad_w.standard(*arguments), dtype
    )


@SOME
@given(
    SMALL, st.integers(0, 30), st.sampled_from([1, 4, 17]), st.sampled_from([1, 3, 40]), st.integers(1, 12),
    st.integers(1, 3), DTYPES, VIEWS, VIEWS, SEEDS,
)  # fmt: skip
def test_a_convolution_as_products(
    cuda: Backend, n: int, extra: int, channels: int, filters: int, kernel_size: int, dilation: int,
    dtype: str, layout: str, grad_layout: str, seed: int,
) -> None:  # fmt: skip
    length = (kernel_size - 1) * dilation + 1 + extra
    x = view(cuda, seed, (n, length, channels), dtype, layout)
    w = view(cuda, seed + 1, (kernel_size, channels, filters), dtype, layout)
    y, pullback = twin_of(cuda, conv1d_vjp)(x, w, 1, dilation)
    expected, expected_pullback = conv1d_vjp.standard(x, w, 1, dilation)
    assert_same(cuda, y, expected, dtype)
    grad = view(cuda, seed + 2, tuple(y.shape), dtype, grad_layout)
    for got, right in zip(pullback(grad), expected_pullback(grad), strict=True):
        assert_same(cuda, got, right, dtype)
    assert pullback(grad, False, True)[0] is None
    assert pullback(grad, True, False)[1] is None


@SOME
@given(SMALL, st.integers(0, 20), SMALL, st.integers(1, 5), st.integers(1, 4), st.booleans(), DTYPES, SEEDS)
def test_a_gradient_that_is_written_with_zeros_around_it_is_not_copied(
    cuda: Backend, n: int, extra: int, filters: int, kernel_size: int, size: int, ceil_mode: bool, dtype: str,
    seed: int,
) -> None:  # fmt: skip
    length = kernel_size + max(extra, size)
    x = view(cuda, seed, (n, length, 4), dtype, "contiguous")
    w = view(cuda, seed + 1, (kernel_size, 4, filters), dtype, "contiguous")
    bias = view(cuda, seed + 2, (1, 1, filters), dtype, "contiguous")[0, 0, :]
    found, expected = [], []
    for each, results in ((lambda o: twin_of(cuda, o), found), (lambda o: o.standard, expected)):
        z, back_conv = each(conv1d_vjp)(x, w)
        y, back = each(rectified_vjp)(z, bias, size, ceil_mode, mean=2.0 * bias, scale=bias)
        grad = view(cuda, seed + 3, tuple(y.shape), dtype, "contiguous")
        into_x = back(grad)[2]
        for arguments in ((bias,), (bias, bias, bias)):
            grad_z = into_x(*arguments)
            results += [y, grad_z, *back_conv(grad_z)]
    for got, right in zip(found, expected, strict=True):
        assert_same(cuda, got, right, dtype)


@SOME
@given(SMALL, st.integers(512, 1500), st.integers(1, 70), DTYPES, VIEWS, st.booleans(), SEEDS)
def test_sums_over_rows(
    cuda: Backend, n: int, length: int, channels: int, dtype: str, layout: str, matrix: bool, seed: int
) -> None:
    x = view(cuda, seed, (n, length, channels), dtype, layout)
    rows = x[0, :, :] if matrix else x
    assert_same(cuda, twin_of(cuda, sum_rows)(rows), sum_rows.standard(rows), dtype)


@SOME
@given(
    st.integers(0, 500), SMALL, st.integers(1, 20), st.integers(1, 7), st.integers(-3, 3), DTYPES, VIEWS, SEEDS
)  # fmt: skip
def test_the_hits_of_a_scan(
    cuda: Backend, extra: int, channels: int, filters: int, kernel_size: int, limit: int,
    dtype: str, layout: str, seed: int,
) -> None:  # fmt: skip
    x = view(cuda, seed, (1, kernel_size + extra, channels), dtype, layout, whole=True)
    w = view(cuda, seed + 1, (kernel_size, channels, filters), dtype, layout, whole=True)
    limits = view(cuda, seed + 2, (1, 1, filters), dtype, "contiguous", whole=True)[0, 0, :] + limit
    scores = cuda.to_numpy(conv1d_vjp.standard(x, w)[0])[0]
    expected = np.flatnonzero(scores >= cuda.to_numpy(limits)).tolist()
    for most in (1 << 14, 3):
        count, *found = cuda.to_numpy(twin_of(cuda, conv1d_hits)(x, w, limits, most)).tolist()
        assert count == len(expected)
        assert len(found) == most
        if count <= most:
            assert sorted(found[:count]) == expected


@SOME
@given(SMALL, st.integers(1, 20), st.sampled_from([1, 5, 40]), SMALL, st.integers(0, 3), DTYPES, VIEWS, SEEDS)
def test_padding_and_sums_of_branches_keep_the_order_of_the_memory(
    cuda: Backend,
    n: int,
    length: int,
    channels: int,
    before: int,
    after: int,
    dtype: str,
    layout: str,
    seed: int,
) -> None:
    x = view(cuda, seed, (n, length, channels), dtype, layout)
    found = twin_of(cuda, pad_axis)(x, before, after, -1.5)
    assert_same(cuda, found, pad_axis.standard(x, before, after, -1.5), dtype)
    turned = cuda.xp.permute_dims(view(cuda, seed, (n, length, channels), dtype, "contiguous"), (0, 2, 1))
    padded = twin_of(cuda, pad_axis)(turned, before, after, axis=2)
    assert_same(cuda, padded, pad_axis.standard(turned, before, after, axis=2), dtype)
    middle = padded[:, :, before : before + length]
    both = twin_of(cuda, in_memory_order)(turned, middle, operator.add)
    assert_same(cuda, both, turned + middle, dtype)
    assert both.transpose(0, 2, 1).flags.c_contiguous


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_squared_errors_to_the_largest(cuda: Backend, dtype: str) -> None:
    y = cuda.asarray(np.array([0.0, 1.5, -3e38, 1e-30, math.inf, math.nan]), dtype)
    t = cuda.asarray(np.array([0.0, -2.0, 3e37, 0.0, 1.0, 1.0]), dtype)
    for divisor in (1.0, 7.0):
        pairs = zip(
            twin_of(cuda, squared_error)(y, t, divisor), squared_error.standard(y, t, divisor), strict=True
        )
        for got, expected in pairs:
            np.testing.assert_allclose(cuda.to_numpy(got), cuda.to_numpy(expected), rtol=1e-6)


@SOME
@given(SMALL, SMALL, st.integers(1, 300), DTYPES, VIEWS, VIEWS, SEEDS)
def test_softmax_and_its_gradient(
    cuda: Backend, n: int, length: int, size: int, dtype: str, layout: str, grad_layout: str, seed: int
) -> None:
    x = 5.0 * view(cuda, seed, (n, length, size), dtype, layout)
    grad = view(cuda, seed + 1, (n, length, size), dtype, grad_layout)
    y = twin_of(cuda, softmax)(x)
    assert_same(cuda, y, softmax.standard(x), dtype)
    with np.errstate(all="ignore"):
        infinite = x / cuda.asarray(np.resize([0.0, 1.0, 1.0, 0.0, 1.0], size), dtype)
        assert_same(cuda, twin_of(cuda, softmax)(infinite), softmax.standard(infinite), dtype)
    assert_same(cuda, twin_of(cuda, softmax_gradient)(y, grad), softmax_gradient.standard(y, grad), dtype)


@SOME
@given(SMALL, SMALL, st.integers(1, 300), DTYPES, VIEWS, VIEWS, SEEDS)
def test_standardisation(
    cuda: Backend, n: int, length: int, size: int, dtype: str, layout: str, grad_layout: str, seed: int
) -> None:
    x = 3.0 + view(cuda, seed, (n, length, size), dtype, layout)
    grad = view(cuda, seed + 1, (n, length, size), dtype, grad_layout)
    # with eps = 0.1, so that a row of equals does not make rounding errors large
    assert_vjp_same(cuda, standardize_vjp, (x, (-1,), 0.1), grad, dtype)


@SOME
@given(SMALL, st.integers(1, 60), st.sampled_from([1, 5, 40]), DTYPES, VIEWS, SEEDS)
def test_the_statistics_of_a_batch_and_what_their_gradient_needs(
    cuda: Backend, n: int, length: int, channels: int, dtype: str, layout: str, seed: int
) -> None:
    x = 10.0 + view(cuda, seed, (n, length + 1, channels), dtype, layout)
    rows = [view(cuda, seed + k, (4, 1, channels), dtype, "contiguous") for k in range(1, 3)]
    mean, var, sum_g, sum_gc = rows[0][0, 0, :], rows[1][0, 0, :] ** 2, rows[0][1, 0, :], rows[0][2, 0, :]
    arguments = (x, mean, var, 0.1, 0.1, n * (length + 1))
    for options in ({}, {"shift": sum_g}):
        found = twin_of(cuda, batch_statistics)(*arguments, **options)
        for got, right in zip(found, batch_statistics.standard(*arguments, **options), strict=True):
            assert_same(cuda, got, right, dtype)
    arguments = (sum_g, sum_gc, found[1], mean, n * length)
    found, expected = twin_of(cuda, statistics_gradient)(*arguments), statistics_gradient.standard(*arguments)
    for got, right in zip(found, expected, strict=True):
        assert_same(cuda, got, right, dtype)


@SOME
@given(SMALL, SMALL, SMALL, st.integers(1, 60), st.booleans(), DTYPES, VIEWS, SEEDS)
def test_adams_update(
    cuda: Backend, n: int, length: int, channels: int, parameters: int, decoupled: bool, dtype: str, layout: str,
    seed: int,
) -> None:  # fmt: skip
    given_arrays: tuple[list[Array], ...] = ([], [], [], [])
    for at in range(parameters):
        shape = (n, length, channels if at else 700)  # the first has more than a block's elements
        for k, arrays in enumerate(given_arrays):
            array = view(cuda, seed + 4 * at + k, shape, dtype, layout if k % 2 else "contiguous")
            array = array if at % 3 else array[0, :, :]
            arrays.append(array * array if k == 3 else array)
    decays = [0.01 * at for at in range(parameters)]
    options = {
        "beta1": 0.9,
        "beta2": 0.999,
        "rate": 0.01,
        "correction": 0.3,
        "eps": 1e-8,
        "decoupled": decoupled,
    }
    found = twin_of(cuda, adam_update_all)(*given_arrays, decays, **options)
    expected = adam_update_all.standard(*given_arrays, decays, **options)
    assert len(found) == parameters
    for one, other in zip(found, expected, strict=True):
        for got, right in zip(one, other, strict=True):
            assert_same(cuda, got, right, dtype)


@SOME
@given(st.integers(1, 900), st.sampled_from([1, 4, 70]), st.sampled_from([1, 2, 40]), DTYPES, VIEWS, SEEDS)
def test_sums_by_key(
    cuda: Backend, total: int, count: int, channels: int, dtype: str, layout: str, seed: int
) -> None:
    rows = view(cuda, seed, (1, total, channels), dtype, layout)[0, :, :]
    # some beyond both ends, which are ignored
    keys = cuda.asarray(np.random.default_rng(seed).integers(-1, count + 1, total), "int32")
    found = twin_of(cuda, segment_sum)(rows, keys, count)
    assert_same(cuda, found, segment_sum.standard(rows, keys, count), dtype)


#: a rule, its numbers, and the arrays that it keeps a parameter
RULES = st.sampled_from([
    ("sgd", {"rate": 0.1}, 0),
    ("sgd", {"rate": 0.1, "momentum": 0.9, "nesterov": False}, 1),
    ("sgd", {"rate": 0.1, "momentum": 0.9, "nesterov": True}, 1),
    ("adagrad", {"rate": 0.1, "eps": 1e-6}, 1),
    *(
        ("rmsprop", {"rate": 0.1, "rho": 0.8, "eps": 1e-4, "momentum": momentum, "centred": centred},
         1 + centred + (momentum > 0))
        for momentum in (0.0, 0.5) for centred in (False, True)
    ),
])  # fmt: skip


@SOME
@given(RULES, SMALL, SMALL, SMALL, st.sampled_from([1, 3, 50]), DTYPES, VIEWS, SEEDS)
def test_the_updates_by_rules(
    cuda: Backend, by: tuple[str, dict[str, float], int], n: int, length: int, channels: int, parameters: int,
    dtype: str, layout: str, seed: int,
) -> None:  # fmt: skip
    rule, numbers, slots = by
    shapes = [(n, length, channels if at else 700) for at in range(parameters)]
    params, grads, *kept = (
        [
            view(cuda, seed + 9 * at + k, shape, dtype, layout if k % 2 else "contiguous")
            for at, shape in enumerate(shapes)
        ]
        for k in range(2 + slots)
    )
    kept = [
        [array * array + 1.0 if k == 0 else 0.1 * array for array in arrays] for k, arrays in enumerate(kept)
    ]
    decays = [0.0, 0.1] * (parameters // 2) + [0.0] * (parameters % 2)
    found = twin_of(cuda, update_all)(params, grads, kept, decays, rule=rule, **numbers)
    expected = update_all.standard(params, grads, kept, decays, rule=rule, **numbers)
    for one, other in zip(found, expected, strict=True):
        for got, right in zip(one, other, strict=True):
            assert_same(cuda, got, right, dtype)


@SOME
@given(
    SMALL, SMALL, st.integers(1, 40), SMALL, SMALL, st.sampled_from([1.0, 0.4]), st.booleans(), DTYPES, VIEWS, VIEWS,
    SEEDS,
)  # fmt: skip
def test_plain_attention(
    cuda: Backend, n: int, heads: int, length: int, size: int, width: int, scale: float, with_weights: bool,
    dtype: str, layout: str, grad_layout: str, seed: int,
) -> None:  # fmt: skip
    def split(at: int, features: int, layout: str) -> Array:
        """As heads are split off, or in memory laid out in an unusual way."""
        rows = view(cuda, seed + at, (n, length, heads * features), dtype, layout)
        return cuda.xp.permute_dims(cuda.xp.reshape(rows, (n, length, heads, features)), (0, 2, 1, 3))

    arguments = split(0, size, layout), split(1, size, layout), split(2, width, layout), with_weights
    y, weights, back = twin_of(cuda, plain_attention_vjp)(*arguments, scale=scale)
    expected = plain_attention_vjp.standard(*arguments, scale=scale)
    assert_same(cuda, y, expected[0], dtype)
    assert (weights is None) == (not with_weights)
    if with_weights:
        assert_same(cuda, weights, expected[1], dtype)
    grad = split(3, width, grad_layout)
    for got, right in zip(back(grad), expected[2](grad), strict=True):
        assert_same(cuda, got, right, dtype)


@SOME
@given(
    st.sampled_from([(lstm_scan, 4), (gru_scan, 3)]), SMALL, SMALL, SMALL, st.booleans(), st.booleans(), DTYPES, VIEWS,
    VIEWS, SEEDS,
)  # fmt: skip
def test_the_steps_of_a_recurrent_layer(
    cuda: Backend, kind: tuple[Operation, int], length: int, n: int, size: int, padded: bool, last_alone: bool,
    dtype: str, layout: str, grad_layout: str, seed: int,
) -> None:  # fmt: skip
    operation, gates = kind
    z = view(cuda, seed, (length, n, gates * size), dtype, layout)
    weights = view(cuda, seed + 1, (1, size, gates * size), dtype, layout)[0, :, :]
    arguments = [z, weights, view(cuda, seed + 2, (1, 1, size), dtype, layout)[0, 0, :]][: 6 - gates]
    drawn = np.random.default_rng(seed).integers(0, 2, (n, length)) > 0
    keep = cuda.asarray(drawn).T[:, :, None] if padded else None
    states, back = twin_of(cuda, operation)(*arguments, keep)
    expected, expected_back = operation.standard(*arguments, keep)
    assert_same(cuda, states, expected, dtype)
    grad = view(cuda, seed + 3, (n, length, size), dtype, grad_layout)
    received = [None if last_alone and t < length - 1 else grad[:, t, :] for t in range(length)]
    (found, found_grads), (right, right_grads) = back(received), expected_back(received)
    assert_same(cuda, found, right, dtype)
    assert found_grads.keys() == right_grads.keys()
    for name, value in right_grads.items():
        assert_same(cuda, found_grads[name], value, dtype)
    assert back(received, False)[1] == {}


@SOME
@given(st.integers(0, 700), st.integers(0, 2**31), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_random_numbers_to_the_last_bit(cuda: Backend, count: int, start: int, step: int, word: int) -> None:
    like = cuda.asarray(np.zeros(1, np.float32))
    arguments = (like, (word, 0x9E3779B9 ^ word), step, count, start)
    found, expected = twin_of(cuda, random_uniform)(*arguments), random_uniform.standard(*arguments)
    np.testing.assert_array_equal(cuda.to_numpy(found), cuda.to_numpy(expected))


# ------------------------------------------------------------ edges


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [0, 5, 10])
def test_values_that_are_not_finite(cuda: Backend, place: int, value: float) -> None:
    host = np.random.default_rng(0).standard_normal((2, 11, 3)).astype(np.float32)
    host[1, place, 1] = value
    if place == 5:
        host[1, 8, 1] = value
    x, kernels = cuda.asarray(host), np.ones((1, 3, 2), np.float32)
    # the standard versions run on NumPy here: of several NaN, CuPy's own argmax takes any
    for operation, options, shape in (
        (max_pool1d_vjp, (3, 2), (2, 5, 3)), (max_pool1d_vjp, (4, 4, True), (2, 3, 3)),
        (global_max_vjp, (), (2, 3)),
    ):  # fmt: skip
        (y, pullback), grad = twin_of(cuda, operation)(x, *options), np.ones(shape, np.float32)
        expected, expected_pullback = operation.standard(host, *options)
        assert_same(cuda, y, expected, "float32")
        assert_same(cuda, pullback(cuda.asarray(grad)), expected_pullback(grad), "float32")
    assert_same(cuda, twin_of(cuda, softmax)(x), softmax.standard(x), "float32")
    with np.errstate(invalid="ignore"):
        wanted = conv1d_max.standard(host, kernels)
    for got, expected in zip(twin_of(cuda, conv1d_max)(x, cuda.asarray(kernels)), wanted, strict=True):
        assert_same(cuda, got, expected, "float32")


def test_what_a_twin_does_not_cover_is_left_to_the_standard_version(cuda: Backend) -> None:
    one, none = cuda.asarray(np.ones((2, 6, 3), np.float32)), cuda.asarray(np.ones((0, 6, 3), np.float32))
    wide = cuda.asarray(np.ones((2000, 4, 1), np.float32))
    long = cuda.asarray(np.ones((1, (1 << 16) + 1, 4), np.float32))
    double, whole = cuda.asarray(np.ones((2, 6, 3))), cuda.asarray(np.ones((2, 6, 3), np.int32))
    options = {"beta1": 0.9, "beta2": 0.9, "rate": 0.1, "correction": 1.0, "eps": 1e-8, "decoupled": True}
    for operation, arguments in (
        (max_pool1d_vjp, (none, 2, 2)), (max_pool1d_vjp, (whole, 2, 2)), (max_pool1d_vjp, (one, 7, 7)),
        (global_max_vjp, (none,)), (rectified_vjp, (none, one[0, 0, :])), (rectified_vjp, (one, double[0, 0, :])),
        (conv1d_max, (none, one)), (conv1d_max, (long, wide)),
        (conv1d_max, (long, wide[:3, :, :])), (conv1d_max, (one, double)),
        (conv1d_max_grad_w, (one, whole[:, 0, :], one[:, 0, :], 1)),
        (softmax, (one, 1)), (softmax, (none,)), (softmax_gradient, (one, double)),
        (softmax_gradient, (one, one[:1, :, :])), (standardize_vjp, (one, (1, 2), 0.1)),
        (conv1d_hits, (one[:1, :1, :], one, one[0, 0, :], 9)), (conv1d_hits, (one, one, double, 9)),
        (sum_rows, (one,)), (sum_rows, (long[:, :, None, :],)), (sum_rows, (whole,)),
        (segment_sum, (one[0, :, :], cuda.asarray(np.zeros(6, np.int64)), 2)),
    ):  # fmt: skip
        assert twin_of(cuda, operation)(*arguments) is NotImplemented, operation.name
    for given_arrays in (([one], [one], [double], [one]), ([one, double], *[[one, one]] * 3)):
        assert twin_of(cuda, adam_update_all)(*given_arrays, [1.0, 1.0], **options) is NotImplemented


@pytest.mark.parametrize("kernel_size", [19, 24])
def test_a_scan_as_long_as_models_have_it(cuda: Backend, kernel_size: int) -> None:
    rng = np.random.default_rng(0)
    x = cuda.asarray(np.eye(4, dtype=np.float32)[rng.integers(0, 4, (2, 500))])
    w = cuda.asarray(rng.standard_normal((kernel_size, 4, 17)).astype(np.float32))
    y, positions = twin_of(cuda, conv1d_max)(x, w)
    expected, expected_positions = conv1d_max.standard(x, w)
    assert_same(cuda, y, expected, "float32")
    assert Reach(kernel_size).outputs(500) > 4 * 100
    np.testing.assert_array_equal(cuda.to_numpy(positions), cuda.to_numpy(expected_positions))
