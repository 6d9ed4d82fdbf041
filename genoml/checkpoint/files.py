"""Files of arrays: plain files, safetensors with checked headers, and the errors of both."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from math import prod
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load, save

from genoml.io.errors import printable
from genoml.io.plain import NotPlainError, open_plain, strict_json


class CheckpointError(ValueError):
    """Raised if a file of weights or a training state is damaged, does not fit, or cannot be written."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


#: end of a sealed JSON object: sha256 of all before it
_SEAL = re.compile(rb',\n  "seal": "([0-9a-f]{64})"\n}\n')
_SEAL_LENGTH = len(b',\n  "seal": ""\n}\n') + 64


def seal_json(record: bytes) -> bytes:
    """A JSON object with a last member ``seal``, the sha256 of the text before it."""
    start = record.rstrip().removesuffix(b"}").rstrip()
    return start + b',\n  "seal": "%b"\n}\n' % hashlib.sha256(start).hexdigest().encode()


def unseal_json(content: bytes) -> bytes | None:
    """The object that was sealed, without its seal; None if anything of it has changed."""
    start = content[:-_SEAL_LENGTH]
    seal = _SEAL.fullmatch(content[-_SEAL_LENGTH:])
    if seal is None or hashlib.sha256(start).hexdigest().encode() != seal[1]:
        return None
    return start + b"}"


#: The most bytes of a header, enough for about 30,000 arrays; the library allows 100 MB.
MOST_HEADER = 4 << 20
#: Dtypes of the format that NumPy has too.
_DTYPES = ("F64", "F32", "F16", "I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8", "BOOL")


@dataclass(frozen=True)
class TensorFile:
    """An open file with a checked header; no array has been read yet."""

    path: Path
    size: int
    metadata: dict[str, str]
    shapes: dict[str, tuple[int, ...]]
    header: bytes
    _file: BufferedReader

    @property
    def numbers(self) -> int:
        """Total number of elements of its arrays."""
        return sum(map(prod, self.shapes.values()))

    def read(self) -> tuple[dict[str, np.ndarray], str]:
        """Read the arrays by name, and the sha256 of the whole file."""
        self._file.seek(0)
        content = self._file.read(
            self.size + 1
        )  # one more, so that the library refuses a file that has grown
        try:
            loaded = load(content)
        except (SafetensorError, ValueError) as error:  # ValueError of NumPy: an impossible shape
            raise _unreadable(self.path, error) from error
        if {name: value.shape for name, value in loaded.items()} != self.shapes:
            raise CheckpointError(f"{self.path}: changed while it was read; try again")
        # in the file's order, since the library's varies; copied, so that the memory is aligned as for any other
        # array, on which the order of a sum may depend
        arrays = {name: loaded[name].copy() for name in self.shapes}
        return arrays, hashlib.sha256(content).hexdigest()


@contextmanager
def open_tensors(path: Path) -> Iterator[TensorFile]:
    """Open a safetensors file, and check its header against its size.

    Raises
    ------
    CheckpointError
        If it is missing, not a plain file, or not sound safetensors.
    """
    try:
        with open_plain(path) as (file, size):
            yield _read_header(path, file, size)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: no such file; train the model again") from error
    except NotPlainError as error:
        raise CheckpointError(f"{path}: not a readable weights file ({error})") from error
    except OSError as error:
        raise CheckpointError(f"{path}: not a readable weights file ({error.strerror or error})") from error


def _read_header(path: Path, file: BufferedReader, size: int) -> TensorFile:
    first = file.read(8)
    length = int.from_bytes(first, "little")
    if length > MOST_HEADER:
        raise _unreadable(path, f"{size} bytes, of which the header claims {length}")
    header = file.read(length)
    try:
        # read, not mapped: truncation of a mapped file by another process would end this one
        with safe_open(path, "numpy", backend="pread") as opened:
            slices = {name: opened.get_slice(name) for name in opened.offset_keys()}
            metadata = opened.metadata() or {}
        strict_json(header)
    except (SafetensorError, ValueError) as error:
        raise _unreadable(path, error) from error
    for name, part in slices.items():
        if part.get_dtype() not in _DTYPES:
            raise _unreadable(path, f"{name!r} has dtype {part.get_dtype()!r}; known: {', '.join(_DTYPES)}")
    shapes = {name: tuple(part.get_shape()) for name, part in slices.items()}
    return TensorFile(path, size, metadata, shapes, first + header, file)


def _unreadable(path: Path, why: object) -> CheckpointError:
    return CheckpointError(f"{path}: not a readable weights file ({str(why)[:200]}); train the model again")


def pack_tensors(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> bytes:
    """Content of a safetensors file; the same arrays give the same bytes.

    The library orders the arrays, the widest dtypes first, then by name; ``metadata`` should have one entry, since the
    library writes several in any order.
    """
    contiguous = {name: np.asarray(value, order="C") for name, value in arrays.items()}
    # None if empty: without arrays and metadata the library would write broken JSON
    return save(contiguous, dict(metadata) or None)
