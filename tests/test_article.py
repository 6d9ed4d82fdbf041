"""The promoter classifier as it was first printed, and the README's lines of Python, run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from genoml import (
    Conv1D,
    Dense,
    GlobalMaxPool1D,
    batch_encode,
    binary_cross_entropy,
    get_backend,
    use_backend,
)

ROOT = Path(__file__).resolve().parents[1]


def some_sequences() -> tuple[list[str], np.ndarray]:
    """Random sequences, half of them with a TATA box."""
    rng = np.random.default_rng(0)
    letters = ["".join(rng.choice(list("ACGT"), 60)) for _ in range(16)]
    labels = (np.arange(16) % 2)[:, None]
    return [
        s[:20] + "TATAAAAG" + s[28:] if y else s for s, y in zip(letters, labels[:, 0], strict=True)
    ], labels


@pytest.mark.parametrize("name", ["numpy"])
def test_the_printed_classifier_runs_and_learns(name: str) -> None:
    with use_backend(name):
        sequences, labels = some_sequences()
        lr, losses = 0.1, []
        X = batch_encode(sequences)
        X = X.transpose(0, 2, 1)
        conv = Conv1D(in_channels=4, out_channels=32, kernel_size=8)
        pool = GlobalMaxPool1D()
        dense = Dense(32, 1, activation="sigmoid")
        for _ in range(60):
            x = conv(X)
            x = pool(x)
            pred = dense(x)
            loss, grad = binary_cross_entropy(pred, labels)
            grad = dense.backward(grad)
            grad = pool.backward(grad)
            grad = conv.backward(grad)
            conv.weights -= lr * conv.weights_grad
            dense.weights -= lr * dense.weights_grad
            losses.append(float(loss))
    assert losses[-1] < 0.3 * losses[0]


def test_relu_is_the_default_activation_of_conv1d() -> None:
    x = get_backend().asarray(np.random.default_rng(0).standard_normal((2, 4, 20)), "float32")
    assert np.min(Conv1D(4, 8, 5)(x)) == 0.0


def test_the_python_of_the_readme_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    assert blocks
    for block in blocks:
        names: dict[str, object] = {}
        exec(block, names)
        assert float(names["loss"]) < 0.3  # type: ignore[arg-type]
