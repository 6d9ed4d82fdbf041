"""Attention against PyTorch's own modules: their weights moved over, with padding and causal masks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from genoml import nn

RNG = np.random.default_rng(7)
X = RNG.standard_normal((3, 6, 8))
COTANGENT = RNG.standard_normal((3, 6, 8))
#: real positions come first, as padding is usually on the right; no example is all padding
REAL = np.arange(6)[None, :] < np.array([[6], [4], [1]])


def shake(module: torch.nn.Module) -> None:
    """Biases and scales begin at special values; move everything away from them."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.3 * torch.tensor(RNG.standard_normal(tuple(parameter.shape)))


def copy_attention(theirs: torch.nn.MultiheadAttention, ours: Any) -> None:
    weights, biases = (np.asarray(a.detach()) for a in (theirs.in_proj_weight, theirs.in_proj_bias))
    for i, name in enumerate(("query", "key", "value")):
        ours.params[f"{name}_weights"] = weights[8 * i : 8 * (i + 1)].T.copy()
        ours.params[f"{name}_bias"] = biases[8 * i : 8 * (i + 1)].copy()
    ours.output_weights = np.asarray(theirs.out_proj.weight.detach()).T.copy()
    ours.output_bias = np.asarray(theirs.out_proj.bias.detach()).copy()


def future() -> torch.Tensor:
    return torch.triu(torch.ones(6, 6, dtype=torch.bool), diagonal=1)


@pytest.mark.parametrize("block_size", [None, 4], ids=["whole", "blocks"])
@pytest.mark.parametrize("masked", [False, True], ids=["all real", "padded"])
@pytest.mark.parametrize("causal", [False, True], ids=["both ways", "causal"])
def test_self_attention_equals_multihead_attention(
    causal: bool, masked: bool, block_size: int | None
) -> None:
    theirs = torch.nn.MultiheadAttention(8, 2, batch_first=True, dtype=torch.float64)
    shake(theirs)
    ours = nn.SelfAttention(
        8, 2, causal=causal, qkv_bias=True, block_size=block_size, dtype="float64", backend="numpy"
    )
    copy_attention(theirs, ours)
    x = torch.tensor(X, requires_grad=True)
    expected, weights = theirs(
        x,
        x,
        x,
        key_padding_mask=torch.tensor(~REAL) if masked else None,
        attn_mask=future() if causal else None,
        average_attn_weights=False,
    )
    expected.backward(torch.tensor(COTANGENT))
    mask = REAL if masked else None
    np.testing.assert_allclose(ours(X, mask=mask), expected.detach(), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(ours.attention(X, mask=mask), weights.detach(), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(ours.backward(COTANGENT), x.grad, rtol=1e-10, atol=1e-12)
    in_grad, in_bias = theirs.in_proj_weight.grad, theirs.in_proj_bias.grad
    for i, name in enumerate(("query", "key", "value")):
        part = slice(8 * i, 8 * (i + 1))
        np.testing.assert_allclose(ours.grads[f"{name}_weights"].T, in_grad[part], rtol=1e-10, atol=1e-11)
        np.testing.assert_allclose(ours.grads[f"{name}_bias"], in_bias[part], rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(
        ours.output_weights_grad.T, theirs.out_proj.weight.grad, rtol=1e-10, atol=1e-11
    )
    np.testing.assert_allclose(ours.output_bias_grad, theirs.out_proj.bias.grad, rtol=1e-10, atol=1e-11)


@pytest.mark.filterwarnings("ignore:.*nested tensor.*:UserWarning")
def test_transformer_block_equals_a_pre_norm_encoder_layer() -> None:
    theirs = torch.nn.TransformerEncoderLayer(
        8, 2, 12, dropout=0.0, activation="gelu", batch_first=True, norm_first=True, dtype=torch.float64
    )
    shake(theirs)
    ours = nn.TransformerBlock(8, 2, hidden_features=12, qkv_bias=True, dtype="float64", backend="numpy")
    copy_attention(theirs.self_attn, ours["attention"])
    for name, module in (("norm1", theirs.norm1), ("norm2", theirs.norm2)):
        ours.params[f"{name}.gamma"] = np.asarray(module.weight.detach()).copy()
        ours.params[f"{name}.beta"] = np.asarray(module.bias.detach()).copy()
    for name, module in (("hidden", theirs.linear1), ("output", theirs.linear2)):
        ours.params[f"mlp.{name}.weights"] = np.asarray(module.weight.detach()).T.copy()
        ours.params[f"mlp.{name}.bias"] = np.asarray(module.bias.detach()).copy()
    x = torch.tensor(X, requires_grad=True)
    expected = theirs(x, src_key_padding_mask=torch.tensor(~REAL))
    expected.backward(torch.tensor(COTANGENT))
    np.testing.assert_allclose(ours(X, mask=REAL), expected.detach(), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(ours.backward(COTANGENT), x.grad, rtol=1e-10, atol=1e-12)
    found = ours.grads["mlp.hidden.weights"]
    np.testing.assert_allclose(found.T, theirs.linear1.weight.grad, rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(ours.grads["norm1.gamma"], theirs.norm1.weight.grad, rtol=1e-10, atol=1e-11)
