"""The recurrent layers and the embedding by PyTorch's own modules, fed with our parameters."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name

from genoml import nn


def direction(
    layer: nn.LSTM | nn.GRU, arrays: dict[str, torch.Tensor], suffix: str
) -> dict[str, torch.Tensor]:
    """Our parameters under PyTorch's names: its matrices are transposed, and it has two biases."""
    second = torch.zeros_like(arrays["bias"])
    if isinstance(layer, nn.GRU):
        second = torch.cat([second[: 2 * layer.hidden], arrays["bias_recurrent"]])
    return {
        f"weight_ih_l0{suffix}": arrays["weights_input"].T,
        f"weight_hh_l0{suffix}": arrays["weights_recurrent"].T,
        f"bias_ih_l0{suffix}": arrays["bias"],
        f"bias_hh_l0{suffix}": second,
    }


def run(
    layer: nn.LSTM | nn.GRU, x: torch.Tensor, params: dict[str, torch.Tensor], bidirectional: bool
) -> torch.Tensor:
    kind = torch.nn.LSTM if isinstance(layer, nn.LSTM) else torch.nn.GRU
    module = kind(
        layer.in_features, layer.hidden, batch_first=True, bidirectional=bidirectional, dtype=torch.float64
    )
    y, last = torch.func.functional_call(module, params, (x,))
    if layer.return_sequences:
        return y
    last = last[0] if isinstance(last, tuple) else last  # (directions, batch, hidden)
    return torch.cat(list(last), dim=1)


def recurrent(call: Any, x: torch.Tensor) -> torch.Tensor:
    return run(call.layer, x, direction(call.layer, call.arrays, ""), False)


def bidirectional(call: Any, x: torch.Tensor) -> torch.Tensor:
    ahead, behind = call.child("forward"), call.child("backward")
    params = direction(ahead.layer, ahead.arrays, "") | direction(behind.layer, behind.arrays, "_reverse")
    return run(ahead.layer, x, params, True)


RECURRENT = {
    nn.LSTM: recurrent,
    nn.GRU: recurrent,
    nn.Bidirectional: bidirectional,
    nn.Embedding: lambda call, x: F.embedding(x, call.arrays["weights"]),
}
