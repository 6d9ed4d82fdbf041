"""K-mers as counts, frequencies and tokens, in lexicographic order of A, C, G, T."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from genoml.backend import Array, Backend, get_backend
from genoml.sequence.alphabet import CODE_LETTERS, PAD_CODE
from genoml.sequence.codes import FlatCodes, Sequences, flat_codes, refuse_ambiguous
from genoml.sequence.encode import ONE_HOT_TABLES, Ambiguous, Pad, base_codes, check_ambiguous

#: 4**12 is 17 million columns, 67 MB a sequence in float32.
MAX_K = 12
# Cells of the result, and windows, that are worked on at a time: few enough to stay in the cache.
_BLOCK = 1 << 18
_CODE_OF_N = CODE_LETTERS.index("N")


def check_k(k: int) -> int:
    """Return ``k`` if it is a usable k-mer length.

    Raises
    ------
    ValueError
        Unless 1 <= k <= 12.
    """
    if not 1 <= k <= MAX_K:
        raise ValueError(f"k expects 1 to {MAX_K}, got {k}")
    return k


def kmer_index(kmer: str) -> int:
    """The column of a k-mer: its letters as the digits of a number in base 4 (A 0, C 1, G 2, T or U 3).

    Raises
    ------
    ValueError
        If it holds any other letter, or is empty or longer than 12.

    Examples
    --------
    >>> kmer_index("AAC"), kmer_index("TTT")
    (1, 63)
    """
    check_k(len(kmer))
    flat = flat_codes([kmer])
    refuse_ambiguous(flat)
    index = 0
    for code in flat.codes.tolist():
        index = 4 * index + code
    return index


def kmer_names(k: int) -> list[str]:
    """Every k-mer over A, C, G, T, in the order of the columns of :func:`kmer_frequencies`.

    Raises
    ------
    ValueError
        Unless 1 <= k <= 12.
    """
    return ["".join(letters) for letters in product("ACGT", repeat=check_k(k))]


def kmer_frequencies(
    sequences: Sequences,
    k: int = 3,
    *,
    ambiguous: str = "zero",
    alphabet: str = "auto",
    normalize: bool = True,
    dtype: str = "float32",
    backend: str | Backend | None = None,
) -> Array:
    """Frequencies of the k-mers of each sequence, over overlapping windows.

        y[n, m] = (windows of sequence n that are k-mer m) / (windows counted)

    Parameters
    ----------
    sequences : iterable of str, bytes or uint8 arrays, or a uint8 array (batch, length)
        They may differ in length. One shorter than ``k`` has no window, and its row is zero.
    k : int
        1 to 12.
    ambiguous : {"zero", "uniform", "iupac", "error"}
        ``"zero"`` leaves out each window that holds a base other than A, C, G, T. ``"uniform"`` and
        ``"iupac"`` share such a window among the k-mers that it can be, by the product of its bases'
        distributions (see :func:`~genoml.sequence.one_hot`). ``"error"`` refuses it. A window that reaches
        padding is never counted.
    normalize : bool
        Divide by the windows counted, so that a row sums to 1, or to 0 if none was. False: counts.
    alphabet, dtype, backend
        As in :func:`~genoml.sequence.batch_encode`.

    Returns
    -------
    array
        (batch, 4**k), columns in lexicographic order ACGT: see :func:`kmer_index`, :func:`kmer_names`.

    Raises
    ------
    ValueError
        For illegal letters, an unknown policy, ``k`` outside 1..12, or an ambiguous base under ``"error"``.
    """
    policy = check_ambiguous(ambiguous)
    width = 4 ** check_k(k)
    target = get_backend(backend)
    flat = flat_codes(sequences, alphabet=alphabet)
    if policy == "error":
        refuse_ambiguous(flat)
    out = np.zeros((flat.lengths.size, width), dtype=np.float64 if dtype == "float64" else np.float32)
    ends = np.cumsum(flat.lengths)
    step = max(1, _BLOCK // width)
    for first in range(0, flat.lengths.size, step):
        lengths = flat.lengths[first : first + step]
        begin, end = int(ends[first] - lengths[0]), int(ends[first + lengths.size - 1])
        counts = _count(FlatCodes(flat.codes[begin:end], lengths), k, policy)
        if normalize:
            counts /= np.maximum(counts.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
        out[first : first + step] = counts
    return target.asarray(out, dtype=dtype)


def kmer_tokens(
    sequences: Sequences,
    k: int = 6,
    *,
    alphabet: str = "auto",
    pad: Pad | None = None,
    length: int | None = None,
    backend: str | Backend | None = None,
) -> Array:
    """Number of the k-mer at each position, over overlapping windows: the input of an Embedding.

    Parameters
    ----------
    sequences : iterable of str, bytes or uint8 arrays, or a uint8 array (batch, length)
        Of one length, unless ``pad`` is given.
    k : int
        1 to 12.
    alphabet, pad, length
        As in :func:`~genoml.sequence.base_codes`.
    backend : str, Backend or None
        Where the tokens go; the default backend if None.

    Returns
    -------
    array
        (batch, length - k + 1) int32. 0 to 4**k - 1 are the columns of :func:`kmer_frequencies`, in the order
        of :func:`kmer_names`; 4**k is a window that holds a base other than A, C, G, T, or padding.

    Raises
    ------
    ValueError
        For illegal letters, ragged lengths without ``pad``, ``k`` outside 1..12, or sequences shorter than
        ``k``.

    Examples
    --------
    >>> kmer_tokens(["AACNT"], 2)
    array([[ 0,  1, 16, 16]], dtype=int32)
    """
    check_k(k)
    codes = base_codes(sequences, alphabet=alphabet, pad=pad, length=length)
    windows = codes.shape[1] - k + 1
    if windows < 1:
        raise ValueError(f"kmer_tokens expects sequences of at least k = {k} bases, got {codes.shape[1]}")
    tokens = np.zeros((codes.shape[0], windows), dtype=np.int32)
    ambiguous = np.zeros(tokens.shape, dtype=np.bool_)
    for j in range(k):
        column = codes[:, j : j + windows]
        tokens = 4 * tokens + column
        ambiguous |= column > 3
    return get_backend(backend).asarray(np.where(ambiguous, np.int32(4**k), tokens), dtype="int32")


def _count(flat: FlatCodes, k: int, policy: Ambiguous) -> np.ndarray:
    """Counts (batch, 4**k) in float64."""
    codes, batch = flat.codes, flat.lengths.size
    if policy == "uniform":
        codes = np.where((codes > 3) & (codes < PAD_CODE), np.uint8(_CODE_OF_N), codes)
    counts = np.zeros(batch * 4**k)
    for rows, windows in _window_blocks(FlatCodes(codes, flat.lengths), k):
        plain = np.all(windows < 4, axis=0)
        index = np.zeros(plain.size, dtype=np.int64)
        for column in windows:
            index = 4 * index + column
        counts += np.bincount(rows[plain] * 4**k + index[plain], minlength=counts.size)
        if policy in ("uniform", "iupac"):
            mixed = ~plain & np.all(windows != PAD_CODE, axis=0)
            counts += _spread(rows[mixed], windows[:, mixed], batch)
    return counts.reshape(batch, 4**k)


def _window_blocks(flat: FlatCodes, k: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the row (windows,) and the codes (k, windows) of windows that lie within one sequence."""
    row_of = np.repeat(np.arange(flat.lengths.size), flat.lengths)
    step = _BLOCK // k
    for begin in range(0, flat.codes.size - k + 1, step):
        end = min(begin + step, flat.codes.size - k + 1)
        rows = row_of[begin:end]
        within = rows == row_of[begin + k - 1 : end + k - 1]
        yield rows[within], np.stack([flat.codes[begin + j : end + j][within] for j in range(k)])


def _spread(rows: np.ndarray, windows: np.ndarray, batch: int) -> np.ndarray:
    """Share each window among the k-mers that it can be; flat counts (batch * 4**k,)."""
    k = windows.shape[0]
    # equal windows of a sequence are expanded once: a run of N costs no more than one window of N
    key = rows.astype(np.int64)
    for column in windows:
        key = (key << 4) | column
    key, repeats = np.unique(key, return_counts=True)
    source = np.arange(key.size)
    index = np.zeros(key.size, dtype=np.int64)
    weight = repeats.astype(np.float64)
    for j in range(k):
        shares = ONE_HOT_TABLES["iupac"][(key[source] >> (4 * (k - 1 - j))) & 15]
        possible = shares > 0
        weight = (weight[:, None] * shares)[possible]
        index = (4 * index[:, None] + np.arange(4))[possible]
        source = np.broadcast_to(source[:, None], possible.shape)[possible]
    cells = (key[source] >> (4 * k)) * 4**k + index
    return np.bincount(cells, weights=weight, minlength=batch * 4**k)
