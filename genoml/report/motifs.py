"""Motifs found in what bases contribute to a run's output, beside the known motifs they resemble."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from genoml.explain import Match, deeplift, discover_motifs
from genoml.explain.discovery.motif import DiscoveredMotif
from genoml.explain.discovery.windows import WINDOW_BP
from genoml.nn.layer import Layer
from genoml.report.filters import known_matches
from genoml.runs.explained import Explained
from genoml.sequence.motifs.motif import Motif
from genoml.train.trained import reading_of

__all__ = ["FoundMotif", "found_motifs"]

#: a motif, its match, and the known motif matched
FoundMotif: TypeAlias = tuple[DiscoveredMotif, Match | None, Motif | None]

#: sequences below which no motifs are looked for; and, to bound the time, sequences and bases at most, references
_LEAST, _MOST, _MOST_BP, _REFERENCES = 100, 1000, 200_000, 5
#: motifs on a page at most
_SHOWN = 12
#: share of the largest contribution that the outermost position of a motif on the page has at least
_CORE = 0.2


def found_motifs(
    model: Layer, codes: NDArray[np.uint8], explained: Explained, known: Sequence[Motif] | None = None
) -> tuple[list[FoundMotif], str]:
    """Motifs found in DeepLIFT contributions, each with its best known motif, and a note: in what, or why not.

    Parameters
    ----------
    model : Layer
        A trained model.
    codes : array of shape (n, length)
        Sequences, those with the highest predictions first: at most 1,000 of them, and 200,000 bases, are used.
    explained : Explained
        The output.
    known : sequence of Motif, optional
        Motifs to compare them with; JASPAR's vertebrate motifs if None, of RNA none.
    """
    length = codes.shape[1]
    if len(codes) < _LEAST:
        return (
            [],
            f"No motifs were looked for: that takes {_LEAST} sequences or more, and here are {len(codes):,}.",
        )
    if length < 2 * WINDOW_BP:
        return (
            [],
            f"No motifs were looked for: that takes sequences of {2 * WINDOW_BP} bp or more, not {length}.",
        )
    codes = codes[: max(_LEAST, min(_MOST, _MOST_BP // length))]
    try:
        found = deeplift(model, codes, task=explained.task, n_references=_REFERENCES)
    except NotImplementedError as error:
        return [], f"No motifs were looked for: {error}."
    if found.actual.min() == found.actual.max():
        return [], "No motifs were looked for: the output does not depend on the bases."
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        found_in = discover_motifs(found.hypothetical, np.minimum(codes, 4))
    motifs = [motif.trimmed(_CORE) for motif in found_in[:_SHOWN]]
    where = f"in the {len(codes):,} sequences with the highest predictions"
    left_out = "".join(f" {str(each.message).removeprefix('discover_motifs: ')}." for each in said)
    read = reading_of(model)
    best, targets = known_matches([motif.probabilities for motif in motifs], known, read.alphabet)
    matched: list[FoundMotif] = [
        (motif, *((matches[0], targets[matches[0].target]) if matches else (None, None)))
        for motif, matches in zip(motifs, best, strict=True)
    ]
    return matched, (f"Looked for {where}." if matched else f"No motif was found {where}.") + left_out
