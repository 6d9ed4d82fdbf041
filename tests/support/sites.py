"""Contributions with planted sites of motifs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from genoml.explain import DiscoveredMotif
from genoml.runs.attribute import Attributions

#: two motifs of which neither is like the other, on either strand
LONG = np.array(list("CCACCAGGGGGCG")), np.array([0.4, 1, 1, 0.3, 1, 1, 1, 1, 1, 1, 0.2, 1, 0.6])
SHORT = np.array(list("ATGACTCAA")), np.array([0.2, 1, 1, 1, 0.5, 1, 1, 1, 0.2])


def motif_of(
    letters: np.ndarray, heights: np.ndarray, name: str, *, flank: int = 3, seqlets: int = 120
) -> DiscoveredMotif:
    """A motif whose contributions are heights of letters, with flanks of nothing; its seqlets lie at 0."""
    core = heights[:, None] * (letters[:, None] == np.array(list("ACGT")))
    cwm = np.pad(core, ((flank, flank), (0, 0)))
    share = np.pad((core > 0) * 0.91 + 0.03, ((flank, flank), (0, 0)), constant_values=0.25)
    share = share / share.sum(axis=1, keepdims=True)
    at = np.zeros(seqlets, np.int64)
    sign = 1 if heights.sum() > 0 else -1
    return DiscoveredMotif(name, sign, share, cwm, cwm.copy(), np.arange(seqlets), at, at.astype(np.int8) + 1)


def planted(
    n: int = 40, length: int = 80, seed: int = 0, noise: float = 0.02
) -> tuple[np.ndarray, np.ndarray, list[tuple[int, int, int, int]]]:
    """Contributions (n, length), codes, and sites (example, start, strand, motif): a LONG and a SHORT in each."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (n, length)).astype(np.uint8)
    own = noise * rng.normal(size=(n, length))
    sites = []
    for row in range(n):
        for motif, (letters, heights) in enumerate((LONG, SHORT)):
            low, high = (0, length // 2) if (motif + row) % 2 else (length // 2, length)
            at = int(rng.integers(low, high - len(letters) + 1))
            strand = 1 if rng.random() < 0.5 else -1
            bases = np.searchsorted(list("ACGT"), letters)
            place = slice(at, at + len(letters))
            codes[row, place] = bases if strand == 1 else 3 - bases[::-1]
            own[row, place] += (heights if strand == 1 else heights[::-1]) * rng.uniform(0.5, 2)
            sites.append((row, at, strand, motif))
    return own, codes, sites


def hypothetical_of(own: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Hypothetical contributions whose own bases have these, and whose others have a third less than nothing."""
    here = np.arange(4) == codes[:, :, None]
    return np.where(here, own[:, :, None], -own[:, :, None] / 3)


def attributions(
    n: int = 150, *, sign: int = 1, names: list[str] | None = None, control: bool = False, seed: int = 0
) -> Attributions:
    """Contributions of planted sites, as ``genoml attribute`` gives them; of a sign."""
    own, codes, _ = planted(n, seed=seed)
    own = (sign * own).astype(np.float32)
    hypothetical = hypothetical_of(own, codes)
    loci = [f"chr{1 + at % 3}:{1000 * at}-{1000 * at + 80}({'+-'[at % 2]})" for at in range(n)]
    rng = np.random.default_rng(seed + 9)
    shuffled = (
        (codes[:40], (0.02 * rng.normal(size=(40, 80))).astype(np.float32)) if control else (None, None)
    )
    return Attributions(
        names or loci, codes, hypothetical, own, "the output of run", "deeplift", 0, 20, 0.0, *shuffled
    )


def found_in(given: Attributions) -> list[DiscoveredMotif]:
    """The two planted motifs as discovery would give them, with their seqlets."""
    sign = 1 if given.actual.sum() > 0 else -1
    sites = planted(len(given.names))[2]
    motifs = []
    for at, (letters, heights) in enumerate((LONG, SHORT)):
        motif = motif_of(letters, sign * heights, f"{'pos' if sign > 0 else 'neg'}_{at}")
        own = [(row, start - 3, strand) for row, start, strand, kind in sites if kind == at]
        example, start, strand = np.array(
            [site for site in own if site[1] >= 0 and site[1] + motif.width <= 80]
        ).T
        motifs.append(replace(motif, example=example, start=start, strand=strand.astype(np.int8)))
    return motifs
