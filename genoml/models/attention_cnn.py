"""A small attention network: convolution, then transformer blocks that relate motifs to each other."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from genoml.arguments import checked
from genoml.io.settings import Count, Share
from genoml.nn import (
    BatchNorm1D,
    Conv1D,
    Dense,
    Dropout,
    GlobalAveragePool1D,
    LayerNorm,
    MaxPool1D,
    ReLU,
    Sequential,
    TransformerBlock,
    Transpose,
)
from genoml.nn.layer import Layer
from genoml.ops.windows import Reach


def attention_cnn_windows(kernel_size: int = 15, pool_size: int = 8, **_: Any) -> list[Reach]:
    """Windows of its convolution and pooling."""
    return [Reach(kernel_size), Reach(pool_size, pool_size)]


@checked
def attention_cnn(
    *,
    n_outputs: Count = 1,
    filters: Count = 64,
    kernel_size: Count = 15,
    pool_size: Count = 8,
    blocks: Annotated[int, Meta(ge=1, le=1000)] = 2,
    heads: Count = 4,
    hidden: Count = 128,
    dropout: Share = 0.1,
    seed: int = 0,
) -> Sequential:
    """Motif scan and pooling, transformer blocks, and the mean over the sequence.

        conv 4 -> 64 x 15, max pool 8, batch norm, ReLU, dropout 0.1
        two pre-norm transformer blocks: attention of 4 heads with rotary positions, then dense 64 -> 128 -> 64
        layer norm, mean over the positions, dense 1

    Attention lets a motif's meaning depend on which others are there and how far away. The memory of a step
    grows with the square of length / pool_size. Padding is read as sequence without bases, as by every other
    network here.

    Parameters
    ----------
    n_outputs : int
        Tasks predicted together.
    filters : int
        Number of motif detectors, and of features of a position in the transformer.
    kernel_size : int
        Width of the motif detectors.
    pool_size : int
        Window of the pooling after them.
    blocks : int
        Number of transformer blocks.
    heads : int
        Attention heads of each block; a divisor of ``filters``.
    hidden : int
        Hidden size of each block's dense layers.
    dropout : float
        Rate after the scan and inside the blocks.

    Shapes
    ------
    x : (batch, 4, length >= kernel_size + pool_size - 1)
    y : (batch, n_outputs) logits

    Raises
    ------
    ValueError
        If the heads do not divide the filters into even parts, which rotary positions need.

    References
    ----------
    A network of our own, not a published one. Vaswani et al. (2017), Attention is all you need,
    arXiv:1706.03762, for the blocks; Su et al. (2021), RoFormer, arXiv:2104.09864, for rotary positions.
    """
    layers: dict[str, Layer] = {
        "scan": Conv1D(4, filters, kernel_size, bias=False, activation=None),
        "pool": MaxPool1D(pool_size),
        "norm": BatchNorm1D(filters),
        "relu": ReLU(),
        "dropout": Dropout(dropout),
        "steps": Transpose(),
    }
    for i in range(1, blocks + 1):
        layers[f"block{i}"] = TransformerBlock(
            filters, heads, hidden_features=hidden, dropout=dropout, position="rotary"
        )
    layers |= {
        "last_norm": LayerNorm(filters),
        "channels": Transpose(),
        "mean": GlobalAveragePool1D(),
        "output": Dense(filters, n_outputs),
    }
    return Sequential(layers, seed=seed)
