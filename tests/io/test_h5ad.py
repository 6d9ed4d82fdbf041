from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas
import pytest
from scipy import sparse

from genoml.io import FormatError, read_h5ad, write_h5ad_layer
from genoml.io import h5ad as module

NAMES = ["chr1:100-110", "chr1:200-210", "chr2:0-10", "chr2:50-60", "chrX:7-17"]
TYPES = ["T", "B", "NK"]
VALUES = np.random.default_rng(0).integers(0, 9, (3, 5)).astype(np.float32)
KINDS: dict[str, Callable[[np.ndarray], Any]] = {
    "dense": lambda x: x, "csr": sparse.csr_matrix, "csc": sparse.csc_matrix,
}  # fmt: skip


def write(path: Path, x: Any = VALUES, *, obs: Any = None, var: Any = None, layers: Any = None) -> Path:
    obs = pandas.DataFrame(index=TYPES) if obs is None else obs
    var = pandas.DataFrame({"note": list("abcde")}, index=NAMES) if var is None else var
    anndata.AnnData(X=x, obs=obs, var=var, layers=layers).write_h5ad(path)
    return path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("block", [1, 4, 1 << 20])
def test_regions_are_read_block_by_block_whatever_the_format(
    tmp_path: Path, kind: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BLOCK", block)
    found = read_h5ad(write(tmp_path / "a.h5ad", KINDS[kind](VALUES)))
    np.testing.assert_array_equal(found.values, VALUES.T)
    assert found.cell_types == tuple(TYPES)
    assert found.region_names.tolist() == NAMES
    assert [found.intervals.place(row) for row in (0, 4)] == ["chr1:100-110", "chrX:7-17"]
    assert found.intervals.columns["note"].tolist() == list("abcde")


@pytest.mark.parametrize("kind", KINDS)
def test_cells_are_averaged_by_their_type(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BLOCK", 10)
    cells = np.random.default_rng(1).random((20, 5)).astype(np.float32)
    types = np.array(["T", "B", None, "T", "B"] * 4, object)
    obs = pandas.DataFrame({"type": pandas.Categorical(types)}, index=[f"cell{i}" for i in range(20)])
    found = read_h5ad(write(tmp_path / "a.h5ad", KINDS[kind](cells), obs=obs), by="type")
    assert found.cell_types == ("B", "T")
    expected = [cells[types == name].mean(axis=0) for name in ("B", "T")]
    np.testing.assert_allclose(found.values.T, expected, rtol=1e-6)


def test_a_layer_and_places_in_columns_are_read(tmp_path: Path) -> None:
    var = pandas.DataFrame({"chr": ["chr9"] * 5, "start": range(5), "end": range(5, 10)}, index=list("vwxyz"))
    path = write(tmp_path / "a.h5ad", var=var, layers={"mean": VALUES + 1})
    found = read_h5ad(path, layer="mean")
    np.testing.assert_array_equal(found.values, VALUES.T + 1)
    assert found.intervals.place(2) == "chr9:2-7"


def test_predictions_become_a_layer_of_a_copy_and_all_else_stays(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5ad", sparse.csr_matrix(VALUES))
    matrix = read_h5ad(path)
    before = path.read_bytes()
    write_h5ad_layer(path, tmp_path / "b.h5ad", matrix, matrix.values * 2, layer="predicted")
    assert path.read_bytes() == before
    found = anndata.read_h5ad(tmp_path / "b.h5ad")
    np.testing.assert_array_equal(found.layers["predicted"], VALUES * 2)
    np.testing.assert_array_equal(found.X.toarray(), VALUES)
    assert (found.obs_names.tolist(), found.var_names.tolist()) == (TYPES, NAMES)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.h5ad", "b.h5ad"]
    with pytest.raises(ValueError, match=r"b.h5ad: already exists"):
        write_h5ad_layer(path, tmp_path / "b.h5ad", matrix, matrix.values)
    with pytest.raises(FormatError, match=r"b.h5ad: has a layer 'predicted' already"):
        write_h5ad_layer(tmp_path / "b.h5ad", tmp_path / "c.h5ad", matrix, matrix.values, layer="predicted")
    with pytest.raises(ValueError, match=r"expects predictions \(5, 3\), got \(3, 5\)"):
        write_h5ad_layer(path, tmp_path / "c.h5ad", matrix, VALUES)
    other = write(tmp_path / "other.h5ad", obs=pandas.DataFrame(index=["T", "B", "Mono"]))
    with pytest.raises(FormatError, match=r"other.h5ad: has other cell types or regions"):
        write_h5ad_layer(other, tmp_path / "c.h5ad", matrix, matrix.values)


def bad_name(folder: Path) -> Path:
    var = pandas.DataFrame(index=["chr1:1-2", "chr1:2-3", "peak_3", "chr1:4-5", "chr1:5-6"])
    return write(folder / "a.h5ad", var=var)


def backwards(folder: Path) -> Path:
    var = pandas.DataFrame(index=[*NAMES[:4], "chr1:9-5"])
    return write(folder / "a.h5ad", var=var)


def no_number(folder: Path) -> Path:
    x = VALUES.copy()
    x[1, 3] = np.nan
    return write(folder / "a.h5ad", x)


def text(folder: Path) -> Path:
    (folder / "a.h5ad").write_text("text")
    return folder / "a.h5ad"


def no_matrix(folder: Path) -> Path:
    return write(folder / "a.h5ad", None)


def cells(folder: Path) -> Path:
    obs = pandas.DataFrame({"type": ["T"] * 2001}, index=[str(i) for i in range(2001)])
    return write(folder / "a.h5ad", np.ones((2001, 5), np.float32), obs=obs)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (bad_name, "region 'peak_3' expects a name such as chr1:100-600, or columns chr, start and end"),
        (backwards, "start"),
        (no_number, "region chr2:50-60, cell type B: expects a finite number, got nan"),
        (text, "not an AnnData file"),
        (no_matrix, "has no X; name a layer"),
        (cells, "has 2001 rows; name the column of obs with their cell types, of: type"),
        (lambda folder: folder / "none.h5ad", "no such file"),
    ],
)
def test_files_that_are_no_regions_by_cell_types_are_refused(
    tmp_path: Path, make: Callable[[Path], Path], message: str
) -> None:
    path = make(tmp_path)
    with pytest.raises(FormatError) as caught:
        read_h5ad(path)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)


def test_a_layer_or_column_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5ad", layers={"mean": VALUES})
    with pytest.raises(FormatError, match="has no layer 'counts'; layers: mean"):
        read_h5ad(path, layer="counts")
    with pytest.raises(FormatError, match="obs has no column 'type'; columns: none"):
        read_h5ad(path, by="type")


def test_an_edited_copy_with_a_name_twice_is_refused(tmp_path: Path) -> None:
    var = pandas.DataFrame(index=[*NAMES[:4], NAMES[0]])
    with pytest.warns(UserWarning, match="not unique"):
        path = write(tmp_path / "a.h5ad", var=var)
    shutil.copy(path, tmp_path / "b.h5ad")
    with pytest.raises(FormatError, match="region 'chr1:100-110' is there twice"):
        read_h5ad(tmp_path / "b.h5ad")
