"""Translation of nucleotides to proteins, with the genetic codes of NCBI."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, overload

import numpy as np

from genoml.sequence.alphabet import CODE_LETTERS, COMPLEMENT_CODES, PAD_CODE
from genoml.sequence.codes import FlatCodes, Sequences, flat_codes
from genoml.sequence.genes.genetic_codes import GeneticCode, codon_index, genetic_code

#: Reading frames: 1, 2, 3 begin at the first, second and third base, -1, -2, -3 at those of the other strand.
Frame: TypeAlias = Literal[1, 2, 3, -1, -2, -3]
FRAMES: tuple[Frame, ...] = (1, 2, 3, -1, -2, -3)
#: How one or two bases after the last whole codon are treated.
Partial: TypeAlias = Literal["drop", "X", "error"]

_STOP, _METHIONINE = np.uint8(ord("*")), np.uint8(ord("M"))
# the missing bases of a partial codon
_UNKNOWN = np.full(2, CODE_LETTERS.index("N"), dtype=np.uint8)


@overload
def translate(
    seq: str | bytes,
    table: int | str | GeneticCode = ...,
    *,
    frame: int = ...,
    to_stop: bool = ...,
    methionine: bool = ...,
    cds: bool = ...,
    partial: str = ...,
    alphabet: str = ...,
) -> str: ...
@overload
def translate(
    seq: list[str] | list[bytes] | list[np.ndarray] | tuple[str, ...],
    table: int | str | GeneticCode = ...,
    *,
    frame: int = ...,
    to_stop: bool = ...,
    methionine: bool = ...,
    cds: bool = ...,
    partial: str = ...,
    alphabet: str = ...,
) -> list[str]: ...
@overload
def translate(
    seq: np.ndarray,
    table: int | str | GeneticCode = ...,
    *,
    frame: int = ...,
    to_stop: bool = ...,
    methionine: bool = ...,
    cds: bool = ...,
    partial: str = ...,
    alphabet: str = ...,
) -> str | list[str]: ...
def translate(
    seq: Any,
    table: int | str | GeneticCode = 1,
    *,
    frame: int = 1,
    to_stop: bool = False,
    methionine: bool = False,
    cds: bool = False,
    partial: str = "drop",
    alphabet: str = "auto",
) -> Any:
    """Translate DNA or RNA to protein: one sequence, or a batch.

    Parameters
    ----------
    seq : str, bytes, uint8 codes (length,), or a batch: a list or tuple of these, or codes (batch, length)
        Upper or lower case, with IUPAC letters; padding codes are left out.
    table : int, str or GeneticCode
        NCBI number or name, see :func:`genetic_code`.
    frame : {1, 2, 3, -1, -2, -3}
        Where the first codon begins: at the first, second or third base of the sequence or, if negative, of
        its reverse complement.
    to_stop : bool
        End before the first stop.
    methionine : bool
        Whether the first codon gives M if it is a start codon of the table, such as GTG.
    cds : bool
        The sequence is a whole coding sequence: a start codon, codons, one stop at the end. It is checked,
        the start codon gives M, and the stop is left out.
    partial : {"drop", "X", "error"}
        One or two bases after the last codon are ignored, give an X, or are an error. With ``"X"`` the missing base is
        read as N, so that two bases may be enough for an amino acid.
    alphabet : {"auto", "DNA", "RNA"}
        Letters that are accepted; ``"auto"``: T or U, but not both in one sequence.

    Returns
    -------
    str, or list of str for a batch
        One letter per codon, ``*`` for a stop. A codon with ambiguous letters gives what all its readings share: an
        amino acid (GCN is A), ``*`` (TAR), B for Asp or Asn (RAY), Z for Glu or Gln (SAR), J for Ile or Leu, and
        otherwise X. A codon that can stop or code (genetic codes 27, 28, 31) gives its amino acid. All this is as in
        Biopython.

    Raises
    ------
    ValueError
        For a letter that is no nucleotide, an unknown table or option, ``to_stop`` with a table whose stop
        codons can also code, with ``partial="error"`` a length that is no multiple of three, and with
        ``cds`` a sequence that is no coding sequence; it says which sequence of a batch.
    TypeError
        For any other kind.

    Examples
    --------
    >>> translate("ATGGCNTAA"), translate("GTGAAATAG", table=11, cds=True)
    ('MA*', 'MK')
    """
    code = genetic_code(table)
    _check_options(code, frame, to_stop, partial, cds)
    single = isinstance(seq, str | bytes) or (isinstance(seq, np.ndarray) and seq.ndim == 1)
    if not single and not isinstance(seq, list | tuple | np.ndarray):
        raise TypeError(
            f"translate expects str, bytes, uint8 codes or a list of them, got {type(seq).__name__}"
        )
    batch: Sequences = [seq] if single else seq
    flat = _without_padding(flat_codes(batch, alphabet=alphabet))
    if partial == "error" or cds:
        _refuse_partial(flat, abs(frame) - 1)
    codons, counts = _codons(_other_strand(flat) if frame < 0 else flat, abs(frame) - 1, partial)
    letters = code.letters[codon_index(codons)]
    if cds:
        _check_coding(codons, letters, counts, code)
    starts = np.cumsum(counts) - counts
    ends = np.cumsum(counts) - cds
    if methionine or cds:
        first = starts[counts > 0]
        letters[first[code.start_lookup[codon_index(codons[first])]]] = _METHIONINE
    text = letters.tobytes().decode("ascii")
    proteins = [text[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
    if to_stop:
        proteins = [protein.partition("*")[0] for protein in proteins]
    if frame < 0:
        proteins.reverse()
    return proteins[0] if single else proteins


def six_frames(
    seq: str | bytes | np.ndarray,
    table: int | str | GeneticCode = 1,
    *,
    partial: str = "drop",
    alphabet: str = "auto",
) -> dict[int, str]:
    """Translate all six reading frames.

    Frames -1, -2, -3 begin at the first, second and third base of the reverse complement, that is, at the
    last bases of the sequence, as in Biopython and with ``transeq -alternative``. (Without it, transeq calls
    the frame whose codons lie over those of frame 1 frame -1.)

    Parameters
    ----------
    seq : str, bytes or uint8 codes (length,)
        The sequence.
    table, partial, alphabet
        As in :func:`translate`.

    Returns
    -------
    dict of str
        By frame: 1, 2, 3, -1, -2, -3.

    Raises
    ------
    ValueError, TypeError
        As :func:`translate`.
    """
    return {
        frame: str(translate(seq, table, frame=frame, partial=partial, alphabet=alphabet)) for frame in FRAMES
    }


def _check_options(code: GeneticCode, frame: int, to_stop: bool, partial: str, cds: bool) -> None:
    if isinstance(frame, bool) or frame not in FRAMES:
        raise ValueError(f"frame expects 1, 2, 3, -1, -2 or -3, got {frame!r}")
    if partial not in ("drop", "X", "error"):
        raise ValueError(f"partial expects 'drop', 'X' or 'error', got {partial!r}")
    if cds and frame != 1:
        raise ValueError(
            f"cds expects frame 1, as a coding sequence begins with its start codon, got {frame}"
        )
    if to_stop and code.dual_codons:
        raise ValueError(
            f"to_stop expects a table whose stop codons only stop: in {code.id} ({code.name}) "
            f"{', '.join(code.dual_codons)} can also code for an amino acid"
        )


def _without_padding(flat: FlatCodes) -> FlatCodes:
    is_base = flat.codes != PAD_CODE
    if is_base.all():
        return flat
    before = np.concatenate([[0], np.cumsum(is_base)])
    ends = np.cumsum(flat.lengths)
    return FlatCodes(flat.codes[is_base], before[ends] - before[ends - flat.lengths])


def _other_strand(flat: FlatCodes) -> FlatCodes:
    """Reverse complement of all sequences, which also puts them in reverse order."""
    return FlatCodes(np.take(COMPLEMENT_CODES, flat.codes[::-1]), flat.lengths[::-1])


def _codons(flat: FlatCodes, skipped: int, partial: str) -> tuple[np.ndarray, np.ndarray]:
    """Codons (n, 3) of all sequences end to end, and the number of codons of each sequence."""
    available = np.maximum(flat.lengths - skipped, 0)
    counts = available // 3
    left_over = available % 3
    if partial == "X":
        counts = counts + (left_over > 0)
        lacking = -available % 3
    else:
        available = available - left_over
        lacking = np.zeros_like(available)
    starts = np.cumsum(flat.lengths) - flat.lengths + skipped
    pieces = []
    for start, length, n_lacking in zip(starts.tolist(), available.tolist(), lacking.tolist(), strict=True):
        pieces.append(flat.codes[start : start + length])
        if n_lacking:
            pieces.append(_UNKNOWN[:n_lacking])
    codes = np.concatenate(pieces) if pieces else flat.codes
    return codes.reshape(-1, 3).astype(np.uint16), counts


def _refuse_partial(flat: FlatCodes, skipped: int) -> None:
    available = np.maximum(flat.lengths - skipped, 0)
    if (available % 3).any():
        row = int(np.argmax(available % 3 > 0))
        raise ValueError(
            f"sequence {row} expects a multiple of three bases, got {int(available[row])}; "
            "pass partial='drop' or 'X' to translate it as it is"
        )


def _check_coding(codons: np.ndarray, letters: np.ndarray, counts: np.ndarray, code: GeneticCode) -> None:
    """Raise ValueError unless each sequence is a start codon, codons that code, and a stop codon."""
    ends = np.cumsum(counts)
    where = f"in genetic code {code.id} ({code.name})"
    if not counts.all():
        raise ValueError(f"cds expects a coding sequence, but sequence {int(np.argmin(counts))} has no codon")
    indices = codon_index(codons)
    checks = (
        ("begin with a start codon", ends - counts, code.start_lookup[indices[ends - counts]]),
        ("end with a stop codon", ends - 1, code.stop_lookup[indices[ends - 1]]),
    )
    for what, places, good in checks:
        if not good.all():
            row = int(np.argmin(good))
            codon = "".join(CODE_LETTERS[base] for base in codons[places[row]])
            raise ValueError(f"cds expects each sequence to {what} {where}, but sequence {row} has {codon}")
    stops = letters == _STOP
    stops[ends - 1] = False
    if stops.any():
        at = int(np.argmax(stops))
        row = int(np.searchsorted(ends, at, side="right"))
        place = 3 * (at - int(ends[row] - counts[row]))
        raise ValueError(f"cds expects no stop but the last, sequence {row} has one at position {place}")
