"""Formulas of attention and the layers around it as plain loops over queries and keys."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from genoml import nn

Arrays = Mapping[str, np.ndarray]


def loop_sinusoids(length: int, features: int) -> np.ndarray:
    """Sines and cosines of each position, one number after another."""
    table = np.zeros((length, features))
    even = features + features % 2
    for p in range(length):
        for f in range(features):
            angle = p / 10000.0 ** ((f - f % 2) / even)
            table[p, f] = math.cos(angle) if f % 2 else math.sin(angle)
    return table


def loop_rotate(vector: np.ndarray, position: int) -> np.ndarray:
    """Each pair of features as a complex number, rotated."""
    pairs = vector[0::2] + 1j * vector[1::2]
    size = len(vector)
    rotated = pairs * np.exp([1j * position * 10000.0 ** (-2 * i / size) for i in range(size // 2)])
    return np.stack([rotated.real, rotated.imag], axis=1).ravel()


def loop_bases(distance: int, reach: int, bases: int) -> np.ndarray:
    """The basis functions of one distance, by their definitions."""
    away, found = abs(distance), []
    for i in range(bases):
        half_life = 2.0 ** np.linspace(math.log2(3.0), math.log2(reach), bases)[i]
        found.append(0.5 ** (away / half_life))
    found += [1.0 if away < 2**b - 1 else 0.0 for b in range(1, bases + 1)]
    for mean in np.linspace(reach / bases, reach, bases):
        deviation = reach / (2 * bases)
        shape, rate = (mean / deviation) ** 2, mean / deviation**2

        def density(x: float, shape: float = shape, rate: float = rate) -> float:
            if x == 0.0:
                return 0.0
            return math.exp(
                shape * math.log(rate) - math.lgamma(shape) + (shape - 1) * math.log(x) - rate * x
            )

        found.append(density(away) / density((shape - 1) / rate))
    sign = (distance > 0) - (distance < 0)
    return np.array(found + [sign * value for value in found])


def loop_score(
    layer: nn.SelfAttention, p: Arrays, q: np.ndarray, k: np.ndarray, h: int, i: int, j: int
) -> float:
    """One head's score of one query and one key."""
    size, reach = layer.key_size, layer.max_length
    q = q / math.sqrt(size)
    if layer.position == "rotary":
        return float(loop_rotate(q, i) @ loop_rotate(k, j))
    if layer.position == "relative":
        clipped = min(max(j - i, 1 - reach), reach - 1)
        return float(q @ k + p["relative_bias"][clipped + reach - 1, h])
    if layer.position == "relative_basis":
        projection = p["basis_weights"][:, h * size : (h + 1) * size]
        away = loop_bases(j - i, reach, layer.bases) @ projection
        return float((q + p["content_bias"][h]) @ k + (q + p["position_bias"][h]) @ away)
    return float(q @ k)


def loop_attention(
    layer: nn.SelfAttention, p: Arrays, x: np.ndarray, real: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Output and weights of SelfAttention."""
    n, length, features = x.shape
    if layer.position == "sinusoidal":
        x = x + loop_sinusoids(length, features)
    q, k, v = (x @ p[f"{name}_weights"] + p.get(f"{name}_bias", 0.0) for name in ("query", "key", "value"))
    weights = np.zeros((n, layer.heads, length, length))
    context = np.zeros((n, length, layer.heads * layer.value_size))
    for b, h, i in np.ndindex(n, layer.heads, length):
        keys, values = (slice(h * size, (h + 1) * size) for size in (layer.key_size, layer.value_size))
        seen = [j for j in range(length) if (j <= i or not layer.causal) and (real is None or real[b, j])]
        powers = {j: math.exp(loop_score(layer, p, q[b, i, keys], k[b, j, keys], h, i, j)) for j in seen}
        for j in seen:
            weights[b, h, i, j] = powers[j] / sum(powers.values())
            context[b, i, values] += weights[b, h, i, j] * v[b, j, values]
    return context @ p["output_weights"] + p["output_bias"], weights


def loop_softmax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """The softmax of each row of an axis."""
    powers = np.exp(x)
    return np.asarray(powers / powers.sum(axis=axis, keepdims=True))


def loop_layer_norm(p: Arrays, x: np.ndarray) -> np.ndarray:
    """Each row by its own mean and variance."""
    y = np.empty_like(x)
    for at in np.ndindex(*x.shape[:-1]):
        row = x[at]
        y[at] = p["gamma"] * (row - row.mean()) / math.sqrt(row.var() + 1e-5) + p["beta"]
    return y


def loop_group_norm(p: Arrays, x: np.ndarray, groups: int) -> np.ndarray:
    """Each group of channels of each example by its own mean and variance."""
    y, size = np.empty_like(x), x.shape[1] // groups
    for n, g in np.ndindex(len(x), groups):
        part = slice(g * size, (g + 1) * size)
        normed = (x[n, part] - x[n, part].mean()) / math.sqrt(x[n, part].var() + 1e-5)
        y[n, part] = p["gamma"][part, None] * normed + p["beta"][part, None]
    return y


def loop_attention_pool(p: Arrays, x: np.ndarray, size: int) -> np.ndarray:
    """Each window's mean, weighted by its softmax."""
    count = x.shape[2] // size
    y = np.zeros((*x.shape[:2], count))
    for n, c, at in np.ndindex(*y.shape):
        window = x[n, :, at * size : (at + 1) * size]
        column = min(c, p["weights"].shape[1] - 1)
        y[n, c, at] = loop_softmax(p["weights"][:, column] @ window) @ window[c]
    return y


def below(p: Arrays, name: str) -> dict[str, np.ndarray]:
    """The arrays of one child."""
    return {key.removeprefix(f"{name}."): a for key, a in p.items() if key.startswith(f"{name}.")}


def loop_mlp(p: Arrays, x: np.ndarray) -> np.ndarray:
    """Two dense layers with GELU between them."""
    hidden = x @ p["hidden.weights"] + p["hidden.bias"]
    normal = np.vectorize(lambda z: 0.5 * (1.0 + math.erf(z / math.sqrt(2.0))), otypes=[float])
    return np.asarray((hidden * normal(hidden)) @ p["output.weights"] + p["output.bias"])


def loop_block(
    block: nn.TransformerBlock, p: Arrays, x: np.ndarray, real: np.ndarray | None = None
) -> np.ndarray:
    """The transformer block without dropout."""
    attention = block["attention"]
    assert isinstance(attention, nn.SelfAttention)
    normed = loop_layer_norm(below(p, "norm1"), x)
    x = x + loop_attention(attention, below(p, "attention"), normed, real)[0]
    return np.asarray(x + loop_mlp(below(p, "mlp"), loop_layer_norm(below(p, "norm2"), x)))
