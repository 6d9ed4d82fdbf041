"""A network described in words: one line a layer (``repr``), or a table of layers, output shapes and parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from html import escape
from inspect import Parameter, signature
from math import prod
from typing import Any, Protocol

from array_api_compat import device as device_of

from genoml.backend import Array, Backend

#: arguments of a constructor that are no part of the formula
_PLACE = frozenset({"seed", "backend"})
#: channels of one-hot sequences
_BASES = 4


class Described(Protocol):
    """A layer as used here, see :class:`genoml.nn.Layer`."""

    dtype: str
    backend: Backend
    trained: Any

    @property
    def params(self) -> Mapping[str, Array]: ...
    @property
    def state(self) -> Mapping[str, Array]: ...
    @property
    def children(self) -> Mapping[str, Described]: ...
    def settings(self) -> Mapping[str, Any]: ...
    def check_dtype(self, x: Array) -> None: ...
    def vjp(self, x: Array) -> tuple[Array, Any]: ...


def describe(layer: Described) -> str:
    """The call that makes the layer: required arguments, and those that are not at their defaults."""
    given, words = layer.settings(), []
    for name, parameter in signature(type(layer)).parameters.items():
        required = parameter.default is Parameter.empty
        if name in _PLACE or name not in given or (not required and _same(given[name], parameter.default)):
            continue
        bare = required and parameter.kind is not Parameter.KEYWORD_ONLY
        words.append(_shown(given[name]) if bare else f"{name}={_shown(given[name])}")
    return f"{type(layer).__name__}({', '.join(words)})"


def _same(value: Any, default: Any) -> bool:
    same: bool = type(value) is type(default) and not hasattr(value, "shape") and value == default
    return same


def _shown(value: Any) -> str:
    return f"array{tuple(value.shape)}" if hasattr(value, "shape") else repr(value)


def describe_tree(layer: Described) -> str:
    """One line a layer; the layers of a container below it, each after its name."""
    lines = [describe(layer)]
    for name, child in layer.children.items():
        first, *others = describe_tree(child).splitlines()
        lines += [f"  {name}: {first}", *(f"  {line}" for line in others)]
    return "\n".join(lines)


@dataclass(frozen=True)
class SummaryRow:
    """A layer in a summary: its path, depth in the network, output and size.

    ``output`` is the shape without the batch, None if the network does not call the layer itself; ``parameters`` are
    the layer's own numbers, without those of layers in it.
    """

    path: str
    depth: int
    layer: str
    output: tuple[int, ...] | None
    parameters: int

    @property
    def label(self) -> str:
        """The layer after its name."""
        name = self.path.rpartition(".")[2] if self.depth else ""
        return (f"{name}: " if name else "") + self.layer


@dataclass(frozen=True)
class ModelSummary:
    """Result of :meth:`Layer.summary`; prints as a table.

    Attributes
    ----------
    input : tuple of int
        Shape of the input, without the batch.
    rows : tuple of SummaryRow
        A row a layer, the network itself first.
    parameters, state : int
        Trainable numbers, and numbers that are saved but not trained (running statistics).
    """

    input: tuple[int, ...]
    rows: tuple[SummaryRow, ...]
    parameters: int
    state: int

    def __str__(self) -> str:
        cells = [("layer", "output", "parameters")]
        for row in self.rows:
            label = "  " * row.depth + row.label
            shape = "" if row.output is None else _with_batch(row.output)
            cells.append((label, shape, f"{row.parameters:,}" if row.parameters else ""))
        widths = [max(len(line[column]) for line in cells) for column in range(3)]
        lines = [f"{a:{widths[0]}}  {b:{widths[1]}}  {c:>{widths[2]}}".rstrip() for a, b, c in cells]
        return "\n".join([*lines, self._total()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """The table of a notebook; it scrolls where a screen is narrow."""
        with_shapes = any(row.output is not None for row in self.rows)
        head = ["layer", "output", "parameters"] if with_shapes else ["layer", "parameters"]
        lines = ["".join(f"<th>{name}</th>" for name in head)]
        for row in self.rows:
            indent = f"text-align:left;padding-left:{0.5 + 1.2 * row.depth:.1f}em"
            cells = [f'<td style="{indent}"><code>{escape(row.label)}</code></td>']
            if with_shapes:
                shape = "" if row.output is None else _with_batch(row.output)
                cells.append(f'<td style="text-align:left;white-space:nowrap;padding-right:1em">{shape}</td>')
            cells.append(f"<td>{f'{row.parameters:,}' if row.parameters else ''}</td>")
            lines.append("".join(cells))
        table = "".join(f"<tr>{line}</tr>" for line in lines)
        return f'<div style="overflow-x:auto"><table>{table}</table></div><p>{self._total()}</p>'

    def _total(self) -> str:
        state = f", {self.state:,} numbers of state" if self.state else ""
        place = f"input {_with_batch(self.input)}: " if self.input else ""
        return f"{place}{self.parameters:,} parameters{state}"


def _with_batch(shape: tuple[int, ...]) -> str:
    return f"({', '.join(['batch', *map(str, shape)])})"


def model_html(model: Described) -> str:
    """The table of a notebook, with the shapes that the layers give if the length of the sequences is known."""
    length = getattr(model.trained, "length_bp", 0)
    return summarise_model(model, length or None)._repr_html_()


def summarise_model(model: Described, length: int | Sequence[int] | None) -> ModelSummary:
    """Run a copy of the network, in evaluation, on one example of zeros: see :meth:`Layer.summary`.

    Without a length it is not run, and there are no shapes.
    """
    model = deepcopy(model)
    outputs: dict[int, tuple[int, ...]] = {}
    layers = list(_walk(model))
    for layer in {id(layer): layer for _, _, layer in layers}.values():
        _watch(layer, outputs)
    shape: tuple[int, ...] = ()
    if length is not None:
        x = _zeros(model, length)
        model.backend.check(x, type(model).__name__)
        model.vjp(x)
        shape = tuple(x.shape[1:])
    own = [(path, layer) for path, _, layer in layers if not layer.children]
    trained = set(model.params)
    counted, state = dict[int, int](), dict[int, int]()
    for path, layer in own:
        prefix = f"{path}." if path else ""
        fixed = {name: value for name, value in layer.params.items() if prefix + name not in trained}
        counted[id(layer)] = _count(layer.params) - _count(fixed)
        state[id(layer)] = _count(layer.state) + _count(fixed)
    rows = [
        SummaryRow(path, depth, describe(layer), outputs.get(id(layer)), counted.get(id(layer), 0))
        for path, depth, layer in layers
    ]
    return ModelSummary(shape, tuple(rows), sum(counted.values()), sum(state.values()))


def _walk(layer: Described, path: str = "", depth: int = 0) -> Iterator[tuple[str, int, Described]]:
    yield path, depth, layer
    for name, child in layer.children.items():
        yield from _walk(child, f"{path}.{name}" if path else name, depth + 1)


def _watch(layer: Described, outputs: dict[int, tuple[int, ...]]) -> None:
    """Let the layer record its output's shape, by id.

    It becomes an instance of a subclass, so that it is not fused with its neighbours (genoml/nn/fused.py).
    """
    kind = type(layer)

    def vjp(self: Described, *arguments: Any, **options: Any) -> tuple[Array, Any]:
        y, pullback = kind.vjp(self, *arguments, **options)
        outputs[id(self)] = tuple(y.shape[1:])
        return y, pullback

    layer.__class__ = type(kind.__name__, (kind,), {"vjp": vjp})


def _zeros(model: Described, length: int | Sequence[int]) -> Array:
    """One example of zeros: one-hot sequences or the full shape, of whole numbers where the network reads tokens."""
    on = model.backend

    def zeros(shape: Sequence[int], dtype: str) -> Array:
        one = on.asarray(1, dtype)
        return on.xp.zeros((1, *shape), dtype=one.dtype, device=device_of(one))

    try:
        model.check_dtype(zeros((), "int32"))
    except TypeError:
        return zeros((_BASES, length) if isinstance(length, int) else length, model.dtype)
    return zeros((length,) if isinstance(length, int) else length, "int32")


def _count(table: Mapping[str, Array]) -> int:
    return sum(prod(value.shape) for value in table.values())
