"""Threefry in uint32, in place and block by block, so that a block stays in the core's cache."""

from __future__ import annotations

import numpy as np

from genoml.backend import Array
from genoml.ops.threefry import PARITY, ROTATIONS

_BLOCK = 1 << 15


def _rounds(key: tuple[int, int], x0: np.ndarray, x1: np.ndarray, spare: np.ndarray) -> None:
    """Replace the counters (x0, x1) by their Threefry-2x32-20 blocks."""
    words = [np.uint32(word & 0xFFFFFFFF) for word in (key[0], key[1], PARITY ^ key[0] ^ key[1])]
    x0 += words[0]
    x1 += words[1]
    for block in range(5):
        for rotation in ROTATIONS[block % 2]:
            x0 += x1
            np.right_shift(x1, np.uint32(32 - rotation), out=spare)
            np.left_shift(x1, np.uint32(rotation), out=x1)
            x1 |= spare
            x1 ^= x0
        x0 += words[(block + 1) % 3]
        x1 += np.uint32((int(words[(block + 2) % 3]) + block + 1) & 0xFFFFFFFF)


def random_uniform(like: Array, key: tuple[int, int], step: int, count: int, start: int = 0) -> Array:
    """See genoml.ops.threefry.random_uniform."""
    first_block = start // 2
    blocks = (start + count + 1) // 2 - first_block
    uniform = np.empty((blocks, 2), np.float32)
    counter = np.arange(min(_BLOCK, blocks), dtype=np.uint32)
    halves = np.empty((2, len(counter)), np.uint32)
    spare = np.empty_like(counter)
    for place in range(0, blocks, _BLOCK):
        size = min(_BLOCK, blocks - place)
        halves[0, :size] = step & 0xFFFFFFFF
        np.add(counter[:size], np.uint32((first_block + place) & 0xFFFFFFFF), out=halves[1, :size])
        _rounds(key, halves[0, :size], halves[1, :size], spare[:size])
        bits = halves[:, :size]
        bits >>= np.uint32(8)
        # 24 bits fit an int32, whose conversion to float is a vector instruction; that of uint32 is not
        values = uniform[place : place + size].T
        np.multiply(bits.view(np.int32), np.float32(2.0**-24), out=values, dtype=np.float32, casting="unsafe")
    return uniform.reshape(-1)[start % 2 : start % 2 + count]
