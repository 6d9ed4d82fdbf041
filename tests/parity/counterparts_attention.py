"""Attention, normalisation within an example and the transformer block, written with PyTorch's functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name

from genoml import nn
from genoml.testing.layers.attention_loops import loop_bases, loop_sinusoids
from parity.rotary import rotate

if TYPE_CHECKING:
    from parity.counterparts import Call


def position_scores(call: Call, q: torch.Tensor, k: torch.Tensor) -> torch.Tensor:
    """What is added to q . k / sqrt(key_size), gathered by distance."""
    layer, a, length = call.layer, call.arrays, q.shape[2]
    at = torch.arange(length)
    distance = at[None, :] - at[:, None]
    scores = torch.zeros(1, 1, length, length, dtype=q.dtype)
    if layer.position == "relative":
        reach = layer.max_length
        scores = a["relative_bias"][distance.clamp(1 - reach, reach - 1) + reach - 1].permute(2, 0, 1)[None]
    elif layer.position == "relative_basis":
        table = [loop_bases(d, layer.max_length, layer.bases) for d in range(1 - length, length)]
        keys = torch.tensor(np.array(table)) @ a["basis_weights"]
        keys = keys.reshape(2 * length - 1, layer.heads, layer.key_size)[distance + length - 1]
        query = q / math.sqrt(layer.key_size) + a["position_bias"][:, None]
        scores = torch.einsum("nhik,ijhk->nhij", query, keys)
        scores = scores + torch.einsum("hk,nhjk->nhj", a["content_bias"], k)[:, :, None, :]
    return scores.masked_fill(distance > 0, -torch.inf) if layer.causal else scores


def self_attention(call: Call, x: torch.Tensor) -> torch.Tensor:
    layer, a = call.layer, call.arrays
    n, length, features = x.shape
    if layer.position == "sinusoidal":
        x = x + torch.tensor(loop_sinusoids(length, features))

    def heads(name: str) -> torch.Tensor:
        rows = F.linear(x, a[f"{name}_weights"].T, a.get(f"{name}_bias"))
        return rows.reshape(n, length, layer.heads, -1).transpose(1, 2)

    q, k, v = map(heads, ("query", "key", "value"))
    if layer.position == "rotary":
        q, k = rotate(q), rotate(k)
    context = F.scaled_dot_product_attention(q, k, v, attn_mask=position_scores(call, q, k))
    return F.linear(context.transpose(1, 2).reshape(n, length, -1), a["output_weights"].T, a["output_bias"])


def layer_norm(call: Call, x: torch.Tensor) -> torch.Tensor:
    return F.layer_norm(x, (call.layer.features,), call.arrays["gamma"], call.arrays["beta"], call.layer.eps)


def group_norm(call: Call, x: torch.Tensor) -> torch.Tensor:
    return F.group_norm(x, call.layer.groups, call.arrays["gamma"], call.arrays["beta"], call.layer.eps)


def mlp(call: Call, x: torch.Tensor) -> torch.Tensor:
    a = call.arrays
    hidden = F.gelu(F.linear(x, a["hidden.weights"].T, a["hidden.bias"]))
    return F.linear(hidden, a["output.weights"].T, a["output.bias"])


def transformer_block(call: Call, x: torch.Tensor) -> torch.Tensor:
    from parity.counterparts import forward

    for names in (("norm1", "attention", "dropout1"), ("norm2", "mlp", "dropout2")):
        branch = x
        for name in names:
            branch = forward(call.child(name), branch)
        x = x + branch
    return x


def attention_pool(call: Call, x: torch.Tensor) -> torch.Tensor:
    size = call.layer.pool_size
    windows = x.unfold(2, size, size)  # (batch, channels, windows, size)
    logits = torch.einsum("ncws,co->nows", windows, call.arrays["weights"])
    return (torch.softmax(logits, dim=3) * windows).sum(dim=3)


ATTENTION: dict[type[nn.Layer], Callable[[Call, torch.Tensor], torch.Tensor]] = {
    nn.Softmax: lambda call, x: torch.softmax(x, dim=call.layer.axis),
    nn.LogSoftmax: lambda call, x: torch.log_softmax(x, dim=call.layer.axis),
    nn.LayerNorm: layer_norm,
    nn.GroupNorm: group_norm,
    nn.SelfAttention: self_attention,
    nn.SinusoidalPositions: lambda call, x: x + torch.tensor(loop_sinusoids(*x.shape[1:])),
    nn.Transpose: lambda call, x: x.transpose(1, 2),
    nn.MLP: mlp,
    nn.TransformerBlock: transformer_block,
    nn.AttentionPool1D: attention_pool,
}
