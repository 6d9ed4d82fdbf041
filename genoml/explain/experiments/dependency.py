"""Dependency maps: how the contribution of each base depends on every other base."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from genoml.arguments import Count, Whole, checked
from genoml.data import Codes
from genoml.explain.deeplift import deeplift
from genoml.explain.references import reference_codes
from genoml.explain.saliency import checked_codes, saliency
from genoml.explain.tasks import Task
from genoml.nn.layer import Layer
from genoml.sequence.codes import Sequences
from genoml.train.trained import read_codes

__all__ = ["DependencyMap", "dependency_map"]


@dataclass(frozen=True, eq=False)
class DependencyMap:
    """Dependencies between positions of sequences, the result of :func:`dependency_map`.

    Attributes
    ----------
    values : array of shape (n, span, span)
        Row i: the position that is substituted; column j: the position whose contribution changes.
    span : (int, int)
        The positions [start, end) of rows and columns.
    by : {"deeplift", "saliency"}
        How contributions were computed.
    """

    values: NDArray[np.floating[Any]]
    span: tuple[int, int]
    by: Literal["deeplift", "saliency"]


@checked
def dependency_map(
    model: Layer,
    codes: Sequences | Codes,
    *,
    by: Literal["deeplift", "saliency"] = "deeplift",
    span: tuple[int, int] | None = None,
    n_references: Count = 10,
    seed: Whole = 0,
    task: Task | None = None,
    both_strands: bool | None = None,
    batch_size: Count = 256,
    ambiguous: str | None = None,
) -> DependencyMap:
    """How the contribution of each base changes when another one is substituted.

        D[n, i, j] = mean over the other bases b at i of |c_j(sequence n with b at i) - c_j(sequence n)|
        D[n, i, i] = 0

    with c_j the contribution of the base at j to f. Pairs of positions stand out whose bases work together: within a
    motif, and between motifs that need each other. It costs 3 contributions a position.

    Parameters
    ----------
    model : Layer
        A trained model that reads one-hot sequences (batch, 4, length).
    codes : array, or letters
        Sequences as base codes, or letters.
    by : {"deeplift", "saliency"}
        ``deeplift`` with shuffles of the sequence itself as references, the same for all of its substitutions; or
        ``saliency``, gradient times input.
    span : (int, int), optional
        Positions [start, end) that are looked at; all if None.
    n_references : int
        Shuffles of each sequence, for DeepLIFT.
    seed : int
        Of the shuffles.
    task, both_strands, batch_size, ambiguous
        As in ``saliency``.

    Raises
    ------
    ValueError
        For a span outside of the sequences, or as ``deeplift`` and ``saliency``.

    References
    ----------
    Tomaz da Silva et al. (2025), doi:10.1038/s41588-025-02347-3. Deviation: contributions to an output stand in the
    place of the probabilities that a language model gives to bases.
    """
    codes = np.asarray(read_codes(model, codes))
    checked_codes(codes, "dependency_map", batch_size)
    n, length = codes.shape
    start, end = (0, length) if span is None else span
    if not 0 <= start < end <= length:
        raise ValueError(f"span expects 0 <= start < end <= {length}, got {start} to {end}")
    references = reference_codes(codes, "dinucleotide", n_references, seed) if by == "deeplift" else None
    options: dict[str, Any] = {"task": task, "both_strands": both_strands, "ambiguous": ambiguous}
    options["batch_size"] = batch_size
    found = np.zeros((n, end - start, end - start))
    for row in range(n):
        copies, places = _substituted(codes[row], start, end)
        if by == "deeplift" and references is not None:
            same = np.broadcast_to(references[row], (len(copies), *references.shape[1:]))
            actual = deeplift(model, copies, references=same, **options).actual
        else:
            actual = saliency(model, copies, **options).actual
        change = np.abs(actual[1:] - actual[:1])[:, start:end].astype(np.float64)
        np.add.at(found[row], places - start, change)
        found[row] /= np.maximum(np.bincount(places - start, minlength=end - start), 1)[:, None]
        np.fill_diagonal(found[row], 0.0)
    return DependencyMap(found.astype(model.dtype), (start, end), by)


def _substituted(codes: np.ndarray, start: int, end: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """A sequence, its copies with one base substituted, and where: none at padding, four at an ambiguous base."""
    changes = [
        (place, base)
        for place in range(start, end)
        for base in range(4)
        if codes[place] != base and codes[place] < 15
    ]
    places = np.array([place for place, _ in changes], np.int64)
    copies = np.repeat(codes[None], len(changes) + 1, axis=0)
    copies[np.arange(1, len(copies)), places] = [base for _, base in changes]
    return copies, places
