"""DeepBind: binding of one protein, by motif detectors."""

from __future__ import annotations

from typing import Literal

from genoml.arguments import checked
from genoml.io.settings import Count, Share
from genoml.nn import Conv1D, Dense, Dropout, GlobalAveragePool1D, GlobalMaxPool1D, Parallel, Sequential
from genoml.nn.layer import Layer


@checked
def deepbind(
    *,
    n_outputs: Count = 1,
    filters: Count = 16,
    kernel_size: Count = 16,
    pooling: Literal["max", "max_and_mean"] = "max",
    dense_units: Count = 32,
    dropout: Share = 0.5,
    seed: int = 0,
) -> Sequential:
    """Motif detectors, ReLU, pooling over the sequence, and a small dense network.

        pad kernel_size - 1 zeros on each side, conv 4 -> 16 x 16, ReLU
        global max (and, optionally, global mean), dropout 0.5
        dense 32, ReLU, dense 1

    The padding lets a motif hang over either end. Sequences of any length are read.

    Parameters
    ----------
    n_outputs : int
        Experiments predicted together; the paper trains one network each.
    filters : int
        Number of motif detectors.
    kernel_size : int
        Width of the motif detectors.
    pooling : "max" or "max_and_mean"
        The maximum tells whether a motif occurs; the mean adds up short motifs.
    dense_units : int
        Size of the hidden layer.
    dropout : float
        Rate after the pooling.

    Shapes
    ------
    x : (batch, 4, length >= 1)
    y : (batch, n_outputs) logits, or scores for a regression

    References
    ----------
    Alipanahi et al. (2015), Predicting the sequence specificities of DNA- and RNA-binding proteins by deep
    learning, doi:10.1038/nbt.3300. Deviations: the padding holds zeros, not 0.25 for each base; the strands
    are not compared inside the network, but drawn at random in training and averaged in prediction; sizes and
    rates are fixed here, where the paper searches for them.
    """
    pool: Layer = GlobalMaxPool1D()
    if pooling == "max_and_mean":
        pool = Parallel({"max": pool, "mean": GlobalAveragePool1D()})
    responses = filters * (2 if pooling == "max_and_mean" else 1)
    return Sequential(
        {
            "conv": Conv1D(4, filters, kernel_size, padding=kernel_size - 1),
            "pool": pool,
            "dropout": Dropout(dropout),
            "dense": Dense(responses, dense_units, "relu"),
            "output": Dense(dense_units, n_outputs),
        },
        seed=seed,
    )
