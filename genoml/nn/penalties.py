"""Penalty on the information content of learned motifs."""

from __future__ import annotations

from collections.abc import Iterator

from array_api_compat import array_namespace

from genoml.backend import Array
from genoml.nn.layer import Layer
from genoml.nn.motif import MotifLayer, log_odds_of

__all__ = ["information_penalty"]


def information_penalty(model: Layer, strength: float = 1.0) -> tuple[Array, dict[str, Array]]:
    """Mean information content of a model's motifs, as a penalty: columns that the data do not need fade.

    For each MotifLayer of the model, or for the model if it is one,

        R = (strength / n_motifs) sum_{m,b,k} p[m, b, k] w[m, b, k]    (w in bits, see MotifLayer)
        dR/dlogits[m, b, k] = (strength / n_motifs) p[m, b, k] (w[m, b, k] - sum_c p[m, c, k] w[m, c, k])

    ``fit`` adds the value to the loss and the gradient to that of the loss, with
    ``FitOptions(penalties=(partial(information_penalty, strength=0.001),))``. A negative strength rewards
    information.

    Returns
    -------
    value : array
        R, summed over the layers: a scalar on the device.
    grads : dict
        dR/dlogits by the parameter's path: ``{"logits": ...}``, or ``{"0.logits": ...}`` in a network.

    Raises
    ------
    ValueError
        If the model has no MotifLayer.
    """
    parts = [
        (path, *_information(layer, strength))
        for path, layer in _by_path(model)
        if isinstance(layer, MotifLayer)
    ]
    if not parts:
        raise ValueError(f"information_penalty expects a model with a MotifLayer, got {type(model).__name__}")
    xp = array_namespace(parts[0][1])
    return xp.sum(xp.stack([value for _, value, _ in parts])), {path: grad for path, _, grad in parts}


def _information(layer: MotifLayer, strength: float) -> tuple[Array, Array]:
    """The penalty of one layer, and its gradient with respect to the logits."""
    xp = array_namespace(layer.logits)
    weights, p = log_odds_of(layer.logits, layer.background)
    scale = strength / layer.n_motifs
    information = xp.sum(p * weights, axis=1, keepdims=True)
    # d sum_c p_c w_c / dz_b: the p inside w contributes sum_c dp_c / ln 2 = 0, since p sums to 1
    return scale * xp.sum(information), scale * p * (weights - information)


def _by_path(layer: Layer, path: str = "") -> Iterator[tuple[str, Layer]]:
    """Every layer that has no children, with the path that its logits would have."""
    for name, child in layer.children.items():
        yield from _by_path(child, f"{path}{name}.")
    if not layer.children:
        yield f"{path}logits", layer
