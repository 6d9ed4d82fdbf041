"""Outputs of copies of sequences in which a base, or a stretch of bases, is replaced, computed in windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, TypeAlias

import numpy as np
from array_api_compat import array_namespace
from array_api_compat import device as device_of
from numpy.typing import NDArray

from genoml.backend import Array
from genoml.explain.mutants.plan import Plan, plan_of
from genoml.explain.mutants.windows import Changed
from genoml.nn.layer import Layer
from genoml.nn.strand import StrandSymmetric
from genoml.parallel import Threads, Workers
from genoml.sequence.encode import one_hot
from genoml.sequence.strand import reverse_complement
from genoml.train.objectives import Objective
from genoml.train.trained import reading_of

__all__ = ["Replacements", "changes_of", "changes_of_bases", "one_strand", "output_changes"]

#: outputs of sequences, (n, features) -> what is read of their copies' outputs (n k, features), (n, k, numbers)
OwnReader: TypeAlias = Callable[[Array], Callable[[Array], Array]]
#: the same of rows and their outputs
Reader: TypeAlias = Callable[[slice, Array], Callable[[Array], Array]]
#: rows, kinds and places -> the bases that come there, (n, kinds, places, width); n may be 1 for all sequences alike
Bases: TypeAlias = Callable[[slice, slice, np.ndarray], np.ndarray]
#: takes rows, kinds, places, and what was read of their copies, (n, kinds, places, numbers)
Write: TypeAlias = Callable[[slice, slice, np.ndarray, np.ndarray], None]

#: positions computed at once, where there are sequences enough to fill a batch
_FEW_PLACES = 2


def one_strand(model: Layer) -> tuple[Layer, bool]:
    """The model of a single strand, and whether the output is its mean over both strands."""
    if type(model) is StrandSymmetric and model.combine == "mean":
        return model["model"], True
    return model, False


def _other_bases(codes: np.ndarray, kinds: int) -> np.ndarray:
    """The bases that replace these, (n, kinds, places): in the cycle A C G T the next ones, the base itself last."""
    known = np.where(codes < 4, codes, 3)[:, None, :]
    others: np.ndarray = (known + np.arange(1, kinds + 1, dtype=np.uint8)[:, None]) % 4
    return others.astype(np.uint8)


def output_changes(
    model: Layer,
    codes: np.ndarray,
    columns: Sequence[int],
    *,
    stretches: np.ndarray | None = None,
    both_strands: bool | None = None,
    batch_size: int = 384,
    ambiguous: str | None = None,
) -> NDArray[np.floating[Any]]:
    """How some of the model's outputs change when a base, or a stretch of bases, is replaced.

        changes[n, l, k, t] = y_c(sequence n with stretch k from position l on) - y_c(sequence n),  c = columns[t]

    Computed in windows, as :func:`genoml.explain.in_silico_mutagenesis` computes one output. Without ``stretches`` they
    are the four bases A, C, G, T, of which the own one changes nothing.

    Parameters
    ----------
    model : Layer
        A model that reads one-hot sequences (batch, 4, length).
    columns : sequence of int
        Which outputs, of each sequence's outputs in a row.
    both_strands : bool, optional
        Outputs are the mean of both strands; left out, as the model was trained.
    batch_size : int
        Copies computed at a time.
    ambiguous : str, optional
        What becomes of ambiguous bases; as in training if left out.

    Shapes
    ------
    codes : (n, length) uint8, each A, C, G or T;  stretches : (kinds, width) uint8
    changes : (n, length - width + 1, kinds, columns)

    Raises
    ------
    ValueError
        If there is no such output, or a stretch is longer than the sequences.
    """
    read = reading_of(model, both_strands=both_strands, ambiguous=ambiguous, untrained_both=False)
    width = 1 if stretches is None else stretches.shape[1]
    length = codes.shape[1]
    if width > length:
        raise ValueError(f"output_changes expects stretches of at most {length} bases, got {width}")
    inner, twice = one_strand(model)
    plan = plan_of([inner], length, ((length // 2,), 1) if width == 1 else (((length - width) // 2,), width))

    def computed(codes: np.ndarray, stretches: np.ndarray | None, turned: Objective | None) -> np.ndarray:
        reader = changes_of(_columns_of(tuple(columns), turned))
        run = Replacements(inner, plan, batch_size, read.ambiguous)
        if stretches is None:
            return changes_of_bases(run, reader, codes, len(columns))
        return _of_stretches(run, reader, codes, stretches, len(columns))

    changes = computed(codes, stretches, None)
    if read.both_strands or twice:
        turned = None if stretches is None else reverse_complement(stretches)
        objective = Objective() if model.trained is None else model.trained.objective
        other = computed(reverse_complement(codes), turned, objective)[:, ::-1]
        changes = 0.5 * (changes + (other[:, :, ::-1] if stretches is None else other))
    return changes


def _columns_of(columns: tuple[int, ...], turned: Objective | None) -> OwnReader:
    """Reader of some outputs; those of the other strand are turned by the objective first."""

    def reader(whole: Array) -> Callable[[Array], Array]:
        n = whole.shape[0]

        def read(outputs: Array) -> Array:
            xp = array_namespace(outputs)
            outputs = xp.reshape(outputs, (outputs.shape[0], -1))
            outputs = outputs if turned is None else turned.turned(outputs)
            if not all(0 <= column < outputs.shape[1] for column in columns):
                raise ValueError(
                    f"expects outputs from 0 to {outputs.shape[1] - 1}, got {', '.join(map(str, columns))}"
                )
            index = xp.asarray(columns, dtype=xp.int32, device=device_of(outputs))
            return xp.reshape(xp.take(outputs, index, axis=1), (n, -1, len(columns)))

        return read

    return reader


def changes_of(reader: OwnReader) -> Reader:
    """Reader of what copies have more than their sequences, of what ``reader`` reads, (n, k, numbers)."""

    def changes(rows: slice, whole: Array) -> Callable[[Array], Array]:
        read = reader(whole)
        own = read(whole)
        return lambda outputs: read(outputs) - own

    return changes


def changes_of_bases(
    run: Replacements, reader: Reader, codes: np.ndarray, numbers: int, kinds: int = 3
) -> np.ndarray:
    """Changes (n, length, 4, numbers) by the other bases, which are 3, or 4 where bases are ambiguous."""
    changes, others = np.zeros((*codes.shape, 4, numbers), run.model.dtype), _other_bases(codes, kinds)

    def bases(rows: slice, some: slice, places: np.ndarray) -> np.ndarray:
        return others[rows, some][:, :, places, None]

    def write(rows: slice, some: slice, places: np.ndarray, found: np.ndarray) -> None:
        filled = changes[rows, places]  # (n, places, 4, numbers)
        letters = bases(rows, some, places).transpose(0, 2, 1, 3).astype(np.intp)
        np.put_along_axis(filled, letters, found.transpose(0, 2, 1, 3), 2)
        changes[rows, places] = filled

    run.compute(codes, np.arange(codes.shape[1]), (kinds, 1), bases, reader, write, kinds * _FEW_PLACES)
    return changes


def _of_stretches(
    run: Replacements, reader: Reader, codes: np.ndarray, stretches: np.ndarray, numbers: int
) -> np.ndarray:
    """Changes (n, length - width + 1, kinds, numbers) of every stretch at every position."""
    n, length = codes.shape
    kinds, width = stretches.shape
    changes = np.zeros((n, length - width + 1, kinds, numbers), dtype=run.model.dtype)

    def bases(rows: slice, kinds: slice, places: np.ndarray) -> np.ndarray:
        chosen = stretches[kinds]
        return np.broadcast_to(chosen[None, :, None, :], (1, len(chosen), len(places), width))

    def write(rows: slice, kinds: slice, places: np.ndarray, found: np.ndarray) -> None:
        changes[rows, places, kinds] = found.transpose(0, 2, 1, 3)

    run.compute(
        codes, np.arange(length - width + 1), (kinds, width), bases, reader, write, kinds * _FEW_PLACES
    )
    return changes


@dataclass(frozen=True)
class Replacements:
    """The model, its plan, and how much is computed at once.

    Attributes
    ----------
    model : Layer
        Of a single strand.
    plan : Plan
        What is computed in windows.
    batch_size : int
        Copies computed at a time.
    ambiguous : str
        What becomes of ambiguous bases.
    """

    model: Layer
    plan: Plan
    batch_size: int
    ambiguous: str

    def compute(
        self, codes: np.ndarray, starts: np.ndarray, shape: tuple[int, int], bases: Bases, reader: Reader, write: Write,
        few: int,
    ) -> None:  # fmt: skip
        """Give ``write`` what is read of all copies, for some sequences, kinds and places at a time.

        Of codes (n, length) stretches are replaced that begin at ``starts``, the places; ``shape`` is the number of
        kinds, and the width of a stretch. Where there are sequences enough to fill a batch, ``few`` copies of each are
        computed at once.
        """
        n, length = codes.shape
        kinds, width = shape
        # many sequences rather than many positions: all sequences have the same windows
        rows = min(n, max(1, self.batch_size // few))
        together = max(1, self.batch_size // rows)
        some = min(kinds, together)
        portions = [
            (slice(first, min(first + some, kinds)), places)
            for places in self.plan.portions(starts, width, length, max(1, together // some))
            for first in range(0, kinds, some)
        ]
        backend = self.model.backend
        with backend.computing(), Threads(backend.threads) as threads:
            for first in range(0, n, rows):
                part = slice(first, min(first + rows, n))
                self._compute_few(codes[part], starts, bases, reader, write, part, portions, threads.workers)

    def _compute_few(
        self, codes: np.ndarray, starts: np.ndarray, bases: Bases, reader: Reader, write: Write, rows: slice,
        portions: Sequence[tuple[slice, np.ndarray]], workers: Workers,
    ) -> None:  # fmt: skip
        """Those of a few sequences."""
        backend = self.model.backend
        options: dict[str, Any] = {"dtype": self.model.dtype, "backend": backend, "ambiguous": self.ambiguous}
        x = one_hot(codes, **options)
        whole, outputs = self.plan.trace(x)
        read, xp = reader(rows, whole), array_namespace(x)

        def computed(kinds: slice, places: np.ndarray) -> Array:
            letters = bases(rows, kinds, places)
            copies, count, _, width = letters.shape
            values = one_hot(letters.reshape(-1, width), **options)
            change = Changed if copies == len(codes) else Changed.alike
            found = read(outputs(change(x, (tuple(starts[places].tolist()), width), count, values)))
            return xp.reshape(found, (len(codes), count, len(places), -1))

        def compute(first: int, last: int) -> None:
            found = [computed(*portion) for portion in portions[first:last]]
            # read once, at the end: a device computes the next portion meanwhile
            flat = backend.to_numpy(xp.concat([xp.reshape(each, (-1,)) for each in found]))
            ends = np.cumsum([prod(each.shape) for each in found])
            for portion, each, values in zip(
                portions[first:last], found, np.split(flat, ends[:-1]), strict=True
            ):
                write(rows, *portion, values.reshape(each.shape))

        workers.share_out(compute, len(portions))
