"""A batch of a training step, of which a step has one or several."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genoml.backend import Array
from genoml.data.dataset import Rows
from genoml.parallel import Part


@dataclass(frozen=True)
class Batch:
    """A batch of a step, which has one, or several (``FitOptions.accumulate``).

    Attributes
    ----------
    index : (n,) int
        Positions in the data of all examples of the step.
    place : (start, stop)
        Which of these are the batch's.
    rows : Rows
        This rank's examples of the batch.
    input : array, optional
        Made of them on the device; None where the device queues its work, since encoding then takes no time.
    labels : int
        Number of the step's labels that are known; without a mask, of its examples.
    """

    index: np.ndarray
    place: tuple[int, int]
    rows: Rows
    input: Array | None
    labels: int

    @property
    def is_first(self) -> bool:
        """Whether a step begins with it."""
        return self.place[0] == 0

    @property
    def part(self) -> Part:
        """Where the batch stands in its step."""
        start, stop = self.place
        return Part(ranges=(self.place,), total=len(self.index), size=stop - start)

    @property
    def is_last(self) -> bool:
        """Whether it completes a step."""
        return self.place[1] == len(self.index)


def labels_in(rows: Rows) -> int:
    """Number of labels that are known; without a mask, of examples."""
    return int(np.count_nonzero(rows.extras["mask"])) if "mask" in rows.extras else len(rows.targets)
