"""Registry entries of the layers that the published networks brought with them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from genoml import nn
from genoml.testing import LayerCase


def loop_cropped_residual(p: Mapping[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """A dilated convolution of width 3 with ReLU, added to the position that its middle reads."""
    w, b, d = p["conv.weights"], p["conv.bias"], 2
    y = np.zeros((x.shape[0], x.shape[1], x.shape[2] - 2 * d))
    for n, o, at in np.ndindex(*y.shape):
        z = b[o] + sum(w[o, c, k] * x[n, c, at + k * d] for c in range(x.shape[1]) for k in range(3))
        y[n, o, at] = x[n, o, at + d] + max(z, 0.0)
    return y


LAYERS: dict[str, LayerCase] = {
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
