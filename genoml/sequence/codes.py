"""Conversion of letters to base codes, and back, without a Python loop over letters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias, overload

import numpy as np

from genoml.sequence.alphabet import (
    BYTE_TO_CODE,
    CODE_LETTERS,
    ILLEGAL_CODE,
    PAD_CODE,
    Alphabet,
    check_alphabet,
    describe_alphabet,
)

#: Sequences as letters (str or bytes), or as uint8 base codes: a list of them, or one array (batch, length).
Sequences: TypeAlias = Iterable[str | bytes | np.ndarray] | np.ndarray

_ACCEPTED = "str, bytes or a one-dimensional uint8 array of base codes"


class FlatCodes(NamedTuple):
    """A batch of sequences of any lengths, as base codes end to end.

    Attributes
    ----------
    codes : numpy.ndarray
        (sum of lengths,) uint8.
    lengths : numpy.ndarray
        (batch,) int64.
    """

    codes: np.ndarray
    lengths: np.ndarray

    def locate(self, index: int) -> tuple[int, int]:
        """The sequence, and the 0-based position in it, of an index into ``codes``."""
        ends = np.cumsum(self.lengths)
        row = int(np.searchsorted(ends, index, side="right"))
        return row, index - int(ends[row] - self.lengths[row])


def holds_letters(sequences: object) -> bool:
    """Whether these are letters, or a list of anything, rather than an array of numbers: codes, in memory or not."""
    return getattr(getattr(sequences, "dtype", None), "kind", "O") in "OUST"


def list_sequences(sequences: Any) -> list[Any]:
    """The sequences of a batch as a list: of a list, an array, a column of a data frame or a generator.

    Raises
    ------
    TypeError
        For what would give something else: a data frame (names of its columns), a dict (its keys), a set (any
        order), one sequence (its letters).
    """
    kind = type(sequences).__name__
    if isinstance(sequences, str | bytes | bytearray):
        raise TypeError(f"expects a list of sequences, got one {kind}; put it in a list")
    if isinstance(sequences, Mapping):
        raise TypeError(
            f"expects a list of sequences, got a {kind}, which gives its keys; pass list(x.values())"
        )
    if isinstance(sequences, set | frozenset):
        raise TypeError(f"expects a list of sequences, got a {kind}, whose order is random; pass a list")
    if hasattr(sequences, "columns"):
        raise TypeError(
            f"expects a list of sequences, got a {kind}, which gives the names of its columns; pass one column, "
            "such as frame['sequence']"
        )
    if not isinstance(sequences, Iterable) or getattr(sequences, "shape", None) == ():
        raise TypeError(f"expects a list of sequences, got {kind}")
    items = list(sequences)
    arrays = any(issubclass(kind, np.ndarray) for kind in set(map(type, items)))
    return [_joined(item) for item in items] if arrays else items


def _joined(item: Any) -> Any:
    """One sequence: an array of letters as bytes, anything else as it is."""
    if not isinstance(item, np.ndarray) or item.dtype.kind not in "OUS" or item.ndim != 1:
        return item
    letters = item.tolist()
    if not all(isinstance(letter, str | bytes) for letter in letters):
        return item
    return b"".join(each.encode("ascii", "replace") if isinstance(each, str) else each for each in letters)


def letters_of(sequences: Any) -> list[str]:
    """The sequences of a batch as text; errors as in ``list_sequences``, and TypeError for what is no sequence."""
    items = list_sequences(sequences)
    for index, item in enumerate(items):
        if isinstance(item, bytes):
            items[index] = item.decode("ascii", "replace")
        elif isinstance(item, np.ndarray):
            items[index] = str(decode(_checked_kinds([item])[0]))
        elif not isinstance(item, str):
            raise _no_sequence(item, index)
    return items


def alphabet_of(sequences: Iterable[Any]) -> Literal["DNA", "RNA"]:
    """RNA if one of the sequences has the letter U, otherwise DNA; codes do not tell, and are taken as DNA."""
    for item in sequences:
        if isinstance(item, str) and ("U" in item or "u" in item):
            return "RNA"
        if isinstance(item, bytes) and (b"U" in item or b"u" in item):
            return "RNA"
    return "DNA"


def flat_codes(sequences: Sequences, *, alphabet: str = "auto") -> FlatCodes:
    """Convert a batch of sequences to base codes end to end.

    Raises
    ------
    ValueError
        For a letter outside the alphabet (it names letter, position and sequence), for T and U in one
        sequence, and for a code above 15.
    TypeError
        For anything but str, bytes, arrays of letters and uint8 codes, and for no batch: see ``list_sequences``.
    """
    known = check_alphabet(alphabet)
    if isinstance(sequences, np.ndarray) and sequences.dtype.kind not in "USO":
        return _flat_from_matrix(sequences)
    items = list_sequences(sequences)
    lengths = np.fromiter(map(len, _checked_kinds(items)), dtype=np.int64, count=len(items))
    if items and isinstance(items[0], np.ndarray):
        flat = FlatCodes(np.concatenate(items), lengths)
        _check_code_range(flat)
        return flat
    return _flat_from_letters(items, lengths, known)


def _checked_kinds(items: list[Any]) -> list[Any]:
    kinds = set(map(type, items))
    arrays = {kind for kind in kinds if issubclass(kind, np.ndarray)}
    if not arrays and all(issubclass(kind, str | bytes) for kind in kinds):
        return items
    for index, item in enumerate(items):
        if not isinstance(item, str | bytes | np.ndarray):
            raise _no_sequence(item, index)
        if isinstance(item, np.ndarray):
            _check_code_array(item, f"sequence {index}", ndim=1)
    if kinds != arrays:
        raise TypeError("expects letters or base codes, got a list that mixes them")
    return items


def _no_sequence(item: object, index: int) -> TypeError:
    hint = "; pass its .sequence" if hasattr(item, "sequence") else ""
    return TypeError(f"expects {_ACCEPTED}, got {type(item).__name__} as sequence {index}{hint}")


def _check_code_array(codes: np.ndarray, what: str, *, ndim: int) -> None:
    if codes.dtype != np.uint8:
        raise TypeError(f"{what} expects uint8 base codes, got an array of {codes.dtype}")
    if codes.ndim != ndim:
        raise ValueError(f"{what} expects {ndim} dimension(s), got shape {codes.shape}")


def _check_code_range(flat: FlatCodes) -> None:
    if flat.codes.size and int(flat.codes.max()) > PAD_CODE:
        index = int(np.argmax(flat.codes > PAD_CODE))
        row, position = flat.locate(index)
        code = int(flat.codes[index])
        raise ValueError(f"base codes run from 0 to 15, got {code} at position {position} of sequence {row}")


def _flat_from_matrix(codes: np.ndarray) -> FlatCodes:
    _check_code_array(codes, "a batch of codes", ndim=2)
    flat = FlatCodes(codes.reshape(-1), np.full(codes.shape[0], codes.shape[1], dtype=np.int64))
    _check_code_range(flat)
    return flat


def _flat_from_letters(items: list[Any], lengths: np.ndarray, alphabet: Alphabet) -> FlatCodes:
    if all(isinstance(item, str) for item in items):
        # a letter beyond ASCII becomes "?", one byte like any other, and is refused below by its position
        data = "".join(items).encode("ascii", "replace")
    else:
        data = b"".join(item.encode("ascii", "replace") if isinstance(item, str) else item for item in items)
    # translate is the table look-up in C; over a bytearray its result can be written to
    flat = FlatCodes(np.frombuffer(bytearray(data).translate(BYTE_TO_CODE[alphabet]), np.uint8), lengths)
    if flat.codes.size and int(flat.codes.max()) == ILLEGAL_CODE:
        row, position = flat.locate(int(np.argmax(flat.codes == ILLEGAL_CODE)))
        letter = items[row][position]
        _raise_illegal(letter if isinstance(letter, str) else chr(letter), position, row, alphabet)
    if alphabet == "auto":
        _refuse_mixed(data, flat)
    return flat


def _raise_illegal(letter: str, position: int, row: int, alphabet: Alphabet) -> None:
    hint = ""
    if letter == "-":
        hint = "; remove the gaps"
    elif letter in "TtUu":
        hint = "; pass alphabet='auto' to take either"
    raise ValueError(
        f"letter {letter!r} at position {position} of sequence {row} is not a nucleotide: "
        f"alphabet {alphabet!r} has {describe_alphabet(alphabet)}{hint}"
    )


def _refuse_mixed(data: bytes, flat: FlatCodes) -> None:
    if not ((b"U" in data or b"u" in data) and (b"T" in data or b"t" in data)):
        return
    upper = np.frombuffer(data, np.uint8) & 0xDF
    ends = np.cumsum(flat.lengths)
    rows_of_u = np.searchsorted(ends, np.flatnonzero(upper == ord("U")), side="right")
    rows_of_t = np.searchsorted(ends, np.flatnonzero(upper == ord("T")), side="right")
    mixed = np.intersect1d(rows_of_u, rows_of_t)
    if mixed.size:
        raise ValueError(
            f"sequence {int(mixed[0])} has both T and U, so it is neither DNA nor RNA; write one of the two"
        )


@overload
def count_ambiguous(
    sequences: str | bytes | Sequences, *, alphabet: str = ..., per_sequence: Literal[False] = ...
) -> int: ...
@overload
def count_ambiguous(
    sequences: str | bytes | Sequences, *, alphabet: str = ..., per_sequence: Literal[True]
) -> np.ndarray: ...
def count_ambiguous(
    sequences: str | bytes | Sequences, *, alphabet: str = "auto", per_sequence: bool = False
) -> int | np.ndarray:
    """Count the bases other than A, C, G, T (or U); padding is not a base.

    Parameters
    ----------
    sequences : str, bytes, codes, or a batch of them
        One sequence or many, as in :func:`base_codes`; they may differ in length.
    per_sequence : bool
        Return an int64 array (batch,) in place of the total.
    """
    single = isinstance(sequences, str | bytes) or (
        isinstance(sequences, np.ndarray) and sequences.ndim == 1 and sequences.dtype == np.uint8
    )
    batch: Sequences = [sequences] if single else sequences  # type: ignore[list-item,assignment]
    flat = flat_codes(batch, alphabet=alphabet)
    affected = (flat.codes > 3) & (flat.codes < PAD_CODE)
    if not per_sequence:
        return int(np.count_nonzero(affected))
    sums = np.concatenate([[0], np.cumsum(affected, dtype=np.int64)])
    ends = np.cumsum(flat.lengths)
    return np.asarray(sums[ends] - sums[ends - flat.lengths])


def refuse_ambiguous(flat: FlatCodes) -> None:
    """Raise if a base is not A, C, G or T, as ``ambiguous="error"`` asks.

    Raises
    ------
    ValueError
        Naming letter, sequence and 0-based position.
    """
    affected = (flat.codes > 3) & (flat.codes < PAD_CODE)
    if affected.any():
        index = int(np.argmax(affected))
        row, position = flat.locate(index)
        letter = CODE_LETTERS[int(flat.codes[index])]
        raise ValueError(
            f"ambiguous letter {letter!r} at position {position} of sequence {row}; "
            "pass ambiguous='zero', 'uniform' or 'iupac' to encode it"
        )


@overload
def decode(codes: list[np.ndarray], *, alphabet: str = ...) -> list[str]: ...
@overload
def decode(codes: np.ndarray, *, alphabet: str = ...) -> str | list[str]: ...
def decode(codes: np.ndarray | list[np.ndarray], *, alphabet: str = "DNA") -> str | list[str]:
    """Convert base codes to upper-case letters; padding is left out.

    Parameters
    ----------
    codes : numpy.ndarray
        uint8, (length,) for one str or (batch, length) for a list of them; or a list of the former.
    alphabet : {"DNA", "RNA"}
        Whether code 3 is written T or U.
    """
    thymine = "U" if check_alphabet(alphabet) == "RNA" else "T"
    letters = np.frombuffer(CODE_LETTERS.replace("T", thymine).encode(), np.uint8)
    if isinstance(codes, np.ndarray) and codes.ndim == 1:
        flat = flat_codes([codes])
        return str(letters[flat.codes[flat.codes != PAD_CODE]].tobytes(), "ascii")
    return [str(decode(row, alphabet=alphabet)) for row in codes]
