"""K-mer tokens for an Embedding, and their inverse."""

from __future__ import annotations

import numpy as np

from genoml.backend import Array, Backend, get_backend
from genoml.sequence.alphabet import CODE_LETTERS, PAD_CODE
from genoml.sequence.codes import FlatCodes, Sequences, decode
from genoml.sequence.encode import Pad, base_codes
from genoml.sequence.kmer_windows import KmerShape, kmer_shape, window_blocks, window_codes

_CODE_OF_N = CODE_LETTERS.index("N")


def kmer_tokens(
    sequences: Sequences,
    k: int | str = 6,
    *,
    stride: int = 1,
    alphabet: str = "auto",
    pad: Pad | None = None,
    length: int | None = None,
    backend: str | Backend | None = None,
) -> Array:
    """Token of the k-mer at each position: the input of an Embedding.

    =====================  ======================================================================
    token                  window
    =====================  ======================================================================
    0 to 4**k - 1          a k-mer of A, C, G, T: its column in :func:`kmer_frequencies`
    4**k                   a k-mer with an ambiguous base
    4**k + 1               a window that reaches padding
    =====================  ======================================================================

    So ``Embedding(4**k + 2, features)`` accepts all tokens, and ``Embedding(4**k + 1, features)`` those of sequences
    without padding; ``tokens != 4**k + 1`` is the mask of windows without padding.

    Parameters
    ----------
    sequences : iterable of str, bytes or uint8 arrays, or a uint8 array (batch, length)
        Of one length, unless ``pad`` is given.
    k : int or str
        1 to 12, or a spaced seed, as in :func:`~genoml.sequence.kmer_frequencies`.
    stride : int
        Bases from one window to the next: 1 for overlapping k-mers, k for k-mers side by side.
    alphabet, pad, length
        As in :func:`~genoml.sequence.base_codes`.
    backend : str, Backend or None
        Backend of the tokens; the default one if None.

    Returns
    -------
    array
        (batch, (length - span) // stride + 1) int32, where span is k, or the length of the spaced seed.

    Raises
    ------
    ValueError
        For illegal letters, ragged lengths without ``pad``, ``k`` outside 1 to 12, a stride below 1, or
        sequences shorter than a window.

    Examples
    --------
    >>> kmer_tokens(["AACNT", "AC"], 2, pad="right")
    array([[ 0,  1, 16, 16],
           [ 1, 17, 17, 17]], dtype=int32)
    """
    shape = kmer_shape(k)
    _check_stride(stride)
    codes = base_codes(sequences, alphabet=alphabet, pad=pad, length=length)
    batch, length_bp = codes.shape
    if length_bp < shape.span:
        raise ValueError(
            f"kmer_tokens expects sequences of at least k = {shape.span} bases, got {length_bp}"
            if shape.span == shape.k
            else f"kmer_tokens expects sequences of at least the pattern's {shape.span} bases, got {length_bp}"
        )
    tokens = _all_tokens(codes.reshape(-1), batch, length_bp, shape)
    return get_backend(backend).asarray(np.ascontiguousarray(tokens[:, ::stride]), dtype="int32")


def _all_tokens(codes: np.ndarray, batch: int, length: int, shape: KmerShape) -> np.ndarray:
    """Tokens (batch, length - span + 1) of every window."""
    tokens = np.full(codes.size, 4**shape.k, dtype=np.int32)
    flat = FlatCodes(codes, np.full(batch, length, dtype=np.int64))
    for block in window_blocks(flat, shape):
        here = tokens[block.start : block.start + block.plain.size]
        np.copyto(here, window_codes(block.bases, shape), where=block.plain, casting="unsafe")
    padded = codes == PAD_CODE
    if padded.any():
        reach = np.zeros(codes.size, dtype=np.bool_)
        for offset in range(shape.span):
            reach[: codes.size - offset] |= padded[offset:]
        tokens[reach] = 4**shape.k + 1
    return tokens.reshape(batch, length)[:, : length - shape.span + 1]


