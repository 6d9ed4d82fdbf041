"""FASTQ: the conformance files of Cock et al. (2010), beside what Biopython makes of them."""

from __future__ import annotations

import csv
import tempfile
import warnings
from pathlib import Path

from benchmarks.agreement.table import Table
from genoml.io import FormatError, FormatWarning, detect_encoding, read_fastq, write_fastq

_ENCODINGS = {"fastq": "phred33", "fastq-illumina": "phred64", "fastq-solexa": "solexa"}
_SHORT = {"sanger": "phred33", "illumina": "phred64", "solexa": "solexa"}


def tables(data: Path) -> list[Table]:
    folder = data / "fastq_conformance"
    files = folder / "biopython_Quality"
    outcomes = list(
        csv.DictReader((folder / "biopython_1.88_outcomes.tsv").read_text().splitlines(), delimiter="\t")
    )
    valid = [row for row in outcomes if row["outcome"] == "ok"]
    malformed = [row for row in outcomes if row["outcome"] == "error"]
    same = sum(_found(files, row) == _expected(row) for row in valid)
    named = [_refusal(files / row["file"]) for row in malformed]
    refused = [error for error in named if error is not None]
    equal, converted = _conversions(files)
    return [
        Table(
            title="FASTQ: conformance",
            about=(
                "The files of Cock et al. (2010), doi:10.1093/nar/gkp1137, in the encodings sanger (phred33), "
                "illumina (phred64) and solexa. Beside: Biopython 1.88, `Bio.SeqIO.parse(file, format)` and "
                "`Bio.SeqIO.convert`, as recorded."
            ),
            columns=["what", "files", "genoml", "Biopython 1.88"],
            rows=[
                [
                    "valid, read with the same records, bases and range of scores",
                    len(valid),
                    same,
                    len(valid),
                ],
                ["malformed, refused", len(malformed), len(refused), len(malformed)],
                [
                    "malformed, refused with file, line and record",
                    len(malformed),
                    sum(bool(error.path and error.line and error.record) for error in refused),
                    0,
                ],
                ["conversions, equal byte for byte", converted, equal, converted],
            ],
            notes=[
                "Wrapped records are read. Scores above 62 become 62 in phred64 and solexa, with a warning, as in "
                "Biopython.",
                "Biopython's errors name the record in some cases and the file and line in none.",
            ],
        ),
        _detection(files, valid),
    ]


def _found(files: Path, row: dict[str, str]) -> list[int]:
    try:
        records = list(read_fastq(files / row["file"], encoding=_ENCODINGS[row["format"]]))
    except FormatError:
        return []
    scores = [int(score) for record in records for score in record.qualities]
    return [len(records), sum(len(record.sequence) for record in records), min(scores), max(scores)]


def _expected(row: dict[str, str]) -> list[int]:
    return [int(row[column]) for column in ("records", "bases", "qmin", "qmax")]


def _refusal(path: Path) -> FormatError | None:
    try:
        list(read_fastq(path))
    except FormatError as error:
        return error
    return None


def _conversions(files: Path) -> tuple[int, int]:
    equal = total = 0
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", FormatWarning)
        out = Path(folder) / "out.fastq"
        for path in sorted(files.glob("*_original_*.fastq")):
            stem, source = path.stem.split("_original_")
            for target, encoding in _SHORT.items():
                write_fastq(out, read_fastq(path, encoding=_SHORT[source]), encoding=encoding)
                equal += out.read_bytes() == (files / f"{stem}_as_{target}.fastq").read_bytes()
                total += 1
    return equal, total


def _detection(files: Path, valid: list[dict[str, str]]) -> Table:
    rows = []
    for name, encoding in _ENCODINGS.items():
        guesses = [detect_encoding(files / row["file"]) for row in valid if row["format"] == name]
        right = [guess for guess in guesses if guess.encoding == encoding]
        rows.append(
            [
                encoding,
                len(guesses),
                sum(guess.sure for guess in right),
                sum(not guess.sure for guess in right),
                sum(guess.sure for guess in guesses if guess.encoding != encoding),
                sum(not guess.sure for guess in guesses if guess.encoding != encoding),
            ]
        )
    return Table(
        title="FASTQ: guessing the encoding",
        about="`detect_encoding` on the valid files of the table above, by their true encoding.",
        columns=["true encoding", "files", "right, sure", "right, unsure", "wrong, sure", "wrong, unsure"],
        rows=rows,
        notes=[
            "Only phred33 can be certain: its characters include all of the others'. An unsure guess is a warning "
            "with `encoding='auto'`.",
            "The wrong guess is solexa_example.fastq: its characters are Q to Y, which phred64 writes as well.",
        ],
    )
