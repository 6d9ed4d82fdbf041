"""Compressed files: whatever is cut, damaged or followed by something is refused, and a bomb does not go off."""

from __future__ import annotations

import gzip
import random

import pytest
import zstandard

from genoml.io import FormatError, FormatWarning, read_fasta, read_fastq, write_fasta
from support.bgzf import bgzf_block
from support.mutations import mutations, refusals
from support.subprocesses import BLOCK, output_of

random.seed(5)
RECORDS = [(f"r{number}", "".join(random.choices("ACGT", k=60))) for number in range(3000)]
TEXT = b"".join(b">%s\n%s\n" % (name.encode(), sequence.encode()) for name, sequence in RECORDS)
BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


BLOCKS = [bgzf_block(TEXT[start : start + 50_000]) for start in range(0, len(TEXT), 50_000)]
PACKED = {
    "gzip": gzip.compress(TEXT, mtime=0),
    "bgzf": b"".join([*BLOCKS, BGZF_END]),
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress(TEXT),
}


def put(tmp_path, content: bytes):
    path = tmp_path / "a.fa.packed"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        *PACKED.values(),
        PACKED["zstd"] + zstandard.ZstdCompressor().compress(b""),
        b"".join([BGZF_END, *BLOCKS, BGZF_END]),
        b"".join([*BLOCKS[:2], BGZF_END, *BLOCKS[2:], gzip.compress(b"")]),
    ],
    ids=[*PACKED, "zstd, empty frame", "bgzf, empty block first", "bgzf, then an empty member of gzip"],
)
def test_whole_streams_give_every_record(content, tmp_path):
    assert list(read_fasta(put(tmp_path, content))) == RECORDS


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_members_and_frames_are_read_one_after_the_other(kind, tmp_path):
    pack = gzip.compress if kind == "gzip" else zstandard.ZstdCompressor().compress
    half = len(TEXT) // 2
    assert list(read_fasta(put(tmp_path, pack(TEXT[:half]) + pack(TEXT[half:])))) == RECORDS


@pytest.mark.parametrize("kind", PACKED)
def test_a_stream_that_is_cut_anywhere_is_refused(kind, tmp_path):
    content = PACKED[kind]
    draw = random.Random(1)
    for end in [5, 20, *(draw.randrange(20, len(content) - 28) for _ in range(10)), len(content) - 29]:
        with pytest.raises(FormatError, match=r"ends too early|was cut"):
            list(read_fasta(put(tmp_path, content[:end])))


def test_bgzf_that_is_cut_between_blocks_is_refused_within_a_line(tmp_path):
    with pytest.raises(FormatError, match="no end-of-file block and ends within a line, so it was cut"):
        list(read_fasta(put(tmp_path, b"".join(BLOCKS[:-1]))))


def test_bgzf_without_its_last_block_is_read_with_a_warning(tmp_path):
    with pytest.warns(FormatWarning, match=r"a\.fa\.packed: the BGZF stream has no end-of-file block"):
        assert list(read_fasta(put(tmp_path, b"".join(BLOCKS)))) == RECORDS


@pytest.mark.parametrize("kind", PACKED)
@pytest.mark.parametrize("rest", [b"garbage", b"\x1f", b">x\nACGT\n"])
def test_what_follows_a_stream_is_refused(kind, rest, tmp_path):
    with pytest.raises(FormatError, match=r"is corrupt|ends too early"):
        list(read_fasta(put(tmp_path, PACKED[kind] + rest)))


@pytest.mark.parametrize("kind", PACKED)
def test_damage_never_gives_other_records(kind, tmp_path):
    def read(path):
        records = list(read_fasta(path))
        assert records == RECORDS
        return records

    assert refusals(read, tmp_path, mutations(PACKED[kind], 22, seed=7)) >= 18


def test_zstd_is_written_when_the_name_asks_for_it(tmp_path):
    write_fasta(tmp_path / "a.fa.zst", RECORDS)
    assert (tmp_path / "a.fa.zst").read_bytes().startswith(b"\x28\xb5\x2f\xfd")
    assert list(read_fasta(tmp_path / "a.fa.zst")) == RECORDS


def test_without_zstandard_the_error_says_how_to_get_it(tmp_path):
    code = (
        BLOCK.format(library="zstandard")
        + """
from genoml.io import FormatError, read_fasta, write_fasta
for act in (lambda: read_fasta(sys.argv[1]), lambda: write_fasta(sys.argv[1] + ".zst", [("a", "AC")])):
    try:
        act()
    except FormatError as error:
        print(error)
"""
    )
    lines = output_of(code, str(put(tmp_path, PACKED["zstd"]))).splitlines()
    assert len(lines) == 2
    assert all(
        "zstd needs the package zstandard, which is not installed; pip install" in line for line in lines
    )


def bomb(start: bytes, tmp_path, n_members: int = 40):
    """A few hundred kilobytes that become 16 MB a member, without a line end."""
    return put(tmp_path, gzip.compress(start, mtime=0) + gzip.compress(b"A" * (1 << 24), mtime=0) * n_members)


@pytest.mark.parametrize(
    ("reader", "start", "line"),
    [
        (read_fasta, b">big\n", 1),
        (read_fasta, b">ok\nAC\n>big\nACGT\n", 3),
        (read_fastq, b"@big\n", 1),
        (read_fastq, b"@ok\nAC\n+\nII\n@big\n", 5),
        (read_fastq, b"@ok\nAC\nGT\n+\nII\nII\n@big\n", 7),
    ],
    ids=["FASTA", "second record", "FASTQ", "second read", "after a wrapped read"],
)
def test_a_record_that_is_too_long_is_refused_and_named(reader, start, line, tmp_path):
    with pytest.raises(FormatError, match="has more than 1000000 letters") as caught:
        list(reader(bomb(start, tmp_path), max_record_bp=1_000_000))
    assert (caught.value.line, caught.value.record) == (line, "big")


@pytest.mark.parametrize("reader", [read_fasta, read_fastq])
def test_a_header_without_end_is_refused(reader, tmp_path):
    with pytest.raises(FormatError, match="header"):
        list(reader(bomb(b">" if reader is read_fasta else b"@", tmp_path), max_record_bp=1_000_000))


@pytest.mark.parametrize("reader", ["read_fasta", "read_fastq"])
def test_a_bomb_is_refused_within_little_memory(reader, tmp_path):
    path = bomb(b">big\n" if reader == "read_fasta" else b"@big\n", tmp_path, 100)
    code = f"""
    import resource, sys
    from genoml.io import FormatError, {reader}
    resource.setrlimit(resource.RLIMIT_AS, (int(2.5e9), int(2.5e9)))
    try:
        list({reader}(sys.argv[1], max_record_bp=1 << 25))
    except FormatError as error:
        print(error.record)
    """
    assert output_of(code, str(path)).strip() == "big"


@pytest.mark.parametrize(
    ("reader", "content"),
    [(read_fasta, b">a\nACGT\n>b\nACG\nTAC\n"), (read_fastq, b"@a\nACGT\n+\nIIII\n@b\nACGTAC\n+\nIIIIII\n")],
)
def test_the_greatest_length_is_read(reader, content, tmp_path):
    assert len(list(reader(put(tmp_path, content), max_record_bp=6))) == 2
    with pytest.raises(FormatError, match="record b: the record has more than 5 letters"):
        list(reader(put(tmp_path, content), max_record_bp=5))
