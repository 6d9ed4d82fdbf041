"""How a backend's twin takes the place of an operation's standard version."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from genoml.backend import Array, backend_of


class Operation:
    """A standard version, and the dispatch to a backend's twin of the same name.

    A twin takes the same arguments and returns ``NotImplemented`` for what it does not cover.
    """

    def __init__(self, standard: Callable[..., Any]) -> None:
        self.standard = standard
        self.name = standard.__name__
        wraps(standard)(self)

    def __call__(self, x: Array, *args: Any, **options: Any) -> Any:
        backend = backend_of(x)
        twin = None if backend is None else backend.twins.get(self.name)
        if twin is not None:
            result = twin(x, *args, **options)
            if result is not NotImplemented:
                return result
        return self.standard(x, *args, **options)


def operation(standard: Callable[..., Any]) -> Operation:
    """Decorate the standard version of an operation that a backend may have a twin of."""
    return Operation(standard)
