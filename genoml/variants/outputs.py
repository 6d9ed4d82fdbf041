"""A model's outputs for windows of the reference, and for the same windows with changed bases.

The maps of a window are computed once; of a changed window only what the change reaches is computed, by the steps of
in-silico mutagenesis (``genoml.explain.mutants``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from genoml.explain.mutants.plan import Plan, plan_of
from genoml.explain.mutants.readout import Maximum
from genoml.explain.mutants.windows import Changed
from genoml.explain.replacements import one_strand
from genoml.nn.layer import Layer
from genoml.ops.windows import Places
from genoml.parallel import Threads
from genoml.sequence.encode import one_hot
from genoml.sequence.strand import reverse_complement
from genoml.train.predict import finite_outputs, refuse_nan
from genoml.train.trained import Trained

#: windows in whose place the maps of one cost as much, where a convolution and its maximum are one operation
_FEW = 4


def _is_worth(plan: Plan, count: int) -> bool:
    """Whether maps of the reference and ``count`` changes in them cost less than all of these windows whole."""
    one_operation = isinstance(plan.readout, Maximum) and len(plan.steps) == 1
    return plan.changes_less and not (one_operation and count < _FEW)


@dataclass
class Outputs:
    """Outputs of a model, the mean of both strands if it reads both.

    Parameters
    ----------
    model : Layer
        The model.
    read : Trained
        How it reads sequences.
    threads : Threads
        Share out batches.
    batch_size : int
        Windows computed at a time.
    windows : bool
        False computes every changed window whole.
    """

    model: Layer
    read: Trained
    threads: Threads
    batch_size: int = 256
    windows: bool = True
    _plans: dict[tuple[int, Places], Plan] = field(default_factory=dict)

    def whole(self, codes: np.ndarray) -> np.ndarray:
        """Outputs (n, outputs) for windows (n, length)."""
        return finite_outputs(
            self.model, codes, batch_size=self.batch_size, threads=self.threads,
            both_strands=self.read.both_strands, ambiguous=self.read.ambiguous,
        )  # fmt: skip

    def of_alleles(
        self, codes: np.ndarray, starts: tuple[int, ...], alts: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Outputs for windows, and for each with other bases at one place of several.

        Shapes
        ------
        codes : (n, length) uint8
        starts : P places, the same in all windows
        alts : (n, A, P, width) uint8: A alternatives of each place
        result : (n, outputs), (n A P, outputs)
        """
        n, kinds, count, width = alts.shape
        if not _is_worth(self._plan(codes.shape[1], (starts, width)), kinds * count):
            changed = np.repeat(codes, kinds * count, axis=0).reshape(n, kinds, count, -1)
            for place, start in enumerate(starts):
                changed[:, :, place, start : start + width] = alts[:, :, place]
            both = self.whole(np.concatenate([codes, changed.reshape(n * kinds * count, -1)]))
            return both[:n], both[n:]
        reference, alternative = self._batches(codes, starts, alts)
        if self.read.both_strands or one_strand(self.model)[1]:
            turned = tuple(codes.shape[1] - start - width for start in starts)
            other = self._batches(reverse_complement(codes), turned, reverse_complement(alts))
            turn: Any = self.read.objective.turned
            reference, alternative = 0.5 * (reference + turn(other[0])), 0.5 * (alternative + turn(other[1]))
        refuse_nan(alternative)
        return reference, alternative

    def _plan(self, length: int, places: Places) -> Plan:
        if not self.windows:
            return Plan((), None, ())
        key = (length, ((places[0][len(places[0]) // 2],), places[1]))
        if key not in self._plans:
            self._plans[key] = plan_of([one_strand(self.model)[0]], *key)
        return self._plans[key]

    def _batches(
        self, codes: np.ndarray, starts: tuple[int, ...], alts: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Outputs of one strand."""
        n, kinds, count, width = alts.shape
        size = max(1, self.batch_size // max(2, kinds * count))
        plan, model = self._plan(codes.shape[1], (starts, width)), self.model
        options: dict[str, Any] = {"dtype": model.dtype, "backend": model.backend}
        parts: list[tuple[np.ndarray, np.ndarray] | None] = [None] * -(-n // size)

        def compute(first: int, last: int) -> None:
            for batch in range(first, last):
                rows = slice(batch * size, (batch + 1) * size)
                x = one_hot(codes[rows], ambiguous=self.read.ambiguous, **options)
                whole, outputs = plan.trace(x)
                values = one_hot(alts[rows].reshape(-1, width), **options)
                changed = outputs(Changed(x, (starts, width), kinds, values))
                parts[batch] = model.backend.to_numpy(whole), model.backend.to_numpy(changed)

        model.draw()  # before the threads, which would draw one each
        with model.backend.computing():
            self.threads.workers.share_out(compute, len(parts))
        reference, alternative = zip(*(part for part in parts if part is not None), strict=True)
        return np.concatenate(reference), np.concatenate(alternative)
