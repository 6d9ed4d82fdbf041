"""Missing values: one rule for every column of files, data frames and lists."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

#: Fields that mean a missing value, whatever the column.
_MISSING = frozenset(("", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "null", "none", "."))
_LONGEST_MISSING = max(map(len, _MISSING))
#: Characters of numbers.
DIGITS = frozenset("0123456789+-.eE")


def is_missing(value: object) -> bool:
    """Whether a field, or a value in memory, stands for none: empty, NA, NaN, null, none, a point, None, NaT."""
    if isinstance(value, str):
        text = value.strip()
        return len(text) <= _LONGEST_MISSING and text.lower() in _MISSING
    try:
        return value is None or bool(value != value)  # a NaN is not itself
    except TypeError:  # pandas.NA is neither equal nor unequal to anything
        return True


def check_present(values: Iterable[object], what: str) -> None:
    """Raise ValueError for the first value that is missing; ``what`` begins the message."""
    for row, value in enumerate(values):
        if is_missing(value):
            raise ValueError(f"{what}{present(value)}, got {named(value)!r} in row {row}")


def present(value: object) -> str:
    """Addition to a message about a missing value that is written as a word, such as NA."""
    return ", not a word for a missing one" if isinstance(value, str) and value.strip() else ""


def named(value: object) -> str:
    """A value for a message; ``nothing`` for one that is empty, None or NaN."""
    return value if isinstance(value, str) and value.strip() else "nothing"


def values_of(values: Any) -> np.ndarray:
    """Values in memory as an array of objects or numbers, with None where they are masked."""
    if np.ma.isMaskedArray(values):
        array = np.ma.getdata(values).astype(object)
        array[np.ma.getmaskarray(values)] = None
        return array
    array = np.asarray(values)
    return array if array.dtype.kind in "biuf" else np.asarray(values, dtype=object)


def numbers_of(values: Any, what: str) -> np.ndarray:
    """Values in memory as float64, NaN where they are missing, by the rule of files.

    Raises
    ------
    ValueError
        For a value that is no number; ``what`` begins the message.
    """
    array = values_of(values)
    if array.dtype.kind != "O":
        return array.astype(np.float64)
    numbers = np.empty(array.shape)
    for place, value in np.ndenumerate(array):
        try:
            number = number_of(value.strip()) if isinstance(value, str) else float(value)
        except (TypeError, ValueError):
            number = math.inf
        if not is_missing(value) and (math.isinf(number) or isinstance(value, bytes)):
            raise ValueError(
                f"{what} a finite number, or nothing or NA where there is none, got {value!r} in row {place[0]}"
            )
        numbers[place] = math.nan if is_missing(value) else number
    return numbers


def number_of(text: str) -> float:
    """Convert text to a number; infinity, which is an error later, for anything else."""
    if text != "nan" and not set(text) <= DIGITS:
        return float("inf")
    try:
        return float(text)
    except ValueError:
        return float("inf")
