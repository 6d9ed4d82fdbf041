"""Weights on disk: written whole or not at all, and read without running anything from the file.

The format is safetensors: a JSON header of names, dtypes and shapes, then the bytes. It notices a file cut
short but not a changed byte, so the header holds a checksum too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from genoml.io.files import write_whole
from genoml.nn.base import Layer


class CheckpointError(ValueError):
    """A file of weights that is damaged, or does not fit the model."""


def host_weights(layer: Layer) -> dict[str, np.ndarray]:
    """Parameters and state by path, as NumPy arrays."""
    arrays = {**layer.params, **layer.state}
    return {name: np.ascontiguousarray(layer.backend.to_numpy(value)) for name, value in arrays.items()}


def save_weights(path: str | Path, layer: Layer, metadata: Mapping[str, str] | None = None) -> None:
    """Write a layer's parameters and state."""
    from safetensors.numpy import save

    arrays = host_weights(layer)
    about = {"format": "genoml-weights", "checksum": _checksum(arrays), **(metadata or {})}
    # one entry: safetensors writes several in random order, and the same weights shall give the same file
    content = save(arrays, metadata={"genoml": json.dumps(about, sort_keys=True)})
    with write_whole(path) as file:
        file.write(content)


def _checksum(arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype} {arrays[name].shape} ".encode())
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()


def _is_sound(content: bytes, arrays: Mapping[str, np.ndarray]) -> bool:
    """Whether the arrays have the checksum that the header states, if it does; 8 bytes give its length."""
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    about = header.get("__metadata__", {}).get("genoml")
    try:
        return about is None or json.loads(about)["checksum"] == _checksum(arrays)
    except (KeyError, TypeError, ValueError):
        return False


def load_weights(path: str | Path, layer: Layer) -> None:
    """Read parameters and state into a layer of the same structure, on its own backend.

    Raises
    ------
    CheckpointError
        If the file is missing or damaged, or its names, shapes or kinds are not the layer's; the layer is
        then unchanged. A file of other origin, without a checksum, is taken as it is.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    path = Path(path)
    try:
        content = path.read_bytes()
        arrays = load(content)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: no such file; train the model again") from error
    except (SafetensorError, KeyError, OSError) as error:  # KeyError: a number format that NumPy lacks
        why = getattr(error, "strerror", None) or error
        what = f"{path}: not a readable weights file ({why})"
        raise CheckpointError(f"{what}; train the model again") from error
    if not _is_sound(content, arrays):
        raise CheckpointError(f"{path}: damaged, its checksum is another; train the model again")
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
        if arrays[name].dtype.kind != "f":
            raise CheckpointError(f"{path}: {name} expects floating-point numbers, got {arrays[name].dtype}")
        if not np.all(np.isfinite(arrays[name])):
            raise CheckpointError(f"{path}: {name} holds values that are not finite")
