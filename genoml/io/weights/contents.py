"""What the readers of weights share: what they return, faults, limits of memory, arrays from bytes, zip archives."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import numpy as np

from genoml.io.errors import shown

#: Nodes of a graph, groups of HDF5, at most.
MOST_PARTS = 100_000
#: Arrays of a file that is no graph, at most.
MOST_TENSORS = 20_000
#: Bytes of JSON, at most.
MOST_JSON = 4 << 20
#: A file may unpack to this many times its size, or to 64 MiB.
_UNPACKED = 100
_FEW_BYTES = 64 << 20
#: Axes that an array of NumPy has, at most.
MOST_AXES = 64


class WeightsError(ValueError):
    """What is wrong with a file, and what to do; ``read_weights`` names the file."""


def describe_damage(error: BaseException) -> str:
    """Words for what a parser of others raised."""
    return f"damaged, or not what it looks like ({type(error).__name__}: {error})"[:300]


@dataclass(frozen=True)
class GraphNode:
    """An operation of a graph.

    Attributes
    ----------
    name : str
        ``""`` where the file has none.
    operation : str
        Such as ``"Conv2D"``; in ONNX with its domain before it if that is not the standard one.
    inputs, outputs : tuple of str
        In ONNX names of values; an input ``""`` is left out. In TensorFlow names of nodes, ``"name:1"`` for a second
        output, ``"^name"`` for what only has to run before; the output is the node's own name.
    attributes : dict
        Numbers, text, arrays, shapes (tuples; -1 for a free axis), types (``"f4"``), lists of these.
    """

    name: str
    operation: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]


class Contents(NamedTuple):
    """What a reader found."""

    format: str
    tensors: dict[str, np.ndarray]
    topology: dict[str, Any] | tuple[GraphNode, ...] | None
    metadata: dict[str, Any]


class Room:
    """Memory that the arrays of a file may take together: a hundred times its size, or 64 MiB."""

    def __init__(self, size: int) -> None:
        self._left = max(_FEW_BYTES, _UNPACKED * size)

    def take(self, what: str, shape: Sequence[int], itemsize: int) -> None:
        """Take memory for an array.

        Raises
        ------
        WeightsError
            If there is not so much left, or it is no shape.
        """
        if len(shape) > MOST_AXES or any(not isinstance(n, int) or n < 0 for n in shape):
            raise WeightsError(f"{shown(what)} has an impossible shape, {shown(str(tuple(shape)))}")
        # an axis of no elements counts as one, since NumPy multiplies the others all the same
        self._left -= prod(n or 1 for n in shape) * itemsize
        if self._left < 0:
            raise WeightsError(
                f"{shown(what)} has shape {shown(str(tuple(shape)))}; a file of this size cannot hold that much"
            )


def numbers(
    what: str, data: bytes | memoryview, code: str, shape: Sequence[int], *, is_big: bool = False
) -> np.ndarray:
    """An array of its own from bytes; ``code`` is NumPy's, or ``"bf16"``, which becomes float32 (exact);
    ``is_big``: the highest byte of each number comes first.

    Raises
    ------
    WeightsError
        Unless the bytes are exactly as many as the shape needs.
    """
    kind = np.dtype({"bf16": "u2", "b1": "u1"}.get(code, code)).newbyteorder(">" if is_big else "<")
    expected = prod(shape) * kind.itemsize
    if len(data) != expected:
        raise WeightsError(
            f"{shown(what)} needs {expected} bytes for shape {tuple(shape)}, the file has {len(data)}"
        )
    found = np.frombuffer(data, kind).reshape(shape)
    if code == "bf16":
        return (found.astype(np.uint32) << 16).view(np.float32)
    return found != 0 if code == "b1" else found.astype(kind.newbyteorder("="))


class Archive:
    """A zip archive whose names, kinds and sizes are checked before anything of it is unpacked.

    Raises
    ------
    WeightsError
        If it has names with paths outside, links, names that come twice, encrypted members, or unpacks to more than a
        hundred times its size.
    """

    def __init__(self, content: bytes) -> None:
        self._zip = zipfile.ZipFile(io.BytesIO(content))
        self._members: dict[str, zipfile.ZipInfo] = {}
        room = Room(len(content))
        members = self._zip.infolist()
        if len(members) > MOST_TENSORS:
            raise WeightsError(f"holds {len(members)} files; expects at most {MOST_TENSORS}")
        for member in members:
            name, parts = member.filename, PurePosixPath(member.filename).parts
            if name.startswith("/") or ".." in parts or "\\" in name or ":" in name:
                raise WeightsError(f"refused: {shown(name)}, a name with a path outside")
            if stat.S_ISLNK(member.external_attr >> 16):
                raise WeightsError(f"refused: {shown(name)}, a link")
            if name in self._members:
                raise WeightsError(f"{shown(name)} is there twice")
            if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise WeightsError(f"{shown(name)} is encrypted, or packed otherwise than by deflate")
            room.take(name, (member.file_size,), 1)
            self._members[name] = member

    @property
    def names(self) -> list[str]:
        """Names of the files, in the archive's order."""
        return list(self._members)

    def read(self, name: str) -> bytes:
        """Content of one file."""
        if name not in self._members:
            raise WeightsError(f"lacks {shown(name)}")
        content = self._zip.read(self._members[name])
        if len(content) != self._members[name].file_size:
            raise WeightsError(f"{shown(name)} is cut")
        return content
