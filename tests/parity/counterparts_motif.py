"""The layers that know motifs and strands, with PyTorch's own functions."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name

# ``call`` is a parity.counterparts.Call, which imports this file


def motif_layer(call: Any, x: torch.Tensor) -> torch.Tensor:
    layer, arrays = call.layer, call.arrays
    background = torch.tensor(layer.background, dtype=x.dtype)[None, :, None]
    weights = torch.log2(torch.softmax(arrays["logits"], dim=1) / background)
    z = F.conv1d(x, weights)
    if layer.both_strands:
        z = torch.maximum(z, F.conv1d(x, torch.flip(weights, (1, 2))))
    if "threshold" in arrays:
        z = z - arrays["threshold"][:, None]
    return torch.relu(z) if layer.activation == "relu" else z


def rc_conv(call: Any, x: torch.Tensor) -> torch.Tensor:
    layer, arrays = call.layer, call.arrays
    weights = torch.cat([arrays["weights"], torch.flip(arrays["weights"], (0, 1, 2))])
    bias = torch.cat([arrays["bias"], torch.flip(arrays["bias"], (0,))])
    z = F.conv1d(x, weights, bias, padding=layer.padding, dilation=layer.dilation)
    return torch.relu(z) if layer.activation == "relu" else z


def pairs(x: torch.Tensor) -> torch.Tensor:
    """(N, C, L) -> (N, C / 2, L, 2): the two strands of each channel side by side."""
    half = x.shape[1] // 2
    return torch.stack([x[:, :half], torch.flip(x, (1,))[:, :half]], dim=3)


def rc_batch_norm(call: Any, x: torch.Tensor) -> torch.Tensor:
    """In training it writes the running statistics into ``call.arrays``."""
    a, layer = call.arrays, call.layer
    statistics = a["running_mean"], a["running_var"]
    y = F.batch_norm(pairs(x), *statistics, a["gamma"], a["beta"], call.training, layer.momentum, layer.eps)
    return torch.cat([y[..., 0], torch.flip(y[..., 1], (1,))], dim=1)


def rc_global_pool(call: Any, x: torch.Tensor) -> torch.Tensor:
    return torch.amax(pairs(x), (2, 3)) if call.layer.mode == "max" else torch.mean(pairs(x), (2, 3))


def strand_symmetric(call: Any, x: torch.Tensor) -> torch.Tensor:
    from parity.counterparts import forward

    both = torch.stack(torch.chunk(forward(call.child("model"), torch.cat([x, torch.flip(x, (1, 2))])), 2))
    return torch.mean(both, 0) if call.layer.combine == "mean" else torch.amax(both, 0)
