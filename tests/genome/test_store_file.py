from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genoml.genome import GenomeStore
from genoml.genome.fasta_codes import fasta_codes
from genoml.genome.store_file import build_store
from genoml.io import FormatError, read_fasta
from genoml.io.files import Source
from genoml.sequence import decode
from genoml.sequence.intervals import whole_chromosomes
from support.mutations import mutations, refusals

GENOMES = Path(__file__).parents[1] / "data" / "genomes"


def sequences_of(store):
    return [
        decode(store.fetch(one)[0]) for one in (whole_chromosomes({n: s}) for n, s in store.sizes.items())
    ]


def built(folder: Path, content: bytes) -> GenomeStore:
    (folder / "g.fa").write_bytes(content)
    return GenomeStore.build(folder / "g.fa", folder / "g.store")


def in_pieces(path: Path, piece_bytes: int) -> list[tuple[str, str]]:
    found: dict[str, tuple[bytes, str]] = {}
    for name, codes, is_rna in fasta_codes(Source(path), piece_bytes=piece_bytes):
        found[name] = found.get(name, (b"",))[0] + codes, "RNA" if is_rna else "DNA"
    return [
        (name, decode(np.frombuffer(codes, np.uint8), alphabet=alphabet))
        for name, (codes, alphabet) in found.items()
    ]


@pytest.mark.parametrize("name", ["phix174.fa", "hg38_chr1_30kb.fa.gz"])
def test_a_store_holds_what_its_fasta_does(name, tmp_path):
    records = list(read_fasta(GENOMES / name))
    with GenomeStore.build(GENOMES / name, tmp_path / "g.store") as store:
        assert store.names == tuple(record.id for record in records)
        assert sequences_of(store) == [record.sequence.upper() for record in records]
        store.verify()


LINES = st.sampled_from(["ACGTacgtnNRY", "ACGUacgunNRY"]).flatmap(
    lambda letters: st.lists(st.text(letters, max_size=9), min_size=1, max_size=4).filter(any)
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80, deadline=None)
@given(
    st.lists(LINES, min_size=1, max_size=4),
    st.sampled_from(["\n", "\r\n", "  \n", " \t\r\n", "\n\n", "\n \n"]),
    st.booleans(),
    st.integers(1, 12),
)
def test_pieces_of_any_size_give_the_records_of_the_whole(tmp_path, records, line_end, ended, piece_bytes):
    text = "".join(
        f">r{number} more{line_end}" + line_end.join(lines) + line_end for number, lines in enumerate(records)
    )
    (tmp_path / "a.fa").write_text(text if ended else text.rstrip(), newline="")
    expected = [(r.id, r.sequence.upper()) for r in read_fasta(tmp_path / "a.fa")]
    assert in_pieces(tmp_path / "a.fa", piece_bytes) == expected


@pytest.mark.parametrize("piece_bytes", [1, 3, 7, 1 << 22])
@pytest.mark.parametrize(
    ("content", "message", "line", "record"),
    [
        (b">a\nACGT\nAC!T\n", "'!' is not a nucleotide letter", 3, "a"),
        (b">a\nAC-T\n", "gap '-' in a sequence", 2, "a"),
        (b">a\nAC\n>b\nAC GT\n", "white space .* within a sequence", 4, "b"),
        (b">a\nAC\n>b\nA>GT\n", "'>' within a sequence", 4, "b"),
        (b">a\nAC\n>a x\nGT\n", "the name 'a' was there before; expects each chromosome once", 3, None),
        (b">a\nACU\n>b\nAC\nGu\nTT\n", "the record has both T and U; write it as DNA or as RNA", 6, "b"),
        (b">a\nAC\nGt\nTU\n", "the record has both T and U", 4, "a"),
        (b">a\n>b\nGT\n", "the record has no sequence", 1, "a"),
        (b">a\nAC\n>b\n\n", "the record has no sequence", 3, "b"),
        (b">a\nAC\n>b", "the record has no sequence", 3, "b"),
        (b">a\nAC\n> \nGT\n", "the header has no name", 3, None),
        (b">a\nAC\n>\xe9\nGT\n", "the header is not UTF-8 text", 3, None),
        (b">a\nAC\n>b\0\nGT\n", "control character .* in the header", 3, None),
        (b">a\nAC\n>b c\xe2\x80\xa8d\nGT\n", "control character .* in the header", 3, None),
        (b">a\nAC\n>b\rGT\n", "a carriage return within a line", 3, None),
        (b"  >a\nACGT\n", "text before the first '>'", 1, None),
        (b"ACGT\n>a\nACGT\n", "text before the first '>'", 1, None),
    ],
)
def test_fasta_that_is_not_sound_is_refused(content, message, line, record, piece_bytes, tmp_path):
    (tmp_path / "a.fa").write_bytes(content)
    with pytest.raises(FormatError, match=message) as caught:
        in_pieces(tmp_path / "a.fa", piece_bytes)
    assert (caught.value.path, caught.value.line, caught.value.record) == (
        str(tmp_path / "a.fa"), line, record,
    )  # fmt: skip


