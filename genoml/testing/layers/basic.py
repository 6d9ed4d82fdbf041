"""Test cases of convolution, pooling, dense layers, batch normalisation and containers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from genoml import nn
from genoml.testing.cases import LayerCase

Arrays = Mapping[str, np.ndarray]


def loop_conv(
    p: Arrays, x: np.ndarray, *, stride: int = 1, dilation: int = 1, pads: tuple[int, int] = (0, 0)
) -> np.ndarray:
    """The formula of Conv1D, one output value after another."""
    weights, bias = p["weights"], p["bias"]
    padded = np.pad(x, ((0, 0), (0, 0), pads))
    out_channels, _, k = weights.shape
    count = (padded.shape[2] - (k - 1) * dilation - 1) // stride + 1
    y = np.zeros((x.shape[0], out_channels, count))
    for n in range(x.shape[0]):
        for o in range(out_channels):
            for position in range(count):
                start = position * stride
                window = padded[n, :, start : start + (k - 1) * dilation + 1 : dilation]
                y[n, o, position] = bias[o] + np.sum(weights[o] * window)
    return y


def relu(x: np.ndarray) -> np.ndarray:
    """max(x, 0)."""
    return np.asarray(np.maximum(x, 0.0))


def logistic(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x))."""
    return np.asarray(1.0 / (1.0 + np.exp(-x)))


def loop_max_pool(x: np.ndarray, size: int, stride: int) -> np.ndarray:
    """The maximum of each window in turn."""
    count = (x.shape[2] - size) // stride + 1
    windows = [x[:, :, i * stride : i * stride + size].max(axis=2) for i in range(count)]
    return np.stack(windows, axis=2)


def loop_batch_norm(p: Arrays, x: np.ndarray) -> np.ndarray:
    """Each channel by its running statistics."""
    y = np.empty_like(x)
    for c in range(x.shape[1]):
        centred = x[:, c] - p["running_mean"][c]
        y[:, c] = p["gamma"][c] * centred / np.sqrt(p["running_var"][c] + 1e-5) + p["beta"][c]
    return y


def loop_cropped_residual(p: Arrays, x: np.ndarray) -> np.ndarray:
    """A dilated convolution of width 3 with ReLU, added to the position that its middle reads."""
    w = p["conv.weights"]
    b = p["conv.bias"]
    d = 2
    y = np.zeros((x.shape[0], x.shape[1], x.shape[2] - 2 * d))
    for n, o, at in np.ndindex(*y.shape):
        z = b[o] + sum(w[o, c, k] * x[n, c, at + k * d] for c in range(x.shape[1]) for k in range(3))
        y[n, o, at] = x[n, o, at + d] + max(z, 0.0)
    return y


def loop_member(p: Arrays, x: np.ndarray, member: str) -> np.ndarray:
    """A member of an ensemble: a convolution with ReLU, and its largest value."""
    own = {name: p[f"{member}.0.{name}"] for name in ("weights", "bias")}
    return np.asarray(relu(loop_conv(own, x)).max(axis=2))


CONV_ERRORS = [
    ((2, 5, 12), "expects (batch, 3, length >= 4), got (2, 5, 12)"),
    ((2, 3, 3), "got (2, 3, 3)"),
    ((2, 3), "got (2, 3)"),
]

