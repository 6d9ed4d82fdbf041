"""DeepSEA: chromatin features from 1000 bp."""

from __future__ import annotations

from typing import Any

from genoml.arguments import checked
from genoml.io.settings import Count, Share
from genoml.nn import Conv1D, Dense, Dropout, Flatten, MaxPool1D, Sequential
from genoml.ops.windows import Reach, positions_left


def deepsea_windows(kernel_size: int = 8, pool_size: int = 4, **_: Any) -> list[Reach]:
    """Windows of its convolutions and poolings."""
    conv = Reach(kernel_size)
    return [conv, Reach(pool_size, pool_size), conv, Reach(pool_size, pool_size), conv]


@checked
def deepsea(
    *,
    length_bp: Count = 1000,
    n_outputs: Count = 919,
    filters: tuple[Count, Count, Count] = (320, 480, 960),
    kernel_size: Count = 8,
    pool_size: Count = 4,
    dense_units: Count = 925,
    dropout: tuple[Share, Share, Share] = (0.2, 0.2, 0.5),
    seed: int = 0,
) -> Sequential:
    """Three convolutions, two poolings and two dense layers.

        conv 4 -> 320 x 8, ReLU, max pool 4, dropout 0.2      1000 -> 993 -> 248 positions
        conv 320 -> 480 x 8, ReLU, max pool 4, dropout 0.2     248 -> 241 ->  60
        conv 480 -> 960 x 8, ReLU, dropout 0.5                  60 ->  53
        flatten (50880), dense 925, ReLU, dense 919

    52,843,119 parameters as published, with these defaults. Convolutions are not padded. The dense layer
    after the flattening fixes the length.

    Parameters
    ----------
    length_bp : int
        Length of every sequence; ``genoml train`` sets it to that of the data.
    n_outputs : int
        Chromatin features predicted together; ``genoml train`` sets it to 1.
    filters : three ints
        Filters of each convolution.
    kernel_size : int
        Kernel width of every convolution.
    pool_size : int
        Window of every pooling.
    dense_units : int
        Size of the hidden dense layer.
    dropout : three floats
        Rates after each convolution.

    Shapes
    ------
    x : (batch, 4, length_bp)
    y : (batch, n_outputs) logits; the paper's probabilities are their sigmoid

    Raises
    ------
    ValueError
        If length_bp is shorter than what the convolutions read (163 bp).

    References
    ----------
    Zhou and Troyanskaya (2015), Predicting effects of noncoding variants with deep learning-based sequence
    model, doi:10.1038/nmeth.3547. Deviations: the weights are not bounded in norm, and there is no L1 penalty
    of the last hidden layer; both belong to training. Flatten goes channel by channel.
    """
    left = positions_left(length_bp, deepsea_windows(kernel_size, pool_size))
    return Sequential(
        {
            "conv1": Conv1D(4, filters[0], kernel_size),
            "pool1": MaxPool1D(pool_size),
            "dropout1": Dropout(dropout[0]),
            "conv2": Conv1D(filters[0], filters[1], kernel_size),
            "pool2": MaxPool1D(pool_size),
            "dropout2": Dropout(dropout[1]),
            "conv3": Conv1D(filters[1], filters[2], kernel_size),
            "dropout3": Dropout(dropout[2]),
            "flatten": Flatten(),
            "dense": Dense(filters[2] * left, dense_units, "relu"),
            "output": Dense(dense_units, n_outputs),
        },
        seed=seed,
    )
