"""The operations that whole layers are made of: rectifiers with what stands around them, recurrent steps, products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from genoml.ops.arrays import dense_grad_weights
from genoml.ops.attention import plain_attention_vjp
from genoml.ops.conv1d import biased_conv1d_vjp
from genoml.ops.conv1d_norm import conv1d_moments_vjp, pooled_conv1d
from genoml.ops.normalise import rectified_vjp, squares_around
from genoml.ops.recurrent import lstm_scan, lstm_vjp
from proof.operation_case import Arrays, OperationCase, named
from support.operations import loop_conv

RNG = np.random.default_rng(12)
_ATTENTION_GRADS = ("grad_query", "grad_key", "grad_value")


def rectified(size: int, *, normalised: bool, ceil_mode: bool = False, length: int = 23) -> OperationCase:
    """Normalisation if wanted, ReLU, pooling; with what a batch normalisation subtracts from its gradient."""
    count = -(-length // size) if ceil_mode else length // size
    inputs = {"x": RNG.standard_normal((3, length, 4)), "grad": RNG.standard_normal((3, count, 4))}
    inputs |= {name: RNG.standard_normal(4) for name in ("shift", "mean", "slope", "constant")}
    inputs |= {"scale": np.array([0.7, -1.3, 0.4, 2.0]), "factor": np.array([1.1, 0.3, -2.0, 0.8])}

    def run(a: Arrays) -> Arrays:
        around = {"mean": a["mean"], "scale": a["scale"]} if normalised else {}
        y, back = rectified_vjp(a["x"], a["shift"], size, ceil_mode, **around)
        sum_g, sum_gc, into_x = back(a["grad"])
        if not normalised:
            return {"y": y, "sum_g": sum_g, "grad_x": into_x()}
        grad_x = into_x(a["factor"], a["slope"], a["constant"])
        return {"y": y, "sum_g": sum_g, "sum_gc": sum_gc, "grad_x": grad_x}

    def finish(a: Arrays, y: np.ndarray, g: np.ndarray) -> Arrays:
        if not normalised:
            return {"y": y, "sum_g": g.sum(axis=(0, 1)), "grad_x": g}
        centred = a["x"] - a["mean"]
        grad_x = g * a["factor"] - centred * a["slope"] - a["constant"]
        return {
            "y": y,
            "sum_g": g.sum(axis=(0, 1)),
            "sum_gc": (g * centred).sum(axis=(0, 1)),
            "grad_x": grad_x,
        }

    def affine(a: Arrays) -> np.ndarray:
        return (a["x"] - a["mean"]) * a["scale"] + a["shift"] if normalised else a["x"] + a["shift"]

    def loop(a: Arrays) -> Arrays:
        z, y, g = affine(a), np.zeros_like(a["grad"]), np.zeros_like(a["x"])
        for n, window, c in np.ndindex(*a["grad"].shape):
            values = z[n, window * size : window * size + size, c]
            best = int(values.argmax())
            if values[best] > 0:
                y[n, window, c] = values[best]
                g[n, window * size + best, c] = a["grad"][n, window, c]
        return finish(a, y, g)

    def by_torch(a: Arrays) -> Arrays:
        import torch

        z = torch.tensor(affine(a).transpose(0, 2, 1).copy(), requires_grad=True)
        y = torch.nn.functional.max_pool1d(torch.relu(z), size, ceil_mode=ceil_mode)
        y.backward(torch.tensor(a["grad"].transpose(0, 2, 1).copy()))
        return finish(a, y.detach().numpy().transpose(0, 2, 1), z.grad.numpy().transpose(0, 2, 1))

    return OperationCase(inputs, run, loop, by_torch)


def rectified_convolution() -> OperationCase:
    """A convolution with bias and ReLU, its two gradients and the bias's."""
    shapes = {"x": (3, 40, 48), "w": (3, 48, 50), "bias": (50,), "grad": (3, 36, 50)}

    def run(a: Arrays) -> Arrays:
        y, pullback = biased_conv1d_vjp(a["x"], a["w"], a["bias"], 1, 2)
        return {"y": y} | named(pullback(a["grad"]), "grad_x", "grad_w", "grad_bias")

    def by(correlate: Callable[..., tuple[np.ndarray, np.ndarray, np.ndarray]], a: Arrays) -> Arrays:
        z = correlate(a["x"], a["w"], a["grad"])[0] + a["bias"]
        g = a["grad"] * (z > 0)
        _, grad_x, grad_w = correlate(a["x"], a["w"], g)
        return {"y": np.maximum(z, 0), "grad_x": grad_x, "grad_w": grad_w, "grad_bias": g.sum(axis=(0, 1))}

    def by_torch(a: Arrays) -> Arrays:
        from parity.counterparts_ops import torch_conv

        return by(lambda x, w, g: [np.asarray(part) for part in torch_conv(x, w, g, 1, 2)], a)

    return OperationCase(
        {name: RNG.standard_normal(shape) for name, shape in shapes.items()},
        run,
        lambda a: by(lambda x, w, g: loop_conv(x, w, g, 1, 2), a),
        by_torch,
    )


