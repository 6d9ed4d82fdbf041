"""Test cases of activations, dropout, residual blocks, crops, grouped convolution and pooling windows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from genoml import nn
from genoml.testing.cases import LayerCase

Arrays = Mapping[str, np.ndarray]


def by_value(function: Callable[[float], float]) -> Callable[[Arrays, np.ndarray], np.ndarray]:
    """A function of one number, applied to every number of x."""
    return lambda p, x: np.vectorize(function, otypes=[np.float64])(x)


def wide(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Random inputs that cover both tails of the functions."""
    return 3.0 * rng.standard_normal(shape)


def case(make: Callable[[], nn.Layer], function: Callable[[float], float]) -> LayerCase:
    """An activation on numbers from both tails, with its function of one number."""
    return LayerCase(
        make, (4, 3, 5), edges=[(0, 4), (1, 2, 3), (7,)], reference=by_value(function), sample=wide
    )


def logistic(v: float) -> float:
    """The sigmoid of one number."""
    return 1.0 / (1.0 + math.exp(-v))


def gelu(v: float) -> float:
    """GELU of one number, by the error function."""
    return 0.5 * v * (1.0 + math.erf(v / math.sqrt(2.0)))


def gelu_tanh(v: float) -> float:
    """Its approximation of one number."""
    return 0.5 * v * (1.0 + math.tanh(math.sqrt(2.0 / math.pi) * (v + 0.044715 * v**3)))


def loop_windows(
    x: np.ndarray, size: int, stride: int, *, last: bool, function: Callable[..., Any]
) -> np.ndarray:
    """Each window in turn; with ``last``, one that the end cuts off too, if no whole one reaches the end."""
    starts = [s for s in range(0, x.shape[2], stride) if s + size <= x.shape[2]]
    rest = starts[-1] + stride if starts else 0
    if last and (not starts or starts[-1] + size < x.shape[2]) and rest < x.shape[2]:
        starts.append(rest)
    return np.stack([function(x[:, :, s : s + size], axis=2) for s in starts], axis=2)


def loop_groups(p: Arrays, x: np.ndarray, groups: int, *, stride: int = 1, dilation: int = 1) -> np.ndarray:
    """A grouped convolution, one output value after another."""
    weights, bias = p["weights"], p["bias"]
    out_channels, block, k = weights.shape
    count = (x.shape[2] - (k - 1) * dilation - 1) // stride + 1
    y = np.zeros((x.shape[0], out_channels, count))
    for n, o, position in np.ndindex(*y.shape):
        first = o // (out_channels // groups) * block
        start = position * stride
        window = x[n, first : first + block, start : start + (k - 1) * dilation + 1 : dilation]
        y[n, o, position] = bias[o] + np.sum(weights[o] * window)
    return y


