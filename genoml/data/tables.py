"""Data sets from tables with a column of sequences, for regression and classification."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from genoml.data.checks import in_several_classes
from genoml.data.columns import Column, Columns, read_columns
from genoml.data.dataset import SequenceData
from genoml.data.leaks import sequence_hashes
from genoml.data.missing import check_present, is_missing, numbers_of, present, values_of
from genoml.data.targets import class_targets, masked
from genoml.io.files import FilePath
from genoml.sequence.alphabet import PAD_CODE, count_u_and_t, mixed_letters
from genoml.sequence.codes import FlatCodes, flat_codes
from genoml.sequence.encode import fill_rows

_GREATEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class _Spec:
    """The roles of the columns."""

    sequence: tuple[str, ...]
    targets: tuple[str, ...]
    classes: str | None
    class_order: Sequence[str] | None
    one_hot: bool
    group: str | None
    name: str | None
    weight: str | None
    offset: str | None
    length_bp: int | None

    def __post_init__(self) -> None:
        if bool(self.targets) == (self.classes is not None):
            raise ValueError(
                "a table expects targets (columns of numbers) or classes (a column of labels): one of both"
            )
        if not self.sequence:
            raise ValueError("a table expects at least one column of sequences")
        if self.length_bp is not None and self.length_bp < 1:
            raise ValueError(f"length_bp expects 1 or more, got {self.length_bp}")

    @property
    def numbers(self) -> list[str]:
        return [*self.targets, *(name for name in (self.weight, self.offset) if name is not None)]

    @property
    def text(self) -> list[str]:
        return [name for name in (self.classes, self.group, self.name) if name is not None]


def read_table_data(
    path: FilePath,
    *,
    sequence: str | Sequence[str] = "sequence",
    targets: str | Sequence[str] = (),
    classes: str | None = None,
    class_order: Sequence[str] | None = None,
    one_hot: bool = True,
    group: str | None = None,
    name: str | None = None,
    weight: str | None = None,
    offset: str | None = None,
    length_bp: int | None = None,
    header: Sequence[str] | None = None,
) -> SequenceData:
    """Read sequences and their targets from a CSV or TSV file, in one pass.

    Parameters
    ----------
    path : str or os.PathLike
        Plain or compressed. Commas, tabs or semicolons separate the fields, which may be quoted.
    sequence : str or sequence of str
        Column of DNA or RNA letters, IUPAC codes among them; of several, the parts are joined. Shorter sequences are
        padded to the longest, evenly on both sides, with positions that hold no base.
    targets : str or sequence of str
        Columns of numbers. Where one is missing, the target is 0 and the extra ``mask`` too.
        In every column a value is missing if it is empty or, in any case of letters, NA, N/A, NaN, null, none or a
        point.
    classes : str, optional
        Column of labels, in place of ``targets``. A warning says if a sequence has several.
    class_order, one_hot
        As in class_targets; the classes become ``target_names``, if they are one-hot.
    group, name : str, optional
        Columns of text: groups that a split keeps together, and names of examples.
    weight, offset : str, optional
        Columns of numbers that become the extras ``sample_weight`` and ``offset``.
    length_bp : int, optional
        Pad to this length. Nothing is cut: a longer sequence is an error.
    header : sequence of str, optional
        Names of the columns, for a file without a header.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If there is no such file.
    FormatError
        Naming file, line and column: see read_columns; also for a missing sequence, label, group, name, weight or
        offset, a class that is not in ``class_order``, and a sequence longer than ``length_bp``.
    """
    spec = _Spec(
        _several(sequence), _several(targets), classes, class_order, one_hot, group, name, weight, offset, length_bp
    )  # fmt: skip
    wanted = [Column(part, "sequence") for part in spec.sequence]
    wanted += [Column(part, "number") for part in spec.numbers]
    wanted += [Column(part, "text") for part in spec.text]
    table = read_columns(path, wanted, header=header)
    _check_table(table, spec)
    return _data(table, spec)


def table_data(
    columns: Mapping[str, Any],
    *,
    sequence: str | Sequence[str] = "sequence",
    targets: str | Sequence[str] = (),
    classes: str | None = None,
    class_order: Sequence[str] | None = None,
    one_hot: bool = True,
    group: str | None = None,
    name: str | None = None,
    weight: str | None = None,
    offset: str | None = None,
    length_bp: int | None = None,
) -> SequenceData:
    """Make a data set from columns in memory: a dict of lists or arrays, or a pandas data frame.

    The parameters are those of read_table_data. Missing are also None, NaN, NaT, ``pandas.NA`` and masked values.

    Raises
    ------
    ValueError
        For a column that is not there, columns of different lengths, an illegal letter (it names sequence and
        position), or a value that is missing and must not be.
    TypeError
        For a column of sequences that holds anything but text.
    """
    spec = _Spec(
        _several(sequence), _several(targets), classes, class_order, one_hot, group, name, weight, offset, length_bp
    )  # fmt: skip
    arrays = {}
    for column in (*spec.sequence, *spec.numbers, *spec.text):
        if column not in columns:
            raise ValueError(f"table_data expects a column {column!r}, got {', '.join(map(str, columns))}")
        expects = f"column {column!r} expects"
        arrays[column] = values_of(columns[column])
        if arrays[column].ndim != 1:
            got = type(columns[column]).__name__
            raise TypeError(f"table_data expects column {column!r} as a list or array of one axis, got {got}")
        if column in spec.numbers:
            arrays[column] = numbers_of(arrays[column], expects)
    lengths = {len(values) for values in arrays.values()}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError(f"table_data expects columns of one length, 1 or more, got {sorted(lengths)}")
    table = Columns("the table", {part: arrays[part] for part in spec.numbers})
    table.text = {
        part: ["" if is_missing(v) and not isinstance(v, str) else str(v).strip() for v in arrays[part]]
        for part in spec.text
    }
    for part in spec.sequence:
        check_present(arrays[part], f"column {part!r} expects a sequence")
        wrong = next((v for v in arrays[part] if not isinstance(v, str)), None)
        if wrong is not None:
            raise TypeError(f"column {part!r} expects sequences as str, got {type(wrong).__name__}")
    parts = [arrays[part] for part in spec.sequence]
    letters: list[Any] = ["".join(row) for row in zip(*parts, strict=True)]
    table.sequences = [flat_codes(letters)]
    table.letters = count_u_and_t(letters)
    _check_table(table, spec)
    return _data(table, spec)


def _several(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _check_table(table: Columns, spec: _Spec) -> None:
    """Raise for missing values that are required, numbers beyond float32, unknown classes, and sequences too long."""
    checks: list[tuple[str, np.ndarray, str]] = []
    for name in (spec.weight, spec.offset):
        if name is not None:
            checks.append((name, np.isfinite(table.numbers[name]), "a finite number"))
    for name in spec.numbers:
        checks.append((name, ~(np.abs(table.numbers[name]) > _GREATEST), "a number that float32 can hold"))
    if spec.weight is not None:
        checks.append((spec.weight, ~(table.numbers[spec.weight] < 0), "a weight of 0 or more"))
    for name in spec.text:
        checks.append((name, ~np.array([is_missing(text) for text in table.text[name]]), "a value"))
    if spec.classes is not None and spec.class_order is not None:
        known = set(spec.class_order)
        good = np.array([text in known for text in table.text[spec.classes]])
        checks.append((spec.classes, good, f"one of {', '.join(spec.class_order)}"))
    lengths = np.concatenate([flat.lengths for flat in table.sequences])
    column = " + ".join(spec.sequence)
    if spec.length_bp is not None:
        checks.append((column, lengths <= spec.length_bp, f"at most length_bp = {spec.length_bp} bases"))
    for name, good, what in checks:
        if not good.all():
            row = int(np.argmin(good))
            values = table.numbers.get(name, table.text.get(name))
            value = f"{lengths[row]} bases" if values is None else str(values[row])
            _refuse(
                table, row, name, what + (present(value) if what == "a value" else ""), value or "nothing"
            )


def _refuse(table: Columns, row: int, column: str, what: str, got: str) -> None:
    if len(table):
        table.fail(row, column, what, got)
    raise ValueError(f"column {column!r} expects {what}, got {got!r} in row {row}")


def _data(table: Columns, spec: _Spec) -> SequenceData:
    numbers, text = table.numbers, table.text
    if spec.classes is not None:
        targets, names = class_targets(text[spec.classes], spec.class_order, one_hot=spec.one_hot)
        extras: dict[str, np.ndarray] = {}
        names = names if spec.one_hot else (spec.classes,)
    else:
        targets, extras = masked(np.stack([numbers[name] for name in spec.targets], axis=1))
        names = spec.targets
    for key, name in (("sample_weight", spec.weight), ("offset", spec.offset)):
        if name is not None:
            column = numbers[name].astype(np.float32)
            extras[key] = column if key == "sample_weight" else column[:, None]
    codes = _padded(table.sequences, spec.length_bp)
    if spec.classes is not None:
        _warn_of_conflicts(codes, targets.argmax(axis=1) if spec.one_hot else targets[:, 0])
    for line in mixed_letters(table.letters):
        warnings.warn(line, stacklevel=3)
    return SequenceData(
        codes,
        targets,
        None if spec.group is None else np.array(text[spec.group], dtype=object),
        extras,
        names=None if spec.name is None else np.array(text[spec.name], dtype=object),
        target_names=names,
        alphabet="RNA" if table.letters["U"] else "DNA",
    )


def _warn_of_conflicts(codes: np.ndarray, labels: np.ndarray) -> None:
    several = in_several_classes(sequence_hashes(codes, both_strands=False), labels)
    if several.any():
        warnings.warn(
            f"{several.sum()} of {len(codes)} sequences stand in more than one class (row {several.argmax()} is "
            "the first)",
            stacklevel=4,
        )


def _padded(parts: list[FlatCodes], length_bp: int | None) -> np.ndarray:
    """Codes (n, length), shorter sequences padded evenly on both sides; each part is freed once copied."""
    width = length_bp or max(int(flat.lengths.max()) for flat in parts)
    codes = np.empty((sum(len(flat.lengths) for flat in parts), width), dtype=np.uint8)
    stop = len(codes)
    while parts:
        flat = parts.pop()
        codes[stop - len(flat.lengths) : stop] = fill_rows(flat, width, "both", PAD_CODE)
        stop -= len(flat.lengths)
    return codes
