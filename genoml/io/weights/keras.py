"""Keras' files: HDF5 of a model or of its weights, and zip archives of both, read by h5py (extra ``hdf5``)."""

from __future__ import annotations

import io
import re
from collections import Counter
from math import prod
from typing import Any

import numpy as np

from genoml.io.errors import shown
from genoml.io.plain import strict_json
from genoml.io.weights.contents import MOST_JSON, MOST_PARTS, Archive, Contents, Room, WeightsError, numbers

#: filters of HDF5 that are part of it: deflate, shuffle, Fletcher's checksum; others are loaded as code
_FILTERS = {1, 2, 3}
_MOST_DEPTH = 30
_MOST_LAYERS = 10_000
#: state of training and of random numbers
_NOT_WEIGHTS = {"optimizer", "optimizer_weights", "metrics", "seed_generator"}
#: groups that only hold layers: of Keras 3, and of TensorFlow's Keras 2.12 to 2.15
_HOLDERS = {"layers", "_layer_checkpoint_dependencies"}


def read_keras(content: bytes) -> Contents:
    """Read ``.h5`` of a whole model or its weights, ``.weights.h5``, or ``.keras``, which is a zip archive.

    Of a sound file; ``read_apart`` reads any.
    """
    if content.startswith(b"PK"):
        archive = Archive(content)
        topology = _object(archive.read("config.json"), "config.json")
        about = archive.read("metadata.json") if "metadata.json" in archive.names else b"{}"
        tensors = _Hdf5(archive.read("model.weights.h5")).weights(topology)
        return Contents("keras", tensors, topology, _object(about, "metadata.json"))
    file = _Hdf5(content)
    config = file.text(file.root, "model_config")
    found = None if config is None else _object(config, "model_config")
    texts = {name: file.text(file.root, name) for name in ("keras_version", "backend")}
    return Contents("keras", file.weights(found), found, {key: each for key, each in texts.items() if each})


def _object(text: str | bytes, what: str) -> dict[str, Any]:
    """A JSON object; of a topology, with few enough layers."""
    if len(text) > MOST_JSON:
        raise WeightsError(f"{what} has {len(text)} bytes; expects at most {MOST_JSON}")
    found = strict_json(text)
    if not isinstance(found, dict):
        raise WeightsError(f"{what} expects a JSON object")
    if len(_layers(found)) > _MOST_LAYERS:
        raise WeightsError(f"{what} has {len(_layers(found))} layers; expects at most {_MOST_LAYERS}")
    return found


def _layers(topology: Any) -> list[dict[str, Any]]:
    """Layers of a model, or of a layer that is one; old files of Sequential have the list itself."""
    config = topology.get("config") if isinstance(topology, dict) else None
    found = config.get("layers") if isinstance(config, dict) else config
    return [layer for layer in found if isinstance(layer, dict)] if isinstance(found, list) else []


def _names_by_place(topology: Any) -> dict[str, tuple[str, Any]]:
    """Name and topology of layers by their group: class and number, ``conv1d``, ``conv1d_1``."""
    counts, found = Counter[str](), dict[str, tuple[str, Any]]()
    for layer in _layers(topology):
        kind, config = layer.get("class_name"), layer.get("config")
        if isinstance(kind, str) and isinstance(config, dict) and isinstance(config.get("name"), str):
            words = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", kind))
            place = re.sub("([a-z])([A-Z])", r"\1_\2", words).lower()
            found[f"{place}_{counts[place]}" if counts[place] else place] = config["name"], layer
            counts[place] += 1
    return found


