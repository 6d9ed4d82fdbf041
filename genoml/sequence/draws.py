"""Random choices for shuffles: from one generator for all rows, or from a key for each row."""

from __future__ import annotations

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def mixed(words: np.ndarray) -> np.ndarray:
    """Mix 64-bit words: the output function of SplitMix64, a bijection.

    References
    ----------
    Steele, Lea and Flood (2014), Fast splittable pseudorandom number generators, doi:10.1145/2660193.2660195.
    """
    words = (words ^ (words >> np.uint64(30))) * _FIRST
    words = (words ^ (words >> np.uint64(27))) * _SECOND
    result: np.ndarray = words ^ (words >> np.uint64(31))
    return result


def row_keys(key: int, *numbers: np.ndarray) -> np.ndarray:
    """A 64-bit key for each row, from one key for all and the whole numbers that identify the row."""
    shape = np.broadcast_shapes((1,), *(part.shape for part in numbers))
    keys = np.full(shape, key % 2**64, dtype=np.uint64)
    for part in numbers:
        # arrays of one dimension or more wrap around without a warning
        keys = mixed(keys + (np.broadcast_to(part, shape).astype(np.uint64) + np.uint64(1)) * _GOLDEN)
    return keys


class SharedDraws:
    """Draws from one generator; the draws of a row depend on the rows before it."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def orders(self, batch: int, count: int) -> np.ndarray:
        """A random order of ``count`` items for each row."""
        return self.rng.permuted(np.broadcast_to(np.arange(count), (batch, count)), axis=1)

    def choices(self, rows: np.ndarray, places: np.ndarray, below: np.ndarray) -> np.ndarray:
        """A whole number from 0 to ``below`` - 1 for each place of a row."""
        return self.rng.integers(0, below)


class KeyedDraws:
    """Draws that depend only on the key of their row.

    Word number t of a row is ``mixed(key + t golden)``, SplitMix64's sequence. Orders use the words from 0 on; each
    later round of choices uses those from 2^32 times its number on.
    """

    def __init__(self, keys: np.ndarray) -> None:
        self.keys = keys
        self._round = 0

    def orders(self, batch: int, count: int) -> np.ndarray:
        """As :meth:`SharedDraws.orders`: the order that sorts ``count`` random words."""
        return np.argsort(
            mixed(self.keys[:batch, None] + np.arange(count, dtype=np.uint64) * _GOLDEN), axis=1
        )

    def choices(self, rows: np.ndarray, places: np.ndarray, below: np.ndarray) -> np.ndarray:
        """As :meth:`SharedDraws.choices`."""
        self._round += 1
        counter = places.astype(np.uint64) + np.uint64(self._round << 32)
        words = mixed(self.keys[rows] + counter * _GOLDEN)
        chosen: np.ndarray = ((words >> np.uint64(11)) * 2.0**-53 * below).astype(np.int64)
        return chosen
