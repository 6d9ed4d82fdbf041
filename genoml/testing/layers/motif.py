"""Test cases of the motif layer and the strand-symmetric layers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from genoml import nn
from genoml.testing.cases import LayerCase

Arrays = Mapping[str, np.ndarray]


def loop_motifs(
    p: Arrays, x: np.ndarray, *, both: bool = True, background: tuple[float, ...] = (0.25,) * 4
) -> np.ndarray:
    """Log-odds of each window, one after another, or the larger of its two strands."""
    motifs, _, width = p["logits"].shape
    count = x.shape[2] - width + 1
    y = np.zeros((x.shape[0], motifs, count))
    for m in range(motifs):
        bits = np.zeros((4, width))
        for k in range(width):
            total = sum(np.exp(p["logits"][m, c, k]) for c in range(4))
            for b in range(4):
                bits[b, k] = np.log2(np.exp(p["logits"][m, b, k]) / total / background[b])
        for n in range(x.shape[0]):
            for start in range(count):
                window = x[n, :, start : start + width]
                scores = [np.sum(bits * window)]
                if both:
                    scores.append(np.sum(bits * window[::-1, ::-1]))
                y[n, m, start] = max(scores) - (p["threshold"][m] if "threshold" in p else 0.0)
    return y


def loop_rc_conv(p: Arrays, x: np.ndarray, *, pad: int = 0, dilation: int = 1) -> np.ndarray:
    """Each kernel, and at the mirrored channel the same kernel on the other strand."""
    half, channels, width = p["weights"].shape
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad)))
    count = padded.shape[2] - (width - 1) * dilation
    y = np.zeros((x.shape[0], 2 * half, count))
    for n in range(x.shape[0]):
        for o in range(half):
            for start in range(count):
                for k in range(width):
                    for c in range(channels):
                        weight = p["weights"][o, c, k]
                        y[n, o, start] += weight * padded[n, c, start + k * dilation]
                        mirrored = padded[n, channels - 1 - c, start + (width - 1 - k) * dilation]
                        y[n, 2 * half - 1 - o, start] += weight * mirrored
                y[n, o, start] += p["bias"][o]
                y[n, 2 * half - 1 - o, start] += p["bias"][o]
    return y


def loop_rc_norm(p: Arrays, x: np.ndarray) -> np.ndarray:
    """Each pair of channels by its running statistics."""
    channels = x.shape[1]
    y = np.empty_like(x)
    for c in range(channels):
        pair = min(c, channels - 1 - c)
        centred = x[:, c] - p["running_mean"][pair]
        y[:, c] = p["gamma"][pair] * centred / np.sqrt(p["running_var"][pair] + 1e-5) + p["beta"][pair]
    return y


def loop_rc_pool(x: np.ndarray, mode: str) -> np.ndarray:
    """The maximum, or the mean, of each pair of channels over all positions."""
    half = x.shape[1] // 2
    y = np.zeros((x.shape[0], half))
    for n in range(x.shape[0]):
        for c in range(half):
            values = [*x[n, c], *x[n, x.shape[1] - 1 - c]]
            y[n, c] = max(values) if mode == "max" else sum(values) / len(values)
    return y


def symmetric(combine: str) -> nn.Layer:
    """A small network, the same for both strands."""
    model = nn.Sequential([nn.Conv1D(4, 3, 3), nn.GlobalMaxPool1D(), nn.Dense(3, 2)])
    return nn.StrandSymmetric(model, combine)  # type: ignore[arg-type]


def loop_symmetric(p: Arrays, x: np.ndarray, combine: str) -> np.ndarray:
    """The model of ``symmetric`` on each sequence, and on its reverse complement written out."""

    def model(sequence: np.ndarray) -> np.ndarray:
        w, b = p["model.0.weights"], p["model.0.bias"]
        windows = [sequence[:, i : i + 3] for i in range(sequence.shape[1] - 2)]
        scores = np.array([[np.sum(w[o] * window) + b[o] for o in range(3)] for window in windows])
        return np.asarray(np.maximum(scores, 0.0).max(axis=0) @ p["model.2.weights"] + p["model.2.bias"])

    rows = []
    for sequence in x:
        both = np.stack([model(sequence), model(sequence[::-1, ::-1])])
        rows.append(both.mean(axis=0) if combine == "mean" else both.max(axis=0))
    return np.stack(rows)


MOTIF_ERRORS = [
    ((2, 5, 12), "MotifLayer expects (batch, 4, length >= 4), got (2, 5, 12)"),
    ((2, 4, 3), "got (2, 4, 3)"),
    ((2, 4), "got (2, 4)"),
]
PAIR = [((2, 3, 6), "got (2, 3, 6)"), ((2, 4), "got (2, 4)")]
SKEWED = (0.3, 0.2, 0.1, 0.4)

LAYERS: dict[str, LayerCase] = {
    "MotifLayer": LayerCase(
        lambda: nn.MotifLayer(3, 4),
        (2, 4, 9),
        edges=[(0, 4, 9), (1, 4, 4), (3, 4, 5)],
        errors=MOTIF_ERRORS,
        reference=loop_motifs,
    ),
    "MotifLayer one strand": LayerCase(
        lambda: nn.MotifLayer(2, 5, both_strands=False, background=SKEWED),
        (2, 4, 8),
        edges=[(1, 4, 5), (0, 4, 8)],
        reference=lambda p, x: loop_motifs(p, x, both=False, background=SKEWED),
        errors=[((1, 4, 4), "MotifLayer expects (batch, 4, length >= 5), got (1, 4, 4)")],
    ),
    "MotifLayer threshold": LayerCase(
        lambda: nn.MotifLayer(2, 3, threshold=0.5, activation="relu", background=SKEWED),
        (2, 4, 7),
        edges=[(1, 4, 3)],
        reference=lambda p, x: np.maximum(loop_motifs(p, x, background=SKEWED), 0.0),
        errors=[((1, 3, 7), "MotifLayer expects (batch, 4, length >= 3), got (1, 3, 7)")],
    ),
    "MotifLayer from sites": LayerCase(
        lambda: nn.MotifLayer.from_sequences(["TGACTCA", "TGAGTCA"], ["CACGTG"]),
        (2, 4, 10),
        edges=[(1, 4, 7)],
        reference=loop_motifs,
        errors=[((1, 4, 6), "MotifLayer expects (batch, 4, length >= 7), got (1, 4, 6)")],
    ),
    "StrandSymmetric mean": LayerCase(
        lambda: symmetric("mean"),
        (3, 4, 7),
        edges=[(0, 4, 7), (1, 4, 3)],
        errors=[
            ((2, 3, 7), "StrandSymmetric expects (batch, 4, length), got (2, 3, 7)"),
            ((2, 4), "got (2, 4)"),
        ],
        reference=lambda p, x: loop_symmetric(p, x, "mean"),
    ),
    "StrandSymmetric max": LayerCase(
        lambda: symmetric("max"),
        (3, 4, 7),
        edges=[(0, 4, 7), (1, 4, 3)],
        reference=lambda p, x: loop_symmetric(p, x, "max"),
        errors=[((3, 4), "StrandSymmetric expects (batch, 4, length), got (3, 4)")],
    ),
    "StrandSymmetric with batch norm and dropout": LayerCase(
        lambda: nn.StrandSymmetric(
            nn.Sequential(
                [
                    nn.Conv1D(4, 3, 3),
                    nn.BatchNorm1D(3),
                    nn.GlobalAveragePool1D(),
                    nn.Dropout(0.3),
                    nn.Dense(3, 1),
                ]
            )
        ),
        (3, 4, 6),
        edges=[(1, 4, 3)],
        errors=[((2, 4, 2), "got (4, 4, 2)")],
    ),
    "RCConv1D": LayerCase(
        lambda: nn.RCConv1D(4, 6, 3),
        (2, 4, 8),
        edges=[(0, 4, 8), (1, 4, 3)],
        errors=[
            ((2, 5, 8), "RCConv1D expects (batch, 4, length >= 3), got (2, 5, 8)"),
            ((2, 4, 2), "got (2, 4, 2)"),
        ],
        reference=lambda p, x: np.maximum(loop_rc_conv(p, x), 0.0),
    ),
    "RCConv1D same, dilated": LayerCase(
        lambda: nn.RCConv1D(6, 2, 3, padding="same", dilation=2, activation=None),
        (2, 6, 9),
        edges=[(1, 6, 1), (0, 6, 9)],
        reference=lambda p, x: loop_rc_conv(p, x, pad=2, dilation=2),
        errors=[((1, 6, 0), "RCConv1D expects (batch, 6, length >= 1), got (1, 6, 0)")],
    ),
    "RCConv1D even kernel, padded": LayerCase(
        lambda: nn.RCConv1D(3, 4, 4, padding=1, activation=None),
        (2, 3, 6),
        edges=[(1, 3, 2)],
        reference=lambda p, x: loop_rc_conv(p, x, pad=1),
        errors=[((1, 3, 1), "RCConv1D expects (batch, 3, length >= 2), got (1, 3, 1)")],
    ),
    "RCBatchNorm1D": LayerCase(
        lambda: nn.RCBatchNorm1D(4),
        (3, 4, 5),
        edges=[(1, 4, 1), (1, 4, 3)],
        errors=PAIR,
        reference=loop_rc_norm,
    ),
    "RCBatchNorm1D evaluation": LayerCase(
        lambda: nn.RCBatchNorm1D(6),
        (2, 6, 4),
        edges=[(0, 6, 4), (1, 6, 1)],
        reference=loop_rc_norm,
        training=False,
        errors=[((2, 4, 4), "RCBatchNorm1D expects (batch, 6, length), got (2, 4, 4)")],
    ),
    "RCGlobalPool1D": LayerCase(
        nn.RCGlobalPool1D,
        (3, 4, 6),
        edges=[(0, 4, 6), (1, 2, 1)],
        errors=[
            ((2, 3, 6), "an even number of channels"),
            ((2, 4, 0), "length >= 1"),
            ((2, 4), "got (2, 4)"),
        ],
        reference=lambda p, x: loop_rc_pool(x, "max"),
    ),
    "RCGlobalPool1D mean": LayerCase(
        lambda: nn.RCGlobalPool1D("mean"),
        (3, 4, 6),
        edges=[(0, 4, 6), (1, 2, 1)],
        reference=lambda p, x: loop_rc_pool(x, "mean"),
        errors=[((1, 5, 6), "an even number of channels, length >= 1), got (1, 5, 6)")],
    ),
}
