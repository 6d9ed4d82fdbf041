"""Files of weights that someone with bad intentions made."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from genoml.checkpoint.files import pack_tensors


class _Code:
    """Unpickled, it runs a command."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.path}",)


def _file(header: bytes, data: bytes = b"", length: int | None = None) -> bytes:
    return (len(header) if length is None else length).to_bytes(8, "little") + header + data


def one_array(dtype: Any = "F32", shape: Any = (1,), offsets: Any = (0, 4), data: bytes = b"\0" * 4) -> bytes:
    entry = {"dtype": dtype, "shape": shape, "data_offsets": offsets}
    return _file(json.dumps({"conv.bias": entry}).encode(), data)


def pickles(marker: Path) -> dict[str, bytes]:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(_Code(marker)))
    array = io.BytesIO()
    np.save(array, np.array([_Code(marker)], dtype=object), allow_pickle=True)
    found = {f"pickle{protocol}": pickle.dumps(_Code(marker), protocol) for protocol in (0, 2, 4, 5)}
    return found | {"torch-zip": packed.getvalue(), "object-npy": array.getvalue()}


def headers() -> dict[str, bytes]:
    """Files whose header lies."""
    entry = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
    pair = '"dtype":"F32","shape":[2],"data_offsets":'
    two = f'{{"a":{{{pair}[0,8]}},"b":{{{pair}[%d,%d]}}}}'
    deep = 200_000
    return {
        "empty": b"",
        "seven-bytes": b"\0" * 7,
        "header-2^63": _file(b"{}", length=2**63),
        "header-2^64-1": _file(b"{}", length=2**64 - 1),
        "header-longer-than-file": _file(b"{}", length=100),
        "deep-lists": _file(b'{"a":' + b"[" * deep + b"]" * deep + b"}"),
        "deep-objects": _file(b'{"a":' * deep + b"1" + b"}" * deep),
        "open-brackets": _file(b"[" * deep),
        "json-bomb": _file(b'{"a":[' + b"[]," * 3_000_000 + b"[]]}"),
        "many-axes": one_array(shape=[1] * 100_000),
        "million-names": _file(
            b"{"
            + b",".join(b'"%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}' % i for i in range(50_000))
            + b"}"
        ),
        "name-twice": _file(f'{{"a":{entry},"a":{entry}}}'.encode(), b"\0" * 4),
        "key-twice": _file(
            entry.replace('"dtype"', '"dtype":"F64","dtype"').join(['{"a":', "}"]).encode(), b"\0" * 4
        ),
        "overlap": _file((two % (4, 12)).encode(), b"\0" * 12),
        "same-bytes": _file((two % (0, 8)).encode(), b"\0" * 8),
        "gap": _file((two % (12, 20)).encode(), b"\0" * 20),
        "backwards": one_array(offsets=(4, 0)),
        "negative-offset": one_array(offsets=(-4, 0)),
        "beyond-file": one_array(shape=(1000,), offsets=(0, 4000)),
        "terabytes": one_array(shape=(2**38,), offsets=(0, 2**40)),
        "negative-shape": one_array(shape=(-1,), offsets=(0, 4)),
        "minus-times-minus": one_array(shape=(-1, -1)),
        "overflowing-shape": one_array(shape=(2**32, 2**32), offsets=(0, 0), data=b""),
        "overflowing-product": one_array(shape=(2**61, 8), offsets=(0, 0), data=b""),
        "shape-1e400": _file(b'{"a":{"dtype":"F32","shape":[1e400],"data_offsets":[0,4]}}', b"\0" * 4),
        "fraction": one_array(offsets=(0, 3.5)),
        "shape-is-text": one_array(shape="os.system"),
        "dtype-object": one_array(dtype="O"),
        "dtype-code": one_array(dtype="__import__('os').system('true')"),
        "dtype-bf16": one_array("BF16", (2,)),
        "dtype-number": one_array(dtype=4),
        "unknown-key": _file(b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"code":"x"}}'),
        "header-is-list": _file(b"[]"),
        "header-is-null": _file(b"null"),
        "not-utf8": _file(b'{"\xff\xfe":1}'),
        "metadata-of-numbers": _file(b'{"__metadata__":{"a":1}}'),
        "metadata-is-list": _file(b'{"__metadata__":[]}'),
        "two-headers": _file(b"{}{}"),
        "trailing": one_array(data=b"\0" * 9),
    }


def _tensors(arrays: Mapping[str, np.ndarray]) -> bytes:
    return pack_tensors(arrays, {})


def contents(arrays: dict[str, np.ndarray]) -> dict[str, bytes]:
    """Sound files of what cannot be the model's weights."""
    name, value = next((name, value) for name, value in arrays.items() if value.ndim == 1)
    rest = {key: other for key, other in arrays.items() if key != name}
    names = ["../../etc/passwd", "/etc/passwd", "a\0b", "__class__", "conv.__init__", "os.system", ""]
    changed = {f"name-{number}": rest | {bad: value} for number, bad in enumerate(names)}
    for word, number in (("nan", np.nan), ("inf", np.inf), ("minus-inf", -np.inf)):
        changed[word] = rest | {name: np.full_like(value, number)}
    changed["integers"] = rest | {name: value.astype(np.int32)}
    changed["booleans"] = rest | {name: value > 0}
    changed["too-many"] = arrays | {"more": value}
    changed["other-shape"] = rest | {name: value[:, None]}
    return {word: _tensors(table) for word, table in changed.items()}
