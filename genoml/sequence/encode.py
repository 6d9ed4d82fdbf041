"""Encoding of letters as a matrix of base codes, and of codes as one-hot arrays.

Codes are sent to the device as uint8, one byte per base, and become (..., 4) arrays there.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, TypeAlias, get_args

import numpy as np

from genoml.backend import Array, Backend, backend_of, get_backend
from genoml.sequence.alphabet import BYTE_TO_CODE, ILLEGAL_CODE, MEMBERSHIP, PAD_CODE, describe_alphabet
from genoml.sequence.codes import FlatCodes, Sequences, flat_codes, refuse_ambiguous

#: How a base other than A, C, G, T is encoded.
Ambiguous: TypeAlias = Literal["zero", "uniform", "iupac", "error"]
#: Where padding goes: ``"left"`` of the sequence, ``"right"`` of it, or on ``"both"`` sides.
Pad: TypeAlias = Literal["left", "right", "both"]


def base_codes(
    sequences: Sequences,
    *,
    alphabet: str = "auto",
    pad: Pad | None = None,
    length: int | None = None,
    pad_value: str | None = None,
) -> np.ndarray:
    """Convert sequences to a matrix of base codes.

    Parameters
    ----------
    sequences : iterable of str, bytes or uint8 arrays, or a uint8 array (batch, length)
        Letters in upper or lower case; codes pass through.
    alphabet : {"auto", "DNA", "RNA"}
        ``"DNA"`` takes T and refuses U, ``"RNA"`` the reverse; ``"auto"`` takes either, but not both in one
        sequence. All take the IUPAC codes; none takes a gap.
    pad : {None, "left", "right", "both"}
        On which side shorter sequences are padded. ``"both"`` centres them, with the odd position to the
        right. None: all must have one length.
    length : int, optional
        Length of the result, in bases; the longest sequence if None. Sequences are never cut.
    pad_value : str, optional
        A letter to pad with, such as ``"N"``. None: code 15, whose one-hot row is always zero.

    Returns
    -------
    numpy.ndarray
        (batch, length) uint8. An array of codes that needs no padding is returned without a copy.

    Raises
    ------
    ValueError
        For illegal letters, ragged lengths without ``pad``, or a sequence longer than ``length``.
    TypeError
        For anything but letters and uint8 codes.
    """
    if pad not in (None, "left", "right", "both"):
        raise ValueError(f"pad expects None, 'left', 'right' or 'both', got {pad!r}")
    fill = _pad_code(pad_value)
    flat = flat_codes(sequences, alphabet=alphabet)
    if length is None and isinstance(sequences, np.ndarray) and sequences.shape[0] == 0:
        length = sequences.shape[-1]  # a matrix without rows still has a length
    width = _target_length(flat.lengths, pad, length)
    if bool(np.all(flat.lengths == width)):
        return flat.codes.reshape(flat.lengths.size, width)
    return fill_rows(flat, width, pad, fill)


def _pad_code(pad_value: str | None) -> int:
    if pad_value is None:
        return PAD_CODE
    if not isinstance(pad_value, str) or len(pad_value) != 1:
        raise ValueError(f"pad_value expects one letter or None, got {pad_value!r}")
    code = BYTE_TO_CODE["auto"][ord(pad_value)] if pad_value.isascii() else ILLEGAL_CODE
    if code == ILLEGAL_CODE:
        raise ValueError(f"pad_value expects one of {describe_alphabet('auto')}, got {pad_value!r}")
    return code


def _target_length(lengths: np.ndarray, pad: Pad | None, length: int | None) -> int:
    if length is not None and length < 0:
        raise ValueError(f"length expects 0 or more, got {length}")
    if not lengths.size:
        return length or 0
    low = int(np.argmin(lengths))
    high = int(np.argmax(lengths))
    shortest = int(lengths[low])
    longest = int(lengths[high])
    if length is not None and longest > length:
        raise ValueError(
            f"length={length} is less than the {longest} bases of sequence {high}; sequences are not cut: "
            "cut them yourself or raise length"
        )
    if pad is None and shortest != longest:
        raise ValueError(
            f"sequences differ in length: the shortest has {shortest} bases (sequence {low}), the longest "
            f"{longest} (sequence {high}); pass pad='left', 'right' or 'both', or cut them to one length"
        )
    if pad is None and length not in (None, longest):
        raise ValueError(f"sequences have {longest} bases, less than length={length}; pass pad= to pad them")
    return longest if length is None else length


def fill_rows(flat: FlatCodes, width: int, pad: Pad | None, fill: int) -> np.ndarray:
    """Copy rows of any lengths into a matrix (batch, width), with ``fill`` in the cells that they leave."""
    spare = width - flat.lengths
    starts = {"left": spare, "both": spare // 2}.get(pad or "right", np.zeros_like(spare))
    columns = np.arange(width)
    inside = (columns >= starts[:, None]) & (columns < (starts + flat.lengths)[:, None])
    out = np.full((flat.lengths.size, width), fill, dtype=np.uint8)
    out[inside] = flat.codes  # a mask is filled row by row, the order of flat.codes
    return out


def check_ambiguous(ambiguous: str) -> Ambiguous:
    """Return ``ambiguous`` if it is a known policy.

    Raises
    ------
    ValueError
        If it is not ``"zero"``, ``"uniform"``, ``"iupac"`` or ``"error"``.
    """
    for known in get_args(Ambiguous):
        if ambiguous == known:
            return known  # type: ignore[no-any-return]
    raise ValueError(f"ambiguous expects one of {', '.join(get_args(Ambiguous))}, got {ambiguous!r}")


def _one_hot_table(policy: Ambiguous) -> np.ndarray:
    table = np.zeros((16, 4))
    if policy == "uniform":
        table[4:PAD_CODE] = 0.25
    elif policy == "iupac":
        table[4:PAD_CODE] = MEMBERSHIP[4:PAD_CODE] / MEMBERSHIP[4:PAD_CODE].sum(axis=1, keepdims=True)
    table[:4] = np.eye(4)
    table.setflags(write=False)
    return table


#: (16, 4) float64 for each policy: the one-hot row of each code.
ONE_HOT_TABLES: dict[Ambiguous, np.ndarray] = {name: _one_hot_table(name) for name in get_args(Ambiguous)}


def one_hot(
    codes: Array,
    *,
    ambiguous: str = "zero",
    dtype: str = "float32",
    backend: str | Backend | None = None,
) -> Array:
    """One-hot encode base codes on the device.

        y[..., b] = table[codes[...], b],   b = A, C, G, T

    Parameters
    ----------
    codes : numpy.ndarray or device array
        Integers 0..15, of any shape. NumPy codes are moved to the device first.
    ambiguous : {"zero", "uniform", "iupac", "error"}
        The row of a base that is not A, C, G or T: all zero; 0.25 each; equal shares of the bases that its
        IUPAC code stands for (R is half A, half G); or an error. Padding (15) is all zero always.
    dtype : str
        A floating dtype, by its NumPy name.
    backend : str or Backend, optional
        Backend of the result; by default that of ``codes`` if it is a device array, else the default backend.

    Returns
    -------
    array
        ``codes.shape + (4,)`` on the backend.

    Raises
    ------
    ValueError
        For a NumPy code outside 0..15, an unknown policy, or, with ``"error"``, an ambiguous base: it names
        letter, sequence and 0-based position. Codes already on a device are not range-checked, since that
        would wait for the device; with ``"error"`` they are copied to the host once.
    TypeError
        If ``codes`` is no integer array of the backend or of NumPy.
    """
    policy = check_ambiguous(ambiguous)
    if backend is None and not isinstance(codes, np.ndarray):
        backend = backend_of(codes)
    target = get_backend(backend)
    if isinstance(codes, np.ndarray):
        _check_host_codes(codes)
        placed = target.asarray(codes)
    else:
        target.check(codes, "one_hot")
        placed = codes
    if policy == "error":
        _refuse_ambiguous_array(codes if isinstance(codes, np.ndarray) else target.to_numpy(placed))
    xp = target.xp
    table = _table_on(target, policy, dtype)
    rows = xp.astype(xp.reshape(placed, (-1,)), xp.int32)
    return xp.reshape(xp.take(table, rows, axis=0), (*placed.shape, 4))


@lru_cache(maxsize=16)
def _table_on(backend: Backend, policy: Ambiguous, dtype: str) -> Array:
    """The rows of the codes, moved once: a training step encodes its batch on the device."""
    return backend.asarray(ONE_HOT_TABLES[policy], dtype=dtype)


def _check_host_codes(codes: np.ndarray) -> None:
    if codes.dtype.kind not in "ui":
        raise TypeError(f"one_hot expects integer base codes, got an array of {codes.dtype}")
    if codes.size and (int(codes.max()) > PAD_CODE or int(codes.min()) < 0):
        raise ValueError(f"base codes run from 0 to 15, got {int(codes.min())} to {int(codes.max())}")


def _refuse_ambiguous_array(codes: np.ndarray) -> None:
    width = codes.shape[-1] if codes.ndim else 1
    rows = codes.reshape(-1, width) if codes.size else codes.reshape(0, width)
    refuse_ambiguous(FlatCodes(rows.reshape(-1), np.full(rows.shape[0], width, dtype=np.int64)))


def one_hot_encode(
    sequence: str | bytes | np.ndarray,
    *,
    ambiguous: str = "zero",
    alphabet: str = "auto",
    dtype: str = "float32",
    backend: str | Backend | None = None,
) -> Array:
    """One-hot encode one sequence: (length, 4), columns A, C, G, T.

    Parameters
    ----------
    sequence : str, bytes, or uint8 array (length,)
        Letters or base codes.
    ambiguous, dtype, backend
        As in :func:`one_hot`.
    alphabet
        As in :func:`~genoml.sequence.base_codes`.

    Raises
    ------
    ValueError
        For a letter outside the alphabet, or an ambiguous one under ``ambiguous="error"``.

    Examples
    --------
    >>> one_hot_encode("ACN", ambiguous="uniform")
    array([[1.  , 0.  , 0.  , 0.  ],
           [0.  , 1.  , 0.  , 0.  ],
           [0.25, 0.25, 0.25, 0.25]], dtype=float32)
    """
    if not isinstance(sequence, str | bytes | np.ndarray):
        raise TypeError(
            f"one_hot_encode expects one sequence (str, bytes or uint8 codes), got "
            f"{type(sequence).__name__}; for many, use batch_encode"
        )
    codes = base_codes([sequence], alphabet=alphabet)
    return one_hot(codes[0], ambiguous=ambiguous, dtype=dtype, backend=backend)


def batch_encode(
    sequences: Sequences,
    *,
    ambiguous: str = "zero",
    alphabet: str = "auto",
    pad: Pad | None = None,
    length: int | None = None,
    pad_value: str | None = None,
    dtype: str = "float32",
    backend: str | Backend | None = None,
) -> Array:
    """One-hot encode a batch of sequences: (batch, length, 4), columns A, C, G, T.

    Parameters
    ----------
    sequences : iterable of str, bytes or uint8 arrays, or a uint8 array (batch, length)
        Letters or base codes.
    ambiguous, dtype, backend
        As in :func:`one_hot`.
    alphabet, pad, length, pad_value
        As in :func:`~genoml.sequence.base_codes`.

    Raises
    ------
    ValueError
        For illegal letters, ragged lengths without ``pad``, a sequence longer than ``length``, or an
        ambiguous base under ``ambiguous="error"``.
    """
    check_ambiguous(ambiguous)
    codes = base_codes(sequences, alphabet=alphabet, pad=pad, length=length, pad_value=pad_value)
    return one_hot(codes, ambiguous=ambiguous, dtype=dtype, backend=backend)
