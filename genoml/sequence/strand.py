"""Complements and reverse complements of letters, base codes and one-hot arrays; parts of either strand."""

from __future__ import annotations

from typing import Any, overload

import numpy as np
from array_api_compat import array_namespace

from genoml.backend import Array
from genoml.sequence.alphabet import CODE_LETTERS, COMPLEMENT_CODES, check_alphabet
from genoml.sequence.codes import flat_codes


def _byte_table(thymine: str) -> bytes:
    """Complement of each byte, in the same case; T and U become A, and A becomes ``thymine``."""
    table = bytearray(range(256))
    for code, letter in enumerate(CODE_LETTERS):
        partner = CODE_LETTERS[COMPLEMENT_CODES[code]]
        partner = thymine if partner == "T" else partner
        table[ord(letter)] = ord(partner)
        table[ord(letter.lower())] = ord(partner.lower())
    table[ord("U")] = ord("A")
    table[ord("u")] = ord("a")
    return bytes(table)


_DNA_TABLE, _RNA_TABLE = _byte_table("T"), _byte_table("U")


@overload
def reverse_complement(seq: str, *, alphabet: str = ...) -> str: ...
@overload
def reverse_complement(seq: bytes, *, alphabet: str = ...) -> bytes: ...
@overload
def reverse_complement(seq: np.ndarray, *, alphabet: str = ...) -> np.ndarray: ...
@overload
def reverse_complement(seq: list[str], *, alphabet: str = ...) -> list[str]: ...
@overload
def reverse_complement(seq: list[bytes], *, alphabet: str = ...) -> list[bytes]: ...
@overload
def reverse_complement(seq: list[np.ndarray], *, alphabet: str = ...) -> list[np.ndarray]: ...
def reverse_complement(seq: Any, *, alphabet: str = "auto") -> Any:
    """Reverse complement, as the type of ``seq``.

    Parameters
    ----------
    seq : str, bytes, uint8 array (..., length), or a list or tuple of these
        Letters keep their case; IUPAC codes are complemented too (R and Y, B and V ...).
        Codes are complemented and reversed along the last axis; padding stays padding.
    alphabet : {"auto", "DNA", "RNA"}
        Whether the complement of A is written T or U. ``"auto"``: U if the sequence contains a U, else T, separately
        for each sequence of a list.

    Raises
    ------
    ValueError
        For a letter outside the alphabet, or T and U in one sequence.
    TypeError
        For any other kind.

    Examples
    --------
    >>> reverse_complement("AACGn"), reverse_complement("AACGU")
    ('nCGTT', 'ACGUU')
    """
    return _complement(seq, alphabet, "reverse_complement", -1)


@overload
def complement(seq: str, *, alphabet: str = ...) -> str: ...
@overload
def complement(seq: bytes, *, alphabet: str = ...) -> bytes: ...
@overload
def complement(seq: np.ndarray, *, alphabet: str = ...) -> np.ndarray: ...
@overload
def complement(seq: list[str], *, alphabet: str = ...) -> list[str]: ...
@overload
def complement(seq: list[bytes], *, alphabet: str = ...) -> list[bytes]: ...
@overload
def complement(seq: list[np.ndarray], *, alphabet: str = ...) -> list[np.ndarray]: ...
def complement(seq: Any, *, alphabet: str = "auto") -> Any:
    """Complement of each base, in the order given; otherwise as :func:`reverse_complement`.

    Raises
    ------
    ValueError, TypeError
        As :func:`reverse_complement`.

    Examples
    --------
    >>> complement("AACGn"), complement("AACGU")
    ('TTGCn', 'UUGCA')
    """
    return _complement(seq, alphabet, "complement", 1)


def _complement(seq: Any, alphabet: str, what: str, step: int) -> Any:
    check_alphabet(alphabet)
    if isinstance(seq, list | tuple):
        flat_codes(seq, alphabet=alphabet)  # refuses illegal letters, naming the sequence
        return [_complement_one(item, alphabet, step) for item in seq]
    if isinstance(seq, str | bytes):
        flat_codes([seq], alphabet=alphabet)
    elif not isinstance(seq, np.ndarray):
        raise TypeError(f"{what} expects str, bytes, uint8 codes or a list of them, got {type(seq).__name__}")
    elif seq.dtype != np.uint8:
        raise TypeError(
            f"{what} expects uint8 base codes, got an array of {seq.dtype}; for one-hot arrays use "
            "reverse_complement_one_hot"
        )
    elif seq.size and int(seq.max()) > 15:
        raise ValueError(f"base codes run from 0 to 15, got {int(seq.max())}")
    return _complement_one(seq, alphabet, step)


def is_rna(seq: str | bytes) -> bool:
    """Whether letters are taken for RNA, that is, contain a U."""
    return ("U" in seq or "u" in seq) if isinstance(seq, str) else (b"U" in seq or b"u" in seq)


