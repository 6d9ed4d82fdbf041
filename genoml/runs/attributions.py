"""Contributions of bases as files: NPZ, of one run or of shards, bigWig, and what modisco reads."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import Any, Self
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from genoml.genome.store import GenomeStore
from genoml.io.errors import FormatError, shown
from genoml.io.files import write_whole
from genoml.runs.region_files import write_track
from genoml.sequence.alphabet import PAD_CODE
from genoml.sequence.encode import one_hot
from genoml.sequence.intervals import Intervals

__all__ = ["Attributions"]

_FIX = "genoml attribute RUN SEQUENCES --out FILE.npz writes one"


@dataclass(frozen=True)
class Attributions:
    """Contributions of the bases of sequences.

    Attributes
    ----------
    names : sequence of str
        Of the sequences, or of their places.
    codes : array of shape (n, length)
        The sequences as base codes.
    hypothetical : array of shape (n, length, 4)
        What each base would contribute: columns A C G T.
    actual : array of shape (n, length)
        What the sequence's own base contributes.
    output : str
        What is explained, in words.
    method, seed, references
        How: see :func:`attribute`.
    error : float
        Of DeepLIFT and integrated gradients, how far the contributions of a sequence are from the change of the output,
        at most; else 0.
    control_codes : array of shape (m, length) or None
        Shuffled sequences, in which nothing is to be found.
    control_actual : array of shape (m, length) or None
        What their bases contribute, by the same method: what ``call_seqlets(control=...)`` takes.
    """

    names: Sequence[str]
    codes: NDArray[np.uint8]
    hypothetical: NDArray[np.floating[Any]]
    actual: NDArray[np.floating[Any]]
    output: str
    method: str
    seed: int
    references: int
    error: float
    control_codes: NDArray[np.uint8] | None = None
    control_actual: NDArray[np.floating[Any]] | None = None

    def save(self, path: str | PathLike[str]) -> None:
        """Write a compressed NPZ file with an array a field that is not None, and the version of genoml."""
        fields: dict[str, Any] = {
            name: np.asarray(value) for name, value in vars(self).items() if value is not None
        }
        with write_whole(path) as file:
            np.savez_compressed(file, genoml=np.asarray(version("genoml-xp")), **fields)

    @classmethod
    def load(cls, path: str | PathLike[str], *others: str | PathLike[str]) -> Self:
        """Read a file that :meth:`save` wrote, or one of your own with ``names, codes, hypothetical, actual``.

        Several files, such as those of all shards, are read as one, in this order.

        Raises
        ------
        FormatError
            If it is no NPZ file, lacks an array, or an array has another shape; if several are of another length,
            output or method.
        OSError
            If it cannot be read.
        """
        arrays = _read_arrays(path)
        for other in others:
            _append(arrays, _read_arrays(other), other, path)
        values: dict[str, Any] = {
            "output": "the output", "method": "", "seed": 0, "references": 0, "error": 0.0,
        }  # fmt: skip
        for name in cls.__dataclass_fields__:
            if name in arrays:
                array = arrays[name]
                values[name] = array if array.ndim else array.item()
        return cls(**values | {"names": arrays["names"].tolist()})

    def save_modisco(self, prefix: str | PathLike[str]) -> list[Path]:
        """Write what ``modisco motifs -s PREFIX.onehot.npz -a PREFIX.attributions.npz`` reads; the two files.

        Arrays (n, 4, length), the one-hot sequences and the hypothetical contributions.
        """
        arrays = {
            "onehot": one_hot(self.codes, dtype="float32", backend="numpy"),
            "attributions": self.hypothetical.astype(np.float32),
        }
        paths = [Path(f"{Path(prefix)}.{name}.npz") for name in arrays]
        for path, array in zip(paths, arrays.values(), strict=True):
            with write_whole(path) as file:
                np.savez_compressed(file, np.ascontiguousarray(array.transpose(0, 2, 1)))
        return paths

    def save_bigwig(self, path: str | PathLike[str], store: GenomeStore, windows: Intervals) -> None:
        """Write the contributions of the sequences' own bases along the genome that the windows are of."""

        def values(row: int) -> np.ndarray:
            return self.actual[row, :: -1 if windows.strand[row] == "-" else 1]

        write_track(Path(path), store, windows, values)


def _read_arrays(path: str | PathLike[str]) -> dict[str, np.ndarray]:
    """Arrays of a file of contributions, their shapes checked."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
    except (ValueError, TypeError, EOFError, BadZipFile, zlib.error) as error:
        raise FormatError("is no NPZ file of contributions", path=str(path), fix=_FIX) from error
    for name in ("names", "codes", "hypothetical", "actual"):
        if name not in arrays:
            found = ", ".join(map(shown, arrays)) or "nothing"
            raise FormatError(f"holds no array {name}, but {found}", path=str(path), fix=_FIX)
    shape = arrays["actual"].shape
    expected = {"names": shape[:1], "codes": shape, "hypothetical": (*shape, 4)}
    control = [arrays[name] for name in ("control_actual", "control_codes") if name in arrays]
    if control:
        size = (*control[0].shape[:1], *shape[1:])
        expected |= {"control_actual": size, "control_codes": size}
    for name, size in expected.items():
        given = arrays[name].shape if name in arrays else None
        if len(shape) != 2 or given != size:
            what = f"{name} expects the shape {size} beside actual of {shape}, got {given}"
            raise FormatError(what, path=str(path), fix=_FIX)
    for name in sorted({*expected, "actual"} - {"names"}):
        values, codes = arrays[name], name.endswith("codes")
        if values.dtype != np.uint8 if codes else values.dtype.kind != "f":
            kind = "uint8" if codes else "floats"
            raise FormatError(f"{name} expects {kind}, got {values.dtype}", path=str(path), fix=_FIX)
        bad = values > PAD_CODE if codes else ~np.isfinite(values)
        if bad.any():
            place = np.argwhere(bad)[0].tolist()
            raise FormatError(f"{name} is {values[tuple(place)]} at {place}", path=str(path), fix=_FIX)
    return arrays


def _append(
    arrays: dict[str, np.ndarray],
    more: dict[str, np.ndarray],
    path: str | PathLike[str],
    first: str | PathLike[str],
) -> None:
    """Append the arrays of a file to those of the first; FormatError if they do not go together."""
    for name in Attributions.__dataclass_fields__:
        one, other = [each.get(name) for each in (arrays, more)]
        if one is None and other is None:
            continue
        if one is None or other is None or one.shape[1:] != other.shape[1:]:
            fits = False
        elif one.ndim:
            arrays[name], fits = np.concatenate([one, other]), True
        elif name == "error":
            arrays[name], fits = np.maximum(one, other), True
        else:
            fits = bool(one == other)
        if not fits:
            fix = "join files of the same run and options"
            raise FormatError(f"has another {name} than {first}", path=str(path), fix=fix)
