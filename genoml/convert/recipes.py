"""Recipes: published networks whose files hold arrays by name, but not how they belong together.

A recipe says once what each array is called and what is done with it. Everything that does not fit is found: an array
that is not there, one of another shape, one that no recipe knows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from genoml.convert import operations as ops
from genoml.convert import shapes
from genoml.convert.arithmetic import affine
from genoml.convert.builder import Builder, ConvertError, Value

__all__ = ["Arrays", "Pattern", "Row", "run_row"]

#: sizes of an array's axes; None where any will do
Pattern: TypeAlias = Sequence[int | None]
#: operations in a row: what, and the name of its arrays or its size
Row: TypeAlias = Sequence[tuple[str, Any]]
#: counters that PyTorch keeps, which no network reads
_IGNORED = ("num_batches_tracked",)


class Arrays:
    """Arrays of a file, handed out by name and shape; what does not fit is collected.

    Parameters
    ----------
    tensors : mapping of str to array
        The file's.
    prefix : str
        That every name begins with.
    """

    def __init__(self, tensors: Mapping[str, np.ndarray], prefix: str = "") -> None:
        self.tensors, self.prefix = tensors, prefix
        self.taken: set[str] = set()
        self.problems: list[str] = []

    def below(self, prefix: str) -> Arrays:
        """The arrays whose names begin so."""
        inner = Arrays(self.tensors, f"{self.prefix}{prefix}")
        inner.taken, inner.problems = self.taken, self.problems
        return inner

    def __contains__(self, name: str) -> bool:
        return f"{self.prefix}{name}" in self.tensors

    def take(self, name: str, pattern: Pattern) -> np.ndarray:
        """An array; zeros of the right shape where it is not there, or of another."""
        key = f"{self.prefix}{name}"
        self.taken.add(key)
        words = "(" + ", ".join("any" if size is None else str(size) for size in pattern) + ")"
        found = self.tensors.get(key)
        if found is None:
            self.problems.append(f"{key} is missing, expected {words}")
            return np.zeros([size or 1 for size in pattern])
        fits = (
            found.size
            and found.ndim == len(pattern)
            and all(size in (None, own) for size, own in zip(pattern, found.shape, strict=False))
        )
        if fits:
            return found
        self.problems.append(f"{key} expected {words}, found {tuple(found.shape)}")
        same = found.ndim == len(pattern)
        return np.zeros([size or (max(found.shape[i], 1) if same else 1) for i, size in enumerate(pattern)])

    def size(self, name: str, axis: int) -> int:
        """Size of an array's axis; 1 where there is none."""
        found = self.tensors.get(f"{self.prefix}{name}")
        return max(int(found.shape[axis]), 1) if found is not None and found.ndim > axis else 1

    def count(self, name: str) -> int:
        """How many arrays of a numbered name there are: ``"rconvs.{}.weight"``."""
        number = 0
        while name.format(number) in self:
            number += 1
        return number

    def check(self, recipe: str) -> None:
        """Raise ConvertError if something did not fit, or an array was not taken."""
        unknown = [key for key in self.tensors if key not in self.taken and not key.endswith(_IGNORED)]
        problems = self.problems + [
            f"{key} is unknown, found {tuple(self.tensors[key].shape)}" for key in unknown
        ]
        if problems:
            others = len(problems) - 1
            more = f"; and {others} more" if others else ""
            raise ConvertError(f"import: the arrays are not those of {recipe}: {problems[0]}{more}")


def convolve(
    b: Builder, arrays: Arrays, name: str, x: Value, *, flat: int = 0, bias: bool = True, **options: Any
) -> Value:
    """A convolution of PyTorch: ``NAME.weight``, ``NAME.bias``; with ``flat`` of images, that axis being of size 1."""
    pattern: list[int | None] = [None, x.shape[1], None]
    if flat:
        pattern.insert(flat, 1)
    kernel = arrays.take(f"{name}.weight", pattern)
    kernel = kernel.reshape(*kernel.shape[:2], -1)
    own = arrays.take(f"{name}.bias", (kernel.shape[0],)) if bias else None
    return ops.convolution(b, f"{arrays.prefix}{name}", x, kernel, own, channels=1, positions=(2,), **options)


def normalise(b: Builder, arrays: Arrays, name: str, x: Value, eps: float = 1e-5) -> Value:
    """A batch normalisation of PyTorch."""
    names = {"gamma": "weight", "beta": "bias", "running_mean": "running_mean", "running_var": "running_var"}
    own = {ours: arrays.take(f"{name}.{theirs}", (x.shape[1],)) for ours, theirs in names.items()}
    return ops.batch_norm(b, f"{arrays.prefix}{name}", x, own, eps, 1)


def linear(b: Builder, arrays: Arrays, name: str, x: Value, *, bias: bool = True) -> Value:
    """A dense layer of PyTorch: ``NAME.weight`` (out, in) and ``NAME.bias``."""
    weights = arrays.take(f"{name}.weight", (None, x.shape[1]))
    own = arrays.take(f"{name}.bias", (weights.shape[0],)) if bias else None
    return ops.dense(b, f"{arrays.prefix}{name}", x, weights.T, own)


def _threshold(b: Builder, arrays: Arrays, x: Value, low: float) -> Value:
    """max(x, low), as low + relu(x - low): DeepSEA's, whose low is 1e-6."""
    name = b.unique("threshold")
    shifted = affine(b, f"{name}_before", x, 1.0, -low)
    return affine(b, f"{name}_after", ops.elementwise(b, name, shifted, "relu"), 1.0, low)


def _row_pool(b: Builder, arrays: Arrays, x: Value, size: int | tuple[int, bool]) -> Value:
    width, ceil = size if isinstance(size, tuple) else (size, False)
    return ops.pool(b, f"pool_{len(b.nodes)}", x, "max", channels=1, positions=2, size=width, ceil_mode=ceil)


#: operations of a row: (builder, arrays, value, what is said of it) -> value
_STEPS: dict[str, Callable[[Builder, Arrays, Value, Any], Value]] = {
    "conv": lambda b, arrays, x, name: convolve(b, arrays, name, x),
    "conv_same": lambda b, arrays, x, name: convolve(b, arrays, name, x, padding="same"),
    "conv_1xK": lambda b, arrays, x, name: convolve(b, arrays, name, x, flat=2),
    "conv_Kx1": lambda b, arrays, x, name: convolve(b, arrays, name, x, flat=3),
    "norm": lambda b, arrays, x, name: normalise(b, arrays, name, x),
    "norm_1e-3": lambda b, arrays, x, name: normalise(b, arrays, name, x, 1e-3),
    "dense": lambda b, arrays, x, name: linear(b, arrays, name, x),
    "relu": lambda b, arrays, x, name: ops.elementwise(b, f"relu_{len(b.nodes)}", x, "relu"),
    "threshold": _threshold,
    "pool": _row_pool,
    "flatten": lambda b, arrays, x, name: shapes.flatten(b, "flatten", x),
    "sigmoid": lambda b, arrays, x, name: ops.elementwise(b, "sigmoid", x, "sigmoid"),
}


def run_row(b: Builder, arrays: Arrays, x: Value, row: Row) -> Value:
    """Operations in a row."""
    for what, said in row:
        x = _STEPS[what](b, arrays, x, said)
    return x