def padded_convolution(*, pooled: bool) -> OperationCase:
    """A convolution of x with zeros around it, beside batch normalisation: with its gradients, or pooled."""
    shapes = {"x": (3, 38, 48), "w": (3, 48, 50), "shift": (50,), "grad": (3, 39, 50)}
    around = 2, 1

    def run(a: Arrays) -> Arrays:
        if pooled:
            return {"y": pooled_conv1d(a["x"], a["w"], a["shift"], 2, True, around)}
        y, _, pullback = conv1d_moments_vjp(a["x"], a["w"], around)
        return {"y": y} | named(pullback(a["grad"]), "grad_x", "grad_w")

    def by(correlate: Callable[..., Any], a: Arrays) -> Arrays:
        wide = np.pad(a["x"], ((0, 0), around, (0, 0)))
        y, grad_x, grad_w = (np.asarray(part) for part in correlate(wide, a["w"], a["grad"]))
        if not pooled:
            return {"y": y, "grad_x": grad_x[:, 2:-1], "grad_w": grad_w}
        rectified = np.maximum(y + a["shift"], 0)
        return {"y": np.stack([rectified[:, t : t + 2].max(axis=1) for t in range(0, 39, 2)], axis=1)}

    def by_torch(a: Arrays) -> Arrays:
        from parity.counterparts_ops import torch_conv

        return by(lambda x, w, g: torch_conv(x, w, g, 1, 1), a)

    return OperationCase(
        {name: RNG.standard_normal(shape) for name, shape in shapes.items()},
        run,
        lambda a: by(lambda x, w, g: loop_conv(x, w, g, 1, 1), a),
        by_torch,
    )


def squares() -> OperationCase:
    """The numerator of a variance."""
    return OperationCase(
        {"rows": 3.0 + RNG.standard_normal((40, 5)), "mean": RNG.standard_normal(5)},
        lambda a: {"y": squares_around(a["rows"], a["mean"])},
        lambda a: {
            "y": np.array([sum((v - m) ** 2 for v in a["rows"][:, c]) for c, m in enumerate(a["mean"])])
        },
        lambda a: {"y": a["rows"].var(axis=0) * 40 + 40 * (a["rows"].mean(axis=0) - a["mean"]) ** 2},
    )


def dense_weights() -> OperationCase:
    """The gradient of a dense layer's weights."""

    def by_torch(a: Arrays) -> Arrays:
        import torch

        weights = torch.zeros(5, 4, dtype=torch.float64, requires_grad=True)
        (torch.tensor(a["x"]) @ weights).backward(torch.tensor(a["grad"]))
        return {"y": weights.grad}

    return OperationCase(
        {"x": RNG.standard_normal((6, 5)), "grad": RNG.standard_normal((6, 4))},
        lambda a: {"y": dense_grad_weights(a["x"], a["grad"])},
        lambda a: {"y": sum(np.outer(x, g) for x, g in zip(a["x"], a["grad"], strict=True))},
        by_torch,
    )


