"""Descriptions of networks: names and numbers, no code, from which they are built again.

A layer is described by its class, one of ``genoml.nn``, and the arguments it was made with, which it keeps as its
attributes. A network that cannot be described in this way (a layer or subclass of your own, a changed attribute) is
refused when it is saved, not when it is loaded.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from functools import cache
from typing import Any, get_type_hints

import msgspec

from genoml import nn
from genoml.backend import Backend, use_backend
from genoml.nn.containers import Container
from genoml.nn.layer import Layer

#: classes that a description may name
_LAYERS: dict[str, type[Layer]] = {
    name: kind
    for name, kind in vars(nn).items()
    if isinstance(kind, type) and issubclass(kind, Layer) and kind is not Layer
}
#: arguments that are layers
_HOLDERS = ("layers", "layer", "model")
#: sizes up to this cost little memory in any layer
FEW = 1 << 20


class LayerRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Description of a layer: its class, its arguments, and by name the layers in it."""

    kind: str
    options: dict[str, Any] = {}
    layers: dict[str, LayerRecord] = {}


def describe_network(model: Layer) -> LayerRecord:
    """Describe a network, so that the same one can be built from the description.

    Raises
    ------
    ValueError
        If it cannot be described; the message names the layer.
    """
    record = _describe(model, "")
    again = build_network(record, model.backend, model.dtype, 1 << 62)
    _expect_same(model, again, "")
    return record


def build_network(record: LayerRecord, backend: Backend, dtype: str = "float32", most: int = FEW) -> Layer:
    """Build the network of a description, with initial weights: the inverse of ``describe_network``.

    Parameters
    ----------
    record : LayerRecord
        Such as ``msgspec.json.decode(text, type=LayerRecord)``. Classes of ``genoml.nn`` alone are known.
    backend, dtype : Backend, str
        Where its parameters live, and their dtype.
    most : int
        The largest number that it may name, as a size: what a file of its weights can hold.

    Raises
    ------
    ValueError
        If there is no such network, or a number is above ``most``.
    """
    with use_backend(backend):
        return _build(record, dtype, most)


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
    """Descriptions of the layers of a container by name; none for a container that makes its layers itself."""
    if not isinstance(layer, Container) or isinstance(layer, nn.MLP | nn.TransformerBlock):
        return {}
    if isinstance(layer, nn.Bidirectional):
        return {"layer": _describe(layer["forward"], _below(path, "forward"))}
    return {name: _describe(child, _below(path, name)) for name, child in layer.named_layers.items()}


@cache
def argument_types(kind: str) -> dict[str, Any]:
    """Type of each argument of a class of ``genoml.nn``, its layers and its dtype too."""
    made = _LAYERS[kind]
    hints = get_type_hints(made.__init__)
    names = list(inspect.signature(made).parameters)
    if made is nn.TransformerBlock:
        names.remove("attention")
        others = argument_types("SelfAttention")
        hints = others | hints
        names = [*names, *(name for name in others if name not in names)]
    return {name: hints[name] for name in names if name != "backend"}


def _parameters(kind: str) -> list[str]:
    """Arguments in the description of a layer: all but its dtype and the layers in it."""
    return [name for name in argument_types(kind) if name not in ("dtype", *_HOLDERS)]


def _build(record: LayerRecord, dtype: str, most: int) -> Layer:
    if record.kind not in _LAYERS:
        raise ValueError(f"unknown kind of layer {record.kind!r}; those of genoml.nn are known")
    kind: type[Any] = _LAYERS[record.kind]
    options = _checked(record, most)
    types = argument_types(record.kind)
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
    """Arguments of a description, each converted to the type that the class declares."""
    types = argument_types(record.kind)
    known = _parameters(record.kind)
    options = {}
    for name, value in record.options.items():
        if name not in known:
            raise ValueError(f"{record.kind} has no argument {name!r}")
        if isinstance(value, int) and abs(value) > most and name != "seed":
            raise ValueError(f"{record.kind}: {name} expects at most {most}, got {value}")
        try:
            options[name] = msgspec.convert(value, type=types[name])
        except msgspec.ValidationError as error:
            raise ValueError(f"{record.kind}: {name}: {error}") from error
    return options


def _expect_same(layer: Layer, again: Layer, path: str) -> None:
    """Raise ValueError unless a layer built from its description equals the first in attributes and layers."""
    if type(layer) is not type(again):
        raise _indescribable(layer, path, f"is in the place of a {type(again).__name__}")
    first, second = _plain(layer), _plain(again)
    for name in first.keys() | second.keys():
        if first.get(name) != second.get(name):
            raise _indescribable(
                layer,
                path,
                f"has {name} = {first.get(name)!r}, which no argument makes, but {second.get(name)!r}",
            )
    if isinstance(layer, Container) and isinstance(again, Container):
        if list(layer.named_layers) != list(again.named_layers):
            raise _indescribable(layer, path, f"has layers {', '.join(layer.named_layers)}")
        for name, child in layer.named_layers.items():
            _expect_same(child, again[name], _below(path, name))
        return
    shapes = [_shapes(each.params) | _shapes(each.state) for each in (layer, again)]
    if shapes[0] != shapes[1]:
        raise _indescribable(layer, path, f"has arrays of shapes {shapes[0]}, expects {shapes[1]}")


def _plain(layer: Layer) -> dict[str, Any]:
    """Arguments and attributes that are numbers, text or tuples, without its seed and path."""
    attributes = {name: value for name, value in vars(layer).items() if not name.startswith("_")}
    return {
        name: value
        for name, value in {**attributes, **layer.settings()}.items()
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
