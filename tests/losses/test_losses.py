"""Both forms of the binary cross-entropy: values, gradients, weights, missing labels, extremes, refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from genoml import testing
from genoml.backend import Backend, get_backend
from genoml.losses import binary_cross_entropy, binary_cross_entropy_with_logits
from genoml.random import host_generator
from support.backends import StrictBackend, has_float64
from support.guard import no_host_read

RNG = np.random.default_rng(11)
LOGITS = RNG.standard_normal((5, 3)) * 3.0
TARGETS = RNG.integers(0, 2, (5, 3)).astype(np.float64)
SOFT = RNG.uniform(size=(5, 3))
ROWS = RNG.uniform(0.1, 3.0, 5)
ENTRIES = RNG.uniform(0.1, 3.0, (5, 3))
MASK = RNG.integers(0, 2, (5, 3))
FORMS = pytest.mark.parametrize("loss", [binary_cross_entropy, binary_cross_entropy_with_logits])


def logistic(z: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-z))


def input_of(loss: Callable[..., Any], logits: np.ndarray = LOGITS) -> np.ndarray:
    """What the form takes: logits, or their probabilities."""
    return logits if loss is binary_cross_entropy_with_logits else logistic(logits)


def dtype_of(backend: Backend) -> str:
    return "float64" if has_float64(backend) else "float32"


def tolerance(backend: Backend) -> float:
    return 1e-12 if has_float64(backend) else 2e-6


def by_formula(
    loss: Callable[..., Any],
    t: np.ndarray,
    class_weight: tuple[float, float] = (1.0, 1.0),
    sample_weight: np.ndarray | None = None,
    mask: np.ndarray | None = None,
    reduction: str = "mean",
) -> tuple[np.ndarray, np.ndarray]:
    """The formula as it is written down, entry by entry; the gradient in z by the chain rule."""
    p, (w0, w1) = logistic(LOGITS), class_weight
    entries = -(w1 * t * np.log(p) + w0 * (1 - t) * np.log(1 - p))
    grads = -w1 * t / p + w0 * (1 - t) / (1 - p)
    if loss is binary_cross_entropy_with_logits:
        grads = grads * p * (1 - p)
    weight = np.ones((5, 3)) if sample_weight is None else sample_weight
    weight = weight[:, None] * np.ones((5, 3)) if weight.ndim == 1 else weight
    present = np.ones((5, 3)) if mask is None else (mask != 0).astype(float)
    entries, grads = entries * weight * present, grads * weight * present
    if reduction == "none":
        return entries, grads
    count = present.sum() if reduction == "mean" else 1.0
    return entries.sum() / count, grads / count


OPTIONS: list[dict[str, Any]] = [
    {},
    {"reduction": "sum"},
    {"reduction": "none"},
    {"class_weight": (0.3, 2.5)},
    {"sample_weight": ROWS},
    {"sample_weight": ENTRIES},
    {"mask": MASK},
    {"mask": MASK.astype(bool), "sample_weight": ROWS, "class_weight": (2.0, 0.5)},
    {"mask": MASK, "sample_weight": ENTRIES, "reduction": "sum"},
    {"mask": MASK, "class_weight": (0.0, 3.0), "reduction": "none"},
]


# ---------------------------------------------------------------- values and gradients


@FORMS
@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: ",".join(options) or "plain")
@pytest.mark.parametrize("targets", [TARGETS, SOFT], ids=["hard", "soft"])
def test_value_and_gradient_equal_the_formula(
    loss: Callable[..., Any], options: dict[str, Any], targets: np.ndarray, backend: Backend
) -> None:
    predictions = backend.asarray(input_of(loss), dtype_of(backend))
    value, grad = loss(predictions, targets, **options)
    expected_value, expected_grad = by_formula(loss, targets, **options)
    tol = tolerance(backend)
    np.testing.assert_allclose(backend.to_numpy(value), expected_value, rtol=tol * 10, atol=tol)
    np.testing.assert_allclose(backend.to_numpy(grad), expected_grad, rtol=tol * 100, atol=tol)
    assert value.dtype == grad.dtype == predictions.dtype
    assert tuple(value.shape) == ((5, 3) if options.get("reduction") == "none" else ())


@FORMS
@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: ",".join(options) or "plain")
def test_gradient_matches_central_differences(loss: Callable[..., Any], options: dict[str, Any]) -> None:
    testing.check_loss(loss, input_of(loss), SOFT, **options)


def test_the_two_forms_agree(backend: Backend) -> None:
    dtype, options = dtype_of(backend), {"class_weight": (0.7, 1.9), "sample_weight": ROWS, "mask": MASK}
    p = logistic(LOGITS)
    value_p, grad_p = binary_cross_entropy(backend.asarray(p, dtype), SOFT, **options)
    value_z, grad_z = binary_cross_entropy_with_logits(backend.asarray(LOGITS, dtype), SOFT, **options)
    tol = tolerance(backend) * 20
    assert float(backend.to_numpy(value_p)) == pytest.approx(float(backend.to_numpy(value_z)), rel=tol)
    chained = backend.to_numpy(grad_p) * p * (1 - p)
    np.testing.assert_allclose(chained, backend.to_numpy(grad_z), rtol=tol, atol=tol)


# ---------------------------------------------------------------- extremes


def test_logits_of_any_size_give_exact_finite_values(backend: Backend) -> None:
    z = np.array([-1e4, -100.0, -1e-30, 0.0, 1e-30, 100.0, 1e4])
    for t in (0.0, 1.0, 0.25):
        value, grad = binary_cross_entropy_with_logits(
            backend.asarray(z, "float32"), np.full(7, t), reduction="none"
        )
        softplus = lambda a: np.logaddexp(0.0, a)  # noqa: E731
        np.testing.assert_allclose(
            backend.to_numpy(value), t * softplus(-z) + (1 - t) * softplus(z), rtol=1e-6, atol=1e-37
        )
        with np.errstate(over="ignore"):
            expected = (1 - t) * logistic(z) - t * logistic(-z)
        np.testing.assert_allclose(backend.to_numpy(grad), expected, rtol=1e-6, atol=1e-37)


def test_small_gradients_of_sure_and_right_answers_keep_their_digits(backend: Backend) -> None:
    z = backend.asarray([20.0, -20.0], "float32")
    _, grad = binary_cross_entropy_with_logits(z, [1.0, 0.0], reduction="sum")
    np.testing.assert_allclose(backend.to_numpy(grad), [-2.0611537e-9, 2.0611537e-9], rtol=1e-6)


def test_a_probability_of_0_or_1_costs_a_finite_amount(backend: Backend) -> None:
    p = backend.asarray([0.0, 1.0, 0.0, 1.0], "float32")
    value, grad = binary_cross_entropy(p, [0.0, 1.0, 1.0, 0.0], reduction="none")
    value, grad = backend.to_numpy(value), backend.to_numpy(grad)
    eps = float(np.finfo(np.float32).eps)
    np.testing.assert_allclose(value[:2], eps, rtol=1e-2)
    np.testing.assert_allclose(value[2:], -np.log(eps), rtol=1e-6)
    np.testing.assert_allclose(grad, [1.0, -1.0, -1 / eps, 1 / eps], rtol=1e-6)


@FORMS
def test_a_nan_prediction_is_seen_in_the_loss(loss: Callable[..., Any], backend: Backend) -> None:
    value, _ = loss(backend.asarray([0.5, np.nan], "float32"), [1.0, 1.0])
    assert np.isnan(backend.to_numpy(value))


# ---------------------------------------------------------------- missing labels


@FORMS
def test_a_missing_label_may_be_nan_and_counts_for_nothing(
    loss: Callable[..., Any], backend: Backend
) -> None:
    dtype = dtype_of(backend)
    targets = np.where(MASK != 0, TARGETS, np.nan)
    predictions = backend.asarray(input_of(loss), dtype)
    got = loss(predictions, targets, mask=~np.isnan(targets), sample_weight=ROWS)
    clean = loss(predictions, TARGETS, mask=MASK, sample_weight=ROWS)
    for a, b in zip(got, clean, strict=True):
        np.testing.assert_array_equal(backend.to_numpy(a), backend.to_numpy(b))
    assert np.all(backend.to_numpy(got[1])[MASK == 0] == 0.0)


@FORMS
def test_a_nan_prediction_without_a_label_does_no_harm(loss: Callable[..., Any], backend: Backend) -> None:
    predictions = backend.asarray([[0.5], [np.nan]], "float32")
    value, grad = loss(predictions, [1.0, 0.0], mask=[1, 0])
    assert np.isfinite(backend.to_numpy(value))
    assert backend.to_numpy(grad)[1, 0] == 0.0


@FORMS
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_a_batch_without_a_label_has_loss_0_and_gradient_0(
    loss: Callable[..., Any], reduction: str, backend: Backend
) -> None:
    predictions = backend.asarray(input_of(loss), "float32")
    value, grad = loss(predictions, np.full((5, 3), np.nan), mask=np.zeros((5, 3)), reduction=reduction)
    assert np.all(backend.to_numpy(value) == 0.0)
    assert np.all(backend.to_numpy(grad) == 0.0)


@FORMS
def test_an_empty_batch_has_loss_0(loss: Callable[..., Any], backend: Backend) -> None:
    value, grad = loss(backend.asarray(np.zeros((0, 3)), "float32"), np.zeros((0, 3)))
    assert backend.to_numpy(value) == 0.0
    assert tuple(grad.shape) == (0, 3)


# ---------------------------------------------------------------- what is taken, what is refused


@FORMS
def test_a_column_of_predictions_takes_flat_targets_weights_and_mask(
    loss: Callable[..., Any], backend: Backend
) -> None:
    predictions = backend.asarray(input_of(loss)[:, :1], "float32")
    flat = loss(predictions, TARGETS[:, 0], sample_weight=ROWS, mask=MASK[:, 0])
    column = loss(predictions, TARGETS[:, :1], sample_weight=ROWS[:, None], mask=MASK[:, :1])
    assert tuple(flat[1].shape) == (5, 1)
    for a, b in zip(flat, column, strict=True):
        np.testing.assert_array_equal(backend.to_numpy(a), backend.to_numpy(b))


@FORMS
@pytest.mark.parametrize(
    "convert",
    [np.ndarray.tolist, lambda t: t.astype(np.uint8), lambda t: t.astype(bool), lambda t: t.astype(np.int64)],
    ids=["list", "uint8", "bool", "int64"],
)
def test_host_targets_of_any_kind_are_taken(
    loss: Callable[..., Any], convert: Callable[[np.ndarray], Any], backend: Backend
) -> None:
    predictions = backend.asarray(input_of(loss), "float32")
    expected = loss(predictions, backend.asarray(TARGETS, "float32"))
    for a, b in zip(loss(predictions, convert(TARGETS)), expected, strict=True):
        np.testing.assert_array_equal(backend.to_numpy(a), backend.to_numpy(b))


@FORMS
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"targets": np.zeros(5)}, r"expects targets of shape \(5, 3\), got \(5,\)"),
        ({"targets": np.zeros((5, 1))}, r"expects targets of shape \(5, 3\), got \(5, 1\)"),
        ({"targets": np.zeros((3, 5))}, r"got \(3, 5\)"),
        ({"targets": 1.0}, r"got \(\)"),
        ({"mask": np.ones(5)}, r"mask expects targets of shape \(5, 3\), got \(5,\)"),
        ({"sample_weight": np.ones(3)}, r"expects sample_weight of shape \(5,\) or \(5, 3\), got \(3,\)"),
        ({"sample_weight": np.ones((5, 1))}, r"got \(5, 1\)"),
        ({"reduction": "average"}, "expects reduction 'mean', 'sum' or 'none', got 'average'"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(
    loss: Callable[..., Any], options: dict[str, Any], message: str, backend: Backend
) -> None:
    arguments = {"targets": TARGETS} | options
    with pytest.raises(ValueError, match=message):
        loss(backend.asarray(input_of(loss), "float32"), **arguments)


@FORMS
def test_a_row_of_predictions_does_not_broadcast_against_a_column(
    loss: Callable[..., Any], backend: Backend
) -> None:
    with pytest.raises(ValueError, match=r"expects targets of shape \(5,\), got \(5, 1\)"):
        loss(backend.asarray(input_of(loss)[:, 0], "float32"), TARGETS[:, :1])


@FORMS
@pytest.mark.parametrize("option", ["targets", "sample_weight", "mask"])
def test_arrays_of_another_library_are_refused(
    loss: Callable[..., Any], option: str, backend: Backend
) -> None:
    if backend.name.startswith("strict"):
        home, foreign = get_backend("numpy"), backend
    else:
        home, foreign = backend, StrictBackend()
    arguments = {"targets": TARGETS, option: foreign.asarray(np.ones((5, 3)), "float32")}
    with pytest.raises(TypeError, match=loss.__name__):
        loss(home.asarray(input_of(loss), "float32"), **arguments)


# ---------------------------------------------------------------- manners


@FORMS
def test_nothing_is_read_on_the_host_and_no_input_is_changed(
    loss: Callable[..., Any], backend: Backend
) -> None:
    hosts = [input_of(loss), TARGETS, ENTRIES, MASK]
    arrays = [backend.asarray(host, "float32") for host in hosts]
    for reduction in ("mean", "sum", "none"):
        with no_host_read(backend):
            loss(
                arrays[0],
                arrays[1],
                sample_weight=arrays[2],
                mask=arrays[3],
                class_weight=(0.5, 2.0),
                reduction=reduction,
            )
    for array, host in zip(arrays, hosts, strict=True):
        np.testing.assert_array_equal(backend.to_numpy(array), host.astype(np.float32))


@FORMS
def test_two_runs_are_bitwise_equal_and_close_to_numpy(loss: Callable[..., Any], backend: Backend) -> None:
    home, host = get_backend("numpy"), host_generator(0, "bce").standard_normal((64, 2))
    targets = (host > 0).astype(np.float32)
    runs = [loss(backend.asarray(input_of(loss, host), "float32"), targets) for _ in range(2)]
    for a, b in zip(*runs, strict=True):
        np.testing.assert_array_equal(backend.to_numpy(a), backend.to_numpy(b))
    for a, b in zip(runs[0], loss(home.asarray(input_of(loss, host), "float32"), targets), strict=True):
        np.testing.assert_allclose(backend.to_numpy(a), b, rtol=1e-5, atol=1e-7)
