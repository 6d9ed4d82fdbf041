from __future__ import annotations

import pytest

from genoml.io import FastaRecord, FastqRecord, FormatError
from genoml.io.fasta import fasta_bytes
from genoml.io.records import errors_in, read_records, record_bytes

FASTA = b">a b\nACGTAC\n>c\nGG\n"
FASTQ = b"@a b\nACGT\n+\n!I~#\n@c\n\n+\n\n"


def test_fasta_and_fastq_are_told_apart_and_written_as_they_were(tmp_path):
    for content, kind, encoded in ((FASTA, FastaRecord, []), (FASTQ, FastqRecord, ["!I~#", ""])):
        (tmp_path / "a").write_bytes(content)
        records = list(read_records(tmp_path / "a"))
        assert {type(record) for record in records} == {kind}
        assert b"".join(map(record_bytes, records)) == content
        assert [record.id for record in records] == ["a", "c"]
        assert [record.scores for record in records if kind is FastqRecord] == encoded


def test_fasta_is_written_in_lines():
    assert fasta_bytes("a", "ACGTAC", width=4) == b">a\nACGT\nAC\n"


def test_another_kind_of_file_is_refused(tmp_path):
    (tmp_path / "a").write_bytes(b"ACGT\n")
    with pytest.raises(FormatError, match="line 1: text before the first '>'"):
        read_records(tmp_path / "a")


def test_an_error_of_what_is_done_with_a_record_of_a_file_names_its_line(tmp_path):
    path = tmp_path / "x.fa"
    path.write_text(">one\nAC\nGT\n>a b\nACGT\n>two\nA\n>two\nA\n")
    for name, line in (("a b", 4), ("one", 1), ("two", None)):
        with pytest.raises(FormatError) as caught, errors_in(str(path), FastaRecord(name, "ACGT")):
            raise ValueError("sequence 0 is bad")
        assert caught.value.line == line


def test_an_error_of_what_is_done_with_a_record_names_it():
    with (
        pytest.raises(FormatError, match=r"^x\.fa, record a: the sequence is bad$"),
        errors_in("x.fa", FastaRecord("a b", "ACGT")),
    ):
        raise ValueError("sequence 0 is bad")
    with pytest.raises(FormatError, match=r"^standard input, record a"), errors_in("-", FastaRecord("a", "")):
        raise ValueError("sequence 0 is bad")