LAYERS: dict[str, LayerCase] = {
    "Conv1D": LayerCase(
        lambda: nn.Conv1D(3, 5, 4),
        (2, 3, 11),
        edges=[(0, 3, 11), (1, 3, 11), (3, 3, 4), (2, 3, 5)],
        errors=CONV_ERRORS,
        reference=lambda p, x: relu(loop_conv(p, x)),
    ),
    "Conv1D linear": LayerCase(
        lambda: nn.Conv1D(3, 5, 4, activation=None),
        (2, 3, 9),
        edges=[(0, 3, 9), (1, 3, 4)],
        errors=CONV_ERRORS,
        reference=loop_conv,
    ),
    "Conv1D wide sigmoid": LayerCase(
        lambda: nn.Conv1D(2, 3, 7, activation="sigmoid"),
        (2, 2, 9),
        edges=[(1, 2, 7)],
        reference=lambda p, x: logistic(loop_conv(p, x)),
        errors=[((1, 2, 6), "Conv1D expects (batch, 2, length >= 7), got (1, 2, 6)")],
    ),
    "Conv1D without bias": LayerCase(
        lambda: nn.Conv1D(3, 5, 4, bias=False),
        (2, 3, 9),
        edges=[(0, 3, 9)],
        reference=lambda p, x: relu(loop_conv({**p, "bias": np.zeros(5)}, x)),
        errors=CONV_ERRORS,
    ),
    "Conv1D width 1": LayerCase(
        lambda: nn.Conv1D(3, 2, 1, activation=None),
        (2, 3, 4),
        edges=[(1, 3, 1)],
        reference=loop_conv,
        errors=[((2, 3, 0), "expects (batch, 3, length >= 1), got (2, 3, 0)")],
    ),
    "Conv1D same": LayerCase(
        lambda: nn.Conv1D(3, 2, 4, padding="same", activation=None),
        (2, 3, 10),
        edges=[(2, 3, 1), (0, 3, 10)],
        errors=[((2, 4, 10), "expects (batch, 3")],
        reference=lambda p, x: loop_conv(p, x, pads=(1, 2)),
    ),
    "Conv1D stride dilation": LayerCase(
        lambda: nn.Conv1D(3, 2, 3, stride=3, dilation=2, padding=2, activation=None),
        (2, 3, 13),
        edges=[(0, 3, 13), (2, 3, 1), (1, 3, 14), (1, 3, 15)],
        errors=[((2, 3, 0), "length >= 1")],
        reference=lambda p, x: loop_conv(p, x, stride=3, dilation=2, pads=(2, 2)),
    ),
    "Conv1D same stride": LayerCase(
        lambda: nn.Conv1D(2, 2, 5, stride=2, padding="same", activation=None),
        (2, 2, 8),
        edges=[(1, 2, 7), (1, 2, 1)],
        reference=lambda p, x: loop_conv(p, x, stride=2, pads=(1, 2)),
        errors=[
            ((1, 3, 8), "expects (batch, 2, length >= 1), got (1, 3, 8)"),
            ((1, 2, 0), "length >= 1), got (1, 2, 0)"),
        ],
    ),
    "MaxPool1D": LayerCase(
        lambda: nn.MaxPool1D(3),
        (2, 4, 11),
        edges=[(0, 4, 11), (1, 4, 3)],
        errors=[((2, 4, 2), "expects (batch, channels, length >= 3), got (2, 4, 2)")],
        reference=lambda p, x: loop_max_pool(x, 3, 3),
    ),
    "MaxPool1D overlapping": LayerCase(
        lambda: nn.MaxPool1D(5, 2),
        (2, 3, 12),
        edges=[(1, 3, 5), (1, 3, 6)],
        reference=lambda p, x: loop_max_pool(x, 5, 2),
        errors=[((1, 3, 4), "length >= 5), got (1, 3, 4)"), ((3, 12), "got (3, 12)")],
    ),
    "MaxPool1D with gaps": LayerCase(
        lambda: nn.MaxPool1D(2, 3),
        (2, 3, 12),
        edges=[(1, 3, 2), (1, 3, 4)],
        reference=lambda p, x: loop_max_pool(x, 2, 3),
        errors=[((1, 3, 1), "length >= 2), got (1, 3, 1)")],
    ),
    "GlobalMaxPool1D": LayerCase(
        nn.GlobalMaxPool1D,
        (3, 4, 7),
        edges=[(0, 4, 7), (1, 1, 1)],
        errors=[((2, 4, 0), "length >= 1"), ((2, 4), "got (2, 4)")],
        reference=lambda p, x: x.max(axis=2),
    ),
    "GlobalAveragePool1D": LayerCase(
        nn.GlobalAveragePool1D,
        (3, 4, 7),
        edges=[(0, 4, 7), (1, 1, 1)],
        errors=[((2, 4, 0), "length >= 1")],
        reference=lambda p, x: x.mean(axis=2),
    ),
    "Dense": LayerCase(
        lambda: nn.Dense(6, 3),
        (4, 6),
        edges=[(0, 6), (1, 6)],
        errors=[((4, 5), "Dense expects (batch, 6), got (4, 5)"), ((4, 6, 1), "got (4, 6, 1)")],
        reference=lambda p, x: x @ p["weights"] + p["bias"],
    ),
    "Dense sigmoid": LayerCase(
        lambda: nn.Dense(6, 3, activation="sigmoid"),
        (4, 6),
        edges=[(0, 6)],
        reference=lambda p, x: logistic(x @ p["weights"] + p["bias"]),
        errors=[((4, 5), "Dense expects (batch, 6), got (4, 5)")],
    ),
    "Flatten": LayerCase(
        nn.Flatten,
        (3, 4, 5),
        edges=[(0, 4, 5), (1, 2)],
        errors=[((3,), "expects (batch, ...)")],
        reference=lambda p, x: x.reshape(len(x), -1),
    ),
    "Dropout": LayerCase(
        lambda: nn.Dropout(0.4, seed=3),
        (5, 4, 9),
        edges=[(0, 4, 9), (1, 1)],
        errors=[((), "Dropout expects (batch, ...), got ()")],
        reference=lambda p, x: x,
    ),
    "BatchNorm1D": LayerCase(
        lambda: nn.BatchNorm1D(4),
        (3, 4, 6),
        edges=[(1, 4, 2)],
        errors=[((3, 5, 6), "expects (batch, 4, length)"), ((1, 4, 1), "more than one value")],
        reference=loop_batch_norm,
    ),
    "BatchNorm1D matrix": LayerCase(
        lambda: nn.BatchNorm1D(4),
        (5, 4),
        edges=[(2, 4)],
        errors=[((1, 4), "more than one value")],
        reference=loop_batch_norm,
    ),
    "BatchNorm1D evaluation": LayerCase(
        lambda: nn.BatchNorm1D(4),
        (3, 4, 6),
        edges=[(0, 4, 6), (1, 4, 1)],
        reference=loop_batch_norm,
        training=False,
        errors=[((3, 5, 6), "expects (batch, 4, length) or (batch, 4), got (3, 5, 6)"), ((4,), "got (4,)")],
    ),
    "ReLU": LayerCase(nn.ReLU, (3, 4), edges=[(0, 4), (1, 2, 3)], reference=lambda p, x: relu(x)),
    "Exp": LayerCase(nn.Exp, (3, 4), edges=[(0, 4), (1, 2, 3)], reference=lambda p, x: np.exp(x)),
    "Exp with ceiling": LayerCase(
        lambda: nn.Exp(ceiling=0.3), (3, 4), edges=[(0, 4)], reference=lambda p, x: np.exp(np.minimum(x, 0.3))
    ),
    "Sigmoid": LayerCase(nn.Sigmoid, (3, 4), edges=[(0, 4), (1, 2, 3)], reference=lambda p, x: logistic(x)),
    "Sequential": LayerCase(
        lambda: nn.Sequential(
            [
                nn.Conv1D(4, 6, 3),
                nn.BatchNorm1D(6),
                nn.MaxPool1D(2),
                nn.Dropout(0.2),
                nn.Sequential([nn.Conv1D(6, 5, 2, padding="same"), nn.GlobalMaxPool1D()]),
                nn.Dense(5, 1),
            ]
        ),
        (3, 4, 12),
        edges=[(1, 4, 6)],
        errors=[((3, 5, 12), "Conv1D expects (batch, 4, length >= 3), got (3, 5, 12)")],
    ),
    "LearnedDispersion": LayerCase(
        lambda: nn.LearnedDispersion(3, 0.4),
        (2, 3),
        edges=[(0, 3), (1, 3)],
        errors=[
            ((2, 4), "LearnedDispersion expects (batch, 3), got (2, 4)"),
            ((2, 3, 1), "LearnedDispersion expects (batch, 3), got (2, 3, 1)"),
        ],
        reference=lambda p, x: np.concatenate([x, np.tile(p["log_dispersion"], (len(x), 1))], axis=1),
    ),
    "Ensemble": LayerCase(
        lambda: nn.Ensemble([nn.Sequential([nn.Conv1D(3, 2, k), nn.GlobalMaxPool1D()]) for k in (3, 4)]),
        (3, 3, 8),
        edges=[(0, 3, 8), (1, 3, 4)],
        reference=lambda p, x: np.mean([loop_member(p, x, str(i)) for i in range(2)], axis=0),
        errors=[((2, 4, 8), "expects (batch, 3, length >= 3), got (2, 4, 8)")],
    ),
    "Parallel": LayerCase(
        lambda: nn.Parallel(
            {
                "max": nn.GlobalMaxPool1D(),
                "wide": nn.Sequential([nn.Conv1D(3, 2, 4), nn.GlobalAveragePool1D()]),
            }
        ),
        (2, 3, 8),
        edges=[(0, 3, 8), (1, 3, 4)],
        errors=[((2, 4, 8), "Conv1D expects (batch, 3, length >= 4), got (2, 4, 8)")],
    ),
    "CroppedResidual": LayerCase(
        lambda: nn.CroppedResidual({"conv": nn.Conv1D(3, 3, 3, dilation=2)}),
        (2, 3, 9),
        edges=[(0, 3, 9), (1, 3, 5)],
        errors=[((2, 3, 4), "Conv1D expects (batch, 3, length >= 5), got (2, 3, 4)")],
        reference=loop_cropped_residual,
    ),
    "CroppedResidual, odd": LayerCase(
        lambda: nn.CroppedResidual([nn.Conv1D(3, 4, 2, activation=None), nn.Conv1D(4, 3, 3, padding=1)]),
        (2, 3, 6),
        edges=[(1, 3, 2)],
        errors=[((1, 3, 1), "Conv1D expects (batch, 3, length >= 2), got (1, 3, 1)")],
    ),
}