def test_damaged_fasta_is_refused_as_by_read_fasta(tmp_path):
    def read(path):
        store = tmp_path / "g.store"
        store.unlink(missing_ok=True)
        try:
            names = [record.id for record in read_fasta(path)]
            sound = len(set(names)) == len(names)
        except FormatError:
            sound = False
        try:
            build_store(path, store)
        finally:
            assert store.exists() == sound
        GenomeStore.open(store).verify()
        return ()

    sound = b">a one\nACGTNNACGT\nACGTACGTAC\nAC\n>b\nACGTRYACGT\nTTTT\n"
    assert refusals(read, tmp_path, mutations(sound, 66, seed=3), has_lines=False) > 20
    assert not list(tmp_path.glob("*.tmp"))


def test_a_header_or_blank_line_without_end_is_refused(tmp_path):
    for content, message in [
        (b">" + b"a" * (2 << 20), "the header is longer than 1 MB"),
        (b">a\nAC" + b" " * (2 << 20), "more than 1 MB of blanks"),
    ]:
        (tmp_path / "a.fa").write_bytes(content)
        with pytest.raises(FormatError, match=message):
            in_pieces(tmp_path / "a.fa", 1 << 18)


def test_the_source_is_kept_by_size_time_and_hash(tmp_path):
    with built(tmp_path, b">a\nACGT\n") as store:
        known = store._index.source
        assert store.source == str(tmp_path / "g.fa")
    status = (tmp_path / "g.fa").stat()
    assert (known.path, known.size, known.mtime_ns) == ("g.fa", status.st_size, status.st_mtime_ns)
    assert known.sha256 == hashlib.sha256(b">a\nACGT\n").hexdigest()


def test_whether_a_chromosome_has_u_is_kept(tmp_path):
    with built(tmp_path, b">mir\nACGU\nuN\n>d\nacgt\n>n\nNNAC\n>last\nA\nu\n") as store:
        assert store.alphabets == {"mir": "RNA", "d": "DNA", "n": "DNA", "last": "RNA"}
        whole = store.fetch(whole_chromosomes(store.sizes))
    letters = [
        decode(codes, alphabet=store.alphabets[name]) for name, codes in zip(store.names, whole, strict=True)
    ]
    assert letters == ["ACGUUN", "ACGT", "NNAC", "AU"]


def test_a_failure_leaves_the_store_that_was_there(tmp_path):
    built(tmp_path, b">a\nACGT\n").close()
    before = (tmp_path / "g.store").read_bytes()
    with pytest.raises(FormatError):
        built(tmp_path, b">a\nAC!T\n")
    assert (tmp_path / "g.store").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["g.fa", "g.store"]


def test_where_a_store_cannot_be_is_an_error(tmp_path):
    (tmp_path / "g.fa").write_bytes(b">a\nACGT\n")
    with pytest.raises(ValueError, match=r"read in place, uncompressed; leave out \.gz"):
        build_store(tmp_path / "g.fa", tmp_path / "g.store.gz")
    with pytest.raises(ValueError, match="another name than its FASTA file"):
        build_store(tmp_path / "g.fa", tmp_path / "g.fa")
    with pytest.raises(ValueError, match="expects a FASTA file, got a stream"):
        build_store("-", tmp_path / "g.store")
    with pytest.raises(FileNotFoundError, match="no such directory"):
        build_store(tmp_path / "g.fa", tmp_path / "absent" / "g.store")
    with pytest.raises(FileNotFoundError, match="no such file"):
        build_store(tmp_path / "absent.fa", tmp_path / "g.store")
    with pytest.raises(FormatError, match="expects FASTA, but this looks like FASTQ"):
        built(tmp_path, b"@r\nACGT\n+\nIIII\n")


def test_memory_does_not_grow_with_the_chromosome(tmp_path):
    import tracemalloc

    with gzip.open(tmp_path / "g.fa.gz", "wb", compresslevel=1) as stream:
        stream.write(b">a\n")
        for _ in range(60):
            stream.write(b"ACGTACGTNN" * 100_000)  # one line of 60 Mb
    tracemalloc.start()
    GenomeStore.build(tmp_path / "g.fa.gz", tmp_path / "g.store").close()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30e6
