"""Encoding of reads as base probabilities, from letters and quality scores.

Codes and qualities are sent to the device as uint8, one byte per base each, and become (..., 4) arrays there.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from genoml.backend import Array, Backend, get_backend
from genoml.sequence.codes import FlatCodes, Sequences, list_sequences
from genoml.sequence.encode import Pad, base_codes, check_ambiguous, fill_rows, one_hot

_GREATEST = 93
_ERRORS = 10 ** (-np.arange(_GREATEST + 1) / 10)
# (16, 4): dy/dp for each code; a base that is not A, C, G or T does not depend on its quality
_SLOPES = np.concatenate([(1 - 4 * np.eye(4)) / 3, np.zeros((12, 4))])


def quality_encode(
    sequences: Sequences,
    qualities: Iterable[np.ndarray] | np.ndarray,
    *,
    ambiguous: str = "zero",
    alphabet: str = "auto",
    pad: Pad | None = None,
    length: int | None = None,
    dtype: str = "float32",
    backend: str | Backend | None = None,
) -> Array:
    """Encode reads as the probabilities of their bases: (batch, length, 4), columns A, C, G, T.

    With Q the Phred score of a base and p = 10^(-Q / 10) the probability that it is wrong,

        y[n, i, b] = 1 - p[n, i]    if b is the base read at position i
                     p[n, i] / 3    if it is one of the other three

    Parameters
    ----------
    sequences : iterable of str, bytes or uint8 arrays, or a uint8 array (batch, length)
        As in :func:`~genoml.sequence.base_codes`.
    qualities : iterable of integer arrays, or one (batch, length)
        Phred scores 0 to 93, one a base. Of FASTQ records these are ``record.phred``.
    ambiguous : {"zero", "uniform", "iupac", "error"}
        The row of a base that is not A, C, G or T, whatever its quality: as in
        :func:`~genoml.sequence.one_hot`. Padding is all zero.
    alphabet, pad, length
        As in :func:`~genoml.sequence.base_codes`; qualities are padded with their sequences.
    dtype : str
        A floating dtype, by its NumPy name.
    backend : str or Backend, optional
        Backend of the result; the default one if None.

    Returns
    -------
    array
        (batch, length, 4) on the backend.

    Raises
    ------
    ValueError
        For illegal letters, ragged lengths without ``pad``, qualities that are not one a base or outside
        0..93, or, with ``"error"``, an ambiguous base.
    TypeError
        For qualities that are no integers.

    Examples
    --------
    >>> quality_encode(["A"], [[10]]).round(4)
    array([[[0.9   , 0.0333, 0.0333, 0.0333]]], dtype=float32)

    References
    ----------
    Cock et al. (2010), doi:10.1093/nar/gkp1137, for p; the share p / 3 takes all wrong bases as equally likely.
    """
    check_ambiguous(ambiguous)
    target = get_backend(backend)
    items = sequences if isinstance(sequences, np.ndarray) else list_sequences(sequences)
    codes = base_codes(items, alphabet=alphabet, pad=pad, length=length)
    scores = _score_matrix(qualities, [len(item) for item in items], codes.shape[1], pad)
    # y = row + p * slope: a base's own column falls by p, the other three rise by p / 3
    rows = one_hot(codes, ambiguous=ambiguous, dtype=dtype, backend=target)
    xp = target.xp
    slopes = xp.take(target.asarray(_SLOPES, dtype=dtype), _flat_index(target, codes), axis=0)
    errors = xp.take(target.asarray(_ERRORS, dtype=dtype), _flat_index(target, scores), axis=0)
    return rows + xp.reshape(slopes * xp.reshape(errors, (-1, 1)), (*codes.shape, 4))


def _flat_index(target: Backend, values: np.ndarray) -> Array:
    xp = target.xp
    return xp.astype(xp.reshape(target.asarray(values), (-1,)), xp.int32)


def _score_matrix(
    qualities: Iterable[np.ndarray] | np.ndarray, lengths: list[int], width: int, pad: Pad | None
) -> np.ndarray:
    """Phred scores (batch, width) uint8, padded as the codes are."""
    items = [np.asarray(item) for item in qualities]
    if len(items) != len(lengths):
        raise ValueError(f"expects qualities for each of {len(lengths)} sequences, got {len(items)}")
    for row, (item, length) in enumerate(zip(items, lengths, strict=True)):
        if item.dtype.kind not in "ui" and item.size:
            raise TypeError(f"expects integer qualities, got {item.dtype} for sequence {row}")
        if item.shape != (length,):
            raise ValueError(
                f"expects one quality for each of the {length} bases of sequence {row}, got shape {item.shape}"
            )
        if item.size and (item.min() < 0 or item.max() > _GREATEST):
            raise ValueError(
                f"Phred scores run from 0 to {_GREATEST}, got {item.min()} to {item.max()} for sequence {row}"
            )
    joined = np.concatenate([np.zeros(0, np.uint8), *items]).astype(np.uint8)
    return fill_rows(FlatCodes(joined, np.array(lengths, dtype=np.int64)), width, pad, 0)
