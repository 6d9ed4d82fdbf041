"""NumPy: the CPU backend, and the reference that the others are compared with."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import array_api_compat.numpy as xp
import numpy as np

from genoml.backend import Array, Backend
from genoml_numpy.memory import keep_freed_memory


class NumpyBackend(Backend):
    """Arrays are ``numpy.ndarray``; the device is the CPU."""

    name = "numpy"

    def __init__(self) -> None:
        self.xp = xp
        self.device = "cpu"
        keep_freed_memory()

    @property
    def twins(self) -> Mapping[str, Callable[..., Any]]:
        """CPU versions of the operations that NumPy's own facilities make faster."""
        from genoml_numpy.twins import TWINS

        return TWINS

    @property
    def threads(self) -> int:
        """As many as there are cores for this process, or ``GENOML_THREADS``."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        return _number_from("GENOML_THREADS", cores or 1)

    def computing(self) -> AbstractContextManager[Any]:
        """One BLAS thread: the batch is shared out among threads instead, see genoml.threads.

        The products of a training step are too small to share. ``GENOML_BLAS_THREADS`` sets another number.
        """
        from threadpoolctl import threadpool_limits

        wanted = _number_from("GENOML_BLAS_THREADS", 1)
        limits: AbstractContextManager[Any] = threadpool_limits(wanted, user_api="blas")
        return limits

    def owns(self, array: object) -> bool:
        """Whether it is a NumPy array or scalar."""
        return isinstance(array, np.ndarray | np.generic)

    def asarray(self, values: Any, dtype: str | None = None) -> Array:
        """The values as a NumPy array; no copy where none is needed."""
        return np.asarray(values, dtype=dtype)

    def to_numpy(self, array: Array) -> np.ndarray:
        """The array itself."""
        return np.asarray(array)

    def device_of(self, array: Array) -> str:
        """NumPy has one device."""
        return "cpu"

    def describe(self) -> dict[str, str]:
        """The CPU and NumPy's version."""
        return {"device": "cpu", "version": np.__version__}


def _number_from(variable: str, default: int) -> int:
    """A number of at least 1 from the environment."""
    wanted = os.environ.get(variable) or str(default)
    if not wanted.isdigit() or int(wanted) < 1:
        raise ValueError(f"{variable} expects a number of at least 1, got {wanted!r}")
    return int(wanted)
