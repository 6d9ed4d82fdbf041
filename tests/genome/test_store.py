from __future__ import annotations

import os
import pickle
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml.genome import GenomeStore, Intervals, store_file
from genoml.genome.store_file import DATA_OFFSET
from genoml.io import FormatError, read_fasta
from genoml.sequence import base_codes, decode, one_hot, reverse_complement
from support.subprocesses import output_of

FASTA = Path(__file__).parents[1] / "data" / "genomes" / "phix174.fa"
(PHIX,) = read_fasta(FASTA)
CONTENT = f">phix text\n{PHIX.sequence}\n>small\nacgtRYN\n>tiny\nA\n"
SEQUENCES = {"phix": PHIX.sequence, "small": "ACGTRYN", "tiny": "A"}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    (folder / "g.fa").write_text(CONTENT)
    with GenomeStore.build(folder / "g.fa", folder / "g.store") as opened:
        yield opened


@pytest.fixture
def copied(store, tmp_path):
    """A store and its FASTA file, to be damaged."""
    for name in ("g.fa", "g.store"):
        shutil.copy2(Path(store.path).parent / name, tmp_path / name)
    return tmp_path / "g.store"


def letters_of(interval, pad="."):
    whole = SEQUENCES[interval.chrom]
    inside = range(interval.start, interval.end)
    found = "".join(whole[base] if 0 <= base < len(whole) else "N" for base in inside)
    return reverse_complement(found) if interval.strand == "-" else found


def shown(codes):
    return decode(np.where(codes == 15, 14, codes).astype(np.uint8))


@st.composite
def inside_intervals(draw):
    rows = []
    for name, strand in draw(st.lists(st.tuples(st.sampled_from(list(SEQUENCES)), st.sampled_from("+-.")))):
        start = draw(st.integers(0, len(SEQUENCES[name]) - 1))
        rows.append((name, start, draw(st.integers(start + 1, len(SEQUENCES[name]))), strand))
    return Intervals(*([list(column) for column in zip(*rows, strict=True)] or ([], [], [])))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_intervals_of_any_lengths_give_their_letters(store, data):
    intervals = data.draw(inside_intervals())
    assert [shown(codes) for codes in store.fetch(intervals)] == [letters_of(row) for row in intervals]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(list(SEQUENCES)), st.integers(-8, 5390), st.sampled_from("+-."))),
    st.integers(1, 9),
)
def test_padding_stands_where_the_chromosome_does_not(store, rows, length):
    rows = [row for row in rows if row[1] + length > 0 and row[1] < len(SEQUENCES[row[0]])]
    names, start, strand = [list(column) for column in zip(*rows, strict=True)] or ([], [], [])
    intervals = Intervals(names, start, [first + length for first in start], strand)
    codes = store.fetch(intervals, edges="pad")
    assert codes.dtype == np.uint8
    assert codes.shape == ((len(rows), length) if rows else (0, 0))
    assert [shown(row) for row in codes] == [letters_of(row) for row in intervals]
    kept = store.fetch(intervals, edges="drop")[1]
    inside = [row.start >= 0 and row.end <= len(SEQUENCES[row.chrom]) for row in intervals]
    assert kept.tolist() == np.flatnonzero(inside).tolist()


def test_padding_is_no_base_under_any_policy(store):
    over = Intervals(["tiny", "tiny"], [-1, -1], [2, 2], ["+", "-"])
    assert store.fetch(over, edges="pad").tolist() == [[15, 0, 15], [15, 3, 15]]
    found = store.fetch(over, edges="pad", one_hot=True, ambiguous="uniform", backend="numpy")
    assert found.sum(axis=2).tolist() == [[0, 1, 0], [0, 1, 0]]


def test_dropping_tells_what_was_kept(store):
    intervals = Intervals("small", [-1, 0, 5, 3], [1, 2, 8, 5])
    codes, kept = store.fetch(intervals, edges="drop")
    assert kept.tolist() == [1, 3]
    assert [shown(row) for row in codes] == ["AC", "TR"]
    codes, kept = store.fetch(intervals[[0, 0]], edges="drop")
    assert (codes.shape, kept.size) == ((0, 2), 0)


def test_one_hot_is_made_on_the_backend(store, backend):
    intervals = Intervals("small", [0, 2], [5, 7], ["+", "-"])
    found = store.fetch(intervals, one_hot=True, ambiguous="iupac")
    expected = one_hot(base_codes(["ACGTR", "NRYAC"]), ambiguous="iupac")
    backend.check(found, "the test")
    np.testing.assert_array_equal(backend.to_numpy(found), backend.to_numpy(expected))


