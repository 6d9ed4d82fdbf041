"""Argument types of the compiled functions: C-contiguous, and read-only unless they are written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit
from numba.core import types

INT = types.int64
FLAG = types.boolean
NOTHING = types.void
FLOAT = types.float32
BYTE = types.uint8
PLACE = types.int32


def given(kind: Any, dimensions: int) -> Any:
    """An array that is read."""
    return types.Array(kind, dimensions, "C", readonly=True)


def written(kind: Any, dimensions: int) -> Any:
    """An array that is written to."""
    return types.Array(kind, dimensions, "C")


def compiled(
    result: Any, *arguments: Any, loose: frozenset[str] = frozenset()
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: compile for these types only, cached on disk; the function runs without the interpreter's lock.

    ``loose`` are LLVM's permissions for its floating-point numbers: ``"contract"`` for products and sums rounded once,
    ``"reassoc"`` for sums in another order.
    """
    decorate: Callable[[Callable[..., Any]], Callable[..., Any]] = njit(
        [result(*arguments)], nogil=True, cache=True, error_model="numpy", fastmath=set(loose)
    )
    return decorate
