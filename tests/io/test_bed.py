from __future__ import annotations

import gzip
import io
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genoml.genome import Intervals, concat
from genoml.io import FormatError, bed_intervals, read_bed, read_narrowpeak, write_bed, write_narrowpeak
from support.mutations import mutations, refusals

BED12 = b"chr1\t10\t50\tg1\t960\t+\t12\t48\t255,0,10\t2\t10,15,\t0,25,\n"
NARROWPEAK = b"chr1\t9356548\t9356648\tp1\t0\t.\t182\t5.0945\t-1\t50\n"


def written(folder: Path, content: bytes, name: str = "a.bed") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def refused(path: Path, message: str, line: int | None, read=read_bed, **options) -> None:
    with pytest.raises(FormatError, match=message) as caught:
        read(path, **options)
    assert (caught.value.path, caught.value.line) == (str(path), line)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("columns", [3, 4, 5, 6, 7, 8, 9, 12])
def test_each_number_of_columns_is_read(columns, tmp_path):
    line = b"\t".join(BED12.strip().split(b"\t")[:columns])
    found = read_bed(written(tmp_path, line + b"\n" + line))
    assert list(found) == [("chr1", 10, 50, "+" if columns > 5 else ".")] * 2
    expected = {
        "name": "g1", "score": 960.0, "thick_start": 12, "thick_end": 48, "rgb": "255,0,10",
        "block_count": 2, "block_sizes": "10,15,", "block_starts": "0,25,",
    }  # fmt: skip
    kept = {3: 0, 4: 1, 5: 2, 6: 2, 7: 3, 8: 4, 9: 5, 12: 8}[columns]
    assert {name: values[1] for name, values in found.columns.items()} == dict(list(expected.items())[:kept])


def test_narrowpeak_has_signal_p_q_and_summit(tmp_path):
    found = read_narrowpeak(written(tmp_path, NARROWPEAK))
    assert list(found) == [("chr1", 9356548, 9356648, ".")]
    names = ("name", "score", "signal_value", "p_value", "q_value", "peak")
    assert [found.columns[name][0] for name in names] == ["p1", 0.0, 182.0, 5.0945, -1.0, 50]


@pytest.mark.parametrize(
    "content",
    [
        b"chr1\t1\t5\nchr2\t0\t3",
        b"chr1\t1\t5\r\nchr2\t0\t3\r\n",
        b"# a\n\nchr1\t1\t5\n\n#b\nchr2\t0\t3\n\n",
        b'browser position chr7:1-2\ntrack name=x description="y"\nchr1\t1\t5\ntrack\nchr2\t0\t3\n',
        gzip.compress(b"chr1\t1\t5\nchr2\t0\t3\n"),
        b" \n\t\nchr1\t01\t5\nchr2\t0\t3\n",
    ],
    ids=["no last line end", "CRLF", "comments and blank lines", "track lines", "gzip", "white space lines"],
)
def test_what_is_not_an_interval_does_not_matter(content, tmp_path):
    assert list(read_bed(written(tmp_path, content))) == [("chr1", 1, 5, "."), ("chr2", 0, 3, ".")]


def test_a_chromosome_may_begin_like_a_track_line(tmp_path):
    content = b"tracker\t1\t5\nbrowser1\t2\t3\ntig1\t0\t1\n"
    assert list(read_bed(written(tmp_path, content)).chrom) == ["tracker", "browser1", "tig1"]


def test_files_longer_than_a_block_keep_order_and_line_numbers(tmp_path):
    lines = [b"chr%d\t%d\t%d\tname%d\n" % (i % 7, i, i + 10, i) for i in range(30000)]
    found = read_bed(written(tmp_path, b"".join(lines)))
    assert found.start.tolist() == list(range(30000))
    assert list(found.chrom[:8]) == [f"chr{i % 7}" for i in range(8)]
    assert found.columns["name"][29999] == "name29999"
    lines[25000] = b"chr1\t7\t6\tx\n"
    refused(written(tmp_path, b"".join(lines)), r"the end \(6\) is before the start \(7\)", 25001)


