"""Parser of FASTQ, a block at a time: dnaio finds the records, array operations check letters and qualities.

dnaio checks neither, and its errors name no file and no record. A block with anything unusual is read again line by
line (:mod:`genoml.io.fastq_lines`).
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedReader, BytesIO
from operator import attrgetter

import numpy as np
from dnaio import FastqReader
from dnaio.exceptions import FastqFormatError

from genoml.io.blocks import LineBlocks
from genoml.io.errors import FormatError, first_word
from genoml.io.fastq_lines import FastqBlock, FastqLines
from genoml.io.letters import all_legal
from genoml.io.qualities import Encoding, characters

#: Default of ``max_record_bp``: letters of the longest record.
MAX_READ_BP = 1 << 28
_LONGEST_HEADER = 1 << 24
_NAME = attrgetter("name")
_SEQUENCE = attrgetter("sequence")
_QUALITIES = attrgetter("qualities")


class FastqParser:
    """Parser of one FASTQ file.

    Parameters
    ----------
    path : str
        For messages.
    encoding : {"phred33", "phred64", "solexa"}
        Encoding of the quality characters. It may be set while blocks are read.
    max_record_bp : int
        Longest record, in letters.
    """

    def __init__(self, path: str, encoding: Encoding, max_record_bp: int) -> None:
        self.path = path
        self.encoding = encoding
        self._max_bp = max_record_bp
        self._line = 1  # number of the line at which the next block begins

    def blocks(self, stream: BufferedReader) -> Iterator[FastqBlock]:
        """Yield the records of a stream in blocks; one by one from the first unusual block on."""
        source = LineBlocks(stream, 4)
        blocks = iter(source)
        for found in blocks:
            if found is None:
                self._refuse_long(source)
                continue
            lines, n_lines = found
            block = self._quick(lines)
            if block is None:
                yield from self._slow(lines, source, blocks)
                return
            self._line += n_lines
            yield block

    def _refuse_long(self, source: LineBlocks) -> None:
        """Raise FormatError before a record without an end fills the memory."""
        if source.pending_bytes > 2 * self._max_bp + _LONGEST_HEADER or (
            source.pending_lines < 2 and source.pending_bytes > self._max_bp + _LONGEST_HEADER
        ):
            name = first_word(source.first_pending(200)[1:].decode("ascii", "replace"))
            raise FormatError(
                f"the record has more than {self._max_bp} letters, or its header has more than "
                f"{_LONGEST_HEADER}",
                path=self.path,
                line=self._line,
                record=name or None,
                fix="raise max_record_bp if it is meant to be so long",
            )

    def _quick(self, lines: bytes) -> FastqBlock | None:
        """The records of a block of four-line records; None if it must be read line by line."""
        try:
            records = list(FastqReader(BytesIO(lines), buffer_size=len(lines) + 1))
        except FastqFormatError:
            return None
        block = FastqBlock(
            list(map(_NAME, records)), list(map(_SEQUENCE, records)), list(map(_QUALITIES, records))
        )
        if not all(block.names) or any(map(str.isspace, block.names)):
            return None
        if len(lines) > self._max_bp and max(map(len, block.sequences), default=0) > self._max_bp:
            return None
        if not all_legal("".join(block.sequences).encode("ascii"), "nucleotide"):
            return None
        return block if self._are_qualities("".join(block.encoded).encode("ascii")) else None

    def _are_qualities(self, encoded: bytes) -> bool:
        low, high = characters(self.encoding)
        found = np.frombuffer(encoded, np.uint8)
        return not found.size or (bool(found.min() >= low) and bool(found.max() <= high))

    def _slow(
        self, lines: bytes, source: LineBlocks, blocks: Iterator[tuple[bytes, int] | None]
    ) -> Iterator[FastqBlock]:
        first = lines + source.single_lines()

        def remaining() -> Iterator[bytes]:
            yield from BytesIO(first)
            for more in blocks:
                if more is not None:
                    yield from BytesIO(more[0])
                elif source.pending_bytes > self._max_bp + _LONGEST_HEADER:
                    raise records.too_long()

        records = FastqLines(remaining(), self.path, self._line, lambda: self.encoding, self._max_bp)
        yield from records
