"""One function that reads the weights of any known format, which it recognises by the content."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genoml.io.errors import FormatError
from genoml.io.plain import NotPlainError, read_plain
from genoml.io.weights.apart import read_apart
from genoml.io.weights.arrays import read_deepbind, read_npy, read_npz, read_safetensors
from genoml.io.weights.contents import Archive, Contents, GraphNode, WeightsError, describe_damage
from genoml.io.weights.onnx import read_onnx
from genoml.io.weights.pytorch import read_pytorch_stream, read_pytorch_zip
from genoml.io.weights.tensorflow import read_frozen_graph

#: Bytes of a file, at most.
_MOST_BYTES = 4 << 30
_KNOWN = "safetensors, PyTorch, Keras, TensorFlow frozen graphs, ONNX, NumPy, DeepBind's tables"
_SAVED_MODEL = (
    "a SavedModel, which holds a program; where it was made, save it by model.save('FILE.keras'), or as ONNX"
)


@dataclass(frozen=True)
class WeightsFile:
    """Tensors of a file, and what it says of the network.

    Attributes
    ----------
    path : str
        The file.
    format : str
        ``"safetensors"``, ``"pytorch"``, ``"keras"``, ``"tensorflow"``, ``"onnx"``, ``"numpy"`` or ``"deepbind"``.
    tensors : dict
        Name -> array, in the file's order; bfloat16 is read as float32.

        Keras: ``"LAYER/NAME"`` (``"conv1d/kernel"``) of older files, ``"LAYER/NUMBER"`` (``"conv1d/0"``) of
        ``.weights.h5`` and ``.keras``; a layer within a layer is one more step (``"bi/forward_layer/cell/0"``).
        TensorFlow and ONNX: the constants too.
    topology : dict, tuple of GraphNode or None
        Keras: the model's JSON, if it is there. TensorFlow and ONNX: the nodes except constants, in the file's order.
    metadata : dict
        What else there is: plain values of a checkpoint, sizes of DeepBind; ``"inputs"`` and ``"outputs"`` of a graph:
        name -> shape, in which -1 is a free axis, or None.
    sha256 : str
        Of the whole file, in hexadecimal.
    """

    path: str
    format: str
    tensors: dict[str, np.ndarray]
    topology: dict[str, Any] | tuple[GraphNode, ...] | None
    metadata: dict[str, Any]
    sha256: str


def read_weights(path: str | os.PathLike[str]) -> WeightsFile:
    """Read tensors, and the network's topology where the file has it, by what the file is, whatever its name ends in.

    No code of a file is run, and no other file is opened. PyTorch: a state dict, or a checkpoint that holds one; all
    that a pickle may ask for is tensors. Keras: the optimiser's state is left out. ONNX: arrays in the file itself.

    Raises
    ------
    FormatError
        If it is damaged or lies about its contents, asks for more than tensors, or has no known format; also for
        links, devices and folders.
    ModuleNotFoundError
        For Keras without ``h5py``, ONNX without ``onnx``.
    OSError
        If there is no such file, or it cannot be read.
    """
    name = os.fspath(path)
    try:
        content = read_plain(Path(path), _MOST_BYTES)
    except FileNotFoundError:
        raise FileNotFoundError(f"{name}: no such file; check the path") from None
    except NotPlainError as error:
        is_saved_model = os.path.exists(os.path.join(path, "saved_model.pb"))
        raise FormatError(f"a folder, {_SAVED_MODEL}" if is_saved_model else str(error), path=name) from error
    try:
        found = _reader(content)(content)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{name}: {error}", name=error.name) from error
    except WeightsError as error:
        raise FormatError(str(error), path=name) from error
    except Exception as error:  # what the parsers of others raise at damaged files is not documented
        raise FormatError(describe_damage(error), path=name) from error
    return WeightsFile(name, **found._asdict(), sha256=hashlib.sha256(content).hexdigest())


def _reader(content: bytes) -> Callable[[bytes], Contents]:
    """The reader of what the first bytes are the mark of."""
    marks: dict[bytes, Callable[[bytes], Contents]] = {
        b"\x89HDF\r\n\x1a\n": read_apart,
        b"\x93NUMPY": read_npy,
        b"# deepbind 0.1": read_deepbind,
        b"PK\x03\x04": _read_zip,
        b"\x80": read_pytorch_stream,
        b"\x0a": read_frozen_graph,
    }
    if content[3:9] == b"\0\0\0\0\0{":  # a header of less than 16 MiB
        return read_safetensors
    for mark, reader in marks.items():
        if content.startswith(mark):
            return reader
    if content.startswith(b"\x08\x01\x12"):
        raise WeightsError(_SAVED_MODEL)
    if content.startswith(b"\x08"):
        return read_onnx
    if content.startswith(b"\x1f\x8b"):
        raise WeightsError("compressed; unpack it with gunzip")
    raise WeightsError(f"no weights of a known format; known: {_KNOWN}")


def _read_zip(content: bytes) -> Contents:
    archive = Archive(content)
    if any(name.endswith("/data.pkl") for name in archive.names):
        return read_pytorch_zip(content, archive)
    if "model.weights.h5" in archive.names:
        return read_apart(content)
    if archive.names and all(name.endswith(".npy") for name in archive.names):
        return read_npz(content, archive)
    raise WeightsError(f"a zip archive of something else; known: {_KNOWN}")
