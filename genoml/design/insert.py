"""The method that inserts motifs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from genoml.design.problem import Codes, Method, Path, Problem, better_than
from genoml.design.sites import by_width
from genoml.sequence.encode import base_codes
from genoml.sequence.strand import reverse_complement

__all__ = ["Insert"]

#: sequences whose constraints are counted at a time, of each start
_AT_ONCE = 32


@dataclass(frozen=True)
class Insert(Method):
    """Each round the motif, place and strand that raise the score most, among all that the constraints allow.

    A motif takes the place of as many bases. A start is done when no motif raises its score.

    Parameters
    ----------
    motifs : sequence of str
        Letters A, C, G and T; each is tried on both strands.

    References
    ----------
    Taskiran et al. (2024), doi:10.1038/s41586-023-06936-2, motif implantation.
    """

    motifs: Sequence[str]

    rounds = 5

    def __post_init__(self) -> None:
        if isinstance(self.motifs, str) or not len(self.motifs):
            raise TypeError(f"Insert expects a list of motifs, got {self.motifs!r}")
        for motif in self.motifs:
            if not motif or not set(motif.upper()) <= set("ACGT"):
                raise ValueError(f"Insert expects motifs of A, C, G and T, got {motif!r}")

    @cached_property
    def stretches(self) -> list[Codes]:
        """The motifs and their reverse complements, each once, those of one width in an array (kinds, width)."""
        every = [base_codes([motif.upper()])[0] for motif in self.motifs]
        return by_width([stretch for each in every for stretch in (each, reverse_complement(each))])

    def check(self, length: int) -> None:
        for motif in self.motifs:
            if len(motif) > length:
                raise ValueError(f"Insert expects motifs of at most {length} bases, got {motif!r}")

    def run(self, problem: Problem, codes: Codes, rows: np.ndarray, rounds: int, width: int) -> Path:
        codes, active = codes.copy(), np.arange(len(codes))
        score = problem.scorer.of_codes(codes)
        history = [score.copy()]
        for _ in range(rounds):
            best, best_score = self._best(problem, codes[active], score[active], rows[active])
            better = better_than(best_score, score[active])
            active = active[better]
            if not len(active):
                break
            codes[active] = best[better]
            score[active] = best_score[better]
            history.append(score.copy())
        return Path(codes, history)

    def _best(
        self, problem: Problem, codes: Codes, score: np.ndarray, rows: np.ndarray
    ) -> tuple[Codes, np.ndarray]:
        """The best allowed insertion into each sequence, and its score; the sequence itself if there is none."""
        best, best_score = codes.copy(), score.copy()
        for stretches in self.stretches:
            kinds, width = stretches.shape
            scores = problem.scorer.of_changes(codes, stretches).reshape(len(codes), -1)
            order = np.argsort(-scores, axis=1, kind="stable")
            left = np.arange(len(codes))
            for first in range(0, scores.shape[1], _AT_ONCE):
                some = order[left, first : first + _AT_ONCE]
                better = np.take_along_axis(scores[left], some, axis=1) > best_score[left, None]
                left, some, better = left[better[:, 0]], some[better[:, 0]], better[better[:, 0]]
                if not len(left):
                    break
                inserted = np.repeat(codes[left, None], some.shape[1], axis=1)
                places = (some // kinds)[:, :, None] + np.arange(width)
                np.put_along_axis(inserted, places, stretches[some % kinds], axis=2)
                wrong = problem.wrong(
                    inserted.reshape(-1, codes.shape[1]), np.repeat(rows[left], some.shape[1])
                )
                good = better & (wrong.reshape(some.shape) == 0)
                found, pick = good.any(axis=1), good.argmax(axis=1)
                done = left[found]
                best[done] = inserted[found, pick[found]]
                best_score[done] = scores[done, some[found, pick[found]]]
                left = left[~found]
        return best, best_score
