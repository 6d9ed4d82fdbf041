"""Networks by name. A model is a function of the sequence length and its options that returns a Layer.

Models map one-hot sequences (batch, 4, length) to logits (batch, tasks).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, get_type_hints

import msgspec

from genoml.backend import Backend, get_backend, use_backend
from genoml.models.motif_cnn import motif_cnn
from genoml.models.promoter_cnn import promoter_cnn
from genoml.nn.base import Layer


@dataclass(frozen=True)
class ModelSpec:
    """A network that can be built by name.

    Attributes
    ----------
    build : callable
        Options -> Layer.
    min_length_bp : callable
        Options -> the shortest sequence that the network can read.
    options_for : callable
        Length of the training sequences in bp -> options that depend on it, where none are given.
    """

    build: Callable[..., Layer]
    min_length_bp: Callable[..., int]
    options_for: Callable[[int], dict[str, Any]] = lambda length_bp: {}


MODELS: dict[str, ModelSpec] = {
    "motif_cnn": ModelSpec(
        motif_cnn,
        lambda kernel_size=19, pool_size=8, **_: kernel_size + pool_size - 1,
        lambda length_bp: {"pool_size": min(max(length_bp // 25, 2), 10)},
    ),
    "promoter_cnn": ModelSpec(promoter_cnn, lambda kernel_size=8, **_: kernel_size),
}


def model_spec(name: str) -> ModelSpec:
    """The model with this name.

    Raises
    ------
    ValueError
        If there is none; the message lists those that there are.
    """
    if name not in MODELS:
        raise ValueError(f"unknown model {name!r}; models: {', '.join(sorted(MODELS))}")
    return MODELS[name]


def check_options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a model, each of the type that its function declares.

    Raises
    ------
    ValueError
        If the model is unknown or has no such option, or a value is of another type or a size below 1.
    """
    types = get_type_hints(model_spec(name).build)
    known = [key for key in types if key not in ("seed", "return")]
    checked = {}
    for key, value in options.items():
        if key not in known:
            nearest = get_close_matches(key, known, 1)
            hint = f"did you mean {nearest[0]}?" if nearest else f"options: {', '.join(known)}"
            raise ValueError(f"model {name} has no option {key!r}; {hint}")
        try:
            checked[key] = msgspec.convert(value, types[key])
        except msgspec.ValidationError as error:
            raise ValueError(f"model {name}, option {key}: {error}") from error
        if isinstance(value, int) and value < 1:
            raise ValueError(f"model {name}, option {key}: expects 1 or more, got {value}")
    return checked


def build_model(
    name: str,
    options: Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
    backend: str | Backend | None = None,
) -> Layer:
    """Build a network by name, its weights drawn from ``seed``, on a backend.

    Raises
    ------
    ValueError
        For an unknown name or option, or a value that the network cannot have.
    """
    spec, options = model_spec(name), check_options(name, options or {})
    with use_backend(get_backend(backend)):
        try:
            return spec.build(**options, seed=seed)
        except ValueError as error:
            raise ValueError(f"model {name}: {error}") from error
