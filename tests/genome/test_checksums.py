"""A wrong base of a store is noticed before it is used, and what was compared once is not compared again."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genoml.genome import GenomeStore, Intervals, base_composition, checksums, sample_windows
from genoml.genome.checksums import BLOCK_BASES, BlockChecksums, count_blocks
from genoml.genome.store_file import DATA_OFFSET
from genoml.io import FormatError
from support.subprocesses import output_of

SIZES = {"one": 3 * BLOCK_BASES + 5, "small": 7, "two": 2 * BLOCK_BASES, "three": BLOCK_BASES + 1}
OFFSETS = dict(zip(SIZES, np.cumsum([0, *SIZES.values()]).tolist(), strict=False))
DAMAGED = "the bases of the genome store are damaged"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    letters = {name: rng.choice(list("ACGTN"), size) for name, size in SIZES.items()}
    (tmp_path / "g.fa").write_text("".join(f">{name}\n{''.join(seq)}\n" for name, seq in letters.items()))
    GenomeStore.build(tmp_path / "g.fa", tmp_path / "g.store").close()
    return tmp_path / "g.store"


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of bases of each block that is compared."""
    found: list[int] = []
    monkeypatch.setattr(checksums, "crc32", lambda block: found.append(len(block)) or crc32(block))
    return found


def flip(path: Path, name: str, at: int, bit: int = 0) -> None:
    content = bytearray(path.read_bytes())
    content[DATA_OFFSET + OFFSETS[name] + at] ^= 1 << bit
    path.write_bytes(content)


@given(st.lists(st.integers(0, 3 * BLOCK_BASES), min_size=1, max_size=6).filter(any))
def test_pieces_of_any_size_give_the_checksums_of_whole_blocks(sizes: list[int]) -> None:
    codes = np.random.default_rng(1).integers(0, 15, sum(sizes), dtype=np.uint8).tobytes()
    taken = BlockChecksums()
    for start, size in zip(np.cumsum([0, *sizes]).tolist(), sizes, strict=False):
        taken.update(codes[start : start + size])
    expected = [crc32(codes[at : at + BLOCK_BASES]) for at in range(0, len(codes), BLOCK_BASES)]
    assert np.frombuffer(taken.packed(), "<u4").tolist() == expected
    assert len(expected) == count_blocks(len(codes))


@pytest.mark.parametrize("bit", range(8))
@pytest.mark.parametrize(
    ("name", "at", "within"),
    [
        ("one", 0, (0, BLOCK_BASES)),
        ("one", SIZES["one"] - 1, (3 * BLOCK_BASES, SIZES["one"])),
        ("small", 3, (0, 7)),
        ("two", BLOCK_BASES, (BLOCK_BASES, 2 * BLOCK_BASES)),
        ("three", BLOCK_BASES, (BLOCK_BASES, BLOCK_BASES + 1)),
    ],
)
def test_each_flipped_bit_is_noticed_before_a_base_of_its_block_is_used(
    path: Path, name: str, at: int, within: tuple[int, int], bit: int
) -> None:
    flip(path, name, at, bit)
    first, stop = within
    others = [(other, 0, 7) for other in SIZES if other != name] + [(name, 0, first)] * (first > 0)
    with GenomeStore.open(path) as store:
        for other, start, end in others:
            store.fetch(Intervals(other, [start], [end]))
        for start, end in {(first, first + 1), (stop - 1, stop), (max(first - 1, 0), stop), (0, SIZES[name])}:
            with pytest.raises(FormatError, match=f"{DAMAGED}, within {first}-{stop}; remove it") as caught:
                store.fetch(Intervals(name, [start], [end], "-"))
            assert (caught.value.path, caught.value.record) == (str(path), name)
        with pytest.raises(FormatError, match=DAMAGED):
            store.verify()


def test_damage_is_noticed_whatever_is_asked_of_the_store(path: Path) -> None:
    flip(path, "one", 5, 2)
    one = Intervals("one", [0, 4], [9, 13])
    with GenomeStore.open(path) as store:
        for read in (
            lambda: store.fetch(one, one_hot=True),
            lambda: store.fetch(one, edges="drop"),
            lambda: store.fetch(Intervals("one", [-5], [1]), edges="pad"),
            lambda: store.fetch(Intervals(["small", "one"], [0, 1], [3, 9])),
            lambda: base_composition(store, one),
            lambda: sample_windows(store, 50, 9, chromosomes=["one"]),
        ):
            with pytest.raises(FormatError, match=DAMAGED):
                read()


