"""From a trained model and sequences to the parts of a report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genoml.explain import (
    FilterMotif,
    Match,
    attention_maps,
    filter_motifs,
    in_silico_mutagenesis,
    match_motifs,
    saliency,
)
from genoml.inference import predict
from genoml.io.motifs import jaspar_motifs
from genoml.nn.base import Layer
from genoml.nn.containers import Container
from genoml.nn.conv import Conv1D
from genoml.nn.motif import MotifLayer
from genoml.nn.strand_conv import RCConv1D
from genoml.objectives import Objective
from genoml.report.content import AttentionView, SequenceView
from genoml.sequence.alphabet import PAD_CODE
from genoml.sequence.motif import Motif

__all__ = ["attention_views", "filter_matches", "sequence_views"]

_LETTERS = np.array(list("ACGT" + "N" * 12))


def filter_matches(
    model: Layer,
    codes: NDArray[np.uint8],
    *,
    limit: int = 8,
    both_strands: bool = True,
    known: Sequence[Motif] | None = None,
) -> list[tuple[FilterMotif, Match | None, Motif | None]]:
    """The strongest filters of a model's first layer as motifs, each with its best match and its p-value.

    Parameters
    ----------
    model : Layer
        Whose first convolution over bases, or bank of motifs, is read; a model without one has no filters.
    codes : array
        Sequences (n, length), base codes, whose windows excite the filters: the positives.
    limit : int
        How many filters.
    both_strands : bool
        As in :func:`genoml.explain.filter_motifs`.
    known : sequence of Motif, optional
        What they are compared with; JASPAR's vertebrate motifs if None.
    """
    scan = _first_scan(model)
    if scan is None:
        return []
    weights = scan.log_odds() if isinstance(scan, MotifLayer) else scan.params["weights"]
    kernels = model.backend.to_numpy(weights)
    if codes.shape[1] < kernels.shape[2]:
        return []
    motifs = filter_motifs(kernels, None, codes, both_strands=both_strands)
    found = [motif for motif in motifs[:limit] if motif.n_sites]
    targets = jaspar_motifs() if known is None else list(known)
    best = match_motifs([motif.probabilities for motif in found], targets, limit=1, p_values=True)
    return [
        (motif, matches[0], targets[matches[0].target]) if matches else (motif, None, None)
        for motif, matches in zip(found, best, strict=True)
    ]


def _first_scan(layer: Layer) -> Layer | Any:
    """The first layer that scans bases, in the order of the model."""
    if isinstance(layer, MotifLayer):
        return layer
    if isinstance(layer, Conv1D | RCConv1D) and layer.in_channels == 4:
        return layer if not isinstance(layer, Conv1D) or layer.groups == 1 else None
    if isinstance(layer, Container):
        return next((scan for scan in map(_first_scan, layer.layers) if scan is not None), None)
    return None


def sequence_views(
    model: Layer,
    names: Sequence[str],
    codes: NDArray[np.uint8],
    *,
    both_strands: bool = True,
    ambiguous: str = "zero",
    objective: Objective | None = None,
) -> list[SequenceView]:
    """Prediction, saliency and mutagenesis of each sequence, without its padding.

    ``objective`` says how outputs become probabilities, as in ``genoml.inference.predict``; what is explained
    is the first output itself.

    Shapes
    ------
    codes : (n, length), uint8
    """
    options: dict[str, Any] = {"both_strands": both_strands, "ambiguous": ambiguous}
    probabilities = predict(model, codes, objective=objective, **options)[:, 0]
    contributions = saliency(model, codes, **options).actual
    mutations = in_silico_mutagenesis(model, codes, **options)
    views = []
    for i, name in enumerate(names):
        real = codes[i] != PAD_CODE
        letters = "".join(_LETTERS[codes[i][real]])
        views.append(
            SequenceView(name, letters, float(probabilities[i]), contributions[i][real], mutations[i][real])
        )
    return views


def attention_views(
    model: Layer, names: Sequence[str], codes: NDArray[np.uint8], *, ambiguous: str = "zero"
) -> list[AttentionView]:
    """The maps of every attention layer for each sequence; none for a model without attention.

    Shapes
    ------
    codes : (n, length), uint8
    """
    maps = attention_maps(model, codes, ambiguous=ambiguous)
    return [
        AttentionView(layer, name, "".join(_LETTERS[codes[i]]), weights[i])
        for i, name in enumerate(names)
        for layer, weights in maps.items()
    ]
