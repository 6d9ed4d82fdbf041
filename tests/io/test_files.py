"""What every reader and writer shares: compression, damage, standard input, pipes, atomic writing."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import subprocess
import sys
import textwrap
import threading
from types import SimpleNamespace

import pytest

from genoml.io import (
    FormatError,
    read_fasta,
    read_fastq,
    read_meme,
    read_sequences,
    read_transfac,
    write_fasta,
)
from genoml.io.files import Source

READERS = [read_fasta, read_fastq, read_sequences, read_transfac, read_meme]
TEXT = b"".join(b">r%d\nACGTACGTTGCA\n" % number for number in range(3000))


@pytest.mark.parametrize("reader", READERS)
def test_missing_file_is_refused_at_the_call(reader, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent\.fa: no such file; check the path"):
        reader(tmp_path / "absent.fa")


@pytest.mark.parametrize("reader", READERS)
def test_directory_is_refused_at_the_call(reader, tmp_path):
    with pytest.raises(IsADirectoryError, match="this is a directory; expects a file"):
        reader(tmp_path)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("content", [b"", b" \n\r\n\t\n", gzip.compress(b""), b"\n" * 9000])
def test_empty_file_is_refused_at_the_call(reader, content, tmp_path):
    path = tmp_path / "empty"
    path.write_bytes(content)
    with pytest.raises(FormatError, match="the file is empty; expects at least one record") as caught:
        reader(path)
    assert caught.value.path == str(path)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (bz2.compress(TEXT), "bzip2"),
        (lzma.compress(TEXT), "xz"),
        (b"PK\x03\x04rest", "zip"),
    ],
)
def test_other_compression_is_named(content, name, tmp_path):
    path = tmp_path / "a.fa.other"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=f"compressed with {name}; expects plain text, gzip or zstd"):
        read_sequences(path)


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"])
def test_byte_order_mark_is_named(mark, tmp_path):
    path = tmp_path / "a.fa"
    path.write_bytes(mark + TEXT)
    with pytest.raises(FormatError, match="byte-order mark; save it as plain ASCII"):
        read_fasta(path)


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(TEXT),
        gzip.compress(TEXT[:20000]) + gzip.compress(TEXT[20000:]),
        gzip.compress(b"") + gzip.compress(TEXT) + gzip.compress(b""),
        gzip.compress(TEXT) + b"\x00" * 100,
    ],
    ids=["one member", "two members", "empty members", "zero padding"],
)
def test_gzip_is_known_by_its_content(content, tmp_path):
    path = tmp_path / "no_suffix"
    path.write_bytes(content)
    assert len(list(read_fasta(path))) == 3000


def corrupt(content: bytes, position: int) -> bytes:
    return content[:position] + bytes([content[position] ^ 0xFF]) + content[position + 1 :]


PACKED = gzip.compress(TEXT)


@pytest.mark.parametrize(
    "content",
    [PACKED[:-1], PACKED[:-9], PACKED[: len(PACKED) // 2], PACKED[:15], PACKED[:3]],
    ids=["one byte", "trailer", "half", "first block", "header"],
)
def test_truncated_gzip_is_refused(content, tmp_path):
    path = tmp_path / "a.fa.gz"
    path.write_bytes(content)
    with pytest.raises(FormatError, match="the gzip stream ends too early; copy or download") as caught:
        list(read_fasta(path))
    assert caught.value.path == str(path)


@pytest.mark.parametrize(
    "content",
    [corrupt(PACKED, len(PACKED) - 6), corrupt(PACKED, len(PACKED) - 2), PACKED + b"garbage"],
    ids=["checksum", "size", "garbage after the end"],
)
def test_corrupt_gzip_is_refused(content, tmp_path):
    path = tmp_path / "a.fa.gz"
    path.write_bytes(content)
    with pytest.raises(FormatError, match="the gzip stream is corrupt"):
        list(read_fasta(path))


def test_flipped_byte_in_gzip_never_reads_as_sound(tmp_path):
    path = tmp_path / "a.fa.gz"
    for position in range(12, len(PACKED) - 8, max(1, len(PACKED) // 40)):
        path.write_bytes(corrupt(PACKED, position))
        with pytest.raises(FormatError):
            list(read_fasta(path))


@pytest.mark.parametrize("reader", [read_fastq, read_sequences])
def test_truncated_gzip_of_fastq_is_refused(reader, tmp_path):
    path = tmp_path / "a.fq.gz"
    path.write_bytes(gzip.compress(b"@r\nACGT\n+\nIIII\n" * 9000)[:-4])
    with pytest.raises(FormatError, match="the gzip stream ends too early"):
        list(reader(path))


@pytest.mark.parametrize("content", [TEXT, PACKED], ids=["plain", "gzip"])
def test_dash_is_standard_input(content, monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    assert len(list(read_fasta("-"))) == 3000


def test_standard_input_is_named_in_errors(monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b">a\nAC!\n")))
    with pytest.raises(FormatError, match="standard input, line 2, record a: '!' is not a nucleotide"):
        list(read_fasta("-"))


def test_fastq_is_read_from_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"@a\nAC\n+\nII\n")))
    assert [record.sequence for record in read_fastq("-")] == ["AC"]


def test_named_pipe_is_read(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_bytes(PACKED), daemon=True)
    writer.start()
    records = list(read_sequences(path))
    writer.join()
    assert len(records) == 3000


def test_records_come_before_the_pipe_ends(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    seen, in_time = threading.Event(), []

    def write():
        with path.open("wb", buffering=0) as pipe:
            pipe.write(b"@a\nAC\n+\nII\n@b\nAC\nGT\n+\nIIII\n")
            in_time.append(seen.wait(20))
            pipe.write(b"@c\nAC\n+\nII\n")

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    records = read_fastq(path)
    assert [next(records).name, next(records).name] == ["a", "b"]
    seen.set()
    assert [record.name for record in records] == ["c"]
    writer.join()
    assert in_time == [True]


@pytest.mark.parametrize(
    ("record", "count"), [(b">r\n" + b"ACGTN" * 40 + b"\n", 20_000), (b"@r\nACGT\n+\nII#I\n", 200_000)]
)
def test_a_long_pipe_takes_little_memory(record, count):
    code = """
    import resource, sys
    from genoml.io import read_sequences
    records = read_sequences("-")
    next(records)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    count = 1 + sum(1 for _ in records)
    print(count, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
    """
    program = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(program, input=record * count, capture_output=True, check=True, timeout=60)
    n_records, more_megabytes = map(int, done.stdout.split())
    assert n_records == count
    assert more_megabytes < 3


def test_standard_input_is_read_once(monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"\n\n>a\nAC\n")))
    source = Source("-")
    assert (source.start, source.start_line) == (b">a\nAC\n", 3)
    with source.open() as stream:
        assert stream.read() == b"\n\n>a\nAC\n"
    with (
        pytest.raises(ValueError, match="standard input can be read only once; save it to a file"),
        source.open(),
    ):
        pass


def test_blank_input_without_end_is_refused(monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"\n" * (1 << 21))))
    with pytest.raises(FormatError, match="starts with more than 1048576 bytes of white space"):
        read_fasta("-")


def test_reader_left_half_way_closes_its_file(tmp_path):
    path = tmp_path / "a.fa"
    path.write_bytes(TEXT)
    records = read_fasta(path)
    assert next(records).name == "r0"
    del records  # an open file would be a ResourceWarning, which fails the test


def test_failed_write_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.fa"
    path.write_text("precious")
    with pytest.raises(ValueError, match="record 1"):
        write_fasta(path, [("a", "ACGT"), ("b", "")])
    assert path.read_text() == "precious"
    assert os.listdir(tmp_path) == ["a.fa"]


def test_interrupted_write_leaves_nothing(tmp_path):
    def records():
        yield "a", "ACGT"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_fasta(tmp_path / "a.fa", records())
    assert os.listdir(tmp_path) == []


def test_write_replaces_the_file_behind_a_symbolic_link(tmp_path):
    target, link = tmp_path / "target.fa", tmp_path / "link.fa"
    target.write_text("old")
    link.symlink_to(target)
    write_fasta(link, [("a", "ACGT")])
    assert link.is_symlink()
    assert target.read_text() == ">a\nACGT\n"


def test_written_file_has_the_usual_permissions(tmp_path):
    write_fasta(tmp_path / "a.fa", [("a", "ACGT")])
    (tmp_path / "b.fa").write_text("")
    assert (tmp_path / "a.fa").stat().st_mode == (tmp_path / "b.fa").stat().st_mode


def test_a_replaced_file_keeps_its_mode(tmp_path):
    path = tmp_path / "a.fa"
    path.write_text("old")
    path.chmod(0o640)
    write_fasta(path, [("a", "ACGT")])
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_pipe_with_the_name_of_a_temporary_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.fa.0123abcd.tmp")
    write_fasta(tmp_path / "a.fa", [("a", "ACGT")])
    assert (tmp_path / "a.fa").read_text() == ">a\nACGT\n"


def test_what_a_killed_process_left_goes_with_the_next_write_and_what_is_written_stays(tmp_path):
    stale, other = tmp_path / "a.fa.0123abcd.tmp", tmp_path / "b.fa.0123abcd.tmp"
    stale.write_text("half")
    other.write_text("of another file")

    def records():
        yield "a", "ACGT"
        write_fasta(tmp_path / "a.fa", [("b", "GGGG")])  # leaves alone the file that is being written
        yield "c", "TTTT"

    write_fasta(tmp_path / "a.fa", records())
    assert (tmp_path / "a.fa").read_text() == ">a\nACGT\n>c\nTTTT\n"
    assert sorted(os.listdir(tmp_path)) == ["a.fa", other.name]


def test_device_is_written_and_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write_fasta(pipe, [("a", "ACGT")])
    reader.join()
    assert received == [b">a\nACGT\n"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_writing_to_a_directory_is_refused(tmp_path):
    with pytest.raises(IsADirectoryError, match="this is a directory; expects a file name"):
        write_fasta(tmp_path, [("a", "ACGT")])


def test_writing_into_no_directory_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such directory to write"):
        write_fasta(tmp_path / "absent" / "a.fa", [("a", "ACGT")])


def test_gzip_is_written_the_same_each_time(tmp_path):
    for name in ("a.fa.gz", "b.fa.gz"):
        write_fasta(tmp_path / name, [("a", "ACGT" * 100)])
    content = (tmp_path / "a.fa.gz").read_bytes()
    assert content == (tmp_path / "b.fa.gz").read_bytes()
    assert gzip.decompress(content).startswith(b">a\nACGT")
