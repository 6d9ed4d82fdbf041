"""One operation to be proven, and how it is computed elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from genoml.backend import Backend

Arrays = dict[str, Any]


@dataclass(frozen=True)
class OperationCase:
    """An operation: on a backend's arrays; as a plain loop in NumPy; by PyTorch."""

    inputs: dict[str, np.ndarray]
    run: Callable[[Arrays], Arrays]
    loop: Callable[[Arrays], Arrays]
    torch: Callable[[Arrays], Arrays] | None = None

    def on(self, backend: Backend, dtype: str) -> dict[str, np.ndarray]:
        """What it gives on a backend; integers stay integers."""
        arrays = {
            name: backend.asarray(value, dtype if value.dtype.kind == "f" else "int32")
            for name, value in self.inputs.items()
        }
        return {name: backend.to_numpy(value) for name, value in self.run(arrays).items()}


def named(values: tuple[Any, ...], *names: str) -> Arrays:
    return dict(zip(names, values, strict=True))