# the damaged files that a reader must not take: what, content, message, line
SPECIMENS = [
    (
        "end before start",
        b"chr1\t1\t5\nchr1\t10\t5\n",
        r"the end \(5\) is before the start \(10\); exchange",
        2,
    ),
    ("negative start", b"chr1\t-1\t5\n", r"column 2 \(start\) expects a whole number.*got '-1'", 1),
    ("text for a number", b"chr1\tx\t5\n", r"column 2 \(start\) expects a whole number.*got 'x'", 1),
    ("float", b"chr1\t1\t12.0\n", r"column 3 \(end\) expects a whole number.*got '12.0'", 1),
    ("too few columns", b"chr1\t1\n", r"has 2 column\(s\); expects 3 to 9 or 12 columns \(BED\)", 1),
    ("columns change", b"chr1\t1\t5\ta\nchr1\t1\t5\n", r"has 3 column\(s\), but the lines before have 4", 2),
    ("blanks for tabs", b"chr1 1 5\n", r"has 1 column\(s\).*look separated by blanks", 1),
    ("strand", b"chr1\t1\t5\ta\t0\tx\n", r"column 6 \(strand\) expects \+, - or ., got 'x'", 1),
    ("score", b"chr1\t1\t5\ta\thigh\t+\n", r"column 5 \(score\) expects a finite number or ., got 'high'", 1),
    ("empty field", b"chr1\t1\t5\t\t0\t+\n", r"column 4 \(name\) expects a value, got ''", 1),
    ("past 2^31", b"chr1\t1\t2147483648\n", r"column 3 \(end\) .* from 0 to 2147483647, got '2147483648'", 1),
    ("2^63", b"chr1\t1\t9223372036854775808\n", r"column 3 \(end\) .*got '9223372036854775808'", 1),
    ("2^64", b"chr1\t1\t18446744073709551617\n", r"column 3 \(end\) .*got '18446744073709551617'", 1),
    ("exponent", b"chr1\t1\t1e3\n", r"column 3 \(end\) .*got '1e3'", 1),
    ("plus", b"chr1\t+5\t9\n", r"column 2 \(start\) .*got '\+5'", 1),
    ("blank before", b"chr1\t 5\t9\n", r"column 2 \(start\) .*got ' 5'", 1),
    ("Arabic digits", "chr1\t٥\t9\n".encode(), r"column 2 \(start\) .*got '٥'", 1),
    (
        "zero length",
        b"chr1\t5\t5\n",
        r"no length \(start is end\); leave it out, or read with zero_length",
        1,
    ),
    ("control character", b"chr1\t1\t5\nchr\x001\t1\t5\n", r"control character b'\\x00' in the text", 2),
    ("not UTF-8", b"chr1\t1\t5\tn\xe9\n", "the text is not UTF-8", 1),
    ("Macintosh", b"chr1\t1\t5\rchr1\t1\t5\r", "a carriage return within a line", 1),
    ("blank in chromosome", b"chr 1\t1\t5\n", r"column 1 \(chromosome\) expects a name without blanks", 1),
    ("empty chromosome", b"\t1\t5\n", r"column 1 \(chromosome\) expects a value", 1),
    (
        "thick outside",
        b"c\t1\t9\ta\t0\t+\t0\t9\n",
        r"column 7 \(thickStart\) expects start to end, got '0'",
        1,
    ),
    ("thick reversed", b"c\t1\t9\ta\t0\t+\t5\t4\n", r"column 8 \(thickEnd\) expects thickStart to end", 1),
    ("colour", b"c\t1\t9\ta\t0\t+\t1\t9\t1,2,256\n", r"column 9 \(itemRgb\) expects 0, . or R,G,B", 1),
    ("10 columns", NARROWPEAK, r"has 10 column\(s\); expects 3 to 9 or 12", 1),
    ("FASTA", b">a\nACGT\n", r"has 1 column\(s\)", 1),
    ("only comments", b"# nothing\n", "the file has no data lines", 1),
    ("empty", b"", "the file is empty", 1),
    ("cut gzip", gzip.compress(b"chr1\t1\t5\n" * 99)[:-7], "gzip", 100),
    ("long line", b"chr1\t1\t5\t" + b"x" * (17 << 20), "the line is longer than 16 MB", 1),
]


