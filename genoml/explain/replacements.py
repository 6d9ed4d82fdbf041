"""Outputs of copies of sequences in which a base, or a stretch of bases, is replaced, computed in windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
from genoml.ops.windows import Places
from genoml.parallel import Threads, Workers
from genoml.sequence.encode import one_hot
from genoml.sequence.strand import reverse_complement
from genoml.train.objectives import Objective
from genoml.train.trained import reading_of

__all__ = ["Replacements", "one_strand", "other_bases", "output_changes"]

#: outputs of the sequences themselves, (n, features) -> what is read of outputs (n k, features), (n, k, numbers)
Reader: TypeAlias = Callable[[Array], Callable[[Array], Array]]
#: a few sequences and positions -> the bases that come there, (n, kinds, places, width)
Bases: TypeAlias = Callable[[np.ndarray, np.ndarray], np.ndarray]

# Positions computed at once, where there are sequences enough to fill a batch.
_FEW_PLACES = 2


def one_strand(model: Layer) -> tuple[Layer, bool]:
    """The model of a single strand, and whether the output is its mean over both strands."""
    if type(model) is StrandSymmetric and model.combine == "mean":
        return model["model"], True
    return model, False


def other_bases(codes: np.ndarray, kinds: int) -> np.ndarray:
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
        reader = _columns_of(tuple(columns), turned)
        run = Replacements(inner, plan, reader, batch_size, read.ambiguous, width)
        if stretches is None:
            return _of_bases(run, codes, len(columns))
        return _of_stretches(run, codes, stretches, len(columns))

    changes = computed(codes, stretches, None)
    if read.both_strands or twice:
        turned = None if stretches is None else reverse_complement(stretches)
        objective = Objective() if model.trained is None else model.trained.objective
        other = computed(reverse_complement(codes), turned, objective)[:, ::-1]
        changes = 0.5 * (changes + (other[:, :, ::-1] if stretches is None else other))
    return changes


def _columns_of(columns: tuple[int, ...], turned: Objective | None) -> Reader:
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


def _of_bases(run: Replacements, codes: np.ndarray, numbers: int) -> np.ndarray:
    """Changes (n, length, 4, numbers) of every substitution."""
    changes = np.zeros((*codes.shape, 4, numbers), dtype=run.model.dtype)

    def write(rows: slice, chosen: np.ndarray, found: np.ndarray) -> None:
        places = other_bases(codes[rows][:, chosen], 3).transpose(0, 2, 1).astype(np.intp)
        filled = np.zeros((*places.shape[:2], 4, numbers), dtype=changes.dtype)
        np.put_along_axis(filled, places[..., None], found.transpose(0, 2, 1, 3), 2)
        changes[rows, chosen] = filled

    run.compute(codes, 3, lambda codes, chosen: other_bases(codes[:, chosen], 3)[..., None], write)
    return changes


def _of_stretches(run: Replacements, codes: np.ndarray, stretches: np.ndarray, numbers: int) -> np.ndarray:
    """Changes (n, length - width + 1, kinds, numbers) of every stretch at every position."""
    n, length = codes.shape
    kinds, width = stretches.shape
    changes = np.zeros((n, length - width + 1, kinds, numbers), dtype=run.model.dtype)

    def bases(codes: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        return np.broadcast_to(stretches[None, :, None, :], (len(codes), kinds, len(chosen), width))

    def write(rows: slice, chosen: np.ndarray, found: np.ndarray) -> None:
        changes[rows, chosen] = found.transpose(0, 2, 1, 3)

    run.compute(codes, kinds, bases, write)
    return changes


@dataclass(frozen=True)
class Replacements:
    """The model, its plan, and what is read of its outputs, for replacements of one width.

    Attributes
    ----------
    model : Layer
        Of a single strand.
    plan : Plan
        What is computed in windows.
    reader : callable
        Outputs of the sequences themselves -> a function of the copies' outputs.
    batch_size : int
        Copies computed at a time.
    ambiguous : str
        What becomes of ambiguous bases.
    width : int
        Bases that are replaced.
    """

    model: Layer
    plan: Plan
    reader: Reader
    batch_size: int
    ambiguous: str
    width: int = 1

    def compute(
        self,
        codes: np.ndarray,
        kinds: int,
        bases: Bases,
        write: Callable[[slice, np.ndarray, np.ndarray], None],
    ) -> None:
        """Give ``write`` the sequences, positions and what is read of the copies minus that of the sequences.

        Of n sequences and P positions at a time: the former a slice, the latter an array, and changes of shape
        (n, kinds, P, numbers).
        """
        n, length = codes.shape
        # many sequences rather than many positions: all sequences have the same windows
        rows = min(n, max(1, self.batch_size // (kinds * _FEW_PLACES)))
        places = max(1, self.batch_size // (kinds * rows))
        starts = np.arange(length - self.width + 1)
        portions = self.plan.portions(starts, self.width, length, places)
        backend = self.model.backend
        with backend.computing(), Threads(backend.threads) as threads:
            for start in range(0, n, rows):
                part = slice(start, min(start + rows, n))
                self._compute_few(codes[part], kinds, bases, portions, part, write, threads.workers)

    def _compute_few(
        self,
        codes: np.ndarray,
        kinds: int,
        bases: Bases,
        portions: Sequence[np.ndarray],
        part: slice,
        write: Callable[[slice, np.ndarray, np.ndarray], None],
        workers: Workers,
    ) -> None:
        """Those of a few sequences."""
        backend = self.model.backend
        options: dict[str, Any] = {"dtype": self.model.dtype, "backend": backend}
        x = one_hot(codes, ambiguous=self.ambiguous, **options)
        whole, outputs = self.plan.trace(x)
        read, xp = self.reader(whole), array_namespace(x)
        own = backend.to_numpy(read(whole))[:, :, None, :]

        def computed(chosen: np.ndarray) -> Array:
            letters = bases(codes, chosen)
            n, _, count, width = letters.shape
            values = xp.reshape(one_hot(letters, **options), (n * kinds * count, width, 4))
            places: Places = (tuple(chosen.tolist()), width)
            return xp.reshape(read(outputs(Changed(x, places, kinds, values))), (n, kinds, count, -1))

        def compute(first: int, last: int) -> None:
            # read once, at the end: a device computes the next portion meanwhile
            found = xp.concat([computed(chosen) for chosen in portions[first:last]], axis=2)
            write(part, np.concatenate(portions[first:last]), backend.to_numpy(found) - own)

        workers.share_out(compute, len(portions))
