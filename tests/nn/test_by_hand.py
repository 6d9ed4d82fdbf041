"""Layers as a person types them: forward, backward, parameters by attribute, by name and by path."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from genoml import nn
from genoml.backend import Backend, get_backend
from support.backends import ReadOnlyNumpyBackend


def small() -> nn.Sequential:
    return nn.Sequential(
        {
            "conv": nn.Conv1D(4, 3, 3),
            "towers": nn.Parallel({"max": nn.GlobalMaxPool1D(), "mean": nn.GlobalAveragePool1D()}),
            "head": nn.Sequential([nn.Dropout(0.5), nn.Dense(6, 1)]),
        },
        seed=5,
    )


def array(backend: Backend, *shape: int) -> Any:
    return backend.asarray(np.random.default_rng(0).standard_normal(shape), "float32")


# ---------------------------------------------------------------- backward


def test_backward_before_a_forward_is_an_error(backend: Backend) -> None:
    with pytest.raises(RuntimeError, match=r"Dense\.backward needs a forward pass first"):
        nn.Dense(3, 2).backward(array(backend, 4, 2))


def test_a_second_backward_is_an_error(backend: Backend) -> None:
    layer = nn.Dense(3, 2)
    layer(array(backend, 4, 3))
    layer.backward(array(backend, 4, 2))
    with pytest.raises(RuntimeError, match="serves one backward each"):
        layer.backward(array(backend, 4, 2))


@pytest.mark.parametrize("shape", [(4,), (4, 1), (1, 2), (2,), (4, 2, 1), (2, 4)])
def test_a_gradient_of_another_shape_than_the_output_is_refused(
    shape: tuple[int, ...], backend: Backend
) -> None:
    layer = nn.Dense(3, 2, activation="sigmoid")
    layer(array(backend, 4, 3))
    with pytest.raises(ValueError, match=r"Dense\.backward expects \(4, 2\), got"):
        layer.backward(array(backend, *shape))
    assert not layer.grads
    layer.backward(array(backend, 4, 2))  # the refusal has used nothing up


def test_backward_overwrites_the_gradients(backend: Backend) -> None:
    layer, x = nn.Dense(3, 2), array(backend, 4, 3)
    found = []
    for _ in range(2):
        layer(x)
        layer.backward(array(backend, 4, 2))
        found.append(backend.to_numpy(layer.weights_grad).copy())
    np.testing.assert_array_equal(found[0], found[1])


def test_backward_by_hand_equals_the_pullback(backend: Backend) -> None:
    model, x, grad = small(), array(backend, 2, 4, 8), array(backend, 2, 1)
    model(x, training=True, step=3)
    by_hand = model.backward(grad)
    _, pullback = model.vjp(x, nn.Pass(training=True, step=3))
    grad_x, grads = pullback(grad)
    np.testing.assert_array_equal(backend.to_numpy(by_hand), backend.to_numpy(grad_x))
    assert set(model.grads) == set(grads) == set(model.params)
    for name, value in grads.items():
        np.testing.assert_array_equal(backend.to_numpy(model.grads[name]), backend.to_numpy(value))
        assert tuple(value.shape) == tuple(model.params[name].shape)


def test_a_layer_used_twice_is_pulled_back_for_each_use(backend: Backend) -> None:
    layer, first, second = nn.Dense(3, 3), array(backend, 2, 3), array(backend, 5, 3)
    _, back_first = layer.vjp(first)
    _, back_second = layer.vjp(second)
    assert tuple(back_first(array(backend, 2, 3))[0].shape) == (2, 3)
    assert tuple(back_second(array(backend, 5, 3))[0].shape) == (5, 3)


# ---------------------------------------------------------------- parameters


def test_attributes_are_the_entries_of_the_dicts(backend: Backend) -> None:
    layer = nn.Dense(3, 2)
    assert layer.weights is layer.params["weights"]
    new = array(backend, 3, 2)
    layer.weights = new
    assert layer.params["weights"] is new
    other = array(backend, 3, 2)
    layer.params["weights"] = other
    assert layer.weights is other
    with pytest.raises(AttributeError, match=r"Dense has no grads\['weights'\] yet"):
        _ = layer.weights_grad
    layer(array(backend, 4, 3))
    layer.backward(array(backend, 4, 2))
    assert layer.weights_grad is layer.grads["weights"]


def test_paths_name_the_parameters_of_a_network() -> None:
    model = small()
    assert list(model.params) == ["conv.weights", "conv.bias", "head.1.weights", "head.1.bias"]
    assert len(model.params) == 4
    assert model.params["head.1.weights"] is model["head"][1].weights
    new = np.zeros((6, 1), np.float32)
    model.params["head.1.weights"] = new
    assert model["head"][1].weights is new
    for path in ("head.1.gamma", "head.weights", "conv", "conv.weights.x", ""):
        with pytest.raises(KeyError):
            _ = model.params[path]
    with pytest.raises(TypeError, match="cannot be deleted"):
        del model.params["conv.bias"]
    assert "'conv.weights': (3, 4, 3)" in repr(model.params)


def test_all_parameters_are_replaced_or_none() -> None:
    model = small()
    before = dict(model.params)
    wrong_names = {("conv.w" if name == "conv.weights" else name): value for name, value in before.items()}
    with pytest.raises(ValueError, match=r"missing \['conv.weights'\], unknown \['conv.w'\]"):
        model.params = wrong_names
    with pytest.raises(ValueError, match=r"\['head.1.bias'\] expects shape \(1,\), got \(2,\)"):
        model.params = before | {"conv.bias": np.ones(3), "head.1.bias": np.ones(2)}
    assert all(model.params[name] is value for name, value in before.items())


def test_initial_weights_depend_on_seed_and_path_alone(backend: Backend) -> None:
    here, home = small(), small().to("numpy")
    for name, value in here.params.items():
        np.testing.assert_array_equal(backend.to_numpy(value), home.params[name], err_msg=name)
    pair = nn.Sequential([nn.Dense(3, 3), nn.Dense(3, 3)], seed=1)
    assert not np.array_equal(backend.to_numpy(pair[0].weights), backend.to_numpy(pair[1].weights))
    again = nn.Sequential([nn.Dense(3, 3), nn.Dense(3, 3), nn.Dense(3, 1)], seed=1)
    np.testing.assert_array_equal(backend.to_numpy(pair[1].weights), backend.to_numpy(again[1].weights))
    alone = [backend.to_numpy(nn.Dense(3, 3, seed=seed).weights) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(alone[0], alone[1])
    assert not np.array_equal(alone[0], alone[2])


def test_moving_a_network_keeps_its_numbers(backend: Backend) -> None:
    model = small()
    before = {name: backend.to_numpy(value).copy() for name, value in model.params.items()}
    there = ReadOnlyNumpyBackend()
    assert model.to(there) is model
    assert model.backend is model["head"][1].backend is there
    for name, value in before.items():
        np.testing.assert_array_equal(model.params[name], value)
    model.to(backend, "float32")
    assert model(array(backend, 2, 4, 8)).dtype == backend.dtype("float32")


def test_moving_to_another_dtype_changes_parameters_and_state() -> None:
    layer = nn.BatchNorm1D(3, backend="numpy").to(dtype="float64")
    assert {value.dtype for value in (*layer.params.values(), *layer.state.values())} == {np.dtype("float64")}
    assert layer.dtype == "float64"


# ---------------------------------------------------------------- containers and settings


def test_a_network_is_a_list_and_a_table_of_layers() -> None:
    model = small()
    assert len(model) == 3
    assert list(model) == model.layers == [model[0], model["towers"], model[-1]]


def test_what_makes_no_network_is_refused() -> None:
    with pytest.raises(ValueError, match="Sequential expects at least one layer"):
        nn.Sequential([])
    with pytest.raises(TypeError, match="Sequential expects layers, got function at '1'"):
        nn.Sequential([nn.ReLU(), lambda x: x])  # type: ignore[list-item]
    with pytest.raises(ValueError, match=r"one backend, got numpy and numpy-readonly \(layer '1'\)"):
        nn.Sequential([nn.ReLU(backend="numpy"), nn.ReLU(backend=ReadOnlyNumpyBackend())])
    branches = nn.Parallel([nn.Conv1D(4, 2, 3), nn.Conv1D(4, 2, 5)])
    with pytest.raises(ValueError, match="branches that differ in axis 1 only"):
        branches(np.zeros((2, 4, 9), np.float32))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Conv1D(4, 2, 0), "Conv1D expects kernel_size >= 1, got 0"),
        (lambda: nn.Conv1D(4, 2, 3, stride=0), "stride >= 1"),
        (lambda: nn.Conv1D(4, 2, 3, dilation=-1), "dilation >= 1"),
        (lambda: nn.Conv1D(4, 2, 3, padding="full"), "'valid', 'same' or an int >= 0, got 'full'"),
        (lambda: nn.Conv1D(4, 2, 3, padding=-1), "got -1"),
        (
            lambda: nn.Conv1D(4, 2, 3, activation="gelu2"),
            "Conv1D expects activation 'elu', .* or 'tanh', got 'gelu2'",
        ),
        (lambda: nn.Dense(4, 2, activation="gelu2"), "got 'gelu2'"),
        (lambda: nn.MaxPool1D(0), "MaxPool1D expects pool_size >= 1, got 0"),
        (lambda: nn.MaxPool1D(2, 0), "MaxPool1D expects stride >= 1, got 0"),
        (lambda: nn.Dropout(1.0), "0 <= rate < 1, got 1.0"),
        (lambda: nn.Dropout(-0.1), "0 <= rate < 1"),
    ],
)
def test_bad_settings_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


# ---------------------------------------------------------------- dropout


def test_dropout_needs_a_step_in_training() -> None:
    with pytest.raises(ValueError, match="Dropout expects a step number in training"):
        nn.Dropout(0.5)(np.ones((2, 3), np.float32), training=True)


def test_dropout_keeps_its_share_and_the_mean(backend: Backend) -> None:
    layer, x = nn.Dropout(0.3, seed=1), backend.asarray(np.ones((50, 400)), "float32")
    y = backend.to_numpy(layer(x, training=True, step=0))
    assert set(np.unique(y)) == {np.float32(0.0), np.float32(1 / 0.7)}
    assert np.mean(y == 0) == pytest.approx(0.3, abs=5 * (0.21 / y.size) ** 0.5)
    np.testing.assert_array_equal(backend.to_numpy(layer(x)), np.ones((50, 400)))


def test_every_step_seed_and_place_has_its_own_mask() -> None:
    x = np.ones((20, 40), np.float32)
    pair = nn.Sequential([nn.Dropout(0.5), nn.Dropout(0.5)])
    masks = [
        nn.Dropout(0.5, seed=0)(x, training=True, step=0),
        nn.Dropout(0.5, seed=0)(x, training=True, step=1),
        nn.Dropout(0.5, seed=1)(x, training=True, step=0),
        pair[0](x, training=True, step=0),
        pair[1](x, training=True, step=0),
    ]
    for i, first in enumerate(masks):
        for second in masks[:i]:
            assert 0.3 < np.mean(first == second) < 0.7
    np.testing.assert_array_equal(nn.Dropout(0.5, seed=0)(x, training=True, step=1), masks[1])
    assert get_backend("numpy").owns(masks[0])
