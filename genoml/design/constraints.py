"""Constraints on designed sequences, as masks over (position, base) given the current sequences.

A constraint counts what is wrong with a sequence (``count``; 0: it holds), and what would be wrong after each single
change (``after``), as arrays over all sequences, positions and bases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from genoml.arguments import Count, Whole, checked

__all__ = [
    "Constraint",
    "Counts",
    "Fixed",
    "Keep",
    "KeptBases",
    "MostEdits",
    "Origin",
    "allowed_changes",
    "counted_after",
]

#: counts of what is wrong
Counts = NDArray[np.int64]
#: changed sequences that are counted at a time, in bases
_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class Origin:
    """What sequences were made of.

    Attributes
    ----------
    codes : array of shape (n, length)
        The start of each.
    rows : array of shape (n,)
        The number of the start.
    """

    codes: NDArray[np.uint8]
    rows: NDArray[np.int64]

    @classmethod
    def of(cls, codes: np.ndarray) -> Origin:
        """Sequences that are starts themselves."""
        return cls(codes, np.arange(len(codes)))

    def take(self, index: np.ndarray) -> Origin:
        """Those of some of the sequences, or of a sequence several times."""
        return Origin(self.codes[index], self.rows[index])


class Constraint:
    """Base of the constraints; one of your own defines ``count``, and ``after`` where it should be fast.

    Shapes
    ------
    codes : (n, length) uint8, each 0 to 3
    """

    def check(self, n: int, length: int) -> None:
        """Raise ValueError unless the constraint has a meaning for n sequences of this length."""

    def count(self, codes: np.ndarray, origin: Origin) -> Counts:
        """How much is wrong with each sequence, (n,); 0: nothing."""
        raise NotImplementedError(f"{type(self).__name__} must define count")

    def after(self, codes: np.ndarray, origin: Origin) -> Counts:
        """The same after each single change, (n, length, 4): of the sequence with that base at that position."""
        return counted_after(self, codes, origin)

    def allowed(self, codes: np.ndarray, origin: Origin | None = None) -> NDArray[np.bool_]:
        """Changes after which the constraint holds, or of a sequence that violates it, which make it less wrong.

        The own base is no change, and False. Shape (n, length, 4).
        """
        origin = Origin.of(codes) if origin is None else origin
        return allowed_changes([self], codes, origin)

    def violations(self, codes: np.ndarray, origin: Origin | None = None) -> list[str]:
        """What is wrong with each sequence, in words; ``""``: nothing."""
        origin = Origin.of(codes) if origin is None else origin
        counts = self.count(codes, origin)
        return [
            f"{self}: {self.tell(row)}" if count else "" for row, count in zip(codes, counts, strict=True)
        ]

    def tell(self, row: np.ndarray) -> str:
        """What is wrong with a sequence (length,) that violates the constraint."""
        return "is violated"


def counted_after(constraint: Constraint, codes: np.ndarray, origin: Origin) -> Counts:
    """``Constraint.after`` by counting each changed sequence."""
    n, length = codes.shape
    found = np.empty((n, length * 4), dtype=np.int64)
    places, bases = np.divmod(np.arange(length * 4), 4)
    for row in range(n):
        for first in range(0, length * 4, step := max(_AT_ONCE // length, 1)):
            some = slice(first, min(first + step, length * 4))
            changed = np.repeat(codes[row : row + 1], some.stop - some.start, axis=0)
            changed[np.arange(len(changed)), places[some]] = bases[some]
            found[row, some] = constraint.count(changed, origin.take(np.full(len(changed), row)))
    return found.reshape(n, length, 4)


def allowed_changes(
    constraints: Sequence[Constraint], codes: np.ndarray, origin: Origin
) -> NDArray[np.bool_]:
    """Changes that all constraints allow together, (n, length, 4).

    Of a sequence that satisfies all, those after which it still does. Of one that does not, those that make none more
    wrong, and all together less.
    """
    allowed: NDArray[np.bool_] = np.arange(4, dtype=np.uint8) != codes[:, :, None]
    if not constraints:
        return allowed
    less = np.zeros(allowed.shape, dtype=np.int64)
    for constraint in constraints:
        change = constraint.after(codes, origin) - constraint.count(codes, origin)[:, None, None]
        allowed &= change <= 0
        less += change
    wrong = sum(constraint.count(codes, origin) for constraint in constraints)
    allowed &= (less < 0) | (np.asarray(wrong) == 0)[:, None, None]
    return allowed


# ------------------------------------------------------------ by position


class KeptBases(Constraint):
    """Base of the constraints that keep bases of the start: how many of them differ."""

    def kept(self, origin: Origin) -> NDArray[np.bool_]:
        """Which bases are kept, (n, length)."""
        raise NotImplementedError

    def count(self, codes: np.ndarray, origin: Origin) -> Counts:
        return np.asarray(((codes != origin.codes) & self.kept(origin)).sum(axis=1))

    def after(self, codes: np.ndarray, origin: Origin) -> Counts:
        now = (codes != origin.codes) & self.kept(origin)
        new = (np.arange(4) != origin.codes[:, :, None]) & self.kept(origin)[:, :, None]
        return np.asarray(self.count(codes, origin)[:, None, None] - now[:, :, None] + new)

    def tell(self, row: np.ndarray) -> str:
        return "bases that are to stay differ from the start"


def _check_range(what: object, start: int, stop: int, length: int) -> None:
    if not 0 <= start < stop <= length:
        raise ValueError(f"{what} expects positions within 0 to {length}, and start < stop")


@checked
@dataclass(frozen=True)
class Fixed(KeptBases):
    """The bases [start, stop) stay as they are in the start."""

    start: Whole
    stop: Count

    def __str__(self) -> str:
        return f"Fixed({self.start}, {self.stop})"

    def check(self, n: int, length: int) -> None:
        _check_range(self, self.start, self.stop, length)

    def kept(self, origin: Origin) -> NDArray[np.bool_]:
        places = np.arange(origin.codes.shape[1])
        return np.broadcast_to((places >= self.start) & (places < self.stop), origin.codes.shape)


@dataclass(frozen=True)
class Keep(KeptBases):
    """Sites stay as they are in the start: (start, stop) in every sequence, or (sequence, start, stop) in one.

    Sequences are numbered from 0, as the starts are.
    """

    sites: Sequence[tuple[int, ...]]

    def __str__(self) -> str:
        return f"Keep({', '.join(map(str, self.sites))})"

    def check(self, n: int, length: int) -> None:
        for site in self.sites:
            if len(site) not in (2, 3) or not all(isinstance(each, int | np.integer) for each in site):
                raise ValueError(f"Keep expects (start, stop) or (sequence, start, stop), got {site}")
            _check_range(f"Keep({site})", site[-2], site[-1], length)
            if len(site) == 3 and not 0 <= site[0] < n:
                raise ValueError(f"Keep({site}) expects a sequence from 0 to {n - 1}")

    def kept(self, origin: Origin) -> NDArray[np.bool_]:
        kept = np.zeros(origin.codes.shape, dtype=bool)
        for site in self.sites:
            rows = slice(None) if len(site) == 2 else origin.rows == site[0]
            kept[rows, site[-2] : site[-1]] = True
        return kept


@checked
@dataclass(frozen=True)
class MostEdits(Constraint):
    """At most so many bases differ from the start; a base that is changed back does not count."""

    edits: Whole

    def __str__(self) -> str:
        return f"MostEdits({self.edits})"

    def count(self, codes: np.ndarray, origin: Origin) -> Counts:
        return np.asarray(np.maximum((codes != origin.codes).sum(axis=1) - self.edits, 0))

    def after(self, codes: np.ndarray, origin: Origin) -> Counts:
        now = codes != origin.codes
        new = np.arange(4) != origin.codes[:, :, None]
        edits = now.sum(axis=1)[:, None, None] - now[:, :, None] + new
        return np.asarray(np.maximum(edits - self.edits, 0))

    def tell(self, row: np.ndarray) -> str:
        return "has more edits"
