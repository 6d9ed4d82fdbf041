"""Contributions of bases between a sequence and references: what DeepLIFT and integrated gradients share."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from genoml.backend import Array
from genoml.data import Codes
from genoml.explain.saliency import checked_codes
from genoml.explain.tasks import Task, other_strand, task_of, weights_of
from genoml.nn.layer import Layer
from genoml.ops.secants import paired
from genoml.parallel import Threads
from genoml.sequence.codes import Sequences
from genoml.sequence.shuffle import klet_shuffle
from genoml.sequence.strand import reverse_complement
from genoml.train.predict import encode_batch
from genoml.train.trained import Trained, read_codes, reading_of

__all__ = ["Contributions"]

#: what sequences are compared with
References: TypeAlias = Literal["dinucleotide", "zero", "uniform"] | str | NDArray[np.uint8]
#: (x, references, outputs of x -> weights) -> outputs of x and of the references, and multipliers of the latter's rows
Multipliers: TypeAlias = Callable[[Array, Array, Callable[[Array], Array]], tuple[Array, Array, Array]]


class Contributions(NamedTuple):
    """Contributions of bases, the result of :func:`deeplift` and of :func:`integrated_gradients`.

    Attributes
    ----------
    hypothetical : array of shape (n, length, 4)
        What each base would contribute at each position: columns A C G T.
    actual : array of shape (n, length)
        What the sequence's own letter contributes; they sum to ``delta``.
    delta : array of shape (n,)
        f(sequence) - mean_k f(reference k).
    error : array of shape (n,)
        abs(sum of actual - delta) / (1 + abs(delta)): of DeepLIFT rounding, of integrated gradients the steps' too.
    references : array of shape (n, K, length) or None
        The references as base codes; None where they are no sequences ("zero", "uniform").
    """

    hypothetical: NDArray[np.floating[Any]]
    actual: NDArray[np.floating[Any]]
    delta: NDArray[np.floating[Any]]
    error: NDArray[np.floating[Any]]
    references: NDArray[np.uint8] | None


def contributions(
    model: Layer,
    codes: Sequences | Codes,
    multipliers: Multipliers,
    what: str,
    *,
    task: Task | None,
    references: References,
    n_references: int,
    seed: int,
    both_strands: bool | None,
    batch_size: int,
    ambiguous: str | None,
    block: tuple[int, int] | None,
) -> Contributions:
    """Contributions by multipliers m_k of each pair of a sequence x and a reference r_k; see :func:`deeplift`.

        hypothetical[n, l, b] = mean_k (m_k[l, b] - sum_c m_k[l, c] r_k[l, c])
        actual[n, l]          = mean_k sum_c m_k[l, c] (x[l, c] - r_k[l, c])

    ``what`` is the function, for messages.
    """
    read = reading_of(model, both_strands=both_strands, ambiguous=ambiguous, untrained_both=False)
    codes = np.asarray(read_codes(model, codes))
    checked_codes(codes, what, batch_size)
    first, total = block or (0, len(codes))
    shuffled = reference_codes(codes, references, n_references, seed, (first, total))
    task = task_of(model, task)
    count = 1 if shuffled is None else shuffled.shape[1]
    step = max(1, batch_size // count)
    starts = range(0, len(codes), step)
    parts: list[Any] = [None] * len(starts)

    def fill(first: int, last: int) -> None:
        for number in range(first, last):
            rows = slice(starts[number], starts[number] + step)
            given = references if shuffled is None else shuffled[rows]
            parts[number] = _both_strands(model, codes[rows], given, multipliers, task, read)

    backend = model.backend
    model.draw()  # before the threads, which would draw one each
    with backend.computing(), Threads(backend.threads) as threads:
        threads.workers.share_out(fill, len(parts))
    hypothetical, actual, delta = (np.concatenate(own) for own in zip(*parts, strict=True))
    error = np.abs(actual.sum(axis=1, dtype=np.float64) - delta) / (1.0 + np.abs(delta))
    alike = shuffled is not None and bool((shuffled == codes[:, None, :]).all())
    if block is None:
        warn_of_contributions(what, error, alike, stacklevel=4)
    return Contributions(hypothetical, actual, delta, error, shuffled)


#: above this the contributions do not sum to the change of the output as they should, in single precision too
_LARGE_ERROR = 1e-3
_ADVICE = {"deeplift": 'try model.to(dtype="float64")', "integrated_gradients": "take more steps"}


def warn_of_contributions(
    what: str, error: np.ndarray, alike: bool, first: int = 0, *, stacklevel: int
) -> None:
    """Warn where contributions do not sum, of sequences from number ``first`` on, and if all references are ``alike``.

    ``what`` is the function that computed them.
    """
    worst = int(np.argmax(error))
    if not error[worst] <= _LARGE_ERROR:
        warnings.warn(
            f"{what}: contributions of sequence {first + worst} miss the change of the output by {error[worst]:.1e}; "
            f"{_ADVICE[what]}",
            stacklevel=stacklevel,
        )
    if alike:
        warnings.warn(
            f"{what}: every reference is its sequence: all contributions are zero", stacklevel=stacklevel
        )


def reference_codes(
    codes: np.ndarray, references: References, count: int, seed: int, block: tuple[int, int] | None = None
) -> np.ndarray | None:
    """References as base codes, (n, K, length); None if they are no sequences. ``block`` as in ``deeplift``."""
    n, length = codes.shape
    if not isinstance(references, str):
        given = np.asarray(references)
        if given.dtype != np.uint8 or given.ndim != 3 or (given.shape[0], given.shape[2]) != (n, length):
            expected = f"uint8 codes (n, K, length) = ({n}, K, {length})"
            raise ValueError(f"references expects {expected}, got {given.dtype} {given.shape}")
        if given.shape[1] < 1:
            raise ValueError("references expects at least one for each sequence, got none")
        return given
    if references in ("zero", "uniform"):
        return None
    kind, _, number = references.partition(":")
    if references != "dinucleotide" and not (kind == "klet" and number.isdigit() and int(number) > 0):
        raise ValueError(
            f"references expects 'dinucleotide', 'klet:K', 'zero', 'uniform' or base codes, got {references!r}"
        )
    if count < 1 or seed < 0:
        raise ValueError(f"expects n_references >= 1 and seed >= 0, got {count} and {seed}")
    width = 2 if references == "dinucleotide" else int(number)
    first, total = block or (0, n)
    rows = [_shuffles(row, count, width, seed * total + number) for number, row in enumerate(codes, first)]
    return np.stack(rows)


def _shuffles(row: np.ndarray, count: int, width: int, seed: int) -> np.ndarray:
    """Shuffles of one sequence, (count, length): each run of bases for itself, all other letters in their places."""
    copies = np.repeat(row[None, :], count, axis=0)
    edges = np.flatnonzero(np.diff(row < 4, prepend=False, append=False)).reshape(-1, 2)
    for start, stop in edges.tolist():
        copies[:, start:stop] = klet_shuffle(copies[:, start:stop], width, seed=seed)
    return copies


def _both_strands(
    model: Layer, codes: np.ndarray, references: Any, multipliers: Multipliers, task: Task, read: Trained
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hypothetical and actual contributions, and the change of f, of one batch."""
    found = _one_strand(model, codes, references, multipliers, task, read.ambiguous)
    if not read.both_strands:
        return found
    turned = references
    if not isinstance(references, str):
        turned = reverse_complement(references.reshape(-1, codes.shape[1])).reshape(references.shape)
    other_task = other_strand(model, task)
    hypothetical, actual, delta = _one_strand(
        model, reverse_complement(codes), turned, multipliers, other_task, read.ambiguous
    )
    # base b at position l is base 3 - b at position L - 1 - l of the other strand
    other = hypothetical[:, ::-1, ::-1], actual[:, ::-1], delta
    mean = [0.5 * (a + b) for a, b in zip(found, other, strict=True)]
    return mean[0], mean[1], mean[2]


