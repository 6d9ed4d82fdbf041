"""Tables of sequences and targets: what is read, what is missing, what is refused with file, line and column."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genoml.data import SequenceData, class_targets, read_table_data, table_data, table_targets
from genoml.genome import Intervals
from genoml.io import FormatError
from genoml.sequence import base_codes, decode
from genoml.train import Counts, MultiClassification, Regression
from support.mutations import mutations, refusals

#: of its sequences one has U and one T, which is said
pytestmark = pytest.mark.filterwarnings("ignore:.*have the letter U")
TABLE = '''\
name,seq,dev,hk,kind,set,w
a,ACGTACGT,1.5,-2,EI,chr1,1
b,"acgun",NA,3e2,IE,chr2,0.5
"c, ""d""",RYSW,,nan,N,chr1,2
'''


def written(folder: Path, content: str | bytes, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def same(a: SequenceData, b: SequenceData) -> None:
    np.testing.assert_array_equal(np.asarray(a.codes), np.asarray(b.codes))
    np.testing.assert_array_equal(a.targets, b.targets)
    assert a.extras.keys() == b.extras.keys()
    for key in a.extras:
        np.testing.assert_array_equal(a.extras[key], b.extras[key])
    for one, other in ((a.groups, b.groups), (a.names, b.names)):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            assert one.tolist() == other.tolist()
    assert a.target_names == b.target_names


OPTIONS: dict[str, Any] = {
    "sequence": "seq", "targets": ["dev", "hk"], "group": "set", "name": "name", "weight": "w",
}  # fmt: skip


def test_several_targets_with_missing_labels_groups_names_and_weights(tmp_path: Path) -> None:
    data = read_table_data(written(tmp_path, TABLE), **OPTIONS)
    np.testing.assert_array_equal(data.codes, base_codes(["ACGTACGT", "ACGUN", "RYSW"], pad="both"))
    assert data.targets.tolist() == [[1.5, -2.0], [0.0, 300.0], [0.0, 0.0]]
    assert data.extras["mask"].tolist() == [[1, 1], [0, 1], [0, 0]]
    assert data.extras["sample_weight"].tolist() == [1.0, 0.5, 2.0]
    assert data.target_names == ("dev", "hk")
    assert data.name_of(2) == 'c, "d"'
    assert data.groups is not None
    assert data.groups.tolist() == ["chr1", "chr2", "chr1"]
    Regression().check(data.targets, data.extras)
    longer = read_table_data(written(tmp_path, TABLE), sequence="seq", targets="dev", length_bp=11)
    assert np.asarray(longer.codes)[0].tolist() == [15, 0, 1, 2, 3, 0, 1, 2, 3, 15, 15]


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.txt", "t.csv.gz"])
def test_the_same_whatever_separates_the_fields_and_whatever_the_suffix(
    tmp_path: Path, delimiter: str, name: str
) -> None:
    plain = read_table_data(written(tmp_path, TABLE), **OPTIONS)
    text = io.StringIO()
    text.write("# a comment, with commas\n\n")
    csv.writer(text, delimiter=delimiter).writerows(csv.reader(io.StringIO(TABLE)))
    content = text.getvalue().encode()
    content = gzip.compress(content) if name.endswith("gz") else content
    same(read_table_data(written(tmp_path, content, name), **OPTIONS), plain)


def test_a_header_may_be_a_comment_or_be_given(tmp_path: Path) -> None:
    path = written(tmp_path, "#seq\ty\nACGT\t1\n", "t.tsv")
    assert read_table_data(path, sequence="seq", targets="y").targets.tolist() == [[1.0]]
    bare = written(tmp_path, "ACGT\t1\nACGA\t2\n", "bare.txt")
    data = read_table_data(bare, sequence="s", targets="y", header=["s", "y"])
    assert data.targets.tolist() == [[1.0], [2.0]]
    assert decode(np.asarray(data.codes)) == ["ACGT", "ACGA"]


def test_a_sequence_may_be_joined_from_columns_and_be_long(tmp_path: Path) -> None:
    long = "ACGT" * 50_000
    path = written(tmp_path, f"up,down,y\nAC,GT,1\n{long},A,2\n")
    data = read_table_data(path, sequence=["up", "down"], targets="y")
    assert data.codes.shape == (2, 200_001)
    assert str(decode(np.asarray(data.codes)[0])) == "ACGT"


def test_many_rows_are_read_in_blocks_with_the_line_of_a_late_fault(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, (5000, 6), dtype=np.uint8)
    lines = [f"{letters},{row}" for row, letters in enumerate(decode(codes))]
    data = read_table_data(written(tmp_path, "\n".join(["s,y", *lines])), sequence="s", targets="y")
    np.testing.assert_array_equal(data.codes, codes)
    assert data.targets[:, 0].tolist() == list(range(5000))
    lines[4321] = "ACGTXC,1"
    with pytest.raises(FormatError, match=r"line 4323: column 's' expects ACGT .* got 'X at position 4'"):
        read_table_data(written(tmp_path, "\n".join(["s,y", *lines])), sequence="s", targets="y")


def test_labels_become_classes_in_sorted_or_given_order(tmp_path: Path) -> None:
    path = written(tmp_path, TABLE)
    data = read_table_data(path, sequence="seq", classes="kind")
    assert data.target_names == ("EI", "IE", "N")
    assert data.targets.tolist() == np.eye(3).tolist()
    MultiClassification().check(data.targets, data.extras)
    numbers = read_table_data(
        path, sequence="seq", classes="kind", class_order=["N", "EI", "IE"], one_hot=False
    )
    assert numbers.targets[:, 0].tolist() == [1.0, 2.0, 0.0]
    assert numbers.target_names == ("kind",)
    with pytest.raises(FormatError, match="line 4: column 'kind' expects one of EI, IE, got 'N'"):
        read_table_data(path, sequence="seq", classes="kind", class_order=["EI", "IE"])
    targets, classes = class_targets(["b", "a", "b"])
    assert (targets.tolist(), classes) == ([[0, 1], [1, 0], [0, 1]], ("a", "b"))
    with pytest.raises(ValueError, match="one of a, got 'b' at 0"):
        class_targets(["b", "a"], ["a"])
    with pytest.raises(ValueError, match="each once"):
        class_targets(["a"], ["a", "a"])


def test_columns_in_memory_give_the_same_data(tmp_path: Path) -> None:
    expected = read_table_data(written(tmp_path, TABLE), **OPTIONS)
    columns: dict[str, Any] = {
        "name": np.array(["a", "b", 'c, "d"'], dtype=object),
        "seq": ["ACGTACGT", "acgun", "RYSW"],
        "dev": [1.5, None, np.nan],
        "hk": np.array([-2, 300, np.nan]),
        "set": ("chr1", "chr2", "chr1"),
        "w": [1, 0.5, 2],
    }
    same(table_data(columns, **OPTIONS), expected)
    with pytest.raises(ValueError, match="column 'set' expects a value, got 'nothing' in row 1"):
        table_data(columns | {"set": ["chr1", None, "chr2"]}, **OPTIONS)
    offset = table_data(columns, sequence="seq", targets="w", offset="w")
    Counts().check(np.ones((3, 1)), offset.extras)
    assert offset.extras["offset"].tolist() == [[1.0], [0.5], [2.0]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("s,y\nACGT,1\nACGX,2\n", r"line 3: column 's' expects .* got 'X at position 3'"),
        ("s,y\nACGT,1\nAUGT,2\n", r"line 3: column 's' expects DNA \(T\) or RNA \(U\)"),
        ("s,y\nACGT,1\n,2\n", r"line 3: column 's' expects a sequence, got ''"),
        ("s,y\nACGT,1_0\n", r"line 2: column 'y' expects a finite number, or nothing or NA .* got '1_0'"),
        ("s,y\nACGT,inf\n", r"line 2: column 'y' expects a finite number"),
        ("s,y\nACGT,1e999\n", r"line 2: column 'y' expects a finite number"),
        ("s,y\nACGT,\u0661\n", r"line 2: column 'y' expects a finite number"),
        ("s,y\nACGT\n", r"line 2: has 1 field\(s\), but the header has 2"),
        ("s,y\nACGT,1,2\n", r"line 2: has 3 field\(s\)"),
        ('s,y\nACGT,1\n"ACG,2\nACGT,2\n', r"line [45]: malformed quotes"),
        ("s,z\nACGT,1\n", r"line 1: expects a column 'y', got s, z"),
        ("seq,y\nACGT,1\n", r"expects a column 's', got seq, y"),
        ("s,y,y\nACGT,1,2\n", r"line 1: has 2 columns 'y'"),
        ("s,y\n", "the table has no rows"),
        ("# only\n# comments\n", r"there is no header; expects the columns s, y"),
        (b"s,y\nACG\xff,1\n", r"line 2: column 's' expects"),
        ("s,y\nACGTACGTA,1\n", r"line 2: column 's' expects at most length_bp = 8 bases, got '9 bases'"),
    ],
)
def test_what_is_wrong_is_told_with_file_line_and_column(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    path = written(tmp_path, content)
    with pytest.raises(FormatError, match=message) as caught:
        read_table_data(path, sequence="s", targets="y", length_bp=8)
    assert caught.value.path == str(path)
    assert "\n" not in str(caught.value)


def test_what_must_not_be_missing_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, b"s,y,g,w\nACGT,1,a,1\nACGT,1,,NA\nACGT,1,\xe9,-1\n")
    for options, message in (
        ({"group": "g"}, "line 4: column 'g' expects text in UTF-8"),
        ({"weight": "w"}, "line 3: column 'w' expects a finite number, got 'nan'"),
        ({"name": "w"}, "line 3: column 'w' expects a value, not a word for a missing one, got 'NA'"),
    ):
        with pytest.raises(FormatError, match=message):
            read_table_data(path, sequence="s", targets="y", **options)
    with pytest.raises(FormatError, match="line 3: column 'g' expects a value, got 'nothing'"):
        read_table_data(written(tmp_path, "s,y,g\nA,1,a\nA,1,\n"), sequence="s", classes="g")
    with pytest.raises(FormatError, match=r"a weight of 0 or more, got '-1\.0'"):
        read_table_data(written(tmp_path, "s,y\nA,-1\n"), sequence="s", targets="y", weight="y")


class _Unknown:
    """As pandas.NA: neither equal nor unequal to anything, and neither true nor false."""

    def __eq__(self, other: object) -> Any:
        return self

    def __ne__(self, other: object) -> Any:
        return self

    def __bool__(self) -> bool:
        raise TypeError("boolean value of NA is ambiguous")

    __hash__ = None  # type: ignore[assignment]


NO_VALUES = ["", "NA", "nan", " NaN ", "N/A", "None", "null", ".", "<NA>", "#N/A"]


@pytest.mark.parametrize("word", NO_VALUES)
@pytest.mark.parametrize("role", ["sequence", "classes", "group", "name", "weight", "offset"])
def test_a_missing_value_is_the_same_in_every_column_of_a_file_and_in_memory(
    tmp_path: Path, role: str, word: str
) -> None:
    good = "ACGT" if role == "sequence" else "1"
    columns: dict[str, Any] = {"s": ["ACGT", "ACGA"], "k": ["a", "b"], "x": [word.strip(), good]}
    options = {"sequence": "s", "classes": "k"} | {role: "x"}
    text = "".join(
        ",".join(row) + "\n" for row in zip(*([name, *cells] for name, cells in columns.items()), strict=True)
    )
    with pytest.raises(FormatError, match="line 2: column 'x' expects") as caught:
        read_table_data(written(tmp_path, text), **options)
    assert caught.value.line == 2
    for value in (word, None, np.nan, np.datetime64("NaT"), _Unknown()):
        for held in (
            ["1", value],
            np.array(["1", value], dtype=object),
            np.ma.array([good, "2"], mask=[False, True]),
        ):
            with pytest.raises(ValueError, match=r"column 'x' expects .*, got .* in row 1"):
                table_data(columns | {"x": held}, **options)


@pytest.mark.parametrize("word", NO_VALUES)
def test_missing_targets_are_masked_and_missing_labels_are_no_class(tmp_path: Path, word: str) -> None:
    expected = [[0.0], [2.0]]
    data = [read_table_data(written(tmp_path, f"s,y\nACGT,{word}\nACGA,2\n"), sequence="s", targets="y")]
    masked = np.ma.array([7.0, 2.0], mask=[True, False])
    for values in ([word, "2"], [None, 2], [_Unknown(), 2], masked):
        data.append(table_data({"s": ["ACGT", "ACGA"], "y": values}, sequence="s", targets="y"))
    for one in data:
        assert one.targets.tolist() == expected
        assert one.extras["mask"].tolist() == [[0.0], [1.0]]
    for label in (word, None, np.nan, _Unknown()):
        with pytest.raises(ValueError, match=r"labels expect a value.*, got .* in row 1"):
            class_targets(["a", label, "b"])
    with pytest.raises(FormatError, match="line 2: column 'id' expects a value"):
        table_targets(
            written(tmp_path, f"id,x\n{word},1\n", "c.csv"),
            Intervals(["c"], [0], [1], name=["p"]),
            ["x"],
            key="id",
        )


def test_a_part_of_a_joined_sequence_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="line 3: column 'down' expects a sequence, got ''"):
        read_table_data(
            written(tmp_path, "up,down,y\nAC,GT,1\nAC,,2\n"), sequence=["up", "down"], targets="y"
        )


@pytest.mark.parametrize("value", ["1_0", "x", np.inf, "inf", b"2", 1e39, [1]])
def test_numbers_in_memory_are_as_strict_as_in_files(value: Any) -> None:
    with pytest.raises(ValueError, match=r"column 'y' expects a (finite )?number.*, got .* in row 1"):
        table_data(
            {"s": ["ACGT", "ACGA"], "y": np.array([1, value], dtype=object)}, sequence="s", targets="y"
        )


@pytest.mark.parametrize("letter", ["\t", "\n", "\0", "\x0b", "\x85", "\u2028"])
def test_text_that_would_break_a_table_of_names_is_refused(tmp_path: Path, letter: str) -> None:
    path = written(tmp_path, f's,y,n\nACGT,1,a\nACGT,2,"b{letter}c"\n')
    with pytest.raises(FormatError, match=r"line [34]: (column 'n' expects text without|malformed quotes)"):
        read_table_data(path, sequence="s", targets="y", name="n")


def test_options_and_columns_in_memory_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    columns: dict[str, Any] = {"s": ["ACGT", "ACG"], "y": [1.0, 2.0], "long": [1, 2, 3]}
    for options, message in (
        ({}, r"targets .* or classes .* one of both"),
        ({"targets": "y", "classes": "s"}, "one of both"),
        ({"targets": "y", "sequence": ()}, "at least one column of sequences"),
        ({"targets": "y", "length_bp": 0}, "length_bp expects 1 or more"),
        ({"targets": "z"}, "expects a column 'z', got s, y, long"),
        ({"targets": "long"}, r"columns of one length, 1 or more, got \[2, 3\]"),
        ({"targets": "y", "length_bp": 3}, "at most length_bp = 3 bases, got '4 bases' in row 0"),
    ):
        with pytest.raises(ValueError, match=message):
            table_data(columns, **({"sequence": "s"} | options))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="column 'y' expects sequences as str, got float"):
        table_data(columns, sequence="y", targets="y")
    with pytest.raises(FileNotFoundError):
        read_table_data(tmp_path / "absent.csv", targets="y")


def test_counts_are_taken_by_name_or_by_coordinates(tmp_path: Path) -> None:
    peaks = Intervals(["chr1", "chr2"], [5, 0], [9, 4], name=["p1", "p2"])
    bare = Intervals(["chr1", "chr2"], [5, 0], [9, 4])
    text = "id\tregion\tchrom\tstart\tend\tx\ty\n"
    text += (
        "p2\tchr2:0-4\tchr2\t0\t4\t7\tNA\np9\tchr9:1-2\tchr9\t1\t2\t0\t0\np1\tchr1:5-9\tchr1\t5\t9\t1\t2.5\n"
    )
    path = written(tmp_path, text, "counts.tsv")
    expected = [[1.0, 2.5], [7.0, np.nan]]
    for intervals, key in ((peaks, "id"), (bare, "region"), (peaks, ("chrom", "start", "end"))):
        np.testing.assert_array_equal(table_targets(path, intervals, ["x", "y"], key=key), expected)
    with pytest.raises(FormatError, match=r"2 of 2 regions have no row, the first is p1; .* is chr2:0-4"):
        table_targets(path, peaks, ["x"], key="region")
    twice = written(tmp_path, text + "p2\tchr2:0-4\tchr2\t0\t4\t7\t1\n", "twice.tsv")
    with pytest.raises(FormatError, match="line 5, record p2: a second row of this region"):
        table_targets(twice, peaks, ["x"], key="id")


def test_damaged_tables_are_read_or_refused_by_name(tmp_path: Path) -> None:
    def read(path: Path) -> list[SequenceData]:
        return [read_table_data(path, **OPTIONS)]

    assert refusals(read, tmp_path, mutations(TABLE.encode(), 220, seed=0)) > 60


def test_a_sequence_of_several_classes_is_said() -> None:
    columns = {"sequence": ["ACGT", "CCCC", "ACGT", "CCCC"], "kind": ["a", "b", "c", "b"]}
    for one_hot in (True, False):
        with pytest.warns(
            UserWarning, match=r"^2 of 4 sequences stand in more than one class \(row 0 is the first\)$"
        ):
            table_data(columns, classes="kind", one_hot=one_hot)
    table_data(columns | {"sequence": ["ACGT", "CCCC", "GGGG", "CCCC"]}, classes="kind")


@pytest.mark.parametrize("column", ["y", "weight", "offset"])
@pytest.mark.parametrize("value", ["1e39", "1e400"])
def test_a_number_beyond_float32_is_refused_in_files_and_in_memory(
    tmp_path: Path, column: str, value: str
) -> None:
    roles = {"targets": "y", "weight": "weight", "offset": "offset"}
    columns = {"sequence": ["ACGT", "ACGT"], "y": [1.0, 2.0], "weight": [1.0, 1.0], "offset": [0.0, 0.0]}
    columns[column] = [1.0, float(value)]
    with pytest.raises(ValueError, match=r"a finite number|a number that float32 can hold"):
        table_data(columns, **roles)
    row = [value if name == column else "1" for name in ("y", "weight", "offset")]
    path = tmp_path / "table.tsv"
    path.write_text("\t".join(columns) + "\nACGT\t" + "\t".join(row) + "\n")
    with pytest.raises(
        FormatError, match=rf"line 2: column '{column}' expects a finite number.*got '{value}'"
    ):
        read_table_data(path, **roles)


def test_a_column_that_can_be_read_once_is_refused() -> None:
    with pytest.raises(TypeError, match="column 's' as a list or array of one axis, got generator"):
        table_data({"s": (letters for letters in ["A"]), "y": [1]}, sequence="s", targets="y")


def test_letters_u_and_t_in_one_table_are_said(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="^1 sequences have the letter U, and 1 have T: all are read as RNA"):
        data = read_table_data(written(tmp_path, TABLE), sequence="seq", targets="hk")
    assert data.alphabet == "RNA"
