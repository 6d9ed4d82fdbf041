"""Test cases of graphs: each join, diamonds, sums, and SpliceAI's block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from genoml import nn
from genoml.nn import Node
from genoml.testing.cases import LayerCase
from genoml.testing.layers.basic import loop_batch_norm, loop_conv, relu

Arrays = Mapping[str, np.ndarray]


def joined(kind: str, axis: int = 1) -> nn.Graph:
    """A convolution of x, joined with x, and an activation."""
    return nn.Graph(
        [
            Node("a", nn.Conv1D(3, 3, 3, padding="same", activation=None)),
            Node("both", kind, ["a", "input"], axis),
            Node("relu", nn.ReLU(), "both"),
        ]
    )


def part(p: Arrays, path: str) -> dict[str, np.ndarray]:
    """The arrays of a layer at this path."""
    return {name.removeprefix(f"{path}."): value for name, value in p.items() if name.startswith(f"{path}.")}


def loop_inputs(p: Arrays, x: np.ndarray) -> list[np.ndarray]:
    """What the join of ``joined`` reads."""
    return [loop_conv(part(p, "a"), x, pads=(1, 1)), x]


def middle(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The middle of each, as long as the shortest, the odd position cut off at the end."""
    length = min(array.shape[2] for array in arrays)
    starts = [(array.shape[2] - length) // 2 for array in arrays]
    return [array[:, :, start : start + length] for array, start in zip(arrays, starts, strict=True)]


def loop_product(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """One factor after another."""
    y = np.ones_like(arrays[0])
    for array in arrays:
        y = y * array
    return y


def diamond() -> nn.Graph:
    """A node that three read, one of them twice as a factor, and one behind another."""
    return nn.Graph(
        [
            Node("stem", nn.Conv1D(3, 4, 2, activation="tanh")),
            Node("left", nn.Conv1D(4, 4, 3, activation="sigmoid"), "stem"),
            Node("square", "multiply", ["stem", "stem", "left"], crop=True),
            Node("norm", nn.BatchNorm1D(4), "square"),
            Node("relu", nn.ReLU(), "norm"),
            Node("right", nn.Conv1D(4, 4, 2, activation=None), "stem"),
            Node("y", "add", ["relu", "right", "stem"], crop=True),
        ]
    )


def loop_diamond(p: Arrays, x: np.ndarray) -> np.ndarray:
    """Node after node."""
    stem = np.tanh(loop_conv(part(p, "stem"), x))
    left = 1.0 / (1.0 + np.exp(-loop_conv(part(p, "left"), stem)))
    square = loop_product(middle([stem, stem, left]))
    right = loop_conv(part(p, "right"), stem)
    return np.asarray(sum(middle([relu(loop_batch_norm(part(p, "norm"), square)), right, stem])))


def block(width: int, dilation: int) -> nn.CroppedResidual:
    """SpliceAI's residual block of three channels, without padding."""
    convs = [nn.Conv1D(3, 3, width, dilation=dilation, activation=None) for _ in range(2)]
    return nn.CroppedResidual(
        [nn.BatchNorm1D(3), nn.ReLU(), convs[0], nn.BatchNorm1D(3), nn.ReLU(), convs[1]]
    )


def splice() -> nn.Sequential:
    """SpliceAI's skips: a convolution of width 1 of the map before and behind a block, added."""
    skips = [nn.Conv1D(3, 3, 1, activation=None) for _ in range(2)]
    tower = nn.Sequential([block(3, 2), skips[1]])
    return nn.Sequential([nn.Conv1D(4, 3, 1, activation=None), nn.Sum([skips[0], tower], crop=True)])


def loop_block(p: Arrays, x: np.ndarray, dilation: int) -> np.ndarray:
    """The formula of ``block``."""
    h = x
    for norm, conv in (("0", "2"), ("3", "5")):
        h = loop_conv(part(p, conv), relu(loop_batch_norm(part(p, norm), h)), dilation=dilation)
    return np.asarray(sum(middle([x, h])))


def loop_splice(p: Arrays, x: np.ndarray) -> np.ndarray:
    """The formula of ``splice``, the skips one after another."""
    first = loop_conv(part(p, "0"), x)
    second = loop_block(part(p, "1.1.0"), first, 2)
    skips = [loop_conv(part(p, "1.0"), first), loop_conv(part(p, "1.1.1"), second)]
    return np.asarray(sum(middle(skips)))


ERRORS = [((2, 4, 7), "Conv1D expects (batch, 3, length >= 1), got (2, 4, 7)")]

LAYERS: dict[str, LayerCase] = {
    "Graph, add": LayerCase(
        lambda: joined("add"),
        (2, 3, 7),
        edges=[(0, 3, 7), (1, 3, 1)],
        errors=ERRORS,
        reference=lambda p, x: relu(np.asarray(sum(loop_inputs(p, x)))),
    ),
    "Graph, mean": LayerCase(
        lambda: joined("mean"),
        (2, 3, 7),
        edges=[(0, 3, 7), (1, 3, 1)],
        errors=ERRORS,
        reference=lambda p, x: relu(np.mean(loop_inputs(p, x), axis=0)),
    ),
    "Graph, multiply": LayerCase(
        lambda: joined("multiply"),
        (2, 3, 7),
        edges=[(0, 3, 7), (1, 3, 1)],
        errors=ERRORS,
        reference=lambda p, x: relu(loop_product(loop_inputs(p, x))),
    ),
    "Graph, maximum": LayerCase(
        lambda: joined("maximum"),
        (2, 3, 7),
        edges=[(0, 3, 7), (1, 3, 1)],
        errors=ERRORS,
        reference=lambda p, x: relu(np.max(loop_inputs(p, x), axis=0)),
    ),
    "Graph, concatenate": LayerCase(
        lambda: joined("concatenate"),
        (2, 3, 7),
        edges=[(0, 3, 7), (1, 3, 1)],
        errors=ERRORS,
        reference=lambda p, x: relu(np.concatenate(loop_inputs(p, x), axis=1)),
    ),
    "Graph, positions": LayerCase(
        lambda: joined("concatenate", axis=2),
        (2, 3, 7),
        edges=[(0, 3, 7), (1, 3, 1)],
        errors=ERRORS,
        reference=lambda p, x: relu(np.concatenate(loop_inputs(p, x), axis=2)),
    ),
    "Graph, diamond": LayerCase(
        diamond,
        (3, 3, 9),
        edges=[(2, 3, 5), (2, 3, 4)],
        errors=[((2, 3, 3), "Conv1D expects (batch, 4, length >= 3), got (2, 4, 2)")],
        reference=loop_diamond,
    ),
    "Sum": LayerCase(
        lambda: nn.Sum({"a": nn.Conv1D(3, 2, 3), "b": nn.Conv1D(3, 2, 5, padding=1)}),
        (2, 3, 8),
        edges=[(0, 3, 8), (1, 3, 3)],
        errors=[((2, 4, 8), "Conv1D expects (batch, 3, length >= 3), got (2, 4, 8)")],
        reference=lambda p, x: (
            relu(loop_conv(part(p, "a"), x)) + relu(loop_conv(part(p, "b"), x, pads=(1, 1)))
        ),
    ),
    "Sum, SpliceAI's skips": LayerCase(
        splice,
        (2, 4, 12),
        edges=[(0, 4, 12), (1, 4, 9)],
        errors=[((2, 4, 8), "Conv1D expects (batch, 3, length >= 5), got (2, 3, 4)")],
        reference=loop_splice,
        training=False,
    ),
}
