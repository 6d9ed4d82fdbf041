"""Keras models: Sequential and functional ones, of Keras 2 and 3, and models within models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from genoml.convert.builder import Builder, ConvertError, Value
from genoml.convert.keras_layers import KerasLayer, KerasRule
from genoml.convert.keras_sequences import KERAS_RULES
from genoml.convert.network import Converted, finish, sequence_input
from genoml.convert.nodes import unsupported

__all__ = ["convert_keras"]

_MODELS = ("Functional", "Model", "Sequential")
#: layers that run code of the file, or of another package
_CODE = ("Lambda", "TFOpLambda", "SlicingOpLambda")


def convert_keras(
    config: Mapping[str, Any],
    weights: Mapping[str, np.ndarray],
    *,
    length_bp: int | None = None,
    cut: bool = False,
    rules: Mapping[str, KerasRule] | None = None,
) -> Converted:
    """The network of a Keras model, from its topology as JSON and its arrays.

    Parameters
    ----------
    config : mapping
        ``model_config`` of an HDF5 file, or ``config.json``: ``class_name`` and ``config``.
    weights : mapping of str to array
        By ``LAYER/NAME``, as ``genoml.io.read_weights`` gives them.
    length_bp : int, optional
        Length of the sequences, where the model leaves it open.
    cut : bool
        Whether a last softmax or sigmoid is cut off.
    rules : mapping, optional
        Further rules, by the class or the name of a layer, beside ``KERAS_RULES``.

    Raises
    ------
    ConvertError
        For a layer or setting that no rule converts; the message names the layer.
    """
    if config.get("class_name") not in _MODELS:
        raise ConvertError(
            f"import: expects a topology of {', '.join(_MODELS)}, got {config.get('class_name')!r}"
        )
    b, known = Builder(), {**KERAS_RULES, **(rules or {})}
    try:
        name, shape = _input_of(config)
        source, fixed = sequence_input(b, name, shape, length_bp)
        outputs = _model(b, config, _Below(weights, known), [source])
    except ConvertError:
        raise
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        what = f"{type(error).__name__}: {error}"
        raise ConvertError(f"import: the topology is not as Keras writes it ({what})") from error
    return finish(b, source, outputs, fixed_length=fixed, cut=cut)


@dataclass(frozen=True)
class _Below:
    """Arrays of a model, of a model within it by its prefix, and the rules."""

    weights: Mapping[str, np.ndarray]
    rules: Mapping[str, KerasRule]
    prefix: str = ""

    def of(self, name: str) -> _Below:
        """Those of a layer."""
        return replace(self, prefix=f"{self.prefix}{name}/")

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays by their paths below it."""
        at = len(self.prefix)
        return {key[at:]: array for key, array in self.weights.items() if key.startswith(self.prefix)}


