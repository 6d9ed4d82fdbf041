"""What mutants change in a layer's map, held as windows beside the map of the sequence that they mutate.

A mutation at position i changes a map only where the layers so far could see it: in [start, start + width).
Positions that lie ``modulus`` apart, the product of the strides, have windows of one width, each ``step``
further on than the one before; so all mutants of a row of such positions are one array, and what follows is
slices and matrix products.

Maps are channels-last here, (n, length, channels); the windows of A mutants at each of P positions are
(n A P, width, channels), in that order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array
from genoml.ops.arrays import pad_axis

__all__ = ["Changed", "Window"]


@dataclass(frozen=True)
class Window:
    """The positions of a map that may differ: [start, start + width) for the first of a row of mutations.

    ``start`` may lie before the map and the end behind it, as a convolution's reach does; ``step`` is how much
    further on the window of the next mutation lies, and ``count`` how many there are.
    """

    start: int
    width: int
    step: int
    count: int = 1

    @property
    def stop(self) -> int:
        """The position behind the last of the first window."""
        return self.start + self.width

    def starts(self) -> np.ndarray:
        """The first position of each window of the row."""
        return self.start + self.step * np.arange(self.count)

    def moved(self, before: int) -> Window:
        """The same in a map that lacks the first ``before`` positions."""
        return replace(self, start=self.start - before)

    def read_by(self, size: int, stride: int = 1, dilation: int = 1, before: int = 0) -> Window:
        """The outputs that read it, where output l reads inputs l stride - before + k dilation, k < size.

        Those are the l from ceil((start + before - (size - 1) dilation) / stride) to
        floor((stop - 1 + before) / stride).
        """
        first = -(-(self.start + before - (size - 1) * dilation) // stride)
        last = (self.stop - 1 + before) // stride
        return Window(first, max(last - first + 1, 1), self.step // stride, self.count)

    def within(self, length: int) -> Window:
        """Without what lies outside a map of this length for every mutation of the row; a position at least."""
        before = max(-(self.start + self.step * (self.count - 1)), 0)
        behind = max(self.stop - length, 0)
        if before + behind >= self.width:
            return replace(self, width=1)
        return replace(self, start=self.start + before, width=self.width - before - behind)

    def inputs(self, size: int, stride: int) -> Window:
        """What these outputs of windows of ``size`` positions read."""
        width = (self.width - 1) * stride + size
        return Window(self.start * stride, width, self.step * stride, self.count)

    def hull(self, other: Window) -> Window:
        """The smallest window that holds both."""
        start = min(self.start, other.start)
        return replace(self, start=start, width=max(self.stop, other.stop) - start)


class Changed:
    """The maps of mutants behind a layer: the reference's, and how they differ from it in a window.

    Held as differences or as values, whichever the last layer gave; the other is made when asked for.

    Parameters
    ----------
    whole : array
        The reference's map.
    window : Window
        Where the mutants differ from it.
    kinds : int
        Mutants of each sequence at a position, A.
    delta, values : array
        One of them.
    make : callable
        Or what makes the differences in any window.
    clean : bool
        Whether what is given differs from the reference by nothing outside the map; else it may be anything.

    Shapes
    ------
    whole : (n, length, channels);  delta, values : (n A P, width, channels)
    """

    def __init__(
        self,
        whole: Array,
        window: Window,
        kinds: int,
        *,
        delta: Array | None = None,
        values: Array | None = None,
        make: Callable[[Window], Array] | None = None,
        clean: bool = True,
    ) -> None:
        self.whole, self.window, self.kinds, self.clean = whole, window, kinds, clean
        self._delta, self._values, self._make = delta, values, make
        self._clean_delta: Array | None = delta if clean else None

    @property
    def counts(self) -> tuple[int, int, int]:
        """Sequences, mutants of each at a position, and positions: (n, A, P)."""
        return int(self.whole.shape[0]), self.kinds, self.window.count

    @property
    def length(self) -> int:
        """That of the map."""
        return int(self.whole.shape[1])

    def outside(self) -> Array | None:
        """True (1, 1, P, width, 1) where a window leaves the map; None if none does."""
        outside = _places(self.window, self.length)[1]
        if outside is None:
            return None
        xp, device = array_namespace(self.whole), device_of(self.whole)
        return xp.asarray(outside[None, None, :, :, None], dtype=xp.bool, device=device)

    def reference(self) -> Array:
        """The reference in each window, (n, 1, P, width, channels); at its ends outside the map."""
        xp, (n, length, channels) = array_namespace(self.whole), self.whole.shape
        places, _ = _places(self.window, length)
        index = xp.asarray(places, dtype=xp.int64, device=device_of(self.whole))
        found = xp.take(self.whole, index, axis=1)
        return xp.reshape(found, (n, 1, self.window.count, self.window.width, channels))

    def _apart(self, windows: Array) -> Array:
        return array_namespace(windows).reshape(windows, (*self.counts, *windows.shape[1:]))

    def _joined(self, windows: Array) -> Array:
        n, a, p = self.counts
        return array_namespace(windows).reshape(windows, (n * a * p, *windows.shape[3:]))

    def values(self) -> Array:
        """The mutants' maps in their windows."""
        if self._values is None:
            self._values = self._joined(self._apart(self._difference()) + self.reference())
        return self._values

    def _difference(self) -> Array:
        """Mutant minus reference, whatever is outside the map."""
        if self._delta is None and self._make is not None:
            self._delta = self._make(self.window)
        elif self._delta is None:
            self._delta = self._joined(self._apart(self._values) - self.reference())
        return self._delta

    def delta(self) -> Array:
        """Mutant minus reference, zero outside the map."""
        if self._clean_delta is None:
            delta = self._difference()
            self._clean_delta = delta if self.clean else self._filled(delta, 0.0)
        return self._clean_delta

    def sums(self) -> Array:
        """The sum of the differences over each window, (n A P, channels)."""
        xp = array_namespace(self.whole)
        if self._clean_delta is not None or self._values is None:
            return xp.sum(self.delta(), axis=1)
        # the reference's sum serves all mutants of a position
        reference, outside = self.reference(), self.outside()
        if outside is not None:
            zero = xp.zeros((), dtype=reference.dtype, device=device_of(reference))
            reference = xp.where(outside, zero, reference)
        own = xp.sum(self.filled_values(0.0), axis=1)
        return self._joined(self._apart(own) - xp.sum(reference, axis=3))

    def filled_values(self, fill: float) -> Array:
        """The mutants' maps in their windows, ``fill`` outside the map."""
        return self._filled(self.values(), fill)

    def _filled(self, windows: Array, fill: float) -> Array:
        xp, outside = array_namespace(windows), self.outside()
        if outside is None:
            return windows
        constant = xp.full((), fill, dtype=windows.dtype, device=device_of(windows))
        return self._joined(xp.where(outside, constant, self._apart(windows)))

    def at(self, window: Window) -> Changed:
        """The same seen through another window; what that does not hold is left out."""
        left, right = self.window.start - window.start, window.stop - self.window.stop
        if left == right == 0:
            return self
        if self._make is not None and self._delta is None:
            return Changed(self.whole, window, self.kinds, make=self._make, clean=self.clean)
        delta = self.delta()[:, max(-left, 0) : self.window.width - max(-right, 0), :]
        delta = pad_axis(delta, max(left, 0), max(right, 0))
        return Changed(self.whole, window, self.kinds, delta=delta)

    def followed(self, whole: Array, window: Window, **windows: Any) -> Changed:
        """Behind the next layer, whose windows may hold anything outside the map."""
        return Changed(whole, window, self.kinds, clean=False, **windows)

    def materialise(self) -> Array:
        """The mutants' maps whole, (n A P, length, channels)."""
        xp, (n, a, p), width = array_namespace(self.whole), self.counts, self.window.width
        channels = self.whole.shape[2]
        rows = xp.reshape(self.delta(), (n * a, p * width, channels))
        rows = pad_axis(rows, 0, 1)  # the row of zeros that positions outside the windows take
        inside = np.arange(self.length)[None, :] - self.window.starts()[:, None]
        rows_of = np.where(
            (inside >= 0) & (inside < width), inside + width * np.arange(p)[:, None], p * width
        )
        index = xp.asarray(rows_of.reshape(-1), dtype=xp.int64, device=device_of(self.whole))
        delta = xp.reshape(xp.take(rows, index, axis=1), (n, a, p, self.length, channels))
        return self._joined(delta + self.whole[:, None, None, :, :])


@lru_cache(maxsize=256)
def _places(window: Window, length: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Every position of the windows, (P width,), the map's ends for those outside it; and which those are."""
    places = window.starts()[:, None] + np.arange(window.width)
    outside = (places < 0) | (places >= length)
    clipped: np.ndarray = np.clip(places, 0, length - 1).reshape(-1)
    return clipped, outside if outside.any() else None