def decode_kmer_tokens(tokens: np.ndarray, k: int | str = 6, *, stride: int = 1) -> list[str]:
    """Convert tokens back to sequences: the inverse of :func:`kmer_tokens`.

    A base is N if every window on it is ambiguous, or if the stride or the seed skips it. Positions that only windows
    with padding cover are left out, and so are bases after the last window where the stride does not divide the
    length.

    Parameters
    ----------
    tokens : (batch, windows) integers
        On the host, such as ``backend.to_numpy(kmer_tokens(...))``.
    k, stride
        As given to :func:`kmer_tokens`.

    Returns
    -------
    list of str
        In capitals with T.

    Raises
    ------
    ValueError
        For a token outside 0 to 4**k + 1, and for windows that give one base two letters.
    TypeError
        If the tokens are no integers.

    Examples
    --------
    >>> decode_kmer_tokens(np.array([[0, 1, 16, 16], [1, 17, 17, 17]]), 2)
    ['AACNN', 'AC']
    """
    shape = kmer_shape(k)
    tokens = _checked_tokens(np.asarray(tokens), shape.k, _check_stride(stride))
    batch, windows = tokens.shape
    width = (windows - 1) * stride + shape.span if windows else 0
    codes = np.full((batch, width), PAD_CODE, dtype=np.uint8)
    starts = np.arange(windows) * stride
    plain = tokens < 4**shape.k
    real = tokens <= 4**shape.k  # windows without padding
    for offset in range(shape.span):
        column = codes[:, starts + offset]
        codes[:, starts + offset] = np.where(real, np.uint8(_CODE_OF_N), column)
    if stride > shape.span:
        _fill_gaps(codes, real, starts, shape.span)
    for place, offset in enumerate(shape.offsets):
        digits = ((tokens >> (2 * (shape.k - 1 - place))) & 3).astype(np.uint8)
        _place(codes, digits, plain, starts + offset)
    return [str(decode(row)) for row in codes]


def _fill_gaps(codes: np.ndarray, real: np.ndarray, starts: np.ndarray, span: int) -> None:
    """Write N for the bases between two windows without padding: they are unknown, not absent."""
    between = real[:, :-1] & real[:, 1:]
    stride = int(starts[1] - starts[0]) if starts.size > 1 else span
    for offset in range(span, stride):
        column = codes[:, starts[:-1] + offset]
        codes[:, starts[:-1] + offset] = np.where(between, np.uint8(_CODE_OF_N), column)


def _place(codes: np.ndarray, digits: np.ndarray, plain: np.ndarray, columns: np.ndarray) -> None:
    known = codes[:, columns]
    wrong = plain & (known < 4) & (known != digits)
    if wrong.any():
        row, window = np.argwhere(wrong)[0].tolist()
        raise ValueError(
            f"tokens of neighbouring windows expect to agree on the bases they share, got two letters for "
            f"position {int(columns[window])} of sequence {row}; were they made with another k or stride?"
        )
    codes[:, columns] = np.where(plain, digits, known)


def _checked_tokens(tokens: np.ndarray, k: int, stride: int) -> np.ndarray:
    if tokens.dtype.kind not in "ui":
        raise TypeError(f"decode_kmer_tokens expects integers, got an array of {tokens.dtype}")
    if tokens.ndim != 2:
        raise ValueError(f"decode_kmer_tokens expects tokens (batch, windows), got shape {tokens.shape}")
    if tokens.size and (int(tokens.min()) < 0 or int(tokens.max()) > 4**k + 1):
        raise ValueError(
            f"tokens of {k}-mers run from 0 to 4**{k} + 1 = {4**k + 1}, got {int(tokens.min())} to "
            f"{int(tokens.max())}"
        )
    return tokens.astype(np.int64)


def _check_stride(stride: int) -> int:
    if stride < 1:
        raise ValueError(f"stride expects 1 or more, got {stride}")
    return stride