def _complement_one(seq: str | bytes | np.ndarray, alphabet: str, step: int) -> str | bytes | np.ndarray:
    if isinstance(seq, np.ndarray):
        return np.take(COMPLEMENT_CODES, seq[..., ::step])
    data = seq.encode("ascii") if isinstance(seq, str) else seq
    rna = alphabet == "RNA" or (alphabet == "auto" and is_rna(data))
    flipped = data.translate(_RNA_TABLE if rna else _DNA_TABLE)[::step]
    return flipped.decode("ascii") if isinstance(seq, str) else flipped


def reverse_complement_one_hot(x: Array, channels_axis: int = -1) -> Array:
    """Reverse complement of one-hot sequences, on their own device.

        y[n, l, b] = x[n, L - 1 - l, 3 - b]

    In the order A, C, G, T the complement of base b is 3 - b, so that both axes are flipped.

    Parameters
    ----------
    x : array
        (batch, length, 4) or (length, 4) with ``channels_axis=-1``; (batch, 4, length) or (4, length)
        with ``channels_axis=-2``. Any array library.
    channels_axis : int
        The axis of A, C, G, T; one of the last two. The other one of them is the length.

    Raises
    ------
    ValueError
        If the axis is neither of the last two, or is not of size 4.
    """
    axis = channels_axis if channels_axis < 0 else channels_axis - x.ndim
    if x.ndim < 2 or axis not in (-1, -2):
        raise ValueError(
            f"reverse_complement_one_hot expects channels_axis to be one of the last two axes, "
            f"got {channels_axis} for shape {tuple(x.shape)}"
        )
    if x.shape[axis] != 4:
        raise ValueError(
            f"reverse_complement_one_hot expects 4 channels on axis {channels_axis}, got {tuple(x.shape)}"
        )
    return array_namespace(x).flip(x, axis=(-2, -1))


@overload
def subsequence(
    seq: str, start: int, end: int, strand: str = ..., *, circular: bool = ..., alphabet: str = ...
) -> str: ...
@overload
def subsequence(
    seq: bytes, start: int, end: int, strand: str = ..., *, circular: bool = ..., alphabet: str = ...
) -> bytes: ...
@overload
def subsequence(
    seq: np.ndarray, start: int, end: int, strand: str = ..., *, circular: bool = ..., alphabet: str = ...
) -> np.ndarray: ...
def subsequence(
    seq: Any, start: int, end: int, strand: str = "+", *, circular: bool = False, alphabet: str = "auto"
) -> Any:
    """Part of a sequence, read on the given strand.

    Parameters
    ----------
    seq : str, bytes or uint8 codes (length,)
        The plus strand.
    start, end : int
        0-based, half-open, on the plus strand for both strands: ``0 <= start <= end <= length``. On a circular sequence
        ``start < length``, and ``end`` may be beyond it by up to three rounds, as for an :class:`ORF` across the
        origin.
    strand : {"+", "-", "."}
        ``"-"`` gives the reverse complement; ``"."`` (none) is read as ``"+"``.
    circular : bool
        Read on across the end of the sequence.
    alphabet : {"auto", "DNA", "RNA"}
        Alphabet of the minus strand; ``"auto"``: RNA if the whole sequence, not only the part, has a U.

    Raises
    ------
    ValueError
        For coordinates outside the sequence, an end before the start, or another strand.
    TypeError
        For coordinates that are no integers, or another kind of sequence.

    Examples
    --------
    >>> subsequence("AACGT", 0, 3, "-"), subsequence("AACGT", 3, 7, circular=True)
    ('GTT', 'GTAA')
    """
    if not isinstance(seq, str | bytes) and not (isinstance(seq, np.ndarray) and seq.ndim == 1):
        raise TypeError(f"subsequence expects one str, bytes or array (length,), got {type(seq).__name__}")
    for what, value in (("start", start), ("end", end)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise TypeError(f"{what} expects an integer, got {type(value).__name__}")
    length = len(seq)
    furthest = 4 * length if circular else length
    if not 0 <= start <= end <= furthest or (circular and start >= length > 0):
        limit = f"start < {length}, end <= {furthest}" if circular else f"end <= {length}, the length"
        raise ValueError(f"subsequence expects 0 <= start <= end, {limit}; got start {start}, end {end}")
    if strand not in ("+", "-", "."):
        raise ValueError(f"strand expects '+', '-' or '.', got {strand!r}")
    part = seq[start:end]
    if end > length:
        rounds, rest = divmod(end - length, length)
        pieces: list[Any] = [part, *[seq] * rounds, seq[:rest]]
        part = np.concatenate(pieces) if isinstance(seq, np.ndarray) else seq[:0].join(pieces)
    if strand != "-":
        return part
    if alphabet == "auto" and not isinstance(seq, np.ndarray):
        alphabet = "RNA" if is_rna(seq) else "DNA"
    return reverse_complement(part, alphabet=alphabet)