@pytest.mark.parametrize(
    ("content", "message", "line"), [row[1:] for row in SPECIMENS], ids=[s[0] for s in SPECIMENS]
)
def test_a_damaged_bed_file_is_refused(content, message, line, tmp_path):
    refused(written(tmp_path, content), message, line)


def with_blocks(count: bytes, sizes: bytes, starts: bytes) -> bytes:
    return b"\t".join([*BED12.split(b"\t")[:9], count, sizes, starts]) + b"\n"


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ((b"0", b"10", b"0"), r"column 10 \(blockCount\) expects 1 block or more"),
        ((b"3", b"10,15", b"0,25"), r"column 11 \(blockSizes\) expects 3 numbers, as blockCount says"),
        ((b"2", b"10,x", b"0,25"), r"column 11 \(blockSizes\) expects whole numbers"),
        ((b"2", b"10,-1", b"0,25"), r"column 11 \(blockSizes\) expects whole numbers"),
        ((b"2", b"0,15", b"0,25"), r"column 11 \(blockSizes\) expects blocks of 1 bp or more"),
        ((b"2", b"10,15", b"1,25"), r"column 12 \(blockStarts\) expects a first block that starts"),
        ((b"2", b"10,15", b"0,24"), r"column 12 \(blockStarts\) expects a last block that ends"),
        ((b"3", b"10,20,15", b"0,9,25"), r"column 12 \(blockStarts\) expects blocks in order"),
        ((b"2", b"10,15", b"0,25,,"), r"column 12 \(blockStarts\) expects whole numbers"),
        ((b"2", b"10,15", b"0,99999999999999999999"), r"column 12 \(blockStarts\) expects whole numbers"),
    ],
)
def test_blocks_that_do_not_fit_are_refused(blocks, message, tmp_path):
    refused(written(tmp_path, BED12 + with_blocks(*blocks)), message, 2)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (6, b"nan", r"column 7 \(signalValue\) expects a finite number or \., got 'nan'"),
        (7, b"1e400", r"column 8 \(pValue\) expects a finite number or \., got '1e400'"),
        (7, b"1_0", r"column 8 \(pValue\) expects a finite number or \., got '1_0'"),
        (8, b"1-2", r"column 9 \(qValue\) expects a finite number or \., got '1-2'"),
        (9, b"100", r"column 10 \(peak\) expects an offset within the interval"),
        (9, b"-2", r"column 10 \(peak\) expects a whole number.* or -1, got '-2'"),
        (9, b"1.5", r"column 10 \(peak\) expects a whole number.* or -1, got '1.5'"),
    ],
)
def test_a_damaged_narrowpeak_file_is_refused(column, value, message, tmp_path):
    fields = NARROWPEAK.strip().split(b"\t")
    fields[column] = value
    refused(written(tmp_path, NARROWPEAK + b"\t".join(fields)), message, 2, read=read_narrowpeak)


