"""Outputs that are maps (splice maps, profiles) of a sequence and of edited copies, computed by cones.

A change of the sequence reaches 2 reach + 1 positions of a map: its forward cone. The outputs that are asked for read
as many positions before and behind them: their backward cone. Only where both meet is an edited copy computed; the rest
is the sequence's own map, which is computed once for all its edits, where the outputs read it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from genoml.arguments import Count, checked
from genoml.backend import Array
from genoml.explain.mutants.geometry import Cone, Stretch, needs
from genoml.explain.mutants.plans import Edit, Plans
from genoml.explain.mutants.stretches import NotKeptError, OwnMaps, edited_outputs, trace
from genoml.nn.layer import Layer
from genoml.parallel import Threads
from genoml.sequence.encode import one_hot

__all__ = ["Edit", "TracedMaps", "trace_maps"]


@checked
def trace_maps(
    model: Layer, codes: np.ndarray, *, ambiguous: str = "zero", stretch: Count = 10_000
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
        Positions of the output for which the sequence's own maps are kept at a time: for SpliceAI's network 100 MB.

    Raises
    ------
    ValueError
        If ``codes`` is not (length,) uint8.
    """
    return TracedMaps(model, codes, ambiguous, stretch)


#: positions of all windows of a batch together, in the widest map
_BATCH_POSITIONS = 1 << 14


