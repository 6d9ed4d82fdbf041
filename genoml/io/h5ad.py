"""AnnData files of regions by cell types: read block by block from the disk, and written back with predictions.

The extra ``scverse`` (anndata) brings what this needs. Rows of such a file (``obs``) are cells, cell types or topics,
columns (``var``) regions, as CREsted, SnapATAC2 and pycisTopic write them.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genoml.io.errors import FormatError, shown
from genoml.sequence.intervals import Intervals

#: numbers of a block that is read at a time: 64 MiB of float32
_BLOCK = 1 << 24
#: names of regions, such as chr1:100-600, chr1-100-600 and chr1_100_600
_REGION = re.compile(r"(.+?)[:_-](\d+)[-_](\d+)")
#: columns of ``var`` that hold the chromosome
_CHROMOSOME = ("chr", "chrom", "chromosome", "seqnames", "Chromosome")
#: rows that are taken for cell types, at most
_MOST_TYPES = 2000


@dataclass(frozen=True)
class RegionMatrix:
    """Values of regions in cell types.

    Attributes
    ----------
    intervals : Intervals
        The regions, in the file's order; text and numbers of ``var`` are their columns.
    region_names : (regions,) of str
        As the file has them.
    cell_types : tuple of str
        Names of the rows of ``obs``, or of the groups that they were averaged in.
    values : (regions, cell types) float32
        Coverage, accessibility, or probability of topics.
    """

    intervals: Intervals
    region_names: np.ndarray
    cell_types: tuple[str, ...]
    values: np.ndarray


def read_h5ad(
    path: str | os.PathLike[str], *, layer: str | None = None, by: str | None = None, values: bool = True
) -> RegionMatrix:
    """Read regions by cell types; the matrix is read block by block, dense or sparse, and never held whole.

    Parameters
    ----------
    path : path
        AnnData file of cell types (or cells, see ``by``) as rows, and regions as columns.
    layer : str, optional
        Layer to read in place of ``X``.
    by : str, optional
        Column of ``obs`` that says the cell type of each cell: values are means over its cells. None: each row is a
        cell type.
    values : bool
        False: the matrix is not read, and its values are NaN.

    Raises
    ------
    FormatError
        If it is no AnnData file, a layer or column is not there, a region has no place, a name comes twice, or a value
        is not finite; the message names the file and the region.
    ModuleNotFoundError
        Without anndata.
    """
    with _opened(Path(path), "r") as (file, io):
        obs, var = io.read_elem(file["obs"]), io.read_elem(file["var"])
        names = np.asarray(var.index, dtype=object).astype(str).astype(object)
        groups, cell_types = _groups(path, obs, by)
        _expect_once(path, "region", names)
        _expect_once(path, "cell type", cell_types)
        found = np.broadcast_to(np.float32(np.nan), (len(var), len(cell_types)))
        if values:
            matrix = _matrix(path, file, io, layer)
            if tuple(matrix.shape) != (len(obs), len(var)):
                raise _fault(
                    path, f"{layer or 'X'} expects {(len(obs), len(var))}, got {tuple(matrix.shape)}"
                )
            found = _group_means(matrix, groups, len(cell_types))
    if values and not np.isfinite(found).all():
        region, kind = np.argwhere(~np.isfinite(found))[0]
        what = f"a finite number, got {found[region, kind]}"
        raise _fault(path, f"region {names[region]}, cell type {shown(cell_types[kind])}: expects {what}")
    return RegionMatrix(_intervals(path, var, names), names, tuple(cell_types), found)


def write_h5ad_layer(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    matrix: RegionMatrix,
    predictions: np.ndarray,
    *,
    layer: str = "genoml",
) -> None:
    """Write predictions as a layer of a copy of an AnnData file, whose names and all else stay as they are.

    Parameters
    ----------
    path, out : path
        The file that ``matrix`` was read from, without ``by``; the copy, which must not exist.
    matrix : RegionMatrix
        What was read of it.
    predictions : (regions, cell types)
        In the matrix's order; NaN where there is none.
    layer : str
        Name of the new layer.

    Raises
    ------
    FormatError
        If the file has other names than the matrix, or a layer of this name already.
    ValueError
        If the shape is another, or ``out`` exists.
    """
    values = np.asarray(predictions, np.float32)
    if values.shape != matrix.values.shape:
        raise ValueError(f"write_h5ad_layer expects predictions {matrix.values.shape}, got {values.shape}")
    if os.path.lexists(out):
        raise ValueError(f"{os.fspath(out)}: already exists; choose another name")
    with _opened(Path(path), "r") as (file, io):
        found = (
            tuple(map(str, io.read_elem(file["obs"]).index)),
            [str(n) for n in io.read_elem(file["var"]).index],
        )
        if found != (matrix.cell_types, matrix.region_names.tolist()):
            raise _fault(path, "has other cell types or regions than what was predicted")
        if layer in file.get("layers", {}):
            raise _fault(path, f"has a layer {layer!r} already; choose another name")
    part = Path(f"{os.fspath(out)}.part")
    try:
        shutil.copyfile(path, part)
        with _opened(part, "r+") as (file, io):
            io.write_elem(file.require_group("layers"), layer, np.ascontiguousarray(values.T))
        os.replace(part, out)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _opened(path: Path, mode: str) -> Iterator[tuple[Any, Any]]:
    """An AnnData file as h5py opens it, and anndata's functions for its elements."""
    try:
        import h5py
        from anndata import io
    except ModuleNotFoundError as error:
        what = "AnnData files need anndata; pip install 'genoml-xp[scverse]'"
        raise ModuleNotFoundError(what, name=error.name) from error
    if not path.is_file():
        raise _fault(path, "no such file")
    try:
        file = h5py.File(path, mode)
    except OSError as error:
        raise _fault(path, f"not an AnnData file ({error})") from error
    with file:
        if "obs" not in file or "var" not in file:
            raise _fault(path, "not an AnnData file, it has no obs and var")
        yield file, io


