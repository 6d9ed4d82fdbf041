"""Random numbers by counter (Threefry), made on the device and the same on every backend.

Threefry-2x32 with 20 rounds, in int32, whose arithmetic wraps around on every library; some lack shifts of uint32.
A logical right shift is an arithmetic one with a mask.

References
----------
Salmon et al. (2011), Parallel random numbers: as easy as 1, 2, 3, doi:10.1145/2063384.2063405.
"""

from __future__ import annotations

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array
from genoml.ops.dispatch import operation

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA


def signed_word(word: int) -> int:
    """The int32 with the same bits as the low 32 bits of ``word``."""
    word &= 0xFFFFFFFF
    return word - (1 << 32) if word >> 31 else word


def threefry2x32(key: tuple[int, int], x0: Array, x1: Array) -> tuple[Array, Array]:
    """The random block (two int32 arrays) of each counter (x0, x1), also int32 arrays, under ``key``."""
    words = (key[0], key[1], PARITY ^ key[0] ^ key[1])
    x0, x1 = x0 + signed_word(words[0]), x1 + signed_word(words[1])
    for block in range(5):
        for turn in ROTATIONS[block % 2]:
            x0 = x0 + x1
            x1 = ((x1 << turn) | ((x1 >> (32 - turn)) & ((1 << turn) - 1))) ^ x0
        x0 = x0 + signed_word(words[(block + 1) % 3])
        x1 = x1 + signed_word(words[(block + 2) % 3] + block + 1)
    return x0, x1


@operation
def random_uniform(like: Array, key: tuple[int, int], step: int, count: int, start: int = 0) -> Array:
    """``count`` uniform float32 numbers in [0, 1), each from 24 random bits, on ``like``'s device.

    The pair (key, step) defines a stream: the two halves of block (step, 0), then of block (step, 1), and so on. The
    result is its numbers ``start``, ``start + 1``, ..., so parts of a batch can be drawn separately.
    """
    xp, device = array_namespace(like), device_of(like)
    first_block = start // 2
    blocks = (start + count + 1) // 2 - first_block
    counter = xp.arange(blocks, dtype=xp.int32, device=device) + first_block
    high = xp.zeros(blocks, dtype=xp.int32, device=device) + signed_word(step)
    first, second = threefry2x32(key, high, counter)
    bits = xp.reshape(xp.stack([first, second], axis=1), (2 * blocks,))[start % 2 : start % 2 + count]
    return xp.astype((bits >> 8) & 0xFFFFFF, xp.float32) * 2.0**-24
