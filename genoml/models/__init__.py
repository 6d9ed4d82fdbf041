"""Networks by name. A model is a function of the sequence length and its options that returns a Layer.

Models map one-hot sequences (batch, 4, length) to logits (batch, tasks).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from genoml.backend import Backend, use_backend
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
    """

    build: Callable[..., Layer]
    min_length_bp: Callable[..., int]


MODELS: dict[str, ModelSpec] = {
    "motif_cnn": ModelSpec(motif_cnn, lambda kernel_size=15, pool_size=8, **_: kernel_size + pool_size - 1),
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
        For an unknown name or option.
    """
    spec, options = model_spec(name), dict(options or {})
    known = [key for key in inspect.signature(spec.build).parameters if key != "seed"]
    for key in options:
        if key not in known:
            raise ValueError(f"model {name} has no option {key!r}; options: {', '.join(known)}")
    if backend is None:
        return spec.build(**options, seed=seed)
    with use_backend(backend):
        return spec.build(**options, seed=seed)
