from __future__ import annotations

import gzip

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genoml.io import FastaRecord, FormatError, read_fasta, read_sequences, write_fasta

NAMES = st.text(
    alphabet=st.characters(blacklist_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=30
).filter(lambda name: name == name.strip())
SEQUENCES = st.text(alphabet="ACGTUacgtnRYSWKMBDHV", min_size=1, max_size=200)


def written(tmp_path, content: bytes):
    path = tmp_path / "a.fa"
    path.write_bytes(content)
    return path


def refused(path, message: str, **options) -> FormatError:
    with pytest.raises(FormatError, match=message) as caught:
        list(read_fasta(path, **options))
    assert caught.value.path == str(path)
    assert "\n" not in str(caught.value)
    return caught.value


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(NAMES, SEQUENCES), min_size=1, max_size=5),
    st.integers(0, 90),
    st.sampled_from(["a.fa", "a.fa.gz"]),
)
def test_what_is_written_reads_back(tmp_path, records, width, name):
    write_fasta(tmp_path / name, records, width=width)
    assert list(read_fasta(tmp_path / name)) == records


def test_records_have_name_sequence_and_id(tmp_path):
    (record,) = read_fasta(written(tmp_path, b">chr1:5-9 some words\nACGT\nacg\n"))
    assert record == FastaRecord("chr1:5-9 some words", "ACGTacg")
    assert record.id == "chr1:5-9"


@pytest.mark.parametrize(
    "content",
    [
        b">a\nACGT\nAC\n>b\nNN",
        b">a\r\nACGT\r\nAC\r\n>b\r\nNN\r\n",
        b"\n\n>a\nAC\n\nGTAC\n\n\n>b\n\nNN\n\n",
        b">a  \nACGT \t\nAC\n> b\nNN\n",
    ],
    ids=["no last line end", "CRLF", "blank lines", "blanks at line ends"],
)
def test_line_ends_and_blank_lines_do_not_matter(content, tmp_path):
    assert list(read_fasta(written(tmp_path, content))) == [("a", "ACGTAC"), ("b", "NN")]


def test_reading_is_lazy(tmp_path):
    records = read_fasta(written(tmp_path, b">a\nACGT\n>b\nAC!T\n"))
    assert next(records).name == "a"
    with pytest.raises(FormatError, match="line 4, record b"):
        next(records)


def test_line_width(tmp_path):
    write_fasta(tmp_path / "a.fa", [("a", "A" * 200)])
    assert [len(line) for line in (tmp_path / "a.fa").read_text().split()] == [2, 80, 80, 40]


@pytest.mark.parametrize(
    ("content", "message", "line"),
    [
        (b"ACGT\n>a\nACGT\n", "text before the first '>': 'ACGT'; expects FASTA", 1),
        (b"\n\n# note\n>a\nACGT\n", "text before the first '>': '# note'", 3),
        (b" >a\nACGT\n", "text before the first '>'", 1),
        (b"@r\nACGT\n+\nIIII\n", "expects FASTA, but this looks like FASTQ; use read_fastq", 1),
        (b"chr1\t10\t20\n", "expects FASTA, but this looks like BED; genoml fetch GENOME.fa FILE.bed", 1),
        (b"track name=x\nchr1\t10\t20\tp\n", "expects FASTA, but this looks like BED", 1),
        (b"\x00\x01\x02", "text before the first '>'", 1),
    ],
    ids=["letters", "comment", "blank", "FASTQ", "BED", "BED of a browser", "binary"],
)
def test_what_is_not_fasta_is_refused(content, message, line, tmp_path):
    error = refused(written(tmp_path, content), message)
    assert (error.line, error.record) == (line, None)


def test_what_is_not_fasta_is_refused_at_the_call(tmp_path):
    path = written(tmp_path, b"ACGT\n")
    with pytest.raises(FormatError, match="text before the first '>'"):
        read_fasta(path)


@pytest.mark.parametrize("content", [b">a\nAC\n>b x\n>c\nGT\n", b">a\nAC\n>b x\n\n \n"])
def test_record_without_sequence_is_refused(content, tmp_path):
    error = refused(written(tmp_path, content), "the record has no sequence; add the sequence or remove")
    assert (error.line, error.record) == (3, "b")


@pytest.mark.parametrize("header", [b">", b">  \t"])
def test_header_without_name_is_refused(header, tmp_path):
    error = refused(written(tmp_path, b">a\nAC\n" + header + b"\nGT\n"), "the header has no name")
    assert error.line == 3


CONTROL = ["\0", "\x0b", "\x0c", "\x1c", "\x1e", "\x7f", "\x85", "\u2028", "\u2029"]


@pytest.mark.parametrize("letter", CONTROL)
@pytest.mark.parametrize("header", ["b{}", "{}b", "b {} c", "{}"])
def test_control_characters_and_line_ends_of_unicode_in_a_header_are_refused(letter, header, tmp_path):
    content = b">a\nAC\n>" + header.format(letter).encode() + b"\nGT\n"
    error = refused(written(tmp_path, content), "control character .* in the header; remove it")
    assert error.line == 3


