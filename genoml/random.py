"""Random numbers on the host: initial weights, data order, splits.

Every draw comes from NumPy's Philox, a counter-based generator, keyed by a seed and a path of words, so that
the same seed gives the same numbers on every backend and in whatever order the draws are asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

#: Draws one host array: the initial value of a parameter.
Initializer: TypeAlias = Callable[[np.random.Generator], np.ndarray]


def derive_key(seed: int, *path: str | int) -> tuple[int, int]:
    """Two 64-bit words that stand for (seed, path); distinct paths give independent streams."""
    text = "/".join([str(int(seed)), *map(str, path)])
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")


def host_generator(seed: int, *path: str | int) -> np.random.Generator:
    """NumPy's Philox generator keyed by (seed, path).

    References
    ----------
    Salmon et al. (2011), Parallel random numbers: as easy as 1, 2, 3, doi:10.1145/2063384.2063405.
    """
    low, high = derive_key(seed, *path)
    return np.random.Generator(np.random.Philox(key=np.array([low, high], dtype=np.uint64)))


@dataclass(frozen=True)
class Drawn:
    """An Initializer that tells its array's shape before it draws it."""

    shape: tuple[int, ...]
    draw: Initializer

    def __call__(self, rng: np.random.Generator) -> np.ndarray:
        return self.draw(rng)


def normal(shape: tuple[int, ...], scale: float) -> Drawn:
    """Normal with mean 0 and this standard deviation."""
    return Drawn(shape, lambda rng: rng.standard_normal(shape) * scale)


def he_normal(shape: tuple[int, ...], fan_in: int) -> Drawn:
    """Normal with variance 2 / fan_in, which keeps the variance of activations through ReLU layers.

    References
    ----------
    He et al. (2015), Delving deep into rectifiers, doi:10.1109/ICCV.2015.123, eq. 10.
    """
    return normal(shape, (2.0 / fan_in) ** 0.5)


def glorot_normal(shape: tuple[int, ...], fan_in: int, fan_out: int) -> Drawn:
    """Normal with variance 2 / (fan_in + fan_out), for layers without a rectifier behind them.

    References
    ----------
    Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward neural networks, eq. 12.
    """
    return normal(shape, (2.0 / (fan_in + fan_out)) ** 0.5)


def constant(shape: tuple[int, ...], value: float) -> Drawn:
    """The same number everywhere."""
    return Drawn(shape, lambda rng: np.full(shape, value, dtype=np.float64))


def identity(size: int, scale: float = 1.0) -> Drawn:
    """``scale`` on the diagonal of a square matrix, 0 elsewhere."""
    return Drawn((size, size), lambda rng: scale * np.eye(size))
