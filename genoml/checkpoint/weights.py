"""Weights on disk as safetensors, with a checksum, since the format does not detect changed bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from genoml.checkpoint.files import CheckpointError, TensorFile, open_tensors, pack_tensors
from genoml.io.files import write_whole
from genoml.nn.layer import Layer

_FORMAT = "genoml-weights"
#: networks up to this size are always built, since the error of their arrays says more
_FEW_NUMBERS = 1 << 20


def fits(layer: Layer, numbers: int) -> bool:
    """Whether a network has at most as many numbers as its file (or a million); call it before it takes memory."""
    return layer.undrawn() <= max(numbers, _FEW_NUMBERS)


def host_weights(layer: Layer) -> dict[str, np.ndarray]:
    """Parameters and state by path, as NumPy arrays."""
    arrays = {**layer.params, **layer.state}
    return {name: np.ascontiguousarray(layer.backend.to_numpy(value)) for name, value in arrays.items()}


def pack_weights(layer: Layer, metadata: Mapping[str, str] | None = None) -> bytes:
    """Content of a file of a layer's parameters and state."""
    arrays = host_weights(layer)
    about = {"format": _FORMAT, "checksum": _checksum(arrays), **(metadata or {})}
    return pack_tensors(arrays, {"genoml": json.dumps(about, sort_keys=True)})


def save_weights(path: str | Path, layer: Layer, metadata: Mapping[str, str] | None = None) -> None:
    """Write a layer's parameters and state."""
    content = pack_weights(layer, metadata)
    with write_whole(path) as file:
        file.write(content)


def _checksum(arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype} {arrays[name].shape} ".encode())
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()


def _is_sound(file: TensorFile, arrays: Mapping[str, np.ndarray]) -> bool:
    """Whether a file of genoml is unchanged, including its header; files of other origin have no checksum."""
    if not any("genoml" in key or _FORMAT in value for key, value in file.metadata.items()):
        return True
    try:
        about = json.loads(file.metadata["genoml"])
        if about["format"] != _FORMAT or about["checksum"] != _checksum(arrays):
            return False
    except (KeyError, TypeError, ValueError, RecursionError):
        return False
    return pack_tensors(arrays, {"genoml": json.dumps(about, sort_keys=True)}).startswith(file.header)


def load_weights(path: str | Path, layer: Layer, sha256: Collection[str] | None = None) -> None:
    """Read parameters and state into a layer of the same structure, on the layer's backend.

    Nothing is taken from the file but numbers, and no memory before the header's names and shapes are those of
    the layer.

    Parameters
    ----------
    path : path
        The file.
    layer : Layer
        What it is read into.
    sha256 : collection of str, optional
        Hashes of the whole file, in hexadecimal digits, one of which it must have.

    Raises
    ------
    CheckpointError
        If the file is missing, damaged or no plain file (a link, a pipe), is another than ``sha256`` says, or its
        names, shapes or kinds are not the layer's; the layer is then unchanged. A file of other origin, without a
        checksum, is taken as it is.
    """
    path = Path(path)
    with open_tensors(path) as file:
        if not fits(layer, file.numbers):
            raise CheckpointError(f"{path}: weights do not fit the model, which has more numbers")
        expected = {**layer.params, **layer.state}
        expect_shapes(path, file.shapes, {name: tuple(value.shape) for name, value in expected.items()})
        arrays, digest = file.read()
    if not _is_sound(file, arrays):
        raise CheckpointError(f"{path}: damaged, its checksum is another; train the model again")
    if sha256 is not None and digest not in sha256:
        raise CheckpointError(
            f"{path}: not the weights that its run was written with; bring the two together again, or, "
            "if they were changed on purpose, seal them with genoml.runs.reseal"
        )
    for name, value in arrays.items():
        _expect_weights(path, name, value)
    for table in (layer.params, layer.state):
        for name in table:
            table[name] = layer.backend.asarray(arrays[name], layer.dtype)


def expect_shapes(
    path: Path, actual: Mapping[str, tuple[int, ...]], expected: Mapping[str, tuple[int, ...]]
) -> None:
    """Raise CheckpointError unless the arrays of a file have the names and shapes of the model's."""
    missing = sorted(set(expected) - set(actual))
    unknown = sorted(set(actual) - set(expected))
    if missing or unknown:
        raise CheckpointError(
            f"{path}: weights do not fit the model; missing {_shortened(missing)}, unknown {_shortened(unknown)}"
        )
    for name, shape in expected.items():
        if shape != actual[name]:
            raise CheckpointError(
                f"{path}: weights do not fit the model; {name} expects shape {shape}, got {actual[name]}"
            )


def _shortened(names: list[str]) -> str:
    return str(names) if len(names) <= 10 else f"{names[:10]} and {len(names) - 10} more"


def _expect_weights(path: Path, name: str, value: np.ndarray) -> None:
    if value.dtype.kind != "f":
        raise CheckpointError(f"{path}: {name} expects floating-point numbers, got {value.dtype}")
    if not np.all(np.isfinite(value)):
        raise CheckpointError(f"{path}: {name} holds values that are not finite")
