"""Targets of regions, from columns of BED and narrowPeak and from tables; masks of missing labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genoml.data.columns import Column, read_columns
from genoml.data.missing import check_present, is_missing, numbers_of, present, values_of
from genoml.genome.overlaps import expect_intervals
from genoml.io.errors import FormatError, shown
from genoml.io.files import FilePath
from genoml.sequence.intervals import Intervals


def masked(values: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Targets as float32 with 0 for NaN, and, if any label is missing, the extra ``mask`` (1 where there is one).

    Raises
    ------
    ValueError
        For infinite values.
    """
    with np.errstate(over="ignore"):  # what float32 cannot hold is refused below
        values = numbers_of(values, "targets expect").astype(np.float32)
    if values.ndim == 1:
        values = values[:, None]
    if np.isinf(values).any():
        place = tuple(int(i) for i in np.argwhere(np.isinf(values))[0])
        raise ValueError(
            f"targets expect finite numbers, or NaN where a label is missing, got inf at {place}"
        )
    present = ~np.isnan(values)
    if present.all():
        return values, {}
    return np.where(present, values, np.float32(0.0)), {"mask": present.astype(np.float32)}


def column_targets(intervals: Intervals, columns: Sequence[str]) -> np.ndarray:
    """Targets from numeric columns of intervals, such as ``score`` or ``signal_value``.

    Returns
    -------
    numpy.ndarray
        (n, columns) float64; NaN where the file has ``.``.

    Raises
    ------
    ValueError
        For a column that is not there, or holds text.
    """
    expect_intervals("column_targets", intervals)
    targets = []
    for name in [columns] if isinstance(columns, str) else columns:
        values = intervals.columns.get(name)
        if values is None or values.dtype.kind not in "iuf":
            kind = "no such column" if values is None else "text"
            numeric = sorted(key for key, column in intervals.columns.items() if column.dtype.kind in "iuf")
            raise ValueError(
                f"column {name!r} expects one of numbers ({', '.join(numeric) or 'none'}), got {kind}"
            )
        targets.append(values.astype(np.float64))
    return np.stack(targets, axis=1)


def class_targets(
    labels: Sequence[str] | np.ndarray, order: Sequence[str] | None = None, *, one_hot: bool = True
) -> tuple[np.ndarray, tuple[str, ...]]:
    """One-hot targets of labels, or the number of each label's class.

    Parameters
    ----------
    labels : (n,) of str
        Such as ``intervals.columns["name"]``.
    order : sequence of str, optional
        The classes in the order wanted; sorted if None.
    one_hot : bool
        (n, classes) with a 1 in each row, for MultiClassification; or (n, 1) with 0 to classes - 1, which for
        two classes are labels of BinaryClassification.

    Returns
    -------
    targets : numpy.ndarray
        float32.
    classes : tuple of str
        In order.

    Raises
    ------
    ValueError
        For a label that is missing (see read_table_data) or not in ``order``, or a class twice in it.
    """
    labels = values_of(labels)
    check_present(labels, "labels expect a value")
    found, which = np.unique(labels.astype(str), return_inverse=True)
    classes = tuple(map(str, found)) if order is None else tuple(order)
    if len(set(classes)) != len(classes):
        raise ValueError(f"classes expects each once, got {', '.join(classes)}")
    unknown = sorted(set(map(str, found)) - set(classes))
    if unknown:
        first = int(np.argmax(labels.astype(str) == unknown[0]))
        raise ValueError(f"labels expect one of {', '.join(classes)}, got {unknown[0]!r} at {first}")
    place = {name: number for number, name in enumerate(classes)}
    numbers = np.array([place[str(name)] for name in found], dtype=np.int64)[which.reshape(-1)]
    if not one_hot:
        return numbers.astype(np.float32)[:, None], classes
    return np.eye(len(classes), dtype=np.float32)[numbers], classes


def table_targets(
    path: FilePath, intervals: Intervals, columns: Sequence[str], *, key: str | tuple[str, str, str]
) -> np.ndarray:
    """Targets from a table of counts or other numbers, TSV or CSV, with a row for each region.

    Parameters
    ----------
    path : str or os.PathLike
        Plain or compressed, with a header.
    intervals : Intervals
        The regions, as their file gave them: not the windows around them.
    columns : sequence of str
        The table's columns to take.
    key : str or (str, str, str)
        The column that names the region, as the column ``name`` of the intervals does, or as ``chrom:start-end`` if
        they have none; or the columns of chromosome, start and end (0-based, half-open). The table may have further
        regions, in any order.

    Returns
    -------
    numpy.ndarray
        (n, columns) float64; NaN where the table has none (empty, NA, NaN).

    Raises
    ------
    FormatError
        Naming the line, for a region without a name or one that comes twice, or a value that is no number; for a
        region of the intervals that is not in the table, and how many there are.
    """
    expect_intervals("table_targets", intervals)
    keys = (key,) if isinstance(key, str) else tuple(key)
    wanted = [Column(name, "text") for name in keys] + [Column(name, "number") for name in columns]
    table = read_columns(path, wanted)
    rows: dict[str, int] = {}
    for number, parts in enumerate(zip(*(table.text[name] for name in keys), strict=True)):
        for name, part in zip(keys, parts, strict=True):
            if is_missing(part):
                table.fail(number, name, f"a value{present(part)}", part or "nothing")
        region = parts[0] if len(parts) == 1 else f"{parts[0]}:{parts[1]}-{parts[2]}"
        if rows.setdefault(region, number) != number:
            raise FormatError(
                "a second row of this region", path=table.path, line=table.line(number), record=region,
                fix="expects one row a region",
            )  # fmt: skip
    places = map(intervals.place, range(len(intervals)))
    named = isinstance(key, str) and "name" in intervals.columns
    names = list(map(str, intervals.columns["name"])) if named else list(places)
    row_of = np.array([rows.get(name, -1) for name in names], dtype=np.int64)
    missing = row_of < 0
    if missing.any():
        first = names[int(np.argmax(missing))]
        raise FormatError(
            f"{int(missing.sum())} of {len(names)} regions have no row, the first is {shown(first)}",
            path=table.path, line=table.line(0), fix=f"the table's first region is {shown(next(iter(rows), 'none'))}",
        )  # fmt: skip
    return np.stack([table.numbers[name][row_of] for name in columns], axis=1)