@pytest.mark.parametrize("name", ["a.bed", "a.broadPeak"])
def test_nine_columns_of_broadpeak_are_told_from_those_of_bed(name, tmp_path):
    lines = b"chr1\t2\t10\tp\t100\t.\t10.1\t3\t2\nchr1\t20\t30\tq\t.\t+\t21\t22\t.\nchr1\t2\t9\tr\t0\t.\t4\t3\t-1\n"
    path = written(tmp_path, lines, name)
    found = concat(bed_intervals(path))
    np.testing.assert_array_equal(found.columns["signal_value"], [10.1, 21, 4])
    np.testing.assert_array_equal(found.columns["p_value"], [3, 22, 3])
    np.testing.assert_array_equal(found.columns["q_value"], [2, np.nan, -1])
    assert "peak" not in found.columns
    refused(path, "has the columns of broadPeak; read it with columns=6, or bed_intervals", 1)
    assert len(read_bed(path, columns=6)) == 3
    whole = written(tmp_path, b"chr1\t4\t9\tr\t0\t.\t4\t5\t0\n", name)
    assert ("thick_end" in concat(bed_intervals(whole)).columns) == (name == "a.bed")


def test_bed_of_nine_columns_with_a_fault_does_not_become_broadpeak(tmp_path):
    bed = b"chr1\t10\t50\tg1\t960\t+\t12\t48\t0\n"
    damaged = written(tmp_path, bed + bed.replace(b"\t12", b"\t1.2") + bed)
    refused(
        damaged,
        r"column 7 \(thickStart\) expects a whole number",
        2,
        lambda path: concat(bed_intervals(path)),
    )


@pytest.mark.parametrize("letter", ["\0", "\x0b", "\x85", "\u2028", "\u2029"])
def test_control_characters_and_line_ends_of_unicode_in_a_name_are_refused(letter, tmp_path):
    line = f"chr1\t1\t5\t\u00e9\u4e2d\nchr1\t1\t5\t\u00e9{letter}\n"
    refused(written(tmp_path, line.encode()), "control character .* in the text", 2)


def test_a_dot_stands_for_what_there_is_none_of(tmp_path):
    found = read_narrowpeak(
        written(tmp_path, b"chr1\t2\t10\tp\t.\t.\t.\t.\t.\t3\nchr1\t2\t10\tp\t1\t.\t1\t2\t3\t.\n")
    )
    for name, value in (("score", 1), ("signal_value", 1), ("p_value", 2), ("q_value", 3)):
        np.testing.assert_array_equal(found.columns[name], [np.nan, value])
    assert found.columns["peak"].tolist() == [3, -1]
    write_narrowpeak(tmp_path / "b.narrowPeak", found)
    assert b"p\t.\t.\t.\t.\t.\t3\n" in (tmp_path / "b.narrowPeak").read_bytes()
    bed = read_bed(written(tmp_path, b"chr1\t2\t10\tp\t.\t.\t.\t.\t.\nchr1\t2\t10\tp\t1\t.\t4\t.\t.\n"))
    assert bed.columns["thick_start"].tolist() == [2, 4]
    assert bed.columns["thick_end"].tolist() == [2, 4]


def test_a_dot_stands_for_blocks_that_are_not_known(tmp_path):
    line = b"chr1\t2\t10\tp\t0\t.\t2\t2\t."
    content = line + b"\t.\t.\t.\n" + line + b"\t2\t1,2,\t0,6,\n" + line + b"\t.\t.\t.\n"
    found = read_bed(written(tmp_path, content))
    assert found.columns["block_count"].tolist() == [0, 2, 0]
    assert found.columns["block_sizes"].tolist() == [".", "1,2,", "."]
    assert found.columns["block_starts"].tolist() == [".", "0,6,", "."]
    write_bed(tmp_path / "again.bed", found)
    assert (tmp_path / "again.bed").read_bytes() == content
    for blocks, message in (
        (b"\t.\t8\t.\n", r"column 11 \(blockSizes\) expects \., as blockCount, got '8'"),
        (b"\t.\t.\t0\n", r"column 12 \(blockStarts\) expects \., as blockCount, got '0'"),
        (b"\t1\t8\t.\n", r"column 12 \(blockStarts\) expects whole numbers in digits"),
        (b"\t1\t.\t0\n", r"column 11 \(blockSizes\) expects whole numbers in digits"),
        (b"\t0\t.\t.\n", r"column 10 \(blockCount\) expects 1 block or more"),
    ):
        refused(written(tmp_path, content + line + blocks), message, 4)
    points = b"chr1\t2\t2\tp\t0\t.\t2\t2\t.\t.\t.\t.\n"
    assert len(read_bed(written(tmp_path, content + points), zero_length="drop")) == 3


