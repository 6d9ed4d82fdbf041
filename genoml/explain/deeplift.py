"""DeepLIFT and integrated gradients: contributions of bases that sum to the change of the output from references."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from array_api_compat import array_namespace

from genoml.backend import Array
from genoml.data import Codes
from genoml.explain.references import Contributions, References, contributions, weights_of_pairs
from genoml.explain.reveal_cancel import with_reveal_cancel
from genoml.explain.tasks import Task
from genoml.nn.layer import Layer
from genoml.ops.secants import paired
from genoml.sequence.codes import Sequences

__all__ = ["deeplift", "integrated_gradients"]


def deeplift(
    model: Layer,
    codes: Sequences | Codes,
    *,
    task: Task | None = None,
    rule: Literal["rescale", "reveal_cancel", "genomics"] = "rescale",
    references: References = "dinucleotide",
    n_references: int = 20,
    seed: int = 0,
    both_strands: bool | None = None,
    batch_size: int = 64,
    ambiguous: str | None = None,
    block: tuple[int, int] | None = None,
) -> Contributions:
    """DeepLIFT contributions of bases, the mean over references (DeepSHAP).

        hypothetical[n, l, b] = mean_k (m_k[l, b] - sum_c m_k[l, c] r_k[l, c])
        actual[n, l]          = mean_k sum_c m_k[l, c] (x[l, c] - r_k[l, c])

    with x the one-hot sequence, r_k its references, and m_k the multipliers that the layers give back between x and r_k
    (``Layer.between``). They sum, for each sequence, to the change of the output from its references,
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
    rule : {"rescale", "reveal_cancel", "genomics"}
        Of a convolution or dense layer and its activation: ``"rescale"``, the mean slope of the activation;
        ``"reveal_cancel"``, which gives positive and negative parts of a sum slopes of their own, so that what cancels
        in the sum is seen; ``"genomics"``, the paper's choice, which does so behind dense layers alone. See
        genoml/explain/reveal_cancel.py.
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
    block : (int, int), optional
        Of sequences that are a block of more: the number of the first, from 0, and how many there are in all, by which
        shuffles are drawn. Warnings are then left to the caller, who sees the whole.

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
    if rule not in ("rescale", "reveal_cancel", "genomics"):
        raise ValueError(f"rule expects rescale, reveal_cancel or genomics, got {rule!r}")
    ruled = model if rule == "rescale" else with_reveal_cancel(model, dense_only=rule == "genomics")

    def multipliers(x: Array, others: Array, weights: Callable[[Array], Array]) -> tuple[Array, Array, Array]:
        y, y_r, back = ruled.between(x, others)
        return y, y_r, back(weights_of_pairs(weights(y), y_r))

    return contributions(
        model, codes, multipliers, "deeplift", task=task, references=references,
        n_references=n_references, seed=seed, both_strands=both_strands, batch_size=batch_size, ambiguous=ambiguous,
        block=block,
    )  # fmt: skip


def integrated_gradients(
    model: Layer,
    codes: Sequences | Codes,
    *,
    task: Task | None = None,
    steps: int = 32,
    references: References = "dinucleotide",
    n_references: int = 20,
    seed: int = 0,
    both_strands: bool | None = None,
    batch_size: int = 64,
    ambiguous: str | None = None,
    block: tuple[int, int] | None = None,
) -> Contributions:
    """Integrated gradients from references, the mean over them (expected gradients).

        m_k = (1 / steps) sum_s df/dx at r_k + (s + 1/2) / steps (x - r_k),    s = 0 ... steps - 1

    in place of DeepLIFT's multipliers, and else as :func:`deeplift`. It needs no rule of a layer, but ``steps`` passes;
    the contributions sum to the change of the output as far as the sum over steps is the integral: see ``error``.
    Parameters, shapes, errors and warnings but for ``steps`` are those of :func:`deeplift`.

    Parameters
    ----------
    steps : int
        Points on the way from a reference to the sequence.

    References
    ----------
    Sundararajan, Taly and Yan (2017), arXiv:1703.01365; Erion et al. (2021), doi:10.1038/s42256-021-00343-w, for the
    mean over references. Deviation: the midpoint rule for each reference, where the latter draw points.
    """
    if steps < 1:
        raise ValueError(f"integrated_gradients expects steps >= 1, got {steps}")

    def multipliers(x: Array, others: Array, weights: Callable[[Array], Array]) -> tuple[Array, Array, Array]:
        xp = array_namespace(x)
        y, (y_r, _) = model.vjp(x)[0], model.vjp(others)
        grad, (given, pairs) = weights_of_pairs(weights(y), y_r), paired(x, others)
        total = xp.zeros_like(others)
        for s in range(steps):
            point = xp.reshape(pairs + (s + 0.5) / steps * (given - pairs), tuple(others.shape))
            total = total + model.vjp(point)[1](grad, need_params=False)[0]
        return y, y_r, total * (1.0 / steps)

    return contributions(
        model, codes, multipliers, "integrated_gradients", task=task, references=references,
        n_references=n_references, seed=seed, both_strands=both_strands, batch_size=batch_size, ambiguous=ambiguous,
        block=block,
    )  # fmt: skip
