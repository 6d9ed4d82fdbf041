"""One seed, one training, whatever the backend: 200 steps of a small network with every kind of layer."""

from __future__ import annotations

from functools import cache

import numpy as np

from genoml import nn
from genoml.backend import Backend, get_backend, use_backend
from genoml.losses import binary_cross_entropy_with_logits
from genoml.models import build_model
from genoml.nn.layer import Pass
from genoml.optim import AdamW, clip_by_norm
from genoml.optim.schedules import one_cycle
from genoml.random import host_generator
from support.backends import has_float64

STEPS, BATCH, LENGTH = 200, 8, 24
OPTIONS = {"filters": 6, "kernel_size": 5, "pool_size": 3, "second_filters": 5, "second_kernel_size": 3}


def network(backend: Backend, dtype: str) -> nn.Layer:
    return build_model("motif_cnn", OPTIONS, seed=7, backend=backend).to(backend, dtype)


@cache
def batches() -> tuple[np.ndarray, np.ndarray]:
    """One-hot sequences (STEPS, BATCH, 4, LENGTH) and labels: whether TGA occurs."""
    codes = host_generator(1, "same numbers").integers(0, 4, (STEPS, BATCH, LENGTH))
    labels = np.any(
        (codes[..., :-2] == 3) & (codes[..., 1:-1] == 2) & (codes[..., 2:] == 0), axis=-1, keepdims=True
    )
    return np.moveaxis(np.eye(4)[codes], -1, -2), labels.astype(np.float64)


def train(backend: Backend, dtype: str) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """The initial weights, the loss of every step, and the last prediction in evaluation mode."""
    model, (x, labels) = network(backend, dtype), batches()
    initial = {name: backend.to_numpy(value).copy() for name, value in model.params.items()}
    optimizer, schedule, losses = AdamW(0.01, weight_decay=0.01), one_cycle(STEPS), []
    for step in range(STEPS):
        logits, pullback = model.vjp(backend.asarray(x[step], dtype), Pass(training=True, step=step))
        loss, grad = binary_cross_entropy_with_logits(logits, labels[step])
        _, grads = pullback(grad, need_x=False)
        grads, _ = clip_by_norm(grads, 1.0)
        optimizer.learning_rate = 0.01 * schedule(step)
        optimizer.update(model.params, grads)
        losses.append(loss)
    values = backend.to_numpy(backend.xp.stack(losses))
    return initial, values, backend.to_numpy(model(backend.asarray(x[0], dtype)))


@cache
def on_numpy(dtype: str) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    with use_backend("numpy"):
        return train(get_backend("numpy"), dtype)


def test_training_gives_the_losses_of_numpy(backend: Backend) -> None:
    limits = {"float32": 1e-4, "float64": 1e-9}
    for dtype in limits if has_float64(backend) else ["float32"]:
        expected_initial, expected_losses, expected_last = on_numpy(dtype)
        initial, losses, last = train(backend, dtype)
        assert list(initial) == list(expected_initial)
        for name, value in initial.items():
            assert value.dtype == np.dtype(dtype)
            np.testing.assert_array_equal(value, expected_initial[name], err_msg=name)
        np.testing.assert_allclose(losses, expected_losses, rtol=limits[dtype])
        np.testing.assert_allclose(last, expected_last, rtol=limits[dtype] * 10, atol=limits[dtype] * 10)


def test_the_network_learns() -> None:
    _, losses, _ = on_numpy("float64")
    assert losses[-40:].mean() < losses[:40].mean()


def test_a_second_run_is_bitwise_the_same() -> None:
    with use_backend("numpy") as backend:
        again = train(get_backend("numpy"), "float32")
    assert backend.name == "numpy"
    np.testing.assert_array_equal(again[1], on_numpy("float32")[1])
    np.testing.assert_array_equal(again[2], on_numpy("float32")[2])


def test_another_seed_gives_other_weights() -> None:
    first, second = (build_model("motif_cnn", OPTIONS, seed=seed, backend="numpy") for seed in (7, 8))
    for name in first.params:
        if name.endswith("weights"):
            assert not np.array_equal(first.params[name], second.params[name])
