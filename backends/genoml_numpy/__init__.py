"""The CPU backend, on NumPy, and the reference for the others."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, cached_property
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import array_api_compat.numpy as xp
import numpy as np

from genoml.backend import Array, Backend, BackendError
from genoml_numpy.memory import keep_freed_memory


def compiled_twins() -> Mapping[str, Callable[..., Any]]:
    """All twins, with Numba's in place of NumPy's; ImportError without Numba."""
    from genoml_numpy import compiled, twins

    return {**twins.TWINS, **compiled.TWINS}


class NumpyBackend(Backend):
    """Backend whose arrays are ``numpy.ndarray``; the device is the CPU."""

    name = "numpy"

    def __init__(self) -> None:
        self.xp = xp
        self.device = "cpu"
        keep_freed_memory()

    @cached_property
    def twins(self) -> Mapping[str, Callable[..., Any]]:
        """CPU versions of operations, written with NumPy, and some compiled by Numba if it is installed.

        With ``GENOML_COMPILED=0`` Numba is not used; with ``GENOML_COMPILED=1`` it is an error if it is missing.
        """
        from genoml_numpy.twins import TWINS

        wanted = os.environ.get("GENOML_COMPILED") or "auto"
        if wanted not in ("0", "1", "auto"):
            raise ValueError(f"GENOML_COMPILED expects 0, 1 or nothing, got {wanted!r}")
        if wanted == "0":
            return TWINS
        try:
            return compiled_twins()
        except ImportError as error:
            if wanted == "auto":
                return TWINS
            hint = "pip install 'genoml-xp[compiled]'"
            raise BackendError(
                f"GENOML_COMPILED=1 needs Numba, which cannot be used ({error}); {hint}"
            ) from error

    @property
    def threads(self) -> int:
        """Number of threads: ``GENOML_THREADS``, or the cores available to this process."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        return _number_from("GENOML_THREADS", cores or 1)

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Settings during computation: one BLAS thread, since the batch is divided among threads; see genoml.parallel.

        The products of a training step are too small for several BLAS threads. ``GENOML_BLAS_THREADS`` sets another
        number.
        """
        wanted = _number_from("GENOML_BLAS_THREADS", 1)
        # as threadpoolctl's ``limit``, which asks for much more at each call
        limited = [(library, library.num_threads) for library in _blas()]
        limited = [(library, own) for library, own in limited if own not in (None, wanted)]
        for library, _ in limited:
            library.set_num_threads(wanted)
        try:
            yield
        finally:
            for library, own in limited:
                library.set_num_threads(own)

    def owns(self, array: object) -> bool:
        """Whether ``array`` is a NumPy array or scalar."""
        return isinstance(array, np.ndarray | np.generic)

    def asarray(self, values: Any, dtype: str | None = None) -> Array:
        """The values as a NumPy array, copied only if needed."""
        return np.asarray(values, dtype=dtype)

    def to_numpy(self, array: Array) -> np.ndarray:
        """The array itself."""
        return np.asarray(array)

    def device_of(self, array: Array) -> str:
        """The device of an array: always the CPU."""
        return "cpu"

    def describe(self) -> dict[str, str]:
        """The CPU and NumPy's version, and Numba's if it is used."""
        facts = {"device": "cpu", "version": np.__version__}
        if os.environ.get("GENOML_COMPILED") != "0" and find_spec("numba") is not None:
            facts["compiled"] = f"Numba {version('numba')}"
        return facts


@cache
def _blas() -> list[Any]:
    """The BLAS libraries that are loaded, NumPy's among them; finding them takes milliseconds."""
    from threadpoolctl import ThreadpoolController

    found: list[Any] = ThreadpoolController().select(user_api="blas").lib_controllers
    return found


def _number_from(variable: str, default: int) -> int:
    """A number of at least 1 from the environment."""
    wanted = os.environ.get(variable) or str(default)
    if not wanted.isdigit() or int(wanted) < 1:
        raise ValueError(f"{variable} expects a number of at least 1, got {wanted!r}")
    return int(wanted)