@pytest.mark.parametrize(
    ("start", "end"),
    [(-1, 3), (5380, 5387), (5386, 5387), (0, 2**31), (2**31, 2**31 + 4), (2**40 - 1, 2**40)],
)
def test_an_interval_past_an_edge_is_an_error(store, start, end):
    intervals = Intervals(["tiny", "phix"], [0, start], [1, end])
    for row, some in [(1, intervals), (0, intervals[1:])]:
        place = rf"phix:{start}-{end} \(row {row}\) reaches past its chromosome, which has 5386 bp"
        with pytest.raises(ValueError, match=place + ": expects 0 to 5386, or pass edges='pad' or 'drop'"):
            store.fetch(some)


@pytest.mark.parametrize(("start", "end"), [(-3, 0), (5386, 5390), (2**31, 2**31 + 4)])
def test_an_interval_without_any_base_cannot_be_padded(store, start, end):
    with pytest.raises(ValueError, match="has no base on its chromosome"):
        store.fetch(Intervals("phix", [start], [end]), edges="pad")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("chrphix", "'phix'"), ("Phix", "'phix'"), ("smal", "'small'"),
    ],
)  # fmt: skip
def test_an_unknown_chromosome_is_an_error_that_names_the_nearest(store, name, hint):
    for edges in ("error", "pad", "drop"):
        message = rf"g.store has no chromosome '{name}' \(did you mean {hint}\?\)"
        with pytest.raises(ValueError, match=message):
            store.fetch(Intervals(name, [0], [1]), edges=edges)
    with pytest.raises(ValueError, match=r"no chromosome 'x'$"):
        store.size_of("x")


def test_arguments_are_checked(store):
    intervals = Intervals("phix", [0, 0], [4, 5])
    with pytest.raises(ValueError, match="edges expects 'error', 'pad' or 'drop', got 'clip'"):
        store.fetch(intervals, edges="clip")
    with pytest.raises(ValueError, match="one_hot expects intervals of one length, got several"):
        store.fetch(intervals, one_hot=True)
    with pytest.raises(TypeError, match=r"fetch expects intervals, such as read_bed\(path\) gives, got list"):
        store.fetch([("phix", 0, 4)])


def test_a_store_describes_itself(store):
    assert store.names == ("phix", "small", "tiny")
    assert store.sizes == {"phix": 5386, "small": 7, "tiny": 1}
    assert repr(store) == f"GenomeStore({store.path!r}: 3 chromosomes, 5,394 bp)"


# ---- damage


def test_every_truncation_is_noticed_on_opening(copied):
    whole = copied.read_bytes()
    for length in [0, 1, 8, 15, 16, 60, 100, 5000, len(whole) - 65, len(whole) - 64, len(whole) - 1]:
        copied.write_bytes(whole[:length])
        with pytest.raises(FormatError, match=r"truncated|not a genome store|of version") as caught:
            GenomeStore.open(copied)
        assert caught.value.path == str(copied)
    copied.write_bytes(whole + b"\0")
    with pytest.raises(FormatError, match="truncated, or its last bytes are damaged"):
        GenomeStore.open(copied)


def test_every_flipped_bit_outside_the_bases_is_noticed_on_opening(copied):
    whole = copied.read_bytes()
    for at in [*range(DATA_OFFSET), *range(DATA_OFFSET + 5394, len(whole), 3)]:
        copied.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :])
        with pytest.raises(FormatError):
            GenomeStore.open(copied)


def test_a_flipped_bit_in_the_bases_is_found_by_verify(copied):
    whole = copied.read_bytes()
    for at, name in [(0, "phix"), (5385, "phix"), (5388, "small"), (5393, "tiny")]:
        place = DATA_OFFSET + at
        copied.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        damaged = GenomeStore.open(copied)
        with pytest.raises(FormatError, match="the bases of the genome store are damaged") as caught:
            damaged.verify()
        assert caught.value.record == name


