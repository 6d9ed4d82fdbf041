"""Operations that a backend may replace: the standard version calls the backend's twin, where there is one."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from genoml.backend import Array, backend_of


class Operation:
    """An operation's standard version, which calls the backend's twin of the same name if there is one.

    A twin takes the same arguments. It returns ``NotImplemented`` for cases that it does not cover, and then the
    standard version runs.
    """

    def __init__(self, standard: Callable[..., Any]) -> None:
        self.standard = standard
        self.name = standard.__name__
        wraps(standard)(self)

    def __call__(self, x: Array | list[Array], *args: Any, **options: Any) -> Any:
        backend = backend_of(x[0] if isinstance(x, list) and x else x)
        twin = None if backend is None else backend.twins.get(self.name)
        if twin is not None:
            result = twin(x, *args, **options)
            if result is not NotImplemented:
                return result
        return self.standard(x, *args, **options)


def operation(standard: Callable[..., Any]) -> Operation:
    """Decorator of a standard version: backends may have a twin of it."""
    return Operation(standard)
