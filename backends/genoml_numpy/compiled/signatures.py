"""Argument types of the compiled functions: C-contiguous arrays, read-only where they are only read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit
from numba.core import types

INT, FLAG, NOTHING = types.int64, types.boolean, types.void


def given(kind: Any, dimensions: int) -> Any:
    """The type of an array that is read."""
    return types.Array(kind, dimensions, "C", readonly=True)


def written(kind: Any, dimensions: int) -> Any:
    """The type of an array that is written to."""
    return types.Array(kind, dimensions, "C")


FLOAT, BYTE, PLACE = types.float32, types.uint8, types.int32


def compiled(result: Any, *arguments: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: compile for these types alone, once on each machine, and release the GIL while it runs."""
    decorate: Callable[[Callable[..., Any]], Callable[..., Any]] = njit(
        [result(*arguments)], nogil=True, cache=True, error_model="numpy"
    )
    return decorate
