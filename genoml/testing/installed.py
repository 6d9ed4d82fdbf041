"""genoml's own layers and losses, one or two cases each, for checking an installation.

The suite's registry has more settings of each, edge shapes and formulas; it is not part of the package.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from genoml import losses, nn
from genoml.random import host_generator
from genoml.testing.cases import LayerCase, LossCase


def _tokens(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.integers(0, 7, shape)


def _network() -> nn.Layer:
    return nn.Sequential(
        [
            nn.Conv1D(4, 6, 5),
            nn.BatchNorm1D(6),
            nn.MaxPool1D(2),
            nn.Residual(nn.Conv1D(6, 6, 3, padding="same")),
            nn.GlobalAveragePool1D(),
            nn.Dropout(0.2),
            nn.Dense(6, 2),
        ]
    )


def layer_cases() -> dict[str, LayerCase]:
    """Every public layer by its class name, and some a second time with other settings."""
    sequence, rows = (3, 4, 15), (2, 6, 8)
    return {
        "AttentionPool1D": LayerCase(lambda: nn.AttentionPool1D(4, 3), sequence),
        "AveragePool1D": LayerCase(lambda: nn.AveragePool1D(3, 2), sequence),
        "BatchNorm1D": LayerCase(lambda: nn.BatchNorm1D(4), sequence),
        "Bidirectional": LayerCase(lambda: nn.Bidirectional(nn.LSTM(8, 3)), rows),
        "Conv1D": LayerCase(lambda: nn.Conv1D(4, 5, 4), sequence),
        "Conv1D, strided and dilated": LayerCase(
            lambda: nn.Conv1D(4, 6, 3, stride=2, dilation=2, padding=2, groups=2, activation="gelu"), sequence
        ),
        "CropTo": LayerCase(lambda: nn.CropTo(6), sequence),
        "CroppedResidual": LayerCase(lambda: nn.CroppedResidual([nn.Conv1D(4, 4, 3, dilation=2)]), sequence),
        "Dense": LayerCase(lambda: nn.Dense(8, 3, activation="sigmoid"), (4, 8)),
        "Dropout": LayerCase(lambda: nn.Dropout(0.4, seed=3), sequence),
        "ELU": LayerCase(nn.ELU, sequence),
        "Embedding": LayerCase(lambda: nn.Embedding(7, 3), (3, 9), sample=_tokens, integer=True),
        "Exp": LayerCase(nn.Exp, sequence),
        "Flatten": LayerCase(nn.Flatten, sequence),
        "GELU": LayerCase(nn.GELU, sequence),
        "GRU": LayerCase(lambda: nn.GRU(8, 3), rows),
        "GlobalAveragePool1D": LayerCase(nn.GlobalAveragePool1D, sequence),
        "GlobalMaxPool1D": LayerCase(nn.GlobalMaxPool1D, sequence),
        "GroupNorm": LayerCase(lambda: nn.GroupNorm(2, 4), sequence),
        "LSTM": LayerCase(lambda: nn.LSTM(8, 3), rows),
        "LayerNorm": LayerCase(lambda: nn.LayerNorm(8), rows),
        "LeakyReLU": LayerCase(nn.LeakyReLU, sequence),
        "LearnedDispersion": LayerCase(lambda: nn.LearnedDispersion(3), (4, 3)),
        "LogSoftmax": LayerCase(lambda: nn.LogSoftmax(1), sequence),
        "MLP": LayerCase(lambda: nn.MLP(8, 5, 3), rows),
        "MaxPool1D": LayerCase(lambda: nn.MaxPool1D(4, 3, ceil_mode=True), sequence),
        "MotifLayer": LayerCase(lambda: nn.MotifLayer(3, 5), sequence),
        "Parallel": LayerCase(
            lambda: nn.Parallel({"max": nn.GlobalMaxPool1D(), "mean": nn.GlobalAveragePool1D()}), sequence
        ),
        "RCBatchNorm1D": LayerCase(lambda: nn.RCBatchNorm1D(4), sequence),
        "RCConv1D": LayerCase(lambda: nn.RCConv1D(4, 6, 4), sequence),
        "RCGlobalPool1D": LayerCase(nn.RCGlobalPool1D, sequence),
        "ReLU": LayerCase(nn.ReLU, sequence),
        "Residual": LayerCase(lambda: nn.Residual(nn.Dense(8, 8)), (4, 8)),
        "SelfAttention": LayerCase(lambda: nn.SelfAttention(8, 2, position="relative_basis"), rows),
        "SelfAttention, causal in blocks": LayerCase(
            lambda: nn.SelfAttention(8, 2, position="rotary", causal=True, block_size=4), rows
        ),
        "Sequential": LayerCase(_network, (4, 4, 20)),
        "SiLU": LayerCase(nn.SiLU, sequence),
        "Sigmoid": LayerCase(nn.Sigmoid, sequence),
        "SinusoidalPositions": LayerCase(nn.SinusoidalPositions, rows),
        "Softmax": LayerCase(nn.Softmax, sequence),
        "Softplus": LayerCase(nn.Softplus, sequence),
        "SpatialDropout1D": LayerCase(lambda: nn.SpatialDropout1D(0.4, seed=3), sequence),
        "StrandSymmetric": LayerCase(lambda: nn.StrandSymmetric(_network()), (4, 4, 20)),
        "Tanh": LayerCase(nn.Tanh, sequence),
        "TransformerBlock": LayerCase(lambda: nn.TransformerBlock(8, 2, dropout=0.2), rows),
        "Transpose": LayerCase(nn.Transpose, sequence),
    }


@cache
def loss_cases() -> dict[str, LossCase]:
    """Every public loss by its name."""
    rng = host_generator(0, "loss cases")
    logits, labels = 2.0 * rng.standard_normal((6, 4)), rng.integers(0, 2, (6, 4)).astype(np.float64)
    classes, counts = rng.integers(0, 4, 6), rng.poisson(3.0, (6, 4)).astype(np.float64)
    means, log_dispersion = np.exp(0.5 * logits), rng.standard_normal(4)
    profiles, profile_logits = rng.poisson(2.0, (5, 2, 9)).astype(np.float64), rng.standard_normal((5, 2, 9))
    cases = (
        LossCase(losses.binary_cross_entropy, (1.0 / (1.0 + np.exp(-logits)),), labels),
        LossCase(losses.binary_cross_entropy_with_logits, (logits,), labels),
        LossCase(losses.focal_loss, (logits,), labels),
        LossCase(losses.focal_loss_multiclass, (logits,), classes, axis=1),
        LossCase(losses.huber_loss, (logits,), counts),
        LossCase(losses.mean_squared_error, (logits,), counts),
        LossCase(losses.multinomial_loss, (profile_logits,), profiles, axis=-1),
        LossCase(
            losses.multinomial_profile_loss, (profile_logits, rng.standard_normal((5, 2))), profiles, axis=-1
        ),
        LossCase(losses.negative_binomial_loss, (means,), counts, options={"dispersion": 0.5}),
        LossCase(losses.negative_binomial_loss_with_dispersion, (means, log_dispersion), counts),
        LossCase(losses.pearson_loss, (logits,), counts, axis=0),
        LossCase(losses.poisson_loss, (means,), counts),
        LossCase(losses.poisson_multinomial_loss, (np.exp(profile_logits),), profiles, axis=-1),
        LossCase(losses.softmax_cross_entropy, (logits,), classes, axis=1),
        LossCase(losses.zero_inflated_negative_binomial_loss, (means, logits, log_dispersion), counts),
    )
    return {case.loss.__name__: case for case in cases}
