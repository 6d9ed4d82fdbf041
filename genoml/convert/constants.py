"""Operations of TensorFlow and ONNX graphs on constants, such as arithmetic of shapes: computed, not converted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

__all__ = ["FOLDED", "strided"]


def strided(
    x: np.ndarray, begin: np.ndarray, end: np.ndarray, step: np.ndarray, masks: Mapping[str, int]
) -> np.ndarray:
    """TensorFlow's StridedSlice, whose masks say which begins and ends are left out and which axes go away."""
    index: list[slice | int] = []
    for i, (start, stop, by) in enumerate(zip(begin.tolist(), end.tolist(), step.tolist(), strict=True)):
        if masks.get("shrink_axis_mask", 0) >> i & 1:
            index.append(start)
            continue
        first = None if masks.get("begin_mask", 0) >> i & 1 else start
        last = None if masks.get("end_mask", 0) >> i & 1 else stop
        index.append(slice(first, last, by))
    return np.asarray(x[tuple(index)])


#: operation -> function of its constant inputs
FOLDED: Mapping[str, Callable[..., Any]] = {
    "Add": np.add,
    "AddV2": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "RealDiv": np.divide,
    "FloorDiv": np.floor_divide,
    "FloorMod": np.mod,
    "Mod": np.mod,
    "Neg": np.negative,
    "Sqrt": np.sqrt,
    "Exp": np.exp,
    "Rsqrt": lambda x: 1 / np.sqrt(x),
    "Maximum": np.maximum,
    "Minimum": np.minimum,
    "Div": lambda x, y: x // y if x.dtype.kind in "iu" and y.dtype.kind in "iu" else x / y,
    "Pow": np.power,
    "Min": lambda *x: np.minimum.reduce(x),
    "Floor": np.floor,
    "Ceil": np.ceil,
    "Equal": np.equal,
    "Where": np.where,
}