LAYERS: dict[str, LayerCase] = {
    "LeakyReLU": case(nn.LeakyReLU, lambda v: v if v > 0 else 0.01 * v),
    "LeakyReLU slope": case(lambda: nn.LeakyReLU(0.3), lambda v: v if v > 0 else 0.3 * v),
    "ELU": case(nn.ELU, lambda v: v if v > 0 else math.expm1(v)),
    "ELU alpha": case(lambda: nn.ELU(0.4), lambda v: v if v > 0 else 0.4 * math.expm1(v)),
    "GELU": case(nn.GELU, gelu),
    "GELU tanh": case(lambda: nn.GELU("tanh"), gelu_tanh),
    "SiLU": case(nn.SiLU, lambda v: v * logistic(v)),
    "Tanh": case(nn.Tanh, math.tanh),
    "Softplus": case(nn.Softplus, lambda v: math.log(1.0 + math.exp(v))),
    "Conv1D gelu": LayerCase(
        lambda: nn.Conv1D(2, 3, 3, activation="gelu"),
        (2, 2, 7),
        edges=[(0, 2, 7), (1, 2, 3)],
        reference=lambda p, x: by_value(gelu)(p, loop_groups(p, x, 1)),
        errors=[((2, 3, 7), "expects (batch, 2, length >= 3), got (2, 3, 7)")],
    ),
    "Dense silu": LayerCase(
        lambda: nn.Dense(4, 3, activation="silu"),
        (3, 4),
        edges=[(0, 4)],
        reference=lambda p, x: by_value(lambda v: v * logistic(v))(p, x @ p["weights"] + p["bias"]),
        errors=[((3, 5), "Dense expects (batch, 4), got (3, 5)")],
    ),
    "Conv1D groups": LayerCase(
        lambda: nn.Conv1D(6, 4, 3, groups=2, activation=None),
        (2, 6, 9),
        edges=[(0, 6, 9), (1, 6, 3)],
        errors=[((2, 3, 9), "expects (batch, 6, length >= 3), got (2, 3, 9)")],
        reference=lambda p, x: loop_groups(p, x, 2),
    ),
    "Conv1D a group a channel": LayerCase(
        lambda: nn.Conv1D(3, 6, 3, groups=3, stride=2, dilation=2, activation=None),
        (2, 3, 11),
        edges=[(1, 3, 5)],
        reference=lambda p, x: loop_groups(p, x, 3, stride=2, dilation=2),
        errors=[((2, 3, 4), "expects (batch, 3, length >= 5), got (2, 3, 4)")],
    ),
    "MaxPool1D ceil": LayerCase(
        lambda: nn.MaxPool1D(3, ceil_mode=True),
        (2, 4, 11),
        edges=[(0, 4, 11), (1, 4, 3), (2, 4, 1), (2, 4, 10)],
        errors=[((2, 4, 0), "expects (batch, channels, length >= 1), got (2, 4, 0)")],
        reference=lambda p, x: loop_windows(x, 3, 3, last=True, function=np.max),
    ),
    "MaxPool1D ceil overlapping": LayerCase(
        lambda: nn.MaxPool1D(5, 2, ceil_mode=True),
        (2, 3, 12),
        edges=[(1, 3, 4), (1, 3, 6)],
        reference=lambda p, x: loop_windows(x, 5, 2, last=True, function=np.max),
        errors=[((1, 3, 0), "length >= 1), got (1, 3, 0)")],
    ),
    "MaxPool1D ceil with gaps": LayerCase(
        lambda: nn.MaxPool1D(2, 3, ceil_mode=True),
        (2, 3, 13),
        edges=[(1, 3, 3), (1, 3, 4), (1, 3, 5)],
        reference=lambda p, x: loop_windows(x, 2, 3, last=True, function=np.max),
        errors=[((3, 13), "MaxPool1D expects (batch, channels, length >= 1), got (3, 13)")],
    ),
    "AveragePool1D": LayerCase(
        lambda: nn.AveragePool1D(3),
        (2, 4, 11),
        edges=[(0, 4, 11), (1, 4, 3)],
        errors=[((2, 4, 2), "expects (batch, channels, length >= 3), got (2, 4, 2)")],
        reference=lambda p, x: loop_windows(x, 3, 3, last=False, function=np.mean),
    ),
    "AveragePool1D overlapping": LayerCase(
        lambda: nn.AveragePool1D(4, 3),
        (2, 3, 12),
        edges=[(1, 3, 4), (1, 3, 6)],
        reference=lambda p, x: loop_windows(x, 4, 3, last=False, function=np.mean),
        errors=[((1, 3, 3), "length >= 4), got (1, 3, 3)")],
    ),
    "CropTo": LayerCase(
        lambda: nn.CropTo(4),
        (2, 3, 9),
        edges=[(0, 3, 9), (1, 3, 4), (1, 3, 5)],
        errors=[((2, 3, 3), "CropTo expects (batch, channels, length >= 4), got (2, 3, 3)")],
        reference=lambda p, x: x[:, :, (x.shape[2] - 4) // 2 :][:, :, :4],
    ),
    "Pad": LayerCase(
        lambda: nn.Pad(2, 1),
        (2, 3, 6),
        edges=[(0, 3, 6), (1, 1, 1)],
        errors=[((2, 3), "Pad expects (batch, channels, length >= 1), got (2, 3)")],
        reference=lambda p, x: np.pad(x, ((0, 0), (0, 0), (2, 1))),
    ),
    "Pad, cut": LayerCase(
        lambda: nn.Pad(-2, -3),
        (2, 3, 9),
        edges=[(0, 3, 9), (1, 1, 6)],
        errors=[((2, 3, 5), "Pad expects (batch, channels, length >= 6), got (2, 3, 5)")],
        reference=lambda p, x: x[:, :, 2:-3],
    ),
    "Pad, moved": LayerCase(
        lambda: nn.Pad(3, -3),
        (2, 3, 9),
        edges=[(1, 2, 4)],
        errors=[((2, 3, 3), "Pad expects (batch, channels, length >= 4), got (2, 3, 3)")],
        reference=lambda p, x: np.pad(x, ((0, 0), (0, 0), (3, 0)))[:, :, :-3],
    ),
    "SpatialDropout1D": LayerCase(
        lambda: nn.SpatialDropout1D(0.4, seed=3),
        (5, 4, 9),
        edges=[(0, 4, 9), (1, 1, 1), (2, 3, 0)],
        errors=[((5, 4), "SpatialDropout1D expects (batch, channels, length), got (5, 4)")],
        reference=lambda p, x: x,
    ),
    "Residual": LayerCase(
        lambda: nn.Residual([nn.BatchNorm1D(3), nn.GELU(), nn.Conv1D(3, 3, 3, padding="same")]),
        (2, 3, 8),
        edges=[(1, 3, 2)],
        errors=[((2, 4, 8), "BatchNorm1D expects")],
    ),
    "Residual of one": LayerCase(
        lambda: nn.Residual(nn.Dense(4, 4)),
        (3, 4),
        edges=[(0, 4)],
        reference=lambda p, x: x + x @ p["0.weights"] + p["0.bias"],
        errors=[((3, 5), "Dense expects (batch, 4), got (3, 5)")],
    ),
}
