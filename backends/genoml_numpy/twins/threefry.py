"""Threefry in uint32, in place and block by block, so that the whole of a block stays in the core's cache."""

from __future__ import annotations

import numpy as np

from genoml.backend import Array
from genoml.ops.threefry import PARITY, ROTATIONS

_BLOCK = 1 << 15


def _rounds(key: tuple[int, int], x0: np.ndarray, x1: np.ndarray, spare: np.ndarray) -> None:
    """Replace the counters in (x0, x1) by their Threefry-2x32-20 blocks."""
    words = [np.uint32(word & 0xFFFFFFFF) for word in (key[0], key[1], PARITY ^ key[0] ^ key[1])]
    x0 += words[0]
    x1 += words[1]
    for block in range(5):
        for turn in ROTATIONS[block % 2]:
            x0 += x1
            np.right_shift(x1, np.uint32(32 - turn), out=spare)
            np.left_shift(x1, np.uint32(turn), out=x1)
            x1 |= spare
            x1 ^= x0
        x0 += words[(block + 1) % 3]
        x1 += np.uint32((int(words[(block + 2) % 3]) + block + 1) & 0xFFFFFFFF)


def random_uniform(like: Array, key: tuple[int, int], step: int, count: int) -> Array:
    """See genoml.ops.threefry.random_uniform."""
    half = (count + 1) // 2
    uniform = np.empty(2 * half, np.float32)
    counter = np.arange(min(_BLOCK, half), dtype=np.uint32)
    first, second, spare = (np.empty_like(counter) for _ in range(3))
    for start in range(0, half, _BLOCK):
        size = min(_BLOCK, half - start)
        first[:size] = step & 0xFFFFFFFF
        np.add(counter[:size], np.uint32(start), out=second[:size])
        _rounds(key, first[:size], second[:size], spare[:size])
        for bits, place in ((first[:size], start), (second[:size], half + start)):
            bits >>= np.uint32(8)
            # 24 bits fit an int32, whose conversion to float is a vector instruction and that of uint32 is not
            values = uniform[place : place + size]
            np.multiply(
                bits.view(np.int32), np.float32(2.0**-24), out=values, dtype=np.float32, casting="unsafe"
            )
    return uniform[:count]