def rewritten(path: Path, change) -> None:
    """The store with its index changed, and sound marks and checksums around it."""
    import hashlib
    import struct

    whole = path.read_bytes()
    offset, length = struct.unpack("<QQ", whole[-64:-48])
    index = change(whole[offset : offset + length])
    foot = struct.pack("<QQ32s", offset, len(index), hashlib.sha256(index).digest())
    path.write_bytes(whole[:offset] + index + foot + whole[-16:])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'"length":5386', b'"length":5387', "does not fit its 5394 bases"),
        (b'"length":5386', b'"length":-5386', "does not fit its 5394 bases"),
        (b'"length":5386', b'"length":99999999999999999999', "does not fit its 5394 bases"),
        (b'"length":5386', b'"length":"5386"', "not as expected"),
        (b'"checksums":"', b'"checksums":"AAAA', "does not fit its 5394 bases"),
        (b'"checksums":"', b'"checksums":"!', "not as expected"),
        (b'"alphabet":"DNA"', b'"alphabet":"XNA"', "not as expected"),
        (b'"size":', b'"size":-', "not as expected"),
        (b'"name":"small"', b'"name":"tiny"', "does not fit"),
        (b'{"chromosomes"', b'{"more":1,"chromosomes"', "not as expected"),
        (b'{"chromosomes"', b'{"chromosomes', "not as expected"),
    ],
)
def test_what_the_index_says_is_not_believed(copied, old, new, message):
    rewritten(copied, lambda index: index.replace(old, new))
    with pytest.raises(FormatError, match=message):
        GenomeStore.open(copied)


def test_a_size_beyond_the_file_is_not_allocated(copied):
    whole = copied.read_bytes()
    copied.write_bytes(whole[:-56] + b"\xff" * 8 + whole[-48:])
    with pytest.raises(FormatError, match="truncated, or its last bytes are damaged"):
        GenomeStore.open(copied)


def test_another_version_is_named(copied):
    whole = copied.read_bytes()
    for version in (1, 3):
        copied.write_bytes(whole[:8] + bytes([version]) + whole[9:])
        with pytest.raises(FormatError, match=f"is of version {version}, expects 2; build it again"):
            GenomeStore.open(copied)


def test_another_file_is_no_store(copied):
    with pytest.raises(FormatError, match="this is not a genome store"):
        GenomeStore.open(copied.parent / "g.fa")
    with pytest.raises(FileNotFoundError):
        GenomeStore.open(copied.parent / "absent")
    with pytest.raises(IsADirectoryError):
        GenomeStore.open(copied.parent)


def test_a_changed_source_makes_the_store_stale(copied):
    fasta = copied.parent / "g.fa"
    fasta.write_text(CONTENT.replace("acgt", "acga"))
    with pytest.raises(FormatError, match=r"is stale: .*g\.fa has changed since it was made"):
        GenomeStore.open(copied)
    fasta.write_text(CONTENT + ">more\nACGT\n")
    with pytest.raises(FormatError, match="is stale"):
        GenomeStore.open(copied)


def replace_by_rename(fasta: Path, content: str) -> None:
    fasta.with_suffix(".new").write_text(content)
    shutil.copystat(fasta, fasta.with_suffix(".new"))
    fasta.with_suffix(".new").replace(fasta)


