"""Content of a report: its data, and their computation from a model and sequences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genoml.explain import (
    attention_maps,
    in_silico_mutagenesis,
    saliency,
)
from genoml.nn.layer import Layer
from genoml.report.filters import FoundFilter
from genoml.runs.explained import THE_OUTPUT, Explained
from genoml.sequence.alphabet import PAD_CODE
from genoml.train.objectives import Objective
from genoml.train.predict import finite_outputs
from genoml.train.profile_objective import Profile
from genoml.train.trained import reading_of

__all__ = [
    "AttentionView",
    "ReportData",
    "Section",
    "SequenceView",
    "VariantView",
    "attention_views",
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
    mutations : array of shape (length, 4), optional
        Differences of the output, see :func:`genoml.explain.in_silico_mutagenesis`; None: saliency alone.
    """

    name: str
    sequence: str
    probability: float
    saliency: NDArray[np.floating[Any]]
    mutations: NDArray[np.floating[Any]] | None


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
class Section:
    """A part of a page that is figures alone, each with its description.

    Attributes
    ----------
    title, note : str
        The heading, and what the figures show, in words.
    figures : sequence of mappings
        ``image`` (an address), ``alt``, and if it has them ``name`` and ``note``.
    layout : {"wide", "pair", "cards"}
        One below the other over the whole width, in pairs, or many.
    """

    title: str
    note: str
    figures: Sequence[Mapping[str, str]]
    layout: Literal["wide", "pair", "cards"] = "pair"


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
    specificity : (predicted, measured), optional
        Gini index of each region over its cell types.
    explained : Explained
        The output that the sequences' bases are explained for.
    threshold : float
        From which probability on a sequence is called positive.
    filters : sequence of tuples
        (motif of a filter, its best match or None, the known motif matched or None, and, of an ensemble, in which
        members it is), in the order of the page.
    sequences : sequence of SequenceView
        Saliency and mutagenesis, in the order of the page.
    attention : sequence of AttentionView
        Attention maps, in the order of the page.
    variants : sequence of VariantView
        Contributions for both alleles, in the order of the page.
    sections : sequence of Section
        Other parts, in the order of the page.
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
    specificity: tuple[ArrayLike, ArrayLike] | None = None
    explained: Explained = THE_OUTPUT
    threshold: float = 0.5
    filters: Sequence[FoundFilter] = ()
    sequences: Sequence[SequenceView] = ()
    attention: Sequence[AttentionView] = ()
    variants: Sequence[VariantView] = ()
    sections: Sequence[Section] = ()
    details: Mapping[str, str] = field(default_factory=dict)


#: sequences longer than this many bp have no mutagenesis in profile networks, whose every mutant is computed whole
_LONGEST_MUTATED = 600
_LETTERS = np.array(list("ACGT" + "N" * 12))


def sequence_views(
    model: Layer,
    names: Sequence[str],
    codes: NDArray[np.uint8],
    *,
    both_strands: bool | None = None,
    ambiguous: str | None = None,
    objective: Objective | None = None,
    explained: Explained = THE_OUTPUT,
) -> list[SequenceView]:
    """Prediction, saliency and mutagenesis of each sequence, without its padding.

    ``objective`` turns outputs into predictions, as in ``genoml.train.predict.predict``; what is None is as the model
    was trained. ``explained`` is the output that the bases are explained for. Long sequences of profile networks have
    saliency alone.

    Shapes
    ------
    codes : (n, length), uint8
    """
    read = reading_of(model, both_strands=both_strands, ambiguous=ambiguous)
    options: dict[str, Any] = {"both_strands": read.both_strands, "ambiguous": read.ambiguous}
    named = np.where(_LETTERS == "T", "U", _LETTERS) if read.alphabet == "RNA" else _LETTERS
    wanted = reading_of(model, objective=objective).objective
    numbers = wanted.numbers(finite_outputs(model, codes, **options))
    probabilities = explained.number_of(numbers.reshape(len(codes), -1))
    contributions = saliency(model, codes, task=explained.task, **options).actual
    mutations = None
    if not isinstance(wanted, Profile) or codes.shape[1] <= _LONGEST_MUTATED:
        mutations = in_silico_mutagenesis(model, codes, task=explained.task, **options)
    views = []
    for i, name in enumerate(names):
        real = codes[i] != PAD_CODE
        letters = "".join(named[codes[i][real]])
        effects = None if mutations is None else mutations[i][real]
        views.append(SequenceView(name, letters, float(probabilities[i]), contributions[i][real], effects))
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
