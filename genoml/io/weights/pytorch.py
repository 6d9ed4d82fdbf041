"""PyTorch's files: a pickle that names storages, and their bytes, in a zip archive or (before 1.6) one stream."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np

from genoml.io.errors import shown
from genoml.io.weights.contents import MOST_TENSORS, Archive, Contents, Room, WeightsError, numbers
from genoml.io.weights.pickles import ADVICE, ONLY, Machine, Storage, Tensor

#: What a stream begins with, as a pickle of its own.
_MAGIC = 0x1950A86A20F9469CFC6C
#: values of a checkpoint that are kept beside its tensors
_PLAIN = (str, int, float)


def _state(root: Any) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a state dict, or of those in a checkpoint; and the checkpoint's plain values."""
    if not isinstance(root, dict):
        raise WeightsError(f"expects a dictionary of tensors: {ADVICE}")
    groups: dict[str, dict[str, Tensor]] = {}
    seen, waiting = set[int](), [("", root)]
    while waiting:
        prefix, group = waiting.pop(0)
        if id(group) in seen:  # a dictionary that holds itself
            continue
        seen.add(id(group))
        if tensors := {str(key): value for key, value in group.items() if isinstance(value, Tensor)}:
            groups[prefix] = tensors
        waiting += [
            (f"{prefix}{key}.", value)
            for key, value in group.items()
            if isinstance(value, dict) and not str(key).startswith("optim")
        ]
    if not groups:
        raise WeightsError(f"holds no tensors by name: {ADVICE}")
    if len(groups) == 1:  # {"state_dict": ..., "epoch": 7}
        groups = {"": tensors for tensors in groups.values()}  # noqa: B035
    kept = {prefix + key: value for prefix, group in groups.items() for key, value in group.items()}
    plain = {key: value for key, value in root.items() if isinstance(key, str) and isinstance(value, _PLAIN)}
    return kept, plain


class _Arrays:
    """Arrays of their own, each cut out of its storage; ``read`` gives the bytes of a storage."""

    def __init__(self, read: Callable[[Storage], bytes], is_big: bool, size: int) -> None:
        self._read = read
        self._is_big = is_big
        self._room = Room(size)
        self._flat: dict[tuple[str, str], np.ndarray] = {}

    def all(self, tensors: dict[str, Tensor]) -> dict[str, np.ndarray]:
        """The array of each tensor."""
        if len(tensors) > MOST_TENSORS:
            raise WeightsError(f"holds {len(tensors)} tensors; expects at most {MOST_TENSORS}")
        return {name: self._cut(name, tensor) for name, tensor in tensors.items()}

    def _cut(self, name: str, tensor: Tensor) -> np.ndarray:
        flat, start = self._storage(name, tensor), tensor.storage.start + tensor.start
        self._room.take(name, tensor.shape, flat.itemsize)
        if 0 in tensor.shape:
            return np.zeros(tensor.shape, flat.dtype)
        last = start + sum((n - 1) * step for n, step in zip(tensor.shape, tensor.strides, strict=True))
        if last >= flat.size:
            raise WeightsError(f"{shown(name)} reaches to element {last} of a storage of {flat.size}")
        # an axis of one element may have any stride, too large for NumPy even
        steps = [
            step * flat.itemsize if n > 1 else 0 for n, step in zip(tensor.shape, tensor.strides, strict=True)
        ]
        return np.lib.stride_tricks.as_strided(flat[start:], tensor.shape, steps, writeable=False).copy()

    def _storage(self, name: str, tensor: Tensor) -> np.ndarray:
        """All elements of a tensor's storage."""
        storage, code = tensor.storage, tensor.code
        if (storage.key, code) not in self._flat:
            data = self._read(storage)
            count, rest = divmod(len(data), _itemsize(code))
            if rest or code != (storage.code or code) or len(data) != storage.size * _itemsize(storage.code):
                raise WeightsError(
                    f"{shown(name)}: its storage says {storage.size} elements, the file has {len(data)} bytes"
                )
            self._flat[storage.key, code] = numbers(name, data, code, (count,), is_big=self._is_big)
        return self._flat[storage.key, code]


def _itemsize(code: str) -> int:
    return np.dtype({"bf16": "u2", "": "u1"}.get(code, code)).itemsize


def read_pytorch_zip(content: bytes, archive: Archive) -> Contents:
    """Read a state dict, or a checkpoint that holds one, of PyTorch 1.6 and later."""
    (pickle,) = [name for name in archive.names if name.endswith("/data.pkl")]
    folder = pickle.removesuffix("data.pkl")
    if any(name.startswith(f"{folder}code/") for name in archive.names):
        raise WeightsError(f"refused: TorchScript, which holds a program; {ONLY}")
    text = archive.read(pickle)
    tensors, plain = _state(Machine(text).run(io.BytesIO(text)))
    is_big = f"{folder}byteorder" in archive.names and archive.read(f"{folder}byteorder") == b"big"

    def read(storage: Storage) -> bytes:
        return archive.read(f"{folder}data/{storage.key}")

    return Contents("pytorch", _Arrays(read, is_big, len(content)).all(tensors), None, plain)


def read_pytorch_stream(content: bytes) -> Contents:
    """Read a state dict, or a checkpoint that holds one, of PyTorch before 1.6: pickles, then the storages in turn."""
    stream, machine = io.BytesIO(content), Machine(content)
    if machine.run(stream) != _MAGIC:
        raise WeightsError(
            "a pickle that PyTorch did not write; expects tensors in safetensors, or NumPy's npz"
        )
    _, system, root, keys = (machine.run(stream) for _ in range(4))
    is_big = isinstance(system, dict) and system.get("little_endian") is False
    tensors, plain = _state(root)
    found: dict[str, bytes] = {}
    for key in keys if isinstance(keys, list) else ():
        storage = machine.storages[key]
        size = int.from_bytes(stream.read(8), "big" if is_big else "little")
        if size != storage.size:
            raise WeightsError(f"storage {shown(key)} says {storage.size} elements and {size}")
        found[key] = stream.read(size * _itemsize(storage.code))
    if rest := len(stream.read()):
        raise WeightsError(f"{rest} bytes are left over after the storages")

    def read(storage: Storage) -> bytes:
        return found[storage.key]

    return Contents("pytorch", _Arrays(read, is_big, len(content)).all(tensors), None, plain)
