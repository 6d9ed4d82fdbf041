"""What is timed: the networks of genoml and the same ones of PyTorch, with one input."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from genoml import nn
from genoml.models import build_model
from genoml.nn.base import Layer

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
from parity.networks import NETWORKS, named_parameters

Copy = Callable[[Layer, torch.nn.Module], None]


@dataclass(frozen=True)
class Row:
    """One comparison: how to build either side, and what it reads.

    ``target`` is PyTorch's time over genoml's that is to be reached in a training step on two threads.
    """

    name: str
    shape: tuple[int, ...]
    ours: Callable[[], Layer]
    theirs: Callable[[], torch.nn.Module]
    target: float
    copy: Copy | None = None
    one_hot: bool = True
    #: whether the attention weights are wanted beside the output
    weights: bool = False

    def inputs(self, shape: tuple[int, ...] | None = None) -> tuple[np.ndarray, torch.Tensor]:
        """The same numbers for both; ours in channels-last memory, as ``encode_batch`` lays them out."""
        shape, rng = shape or self.shape, np.random.default_rng(0)
        if not self.one_hot:
            x = rng.standard_normal(shape).astype(np.float32)
            return x, torch.tensor(x)
        codes = rng.integers(0, 4, (shape[0], shape[2]))
        rows = np.eye(4, dtype=np.float32)[codes]
        return rows.transpose(0, 2, 1), torch.tensor(np.ascontiguousarray(rows.transpose(0, 2, 1)))


def copy_network(ours: Layer, theirs: torch.nn.Module) -> None:
    """genoml's weights into PyTorch's network, by path."""
    with torch.no_grad():
        for name, parameter, transposed in named_parameters(theirs):
            value = np.asarray(ours.params[name])
            parameter.copy_(torch.tensor(value.T.copy() if transposed else value))
        for name, parameter in theirs.named_parameters():
            if "bias_hh" in name:
                parameter.zero_()


def network(name: str, batch: int, length: int, target: float, **options: Any) -> Row:
    """A published network, without dropout, so that both sides give the same numbers."""
    return Row(
        f"{name}, {batch} x {length}",
        (batch, 4, length),
        lambda: build_model(name, options),
        lambda: NETWORKS[name](**options),
        target,
        copy_network,
    )


class TorchPromoter(torch.nn.Module):
    """The article's classifier in PyTorch, written the fastest of the usual ways."""

    def __init__(self, filters: int, kernel_size: int) -> None:
        super().__init__()
        self.conv, self.dense = torch.nn.Conv1d(4, filters, kernel_size), torch.nn.Linear(filters, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.dense(torch.relu(self.conv(x)).amax(dim=2))


def copy_promoter(ours: Layer, theirs: torch.nn.Module) -> None:
    names = dict(theirs.named_parameters())
    conv, _, dense = ours.layers  # type: ignore[attr-defined]
    with torch.no_grad():
        names["conv.weight"].copy_(torch.tensor(np.asarray(conv.weights)))
        names["conv.bias"].copy_(torch.tensor(np.asarray(conv.bias)))
        names["dense.weight"].copy_(torch.tensor(np.asarray(dense.weights).T.copy()))
        names["dense.bias"].copy_(torch.tensor(np.asarray(dense.bias)))


def promoter(batch: int, length: int, *, filters: int = 32, kernel_size: int = 8) -> Row:
    return Row(
        f"promoter CNN, {batch} x {length}, {filters} filters of {kernel_size}",
        (batch, 4, length),
        lambda: build_model("promoter_cnn", {"filters": filters, "kernel_size": kernel_size}),
        lambda: TorchPromoter(filters, kernel_size),
        5.0,
        copy_promoter,
    )


class TorchAttention(torch.nn.Module):
    """PyTorch's own layer, whose fused way returns no weights."""

    def __init__(self, features: int, heads: int, weights: bool) -> None:
        super().__init__()
        self.attention = torch.nn.MultiheadAttention(features, heads, batch_first=True, bias=False)
        self.weights = weights

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.attention(x, x, x, need_weights=self.weights, average_attn_weights=False)[0]


def attention(batch: int, length: int, *, weights: bool, target: float) -> Row:
    return Row(
        f"attention, {batch} x {length}, 128 wide, 8 heads, {'with' if weights else 'without'} weights",
        (batch, length, 128),
        lambda: nn.SelfAttention(128, 8),
        lambda: TorchAttention(128, 8, weights),
        target,
        one_hot=False,
        weights=weights,
    )


class TorchLSTM(torch.nn.Module):
    """Every state of PyTorch's LSTM."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.lstm = torch.nn.LSTM(features, hidden, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.lstm(x)[0]


def rows() -> list[Row]:
    """Every comparison of the table."""
    return [
        promoter(64, 1000),
        promoter(64, 300),
        network("deepsea", 64, 1000, 2.5, dropout=[0.0, 0.0, 0.0]),
        network("basset", 64, 600, 3.0, dropout=0.0),
        network("danq", 64, 1000, 1.2, dropout=[0.0, 0.0]),
        network("deepstarr", 128, 249, 1.5, dropout=0.0),
        network("bpnet", 16, 2114, 1.2),
        attention(8, 512, weights=True, target=1.5),
        attention(8, 512, weights=False, target=1.0),
        attention(1, 4096, weights=False, target=1.0),
        Row(
            "LSTM, 64 x 75, 320 to 320",
            (64, 75, 320),
            lambda: nn.LSTM(320, 320),
            lambda: TorchLSTM(320, 320),
            1.0,
            one_hot=False,
        ),
    ]
