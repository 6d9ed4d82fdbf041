"""Operations of a training step: statistics of a batch, steps of a GRU, Adam's updates, padding, squared errors."""

from __future__ import annotations

from operator import add
from typing import Any

import numpy as np

from genoml.ops.adam import adam_update_all
from genoml.ops.arrays import in_memory_order, pad_axis
from genoml.ops.normalise import batch_statistics, statistics_gradient
from genoml.ops.recurrent import gru_scan
from genoml.ops.special import squared_error
from genoml.ops.updates import update_all
from proof.operation_case import Arrays, OperationCase, named

RNG = np.random.default_rng(13)
_MOMENTUM, _EPS = 0.1, 1e-3


def _batch() -> dict[str, np.ndarray]:
    inputs = {name: 2.0 + RNG.standard_normal((3, 11, 5)) for name in ("x", "grad")}
    inputs |= {name: RNG.standard_normal(5) for name in ("gamma", "running_mean", "shift")}
    return inputs | {"running_var": RNG.uniform(0.5, 2.0, 5)}


def statistics_case() -> OperationCase:
    """Mean, scale and the running statistics of x + shift."""

    def run(a: Arrays) -> Arrays:
        running = a["running_mean"], a["running_var"]
        found = batch_statistics(a["x"], *running, _MOMENTUM, _EPS, 33, shift=a["shift"])
        return named(found, "y", "scale", "running_mean", "running_var")

    def loop(a: Arrays) -> Arrays:
        found: list[tuple[float, ...]] = []
        for c in range(5):
            values = [float(value) for value in a["x"][:, :, c].reshape(-1)]
            mean = sum(values) / 33
            squares = sum((value - mean) ** 2 for value in values)
            running = 0.9 * a["running_mean"][c] + 0.1 * (mean + a["shift"][c])
            found.append(
                (mean, (squares / 33 + _EPS) ** -0.5, running, 0.9 * a["running_var"][c] + 0.1 * squares / 32)
            )
        return named(tuple(np.array(found).T), "y", "scale", "running_mean", "running_var")

    def by_torch(a: Arrays) -> Arrays:
        import torch

        x = torch.tensor(a["x"] + a["shift"]).permute(0, 2, 1)
        mean, var = torch.tensor(a["running_mean"]), torch.tensor(a["running_var"])
        torch.nn.functional.batch_norm(x, mean, var, training=True, momentum=_MOMENTUM, eps=_EPS)
        own = torch.tensor(a["x"])
        scale = torch.rsqrt(own.var(dim=(0, 1), unbiased=False) + _EPS)
        return {"y": own.mean(dim=(0, 1)), "scale": scale, "running_mean": mean, "running_var": var}

    return OperationCase(_batch(), run, loop, by_torch)


def statistics_gradient_case() -> OperationCase:
    """What batch normalisation's gradient needs, put together to the gradient of x and of gamma."""

    def parts(a: Any) -> tuple[Any, ...]:
        mean = a["x"].mean(axis=(0, 1))
        scale = (a["x"].var(axis=(0, 1)) + _EPS) ** -0.5
        return a["x"] - mean, scale, a["gamma"] * scale

    inputs = _batch()
    centred, scale, factor = parts(inputs)
    inputs |= {"centred": centred, "scale": scale, "factor": factor}
    inputs |= {
        "sum_g": inputs["grad"].sum(axis=(0, 1)),
        "sum_gc": (inputs["grad"] * centred).sum(axis=(0, 1)),
    }

    def run(a: Arrays) -> Arrays:
        gamma, slope, constant = statistics_gradient(a["sum_g"], a["sum_gc"], a["scale"], a["factor"], 33)
        return {"y": gamma, "grad_x": a["factor"] * a["grad"] - slope * a["centred"] - constant}

    def loop(a: Arrays) -> Arrays:
        gamma, grad_x = np.zeros(5), np.zeros_like(a["x"])
        for c in range(5):
            normed = (a["centred"][:, :, c] * a["scale"][c]).reshape(-1)
            grad = a["grad"][:, :, c].reshape(-1)
            jacobian = a["factor"][c] * (np.eye(33) - 1 / 33 - np.outer(normed, normed) / 33)
            gamma[c], grad_x[:, :, c] = grad @ normed, (jacobian @ grad).reshape(3, 11)
        return {"y": gamma, "grad_x": grad_x}

    def by_torch(a: Arrays) -> Arrays:
        import torch

        x, gamma = (torch.tensor(a[name], requires_grad=True) for name in ("x", "gamma"))
        options = {"weight": gamma, "training": True, "eps": _EPS}
        y = torch.nn.functional.batch_norm(x.permute(0, 2, 1), None, None, **options)
        y.backward(torch.tensor(a["grad"]).permute(0, 2, 1))
        return {"y": gamma.grad, "grad_x": x.grad}

    return OperationCase(inputs, run, loop, by_torch)