def lstm_steps(length: int = 6, batch: int = 3, hidden: int = 4) -> OperationCase:
    """The states of an LSTM, and the gradients of its gates and weights."""
    inputs = {
        "z": RNG.standard_normal((length, batch, 4 * hidden)),
        "weights": RNG.standard_normal((hidden, 4 * hidden)),
        "grad": RNG.standard_normal((length, batch, hidden)),
    }

    def run(a: Arrays) -> Arrays:
        states, back = lstm_scan(a["z"], a["weights"])
        grad_z, grads = back([a["grad"][t, :, :] for t in range(length)])
        return {"y": states, "grad_z": grad_z} | named((grads["weights_recurrent"],), "grad_weights")

    def by_torch(a: Arrays) -> Arrays:
        import torch

        z, w = (torch.tensor(a[name], requires_grad=True) for name in ("z", "weights"))
        h = c = torch.zeros(batch, hidden, dtype=torch.float64)
        states: list[Any] = []
        for t in range(length):
            i, f, g, o = (z[t] + h @ w).chunk(4, dim=1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            states.append(h)
        y = torch.stack(states)
        y.backward(torch.tensor(a["grad"]))
        return {"y": y.detach(), "grad_z": z.grad, "grad_weights": w.grad}

    return OperationCase(inputs, run, _lstm_loop, by_torch)


def lstm_layer(length: int = 5, batch: int = 3, features: int = 3, hidden: int = 4) -> OperationCase:
    """The states of an LSTM from its input, and the gradients of that and of its parameters."""
    inputs = {
        "x": RNG.standard_normal((batch, length, features)),
        "weights_input": RNG.standard_normal((features, 4 * hidden)),
        "weights_recurrent": RNG.standard_normal((hidden, 4 * hidden)),
        "bias": RNG.standard_normal(4 * hidden),
        "grad": RNG.standard_normal((batch, length, hidden)),
    }
    given = [name for name in inputs if name != "grad"]

    def run(a: Arrays) -> Arrays:
        states, back = lstm_vjp(*(a[name] for name in given))
        grad_x, grads = back([a["grad"][:, t, :] for t in range(length)], True, True)
        return {"y": states, "grad_x": grad_x} | {f"grad_{name}": value for name, value in grads.items()}

    def states(x: np.ndarray, w: np.ndarray, u: np.ndarray, bias: np.ndarray) -> np.ndarray:
        return _lstm_states(np.moveaxis(x @ w + bias, 0, 1), u).swapaxes(0, 1)

    def by_torch(a: Arrays) -> Arrays:
        import torch

        leaves = {name: torch.tensor(a[name], requires_grad=True) for name in given}
        x, w, u, bias = leaves.values()
        layer = torch.nn.LSTM(features, hidden, batch_first=True, dtype=torch.float64)
        own = {
            "weight_ih_l0": w.T,
            "weight_hh_l0": u.T,
            "bias_ih_l0": bias,
            "bias_hh_l0": torch.zeros_like(bias),
        }
        y, _ = torch.func.functional_call(layer, own, (x,))
        y.backward(torch.tensor(a["grad"]))
        return {"y": y.detach()} | {f"grad_{name}": leaf.grad for name, leaf in leaves.items()}

    return OperationCase(inputs, run, lambda a: _slopes(states, a, given), by_torch)


def _lstm_states(z: np.ndarray, w: np.ndarray) -> np.ndarray:
    """States step by step."""
    (length, batch, _), hidden = z.shape, w.shape[0]
    h, c, found = np.zeros((batch, hidden)), np.zeros((batch, hidden)), []
    for t in range(length):
        i, f, g, o = np.split(z[t] + h @ w, 4, axis=1)
        c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
        h = np.tanh(c) / (1 + np.exp(-o))
        found.append(h)
    return np.stack(found)


def _lstm_loop(a: Arrays) -> Arrays:
    return _slopes(_lstm_states, a, ["z", "weights"])


def _slopes(states: Callable[..., np.ndarray], a: Arrays, names: list[str]) -> Arrays:
    """States, and gradients along each coordinate: the imaginary part after a step i h is exact to h^2."""
    given, step = {name: a[name].astype(np.float64) for name in names}, 1e-30
    found = {"y": states(*given.values())}
    for name, array in given.items():
        slope = np.zeros_like(array)
        for at in np.ndindex(*array.shape):
            moved = array.astype(np.complex128)
            moved[at] += 1j * step
            both = given | {name: moved}
            slope[at] = np.sum(states(*both.values()).imag * a["grad"]) / step
        found[f"grad_{name}"] = slope
    return found


def attention() -> OperationCase:
    """Every query to every key, and the three gradients."""

    def run(a: Arrays) -> Arrays:
        y, _, pullback = plain_attention_vjp(a["query"], a["key"], a["value"])
        return {"y": y} | named(pullback(a["grad"]), "grad_query", "grad_key", "grad_value")

    def loop(a: Arrays) -> Arrays:
        found = {name: np.zeros_like(a[name.removeprefix("grad_")]) for name in _ATTENTION_GRADS}
        found["y"] = np.zeros_like(a["grad"])
        for n, h, i in np.ndindex(*a["query"].shape[:3]):
            q, k, v, g = a["query"][n, h, i], a["key"][n, h], a["value"][n, h], a["grad"][n, h, i]
            powers = np.exp(k @ q)
            weights = powers / powers.sum()
            found["y"][n, h, i] = weights @ v
            slopes = (np.diag(weights) - np.outer(weights, weights)) @ (v @ g)
            found["grad_query"][n, h, i] = slopes @ k
            found["grad_key"][n, h] += np.outer(slopes, q)
            found["grad_value"][n, h] += np.outer(weights, g)
        return found

    def by_torch(a: Arrays) -> Arrays:
        import torch

        leaves = [torch.tensor(a[name], requires_grad=True) for name in ("query", "key", "value")]
        y = torch.nn.functional.scaled_dot_product_attention(*leaves, scale=1.0)
        y.backward(torch.tensor(a["grad"]))
        return {"y": y.detach()} | named(tuple(leaf.grad for leaf in leaves), *_ATTENTION_GRADS)

    sizes = {"query": 4, "key": 4, "value": 5, "grad": 5}
    inputs = {name: RNG.standard_normal((2, 3, 7, size)) for name, size in sizes.items()}
    return OperationCase(inputs, run, loop, by_torch)
