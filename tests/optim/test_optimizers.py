"""Optimisers against their formulas in plain NumPy, on every backend; clipping; schedules."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from genoml import nn
from genoml.backend import Backend
from genoml.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop, clip_by_norm
from genoml.optim.schedules import constant, one_cycle
from support.backends import ReadOnlyNumpyBackend, StrictBackend, has_float64
from support.guard import no_host_read
from support.optimizers import OPTIMIZERS, SHAPES, OptimizerCase, draws

CASES = pytest.mark.parametrize("case", OPTIMIZERS.values(), ids=OPTIMIZERS)


@CASES
def test_50_steps_equal_the_formula(case: OptimizerCase, backend: Backend) -> None:
    dtype, limit = ("float64", 1e-12) if has_float64(backend) else ("float32", 2e-5)
    found = case.run(backend, dtype)
    for name, expected in case.expected().items():
        assert found[name].dtype == dtype
        np.testing.assert_allclose(found[name], expected, rtol=limit, atol=limit)


@CASES
def test_neither_parameters_nor_gradients_are_written_to(case: OptimizerCase, backend: Backend) -> None:
    optimizer = case.make()
    before = {name: backend.asarray(value, "float32") for name, value in draws(0).items()}
    grads = {name: backend.asarray(value, "float32") for name, value in draws(1).items()}
    params = dict(before)
    for _ in range(2):
        optimizer.update(params, grads)
    state = dict(optimizer.state)
    kept = {name: backend.to_numpy(value).copy() for name, value in state.items()}
    optimizer.update(params, grads)
    for name in SHAPES:
        np.testing.assert_array_equal(backend.to_numpy(before[name]), draws(0)[name].astype(np.float32))
        np.testing.assert_array_equal(backend.to_numpy(grads[name]), draws(1)[name].astype(np.float32))
    for name, value in state.items():  # a snapshot of the state is not changed by the next step
        np.testing.assert_array_equal(backend.to_numpy(value), kept[name])


@CASES
def test_in_place_the_numbers_are_the_same(case: OptimizerCase, backend: Backend) -> None:
    found: list[dict[str, Any]] = []
    for in_place in (False, True):
        optimizer = case.make()
        params = {name: backend.copy_from_numpy(value.astype(np.float32)) for name, value in draws(0).items()}
        for step in range(3):
            grads = {name: backend.asarray(value, "float32") for name, value in draws(step + 1).items()}
            optimizer.update(params, grads, in_place=in_place)
        found.append({name: backend.to_numpy(value) for name, value in params.items()})
    for name, value in found[0].items():
        np.testing.assert_array_equal(value, found[1][name])


@CASES
def test_a_saved_state_goes_on_as_if_nothing_had_happened(case: OptimizerCase) -> None:
    whole, first, second = case.make(), case.make(), case.make()
    params, resumed = draws(0), draws(0)
    for step in range(6):
        whole.update(params, draws(step + 1))
    for step in range(3):
        first.update(resumed, draws(step + 1))
    second.state, second.steps = dict(first.state), first.steps
    for step in range(3, 6):
        second.update(resumed, draws(step + 1))
    for name in SHAPES:
        np.testing.assert_array_equal(params[name], resumed[name])


def test_the_order_of_the_gradients_does_not_matter() -> None:
    results = []
    for names in (list(SHAPES), list(reversed(SHAPES))):
        optimizer, params = Adam(0.1), draws(0)
        for step in range(3):
            grads = draws(step + 1)
            optimizer.update(params, {name: grads[name] for name in names})
        results.append(params)
    for name in SHAPES:
        np.testing.assert_array_equal(results[0][name], results[1][name])


def test_a_parameter_without_a_gradient_stays() -> None:
    optimizer, params = AdamW(0.1, weight_decay=0.5), draws(0)
    optimizer.update(params, {"conv.bias": np.ones(4)})
    np.testing.assert_array_equal(params["conv.weights"], draws(0)["conv.weights"])
    assert np.all(params["conv.bias"] < draws(0)["conv.bias"])


def test_decay_falls_on_weights_alone_unless_told_otherwise() -> None:
    zeros = {name: np.zeros(shape) for name, shape in SHAPES.items()}
    params, all_params = draws(0), draws(0)
    AdamW(0.1, weight_decay=0.5).update(params, zeros)
    AdamW(0.1, weight_decay=0.5, decays=lambda name: True).update(all_params, zeros)
    for name, value in draws(0).items():
        np.testing.assert_allclose(all_params[name], value * 0.95, rtol=1e-12)
        np.testing.assert_allclose(
            params[name], value * (0.95 if name.endswith("weights") else 1.0), rtol=1e-12
        )


def test_the_learning_rate_can_change_between_steps() -> None:
    optimizer, params = SGD(1.0), {"weights": np.zeros(1)}
    for rate in (1.0, 0.1, 0.01):
        optimizer.learning_rate = rate
        optimizer.update(params, {"weights": np.ones(1)})
    assert params["weights"][0] == pytest.approx(-1.11)


def test_a_networks_parameters_are_written_through(backend: Backend) -> None:
    model = nn.Sequential([nn.Dense(3, 2), nn.Dense(2, 1)])
    before = {name: backend.to_numpy(value).copy() for name, value in model.params.items()}
    SGD(0.5).update(model.params, {name: value * 0.0 + 1.0 for name, value in model.params.items()})
    for name, value in before.items():
        np.testing.assert_allclose(backend.to_numpy(model.params[name]), value - 0.5, rtol=1e-6)
    np.testing.assert_array_equal(
        backend.to_numpy(model[1].weights), backend.to_numpy(model.params["1.weights"])
    )


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(0.0), "SGD expects learning_rate > 0"),
        (lambda: Adam(-1.0), "Adam expects learning_rate > 0"),
        (lambda: AdamW(math.nan), "AdamW expects learning_rate > 0"),
        (lambda: AdamW(0.1, weight_decay=-0.1), "AdamW expects weight_decay >= 0, got -0.1"),
        (lambda: SGD(0.1, weight_decay=math.nan), "weight_decay >= 0"),
        (lambda: SGD(0.1, momentum=1.0), "0 <= momentum < 1, got 1.0"),
        (lambda: SGD(0.1, momentum=-0.1), "0 <= momentum < 1"),
        (lambda: SGD(0.1, nesterov=True), "momentum > 0 with nesterov"),
        (lambda: RMSprop(rho=1.0), "RMSprop expects 0 <= rho < 1, got 1.0"),
        (lambda: RMSprop(momentum=-0.5), "RMSprop expects 0 <= momentum < 1, got -0.5"),
        (lambda: Adagrad(lr_decay=-1.0), "Adagrad expects lr_decay >= 0, got -1.0"),
        (lambda: Adagrad(initial=math.nan), "Adagrad expects initial >= 0, got nan"),
        (lambda: Adam(beta1=1.0), "Adam expects 0 <= beta1 < 1, got 1.0"),
        (lambda: AdamW(beta2=-0.5), "AdamW expects 0 <= beta2 < 1, got -0.5"),
        (lambda: clip_by_norm({}, 1.0), "at least one gradient"),
        (lambda: clip_by_norm({"w": np.ones(1)}, 0.0), "max_norm > 0, got 0.0"),
        (lambda: clip_by_norm({"w": np.ones(1)}, math.nan), "max_norm > 0, got nan"),
        (lambda: one_cycle(0), "total >= 1"),
        (lambda: one_cycle(10, warmup=1.0), "0 <= warmup < 1"),
        (lambda: one_cycle(10, warmup=-0.1), "0 <= warmup < 1"),
    ],
)
def test_bad_settings_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@CASES
def test_a_gradient_of_no_parameter_is_refused_before_anything_changes(case: OptimizerCase) -> None:
    optimizer, params = case.make(), draws(0)
    with pytest.raises(KeyError, match=r"conv\.weight'? has a gradient"):
        optimizer.update(params, {**draws(1), "conv.weight": np.ones(1)})
    assert optimizer.steps == 0
    assert not optimizer.state
    for name, value in draws(0).items():
        np.testing.assert_array_equal(params[name], value)


@CASES
def test_gradients_that_do_not_fit_are_refused_before_anything_changes(
    case: OptimizerCase, backend: Backend
) -> None:
    like = "conv.weights"
    name, right = type(case.make()).__name__, np.ones(SHAPES[like])
    other = ReadOnlyNumpyBackend() if backend.name.startswith("strict") else StrictBackend()
    wrong: list[tuple[Any, type[Exception], str]] = [
        (backend.asarray(right[:, :1], "float32"), ValueError, "of shape (4, 2, 3), got (4, 1, 3)"),
        (backend.asarray(right, "int32"), TypeError, "expects a gradient of "),
        (right.tolist(), TypeError, "expects a gradient on the parameter's array library"),
        (other.asarray(right, "float32"), TypeError, "expects a gradient on the parameter's array library"),
    ]
    for grad, kind, words in wrong:
        optimizer = case.make()
        params = {key: backend.asarray(value, "float32") for key, value in draws(0).items()}
        grads = {key: backend.asarray(value, "float32") for key, value in draws(1).items()}
        before = dict(params)
        with pytest.raises(kind) as caught:
            optimizer.update(params, grads | {like: grad})
        assert f"{name} expects a gradient" in str(caught.value)
        assert words in str(caught.value)
        assert like in str(caught.value)
        assert all(params[key] is before[key] for key in SHAPES)
        assert optimizer.steps == 0


def test_the_base_class_says_what_a_subclass_must_define() -> None:
    with pytest.raises(NotImplementedError, match="Optimizer must define step_one"):
        Optimizer(0.1).update(draws(0), draws(1))


# ---------------------------------------------------------------- clipping


@pytest.mark.parametrize("max_norm", [1e-3, 1.0, 1e3])
def test_clipping_scales_all_gradients_by_one_factor(max_norm: float, backend: Backend) -> None:
    host = draws(3)
    grads = {name: backend.asarray(value, "float32") for name, value in host.items()}
    with no_host_read(backend):
        clipped, norm = clip_by_norm(grads, max_norm)
    expected = math.sqrt(sum(float(np.sum(value**2)) for value in host.values()))
    assert tuple(norm.shape) == ()
    assert float(backend.to_numpy(norm)) == pytest.approx(expected, rel=1e-5)
    scale = min(1.0, max_norm / expected)
    assert list(clipped) == list(host)
    for name, value in host.items():
        assert clipped[name].dtype == backend.dtype("float32")
        np.testing.assert_allclose(backend.to_numpy(clipped[name]), value * scale, rtol=1e-5)
        np.testing.assert_array_equal(backend.to_numpy(grads[name]), value.astype(np.float32))


def test_gradients_below_the_norm_stay_bit_by_bit(backend: Backend) -> None:
    grads = {name: backend.asarray(value, "float32") for name, value in draws(3).items()}
    clipped, _ = clip_by_norm(grads, 1e3)
    for name, value in grads.items():
        np.testing.assert_array_equal(backend.to_numpy(clipped[name]), backend.to_numpy(value))


def test_gradients_of_zero_stay_zero(backend: Backend) -> None:
    clipped, norm = clip_by_norm({"w": backend.asarray(np.zeros((2, 2)), "float32")}, 1.0)
    assert float(backend.to_numpy(norm)) == 0.0
    assert not np.any(backend.to_numpy(clipped["w"]))


def test_a_nan_gradient_is_not_hidden_by_clipping(backend: Backend) -> None:
    grads = {"a": backend.asarray([np.nan, 1.0], "float32"), "b": backend.asarray([1.0], "float32")}
    clipped, norm = clip_by_norm(grads, 1.0)
    assert np.isnan(backend.to_numpy(norm))
    assert np.isnan(backend.to_numpy(clipped["b"])).all()


# ---------------------------------------------------------------- schedules


def test_the_constant_schedule_is_1() -> None:
    assert {constant()(step) for step in (0, 1, 10**9)} == {1.0}


def test_one_cycle_rises_in_a_line_and_falls_in_half_a_cosine() -> None:
    factor = one_cycle(100, warmup=0.2, start=0.1, end=0.01)
    np.testing.assert_allclose([factor(step) for step in range(21)], np.linspace(0.1, 1.0, 21))
    steps = np.arange(20, 101)
    expected = 0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * (steps - 20) / 80))
    np.testing.assert_allclose([factor(int(step)) for step in steps], expected)
    assert factor(100) == pytest.approx(0.01)
    assert factor(10**6) == pytest.approx(0.01)  # a run that goes on stays at the end


@pytest.mark.parametrize("total", [1, 2, 3, 10, 101])
@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.5, 0.999])
def test_one_cycle_stays_within_its_bounds(total: int, warmup: float) -> None:
    factor = one_cycle(total, warmup=warmup)
    values = [factor(step) for step in range(total)]
    assert all(1e-3 <= value <= 1.0 for value in values)
    assert all(isinstance(value, float) for value in values)
    peak = int(warmup * total)
    assert values[: peak + 1] == sorted(values[: peak + 1])
    assert values[peak:] == sorted(values[peak:], reverse=True)
