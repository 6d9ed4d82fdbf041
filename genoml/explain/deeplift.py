"""DeepLIFT: contributions of bases that sum to the change of the output from reference sequences."""

from __future__ import annotations

import warnings
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from genoml.data import Codes
from genoml.explain.saliency import checked_codes
from genoml.explain.tasks import Task, other_strand, task_of, weights_of
from genoml.nn.layer import Layer
from genoml.ops.secants import paired
from genoml.sequence.codes import Sequences
from genoml.sequence.shuffle import klet_shuffle
from genoml.sequence.strand import reverse_complement
from genoml.train.predict import encode_batch
from genoml.train.trained import Trained, read_codes, reading_of

__all__ = ["DeepLift", "deeplift"]

#: above this the contributions do not sum to the change of the output as they should, in single precision too
_LARGE_ERROR = 1e-3

#: what sequences are compared with
References: TypeAlias = Literal["dinucleotide", "zero", "uniform"] | str | NDArray[np.uint8]


class DeepLift(NamedTuple):
    """Contributions of bases, the result of :func:`deeplift`.

    Attributes
    ----------
    hypothetical : array of shape (n, length, 4)
        What each base would contribute at each position: columns A C G T.
    actual : array of shape (n, length)
        What the sequence's own letter contributes; they sum to ``delta``.
    delta : array of shape (n,)
        f(sequence) - mean_k f(reference k).
    error : array of shape (n,)
        abs(sum of actual - delta) / (1 + abs(delta)): rounding.
    references : array of shape (n, K, length) or None
        The references as base codes; None where they are no sequences ("zero", "uniform").
    """

    hypothetical: NDArray[np.floating[Any]]
    actual: NDArray[np.floating[Any]]
    delta: NDArray[np.floating[Any]]
    error: NDArray[np.floating[Any]]
    references: NDArray[np.uint8] | None


