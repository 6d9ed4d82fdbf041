"""Steps: layers computed on changed windows of their input, one step a layer.

A step tells, without computing, which windows of its output a change of its input reaches (``seen_by``), and how long
its output is (``outputs``). ``trace(rows)`` computes the reference once, and returns its output and a function that
computes mutants; the function keeps what it needs of the reference, as a layer's pullback does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array
from genoml.explain.mutants.windows import Changed, cut_windows, reference_windows
from genoml.nn.reach import Branches, Correlation
from genoml.ops.arrays import pad_axis
from genoml.ops.conv1d import conv1d_vjp
from genoml.ops.windows import Places, Reach, seen_by, slices

__all__ = [
    "Correlated",
    "Evaluated",
    "Step",
    "Windowed",
    "convolve_changes",
    "evaluate",
    "follow",
    "run_steps",
]

#: changed windows of a step's input -> those of its output
Change: TypeAlias = Callable[[Changed], Changed]


class Step(Protocol):
    """A layer computed on windows: each of its outputs sees a window of its input."""

    @property
    def name(self) -> str:
        """The layer's kind."""
        ...

    @property
    def stride(self) -> int:
        """Positions of the input from one output to the next."""
        ...

    def outputs(self, length: int) -> int:
        """Number of outputs for an input of this length."""
        ...

    def seen_by(self, places: Places, length: int) -> Places:
        """The windows of the output that see these of an input of this length."""
        ...

    def trace(self, rows: Array) -> tuple[Array, Change]:
        """The output for the reference (n, length, channels), and the function that computes mutants."""
        ...


class Evaluated(Protocol):
    """A layer, or branches of one (``genoml.nn.reach.Branches``), as used here: in evaluation."""

    @property
    def readout(self) -> Literal["max", "mean", "flatten"] | None: ...
    def vjp(self, x: Array) -> tuple[Array, Any]: ...
    def reach(self, length: int) -> Reach | None: ...
    def branches(self, length: int) -> Branches[Any] | None: ...
    def correlation(self) -> Correlation | None: ...


def evaluate(layer: Evaluated, rows: Array) -> Array:
    """The output of a layer, in evaluation, for channels-last maps."""
    xp = array_namespace(rows)
    y, _ = layer.vjp(xp.permute_dims(rows, (0, 2, 1)))
    return xp.permute_dims(y, (0, 2, 1))


def run_steps(steps: Sequence[Step], rows: Array) -> tuple[Array, Change]:
    """Trace several steps in a row, see :meth:`Step.trace`."""
    changes = []
    for step in steps:
        rows, change = step.trace(rows)
        changes.append(change)

    def carry(changed: Changed) -> Changed:
        for change in changes:
            changed = change(changed)
        return changed

    return rows, carry


def follow(steps: Sequence[Step], places: Places, length: int) -> tuple[Places, int]:
    """The windows that windows of the input reach after several steps, and the length of the map there."""
    for step in steps:
        places, length = step.seen_by(places, length), step.outputs(length)
    return places, length


def _added_before(layer: Evaluated, length: int) -> int | None:
    """Positions that a layer adds before an input of this length."""
    reach = layer.reach(length)
    return None if reach is None else reach.before


@dataclass(frozen=True)
class Windowed:
    """Any layer, computed on the slices of its input that the changed outputs see."""

    layer: Evaluated
    reach: Reach

    @property
    def name(self) -> str:
        return type(self.layer).__name__

    @property
    def stride(self) -> int:
        return self.reach.stride

    def outputs(self, length: int) -> int:
        return self.reach.outputs(length)

    def seen_by(self, places: Places, length: int) -> Places:
        return seen_by(places, self.reach, length)

    def trace(self, rows: Array) -> tuple[Array, Change]:
        whole, length = evaluate(self.layer, rows), int(rows.shape[1])

        def change(changed: Changed) -> Changed:
            starts, width = self.seen_by(changed.places, length)
            if self.reach.copies:
                read = tuple(start - self.reach.before for start in starts), width
                return Changed(whole, (starts, width), changed.kinds, changed.at(read))
            read = slices((starts, width), self.reach, length)
            if (
                _added_before(self.layer, read[1]) != self.reach.before
            ):  # padding depends on the length: take the whole
                read = (0,) * len(starts), length
            values = evaluate(self.layer, changed.at(read))
            offsets = tuple(
                start - first // self.stride for start, first in zip(starts, read[0], strict=True)
            )
            values = cut_windows(values, changed.counts, (offsets, width))
            return Changed(whole, (starts, width), changed.kinds, values)

        return whole, change


