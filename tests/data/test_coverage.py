"""Coverage against the values that pyBigWig's README gives, and against a plain loop."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pybigtools
import pytest

from genoml.data import coverage, genome_data
from genoml.genome import GenomeStore, Intervals
from genoml.io import FormatError
from genoml.io.bigwig import write_bigwig
from support.mutations import mutations, refusals
from support.subprocesses import BLOCK, output_of

BIGWIG = Path(__file__).with_name("bigwig") / "test.bw"
SIZES = {"1": 195_471_971, "10": 130_694_993}
NAN = float("nan")


def steps() -> np.ndarray:
    """A step function on 200 bases, with holes."""
    values = np.full(200, NAN)
    for start, stop, value in ((0, 10, 1.0), (10, 25, 2.5), (60, 61, 7.0), (61, 150, -0.5)):
        values[start:stop] = value
    return values


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path, values = tmp_path / "steps.bw", steps()
    cuts = [0, *(np.flatnonzero(np.diff(np.nan_to_num(values, nan=99.0))) + 1).tolist(), 200]
    spans = [(a, b, float(values[a])) for a, b in pairwise(cuts) if not np.isnan(values[a])]
    pybigtools.open(str(path), "w").write({"chr1": 200, "chr2": 50}, [("chr1", *span) for span in spans])
    return path


def test_values_are_those_of_the_files_documentation() -> None:
    first = Intervals("1", [0], [3])
    assert coverage(BIGWIG, first)[0, 0] == np.float32(0.2)
    assert coverage(BIGWIG, first, statistic="max")[0, 0] == np.float32(0.3)
    np.testing.assert_array_equal(coverage(BIGWIG, first, bins=3)[0], np.float32([0.1, 0.2, 0.3]))
    tail = coverage(BIGWIG, Intervals("1", [100], [200]), bins=2, statistic="max", missing=NAN)
    np.testing.assert_array_equal(tail[0], np.float32([1.4, 1.5]))
    assert np.isnan(coverage(BIGWIG, Intervals("1", [1000], [1010]), missing=NAN)).all()
    whole = Intervals(["1", "10"], [0, 0], [1000, 1000])
    assert coverage(BIGWIG, whole, statistic="sum", sizes=SIZES).sum() == pytest.approx(272.1)


@pytest.mark.parametrize("missing", [0.0, -3.0, NAN])
@pytest.mark.parametrize("statistic", ["mean", "sum", "max"])
def test_bins_agree_with_a_plain_loop_on_both_strands_and_past_the_edges(
    written: Path, statistic: Any, missing: float
) -> None:
    values = np.concatenate([np.full(20, NAN), steps(), np.full(20, NAN)])  # from -20 to 220
    values = np.where(np.isnan(values), missing, values)
    starts = np.array([150, -20, 0, 37, 190, 55])
    intervals = Intervals("chr1", starts, starts + 30, ["+", "-", "-", ".", "+", "-"])
    found = coverage(written, intervals, bins=6, statistic=statistic, missing=missing)
    assert found.dtype == np.float32
    for start, strand, row in zip(starts, intervals.strand, found, strict=True):
        bases = values[start + 20 : start + 50]
        if strand == "-":
            bases = bases[::-1]
        for number in range(6):
            present = [v for v in bases[5 * number : 5 * number + 5] if not np.isnan(v)]
            expected = {"mean": np.mean, "sum": np.sum, "max": np.max}[statistic](present) if present else NAN
            np.testing.assert_allclose(row[number], expected, rtol=1e-6)


def test_several_files_are_tasks_and_lengths_may_differ(written: Path) -> None:
    intervals = Intervals("chr1", [0, 10], [4, 30])
    assert coverage([written, str(written)], intervals, bins=2).shape == (2, 2, 2)
    np.testing.assert_array_equal(coverage(written, intervals)[:, 0], [1.0, 2.5 * 15 / 20])
    assert coverage(written, intervals[:0], bins=3).shape == (0, 3)


def test_coverage_gives_the_targets_of_windows(written: Path, tmp_path: Path) -> None:
    (tmp_path / "genome.fa").write_text(f">chr1\n{'ACGT' * 50}\n>chr2\n{'A' * 50}\n")
    with GenomeStore.build(tmp_path / "genome.fa", tmp_path / "genome.store") as store:
        data = genome_data(
            store,
            Intervals("chr1", [20, 150], [30, 160]),
            length_bp=20,
            targets=lambda windows: coverage(written, windows, bins=4, missing=NAN, sizes=store.sizes),
        )
    np.testing.assert_array_equal(data.targets, [[2.5, 2.5, 0.0, 0.0], [-0.5, 0.0, 0.0, 0.0]])
    np.testing.assert_array_equal(data.extras["mask"], [[1, 1, 0, 0], [1, 0, 0, 0]])


def test_chromosomes_that_differ_are_named(written: Path) -> None:
    with pytest.raises(FormatError, match=r"no chromosome chr1 \(did you mean '1'\?\)") as caught:
        coverage(BIGWIG, Intervals("chr1", [0], [3]))
    assert caught.value.path == str(BIGWIG)
    with pytest.raises(FormatError, match=r"1 chromosome\(s\) differ .*: chr1 \(200 bp, not 210\)"):
        coverage(written, Intervals("chr1", [0], [3]), sizes={"chr1": 210, "chr2": 60})
    both = Intervals(["chr1", "chrY"], [0, 0], [3, 3])
    with pytest.raises(FormatError, match="no chromosome chrY"):
        coverage(written, both)
    np.testing.assert_array_equal(coverage(written, both, allow_absent=True), [[1.0], [0.0]])
    with pytest.raises(FormatError, match="no chromosome chrY"):
        coverage(written, both[1:], allow_absent=True)


def test_options_that_make_no_sense_are_refused() -> None:
    one = Intervals("1", [0], [10])
    for options, message in (
        ({"bins": 3}, r"lengths that 3 bins divide evenly, got 10 bp \(1:0-10\)"),
        ({"bins": 0}, "bins expects 1 or more"),
        ({"statistic": "median"}, "mean, sum, max, got 'median'"),
        ({"missing": np.inf}, "finite number or NaN"),
    ):
        with pytest.raises(ValueError, match=message):
            coverage(BIGWIG, one, **options)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least one bigWig file"):
        coverage([], one)


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    one = Intervals("1", [0], [10])
    with pytest.raises(FileNotFoundError, match="no such file"):
        coverage(tmp_path / "absent.bw", one)
    with pytest.raises(IsADirectoryError, match="directory"):
        coverage(tmp_path, one)
    for content in (b"", b"\x26", b"chr1\t0\t3\t1.5\n", BIGWIG.read_bytes()[:4]):
        (tmp_path / "x.bw").write_bytes(content)
        with pytest.raises(FormatError, match=r"x\.bw: (this is no bigWig file|the bigWig file is cut)"):
            coverage(tmp_path / "x.bw", one)


def test_damaged_files_are_refused_by_name_or_read(tmp_path: Path) -> None:
    intervals = Intervals(["1", "10"], [0, 200], [300, 300])

    def read(path: Path) -> list[Any]:
        return [coverage(path, intervals, sizes=SIZES)]

    assert 20 < refusals(read, tmp_path, mutations(BIGWIG.read_bytes(), 60, seed=1), has_lines=False) < 50


def test_without_pybigtools_the_message_says_how_to_get_it() -> None:
    code = BLOCK.format(library="pybigtools") + (
        "from genoml.data import coverage\n"
        "from genoml.genome import Intervals\n"
        "try:\n    coverage(sys.argv[1], Intervals('1', [0], [3]))\n"
        "except ImportError as error:\n    print(error)\n"
    )
    assert "pip install 'genoml-xp[bigwig]'" in output_of(code, str(BIGWIG))


def test_the_name_of_a_file_is_no_intervals() -> None:
    name: Any = "peaks.bed"
    with pytest.raises(TypeError, match=r"coverage expects intervals, such as .*, got 'peaks.bed'"):
        coverage("a.bw", name, bins=2)


@pytest.mark.parametrize("value", [np.inf, -np.inf, 3e38])
def test_a_value_that_is_infinite_or_nearly_is_named_with_its_window(tmp_path: Path, value: float) -> None:
    path = tmp_path / "x.bw"
    write_bigwig(path, {"chr1": 1000}, [("chr1", 100, 200, 1.0), ("chr1", 200, 210, value)])
    windows = Intervals(["chr1"] * 3, [100, 190, 500], [150, 230, 600])
    with pytest.raises(
        FormatError, match=r"x\.bw: a value of .* in chr1:190-230; expects numbers up to 1e\+30"
    ):
        coverage(path, windows, statistic="sum")
    np.testing.assert_array_equal(coverage(path, windows[[0, 2]])[:, 0], [1.0, 0.0])
