"""The layers of profile models written with PyTorch's own functions."""

from __future__ import annotations

from typing import Any

import torch

from genoml import nn

# ``call`` is a parity.counterparts.Call, which imports this file


def frozen(call: Any, x: torch.Tensor) -> torch.Tensor:
    from parity.counterparts import Call, forward

    arrays = {name.split(".", 1)[1]: value for name, value in call.arrays.items()}
    return forward(Call(call.layer["layer"], arrays, False), x)


def bias_factorised(call: Any, x: torch.Tensor) -> torch.Tensor:
    from parity.counterparts import forward

    network, bias = (forward(call.child(name), x) for name in ("network", "bias"))
    logits = network.shape[1] - call.layer.tracks
    counts = torch.logaddexp(network[:, logits:], bias[:, logits:])
    return torch.cat([network[:, :logits] + bias[:, :logits], counts], dim=1)


def control_tracks(call: Any, x: torch.Tensor) -> torch.Tensor:
    from parity.counterparts import forward

    h = forward(call.child("body"), x[:, :4])
    before = (x.shape[2] - h.shape[2]) // 2
    t = x[:, 4:, before : before + h.shape[2]]
    profile = forward(call.child("profile"), torch.cat([h, t], dim=1))
    summed = torch.cat([h.mean(dim=2), torch.log1p(t.sum(dim=(1, 2)))[:, None]], dim=1)
    return torch.cat([profile, forward(call.child("counts"), summed)], dim=1)


PROFILE = {
    nn.Frozen: frozen,
    nn.BiasFactorised: bias_factorised,
    nn.ControlTracks: control_tracks,
}
