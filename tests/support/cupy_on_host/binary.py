"""Functions inside a compiled module replaced: what CuPy's wheel links statically can be reached no other way."""

from __future__ import annotations

import ctypes
import mmap
import struct
from collections.abc import Mapping
from importlib.machinery import PathFinder
from pathlib import Path

_SYMBOLS, _FUNCTION = 2, 2  # SHT_SYMTAB, STT_FUNC
_READ_WRITE_EXECUTE = 7
#: mov rax, ADDRESS; jmp rax
_JUMP = (b"\x48\xb8", b"\xff\xe0")
_JUMP_BYTES = 12


def module_file(module: str) -> Path:
    """The file of a compiled module, which is not imported for it."""
    top, *rest = module.split(".")
    spec = PathFinder.find_spec(top)  # not through the finders, one of which waits for CuPy
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"no package {top}", name=top)
    folder = Path(spec.submodule_search_locations[0]).joinpath(*rest[:-1])
    return next(folder.glob(f"{rest[-1]}.*.so"))


def functions_of(path: Path) -> dict[str, tuple[int, int]]:
    """Name -> (address, bytes) of every function of an ELF file of 64 bits, those that it does not export too."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        (offset,), (size, count) = struct.unpack_from("<Q", data, 40), struct.unpack_from("<HH", data, 58)
        sections = [struct.unpack_from("<IIQQQQIIQQ", data, offset + i * size) for i in range(count)]
        found = {}
        for section in sections:
            if section[1] != _SYMBOLS:
                continue
            names = sections[section[6]][4]
            for at in range(section[4], section[4] + section[5], 24):
                name, info, _, index, value, length = struct.unpack_from("<IBBHQQ", data, at)
                if info & 15 == _FUNCTION and index:
                    start = names + name
                    found[data[start : data.find(b"\0", start)].decode()] = (value, length)
        return found


def address_of(library: ctypes.CDLL, name: str) -> int:
    """Where an exported function stands in this process."""
    return ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0


def redirect(module: str, known: Mapping[str, tuple[int, int]], targets: Mapping[str, int]) -> None:
    """Let functions of a module jump to these addresses; ``known`` is ``functions_of`` its file."""
    start = f"PyInit_{module.rpartition('.')[2]}"
    base = address_of(ctypes.CDLL(str(module_file(module))), start) - known[start][0]
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    protect.argtypes = [ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int]
    for name, target in targets.items():
        address, length = base + known[name][0], known[name][1]
        if length < _JUMP_BYTES:
            raise OSError(f"{name} of {module} is too short for a jump")
        page = address & ~(mmap.PAGESIZE - 1)
        if protect(page, address + _JUMP_BYTES - page, _READ_WRITE_EXECUTE):
            raise OSError(ctypes.get_errno(), f"{module} cannot be written to in memory")
        ctypes.memmove(address, _JUMP[0] + struct.pack("<Q", target) + _JUMP[1], _JUMP_BYTES)
