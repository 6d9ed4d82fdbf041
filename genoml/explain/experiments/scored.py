"""A model's output f for sequences, and for the same sequences with other bases in windows of them.

The sequences' maps are computed once, and of a changed sequence only the windows that the change reaches, by the steps
of in-silico mutagenesis (``genoml.explain.mutants``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from array_api_compat import array_namespace
from array_api_compat import device as device_of
from numpy.typing import ArrayLike, NDArray

from genoml.backend import Array
from genoml.data import Codes
from genoml.explain.mutants.plan import Plan, plan_of
from genoml.explain.replacements import Replacements, one_strand
from genoml.explain.saliency import checked_codes
from genoml.explain.tasks import Task, other_strand, score_of, task_of, weights_of
from genoml.nn.layer import Layer
from genoml.sequence.alphabet import PAD_CODE
from genoml.sequence.codes import Sequences, holds_letters
from genoml.sequence.strand import reverse_complement
from genoml.train.predict import encode_batch, refuse_nan
from genoml.train.trained import read_codes, reading_of

__all__ = ["ScoredSequences"]

#: changes of a sequence that are computed together, where there are sequences enough to fill a batch
_FEW_CHANGES = 64
#: whole sequences that a processor computes together
_WHOLE = 64
#: rounding of f, in units of its precision
_ROUNDING = 64


@dataclass(frozen=True)
class _Strand:
    """Whether it is the other strand, and the outputs' weights (n, outputs)."""

    turned: bool
    weights: Array


class ScoredSequences:
    """f of sequences, and of copies with other bases in windows.

    Parameters
    ----------
    model, sequences, task, both_strands, ambiguous, batch_size, windows
        As in ``marginalise``. The weights that a function makes of a sequence's outputs hold for its copies.
    what : str
        The function that is called, for messages.

    Attributes
    ----------
    codes : array of shape (n, length)
        The sequences.
    own : array of shape (n,)
        f of each.
    ahead, lengths : arrays of shape (n,)
        Padding before the letters that were given, and their number; of codes 0, and all.
    """

    def __init__(
        self, model: Layer, sequences: Sequences | Codes, what: str, *, task: Task | None = None,
        both_strands: bool | None = None, ambiguous: str | None = None, batch_size: int = 512, windows: bool = True,
    ) -> None:  # fmt: skip
        read = reading_of(model, both_strands=both_strands, ambiguous=ambiguous, untrained_both=False)
        self.codes: NDArray[np.uint8] = np.asarray(read_codes(model, sequences))
        checked_codes(self.codes, what, batch_size)
        inside = (self.codes != PAD_CODE) | (not holds_letters(sequences))
        self.ahead, self.lengths = inside.argmax(axis=1), inside.sum(axis=1)
        self._model, twice = one_strand(model) if windows else (model, False)
        self._batch, self._windows = batch_size, windows
        self._ambiguous = read.ambiguous
        self._plans: dict[int, Plan] = {}
        model.draw()  # before threads, which would draw one each
        task = task_of(model, task)
        tasks = [task, other_strand(model, task)] if read.both_strands or twice else [task]
        found = [self._read_strand(turned, own) for turned, own in zip((False, True), tasks, strict=False)]
        self._strands = [strand for strand, _ in found]
        self.own = _mean([scores for _, scores in found])
        refuse_nan(self.own[:, None])

    def replaced(
        self, starts: Sequence[int], bases: NDArray[np.uint8], *, rows: ArrayLike | None = None,
        within: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.float64]:  # fmt: skip
        """f of copies with other bases in one of several windows, (n, A, P).

        Parameters
        ----------
        starts : sequence of int
            Where windows begin, the same in all sequences.
        bases : array
            What the windows hold, A alternatives of each; the first axis may have 1, for all sequences.
        rows : array of int, optional
            Which sequences; all if None.
        within : array, optional
            Sequences (n, length) that take the place of these; the outputs' weights remain those of these.

        Shapes
        ------
        starts : (P,);  bases : (n or 1, A, P, width)
        """
        chosen = np.arange(len(self.codes)) if rows is None else np.asarray(rows)
        codes = self.codes[chosen] if within is None else within
        parts = []
        for strand in self._strands:
            places, given, own = np.asarray(starts), bases, codes
            if strand.turned:
                places = codes.shape[1] - places - bases.shape[3]
                given, own = reverse_complement(bases), reverse_complement(codes)
            xp = array_namespace(strand.weights)
            index = xp.asarray(chosen, dtype=xp.int32, device=device_of(strand.weights))
            weights = xp.take(strand.weights, index, axis=0)
            parts.append(self._replaced(own, weights, places, given))
        return _mean(parts)

    def rounding(self, found: np.ndarray) -> float:
        """How far apart two f may be that are the same number."""
        return _ROUNDING * float(np.finfo(self._model.dtype).eps * np.abs(found).max())

    def _read_strand(self, turned: bool, task: Task) -> tuple[_Strand, NDArray[np.float64]]:
        """Weights of the outputs, and f of the sequences themselves."""
        backend, weights, scores = self._model.backend, list[Array](), list[np.ndarray]()
        codes = reverse_complement(self.codes) if turned else self.codes
        with backend.computing():
            for start in range(0, len(codes), self._batch):
                x = encode_batch(
                    codes[start : start + self._batch], backend, self._model.dtype, self._ambiguous
                )
                outputs, _ = self._model.vjp(x)
                weights.append(weights_of(outputs, task))
                scores.append(backend.to_numpy(score_of(outputs, weights[-1])[:, 0]))
        xp = array_namespace(weights[0])
        return _Strand(turned, xp.concat(weights, axis=0)), np.concatenate(scores).astype(np.float64)

    def _replaced(
        self, codes: np.ndarray, weights: Array, starts: np.ndarray, bases: np.ndarray
    ) -> NDArray[np.float64]:
        n, (kinds, count) = len(codes), bases.shape[1:3]
        found = np.empty((n, kinds, count))

        def reader(rows: slice, whole: Array) -> Callable[[Array], Array]:
            return lambda outputs: score_of(outputs, weights[rows, :])

        def write(rows: slice, some: slice, places: np.ndarray, scores: np.ndarray) -> None:
            found[rows, some, places] = scores[..., 0]

        plan = self._plan(bases.shape[3])
        whole = not (plan.changes_less or self._model.backend.asynchronous)
        run = Replacements(
            self._model, plan, min(self._batch, _WHOLE) if whole else self._batch, self._ambiguous
        )
        run.compute(
            codes, starts, (kinds, bases.shape[3]),
            lambda rows, some, places: (bases if len(bases) == 1 else bases[rows])[:, some][:, :, places],
            reader, write, min(kinds * count, _FEW_CHANGES),
        )  # fmt: skip
        refuse_nan(found.reshape(-1, 1))
        return found

    def _plan(self, width: int) -> Plan:
        if not self._windows:
            return Plan((), None, (self._model,))
        if width not in self._plans:
            middle = (self.codes.shape[1] - width) // 2
            plan = plan_of([self._model], self.codes.shape[1], ((middle,), width))
            if not self._plans:
                plan.warn_of_silent(stacklevel=7)
            self._plans[width] = plan
        return self._plans[width]


def _mean(parts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    return parts[0] if len(parts) == 1 else 0.5 * (parts[0] + parts[1])
