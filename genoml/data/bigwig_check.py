"""Check that a bigWig file is whole, before pybigtools opens it: a wrong size in the file ends the process there.

The check reads the header, the chromosome names and the index, which gives the place of each block of values.

References
----------
Kent et al. (2010), BigWig and BigBed, doi:10.1093/bioinformatics/btq351, supplement.
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

import numpy as np

from genoml.io.errors import FormatError

#: The remedy for a file that is refused.
AGAIN = "expects a bigWig file: copy or download it again"

_MAGIC = 0x888FFC26
_NAMES_MAGIC = 0x78CA8C91
_INDEX_MAGIC = 0x2468ACE0
_HEADER = "IHHQQQHHQQIQ"
_NAMES = "IIIIQQ"
_INDEX = "IIQIIIIQII"
_LONGEST_NAME = 1 << 10
_LARGEST_BLOCK = 1 << 28


def check_bigwig(path: str) -> None:
    """Raise unless this is a bigWig file, not cut, with sizes and offsets inside the file.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no such file.
    FormatError
        If it is none, or damaged.
    """
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path}: this is a directory; expects a bigWig file")
    if not os.path.exists(path):
        raise FileNotFoundError(f"{path}: no such file; check the path")
    size = os.path.getsize(path)
    with open(path, "rb") as stream:
        order = {_MAGIC.to_bytes(4, "little"): "<", _MAGIC.to_bytes(4, "big"): ">"}.get(stream.read(4))
        if order is None:
            raise FormatError("this is no bigWig file", path=path, fix=AGAIN)
        try:
            sound = _is_sound(stream, size, order)
        except struct.error:  # the file ends within a part
            sound = False
    if not sound:
        raise FormatError("the bigWig file is cut or damaged", path=path, fix=AGAIN)


def _is_sound(stream: BinaryIO, size: int, order: str) -> bool:
    header = _read(stream, order + _HEADER, 0)
    names_at, data_at, index_at = header[3:6]
    block_size = header[10]
    end = _read(stream, order + "I", size - 4)  # a file ends with the magic number too
    if end[0] != _MAGIC or max(names_at, data_at, index_at) >= size or block_size > _LARGEST_BLOCK:
        return False
    magic, _, key_size, value_size, count, _ = _read(stream, order + _NAMES, names_at)
    if magic != _NAMES_MAGIC or value_size != 8 or not 0 < key_size <= _LONGEST_NAME:
        return False
    index = _read(stream, order + _INDEX, index_at)
    if index[0] != _INDEX_MAGIC or count * (key_size + 8) > size or index[2] * 32 > size:
        return False
    return _blocks_are_inside(stream, size, order, index_at + struct.calcsize(order + _INDEX), index[2])


def _read(stream: BinaryIO, form: str, at: int) -> tuple[int, ...]:
    stream.seek(max(0, at))
    return struct.unpack(form, stream.read(struct.calcsize(form)))


def _blocks_are_inside(stream: BinaryIO, size: int, order: str, root: int, count: int) -> bool:
    """Whether every node of the index, and every block of values it points to, lies inside the file."""
    places = [root]
    seen = 0
    while places:
        at = places.pop()
        is_leaf, _, items = _read(stream, order + "BBH", at)
        seen += max(1, items)
        if is_leaf > 1 or seen > 2 * count + 2:  # a tree has fewer nodes than leaves; more means a cycle
            return False
        words = np.frombuffer(stream.read(items * (32 if is_leaf else 24)), f"{order}u4")
        if len(words) != items * (8 if is_leaf else 6):
            return False
        pairs = words.reshape(items, 8 if is_leaf else 6)[:, 4:].copy().view(f"{order}u8")
        if (pairs > size).any() or (pairs.sum(axis=1) > size).any():
            return False
        if not is_leaf:
            places += pairs[:, 0].tolist()
    return True
