"""The operations that backends may have twins of, each with a plain loop and PyTorch beside it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from genoml.ops.adam import adam_update
from genoml.ops.alignment import Rules, alignment_scores
from genoml.ops.arrays import segment_sum
from genoml.ops.conv1d import conv1d_max, conv1d_max_grad_w, conv1d_vjp
from genoml.ops.jaccard import jaccard
from genoml.ops.pool1d import global_max_vjp, max_pool1d_vjp
from genoml.ops.threefry import random_uniform
from proof.operation_case import Arrays, OperationCase, named
from proof.operation_cases_layers import (
    attention,
    dense_weights,
    lstm_layer,
    lstm_steps,
    padded_convolution,
    rectified,
    rectified_convolution,
    squares,
)
from support.alignments import table_score
from support.operations import loop_conv, loop_jaccard, loop_max_pool

RNG = np.random.default_rng(11)


def convolution(
    length: int, kernel: int, stride: int = 1, dilation: int = 1, *, channels: int = 4, filters: int = 5
) -> OperationCase:
    """A convolution of (batch, length, channels) and its two gradients."""
    count = (length - (kernel - 1) * dilation - 1) // stride + 1
    shapes = {"x": (3, length, channels), "w": (kernel, channels, filters), "grad": (3, count, filters)}

    def run(a: Arrays) -> Arrays:
        y, pullback = conv1d_vjp(a["x"], a["w"], stride, dilation)
        return {"y": y} | named(pullback(a["grad"]), "grad_x", "grad_w")

    def by_torch(a: Arrays) -> Arrays:
        from parity.counterparts_ops import torch_conv

        return named(torch_conv(a["x"], a["w"], a["grad"], stride, dilation), "y", "grad_x", "grad_w")

    return OperationCase(
        {name: RNG.standard_normal(shape) for name, shape in shapes.items()},
        run,
        lambda a: named(loop_conv(a["x"], a["w"], a["grad"], stride, dilation), "y", "grad_x", "grad_w"),
        by_torch,
    )


def scan(length: int, kernel: int) -> OperationCase:
    """The largest value of a correlation, where it is, and the gradient of the kernels."""
    count = length - kernel + 1
    shapes = {"x": (3, length, 4), "w": (kernel, 4, 5), "grad": (3, 5)}

    def run(a: Arrays) -> Arrays:
        y, positions = conv1d_max(a["x"], a["w"])
        grad_w = conv1d_max_grad_w(a["x"], positions, a["grad"], kernel)
        return {"y": y, "positions": positions, "grad_w": grad_w}

    def by(correlate: Callable[..., tuple[np.ndarray, np.ndarray, np.ndarray]], a: Arrays) -> Arrays:
        y, _, _ = correlate(a["x"], a["w"], np.zeros((3, count, 5)))
        positions = y.argmax(axis=1)
        spread = (positions[:, None, :] == np.arange(count)[:, None]) * a["grad"][:, None, :]
        return {"y": y.max(axis=1), "positions": positions, "grad_w": correlate(a["x"], a["w"], spread)[2]}

    def by_torch(a: Arrays) -> Arrays:
        from parity.counterparts_ops import torch_conv

        return by(torch_conv, a)

    return OperationCase(
        {name: RNG.standard_normal(shape) for name, shape in shapes.items()},
        run,
        lambda a: by(lambda x, w, grad: loop_conv(x, w, grad, 1, 1), a),
        by_torch,
    )


def pooling(
    function: Callable[[Any], tuple[Any, Any]], size: int, stride: int, length: int = 23
) -> OperationCase:
    """A pooling of (batch, length, channels) and its gradient."""
    count = (length - size) // stride + 1
    # max pooling over the whole length has no axis of windows
    whole = size == length

    def run(a: Arrays) -> Arrays:
        y, pullback = function(a["x"])
        grad = a["grad"][:, 0, :] if whole else a["grad"]
        return {"y": y[:, None, :] if whole else y, "grad_x": pullback(grad)}

    def by_torch(a: Arrays) -> Arrays:
        import torch

        from parity.counterparts_ops import torch_pool

        return named(
            torch_pool(a["x"], a["grad"], lambda t: torch.nn.functional.max_pool1d(t, size, stride)),
            "y",
            "grad_x",
        )

    return OperationCase(
        {"x": RNG.standard_normal((3, length, 4)), "grad": RNG.standard_normal((3, count, 4))},
        run,
        lambda a: named(loop_max_pool(a["x"], a["grad"], size, stride), "y", "grad_x"),
        by_torch,
    )


def segments() -> OperationCase:
    """Rows of a table's gradient, added up by key."""

    def by_torch(a: Arrays) -> Arrays:
        from parity.counterparts_ops import torch_segment_sum

        return {"y": torch_segment_sum(a["rows"], a["keys"], 7)}

    def loop(a: Arrays) -> Arrays:
        out = np.zeros((7, 3))
        for row, key in zip(a["rows"], a["keys"], strict=True):
            out[key] += row
        return {"y": out}

    return OperationCase(
        {"rows": RNG.standard_normal((40, 3)), "keys": RNG.integers(0, 7, 40)},
        lambda a: {"y": segment_sum(a["rows"], a["keys"], 7)},
        loop,
        by_torch,
    )


