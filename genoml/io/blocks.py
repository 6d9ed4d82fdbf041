"""Reading a file in blocks of whole lines, which are then worked on by operations that run in C."""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedReader

import numpy as np

#: Bytes asked for at a time: what is made of them stays in a processor's cache, and just below 128 kB the C
#: library reuses memory that it would return to the system otherwise.
BLOCK_BYTES = 120_000
_NEWLINE = 10


def count_lines(block: bytes) -> int:
    """Number of line feeds; several times as fast as ``bytes.count``."""
    return int(np.count_nonzero(np.frombuffer(block, np.uint8) == _NEWLINE))


class LineBlocks:
    """Blocks of whole lines, whose number is a multiple of ``lines``; the last block has what is left.

    Parameters
    ----------
    stream : io.BufferedReader
        Read as bytes come, so that the first lines of a pipe are there before its end.
    lines : int
        4 for records of four lines.

    Attributes
    ----------
    pending_bytes, pending_lines : int
        What has been read and is not yet a whole block; to be looked at by who must bound it.
    """

    def __init__(self, stream: BufferedReader, lines: int) -> None:
        self._stream, self._lines = stream, lines
        self._pending: list[bytes] = []
        self.pending_bytes = self.pending_lines = 0

    def __iter__(self) -> Iterator[tuple[bytes, int] | None]:
        """Yield blocks with their number of lines, and None whenever more was read without making one."""
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
            rest, self._pending = b"".join(self._pending), []
            yield rest, self.pending_lines

    def _cut(self, chunk: bytes, n_lines: int) -> tuple[bytes, int]:
        """What is pending and the chunk up to its last line that completes ``lines`` lines."""
        spare = n_lines % self._lines
        end = len(chunk)
        for _ in range(spare + 1):
            end = chunk.rfind(b"\n", 0, end)
        block = b"".join([*self._pending, memoryview(chunk)[: end + 1]])
        left = chunk[end + 1 :]
        self._pending, self.pending_bytes, self.pending_lines = [left] if left else [], len(left), spare
        return block, n_lines - spare

    def single_lines(self) -> bytes:
        """From now on blocks end at any line; the whole lines that were pending."""
        self._lines = 1
        data = b"".join(self._pending)
        end = data.rfind(b"\n") + 1
        left = data[end:]
        self._pending, self.pending_bytes, self.pending_lines = [left] if left else [], len(left), 0
        return data[:end]

    def first_pending(self, size: int) -> bytes:
        """The first bytes of what is pending."""
        return self._pending[0][:size] if self._pending else b""