def gru_case(length: int = 5, batch: int = 3, hidden: int = 4) -> OperationCase:
    """The states of a GRU, and the gradients of its gates, weights and bias."""
    inputs = {
        "z": RNG.standard_normal((length, batch, 3 * hidden)),
        "weights": RNG.standard_normal((hidden, 3 * hidden)),
        "bias": RNG.standard_normal(hidden),
        "grad": RNG.standard_normal((length, batch, hidden)),
    }

    def run(a: Arrays) -> Arrays:
        states, back = gru_scan(a["z"], a["weights"], a["bias"])
        grad_z, grads = back([a["grad"][t, :, :] for t in range(length)])
        return {
            "y": states,
            "grad_z": grad_z,
            "grad_weights": grads["weights_recurrent"],
            "grad_bias": grads["bias_recurrent"],
        }

    def states(z: np.ndarray, w: np.ndarray, bias: np.ndarray) -> np.ndarray:
        h, found = np.zeros((batch, hidden)), []
        for t in range(length):
            (r, u, n), (by_r, by_u, q) = np.split(z[t], 3, axis=1), np.split(h @ w, 3, axis=1)
            r, u = 1 / (1 + np.exp(-r - by_r)), 1 / (1 + np.exp(-u - by_u))
            h = (1 - u) * np.tanh(n + r * (q + bias)) + u * h
            found.append(h)
        return np.stack(found)

    def loop(a: Arrays) -> Arrays:
        """Gradients along each coordinate: the imaginary part after a step i h is exact to h^2."""
        given, step = {name: a[name].astype(np.float64) for name in ("z", "weights", "bias")}, 1e-30
        found = {"y": states(*given.values())}
        for name, array in given.items():
            slope = np.zeros_like(array)
            for at in np.ndindex(*array.shape):
                moved = array.astype(np.complex128)
                moved[at] += 1j * step
                slope[at] = np.sum(states(*(given | {name: moved}).values()).imag * a["grad"]) / step
            found[f"grad_{name}"] = slope
        return found

    def by_torch(a: Arrays) -> Arrays:
        import torch

        z, w, bias = (torch.tensor(a[name], requires_grad=True) for name in ("z", "weights", "bias"))
        h, found = torch.zeros(batch, hidden, dtype=torch.float64), []
        for t in range(length):
            (r, u, n), (by_r, by_u, q) = z[t].chunk(3, dim=1), (h @ w).chunk(3, dim=1)
            r, u = torch.sigmoid(r + by_r), torch.sigmoid(u + by_u)
            h = (1 - u) * torch.tanh(n + r * (q + bias)) + u * h
            found.append(h)
        y = torch.stack(found)
        y.backward(torch.tensor(a["grad"]))
        return {"y": y.detach(), "grad_z": z.grad, "grad_weights": w.grad, "grad_bias": bias.grad}

    return OperationCase(inputs, run, loop, by_torch)


def adams_case() -> OperationCase:
    """Two parameters at once, one of them with decay."""
    rates = {"beta1": 0.9, "beta2": 0.99, "rate": 0.02, "correction": 0.3, "eps": 1e-6}
    names = ("param", "grad", "mean", "square")

    def run(a: Arrays) -> Arrays:
        both = ([a[name], a[name][0, :]] for name in names)
        (first, *_), (_, mean, square) = adam_update_all(*both, [0.01, 0.0], decoupled=True, **rates)
        return {"y": first, "mean": mean, "square": square}

    def loop(a: Arrays) -> Arrays:
        y = np.zeros_like(a["param"])
        for at in np.ndindex(*y.shape):
            m = 0.9 * a["mean"][at] + 0.1 * a["grad"][at]
            v = 0.99 * a["square"][at] + 0.01 * a["grad"][at] ** 2
            y[at] = 0.99 * a["param"][at] - 0.02 * m / (v**0.5 / 0.3 + 1e-6)
        mean = np.array([0.9 * m + 0.1 * g for m, g in zip(a["mean"][0], a["grad"][0], strict=True)])
        square = np.array(
            [0.99 * v + 0.01 * g * g for v, g in zip(a["square"][0], a["grad"][0], strict=True)]
        )
        return {"y": y, "mean": mean, "square": square}

    arrays = {name: RNG.standard_normal((6, 5)) for name in names}
    return OperationCase(arrays | {"square": arrays["square"] ** 2}, run, loop)


