"""Basset: DNA accessibility in many cell types from 600 bp."""

from __future__ import annotations

from typing import Any

from genoml.arguments import checked
from genoml.io.settings import Count, Share
from genoml.nn import BatchNorm1D, Conv1D, Dense, Dropout, Flatten, MaxPool1D, ReLU, Sequential
from genoml.nn.layer import Layer
from genoml.ops.windows import Reach, positions_left


def basset_windows(
    kernel_sizes: tuple[int, int, int] = (19, 11, 7), pool_sizes: tuple[int, int, int] = (3, 4, 4), **_: Any
) -> list[Reach]:
    """Windows of its convolutions and poolings."""
    pairs = zip(kernel_sizes, pool_sizes, strict=True)
    return [window for kernel, size in pairs for window in (Reach(kernel), Reach(size, size, partial=True))]


@checked
def basset(
    *,
    length_bp: Count = 600,
    n_outputs: Count = 164,
    filters: tuple[Count, Count, Count] = (300, 200, 200),
    kernel_sizes: tuple[Count, Count, Count] = (19, 11, 7),
    pool_sizes: tuple[Count, Count, Count] = (3, 4, 4),
    dense_units: Count = 1000,
    dropout: Share = 0.3,
    seed: int = 0,
) -> Sequential:
    """Three blocks of convolution and pooling and two dense blocks, each with batch normalisation.

        conv 4 -> 300 x 19, batch norm, ReLU, max pool 3       600 -> 582 -> 194 positions
        conv 300 -> 200 x 11, batch norm, ReLU, max pool 4     194 -> 184 ->  46
        conv 200 -> 200 x 7, batch norm, ReLU, max pool 4       46 ->  40 ->  10
        flatten (2000), twice: dense 1000, batch norm, ReLU, dropout 0.3
        dense 164

    Convolutions are not padded; pooling keeps a shorter last window. The dense layer after the flattening fixes the
    length.

    Parameters
    ----------
    length_bp : int
        Length of every sequence; ``genoml train`` sets it to that of the data.
    n_outputs : int
        Cell types predicted together; ``genoml train`` sets it to 1.
    filters : three ints
        Filters of each convolution.
    kernel_sizes : three ints
        Kernel width of each convolution.
    pool_sizes : three ints
        Window of the pooling after each convolution.
    dense_units : int
        Size of both hidden dense layers.
    dropout : float
        Rate after each hidden dense layer.

    Shapes
    ------
    x : (batch, 4, length_bp)
    y : (batch, n_outputs) logits; the paper's probabilities are their sigmoid

    Raises
    ------
    ValueError
        If length_bp is shorter than what the convolutions read (121 bp).

    References
    ----------
    Kelley, Snoek and Rinn (2016), Basset: learning the regulatory code of the accessible genome with deep
    convolutional neural networks, doi:10.1101/gr.200535.115. Deviations: the weights are not bounded in norm,
    which belongs to training.
    """
    left = positions_left(length_bp, basset_windows(kernel_sizes, pool_sizes))
    layers: dict[str, Layer] = {}
    inputs = (4, *filters)
    for i, (kernel_size, pool_size) in enumerate(zip(kernel_sizes, pool_sizes, strict=True), 1):
        layers |= {
            f"conv{i}": Conv1D(inputs[i - 1], inputs[i], kernel_size, activation=None),
            f"norm{i}": BatchNorm1D(inputs[i]),
            f"relu{i}": ReLU(),
            f"pool{i}": MaxPool1D(pool_size, ceil_mode=True),
        }
    layers["flatten"] = Flatten()
    for i, features in enumerate((filters[2] * left, dense_units), 1):
        layers |= {
            f"dense{i}": Dense(features, dense_units),
            f"dense_norm{i}": BatchNorm1D(dense_units),
            f"dense_relu{i}": ReLU(),
            f"dropout{i}": Dropout(dropout),
        }
    layers["output"] = Dense(dense_units, n_outputs)
    return Sequential(layers, seed=seed)
