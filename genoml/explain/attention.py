"""Attention maps: what each position of a sequence reads, in every attention layer of a trained model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from genoml.backend import Array
from genoml.data import Codes
from genoml.explain.saliency import checked_codes
from genoml.nn.layer import EVALUATION, Layer, Pass
from genoml.sequence.alphabet import PAD_CODE
from genoml.sequence.codes import Sequences
from genoml.train.predict import encode_batch
from genoml.train.trained import read_codes, reading_of

__all__ = ["attention_layers", "attention_maps"]


@runtime_checkable
class Attends(Protocol):
    """A layer with attention weights, such as SelfAttention."""

    def attention(self, x: Array, *, mask: Any = None) -> Array:
        """The attention weights (batch, heads, queries, keys) for an input."""
        ...


def attention_layers(model: Layer) -> dict[str, Layer]:
    """The attention layers of a model by their path in it, in the model's order.

    An attention layer is one that has a method ``attention(x, mask=)``, as SelfAttention has; your own are found
    too. A model that is such a layer itself has the path ``""``.
    """
    found: dict[str, Layer] = {"": model} if isinstance(model, Attends) else {}
    for name, layer in model.children.items():
        found |= {f"{name}.{path}".rstrip("."): inner for path, inner in attention_layers(layer).items()}
    return found


def attention_maps(
    model: Layer,
    codes: Sequences | Codes,
    *,
    batch_size: int = 64,
    ambiguous: str | None = None,
) -> dict[str, NDArray[np.floating[Any]]]:
    """The attention weights of every attention layer of a model, for each sequence and head.

        weights[n, h, i, :] = softmax_j(q[n, h, i] . k[n, h, j] / sqrt(key_size) + position term)

    Row i says what position i reads; it sums to one. Where the layers before have pooled, a position of a map
    stands for several bases: all maps of a model trained on length L divide L among their positions. If the
    model takes a mask, padding (base code 15) is masked out; its own rows say nothing.

    Attention weights are not attributions: they tell what a layer reads, not what it contributes to the output.

    Parameters
    ----------
    model : Layer
        A trained model that reads one-hot sequences (batch, 4, length).
    codes : array, or letters
        Sequences as base codes; letters, in any form of ``predict``, are padded to the training's length.
    batch_size : int
        Sequences computed at a time.
    ambiguous : str, optional
        What becomes of ambiguous bases; as in training if left out.

    Shapes
    ------
    codes : (n, length), uint8
    each map : (n, heads, positions, positions)

    Returns
    -------
    dict
        Path of the layer in the model -> its map, on the host. Empty for a model without attention. A layer
        that is used several times in a forward pass gives its last map; both strands of a ``StrandSymmetric``
        model follow each other, (2 n, ...).

    Raises
    ------
    ValueError
        If ``codes`` is not (n >= 1, length) uint8.
    """
    ambiguous = reading_of(model, ambiguous=ambiguous).ambiguous
    codes = read_codes(model, codes)
    checked_codes(codes, "attention_maps", batch_size)
    layers = attention_layers(model)
    if not layers:
        return {}
    backend, parts = model.backend, {path: list[NDArray[Any]]() for path in layers}
    for start in range(0, len(codes), batch_size):
        part = codes[start : start + batch_size]
        real = (part != PAD_CODE).astype(model.dtype)
        with backend.computing():
            x = encode_batch(part, backend, model.dtype, ambiguous)
            with _recorded_inputs(layers) as inputs:
                model.vjp(x, Pass(mask=None if real.all() else real))
            for path, layer in layers.items():
                read, mask = inputs[path]
                weights = cast("Attends", layer).attention(read, mask=mask)
                parts[path].append(backend.to_numpy(weights))
    return {path: np.concatenate(maps) for path, maps in parts.items()}


@contextmanager
def _recorded_inputs(layers: Mapping[str, Layer]) -> Iterator[dict[str, tuple[Array, Any]]]:
    """A context in which a forward pass records each layer's input and mask, by path.

    A layer's input is known during the pass only. The context sets a ``vjp`` on the layer object, in front of its
    class's, and removes it at the end.
    """
    inputs: dict[str, tuple[Array, Any]] = {}

    def watch(path: str, layer: Any) -> None:
        def vjp(x: Array, run: Pass = EVALUATION) -> Any:
            inputs[path] = x, run.mask
            return type(layer).vjp(layer, x, run)

        layer.vjp = vjp

    try:
        for path, layer in layers.items():
            watch(path, layer)
        yield inputs
    finally:
        for layer in layers.values():
            layer.__dict__.pop("vjp", None)
