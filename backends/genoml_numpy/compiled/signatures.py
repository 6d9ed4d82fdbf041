"""Compiled functions, and the types of their arguments: C-contiguous, and read-only unless they are written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba.core import types
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import CPUDispatcher

INT = types.int64
FLAG = types.boolean
NOTHING = types.void
FLOAT = types.float32
BYTE = types.uint8
PLACE = types.int32
#: time and size of every file beside this one
_FILES = tuple(
    (file.name, file.stat().st_mtime_ns, file.stat().st_size)
    for file in sorted(Path(__file__).parent.glob("*.py"))
)


def given(kind: Any, dimensions: int) -> Any:
    """An array that is read."""
    return types.Array(kind, dimensions, "C", readonly=True)


def written(kind: Any, dimensions: int) -> Any:
    """An array that is written to."""
    return types.Array(kind, dimensions, "C")


class Compiled(CPUDispatcher):  # type: ignore[misc]  # Numba has no types
    """A function that is compiled for its stated types when it is first called, or else read from the disk.

    All of them together take 40 s to compile, and no network needs them all.
    """

    def __init__(self, function: Callable[..., Any], signature: Any, **options: Any) -> None:
        super().__init__(function, targetoptions={"nopython": True, "nogil": True, **options})
        self._signature = signature
        self.enable_caching()
        # Numba compares the function's own file with what was compiled; code of the others is part of it too
        index = self._cache._cache_file
        index._source_stamp = index._source_stamp, _FILES

    def compile_now(self) -> None:
        """Compile it, once, whatever threads ask for it."""
        if self._can_compile:
            with global_compiler_lock:
                if self._can_compile:
                    self.compile(self._signature)
                    self.disable_compile()

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """What a compiled function asks that calls this one."""
        self.compile_now()
        return super().get_call_template(args, kws)

    def _compile_for_args(self, *args: Any, **kws: Any) -> Any:
        """What a call asks that finds nothing compiled: for the function to call."""
        self.compile_now()
        return self


def compiled(
    result: Any, *arguments: Any, loose: frozenset[str] = frozenset()
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: compile for these types only, cached on disk; the function runs without the interpreter's lock.

    ``loose`` are LLVM's permissions for its floating-point numbers: ``"contract"`` for products and sums rounded once,
    ``"reassoc"`` for sums in another order.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        return Compiled(function, result(*arguments), error_model="numpy", fastmath=set(loose))

    return decorate
