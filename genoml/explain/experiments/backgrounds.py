"""Sequences to put motifs into: shuffles, windows of a genome, random bases."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from genoml.arguments import Count, Whole, checked
from genoml.data import Codes
from genoml.genome import GenomeStore, sample_windows
from genoml.random import derive_key, host_generator
from genoml.sequence.codes import Sequences, holds_letters
from genoml.sequence.encode import base_codes
from genoml.sequence.euler import row_keys
from genoml.sequence.matched import gc_content, matched_sample
from genoml.sequence.shuffle import shuffle_each

__all__ = ["backgrounds"]

#: windows of a genome that are drawn for each one that must match in GC content
_POOL = 32


@checked
def backgrounds(
    kind: Literal["shuffle", "gc", "random"],
    source: Any,
    n: Count,
    length: Count | None = None,
    *,
    like: Sequences | Codes | None = None,
    seed: Whole = 0,
) -> NDArray[np.uint8]:
    """Background sequences as base codes, always the same for the same seed.

    Parameters
    ----------
    kind : {"shuffle", "gc", "random"}
        ``"shuffle"``: exact dinucleotide shuffles of sequences, taken in turn. ``"gc"``: windows of a genome without
        ambiguous bases, with the GC content of the sequences ``like``, or drawn uniformly without them. ``"random"``:
        independent bases.
    source : sequences, GenomeStore, or four probabilities
        Sequences of one length to shuffle; the genome; the composition, of A, C, G and T.
    n : int
        How many.
    length : int, optional
        Their length in bp; of shuffles, and of windows like sequences, it is that of the sequences.
    like : sequences, optional
        Of one length, whose GC content windows have.
    seed : int
        Of all draws.

    Returns
    -------
    array of shape (n, length), uint8

    Raises
    ------
    ValueError
        For sequences of several lengths, a composition that does not sum to 1, no length, or a genome without room.

    Examples
    --------
    >>> backgrounds("random", (0.3, 0.2, 0.2, 0.3), 100, 200, seed=1).shape
    (100, 200)
    """
    if kind == "shuffle":
        codes = _codes_of(source)
        rows = np.arange(n)
        keys = row_keys(derive_key(seed, "backgrounds")[0], rows)
        return shuffle_each(codes[rows % len(codes)], keys)
    matched = None if like is None else _codes_of(like)
    length = length if matched is None else matched.shape[1]
    if length is None:
        raise ValueError(f"backgrounds of kind {kind!r} expect a length in bp, got none")
    if kind == "random":
        p = np.asarray(source, np.float64)
        if p.shape != (4,) or (p < 0).any() or abs(p.sum() - 1) > 1e-6:
            raise ValueError(f"backgrounds expect 4 probabilities that sum to 1, of A, C, G, T, got {source}")
        drawn = host_generator(seed, "backgrounds").choice(4, (n, length), p=p / p.sum())
        return np.asarray(drawn, np.uint8)
    if not isinstance(source, GenomeStore):
        raise TypeError(f"backgrounds of kind 'gc' expect a GenomeStore, got {type(source).__name__}")
    if matched is None:
        windows = sample_windows(source, n, length, strand="random", seed=seed)
        return np.asarray(source.fetch(windows))
    gc = np.resize(gc_content(matched), n)
    pool = sample_windows(source, _POOL * n, length, strand="random", seed=seed)
    sample = matched_sample(
        gc, np.full(n, length), pool.columns["gc"], pool.length_bp, gc_step=0.05, seed=seed
    )
    return np.asarray(source.fetch(pool[sample.index]))


def _codes_of(sequences: Any) -> NDArray[np.uint8]:
    """Sequences of one length as base codes."""
    codes = base_codes(sequences) if holds_letters(sequences) else np.asarray(sequences)
    if codes.dtype != np.uint8 or codes.ndim != 2 or 0 in codes.shape:
        raise ValueError(
            f"backgrounds expect sequences, or uint8 codes (n >= 1, length >= 1), got {codes.dtype} {codes.shape}"
        )
    return codes
