"""The default network: binary classification of sequences of a few hundred bases, such as ChIP-seq peaks."""

from __future__ import annotations

from genoml.arguments import checked
from genoml.io.settings import Count, Share
from genoml.nn import (
    BatchNorm1D,
    Conv1D,
    Dense,
    Dropout,
    Exp,
    GlobalAveragePool1D,
    GlobalMaxPool1D,
    MaxPool1D,
    Parallel,
    ReLU,
    Sequential,
)


@checked
def motif_cnn(
    *,
    filters: Count = 128,
    kernel_size: Count = 19,
    pool_size: Count = 8,
    second_filters: Count = 64,
    second_kernel_size: Count = 5,
    dropout: tuple[Share, Share, Share] = (0.2, 0.3, 0.5),
    n_outputs: Count = 1,
    seed: int = 0,
) -> Sequential:
    """Motif scan, pooling, a second convolution that combines motifs, global pooling, logistic layer.

        conv 4 -> filters, max pool, batch norm, exp, dropout
        conv -> second_filters, batch norm, ReLU, dropout
        [global max, global mean], dropout, dense

    The pooling comes before normalisation and activation, which are monotonic for each channel (the norm's
    scale starts positive): the same maxima are found, on a pool_size-th of the positions. The exponential
    keeps a first-layer filter from being split into half motifs; without its ceiling training is less stable.
    ``genoml train`` sets pool_size to a 25th of the sequence length, between 2 and 10.

    Parameters
    ----------
    filters : int
        Number of motif detectors.
    kernel_size : int
        Width of the motif detectors.
    pool_size : int
        Window of the pooling after them.
    second_filters : int
        Number of filters that combine motifs.
    second_kernel_size : int
        Width of the filters that combine motifs.
    dropout : three floats
        Rates after the scan, after the second convolution and before the dense layer.
    n_outputs : int
        Number of logits a sequence.

    Shapes
    ------
    x : (batch, 4, length >= kernel_size + pool_size - 1)
    y : (batch, n_outputs) logits

    References
    ----------
    Basset: Kelley et al. (2016), doi:10.1101/gr.200535.115, for the motif scan and its pooling; Koo and
    Ploenzke (2021), doi:10.1038/s42256-020-00291-x, for the exponential activation. Sizes are our own, chosen
    on validation data.
    """
    return Sequential(
        {
            "scan": Conv1D(4, filters, kernel_size, bias=False, activation=None),
            "scan_pool": MaxPool1D(pool_size),
            "scan_norm": BatchNorm1D(filters),
            "scan_exp": Exp(ceiling=4.0),
            "scan_dropout": Dropout(dropout[0]),
            "combine": Conv1D(
                filters, second_filters, second_kernel_size, padding="same", bias=False, activation=None
            ),
            "combine_norm": BatchNorm1D(second_filters),
            "combine_relu": ReLU(),
            "combine_dropout": Dropout(dropout[1]),
            "pool": Parallel({"max": GlobalMaxPool1D(), "mean": GlobalAveragePool1D()}),
            "pool_dropout": Dropout(dropout[2]),
            "dense": Dense(2 * second_filters, n_outputs),
        },
        seed=seed,
    )
