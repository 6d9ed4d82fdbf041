"""Reading of a file in blocks of whole lines, for parsers that work on many lines at once in C."""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedReader

import numpy as np

#: Bytes read at a time: few enough for a processor's cache, and just below the 128 kB from which the C library
#: returns memory to the system instead of reusing it.
BLOCK_BYTES = 120_000
_NEWLINE = 10


def count_lines(block: bytes | memoryview) -> int:
    """Number of line feeds; several times faster than ``bytes.count``."""
    return int(np.count_nonzero(np.frombuffer(block, np.uint8) == _NEWLINE))


class LineBlocks:
    """Iterator over blocks of whole lines; the number of lines is a multiple of ``lines`` but in the last block.

    Parameters
    ----------
    stream : io.BufferedReader
        Read as bytes come, so that the first lines of a pipe are there before its end.
    lines : int
        4 for records of four lines.

    Attributes
    ----------
    pending_bytes, pending_lines : int
        Size of what has been read and is not yet a whole block; the caller may limit it.
    """

    def __init__(self, stream: BufferedReader, lines: int) -> None:
        self._stream = stream
        self._lines = lines
        self._pending: list[bytes] = []
        self.pending_bytes = self.pending_lines = 0

    def __iter__(self) -> Iterator[tuple[bytes, int] | None]:
        """Yield blocks with their number of lines, and None after each read that completes no block."""
        while chunk := self._stream.read1(BLOCK_BYTES):
            n_lines = self.pending_lines + count_lines(chunk)
            if n_lines < self._lines:
                self._pending.append(chunk)
                self.pending_bytes += len(chunk)
                self.pending_lines = n_lines
                yield None
            else:
                yield self._cut(chunk, n_lines)
        if self._pending:
            rest = b"".join(self._pending)
            self._pending = []
            yield rest, self.pending_lines

    def _cut(self, chunk: bytes, n_lines: int) -> tuple[bytes, int]:
        """The pending bytes and the chunk up to the last line that completes ``lines`` lines."""
        spare = n_lines % self._lines
        end = len(chunk)
        for _ in range(spare + 1):
            end = chunk.rfind(b"\n", 0, end)
        block = b"".join([*self._pending, memoryview(chunk)[: end + 1]])
        self._keep(chunk[end + 1 :], spare)
        return block, n_lines - spare

    def _keep(self, left: bytes, n_lines: int) -> None:
        self._pending = [left] if left else []
        self.pending_bytes = len(left)
        self.pending_lines = n_lines

    def single_lines(self) -> bytes:
        """End blocks at any line from now on; return the whole lines that were pending."""
        self._lines = 1
        data = b"".join(self._pending)
        end = data.rfind(b"\n") + 1
        self._keep(data[end:], 0)
        return data[:end]

    def first_pending(self, size: int) -> bytes:
        """The first of the pending bytes."""
        return self._pending[0][:size] if self._pending else b""
