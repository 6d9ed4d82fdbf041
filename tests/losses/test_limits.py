"""Every loss at the ends of its range: infinite predictions, targets at the edge, entries that count for nothing."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml import losses
from genoml.backend import Backend, use_backend
from genoml.random import host_generator
from genoml.testing import LossCase
from genoml.train.objectives import BinaryClassification
from support.backends import StrictBackend
from support.guard import no_host_read
from support.losses import LOSSES, TASK_LOSSES

EVERY = LOSSES | TASK_LOSSES
#: predictions that are no means: the logarithm of the largest mean is only 88, from where some limits are still far
UNBOUNDED = {
    name: case
    for name, case in EVERY.items()
    if case.options.get("log_input", "log_input" not in inspect.signature(case.loss).parameters)
}
CASES = pytest.mark.parametrize("case", LOSSES.values(), ids=LOSSES)
EVERY_CASE = pytest.mark.parametrize("case", EVERY.values(), ids=EVERY)
SIZES = np.array([0.0, 1e-30, 1.0, 3.0, 40.0, 60.0, 89.0, 1e4, 1e10, 1e30, np.inf])
ENDS = np.concatenate([-SIZES, SIZES])
#: least and greatest target of each kind, and one between
EDGES = {"labels": [0.0, 1.0, 0.3], "counts >=": [0.0, 1.0, 1e6], "finite": [0.0, -1e6, 1e6]}


def drawn(case: LossCase, seed: int, ends: np.ndarray = ENDS) -> tuple[list[np.ndarray], np.ndarray]:
    """Predictions at the ends of their range, parameters of the loss as they are, and targets at the edge."""
    rng = host_generator(seed, "ends")
    # the logits of excess zeros and the logarithm of a dispersion must be finite on the host
    inputs = [rng.choice(ends, case.inputs[0].shape).astype(np.float32)]
    for value in case.inputs[1:]:
        finite = rng.choice(ends[np.isfinite(ends)], value.shape).astype(np.float32)
        inputs.append(finite if value.shape else finite[()] + np.zeros((), np.float32))
    edges = next((found for words, found in EDGES.items() if words in case.bad[0][2]), None)
    targets = case.targets if edges is None else rng.choice(edges, case.targets.shape)
    return inputs, targets.astype(np.float32)


# ---------------------------------------------------------------- no NaN, no warning


@EVERY_CASE
@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32),
    st.sampled_from([None, 0.0, 0.5, 1.0]),
    st.booleans(),
    st.sampled_from(["mean", "sum", "none"]),
)
def test_any_logits_and_any_targets_give_numbers(
    case: LossCase, seed: int, masked: float | None, weighted: bool, reduction: str
) -> None:
    inputs, targets = drawn(case, seed)
    rng = host_generator(seed, "options")
    shape = case.targets.shape if case.axis == 0 else case.entries
    options: dict[str, Any] = {} if masked is None else {"mask": rng.uniform(size=shape) >= masked}
    if weighted:
        options["sample_weight"] = rng.choice([0.0, 0.5, 2.0], case.targets.shape[0])
    value, grads = case(*inputs, targets=targets, reduction=reduction, **options)
    for array in (value, *grads):
        assert not np.any(np.isnan(array))
    if masked == 1.0:  # no label is there
        assert not any(np.any(array) for array in (value, *grads))


@EVERY_CASE
@pytest.mark.parametrize("seed", range(5))
def test_no_backend_gives_nan_at_the_ends(case: LossCase, seed: int, backend: Backend) -> None:
    inputs, targets = drawn(case, seed)
    value, grads = case(*(backend.asarray(x, "float32") for x in inputs), targets=targets, reduction="none")
    for array in (value, *grads):
        assert not np.any(np.isnan(backend.to_numpy(array)))


# ---------------------------------------------------------------- limits


@pytest.mark.parametrize("case", UNBOUNDED.values(), ids=UNBOUNDED)
@pytest.mark.parametrize("seed", range(5))
def test_the_values_at_infinity_are_the_limits_of_those_before_it(
    case: LossCase, seed: int, backend: Backend
) -> None:
    inputs, targets = drawn(case, seed, np.array([-np.inf, -3.0, -1.0, 0.5, 3.0, np.inf]))
    far = [np.clip(x, -1e30, 1e30) for x in inputs]
    found = [
        case(*(backend.asarray(x, "float32") for x in given), targets=targets, reduction="none")
        for given in (inputs, far)
    ]
    for limit, before in zip(*((value, *grads) for value, grads in found), strict=True):
        at, near = backend.to_numpy(limit), backend.to_numpy(before)
        finite = np.abs(at) < 1e20  # what is beyond grows without limit
        np.testing.assert_allclose(at[finite], near[finite], rtol=1e-5, atol=1e-5)
        assert np.all(np.sign(at[~finite]) == np.sign(near[~finite]))


def test_a_class_that_is_masked_and_not_the_label_costs_nothing(backend: Backend) -> None:
    z = backend.asarray([[-np.inf, 1.0, 2.0]], "float32")
    for loss in (losses.softmax_cross_entropy, losses.focal_loss_multiclass):
        value, grad = loss(z, [1])
        kept, kept_grad = loss(z[:, 1:], [0])
        np.testing.assert_allclose(backend.to_numpy(value), backend.to_numpy(kept), rtol=1e-6)
        expected = np.concatenate([[[0.0]], backend.to_numpy(kept_grad)], axis=1)
        np.testing.assert_allclose(backend.to_numpy(grad), expected, rtol=1e-6)
    value, grad = losses.softmax_cross_entropy(z, [1])
    np.testing.assert_allclose(backend.to_numpy(value), 1.3132617, rtol=1e-6)
    np.testing.assert_allclose(backend.to_numpy(grad), [[0.0, -0.7310586, 0.7310586]], rtol=1e-6)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_infinite_logits_cost_nothing_where_right_and_infinity_where_wrong(
    gamma: float, backend: Backend
) -> None:
    z = backend.asarray([np.inf, -np.inf, np.inf, -np.inf], "float32")
    t = [1.0, 0.0, 0.0, 1.0]
    for value, grad in (
        losses.binary_cross_entropy_with_logits(z, t, reduction="none"),
        losses.focal_loss(z, t, alpha=None, gamma=gamma, reduction="none"),
    ):
        np.testing.assert_array_equal(backend.to_numpy(value), [0.0, 0.0, np.inf, np.inf])
        np.testing.assert_array_equal(backend.to_numpy(grad), [0.0, 0.0, 1.0, -1.0])
    pairs = backend.asarray([[np.inf, 0.0], [-np.inf, 0.0], [np.inf, np.inf], [-np.inf, -np.inf]], "float32")
    value, grad = losses.softmax_cross_entropy(pairs, [0, 0, 1, 1], reduction="none")
    np.testing.assert_allclose(backend.to_numpy(value), [0.0, np.inf, np.log(2.0), np.log(2.0)], rtol=1e-6)
    np.testing.assert_allclose(backend.to_numpy(grad), [[0, 0], [-1, 1], [0.5, -0.5], [0.5, -0.5]], atol=1e-7)


def test_one_infinite_prediction_correlates_as_the_sign_of_it_alone(backend: Backend) -> None:
    t = [[1.0], [2.0], [4.0], [3.0]]
    value, grad = losses.pearson_loss(backend.asarray([[0.5], [7.0], [np.inf], [-2.0]], "float32"), t)
    expected = 1.0 - np.corrcoef([0.0, 0.0, 1.0, 0.0], np.ravel(t))[0, 1]
    np.testing.assert_allclose(backend.to_numpy(value), expected, rtol=1e-5)
    assert not backend.to_numpy(grad).any()


def test_infinite_means_are_those_of_infinite_logarithms(backend: Backend) -> None:
    infinite, y = backend.asarray([np.inf, np.inf], "float32"), [0.0, 5.0]
    for loss, slope in ((losses.poisson_loss, 1.0), (losses.negative_binomial_loss, 0.0)):
        for full in (False, True):
            value, grad = loss(infinite, y, full=full, reduction="none")
            logs, _ = loss(infinite, y, full=full, log_input=True, reduction="none")
            np.testing.assert_array_equal(backend.to_numpy(value), backend.to_numpy(logs))
            np.testing.assert_array_equal(backend.to_numpy(value), [np.inf, np.inf])
            np.testing.assert_array_equal(backend.to_numpy(grad), [slope, slope])
    value, grad = losses.poisson_multinomial_loss(
        backend.asarray([[np.inf, 1.0]], "float32"), [[2.0, 3.0]], total_weight=0.2
    )
    assert np.isposinf(backend.to_numpy(value))
    np.testing.assert_allclose(backend.to_numpy(grad), [[0.1, (0.2 - 3.0) / 2.0]], rtol=1e-6)


# ---------------------------------------------------------------- weights


@EVERY_CASE
@pytest.mark.parametrize("wrong", [-1.0, -np.inf, np.inf, np.nan])
def test_a_weight_below_0_or_not_finite_is_refused_with_its_position(
    case: LossCase, wrong: float, backend: Backend
) -> None:
    weights = np.ones(case.targets.shape[0])
    weights[2] = wrong
    words = f"{case.loss.__name__}: sample_weight expects weights >= 0, got {wrong:g} at position 2"
    for values in (weights, weights.tolist()):
        with pytest.raises(ValueError, match=words):
            case(*case.on(backend, "float32"), sample_weight=values)


@pytest.mark.parametrize(
    "loss",
    [
        losses.binary_cross_entropy,
        losses.binary_cross_entropy_with_logits,
        losses.softmax_cross_entropy,
        losses.focal_loss_multiclass,
    ],
)
def test_a_class_weight_below_0_is_refused(loss: Any) -> None:
    with pytest.raises(
        ValueError, match=f"{loss.__name__}: class_weight expects weights >= 0, got -2 at pos"
    ):
        loss(np.full((2, 2), 0.5), np.ones((2, 2)), class_weight=(1.0, -2.0))


def test_fit_refuses_a_negative_weight_before_it_trains() -> None:
    with pytest.raises(ValueError, match="BinaryClassification: sample_weight expects weights >= 0, got -1"):
        BinaryClassification().check(np.ones((2, 1)), {"sample_weight": np.array([1.0, -1.0])})


@EVERY_CASE
def test_weights_on_the_device_are_not_read(case: LossCase, backend: Backend) -> None:
    with use_backend(StrictBackend() if backend.name.startswith("numpy") else backend) as on:
        arrays = [*case.on(on, "float32"), on.asarray(case.targets, "float32")]
        weights = on.asarray(-np.ones(case.targets.shape[0]), "float32")
        with no_host_read(on), np.errstate(invalid="ignore"):
            case(*arrays[:-1], targets=arrays[-1], sample_weight=weights)


@CASES
@pytest.mark.parametrize("reduction", ["sum", "none"])
@pytest.mark.parametrize("wrong", [np.inf, -np.inf, 1e30, np.nan])
def test_a_weight_of_0_removes_an_example_whose_loss_overflows_as_the_mask_does(
    case: LossCase, reduction: str, wrong: float, backend: Backend
) -> None:
    spoilt = case.inputs[0].copy()
    spoilt[1] = wrong
    weights = np.ones(case.entries)
    weights[1] = 0.0
    arrays = [backend.asarray(value, "float32") for value in (spoilt, *case.inputs[1:])]
    found = [case(*arrays, reduction=reduction, **{name: weights}) for name in ("sample_weight", "mask")]
    for weighted, masked in zip(*((value, *grads) for value, grads in found), strict=True):
        np.testing.assert_array_equal(backend.to_numpy(weighted), backend.to_numpy(masked))
        assert np.all(np.isfinite(backend.to_numpy(weighted)))


# ---------------------------------------------------------------- dispersion, and nothing to count


@pytest.mark.parametrize("log_dispersion", [-1e30, -41.0, -3.0, 0.0, 3.0, 41.0, 1e30])
def test_the_gradient_in_the_dispersion_is_finite_at_any_mean(
    log_dispersion: float, backend: Backend
) -> None:
    for log_input, ends in ((True, ENDS), (False, SIZES)):
        m = backend.asarray(ends, "float32")
        for count in (0.0, 1.0, 1e6):
            y = np.full(ends.shape, count)
            _, grads = losses.negative_binomial_loss_with_dispersion(
                m, log_dispersion, y, log_input=log_input
            )
            excess = losses.zero_inflated_negative_binomial_loss(
                m, -2.0, log_dispersion, y, log_input=log_input
            )
            for grad in (grads[1], excess[1][1], excess[1][2]):
                assert np.isfinite(backend.to_numpy(grad))


@pytest.mark.parametrize("log_dispersion", [-30.0, -2.0, 0.0, 3.0, 30.0])
def test_a_mean_that_vanishes_costs_nothing_where_nothing_was_counted(
    log_dispersion: float, backend: Backend
) -> None:
    z = backend.asarray([-50.0, -1e4, -1e30, -np.inf], "float32")
    value, (grad, _) = losses.negative_binomial_loss_with_dispersion(
        z, log_dispersion, np.zeros(4), log_input=True, reduction="none"
    )
    np.testing.assert_allclose(backend.to_numpy(value), 0.0, atol=1e-12)
    np.testing.assert_allclose(backend.to_numpy(grad), 0.0, atol=1e-12)


@pytest.mark.parametrize(
    "case", [case for case in LOSSES.values() if case.axis], ids=lambda c: c.loss.__name__
)
def test_a_softmax_over_nothing_is_refused(case: LossCase, backend: Backend) -> None:
    inputs = [np.take(value, [], axis=case.axis) for value in case.inputs[:1]] + list(case.inputs[1:])
    arrays = [backend.asarray(value, "float32") for value in inputs]
    with pytest.raises(
        ValueError, match=f"{case.loss.__name__} expects at least one value along axis {case.axis}"
    ):
        case(*arrays)
