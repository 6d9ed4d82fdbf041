"""The files of Cock et al. (2010) and FASTA specimens: what is valid is read, what is not is refused by name."""

from __future__ import annotations

import csv
import tomllib
from pathlib import Path

import pytest

from genoml.io import FormatError, FormatWarning, read_fasta, read_fastq, read_pairs, write_fastq

DATA = Path(__file__).parents[1] / "data"
FASTQ = DATA / "fastq_conformance"
FASTA = DATA / "fasta_specimens"
ENCODINGS = {"fastq": "phred33", "fastq-illumina": "phred64", "fastq-solexa": "solexa"}
SHORT = {"sanger": "phred33", "illumina": "phred64", "solexa": "solexa"}
OUTCOMES = list(
    csv.DictReader((FASTQ / "biopython_1.88_outcomes.tsv").read_text().splitlines(), delimiter="\t")
)
VALID = [row for row in OUTCOMES if row["outcome"] == "ok"]
MALFORMED = [row for row in OUTCOMES if row["outcome"] == "error"]
ORIGINALS = sorted(path.name for path in FASTQ.glob("*_original_*.fastq"))


def test_there_are_37_valid_and_22_malformed_files_and_21_conversions():
    assert (len(VALID), len(MALFORMED), 3 * len(ORIGINALS)) == (37, 22, 21)


@pytest.mark.parametrize("row", VALID, ids=lambda row: row["file"])
def test_a_valid_file_has_the_records_and_scores_that_biopython_finds(row):
    records = list(read_fastq(FASTQ / row["file"], encoding=ENCODINGS[row["format"]]))
    scores = [int(score) for record in records for score in record.qualities]
    found = [len(records), sum(len(record.sequence) for record in records), min(scores), max(scores)]
    assert found == [int(row[column]) for column in ("records", "bases", "qmin", "qmax")]


#: where the fault is in each malformed file: line and record
PLACES = {
    "error_diff_ids.fastq": (11, "850_123"),
    "error_double_qual.fastq": (13, "850_123"),
    "error_double_seq.fastq": (15, "362_549"),
    "error_long_qual.fastq": (16, "362_549"),
    "error_no_qual.fastq": (4, "610_79"),
    "error_qual_del.fastq": (16, "362_549"),
    "error_qual_escape.fastq": (20, "183_714"),
    "error_qual_null.fastq": (4, "850_123"),
    "error_qual_space.fastq": (16, "362_549"),
    "error_qual_tab.fastq": (20, "183_714"),
    "error_qual_unit_sep.fastq": (12, "850_123"),
    "error_qual_vtab.fastq": (4, "610_79"),
    "error_short_qual.fastq": (12, "850_123"),
    "error_spaces.fastq": (2, "610_79"),
    "error_tabs.fastq": (2, "610_79"),
    "error_trunc_at_plus.fastq": (19, "183_714"),
    "error_trunc_at_qual.fastq": (20, "183_714"),
    "error_trunc_at_seq.fastq": (19, "183_714"),
    "error_trunc_in_plus.fastq": (19, "183_714"),
    "error_trunc_in_qual.fastq": (20, "183_714"),
    "error_trunc_in_seq.fastq": (18, "183_714"),
    "error_trunc_in_title.fastq": (17, ""),
}


@pytest.mark.parametrize("row", MALFORMED, ids=lambda row: row["file"])
def test_a_malformed_file_is_refused_with_file_line_and_record(row):
    path = FASTQ / row["file"]
    line, record = PLACES[path.name]
    with pytest.raises(FormatError) as caught:
        list(read_fastq(path))
    assert (caught.value.path, caught.value.line) == (str(path), line)
    assert caught.value.record == f"SLXA-B3_649_FC8437_R1_1_1_{record}"


@pytest.mark.filterwarnings("ignore::genoml.io.FormatWarning")
@pytest.mark.parametrize("target", SHORT)
@pytest.mark.parametrize("name", ORIGINALS)
def test_a_conversion_equals_the_reference_byte_for_byte(name, target, tmp_path):
    stem, source = name.removesuffix(".fastq").split("_original_")
    out = tmp_path / "out.fastq"
    write_fastq(out, read_fastq(FASTQ / name, encoding=SHORT[source]), encoding=SHORT[target])
    assert out.read_bytes() == (FASTQ / f"{stem}_as_{target}.fastq").read_bytes()


def test_scores_that_the_encoding_cannot_hold_are_lowered_with_a_warning(tmp_path):
    with pytest.warns(FormatWarning, match="31 scores above 62, the greatest of phred64, were written as it"):
        write_fastq(tmp_path / "a.fq", list(read_fastq(FASTQ / "sanger_93.fastq")), encoding="phred64")


@pytest.mark.parametrize("name", ["example.fastq.bgz", "example.fastq.gz"])
def test_compressed_copies_read_as_the_plain_file(name):
    assert list(read_fastq(FASTQ / name)) == list(read_fastq(FASTQ / "example.fastq"))


def test_line_ends_of_dos_do_not_matter():
    plain = list(read_fastq(FASTQ / "example.fastq"))
    assert list(read_fastq(FASTQ / "example_dos.fastq")) == plain
    assert list(read_fastq(FASTQ / "example_dos.fastq.bgz")) == plain


def test_a_file_is_not_the_mate_of_another_one():
    with pytest.raises(FormatError, match="pair 1 has the names"):
        list(read_pairs(FASTQ / "example.fastq", FASTQ / "tricky.fastq"))


def specimens():
    index = tomllib.loads((FASTA / "index.toml").read_text())
    return [(kind, entry["filename"], entry["tags"]) for kind in index for entry in index[kind]]


@pytest.mark.parametrize(("kind", "name", "tags"), specimens())
def test_fasta_specimens_are_read_as_their_index_says_but_for_gaps(kind, name, tags):
    letters = "protein" if "protein" in tags else "nucleotide"
    if kind == "valid" and "gaps" not in tags:
        assert list(read_fasta(FASTA / name, letters=letters))
        return
    with pytest.raises(FormatError, match="gap '-'" if kind == "valid" else "text before the first '>'"):
        list(read_fasta(FASTA / name, letters=letters))
    if kind == "valid":
        assert list(read_fasta(FASTA / name, letters=None))
