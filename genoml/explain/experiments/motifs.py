"""Motifs as letters: what an experiment puts into its backgrounds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from genoml.explain.discovery.motif import DiscoveredMotif
from genoml.random import host_generator
from genoml.sequence.alphabet import BYTE_TO_CODE, ILLEGAL_CODE, MEMBERSHIP, PAD_CODE, describe_alphabet
from genoml.sequence.codes import decode
from genoml.sequence.motifs.motif import Motif, consensus

__all__ = ["AnyMotif", "DrawnMotif", "drawn_motifs"]

#: IUPAC letters; a motif, for its consensus; or base codes (width,), the letters of a seqlet
AnyMotif: TypeAlias = str | Motif | DiscoveredMotif | NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class DrawnMotif:
    """A motif with its letters for each background.

    Attributes
    ----------
    name, symbol : str
        Its name, or its letters; the symbol of its factor, if it has one.
    probabilities : array of shape (width, 4)
        Of the matrix, or of the IUPAC letters: for logos.
    codes : array of shape (n or 1, width)
        Base codes for each background; one row where they are the same for all.
    """

    name: str
    probabilities: NDArray[np.float64]
    codes: NDArray[np.uint8]
    symbol: str = ""

    @property
    def label(self) -> str:
        """Name and symbol."""
        return f"{self.symbol} ({self.name})" if self.symbol else self.name

    @property
    def width(self) -> int:
        """Number of positions, in bases."""
        return len(self.probabilities)


def drawn_motifs(
    motifs: AnyMotif | Iterable[AnyMotif] | Mapping[str, AnyMotif],
    n: int,
    *,
    sample: bool = False,
    seed: int = 0,
) -> list[DrawnMotif]:
    """Motifs with their letters for n backgrounds.

    IUPAC letters that stand for several bases are drawn for each background, each base being as likely. A matrix gives
    its most probable bases, or with ``sample`` bases drawn by its probabilities for each background. A draw depends
    on the seed and the number of the motif.

    Raises
    ------
    ValueError
        Without motifs, or for one that has no letters, unknown ones or padding.
    """
    if isinstance(motifs, Mapping):
        named = [(str(name), motif) for name, motif in motifs.items()]
    elif isinstance(motifs, str | Motif | DiscoveredMotif) or _is_codes(motifs):
        named = [("", motifs)]
    else:
        named = [("", motif) for motif in motifs]
    if not named:
        raise ValueError("expects at least one motif, got none")
    return [_drawn(name, motif, n, sample, seed, number) for number, (name, motif) in enumerate(named)]


def _is_codes(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.ndim == 1


def _drawn(name: str, motif: AnyMotif, n: int, sample: bool, seed: int, number: int) -> DrawnMotif:
    symbol = ""
    if isinstance(motif, Motif | DiscoveredMotif):
        symbol = "" if name else getattr(motif, "symbol", "")
        name = name or motif.name
        matrix = np.asarray(motif.probabilities, np.float64)
        chosen = matrix if sample else np.eye(4)[["ACGT".index(base) for base in consensus(matrix)]]
    else:
        codes = _codes_of(motif, name or f"motif {number}")
        name = name or str(decode(codes))
        members = MEMBERSHIP[codes].astype(np.float64)
        matrix = chosen = members / members.sum(axis=1, keepdims=True)
    if (chosen.max(axis=1) == 1).all():
        return DrawnMotif(name, matrix, chosen.argmax(axis=1).astype(np.uint8)[None, :], symbol)
    draws = host_generator(seed, "motif", number).random((n, len(chosen), 1))
    below = np.cumsum(chosen, axis=1)[:, :3] / chosen.sum(axis=1, keepdims=True)
    return DrawnMotif(name, matrix, (draws >= below).sum(axis=2).astype(np.uint8), symbol)


def _codes_of(motif: Any, name: str) -> NDArray[np.uint8]:
    """Base codes of letters or codes."""
    if isinstance(motif, str):
        found = np.frombuffer(motif.encode("utf-8").translate(BYTE_TO_CODE["auto"]), np.uint8)
        if (found == ILLEGAL_CODE).any():
            letter = next(
                each for each in motif if each.encode().translate(BYTE_TO_CODE["auto"])[0] > PAD_CODE
            )
            raise ValueError(f"{name}: expects {describe_alphabet('auto')}, got {letter!r} in {motif!r}")
    elif _is_codes(motif):
        found = motif
        if (found >= PAD_CODE).any():
            raise ValueError(f"{name}: expects base codes without padding, 0 to 14, got {int(found.max())}")
    else:
        raise TypeError(
            f"{name}: expects letters, a Motif or base codes (width,), got {type(motif).__name__}"
        )
    if not len(found):
        raise ValueError(f"{name}: expects at least one letter, got none")
    return found