class TracedMaps:
    """A model's maps of one sequence, and of edited copies: see :func:`trace_maps`."""

    def __init__(
        self, model: Layer, codes: np.ndarray, ambiguous: str, stretch: int, plans: Plans | None = None
    ) -> None:
        self.model = model
        self.stretch = stretch
        self._options: dict[str, Any] = {"dtype": model.dtype, "backend": model.backend}
        self._options["ambiguous"] = ambiguous
        self.codes = np.asarray(codes)
        if self.codes.ndim != 1 or self.codes.dtype != np.uint8:
            raise ValueError(
                f"trace_maps expects codes (length,) uint8, got {self.codes.shape} {self.codes.dtype}"
            )
        length = len(self.codes)
        self._plans = plans if plans is not None and plans.length == length else Plans(model, length)
        self._own: OwnMaps | None = None

    def on(self, codes: np.ndarray) -> TracedMaps:
        """The maps of another sequence by the same model; of the same length, nothing is planned anew.

        For the same weights: after a training, begin with :func:`trace_maps`.
        """
        return TracedMaps(self.model, codes, self._options["ambiguous"], self.stretch, self._plans)

    @property
    def positions(self) -> int | None:
        """Positions of the output; None if it is no map."""
        return self._plans.network(0).lengths[-1]

    def outputs(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """The sequence's own outputs at the positions [start, stop), (channels, stop - start), on the host.

        Raises
        ------
        ValueError
            If they lie outside of the output.
        """
        count = self.positions
        start, stop = self._checked((start, (count or 0) if stop is None else stop), 0)
        firsts = range(start, stop, self.stretch) if count is not None else range(1)
        parts = [self._own_outputs(first, min(first + self.stretch, stop)) for first in firsts]
        return np.concatenate(parts, axis=-1) if parts else self._own_outputs(start, stop)

    def changed(
        self, edits: Sequence[Edit], outputs: Sequence[Stretch] | None = None
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Outputs of the sequence, and of a copy of it, for each edit.

        Edits of a gene together are computed faster than one by one: those near one another share the sequence's maps,
        and those of one width are computed as one batch. The numbers are those of ``model(sequence)`` and
        ``model(edited sequence)``, to rounding.

        Parameters
        ----------
        edits : sequence of Edit
            Each changes the sequence alone.
        outputs : sequence of (start, stop), optional
            For each edit the positions of the output, those of ``model(sequence)``; left out, all of them.

        Returns
        -------
        list of (own, edited)
            On the host: the outputs [start, stop) of the sequence, and [start, stop + edit.longer) of the edited copy.
            An edit that lies before or in [start, stop) so has all positions up to the same base behind it. Of a model
            whose output is no map, the whole output.

        Shapes
        ------
        own : (channels, stop - start);  edited : (channels, stop - start + edit.longer)

        Raises
        ------
        ValueError
            If an edit or a position lies outside of the sequence.
        """
        asked = [(0, self.positions or 0)] * len(edits) if outputs is None else list(outputs)
        if len(asked) != len(edits):
            raise ValueError(f"changed expects outputs for {len(edits)} edits, got {len(asked)}")
        for number, edit in enumerate(edits):
            end = edit.position + edit.removed
            if not 0 <= edit.position <= end <= len(self.codes):
                raise ValueError(
                    f"edit {number} expects bases of 0 to {len(self.codes)}, got {edit.position} to {end}"
                )
            asked[number] = self._checked(asked[number], self._plans.longer(edit))
        found: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        copies: dict[int, np.ndarray] = {}
        backend = self.model.backend
        with backend.computing(), Threads(backend.threads) as threads:
            for stretch, numbers in self._clusters(edits, asked):
                own = self._trace(*stretch)
                tasks = {number: (edits[number], asked[number]) for number in numbers}
                batches = self._batches(tasks)
                work = partial(self._fill, copies, own, tasks, batches)
                threads.workers.share_out(work, len(batches))
                whole = self._own_outputs(*stretch)  # read once for all its edits
                for number in numbers:
                    start, stop = (at - stretch[0] for at in asked[number])
                    found[number] = (
                        whole if self.positions is None else whole[:, start:stop],
                        copies.pop(number),
                    )
        return [found[number] for number in range(len(edits))]

    # ------------------------------------------------------------ the sequence itself

    def _checked(self, outputs: Stretch, longer: int) -> Stretch:
        """A stretch of the output, which must lie in it, and be there after an edit too."""
        (start, stop), count = outputs, self.positions
        if count is None:
            return 0, 0
        if not 0 <= start < min(stop, stop + longer) or max(stop, start) > count:
            left = f" that a deletion of {-longer} leaves" if longer < 0 else ""
            raise ValueError(f"trace_maps expects outputs in 0 to {count}{left}, got {start} to {stop}")
        return start, stop

    def _rows(self, codes: np.ndarray, start: int, stop: int) -> Array:
        return one_hot(codes[None, start:stop], **self._options)

    def _trace(self, start: int, stop: int) -> OwnMaps:
        """The sequence's own maps for these outputs: those that are there, if they hold them."""
        if self._own is None or not self._own.holds((start, stop)):
            self._own = None  # let go first
            self._own = trace(
                self._plans.network(0), lambda a, b: self._rows(self.codes, a, b), (start, stop)
            )
        return self._own

    def _own_outputs(self, start: int, stop: int) -> np.ndarray:
        """The sequence's own outputs on the host."""
        found: np.ndarray = self.model.backend.to_numpy(self._trace(start, stop).outputs(start, stop))[0]
        return found

    # ------------------------------------------------------------ edited copies

    def _clusters(
        self, edits: Sequence[Edit], asked: Sequence[Stretch]
    ) -> Iterator[tuple[Stretch, list[int]]]:
        """Edits whose outputs are near one another, and the stretch of own outputs that they need.

        A stretch goes on while the gap to the next outputs costs less than what another stretch reads around itself.
        """
        count, numbers = self.positions or 0, list[int]()
        start, stop = 0, 0
        for number in sorted(range(len(edits)), key=lambda number: asked[number]):
            spare = max(self._plans.longer(edits[number]), 0)
            low, high = max(asked[number][0] - spare, 0), min(asked[number][1] + spare, count)
            if numbers and (low > stop + self._around(low, high) or max(stop, high) - start > self.stretch):
                yield (start, stop), numbers
                numbers = []
            start, stop = (min(start, low), max(stop, high)) if numbers else (low, high)
            numbers.append(number)
        if numbers:
            yield (start, stop), numbers

    def _around(self, start: int, stop: int) -> int:
        """Half the positions of the input that outputs read beside their own."""
        first, last = needs(self._plans.network(0), (start, stop))[0] or (0, 0)
        return max((last - first) - (stop - start), 0) // 2

    def _batches(self, edits: dict[int, tuple[Edit, Stretch]]) -> list[tuple[Cone, list[int]]]:
        """Edits with cones alike, by number, in batches."""
        alike = dict[int, tuple[Cone, list[int]]]()
        for number, (edit, outputs) in edits.items():
            cone = self._plans.cone(edit, outputs)
            alike.setdefault(id(cone), (cone, []))[1].append(number)
        found = []
        for cone, numbers in alike.values():
            widths = [own.stop - own.start for own in cone.computed if own is not None]
            size = max(_BATCH_POSITIONS // max(*widths, 1, 1), 1)
            found += [(cone, numbers[at : at + size]) for at in range(0, len(numbers), size)]
        return found

    def _fill(
        self,
        found: dict[int, np.ndarray],
        own: OwnMaps,
        tasks: dict[int, tuple[Edit, Stretch]],
        batches: list[tuple[Cone, list[int]]],
        first: int,
        last: int,
    ) -> None:
        """Compute some batches of edited copies."""
        for cone, numbers in batches[first:last]:
            edits = [tasks[number][0] for number in numbers]
            network = self._plans.network(edits[0].longer)
            bases = one_hot(np.stack([edit.bases for edit in edits]), **self._options)
            try:
                y = edited_outputs(network, own, cone, bases, [edit.position for edit in edits])
                copies = list(self.model.backend.to_numpy(y))
            except NotKeptError:
                copies = [self._apart(*tasks[number]) for number in numbers]
            found |= zip(numbers, copies, strict=True)

    def _apart(self, edit: Edit, outputs: Stretch) -> np.ndarray:
        """The outputs of an edited copy, computed without the sequence's own maps."""
        codes, (start, stop) = edit.apply(self.codes), outputs
        asked = start, stop + self._plans.longer(edit)
        own = trace(self._plans.network(edit.longer), lambda a, b: self._rows(codes, a, b), asked)
        found: np.ndarray = self.model.backend.to_numpy(own.outputs(*asked))[0]
        return found
