from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genoml.io import FastqRecord, FormatError, read_fastq, write_fastq

READ = b"@r1 x\nACGT\n+\nII!~\n"


def written(tmp_path, content: bytes):
    path = tmp_path / "a.fq"
    path.write_bytes(content)
    return path


def refused(path, message: str) -> FormatError:
    with pytest.raises(FormatError, match=message) as caught:
        list(read_fastq(path))
    assert caught.value.path == str(path)
    assert "\n" not in str(caught.value)
    return caught.value


def test_records_have_name_sequence_and_phred_qualities(tmp_path):
    (record,) = read_fastq(written(tmp_path, READ))
    assert (record.name, record.sequence, record.id) == ("r1 x", "ACGT", "r1")
    assert record.qualities.dtype == np.uint8
    np.testing.assert_array_equal(record.qualities, [40, 40, 0, 93])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(
    st.lists(
        st.text(alphabet="ACGTNacgtnRY", max_size=50).flatmap(
            lambda text: st.tuples(
                st.just(text), st.lists(st.integers(0, 93), min_size=len(text), max_size=len(text))
            )
        ),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from(["a.fq", "a.fq.gz"]),
)
def test_what_is_written_reads_back(tmp_path, reads, name):
    records = [(f"read {number}", text, np.array(q)) for number, (text, q) in enumerate(reads)]
    write_fastq(tmp_path / name, records)
    for before, after in zip(records, read_fastq(tmp_path / name), strict=True):
        assert before[:2] == after[:2]
        np.testing.assert_array_equal(before[2], after.qualities)


@pytest.mark.parametrize(
    "content",
    [
        READ[:-1],
        READ.replace(b"\n", b"\r\n"),
        READ.replace(b"+\n", b"+r1 x\n"),
        READ + b"\n",
        READ + b"\n\n \n\n\n\n",
    ],
    ids=["no last line end", "CRLF", "name repeated", "blank line at the end", "blank lines at the end"],
)
def test_usual_forms_are_read(content, tmp_path):
    (record,) = read_fastq(written(tmp_path, content))
    assert (record.name, record.sequence) == ("r1 x", "ACGT")


def test_read_trimmed_to_nothing_is_kept(tmp_path):
    records = read_fastq(written(tmp_path, b"@a\n\n+\n\n" + READ))
    assert [len(record.qualities) for record in records] == [0, 4]


@pytest.mark.parametrize("number", [0, 1, 9000])
@pytest.mark.parametrize(
    ("bad", "message", "offset"),
    [
        (b"@bad\nAC!T\n+\nIIII\n", "'!' is not a nucleotide letter .column 3.", 2),
        (b"@bad\nACET\n+\nIIII\n", "'E' is not a nucleotide letter", 2),
        (b"@bad\nAC-T\n+\nIIII\n", "gap '-' in a sequence", 2),
        (b"@bad\nAC T\n+\nIIII\n", "white space", 2),
        (
            b"@bad\nACGT\n+\nII I\n",
            "' ' is not a quality character of phred33 .column 3.; expects characters from",
            4,
        ),
        (b"@bad\nACGT\n+\nI\x7fII\n", r"'\\x7f' is not a quality character of phred33 .column 2.", 4),
        (b"@bad\nACGT\n+\nI\x00II\n", r"'\\x00' is not a quality character", 4),
        (
            b"@bad\nACGT\n+\nIII\n",
            "3 qualities for 4 letters, and the next line has 5 char.*; expects four lines",
            4,
        ),
        (b"@bad\nACGT\n+\nIIIII\n", "5 qualities for 4 letters; expects four lines", 4),
        (b"@bad\nACGT\n+other\nIIII\n", "the name after '\\+' is not that of the header", 3),
        (b"@bad\nACGT\n\nACGT\n+\nIIIIIIII\n", "a blank line within the sequence; remove it", 3),
        (b"@bad\nACGT\nACGT\n+\nIIII\n\n", "4 qualities for 8 letters", 5),
    ],
)
def test_malformed_record_is_refused_with_line_and_record(number, bad, message, offset, tmp_path):
    error = refused(written(tmp_path, READ * number + bad + READ), message)
    assert (error.line, error.record) == (4 * number + offset, "bad")


@pytest.mark.parametrize(
    ("end", "line"), [(b"@bad", 9), (b"@bad\nAC", 10), (b"@bad\nACGT\n+", 11), (b"@bad\nACGT\n+\n", 12)]
)
def test_truncated_record_is_refused(end, line, tmp_path):
    error = refused(written(tmp_path, READ * 2 + end), "the file ends within a record; expects four lines")
    assert (error.line, error.record) == (line, "bad")


def test_header_without_name_is_refused(tmp_path):
    error = refused(written(tmp_path, READ + b"@\nACGT\n+\nIIII\n"), "the header has no name")
    assert error.line == 5


@pytest.mark.parametrize("letter", ["\0", "\x0b", "\x1c", "\x7f"])
def test_a_control_character_in_a_header_is_refused_and_a_tab_is_not(letter, tmp_path):
    content = READ + f"@r2\tRG:Z:1 b{letter}c\nAC\n+\nII\n".encode()
    error = refused(written(tmp_path, content), "control character .* in the header")
    assert (error.line, error.record) == (5, "r2")
    assert [record.id for record in read_fastq(written(tmp_path, content.replace(letter.encode(), b"")))] == [
        "r1",
        "r2",
    ]
    with pytest.raises(ValueError, match="a name expects one line of ASCII text"):
        write_fastq(tmp_path / "b.fq", [(f"r{letter}1", "AC", np.zeros(2))])


@pytest.mark.parametrize("name", ["r", "r 1", "r\t1 2"])
@pytest.mark.parametrize("letter", [" ", "\t", "\x1f", "\x7f"])
def test_what_is_no_quality_is_refused_whatever_blanks_the_names_have(name, letter, tmp_path):
    bad = f"@{name}\nACGT\n+\nII{letter}I\n".encode()
    error = refused(written(tmp_path, READ + bad + READ), "is not a quality character of phred33")
    assert (error.line, error.record) == (8, "r")


@pytest.mark.parametrize("name", [" ", "\t", " \t"])
def test_a_name_of_blanks_alone_is_refused(name, tmp_path):
    bad = f"@{name}\nACGT\n+\nIIII\n".encode()
    assert refused(written(tmp_path, READ + bad), "the header has no name").line == 5


def test_record_without_at_sign_is_refused(tmp_path):
    error = refused(written(tmp_path, READ + b"bad\nACGT\n+\nIIII\n"), "expected to start with '@'")
    assert (error.line, error.record) == (5, "r1")


def test_bytes_beyond_ascii_are_refused(tmp_path):
    path = written(tmp_path, READ * 3 + b"@bad\nAC\xc3T\n+\nIIII\n" + READ)
    error = refused(path, "byte 0xc3 is not a nucleotide letter")
    assert (error.line, error.record) == (14, "bad")


def test_blank_line_between_records_is_refused(tmp_path):
    error = refused(written(tmp_path, READ + b"\n" + READ), "expected to start with '@'")
    assert error.line == 5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b">a\nACGT\n", "expects FASTQ, but this looks like FASTA; use read_fasta or read_sequences"),
        (b"ACGT\n", "expects '@' at the start of a record, got 'ACGT'"),
    ],
)
def test_what_is_not_fastq_is_refused_at_the_call(content, message, tmp_path):
    path = written(tmp_path, content)
    with pytest.raises(FormatError, match=message) as caught:
        read_fastq(path)
    assert caught.value.line == 1


def test_reading_is_lazy(tmp_path):
    records = read_fastq(written(tmp_path, READ + b"@bad\nAC!T\n+\nIIII\n"))
    assert isinstance(next(records), FastqRecord)
    with pytest.raises(FormatError, match="record bad"):
        next(records)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (("r", "ACGT", np.zeros(3)), r"record 0 \(r\) expects one quality for each of 4 letters, got"),
        (("r", "AC", np.array([0, 94])), r"expects qualities from 0 to 93, got 0 to 94"),
        (("r", "AC", np.array([-1, 3])), r"expects qualities from 0 to 93, got -1 to 3"),
        (("r", "A!", np.zeros(2)), "expects nucleotides, got 'A!'"),
        (("r", "Aé", np.zeros(2)), "expects nucleotides"),
        (("", "AC", np.zeros(2)), "a name expects one line of ASCII text"),
    ],
)
def test_record_that_would_not_read_back_is_not_written(record, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        write_fastq(tmp_path / "a.fq", [record])
    assert list(tmp_path.iterdir()) == []
