"""The variants that the suite runs on: real backends, and stricter ones that only tests have."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from genoml.backend import Backend, get_backend
from genoml_numpy import NumpyBackend


class ReadOnlyNumpyBackend(NumpyBackend):
    """NumPy whose arrays cannot be written to, without twins: the standard versions, on NumPy."""

    name = "numpy-readonly"

    @property
    def twins(self) -> dict[str, Any]:
        return {}

    def asarray(self, values: Any, dtype: str | None = None) -> np.ndarray:
        array = np.array(values, dtype=dtype)
        array.flags.writeable = False
        return array


class StrictBackend(Backend):
    """array-api-strict: the standard and nothing else."""

    name = "strict"

    def __init__(self, device: str = "device1") -> None:
        import array_api_strict

        self.xp = array_api_strict
        self.device = array_api_strict.Device(device)

    def owns(self, array: object) -> bool:
        return isinstance(array, type(self.xp.empty(0)))

    def asarray(self, values: Any, dtype: str | None = None) -> Any:
        if self.owns(values):
            return values if dtype is None else self.xp.astype(values, self.dtype(dtype))
        host = np.array(values, dtype=dtype)
        if dtype is None and host.dtype == np.float64 and "no_float64" in str(self.device):
            host = host.astype(np.float32)
        return self.xp.asarray(host, device=self.device)

    def to_numpy(self, array: Any) -> np.ndarray:
        return np.array(np.from_dlpack(array.to_device(self.xp.Device("CPU_DEVICE"))))


CPU_VARIANTS = (
    "numpy",
    "numpy-readonly",
    "strict-device1",
    "strict-nofloat64",
    "strictest",
    "torch",
    "jax",
)
VARIANTS = (*CPU_VARIANTS, "cupy")


def installed_variants() -> list[str]:
    """The CPU variants whose library is there."""
    optional = {"torch", "jax"}
    return [name for name in CPU_VARIANTS if name not in optional or importlib.util.find_spec(name)]


def default_variants() -> list[str]:
    """All of them but JAX: run eagerly, it compiles each small operation."""
    return [name for name in installed_variants() if name != "jax"]


def has_float64(backend: Backend) -> bool:
    return "no_float64" not in str(backend.device)


@contextmanager
def open_variant(name: str) -> Iterator[Backend]:
    """The variant's backend; named and absent is an error."""
    if name == "numpy-readonly":
        yield ReadOnlyNumpyBackend()
    elif name == "strict-device1":
        yield StrictBackend("device1")
    elif name == "strict-nofloat64":
        yield StrictBackend("no_float64")
    elif name == "strictest":
        backend = StrictBackend("CPU_DEVICE")
        with backend.xp.ArrayAPIStrictFlags(
            boolean_indexing=False, data_dependent_shapes=False, enabled_extensions=()
        ):
            yield backend
    else:
        yield get_backend(name)
