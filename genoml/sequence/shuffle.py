"""Shuffles that keep every k-let count: negatives with the composition of the positives."""

from __future__ import annotations

from typing import Any, overload

import numpy as np

from genoml.sequence.alphabet import PAD_CODE
from genoml.sequence.codes import FlatCodes, decode, flat_codes, list_sequences
from genoml.sequence.encode import base_codes
from genoml.sequence.euler import KeyedDraws, SharedDraws, euler_paths

# Array cells per block of rows, to bound memory.
_BLOCK = 1 << 21
# Numbers of (k - 1)-mers are renumbered before they grow beyond this.
_LARGEST_NUMBER = 1 << 40
# Up to this many numbers are renumbered by a table; more are sorted.
_TABLE = 1 << 24


@overload
def dinucleotide_shuffle(sequences: str, *, seed: int = ...) -> str: ...
@overload
def dinucleotide_shuffle(sequences: bytes, *, seed: int = ...) -> bytes: ...
@overload
def dinucleotide_shuffle(sequences: np.ndarray, *, seed: int = ...) -> np.ndarray: ...
@overload
def dinucleotide_shuffle(sequences: list[str], *, seed: int = ...) -> list[str]: ...
@overload
def dinucleotide_shuffle(sequences: list[bytes], *, seed: int = ...) -> list[bytes]: ...
@overload
def dinucleotide_shuffle(sequences: list[np.ndarray], *, seed: int = ...) -> list[np.ndarray]: ...
def dinucleotide_shuffle(sequences: Any, *, seed: int = 0) -> Any:
    """Shuffle sequences; every dinucleotide count stays exactly the same.

    The same as :func:`klet_shuffle` with k = 2: the first letter, the last one and the count of each dinucleotide stay.

    Parameters
    ----------
    sequences : str, bytes, uint8 array, or a batch of them
        One sequence: letters or codes (length,). Many, of equal length or not: a list of either, or codes
        (batch, length).
    seed : int
        Seed of a Philox generator. The same sequences in the same order with the same seed give the same
        result.

    Returns
    -------
    str, bytes, numpy.ndarray or list
        As given. Letters come back in upper case, with U where the sequence had U.

    Raises
    ------
    ValueError
        For illegal letters or codes.
    """
    return klet_shuffle(sequences, 2, seed=seed)


@overload
def klet_shuffle(sequences: str, k: int = ..., *, seed: int = ...) -> str: ...
@overload
def klet_shuffle(sequences: bytes, k: int = ..., *, seed: int = ...) -> bytes: ...
@overload
def klet_shuffle(sequences: np.ndarray, k: int = ..., *, seed: int = ...) -> np.ndarray: ...
@overload
def klet_shuffle(sequences: list[str], k: int = ..., *, seed: int = ...) -> list[str]: ...
@overload
def klet_shuffle(sequences: list[bytes], k: int = ..., *, seed: int = ...) -> list[bytes]: ...
@overload
def klet_shuffle(sequences: list[np.ndarray], k: int = ..., *, seed: int = ...) -> list[np.ndarray]: ...
def klet_shuffle(sequences: Any, k: int = 2, *, seed: int = 0) -> Any:
    """Shuffle sequences; every k-let count, and so every shorter one, stays exactly the same.

    Each result is drawn uniformly from all sequences with the same first k - 1 letters, the same last k - 1
    letters and the same count of each k-let. With k = 1 that is any order of the letters. A sequence is a path that
    uses every edge of a graph once, with (k - 1)-lets as vertices and k-lets as edges; such a path is drawn uniformly.
    IUPAC codes, and padding, count as letters of their own, so shuffle first and pad afterwards.

    Parameters
    ----------
    sequences : str, bytes, uint8 array, or a batch of them
        As in :func:`dinucleotide_shuffle`. A sequence of fewer than k + 2 letters has one order only, if k > 1.
    k : int
        Letters in a k-let, 1 or more.
    seed : int
        Seed of a Philox generator, 0 or more. The same sequences in the same order with the same seed give
        the same result.

    Returns
    -------
    str, bytes, numpy.ndarray or list
        As given. Letters come back in upper case, with U where the sequence had U.

    Raises
    ------
    ValueError
        For illegal letters or codes, ``k`` below 1, or a negative seed.

    References
    ----------
    Altschul and Erickson (1985), doi:10.1093/oxfordjournals.molbev.a040370; Kandel et al. (1996),
    doi:10.1016/S0166-218X(97)81456-4. Deviation: last edges are drawn by cycle popping (Wilson 1996,
    doi:10.1145/237814.237880), which have the same distribution as drawing all of them until they connect,
    but need few steps for any composition.
    """
    if k < 1:
        raise ValueError(f"k expects 1 or more, got {k}")
    if seed < 0:
        raise ValueError(f"seed expects 0 or more, got {seed}")
    rng = np.random.Generator(np.random.Philox(seed))
    is_array = isinstance(sequences, np.ndarray) and sequences.dtype == np.uint8
    if is_array and sequences.ndim != 1:
        return _shuffle_equal(base_codes(sequences), k, rng)
    single = is_array or isinstance(sequences, str | bytes)
    items = [sequences] if single else list_sequences(sequences)
    rows = _shuffle_ragged(flat_codes(items), k, rng)
    results = [_as_type_of(item, row) for item, row in zip(items, rows, strict=True)]
    return results[0] if single else results


