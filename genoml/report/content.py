"""What a report says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genoml.explain.filters import FilterMotif
from genoml.explain.match import Match
from genoml.sequence.motif import Motif

__all__ = ["AttentionView", "ReportData", "SequenceView"]


@dataclass(frozen=True)
class SequenceView:
    """A sequence, and what each of its bases does to the model's output.

    Attributes
    ----------
    name, sequence : str
        Its name, and its letters without padding.
    probability : float
        What the model predicts.
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
class AttentionView:
    """The attention of one layer for one sequence.

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
    """What a report says. Every part but the title may be empty, and is then left out.

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
    threshold : float
        From which probability on a sequence is called positive.
    filters : sequence of tuples
        (motif of a filter, its best match or None, the known motif matched or None), as they shall appear.
    sequences : sequence of SequenceView
        Saliency and mutagenesis, as they shall appear.
    attention : sequence of AttentionView
        Attention maps, as they shall appear.
    details : mapping
        How the run was made: backend, versions, seed, command, data.
    """

    title: str
    summary: str = ""
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    history: Sequence[Mapping[str, Any]] = ()
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]] = field(default_factory=dict)
    probabilities: tuple[ArrayLike, ArrayLike] | None = None
    threshold: float = 0.5
    filters: Sequence[tuple[FilterMotif, Match | None, Motif | None]] = ()
    sequences: Sequence[SequenceView] = ()
    attention: Sequence[AttentionView] = ()
    details: Mapping[str, str] = field(default_factory=dict)
