"""Content of a report: its data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genoml.report.filters import FoundFilter
from genoml.report.motifs import FoundMotif
from genoml.runs.explained import THE_OUTPUT, Explained

__all__ = [
    "AttentionView",
    "Composition",
    "FalseCall",
    "ReportData",
    "Section",
    "SequenceView",
    "VariantView",
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
    contributions : array of shape (length,)
        What each base contributes, see :func:`genoml.explain.deeplift`.
    mutations : array of shape (length, 4), optional
        Differences of the output, see :func:`genoml.explain.in_silico_mutagenesis`; None: contributions alone.
    method : str
        Of the contributions.
    """

    name: str
    sequence: str
    probability: float
    contributions: NDArray[np.floating[Any]]
    mutations: NDArray[np.floating[Any]] | None
    method: str = "DeepLIFT"

    @property
    def falls(self) -> NDArray[np.floating[Any]] | None:
        """How much the output falls, on average, when each base is another."""
        if self.mutations is None:
            return None
        found: NDArray[np.floating[Any]] = -self.mutations.sum(axis=1) / 3.0
        return found

    @property
    def correlation(self) -> float | None:
        """Pearson's r of the contributions and the effects of mutations; None where it is not defined."""
        if self.falls is None or np.ptp(self.falls) == 0 or np.ptp(self.contributions) == 0:
            return None
        return float(np.corrcoef(self.contributions, self.falls)[0, 1])


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


@dataclass(frozen=True, eq=False)
class Composition:
    """GC content, NaN without a base, and length of sequences, (n,) each, and which of them are positives."""

    gc: NDArray[np.floating[Any]]
    length_bp: NDArray[np.integer[Any]]
    positive: NDArray[np.bool_]

    @property
    def varies(self) -> bool:
        """Whether they have several lengths."""
        return int(self.length_bp.min()) < int(self.length_bp.max())


@dataclass(frozen=True)
class FalseCall:
    """A sequence that is called what it is not: its name and probability, and whether it is a positive."""

    name: str
    probability: float
    positive: bool


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
    validation : mapping
        As ``metrics``, of the network and of simple methods on the validation data of the training.
    history : sequence of mappings
        One an epoch: ``epoch``, ``loss``, ``validation_loss``, ``validation_auroc``.
    curves : mapping
        Name -> (predictions, targets), host arrays, for the ROC and precision-recall curves.
    probabilities : (predictions, targets), optional
        Of the model, from 0 to 1, for calibration, confusion and how they spread.
    composition : Composition, optional
        Of the positives and negatives.
    false_calls : sequence of FalseCall
        The worst ones, in the order of the page.
    ranked : bool
        Whether rows of the metrics are models, of which the best score is marked.
    numbers : mapping
        Task -> (predictions, targets), for scatter plots; ``unit`` is added to their axes.
    tasks_note : str
        Which tasks the figures are of.
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
    alphabet : {"DNA", "RNA"}
        Letters of logos. Known motifs are of DNA, and those of RNA are not compared with them.
    filters : sequence of tuples
        (motif of a filter, its best match or None, the known motif matched or None, and, of an ensemble, in which
        members it is), in the order of the page.
    motifs : sequence of tuples
        (motif found in the contributions, its best match or None, the known motif matched or None).
    motifs_note : str
        In which sequences they were found, or why none were looked for.
    sequences : sequence of SequenceView
        Contributions and mutagenesis, in the order of the page.
    attention : sequence of AttentionView
        Attention maps, in the order of the page.
    variants : sequence of VariantView
        Contributions for both alleles, in the order of the page.
    sections : sequence of Section
        Other parts, in the order of the page.
    details : mapping
        Facts about the run: backend, versions, seed, command, data.
    downloads : mapping
        Name of a file -> its text.
    """

    title: str
    summary: str = ""
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    validation: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    history: Sequence[Mapping[str, Any]] = ()
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]] = field(default_factory=dict)
    probabilities: tuple[ArrayLike, ArrayLike] | None = None
    composition: Composition | None = None
    false_calls: Sequence[FalseCall] = ()
    ranked: bool = True
    numbers: Mapping[str, tuple[ArrayLike, ArrayLike]] = field(default_factory=dict)
    tasks_note: str = ""
    unit: str = ""
    counts: Mapping[str, tuple[ArrayLike, ArrayLike]] = field(default_factory=dict)
    profiles: Mapping[str, tuple[ArrayLike, ArrayLike]] = field(default_factory=dict)
    confusion: tuple[ArrayLike, Sequence[str]] | None = None
    specificity: tuple[ArrayLike, ArrayLike] | None = None
    explained: Explained = THE_OUTPUT
    threshold: float = 0.5
    alphabet: str = "DNA"
    filters: Sequence[FoundFilter] = ()
    motifs: Sequence[FoundMotif] = ()
    motifs_note: str = ""
    sequences: Sequence[SequenceView] = ()
    attention: Sequence[AttentionView] = ()
    variants: Sequence[VariantView] = ()
    sections: Sequence[Section] = ()
    details: Mapping[str, str] = field(default_factory=dict)
    downloads: Mapping[str, str] = field(default_factory=dict)
