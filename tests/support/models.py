"""Every network by name with options so small that a step takes milliseconds, and without dropout."""

from __future__ import annotations

from typing import Any

import numpy as np

from genoml.backend import Backend
from genoml.models import build_model, model_spec
from genoml.nn.layer import Layer

SMALL: dict[str, dict[str, Any]] = {
    "attention_cnn": {
        "n_outputs": 2, "filters": 8, "kernel_size": 5, "pool_size": 3, "heads": 2, "hidden": 6,
        "dropout": 0.0,
    },
    "basset": {
        "length_bp": 45, "n_outputs": 3, "filters": [3, 4, 5], "kernel_sizes": [5, 3, 2],
        "pool_sizes": [3, 2, 2], "dense_units": 6, "dropout": 0.0,
    },
    "bpnet": {
        "tracks": 2, "profile_length_bp": 7, "filters": 4, "kernel_size": 5, "dilated_layers": 3,
        "profile_kernel_size": 3,
    },
    "danq": {
        "length_bp": 30, "n_outputs": 3, "filters": 5, "kernel_size": 6, "pool_size": 4, "hidden": 3,
        "dense_units": 6, "dropout": [0.0, 0.0],
    },
    "deepbind": {"n_outputs": 2, "filters": 4, "kernel_size": 5, "dense_units": 6, "dropout": 0.0},
    "deepromoter": {
        "length_bp": 26, "n_outputs": 2, "filters": 3, "kernel_sizes": [5, 4, 3], "pool_size": 4, "hidden": 3,
        "dense_units": 6, "dropout": 0.0,
    },
    "deepsea": {
        "length_bp": 40, "n_outputs": 3, "filters": [3, 4, 5], "kernel_size": 3, "pool_size": 2,
        "dense_units": 6, "dropout": [0.0, 0.0, 0.0],
    },
    "deepstarr": {
        "length_bp": 37, "n_outputs": 2, "filters": [3, 4, 5, 6],
        "kernel_sizes": [5, 1, 3, 1], "dense_units": 7, "dropout": 0.0,
    },
    "motif_cnn": {
        "filters": 4, "kernel_size": 5, "pool_size": 3, "second_filters": 3, "dropout": [0.0, 0.0, 0.0],
    },
    "promoter_cnn": {"filters": 4, "kernel_size": 5},
    "site_cnn": {
        "length_bp": 21, "n_outputs": 2, "filters": 4, "kernel_size": 5, "second_filters": 3,
        "second_kernel_size": 3, "dropout": [0.0, 0.0, 0.0],
    },
}  # fmt: skip

#: for ``genoml train``, which fills in the length and one output; bpnet has no use for labels
ONE_LABEL = {
    name: {key: value for key, value in options.items() if key not in ("length_bp", "n_outputs")}
    for name, options in SMALL.items()
    if name != "bpnet"
}


def small_length_bp(name: str) -> int:
    """A length that the small network reads."""
    options = SMALL[name]
    return int(options.get("length_bp", model_spec(name).min_length_bp(**options) + 6))


def small_model(name: str, backend: str | Backend | None = None, dtype: str = "float64") -> Layer:
    """The small network, its biases and scales moved away from 0 and 1."""
    model = build_model(name, SMALL[name], seed=3, backend=backend).to(dtype=dtype)
    rng = np.random.default_rng(4)
    for path in sorted(model.params):
        host = model.backend.to_numpy(model.params[path])
        model.params[path] = model.backend.asarray(host + 0.1 * rng.standard_normal(host.shape), dtype)
    return model


def small_input(name: str, batch: int = 4) -> np.ndarray:
    """One-hot sequences (batch, 4, length) that it reads."""
    codes = np.random.default_rng(5).integers(0, 4, (batch, small_length_bp(name)))
    return np.eye(4)[codes].transpose(0, 2, 1)
