"""Records some at a time, for commands that work on many at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from genoml.io.fasta import FastaRecord
from genoml.io.records import errors_in
from genoml.sequence.codes import flat_codes


def record_batches(
    records: Iterable[FastaRecord], *, most_bp: int = 1 << 20, most_records: int = 4096
) -> Iterator[list[FastaRecord]]:
    """Yield lists of records, in order; a record longer than ``most_bp`` ends the list that it is in."""
    batch: list[FastaRecord] = []
    size_bp = 0
    for record in records:
        batch.append(record)
        size_bp += len(record.sequence)
        if size_bp >= most_bp or len(batch) >= most_records:
            yield batch
            batch, size_bp = [], 0
    if batch:
        yield batch


@contextmanager
def errors_in_batch(path: str, batch: list[FastaRecord]) -> Iterator[None]:
    """Give a ValueError about one sequence of a batch the file and that record's id, as a FormatError."""
    try:
        yield
    except ValueError:
        for record in batch:
            with errors_in(path, record):
                flat_codes([record.sequence])
        raise
