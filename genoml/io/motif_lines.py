"""Line reader shared by the readers of motif files."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator

from genoml.io.errors import FormatError, shown
from genoml.io.files import Source
from genoml.sequence.motifs.motif import Motif

__all__ = ["MotifLines"]

# Python's own float() also takes 1_000, nan, infinity and the digits of other scripts
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


class MotifLines:
    """The lines of a motif file, with the place of the current line for errors."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.path = source.path
        self.number = 0
        self.record: str | None = None

    def __iter__(self) -> Iterator[str]:
        with self._source.open() as stream:
            for self.number, line in enumerate(stream, 1):
                yield line.decode("utf-8", "replace").strip()

    def error(self, what: str, fix: str = "") -> FormatError:
        """A FormatError for the current line."""
        return FormatError(what, path=self.path, line=self.number, record=self.record, fix=fix)

    def value(self, field: str) -> float:
        """Convert a field to a number; it must be finite, not negative and in digits."""
        value = float(field) if _NUMBER.fullmatch(field) else math.nan
        if not math.isfinite(value) or value < 0:
            raise self.error(f"got {shown(field)!r}", "expects a finite number, 0 or above")
        return value

    def row(self, fields: list[str]) -> list[float]:
        """Convert fields to the four numbers of one position, which must not all be 0."""
        if len(fields) != 4:
            raise self.error(f"got {shown(' '.join(fields))!r}", "expects four numbers: A, C, G, T")
        values = [self.value(field) for field in fields]
        if not any(values):
            raise self.error("a position of zeros", "expects a base that is seen there")
        return values

    def motif(self, make: Callable[[], Motif]) -> Motif:
        """Make a motif; a ValueError becomes a FormatError for the current line."""
        try:
            return make()
        except ValueError as error:
            raise self.error(str(error)) from error
