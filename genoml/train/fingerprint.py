"""Fingerprint of a training as text: settings, hashes of the data, versions of the libraries.

A training can be resumed only with the same fingerprint; the error names what differs.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np

from genoml.backend import Backend
from genoml.data import LazyRows, SequenceData
from genoml.data.codes import row_slices
from genoml.train.options import FitOptions

#: rows of codes that are read at a time
_ROWS = 4096
#: options that change numbers by rounding at most
_FREE = frozenset({"threads", "prefetch", "no_checks"})


def describe_options(options: FitOptions) -> dict[str, str]:
    """Text of each option that decides the numbers, without memory addresses."""
    return {
        field.name: describe(getattr(options, field.name))
        for field in fields(options)
        if field.name not in _FREE
    }


def describe(value: Any) -> str:
    """Text of a value, the same in every process: functions by name, with the values that they hold."""
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    if isinstance(value, np.generic):
        return repr(value.item())
    if isinstance(value, np.ndarray):
        return f"array({_digest_array(value)})"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {describe(item)}" for key, item in sorted(value.items())) + "}"
    if isinstance(value, tuple | list | set | frozenset):
        return "(" + ", ".join(map(describe, value)) + ")"
    if isinstance(value, partial):
        return f"{describe(value.func)}{describe(value.args)}{describe(value.keywords)}"
    if hasattr(value, "__qualname__"):
        return f"{value.__qualname__}{describe(_closure(value))}"
    return f"{type(value).__name__}{describe(_settings(value))}"


def _settings(value: Any) -> dict[str, Any]:
    """Attributes that an object was made with, without what it has learned since (moments, plateaus)."""
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    learned = {"state", "steps"} | set(getattr(value, "state", ()))
    return {name: item for name, item in getattr(value, "__dict__", {}).items() if name not in learned}


def _closure(function: Any) -> dict[str, Any]:
    """Values that a function keeps from the one that made it, such as the total number of steps."""
    cells = getattr(function, "__closure__", None) or ()
    names = getattr(getattr(function, "__code__", None), "co_freevars", ())
    return {name: cell.cell_contents for name, cell in zip(names, cells, strict=True)}


def hash_data(data: SequenceData | None) -> str:
    """blake2b hash of what training reads: codes, targets and extras.

    Codes that are not in memory are read once, some thousand rows at a time.
    """
    if data is None:
        return "none"
    digest = hashlib.blake2b(digest_size=16)
    digest.update(f"{type(data).__name__} {tuple(data.codes.shape)}".encode())
    for start in range(0, len(data), _ROWS):
        digest.update(data.codes[start : start + _ROWS].tobytes())
    arrays = {"targets": data.targets, **{f"extras.{name}": value for name, value in data.extras.items()}}
    if data.control is not None:
        arrays["control"] = data.control
    for name in sorted(arrays):
        digest.update(f" {name} {_digest_array(arrays[name])}".encode())
    return digest.hexdigest()


def _digest_array(value: np.ndarray | LazyRows) -> str:
    digest = hashlib.blake2b(f"{value.dtype} {value.shape} ".encode(), digest_size=16)
    parts = (value[rows] for rows in row_slices(value)) if isinstance(value, LazyRows) else [value]
    for part in parts:
        digest.update(part.tobytes())
    return digest.hexdigest()


def versions(backend: Backend) -> dict[str, str]:
    """Versions that the numbers depend on: genoml, Python, NumPy and the backend's library."""
    return {
        "genoml": version("genoml-xp"),
        "python": platform.python_version(),
        "numpy": np.__version__,
        backend.name: backend.describe()["version"],
    }
