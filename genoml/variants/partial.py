"""Blocks of a result in one file until all are there, so that an interrupted one goes on after its last block."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

_SIZES = struct.Struct("<4Q")
_DIGEST = 64


class Partial:
    """Blocks in a file, each with notes and up to three parts; a context manager, which closes the file.

    Parameters
    ----------
    path : Path
        The file, ``OUT.partial``.
    fingerprint : str
        SHA-256 of what the result follows from.
    resume : bool
        Go on with the file, if it is there.

    Attributes
    ----------
    notes : list of dict
        Of the whole blocks.

    Raises
    ------
    ValueError
        If the file is there and not to be resumed, or is of another result.
    """

    def __init__(self, path: Path, fingerprint: str, resume: bool) -> None:
        self.path, self.notes = path, list[dict[str, Any]]()
        if path.exists() and not resume:
            raise ValueError(
                f"{path}: an interrupted scoring is there; go on with it (--resume), or remove it"
            )
        self._file: BinaryIO = open(path, "r+b" if path.exists() else "w+b")  # noqa: SIM115 - closed at the end
        head = self._file.read(_DIGEST)
        if len(head) == _DIGEST and head != fingerprint.encode():
            self._file.close()
            raise ValueError(
                f"{path}: is of another scoring (run, backend, genome, variants or options); remove it, or restore them"
            )
        if len(head) < _DIGEST:
            self._file.seek(0)
            self._file.write(fingerprint.encode())
        self._end = _DIGEST
        for at, sizes in self._blocks():
            self._file.seek(at)
            self.notes.append(json.loads(self._file.read(sizes[0])))
            self._end = at + sum(sizes)
        self._file.seek(self._end)
        self._file.truncate()

    def _blocks(self) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Where the contents of each whole block begin, and the sizes of its parts."""
        end, at = os.fstat(self._file.fileno()).st_size, _DIGEST
        while at + _SIZES.size <= end:
            self._file.seek(at)
            sizes = _SIZES.unpack(self._file.read(_SIZES.size))
            at += _SIZES.size
            if at + sum(sizes) > end:
                return
            yield at, sizes
            at += sum(sizes)

    def add(self, notes: dict[str, Any], parts: Sequence[bytes]) -> None:
        """Add a block, which is on the disk when this returns."""
        blocks = [json.dumps(notes).encode(), *parts, *[b""] * (3 - len(parts))]
        self._file.seek(self._end)
        self._file.write(b"".join([_SIZES.pack(*map(len, blocks)), *blocks]))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._end += _SIZES.size + sum(map(len, blocks))
        self.notes.append(notes)

    def part(self, number: int) -> Iterator[bytes]:
        """A part of each block."""
        self._file.flush()
        for at, sizes in self._blocks():
            self._file.seek(at + sum(sizes[: number + 1]))
            yield self._file.read(sizes[number + 1])

    def remove(self) -> None:
        """Remove the file: the result is complete."""
        self._file.close()
        self.path.unlink()

    def __enter__(self) -> Partial:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
        if not self.notes:  # nothing to go on with
            self.path.unlink(missing_ok=True)
