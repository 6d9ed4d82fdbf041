"""Contributions of bases to a run's output, for sequences or windows of a genome, computed in blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from genoml.data import Codes
from genoml.explain import deeplift, in_silico_mutagenesis, integrated_gradients, saliency
from genoml.explain.references import reference_codes, warn_of_contributions
from genoml.nn.layer import Layer
from genoml.parallel import WHOLE_RUN, Ranks, Shard
from genoml.runs.attributions import Attributions
from genoml.runs.explained import Explained, explained_output
from genoml.runs.run import Run
from genoml.sequence.codes import Sequences
from genoml.train.trained import read_codes

__all__ = ["Attributions", "attribute"]

#: hypothetical and actual contributions, the error of each sum, and whether each reference is the sequence itself
_Computed: TypeAlias = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
#: how contributions are computed
Method: TypeAlias = Literal["deeplift", "integrated_gradients", "saliency", "mutagenesis"]
#: sequences that are explained as if there were no others, so that shards give the bits of the whole
BLOCK = 192
#: sequences at most that the shuffles of a control are of
_CONTROL_SEQUENCES = 500


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
    shard: Shard = WHOLE_RUN,
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
    shard : Shard
        Explain only this one's blocks of 192 of the sequences, and of the control's. Of its ranks the first alone has
        the contributions; the others have zeros.

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
    compute = partial(_computed, run.model, method, explained, options)
    own = shard.rows(len(codes), BLOCK)
    hypothetical, actual, error = _in_blocks(compute, codes, own, method, shard.ranks)
    of_control = None
    if shuffled is not None:
        own_control = shard.rows(len(shuffled), BLOCK)
        of_control = _in_blocks(compute, shuffled, own_control, method, shard.ranks)[1]
        shuffled = shuffled[own_control]
    what = explained.what or f"the output of {run.path.resolve().name}"
    return Attributions(
        list(names)[own],
        codes[own],
        hypothetical,
        actual,
        what,
        method,
        seed,
        used,
        error,
        shuffled,
        of_control,
    )


def _in_blocks(
    compute: Callable[[np.ndarray, int], _Computed],
    codes: np.ndarray,
    own: slice,
    method: Method,
    ranks: Ranks,
) -> tuple[np.ndarray, np.ndarray, float]:
    """Hypothetical and actual contributions of some rows, block by block, and the greatest error of their sums."""
    parts = list(ranks.map(partial(compute, codes), range(own.start, own.stop, BLOCK)))
    if not parts:  # fewer blocks than shards, or not the first rank
        shape = codes[own].shape
        return np.zeros((*shape, 4), np.float32), np.zeros(shape, np.float32), 0.0
    hypothetical, actual, error, alike = (np.concatenate(each) for each in zip(*parts, strict=True))
    warn_of_contributions(method, error, bool(alike.all()), own.start, stacklevel=4)
    return hypothetical, actual, float(error.max())


def _computed(
    model: Layer, method: Method, explained: Explained, options: dict[str, Any], every: np.ndarray, start: int
) -> _Computed:
    """Contributions of the block from ``start`` on."""
    codes = every[start : start + BLOCK]
    no_error, unlike = np.zeros(len(codes)), np.zeros(len(codes), bool)
    if method == "saliency":
        return *saliency(model, codes, task=explained.task), no_error, unlike
    if method == "mutagenesis":
        return *_of_mutants(in_silico_mutagenesis(model, codes, task=explained.task), codes), no_error, unlike
    function = deeplift if method == "deeplift" else integrated_gradients
    found = function(model, codes, task=explained.task, block=(start, len(every)), **options)
    assert found.references is not None
    alike = (found.references == codes[:, None, :]).all(axis=(1, 2))
    return found.hypothetical, found.actual, found.error, alike


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
