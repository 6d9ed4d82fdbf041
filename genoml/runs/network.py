"""A network that was made by hand, as a description from which it can be built again: names and numbers, no code.

A layer is described by its class, one of ``genoml.nn``, and the arguments it was made with, which it keeps as its
attributes. What cannot be described in this way (a layer or subclass of one's own, a changed attribute) is
refused when it is saved, not when it is needed.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, get_type_hints

import msgspec

from genoml import nn
from genoml.backend import Backend, use_backend
from genoml.nn.containers import Container
from genoml.nn.layer import Layer
from genoml.train import BinaryClassification, Counts, MultiClassification, Objective, Regression

#: classes that a description may name
_LAYERS: dict[str, type[Layer]] = {
    name: kind
    for name, kind in vars(nn).items()
    if isinstance(kind, type) and issubclass(kind, Layer) and kind is not Layer
}
_OBJECTIVES: dict[str, type[Objective]] = {
    kind.__name__: kind for kind in (BinaryClassification, MultiClassification, Regression, Counts)
}
#: arguments that are layers
_HOLDERS = ("layers", "layer", "model")
#: sizes that cost no memory worth speaking of, whatever a layer makes of them
_FEW = 1 << 20


class LayerRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A layer's class, the arguments that it was made with, and, by name, the layers that it was made of."""

    kind: str
    options: dict[str, Any] = {}
    layers: dict[str, LayerRecord] = {}


class NetworkSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``run.json`` keeps of a network that was made by hand.

    Attributes
    ----------
    layers : LayerRecord or None
        What it is made of; None where it cannot be described, and must be at hand to be loaded.
    dtype : str
        That of its parameters.
    objective, objective_options : str, dict
        Name and attributes of the objective, which says what a prediction is.
    ambiguous : {"zero", "uniform", "iupac", "error"}
        What ambiguous letters stand for.
    reverse_complement : bool
        Whether the outputs of both strands are averaged in prediction.
    """

    layers: LayerRecord | None = None
    dtype: Literal["float32", "float64"] = "float32"
    objective: str = "BinaryClassification"
    objective_options: dict[str, Any] = {}
    ambiguous: Literal["zero", "uniform", "iupac", "error"] = "zero"
    reverse_complement: bool = True

    def __post_init__(self) -> None:
        if self.objective not in _OBJECTIVES:
            raise ValueError(f"objective expects one of {', '.join(_OBJECTIVES)}, got {self.objective!r}")
        self.build_objective()

    @classmethod
    def of(
        cls,
        model: Layer,
        objective: Objective | None = None,
        *,
        ambiguous: Literal["zero", "uniform", "iupac", "error"] = "zero",
        reverse_complement: bool = True,
        standalone: bool = True,
    ) -> NetworkSettings:
        """Those of a network; ``standalone``: with the description from which it can be built.

        Raises
        ------
        ValueError
            If the network or its objective cannot be described; the message names the layer.
        """
        objective = objective or BinaryClassification()
        if _OBJECTIVES.get(type(objective).__name__) is not type(objective):
            raise ValueError(
                f"a run expects an objective of {', '.join(_OBJECTIVES)}, got {type(objective).__name__}"
            )
        made = cls(
            layers=describe_network(model) if standalone else None,
            dtype="float64" if model.dtype == "float64" else "float32",
            objective=type(objective).__name__,
            objective_options=msgspec.to_builtins(objective),
            ambiguous=ambiguous,
            reverse_complement=reverse_complement,
        )
        return msgspec.json.decode(msgspec.json.encode(made), type=cls)  # as it will be read

    def build_objective(self) -> Objective:
        """The objective that the network was trained for."""
        objective: Objective = msgspec.convert(self.objective_options, type=_OBJECTIVES[self.objective])
        return objective

    def build(self, backend: Backend, most: int = _FEW) -> Layer:
        """The network, with initial weights; no size in it may be above ``most``, or a million.

        Raises
        ------
        ValueError
            If there is no description, or no such network.
        """
        if self.layers is None:
            raise ValueError("its network cannot be described; load it with model=, the same network")
        with use_backend(backend):
            return _build(self.layers, self.dtype, max(most, _FEW))


def describe_network(model: Layer) -> LayerRecord:
    """What a network is made of, from which the same one can be built.

    Raises
    ------
    ValueError
        If it cannot be described; the message names the layer.
    """
    record = _describe(model, "")
    with use_backend(model.backend):
        again = _build(record, model.dtype, 1 << 62)
    _expect_same(model, again, "")
    return record


def _describe(layer: Layer, path: str) -> LayerRecord:
    kind = type(layer)
    if _LAYERS.get(kind.__name__) is not kind:
        raise _indescribable(layer, path, "is no class of genoml.nn")
    settings = layer.settings()
    options: dict[str, Any] = {}
    for name in _parameters(kind.__name__):
        value = settings.get(name)
        if isinstance(value, float) and not math.isfinite(value):
            raise _indescribable(layer, path, f"has {name} = {value}")
        options[name] = value
    return LayerRecord(kind=kind.__name__, options=options, layers=_parts(layer, path))


def _parts(layer: Layer, path: str) -> dict[str, LayerRecord]:
    """What a container is made of, by name; of those that make their layers themselves nothing."""
    if not isinstance(layer, Container) or isinstance(layer, nn.MLP | nn.TransformerBlock):
        return {}
    if isinstance(layer, nn.Bidirectional):
        return {"layer": _describe(layer["forward"], _below(path, "forward"))}
    return {name: _describe(child, _below(path, name)) for name, child in layer.named_layers.items()}


@cache
def argument_types(kind: str) -> dict[str, Any]:
    """What each argument of a class of ``genoml.nn`` takes, the layers in it and the dtype among them."""
    made = _LAYERS[kind]
    hints = get_type_hints(made.__init__)
    names = list(inspect.signature(made).parameters)
    if made is nn.TransformerBlock:
        names.remove("attention")
        others = argument_types("SelfAttention")
        hints, names = others | hints, [*names, *(name for name in others if name not in names)]
    return {name: hints[name] for name in names if name != "backend"}


def _parameters(kind: str) -> list[str]:
    """The arguments that a layer is described by: all but its dtype and the layers in it."""
    return [name for name in argument_types(kind) if name not in ("dtype", *_HOLDERS)]


def _build(record: LayerRecord, dtype: str, most: int) -> Layer:
    if record.kind not in _LAYERS:
        raise ValueError(f"unknown kind of layer {record.kind!r}; those of genoml.nn are known")
    kind: type[Any] = _LAYERS[record.kind]
    options, types = _checked(record, most), argument_types(record.kind)
    if "dtype" in types:
        options["dtype"] = dtype
    layers: dict[str, Any] = {name: _build(part, dtype, most) for name, part in record.layers.items()}
    if "layers" in types:
        layers = {"layers": layers}
    elif layers.keys() != types.keys() & set(_HOLDERS):
        raise ValueError(f"{record.kind} is not made of layers {', '.join(layers)}")
    layer: Layer = kind(**layers, **options)
    return layer


def _checked(record: LayerRecord, most: int) -> dict[str, Any]:
    """The arguments, each of the type that the class declares."""
    types, known = argument_types(record.kind), _parameters(record.kind)
    options = {}
    for name, value in record.options.items():
        if name not in known:
            raise ValueError(f"{record.kind} has no argument {name!r}")
        if isinstance(value, int) and abs(value) > most and name != "seed":
            raise ValueError(f"{record.kind}: {name} expects at most {most}, got {value}")
        options[name] = msgspec.convert(value, type=types[name])
    return options


def _expect_same(layer: Layer, again: Layer, path: str) -> None:
    """Raise ValueError unless a layer that was built anew has the attributes, weights and layers of the first."""
    if type(layer) is not type(again):
        raise _indescribable(layer, path, f"stands where a {type(again).__name__} is made")
    own, other = _plain(layer), _plain(again)
    for name in own.keys() | other.keys():
        if own.get(name) != other.get(name):
            raise _indescribable(
                layer,
                path,
                f"has {name} = {own.get(name)!r}, which no argument makes, but {other.get(name)!r}",
            )
    if isinstance(layer, Container) and isinstance(again, Container):
        if list(layer.named_layers) != list(again.named_layers):
            raise _indescribable(layer, path, f"has layers {', '.join(layer.named_layers)}")
        for name, child in layer.named_layers.items():
            _expect_same(child, again[name], _below(path, name))
        return
    shapes = [_shapes(own.params) | _shapes(own.state) for own in (layer, again)]
    if shapes[0] != shapes[1]:
        raise _indescribable(layer, path, f"has arrays of shapes {shapes[0]}, expects {shapes[1]}")


def _plain(layer: Layer) -> dict[str, Any]:
    """Arguments and attributes that are numbers, text or rows of such, but for what a layer's place gives it."""
    own = {name: value for name, value in vars(layer).items() if not name.startswith("_")}
    return {
        name: value
        for name, value in {**own, **layer.settings()}.items()
        if name not in ("seed", "path")
        and isinstance(value, int | float | str | tuple)
        and not (isinstance(value, tuple) and any(isinstance(part, Layer) for part in value))
    }


def _shapes(arrays: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in arrays.items()}


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _indescribable(layer: Layer, path: str, why: str) -> ValueError:
    where = f"layer {path}" if path else "the network"
    return ValueError(
        f"{where} ({type(layer).__name__}) cannot be described, since it {why}; save the run with standalone=False, "
        "and load it with model=, the same network"
    )
