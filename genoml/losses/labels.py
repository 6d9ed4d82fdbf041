"""Checks of labels on the host, before they are copied to a device.

A count below 0, a class that does not exist or a NaN turns a loss into nonsense some steps later. Here it
is an error that names the place. Only host data (NumPy arrays, lists, numbers) are checked: reading an
array on a device would make each training step wait for it, so labels on a device are not checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import is_array_api_obj


@dataclass(frozen=True)
class Domain:
    """Set of values that labels may have: finite, from ``low`` to ``high``, whole if ``whole``."""

    words: str
    low: float = -np.inf
    high: float = np.inf
    whole: bool = False

    def holds(self, values: np.ndarray) -> np.ndarray:
        """Whether each value is of the domain."""
        good: np.ndarray = np.isfinite(values)
        if self.low > -np.inf:
            good &= values >= self.low
        if self.high < np.inf:
            good &= values <= self.high
        return good & (values == np.floor(values)) if self.whole else good


COUNTS = Domain("counts >= 0", low=0.0)
PROBABILITIES = Domain("labels from 0 to 1", low=0.0, high=1.0)
FINITE = Domain("finite targets")
WEIGHTS = Domain("weights >= 0", low=0.0)


def classes(count: int) -> Domain:
    """The classes 0 to count - 1."""
    return Domain(f"classes 0 to {count - 1}", low=0.0, high=count - 1, whole=True)


def on_host(values: object) -> bool:
    """Whether the values are a list, a number or a NumPy array."""
    return isinstance(values, np.ndarray | np.generic) or not is_array_api_obj(values)


def expect_numbers(values: Any, what: str, kind: str = "targets") -> None:
    """Raise TypeError if host values are text or objects; text of digits would become numbers silently."""
    if values is None or not on_host(values):
        return
    host = np.asarray(values)
    if host.dtype.kind not in "biuf":
        held = type(host.flat[0]).__name__ if host.size else str(host.dtype)
        raise TypeError(f"{what} expects {kind} as numbers, got {held} in {host.dtype}; use astype(float)")


def check_host_labels(
    labels: Any, domain: Domain, what: str, mask: Any = None, *, axis: int | None = None
) -> None:
    """Raise ValueError, naming the first bad position, if host labels leave their domain.

    Labels that the mask calls missing may hold anything; with a mask on a device nothing can be said of any.

    Parameters
    ----------
    labels : object
        Anything; arrays that are not NumPy's are not checked.
    domain : Domain
        What they may be.
    what : str
        Begins the message: the loss.
    mask : optional
        Nonzero where a label is there: of the labels' shape, or, with ``axis``, without that axis.
    axis : int, optional
        The axis of the labels that the mask lacks.
    """
    if not on_host(labels) or (mask is not None and not on_host(mask)):
        return
    name, _, kind = what.partition(": ")
    expect_numbers(labels, name, kind or "targets")
    host = np.asarray(labels)
    bad = ~domain.holds(host)
    if not bad.any():
        return
    if mask is not None:
        present = np.asarray(mask) != 0
        if axis is not None and present.size != host.size:
            present = np.expand_dims(present, axis)
        bad &= present if present.ndim == host.ndim else present.reshape(host.shape)
    if not bad.any():
        return
    place = tuple(int(i) for i in np.argwhere(bad)[0])
    value = float(host[place])
    at = f" at position {place[0] if len(place) == 1 else place}" if place else ""
    hint = "; a missing label needs a mask" if np.isnan(value) and place else ""
    raise ValueError(f"{what} expects {domain.words}, got {value:g}{at}{hint}")
