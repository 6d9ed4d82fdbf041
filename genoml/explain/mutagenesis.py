"""In-silico mutagenesis: the change of a model's output when each base is replaced by each other one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genoml.backend import Array
from genoml.data import Codes
from genoml.explain.mutants.plan import Plan, plan_of
from genoml.explain.mutants.steps import follow
from genoml.explain.replacements import Replacements, changes_of, changes_of_bases, one_strand
from genoml.explain.saliency import checked_codes
from genoml.explain.tasks import Task, other_strand, score_of, task_of, weights_of
from genoml.nn.layer import Layer
from genoml.ops.windows import Places
from genoml.sequence.alphabet import PAD_CODE
from genoml.sequence.codes import Sequences
from genoml.sequence.strand import reverse_complement
from genoml.train.trained import read_codes, reading_of

__all__ = ["MutationReach", "in_silico_mutagenesis", "mutation_reach"]


def in_silico_mutagenesis(
    model: Layer,
    codes: Sequences | Codes,
    *,
    task: Task | None = None,
    both_strands: bool | None = None,
    windows: bool = True,
    batch_size: int = 384,
    ambiguous: str | None = None,
) -> NDArray[np.floating[Any]]:
    """How the model's output changes when each base is replaced by each of the others.

        scores[n, l, b] = f(sequence n with base b at position l) - f(sequence n)

    Only what a mutation can change is computed again. Each layer's output is kept for the sequence; of a mutant,
    only the window that the mutation reaches through the layers' receptive fields is computed, up to global
    pooling or a dense layer, which combine the window with the rest of the sequence's own output.
    :func:`mutation_reach` tells how far that goes for a model: from the first layer that sees everything, or
    whose receptive field covers the sequence, mutants are computed whole. Each layer says itself what it sees
    (``Layer.reach``), your own layers too. The numbers are those of computing every mutant, to rounding.

    Parameters
    ----------
    model : Layer
        A trained model that reads one-hot sequences (batch, 4, length).
    codes : array, or letters
        Sequences as base codes; letters, in any form of ``predict``, are padded to the training's length.
    task : int, array_like or callable, optional
        As in ``saliency``; a function gets the outputs of the sequence itself, and its weights hold for all mutants.
    both_strands : bool, optional
        f is the mean of the outputs for the sequence and for its reverse complement. Left out: as the model was trained
        and predicts (``model.trained``), and the given strand alone if ``fit`` has not trained it.
    windows : bool
        False computes every mutant whole: to compare, at many times the cost.
    batch_size : int
        Mutants computed at a time.
    ambiguous : str, optional
        What becomes of ambiguous bases; as in training if left out.

    Shapes
    ------
    codes : (n, length), uint8
    scores : (n, length, 4), columns A C G T; 0 at the sequence's own base and at padding

    An ambiguous base is replaced by each of the four.

    Raises
    ------
    ValueError
        If ``codes`` is not (n >= 1, length) uint8 or letters, or the model has no such output.

    Warns
    -----
    UserWarning
        If a layer does not say what its outputs see: from there on mutants are computed whole. If strands or
        ambiguous letters are asked for otherwise than in training.

    References
    ----------
    Alipanahi et al. (2015, DeepBind), doi:10.1038/nbt.3300, mutation maps; Zhou and Troyanskaya (2015),
    doi:10.1038/nmeth.3547. Windows: Schreiber et al. (2022, Yuzu), doi:10.1093/bioinformatics/btac135, who
    compute changed positions by compressed sensing; here they are computed exactly.
    """
    read = reading_of(model, both_strands=both_strands, ambiguous=ambiguous, untrained_both=False)
    codes = read_codes(model, codes)
    checked_codes(codes, "in_silico_mutagenesis", batch_size)
    codes = np.asarray(codes)
    inner, twice = one_strand(model) if windows else (model, False)
    plan = plan_of([inner], codes.shape[1]) if windows else Plan((), None, (model,))
    plan.warn_of_silent(stacklevel=3)
    task = task_of(model, task)
    run = _Run(inner, plan, task, batch_size, read.ambiguous)
    scores = run.scores(codes)
    if read.both_strands or twice:
        run = replace(run, task=other_strand(model, task))
        scores = 0.5 * (scores + run.scores(reverse_complement(codes))[:, ::-1, ::-1])
    return scores


@dataclass(frozen=True)
class MutationReach:
    """The part of a model's computation that a mutation changes.

    Attributes
    ----------
    length_bp : int
        Of the sequence.
    steps : tuple of (str, int, int)
        For each layer, or part of one, that is computed in windows: its name, the positions of its output that
        a mutation changes at most, and the positions of its output.
    end : str
        The layer that makes vectors of the windows, ``""`` if none does.
    whole : tuple of str
        The layers that are computed whole for each mutant.
    silent : tuple of str
        Those of them that do not say what their outputs see (``Layer.reach``), which ends the windows.
    """

    length_bp: int
    steps: tuple[tuple[str, int, int], ...]
    end: str
    whole: tuple[str, ...]
    silent: tuple[str, ...] = ()

    @property
    def covers(self) -> bool:
        """Whether every mutant is computed whole: the first layers already see all of the sequence."""
        return not self.steps and not self.end

    def __str__(self) -> str:
        why = f" ({', '.join(self.silent)} does not say its reach)" if self.silent else ""
        if self.covers:
            return f"every mutant of {self.length_bp} bp is computed whole{why}"
        parts = [f"{name} {changed} of {length}" for name, changed, length in self.steps]
        parts += [self.end] if self.end else []
        return f"changed positions: {', '.join(parts)}; whole: {', '.join(self.whole) or 'nothing'}{why}"


def mutation_reach(model: Layer, length_bp: int) -> MutationReach:
    """Layers and positions that :func:`in_silico_mutagenesis` computes for a mutation in a sequence of this length.

    Examples
    --------
    >>> from genoml.nn import Conv1D, Dense, GlobalMaxPool1D, Sequential
    >>> print(mutation_reach(Sequential([Conv1D(4, 8, 5), GlobalMaxPool1D(), Dense(8, 1)]), 100))
    changed positions: Conv1D 5 of 96, GlobalMaxPool1D; whole: Dense
    """
    plan = plan_of([one_strand(model)[0]], length_bp)
    places: Places = ((length_bp // 2,), 1)
    length, found = length_bp, list[tuple[str, int, int]]()
    for step in plan.steps:
        places, length = follow([step], places, length)
        found.append((step.name, places[1], length))
    end = "" if plan.readout is None else plan.readout.name
    whole = tuple(type(layer).__name__ for layer in plan.rest)
    return MutationReach(length_bp, tuple(found), end, whole, plan.silent)


@dataclass(frozen=True)
class _Run:
    """One call of in_silico_mutagenesis: the model, its plan and the options."""

    model: Layer
    plan: Plan
    task: Task
    batch_size: int
    ambiguous: str

    def scores(self, codes: np.ndarray) -> np.ndarray:
        """f of every mutant minus f of its sequence, (n, length, 4)."""
        # a base has three others; an ambiguous one has four
        kinds = 4 if (codes > 3).any() else 3
        run = Replacements(self.model, self.plan, self.batch_size, self.ambiguous)
        scores: np.ndarray = changes_of_bases(run, changes_of(self._reader), codes, 1, kinds)[..., 0]
        # where all four bases were computed, the sequence's own differs by rounding; padding has no score
        own = np.eye(4, dtype=bool)[np.minimum(codes, 3)] & (codes < 4)[:, :, None]
        scores[own | (codes == PAD_CODE)[:, :, None]] = 0.0
        return scores

    def _reader(self, whole: Array) -> Callable[[Array], Array]:
        """Reader of the task, with the weights that hold for all mutants."""
        weights = weights_of(whole, self.task)
        return lambda outputs: score_of(outputs, weights)[:, :, None]
