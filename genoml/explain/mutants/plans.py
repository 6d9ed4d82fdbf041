"""Edits of a sequence, and what a network computes for them: planned once for edits alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genoml.explain.mutants.geometry import Cone, Stretch, cone_of
from genoml.explain.mutants.operations import Network, network_of
from genoml.explain.mutants.steps import Evaluated

__all__ = ["Edit", "Plans"]

#: shapes of edits whose cones are kept
_CONES = 64


@dataclass(frozen=True, eq=False)
class Edit:
    """A change of a sequence: ``bases`` take the place of its bases [position, position + removed).

    A substitution has as many bases as it removes; an insertion removes none, a deletion has none.

    Shapes
    ------
    bases : (n,), uint8 base codes
    """

    position: int
    removed: int
    bases: np.ndarray

    @property
    def longer(self) -> int:
        """Bases by which the edited sequence is longer; below 0, shorter."""
        return len(self.bases) - self.removed

    def apply(self, codes: np.ndarray) -> np.ndarray:
        """The edited sequence."""
        return np.concatenate([codes[: self.position], self.bases, codes[self.position + self.removed :]])


class Plans:
    """A network's operations at the lengths that edits make of one length, and the cones of edits."""

    def __init__(self, model: Evaluated, length: int) -> None:
        self.length = length
        self._model = model
        self._networks = {0: network_of(model, length)}
        self._cones: dict[tuple[int, ...], list[Cone]] = {}

    def network(self, longer: int) -> Network:
        """The operations for a sequence with so many bases more."""
        if longer not in self._networks:
            made = network_of(self._model, self.length + longer)
            self._networks[longer] = made.with_kernels_of(self._networks[0])
        return self._networks[longer]

    def longer(self, edit: Edit) -> int:
        """By how many positions the output is longer after an edit."""
        return (self.network(edit.longer).lengths[-1] or 0) - (self._networks[0].lengths[-1] or 0)

    def cone(self, edit: Edit, outputs: Stretch) -> Cone:
        """The cone of an edit, or one alike that lies elsewhere."""
        start, stop = outputs[0] - edit.position, outputs[1] - edit.position
        key = edit.longer, len(edit.bases), start, stop
        known = self._cones.pop(key, [])
        for cone in known:
            if -cone.room[0] <= edit.position - cone.position <= cone.room[1]:
                break
        else:
            new = edit.position, edit.position + len(edit.bases)
            networks = self._networks[0], self.network(edit.longer)
            cone = cone_of(*networks, new, edit.longer, (outputs[0], outputs[1] + self.longer(edit)))
            known = [cone, *known[:1]]
        self._cones[key] = known  # the last one that was used
        if len(self._cones) > _CONES:
            del self._cones[next(iter(self._cones))]
        return cone
