"""Contributions of bases to a run's output, for sequences or windows of a genome, as files that other tools read."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias, get_args
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from genoml.data import Codes
from genoml.explain import Contributions, deeplift, in_silico_mutagenesis, integrated_gradients, saliency
from genoml.explain.references import reference_codes
from genoml.genome.store import GenomeStore
from genoml.io.errors import FormatError, shown
from genoml.io.files import write_whole
from genoml.nn.layer import Layer
from genoml.runs.explained import Explained, explained_output
from genoml.runs.region_files import write_track
from genoml.runs.run import Run
from genoml.sequence.alphabet import PAD_CODE
from genoml.sequence.codes import Sequences
from genoml.sequence.encode import one_hot
from genoml.sequence.intervals import Intervals
from genoml.train.trained import read_codes

__all__ = ["Attributions", "attribute"]

#: how contributions are computed
Method: TypeAlias = Literal["deeplift", "integrated_gradients", "saliency", "mutagenesis"]
_FIX = "genoml attribute RUN SEQUENCES --out FILE.npz writes one"
#: sequences at most that the shuffles of a control are of
_CONTROL_SEQUENCES = 500


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
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read a file that :meth:`save` wrote, or one of your own with ``names, codes, hypothetical, actual``.

        Raises
        ------
        FormatError
            If it is no NPZ file, lacks an array, or an array has another shape.
        OSError
            If it cannot be read.
        """
        arrays = _read_arrays(path)
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


def attribute(
    run: Run,
    sequences: Sequences | Codes,
    names: Sequence[str],
    *,
    method: Method = "deeplift",
    output: str | None = None,
    references: int = 20,
    steps: int = 32,
    seed: int = 0,
    control: int = 0,
) -> Attributions:
    """Contributions of bases to an output of a run.

    Parameters
    ----------
    run : Run
        The run.
    sequences : letters or codes
        Shorter ones are padded to the training's length.
    names : sequence of str
        One a sequence.
    method : {"deeplift", "integrated_gradients", "saliency", "mutagenesis"}
        ``genoml.explain.deeplift`` or ``integrated_gradients`` with shuffled references; ``saliency``, gradient times
        input; or ``in_silico_mutagenesis``, whose contributions are differences from the mean of the four bases.
    output : str, optional
        Name of a task or class, or of profiles ``counts`` or ``profile``, of one track ``counts:TRACK``; see
        ``explained_output``.
    references : int
        Of DeepLIFT and integrated gradients: dinucleotide shuffles a sequence.
    steps : int
        Of integrated gradients: points on the way from a reference.
    seed : int
        Of the shuffles.
    control : int
        Dinucleotide shuffles of each sequence, or of 500 drawn ones if there are more, whose contributions are computed
        too; ambiguous letters stay in their places.

    Raises
    ------
    ValueError
        For another output or method; as the functions of ``genoml.explain``.
    """
    if method not in get_args(Method):
        raise ValueError(f"method expects one of {', '.join(get_args(Method))}, got {method!r}")
    explained = explained_output(run, output)
    codes = np.asarray(read_codes(run.model, sequences))
    shuffled = _control_codes(codes, control, seed) if control else None
    used = references if method in ("deeplift", "integrated_gradients") else 0

    options: dict[str, Any] = {}
    if used:
        options = {"n_references": references, "seed": seed}
    if method == "integrated_gradients":
        options["steps"] = steps
    hypothetical, actual, error = _computed(run.model, codes, method, explained, options)
    of_control = None if shuffled is None else _computed(run.model, shuffled, method, explained, options)[1]
    what = explained.what or f"the output of {run.path.resolve().name}"
    return Attributions(
        list(names), codes, hypothetical, actual, what, method, seed, used, error, shuffled, of_control
    )


def _computed(
    model: Layer, codes: np.ndarray, method: Method, explained: Explained, options: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray, float]:
    """Hypothetical and actual contributions, and the greatest error of their sums."""
    if method == "saliency":
        return *saliency(model, codes, task=explained.task), 0.0
    if method == "mutagenesis":
        return *_of_mutants(in_silico_mutagenesis(model, codes, task=explained.task), codes), 0.0
    compute = deeplift if method == "deeplift" else integrated_gradients
    found: Contributions = compute(model, codes, task=explained.task, **options)
    return found.hypothetical, found.actual, float(found.error.max())


def _control_codes(codes: np.ndarray, count: int, seed: int) -> np.ndarray:
    """``count`` shuffles of each of the sequences, or of 500 of them, (m, length)."""
    rows = np.arange(len(codes))
    if len(rows) > _CONTROL_SEQUENCES:
        rows = np.sort(np.random.default_rng(seed).choice(rows, _CONTROL_SEQUENCES, replace=False))
    # another seed, so that they are not the references of DeepLIFT
    shuffled = reference_codes(codes[rows], "dinucleotide", count, seed + 1)
    assert shuffled is not None
    return shuffled.reshape(-1, codes.shape[1])


def _of_mutants(changes: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Changes of the output, as differences from the mean over the four bases; those of the sequence's own base."""
    hypothetical = changes - changes.mean(axis=2, keepdims=True)
    own = np.take_along_axis(hypothetical, np.minimum(codes, 3)[:, :, None].astype(np.int64), axis=2)[:, :, 0]
    return hypothetical, np.where(codes < 4, own, 0.0).astype(hypothetical.dtype)


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
