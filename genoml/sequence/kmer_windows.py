"""K-mers as numbers: the shape of a k-mer within its window, and the numbers of all windows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from genoml.sequence.codes import FlatCodes, flat_codes, refuse_ambiguous

#: The largest k with an array of all 4**k counts: 17 million columns, 67 MB a row in float32.
MAX_K = 12
#: The largest k whose k-mers fit one 64-bit number.
MAX_SPARSE_K = 32
# Windows per block: few enough to stay in the cache.
_BLOCK = 1 << 17


class KmerShape(NamedTuple):
    """The positions of a k-mer's bases within its window.

    Attributes
    ----------
    offsets : tuple of int
        Their places in the window, from 0, ascending.
    """

    offsets: tuple[int, ...]

    @property
    def k(self) -> int:
        """Number of bases of a k-mer."""
        return len(self.offsets)

    @property
    def span(self) -> int:
        """Length of the window, in bp."""
        return self.offsets[-1] + 1

    @property
    def symmetric(self) -> bool:
        """Whether the shape reads the same from both ends, so that both strands use the same positions."""
        return all(a + b == self.span - 1 for a, b in zip(self.offsets, reversed(self.offsets), strict=True))

    @property
    def pattern(self) -> str:
        """The shape as 1s and 0s."""
        return "".join("1" if place in self.offsets else "0" for place in range(self.span))


def kmer_shape(k: int | str, *, canonical: bool = False, longest: int = MAX_K) -> KmerShape:
    """The shape given by ``k``: a number, or a spaced seed.

    Parameters
    ----------
    k : int or str
        k neighbouring bases; or a pattern such as ``"1101011"``, in which 1 is a base of the k-mer and 0 a base that is
        ignored. It starts and ends with 1.
    canonical : bool
        Whether k-mers will be counted together with their reverse complements.
    longest : int
        The most bases that a k-mer may have.

    Raises
    ------
    ValueError
        For 0 bases or more than ``longest``, for an invalid pattern, and for a canonical one that does not read the
        same from both ends, since the other strand would use other positions.
    TypeError
        For anything but int and str.

    References
    ----------
    Spaced seeds: Ma, Tromp and Li (2002), PatternHunter, doi:10.1093/bioinformatics/18.3.440.
    """
    if isinstance(k, str):
        if not k or k[0] != "1" or k[-1] != "1" or k.strip("01"):
            raise ValueError(f"a pattern expects 1s and 0s with a 1 at either end, got {k!r}")
        shape = KmerShape(tuple(place for place, sign in enumerate(k) if sign == "1"))
    elif isinstance(k, int | np.integer) and not isinstance(k, bool):
        check_k(int(k), longest)
        return KmerShape(tuple(range(int(k))))
    else:
        raise TypeError(f"k expects a number or a pattern of 1s and 0s, got {type(k).__name__}")
    if shape.k > longest:
        raise ValueError(f"a pattern expects at most {longest} 1s here, got {shape.k}")
    if canonical and not shape.symmetric:
        raise ValueError(
            f"canonical k-mers expect a pattern that reads the same from both ends, got {k!r}; on the other "
            "strand it would take other bases"
        )
    return shape


def check_k(k: int, longest: int = MAX_K) -> int:
    """Return ``k`` if it is from 1 to ``longest``.

    Raises
    ------
    ValueError
        Unless 1 <= k <= ``longest``.
    """
    if not 1 <= k <= longest:
        raise ValueError(f"k expects 1 to {longest}, got {k}")
    return k


def kmer_index(kmer: str) -> int:
    """The number of a k-mer: its letters as base-4 digits (A 0, C 1, G 2, T or U 3).

    It is the k-mer's column in :func:`~genoml.sequence.kmer_frequencies`, and its code in a sparse count.

    Raises
    ------
    ValueError
        If it holds any other letter, or is empty or longer than 32.

    Examples
    --------
    >>> kmer_index("AAC"), kmer_index("TTT")
    (1, 63)
    """
    check_k(len(kmer), MAX_SPARSE_K)
    flat = flat_codes([kmer])
    refuse_ambiguous(flat)
    index = 0
    for code in flat.codes.tolist():
        index = 4 * index + code
    return index


def kmer_strings(codes: np.ndarray, k: int) -> list[str]:
    """The k-mers with these numbers, as capital letters with T.

    Parameters
    ----------
    codes : (n,) integers
        From 0 to 4**k - 1, as :func:`kmer_index` gives.
    k : int
        1 to 32.

    Raises
    ------
    ValueError
        For a number outside, or ``k`` outside 1 to 32.

    Examples
    --------
    >>> kmer_strings(np.array([1, 63]), 3)
    ['AAC', 'TTT']
    """
    check_k(k, MAX_SPARSE_K)
    codes = np.asarray(codes)
    if codes.ndim != 1 or codes.dtype.kind not in "ui":
        raise ValueError(
            f"kmer_strings expects integers of shape (n,), got {codes.dtype} of shape {codes.shape}"
        )
    if codes.size and (int(codes.min()) < 0 or int(codes.max()) >= 4**k):
        wrong = int(codes.min()) if int(codes.min()) < 0 else int(codes.max())
        raise ValueError(f"numbers of {k}-mers run from 0 to 4**{k} - 1 = {4**k - 1}, got {wrong}")
    return [text.decode("ascii") for text in kmer_letters(codes, k).view(f"S{k}").ravel().tolist()]


def kmer_letters(codes: np.ndarray, k: int) -> np.ndarray:
    """Letters of the k-mers with these numbers: (n, k) uint8."""
    shifts = np.arange(2 * (k - 1), -1, -2, dtype=np.uint64)
    digits = (codes.astype(np.uint64)[:, None] >> shifts) & np.uint64(3)
    return np.frombuffer(b"ACGT", np.uint8)[digits.astype(np.intp)]


def window_codes(codes: np.ndarray, shape: KmerShape, *, reverse: bool = False) -> np.ndarray:
    """The number of the k-mer in each window, in the smallest unsigned dtype with 2k bits.

        y[i] = sum_j codes[i + offsets[j]] 4**(k - 1 - j)

    Numbers of 2m bases are made of two of m, so that a run of 1s costs log2 of its length.

    Parameters
    ----------
    codes : (length,) uint8
        Codes above 3 count as their two lowest bits; the caller must leave out such windows.
    reverse : bool
        The numbers of the reverse complements instead, sum_j (3 - codes[i + offsets[j]]) 4**j.

    Returns
    -------
    numpy.ndarray
        (length - span + 1,)
    """
    runs = _runs(shape)
    bases = codes & np.uint8(3)
    if reverse:
        bases ^= np.uint8(3)
    powers = {1: bases}  # numbers of 1, 2, 4, ... neighbouring bases
    width = 1
    while 2 * width <= max(length for _, length in runs):
        half = powers[width]
        powers[2 * width] = _joined(half[:-width], half[width:], width, width, reverse)
        width *= 2
    windows = codes.size - shape.span + 1
    whole = np.zeros(windows, dtype=np.uint8)
    done = 0
    for start, length in runs:
        for width in sorted(powers, reverse=True):
            if length & width:
                part = powers[width][start : start + windows]
                whole = _joined(whole, part, done, width, reverse) if done else part
                start += width
                done += width
    return whole


def _runs(shape: KmerShape) -> list[tuple[int, int]]:
    """Start and length of each run of neighbouring offsets."""
    offsets = np.array(shape.offsets)
    first = np.flatnonzero(np.diff(offsets, prepend=-2) > 1)
    lengths = np.diff(first, append=offsets.size)
    return list(zip(offsets[first].tolist(), lengths.tolist(), strict=True))


def _joined(left: np.ndarray, right: np.ndarray, bases: int, more: int, reverse: bool) -> np.ndarray:
    """Numbers of ``bases + more`` bases; on the reverse strand the right-hand bases come first."""
    kind = next(np.dtype(kind) for kind in "BHIQ" if np.dtype(kind).itemsize * 4 >= bases + more)
    high, low = (right, left) if reverse else (left, right)
    shift = 2 * (bases if reverse else more)
    joined: np.ndarray = np.left_shift(high.astype(kind), kind.type(shift)) | low
    return joined


class WindowBlock(NamedTuple):
    """A block of consecutive windows of a batch.

    Attributes
    ----------
    start : int
        Index of the first window.
    bases : numpy.ndarray
        (windows + span - 1,) uint8, the codes that they cover.
    within : numpy.ndarray
        (windows,) bool, whether a window lies within one sequence.
    plain : numpy.ndarray
        (windows,) bool, whether it does, and its k-mer has no base but A, C, G and T.
    """

    start: int
    bases: np.ndarray
    within: np.ndarray
    plain: np.ndarray


def window_blocks(flat: FlatCodes, shape: KmerShape) -> Iterator[WindowBlock]:
    """Yield the windows of a batch in blocks that fit the cache."""
    ends = np.cumsum(flat.lengths)
    crossing = np.arange(1, shape.span)
    for start in range(0, flat.codes.size - shape.span + 1, _BLOCK):
        bases = flat.codes[start : start + _BLOCK + shape.span - 1]
        within = np.ones(bases.size - shape.span + 1, dtype=np.bool_)
        first, last = np.searchsorted(ends, [start + 1, start + bases.size])
        across = (ends[first:last, None] - crossing - start).ravel()
        within[across[(across >= 0) & (across < within.size)]] = False
        plain = within
        known = bases < 4
        if not known.all():
            plain = within.copy()
            for offset in shape.offsets:
                plain &= known[offset : offset + plain.size]
        yield WindowBlock(start, bases, within, plain)
