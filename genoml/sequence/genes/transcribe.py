"""Transcription of DNA letters to RNA, and back."""

from __future__ import annotations

from typing import Any, overload

from genoml.sequence.codes import flat_codes

_TO_RNA, _TO_DNA = bytes.maketrans(b"Tt", b"Uu"), bytes.maketrans(b"Uu", b"Tt")


@overload
def transcribe(seq: str) -> str: ...
@overload
def transcribe(seq: bytes) -> bytes: ...
@overload
def transcribe(seq: list[str]) -> list[str]: ...
@overload
def transcribe(seq: list[bytes]) -> list[bytes]: ...
def transcribe(seq: Any) -> Any:
    """Convert the coding strand of DNA to RNA: T becomes U; the case stays.

    RNA is returned as it is. (The RNA that is made from a template strand is
    ``transcribe(reverse_complement(template))``.)

    Parameters
    ----------
    seq : str, bytes, or a list or tuple of these
        Letters with IUPAC codes. Base codes are the same for T and U; ``decode(codes, alphabet="RNA")``
        writes them as RNA.

    Raises
    ------
    ValueError
        For a letter that is no nucleotide, or T and U in one sequence.
    TypeError
        For any other kind.

    Examples
    --------
    >>> transcribe("ATGt"), back_transcribe("AUGu")
    ('AUGu', 'ATGt')
    """
    return _write(seq, _TO_RNA, "transcribe")


@overload
def back_transcribe(seq: str) -> str: ...
@overload
def back_transcribe(seq: bytes) -> bytes: ...
@overload
def back_transcribe(seq: list[str]) -> list[str]: ...
@overload
def back_transcribe(seq: list[bytes]) -> list[bytes]: ...
def back_transcribe(seq: Any) -> Any:
    """Convert RNA to the coding strand of DNA: U becomes T; otherwise as :func:`transcribe`.

    Raises
    ------
    ValueError, TypeError
        As :func:`transcribe`.
    """
    return _write(seq, _TO_DNA, "back_transcribe")


def _write(seq: Any, table: bytes, what: str) -> Any:
    batch = seq if isinstance(seq, list | tuple) else [seq]
    for item in batch:
        if not isinstance(item, str | bytes):
            raise TypeError(f"{what} expects str, bytes or a list of them, got {type(item).__name__}")
    flat_codes(batch)  # refuses illegal letters, naming the sequence
    written = [
        item.encode("ascii").translate(table).decode("ascii")
        if isinstance(item, str)
        else item.translate(table)
        for item in batch
    ]
    return written if isinstance(seq, list | tuple) else written[0]
