"""DeepSTARR: enhancer activity from 249 bp."""

from __future__ import annotations

from typing import Any

from genoml.arguments import checked
from genoml.io.settings import Count, Share
from genoml.nn import BatchNorm1D, Conv1D, Dense, Dropout, Flatten, MaxPool1D, ReLU, Sequential
from genoml.nn.layer import Layer
from genoml.ops.windows import Reach, positions_left

#: Keras's default of batch normalisation, with which the network was published.
_EPS = 1e-3


def deepstarr_windows(pool_size: int = 2, **_: Any) -> list[Reach]:
    """Windows of its poolings; the convolutions are padded and keep the length."""
    return [Reach(pool_size, pool_size)] * 4


@checked
def deepstarr(
    *,
    length_bp: Count = 249,
    n_outputs: Count = 2,
    filters: tuple[Count, Count, Count, Count] = (256, 60, 60, 120),
    kernel_sizes: tuple[Count, Count, Count, Count] = (7, 3, 5, 3),
    pool_size: Count = 2,
    dense_units: Count = 256,
    dropout: Share = 0.4,
    seed: int = 0,
) -> Sequential:
    """Four blocks of convolution and pooling and two dense blocks, each with batch normalisation.

        conv 4 -> 256 x 7, batch norm, ReLU, max pool 2       249 -> 124 positions
        conv 256 -> 60 x 3, batch norm, ReLU, max pool 2      124 ->  62
        conv 60 -> 60 x 5, batch norm, ReLU, max pool 2        62 ->  31
        conv 60 -> 120 x 3, batch norm, ReLU, max pool 2       31 ->  15
        flatten (1800), twice: dense 256, batch norm, ReLU, dropout 0.4
        dense 2

    Convolutions are padded to keep the length. The dense layer after the flattening fixes the length.

    Parameters
    ----------
    length_bp : int
        Length of every sequence; ``genoml train`` sets it to that of the data.
    n_outputs : int
        Activities predicted together (developmental and housekeeping); ``genoml train`` sets it to 1.
    filters : four ints
        Filters of each convolution.
    kernel_sizes : four ints
        Kernel width of each convolution.
    pool_size : int
        Window of every pooling.
    dense_units : int
        Size of both hidden dense layers.
    dropout : float
        Rate after each hidden dense layer.

    Shapes
    ------
    x : (batch, 4, length_bp)
    y : (batch, n_outputs) log2 activities for a squared error, as published; logits for labels

    Raises
    ------
    ValueError
        If length_bp is shorter than what the poolings read (16 bp).

    References
    ----------
    De Almeida et al. (2022), DeepSTARR predicts enhancer activity from DNA sequence and enables the de novo
    design of synthetic enhancers, doi:10.1038/s41588-022-01048-5. Deviations: running statistics move by 0.1
    a step (0.01 there), which suits short trainings too. Flatten goes channel by channel.
    """
    left = positions_left(length_bp, deepstarr_windows(pool_size))
    layers: dict[str, Layer] = {}
    inputs = (4, *filters)
    for i, kernel_size in enumerate(kernel_sizes, 1):
        layers |= {
            f"conv{i}": Conv1D(inputs[i - 1], inputs[i], kernel_size, padding="same", activation=None),
            f"norm{i}": BatchNorm1D(inputs[i], eps=_EPS),
            f"relu{i}": ReLU(),
            f"pool{i}": MaxPool1D(pool_size),
        }
    layers["flatten"] = Flatten()
    for i, features in enumerate((filters[3] * left, dense_units), 1):
        layers |= {
            f"dense{i}": Dense(features, dense_units),
            f"dense_norm{i}": BatchNorm1D(dense_units, eps=_EPS),
            f"dense_relu{i}": ReLU(),
            f"dropout{i}": Dropout(dropout),
        }
    layers["output"] = Dense(dense_units, n_outputs)
    return Sequential(layers, seed=seed)
