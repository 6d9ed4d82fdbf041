"""A network as an ONNX graph: what rules of layers write to, and the file that becomes of it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np

from genoml.backend import Array, get_backend
from genoml.nn.layer import Layer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import onnx

__all__ = ["ExportError", "Rule", "Value", "Writer", "needs_onnx"]

#: operations that older operator sets lack, and the first that has them
_SINCE = {"LayerNormalization": 17}
#: from this operator set on, reductions are given their axes as an input
_AXES_AS_INPUT = 18
#: the oldest and the newest that the rules are written for
OPSETS = (13, 21)
#: positions to the end of an axis, and, backwards, to its start
_END, _START = np.iinfo(np.int64).max, np.iinfo(np.int64).min

T = TypeVar("T")


class ExportError(ValueError):
    """A network that cannot be written as ONNX."""


@dataclass(frozen=True)
class Value:
    """An array of the graph.

    Attributes
    ----------
    name : str
        In the graph.
    shapes : tuple of shapes
        Without the batch: one for each length of sequences that is traced.
    integer : bool
        Whether it holds tokens.
    """

    name: str
    shapes: tuple[tuple[int, ...], ...]
    integer: bool = False

    @property
    def ndim(self) -> int:
        """Number of axes, with the batch."""
        return 1 + len(self.shapes[0])


#: (writer, layer, its input) -> the name of its output
Rule: TypeAlias = Callable[["Writer", Any, Value], str]


def needs_onnx() -> Any:
    """The package ``onnx``.

    Raises
    ------
    ModuleNotFoundError
        Without it; the message says how to install it.
    """
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "writing ONNX needs the package onnx: pip install 'genoml-xp[onnx]'"
        ) from error
    return onnx


class Writer:
    """Operations and tensors of an ONNX graph, named by the paths of the layers that they belong to.

    Parameters
    ----------
    rules : mapping of class to rule
        How layers are written.
    opset : int
        ONNX's operator set.
    """

    def __init__(self, rules: Mapping[type, Rule], opset: int) -> None:
        self.opset, self._rules = opset, rules
        self._path: list[str] = []
        self._names: set[str] = set()
        self.tensors: dict[str, np.ndarray] = {}
        self.nodes: list[onnx.NodeProto] = []

    # ------------------------------------------------------------ layers

    def layer(self, layer: Layer, name: str, x: Value) -> Value:
        """The output of a layer, which is called ``name`` where it stands."""
        with self.within(name):
            rule = self._rule_of(layer)
            return Value(rule(self, layer, x), tuple(self._shape(layer, x, shape) for shape in x.shapes))

    def row(self, layers: Mapping[str, Layer], x: Value) -> Value:
        """The output of layers one after another."""
        for name, layer in layers.items():
            x = self.layer(layer, name, x)
        return x

    def _rule_of(self, layer: Layer) -> Rule:
        """Of the layer's class, or of one that it inherits from, unless it computes something else."""
        kind = type(layer)
        for known in kind.__mro__:
            if known in self._rules and (known is kind or kind.vjp is known.vjp):  # type: ignore[attr-defined]
                return self._rules[known]
        raise ExportError(
            f"layer {self.path or 'of the network'} ({kind.__name__}) has no rule for ONNX; "
            f"give one: rules={{{kind.__name__}: rule}}"
        )

    def _shape(self, layer: Layer, x: Value, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Of what the layer gives for one input, found by trying."""
        given = np.zeros((1, *shape), np.int32 if x.integer else np.float32)
        try:
            with np.errstate(all="ignore"):
                y, _ = layer.vjp(given)
        except ValueError as error:
            if shape == x.shapes[0]:
                raise
            raise ExportError(f"the network reads one length only: {error}") from error
        return tuple(y.shape[1:])

    @contextmanager
    def within(self, name: str) -> Iterator[None]:
        """Names begin with this one's while it is open."""
        self._path.append(name)
        try:
            yield
        finally:
            self._path.pop()

    @property
    def path(self) -> str:
        """Of the layer that is being written."""
        return ".".join(part for part in self._path if part)

    def one(self, found: Iterable[T], what: str) -> T:
        """What must be the same for every length of sequences.

        Raises
        ------
        ExportError
            If it is not.
        """
        values = list(dict.fromkeys(found))
        if len(values) > 1:
            raise ExportError(
                f"layer {self.path}: {what} depend on the length of the sequences; export for one length"
            )
        return values[0]

    # ------------------------------------------------------------ operations

    def tensor(self, name: str, values: Array | np.ndarray | Sequence[float]) -> str:
        """Numbers of the graph: parameters, or constants of a formula; equal ones of a name are one."""
        host = np.asarray(values)
        host = host if host.dtype.kind in "ib" else np.asarray(host, np.float32)
        full = f"{self.path}.{name}" if self.path else name
        known = self.tensors.get(full)
        if known is not None and np.array_equal(known, host) and known.dtype == host.dtype:
            return full
        full = self._unique(full)
        self.tensors[full] = np.ascontiguousarray(host)
        return full

    def integers(self, name: str, *values: int) -> str:
        """A tensor of int64."""
        return self.tensor(name, np.array(values, np.int64))

    def number(self, value: float) -> str:
        """A tensor of one number, without axes."""
        return self.tensor(f"constant {value:g}", np.array(value, np.float32))

    def add(self, operation: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """Add an operation; the name of its first output.

        Raises
        ------
        ExportError
            If the operator set lacks it.
        """
        from onnx import helper

        since = _SINCE.get(operation, 0)
        if self.opset < since:
            raise ExportError(
                f"layer {self.path}: {operation} needs operator set {since} or later, got {self.opset}"
            )
        name = self._unique(f"{self.path}/{operation}")
        names = [name, *(f"{name}:{number}" for number in range(1, outputs))]
        self.nodes.append(helper.make_node(operation, list(inputs), names, name=name, **attributes))
        return name

    def claim(self, *names: str) -> None:
        """Keep names for the graph's inputs and outputs."""
        self._names |= set(names)

    def _unique(self, name: str) -> str:
        found, number = name, 1
        while found in self._names:
            number += 1
            found = f"{name} {number}"
        self._names.add(found)
        return found

    # what several rules have in common

    def reduce(self, operation: str, x: str, axes: Sequence[int], *, keepdims: bool = False) -> str:
        """A sum, a mean or a maximum over axes."""
        keep = int(keepdims)
        if operation == "ReduceSum" or self.opset >= _AXES_AS_INPUT:
            return self.add(operation, x, self.integers("axes", *axes), keepdims=keep)
        return self.add(operation, x, axes=list(axes), keepdims=keep)

    def cut(self, x: str, axis: int, start: int, stop: int | None = None, step: int = 1) -> str:
        """x[start:stop:step] along an axis."""
        stop = (_END if step > 0 else _START) if stop is None else stop
        values = (("start", start), ("stop", stop), ("axis", axis), ("step", step))
        return self.add("Slice", x, *(self.integers(f"{name} {value}", value) for name, value in values))

    def flipped(self, x: str, axes: Sequence[int]) -> str:
        """x with axes in reverse order."""
        for axis in axes:
            x = self.cut(x, axis, -1, None, -1)
        return x

    def reshaped(self, x: str, *shape: int) -> str:
        """x in another shape: 0 keeps an axis, -1 is what is left."""
        return self.add("Reshape", x, self.integers(f"shape {' '.join(map(str, shape))}", *shape))

    def cropped(self, x: Value, lengths: Sequence[int]) -> str:
        """The middle of sequences, as CropTo takes it, one length for each that is traced."""
        ends = [
            ((shape[-1] - length) // 2, shape[-1] - length - (shape[-1] - length) // 2)
            for shape, length in zip(x.shapes, lengths, strict=True)
        ]
        before, after = self.one(ends, "the positions that it cuts off")
        return x.name if before == after == 0 else self.cut(x.name, 2, before, -after if after else None)


def on_host(network: Layer) -> Layer:
    """A copy of a network on NumPy, in float32."""
    return copy.deepcopy(network).to(get_backend("numpy"), "float32")
