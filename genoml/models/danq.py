"""DanQ: chromatin features from 1000 bp, by a convolution and a recurrent layer."""

from __future__ import annotations

from typing import Any

from genoml.arguments import checked
from genoml.io.settings import Count, Share
from genoml.nn import LSTM, Bidirectional, Conv1D, Dense, Dropout, Flatten, MaxPool1D, Sequential, Transpose
from genoml.ops.windows import Reach, positions_left


def danq_windows(kernel_size: int = 26, pool_size: int = 13, **_: Any) -> list[Reach]:
    """Windows of its convolution and pooling."""
    return [Reach(kernel_size), Reach(pool_size, pool_size)]


@checked
def danq(
    *,
    length_bp: Count = 1000,
    n_outputs: Count = 919,
    filters: Count = 320,
    kernel_size: Count = 26,
    pool_size: Count = 13,
    hidden: Count = 320,
    dense_units: Count = 925,
    dropout: tuple[Share, Share] = (0.2, 0.5),
    seed: int = 0,
) -> Sequential:
    """One convolution and pooling, a bidirectional LSTM along the sequence, and two dense layers.

        conv 4 -> 320 x 26, ReLU, max pool 13, dropout 0.2    1000 -> 975 -> 75 positions
        LSTM 320 -> 320 each way, every state, dropout 0.5
        flatten (75 x 640 = 48000), dense 925, ReLU, dense 919

    46,926,479 parameters as published, with these defaults. The LSTM's steps are the positions of the
    sequence. The dense layer after the flattening fixes the length.

    Parameters
    ----------
    length_bp : int
        Length of every sequence; ``genoml train`` sets it to that of the data.
    n_outputs : int
        Chromatin features predicted together; ``genoml train`` sets it to 1.
    filters : int
        Number of motif detectors.
    kernel_size : int
        Width of the motif detectors.
    pool_size : int
        Window of the pooling after them.
    hidden : int
        Size of the LSTM's state, in each direction.
    dense_units : int
        Size of the hidden dense layer.
    dropout : two floats
        Rates after the pooling and after the LSTM.

    Shapes
    ------
    x : (batch, 4, length_bp)
    y : (batch, n_outputs) logits; the paper's probabilities are their sigmoid

    Raises
    ------
    ValueError
        If length_bp is shorter than what the convolution and the pooling read (38 bp).

    References
    ----------
    Quang and Xie (2016), DanQ: a hybrid convolutional and recurrent deep neural network for quantifying the
    function of DNA sequences, doi:10.1093/nar/gkw226. Deviations: the LSTM's gates are logistic, where the
    original's library took a piecewise linear stand-in. Flatten goes step by step, as there.
    """
    left = positions_left(length_bp, danq_windows(kernel_size, pool_size))
    return Sequential(
        {
            "conv": Conv1D(4, filters, kernel_size),
            "pool": MaxPool1D(pool_size),
            "dropout1": Dropout(dropout[0]),
            "steps": Transpose(),
            "lstm": Bidirectional(LSTM(filters, hidden)),
            "dropout2": Dropout(dropout[1]),
            "flatten": Flatten(),
            "dense": Dense(left * 2 * hidden, dense_units, "relu"),
            "output": Dense(dense_units, n_outputs),
        },
        seed=seed,
    )
