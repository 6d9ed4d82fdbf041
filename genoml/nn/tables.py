"""Arrays by name: the parameters, state and gradients of a layer; how they are drawn, moved, copied and replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from copy import deepcopy
from math import prod
from typing import Any, Self, overload

from genoml.backend import Array, Backend, get_backend
from genoml.random import Drawn, Initializer, host_generator


class _Entry:
    """Descriptor: an attribute of a layer that reads and writes an entry of one of its dicts."""

    table: str
    suffix = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.key = name.removesuffix(self.suffix)

    @overload
    def __get__(self, layer: None, owner: type) -> Self: ...
    @overload
    def __get__(self, layer: ArrayTables, owner: type) -> Array: ...
    def __get__(self, layer: ArrayTables | None, owner: type) -> Any:
        if layer is None:
            return self
        table = getattr(layer, self.table)
        if self.key not in table:
            raise AttributeError(f"{type(layer).__name__} has no {self.table}[{self.key!r}] yet")
        return table[self.key]

    def __set__(self, layer: ArrayTables, value: Array) -> None:
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


class ArrayTables:
    """Base of a layer: its arrays by name, in the tables ``params``, ``state`` and ``grads``.

    Initial values are drawn from (seed, path) when they are first needed, so that a network can first tell its layers
    their paths.
    """

    def __init__(
        self, *, seed: int = 0, dtype: str = "float32", backend: str | Backend | None = None
    ) -> None:
        if dtype not in ("float32", "float64"):
            raise ValueError(f"{type(self).__name__} expects dtype 'float32' or 'float64', got {dtype!r}")
        self.seed = seed
        self.path = type(self).__name__
        self.dtype = dtype
        self.backend = get_backend(backend)
        self._tables: dict[str, dict[str, Array]] | None = None
        self._grads: dict[str, Array] = {}

    def initial_params(self) -> Mapping[str, Initializer]:
        """Name -> how to draw the initial value of each parameter."""
        return {}

    def initial_state(self) -> Mapping[str, Initializer]:
        """Name -> the initial value of each array of the state."""
        return {}

    def place(self, seed: int, path: str) -> None:
        """Set the seed and the layer's path in its network; drawn or assigned parameters stay as they are."""
        if self._tables is None:
            self.seed, self.path = seed, path

    def undrawn(self) -> int:
        """How many numbers are still to be drawn, as the shapes of the initial values say."""
        if self._tables is not None:
            return 0
        tables = (self.initial_params(), self.initial_state())
        return sum(prod(d.shape) for table in tables for d in table.values() if isinstance(d, Drawn))

    def draw(self) -> None:
        """Draw the parameters and the state now, if they are not yet."""
        self._table("params")

    def _table(self, name: str) -> dict[str, Array]:
        if self._tables is None:
            self._tables = {
                "params": self._draw(self.initial_params()),
                "state": self._draw(self.initial_state()),
            }
        return self._tables[name]

    def _draw(self, initializers: Mapping[str, Initializer]) -> dict[str, Array]:
        return {
            name: self.backend.asarray(draw(host_generator(self.seed, self.path, name)), dtype=self.dtype)
            for name, draw in initializers.items()
        }

    @property
    def params(self) -> MutableMapping[str, Array]:
        """The trainable arrays by name; assign to an entry to change it."""
        return self._table("params")

    @params.setter
    def params(self, values: Mapping[str, Array]) -> None:
        replace_entries(self.params, values, f"{type(self).__name__}.params")

    @property
    def state(self) -> MutableMapping[str, Array]:
        """The arrays that are saved but not trained, by name."""
        return self._table("state")

    @state.setter
    def state(self, values: Mapping[str, Array]) -> None:
        replace_entries(self.state, values, f"{type(self).__name__}.state")

    @property
    def grads(self) -> MutableMapping[str, Array]:
        """The gradients of the last ``backward``, by parameter name."""
        return self._grads

    @grads.setter
    def grads(self, values: Mapping[str, Array]) -> None:
        self._grads = dict(values)

    def to(self, backend: str | Backend | None = None, dtype: str | None = None) -> Self:
        """Move parameters and state, in place, to a backend or dtype; returns the layer."""
        target = self.backend if backend is None else get_backend(backend)
        for table in (self.params, self.state):
            for name, value in list(table.items()):
                host = self.backend.to_numpy(value)
                table[name] = target.asarray(host, dtype=dtype or self.dtype)
        self.backend, self.dtype = target, dtype or self.dtype
        self._grads = {}
        return self

    def __copy__(self) -> Self:
        """A deep copy: one that shared its arrays would change with the original."""
        return deepcopy(self)

    def __getstate__(self) -> dict[str, Any]:
        """The attributes for copies and pickles, with arrays moved to the host."""
        return {**vars(self), **_moved_tables(vars(self), self.backend.to_numpy)}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Set the attributes, with arrays copied to the backend: memory of another process may be read-only."""
        vars(self).update(state)
        vars(self).update(_moved_tables(state, self.backend.copy_from_numpy))


def _moved_tables(state: Mapping[str, Any], move: Callable[[Any], Any]) -> dict[str, Any]:
    """The attributes ``_tables`` and ``_grads`` with every array moved to or from the host."""
    tables: Mapping[str, Mapping[str, Any]] | None = state["_tables"]
    every = {"grads": state["_grads"], **(tables or {})}
    moved = {key: {name: move(value) for name, value in table.items()} for key, table in every.items()}
    return {"_grads": moved.pop("grads"), "_tables": None if tables is None else moved}


def replace_entries(table: MutableMapping[str, Array], values: Mapping[str, Array], what: str) -> None:
    """Assign all entries of a table at once.

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
    """A dict of several layers' entries, under ``"<path>.<name>"``; an assignment changes the layer's entry.

    Entries can be changed, not added or deleted. A copy, and what comes back
    from a pickle, is a plain dict, which keeps the present values, as ``copy.deepcopy(model.params)`` is meant to.
    """

    def __init__(
        self,
        layers: Callable[[], Mapping[str, Any]],
        table: Callable[[Any], MutableMapping[str, Array]],
    ) -> None:
        self._layers, self._table = layers, table

    def _find(self, path: str) -> tuple[MutableMapping[str, Array], str]:
        layers = self._layers()
        at = path.find(".")
        while at >= 0:  # a layer's name may have dots too
            prefix, name = path[:at], path[at + 1 :]
            if prefix in layers and name in (table := self._table(layers[prefix])):
                return table, name
            at = path.find(".", at + 1)
        raise KeyError(path)

    def _tables(self) -> dict[str, MutableMapping[str, Array]]:
        return {name: self._table(layer) for name, layer in self._layers().items()}

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