def _one_strand(
    model: Layer, codes: np.ndarray, references: Any, multipliers: Multipliers, task: Task, ambiguous: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    backend = model.backend
    x = encode_batch(codes, backend, model.dtype, ambiguous)
    xp = array_namespace(x)
    if isinstance(references, str):
        others = xp.zeros_like(x)
        if references == "uniform":
            others = others + 0.25 * xp.sum(x, axis=1, keepdims=True)
    else:
        others = encode_batch(references.reshape(-1, codes.shape[1]), backend, model.dtype, ambiguous)

    def weights(outputs: Array) -> Array:
        return xp.reshape(weights_of(outputs, task), tuple(outputs.shape))

    y, y_r, found = multipliers(x, others, weights)
    given, pairs = paired(y, y_r)
    axes = tuple(range(2, pairs.ndim))
    delta = xp.mean(xp.sum(weights(y)[:, None, ...] * (given - pairs), axis=axes), axis=1)
    rows, rows_r = (xp.permute_dims(z, (0, 2, 1)) for z in (x, others))
    x_pairs, r_pairs = paired(rows, rows_r)
    m = xp.reshape(xp.permute_dims(found, (0, 2, 1)), tuple(r_pairs.shape))
    hypothetical = xp.mean(m - xp.sum(m * r_pairs, axis=3, keepdims=True), axis=1)
    actual = xp.mean(xp.sum(m * (x_pairs - r_pairs), axis=3), axis=1)
    return backend.to_numpy(hypothetical), backend.to_numpy(actual), backend.to_numpy(delta)


def weights_of_pairs(weights: Array, y_r: Array) -> Array:
    """The weights of the sequences' outputs for each of their references, of the shape of the references' outputs."""
    xp = array_namespace(y_r)
    own, pairs = paired(weights, y_r)
    return xp.reshape(xp.broadcast_to(own, tuple(pairs.shape)), tuple(y_r.shape))
