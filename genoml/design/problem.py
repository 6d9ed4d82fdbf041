"""What a method of design works on: starts, the constraints on them, and the score to raise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from genoml.design.constraints import Constraint, Counts, Origin, allowed_changes
from genoml.design.scorer import Floats, Scorer

__all__ = ["Method", "Path", "Problem", "apply_changes", "best_changes", "better_than"]

Codes = NDArray[np.uint8]
#: differences of scores that may be rounding, relative to the score or to 1
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Path:
    """What a method made of each start.

    Attributes
    ----------
    codes : array of shape (n, length)
        The best sequences.
    history : list of arrays of shape (n,)
        The score of the best sequence so far, before the first round and after each.
    """

    codes: Codes
    history: list[Floats]


@dataclass(frozen=True)
class Problem:
    """Starts, the constraints on them, and the score to raise.

    Attributes
    ----------
    start : array of shape (n, length)
        The sequences that edits are counted from.
    constraints : sequence of Constraint
        All hold of every sequence that is designed.
    scorer : Scorer
        How near sequences are to the goal.
    seed : int
        Of the random numbers.
    """

    start: Codes
    constraints: Sequence[Constraint]
    scorer: Scorer
    seed: int

    def origin(self, rows: np.ndarray) -> Origin:
        """What sequences were made of, which were made of these starts."""
        return Origin(self.start[rows], rows)

    def wrong(self, codes: Codes, rows: np.ndarray) -> Counts:
        """How much is wrong with sequences that were made of these starts, (n,); 0: they satisfy all constraints."""
        origin, found = self.origin(rows), np.zeros(len(codes), dtype=np.int64)
        for constraint in self.constraints:
            found += constraint.count(codes, origin)
        return found

    def change(self, codes: Codes, rows: np.ndarray) -> Counts:
        """By how much more each single change would be wrong, (n, length, 4)."""
        origin, found = self.origin(rows), np.zeros((*codes.shape, 4), dtype=np.int64)
        for constraint in self.constraints:
            found += constraint.after(codes, origin) - constraint.count(codes, origin)[:, None, None]
        return found

    def allowed(self, codes: Codes, rows: np.ndarray) -> NDArray[np.bool_]:
        """Changes (n, length, 4) of sequences that were made of these starts, see ``allowed_changes``."""
        return allowed_changes(self.constraints, codes, self.origin(rows))

    def violations(self, codes: Codes, row: int) -> list[str]:
        """What is wrong with a sequence (length,) that was made of a start, in words, and what blocks its repair."""
        origin = self.origin(np.array([row]))
        found = [each.violations(codes[None], origin)[0] for each in self.constraints]
        blocking = self.blocking(codes[None], np.array([row]))
        return [*filter(None, found), *([blocking] if blocking else [])]

    def blocking(self, codes: Codes, rows: np.ndarray) -> str:
        """Which constraints leave no change to any of these sequences, in words; ``""`` if they leave some.

        One of them, or the first two that together leave none; if it takes more, all.
        """
        origin = self.origin(rows)
        if allowed_changes(self.constraints, codes, origin).any():
            return ""
        for size in (1, 2):
            for some in combinations(self.constraints, size):
                if not allowed_changes(some, codes, origin).any():
                    return f"{' and '.join(map(str, some))} allow{'s' if size == 1 else ''} no change"
        return f"{', '.join(map(str, self.constraints))} together allow no change"

    def repaired(self) -> tuple[Codes, NDArray[np.bool_]]:
        """The starts with as much put right as single changes can, and whether each satisfies all constraints.

        Each change is the one that puts most right; among equals the one of the highest score, then the first position
        and base. Nothing that holds is broken on the way, so that a start whose repair needs two changes at once fails.
        """
        codes, rows = self.start.copy(), np.arange(len(self.start))
        active = rows[self.wrong(codes, rows) > 0]
        while len(active):
            own = codes[active]
            allowed = self.allowed(own, active)
            change = np.where(allowed, self.change(own, active), 0)
            left = allowed.any(axis=(1, 2))
            active, change, own = active[left], change[left], own[left]
            if not len(active):
                break
            best = change == change.min(axis=(1, 2), keepdims=True)
            codes[active] = apply_changes(own, best_changes(self.scorer.of_changes(own), best)[0])
            active = active[self.wrong(codes[active], active) > 0]
        return codes, self.wrong(codes, rows) == 0


class Method:
    """Base of the methods; ``run`` gives the best sequences that it finds."""

    #: rounds, where the caller leaves them out
    rounds: int = 20

    def check(self, length: int) -> None:
        """Raise ValueError unless the method has a meaning for sequences of this length."""

    def run(self, problem: Problem, codes: Codes, rows: np.ndarray, rounds: int, width: int) -> Path:
        """Raise the scores of sequences (n, length), made of these starts, that satisfy all constraints."""
        raise NotImplementedError(f"{type(self).__name__} must define run")


def best_changes(scores: Floats, allowed: NDArray[np.bool_]) -> tuple[NDArray[np.int64], Floats]:
    """The allowed change with the highest score of each sequence, by its place in (position, base), and the score.

    Ties go to the first position, then the first base; without any allowed change the score is minus infinity.
    """
    flat = np.where(allowed, scores, -np.inf).reshape(len(scores), -1)
    best = flat.argmax(axis=1)
    return best, np.take_along_axis(flat, best[:, None], axis=1)[:, 0]


def apply_changes(codes: Codes, changes: np.ndarray) -> Codes:
    """Sequences with one change each, given by its place in (position, base)."""
    found = codes.copy()
    found[np.arange(len(codes)), changes // 4] = changes % 4
    return found


def better_than(scores: Floats, own: Floats) -> NDArray[np.bool_]:
    """Whether scores are higher than others by more than the rounding of a model's outputs."""
    margin = _ROUNDING * np.maximum(1.0, np.minimum(np.abs(own), np.abs(scores)))
    return np.asarray(scores > own + margin)
