"""The tables that hold layers' arrays by name: read as attributes, moved, replaced, and several seen as one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, Self, overload

from genoml.backend import Array

if TYPE_CHECKING:
    from genoml.nn.layer import Layer


class _Entry:
    """An attribute of a layer that is an entry of one of its dicts, which stay the one truth."""

    table: str
    suffix = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.key = name.removesuffix(self.suffix)

    @overload
    def __get__(self, layer: None, owner: type) -> Self: ...
    @overload
    def __get__(self, layer: Layer, owner: type) -> Array: ...
    def __get__(self, layer: Layer | None, owner: type) -> Any:
        if layer is None:
            return self
        table = getattr(layer, self.table)
        if self.key not in table:
            raise AttributeError(f"{type(layer).__name__} has no {self.table}[{self.key!r}] yet")
        return table[self.key]

    def __set__(self, layer: Layer, value: Array) -> None:
        getattr(layer, self.table)[self.key] = value


class Parameter(_Entry):
    """A trainable array: ``layer.weights`` is ``layer.params["weights"]``."""

    table = "params"


class Gradient(_Entry):
    """A parameter's gradient after ``backward``: ``layer.weights_grad`` is ``layer.grads["weights"]``."""

    table = "grads"
    suffix = "_grad"


class State(_Entry):
    """An array that a training forward updates and that is saved, but not trained (running statistics)."""

    table = "state"


def moved_tables(state: Mapping[str, Any], move: Callable[[Any], Any]) -> dict[str, Any]:
    """The arrays of a layer's state, each moved to or from the host."""
    tables: Mapping[str, Mapping[str, Any]] | None = state["_tables"]
    every = {"grads": state["_grads"], **(tables or {})}
    moved = {key: {name: move(value) for name, value in table.items()} for key, table in every.items()}
    return {"_grads": moved.pop("grads"), "_tables": None if tables is None else moved}


def replace_entries(table: MutableMapping[str, Array], values: Mapping[str, Array], what: str) -> None:
    """Assign all entries at once.

    Raises
    ------
    ValueError
        If the names or the shapes are not the table's; nothing is assigned then.
    """
    if set(table) != set(values):
        missing, extra = sorted(set(table) - set(values)), sorted(set(values) - set(table))
        raise ValueError(f"{what} expects the same names; missing {missing}, unknown {extra}")
    for name, value in values.items():
        if tuple(value.shape) != tuple(table[name].shape):
            raise ValueError(
                f"{what}[{name!r}] expects shape {tuple(table[name].shape)}, got {tuple(value.shape)}"
            )
    for name, value in values.items():
        table[name] = value


class PathView(MutableMapping[str, Array]):
    """The entries of several layers' dicts as one, under ``"<path>.<name>"``; writing goes through.

    The set of names is the layers' own: entries can be changed, not added or taken away. A copy, and what comes back
    from a pickle, is a plain dict: it keeps the values of now, as ``copy.deepcopy(model.params)`` is meant to.
    """

    def __init__(self, tables: Callable[[], Mapping[str, MutableMapping[str, Array]]]) -> None:
        self._tables = tables

    def _find(self, path: str) -> tuple[MutableMapping[str, Array], str]:
        for prefix, table in self._tables().items():
            if path.startswith(prefix + ".") and path[len(prefix) + 1 :] in table:
                return table, path[len(prefix) + 1 :]
        raise KeyError(path)

    def __getitem__(self, path: str) -> Array:
        table, name = self._find(path)
        return table[name]

    def __setitem__(self, path: str, value: Array) -> None:
        table, name = self._find(path)
        table[name] = value

    def __delitem__(self, path: str) -> None:
        raise TypeError(f"{path!r} belongs to its layer and cannot be deleted")

    def __iter__(self) -> Iterator[str]:
        return (f"{prefix}.{name}" for prefix, table in self._tables().items() for name in table)

    def __len__(self) -> int:
        return sum(len(table) for table in self._tables().values())

    def __reduce__(self) -> tuple[type[dict[str, Array]], tuple[dict[str, Array]]]:
        return dict, (dict(self),)

    def __repr__(self) -> str:
        return f"{{{', '.join(f'{name!r}: {tuple(value.shape)}' for name, value in self.items())}}}"
