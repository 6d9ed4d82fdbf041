"""Test cases of attention, layer and group normalisation, and the transformer block."""

from __future__ import annotations

from typing import Any

import numpy as np

from genoml import nn
from genoml.testing.cases import LayerCase
from genoml.testing.layers.attention_loops import (
    loop_attention,
    loop_attention_pool,
    loop_block,
    loop_group_norm,
    loop_layer_norm,
    loop_mlp,
    loop_sinusoids,
    loop_softmax,
)

#: every kind of position, with what it needs
POSITIONS: dict[str | None, dict[str, Any]] = {
    None: {},
    "sinusoidal": {},
    "rotary": {"key_size": 4},
    "relative": {"max_length": 3},
    "relative_basis": {"max_length": 12, "bases": 3},
}


def attention(features: int = 6, heads: int = 2, **options: Any) -> LayerCase:
    """SelfAttention with its loop."""

    def make() -> nn.SelfAttention:
        return nn.SelfAttention(features, heads, **options)

    return LayerCase(
        make,
        (2, 5, features),
        edges=[(0, 5, features), (1, 1, features), (2, 2, features)],
        errors=[
            ((2, 5, features + 1), f"expects (batch, length >= 1, {features}), got (2, 5, {features + 1})"),
            ((2, features), f"got (2, {features})"),
            ((2, 0, features), f"got (2, 0, {features})"),
        ],
        reference=lambda p, x: loop_attention(make(), p, x)[0],
    )


def block(**options: Any) -> LayerCase:
    """TransformerBlock with its loop."""

    def make() -> nn.TransformerBlock:
        return nn.TransformerBlock(6, 2, hidden_features=5, **options)

    return LayerCase(
        make,
        (2, 5, 6),
        edges=[(0, 5, 6), (1, 1, 6)],
        errors=[((2, 5, 7), "TransformerBlock expects (batch, length >= 1, 6), got (2, 5, 7)")],
        reference=lambda p, x: loop_block(make(), p, x),
    )


LAYERS: dict[str, LayerCase] = {
    "Softmax": LayerCase(
        nn.Softmax,
        (3, 4, 5),
        edges=[(0, 4, 5), (1, 1, 1), (3,)],
        errors=[((2, 0), "Softmax expects at least one value along axis -1, got (2, 0)")],
        reference=lambda p, x: loop_softmax(x),
    ),
    "Softmax axis 1": LayerCase(
        lambda: nn.Softmax(1),
        (3, 4, 5),
        edges=[(0, 4, 5), (2, 1)],
        errors=[((3,), "along axis 1, got (3,)")],
        reference=lambda p, x: loop_softmax(x, 1),
    ),
    "LogSoftmax": LayerCase(
        lambda: nn.LogSoftmax(1),
        (3, 4, 5),
        edges=[(0, 4, 5), (2, 1)],
        errors=[((2, 0), "LogSoftmax expects at least one value along axis 1, got (2, 0)")],
        reference=lambda p, x: np.log(loop_softmax(x, 1)),
    ),
    "LayerNorm": LayerCase(
        lambda: nn.LayerNorm(5),
        (3, 4, 5),
        edges=[(0, 4, 5), (1, 5), (2, 1, 2, 5)],
        errors=[((3, 4), "LayerNorm expects (batch, ..., 5), got (3, 4)"), ((5,), "got (5,)")],
        reference=loop_layer_norm,
    ),
    "GroupNorm": LayerCase(
        lambda: nn.GroupNorm(2, 6),
        (3, 6, 5),
        edges=[(0, 6, 5), (1, 6, 1)],
        errors=[
            ((3, 5, 6), "GroupNorm expects (batch, 6, length >= 1), got (3, 5, 6)"),
            ((3, 6), "got (3, 6)"),
        ],
        reference=lambda p, x: loop_group_norm(p, x, 2),
    ),
    "GroupNorm a group a channel": LayerCase(
        lambda: nn.GroupNorm(3, 3),
        (2, 3, 4),
        edges=[(1, 3, 2)],
        reference=lambda p, x: loop_group_norm(p, x, 3),
        errors=[((2, 4, 4), "GroupNorm expects (batch, 3, length >= 1), got (2, 4, 4)")],
    ),
    **{
        f"SelfAttention {position}": attention(position=position, **options)
        for position, options in POSITIONS.items()
    },
    **{
        f"SelfAttention {position} causal in blocks": attention(
            position=position, causal=True, block_size=2, **options
        )
        for position, options in POSITIONS.items()
        if position not in ("sinusoidal", "rotary")  # the one changes x only, the other comes below
    },
    "SelfAttention sizes": attention(
        5, 3, key_size=2, value_size=4, out_features=7, qkv_bias=True, position="rotary", causal=True
    ),
    "SelfAttention sizes in blocks": attention(
        5, 3, key_size=2, value_size=4, out_features=7, qkv_bias=True, position="rotary", block_size=3
    ),
    "SinusoidalPositions": LayerCase(
        nn.SinusoidalPositions,
        (2, 6, 5),
        edges=[(0, 6, 4), (1, 1, 1)],
        errors=[((2, 6), "SinusoidalPositions expects (batch, length, features), got (2, 6)")],
        reference=lambda p, x: x + loop_sinusoids(*x.shape[1:]),
    ),
    "Transpose": LayerCase(
        nn.Transpose,
        (2, 3, 4),
        edges=[(0, 3, 4), (1, 1, 1)],
        errors=[((2, 3), "Transpose expects (batch, channels, length), got (2, 3)")],
        reference=lambda p, x: x.transpose(0, 2, 1),
    ),
    "MLP": LayerCase(
        lambda: nn.MLP(4, 5, 3),
        (2, 3, 4),
        edges=[(0, 3, 4), (1, 4)],
        errors=[((2, 3), "MLP expects (batch, ..., 4), got (2, 3)")],
        reference=loop_mlp,
    ),
    "TransformerBlock": block(dropout=0.3),
    "TransformerBlock causal rotary in blocks": block(
        causal=True, position="rotary", key_size=4, block_size=2
    ),
    "AttentionPool1D": LayerCase(
        lambda: nn.AttentionPool1D(3, 2),
        (2, 3, 7),
        edges=[(0, 3, 7), (1, 3, 2)],
        errors=[
            ((2, 4, 7), "AttentionPool1D expects (batch, 3, length >= 2), got (2, 4, 7)"),
            ((2, 3, 1), "got (2, 3, 1)"),
        ],
        reference=lambda p, x: loop_attention_pool(p, x, 2),
    ),
    "AttentionPool1D shared": LayerCase(
        lambda: nn.AttentionPool1D(3, 3, per_channel=False),
        (2, 3, 6),
        edges=[(1, 3, 4)],
        reference=lambda p, x: loop_attention_pool(p, x, 3),
        errors=[((1, 3, 2), "AttentionPool1D expects (batch, 3, length >= 3), got (1, 3, 2)")],
    ),
    "SelfAttention behind a convolution": LayerCase(
        lambda: nn.Sequential(
            [
                nn.Conv1D(4, 6, 3),
                nn.AttentionPool1D(6),
                nn.Transpose(),
                nn.SelfAttention(6, 2),
                nn.LayerNorm(6),
            ]
        ),
        (2, 4, 10),
        edges=[(1, 4, 4)],
        errors=[((2, 5, 10), "Conv1D expects (batch, 4, length >= 3), got (2, 5, 10)")],
    ),
}
