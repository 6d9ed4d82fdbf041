"""Correlations over bases by tables of words, compiled by Numba, against the standard versions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml.backend import use_backend
from genoml.models import build_model
from genoml.ops.conv1d import conv1d_max, conv1d_max_grad_w, conv1d_vjp
from genoml.parallel import Workers
from genoml.train import FitOptions, fit
from genoml_numpy import NumpyBackend, compiled
from genoml_numpy.compiled import bases
from genoml_numpy.twins import TWINS
from support.backends import CompiledNumpyBackend
from support.models import ONE_LABEL
from support.operations import LAYOUTS, assert_close, laid_out
from support.planted import planted_data
from support.subprocesses import BLOCK, output_of


def one_hot_rows(rng: np.random.Generator, n: int, length: int) -> np.ndarray:
    """Random bases, one in twelve of them unknown: a row of zeros."""
    table = np.concatenate(
        [np.repeat(np.eye(4, dtype=np.float32), 3, axis=0)[:11], np.zeros((1, 4), np.float32)]
    )
    return table[rng.integers(0, 12, (n, length))]


@settings(max_examples=50, deadline=None)
@given(
    n=st.integers(1, 4),
    kernel=st.integers(2, 12),
    extra=st.integers(0, 40),
    filters=st.sampled_from([1, 3, 32, 150, 600]),
    layout=st.sampled_from(LAYOUTS),
)
def test_a_correlation_by_words_equals_the_standard_version(
    n: int, kernel: int, extra: int, filters: int, layout: str
) -> None:
    rng = np.random.default_rng(0)
    x = one_hot_rows(rng, n, kernel + extra)
    w = rng.standard_normal((kernel, 4, filters)).astype(np.float32)
    for array in (x, w):
        array.flags.writeable = False
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bases, "_LEAST", 1)
        (y, back), (expected, expected_back) = compiled.TWINS["conv1d_vjp"](x, w), conv1d_vjp.standard(x, w)
        best, positions = compiled.TWINS["conv1d_max"](x, w)
    assert_close(y, expected, np.float32, "y")
    grad = laid_out(rng, y.shape, np.float32, layout)
    for need_x in (False, True):
        (grad_x, grad_w), (expected_x, expected_w) = back(grad, need_x), expected_back(grad, need_x)
        assert_close(grad_w, expected_w, np.float32, "grad w")
        assert (grad_x is None) == (not need_x)
        if need_x:
            assert_close(grad_x, expected_x, np.float32, "grad x")
            alone, none = back(grad, True, False)
            assert none is None
            np.testing.assert_array_equal(alone, grad_x)
    assert_close(best, conv1d_max.standard(x, w)[0], np.float32, "largest")
    found = np.take_along_axis(expected, positions[:, None, :], axis=1)[:, 0]
    assert_close(found, expected.max(axis=1), np.float32, "position of the largest")


def test_the_first_of_equals_is_the_position() -> None:
    x = np.repeat(np.eye(4, dtype=np.float32)[None, :1], 500, axis=1)
    _, positions = compiled.TWINS["conv1d_max"](x, np.ones((3, 4, 40), np.float32))
    assert not positions.any()


@pytest.mark.parametrize("kernel", [3, 8, 20])
@pytest.mark.parametrize("length", [700, 701])
def test_a_scan_shared_by_threads_gives_the_same_numbers(kernel: int, length: int) -> None:
    rng = np.random.default_rng(0)
    x, w = one_hot_rows(rng, 70, length), rng.standard_normal((kernel, 4, 32)).astype(np.float32)
    workers = Workers(2)
    try:
        found = compiled.TWINS["conv1d_max"](x, w, workers=workers)
        unknown = x.copy()
        unknown[-1, 5] = 0.25
        left = compiled.TWINS["conv1d_max"](unknown, w, workers=workers)
    finally:
        workers.close()
    for shared, alone in zip(found, compiled.TWINS["conv1d_max"](x, w), strict=True):
        np.testing.assert_array_equal(shared, alone)
    expected, positions = conv1d_max.standard(unknown, w)
    assert_close(left[0], expected, np.float32, "of rows that are not one-hot")
    np.testing.assert_array_equal(left[1], positions)


@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_gradient_of_winning_windows_equals_the_standard_version(stride: int, layout: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((5, 60, 3)).astype(np.float32)
    grad = laid_out(rng, (5, 7, 2), np.float32, layout)[:, :, 0]
    positions = rng.integers(0, 18, (5, 7))
    found = compiled.TWINS["conv1d_max_grad_w"](x, positions, grad, 6, stride)
    assert_close(found, conv1d_max_grad_w.standard(x, positions, grad, 6, stride), np.float32, "grad w")
    assert compiled.TWINS["conv1d_max_grad_w"](x, positions, grad, 6, stride, 2) is NotImplemented


def test_nan_in_a_kernel_reaches_the_maximum() -> None:
    x, w = one_hot_rows(np.random.default_rng(0), 2, 300), np.ones((5, 4, 60), np.float32)
    w[2, 1, 7] = np.nan
    best, _ = compiled.TWINS["conv1d_max"](x, w)
    assert np.isnan(best[:, 7]).all()
    assert np.isfinite(np.delete(best, 7, axis=1)).all()


@pytest.mark.parametrize("value", [0.25, -1.0, 2.0, 2.0**-63, np.nan, np.inf])
@pytest.mark.parametrize("row", [0, 77, 299])
def test_rows_that_are_not_one_hot_are_computed_as_they_are(value: float, row: int) -> None:
    rng = np.random.default_rng(0)
    x, w = one_hot_rows(rng, 2, 300), rng.standard_normal((7, 4, 30)).astype(np.float32)
    x[1, row] = value
    with np.errstate(invalid="ignore"):
        y, _ = compiled.TWINS["conv1d_vjp"](x, w)
        expected, _ = TWINS["conv1d_vjp"](x, w)
    np.testing.assert_array_equal(y, expected)


def test_two_ones_in_a_row_are_not_one_hot() -> None:
    x, w = np.zeros((1, 600, 4), np.float32), np.ones((5, 4, 32), np.float32)
    x[0, 3, :2] = 1.0
    np.testing.assert_array_equal(compiled.TWINS["conv1d_vjp"](x, w)[0], TWINS["conv1d_vjp"](x, w)[0])


@pytest.mark.parametrize("options", [{"stride": 2}, {"dilation": 2}])
def test_strides_and_dilations_are_left_to_the_other_twins(options: dict[str, int]) -> None:
    rng = np.random.default_rng(0)
    x, w = one_hot_rows(rng, 2, 300), rng.standard_normal((7, 4, 30)).astype(np.float32)
    found = compiled.TWINS["conv1d_vjp"](x, w, **options)
    expected = TWINS["conv1d_vjp"](x, w, **options)
    if expected is NotImplemented:
        assert found is NotImplemented
    else:
        np.testing.assert_array_equal(found[0], expected[0])


@pytest.mark.parametrize("kernel", [1, 4, 9])
@pytest.mark.parametrize("span", [1, 2, 3, 4])
def test_tables_and_their_transpose_are_adjoint(span: int, kernel: int) -> None:
    rng = np.random.default_rng(0)
    w = rng.standard_normal((kernel, 4, 3))
    tables = bases.tables_of(w, span)
    other = rng.standard_normal(tables.shape)
    np.testing.assert_allclose(np.sum(tables * other), np.sum(w * bases.kernels_of(other, kernel)))


def test_the_compiled_twins_are_used_where_numba_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GENOML_COMPILED", raising=False)
    assert NumpyBackend().twins["conv1d_max"] is compiled.TWINS["conv1d_max"]
    assert NumpyBackend().describe()["compiled"].startswith("Numba ")
    monkeypatch.setenv("GENOML_COMPILED", "0")
    assert NumpyBackend().twins["conv1d_max"] is TWINS["conv1d_max"]
    assert "compiled" not in NumpyBackend().describe()
    monkeypatch.setenv("GENOML_COMPILED", "maybe")
    with pytest.raises(ValueError, match="GENOML_COMPILED expects 0, 1 or nothing, got 'maybe'"):
        _ = NumpyBackend().twins


@pytest.mark.parametrize(
    ("wanted", "outcome"), [("", "TWINS"), ("1", "BackendError: GENOML_COMPILED=1 needs Numba")]
)
def test_without_numba_the_others_serve_unless_it_was_asked_for(wanted: str, outcome: str) -> None:
    program = BLOCK.format(library="numba") + (
        "from genoml_numpy import NumpyBackend, twins\n"
        "try: print('TWINS' if NumpyBackend().twins == twins.TWINS else 'others')\n"
        "except Exception as error: print(f'{type(error).__name__}: {error}')\n"
    )
    assert output_of(program, GENOML_COMPILED=wanted).startswith(outcome)


def test_the_compiled_twins_serve_what_training_uses() -> None:
    wanted: set[Any] = {
        "adam_update",
        "conv1d_max",
        "conv1d_vjp",
        "plain_attention_vjp",
        "rectified_vjp",
        "squares_around",
        "sum_rows",
    }
    # elsewhere they are several operations, or the standard version serves
    alone = {
        "biased_conv1d_vjp", "conv1d_max_grad_w", "conv1d_moments_vjp", "lstm_vjp", "pooled_conv1d",
    }  # fmt: skip
    discovery = {
        "gather_communities",
        "jaccard",
        "move_nodes",
        "multiply_rows",
        "refine_nodes",
        "spell_words",
    }
    assert compiled.TWINS.keys() == wanted | alone | discovery | {"conv1d_hits"}
    assert wanted <= TWINS.keys()


def test_a_network_trains_with_them_as_without() -> None:
    losses = []
    for backend in (NumpyBackend(), CompiledNumpyBackend()):
        with use_backend(backend):
            model = build_model(
                "basset", ONE_LABEL["basset"] | {"length_bp": 45, "n_outputs": 1}, backend=backend
            )
            history = fit(model, planted_data(40, 45), options=FitOptions(epochs=2, batch_size=20, threads=2))
        losses.append([record["loss"] for record in history.epochs])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-3)
