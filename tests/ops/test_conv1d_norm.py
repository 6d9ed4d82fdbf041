"""Convolutions beside batch normalisation: the moments of the output, and the pooled output alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml import nn
from genoml.backend import Backend
from genoml.ops.conv1d_norm import conv1d_moments_vjp, pooled_conv1d
from genoml.ops.normalise import batch_statistics
from genoml_numpy.compiled import TWINS
from support.operations import LAYOUTS, assert_close, laid_out

#: kernel width, channels, filters: by tables of words, by minimal filtering, by tiles and by phases
WAYS = {"bases": (7, 4, 200), "three": (3, 64, 48), "tiles": (8, 48, 50), "phases": (4, 6, 5)}


def inputs(way: str, n: int, length: int, layout: str = "C", seed: int = 0) -> list[np.ndarray]:
    """Rows, one-hot or with a mean far from 0, kernels, and a shift."""
    rng, (k, c, f) = np.random.default_rng(seed), WAYS[way]
    x = np.eye(4, dtype=np.float32)[rng.integers(0, 4, (n, length))]
    if way != "bases":
        x = laid_out(rng, (n, length, c), np.float32, layout)
    w = (rng.standard_normal((k, c, f)) / (k * c) ** 0.5).astype(np.float32)
    arrays = [x, w, rng.standard_normal(f).astype(np.float32)]
    for array in arrays:
        array.flags.writeable = False
    return arrays


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_outputs_moments_and_gradients_equal_the_standard_version(way: str, data: st.DataObject) -> None:
    padding = data.draw(st.integers(0, 4)), data.draw(st.integers(0, 4))
    n, length = data.draw(st.integers(1, 3)), data.draw(st.integers(20, 300))
    x, w, _ = inputs(way, n, length, data.draw(st.sampled_from(LAYOUTS)), data.draw(st.integers(0, 99)))
    y, moments, back = TWINS["conv1d_moments_vjp"](x, w, padding)
    expected, none, expected_back = conv1d_moments_vjp.standard(x, w, padding)
    assert none is None
    assert_close(y, expected, np.float32, "y")
    rows = expected.reshape(-1, expected.shape[2]).astype(np.float64)
    assert_close(moments[0], rows.sum(axis=0), np.float32, "sum")
    assert_close(moments[1], ((rows - rows.mean(axis=0)) ** 2).sum(axis=0), np.float32, "squares")
    grad = np.random.default_rng(1).standard_normal(y.shape).astype(np.float32)
    for got, wanted in zip(back(grad), expected_back(grad), strict=True):
        assert_close(got, wanted, np.float32, "gradient")
    assert back(grad, False)[0] is None
    assert back(grad, True, False)[1] is None


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_the_pooled_output_equals_the_standard_version(way: str, data: st.DataObject) -> None:
    padding = data.draw(st.integers(0, 4)), data.draw(st.integers(0, 4))
    windows = data.draw(st.integers(1, 5)), data.draw(st.booleans())
    n, length = data.draw(st.integers(1, 3)), data.draw(st.integers(90, 130))
    x, w, shift = inputs(way, n, length, data.draw(st.sampled_from(LAYOUTS)), data.draw(st.integers(0, 99)))
    expected = pooled_conv1d.standard(x, w, shift, *windows, padding)
    found: Any = TWINS["pooled_conv1d"](x, w, shift, *windows, padding)
    assert (found is NotImplemented) == (
        way in ("tiles", "phases") or (way == "three" and windows[0] in (3, 5))
    )
    if found is not NotImplemented:
        assert_close(found, expected, np.float32, "y")


@pytest.mark.parametrize("way", ["bases", "three"])
def test_a_nan_stays_in_the_pooled_output(way: str) -> None:
    x, w, shift = inputs(way, 2, 120)
    damaged = w.copy()
    damaged[1, 2, 3] = np.nan
    y = TWINS["pooled_conv1d"](x, damaged, shift, 2)
    assert np.isnan(y[..., 3]).any(axis=1).all()
    assert np.isfinite(np.delete(y, 3, axis=2)).all()


def test_moments_of_a_channel_far_from_0_keep_their_digits() -> None:
    x, w, _ = inputs("phases", 3, 700)
    rows = x + np.float32(1000.0)
    y, moments, _ = TWINS["conv1d_moments_vjp"](rows, w)
    flat = y.reshape(-1, y.shape[2]).astype(np.float64)
    np.testing.assert_allclose(moments[1], ((flat - flat.mean(axis=0)) ** 2).sum(axis=0), rtol=1e-5)


def test_statistics_are_the_same_from_moments_that_are_given() -> None:
    x, w, shift = inputs("three", 4, 60)
    y, moments, _ = TWINS["conv1d_moments_vjp"](x, w)
    options: Any = np.zeros_like(shift), np.ones_like(shift), 0.1, 1e-5, y.shape[0] * y.shape[1]
    given, plain = batch_statistics(y, *options, moments=moments), batch_statistics(y, *options)
    for one, other in zip(given, plain, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def networks(backend: Backend) -> list[nn.Sequential]:
    """Batch normalisation with and without bias, pooling or neither; a pooling of a rectified convolution."""
    plain: dict[str, Any] = {"backend": backend, "activation": None}
    return [
        nn.Sequential([
            nn.Conv1D(4, 6, 5, padding="same", **plain), nn.BatchNorm1D(6, backend=backend), nn.ReLU(backend=backend),
            nn.MaxPool1D(2, backend=backend), nn.Conv1D(6, 5, 3, bias=False, **plain),
            nn.BatchNorm1D(5, backend=backend), nn.ReLU(backend=backend),
        ]),
        nn.Sequential([nn.Conv1D(4, 6, 5, backend=backend), nn.MaxPool1D(3, ceil_mode=True, backend=backend)]),
        nn.Sequential([  # not pooled: its pullback stays
            nn.Conv1D(4, 6, 5, stride=2, **plain), nn.BatchNorm1D(6, backend=backend), nn.ReLU(backend=backend)
        ]),
    ]  # fmt: skip


@pytest.mark.parametrize("number", range(3))
def test_a_pass_for_the_output_alone_gives_the_same_and_no_pullback(number: int, backend: Backend) -> None:
    rng, model = np.random.default_rng(0), networks(backend)[number]
    for table in (model.params, model.state):
        for name, value in list(table.items()):
            drawn = np.abs(rng.standard_normal(tuple(value.shape))) + 0.1
            table[name] = backend.asarray(drawn * (1 if "var" in name else rng.choice([-1, 1])), "float32")
    x = backend.asarray(rng.standard_normal((3, 4, 31)), "float32")
    y, back = model.vjp(x, nn.Pass(pulls=0))
    expected, _ = model.vjp(x)
    np.testing.assert_allclose(backend.to_numpy(y), backend.to_numpy(expected), rtol=1e-4, atol=1e-5)
    if number < 2:
        with pytest.raises(RuntimeError, match="more often than `pulls`"):
            back(y)


def test_new_weights_are_used_at_once_where_they_are_scaled() -> None:
    model = networks(nn.ReLU().backend)[0]
    x = np.random.default_rng(0).standard_normal((3, 4, 31)).astype(np.float32)
    first, _ = model.vjp(x, nn.Pass(pulls=0))
    model.params["0.weights"] = model.params["0.weights"] * 2.0
    second, _ = model.vjp(x, nn.Pass(pulls=0))
    assert not np.allclose(first, second)
    np.testing.assert_allclose(second, model.vjp(x)[0], rtol=1e-4, atol=1e-5)


def test_a_sequence_too_short_says_the_same_in_either_pass() -> None:
    model = nn.Sequential([nn.Conv1D(4, 6, 5), nn.MaxPool1D(3)])
    x = np.zeros((2, 4, 6), np.float32)
    messages = []
    for run in (nn.Pass(), nn.Pass(pulls=0)):
        with pytest.raises(ValueError, match="MaxPool1D expects") as error:
            model.vjp(x, run)
        messages.append(str(error.value))
    assert messages[0] == messages[1]