@dataclass(frozen=True)
class Correlated(Windowed):
    """A correlation of stride 1, which is linear: mutants add the correlation of their change.

    A changed position is multiplied once with all of the kernel, and the products are added where they belong:
    width K products a mutant, instead of the (width + K - 1) K of the outputs in the window.
    """

    correlation: Correlation

    def trace(self, rows: Array) -> tuple[Array, Change]:
        reach, length = self.reach, int(rows.shape[1])
        kernel, xp = self.correlation.kernel, array_namespace(rows)
        padded = pad_axis(rows, reach.before, reach.after)
        sums = self.correlation.sums(conv1d_vjp(padded, kernel, 1, reach.dilation)[0])
        whole = self.correlation.y(sums)
        zero = xp.zeros((), dtype=sums.dtype, device=device_of(sums))

        def change(changed: Changed) -> Changed:
            places = self.seen_by(changed.places, length)
            starts, width = places
            # positions relative to the first output that sees the changed window, which may be before the map
            ahead = [
                start - reach.seen_by(own, own + 1)[0]
                for start, own in zip(starts, changed.places[0], strict=True)
            ]
            low, high = max(min(ahead), 0), min(max(ahead) + width, changed.places[1] + reach.span - 1)
            added = changed.of_delta(
                lambda d: convolve_changes(d, kernel, low, high - low, 1, reach.dilation)
            )
            offsets = tuple(own - low for own in ahead)
            added = cut_windows(added, changed.counts, (offsets, width), zero)
            by_place = xp.reshape(added, (*changed.counts, width, added.shape[2]))
            values = xp.reshape(by_place + reference_windows(sums, places), added.shape)
            return Changed(whole, places, changed.kinds, self.correlation.y(values))

        return whole, change


def convolve_changes(
    delta: Array, kernel: Array, start: int, count: int, stride: int = 1, dilation: int = 1
) -> Array:
    """Correlation of an input that is zero but for ``width`` positions in a row.

        y[m, i] = sum over a + (K - 1 - k) dilation = start + i stride of delta[m, a] kernel[k]

    Output 0 of the sum is the first that reads position 0, through the kernel's last tap. Each position is
    multiplied by each tap once at most; outputs that read nothing of the window are zero.

    Parameters
    ----------
    start, count, stride : int
        Which outputs: ``count`` of them, from ``start`` on, every ``stride``-th.
    dilation : int
        Step between the kernel's taps.

    Shapes
    ------
    delta : (M, width, channels);  kernel : (K, channels, F);  y : (M, count, F)
    """
    xp = array_namespace(delta)
    mutants, width, channels = delta.shape
    size = kernel.shape[0]
    if width == 1:
        return _convolve_one(delta[:, 0, :], kernel, start, count, stride, dilation)
    rows = xp.reshape(kernel, (size * channels, kernel.shape[2]))
    zero = xp.zeros((mutants, kernel.shape[2]), dtype=delta.dtype, device=device_of(delta))
    # positions a dilation apart, put next to one another: each output reads consecutive ones of one part
    parts = [
        xp.reshape(part, (mutants, part.shape[1] * channels))
        for part in (delta[:, rest::dilation, :] for rest in range(min(dilation, width)))
    ]
    outputs = []
    for place in range(start, start + count * stride, stride):
        at, rest = divmod(place, dilation)
        length = parts[rest].shape[1] // channels if rest < len(parts) else 0
        low, high = max(at - size + 1, 0), min(at + 1, length)
        if low >= high:
            outputs.append(zero)
            continue
        first = (size - 1 - at + low) * channels
        stretch = parts[rest][:, low * channels : high * channels]
        outputs.append(stretch @ rows[first : first + (high - low) * channels, :])
    return xp.stack(outputs, axis=1)


def _convolve_one(delta: Array, kernel: Array, start: int, count: int, stride: int, dilation: int) -> Array:
    """``convolve_changes`` of a single position, (M, channels): one product with all taps."""
    xp = array_namespace(delta)
    size, channels, features = kernel.shape
    columns = xp.reshape(xp.permute_dims(xp.flip(kernel, axis=0), (1, 0, 2)), (channels, size * features))
    taps = xp.reshape(delta @ columns, (delta.shape[0], size, features))
    if dilation > 1:  # with zeros between the taps
        taps = xp.reshape(taps, (delta.shape[0] * size, 1, features))
        taps = xp.reshape(pad_axis(taps, 0, dilation - 1), (delta.shape[0], size * dilation, features))
    stop, length = start + (count - 1) * stride + 1, taps.shape[1]
    inside = taps[:, min(max(start, 0), length) : max(min(stop, length), 0), :]
    before = min(max(-start, 0), stop - start)
    found = pad_axis(inside, before, stop - start - before - inside.shape[1])
    return found if stride == 1 else found[:, ::stride, :]
