"""Effects of variants: one number or more a task from the outputs for both alleles."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from genoml.metrics import jensen_shannon_distance
from genoml.train import Counts, Objective, Profile

#: what an effect is: by name, or a function of the outputs (n, outputs) for both alleles
EffectKind: TypeAlias = (
    Literal["difference", "log2_ratio", "profile"] | Callable[[np.ndarray, np.ndarray], Any]
)
EFFECTS = ("difference", "log2_ratio", "profile")
_PARTS = ("logfc", "jsd", "product")


class Change(NamedTuple):
    """Where the alleles lie in windows of ``length_bp``: ``ref_bp`` bases from ``at`` on become ``alt_bp``.

    The flank that both windows share is the left one, or the right one if ``right``.
    """

    at: int
    ref_bp: int
    alt_bp: int
    length_bp: int
    right: bool = False


@dataclass(frozen=True)
class Effect:
    """The effect of a variant, from a model's outputs for both alleles.

    Parameters
    ----------
    kind : {"difference", "log2_ratio", "profile"} or callable
        ``"difference"``: alternative minus reference, of logits, of the natural logarithms of rates, or of values.
        ``"log2_ratio"``: log2 of alternative over reference predictions. ``"profile"``: three columns a track,
        the log2 fold change of 1 + reads, the Jensen-Shannon distance of the shapes (square root, base 2, from 0 to
        1), and their product. A function takes the outputs (n, outputs) of both alleles and gives (n,) or (n, columns).
    objective : Objective
        Says what outputs mean.
    tasks : sequence of int
        The tasks that are scored.

    Raises
    ------
    ValueError
        For an unknown effect, or one that the objective does not have.
    """

    kind: EffectKind
    objective: Objective
    tasks: tuple[int, ...]

    def __post_init__(self) -> None:
        if not callable(self.kind) and self.kind not in EFFECTS:
            raise ValueError(f"effect expects {', '.join(EFFECTS)} or a function, got {self.kind!r}")
        if self.kind == "profile" and not isinstance(self.objective, Profile):
            raise ValueError(
                f"effect 'profile' expects a model of profiles, got {type(self.objective).__name__}"
            )

    def columns(self, names: Sequence[str]) -> list[str]:
        """Names of the columns, for the names of the tasks; of a function they are known from its result alone."""
        parts = _PARTS if self.kind == "profile" else ("effect",)
        return [f"{part}_{name}" if name else part for name in names for part in parts]

    def __call__(self, reference: np.ndarray, alternative: np.ndarray, change: Change) -> np.ndarray:
        """The effects (n, columns) of outputs (n, outputs) for both alleles, float64."""
        if callable(self.kind):
            found = np.asarray(self.kind(reference, alternative), np.float64)
            if found.ndim not in (1, 2) or len(found) != len(reference):
                raise ValueError(
                    f"effect expects ({len(reference)},) or ({len(reference)}, columns), got {found.shape}"
                )
            return found.reshape(len(reference), -1)
        pair = reference.astype(np.float64), alternative.astype(np.float64)
        if self.kind == "profile":
            return self._of_profiles(*pair, change)
        if self.kind == "log2_ratio":
            below, above = (self.objective.numbers(outputs)[:, self.tasks] for outputs in pair)
            if (below <= 0).any() or (above <= 0).any():
                raise ValueError("effect 'log2_ratio' expects predictions above 0; take effect 'difference'")
            return np.asarray(np.log2(above / below))
        before, after = (self._linear(outputs)[:, self.tasks] for outputs in pair)
        return np.asarray(after - before)

    def as_written(
        self, reference: np.ndarray, alternative: np.ndarray, change: Change, turned: np.ndarray
    ) -> np.ndarray:
        """Effects of ALT against REF as a file has them, where ``turned`` says that ALT is the genome's allele.

        Shapes
        ------
        reference, alternative : (n, outputs), of the genome's allele and of the other
        turned : (n,) bool
        """
        found = self(reference, alternative, change)
        if not turned.any():
            return found
        if self.kind == "profile":  # a distance has no sign
            signs = np.tile([-1.0, 1.0, -1.0], len(self.tasks))
            return np.where(turned[:, None], found * signs, found)
        return np.where(turned[:, None], self(alternative, reference, change), found)

    def _linear(self, outputs: np.ndarray) -> np.ndarray:
        """Outputs on the scale on which a network adds: logits, logarithms, values."""
        logits = self.objective.logits(outputs)
        if logits is not None:
            return logits
        if isinstance(self.objective, Counts):
            return np.asarray(np.log(self.objective.numbers(outputs)))
        if isinstance(self.objective, Profile):
            return np.asarray(np.log1p(self.objective.numbers(outputs)))
        return self.objective.numbers(outputs)

    def _of_profiles(self, reference: np.ndarray, alternative: np.ndarray, change: Change) -> np.ndarray:
        before, after = self._linear(reference), self._linear(alternative)
        shapes = [self.objective.predictions(outputs) for outputs in (reference, alternative)]
        distance = jensen_shannon_distance(*_aligned(shapes[0], shapes[1], change)) / math.sqrt(math.log(2.0))
        # a profile without reads has no shape
        distance = np.where(np.isnan(distance), 0.0, distance)
        change_of_counts = (after - before) / math.log(2.0)
        found = np.stack([change_of_counts, distance, change_of_counts * distance], axis=2)[:, self.tasks]
        return found.reshape(len(found), -1)


def _aligned(reference: np.ndarray, alternative: np.ndarray, change: Change) -> tuple[np.ndarray, np.ndarray]:
    """Profiles (n, tracks, positions) of both alleles by the positions of the reference.

    Inserted positions are added to the base before them; deleted ones are 0 in the alternative. Positions that only one
    of the windows holds, at the end that is filled up, are 0 in both.
    """
    longer = change.alt_bp - change.ref_bp
    if not longer:
        return reference, alternative
    positions = reference.shape[2]
    offset = (change.length_bp - positions) // 2
    at = change.at - offset  # of the first changed position in the reference's profile
    first = at - longer if change.right else at  # in the alternative's
    kept = min(change.ref_bp, change.alt_bp)
    turned = np.zeros_like(alternative)
    known = np.zeros(positions, bool)

    def copy(start: int, stop: int, shift: int) -> None:
        """Positions [start, stop) of the alternative, which lie ``shift`` further right in the reference."""
        start, stop = max(start, 0, -shift), min(stop, positions, positions - shift)
        if start < stop:
            turned[:, :, start + shift : stop + shift] = alternative[:, :, start:stop]
            known[start + shift : stop + shift] = True

    copy(0, first + kept, at - first)
    copy(first + change.alt_bp, positions, at - first - longer)
    inserted = slice(max(first + kept, 0), max(first + change.alt_bp, 0))
    before = min(max(at + kept - 1, 0), positions - 1)
    if longer > 0 and 0 <= at + kept - 1 < positions:
        turned[:, :, before] += alternative[:, :, inserted].sum(axis=2)
    deleted = slice(max(at + kept, 0), max(at + change.ref_bp, 0))
    known[deleted] = True
    return np.where(known, reference, 0.0), turned
