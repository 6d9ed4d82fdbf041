"""Copies and pickles of networks: equal, independent, on the same backend."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

from genoml import backend as backends
from genoml import nn, optim
from genoml.backend import Backend, BackendError
from genoml.optim.schedules import ReduceOnPlateau, Schedule, constant, cosine, one_cycle, step_decay, warm_up
from genoml.testing import LayerCase, forward_backward
from genoml.testing.layers import LAYERS
from genoml.train import BinaryClassification, Counts, FitOptions, MultiClassification, Regression
from support.backends import ReadOnlyNumpyBackend, has_float64
from support.models import SMALL, small_input, small_model

CASES = pytest.mark.parametrize("case", LAYERS.values(), ids=LAYERS)


def pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


COPIES = pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickled])


def network(**options: Any) -> nn.Sequential:
    return nn.Sequential(
        {"scan": nn.Conv1D(4, 8, 5), "pool": nn.GlobalMaxPool1D(), "head": nn.Dense(8, 1)}, **options
    )


def sequences(backend: Backend) -> Any:
    return backend.asarray(np.random.default_rng(0).standard_normal((2, 4, 30)), "float32")


@CASES
def test_a_pickle_brings_back_the_layer_with_all_its_numbers(case: LayerCase, backend: Backend) -> None:
    dtype = "float64" if has_float64(backend) else "float32"
    layer, x = case.build(backend, dtype), case.array(backend, dtype)
    found = forward_backward(pickled(layer), x, training=case.training)
    for name, value in forward_backward(layer, x, training=case.training).items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


@CASES
@COPIES
def test_a_layer_whose_weights_are_not_drawn_yet_draws_the_same_ones(
    case: LayerCase, copied: Callable[[Any], Any]
) -> None:
    layer = case.make()
    other = copied(layer)
    for name, value in layer.params.items():
        np.testing.assert_array_equal(other.params[name], value)
    assert set(other.params) == set(layer.params)


@pytest.mark.parametrize("name", SMALL)
@COPIES
def test_every_published_network_can_be_copied(
    name: str, copied: Callable[[Any], Any], backend: Backend
) -> None:
    dtype = "float64" if has_float64(backend) else "float32"
    model, x = small_model(name, backend, dtype), backend.asarray(small_input(name), dtype)
    np.testing.assert_array_equal(backend.to_numpy(copied(model)(x)), backend.to_numpy(model(x)))


@COPIES
def test_a_change_of_the_copy_leaves_the_original_and_the_other_way_round(
    copied: Callable[[Any], Any], backend: Backend
) -> None:
    model, x = network(), sequences(backend)
    y, other = backend.to_numpy(model(x)).copy(), copied(model)
    assert other.backend is model.backend
    for path in other.params:
        other.params[path] = other.params[path] * 0
    np.testing.assert_array_equal(backend.to_numpy(model(x)), y)
    np.testing.assert_array_equal(backend.to_numpy(other(x)), np.zeros((2, 1)))
    assert other["head"] is not model["head"]


@COPIES
def test_gradients_are_copied_and_a_pending_backward_is_not(
    copied: Callable[[Any], Any], backend: Backend
) -> None:
    model, x = network(), sequences(backend)
    model(x)
    model.backward(model(x))
    grads = {path: backend.to_numpy(value) for path, value in model.grads.items()}
    model(x)
    other = copied(model)
    for path, value in grads.items():
        np.testing.assert_array_equal(backend.to_numpy(other.grads[path]), value)
    with pytest.raises(RuntimeError, match=r"Sequential\.backward needs a forward pass first"):
        other.backward(other["head"].bias[None, :])
    model.backward(model["head"].bias[None, :] + model(x))  # the original's is as it was


def test_a_layer_that_stands_twice_in_a_network_is_one_layer_in_its_copy() -> None:
    shared = nn.Dense(4, 4)
    other = pickled(nn.Sequential([shared, nn.ReLU(), shared]))
    assert other[0] is other[2]
    assert other[0] is not shared


@COPIES
def test_a_copy_of_the_parameters_keeps_the_values_of_now(copied: Callable[[Any], Any]) -> None:
    model = network()
    best = copied(model.params)
    before = {path: value.copy() for path, value in best.items()}
    optim.Adam(0.1).update(model.params, {path: np.ones_like(value) for path, value in best.items()})
    assert type(best) is dict
    for path, value in before.items():
        np.testing.assert_array_equal(best[path], value)
        assert not np.array_equal(model.params[path], value)


def test_views_of_a_network_follow_it_and_those_of_its_copy_the_copy() -> None:
    model = network()
    view, other = model.params, copy.deepcopy(model)
    model["head"] = nn.Dense(8, 1, seed=5)
    assert view["head.weights"] is model["head"].weights
    assert other.params["head.weights"] is other["head"].weights


# ---------------------------------------------------------------- other processes, files, backends


def test_a_network_computes_in_a_spawned_process_and_comes_back_from_it() -> None:
    model = network()
    x = np.random.default_rng(1).standard_normal((2, 4, 30)).astype(np.float32)
    y = model(x)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        np.testing.assert_array_equal(pool.apply(model, (x,)), y)
        np.testing.assert_array_equal(pool.apply(copy.deepcopy, (model,))(x), y)


def test_joblib_brings_a_network_back_that_can_be_trained_also_from_mapped_memory(tmp_path: Path) -> None:
    model = network()
    joblib.dump(model, tmp_path / "model.joblib")
    for mode in (None, "r"):
        other = joblib.load(tmp_path / "model.joblib", mmap_mode=mode)
        np.testing.assert_array_equal(other["scan"].weights, model["scan"].weights)
        other["scan"].weights -= 0.1  # in place, as people write it
    assert joblib.hash(model) == joblib.hash(copy.deepcopy(model))


def test_an_array_is_numpys_in_a_pickle_whatever_the_backend(backend: Backend) -> None:
    layer = nn.Dense(3, 2)
    layer(backend.asarray(np.ones((1, 3)), "float32"))
    layer.backward(backend.asarray(np.ones((1, 2)), "float32"))
    state = layer.__getstate__()
    for table in (state["_tables"]["params"], state["_grads"]):
        assert {type(value) for value in table.values()} == {np.ndarray}


def test_a_pickle_of_a_backend_that_cannot_be_used_here_says_so_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Elsewhere(ReadOnlyNumpyBackend):
        name = "elsewhere"

    content = pickle.dumps(nn.Dense(3, 2, backend=Elsewhere()))
    monkeypatch.setattr(backends, "_instances", {})
    with pytest.raises(
        BackendError, match=r"pickled on backend 'elsewhere', which cannot be used here: unknown"
    ):
        pickle.loads(content)
    with pytest.raises(BackendError, match=r"model.to\('numpy'\) before pickling, or save_weights"):
        pickle.loads(content)


def test_a_backend_is_one_object_whoever_copies_it(backend: Backend) -> None:
    assert copy.copy(backend) is backend
    assert copy.deepcopy(backend) is backend
    assert pickled(backend) is backend


# ---------------------------------------------------------------- what a training is given


@pytest.mark.parametrize("make", [optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop, optim.Adagrad])
@pytest.mark.parametrize("copied", [copy.deepcopy, pickled])
def test_an_optimiser_goes_on_where_its_copy_was_made(
    make: Callable[[float], optim.Optimizer], copied: Callable[[Any], Any]
) -> None:
    model = network()
    grads = {path: np.cos(value) for path, value in model.params.items()}
    optimizer = make(0.01)
    optimizer.update(model.params, grads)
    other, twin = copied(optimizer), copy.deepcopy(model)
    optimizer.update(model.params, grads)
    other.update(twin.params, grads)
    for path, value in model.params.items():
        np.testing.assert_array_equal(twin.params[path], value)


@pytest.mark.parametrize(
    "schedule",
    [
        constant(),
        one_cycle(100),
        step_decay(7),
        cosine(50, end=0.1),
        warm_up(5, cosine(40)),
        ReduceOnPlateau(),
    ],
)
def test_a_schedule_comes_back_with_the_same_factors(schedule: Schedule) -> None:
    other = pickled(schedule)
    assert [other(step) for step in range(60)] == [schedule(step) for step in range(60)]


def test_options_and_objectives_of_a_training_come_back() -> None:
    kinds = [
        BinaryClassification(class_weight=(1.0, 3.0)),
        MultiClassification(),
        Regression(kind="huber"),
        Counts(),
    ]
    for objective in kinds:
        options = FitOptions(objective=objective, penalties=(partial(nn.information_penalty, strength=1e-3),))
        other = pickled(options)
        assert other.objective == objective
        assert {field.name for field in fields(other)} == {field.name for field in fields(options)}
