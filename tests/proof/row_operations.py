"""Operations along rows and on entries, and the gradient of a scan, each with a plain loop and PyTorch beside it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.ops.activations import softmax, softmax_gradient
from genoml.ops.arrays import clip, constant_like, sum_rows
from genoml.ops.conv1d import conv1d_hits, conv1d_max_grad_w, conv1d_max_grad_x
from genoml.ops.normalise import standardize_vjp
from proof.operation_cases import Arrays, OperationCase

RNG = np.random.default_rng(12)
_EPS = 1e-5


def _rows(values: np.ndarray) -> np.ndarray:
    return values.reshape(-1, values.shape[-1])


def _by_torch(function: Any, a: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """y of a function of x, and grad_x."""
    import torch

    x = torch.tensor(a["x"], requires_grad=True)
    y = function(torch, x)
    y.backward(torch.tensor(a["grad"]))
    return y.detach().numpy(), x.grad.numpy()


def _powers(row: np.ndarray) -> np.ndarray:
    powers = np.array([np.exp(value) for value in row])
    return powers / sum(powers)


def softmax_case() -> OperationCase:
    """Rows that sum to one."""
    x = 3.0 * RNG.standard_normal((3, 4, 7))
    return OperationCase(
        {"x": x, "grad": RNG.standard_normal(x.shape)},
        lambda a: {"y": softmax(a["x"])},
        lambda a: {"y": np.array([_powers(row) for row in _rows(a["x"])]).reshape(x.shape)},
        lambda a: {"y": _by_torch(lambda torch, x: torch.softmax(x, -1), a)[0]},
    )


def softmax_gradient_case() -> OperationCase:
    """The gradient of their inputs."""
    x = 3.0 * RNG.standard_normal((3, 4, 7))

    def loop(a: Arrays) -> Arrays:
        found = []
        for row, grad in zip(_rows(a["x"]), _rows(a["grad"]), strict=True):
            y = _powers(row)
            found.append((np.diag(y) - np.outer(y, y)) @ grad)
        return {"y": np.array(found).reshape(x.shape)}

    return OperationCase(
        {"x": x, "grad": RNG.standard_normal(x.shape)},
        lambda a: {"y": softmax_gradient(softmax(a["x"]), a["grad"])},
        loop,
        lambda a: {"y": _by_torch(lambda torch, x: torch.softmax(x, -1), a)[1]},
    )


def standardize_case() -> OperationCase:
    """Layer normalisation without scale and shift."""
    x = 1.0 + 2.0 * RNG.standard_normal((3, 4, 9))

    def run(a: Arrays) -> Arrays:
        y, pullback = standardize_vjp(a["x"], (-1,), _EPS)
        return {"y": y, "grad_x": pullback(a["grad"])}

    def loop(a: Arrays) -> Arrays:
        found, grads = [], []
        for row, grad in zip(_rows(a["x"]), _rows(a["grad"]), strict=True):
            n, mean = len(row), sum(row) / len(row)
            deviation = (sum((value - mean) ** 2 for value in row) / n + _EPS) ** 0.5
            y = np.array([(value - mean) / deviation for value in row])
            jacobian = (np.eye(n) - 1.0 / n - np.outer(y, y) / n) / deviation
            found.append(y)
            grads.append(jacobian @ grad)
        return {"y": np.array(found).reshape(x.shape), "grad_x": np.array(grads).reshape(x.shape)}

    def by_torch(a: Arrays) -> Arrays:
        y, grad = _by_torch(lambda torch, x: torch.nn.functional.layer_norm(x, (9,), eps=_EPS), a)
        return {"y": y, "grad_x": grad}

    return OperationCase({"x": x, "grad": RNG.standard_normal(x.shape)}, run, loop, by_torch)


def window_gradient_case() -> OperationCase:
    """The gradient of a scan's kernels, of windows at given places."""
    inputs = {
        "x": RNG.standard_normal((3, 30, 4)),
        "positions": RNG.integers(0, 12, (3, 5)),
        "grad": RNG.standard_normal((3, 5)),
    }

    def loop(a: Arrays) -> Arrays:
        found = np.zeros((4, 4, 5))
        for k, c, f in np.ndindex(*found.shape):
            found[k, c, f] = sum(
                a["grad"][n, f] * a["x"][n, 2 * a["positions"][n, f] + k, c] for n in range(3)
            )
        return {"y": found}

    def by_torch(a: Arrays) -> Arrays:
        from parity.counterparts_ops import torch_conv

        spread = (a["positions"][:, None, :] == np.arange(14)[:, None]) * a["grad"][:, None, :]
        return {"y": torch_conv(a["x"], np.zeros((4, 4, 5)), spread, 2)[2]}

    return OperationCase(
        inputs,
        lambda a: {"y": conv1d_max_grad_w(a["x"], a["positions"], a["grad"], 4, 2)},
        loop,
        by_torch,
    )


