"""Saliency: the gradient of a model's output with respect to each base, from one backward pass."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from genoml.backend import Array
from genoml.data import Codes
from genoml.explain.tasks import Task, other_strand, task_of, weights_of
from genoml.nn.layer import Layer
from genoml.parallel import shared_threads
from genoml.sequence.codes import Sequences
from genoml.sequence.encode import one_hot
from genoml.sequence.strand import reverse_complement
from genoml.train.predict import encode_batch, runs_of
from genoml.train.trained import read_codes, reading_of

__all__ = ["Saliency", "checked_codes", "saliency"]


class Saliency(NamedTuple):
    """Contributions of bases, the result of :func:`saliency`.

    Attributes
    ----------
    hypothetical : array of shape (n, length, 4)
        What each base would contribute at each position, to first order: columns A C G T.
    actual : array of shape (n, length)
        What the sequence's own base contributes: gradient times input.
    """

    hypothetical: NDArray[np.floating[Any]]
    actual: NDArray[np.floating[Any]]


def saliency(
    model: Layer,
    codes: Sequences | Codes,
    *,
    task: Task | None = None,
    corrected: bool = True,
    both_strands: bool | None = None,
    batch_size: int = 256,
    ambiguous: str | None = None,
) -> Saliency:
    """Gradient times input of sequences.

        hypothetical[n, l, b] = df/dx[n, b, l]              corrected: minus its mean over the four b
        actual[n, l] = sum_b hypothetical[n, l, b] x[n, b, l]

    with x the one-hot sequence and f one output. The gradient is that of the layers' own backward passes, in
    evaluation. A model only ever sees inputs whose four values at a position sum to one; the component of the
    gradient orthogonal to that plane was never trained, and the correction removes it.

    Parameters
    ----------
    model : Layer
        A trained model that reads one-hot sequences (batch, 4, length).
    codes : array, or letters
        Sequences as base codes; letters, in any form of ``predict``, are padded to the training's length.
    task : int, array_like or callable, optional
        Which output is f; the weights with which the outputs are summed; or a function from a batch of outputs to
        their weights, held constant, such as ``profile_task(0, tracks=2)``. Left out: output 0, or of a model that was
        trained for profiles the mean log count of its tracks, ``count_task(tracks=2)``.
    corrected : bool
        Subtract the mean over the bases.
    both_strands : bool, optional
        f is the mean of the outputs for the sequence and for its reverse complement. Left out: as the model was trained
        and predicts (``model.trained``), and the given strand alone if ``fit`` has not trained it.
    batch_size : int
        Sequences computed at a time, at most. The bits depend on no number of threads.
    ambiguous : str, optional
        What becomes of ambiguous bases; as in training if left out.

    Shapes
    ------
    codes : (n, length), uint8

    Returns
    -------
    Saliency
        ``hypothetical`` (n, length, 4) and ``actual`` (n, length), on the host.

    Raises
    ------
    ValueError
        If ``codes`` is not (n >= 1, length) uint8 or letters, or the model has no such output.

    Warns
    -----
    UserWarning
        If strands or ambiguous letters are asked for otherwise than in training.

    References
    ----------
    Simonyan, Vedaldi and Zisserman (2013), arXiv:1312.6034, for the gradient; Shrikumar et al. (2016),
    arXiv:1605.01713, for its product with the input; Majdandzic, Rajesh and Koo (2023),
    doi:10.1186/s13059-023-02956-3, eq. 3, for the correction.
    """
    read = reading_of(model, both_strands=both_strands, ambiguous=ambiguous, untrained_both=False)
    codes, ambiguous = read_codes(model, codes), read.ambiguous
    checked_codes(codes, "saliency", batch_size)
    backend, task, runs = model.backend, task_of(model, task), runs_of(codes, batch_size, model.backend)
    parts: list[Any] = [None] * len(runs)

    def fill(first: int, last: int) -> None:
        for number in range(first, last):
            part = codes[runs[number]]
            gradient = _gradient(model, part, task, ambiguous)
            if read.both_strands:
                other = _gradient(model, reverse_complement(part), other_strand(model, task), ambiguous)
                # the derivative by base 3 - b of position L - 1 - l of the other strand
                gradient = 0.5 * (gradient + array_namespace(other).flip(other, axis=(1, 2)))
            parts[number] = _contributions(gradient, part, model, ambiguous, corrected)

    model.draw()  # before the threads, which would draw one each
    with backend.computing():
        shared_threads(backend.threads).workers.share_out(fill, len(runs))
    hypothetical, actual = zip(*parts, strict=True)
    return Saliency(np.concatenate(hypothetical), np.concatenate(actual))


def _gradient(model: Layer, codes: np.ndarray, task: Task, ambiguous: str) -> Array:
    """df/dx, (n, length, 4)."""
    x = encode_batch(codes, model.backend, model.dtype, ambiguous)
    outputs, pullback = model.vjp(x)
    xp = array_namespace(x)
    weights = xp.reshape(weights_of(outputs, task), tuple(outputs.shape))
    gradient, _ = pullback(weights, need_params=False)
    return xp.permute_dims(gradient, (0, 2, 1))


def _contributions(
    gradient: Array, codes: np.ndarray, model: Layer, ambiguous: str, corrected: bool
) -> tuple[np.ndarray, np.ndarray]:
    xp, backend = array_namespace(gradient), model.backend
    if corrected:
        gradient = gradient - xp.mean(gradient, axis=2, keepdims=True)
    x = one_hot(codes, ambiguous=ambiguous, dtype=model.dtype, backend=backend)
    return backend.to_numpy(gradient), backend.to_numpy(xp.sum(gradient * x, axis=2))


def checked_codes(codes: Codes, what: str, batch_size: int = 1) -> None:
    """Raise ValueError unless these are base codes (n >= 1, length >= 1), and batch_size >= 1."""
    if codes.dtype != np.uint8 or len(codes.shape) != 2 or 0 in codes.shape:
        raise ValueError(f"{what} expects uint8 codes (n >= 1, length >= 1), got {codes.dtype} {codes.shape}")
    if batch_size < 1:
        raise ValueError(f"{what} expects batch_size >= 1, got {batch_size}")