def test_narrowpeak_with_another_number_of_columns_is_refused(tmp_path):
    refused(written(tmp_path, BED12), r"has 12 column\(s\); expects 10 columns", 1, read=read_narrowpeak)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"chr1\t90\t101\n", "the end \\(101\\) is past the end of chr1, which has 100 bp; is this the same"),
        (b"1\t1\t5\n", r"expects a chromosome of the genome \(did you mean 'chr1'\?\), got '1'"),
        (b"MT\t1\t5\n", r"did you mean 'chrM'"),
        (b"chr1\t1\t9223372036854775808\n", "expects a whole number"),
        (b"chr1\t1\t2147483648\n", "is past the end of chr1|expects a whole number"),
    ],
)
def test_with_sizes_what_is_not_in_the_genome_is_refused(line, message, tmp_path):
    path = written(tmp_path, b"chr1\t90\t100\n" + line)
    refused(path, message, 2, sizes={"chr1": 100, "chrM": 16569})


def test_with_sizes_a_chromosome_may_be_longer_than_31_bits(tmp_path):
    path = written(tmp_path, b"chr1\t2147483648\t3000000000\n")
    assert read_bed(path, sizes={"chr1": 3_000_000_000}).end.tolist() == [3_000_000_000]


def test_points_between_bases_can_be_left_out(tmp_path):
    path = written(tmp_path, b"chr1\t5\t5\ta\nchr1\t1\t5\tb\n")
    found = read_bed(path, zero_length="drop")
    assert list(found) == [("chr1", 1, 5, ".")]
    assert list(found.columns["name"]) == ["b"]


def test_columns_beyond_bed_can_be_passed_over(tmp_path):
    path = written(tmp_path, b"chr1\t1\t5\ta\t.\t-\tx\ty y\t1\t\xc3\xa9\tz\n")
    found = read_bed(path, columns=6)
    assert list(found) == [("chr1", 1, 5, "-")]
    assert np.isnan(found.columns["score"][0])
    assert list(read_bed(path, columns=3).columns) == []
    refused(path, "has 11 column", 1, columns=12)


def test_arguments_are_checked_at_the_call(tmp_path):
    with pytest.raises(ValueError, match="columns expects 3 to 9, or 12, got 10"):
        bed_intervals(tmp_path / "absent.bed", columns=10)
    with pytest.raises(ValueError, match="zero_length expects 'error' or 'drop', got 'keep'"):
        read_bed(tmp_path / "absent.bed", zero_length="keep")
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_bed(tmp_path / "absent.bed")


def test_a_file_may_be_either_kind(tmp_path, monkeypatch):
    (found,) = bed_intervals(written(tmp_path, NARROWPEAK))
    assert found.columns["peak"].tolist() == [50]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(BED12)))
    (found,) = bed_intervals("-")
    assert found.columns["block_count"].tolist() == [2]


