"""Test cases of the layers of profile models."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from genoml import nn
from genoml.testing.cases import LayerCase
from genoml.testing.layers.basic import loop_conv, relu

Arrays = Mapping[str, np.ndarray]


def heads(filters: int, width: int) -> nn.Sequential:
    """A small profile network of one track: 3 logits of a sequence of ``width`` + 4, and a log count."""
    profile = nn.Sequential([nn.Conv1D(filters, 1, 3, activation=None), nn.CropTo(width), nn.Flatten()])
    counts = nn.Sequential([nn.GlobalAveragePool1D(), nn.Dense(filters, 1)])
    return nn.Sequential({"conv": nn.Conv1D(4, filters, 3), "heads": nn.Parallel([profile, counts])})


def loop_heads(p: Arrays, x: np.ndarray, path: str) -> np.ndarray:
    """The formula of ``heads``, whose arrays are at this path."""

    def part(name: str) -> dict[str, np.ndarray]:
        return {
            key.rsplit(".", 1)[1]: value
            for key, value in p.items()
            if key.rsplit(".", 1)[0] == f"{path}.{name}"
        }

    h = relu(loop_conv(part("conv"), x))
    logits = loop_conv(part("heads.0.0"), h)[:, 0]
    cut = (logits.shape[1] - 3) // 2
    dense = part("heads.1.1")
    counts = h.mean(axis=2) @ dense["weights"] + dense["bias"]
    return np.concatenate([logits[:, cut : cut + 3], counts], axis=1)


def biased() -> nn.BiasFactorised:
    """A network beside a frozen bias model."""
    return nn.BiasFactorised({"network": heads(3, 3), "bias": nn.Frozen(heads(2, 3))})


def loop_biased(p: Arrays, x: np.ndarray) -> np.ndarray:
    """Logits added, counts added."""
    network, bias = loop_heads(p, x, "network"), loop_heads(p, x, "bias.params")
    counts = np.log(np.exp(network[:, 3:]) + np.exp(bias[:, 3:]))
    return np.concatenate([network[:, :3] + bias[:, :3], counts], axis=1)


def controlled() -> nn.ControlTracks:
    """A network of one track beside two control tracks."""
    profile = nn.Sequential([nn.Conv1D(3 + 2, 1, 3, activation=None), nn.Flatten()])
    return nn.ControlTracks(
        {"body": nn.Conv1D(4, 3, 4), "profile": profile, "counts": nn.Dense(3 + 1, 1)}, controls=2
    )


def loop_controlled(p: Arrays, x: np.ndarray) -> np.ndarray:
    """Features and the middle of the controls, side by side and summed up."""
    h = relu(loop_conv({"weights": p["body.weights"], "bias": p["body.bias"]}, x[:, :4]))
    t = x[:, 4:, 1 : 1 + h.shape[2]]  # 3 positions fewer: one before, two after
    both = np.concatenate([h, t], axis=1)
    logits = loop_conv({"weights": p["profile.0.weights"], "bias": p["profile.0.bias"]}, both)[:, 0]
    summed = np.concatenate([h.mean(axis=2), np.log1p(t.sum(axis=(1, 2)))[:, None]], axis=1)
    return np.concatenate([logits, summed @ p["counts.weights"] + p["counts.bias"]], axis=1)


LAYERS: dict[str, LayerCase] = {
    "Frozen": LayerCase(
        lambda: nn.Frozen(nn.Sequential([nn.Conv1D(3, 4, 3), nn.BatchNorm1D(4), nn.Dropout(0.5), nn.ReLU()])),
        (3, 3, 8),
        edges=[(0, 3, 8), (1, 3, 3)],
        errors=[((2, 4, 8), "Conv1D expects (batch, 3, length >= 3), got (2, 4, 8)")],
    ),
    "BiasFactorised": LayerCase(
        biased,
        (3, 4, 7),
        edges=[(0, 4, 7), (1, 4, 9)],
        errors=[((2, 4, 6), "CropTo expects (batch, channels, length >= 3), got (2, 1, 2)")],
        reference=loop_biased,
    ),
    "BiasFactorised, both trained": LayerCase(
        lambda: nn.BiasFactorised([heads(2, 3), heads(2, 3)]),
        (2, 4, 7),
        errors=[((2, 3, 7), "Conv1D expects (batch, 4, length >= 3), got (2, 3, 7)")],
    ),
    "ControlTracks": LayerCase(
        controlled,
        (3, 6, 9),
        edges=[(0, 6, 9), (1, 6, 6), (2, 4, 9)],
        errors=[
            ((2, 5, 9), "ControlTracks expects (batch, 6, length), or (batch, 4, length), got (2, 5, 9)")
        ],
        reference=loop_controlled,
        sample=lambda rng, shape: np.abs(rng.standard_normal(shape)),
    ),
}