def test_a_header_may_have_tabs_and_letters_of_any_script(tmp_path):
    found = list(read_fasta(written(tmp_path, ">a\tb \u00e9 \u4e2d\u00a0x \nAC\n".encode())))
    assert found == [("a\tb \u00e9 \u4e2d\u00a0x", "AC")]


def test_header_that_is_not_utf8_is_refused(tmp_path):
    error = refused(written(tmp_path, b">a\nAC\n>b\xe9\nGT\n"), "the header is not UTF-8 text")
    assert error.line == 3


def test_old_macintosh_line_ends_are_refused(tmp_path):
    error = refused(written(tmp_path, b">a\rACGT\r>b\rACGT\r"), "carriage return within a line; convert")
    assert error.line == 1


@pytest.mark.parametrize(
    ("letter", "message"),
    [
        (b"!", "'!' is not a nucleotide letter .column 3.; expects A C G T U"),
        (b"E", "'E' is not a nucleotide letter"),
        (b"-", "gap '-' in a sequence .column 3.; remove the gaps"),
        (b".", "gap '.' in a sequence"),
        (b" ", "white space .' '. within a sequence"),
        (b"\t", "white space"),
        (b">", "'>' within a sequence .column 3.; a header starts on a line of its own"),
        (b"*", r"'\*' is not a nucleotide letter"),
        (b"#", "'#' is not a nucleotide letter"),
        (b"\x00", r"'\\x00' is not a nucleotide letter"),
        (b"\x1f", r"'\\x1f' is not a nucleotide letter"),
        (b"\xe9", "byte 0xe9 is not a nucleotide letter"),
    ],
)
def test_illegal_letter_is_refused_with_line_record_and_column(letter, message, tmp_path):
    content = b">a\nACGT\n>b c\nACGT\n\nNN" + letter + b"A\nACGT\n"
    error = refused(written(tmp_path, content), message)
    assert (error.line, error.record) == (6, "b")


def test_comment_line_within_a_record_is_refused(tmp_path):
    error = refused(written(tmp_path, b">a\nACGT\n# note\nACGT\n"), "'#' is not a nucleotide letter")
    assert error.line == 3


def test_protein_is_read_when_asked_for(tmp_path):
    path = written(tmp_path, b">a\nMKVLE*\n")
    assert next(read_fasta(path, letters="protein")).sequence == "MKVLE*"
    refused(path, "'L' is not a nucleotide letter .column 4.")


def test_illegal_letter_of_a_protein_is_refused(tmp_path):
    error = refused(written(tmp_path, b">a\nMK1\n"), "'1' is not an amino-acid letter", letters="protein")
    assert error.line == 2


def test_letters_may_go_unchecked(tmp_path):
    assert next(read_fasta(written(tmp_path, b">a\nA-C 1\xe9\n"), letters=None)).sequence == "A-C 1é"


@pytest.mark.parametrize("reader", [read_fasta, read_sequences])
def test_unknown_kind_of_letters_is_refused(reader, tmp_path):
    with pytest.raises(ValueError, match="letters expects 'nucleotide', 'protein' or None, got 'dna'"):
        reader(tmp_path / "a.fa", letters="dna")


@pytest.mark.parametrize("sequence", ["", "AC GT", "AC\nGT", "ACGT\n", ">A", " "])
def test_sequence_that_would_not_read_back_is_not_written(sequence, tmp_path):
    with pytest.raises(ValueError, match=r"record 1 \(b\) expects a sequence without white space or '>'"):
        write_fasta(tmp_path / "a.fa", [("a", "AC"), ("b", sequence)])


@pytest.mark.parametrize("name", ["", " a", "a ", "a\nb", "a\rb", "a\0", "a\x0bb", "a\u2028b"])
def test_name_that_would_not_read_back_is_not_written(name, tmp_path):
    with pytest.raises(ValueError, match="record 0: a name expects one line of text"):
        write_fasta(tmp_path / "a.fa", [(name, "AC")])


def test_negative_width_is_refused(tmp_path):
    with pytest.raises(ValueError, match="width expects 0 or more, got -1"):
        write_fasta(tmp_path / "a.fa", [], width=-1)


@pytest.mark.parametrize("packed", [False, True])
def test_read_sequences_takes_fasta_and_fastq_plain_and_gzipped(packed, tmp_path):
    for content in (b"\n>a b\nACGT\n>c\nNN\n", b"@a b\nACGT\n+\nIIII\n@c\nNN\n+\n!!\n"):
        path = written(tmp_path, gzip.compress(content) if packed else content)
        assert list(read_sequences(path)) == [FastaRecord("a b", "ACGT"), FastaRecord("c", "NN")]


def test_read_sequences_checks_fastq_too(tmp_path):
    path = written(tmp_path, b"@a\nAC-T\n+\nIIII\n")
    with pytest.raises(FormatError, match="line 2, record a: gap '-'"):
        list(read_sequences(path))


def test_read_sequences_refuses_what_is_neither(tmp_path):
    with pytest.raises(FormatError, match="text before the first '>'"):
        read_sequences(written(tmp_path, b"name,sequence\na,ACGT\n"))
