"""Generations of a state on disk: a file of arrays, and a manifest with all else and the sha256 of both.

    state-000007.safetensors    the arrays
    manifest-000007.json        {"sha256": of the rest, "manifest": {"format", "state": {bytes, sha256}, "about"}}

The manifest is written last. Each save is a new generation, and the one before is removed only when the new one is
complete, so that there is a complete one at any time.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
import numpy as np

from genoml.checkpoint.files import CheckpointError, open_tensors, pack_tensors
from genoml.io.files import write_whole
from genoml.io.plain import read_plain

About = TypeVar("About", bound=msgspec.Struct)
#: Array name -> shape, as the file declares them.
Shapes = Mapping[str, tuple[int, ...]]

_MOST_MANIFEST = 32 << 20
_NAME = re.compile(r"(state|manifest)-(\d{6,12})\.(safetensors|json)(\.[0-9a-f]{8}\.tmp)?")


class _File(msgspec.Struct, forbid_unknown_fields=True):
    bytes: int
    sha256: str


class _Manifest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    format: Literal[1] = 1
    state: _File
    about: msgspec.Raw


class _Sealed(msgspec.Struct, forbid_unknown_fields=True):
    sha256: str
    manifest: msgspec.Raw


def _state_path(folder: Path, number: int) -> Path:
    return folder / f"state-{number:06}.safetensors"


def _manifest_path(folder: Path, number: int) -> Path:
    return folder / f"manifest-{number:06}.json"


def _found(folder: Path) -> list[tuple[int, str]]:
    """All files of generations, complete or not, as (generation, file name), the newest first."""
    matches = [match for match in map(_NAME.fullmatch, os.listdir(folder)) if match]
    return sorted(((int(match[2]), match[0]) for match in matches), reverse=True)


def newest_generation(folder: Path) -> int | None:
    """Number of the newest generation with a manifest, or None."""
    if not folder.is_dir():
        return None
    for number, name in _found(folder):
        if name == _manifest_path(folder, number).name:
            return number
    return None


def save_generation(folder: Path, arrays: Mapping[str, np.ndarray], about: msgspec.Struct) -> None:
    """Write a new generation, then remove the older ones.

    Each file is written under a temporary name, flushed to disk and renamed; the manifest comes last.

    Raises
    ------
    CheckpointError
        If a file cannot be written; the previous generation is then unchanged.
    """
    path = folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        number = max((number for number, _ in _found(folder)), default=0) + 1
        path = _state_path(folder, number)
        content = pack_tensors(arrays, {})
        with write_whole(path) as file:
            file.write(content)
        state = _File(len(content), hashlib.sha256(content).hexdigest())
        manifest = msgspec.json.encode(_Manifest(state=state, about=msgspec.Raw(msgspec.json.encode(about))))
        path = _manifest_path(folder, number)
        with write_whole(path) as file:
            file.write(_sealed(manifest))
    except OSError as error:
        what = f"{path}: cannot be written ({error.strerror or error})"
        raise CheckpointError(f"{what}; the checkpoint before it is as it was") from error
    _remove(folder, before=number)


def _sealed(manifest: bytes) -> bytes:
    return msgspec.json.encode(_Sealed(hashlib.sha256(manifest).hexdigest(), msgspec.Raw(manifest)))


def _remove(folder: Path, before: int) -> None:
    """Remove older generations, and files of interrupted saves; each manifest first."""
    for number, name in sorted(_found(folder), key=lambda item: (item[0], item[1].startswith("state"))):
        if number < before:
            with suppress(OSError):  # a file that stays is ignored, and removed the next time
                os.unlink(folder / name)


def discard_generations(folder: Path) -> None:
    """Remove all checkpoints, and the folder if nothing else is in it."""
    if folder.is_dir() and not folder.is_symlink():
        _remove(folder, before=10**12)
        with suppress(OSError):
            folder.rmdir()


def load_generation(
    folder: Path, kind: type[About], expect: Callable[[Path, About, Shapes], None]
) -> tuple[About, dict[str, np.ndarray]] | None:
    """Load the newest complete generation; None if there is none.

    Parameters
    ----------
    folder : Path
        Where ``save_generation`` wrote.
    kind : type
        Type of ``about``.
    expect : callable
        (path, about, shapes) -> raises CheckpointError unless these are arrays that the caller wants; called
        before memory is taken for them.

    Raises
    ------
    CheckpointError
        If a file is missing, damaged, no plain file or of another kind; the message names it.
    """
    number, manifest, about = _newest(folder, kind)
    if manifest is None or about is None:
        return None
    path = _manifest_path(folder, number)
    state = _state_path(folder, number)
    with open_tensors(state) as file:
        if file.size != manifest.state.bytes:
            raise CheckpointError(f"{state}: damaged, expects {manifest.state.bytes} bytes, got {file.size}")
        expect(state, about, file.shapes)
        arrays, digest = file.read()
    if digest != manifest.state.sha256:
        raise CheckpointError(f"{state}: damaged, its sha256 is not that of {path.name}")
    for name, value in arrays.items():
        if value.dtype.kind == "f" and not np.all(np.isfinite(value)):
            raise CheckpointError(f"{state}: {name} holds values that are not finite")
    return about, arrays


def read_about(folder: Path, kind: type[About]) -> About | None:
    """Read the record in the newest manifest, or None if there is none; errors as ``load_generation``."""
    return _newest(folder, kind)[2]


def _newest(folder: Path, kind: type[About]) -> tuple[int, _Manifest | None, About | None]:
    if folder.is_symlink():
        raise CheckpointError(f"{folder}: it is a symbolic link; expects the folder itself")
    number = newest_generation(folder)
    if number is None:
        return 0, None, None
    path = _manifest_path(folder, number)
    manifest = _read_manifest(path)
    try:
        return number, manifest, msgspec.json.decode(manifest.about, type=kind)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: damaged or of another version ({error})") from error


def _read_manifest(path: Path) -> _Manifest:
    try:
        content = read_plain(path, _MOST_MANIFEST)
        sealed = msgspec.json.decode(content, type=_Sealed)
        manifest = msgspec.json.decode(sealed.manifest, type=_Manifest)
    except (ValueError, RecursionError) as error:  # no plain file, or an error of msgspec or UTF-8
        raise CheckpointError(f"{path}: damaged or no checkpoint ({error})") from error
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from error
    if content != _sealed(bytes(sealed.manifest)):
        raise CheckpointError(f"{path}: damaged, its sha256 is another")
    return manifest
