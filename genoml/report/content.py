"""Content of a report: its data, and their computation from a model and sequences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genoml.explain import (
    FilterMotif,
    Match,
    attention_maps,
    filter_motifs,
    in_silico_mutagenesis,
    match_motifs,
    saliency,
)
from genoml.io.motifs import jaspar_motifs
from genoml.nn.containers import Container
from genoml.nn.conv import Conv1D
from genoml.nn.layer import Layer
from genoml.nn.motif import MotifLayer
from genoml.nn.strand_layers import RCConv1D
from genoml.sequence.alphabet import PAD_CODE
from genoml.sequence.motifs.motif import Motif
from genoml.train.objectives import Objective
from genoml.train.predict import predict
from genoml.train.trained import reading_of

__all__ = [
    "AttentionView",
    "ReportData",
    "SequenceView",
    "VariantView",
    "attention_views",
    "filter_matches",
    "sequence_views",
]


@dataclass(frozen=True)
class SequenceView:
    """Sequence with the effect of each of its bases on the model's output.

    Attributes
    ----------
    name, sequence : str
        Its name, and its letters without padding.
    probability : float
        The model's prediction.
    saliency : array of shape (length,)
        Gradient times input, see :func:`genoml.explain.saliency`.
    mutations : array of shape (length, 4)
        Differences of the output, see :func:`genoml.explain.in_silico_mutagenesis`.
    """

    name: str
    sequence: str
    probability: float
    saliency: NDArray[np.floating[Any]]
    mutations: NDArray[np.floating[Any]]


@dataclass(frozen=True)
class VariantView:
    """Variant with the contributions of the bases around it for both alleles.

    Attributes
    ----------
    name, note : str
        Such as ``chr1:1000 A>G``, and what it changes, in words.
    start : int
        Position of the first base from the variant.
    reference, alternative : (str, array)
        Letters, and the contribution of each.
    alleles_bp : (int, int)
        Lengths of both alleles.
    """

    name: str
    note: str
    start: int
    reference: tuple[str, NDArray[np.floating[Any]]]
    alternative: tuple[str, NDArray[np.floating[Any]]]
    alleles_bp: tuple[int, int]


@dataclass(frozen=True)
class AttentionView:
    """Attention of one layer for one sequence.

    Attributes
    ----------
    layer : str
        Its path in the model.
    name, sequence : str
        Of the sequence, padding included (as N), since positions stand for all of it.
    weights : array of shape (heads, positions, positions)
        See :func:`genoml.explain.attention_maps`.
    """

    layer: str
    name: str
    sequence: str
    weights: NDArray[np.floating[Any]]


@dataclass(frozen=True)
class ReportData:
    """Data of a report. Every part but the title may be empty, and is then left out.

    Attributes
    ----------
    title, summary : str
        The heading, and the result in a sentence.
    metrics : mapping
        Row of the table (such as ``"model"``, ``"6-mer logistic regression"``) -> metric -> value; known
        metrics are ``auroc``, ``aupr``, ``f1``, ``n_positives`` and ``n_negatives``.
    history : sequence of mappings
        One an epoch: ``epoch``, ``loss``, ``validation_loss``, ``validation_auroc``.
    curves : mapping
        Name -> (predictions, targets), host arrays, for the ROC and precision-recall curves.
    probabilities : (predictions, targets), optional
        Of the model, from 0 to 1, for calibration, confusion and how they spread.
    ranked : bool
        Whether rows of the metrics are models, of which the best score is marked.
    numbers : mapping
        Task -> (predictions, targets), for scatter plots; ``unit`` is added to their axes.
    unit : str
        Such as ``", log10 (1 + count)"``.
    counts : mapping
        Task -> (predicted means, counts), for their calibration.
    profiles : mapping
        Track -> (predicted, observed), mean profiles.
    confusion : (counts, names), optional
        Of true classes (rows) and predicted ones.
    predicted : str
        What the number beside an explained sequence is.
    threshold : float
        From which probability on a sequence is called positive.
    filters : sequence of tuples
        (motif of a filter, its best match or None, the known motif matched or None), in the order of the page.
    sequences : sequence of SequenceView
        Saliency and mutagenesis, in the order of the page.
    attention : sequence of AttentionView
        Attention maps, in the order of the page.
    variants : sequence of VariantView
        Contributions for both alleles, in the order of the page.
    details : mapping
        Facts about the run: backend, versions, seed, command, data.
    """

    title: str
    summary: str = ""
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    history: Sequence[Mapping[str, Any]] = ()
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]] = field(default_factory=dict)
    probabilities: tuple[ArrayLike, ArrayLike] | None = None
    ranked: bool = True
    numbers: Mapping[str, tuple[ArrayLike, ArrayLike]] = field(default_factory=dict)
    unit: str = ""
    counts: Mapping[str, tuple[ArrayLike, ArrayLike]] = field(default_factory=dict)
    profiles: Mapping[str, tuple[ArrayLike, ArrayLike]] = field(default_factory=dict)
    confusion: tuple[ArrayLike, Sequence[str]] | None = None
    predicted: str = "probability"
    threshold: float = 0.5
    filters: Sequence[tuple[FilterMotif, Match | None, Motif | None]] = ()
    sequences: Sequence[SequenceView] = ()
    attention: Sequence[AttentionView] = ()
    variants: Sequence[VariantView] = ()
    details: Mapping[str, str] = field(default_factory=dict)


_LETTERS = np.array(list("ACGT" + "N" * 12))


def filter_matches(
    model: Layer,
    codes: NDArray[np.uint8],
    *,
    limit: int = 8,
    both_strands: bool | None = None,
    known: Sequence[Motif] | None = None,
) -> list[tuple[FilterMotif, Match | None, Motif | None]]:
    """Strongest filters of a model's first layer as motifs, each with its best known motif and a p-value.

    Parameters
    ----------
    model : Layer
        Model with a first convolution over bases, or bank of motifs; a model without one has no filters.
    codes : array
        Sequences (n, length), base codes, whose windows excite the filters: the positives.
    limit : int
        Number of filters.
    both_strands : bool, optional
        As in :func:`genoml.explain.filter_motifs`; as the model was trained if None.
    known : sequence of Motif, optional
        Motifs to compare them with; JASPAR's vertebrate motifs if None.
    """
    scan = _first_scan(model)
    if scan is None:
        return []
    weights = scan.log_odds() if isinstance(scan, MotifLayer) else scan.params["weights"]
    kernels = model.backend.to_numpy(weights)
    if codes.shape[1] < kernels.shape[2]:
        return []
    both = reading_of(model, both_strands=both_strands).both_strands
    motifs = filter_motifs(kernels, None, codes, both_strands=both)
    active = [motif for motif in motifs[:limit] if motif.n_sites]
    targets = jaspar_motifs() if known is None else list(known)
    best = match_motifs([motif.probabilities for motif in active], targets, limit=1, p_values=True)
    return [
        (motif, matches[0], targets[matches[0].target]) if matches else (motif, None, None)
        for motif, matches in zip(active, best, strict=True)
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
    both_strands: bool | None = None,
    ambiguous: str | None = None,
    objective: Objective | None = None,
) -> list[SequenceView]:
    """Prediction, saliency and mutagenesis of each sequence, without its padding.

    ``objective`` turns outputs into probabilities, as in ``genoml.train.predict.predict``; what is None is as the model
    was trained. The explanation is of the first output itself.

    Shapes
    ------
    codes : (n, length), uint8
    """
    read = reading_of(model, both_strands=both_strands, ambiguous=ambiguous)
    options: dict[str, Any] = {"both_strands": read.both_strands, "ambiguous": read.ambiguous}
    named = np.where(_LETTERS == "T", "U", _LETTERS) if read.alphabet == "RNA" else _LETTERS
    probabilities = predict(model, codes, objective=objective, **options)[:, 0]
    contributions = saliency(model, codes, **options).actual
    mutations = in_silico_mutagenesis(model, codes, **options)
    views = []
    for i, name in enumerate(names):
        real = codes[i] != PAD_CODE
        letters = "".join(named[codes[i][real]])
        views.append(
            SequenceView(name, letters, float(probabilities[i]), contributions[i][real], mutations[i][real])
        )
    return views


def attention_views(
    model: Layer, names: Sequence[str], codes: NDArray[np.uint8], *, ambiguous: str | None = None
) -> list[AttentionView]:
    """Maps of every attention layer for each sequence; none for a model without attention.

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
