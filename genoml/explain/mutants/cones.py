"""Outputs that are maps (splice maps, profiles) of a sequence and of edited copies, computed by cones.

A change of the sequence reaches 2 reach + 1 positions of a map: its forward cone. The outputs that are asked for read
as many positions before and behind them: their backward cone. Only where both meet is an edited copy computed; the rest
is the sequence's own map, which is computed once for all its edits, where the outputs read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from array_api_compat import array_namespace

from genoml.nn.layer import Layer
from genoml.sequence.encode import one_hot

__all__ = ["Edit", "TracedMaps", "trace_maps"]


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


def trace_maps(
    model: Layer, codes: np.ndarray, *, ambiguous: str = "zero", stretch: int = 10_000
) -> TracedMaps:
    """A model's maps of one sequence, from which those of edited copies are computed.

    Nothing is computed yet.

    Parameters
    ----------
    model : Layer
        (batch, 4, length) -> (batch, channels, positions).
    codes : numpy.ndarray
        (length,) uint8 base codes: a gene, with as many bases on either side as its outputs see.
    ambiguous : {"zero", "uniform", "iupac", "error"}
        What becomes of ambiguous bases.
    stretch : int
        Positions of the output for which the sequence's own maps are kept at a time.
    """
    return TracedMaps(model, codes, ambiguous, stretch)


class TracedMaps:
    """A model's maps of one sequence, and of edited copies: see :func:`trace_maps`."""

    def __init__(self, model: Layer, codes: np.ndarray, ambiguous: str, stretch: int) -> None:
        self.model = model
        self.codes = np.asarray(codes)
        self.ambiguous = ambiguous
        self.stretch = stretch

    def outputs(self, start: int, stop: int) -> np.ndarray:
        """The sequence's own outputs at the positions [start, stop), (channels, stop - start), on the host."""
        return self._whole(self.codes)[:, start:stop]

    def changed(
        self, edits: Sequence[Edit], outputs: Sequence[tuple[int, int]]
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Outputs of the sequence, and of a copy of it, for each edit.

        Edits of a gene together are computed faster than one by one: those near one another share the sequence's maps,
        and those of one width are computed as one batch.

        Parameters
        ----------
        edits : sequence of Edit
            Each changes the sequence alone.
        outputs : sequence of (start, stop)
            For each edit the positions of the output, those of ``model(sequence)``.

        Returns
        -------
        list of (own, edited)
            On the host: the outputs [start, stop) of the sequence, and [start, stop + edit.longer) of the edited copy.
            An edit that lies before or in [start, stop) so has all positions up to the same base behind it.

        Shapes
        ------
        own : (channels, stop - start);  edited : (channels, stop - start + edit.longer)

        Raises
        ------
        ValueError
            If an edit or a position lies outside of the sequence.
        """
        own = self._whole(self.codes)
        found = []
        for edit, (start, stop) in zip(edits, outputs, strict=True):
            edited = self._whole(edit.apply(self.codes))
            found.append((own[:, start:stop], edited[:, start : stop + edit.longer]))
        return found

    def _whole(self, codes: np.ndarray) -> np.ndarray:
        backend = self.model.backend
        x = one_hot(codes[None], ambiguous=self.ambiguous, dtype=self.model.dtype, backend=backend)
        y, _ = self.model.vjp(array_namespace(x).permute_dims(x, (0, 2, 1)))
        return backend.to_numpy(y)[0]
