"""Weights on disk: written whole or not at all, and read without running anything from the file.

The format is safetensors: a JSON header of names, dtypes and shapes, then the bytes.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from genoml.nn.base import Layer


class CheckpointError(ValueError):
    """A file of weights that is damaged, or does not fit the model."""


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary name beside ``path`` to write to; becomes ``path`` at the end, or vanishes on an error.

    The data are on disk before the name is: file fsync, rename, folder fsync.
    """
    path = Path(path)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)  # mkstemp makes files private
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_atomic(path: Path, data: bytes) -> None:
    """Write a whole file, or leave what was there."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def host_weights(layer: Layer) -> dict[str, np.ndarray]:
    """Parameters and state by path, as NumPy arrays."""
    arrays = {**layer.params, **layer.state}
    return {name: np.ascontiguousarray(layer.backend.to_numpy(value)) for name, value in arrays.items()}


def save_weights(path: str | Path, layer: Layer, metadata: Mapping[str, str] | None = None) -> None:
    """Write a layer's parameters and state."""
    from safetensors.numpy import save

    write_atomic(Path(path), save(host_weights(layer), metadata={"format": "genoml-weights", **(metadata or {})}))


def load_weights(path: str | Path, layer: Layer) -> None:
    """Read parameters and state into a layer of the same structure, on its own backend.

    Raises
    ------
    CheckpointError
        If the file is missing or damaged, or its names or shapes are not the layer's; the layer is then
        unchanged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    path = Path(path)
    try:
        arrays = load(path.read_bytes())
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: no such file") from error
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: not a readable weights file ({error})") from error
    _expect_fit(path, arrays, {**layer.params, **layer.state})
    for table in (layer.params, layer.state):
        for name in table:
            table[name] = layer.backend.asarray(arrays[name], layer.dtype)


def _expect_fit(path: Path, arrays: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> None:
    missing, unknown = sorted(set(expected) - set(arrays)), sorted(set(arrays) - set(expected))
    if missing or unknown:
        raise CheckpointError(f"{path}: weights do not fit the model; missing {missing}, unknown {unknown}")
    for name, value in expected.items():
        if tuple(value.shape) != arrays[name].shape:
            raise CheckpointError(
                f"{path}: weights do not fit the model; {name} expects shape {tuple(value.shape)}, "
                f"got {arrays[name].shape}"
            )
        if not np.all(np.isfinite(arrays[name])):
            raise CheckpointError(f"{path}: {name} holds values that are not finite")
