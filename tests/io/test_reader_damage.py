"""Damaged FASTA and FASTQ: read or refused by name, never another exception, never records lost in silence."""

from __future__ import annotations

from functools import partial

import pytest

from genoml.io import read_fasta, read_fastq
from genoml.io.blocks import LineBlocks
from genoml.io.errors import all_legal, first_illegal
from genoml.io.fasta_parser import FastaParser
from genoml.io.fastq_parser import FastqParser
from hostile.readers import read_damaged
from support.mutations import mutations, refusals

FASTA = b"".join(b">chr%d some words\nACGTNACGTACGTAC\nRYKACGTACG\n" % number for number in range(12))
FASTQ = {
    "phred33": b"".join(b"@r%d/1 x\nACGTNACGT\n+\n!5I#+@~II\n" % number for number in range(12)),
    "phred64": b"".join(b"@r%d/1 x\nACGTNACGT\n+\n@Bhgfe~hh\n" % number for number in range(12)),
    "solexa": b"".join(b"@r%d/1 x\nACGTNACGT\n+\n;=@hgfe~h\n" % number for number in range(12)),
}
WRAPPED = b"".join(b"@r%d\nACGTN\nACGT\n+\n@5I#+\n+~II\n" % number for number in range(12))


def test_damaged_fasta_is_read_or_refused(tmp_path):
    assert refusals(read_fasta, tmp_path, mutations(FASTA, 44, seed=1)) >= 15


@pytest.mark.parametrize("encoding", FASTQ)
def test_damaged_fastq_is_read_or_refused(encoding, tmp_path):
    read = partial(read_fastq, encoding=encoding)
    assert refusals(read, tmp_path, mutations(FASTQ[encoding], 33, seed=2)) >= 20


def test_damaged_wrapped_fastq_is_read_or_refused(tmp_path):
    assert refusals(read_fastq, tmp_path, mutations(WRAPPED, 33, seed=3)) >= 20


@pytest.mark.parametrize("encoding", FASTQ)
def test_a_cut_fastq_is_refused_unless_between_records(encoding, tmp_path):
    content = FASTQ[encoding]
    size = len(content) // 12
    path = tmp_path / "a.fq"
    for end in range(size + 1, 3 * size):
        path.write_bytes(content[:end])
        try:
            n_records = len(list(read_fastq(path, encoding=encoding)))
        except ValueError:
            continue
        assert content[:end].rstrip(b"\n").endswith(content[size - 10 : size - 1])
        assert n_records == content[:end].count(b"@r")


class Dribble:
    """A stream that gives a few bytes at a time."""

    def __init__(self, content: bytes, size: int) -> None:
        self._content, self._size = content, size

    def read1(self, _: int) -> bytes:
        some, self._content = self._content[: self._size], self._content[self._size :]
        return some


@pytest.mark.parametrize("size", [1, 2, 7, 50, 10_000])
@pytest.mark.parametrize("content", [FASTA, FASTA.replace(b"\n", b"\r\n"), FASTA.replace(b"\n", b"  \n\n")])
def test_fasta_does_not_depend_on_how_its_bytes_come(content, size):
    blocks = FastaParser("a.fa", "nucleotide", 1000).blocks(Dribble(content, size))
    records = [record for block in blocks for record in zip(*block, strict=True)]
    assert records == [(f"chr{n} some words", "ACGTNACGTACGTACRYKACGTACG") for n in range(12)]


@pytest.mark.parametrize("size", [1, 2, 7, 50, 10_000])
@pytest.mark.parametrize("content", [FASTQ["phred33"], FASTQ["phred33"].replace(b"\n", b"\r\n"), WRAPPED])
def test_fastq_does_not_depend_on_how_its_bytes_come(content, size):
    blocks = FastqParser("a.fq", "phred33", 1000).blocks(Dribble(content, size))
    records = [record for block in blocks for record in zip(*block, strict=True)]
    name, qualities = ("r{}", "@5I#++~II") if content == WRAPPED else ("r{}/1 x", "!5I#+@~II")
    assert records == [(name.format(n), "ACGTNACGT", qualities) for n in range(12)]


def test_errors_do_not_depend_on_how_the_bytes_come():
    content = FASTA + b">bad\nACGT\nAC*T\n"
    messages = set()
    for size in (1, 5, 64, 10_000):
        with pytest.raises(ValueError, match="'\\*' is not a nucleotide letter") as caught:
            list(FastaParser("a.fa", "nucleotide", 1000).blocks(Dribble(content, size)))
        messages.add(str(caught.value))
    assert len(messages) == 1
    assert "line 39, record bad" in messages.pop()


def test_blocks_have_whole_groups_of_lines():
    content = b"".join(b"%d\n" % number for number in range(103))
    for size in (1, 3, 10, 1000):
        blocks = [block for block in LineBlocks(Dribble(content, size), 4) if block is not None]
        assert b"".join(lines for lines, _ in blocks) == content
        assert all(lines.count(b"\n") == n_lines for lines, n_lines in blocks)
        assert all(n_lines % 4 == 0 for _, n_lines in blocks[:-1])


def test_the_quick_check_of_letters_equals_the_exact_one_for_every_byte():
    for byte in range(256):
        for text in (bytes([byte]), b"ACGTN" + bytes([byte]) + b"acgtn"):
            assert all_legal(text, "nucleotide") == (first_illegal(text, "nucleotide") is None)


def test_damaged_files_of_every_format_are_read_or_refused_with_file_and_line(tmp_path):
    found = read_damaged(tmp_path, 1400, seed=3)
    assert found.faults == {}
    assert found.refused > 700
