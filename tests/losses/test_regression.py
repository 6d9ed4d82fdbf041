"""The correlation loss, whose entries are tasks; and settings of the others that are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from genoml.backend import Backend
from genoml.losses import cosine_log_loss, huber_loss, pearson_loss
from genoml.testing import check_loss
from support.backends import has_float64
from support.guard import no_host_read

RNG = np.random.default_rng(2)
Y = RNG.standard_normal((9, 3))
T = 0.5 * Y + RNG.standard_normal((9, 3))
MASK = RNG.integers(0, 2, (9, 3))
ROWS = RNG.uniform(0.2, 2.0, 9)


def correlations(y: np.ndarray, t: np.ndarray, mask: np.ndarray, weights: np.ndarray) -> list[float]:
    found = []
    for j in range(y.shape[1]):
        keep = mask[:, j] != 0
        c = np.cov(y[keep, j], t[keep, j], aweights=weights[keep])
        found.append(c[0, 1] / np.sqrt(c[0, 0] * c[1, 1]))
    return found


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_loss_is_1_minus_the_correlation_of_each_task(
    masked: bool, weighted: bool, backend: Backend
) -> None:
    dtype, limit = ("float64", 1e-12) if has_float64(backend) else ("float32", 1e-5)
    mask, weights = (MASK if masked else np.ones((9, 3))), (ROWS if weighted else np.ones(9))
    options: dict[str, Any] = {"mask": MASK} if masked else {}
    options |= {"sample_weight": ROWS} if weighted else {}
    expected = 1.0 - np.array(correlations(Y, T, mask, weights))
    y = backend.asarray(Y, dtype)
    for reduction, value in (("none", expected), ("sum", expected.sum()), ("mean", expected.mean())):
        got, grad = pearson_loss(y, T, reduction=reduction, **options)  # type: ignore[arg-type]
        np.testing.assert_allclose(backend.to_numpy(got), value, rtol=limit, atol=limit)
        assert tuple(grad.shape) == (9, 3)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_the_gradient_matches_central_differences(reduction: str) -> None:
    for options in ({}, {"mask": MASK, "sample_weight": ROWS}, {"sample_weight": np.abs(T) + 0.1}):
        check_loss(pearson_loss, Y, T, reduction=reduction, **options)
    check_loss(pearson_loss, Y[:, 0], T[:, 0])
    check_loss(pearson_loss, RNG.standard_normal((5, 2, 3)), RNG.standard_normal((5, 2, 3)))


def test_constant_tasks_have_correlation_0_and_no_gradient(backend: Backend) -> None:
    y = np.stack([np.full(9, 0.1), Y[:, 0], Y[:, 1] * 1e-20], axis=1)
    t = np.stack([T[:, 0], np.full(9, 1e6 / 3), T[:, 1] * 1e15], axis=1)
    value, grad = pearson_loss(backend.asarray(y, "float32"), t, reduction="none")
    r = np.corrcoef(Y[:, 1], T[:, 1])[0, 1]
    np.testing.assert_allclose(backend.to_numpy(value), [1.0, 1.0, 1.0 - r], rtol=1e-5)
    assert not backend.to_numpy(grad)[:, :2].any()
    assert np.all(np.isfinite(backend.to_numpy(grad)))


def test_a_task_with_fewer_than_two_labels_counts_for_nothing(backend: Backend) -> None:
    mask = np.ones((9, 3))
    mask[1:, 0] = 0
    targets = np.where(mask != 0, T, np.nan)
    y = backend.asarray(Y, "float32")
    value, grad = pearson_loss(y, targets, mask=mask)
    rest, rest_grad = pearson_loss(backend.asarray(Y[:, 1:], "float32"), T[:, 1:])
    np.testing.assert_allclose(backend.to_numpy(value), backend.to_numpy(rest), rtol=1e-6)
    np.testing.assert_allclose(backend.to_numpy(grad)[:, 1:], backend.to_numpy(rest_grad), rtol=1e-5)
    assert not backend.to_numpy(grad)[:, 0].any()
    value, grad = pearson_loss(y, np.full((9, 3), np.nan), mask=np.zeros((9, 3)))
    assert float(backend.to_numpy(value)) == 0.0
    assert not backend.to_numpy(grad).any()


def test_the_correlation_loss_reads_nothing_on_the_host(backend: Backend) -> None:
    arrays = [backend.asarray(value, "float32") for value in (Y, T, ROWS, MASK)]
    with no_host_read(backend):
        pearson_loss(arrays[0], arrays[1], sample_weight=arrays[2], mask=arrays[3])


def test_bad_targets_of_the_correlation_loss_are_named() -> None:
    with pytest.raises(
        ValueError, match=r"pearson_loss expects finite targets, got nan at position \(0, 1\)"
    ):
        pearson_loss(np.zeros((2, 2)), [[0.0, np.nan], [1.0, 2.0]])
    with pytest.raises(ValueError, match=r"pearson_loss expects targets of shape \(2, 2\), got \(2,\)"):
        pearson_loss(np.zeros((2, 2)), [0.0, 1.0])


@pytest.mark.parametrize("delta", [0.0, -1.0, float("nan")])
def test_a_huber_delta_that_is_not_positive_is_refused(delta: float) -> None:
    with pytest.raises(ValueError, match=f"huber_loss expects delta > 0, got {delta}"):
        huber_loss(np.zeros(2), [0.0, 1.0], delta=delta)


# ---------------------------------------------------------------- cosine and logarithms


def test_cosine_of_rows_of_zeros_is_0_and_has_no_gradient() -> None:
    y = np.array([[0.0, 0.0], [3.0, 4.0]])
    value, grad = cosine_log_loss(y, np.array([[1.0, 0.0], [0.0, 0.0]]), multiplier=1.0, reduction="none")
    logs = np.log1p([[0.0 - 1.0 + 1.0, 0.0], [3.0, 4.0]])
    np.testing.assert_allclose(value, [np.log(2.0) ** 2 / 2, np.sum(logs[1] ** 2) / 2])
    np.testing.assert_allclose(grad, [[-np.log(2.0), 0.0], logs[1] / [4.0, 5.0]])


def test_cosine_ignores_the_height_of_a_row_and_logarithms_do_not() -> None:
    y = np.array([[1.0, 2.0, 4.0]])
    low, _ = cosine_log_loss(y, y)
    high, grad = cosine_log_loss(y, 10.0 * y)
    assert float(low) == pytest.approx(-1.0)
    assert float(high) == pytest.approx(np.log(10.0) ** 2 - 1.0, rel=1e-3)
    assert np.all(np.asarray(grad) < 0)


@pytest.mark.parametrize("options", [{"multiplier": 0.0}, {"cosine_weight": -1.0}])
def test_bad_options_of_the_cosine_loss_are_refused(options: dict[str, float]) -> None:
    name, value = next(iter(options.items()))
    with pytest.raises(ValueError, match=f"cosine_log_loss expects {name} >=? 0, got {value}"):
        cosine_log_loss(np.ones((2, 3)), np.ones((2, 3)), **options)  # type: ignore[arg-type]
