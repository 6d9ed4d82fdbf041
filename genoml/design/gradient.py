"""The method that follows the gradient of the score through the choice of bases."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from genoml.arguments import NotNegative, Positive, checked
from genoml.design.constraints import KeptBases, MostEdits
from genoml.design.problem import Codes, Method, Path, Problem, apply_changes, best_changes, better_than
from genoml.design.scorer import Floats
from genoml.ops.activations import softmax
from genoml.ops.threefry import random_uniform
from genoml.optim import Adam
from genoml.random import derive_key

__all__ = ["Gradient"]

#: logit of the start's base above the others at first, so that about one base in a thousand is drawn anew
_FIRST_LOGIT = 8.0


@checked
@dataclass(frozen=True)
class Gradient(Method):
    """Logits of bases that follow the gradient of the score, straight through the bases drawn from them.

        x = onehot(argmax_b(w + G)), G Gumbel's noise;    L = -f(x) + penalty sum |x - start| / 2, which is -f + edits

    Each round draws ``width`` sequences for each start, from the same logits, and takes one step of Adam along their
    mean gradient. A drawn sequence that violates a constraint gets back bases of the start until it does not, the least
    sure ones first. With more edits than ``MostEdits`` allows, each costs more from round to round, until few enough
    are drawn. The allowed sequence with the smallest L is kept. At the end single changes lower L further, the best
    first, by in-silico mutagenesis; among them are the edits that do not bring what they cost, which are taken back.

    Parameters
    ----------
    penalty : float, optional
        What an edit costs, in units of the score; left out, a tenth of what the best allowed change of a start brings.
    temperature : float
        Of the softmax that the gradient goes by: smaller ones follow the drawn base more.
    learning_rate : float
        Of Adam.

    References
    ----------
    Jang, Gu and Poole (2017), arXiv:1611.01144, straight-through Gumbel softmax; Linder and Seelig (2021),
    doi:10.1186/s12859-021-04437-5, for sequences; Schreiber et al. (2025), Ledidi, doi:10.1101/2020.05.21.109686, for
    edits of a start.
    """

    penalty: NotNegative | None = None
    temperature: Positive = 1.0
    learning_rate: Positive = 0.5

    rounds = 200

    def run(self, problem: Problem, codes: Codes, rows: np.ndarray, rounds: int, width: int) -> Path:
        n, length = codes.shape
        score, cost = problem.scorer.of_codes(codes), self._cost(problem, codes, rows)
        best, best_score = codes.copy(), score.copy()
        best_loss = _loss(problem, best, best_score, rows, cost)
        history = [best_score.copy()]
        params = {"logits": (_FIRST_LOGIT * _one_hot(codes)).astype(np.float32)}
        adam = Adam(self.learning_rate)
        key, origin = derive_key(problem.seed, "gumbel"), np.repeat(rows, width)
        most = min(
            (each.edits for each in problem.constraints if isinstance(each, MostEdits)), default=length
        )
        others = [each for each in problem.constraints if not isinstance(each, MostEdits)]
        unlimited = replace(problem, constraints=others)
        price, rise = cost.copy(), self._best_gain(problem, codes, rows)
        starts, free = np.repeat(codes, width, axis=0), self._free(problem, codes, rows)
        for step in range(rounds):
            # of all starts, so that what is drawn for one does not depend on the others
            drawn = random_uniform(params["logits"], key, step, int(rows.max() + 1) * width * length * 4)
            noise = -np.log(-np.log(drawn.astype(np.float64) + 2.0**-25)).reshape(-1, width, length, 4)[rows]
            noisy = params["logits"][:, None] + noise
            noisy = np.where(
                free[:, None, :, None], noisy, np.where(_one_hot(codes)[:, None] > 0, 0.0, -np.inf)
            )
            noisy = noisy.reshape(-1, length, 4)
            proposed = _projected(unlimited, noisy.argmax(axis=2).astype(np.uint8), starts, noisy, origin)
            found, gradient = problem.scorer.with_gradient(proposed)
            loss = _loss(problem, proposed, found, origin, np.repeat(cost, width)).reshape(n, width)
            edits = (proposed != problem.start[origin]).sum(axis=1).reshape(n, width)
            loss[edits > most] = np.inf
            # with more edits than are allowed, each of them costs more from round to round
            price = np.maximum(price + 0.01 * rise * np.where(edits.mean(axis=1) > most, 1.0, -1.0), cost)
            pick = loss.argmin(axis=1)
            better = loss[np.arange(n), pick] < best_loss
            place = (pick + width * np.arange(n))[better]
            best[better], best_score[better] = proposed[place], found[place]
            best_loss[better] = loss[better, pick[better]]
            history.append(best_score.copy())
            edited = _one_hot(proposed) - _one_hot(problem.start[origin])
            by_base = 0.5 * np.repeat(price, width)[:, None, None] * edited - gradient
            by_logits = self._through(noisy, by_base).reshape(n, width, length, 4).mean(axis=1)
            adam.update(params, {"logits": (by_logits * free[:, :, None]).astype(np.float32)})
        best = _settled(problem, best, rows, cost)
        history.append(problem.scorer.of_codes(best))
        return Path(best, history)

    def _cost(self, problem: Problem, codes: Codes, rows: np.ndarray) -> Floats:
        """What an edit of each sequence costs, (n,)."""
        if self.penalty is not None:
            return np.full(len(codes), self.penalty)
        return 0.1 * self._best_gain(problem, codes, rows)

    @staticmethod
    def _best_gain(problem: Problem, codes: Codes, rows: np.ndarray) -> Floats:
        """What the best allowed change of each sequence brings, (n,)."""
        scores = problem.scorer.of_changes(codes)
        own = scores[np.arange(len(codes)), 0, codes[:, 0]]
        _, best = best_changes(scores, problem.allowed(codes, rows))
        return np.asarray(np.maximum(np.where(best > -np.inf, best - own, 0.0), 0.0))

    def _through(self, noisy: Floats, by_base: Floats) -> Floats:
        """The gradient by the logits, of that by the bases, (n, length, 4).

        Straight through: dx/dw is taken for that of s = softmax((w + G) / t), ds_c/dw_b = s_c (1[b = c] - s_b) / t, so
        dL/dw_b = sum_c dL/dx_c ds_c/dw_b = s_b (dL/dx_b - sum_c s_c dL/dx_c) / t.
        """
        share = np.asarray(softmax(noisy / self.temperature, axis=2))
        mean = (share * by_base).sum(axis=2, keepdims=True)
        return np.asarray(share * (by_base - mean) / self.temperature)

    @staticmethod
    def _free(problem: Problem, codes: Codes, rows: np.ndarray) -> NDArray[np.bool_]:
        """Positions that are not kept, (n, length)."""
        origin = problem.origin(rows)
        free = np.ones(codes.shape, dtype=bool)
        for each in problem.constraints:
            if isinstance(each, KeptBases):
                free &= ~each.kept(origin)
        return free


def _loss(problem: Problem, codes: Codes, score: Floats, rows: np.ndarray, cost: Floats) -> Floats:
    """-f + cost edits, (n,)."""
    return np.asarray(cost * (codes != problem.start[rows]).sum(axis=1) - score)


def _settled(problem: Problem, codes: Codes, rows: np.ndarray, cost: Floats) -> Codes:
    """The sequences after single changes, the best first, until none lowers -f + cost edits.

    An edit that does not bring what it costs is taken back by that.
    """
    codes, active, start = codes.copy(), np.arange(len(codes)), problem.start[rows]
    for _ in range(codes.shape[1]):
        own = codes[active]
        edited = (own != start[active]).astype(np.int64)[:, :, None]
        dearer = (np.arange(4) != start[active][:, :, None]).astype(np.int64) - edited
        gain = problem.scorer.of_changes(own) - cost[active, None, None] * dearer
        change, found = best_changes(gain, problem.allowed(own, rows[active]))
        now = gain[np.arange(len(own)), 0, own[:, 0]]
        # of equal ones that with fewer edits
        fewer = np.take_along_axis(dearer.reshape(len(own), -1), change[:, None], axis=1)[:, 0] < 0
        better = better_than(found, now) | (fewer & ~better_than(now, found))
        active, change = active[better], change[better]
        if not len(active):
            break
        codes[active] = apply_changes(codes[active], change)
    return codes


def _one_hot(codes: Codes) -> Floats:
    return np.eye(4)[codes]


def _projected(problem: Problem, codes: Codes, starts: Codes, noisy: Floats, rows: np.ndarray) -> Codes:
    """Sequences that satisfy all constraints, from ones that may not, by bases of the start, which satisfies them.

    Each time the base that puts most right gets back, or if none does, the one that was drawn with the least margin.
    """
    codes = codes.copy()
    active = np.flatnonzero(problem.wrong(codes, rows) > 0)
    while len(active):
        own, first = codes[active], starts[active]
        less = problem.change(own, rows[active])
        less = np.take_along_axis(less, first[:, :, None].astype(np.int64), axis=2)[:, :, 0]
        margin = _margins(noisy[active], own, first)
        order = np.where(own != first, np.minimum(less, 0) + margin / (1.0 + np.abs(margin)) / 2.0, np.inf)
        place = order.argmin(axis=1)
        codes[active, place] = first[np.arange(len(active)), place]
        active = active[problem.wrong(codes[active], rows[active]) > 0]
    return codes


def _margins(noisy: Floats, codes: Codes, starts: Codes) -> Floats:
    """By how much the drawn base is above the start's, (n, length)."""
    drawn = np.take_along_axis(noisy, codes[:, :, None].astype(np.int64), axis=2)
    own = np.take_along_axis(noisy, starts[:, :, None].astype(np.int64), axis=2)
    return np.asarray((drawn - own)[:, :, 0])
