"""Reading of paired reads, from two files or interleaved in one."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from itertools import zip_longest

from genoml.io.errors import FormatError
from genoml.io.fastq import FastqRecord, read_fastq
from genoml.io.fastq_parser import MAX_READ_BP
from genoml.io.files import FilePath, Source
from genoml.io.records import line_of_record

_MATE = re.compile(r"^(?P<id>\S+?)(?:/(?P<old>[12]))?(?:\s+(?P<new>[12]):[YN]:\d+:\S*)?(?:\s.*)?$")


def read_pairs(
    path: FilePath,
    second: FilePath | None = None,
    *,
    encoding: str = "phred33",
    max_record_bp: int = MAX_READ_BP,
) -> Iterator[tuple[FastqRecord, FastqRecord]]:
    """Read paired FASTQ, pair by pair.

    Parameters
    ----------
    path : str or os.PathLike
        The first reads, or, without ``second``, both in turn (interleaved).
    second : str or os.PathLike, optional
        The second reads, in the same order.
    encoding, max_record_bp
        As in :func:`read_fastq`.

    Returns
    -------
    iterator of (FastqRecord, FastqRecord)
        Lazy. The first words of both names are equal, except for a final ``/1`` and ``/2``; if the names give the
        number of the read, in this way or as in Illumina 1.8 (``1:N:0:ATCACG``), the first is 1 and the second 2.

    Raises
    ------
    ValueError
        If both files are standard input.
    FileNotFoundError, IsADirectoryError
        At the call.
    FormatError
        As :func:`read_fastq`; while reading, for names that are no pair, or a file that ends sooner than the
        other: it names both files.
    """
    files = [os.fspath(path), os.fspath(path if second is None else second)]
    if second is not None and files == ["-", "-"]:
        raise ValueError("both reads of a pair cannot come from standard input (-); name a file for one")
    reads = read_fastq(path, encoding=encoding, max_record_bp=max_record_bp)
    others = reads if second is None else read_fastq(second, encoding=encoding, max_record_bp=max_record_bp)
    return _pairs(reads, others, ["standard input" if name == "-" else name for name in files])


def _pairs(
    reads: Iterable[FastqRecord], others: Iterable[FastqRecord], files: list[str]
) -> Iterator[tuple[FastqRecord, FastqRecord]]:
    for number, (first, last) in enumerate(zip_longest(reads, others), 1):
        if first is None or last is None:
            _refuse_unequal(first or last, number, last is None, files)
        if not are_mates(first.name, last.name):
            raise FormatError(
                f"pair {number} has the names {first.id!r} and {last.id!r}"
                + ("" if files[0] == files[1] else f", the second in {files[1]}"),
                path=files[0],
                line=line_of_record(files[0], 2 * number - 1 if files[0] == files[1] else number),
                record=first.id,
                fix="expects equal names, up to /1 and /2, with the first read first",
            )
        yield first, last


def _refuse_unequal(left: FastqRecord, number: int, second_ended: bool, files: list[str]) -> None:
    if files[0] == files[1]:
        raise FormatError(
            "the last read has no second one",
            path=files[0],
            line=line_of_record(files[0], 2 * number - 1),
            record=left.id,
            fix="expects an even number of interleaved reads",
        )
    short, long = (files[1], files[0]) if second_ended else (files[0], files[1])
    raise FormatError(
        f"the file ends after {number - 1} reads, and {long} goes on",
        path=short,
        line=_n_lines(short),
        record=left.id,
        fix="expects as many reads in both files",
    )


def _n_lines(path: str) -> int | None:
    """Number of lines of a file, 1 or more; None for a stream, which has been read."""
    if not os.path.isfile(path):
        return None
    with Source(path).open() as stream:
        return max(1, sum(1 for _ in stream))


def are_mates(first: str, second: str) -> bool:
    """Whether two names belong to the first and the second read of one pair.

    Examples
    --------
    >>> are_mates("r7/1", "r7/2"), are_mates("r7 1:N:0:AC", "r7 2:N:0:AC"), are_mates("r7", "r7")
    (True, True, True)
    >>> are_mates("r7/2", "r7/1"), are_mates("r7", "r8"), are_mates("r7 1:N:0:AC", "r7 1:N:0:AC")
    (False, False, False)
    """
    one = _MATE.match(first.strip())
    two = _MATE.match(second.strip())
    if one is None or two is None or one["id"] != two["id"]:
        return False
    return all((one[form], two[form]) in ((None, None), ("1", "2")) for form in ("old", "new"))
