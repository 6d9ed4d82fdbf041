"""Nodes of a graph: an array each, made by a layer, or joined of several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add, mul
from typing import Any, TypeAlias

from array_api_compat import array_namespace
from array_api_compat import device as device_of

from genoml.backend import Array
from genoml.nn.layer import Layer, Pullback
from genoml.nn.shape import crop_to
from genoml.ops.arrays import in_memory_order
from genoml.ops.pool1d import largest_between
from genoml.ops.secants import midpoint

__all__ = ["Node"]

#: what a graph calls its input x
INPUT = "input"
#: several arrays of one shape -> one, and g -> the gradient of each
JoinPullback: TypeAlias = Callable[[Array], list[Array]]
Joined: TypeAlias = tuple[Array, JoinPullback]


@dataclass(frozen=True)
class Node:
    """One array in a :class:`Graph`: the output of a layer, or several arrays joined.

    Attributes
    ----------
    name : str
        Under which other nodes read it, and which begins the names of its parameters.
    layer : Layer, or "add", "mean", "multiply", "maximum" or "concatenate"
        What makes it; left out, the graph's layer of this name.
    sources : str or sequence of str
        The nodes that it reads, ``"input"`` being x. A layer reads one.
    axis : int
        Along which arrays are concatenated: 1, the channels; 2, the positions.
    crop : bool
        Whether a join takes the middle of longer sequences, as long as the shortest, see :class:`CropTo`.
    """

    name: str
    layer: Any = None
    sources: str | Sequence[str] = (INPUT,)
    axis: int = 1
    crop: bool = False

    def __post_init__(self) -> None:
        sources = (self.sources,) if isinstance(self.sources, str) else tuple(self.sources)
        object.__setattr__(self, "sources", sources)
        what, known = f"node {self.name!r}", ", ".join(_JOINS)
        if not (self.layer is None or isinstance(self.layer, Layer) or (self.joins and self.layer in _JOINS)):
            raise ValueError(f"{what} expects a layer or one of {known}, got {self.layer!r}")
        if not sources or not (self.joins or len(sources) == 1):
            many = "sources" if self.joins else "one source, as a layer reads one array"
            raise ValueError(f"{what} expects {many}, got {len(sources)}")
        if self.axis < 1 or (self.axis > 1 and self.layer != "concatenate"):
            raise ValueError(f"{what} expects axis >= 1, and 1 unless it concatenates, got {self.axis}")
        if self.crop and not self.joins:
            raise ValueError(f"{what} expects crop=True of a join only")

    @property
    def joins(self) -> bool:
        """Whether it is a join."""
        return isinstance(self.layer, str)

    def joined(self, arrays: Sequence[Array], what: str) -> Joined:
        """A join of arrays, and the pullback to each of them; ``what`` begins the message if they do not fit."""
        shapes = [tuple(array.shape) for array in arrays]
        arrays, crops = self._middles(arrays)
        along = self.axis if self.layer == "concatenate" else None
        rest = [[size for axis, size in enumerate(array.shape) if axis != along] for array in arrays]
        if any(own != rest[0] for own in rest) or (along or 0) > len(rest[0]):
            but = (
                f" but along axis {along}"
                if along
                else ("" if self.crop else " (crop=True takes the middle)")
            )
            raise ValueError(f"{what}: {self} expects arrays of one shape{but}, got {shapes}")
        y, back = _JOINS[self.layer](arrays, self.axis)

        return y, lambda grad: _pulled(back(grad), crops)

    def _middles(self, arrays: Sequence[Array]) -> tuple[Sequence[Array], list[Pullback]]:
        """The middles of the arrays, as long as the shortest, and their pullbacks; without crop the arrays alone."""
        if not self.crop or any(array.ndim != 3 for array in arrays):
            return arrays, []
        crop = crop_to(max(min(array.shape[2] for array in arrays), 1))
        cropped = [crop.vjp(array) for array in arrays]
        return [array for array, _ in cropped], [back for _, back in cropped]

    def between(
        self, arrays: Sequence[Array], references: Sequence[Array], what: str
    ) -> tuple[Array, Array, JoinPullback]:
        """The join between arrays and their references, and multipliers of y to those of each of them.

        Sums and concatenations are linear. D(a b) = mean(b) Da + mean(a) Db, and a product of more is one of two at a
        time. A maximum has the rule of pooling.
        """
        y, _ = self.joined(arrays, what)
        y_r, back = self.joined(references, what)
        if self.layer not in ("multiply", "maximum"):
            return y, y_r, back
        (own, _), (others, crops) = self._middles(arrays), self._middles(references)
        if self.layer == "maximum":
            y, y_r, spread = largest_between(own, others)
            return y, y_r, lambda m: _pulled(spread(m), crops)
        factors = _product_factors(own, others)
        return y, y_r, lambda m: _pulled([m * factor for factor in factors], crops)

    def position_wise(self, arrays: Sequence[Array]) -> Array:
        """A join of arrays of one length, without its pullback."""
        return _JOINS[self.layer](arrays, self.axis)[0]

    def __repr__(self) -> str:
        words = [*self.sources, *(["crop"] if self.crop else []), *([f"axis {self.axis}"] * (self.axis != 1))]
        return f"{self.name}{f' = {self.layer}' if self.joins else ''}({', '.join(words)})"


def _pulled(parts: list[Any], crops: list[Pullback]) -> list[Array]:
    """The gradients of arrays from those of their middles: zeros where an array was cut off."""
    return [pull(part)[0] for pull, part in zip(crops, parts, strict=True)] if crops else parts


def _product_factors(arrays: Sequence[Array], references: Sequence[Array]) -> list[Array]:
    """What m is multiplied by for each factor of a product, one of two factors at a time.

    D(P_k) = D(P_k-1 a_k) = mean(a_k) DP_k-1 + mean(P_k-1) Da_k:  mean(P_k-1) prod_{j > k} mean(a_j), where P_0 = 1.
    """
    middles = [midpoint(a, r) for a, r in zip(arrays, references, strict=True)]
    (whole, whole_r), factors = (
        (arrays[0], references[0]),
        [array_namespace(middles[0]).ones_like(middles[0])],
    )
    for a, r, middle in zip(arrays[1:], references[1:], middles[1:], strict=True):
        factors = [*(factor * middle for factor in factors), midpoint(whole, whole_r)]
        whole, whole_r = whole * a, whole_r * r
    return factors


def _add(arrays: Sequence[Array], axis: int) -> Joined:
    """y = sum_i x_i: dL/dx_i = g."""
    y = reduce(lambda a, b: in_memory_order(a, b, add), arrays)
    return y, lambda grad: [grad] * len(arrays)


def _mean(arrays: Sequence[Array], axis: int) -> Joined:
    """y = (1/n) sum_i x_i: dL/dx_i = g / n."""
    share = 1.0 / len(arrays)
    return _add(arrays, axis)[0] * share, lambda grad: [grad * share] * len(arrays)


def _multiply(arrays: Sequence[Array], axis: int) -> Joined:
    """y = prod_i x_i: dL/dx_i = g prod_{j != i} x_j, without a division, since x_i may be 0."""

    def pullback(grad: Array) -> list[Array]:
        others = [[*arrays[:i], *arrays[i + 1 :]] for i in range(len(arrays))]
        return [reduce(lambda a, b: in_memory_order(a, b, mul), own, grad) for own in others]

    return reduce(lambda a, b: in_memory_order(a, b, mul), arrays), pullback


def _maximum(arrays: Sequence[Array], axis: int) -> Joined:
    """y = max_i x_i: the first of the largest takes g, dL/dx_i = g [x_i = y and x_j < y for j < i]."""
    xp = array_namespace(arrays[0])
    y = reduce(xp.maximum, arrays)

    def pullback(grad: Array) -> list[Array]:
        zero = xp.zeros((), dtype=grad.dtype, device=device_of(grad))
        found = []
        for array in arrays:
            taken = array == y
            found.append(xp.where(taken, grad, zero))
            grad = xp.where(taken, zero, grad)
        return found

    return y, pullback


def _concatenate(arrays: Sequence[Array], axis: int) -> Joined:
    """y = [x_1, ..., x_n]: dL/dx_i is its own stretch of g."""

    def pullback(grad: Array) -> list[Array]:
        found, start = [], 0
        for array in arrays:
            stop = start + array.shape[axis]
            found.append(grad[(slice(None),) * axis + (slice(start, stop), ...)])
            start = stop
        return found

    return array_namespace(arrays[0]).concat(list(arrays), axis=axis), pullback


_JOINS: dict[str, Callable[[Sequence[Array], int], Joined]] = {
    "add": _add,
    "mean": _mean,
    "multiply": _multiply,
    "maximum": _maximum,
    "concatenate": _concatenate,
}
