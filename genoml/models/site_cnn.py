"""The default network for sites at one place of every sequence, such as splice junctions or methylation."""

from __future__ import annotations

from typing import Any

from genoml.arguments import Count, Share
from genoml.nn import BatchNorm1D, Conv1D, Dense, Dropout, Flatten, MaxPool1D, Parallel, ReLU, Sequential
from genoml.ops.windows import Reach, positions_left


def site_cnn_windows(pool_size: int = 2, **_: Any) -> list[Reach]:
    """Windows of its pooling; the convolutions are padded and keep the length."""
    return [Reach(pool_size, pool_size)]


def site_cnn(
    *,
    length_bp: Count = 60,
    n_outputs: Count = 1,
    filters: Count = 64,
    kernel_size: Count = 9,
    pool_size: Count = 2,
    second_filters: Count = 32,
    second_kernel_size: Count = 5,
    dropout: tuple[Share, Share, Share] = (0.2, 0.3, 0.5),
    seed: int = 0,
) -> Sequential:
    """The base at each position beside two convolutions, without global pooling: every position has its own weights.

        bases     flatten (4 x length)
        motifs    conv 4 -> filters, max pool, batch norm, ReLU, dropout
                  conv -> second_filters, batch norm, ReLU, dropout, flatten
        [bases, motifs], dropout, dense: the output

    The bases make it a logistic regression on positions, to which the convolutions add what depends on neighbours. The
    dense layer fixes the length.

    Parameters
    ----------
    length_bp : int
        Length of every sequence; ``genoml train`` sets it to that of the data.
    n_outputs : int
        Tasks predicted together.
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
        Rates after the scan, after the second convolution and before the output.

    Shapes
    ------
    x : (batch, 4, length_bp)
    y : (batch, n_outputs) logits

    Raises
    ------
    ValueError
        If length_bp is shorter than a window of the pooling.

    References
    ----------
    Our own, chosen on validation parts of splice junctions and of bacterial promoters; the linear part beside a deep
    one is that of Cheng et al. (2016), Wide and deep learning for recommender systems, arXiv:1606.07792.
    """
    left = positions_left(length_bp, site_cnn_windows(pool_size))
    motifs = Sequential(
        {
            "scan": Conv1D(4, filters, kernel_size, padding="same", bias=False, activation=None),
            "scan_pool": MaxPool1D(pool_size),
            "scan_norm": BatchNorm1D(filters),
            "scan_relu": ReLU(),
            "scan_dropout": Dropout(dropout[0]),
            "combine": Conv1D(
                filters, second_filters, second_kernel_size, padding="same", bias=False, activation=None
            ),
            "combine_norm": BatchNorm1D(second_filters),
            "combine_relu": ReLU(),
            "combine_dropout": Dropout(dropout[1]),
            "flatten": Flatten(),
        }
    )
    return Sequential(
        {
            "read": Parallel({"bases": Flatten(), "motifs": motifs}),
            "dropout": Dropout(dropout[2]),
            "output": Dense(4 * length_bp + second_filters * left, n_outputs),
        },
        seed=seed,
    )
