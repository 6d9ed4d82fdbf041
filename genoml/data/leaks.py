"""Data leaks: sequences that occur in two data sets, such as training and test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genoml.data.codes import Codes, as_codes, row_slices
from genoml.data.dataset import SequenceData
from genoml.random import host_generator
from genoml.sequence.alphabet import PAD_CODE
from genoml.sequence.strand import reverse_complement

_SHOWN = 5


@dataclass(frozen=True, eq=False)
class SharedSequences:
    """Examples whose sequence occurs in another data set too.

    Attributes
    ----------
    first, second : numpy.ndarray
        (pairs,) int64: an example of one set, and the first equal one of the other set. Each shared example occurs once
        in ``first``.
    n_first, n_second : int
        Number of shared examples of each set.
    names : list of (str, str)
        Names of the first few pairs.
    """

    first: np.ndarray
    second: np.ndarray
    n_first: int
    n_second: int
    names: list[tuple[str, str]]

    def __str__(self) -> str:
        shown = "; ".join(f"{a} = {b}" for a, b in self.names)
        more = ", ..." if self.n_first > len(self.names) else ""
        return f"{self.n_first} example(s) of the first set stand in the second: {shown}{more}"


def shared_sequences(
    first: SequenceData | Codes, second: SequenceData | Codes, *, both_strands: bool = True
) -> SharedSequences:
    """Find sequences that occur in two data sets.

    Codes are read block by block; only a 64-bit hash of each sequence, which does not depend on padding, is kept in
    memory. Sequences with equal hashes are compared base by base, so that the result is exact. Letters are equal if
    their codes are: N equals N.

    Parameters
    ----------
    first, second : SequenceData or Codes
        They may differ in length.
    both_strands : bool
        Whether a sequence and its reverse complement are the same.
    """
    codes = [part.codes if isinstance(part, SequenceData) else as_codes(part) for part in (first, second)]
    width = max(part.shape[1] for part in codes)
    hashes = [sequence_hashes(part, both_strands=both_strands) for part in codes]
    order = np.argsort(hashes[1], kind="stable")
    place = np.searchsorted(hashes[1][order], hashes[0])
    candidate = order[np.minimum(place, len(order) - 1)] if len(order) else place
    equal = np.zeros(len(hashes[0]), dtype=bool)
    if len(order):
        equal = hashes[1][candidate] == hashes[0]
    rows_a = np.flatnonzero(equal)
    rows_a = rows_a[_same(codes, rows_a, candidate[rows_a], width, both_strands)]
    rows_b = candidate[rows_a]
    shared = int(np.isin(hashes[1], hashes[0][rows_a]).sum())
    names = [
        (_name(first, int(a)), _name(second, int(b)))
        for a, b in zip(rows_a[:_SHOWN], rows_b[:_SHOWN], strict=True)
    ]
    return SharedSequences(rows_a, rows_b, len(rows_a), shared, names)


def refuse_leaks(*parts: SequenceData | Codes, both_strands: bool = True) -> None:
    """Raise if a sequence occurs in two of several data sets, such as training, validation and test.

    Raises
    ------
    ValueError
        Saying in which two, how many, and the first few by name.
    """
    for number, first in enumerate(parts):
        for other, second in enumerate(parts[:number]):
            shared = shared_sequences(first, second, both_strands=both_strands)
            if shared.n_first:
                raise ValueError(
                    f"data sets expect no sequence in common, but {shared.n_first} of set {number} stand in set "
                    f"{other}: " + "; ".join(f"{a} = {b}" for a, b in shared.names)
                )


def without_shared(
    data: SequenceData, others: SequenceData | Codes, *, both_strands: bool = True
) -> SequenceData:
    """The examples whose sequences do not occur in ``others``."""
    keep = np.ones(len(data), dtype=bool)
    keep[shared_sequences(data, others, both_strands=both_strands).first] = False
    return data.take(keep)


def duplicate_groups(data: SequenceData | Codes, *, both_strands: bool = True) -> np.ndarray:
    """A group for each example, equal for equal sequences; as ``groups`` it keeps duplicates together in splits.

    Returns
    -------
    numpy.ndarray
        (n,) object array of str. Two different sequences have the same with a probability of about 2^-60.
    """
    codes = data.codes if isinstance(data, SequenceData) else data
    _, which = np.unique(sequence_hashes(codes, both_strands=both_strands), return_inverse=True)
    return which.reshape(-1).astype(str).astype(object)


def _name(part: SequenceData | Codes, row: int) -> str:
    return part.name_of(row) if isinstance(part, SequenceData) else f"example {row}"


def sequence_hashes(codes: Codes, *, both_strands: bool = True) -> np.ndarray:
    """A 64-bit hash (n,) of each sequence: the sum of its codes times random numbers, the lesser of both strands.

    It does not depend on padding, nor on the length of the other sequences.
    """
    width = codes.shape[1]
    weights = host_generator(0, "hash of sequences").integers(0, 2**64, width, dtype=np.uint64)
    hashes = np.empty(codes.shape[0], np.uint64)
    for rows in row_slices(codes):
        block = np.asarray(codes[rows])
        hashes[rows] = _sums(block, weights)
        if both_strands:
            hashes[rows] = np.minimum(hashes[rows], _sums(reverse_complement(block), weights))
    return hashes


def _sums(block: np.ndarray, weights: np.ndarray) -> np.ndarray:
    # code 15, padding, becomes 0, so that its width does not matter
    values = (_aligned(block) ^ np.uint8(PAD_CODE)).astype(np.uint64)
    sums: np.ndarray = np.einsum("ij,j->i", values, weights[: block.shape[1]])
    return sums


def _aligned(block: np.ndarray) -> np.ndarray:
    """Rows shifted left so that each begins with its first base."""
    start = np.argmax(block != PAD_CODE, axis=1)
    if not start.any():
        return block
    source = np.arange(block.shape[1]) + start[:, None]
    moved = np.take_along_axis(block, np.minimum(source, block.shape[1] - 1), axis=1)
    return np.where(source < block.shape[1], moved, np.uint8(PAD_CODE))


def _same(
    codes: list[Codes], rows_a: np.ndarray, rows_b: np.ndarray, width: int, both_strands: bool
) -> np.ndarray:
    """Whether pairs of rows are equal base by base, on either strand."""
    good = np.zeros(len(rows_a), dtype=bool)
    step = max(1, (1 << 22) // max(1, width))
    for first in range(0, len(rows_a), step):
        part = slice(first, first + step)
        a = np.asarray(codes[0][rows_a[part]])
        b = np.asarray(codes[1][rows_b[part]])
        good[part] = _equal(a, b, width)
        if both_strands:
            good[part] |= _equal(a, reverse_complement(b), width)
    return good


def _equal(a: np.ndarray, b: np.ndarray, width: int) -> np.ndarray:
    wide = [
        np.pad(_aligned(part), ((0, 0), (0, width - part.shape[1])), constant_values=PAD_CODE)
        for part in (a, b)
    ]
    equal: np.ndarray = (wide[0] == wide[1]).all(axis=1)
    return equal