def _fault(path: str | os.PathLike[str], what: str) -> FormatError:
    return FormatError(what, path=os.fspath(path))


def _matrix(path: str | os.PathLike[str], file: Any, io: Any, layer: str | None) -> Any:
    """The matrix on disk: an h5py data set, or anndata's sparse one."""
    if layer is None and "X" not in file:
        raise _fault(path, "has no X; name a layer")
    if layer is not None and layer not in file.get("layers", {}):
        known = ", ".join(file.get("layers", {})) or "none"
        raise _fault(path, f"has no layer {shown(layer)!r}; layers: {known}")
    found = file["X"] if layer is None else file["layers"][layer]
    return found if hasattr(found, "dtype") else io.sparse_dataset(found)


def _groups(path: str | os.PathLike[str], obs: Any, by: str | None) -> tuple[np.ndarray, list[str]]:
    """Group of each row of obs (-1: none), and the names of the groups."""
    if by is None:
        if len(obs) > _MOST_TYPES:
            columns = ", ".join(map(str, obs.columns)) or "none"
            raise _fault(
                path, f"has {len(obs)} rows; name the column of obs with their cell types, of: {columns}"
            )
        return np.arange(len(obs)), [str(name) for name in obs.index]
    if by not in obs.columns:
        raise _fault(
            path, f"obs has no column {shown(by)!r}; columns: {', '.join(map(str, obs.columns)) or 'none'}"
        )
    category = obs[by].astype("category").cat.remove_unused_categories()
    return np.asarray(category.cat.codes), [str(name) for name in category.cat.categories]


def _group_means(matrix: Any, groups: np.ndarray, count: int) -> np.ndarray:
    """(regions, groups) means over the rows of each group, read along the axis that the file keeps together."""
    rows, columns = matrix.shape
    sums = np.zeros((count, columns), np.float64 if len(groups) > count else np.float32)
    by_rows = getattr(matrix, "format", "csc") == "csr"
    step = max(1, _BLOCK // max(columns if by_rows else rows, 1))
    for start in range(0, rows if by_rows else columns, step):
        part = slice(start, start + step)
        block = matrix[part] if by_rows else matrix[:, part]
        dense = block.toarray() if hasattr(block, "toarray") else np.asarray(block)
        own = groups[part] if by_rows else groups
        known = own >= 0
        np.add.at(sums if by_rows else sums[:, part], own[known], dense[known])
    members = np.bincount(groups[groups >= 0], minlength=count)
    return np.ascontiguousarray((sums / np.maximum(members, 1)[:, None]).T.astype(np.float32))


def _intervals(path: str | os.PathLike[str], var: Any, names: np.ndarray) -> Intervals:
    """Places of the regions: columns chr, start and end of var, or the names."""
    chromosome = next((name for name in _CHROMOSOME if name in var.columns), None)
    further = {
        str(name): np.asarray(var[name].astype(object))
        for name in var.columns
        if str(name).isidentifier() and name not in (*_CHROMOSOME, "start", "end", "strand")
    }
    if chromosome is not None and {"start", "end"} <= set(var.columns):
        chrom, bounds = (
            var[chromosome].astype(str).tolist(),
            [var[name].to_numpy() for name in ("start", "end")],
        )
        try:
            start, end = (np.asarray(values).astype(np.int64) for values in bounds)
        except (TypeError, ValueError) as error:
            raise _fault(path, f"var expects whole numbers as start and end ({error})") from error
    else:
        found = [_REGION.fullmatch(name) for name in names]
        if None in found:
            name = shown(names[found.index(None)])
            raise _fault(
                path, f"region {name!r} expects a name such as chr1:100-600, or columns chr, start and end"
            )
        chrom = [match[1] for match in found if match]
        start, end = (np.array([int(match[i]) for match in found if match]) for i in (2, 3))
    try:
        return Intervals(chrom, start, end, **further)
    except ValueError as error:
        raise _fault(path, str(error)) from error


def _expect_once(path: str | os.PathLike[str], what: str, names: Sequence[str] | np.ndarray) -> None:
    seen = set[str]()
    for name in names:
        if name in seen:
            raise _fault(path, f"{what} {shown(name)!r} is there twice")
        seen.add(name)
