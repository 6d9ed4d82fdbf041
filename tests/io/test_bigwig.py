"""bigWig files that are written: read back, in the same bytes, and refused as a whole if a value is out of place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from genoml.io.bigwig import BigWig, write_bigwig

SIZES = {"chr2": 40, "chr10": 20}
VALUES = [("chr2", 0, 5, 1.5), ("chr2", 7, 8, -2.0), ("chr10", 10, 20, 3.0)]


def test_values_are_read_back_with_none_between_them(tmp_path: Path) -> None:
    write_bigwig(tmp_path / "out.bw", SIZES, VALUES)
    with BigWig(tmp_path / "out.bw") as file:
        assert file.sizes == SIZES
        np.testing.assert_array_equal(file.values("chr2", 3, 9), [1.5, 1.5, np.nan, np.nan, -2.0, np.nan])
        np.testing.assert_array_equal(file.values("chr10", 9, 12), [np.nan, 3.0, 3.0])


def test_the_same_values_give_the_same_bytes_under_any_name(tmp_path: Path) -> None:
    for name in ("one.bw", "other"):
        write_bigwig(tmp_path / name, SIZES, iter(VALUES))
    assert (tmp_path / "one.bw").read_bytes() == (tmp_path / "other").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.bw", "other"]


@pytest.mark.parametrize(
    "row",
    [
        ("chr2", 6, 9, 1.0), ("chr2", 7, 7, 1.0), ("chr2", 39, 41, 1.0), ("chr3", 0, 1, 1.0), ("chr2", -1, 1, 1.0),
    ],
)  # fmt: skip
def test_a_value_out_of_place_is_named_and_leaves_no_file(
    tmp_path: Path, row: tuple[str, int, int, float]
) -> None:
    words = rf"in order, apart, on its chromosomes; got {row[0]}:{row[1]}-{row[2]}"
    with pytest.raises(ValueError, match=words):
        write_bigwig(tmp_path / "out.bw", SIZES, [VALUES[0], VALUES[1], row])
    with pytest.raises(ValueError, match="got chr2:7-8"):
        write_bigwig(tmp_path / "out.bw", SIZES, [VALUES[2], VALUES[1]])
    assert not list(tmp_path.iterdir())


def test_an_error_of_the_source_comes_through(tmp_path: Path) -> None:
    def broken() -> Iterator[tuple[str, int, int, float]]:
        yield VALUES[0]
        raise KeyError("source")

    with pytest.raises(KeyError, match="source"):
        write_bigwig(tmp_path / "out.bw", SIZES, broken())
    with pytest.raises(ValueError, match=r"out.bw: a bigWig file expects at least one value, got none"):
        write_bigwig(tmp_path / "out.bw", SIZES, [])
    assert not list(tmp_path.iterdir())