def _layers(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The layers of a model; an old Sequential is their list."""
    inner = config["config"]
    found: list[Mapping[str, Any]] = inner if isinstance(inner, list) else inner.get("layers", [])
    return found


def _shape_of(layer: Mapping[str, Any]) -> Any:
    own = layer["config"]
    if not isinstance(own, dict):
        return None
    return own.get("batch_input_shape") or own.get("batch_shape")


def _input_of(config: Mapping[str, Any]) -> tuple[str, Sequence[int | None]]:
    """Name and shape of a model's one input; that of a Sequential may be said by its first layer.

    Raises
    ------
    ConvertError
        If there are several, or its shape is not said.
    """
    layers = _layers(config)
    inputs = [layer for layer in layers if layer["class_name"] == "InputLayer"]
    if config["class_name"] == "Sequential" and layers:
        first = layers[0]
        if first["class_name"] in _MODELS:
            return _input_of(first)
        shape = _shape_of(first)
        if shape is None and isinstance(config["config"], dict):
            shape = config["config"].get("build_input_shape")
        inputs = [first] if shape is not None else []
    else:
        shape = _shape_of(inputs[0]) if inputs else None
    if len(inputs) != 1 or shape is None:
        names = [_name(layer) for layer in inputs]
        raise ConvertError(f"import: expects a model with one input whose shape it says, got {names}")
    return (_name(inputs[0]) if inputs[0]["class_name"] == "InputLayer" else "sequences"), shape


def _name(layer: Mapping[str, Any]) -> str:
    own = layer["config"] if isinstance(layer["config"], dict) else {}
    return str(layer.get("name") or own.get("name") or layer["class_name"])


def _model(
    b: Builder,
    config: Mapping[str, Any],
    below: _Below,
    given: Sequence[Value],
) -> list[tuple[str, Value]]:
    """Outputs of a model for its inputs."""
    if config["class_name"] == "Sequential":
        value, name = given[0], "output"
        for layer in _layers(config):
            if layer["class_name"] != "InputLayer":
                name = _name(layer)
                value = _apply(b, layer, below, [value])[0]
        return [(name, value)]
    return _functional(b, config, below, given)


def _functional(
    b: Builder,
    config: Mapping[str, Any],
    below: _Below,
    given: Sequence[Value],
) -> list[tuple[str, Value]]:
    """Outputs of a functional model; a layer that is called twice has a value for each call."""
    inner = config["config"]
    names = [ref[0] for ref in _references(inner["input_layers"])]
    values = {(name, 0): [value] for name, value in zip(names, given, strict=True)}
    pending = [
        (layer, number, references)
        for layer in inner["layers"]
        if layer["class_name"] != "InputLayer"
        for number, references in enumerate(_calls(layer), start=_first_call(layer, inner))
    ]
    while pending:
        ready = [call for call in pending if all((ref[0], ref[1]) in values for ref in call[2])]
        if not ready:
            layer, _, references = pending[0]
            missing = next(ref[0] for ref in references if (ref[0], ref[1]) not in values)
            raise ConvertError(f"import: layer {_name(layer)} reads {missing}, which is not in the model")
        for call in ready:
            layer, number, references = call
            read = [values[ref[0], ref[1]][ref[2]] for ref in references]
            values[_name(layer), number] = _apply(b, layer, below, read)
            pending.remove(call)
    return [(ref[0], values[ref[0], ref[1]][ref[2]]) for ref in _references(inner["output_layers"])]


def _first_call(layer: Mapping[str, Any], inner: Mapping[str, Any]) -> int:
    """Number of a layer's first call: 1 of a model in files of Keras 2, whose call 0 is its own making; else 0."""
    everything = [inner["output_layers"], *(other.get("inbound_nodes", []) for other in inner["layers"])]
    numbers = [ref[1] for ref in _references(everything) if ref[0] == _name(layer)]
    return int(layer["class_name"] in _MODELS and max(numbers, default=0) == len(layer["inbound_nodes"]))


def _references(found: Any) -> list[tuple[str, int, int]]:
    """Outputs of layers, ``[name, call, output]``, in any nesting of lists and dicts, as Keras 2 and 3 write them."""
    if isinstance(found, dict):
        history = (
            found.get("config", {}).get("keras_history")
            if found.get("class_name") == "__keras_tensor__"
            else None
        )
        return (
            _references(history) if history else [ref for part in found.values() for ref in _references(part)]
        )
    if not isinstance(found, list | tuple):
        return []
    if (
        len(found) in (3, 4)
        and isinstance(found[0], str)
        and isinstance(found[1], int)
        and isinstance(found[2], int)
    ):
        return [(found[0], found[1], found[2])]
    return [ref for part in found for ref in _references(part)]


def _calls(layer: Mapping[str, Any]) -> list[list[tuple[str, int, int]]]:
    """What each call of a layer reads."""
    found = [
        _references(call["args"] if isinstance(call, dict) else call)
        for call in layer.get("inbound_nodes", [])
    ]
    for call in layer.get("inbound_nodes", []):
        if isinstance(call, dict) and _references(
            {k: v for k, v in call.get("kwargs", {}).items() if k != "mask"}
        ):
            raise ConvertError(
                f"import: layer {_name(layer)} is called with named arrays, which is not supported"
            )
    return found


def _apply(b: Builder, layer: Mapping[str, Any], below: _Below, read: Sequence[Value]) -> list[Value]:
    """Values of one call of a layer, or of a model within the model."""
    name, kind, own = _name(layer), str(layer["class_name"]), below.of(_name(layer))
    if kind in _MODELS:
        return [value for _, value in _model(b, layer, own, read)]
    rule = below.rules.get(name) or below.rules.get(kind)
    if rule is None:
        raise _refused(name, kind)
    try:
        return [rule(b, KerasLayer(name, kind, layer["config"], own.arrays()), read)]
    except ConvertError as error:
        raise ConvertError(f"import: layer {name} ({kind}): {error}") from error
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, StopIteration) as error:
        what = f"{type(error).__name__}: {error}"
        raise ConvertError(f"import: layer {name} ({kind}) is used as no rule knows ({what})") from error


def _refused(name: str, kind: str) -> ConvertError:
    if kind in _CODE:
        return ConvertError(
            f"import: layer {name} ({kind}) holds code, which is never run; give a rule for it: "
            f"genoml.convert.KERAS_RULES[{name!r}] = function(builder, layer, values)"
        )
    known = unsupported(name, kind, KERAS_RULES)
    return ConvertError(
        f"{known}; give a rule for it: genoml.convert.KERAS_RULES[{kind!r}] = function(builder, layer, values)"
    )
