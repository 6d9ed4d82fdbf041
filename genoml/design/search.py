"""Methods that try single changes: the best one a round, the best of many sequences, or by chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genoml.arguments import Positive, checked
from genoml.design.problem import Codes, Method, Path, Problem, apply_changes, best_changes, better_than
from genoml.design.scorer import Floats
from genoml.random import host_generator

__all__ = ["Anneal", "Beam", "Evolve"]


@dataclass(frozen=True)
class Evolve(Method):
    """Each round the best allowed change of a base, found by one in-silico mutagenesis.

    A sequence is done when no allowed change raises its score. Ties go to the first position, then the first base.

    References
    ----------
    Taskiran et al. (2024), doi:10.1038/s41586-023-06936-2, in-silico evolution.
    """

    def run(self, problem: Problem, codes: Codes, rows: np.ndarray, rounds: int, width: int) -> Path:
        codes, active = codes.copy(), np.arange(len(codes))
        score = problem.scorer.of_codes(codes)
        history = [score.copy()]
        for _ in range(rounds):
            own = codes[active]
            scores = problem.scorer.of_changes(own)
            change, best = best_changes(scores, problem.allowed(own, rows[active]))
            # the own base has the sequence's own score
            better = better_than(best, scores[np.arange(len(own)), 0, own[:, 0]])
            active, change = active[better], change[better]
            if not len(active):
                break
            codes[active] = apply_changes(codes[active], change)
            score[active] = best[better]
            history.append(score.copy())
        return Path(codes, history)


@dataclass(frozen=True)
class Beam(Method):
    """Each round the ``width`` best among all sequences so far and all their allowed changes.

    Equal sequences count once. Ties go to those that were there, then to the first member, position and base. A width
    of 1 is ``Evolve``.
    """

    def run(self, problem: Problem, codes: Codes, rows: np.ndarray, rounds: int, width: int) -> Path:
        score = problem.scorer.of_codes(codes)
        beams = [(codes[at : at + 1], score[at : at + 1]) for at in range(len(codes))]
        fresh = [np.array([True]) for _ in beams]  # members whose changes have not been seen
        history = [score]
        for _ in range(rounds):
            members = [beam[new] for (beam, _), new in zip(beams, fresh, strict=True)]
            counts = [len(each) for each in members]
            if not sum(counts):
                break
            expanded = np.concatenate(members)
            allowed = problem.allowed(expanded, np.repeat(rows, counts))
            scores = np.where(allowed, problem.scorer.of_changes(expanded), -np.inf)
            ends = np.cumsum(counts)
            for at, (end, count) in enumerate(zip(ends.tolist(), counts, strict=True)):
                if count:
                    beams[at], fresh[at] = _widened(
                        beams[at], expanded[end - count : end], scores[end - count : end], width
                    )
            history.append(np.array([scores[0] for _, scores in beams]))
        return Path(np.concatenate([beam[:1] for beam, _ in beams]), history)


def _widened(
    beam: tuple[Codes, Floats], parents: Codes, scores: Floats, width: int
) -> tuple[tuple[Codes, Floats], np.ndarray]:
    """The best of a beam and of the changes of some of its members, best first; and which of them are new."""
    members, own = beam
    flat = scores.reshape(-1)
    order = np.argsort(-flat, kind="stable")
    order = order[: np.count_nonzero(flat > -np.inf)]
    if len(members) == width:
        order = order[flat[order] > own[-1]]  # no better than the last: members come first
    found, found_scores = members, own
    size = 4 * width  # equal sequences may come from several members
    for first in range(0, len(order), size):
        some = order[first : first + size]
        changes = scores[0].size
        children = apply_changes(parents[some // changes], some % changes)
        found = np.concatenate([found, children])
        # as bytes, none of them 0, with which NumPy would let a text end
        text = (found + np.uint8(1)).view(f"S{found.shape[1]}")[:, 0]
        _, places = np.unique(text, return_index=True)
        kept = np.sort(places)
        found, found_scores = found[kept], np.concatenate([found_scores, flat[some]])[kept]
        if len(found) >= len(members) + width:
            break
    is_new = np.arange(len(found)) >= len(members)
    best = np.argsort(-found_scores, kind="stable")[:width]
    return (found[best], found_scores[best]), is_new[best]


@checked
@dataclass(frozen=True)
class Anneal(Method):
    """Changes by chance: a worse sequence is taken too, the less often the colder it is (Metropolis and Hastings).

        P(x -> y) = min(1, exp((f(y) - f(x)) / T) |A(x)| / |A(y)|),    T from ``hottest`` down to ``coldest``

    y is drawn evenly from A(x), the allowed changes of x; the last factor makes up for their different numbers. There
    are ``width`` chains for each start, with random numbers of their own, and the best sequence of all is kept.

    Parameters
    ----------
    hottest, coldest : float, optional
        Temperatures of the first and last round, in units of the score; left out: the mean size of what the allowed
        changes of a start do, and a hundredth of it.

    References
    ----------
    Kirkpatrick, Gelatt and Vecchi (1983), doi:10.1126/science.220.4598.671; Hastings (1970),
    doi:10.1093/biomet/57.1.97.
    """

    hottest: Positive | None = None
    coldest: Positive | None = None

    rounds = 1000

    def run(self, problem: Problem, codes: Codes, rows: np.ndarray, rounds: int, width: int) -> Path:
        n, origin = len(codes), np.repeat(rows, width)
        current = np.repeat(codes, width, axis=0)
        allowed = problem.allowed(codes, rows)
        score = problem.scorer.of_codes(codes)
        sizes = self._sizes_of_changes(problem, codes, score, allowed)
        hottest = np.repeat(np.full(n, self.hottest) if self.hottest else sizes, width)
        coldest = np.full(n * width, self.coldest) if self.coldest else hottest / 100.0
        allowed, score = np.repeat(allowed, width, axis=0), np.repeat(score, width)
        best, best_score = current.copy(), score.copy()
        history = [best_score.reshape(n, width).max(axis=1)]
        drawn = np.stack(
            [
                host_generator(problem.seed, "anneal", int(row), chain).random((rounds, 2))
                for row in rows
                for chain in range(width)
            ]
        )
        for step in range(rounds):
            temperature = hottest * (coldest / hottest) ** (step / max(rounds - 1, 1))
            counts = allowed.sum(axis=(1, 2))
            chosen = np.minimum((drawn[:, step, 0] * counts).astype(np.int64), counts - 1)
            places = np.cumsum(allowed.reshape(len(current), -1), axis=1)
            change = (places > chosen[:, None]).argmax(axis=1)
            moved = np.where((counts > 0)[:, None], apply_changes(current, change), current)
            moved_score = problem.scorer.of_codes(moved)
            moved_allowed = problem.allowed(moved, origin)
            ratio = counts / np.maximum(moved_allowed.sum(axis=(1, 2)), 1)
            with np.errstate(over="ignore"):
                taken = drawn[:, step, 1] < np.exp((moved_score - score) / temperature) * ratio
            current = np.where(taken[:, None], moved, current)
            score = np.where(taken, moved_score, score)
            allowed = np.where(taken[:, None, None], moved_allowed, allowed)
            better = score > best_score
            best[better], best_score[better] = current[better], score[better]
            history.append(best_score.reshape(n, width).max(axis=1))
        top = best_score.reshape(n, width).argmax(axis=1) + width * np.arange(n)
        return Path(best[top], history)

    @staticmethod
    def _sizes_of_changes(problem: Problem, codes: Codes, score: Floats, allowed: np.ndarray) -> Floats:
        """The mean size of what the allowed changes of each start do; 1 where they do nothing."""
        effects = np.abs(problem.scorer.of_changes(codes) - score[:, None, None]) * allowed
        means = effects.sum(axis=(1, 2)) / np.maximum(allowed.sum(axis=(1, 2)), 1)
        return np.asarray(np.where(means > 0, means, 1.0))
