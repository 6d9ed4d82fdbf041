"""The variants that the suite runs on: real backends, and stricter ones that only tests have."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np

from genoml.backend import Array, Backend, backend_entry_points, get_backend
from genoml.testing import has_float64
from genoml_numpy import NumpyBackend, compiled_twins
from support import cupy_on_host
from support.limits import Suite, limits_file, read_suite

__all__ = [
    "OWN_VARIANTS",
    "CompiledNumpyBackend",
    "ReadOnlyNumpyBackend",
    "StrictBackend",
    "default_variants",
    "foreign_arrays",
    "has_float64",
    "installed_variants",
    "open_variant",
    "suite_of",
    "suites",
    "variants",
]


# before JAX is imported, whoever does it: float64 is what gradients are checked in
os.environ.setdefault("JAX_ENABLE_X64", "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# JAX compiles each small operation anew for each shape, and the tests spend their time on that
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
# the variant "numpy" is NumPy alone, in fresh processes too; "numpy-compiled" has Numba's twins
os.environ.setdefault("GENOML_COMPILED", "0")


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


class CompiledNumpyBackend(NumpyBackend):
    """NumPy with the twins that Numba compiles."""

    name = "numpy-compiled"

    @property
    def twins(self) -> Mapping[str, Any]:
        return compiled_twins()


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


#: the suite's own, stricter than any real backend, beside each backend's variant of its own name
OWN_VARIANTS = {
    "numpy-compiled": "numpy",
    "numpy-readonly": "numpy",
    "strict-device1": None,
    "strict-nofloat64": None,
    "strictest": None,
    "cupy-on-host": "cupy",
}


@cache
def suites() -> dict[str, Suite]:
    """What each installed backend says of itself, by its flag."""
    points = backend_entry_points()
    return {name: read_suite(limits_file(points[name])) for name in ("numpy", *sorted({*points} - {"numpy"}))}


def variants() -> list[str]:
    """Every variant by name: the suite's own, those of the CPU, and those of other hardware."""
    others = sorted(
        (name for name in suites() if name != "numpy"), key=lambda name: bool(suites()[name].hardware)
    )
    return ["numpy", *OWN_VARIANTS, *others]


def suite_of(variant: str) -> Suite:
    """What the variant's backend says of itself; array-api-strict, which has no package here, says nothing."""
    flag = OWN_VARIANTS.get(variant, variant)
    return Suite() if flag is None else suites()[flag]


def installed_variants() -> list[str]:
    """Those that need no hardware and whose library is there, jax included."""
    return [name for name in variants() if suite_of(name).installed and not suite_of(name).hardware]


def default_variants() -> list[str]:
    """All of these but those that ask to be left out."""
    # the one differs from numpy in four operations, whose own tests are always run; the other is what strictest is with
    # fewer things forbidden
    left_out = {"numpy-compiled", "strict-device1"}
    return [name for name in installed_variants() if suite_of(name).by_default and name not in left_out]


@contextmanager
def open_variant(name: str) -> Iterator[Backend]:
    """The variant's backend; named and absent is an error."""
    if name == "numpy-compiled":
        yield CompiledNumpyBackend()
    elif name == "numpy-readonly":
        yield ReadOnlyNumpyBackend()
    elif name == "strict-device1":
        yield StrictBackend("device1")
    elif name == "strict-nofloat64":
        yield StrictBackend("no_float64")
    elif name == "strictest":
        backend = StrictBackend("device1")
        with backend.xp.ArrayAPIStrictFlags(
            boolean_indexing=False, data_dependent_shapes=False, enabled_extensions=()
        ):
            yield backend
    elif name == "cupy-on-host":
        cupy_on_host.start()
        yield cupy_on_host.opened()
    else:
        yield get_backend(name)


def foreign_arrays(backend: Backend, values: np.ndarray) -> list[tuple[Array, type[Exception], str]]:
    """The values in another library and, where there is one, on another device, each with what is said of it."""
    strict = isinstance(backend, StrictBackend)
    other = ReadOnlyNumpyBackend() if strict else StrictBackend()
    moved = other.asarray(values)
    found: list[tuple[Array, type[Exception], str]] = [(moved, TypeError, "expects its arrays, got ")]
    if strict:
        device = "device2" if str(backend.device) != "Device('device2')" else "device1"
        there = backend.xp.asarray(values.astype("float32"), device=backend.xp.Device(device))
        found.append((there, ValueError, "got an array on device "))
    elif backend.name == "torch":
        there = backend.xp.asarray(values, device="meta")
        found.append((there, ValueError, "got an array on device meta"))
    return found