def write_in_place(fasta: Path, content: str) -> None:
    before = fasta.stat()
    fasta.write_text(content)
    os.utime(fasta, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("change", [replace_by_rename, write_in_place])
@pytest.mark.parametrize("tick_ns", [0, 2_000_000_000])
def test_a_source_changed_to_the_same_size_and_time_makes_the_store_stale(
    tmp_path, monkeypatch, change, tick_ns
):
    monkeypatch.setattr(store_file, "_TICK_NS", tick_ns)
    fasta = tmp_path / "g.fa"
    fasta.write_text(">chr1\nGGGGCCCC\n")
    GenomeStore.build(fasta, tmp_path / "g.store").close()
    before = fasta.stat()
    if not tick_ns:
        time.sleep(0.05)  # the clock of the file system moves on
    change(fasta, ">chr1\nTTTTCCCC\n")
    assert (fasta.stat().st_size, fasta.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    with pytest.raises(FormatError, match="is stale"):
        GenomeStore.open(tmp_path / "g.store")
    change(fasta, ">chr1\nGGGGCCCC\n")
    GenomeStore.open(tmp_path / "g.store").close()


def test_a_source_that_has_lain_there_is_not_read_again(copied, monkeypatch):
    monkeypatch.setattr(store_file, "_TICK_NS", 0)
    GenomeStore.build(copied.parent / "g.fa", copied).close()
    monkeypatch.setattr(store_file, "_sha256", lambda path: pytest.fail("reads the whole file"))
    GenomeStore.open(copied).close()


def test_what_is_no_regular_file_is_not_opened(copied):
    os.mkfifo(copied.parent / "pipe")
    (copied.parent / "folder").mkdir()
    size = (copied.parent / "folder").stat().st_size
    for place, bytes_ in (("pipe", 1), ("folder", size), ("/dev/zero", 1)):
        source = f'"path":"{place}","size":{bytes_}'.encode()
        rewritten(copied, lambda index, source=source: re.sub(rb'"path":"[^"]*","size":\d+', source, index))
        with pytest.raises(FormatError, match=r"is stale: .* is another file"):
            GenomeStore.open(copied)
    for place in (copied.parent / "pipe", "/dev/zero"):
        with pytest.raises(FormatError, match="this is a device, pipe or socket; expects a regular file"):
            GenomeStore.open(place)


def test_a_source_that_was_only_touched_or_moved_away_is_no_reason(copied):
    fasta = copied.parent / "g.fa"
    os.utime(fasta, (1, 1))
    GenomeStore.open(copied).close()
    fasta.rename(copied.parent / "moved.fa")
    GenomeStore.open(copied).close()
    GenomeStore.open(copied, fasta=copied.parent / "moved.fa").close()
    with pytest.raises(FileNotFoundError):
        GenomeStore.open(copied, fasta=fasta)


def test_a_file_that_shrinks_while_open_is_noticed(copied):
    with GenomeStore.open(copied) as opened:
        os.truncate(copied, 4096)
        for read in (opened.verify, lambda: opened.fetch(Intervals("phix", [0], [9]))):
            with pytest.raises(FormatError, match="was truncated while open"):
                read()


def test_a_closed_store_says_so(copied):
    opened = GenomeStore.open(copied)
    codes = opened.fetch(Intervals("small", [0], [4]))
    opened.close()
    with pytest.raises(ValueError, match="the genome store is closed"):
        opened.fetch(Intervals("small", [0], [4]))
    assert shown(codes[0]) == "ACGT"


# ---- many readers


def test_a_store_is_pickled_by_its_path(copied):
    opened = GenomeStore.open(copied)
    packed = pickle.dumps(opened)
    assert len(packed) < 500
    assert shown(pickle.loads(packed).fetch(Intervals("small", [0], [4]))[0]) == "ACGT"
    (copied.parent / "g.fa").write_text(">small\nACGTACGT\n")
    GenomeStore.build(copied.parent / "g.fa", copied)
    with pytest.raises(FormatError, match="was replaced by another one; open it anew"):
        pickle.loads(packed)
    # who had it open goes on reading what was there
    assert shown(opened.fetch(Intervals("small", [0], [7]))[0]) == "ACGTRYN"


def test_threads_read_at_once(store):
    intervals = Intervals("phix", np.arange(5000), np.arange(5000) + 100)
    expected = store.fetch(intervals)
    with ThreadPoolExecutor(4) as threads:
        for found in threads.map(store.fetch, [intervals] * 8):
            np.testing.assert_array_equal(found, expected)


def test_a_store_can_be_used_after_a_fork(store):
    code = """
    import os, sys
    from genoml.genome import GenomeStore, Intervals, store_file
    store = GenomeStore.open(sys.argv[1])
    child = os.fork()
    codes = store.fetch(Intervals("small", [0], [4])).tolist()
    if child == 0:
        os._exit(0 if codes == [[0, 1, 2, 3]] else 1)
    print(codes, os.waitpid(child, 0)[1])
    """
    assert output_of(code, store.path) == "[[0, 1, 2, 3]] 0"


def test_ten_thousand_windows_take_milliseconds(tmp_path):
    rng = np.random.default_rng(0)
    letters = np.frombuffer(b"ACGT", np.uint8)[rng.integers(0, 4, 3_000_000)]
    (tmp_path / "g.fa").write_bytes(b">c\n" + letters.tobytes())
    start = rng.integers(0, 2_999_000, 10_000)
    windows = Intervals("c", start, start + 1000, rng.choice(["+", "-"], 10_000))
    with GenomeStore.build(tmp_path / "g.fa", tmp_path / "g.store") as opened:
        best = np.inf
        for _ in range(5):
            begin = time.perf_counter()
            opened.fetch(windows)
            best = min(best, time.perf_counter() - begin)
    assert best < 0.25  # the benchmark measures it; this only notices a loop over windows or bases