def sequence_gradient_case() -> OperationCase:
    """The gradient of the sequences of a scan, of windows at given places."""
    inputs = {
        "w": RNG.standard_normal((4, 4, 5)),
        "positions": RNG.integers(0, 12, (3, 5)),
        "grad": RNG.standard_normal((3, 5)),
    }

    def loop(a: Arrays) -> Arrays:
        found = np.zeros((3, 30, 4))
        for n, f in np.ndindex(3, 5):
            start = 2 * a["positions"][n, f]
            found[n, start : start + 4] += a["grad"][n, f] * a["w"][:, :, f]
        return {"y": found}

    def by_torch(a: Arrays) -> Arrays:
        from parity.counterparts_ops import torch_conv

        spread = (a["positions"][:, None, :] == np.arange(14)[:, None]) * a["grad"][:, None, :]
        return {"y": torch_conv(np.zeros((3, 30, 4)), a["w"], spread, 2)[1]}

    return OperationCase(
        inputs,
        lambda a: {"y": conv1d_max_grad_x(a["w"], a["positions"], a["grad"], 30, 2)},
        loop,
        by_torch,
    )


def clip_case() -> OperationCase:
    """Entries within two bounds, and at them."""

    def by_torch(a: Arrays) -> Arrays:
        import torch

        return {"y": torch.clamp(torch.tensor(a["x"]), -0.75, 0.5).numpy()}

    return OperationCase(
        {"x": np.array([*RNG.standard_normal(20), -0.75, 0.5, np.inf])},
        lambda a: {"y": clip(a["x"], -0.75, 0.5)},
        lambda a: {"y": np.array([min(max(value, -0.75), 0.5) for value in a["x"]])},
        by_torch,
    )


def constant_case() -> OperationCase:
    """One number, of an array's dtype."""
    return OperationCase(
        {"x": RNG.standard_normal(3)},
        lambda a: {"y": constant_like(a["x"], 0.75)},
        lambda a: {"y": np.array(0.75)},
    )


def sum_case() -> OperationCase:
    """The gradient of a bias: rows of a matrix, and of a batch of them."""

    def loop(a: Arrays) -> Arrays:
        matrix = _rows(a["x"])
        return {"y": np.array([math.fsum(column) for column in matrix.T])}

    def by_torch(a: Arrays) -> Arrays:
        import torch

        return {"y": torch.sum(torch.tensor(a["x"]), (0, 1)).numpy()}

    return OperationCase(
        {"x": RNG.standard_normal((5, 130, 6))}, lambda a: {"y": sum_rows(a["x"])}, loop, by_torch
    )


def hits_case() -> OperationCase:
    """A long sequence's windows that reach a limit, as zeros and ones, whatever their order."""
    inputs = {
        "x": RNG.standard_normal((1, 90, 4)),
        "w": RNG.standard_normal((6, 4, 5)),
        "limits": np.array([1.0, 2.0, 3.0, 30.0, -30.0]),
    }

    def run(a: Arrays) -> Arrays:
        found = conv1d_hits(a["x"], a["w"], a["limits"], 1000)
        xp, device = array_namespace(found), device_of(found)
        order = xp.arange(found.shape[0] - 1, dtype=found.dtype, device=device)
        every = xp.arange(85 * 5, dtype=found.dtype, device=device)
        held = xp.logical_and(found[1:, None] == every, (order < found[0])[:, None])
        return {"y": xp.sum(xp.astype(held, xp.int32), axis=0)}

    def loop(a: Arrays) -> Arrays:
        scores = np.array(
            [[np.sum(a["x"][0, at : at + 6] * a["w"][:, :, f]) for f in range(5)] for at in range(85)]
        )
        return {"y": (scores >= a["limits"]).reshape(-1).astype(int)}

    return OperationCase(inputs, run, loop)


def row_cases() -> dict[str, OperationCase]:
    """Each by its name."""
    return {
        "conv1d_max_grad_w": window_gradient_case(),
        "conv1d_max_grad_x": sequence_gradient_case(),
        "softmax": softmax_case(),
        "softmax_gradient": softmax_gradient_case(),
        "standardize_vjp": standardize_case(),
        "clip": clip_case(),
        "constant_like": constant_case(),
        "sum_rows": sum_case(),
        "conv1d_hits": hits_case(),
    }
