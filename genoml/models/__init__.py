"""Networks by name: each is a function of its options that returns a Layer; docs/models.md compares them.

Models map one-hot sequences (batch, 4, length) to logits (batch, outputs), never to probabilities: the losses
that end in ``_with_logits`` and ``predict`` take the sigmoid.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from inspect import signature
from typing import Any, get_type_hints

import msgspec

from genoml.backend import Backend, get_backend, use_backend
from genoml.io.errors import shown
from genoml.io.settings import make_settings
from genoml.models.attention_cnn import attention_cnn, attention_cnn_windows
from genoml.models.basset import basset, basset_windows
from genoml.models.bpnet import bias_factorised, bpnet, bpnet_windows, join_profile, split_profile
from genoml.models.danq import danq, danq_windows
from genoml.models.deepbind import deepbind
from genoml.models.deepromoter import deepromoter, deepromoter_windows
from genoml.models.deepsea import deepsea, deepsea_windows
from genoml.models.deepstarr import deepstarr, deepstarr_windows
from genoml.models.motif_cnn import motif_cnn
from genoml.models.promoter_cnn import promoter_cnn
from genoml.models.site_cnn import site_cnn, site_cnn_windows
from genoml.models.spliceai import spliceai
from genoml.nn import Ensemble, Sequential
from genoml.nn.layer import Layer
from genoml.ops.windows import Reach, shortest_length

__all__ = [
    "MODELS",
    "ModelSpec",
    "bias_factorised",
    "build_model",
    "check_options",
    "join_profile",
    "model_spec",
    "option_struct",
    "spliceai",
    "split_profile",
]


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
        Length of the training sequences in bp, outputs a sequence (1) -> the options with which ``genoml train``
        builds the network, where none are given. Raises ValueError if it has no use for labels of sequences.
    fixed_length : bool
        Whether the network reads sequences of its option ``length_bp`` only.
    """

    build: Callable[..., Layer]
    min_length_bp: Callable[..., int]
    options_for: Callable[..., dict[str, Any]] = lambda length_bp, n_outputs=1: _outputs(n_outputs)
    fixed_length: bool = False


def _outputs(n_outputs: int) -> dict[str, Any]:
    """The option of a network whose default is one output."""
    return {} if n_outputs == 1 else {"n_outputs": n_outputs}


def _fixed(build: Callable[..., Layer], windows: Callable[..., list[Reach]]) -> ModelSpec:
    """The specification of a network whose dense layers fix the sequence length."""
    return ModelSpec(
        build,
        lambda **options: shortest_length(windows(**options)),
        lambda length_bp, n_outputs=1: {"length_bp": length_bp, "n_outputs": n_outputs},
        fixed_length=True,
    )


def _shortest_bpnet(profile_length_bp: int = 1000, **options: Any) -> int:
    return shortest_length(bpnet_windows(**options), profile_length_bp)


def _no_labels(length_bp: int, n_outputs: int = 1) -> dict[str, Any]:
    raise ValueError(
        "model bpnet predicts a profile along each sequence, and has no use for one label each; train it "
        "from Python, or choose another model"
    )


MODELS: dict[str, ModelSpec] = {
    "attention_cnn": ModelSpec(
        attention_cnn, lambda **options: shortest_length(attention_cnn_windows(**options))
    ),
    "basset": _fixed(basset, basset_windows),
    "bpnet": ModelSpec(bpnet, _shortest_bpnet, _no_labels),
    "danq": _fixed(danq, danq_windows),
    "deepbind": ModelSpec(deepbind, lambda **_: 1),
    "deepromoter": _fixed(deepromoter, deepromoter_windows),
    "deepsea": _fixed(deepsea, deepsea_windows),
    "deepstarr": _fixed(deepstarr, deepstarr_windows),
    "motif_cnn": ModelSpec(
        motif_cnn,
        lambda kernel_size=19, pool_size=8, **_: kernel_size + pool_size - 1,
        lambda length_bp, n_outputs=1: {
            "pool_size": min(max(length_bp // 25, 2), 10),
            **_outputs(n_outputs),
        },
    ),
    "site_cnn": _fixed(site_cnn, site_cnn_windows),
    "promoter_cnn": ModelSpec(promoter_cnn, lambda kernel_size=8, **_: kernel_size),
}


def model_spec(name: str) -> ModelSpec:
    """Specification of the model with this name.

    Raises
    ------
    ValueError
        If the name is unknown; the message lists the known ones.
    """
    if not isinstance(name, str):
        raise TypeError(f"a model's name is expected as str, got {type(name).__name__}")
    if name not in MODELS:
        near = get_close_matches(name, MODELS, 1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise ValueError(f"unknown model {shown(name)!r}; {hint}models: {', '.join(sorted(MODELS))}")
    return MODELS[name]


@cache
def option_struct(name: str) -> type[msgspec.Struct]:
    """Options of a model as a Struct: the arguments of its function without the seed.

    Raises
    ------
    ValueError
        If the model is unknown.
    """
    build = model_spec(name).build
    types = get_type_hints(build, include_extras=True)
    arguments = [each for each in signature(build).parameters.values() if each.name != "seed"]
    fields = [(each.name, types[each.name], each.default) for each in arguments]
    return msgspec.defstruct(name, fields, kw_only=True, frozen=True, forbid_unknown_fields=True)


def check_options(name: str, options: Mapping[str, Any], key: str = "options") -> dict[str, Any]:
    """Check the options of a model against the types that its function declares.

    Parameters
    ----------
    name : str
        The model's.
    options : mapping
        Values by the names of its function's arguments.
    key : str
        Path of the options, for messages: ``options.filters: expects ...``.

    Raises
    ------
    ValueError
        If the model is unknown, if it has no such option, or if a value is of another type or out of range.
    """
    checked = make_settings(options, option_struct(name), key, of=f" of model {name}")
    return {option: getattr(checked, option) for option in options}


def build_model(
    name: str,
    options: Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
    members: int = 1,
    backend: str | Backend | None = None,
) -> Layer:
    """Build a network by name on a backend, with weights drawn from ``seed``; several as an ``Ensemble``.

    Raises
    ------
    ValueError
        For an unknown name or option, or a value that the network cannot have.
    """
    spec = model_spec(name)
    options = check_options(name, options or {})
    with use_backend(get_backend(backend)):
        try:
            networks = [spec.build(**options, seed=seed) for _ in range(members)]
        except ValueError as error:
            raise ValueError(f"model {name}: {error}") from error
    for network in networks:
        if spec.fixed_length and isinstance(network, Sequential):
            filled: Any = option_struct(name)(**options)
            network._only_length = name, filled.length_bp
    return networks[0] if members == 1 else Ensemble(networks, seed=seed)
