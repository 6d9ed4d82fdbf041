"""Every loss against its formula, with all options, on every backend; gradients; missing labels; refusals."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from genoml import losses
from genoml.backend import Backend, get_backend, use_backend
from genoml.random import host_generator
from genoml.testing import LossCase, check_loss
from support.backends import StrictBackend, has_float64
from support.guard import no_host_read
from support.losses import LOSSES, TASK_LOSSES

CASES = pytest.mark.parametrize("case", LOSSES.values(), ids=LOSSES)
EVERY = LOSSES | TASK_LOSSES
EVERY_CASE = pytest.mark.parametrize("case", EVERY.values(), ids=EVERY)
REDUCTIONS = pytest.mark.parametrize("reduction", ["mean", "sum", "none"])


def precision(backend: Backend) -> tuple[str, float]:
    return ("float64", 1e-11) if has_float64(backend) else ("float32", 1e-4)


def rows(case: LossCase) -> np.ndarray:
    return np.linspace(0.2, 2.0, case.entries[0])


def weights_and_mask(case: LossCase) -> tuple[np.ndarray, np.ndarray]:
    rng = host_generator(3, "weights and mask")
    return rng.uniform(0.2, 2.0, case.entries), rng.integers(0, 2, case.entries)


def mask_shape(case: LossCase) -> tuple[int, ...]:
    """One an entry; where the entries are tasks, one a target."""
    return case.targets.shape if case.axis == 0 else case.entries


def spread(case: LossCase, values: np.ndarray) -> np.ndarray:
    """Values of the entries, for each of the targets."""
    targets = case.targets
    return (
        values if targets.ndim == values.ndim else np.expand_dims(values, case.axis) + np.zeros(targets.shape)
    )


def close(backend: Backend, got: Any, expected: np.ndarray, limit: float) -> None:
    host = backend.to_numpy(got)
    assert host.shape == np.shape(expected)
    scale = 1.0 + np.max(np.abs(expected), initial=0.0)
    np.testing.assert_allclose(host, expected, rtol=limit, atol=limit * scale)


# ---------------------------------------------------------------- values and gradients


@CASES
def test_the_entries_equal_the_formula(case: LossCase, backend: Backend) -> None:
    dtype, limit = precision(backend)
    value, grads = case(*case.on(backend, dtype), reduction="none")
    close(backend, value, case.reference(*case.inputs, case.targets), limit)
    assert value.dtype == backend.dtype(dtype)
    for grad, given in zip(grads, case.inputs, strict=True):
        assert tuple(grad.shape) == given.shape
        assert grad.dtype == backend.dtype(dtype)


@CASES
@pytest.mark.parametrize("options", ["", "weights", "rows", "mask", "mask rows", "mask weights"])
def test_weights_masks_and_reductions_are_those_of_the_definition(
    case: LossCase, options: str, backend: Backend
) -> None:
    dtype, limit = precision(backend)
    entries = case.reference(*case.inputs, case.targets)
    weights, mask = weights_and_mask(case)
    given: dict[str, Any] = {}
    if "weights" in options:
        given["sample_weight"], entries = weights, entries * weights
    if "rows" in options:
        given["sample_weight"] = rows(case)
        entries = entries * rows(case).reshape((-1,) + (1,) * (entries.ndim - 1))
    if "mask" in options:
        given["mask"], entries = mask, entries * mask
    count = mask.sum() if "mask" in options else mask.size
    arrays = case.on(backend, dtype)
    for reduction, expected in (("none", entries), ("sum", entries.sum()), ("mean", entries.sum() / count)):
        value, _ = case(*arrays, reduction=reduction, **given)
        close(backend, value, expected, limit)


@CASES
@REDUCTIONS
def test_every_gradient_matches_central_differences(case: LossCase, reduction: str) -> None:
    weights, mask = weights_and_mask(case)
    for options in ({}, {"sample_weight": weights, "mask": mask}):
        for at, value in enumerate(case.inputs):

            def moved(array: Any, at: int = at, options: dict[str, Any] = options) -> tuple[Any, Any]:
                inputs = [*case.inputs[:at], array, *case.inputs[at + 1 :]]
                loss, grads = case(*inputs, reduction=reduction, **options)
                return loss, grads[at]

            check_loss(moved, value)


@CASES
def test_the_numbers_are_those_of_numpy_and_two_runs_are_bitwise_equal(
    case: LossCase, backend: Backend
) -> None:
    home = get_backend("numpy")
    weights, mask = weights_and_mask(case)
    runs = [
        case(*case.on(backend, "float32"), sample_weight=weights, mask=mask, reduction="none")
        for _ in range(2)
    ]
    expected = case(*case.on(home, "float32"), sample_weight=weights, mask=mask, reduction="none")
    for first, second, host in zip(*((run[0], *run[1]) for run in (*runs, expected)), strict=True):
        np.testing.assert_array_equal(backend.to_numpy(first), backend.to_numpy(second))
        close(backend, first, np.asarray(host), 1e-5)
        assert first.dtype == backend.dtype("float32")


# ---------------------------------------------------------------- missing labels


@CASES
@REDUCTIONS
def test_a_missing_label_may_be_nan_and_counts_for_nothing(
    case: LossCase, reduction: str, backend: Backend
) -> None:
    _, mask = weights_and_mask(case)
    holes = np.where(spread(case, mask) != 0, case.targets, np.nan)
    arrays = case.on(backend, "float32")
    got = case(*arrays, targets=holes, mask=mask, reduction=reduction)
    clean = case(*arrays, mask=mask, reduction=reduction)
    for a, b in zip((got[0], *got[1]), (clean[0], *clean[1]), strict=True):
        np.testing.assert_array_equal(backend.to_numpy(a), backend.to_numpy(b))
    if case.axis is None:
        assert np.all(backend.to_numpy(got[1][0])[mask == 0] == 0.0)


@CASES
@REDUCTIONS
def test_a_batch_without_a_label_has_loss_0_and_gradient_0(
    case: LossCase, reduction: str, backend: Backend
) -> None:
    holes, mask = np.full(case.targets.shape, np.nan), np.zeros(case.entries)
    value, grads = case(*case.on(backend, "float32"), targets=holes, mask=mask, reduction=reduction)
    for array in (value, *grads):
        assert not np.any(backend.to_numpy(array))


@CASES
def test_an_empty_batch_has_loss_0(case: LossCase, backend: Backend) -> None:
    whole = case.inputs[0].shape
    inputs = [value[:0] if value.shape[:1] == whole[:1] else value for value in case.inputs]
    arrays = [backend.asarray(value, "float32") for value in inputs]
    value, grads = case(*arrays, targets=case.targets[:0])
    assert float(backend.to_numpy(value)) == 0.0
    assert [tuple(grad.shape) for grad in grads] == [array.shape for array in inputs]


@CASES
def test_a_nan_prediction_is_seen_in_the_loss(case: LossCase, backend: Backend) -> None:
    inputs = [value.copy() for value in case.inputs]
    inputs[0][(0,) * inputs[0].ndim] = np.nan
    value, _ = case(*(backend.asarray(value, "float32") for value in inputs))
    assert np.isnan(backend.to_numpy(value))


# ---------------------------------------------------------------- what is taken, what is refused


@EVERY_CASE
@pytest.mark.parametrize("convert", [np.asarray, np.ndarray.tolist], ids=["array", "list"])
def test_a_host_label_outside_the_domain_is_named_with_its_position(
    case: LossCase, convert: Any, backend: Backend
) -> None:
    arrays = case.on(backend, "float32")
    for position, value, words in case.bad:
        targets = case.targets.astype(np.float64)
        targets[position] = value
        with pytest.raises(ValueError, match=r"at position ") as caught:
            case(*arrays, targets=convert(targets))
        place = position[0] if len(position) == 1 else position
        assert words in str(caught.value)
        assert f"{case.loss.__name__} expects" in str(caught.value)
        assert f"at position {place}" in str(caught.value)
        mask = np.ones(mask_shape(case))
        gone = list(position)
        if case.axis is not None and len(position) > mask.ndim:
            gone.pop(case.axis)
        mask[tuple(gone)] = 0
        case(*arrays, targets=convert(targets), mask=mask)


@EVERY_CASE
def test_labels_on_the_device_are_taken_as_they_are(case: LossCase, backend: Backend) -> None:
    position, value, _ = case.bad[0]
    targets = case.targets.astype(np.float64)
    targets[position] = value
    # NumPy's device is the host; there another library's arrays are the example
    with use_backend(StrictBackend() if backend.name.startswith("numpy") else backend) as on:
        arrays, labels = case.on(on, "float32"), on.asarray(targets, "float32")
        with no_host_read(on), np.errstate(invalid="ignore"):
            case(*arrays, targets=labels)


@EVERY_CASE
def test_shapes_that_do_not_fit_are_refused(case: LossCase, backend: Backend) -> None:
    arrays, name = case.on(backend, "float32"), case.loss.__name__
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"targets": case.targets[:-1]}, "expects"),
        ({"targets": case.targets[..., None, None]}, "expects"),
        ({"mask": np.ones((9, 9))}, "mask expects"),
        ({"sample_weight": np.ones(9)}, "expects sample_weight of shape"),
        ({"reduction": "average"}, "expects reduction 'mean', 'sum' or 'none', got 'average'"),
    ]
    for options, words in wrong:
        with pytest.raises(ValueError, match=name) as caught:
            case(*arrays, **options)
        assert words in str(caught.value)


@EVERY_CASE
@pytest.mark.parametrize("option", ["targets", "sample_weight", "mask"])
def test_arrays_of_another_library_are_refused(case: LossCase, option: str, backend: Backend) -> None:
    home, foreign = (get_backend("numpy"), backend), (backend, StrictBackend())
    on, other = home if backend.name.startswith("strict") else foreign
    shape = case.targets.shape if option == "targets" else mask_shape(case)
    with pytest.raises(TypeError, match=case.loss.__name__):
        case(*case.on(on, "float32"), **{option: other.asarray(np.ones(shape), "float32")})


@EVERY_CASE
def test_predictions_of_a_wrong_kind_are_refused(case: LossCase, backend: Backend) -> None:
    name = case.loss.__name__
    rest = case.on(backend, "float32")[1:]
    whole = backend.asarray(np.ones(case.inputs[0].shape), "int32")
    for wrong, words in (
        (case.inputs[0].tolist(), f"{name} expects predictions as an array, got list"),
        (whole, f"{name} expects floating-point predictions, got {whole.dtype}"),
    ):
        with pytest.raises(TypeError) as caught:
            case(wrong, *rest)
        assert words in str(caught.value)


def test_every_public_loss_has_an_entry_and_every_entry_has_bad_targets() -> None:
    public = {
        name
        for name, value in vars(losses).items()
        if inspect.isfunction(value) and {"targets", "reduction"} <= set(inspect.signature(value).parameters)
    }
    assert public == {case.loss.__name__ for case in EVERY.values()}
    assert all(case.bad for case in EVERY.values())


# ---------------------------------------------------------------- manners


@CASES
@REDUCTIONS
def test_nothing_is_read_on_the_host_and_no_input_is_changed(
    case: LossCase, reduction: str, backend: Backend
) -> None:
    weights, mask = weights_and_mask(case)
    hosts = [*case.inputs, case.targets, weights, mask]
    arrays = [backend.asarray(host, "float32") for host in hosts]
    *inputs, targets, weight, present = arrays
    with no_host_read(backend):
        case(*inputs, targets=targets, sample_weight=weight, mask=present, reduction=reduction)
    for array, host in zip(arrays, hosts, strict=True):
        np.testing.assert_array_equal(backend.to_numpy(array), np.asarray(host, np.float32))


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"targets": np.array([["1"], ["0"]])}, "targets"),
        ({"targets": ["a", "b"]}, "targets"),
        ({"targets": np.array([[1], [0]], object)}, "targets"),
        ({"sample_weight": ["1", "2"]}, "sample_weight"),
    ],
)
def test_text_and_objects_are_no_numbers(given: dict[str, Any], kind: str) -> None:
    arguments = {"targets": np.float32([[1], [0]])} | given
    with pytest.raises(TypeError, match=f"^binary_cross_entropy_with_logits expects {kind} as numbers, got "):
        losses.binary_cross_entropy_with_logits(np.float32([[0.1], [0.2]]), **arguments)
