"""NVIDIA's run-time compiler without a GPU: the wheel nvidia-cuda-nvrtc, called as CuPy calls it."""

from __future__ import annotations

import ctypes
import importlib.util
import re
from functools import cache
from pathlib import Path

#: Volta, Ampere, Hopper, Blackwell
ARCHITECTURES = (70, 80, 90, 100)
#: what NVRTC 12 says of Volta, whatever the source
_OLD = "nvrtc: warning: Architectures prior to"


#: the sources of genoml_cupy
KERNELS = Path(str(importlib.util.find_spec("genoml_cupy").origin)).parent / "kernels"  # type: ignore[union-attr]


def kernel_files() -> list[str]:
    """Every kernel file, by name."""
    return sorted(path.stem for path in KERNELS.glob("*.cu"))


def kernels_in(text: str) -> list[str]:
    """The kernels that a source defines."""
    return re.findall(r"__global__\s+void\s+(\w+)\s*\(", text)


class CompileError(ValueError):
    """A source that NVRTC refuses; the message is its log."""


@cache
def _library() -> ctypes.CDLL:
    spec = importlib.util.find_spec("nvidia")
    places = [Path(place) for place in (spec.submodule_search_locations if spec else None) or ()]
    found = sorted(file for place in places for file in place.glob("*/lib/libnvrtc.so.*"))
    if not found:
        raise RuntimeError("compiling the kernels needs NVRTC: pip install nvidia-cuda-nvrtc-cu12")
    return ctypes.CDLL(str(found[0]))


def _check(library: ctypes.CDLL, status: int, what: str) -> None:
    if status:
        library.nvrtcGetErrorString.restype = ctypes.c_char_p
        raise RuntimeError(f"{what}: {library.nvrtcGetErrorString(status).decode()}")


def _text(library: ctypes.CDLL, program: ctypes.c_void_p, what: str) -> bytes:
    """The program's "ProgramLog" or "CUBIN"."""
    size = ctypes.c_size_t()
    _check(library, getattr(library, f"nvrtcGet{what}Size")(program, ctypes.byref(size)), what)
    text = ctypes.create_string_buffer(size.value)
    _check(library, getattr(library, f"nvrtcGet{what}")(program, text), what)
    return text.raw


def compile_cubin(source: str, options: tuple[str, ...], architecture: int) -> bytes:
    """Machine code of a source for one architecture; warnings are errors.

    Raises
    ------
    CompileError
        With NVRTC's log.
    """
    library, program = _library(), ctypes.c_void_p()
    _check(
        library,
        library.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"kernels.cu", 0, None, None),
        "nvrtcCreateProgram",
    )
    given = [option.encode() for option in (*options, f"--gpu-architecture=sm_{architecture}")]
    try:
        status = library.nvrtcCompileProgram(program, len(given), (ctypes.c_char_p * len(given))(*given))
        log = _text(library, program, "ProgramLog").decode(errors="replace").strip("\0")
        said = [line for line in log.splitlines() if line and not line.startswith(_OLD)]
        if status or said:
            raise CompileError(log)
        return _text(library, program, "CUBIN")
    finally:
        library.nvrtcDestroyProgram(ctypes.byref(program))
