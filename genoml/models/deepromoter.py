"""DeePromoter: promoters from 300 bp."""

from __future__ import annotations

from typing import Any

from genoml.arguments import checked
from genoml.io.settings import Count, Share
from genoml.nn import (
    LSTM,
    Bidirectional,
    Conv1D,
    Dense,
    Dropout,
    Flatten,
    MaxPool1D,
    Parallel,
    Sequential,
    Transpose,
)
from genoml.nn.layer import Layer
from genoml.ops.windows import Reach, positions_left


def deepromoter_windows(pool_size: int = 6, **_: Any) -> list[Reach]:
    """Windows of its pooling; the convolutions are padded and keep the length."""
    return [Reach(pool_size, pool_size)]


@checked
def deepromoter(
    *,
    length_bp: Count = 300,
    n_outputs: Count = 1,
    filters: Count = 32,
    kernel_sizes: tuple[Count, ...] = (27, 14, 7),
    pool_size: Count = 6,
    hidden: Count = 32,
    dense_units: Count = 128,
    dropout: Share = 0.5,
    seed: int = 0,
) -> Sequential:
    """Parallel convolutions of three widths, a bidirectional LSTM, and two dense layers.

        side by side, for widths 27, 14, 7: conv 4 -> 32, ReLU, max pool 6, dropout 0.5    300 -> 50 positions
        LSTM 96 -> 32 each way, every state
        flatten (50 x 64 = 3200), dense 128, ReLU, dropout 0.5, dense 1

    Convolutions are padded to keep the length, so that the three can be joined. The dense layer after the flattening
    fixes the length.

    Parameters
    ----------
    length_bp : int
        Length of every sequence; ``genoml train`` sets it to that of the data.
    n_outputs : int
        Tasks predicted together.
    filters : int
        Filters of each width.
    kernel_sizes : ints
        Widths of the convolutions.
    pool_size : int
        Window of the pooling after each convolution.
    hidden : int
        Size of the LSTM's state, in each direction.
    dense_units : int
        Size of the hidden dense layer.
    dropout : float
        Rate after each pooling and after the hidden dense layer.

    Shapes
    ------
    x : (batch, 4, length_bp)
    y : (batch, n_outputs) logits; the paper's probability is their sigmoid

    Raises
    ------
    ValueError
        If length_bp is shorter than a window of the pooling, or there is no kernel size.

    References
    ----------
    Oubounyt et al. (2019), DeePromoter: robust promoter predictor using deep learning,
    doi:10.3389/fgene.2019.00286. Deviations: the 32 filters of each width are our choice.
    """
    left = positions_left(length_bp, deepromoter_windows(pool_size))
    branches: dict[str, Layer] = {
        f"width{i}": Sequential(
            {
                "conv": Conv1D(4, filters, kernel_size, padding="same"),
                "pool": MaxPool1D(pool_size),
                "dropout": Dropout(dropout),
            }
        )
        for i, kernel_size in enumerate(kernel_sizes, 1)
    }
    return Sequential(
        {
            "scan": Parallel(branches),
            "steps": Transpose(),
            "lstm": Bidirectional(LSTM(filters * len(kernel_sizes), hidden)),
            "flatten": Flatten(),
            "dense": Dense(left * 2 * hidden, dense_units, "relu"),
            "dropout": Dropout(dropout),
            "output": Dense(dense_units, n_outputs),
        },
        seed=seed,
    )
