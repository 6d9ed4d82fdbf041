"""Changed windows: mutants' maps where they differ from the map of the reference sequence.

A mutation changes a map only where the layers so far could see it. Mutants of several sequences at several
places are one array: each place has its own window, all of one width and inside the map.

Maps are channels-last here, (n, length, channels); the windows of A mutants of each sequence at each of P places
are (n A P, width, channels), in that order.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, lru_cache

import numpy as np
from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array
from genoml.ops.windows import Places

__all__ = ["Changed", "cut_windows", "reference_windows"]


class Changed:
    """A layer's map for the reference, and for its mutants in the windows where they differ.

    Parameters
    ----------
    whole : array
        The reference's map.
    places : Places
        The windows in which mutants may differ from it.
    kinds : int
        Mutants of each sequence at a place, A.
    values : array
        The mutants' maps in their windows.
    shared : array, optional
        The same for one sequence, where those of all sequences are alike.

    Shapes
    ------
    whole : (n, length, channels);  values : (n A P, width, channels);  shared : (A P, width, channels)
    """

    def __init__(
        self, whole: Array, places: Places, kinds: int, values: Array, shared: Array | None = None
    ) -> None:
        self.whole = whole
        self.places = places
        self.kinds = kinds
        self.values = values
        self.shared = shared

    @classmethod
    def alike(cls, whole: Array, places: Places, kinds: int, shared: Array) -> Changed:
        """The same mutants of all sequences, whose maps are alike in their windows, (A P, width, channels)."""
        xp, shape = array_namespace(whole), tuple(shared.shape)
        copies = xp.broadcast_to(shared[None, ...], (whole.shape[0], *shape))
        return cls(whole, places, kinds, xp.reshape(copies, (-1, *shape[1:])), shared)

    @property
    def counts(self) -> tuple[int, int, int]:
        """Sequences, mutants of each at a place, and places: (n, A, P)."""
        return int(self.whole.shape[0]), self.kinds, len(self.places[0])

    @property
    def length(self) -> int:
        """Length of the map."""
        return int(self.whole.shape[1])

    @cached_property
    def delta(self) -> Array:
        """Mutant minus reference, (n A P, width, channels)."""
        xp, shape = array_namespace(self.whole), tuple(self.values.shape)
        by_place = xp.reshape(self.values, (*self.counts, *shape[1:]))
        return xp.reshape(by_place - reference_windows(self.whole, self.places), shape)

    def of_delta(self, linear: Callable[[Array], Array]) -> Array:
        """A linear function of ``delta``, (windows, ...) -> (windows, ...).

        Of values that sequences share, it is that of the values, once, minus that of each sequence's own windows.
        """
        if self.shared is None:
            return linear(self.delta)
        xp, (n, kinds, p) = array_namespace(self.whole), self.counts
        own = reference_windows(self.whole, self.places)
        new, old = linear(self.shared), linear(xp.reshape(own, (n * p, *own.shape[3:])))
        rest = tuple(new.shape[1:])
        by_place = xp.reshape(new, (1, kinds, p, *rest)) - xp.reshape(old, (n, 1, p, *rest))
        return xp.reshape(by_place, (n * kinds * p, *rest))

    def at(self, places: Places) -> Array:
        """The mutants' maps in other windows, completed with the reference's map."""
        if places == self.places:
            return self.values
        offsets = tuple(new - old for new, old in zip(places[0], self.places[0], strict=True))
        return cut_windows(
            self.values, self.counts, (offsets, places[1]), reference_windows(self.whole, places)
        )

    def maps(self) -> Array:
        """The whole maps of the mutants, (n A P, length, channels)."""
        return self.at(((0,) * len(self.places[0]), self.length))


def reference_windows(whole: Array, places: Places) -> Array:
    """Windows of the reference's map, (n, 1, P, width, channels)."""
    xp = array_namespace(whole)
    n, _, channels = whole.shape
    starts, width = places
    if len(set(starts)) == 1:
        return whole[:, None, None, starts[0] : starts[0] + width, :]
    index = xp.asarray(_positions(places), dtype=xp.int32, device=device_of(whole))
    return xp.reshape(xp.take(whole, index, axis=1), (n, 1, len(starts), width, channels))


def cut_windows(
    windows: Array, counts: tuple[int, int, int], places: Places, outside: Array | None = None
) -> Array:
    """Cut windows out of others, at these offsets in them.

    Shapes
    ------
    windows : (n A P, old width, channels);  y : (n A P, width, channels)
    outside : values where the old windows do not reach, broadcast to (n, A, P, width, channels); None: they reach all
    """
    xp = array_namespace(windows)
    n, a, p = counts
    offsets, width = places
    _, old, channels = windows.shape
    if (offsets, width) == ((0,) * p, old):
        return windows
    shape = (n, a, p, width, channels)
    if len(set(offsets)) == 1:
        low, high = max(offsets[0], 0), min(offsets[0] + width, old)
        before = min(max(-offsets[0], 0), width)
        after = width - before - max(high - low, 0)
        parts = []
        if high > low:
            parts += [xp.reshape(windows, (n, a, p, old, channels))[:, :, :, low:high, :]]
        if outside is not None and before:
            parts = [xp.broadcast_to(outside, shape)[:, :, :, :before, :], *parts]
        if outside is not None and after:
            parts += [xp.broadcast_to(outside, shape)[:, :, :, width - after :, :]]
        found = parts[0] if len(parts) == 1 else xp.concat(parts, axis=3)
    else:
        device = device_of(windows)
        rows, inside = _rows(places, old)
        index = xp.asarray(rows, dtype=xp.int32, device=device)
        found = xp.take(xp.reshape(windows, (n * a, p * old, channels)), index, axis=1)
        found = xp.reshape(found, shape)
        if inside is not None:
            found = xp.where(xp.asarray(inside, dtype=xp.bool, device=device), found, outside)
    return xp.reshape(found, (n * a * p, width, channels))


@lru_cache(maxsize=512)
def _positions(places: Places) -> np.ndarray:
    """Every position of the windows, (P width,)."""
    starts, width = places
    return (np.asarray(starts)[:, None] + np.arange(width)).reshape(-1)


@lru_cache(maxsize=512)
def _rows(places: Places, old: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Index of the cut windows in rows of old ones, and a mask of where these reach (None: everywhere)."""
    offsets, width = places
    at = np.asarray(offsets)[:, None] + np.arange(width)
    rows = np.clip(at, 0, old - 1) + old * np.arange(len(offsets))[:, None]
    inside = (at >= 0) & (at < old)
    return rows.reshape(-1), None if inside.all() else inside[None, None, :, :, None]
