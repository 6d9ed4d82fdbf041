"""Matches of a motif among known motifs: the most similar ones over every offset and both strands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genoml.sequence.motifs.bank import base_probabilities, information_content
from genoml.sequence.motifs.compare import MotifComparison, compare_motifs
from genoml.sequence.motifs.motif import Motif

__all__ = ["Match", "chance_similarity", "match_motif", "match_motifs", "most_significant"]

Floats = NDArray[np.float64]

# Weight of a target's column that is aligned with no column of the query. Of 8-column pieces of JASPAR's
# vertebrate motifs under 30 % noise, with a weight of 1, 0.25, 0.1, 0 the right motif of 879 comes first for 54,
# 79, 84, 87 %. It is above 0 so that of two motifs that contain the query the one of its own size comes first.
_OVERHANG = 0.1

# Effective number of columns -> similarity that 1 in 20 random motifs exceeds with the best of JASPAR's 879 vertebrate
# motifs (columns from Dirichlet distributions of 0.1, 0.3 and 1; about 500 motifs for each entry).
_CHANCE = {4: 0.97, 6: 0.93, 8: 0.83, 10: 0.78, 12: 0.72, 15: 0.66, 20: 0.57, 25: 0.53, 30: 0.48}


@dataclass(frozen=True)
class Match:
    """A match of a query motif with a known one.

    Attributes
    ----------
    name, symbol : str
        Of the known motif: its accession, such as ``"MA0139.2"``, and its factor, such as ``"CTCF"``.
    similarity : float
        In [-1, 1]; 1 for the same motif.
    offset : int
        The column of the known motif, on ``strand``, that is aligned with the query's first column; negative if the
        query starts before it.
    strand : str
        ``"-"`` if the known motif was reverse-complemented to fit the query, else ``"+"``.
    target : int
        The known motif's place in the list that was searched.
    p_value, e_value : float or None
        Tomtom's, of this target: see :func:`genoml.sequence.compare_motifs`. None unless asked for.
    q_value : float or None
        Of :func:`most_significant`: the false discovery rate of all pairs with p-values as small.
    """

    name: str
    symbol: str
    similarity: float
    offset: int
    strand: str
    target: int
    p_value: float | None = None
    e_value: float | None = None
    q_value: float | None = None

    @property
    def accession(self) -> str:
        """Accession of the known motif, the same as ``name``."""
        return self.name

    @property
    def label(self) -> str:
        """Factor and accession, ``"CTCF MA0139.2"``, or the accession alone."""
        return f"{self.symbol} {self.name}".strip()


def match_motif(
    query: ArrayLike, targets: Sequence[Motif], *, limit: int | None = 10, p_values: bool = False
) -> list[Match]:
    """The known motifs most like one motif: :func:`match_motifs` for a single query.

    Shapes
    ------
    query : (width, 4), columns A C G T, counts or probabilities
    """
    return match_motifs([query], targets, limit=limit, p_values=p_values)[0]


def match_motifs(
    queries: Iterable[ArrayLike],
    targets: Sequence[Motif],
    *,
    limit: int | None = 10,
    p_values: bool = False,
) -> list[list[Match]]:
    """The known motifs most like each of several motifs.

    With r(i, j) Pearson's correlation of the four base probabilities of query column i and target column j,
    and IC their information contents in bits, a query lying at offset o on a target has

        S(o) = sum_{i aligned} r(i, i + o) sqrt(IC(i) IC(i + o)) / sqrt(Q T)
        Q = sum_i IC(i)  over all columns of the query
        T = sum_j IC(j)  over the target's columns, those without a partner at a tenth

    and the similarity is the largest S over every offset and both strands. A query column without a partner
    costs its information, so short overlaps score low, while flanks without information cost nothing. The
    target's columns without a partner cost little, because a filter is often a piece of a longer motif. S
    lies in [-1, 1], and is 1 only for the same motif (in the columns that hold information).

    There is always a most similar motif: :func:`chance_similarity` says what a random one reaches, and
    ``p_values`` how often chance scores as much with each. Matches are ranked by similarity, which finds a
    motif from a noisy piece of it more often than p-values do: of 60 pieces of 8 columns under 20 % noise, the
    right one of 879 came first for 55 and 45.

    Parameters
    ----------
    queries : iterable of array_like
        Motifs, as counts or probabilities.
    targets : sequence of Motif
        The known motifs.
    limit : int, optional
        How many matches of each query to return; None for all.
    p_values : bool
        Give each match Tomtom's p-value and E-value, which takes some 20 ms a query.

    Shapes
    ------
    each query : (width, 4), columns A C G T

    Returns
    -------
    list of list of Match
        For each query, its matches, the most similar first.

    Raises
    ------
    ValueError
        If a query is not a motif matrix.

    References
    ----------
    Gupta et al. (2007, Tomtom), doi:10.1186/gb-2007-8-2-r24, for columns compared one by one and summed at
    the best offset. Here the sum is weighted by information and scaled, and what the target has beside the
    query is weighted too.
    """
    vectors = [_column_vectors(target.matrix) for target in targets]
    found = []
    for query in queries:
        matches = _best_matches(_column_vectors(query), targets, vectors, limit)
        if p_values and matches:
            (compared,) = compare_motifs([Motif("query", base_probabilities(query))], targets)
            matches = [_with_p_value(match, compared) for match in matches]
        found.append(matches)
    return found


def most_significant(
    queries: Iterable[ArrayLike], targets: Sequence[Motif], *, limit: int = 3
) -> list[list[Match]]:
    """The known motifs with the smallest p-values for each of several motifs, with q-values over all pairs.

    With the p-values of all m pairs of a query and a target in rising order, q of the i-th is that of Benjamini and
    Hochberg:

        q(i) = min_{j >= i} m p(j) / j

    Ties go to the higher similarity. Parameters and shapes are those of :func:`match_motifs`.

    References
    ----------
    Benjamini and Hochberg (1995), doi:10.1111/j.2517-6161.1995.tb02031.x.
    """
    found = match_motifs(queries, targets, limit=None, p_values=True)
    p = np.array([match.p_value for matches in found for match in matches], np.float64)
    order = np.argsort(-p, kind="stable")
    q = np.empty_like(p)
    q[order] = np.minimum.accumulate(p[order] * p.size / np.arange(p.size, 0, -1))
    best, first = [], 0
    for matches in found:
        own = np.clip(q[first : first + len(matches)], 0.0, 1.0).tolist()
        first += len(matches)
        chosen = sorted(zip(matches, own, strict=True), key=_significance)[:limit]
        best.append([replace(match, q_value=value) for match, value in chosen])
    return best


def _significance(pair: tuple[Match, float]) -> tuple[float, float]:
    match, _ = pair
    return (1.0 if match.p_value is None else match.p_value, -match.similarity)


def chance_similarity(query: ArrayLike) -> float:
    """The similarity that one in twenty random motifs as informative as this one reaches by chance.

    Measured with the 879 vertebrate motifs of JASPAR 2024, against the effective number of columns,
    (sum IC)^2 / sum IC^2: flanks without information do not make a motif longer. A match below this says
    little.

    Shapes
    ------
    query : (width, 4), columns A C G T, counts or probabilities
    """
    information = information_content(query)
    squares = float((information**2).sum())
    columns = float(information.sum()) ** 2 / squares if squares > 0 else 0.0
    return float(np.interp(columns, list(_CHANCE), list(_CHANCE.values())))


def _with_p_value(match: Match, compared: MotifComparison) -> Match:
    p, e = compared.p_value[match.target], compared.e_value[match.target]
    return replace(match, p_value=float(p), e_value=float(e))


def _column_vectors(matrix: ArrayLike) -> Floats:
    """(width, 4): each column's deviation from its mean, with squared length IC.

    The dot product of two columns is then r sqrt(IC IC).
    """
    deviation = base_probabilities(matrix) - 0.25
    length = np.sqrt((deviation**2).sum(axis=1, keepdims=True))
    information = information_content(matrix)[:, None]
    vectors: Floats = deviation / np.where(length > 0, length, 1.0) * np.sqrt(information)
    return vectors


def _best_matches(
    query: Floats, targets: Sequence[Motif], vectors: list[Floats], limit: int | None
) -> list[Match]:
    if not targets:
        return []
    width = len(query)
    # A window for every start from width - 1 columns before a target to its last column.
    starts = np.cumsum([0, *(len(vector) + width - 1 for vector in vectors)])
    reverse_complements = [vector[::-1, ::-1] for vector in vectors]
    scores = np.stack([_scores(query, vectors), _scores(query, reverse_complements)])
    similarity = np.maximum.reduceat(scores.max(axis=0), starts[:-1])
    matches = []
    for i in np.argsort(-similarity, kind="stable")[:limit]:
        of_target = scores[:, starts[i] : starts[i + 1]]
        strand, window = np.unravel_index(of_target.argmax(), of_target.shape)
        matches.append(
            Match(
                name=targets[i].name,
                symbol=targets[i].symbol,
                similarity=float(similarity[i]),
                offset=int(window) - width + 1,
                strand="+-"[strand],
                target=int(i),
            )
        )
    return matches


def _scores(query: Floats, vectors: list[Floats]) -> Floats:
    """S of every target at every offset, all targets in one row with width - 1 empty columns before each."""
    width = len(query)
    gap = np.zeros((width - 1, 4))
    row = np.concatenate([part for vector in vectors for part in (gap, vector)] + [gap])
    columns = row @ query.T  # (columns, width): each column of the row against each of the query
    n_windows = len(row) - width + 1
    total = columns[:n_windows, 0].copy()
    for k in range(1, width):
        total += columns[k : k + n_windows, k]
    information = np.cumsum([0.0, *(row**2).sum(axis=1)])
    aligned = information[width:] - information[:-width]
    whole = np.concatenate([np.full(len(v) + width - 1, (v**2).sum()) for v in vectors])
    weight = (query**2).sum() * (aligned + _OVERHANG * (whole - aligned))
    similarity: Floats = np.clip(total / np.sqrt(np.maximum(weight, 1e-12)), -1.0, 1.0)
    return similarity
