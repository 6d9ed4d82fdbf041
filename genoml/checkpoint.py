"""Weights on disk: written whole or not at all, and read without running anything from the file.

The format is safetensors: a JSON header of names, dtypes and shapes, then the bytes.
"""

from __future__ import annotations

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

    with write_whole(path) as file:
        file.write(save(host_weights(layer), metadata={"format": "genoml-weights", **(metadata or {})}))


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
