"""Contributions of bases to a run's output, for sequences or windows of a genome, as files that other tools read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from genoml.data import Codes
from genoml.explain import deeplift, in_silico_mutagenesis, saliency
from genoml.genome.store import GenomeStore
from genoml.io.files import write_whole
from genoml.runs.explained import Explained, explained_output
from genoml.runs.region_files import write_track
from genoml.runs.run import Run
from genoml.sequence.codes import Sequences
from genoml.sequence.encode import one_hot
from genoml.sequence.intervals import Intervals
from genoml.train.trained import read_codes

__all__ = ["Attributions", "attribute"]

#: how contributions are computed
Method: TypeAlias = Literal["deeplift", "saliency", "mutagenesis"]


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
        Of DeepLIFT, how far the contributions of a sequence are from the change of the output, at most; else 0.
    """

    names: Sequence[str]
    codes: NDArray[np.uint8]
    hypothetical: NDArray[np.floating[Any]]
    actual: NDArray[np.floating[Any]]
    output: str
    method: Method
    seed: int
    references: int
    error: float

    def save(self, path: str | PathLike[str]) -> None:
        """Write a compressed NPZ file with an array a field, and the version of genoml."""
        fields: dict[str, Any] = {name: np.asarray(value) for name, value in vars(self).items()}
        with write_whole(path) as file:
            np.savez_compressed(file, genoml=np.asarray(version("genoml-xp")), **fields)

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
    seed: int = 0,
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
    method : {"deeplift", "saliency", "mutagenesis"}
        ``genoml.explain.deeplift`` with shuffled references; ``saliency``, gradient times input; or
        ``in_silico_mutagenesis``, whose contributions are differences from the mean of the four bases.
    output : str, optional
        Name of a task or class, or of profiles ``counts`` or ``profile``, of one track ``counts:TRACK``; see
        ``explained_output``.
    references : int
        Of DeepLIFT: dinucleotide shuffles a sequence.
    seed : int
        Of the shuffles.

    Raises
    ------
    ValueError
        For another output or method; as the functions of ``genoml.explain``.
    """
    model, explained = run.model, explained_output(run, output)
    codes = np.asarray(read_codes(model, sequences))
    error = 0.0
    if method == "deeplift":
        found = deeplift(model, codes, task=explained.task, n_references=references, seed=seed)
        hypothetical, actual, error = found.hypothetical, found.actual, float(found.error.max())
    elif method == "saliency":
        hypothetical, actual = saliency(model, codes, task=explained.task)
    elif method == "mutagenesis":
        hypothetical, actual = _of_mutants(in_silico_mutagenesis(model, codes, task=explained.task), codes)
    else:
        raise ValueError(f"method expects deeplift, saliency or mutagenesis, got {method!r}")
    what = _words(run, explained)
    used = references if method == "deeplift" else 0
    return Attributions(list(names), codes, hypothetical, actual, what, method, seed, used, error)


def _of_mutants(changes: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Changes of the output, as differences from the mean over the four bases; those of the sequence's own base."""
    hypothetical = changes - changes.mean(axis=2, keepdims=True)
    own = np.take_along_axis(hypothetical, np.minimum(codes, 3)[:, :, None].astype(np.int64), axis=2)[:, :, 0]
    return hypothetical, np.where(codes < 4, own, 0.0).astype(hypothetical.dtype)


def _words(run: Run, explained: Explained) -> str:
    """What is explained."""
    return explained.what or f"the output of {run.path.resolve().name}"
