"""CuPy itself without a GPU: its wheel, unchanged, on an emulated GPU whose device is the CPU.

CuPy gives CUDA C++ sources to NVRTC and what comes back to the driver. ``source/driver.cpp`` is both: g++ compiles the
sources with ``words.h``, which gives it CUDA's words, and a launch runs them, in fibres where threads wait for one
another. The CUDA runtime and Thrust stand inside CuPy's modules, whose functions are made to jump into
``runtime.cpp`` and ``thrust.cpp``; cuBLAS is ``cublas.cpp``. So CuPy's promotion, indexing, kernels, pools and errors
are its own, and so is everything of genoml_cupy. What a GPU refuses or leaves undefined is an error, and
launches, copies and waits are counted.

``pytest --backend cupy-on-host``, and ``python tests/support/cupy_on_host COMMAND ...`` for any other command. The
environment variable GENOML_CUPY_ON_HOST holds words: ``on``, and the options named in OPTIONS.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from . import launches
from .binary import address_of, redirect
from .build import DEVICE_NAME, RUNTIME, THRUST, CannotEmulateError, built, cublas_name, kernels

__all__ = ["DEVICE_NAME", "OPTIONS", "CannotEmulateError", "counting", "is_on", "on_import", "option", "parameters_of",
           "start"]  # fmt: skip

SWITCH = "GENOML_CUPY_ON_HOST"
#: by the words of the switch
OPTIONS = {
    "denormals": "float32 results and operands below 1.2e-38 count as 0, as CuPy asks NVRTC for",
    "guarded": "each array is an allocation of its own, before memory that may not be touched",
    "idle": "launches and products are checked and counted, and compute nothing",
    "turned": "the last thread of a block runs first",
}
#: of a launch, "bytes" counts each array once
COUNTS = (
    "launches", "products", "to_device", "to_host", "on_device", "sets", "waits", "allocations", "compiled", "bytes",
    "operations", "graphs",
)  # fmt: skip


class _Finder:
    """At the first import of CuPy, the emulated GPU is put in place."""

    installed = False

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if not self.installed and name.partition(".")[0] in ("cupy", "cupy_backends"):
            self.installed = True
            _install()


def start() -> None:
    """From here on CuPy runs on the CPU, in this process and in those that it starts; builds what that needs.

    Raises
    ------
    CannotEmulateError
        If CuPy or g++ is missing, or CuPy has been imported already.
    """
    built()
    if is_on():
        return
    if "cupy" in sys.modules:
        raise CannotEmulateError("CuPy has been imported before cupy-on-host: start it earlier")
    own = Path(__file__).with_name("process")
    os.environ.setdefault(SWITCH, "on")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(own), os.environ.get("PYTHONPATH"))))
    on_import()


def on_import() -> None:
    """Wait for the import of CuPy."""
    sys.meta_path.insert(0, _Finder())  # type: ignore[arg-type]


def is_on() -> bool:
    """Whether CuPy runs on the CPU in this process, or would; sitecustomize.py has a copy of this module."""
    return any(type(finder).__name__ == _Finder.__name__ for finder in sys.meta_path)


def _install() -> None:
    folder = built()
    # CUB's kernels stand compiled in CuPy's modules, and need a GPU
    os.environ["CUPY_ACCELERATORS"] = ""
    os.environ["CUPY_CACHE_DIR"] = str(kernels())
    path = folder / "libcuda.so.1"
    library = ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
    ctypes.CDLL(str(folder / cublas_name()), mode=ctypes.RTLD_GLOBAL)
    words = os.environ.get(SWITCH, "").split(",")
    for name in OPTIONS:
        ctypes.c_int.in_dll(library, f"option_{name}").value = int(name in words)
    from cuda import pathfinder

    loaded = SimpleNamespace(
        abs_path=str(path), _handle_uint=library._handle, was_already_loaded_from_elsewhere=False
    )
    pathfinder.load_nvidia_dynamic_lib = lambda name: loaded
    pathfinder.find_nvidia_header_directory = lambda name: str(folder)
    symbols = json.loads((folder / "symbols.json").read_text())
    base = address_of(library, "emulated_trace") - symbols["own"]["emulated_trace"][0]
    own = {name: base + address for name, (address, _) in symbols["own"].items()}
    runtime = [name for name in symbols[RUNTIME] if name.startswith("cuda")]
    redirect(
        RUNTIME, symbols[RUNTIME], {name: own.get(name, own["emulated_not_supported"]) for name in runtime}
    )
    sorts = [name for name in symbols[THRUST] if name in own]
    redirect(THRUST, symbols[THRUST], {name: own[name] for name in sorts})


def opened() -> Any:
    """The backend cupy, whose device is the CPU; launches of genoml's kernels are checked."""
    from genoml.backend import get_backend

    backend: Any = get_backend("cupy")
    if option("guarded"):
        backend.cupy.cuda.set_allocator(None)
    launches.check_launches(backend.cupy, parameters_of)
    return backend


@cache
def _loaded() -> ctypes.CDLL:
    if not (is_on() and "cupy" in sys.modules):
        raise CannotEmulateError("cupy-on-host is not in use: start it, then import CuPy")
    return ctypes.CDLL(str(built() / "libcuda.so.1"))  # once a process, however often it is opened


def option(name: str, wanted: bool | None = None) -> bool:
    """One of OPTIONS, after setting it where that is wanted."""
    value = ctypes.c_int.in_dll(_loaded(), f"option_{name}")
    value.value = value.value if wanted is None else int(wanted)
    return bool(value.value)


def trace(path: Path | None) -> None:
    """Write a line for each launch, product, copy and wait to a file, or stop that."""
    _loaded().emulated_trace(None if path is None else os.fsencode(path))


def parameters_of(kernel: Any) -> str:
    """The types of a cupy.RawKernel's parameters, as NumPy names them, p before those of arrays: "pf4 i8"."""
    text = ctypes.create_string_buffer(4096)
    _loaded().emulated_parameters(ctypes.c_void_p(kernel.kernel.ptr), text)
    return text.value.decode().strip()


def counts() -> dict[str, int]:
    """What has happened since the process began, by the names in COUNTS."""
    values = (ctypes.c_longlong * len(COUNTS)).in_dll(_loaded(), "emulated_counts")
    found = dict(zip(COUNTS, values, strict=True))
    return found | {"bytes": found["bytes"] + launches.given_bytes}


@contextmanager
def counting() -> Iterator[dict[str, int]]:
    """What happens within; the dict is filled at the end."""
    before, found = counts(), {}
    yield found
    found.update({name: after - before[name] for name, after in counts().items()})