def updates_case() -> OperationCase:
    """RMSprop, centred and with momentum, of two parameters, one with decay; Optimisers have the other rules."""
    numbers = {"rate": 0.02, "rho": 0.9, "eps": 1e-3, "momentum": 0.5, "centred": True}
    kept = ("square", "mean", "velocity")

    def run(a: Arrays) -> Arrays:
        params, grads, *slots = ([a[name], a[name][0, :]] for name in ("param", "grad", *kept))
        (first, *_), (_, *others) = update_all(params, grads, slots, [0.1, 0.0], rule="rmsprop", **numbers)
        return {"y": first} | dict(zip(kept, others, strict=True))

    def step(p: float, g: float, s: float, m: float, v: float) -> tuple[float, ...]:
        s, m = 0.9 * s + 0.1 * g * g, 0.9 * m + 0.1 * g
        v = 0.5 * v + g / ((s - m * m) ** 0.5 + 1e-3)
        return p - 0.02 * v, s, m, v

    def loop(a: Arrays) -> Arrays:
        given = [a[name] for name in ("param", "grad", *kept)]
        y = np.zeros_like(a["param"])
        for at in np.ndindex(*y.shape):
            p, g, *own = (array[at] for array in given)
            y[at] = step(p, g + 0.1 * p, *own)[0]
        rows = np.array([step(*own)[1:] for own in zip(*(array[0] for array in given), strict=True)])
        return {"y": y} | {name: rows[:, at] for at, name in enumerate(kept)}

    arrays = {name: RNG.standard_normal((6, 5)) for name in ("param", "grad", *kept)}
    return OperationCase(arrays | {"square": 1.0 + arrays["mean"] ** 2}, run, loop)


def padding_case() -> OperationCase:
    """A number before and after each sequence."""

    def loop(a: Arrays) -> Arrays:
        return {"y": np.array([[[1.5] * 3] * 2 + list(rows) + [[1.5] * 3] for rows in a["x"]])}

    def by_torch(a: Arrays) -> Arrays:
        import torch

        return {"y": torch.nn.functional.pad(torch.tensor(a["x"]), (0, 0, 2, 1), value=1.5)}

    return OperationCase(
        {"x": RNG.standard_normal((2, 4, 3))}, lambda a: {"y": pad_axis(a["x"], 2, 1, 1.5)}, loop, by_torch
    )


def sum_of_branches_case() -> OperationCase:
    """Two arrays added."""
    inputs = {name: RNG.standard_normal((2, 3, 4)) for name in ("x", "other")}

    def loop(a: Arrays) -> Arrays:
        pairs = zip(a["x"].reshape(-1), a["other"].reshape(-1), strict=True)
        return {"y": np.array([one + two for one, two in pairs]).reshape(2, 3, 4)}

    return OperationCase(inputs, lambda a: {"y": in_memory_order(a["x"], a["other"], add)}, loop)


def squared_error_case() -> OperationCase:
    """Squares, and their slopes over a number."""

    def loop(a: Arrays) -> Arrays:
        errors = [y - t for y, t in zip(a["y"], a["t"], strict=True)]
        return {"y": np.array([e * e for e in errors]), "slope": np.array([2 * e / 9 for e in errors])}

    def by_torch(a: Arrays) -> Arrays:
        import torch

        y, t = torch.tensor(a["y"], requires_grad=True), torch.tensor(a["t"])
        torch.nn.functional.mse_loss(y, t).backward()
        return {"y": torch.nn.functional.mse_loss(y, t, reduction="none").detach(), "slope": y.grad}

    inputs = {name: RNG.standard_normal(9) for name in ("y", "t")}
    return OperationCase(
        inputs, lambda a: named(squared_error(a["y"], a["t"], 9.0), "y", "slope"), loop, by_torch
    )


def training_cases() -> dict[str, OperationCase]:
    """Each by its name."""
    return {
        "batch_statistics": statistics_case(),
        "statistics_gradient": statistics_gradient_case(),
        "gru_scan": gru_case(),
        "adam_update_all": adams_case(),
        "update_all": updates_case(),
        "pad_axis": padding_case(),
        "in_memory_order": sum_of_branches_case(),
        "squared_error": squared_error_case(),
    }