def shuffle_each(codes: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Shuffle the dinucleotides of each row by its own key; padding stays where it is.

    The result of a row depends only on the row and its key: batches can be shuffled in any order and by any thread.

    Parameters
    ----------
    codes : numpy.ndarray
        (batch, length) uint8.
    keys : numpy.ndarray
        (batch,) uint64, such as :func:`~genoml.sequence.euler.row_keys` gives.

    Returns
    -------
    numpy.ndarray
        (batch, length) uint8, each row drawn as :func:`dinucleotide_shuffle` draws it.
    """
    out = codes.copy()
    inside = codes != PAD_CODE
    lengths = np.count_nonzero(inside, axis=1)
    for length in np.unique(lengths[lengths > 3]).tolist():
        rows = np.flatnonzero(lengths == length)
        step = max(1, _BLOCK // length)
        for first in range(0, len(rows), step):
            part = rows[first : first + step]
            bases = codes[part][inside[part]].reshape(len(part), length)
            edges = euler_paths(bases.astype(np.int64), PAD_CODE, KeyedDraws(keys[part]))
            bases[:, 1:] = np.take_along_axis(bases[:, 1:], edges, axis=1)
            block = out[part]
            block[inside[part]] = bases.reshape(-1)
            out[part] = block
    return out


def _as_type_of(item: str | bytes | np.ndarray, codes: np.ndarray) -> str | bytes | np.ndarray:
    if isinstance(item, np.ndarray):
        return codes
    rna = "U" in item.upper() if isinstance(item, str) else b"U" in item.upper()
    letters = str(decode(codes, alphabet="RNA" if rna else "DNA"))
    return letters if isinstance(item, str) else letters.encode("ascii")


def _shuffle_ragged(flat: FlatCodes, k: int, rng: np.random.Generator) -> list[np.ndarray]:
    out: list[Any] = [None] * flat.lengths.size
    starts = np.cumsum(flat.lengths) - flat.lengths
    for length in np.unique(flat.lengths).tolist():
        rows = np.flatnonzero(flat.lengths == length)
        shuffled = _shuffle_equal(flat.codes[starts[rows, None] + np.arange(length)], k, rng)
        for row, codes in zip(rows.tolist(), shuffled, strict=True):
            out[row] = codes
    return out


def _shuffle_equal(codes: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Shuffle codes (batch, length) of equal lengths."""
    if k == 1:
        return rng.permuted(codes, axis=1)
    out = codes.copy()
    if codes.shape[1] < k + 2:  # the first and the last k-let are fixed, so that two cannot move
        return out
    step = max(1, _BLOCK // codes.shape[1])
    for first in range(0, codes.shape[0], step):
        block = codes[first : first + step]
        edges = euler_paths(*_vertices(block, k - 1), SharedDraws(rng))
        out[first : first + step, k - 1 :] = np.take_along_axis(block[:, k - 1 :], edges, axis=1)
    return out


def _vertices(codes: np.ndarray, width: int) -> tuple[np.ndarray, int]:
    """Numbers of the ``width``-mers of each row, (batch, length - width + 1), and an upper bound of them."""
    letter, n_letters = _renumbered(codes, 16)
    vertices, below = letter, n_letters
    for place in range(1, width):
        vertices = vertices[:, :-1] * n_letters + letter[:, place:]
        below *= n_letters
        if below > _LARGEST_NUMBER:
            vertices, below = _renumbered(vertices, below)
    if below <= 4 * codes.shape[1]:
        return vertices, below
    # most would be absent from a row: number those of each row from 0
    vertices, below = _renumbered(vertices, below)
    rows = np.arange(codes.shape[0])[:, None]
    vertices, _ = _renumbered(rows * below + vertices, codes.shape[0] * below)
    vertices = vertices - vertices.min(axis=1, keepdims=True)
    return vertices, int(vertices.max()) + 1


def _renumbered(numbers: np.ndarray, below: int) -> tuple[np.ndarray, int]:
    """Renumber from 0 without gaps, in the same order; return the numbers and how many there are."""
    if below > _TABLE:
        keys, consecutive = np.unique(numbers, return_inverse=True)
        return consecutive.reshape(numbers.shape), keys.size
    present = np.zeros(below, dtype=np.bool_)
    present[numbers] = True
    return (np.cumsum(present, dtype=np.int64) - 1)[numbers], int(np.count_nonzero(present))
