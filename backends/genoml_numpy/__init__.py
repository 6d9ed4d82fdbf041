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

    def computing(self) -> AbstractContextManager[Any]:
        """One BLAS thread: the products of a training step are too small to share.

        On 2 cores the demo trains in 32 s with one thread and in 50 s with two. ``GENOML_BLAS_THREADS`` sets
        another number.
        """
        from threadpoolctl import threadpool_limits

        wanted = os.environ.get("GENOML_BLAS_THREADS", "1")
        if not wanted.isdigit() or wanted == "0":
            raise ValueError(f"GENOML_BLAS_THREADS expects a number of at least 1, got {wanted!r}")
        limits: AbstractContextManager[Any] = threadpool_limits(int(wanted), user_api="blas")
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
