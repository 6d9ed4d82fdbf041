"""Motif discovery: from contributions to the motifs that they repeat."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genoml.arguments import Count, Whole, checked
from genoml.backend import get_backend
from genoml.explain.discovery.affinity import affinities
from genoml.explain.discovery.communities import Graph, communities
from genoml.explain.discovery.joins import absorbed, joined, parts, split
from genoml.explain.discovery.motif import DiscoveredMotif
from genoml.explain.discovery.patterns import MOTIF_BP, Pattern, aggregated
from genoml.explain.discovery.seqlets import Seqlets, call_seqlets
from genoml.explain.discovery.tracks import Sites, Tracks, concatenated
from genoml.explain.discovery.windows import WINDOW_BP
from genoml.parallel.parts import ALONE, Workers
from genoml.random import host_generator

__all__ = ["discover_motifs"]

_FLANK = 10
_FEWEST_OF_A_SIGN = 100
_FEWEST_OF_A_MOTIF = 20
_LEAST_BITS = 0.6
_BITS_BP = 6
_WORDS = {1: "positive", -1: "negative"}
_PREFIX = {1: "pos", -1: "neg"}


@checked
def discover_motifs(
    hypothetical: ArrayLike,
    codes: ArrayLike,
    seqlets: Seqlets | None = None,
    *,
    most_seqlets: Count = 20_000,
    seed: Whole = 0,
    threads: Count | None = None,
    progress: Callable[[str], object] | None = None,
) -> list[DiscoveredMotif]:
    """Find the motifs that contributions repeat.

    For each sign of the seqlets: a seeded sample; the 500 nearest of each by the cosine of gapped words, on both
    strands; their continuous Jaccard similarities; a graph of equal density, and its communities by Leiden; alignment
    within each community. The aligned seqlets, with 10 more positions on either side, go through the same again.
    Then patterns are split and joined, and those with at least 20 seqlets and 0.6 bits in 6 neighbouring positions
    are kept. The same seed gives the same bits for any number of threads.

    Parameters
    ----------
    hypothetical : array of shape (n, length, 4)
        Hypothetical contributions: of :func:`genoml.explain.deeplift`, or a gradient.
    codes : array of shape (n, length)
        Base codes of the sequences; 4 is no base.
    seqlets : Seqlets, optional
        By default those of ``call_seqlets(actual, method="windows")``. If they differ in length, 41 positions around
        the middle of each are taken.
    most_seqlets : int
        Of each sign; a random sample of more.
    threads : int, optional
        By default those of the backend ``numpy``.
    progress : callable, optional
        Called with a line of text as the work goes on.

    Returns
    -------
    list of DiscoveredMotif
        Positive ones first, those with the most seqlets first.

    Raises
    ------
    ValueError
        For arrays of other shapes, contributions that are not finite, seqlets of other contributions, and if all
        contributions are 0.

    Warns
    -----
    UserWarning
        If there are fewer than 100 seqlets of a sign: it is left out.

    References
    ----------
    Shrikumar et al. (2018), Technical note on TF-MoDISco, arXiv:1811.00416; Traag et al. (2019),
    doi:10.1038/s41598-019-41695-z. Deviations: the sample is random, not the first seqlets; sums of absolute values go
    over all of both seqlets, zeros where they do not overlap; seqlets are aligned with a mean in rounds, not one by
    one; bits are corrected for the number of seqlets.
    """
    values, letters = _checked(hypothetical, codes)
    actual = np.take_along_axis(values, np.minimum(letters, 3)[:, :, None], 2)[:, :, 0] * (letters < 4)
    if not actual.any():
        raise ValueError("all contributions are 0: the model's output does not depend on the sequences")
    if seqlets is None:
        flank = min(_FLANK, max(0, (actual.shape[1] - WINDOW_BP) // 2))
        seqlets = call_seqlets(actual, "windows", flank=flank)
    elif seqlets.shape != actual.shape:
        raise ValueError(f"seqlets expects those of contributions {actual.shape}, got of {seqlets.shape}")
    tell = progress or (lambda line: None)
    backend = get_backend("numpy")
    if "jaccard" not in backend.twins:
        tell("Numba is not installed, which makes it slow: pip install 'genoml-xp[compiled]'")
    count = threads or backend.threads
    workers = Workers(count - 1) if count > 1 else ALONE
    try:
        with backend.computing():
            found = []
            for sign in (1, -1):
                rows = np.flatnonzero(seqlets.sign == sign)
                if 0 < len(rows) < _FEWEST_OF_A_SIGN:
                    warnings.warn(
                        f"discover_motifs: {len(rows)} {_WORDS[sign]} seqlets, fewer than {_FEWEST_OF_A_SIGN}, "
                        "are left out",
                        stacklevel=3,
                    )
                elif len(rows):
                    sites, width = _sites(seqlets, sampled(rows, most_seqlets, seed, sign))
                    tell(f"{len(rows)} {_WORDS[sign]} seqlets, {len(sites.start)} of them taken")
                    found += _of_one_sign(Tracks(values, letters), sites, width, sign, seed, workers, tell)
            return found
    finally:
        if workers is not ALONE:
            workers.close()


def _checked(hypothetical: ArrayLike, codes: ArrayLike) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """Both arrays, of shapes that fit and finite."""
    values, letters = np.asarray(hypothetical), np.asarray(codes)
    if values.ndim != 3 or values.shape[2] != 4 or values.dtype.kind != "f" or not values.size:
        raise ValueError(
            f"hypothetical expects floating-point numbers of shape (n, length, 4), got {values.dtype} of {values.shape}"
        )
    if letters.shape != values.shape[:2] or letters.dtype.kind not in "iu":
        raise ValueError(
            f"codes expects whole numbers of shape {values.shape[:2]}, as hypothetical has, got {letters.dtype} of "
            f"{letters.shape}"
        )
    if (wrong := (letters < 0) | (letters > 4)).any():
        at = tuple(np.argwhere(wrong)[0].tolist())
        raise ValueError(f"codes expects 0 to 4, got {letters[at]} at {at}")
    for row in range(len(values)):
        if not np.isfinite(values[row]).all():
            at = (row, *np.argwhere(~np.isfinite(values[row]))[0].tolist())
            raise ValueError(f"hypothetical expects finite numbers, got {values[at]} at {at}")
    return values, letters.astype(np.uint8)


def sampled(rows: NDArray[np.int64], most: int, seed: int, sign: int) -> NDArray[np.int64]:
    """At most so many of the rows, drawn at random, in their order."""
    if len(rows) <= most:
        return rows
    return np.sort(host_generator(seed, "seqlets", sign).choice(rows, most, replace=False))


def _sites(seqlets: Seqlets, rows: NDArray[np.int64]) -> tuple[Sites, int]:
    """Sites of seqlets, and their width, the same for all."""
    start, end = seqlets.start[rows], seqlets.end[rows]
    width = int(end[0] - start[0])
    if (end - start != width).any():
        width = WINDOW_BP + 2 * _FLANK
        start = (start + end - width) // 2
    return Sites(seqlets.example[rows], start, np.ones(len(rows), np.int8)), width


def _of_one_sign(
    tracks: Tracks,
    sites: Sites,
    width: int,
    sign: int,
    seed: int,
    workers: Workers,
    tell: Callable[[str], object],
) -> list[DiscoveredMotif]:
    patterns, _, _ = _round(tracks, sites, width, seed, workers)
    tell(f"round 1: {len(patterns)} communities")
    if sum(len(one.nodes) for one in patterns) < _FEWEST_OF_A_MOTIF:
        return []
    sites = concatenated([one.sites for one in patterns]).widened(_FLANK, MOTIF_BP)
    sites = sites.take(sites.once())
    patterns, graph, _ = _round(tracks, sites, MOTIF_BP + 2 * _FLANK, seed, workers)
    tell(f"round 2: {len(patterns)} communities")
    pieces = [piece for one in patterns for piece in split(tracks, one, graph, seed, workers)]
    final = joined(tracks, pieces, workers)
    final = absorbed(tracks, final, workers)
    kept = [
        one
        for one in final
        if len(one.nodes) >= _FEWEST_OF_A_MOTIF and best_bits(tracks, one.sites) >= _LEAST_BITS
    ]
    kept.sort(key=lambda one: (-len(one.nodes), int(one.nodes.min())))
    tell(f"{len(pieces)} patterns, {len(final)} after joining, {len(kept)} kept")
    return [
        _motif(tracks, one, f"{_PREFIX[sign]}_{number}", sign, _subpatterns(one, graph, seed, workers))
        for number, one in enumerate(kept)
    ]


def _round(
    tracks: Tracks, sites: Sites, width: int, seed: int, workers: Workers
) -> tuple[list[Pattern], Graph, Sites]:
    """Neighbours, graph, communities and their patterns."""
    graph, kept = affinities(tracks, sites, width, workers)
    sites = sites.take(kept)
    labels = communities(graph, seed, workers)
    strength = graph.strength
    patterns = []
    for label in range(int(labels.max(initial=-1)) + 1):
        nodes = np.flatnonzero(labels == label)
        first = int(np.argmax(strength[nodes]))
        patterns.append(aggregated(tracks, nodes, sites.take(nodes), width, first, workers))
    return patterns, graph, sites


def _frequencies(tracks: Tracks, sites: Sites) -> NDArray[np.float64]:
    """Number of each base at each position of sites, (MOTIF_BP, 4)."""
    codes = tracks.read(sites, MOTIF_BP)[1]
    return np.stack([(codes == base).sum(axis=0) for base in range(4)], axis=1).astype(np.float64)


def best_bits(tracks: Tracks, sites: Sites) -> float:
    """Most bits in 6 neighbouring positions of a pattern, less what that many random bases have: 3 / (2 n ln 2)."""
    counts = _frequencies(tracks, sites)
    total = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    share = counts / total
    bits = 2 + (share * np.log2(np.where(share > 0, share, 1))).sum(axis=1) - 1.5 / np.log(2) / total[:, 0]
    return float(np.convolve(bits, np.ones(_BITS_BP), "valid").max())


def _subpatterns(
    one: Pattern, graph: Graph, seed: int, workers: Workers
) -> list[tuple[NDArray[np.int64], Sites]]:
    labels = parts(graph, one.nodes, seed, workers)
    groups = [np.flatnonzero(labels == label) for label in range(int(labels.max()) + 1)]
    groups = [rows for rows in groups if len(rows) >= _FEWEST_OF_A_MOTIF]
    return [(one.nodes[rows], one.sites.take(rows)) for rows in groups] if len(groups) > 1 else []


def _motif(
    tracks: Tracks, one: Pattern, name: str, sign: int, groups: list[tuple[NDArray[np.int64], Sites]]
) -> DiscoveredMotif:
    """The record of a pattern."""
    subpatterns = tuple(
        _record(tracks, sites, f"{name}.{number}", sign) for number, (_, sites) in enumerate(groups)
    )
    return _record(tracks, one.sites, name, sign, subpatterns)


def _record(
    tracks: Tracks, sites: Sites, name: str, sign: int, subpatterns: tuple[DiscoveredMotif, ...] = ()
) -> DiscoveredMotif:
    values, codes = tracks.read(sites, MOTIF_BP)
    counts = _frequencies(tracks, sites)
    total = counts.sum(axis=1, keepdims=True)
    probabilities = np.where(total > 0, counts / np.maximum(total, 1), 0.25)
    actual = values * (codes[:, :, None] == np.arange(4))
    order = np.lexsort((sites.start, sites.example))
    return DiscoveredMotif(
        name,
        sign,
        probabilities,
        actual.mean(axis=0, dtype=np.float64),
        values.mean(axis=0, dtype=np.float64),
        *sites.take(order),
        subpatterns,
    )
