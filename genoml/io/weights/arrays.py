"""Files of arrays by name: safetensors, NumPy's, and the tables of DeepBind."""

from __future__ import annotations

import io
from math import prod

import numpy as np

from genoml.io.errors import shown
from genoml.io.plain import strict_json
from genoml.io.weights.contents import MOST_JSON, MOST_TENSORS, Archive, Contents, Room, WeightsError, numbers

_SAFETENSORS = {
    "F64": "f8", "F32": "f4", "F16": "f2", "BF16": "bf16", "I64": "i8", "I32": "i4", "I16": "i2", "I8": "i1",
    "U64": "u8", "U32": "u4", "U16": "u2", "U8": "u1", "BOOL": "b1", "C64": "c8",
}  # fmt: skip
#: whole numbers that a table of DeepBind begins with, in this order
_DEEPBIND = ("reverse_complement", "num_detectors", "detector_len", "has_avg_pooling", "num_hidden")


def read_safetensors(content: bytes) -> Contents:
    """Read safetensors; the library checks that the arrays fill the file, without gap and overlap."""
    from safetensors import deserialize

    length = int.from_bytes(content[:8], "little")
    if length > min(MOST_JSON, len(content) - 8):
        raise WeightsError(f"{len(content)} bytes, of which the header claims {length}")
    header = strict_json(content[8 : 8 + length])
    if len(header) > MOST_TENSORS:
        raise WeightsError(f"holds {len(header)} tensors; expects at most {MOST_TENSORS}")
    found = dict(deserialize(content))  # type: ignore[no-untyped-call]
    tensors = {}
    for name in sorted(found, key=lambda name: (header[name]["data_offsets"], name)):
        entry = found[name]
        if entry["dtype"] not in _SAFETENSORS:
            raise WeightsError(
                f"{shown(name)} has dtype {shown(entry['dtype'])}; known: {', '.join(_SAFETENSORS)}"
            )
        tensors[name] = numbers(name, entry["data"], _SAFETENSORS[entry["dtype"]], entry["shape"])
    return Contents("safetensors", tensors, None, header.get("__metadata__", {}))


def read_npy(content: bytes) -> Contents:
    """Read one array of NumPy, whose name is ``""``."""
    return Contents("numpy", {"": _npy("the array", content)}, None, {})


def read_npz(content: bytes, archive: Archive) -> Contents:
    """Read an archive of NumPy's arrays."""
    names = [name for name in archive.names if not name.endswith("/")]
    tensors = {name.removesuffix(".npy"): _npy(name, archive.read(name)) for name in names}
    return Contents("numpy", tensors, None, {})


def _npy(name: str, content: bytes) -> np.ndarray:
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read is None:
        raise WeightsError(f"{shown(name)} has version {version} of NumPy's format; known: 1.0 and 2.0")
    shape, is_columns, dtype = read(file)
    if dtype.kind not in "biufc":
        what = "Python objects, which would have to run" if dtype.hasobject else f"dtype {shown(str(dtype))}"
        raise WeightsError(f"refused: {shown(name)} holds {what}; only numbers are read")
    Room(len(content)).take(name, shape, dtype.itemsize)
    data = memoryview(content)[file.tell() :]
    laid = shape[::-1] if is_columns else shape
    found = numbers(name, data, dtype.str[1:], laid, is_big=dtype.str[0] == ">")
    return np.ascontiguousarray(found.T) if is_columns else found


def read_deepbind(content: bytes) -> Contents:
    """Read a table of parameters of DeepBind 0.1, text of lines ``name = numbers``.

    ``detectors`` (length, 4, detectors) in the order ACGT, ``thresholds`` that are added, ``weights1`` (pooled, hidden)
    whose rows alternate between maximum and average if ``has_avg_pooling``, ``biases1``; with ``num_hidden``,
    ``weights2`` and ``biases2`` too. ``metadata`` has the whole numbers.

    References
    ----------
    Alipanahi et al. (2015), doi:10.1038/nbt.3300; the format is that of their program deepbind 0.11.
    """
    rows: dict[str, str] = {}
    for line in content.decode("ascii").splitlines()[1:]:
        name, sign, value = (part.strip() for part in line.partition("="))
        if not sign and not name:
            continue
        if not sign or name in rows:
            raise WeightsError(f"{shown(line)!r}: expects each name once, as in 'num_detectors = 16'")
        rows[name] = value
    sizes = {name: _count(rows, name) for name in _DEEPBIND}
    detectors, hidden = sizes["num_detectors"], sizes["num_hidden"]
    shapes = {
        "detectors": (sizes["detector_len"], 4, detectors),
        "thresholds": (detectors,),
        "weights1": (detectors * (2 if sizes["has_avg_pooling"] else 1), hidden or 1),
        "biases1": (hidden or 1,),
    } | ({"weights2": (hidden,), "biases2": (1,)} if hidden else {})
    tensors = {name: _row(rows, name, shape) for name, shape in shapes.items()}
    return Contents("deepbind", tensors, None, sizes)


def _count(rows: dict[str, str], name: str) -> int:
    if not rows.get(name, "").isdecimal() or len(rows[name]) > 9:
        raise WeightsError(f"{name} expects a whole number, got {shown(rows.get(name, 'nothing'))!r}")
    return int(rows[name])


def _row(rows: dict[str, str], name: str, shape: tuple[int, ...]) -> np.ndarray:
    row = rows.get(name, "")
    if row.count(",") + 1 != prod(shape):
        raise WeightsError(f"{name} expects {prod(shape)} numbers, got {row.count(',') + 1}")
    return np.array([float(value) for value in row.split(",")], np.float32).reshape(shape)
