"""Test cases of the recurrent layers and the embedding, with their formulas as loops over numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from genoml import nn
from genoml.testing.cases import LayerCase

Arrays = Mapping[str, np.ndarray]


def logistic(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x))."""
    return np.asarray(1.0 / (1.0 + np.exp(-x)))


def loop_lstm(p: Arrays, x: np.ndarray, prefix: str = "") -> np.ndarray:
    """Each sequence, each step, each unit in turn."""
    w, u, b = (p[prefix + name] for name in ("weights_input", "weights_recurrent", "bias"))
    size = u.shape[0]
    y = np.zeros((*x.shape[:2], size))
    for n in range(x.shape[0]):
        h, c = np.zeros(size), np.zeros(size)
        for t in range(x.shape[1]):
            new_h, new_c = np.zeros(size), np.zeros(size)
            for j in range(size):
                i, f, g, o = (
                    x[n, t] @ w[:, k * size + j] + h @ u[:, k * size + j] + b[k * size + j] for k in range(4)
                )
                new_c[j] = logistic(f) * c[j] + logistic(i) * np.tanh(g)
                new_h[j] = logistic(o) * np.tanh(new_c[j])
            h, c = new_h, new_c
            y[n, t] = h
    return y


def loop_gru(p: Arrays, x: np.ndarray, prefix: str = "") -> np.ndarray:
    """Each sequence, each step, each unit in turn."""
    names = ("weights_input", "weights_recurrent", "bias", "bias_recurrent")
    w, v, b, b_recurrent = (p[prefix + name] for name in names)
    size = v.shape[0]
    y = np.zeros((*x.shape[:2], size))
    for n in range(x.shape[0]):
        h = np.zeros(size)
        for t in range(x.shape[1]):
            new = np.zeros(size)
            for j in range(size):
                from_x = [x[n, t] @ w[:, k * size + j] + b[k * size + j] for k in range(3)]
                from_h = [h @ v[:, k * size + j] for k in range(3)]
                r, u = logistic(from_x[0] + from_h[0]), logistic(from_x[1] + from_h[1])
                candidate = np.tanh(from_x[2] + r * (from_h[2] + b_recurrent[j]))
                new[j] = (1.0 - u) * candidate + u * h[j]
            h = new
            y[n, t] = h
    return y


def both_ways(loop: Callable[..., np.ndarray], p: Arrays, x: np.ndarray) -> np.ndarray:
    """The states of both directions, side by side."""
    forward, backward = loop(p, x, "forward."), loop(p, x[:, ::-1], "backward.")
    return np.concatenate([forward, backward[:, ::-1]], axis=2)


def last_both_ways(loop: Callable[..., np.ndarray], p: Arrays, x: np.ndarray) -> np.ndarray:
    """The last state of each direction, side by side."""
    return np.concatenate([loop(p, x, "forward.")[:, -1], loop(p, x[:, ::-1], "backward.")[:, -1]], axis=1)


EDGES = [(0, 6, 3), (1, 1, 3), (4, 2, 3)]


def errors(name: str) -> list[tuple[tuple[int, ...], str]]:
    """Inputs that a recurrent layer over 3 features refuses."""
    return [
        ((2, 6, 4), f"{name} expects (batch, length >= 1, 3), got (2, 6, 4)"),
        ((2, 0, 3), "got (2, 0, 3)"),
        ((2, 3), "got (2, 3)"),
    ]


LAYERS: dict[str, LayerCase] = {
    "LSTM": LayerCase(
        lambda: nn.LSTM(3, 4), (2, 6, 3), edges=EDGES, errors=errors("LSTM"), reference=loop_lstm
    ),
    "LSTM last state": LayerCase(
        lambda: nn.LSTM(3, 2, return_sequences=False),
        (3, 5, 3),
        edges=EDGES,
        reference=lambda p, x: loop_lstm(p, x)[:, -1],
        errors=errors("LSTM"),
    ),
    "GRU": LayerCase(lambda: nn.GRU(3, 4), (2, 6, 3), edges=EDGES, errors=errors("GRU"), reference=loop_gru),
    "GRU last state": LayerCase(
        lambda: nn.GRU(3, 2, return_sequences=False),
        (3, 5, 3),
        edges=EDGES,
        reference=lambda p, x: loop_gru(p, x)[:, -1],
        errors=errors("GRU"),
    ),
    "Bidirectional LSTM": LayerCase(
        lambda: nn.Bidirectional(nn.LSTM(3, 2)),
        (2, 5, 3),
        edges=EDGES,
        errors=[
            ((2, 3), "Bidirectional expects (batch, length >= 1, 3), got (2, 3)"),
            ((2, 6, 4), "LSTM expects"),
        ],
        reference=lambda p, x: both_ways(loop_lstm, p, x),
    ),
    "Bidirectional GRU last state": LayerCase(
        lambda: nn.Bidirectional(nn.GRU(3, 2, return_sequences=False)),
        (2, 5, 3),
        edges=EDGES,
        reference=lambda p, x: last_both_ways(loop_gru, p, x),
        errors=[
            ((2, 5, 4), "GRU expects (batch, length >= 1, 3), got (2, 5, 4)"),
            ((2, 3), "Bidirectional expects"),
        ],
    ),
    "Embedding": LayerCase(
        lambda: nn.Embedding(7, 3),
        (3, 5),
        edges=[(0, 5), (1, 1), (4,), (2, 3, 2)],
        reference=lambda p, x: np.stack([[p["weights"][token] for token in row] for row in x]),
        sample=lambda rng, shape: rng.integers(0, 7, shape),
        integer=True,
    ),
    "Embedding and GRU": LayerCase(
        lambda: nn.Sequential([nn.Embedding(17, 3), nn.GRU(3, 2, return_sequences=False), nn.Dense(2, 1)]),
        (3, 5),
        edges=[(0, 5), (1, 1)],
        sample=lambda rng, shape: rng.integers(0, 17, shape),
        integer=True,
        errors=[((3, 0), "GRU expects (batch, length >= 1, 3), got (3, 0, 3)")],
    ),
}
