"""Dropout of channels, shortcuts, crops, groups and cut-off windows, as people type them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from genoml import nn
from genoml.backend import Backend


def array(backend: Backend, *shape: int) -> Any:
    return backend.asarray(np.random.default_rng(0).standard_normal(shape), "float32")


def test_spatial_dropout_drops_whole_channels_and_scales_the_rest(backend: Backend) -> None:
    layer = nn.SpatialDropout1D(0.25, seed=1)
    ones = backend.asarray(np.ones((50, 40, 7)), "float32")
    y = backend.to_numpy(layer(ones, training=True, step=3))
    np.testing.assert_array_equal(y, np.broadcast_to(y[:, :, :1], y.shape))
    np.testing.assert_allclose(np.unique(y), [0.0, 1.0 / 0.75], rtol=1e-6)
    assert abs(np.mean(y == 0.0) - 0.25) < 0.04  # 2000 channels: 4 standard errors
    grad_x = backend.to_numpy(layer.backward(ones))
    np.testing.assert_array_equal(grad_x, y)
    assert not np.array_equal(y, backend.to_numpy(layer(ones, training=True, step=4)))


def test_a_shortcut_around_nothing_learnt_is_the_input(backend: Backend) -> None:
    layer, x = nn.Residual(nn.Dense(4, 4)), array(backend, 3, 4)
    layer.params["0.weights"] = layer.params["0.weights"] * 0.0
    np.testing.assert_array_equal(backend.to_numpy(layer(x)), backend.to_numpy(x))


def test_a_container_has_its_layers_as_children_and_other_layers_have_none() -> None:
    dense = nn.Dense(4, 4)
    model = nn.Sequential({"body": nn.Residual(dense), "head": nn.StrandSymmetric(nn.Flatten())})
    assert list(model.children) == ["body", "head"]
    assert model.children["body"].children == {"0": dense}
    assert dense.children == {}


def test_a_crop_keeps_the_middle_and_the_left_of_two_middles(backend: Backend) -> None:
    x = backend.asarray(np.arange(7.0)[None, None], "float32")
    np.testing.assert_array_equal(backend.to_numpy(nn.CropTo(3)(x))[0, 0], [2, 3, 4])
    np.testing.assert_array_equal(backend.to_numpy(nn.CropTo(4)(x))[0, 0], [1, 2, 3, 4])


def test_the_last_partial_window_counts_with_ceil_mode(backend: Backend) -> None:
    x = backend.asarray(-np.arange(1.0, 6.0)[None, None], "float32")
    np.testing.assert_array_equal(backend.to_numpy(nn.MaxPool1D(3)(x))[0, 0], [-1])
    np.testing.assert_array_equal(backend.to_numpy(nn.MaxPool1D(3, ceil_mode=True)(x))[0, 0], [-1, -4])


def test_groups_are_convolutions_side_by_side(backend: Backend) -> None:
    both, x = nn.Conv1D(4, 6, 3, groups=2), array(backend, 2, 4, 9)
    assert both.weights.shape == (6, 2, 3)
    parts = []
    for g in range(2):
        one = nn.Conv1D(2, 3, 3)
        one.params = {"weights": both.weights[3 * g : 3 * g + 3, ...], "bias": both.bias[3 * g : 3 * g + 3]}
        parts.append(backend.to_numpy(one(x[:, 2 * g : 2 * g + 2, :])))
    np.testing.assert_allclose(backend.to_numpy(both(x)), np.concatenate(parts, axis=1), atol=1e-6)


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda x: nn.Conv1D(4, 6, 3, groups=3), "groups that divide 4 and 6 channels, got 3"),
        (lambda x: nn.Conv1D(4, 6, 3, groups=0), "expects groups >= 1, got 0"),
        (lambda x: nn.CropTo(0), "CropTo expects length >= 1, got 0"),
        (lambda x: nn.AveragePool1D(0), "AveragePool1D expects pool_size >= 1, got 0"),
        (lambda x: nn.SpatialDropout1D(1.0), "SpatialDropout1D expects 0 <= rate < 1, got 1.0"),
        (lambda x: nn.SpatialDropout1D(0.5)(x, training=True), "SpatialDropout1D expects a step number"),
        (lambda x: nn.Residual(nn.Conv1D(4, 4, 3))(x), r"x's shape \(2, 4, 9\), got \(2, 4, 7\)"),
    ],
)
def test_wrong_arguments_are_refused(run: Callable[[Any], Any], message: str, backend: Backend) -> None:
    with pytest.raises(ValueError, match=message):
        run(array(backend, 2, 4, 9))


def test_one_example_without_its_batch_is_asked_about() -> None:
    with pytest.raises(ValueError, match=r"got \(4, 30\); a batch of one is x\[None\]$"):
        nn.Conv1D(4, 8, 3)(np.zeros((4, 30), np.float32))


def test_a_class_in_the_place_of_a_layer_is_named() -> None:
    wrong: Any = [nn.ReLU]
    with pytest.raises(TypeError, match="Sequential expects layers, got the class ReLU at '0'"):
        nn.Sequential(wrong)


def test_a_shape_error_names_the_layers_path(backend: Backend) -> None:
    tower = nn.Sequential([nn.Conv1D(4, 8, 3), nn.BatchNorm1D(8), nn.Parallel({"a": nn.Conv1D(9, 8, 3)})])
    model = nn.Sequential({"tower": nn.Residual(tower)})
    with pytest.raises(
        ValueError, match=r'^"tower.0.2.a" Conv1D expects \(batch, 9, length >= 3\), got \(2, 8, 28\)$'
    ):
        model(array(backend, 2, 4, 30))
    model = nn.Sequential([nn.Conv1D(4, 8, 3), nn.MaxPool1D(40)])  # fused
    with pytest.raises(ValueError, match=r'^"1" MaxPool1D expects'):
        model(array(backend, 2, 4, 30))
    with pytest.raises(ValueError, match=r"^Conv1D expects"):  # alone, it has no path
        nn.Conv1D(5, 8, 3)(array(backend, 2, 4, 30))


@pytest.mark.parametrize(
    ("layer", "shape", "asked"),
    [
        (nn.Conv1D(4, 8, 3), (2, 30, 4), True),
        (nn.Conv1D(4, 8, 3), (2, 5, 30), False),
        (nn.Conv1D(4, 8, 5), (2, 4, 4), False),
        (nn.LSTM(6, 3), (2, 6, 30), True),
        (nn.BatchNorm1D(6), (2, 30, 6), True),
    ],
)
def test_an_input_with_its_last_two_axes_swapped_is_asked_about(
    layer: nn.Layer, shape: tuple[int, ...], asked: bool
) -> None:
    with pytest.raises(ValueError, match="expects") as raised:
        layer(np.zeros(shape, np.float32))
    assert str(raised.value).endswith("; transpose the last two axes?") == asked