TEXT = st.text(st.characters(exclude_categories=("C", "Zl", "Zp", "Zs")), min_size=1, max_size=8)
ROWS = st.lists(
    st.tuples(
        TEXT.filter(lambda name: not name.startswith("#") and not name.isspace()),
        st.integers(0, 2**31 - 2), st.integers(1, 10**6), st.sampled_from("+-."), TEXT,
        st.floats(allow_nan=False, allow_infinity=False),
    ), min_size=1, max_size=8,
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(ROWS, st.sampled_from(["a.bed", "a.bed.gz"]))
def test_what_is_written_reads_back(tmp_path, rows, name):
    chrom, start, length, strand, names, score = map(list, zip(*rows, strict=True))
    end = [min(first + width, 2**31 - 1) for first, width in zip(start, length, strict=True)]
    columns = {"name": names, "score": score}
    intervals = Intervals(chrom, start, end, strand, **columns)
    write_bed(tmp_path / name, intervals, columns=6)
    assert read_bed(tmp_path / name) == intervals
    peaks = intervals.with_columns(
        signal_value=score, p_value=score, q_value=score, peak=np.where(intervals.length_bp > 5, 5, -1)
    )
    write_narrowpeak(tmp_path / name, peaks)
    assert read_narrowpeak(tmp_path / name) == peaks


@pytest.mark.parametrize("columns", [3, 4, 5, 6, 7, 8, 9, 12])
def test_as_many_columns_are_written_as_there_are(columns, tmp_path):
    line = b"\t".join(BED12.strip().split(b"\t")[:columns]) + b"\n"
    write_bed(tmp_path / "b.bed", read_bed(written(tmp_path, line)))
    assert (tmp_path / "b.bed").read_bytes() == line


def test_what_is_lacking_is_filled(tmp_path):
    intervals = Intervals("chr1", [1], [5])
    write_bed(tmp_path / "a.bed", intervals, columns=9)
    assert (tmp_path / "a.bed").read_bytes() == b"chr1\t1\t5\t.\t0\t.\t1\t1\t0\n"
    write_narrowpeak(tmp_path / "a.bed", intervals)
    assert (tmp_path / "a.bed").read_bytes() == b"chr1\t1\t5\t.\t0\t.\t0\t-1\t-1\t-1\n"


@pytest.mark.parametrize(
    ("intervals", "message"),
    [
        (Intervals("chr1", [1, -1], [5, 5]), "line 2: column 2 .start. expects a whole number"),
        (Intervals("chr1", [1], [5], name=["a\tb"]), "line 1: has 5 column"),
        (Intervals("chr1", [1], [5], name=["a\nb"]), "line 2: has 1 column"),
        (Intervals("#chr1", [1], [5]), "a chromosome expects a name without '#'"),
        (Intervals("chr1", [1], [5], name=["\ud800"]), "not UTF-8"),
        (Intervals("chr1", [1], [5], name=[""]), "column 4 .name. expects a value"),
        (Intervals("chr1", [1], [5], score=[float("inf")]), "column 5 .score. expects a finite number"),
        (Intervals("chr1", [1], [5], thick_start=[0]), "column 7 .thickStart. expects start to end"),
    ],
)
def test_what_would_not_read_back_is_not_written(intervals, message, tmp_path):
    path = written(tmp_path, b"before")
    with pytest.raises(ValueError, match=message):
        write_bed(path, intervals)
    assert path.read_bytes() == b"before"
    assert [found.name for found in tmp_path.iterdir()] == ["a.bed"]


def test_twelve_columns_are_written_only_with_blocks(tmp_path):
    with pytest.raises(ValueError, match="columns expects 3 to 9, or 12 for intervals with blocks, got 12"):
        write_bed(tmp_path / "a.bed", Intervals("chr1", [1], [5]), columns=12)


@pytest.mark.parametrize(("read", "line"), [(read_bed, BED12), (read_narrowpeak, NARROWPEAK)])
def test_damaged_files_are_read_or_refused(read, line, tmp_path):
    sound = b"track name=x\n# y\n" + line * 3
    assert refusals(read, tmp_path, mutations(sound, 66, seed=8)) > 30


def test_a_hundred_thousand_lines_take_well_under_a_second(tmp_path):
    lines = (f"chr{i % 22}\t{i * 1000}\t{i * 1000 + 500}\tpeak{i}\t{i % 1000}\t+\n" for i in range(100_000))
    path = written(tmp_path, "".join(lines).encode())
    before = time.process_time()
    assert len(read_bed(path)) == 100_000
    assert time.process_time() - before < 1.0
