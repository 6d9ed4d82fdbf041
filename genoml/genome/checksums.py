"""CRC-32 of each block of a chromosome's codes: made as a store is written, compared before a block is first used."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

import numpy as np

from genoml.io.errors import FormatError
from genoml.sequence.alphabet import CODE_LETTERS

_SHIFT = 14
#: Bases in a block; the last one of a chromosome may be shorter.
BLOCK_BASES = 1 << _SHIFT


def count_blocks(length: int) -> int:
    """Number of blocks of a chromosome of this length in bp."""
    return -(-length // BLOCK_BASES)


class BlockChecksums:
    """The checksums of one chromosome, whose codes come in pieces of any size."""

    def __init__(self) -> None:
        self._sums: list[int] = []
        self._room = 0  # bases that the last block can still take

    def update(self, piece: bytes) -> None:
        """Take the next piece."""
        view = memoryview(piece)
        while view:
            if not self._room:
                self._sums.append(0)
                self._room = BLOCK_BASES
            part = view[: self._room]
            self._sums[-1] = crc32(part, self._sums[-1])
            self._room -= len(part)
            view = view[len(part) :]

    def packed(self) -> bytes:
        """Four bytes a block, little-endian."""
        return np.array(self._sums, dtype="<u4").tobytes()


class BlockChecks:
    """Which blocks of a store this process has compared with their checksums.

    Threads need no lock: two that meet at a new block both compare it. After a fork each process goes on with its own
    record.

    Parameters
    ----------
    path : str
        The store, for messages.
    names, lengths : sequences
        Name and length in bp of each chromosome.
    checksums : sequence of bytes
        As ``BlockChecksums.packed`` gives them, of each chromosome.
    """

    def __init__(
        self, path: str, names: Sequence[str], lengths: np.ndarray, checksums: Sequence[bytes]
    ) -> None:
        self._path = path
        self._names = names
        self._lengths = lengths
        self._offsets = np.cumsum(lengths) - lengths
        self._sums = np.frombuffer(b"".join(checksums), dtype="<u4")
        blocks = -(-lengths // BLOCK_BASES)
        self._first = np.concatenate([[0], np.cumsum(blocks)])  # of each chromosome, and the number of all
        self._base = self._first * BLOCK_BASES  # where each chromosome would begin if every block were full
        self._compared = np.zeros(len(self._sums), dtype=bool)

    def damage(
        self, codes: np.ndarray, rows: np.ndarray, start: np.ndarray, end: np.ndarray, longest: int
    ) -> FormatError | None:
        """Compare the blocks of windows that were not compared yet; return the error of the first that is damaged.

        It is not raised here: its traceback would keep a view of the codes, and the store could not be closed.

        Parameters
        ----------
        codes : numpy.ndarray
            (bases,) uint8, of the whole store.
        rows : numpy.ndarray
            (n,) int64, number of each window's chromosome.
        start, end : numpy.ndarray
            (n,) int64, of each window, inside its chromosome.
        longest : int
            No window has more bases.

        Returns
        -------
        FormatError or None
            Naming chromosome and bases of a block that differs from its checksum or holds what is no base.
        """
        base = self._base[rows]
        first = (start + base) >> _SHIFT
        last = (end + (base - 1)) >> _SHIFT
        if longest <= BLOCK_BASES:  # a window lies in one block or two
            touched = np.concatenate([first, last])
        else:
            counts = last - first + 1
            ends = np.cumsum(counts)
            touched = np.arange(counts.sum()) + np.repeat(first - (ends - counts), counts)
        if 0 not in self._compared[touched].tobytes():  # faster than all()
            return None
        new = np.zeros(len(self._compared), dtype=bool)
        new[touched] = True
        return self._compare(codes, np.flatnonzero(new & ~self._compared))

    def damage_of(self, codes: np.ndarray, row: int) -> FormatError | None:
        """Compare all blocks of a chromosome, again if need be; as ``damage``."""
        return self._compare(codes, np.arange(*self._first[row : row + 2]))

    def _compare(self, codes: np.ndarray, blocks: np.ndarray) -> FormatError | None:
        rows = np.searchsorted(self._first, blocks, side="right") - 1
        start = (blocks - self._first[rows]) * BLOCK_BASES
        end = np.minimum(start + BLOCK_BASES, self._lengths[rows])
        offsets = self._offsets[rows]
        sums = self._sums[blocks].tolist()
        places = zip((start + offsets).tolist(), (end + offsets).tolist(), strict=True)
        for number, (begin, stop) in enumerate(places):
            block = codes[begin:stop]
            if crc32(block.data) == sums[number] and block.max() < len(CODE_LETTERS):
                continue
            return FormatError(
                f"the bases of the genome store are damaged, within {start[number]}-{end[number]}",
                path=self._path, record=self._names[rows[number]],
                fix="remove it, and build it again from its FASTA file",
            )  # fmt: skip
        self._compared[blocks] = True
        return None
