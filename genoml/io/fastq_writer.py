"""Writer of FASTQ."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

import numpy as np

from genoml.io.errors import FormatWarning, all_legal, control_in, shown
from genoml.io.fastq import FastqRecord
from genoml.io.files import FilePath, write_whole
from genoml.io.qualities import OFFSETS, SCORES, Encoding, check_encoding, convert_qualities


def write_fastq(
    path: FilePath,
    records: Iterable[FastqRecord | tuple[str, str, np.ndarray]],
    *,
    encoding: str = "phred33",
) -> None:
    """Write a FASTQ file; compressed if the path ends in ``.gz`` or ``.zst``. A failed write leaves no file.

    Each record has four lines, and its name once: most programs do not read wrapped FASTQ.

    Parameters
    ----------
    path : str or os.PathLike
        Written atomically: if a record is refused, an older file stays unchanged.
    records : iterable of FastqRecord or (name, sequence, qualities)
        Qualities one a letter: scores of the record's own encoding, Phred 0..93 in a tuple.
    encoding : {"phred33", "phred64", "solexa"}
        Encoding to write; other scores are converted (:func:`convert_qualities`).

    Raises
    ------
    ValueError
        For a name, letter or quality that could not be read back, or lengths that differ.

    Warns
    -----
    FormatWarning
        If scores above 62 were written as 62, the greatest of phred64 and solexa.
    """
    wanted = check_encoding(encoding)
    n_limited = 0
    with write_whole(path) as stream:
        for number, record in enumerate(records):
            if not isinstance(record, FastqRecord):
                record = FastqRecord(*record)
            what = f"record {number} ({shown(record.name)})"
            _check_text(record, what)
            encoded, n_more = _encoded(record, wanted, what)
            n_limited += n_more
            stream.write(
                b"@%s\n%s\n+\n%s\n" % (record.name.encode("ascii"), record.sequence.encode("ascii"), encoded)
            )
    if n_limited:
        warnings.warn(
            f"{path}: {n_limited} scores above {SCORES[wanted][1]}, the greatest of {wanted}, were written as it",
            FormatWarning,
            stacklevel=2,
        )


def _check_text(record: FastqRecord, what: str) -> None:
    name = record.name
    if not name.strip() or not name.isascii() or control_in(name):
        raise ValueError(f"{what}: a name expects one line of ASCII text, got {shown(name)!r}")
    if not all_legal(record.sequence.encode("ascii", "replace"), "nucleotide"):
        raise ValueError(f"{what} expects nucleotides, got {shown(record.sequence)!r}")


def _encoded(record: FastqRecord, wanted: Encoding, what: str) -> tuple[bytes, int]:
    """The quality characters, and the number of scores that had to be lowered."""
    scores = np.asarray(record.qualities)
    length = len(record.sequence)
    if scores.shape != (length,):
        raise ValueError(f"{what} expects one quality for each of {length} letters, got shape {scores.shape}")
    low, high = SCORES["phred33" if record.encoding == "phred64" else record.encoding]
    if scores.size and not (scores.min() >= low and scores.max() <= high):
        raise ValueError(
            f"{what} expects qualities from {low} to {high}, got {scores.min()} to {scores.max()}"
        )
    kind: Encoding = "solexa" if record.encoding == "solexa" else "phred33"
    if kind != wanted:
        n_limited = int(np.count_nonzero(scores > SCORES[wanted][1]))
        scores = convert_qualities(scores, kind, wanted)
    else:
        n_limited = 0
    return (scores.astype(np.int16) + OFFSETS[wanted]).astype(np.uint8).tobytes(), n_limited