def deeplift(
    model: Layer,
    codes: Sequences | Codes,
    *,
    task: Task | None = None,
    references: References = "dinucleotide",
    n_references: int = 20,
    seed: int = 0,
    both_strands: bool | None = None,
    batch_size: int = 64,
    ambiguous: str | None = None,
) -> DeepLift:
    """DeepLIFT contributions of bases, the mean over references (DeepSHAP).

        hypothetical[n, l, b] = mean_k (m_k[l, b] - sum_c m_k[l, c] r_k[l, c])
        actual[n, l]          = mean_k sum_c m_k[l, c] (x[l, c] - r_k[l, c])

    with x the one-hot sequence, r_k its references, and m_k the multipliers that the layers give back between x and r_k
    (``Layer.between``, rule "Rescale"). They sum, for each sequence, to the change of the output from its references,
    exactly but for rounding, in every layer of genoml: ``error`` says how far they miss. A layer that has no rule is an
    error that names it. The letter N contributes too: against a reference, its missing base is a difference.

    Parameters
    ----------
    model : Layer
        A trained model that reads one-hot sequences (batch, 4, length).
    codes : array, or letters
        Sequences as base codes; letters, in any form of ``predict``, are padded to the training's length.
    task : int, array_like or callable, optional
        Which output is f, as in :func:`saliency`; the weights that a function gives are those of the sequence.
    references : str or array
        ``"dinucleotide"``: shuffles of the sequence with its dinucleotides; ``"klet:3"``: with its 3-lets, and so on;
        ambiguous letters and padding stay in place. ``"zero"``: no base anywhere. ``"uniform"``: a quarter of each
        base. Or base codes (n, K, length).
    n_references : int
        Shuffles a sequence.
    seed : int
        Seed of the shuffles; those of a sequence depend on its number and nothing else.
    both_strands : bool, optional
        f is the mean of the outputs for the sequence and for its reverse complement. Left out: as the model was trained
        and predicts (``model.trained``), and the given strand alone if ``fit`` has not trained it.
    batch_size : int
        Pairs of sequence and reference computed at a time.
    ambiguous : str, optional
        What becomes of ambiguous bases; as in training if left out.

    Shapes
    ------
    codes : (n, length), uint8

    Raises
    ------
    ValueError
        If ``codes`` is not (n >= 1, length) uint8 or letters, the references have another shape, or the model has no
        such output.
    NotImplementedError
        If a layer has no rule.

    Warns
    -----
    UserWarning
        If an ``error`` is above 1e-3; if all references are the sequence itself, whose contributions are then all zero.

    References
    ----------
    Shrikumar, Greenside and Kundaje (2017), arXiv:1704.02685; Lundberg and Lee (2017), arXiv:1705.07874, for the mean
    over references; Shrikumar et al. (2018), arXiv:1811.00416, for hypothetical contributions. Deviation: every
    layer has an exact rule, derived beside it, where other implementations take what they do not know as linear.
    """
    read = reading_of(model, both_strands=both_strands, ambiguous=ambiguous, untrained_both=False)
    codes = np.asarray(read_codes(model, codes))
    checked_codes(codes, "deeplift", batch_size)
    shuffled = _shuffled(codes, references, n_references, seed)
    task = task_of(model, task)
    count = 1 if shuffled is None else shuffled.shape[1]
    step, parts = max(1, batch_size // count), []
    with model.backend.computing():
        for start in range(0, len(codes), step):
            rows = slice(start, start + step)
            given = references if shuffled is None else shuffled[rows]
            parts.append(_both_strands(model, codes[rows], given, task, read))
    hypothetical, actual, delta = (np.concatenate(own) for own in zip(*parts, strict=True))
    error = np.abs(actual.sum(axis=1, dtype=np.float64) - delta) / (1.0 + np.abs(delta))
    _warn(error, codes, shuffled)
    return DeepLift(hypothetical, actual, delta, error, shuffled)


def _warn(error: np.ndarray, codes: np.ndarray, shuffled: np.ndarray | None) -> None:
    worst = int(np.argmax(error))
    if not error[worst] <= _LARGE_ERROR:
        warnings.warn(
            f"deeplift: contributions of sequence {worst} miss the change of the output by {error[worst]:.1e}; "
            'try model.to(dtype="float64")',
            stacklevel=3,
        )
    if shuffled is not None and (shuffled == codes[:, None, :]).all():
        warnings.warn("deeplift: every reference is its sequence: all contributions are zero", stacklevel=3)


def _shuffled(codes: np.ndarray, references: References, count: int, seed: int) -> np.ndarray | None:
    """References as base codes, (n, K, length); None if they are no sequences."""
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
        raise ValueError(f"deeplift expects n_references >= 1 and seed >= 0, got {count} and {seed}")
    width = 2 if references == "dinucleotide" else int(number)
    rows = [_shuffles(row, count, width, seed * n + number) for number, row in enumerate(codes)]
    return np.stack(rows)


def _shuffles(row: np.ndarray, count: int, width: int, seed: int) -> np.ndarray:
    """Shuffles of one sequence, (count, length): each run of bases for itself, all other letters in their places."""
    copies = np.repeat(row[None, :], count, axis=0)
    edges = np.flatnonzero(np.diff(row < 4, prepend=False, append=False)).reshape(-1, 2)
    for start, stop in edges.tolist():
        copies[:, start:stop] = klet_shuffle(copies[:, start:stop], width, seed=seed)
    return copies


def _both_strands(
    model: Layer, codes: np.ndarray, references: Any, task: Task, read: Trained
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hypothetical and actual contributions, and the change of f, of one batch."""
    found = _one_strand(model, codes, references, task, read.ambiguous)
    if not read.both_strands:
        return found
    turned = references
    if not isinstance(references, str):
        turned = reverse_complement(references.reshape(-1, codes.shape[1])).reshape(references.shape)
    hypothetical, actual, delta = _one_strand(
        model, reverse_complement(codes), turned, other_strand(model, task), read.ambiguous
    )
    # base b at position l is base 3 - b at position L - 1 - l of the other strand
    other = hypothetical[:, ::-1, ::-1], actual[:, ::-1], delta
    return tuple(0.5 * (a + b) for a, b in zip(found, other, strict=True))


def _one_strand(
    model: Layer, codes: np.ndarray, references: Any, task: Task, ambiguous: str
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
    y, y_r, back = model.between(x, others)
    weights = weights_of(y, task)  # of the sequences: the same for all references of one
    given, pairs = paired(xp.reshape(y, tuple(weights.shape)), xp.reshape(y_r, (-1, weights.shape[1])))
    m = xp.broadcast_to(weights[:, None, :], tuple(pairs.shape))
    delta = xp.mean(xp.sum(m * (given - pairs), axis=2), axis=1)
    multipliers = back(xp.reshape(m, tuple(y_r.shape)))
    rows, rows_r = (xp.permute_dims(z, (0, 2, 1)) for z in (x, others))
    x_pairs, r_pairs = paired(rows, rows_r)
    m_pairs = xp.reshape(xp.permute_dims(multipliers, (0, 2, 1)), tuple(r_pairs.shape))
    hypothetical = xp.mean(m_pairs - xp.sum(m_pairs * r_pairs, axis=3, keepdims=True), axis=1)
    actual = xp.mean(xp.sum(m_pairs * (x_pairs - r_pairs), axis=3), axis=1)
    return tuple(backend.to_numpy(own) for own in (hypothetical, actual, delta))