def uniform_numbers() -> OperationCase:
    """Dropout's random numbers, whose bits are the same everywhere."""
    return OperationCase(
        {"like": np.zeros(1)},
        lambda a: {"y": random_uniform(a["like"], (3, 5), 7, 1000)},
        lambda a: {"y": random_uniform.standard(a["like"], (3, 5), 7, 1000)},
    )


def alignment(local: bool) -> OperationCase:
    """Scores of five pairs of sequences; whole numbers, the same everywhere."""
    table = RNG.integers(-4, 6, (4, 4))
    table = table + table.T

    def run(a: Arrays) -> Arrays:
        rules = Rules(gap_open=7, gap_extend=2, local=local)
        names = ("a", "b", "lengths_a", "lengths_b", "table")
        return {"y": alignment_scores(*(a[name] for name in names), rules)}

    def loop(a: Arrays) -> Arrays:
        def letters(codes: np.ndarray, lengths: np.ndarray, pair: int) -> str:
            return "".join("ACGT"[code] for code in codes[: lengths[pair], pair])

        def score(x: str, y: str) -> float:
            return float(a["table"]["ACGT".index(x), "ACGT".index(y)])

        pairs = [
            (letters(a["a"], a["lengths_a"], i), letters(a["b"], a["lengths_b"], i))
            for i in range(len(a["lengths_a"]))
        ]
        mode = "local" if local else "global"
        return {"y": np.array([table_score(x, y, score, 7.0, 2.0, mode, "") for x, y in pairs])}

    return OperationCase(
        {
            "a": RNG.integers(0, 4, (9, 5)),
            "b": RNG.integers(0, 4, (12, 5)),
            "lengths_a": np.array([9, 4, 7, 1, 8]),
            "lengths_b": np.array([10, 12, 3, 5, 12]),
            "table": table,
        },
        run,
        loop,
    )


def similarity() -> OperationCase:
    """The continuous Jaccard similarity of pairs of matrices, and the offset where it is largest."""
    low, high = -3, 2

    def loop(a: Arrays) -> Arrays:
        pairs = zip(a["first"], a["second"], strict=True)
        each = [[loop_jaccard(a["a"][i], a["b"][j], o) for o in range(low, high + 1)] for i, j in pairs]
        return {"y": np.max(each, axis=1), "offset": np.argmax(each, axis=1) + low}

    return OperationCase(
        {
            "a": RNG.standard_normal((4, 9, 4)),
            "b": RNG.standard_normal((5, 7, 4)),
            "first": RNG.integers(0, 4, 12),
            "second": RNG.integers(0, 5, 12),
        },
        lambda a: named(jaccard(a["a"], a["b"], a["first"], a["second"], low, high), "y", "offset"),
        loop,
    )


