"""Focal and softmax losses: special cases, extremes, refusals; the rest is in test_all_losses.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from genoml.backend import Backend
from genoml.losses import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    focal_loss,
    focal_loss_multiclass,
    softmax_cross_entropy,
)

EXTREME = np.array([-1e4, -200.0, -1e-30, 0.0, 1e-30, 200.0, 1e4])


def close(backend: Backend, got: Any, expected: Any) -> None:
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(backend.to_numpy(a), backend.to_numpy(b), rtol=1e-5, atol=1e-6)


def test_focal_loss_with_gamma_0_is_the_cross_entropy(backend: Backend) -> None:
    z, t = backend.asarray(np.linspace(-3.0, 3.0, 7), "float32"), [0, 1, 0, 1, 0, 1, 1]
    close(backend, focal_loss(z, t, alpha=None, gamma=0.0), binary_cross_entropy_with_logits(z, t))
    weighted = binary_cross_entropy_with_logits(z, t, class_weight=(0.7, 0.3))
    close(backend, focal_loss(z, t, alpha=0.3, gamma=0.0), weighted)


def test_focal_loss_of_classes_with_gamma_0_is_the_cross_entropy(backend: Backend) -> None:
    z, t = backend.asarray(np.random.default_rng(0).standard_normal((5, 3)), "float32"), [0, 1, 2, 1, 0]
    close(backend, focal_loss_multiclass(z, t, gamma=0.0), softmax_cross_entropy(z, t))


def test_two_classes_are_the_binary_case(backend: Backend) -> None:
    host = np.random.default_rng(0).standard_normal(6)
    t = [0, 1, 1, 0, 1, 0]
    z = backend.asarray(host, "float32")
    pairs = backend.asarray(np.stack([np.zeros(6), host], axis=1), "float32")
    for binary, several in (
        (binary_cross_entropy_with_logits(z, t), softmax_cross_entropy(pairs, t)),
        (focal_loss(z, t, alpha=None), focal_loss_multiclass(pairs, t)),
    ):
        close(backend, (binary[0],), (several[0],))
        close(backend, (binary[1],), (several[1][:, 1],))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])
def test_logits_of_any_size_give_finite_focal_losses(gamma: float, backend: Backend) -> None:
    z = backend.asarray(EXTREME, "float32")
    pairs = backend.asarray(np.stack([np.zeros(7), EXTREME], axis=1), "float32")
    for label in (0, 1):
        t = [label] * 7
        for got in (
            focal_loss(z, t, gamma=gamma, reduction="none"),
            focal_loss_multiclass(pairs, t, gamma=gamma, reduction="none"),
        ):
            for array in got:
                assert np.all(np.isfinite(backend.to_numpy(array)))
    value, grad = focal_loss(z, [1] * 7, gamma=gamma, alpha=None, reduction="none")
    np.testing.assert_allclose(backend.to_numpy(value)[[0, -1]], [1e4, 0.0], rtol=1e-6)
    np.testing.assert_allclose(backend.to_numpy(grad)[[0, -1]], [-1.0, 0.0], atol=1e-6)


def test_logits_of_any_size_give_exact_softmax_losses(backend: Backend) -> None:
    z = backend.asarray([[1e4, 0.0, -1e4], [-1e4, -1e4, -1e4], [3e4, 3e4, 0.0]], "float32")
    value, grad = softmax_cross_entropy(z, [2, 0, 1], reduction="none")
    np.testing.assert_allclose(backend.to_numpy(value), [2e4, np.log(3.0), np.log(2.0)], rtol=1e-6)
    expected = [[1.0, 0.0, -1.0], [-2 / 3, 1 / 3, 1 / 3], [0.5, -0.5, 0.0]]
    np.testing.assert_allclose(backend.to_numpy(grad), expected, atol=1e-6)


def test_class_numbers_and_their_one_hot_form_give_the_same(backend: Backend) -> None:
    z = backend.asarray(np.random.default_rng(0).standard_normal((4, 3, 2)), "float32")
    numbers = np.array([[0, 1], [2, 2], [1, 0], [0, 2]])
    one_hot = np.moveaxis(np.eye(3)[numbers], -1, 1)
    for loss in (softmax_cross_entropy, focal_loss_multiclass):
        close(backend, loss(z, numbers), loss(z, one_hot))
        device = backend.asarray(numbers.astype(np.int32))
        close(backend, loss(z, numbers), loss(z, device))


def test_a_missing_class_may_be_any_number(backend: Backend) -> None:
    z = backend.asarray(np.random.default_rng(0).standard_normal((3, 4)), "float32")
    value, grad = softmax_cross_entropy(z, [1, -100, 3], mask=[1, 0, 1])
    kept, kept_grad = softmax_cross_entropy(backend.asarray(backend.to_numpy(z)[[0, 2]]), [1, 3])
    np.testing.assert_allclose(backend.to_numpy(value), backend.to_numpy(kept), rtol=1e-6)
    np.testing.assert_allclose(backend.to_numpy(grad)[[0, 2]], backend.to_numpy(kept_grad), rtol=1e-6)
    assert not backend.to_numpy(grad)[1].any()


@pytest.mark.parametrize(
    ("loss", "options", "message"),
    [
        (focal_loss, {"alpha": 1.5}, "focal_loss expects 0 <= alpha <= 1, got 1.5"),
        (focal_loss, {"alpha": float("nan")}, "alpha <= 1, got nan"),
        (focal_loss, {"gamma": -1.0}, "focal_loss expects gamma >= 0, got -1.0"),
        (focal_loss_multiclass, {"gamma": -1.0}, "focal_loss_multiclass expects gamma >= 0"),
        (softmax_cross_entropy, {"label_smoothing": 1.0}, "0 <= label_smoothing < 1, got 1.0"),
        (softmax_cross_entropy, {"class_weight": [1.0, 2.0]}, r"class_weight of shape \(3,\), got \(2,\)"),
    ],
)
def test_settings_out_of_range_are_refused(loss: Any, options: dict[str, Any], message: str) -> None:
    targets = np.zeros((2, 3)) if loss is focal_loss else [0, 1]
    with pytest.raises(ValueError, match=message):
        loss(np.zeros((2, 3)), targets, **options)


@pytest.mark.parametrize("loss", [softmax_cross_entropy, focal_loss_multiclass])
def test_targets_of_another_shape_are_refused(loss: Any) -> None:
    with pytest.raises(ValueError, match=r"class numbers of shape \(2,\) or one-hot \(2, 3\), got \(2, 1\)"):
        loss(np.zeros((2, 3)), [[0], [1]])
    with pytest.raises(ValueError, match=r"predictions \(batch, classes, ...\), got \(3,\)"):
        loss(np.zeros(3), 1)


@pytest.mark.parametrize("loss", [binary_cross_entropy, binary_cross_entropy_with_logits])
def test_class_weights_a_label_are_those_of_each_column_alone(backend: Backend, loss: Any) -> None:
    rng = np.random.default_rng(4)
    predictions = rng.uniform(0.1, 0.9, (5, 2)).astype(np.float32)
    targets = rng.integers(0, 2, (5, 2)).astype(np.float32)
    negatives, positives = (1.0, 3.0), (0.25, 2.0)
    got = loss(backend.asarray(predictions), targets, class_weight=(negatives, positives))
    columns = [
        loss(
            backend.asarray(predictions[:, each : each + 1]),
            targets[:, each : each + 1],
            class_weight=(negatives[each], positives[each]),
        )
        for each in range(2)
    ]
    assert float(got[0]) == pytest.approx(sum(float(part[0]) for part in columns) / 2.0, rel=1e-6)
    grads = np.concatenate([backend.to_numpy(part[1]) for part in columns], axis=1) / 2.0
    np.testing.assert_allclose(backend.to_numpy(got[1]), grads, rtol=1e-6)
    mixed = loss(backend.asarray(predictions), targets, class_weight=((1.0, 1.0), 2.0))
    close(backend, mixed, loss(backend.asarray(predictions), targets, class_weight=(1.0, 2.0)))
    with pytest.raises(ValueError, match=r"class_weight of a shape that broadcasts to \(5, 2\), got \(3,\)"):
        loss(backend.asarray(predictions), targets, class_weight=((1.0, 1.0, 1.0), 2.0))
