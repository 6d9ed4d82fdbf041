"""The smallest useful motif network: one bank of motif detectors and a logistic layer."""

from __future__ import annotations

from genoml.arguments import checked
from genoml.io.settings import Count
from genoml.nn import Conv1D, Dense, GlobalMaxPool1D, Sequential


@checked
def promoter_cnn(
    *, filters: Count = 32, kernel_size: Count = 8, n_outputs: Count = 1, seed: int = 0
) -> Sequential:
    """Convolution, ReLU, global max pooling and a logistic layer.

    Each filter scans the sequence for a motif, the pooling finds its best match, and the last layer weighs the matches.

    Parameters
    ----------
    filters : int
        Number of motif detectors.
    kernel_size : int
        Width of the motif detectors.
    n_outputs : int
        Number of logits a sequence.

    Shapes
    ------
    x : (batch, 4, length >= kernel_size)
    y : (batch, n_outputs) logits

    References
    ----------
    Alipanahi et al. (2015), DeepBind, doi:10.1038/nbt.3300, in its simplest form.
    """
    return Sequential(
        {
            "conv": Conv1D(4, filters, kernel_size),
            "pool": GlobalMaxPool1D(),
            "dense": Dense(filters, n_outputs),
        },
        seed=seed,
    )