def adam() -> OperationCase:
    """One update, with decoupled decay, in the middle of a training."""
    rates = {"kept": 0.999, "beta1": 0.9, "beta2": 0.99, "rate": 0.02, "correction": 0.3, "eps": 1e-6}
    b1, b2 = rates["beta1"], rates["beta2"]

    def run(a: Arrays) -> Arrays:
        found = adam_update(a["param"], a["grad"], a["mean"], a["square"], **rates)
        return named(found, "y", "mean", "square")

    def loop(a: Arrays) -> Arrays:
        found = {name: np.zeros_like(a["param"]) for name in ("y", "mean", "square")}
        for at in np.ndindex(*a["param"].shape):
            g = a["grad"][at]
            m, v = b1 * a["mean"][at] + (1 - b1) * g, b2 * a["square"][at] + (1 - b2) * g**2
            step = rates["rate"] * m / (v**0.5 / rates["correction"] + rates["eps"])
            found["y"][at] = rates["kept"] * a["param"][at] - step
            found["mean"][at], found["square"][at] = m, v
        return found

    def by_torch(a: Arrays) -> Arrays:
        import torch

        param, grad, mean, square = (torch.tensor(a[name]) for name in ("param", "grad", "mean", "square"))
        m, v = torch.lerp(mean, grad, 1 - b1), torch.addcmul(square * b2, grad, grad, value=1 - b2)
        below = torch.sqrt(v) / rates["correction"] + rates["eps"]
        y = torch.addcdiv(param * rates["kept"], m, below, value=-rates["rate"])
        return {"y": y, "mean": m, "square": v}

    arrays = {name: RNG.standard_normal((40, 30)) for name in ("param", "grad", "mean", "square")}
    return OperationCase(arrays | {"square": arrays["square"] ** 2}, run, loop, by_torch)


@cache
def cases() -> dict[str, OperationCase]:
    """Every operation, by its name and settings."""
    from proof.row_operations import row_cases
    from proof.training_operations import training_cases

    return (
        {
            "adam_update": adam(),
            "conv1d_vjp": convolution(40, 7),
            "conv1d_vjp, kernel 1": convolution(12, 1),
            "conv1d_vjp, strided": convolution(41, 6, stride=3),
            "conv1d_vjp, dilated": convolution(40, 4, dilation=5),
            "conv1d_vjp, many channels": convolution(60, 11, channels=48, filters=52),
            "conv1d_vjp, kernel 3": convolution(40, 3, dilation=2, channels=48, filters=50),
            "biased_conv1d_vjp": rectified_convolution(),
            "conv1d_moments_vjp": padded_convolution(pooled=False),
            "pooled_conv1d": padded_convolution(pooled=True),
            "conv1d_max": scan(30, 6),
            "max_pool1d_vjp": pooling(lambda x: max_pool1d_vjp(x, 4, 4), 4, 4),
            "max_pool1d_vjp, overlapping": pooling(lambda x: max_pool1d_vjp(x, 5, 2), 5, 2),
            "global_max_vjp": pooling(global_max_vjp, 23, 23),
            "plain_attention_vjp": attention(),
            "rectified_vjp": rectified(1, normalised=False),
            "rectified_vjp, pooled": rectified(4, normalised=False),
            "rectified_vjp, normalised": rectified(1, normalised=True),
            "rectified_vjp, normalised and pooled": rectified(4, normalised=True),
            "rectified_vjp, a last window cut off": rectified(4, normalised=True, ceil_mode=True, length=22),
            "squares_around": squares(),
            "dense_grad_weights": dense_weights(),
            "lstm_scan": lstm_steps(),
            "lstm_vjp": lstm_layer(),
            "segment_sum": segments(),
            "random_uniform": uniform_numbers(),
            "alignment_scores": alignment(local=False),
            "alignment_scores, local": alignment(local=True),
            "jaccard": similarity(),
        }
        | row_cases()
        | training_cases()
    )
