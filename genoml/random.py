"""Random numbers on the host: initial weights, data order, splits.

Every draw comes from NumPy's Philox, a counter-based generator, keyed by a seed and a path of words, so that
the same seed gives the same numbers on every backend and in whatever order the draws are asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
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


def normal(shape: tuple[int, ...], scale: float) -> Initializer:
    """Normal with mean 0 and this standard deviation."""
    return lambda rng: rng.standard_normal(shape) * scale


def he_normal(shape: tuple[int, ...], fan_in: int) -> Initializer:
    """Normal with variance 2 / fan_in, which keeps the variance of activations through ReLU layers.

    References
    ----------
    He et al. (2015), Delving deep into rectifiers, doi:10.1109/ICCV.2015.123, eq. 10.
    """
    return normal(shape, (2.0 / fan_in) ** 0.5)


def glorot_normal(shape: tuple[int, ...], fan_in: int, fan_out: int) -> Initializer:
    """Normal with variance 2 / (fan_in + fan_out), for layers without a rectifier behind them.

    References
    ----------
    Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward neural networks, eq. 12.
    """
    return normal(shape, (2.0 / (fan_in + fan_out)) ** 0.5)


def constant(shape: tuple[int, ...], value: float) -> Initializer:
    """The same number everywhere."""
    return lambda rng: np.full(shape, value, dtype=np.float64)


def identity(size: int, scale: float = 1.0) -> Initializer:
    """``scale`` on the diagonal of a square matrix, 0 elsewhere."""
    return lambda rng: scale * np.eye(size)
