"""Design of sequences that bring a model's predictions near a goal, under constraints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from genoml.arguments import Count, Whole, checked
from genoml.design.constraints import Constraint
from genoml.design.goals import Goal, Maximise
from genoml.design.gradient import Gradient
from genoml.design.problem import Method, Problem
from genoml.design.scorer import Scorer
from genoml.design.search import Anneal, Beam, Evolve
from genoml.nn.layer import Layer
from genoml.random import host_generator
from genoml.sequence.alphabet import CODE_LETTERS
from genoml.sequence.codes import Sequences, holds_letters
from genoml.sequence.encode import base_codes

__all__ = ["Designed", "design"]

#: methods by name; ``Insert`` needs motifs, and so has no name alone
METHODS: dict[str, type[Method]] = {
    "evolve": Evolve, "beam": Beam, "anneal": Anneal, "gradient": Gradient,
}  # fmt: skip
MethodName: TypeAlias = Literal["evolve", "beam", "anneal", "gradient"]


@dataclass(frozen=True, eq=False)
class Designed:
    """Designed sequences, the result of :func:`design`.

    Only sequences that satisfy every constraint are here. Those of ``failed`` starts are not.

    Attributes
    ----------
    codes : array of shape (m, length)
        The designed sequences as base codes.
    rows : array of shape (m,)
        The start of each.
    start : array of shape (n, length)
        All starts.
    names : sequence of str
        Names of the model's tasks.
    predictions : array of shape (m, tasks)
        Predictions for the designed sequences; of an ensemble the mean.
    before : array of shape (n, tasks)
        The same for the starts.
    scores : array of shape (m,)
        The goal's number for the designed sequences: what was made as large as possible.
    history : array of shape (rounds + 1, m)
        The same of the best sequence before the first round, repairs included, and after each.
    failed : tuple of int
        Starts of which no sequence could be made that satisfies the constraints.
    violations : dict
        For each of them what is wrong, in words.
    """

    codes: NDArray[np.uint8]
    rows: NDArray[np.int64]
    start: NDArray[np.uint8]
    names: Sequence[str]
    predictions: NDArray[np.float64]
    before: NDArray[np.float64]
    scores: NDArray[np.float64]
    history: NDArray[np.float64]
    failed: tuple[int, ...] = ()
    violations: dict[int, list[str]] = field(default_factory=dict)

    @property
    def edits(self) -> list[tuple[str, ...]]:
        """The edits of each designed sequence, such as ``A17G``: base before, 0-based position, base after."""
        return [
            tuple(
                f"{CODE_LETTERS[old]}{place}{CODE_LETTERS[new]}"
                for place, old, new in zip(at.tolist(), first[at].tolist(), made[at].tolist(), strict=True)
            )
            for first, made in zip(self.start[self.rows], self.codes, strict=True)
            for at in [np.flatnonzero(first != made)]
        ]


@checked
def design(
    model: Layer | Sequence[Layer],
    start: Any,
    *,
    goal: Goal | None = None,
    constraints: Sequence[Constraint] = (),
    method: MethodName | Method = "evolve",
    rounds: Count | None = None,
    width: Count = 8,
    ensemble: Literal["mean", "minimum"] | float = "mean",
    seed: Whole = 0,
) -> Designed:
    """Change sequences so that a model's predictions come near a goal, keeping to constraints.

    Every sequence that is returned satisfies every constraint, and so does every one on the way. A start that violates
    one is repaired first, by single changes that make nothing worse and something better. Where none is left, the start
    has failed, and is reported as such. Methods then take steps from one allowed sequence to the next, so that a
    sequence which only two changes at once could reach is not found.

    The same seed gives the same bits, with the same model, backend, and number of threads.

    Parameters
    ----------
    model : Layer, or list of Layer
        A model of one-hot sequences, or an ensemble of models with the same tasks. Strands are read as in training.
    start : array, letters, or int
        Sequences to begin with, each of the length that the model reads; or a length, for one random sequence.
    goal : Goal
        ``Maximise(task)``, the default, for task 0; ``Minimise``, ``Target`` or ``Specific``.
    constraints : sequence of Constraint
        ``Fixed``, ``Keep``, ``MostEdits``, ``GC``, ``NoRun``, ``NoRepeat``, ``Avoid``, ``Translate``, or your own.
    method : str or Method
        ``"evolve"``, ``"beam"``, ``"anneal"`` or ``"gradient"``, or one with its options: ``Insert(motifs)``,
        ``Anneal(hottest=1.0)``, ``Gradient(penalty=0.5)``.
    rounds : int, optional
        Rounds at most; left out, 20, or 5 of ``Insert``, 200 of gradient, 1000 of anneal.
    width : int
        Of beam the sequences that are kept, of anneal the chains, of gradient the sequences that are drawn a round.
    ensemble : {"mean", "minimum"} or float
        How the scores of an ensemble's models become one: their mean, the smallest, or, with a number k, the mean minus
        k standard deviations, so that sequences on which the models disagree count less.
    seed : int
        Of what is random: a start of given length, anneal and gradient.

    Shapes
    ------
    start : (n, length), uint8, each 0 to 3

    Returns
    -------
    Designed
        Sequences, predictions, edits, and the course of the score.

    Raises
    ------
    ValueError
        If a start has other letters than A, C, G and T, or another length than the model reads; if the goal names a
        task that there is not; if the models differ in their tasks; if a constraint has no meaning at this length; or
        if all starts violate the constraints and these leave no change to any, naming those that contradict each other.

    References
    ----------
    Those of the methods and goals.
    """
    models = [model] if isinstance(model, Layer) else list(model)
    if not models:
        raise ValueError("design expects a model, or a list of them, got an empty list")
    codes = _codes_of(start, seed)
    chosen = METHODS[method]() if isinstance(method, str) else method
    for each in [*constraints]:
        each.check(*codes.shape)
    chosen.check(codes.shape[1])
    scorer = Scorer.of(models, goal or Maximise(), ensemble, codes)
    problem = Problem(codes, list(constraints), scorer, seed)
    _refuse_contradiction(problem)
    repaired, good = problem.repaired()
    rows = np.flatnonzero(good)
    n_rounds = chosen.rounds if rounds is None else rounds
    found, history = repaired[rows], np.zeros((1, 0))
    if len(rows):
        path = chosen.run(problem, repaired[rows], rows, n_rounds, width)
        found, history = path.codes, np.stack(path.history)
    failed = {row: problem.violations(repaired[row], row) for row in np.flatnonzero(~good).tolist()}
    # whatever the method did: a sequence that violates a constraint is not returned as designed
    holds = problem.wrong(found, rows) == 0
    for row, made in zip(rows[~holds].tolist(), found[~holds], strict=True):
        failed[row] = problem.violations(made, row)
    found, rows, history = found[holds], rows[holds], history[:, holds]
    names = scorer.members[0].names
    return Designed(
        found, rows, codes, names,
        scorer.predictions(found), scorer.predictions(codes),
        scorer.of_codes(found) if len(found) else np.zeros(0),
        history, tuple(sorted(failed)), failed,
    )  # fmt: skip


def _codes_of(start: Any, seed: int) -> NDArray[np.uint8]:
    """The starts as codes (n, length).

    Raises
    ------
    ValueError
        For other letters than A, C, G and T, which have no place to begin, or sequences of different lengths.
    """
    if isinstance(start, int | np.integer) and not isinstance(start, bool):
        if start < 1:
            raise ValueError(f"design expects a start of at least one base, got length {start}")
        return host_generator(seed, "start").integers(0, 4, (1, int(start)), dtype=np.uint8)
    sequences: Sequences = [start] if isinstance(start, str | bytes) else start
    codes = base_codes(sequences) if holds_letters(sequences) else np.asarray(sequences)
    if codes.dtype != np.uint8 or codes.ndim != 2 or 0 in codes.shape:
        raise ValueError(
            f"design expects starts (n >= 1, length >= 1) as letters or uint8 codes, got {codes.dtype} {codes.shape}"
        )
    if (codes > 3).any():
        row, place = np.argwhere(codes > 3)[0].tolist()
        letter = "padding" if codes[row, place] == 15 else CODE_LETTERS[codes[row, place]]
        raise ValueError(f"start {row} expects A, C, G and T, got {letter} at position {place}")
    return codes


def _refuse_contradiction(problem: Problem) -> None:
    """Raise ValueError if no start satisfies the constraints and none can be changed at all."""
    rows = np.arange(len(problem.start))
    wrong = problem.wrong(problem.start, rows) > 0
    blocking = problem.blocking(problem.start, rows) if wrong.all() else ""
    if blocking:
        raise ValueError(f"the constraints contradict each other at the start: {blocking}")