def test_codes_that_cannot_exist_are_refused_though_their_checksum_is_right(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flip(path, "two", 9, 4)
    monkeypatch.setattr(checksums, "crc32", lambda block: int(expected))
    with GenomeStore.open(path) as store:
        expected = np.frombuffer(store._index.chromosomes[2].checksums, "<u4")[0]
        assert store._codes[OFFSETS["two"] + 9] >= 15
        with pytest.raises(FormatError, match=DAMAGED):
            store.fetch(Intervals("two", [0], [4]))


def test_each_block_is_compared_once(path: Path, compared: list[int]) -> None:
    windows = Intervals("one", [0, 5, BLOCK_BASES - 1], [4, 9, BLOCK_BASES + 1])
    with GenomeStore.open(path) as store:
        for wanted in (windows, windows, windows[:1]):
            store.fetch(wanted)
        assert compared == [BLOCK_BASES] * 2
        store.fetch(Intervals("one", [10], [SIZES["one"]]))
        assert compared == [BLOCK_BASES] * 3 + [5]
        for _ in range(2):
            store.fetch(Intervals(["one", "three"], [0, 1], [3 * BLOCK_BASES, BLOCK_BASES + 1]))
        assert compared == [BLOCK_BASES] * 3 + [5, BLOCK_BASES, 1]
        store.fetch(Intervals("two", [-20000], [20000]), edges="pad")
        store.fetch(Intervals("one", [-20000], [20000]), edges="drop")
        assert compared[6:] == [BLOCK_BASES] * 2
        store.verify()  # compares all of them, again
        assert sum(compared[8:]) == sum(SIZES.values())


@given(st.data())
def test_what_is_touched_is_what_is_compared(data: st.DataObject) -> None:
    lengths = np.array(list(SIZES.values()))
    codes = np.zeros(lengths.sum(), dtype=np.uint8)
    sums = []
    for length in lengths:
        taken = BlockChecksums()
        taken.update(bytes(length))
        sums.append(taken.packed())
    checks = checksums.BlockChecks("g.store", list(SIZES), lengths, sums)
    touched = set()
    for _ in range(3):
        rows = np.array(data.draw(st.lists(st.integers(0, 3), max_size=4)), dtype=np.int64)
        start = np.array([data.draw(st.integers(0, lengths[row] - 1)) for row in rows], dtype=np.int64)
        end = [data.draw(st.integers(s + 1, lengths[r])) for r, s in zip(rows, start, strict=True)]
        stop = np.array(end, dtype=np.int64)
        assert not checks.damage(codes, rows, start, stop, int((stop - start).max(initial=0)))
        for row, first, last in zip(rows, start, stop, strict=True):
            before = sum(map(count_blocks, lengths[:row].tolist()))
            blocks = range(first // BLOCK_BASES, (last - 1) // BLOCK_BASES + 1)
            touched |= {before + block for block in blocks}
        assert set(np.flatnonzero(checks._compared)) == touched


def test_threads_that_meet_at_a_new_block_all_read_it_or_all_notice_damage(path: Path) -> None:
    def read(store: GenomeStore, start: int) -> str:
        try:
            return str(store.fetch(Intervals("two", [start], [start + 9])).sum())
        except FormatError as error:
            return str(error)

    starts = list(range(BLOCK_BASES - 40, BLOCK_BASES)) * 4
    with GenomeStore.open(path) as store:
        expected = [read(store, start) for start in starts]
    with GenomeStore.open(path) as store, ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda start: read(store, start), starts)) == expected
    flip(path, "two", 1)
    with GenomeStore.open(path) as store, ThreadPoolExecutor(4) as threads:
        assert all(DAMAGED in found for found in threads.map(lambda start: read(store, start), starts))


def test_each_process_has_its_own_record(path: Path) -> None:
    code = """
    import os, sys
    from genoml.genome import GenomeStore, Intervals, checksums
    store = GenomeStore.open(sys.argv[1])
    one, two = Intervals("one", [0], [4]), Intervals("two", [0], [4])
    store.fetch(one)
    compare, compared = checksums.crc32, []
    checksums.crc32 = lambda block: compared.append(1) or compare(block)
    child = os.fork()
    if child == 0:
        store.fetch(one), store.fetch(two)
        os._exit(len(compared))
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    store.fetch(two)
    print(ended, len(compared))
    """
    assert output_of(code, str(path)) == "1 1"


def test_blocks_that_were_compared_cost_under_a_twentieth_of_a_fetch(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "g.fa").write_bytes(
        b">c\n" + rng.choice(np.frombuffer(b"ACGT", np.uint8), 3_000_000).tobytes()
    )
    start = rng.integers(0, 2_999_000, 10_000)
    windows = Intervals("c", start, start + 1000, rng.choice(["+", "-"], 10_000))

    def best(call) -> float:
        times = []
        for _ in range(7):
            begin = time.perf_counter()
            call()
            times.append(time.perf_counter() - begin)
        return min(times)

    with GenomeStore.build(tmp_path / "g.fa", tmp_path / "g.store") as store:
        rows = np.zeros(len(windows), dtype=np.int64)
        fetched = best(lambda: store.fetch(windows))
        checked = best(lambda: store._blocks.damage(store._codes, rows, windows.start, windows.end, 1000))
    assert checked < fetched / 20