class _Hdf5:
    """An HDF5 file in memory; every object is checked before it is opened or read, so that no other is read."""

    def __init__(self, content: bytes) -> None:
        import h5py

        self._h5py = h5py
        self._size = len(content)
        self._room = Room(len(content))
        self._parts = 0
        self._found: dict[str, np.ndarray] = {}
        self.root = h5py.File(io.BytesIO(content), "r")

    def weights(self, topology: dict[str, Any] | None) -> dict[str, np.ndarray]:
        """Arrays by ``LAYER/...``."""
        base = self._child(self.root, "model_weights") or self.root
        layers = self._texts(base, "layer_names")
        if layers is None:
            self._walk(base, "", topology, 0)
        else:
            for layer in layers:
                self._listed(self._at(base, layer), layer)
        if not self._found:
            raise WeightsError("holds no weights of Keras")
        return self._found

    def _listed(self, group: Any, layer: str) -> None:
        """Arrays of a layer of older files, which list their names in order."""
        for name in self._texts(group, "weight_names") or []:
            data = self._at(group, name)
            own = name.removesuffix(":0")
            self._take(own if own.startswith(f"{layer}/") else f"{layer}/{own}", data)

    def _walk(self, group: Any, prefix: str, topology: Any, depth: int) -> None:
        """Arrays of newer files: a group a layer, with its arrays by number in ``vars``."""
        if depth > _MOST_DEPTH or not isinstance(group, self._h5py.Group):
            raise WeightsError(
                f"groups within groups, deeper than {_MOST_DEPTH}, or an array in place of one"
            )
        for name in sorted(group, key=lambda name: (len(name), name) if name.isdecimal() else (0, name)):
            if name in _NOT_WEIGHTS:
                continue
            child = self._child(group, name)
            if isinstance(child, self._h5py.Dataset):
                self._take(f"{prefix}{name}", child)
            elif name == "vars":
                self._walk(child, prefix, None, depth + 1)
            elif name in _HOLDERS:
                known = _names_by_place(topology)
                for place in child:
                    layer = self._child(child, place)
                    own, inner = known.get(place, (place, None))
                    arrays = self._child(layer, "vars")
                    own = self.text(arrays, "name") or own if arrays else own
                    self._walk(layer, f"{prefix}{own}/", inner, depth + 1)
            else:
                self._walk(child, f"{prefix}{name}/", None, depth + 1)

    def _at(self, group: Any, path: str) -> Any:
        """What lies at a path within a group; names of layers and weights may be paths."""
        for step in path.split("/"):
            group = self._child(group, step)
            if group is None:
                raise WeightsError(f"lacks {shown(path)}, which it lists")
        return group

    def _child(self, group: Any, name: str) -> Any:
        """A group or dataset of this file itself, by a name without path; None if there is none."""
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise WeightsError(f"more than {MOST_PARTS} groups and arrays")
        if "/" in name or name in (".", "..", "") or not isinstance(group, self._h5py.Group):
            raise WeightsError(f"{shown(name)!r}, which it lists, is no name in a group")
        link = group.get(name, getlink=True)  # ``name in group`` would follow it, into another file even
        if not isinstance(link, self._h5py.HardLink | None):
            raise WeightsError(
                f"refused: {shown(name)} is a link to another place; expects the arrays themselves"
            )
        return None if link is None else group[name]

    def _take(self, key: str, data: Any) -> None:
        """Read an array, if it is one of numbers that lie in this file as they are."""
        if key in self._found:
            raise WeightsError(f"{shown(key)} is there twice")
        if not isinstance(data, self._h5py.Dataset):
            raise WeightsError(f"{shown(key)} is no array")
        made = data.id.get_create_plist()
        is_chunked = made.get_layout() == self._h5py.h5d.CHUNKED
        if made.get_layout() == self._h5py.h5d.VIRTUAL or made.get_external_count():
            raise WeightsError(f"refused: {shown(key)} lies in another file; expects the arrays themselves")
        if not {made.get_filter(i)[0] for i in range(made.get_nfilters())} <= _FILTERS:
            raise WeightsError(f"refused: {shown(key)} is packed by a plug-in; save it without, or with gzip")
        if data.shape is None or data.dtype.kind not in "biuf" or data.dtype.itemsize > 8:
            raise WeightsError(f"{shown(key)} holds {shown(str(data.dtype))}; expects numbers")
        self._room.take(key, data.shape, data.dtype.itemsize)
        if is_chunked:
            self._room.take(key, made.get_chunk(), data.dtype.itemsize)
        elif data.id.get_storage_size() != prod(data.shape) * data.dtype.itemsize:
            raise WeightsError(f"{shown(key)} needs more bytes for shape {data.shape} than the file has")
        values = np.asarray(data[()])
        if self.text(data, "dtype") == "bfloat16":
            values = numbers(key, values.tobytes(), "bf16", values.shape)
        self._found[key] = values.astype(values.dtype.newbyteorder("="))

    def _attribute(self, thing: Any, name: str) -> Any:
        if name not in thing.attrs:
            return None
        about = thing.attrs.get_id(name)
        if prod(about.shape) * about.dtype.itemsize > self._size:
            raise WeightsError(f"attribute {name} claims more bytes than the file has")
        return thing.attrs[name]

    def text(self, thing: Any, name: str) -> str | None:
        """An attribute of text."""
        found = self._attribute(thing, name)
        if isinstance(found, bytes):
            return found.decode()
        return found if isinstance(found, str) else None

    def _texts(self, thing: Any, name: str) -> list[str] | None:
        """An attribute of many texts; long ones are cut in ``NAME0``, ``NAME1`` and so on."""
        whole = self._attribute(thing, name)
        parts = [whole] if whole is not None else []
        while whole is None and f"{name}{len(parts)}" in thing.attrs:
            parts.append(self._attribute(thing, f"{name}{len(parts)}"))
        if not parts:
            return None
        found = [text for part in parts for text in np.asarray(part).ravel().tolist()]
        return [text.decode() if isinstance(text, bytes) else str(text) for text in found]
