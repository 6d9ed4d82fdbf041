"""The published networks written with PyTorch's own modules, from the papers' sizes.

Each module has the path of the layer that it stands for, so that weights and gradients go by name. Outputs
are logits.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from parity.rotary import rotate

Built = nn.Module


class Last(nn.Module):
    """The function of a module's output."""

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x)


class Both(nn.ModuleDict):
    """Branches side by side."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([branch(x) for branch in self.values()], dim=1)


class States(nn.LSTM):
    """Every state of a bidirectional LSTM along the sequence: batch first."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__(features, hidden, batch_first=True, bidirectional=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x)[0]


class Dilated(nn.Module):
    """BPNet's shortcut: the input, cropped on both sides, and the rectified convolution."""

    def __init__(self, filters: int, dilation: int) -> None:
        super().__init__()
        self.conv, self.dilation = nn.Conv1d(filters, filters, 3, dilation=dilation), dilation

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :, self.dilation : -self.dilation] + torch.relu(self.conv(x))


class Attention(nn.Module):
    """Multi-head attention with rotary positions; biases at the output only."""

    def __init__(self, features: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(features, features, bias=False) for _ in range(3))
        self.output = nn.Linear(features, features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, features = x.shape
        q, k, v = (
            layer(x).reshape(batch, length, self.heads, -1).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        mixed = nn.functional.scaled_dot_product_attention(rotate(q), rotate(k), v)
        return self.output(mixed.transpose(1, 2).reshape(batch, length, features))


class Block(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self, features: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(features), nn.LayerNorm(features)
        self.attention = Attention(features, heads)
        layers = {"hidden": nn.Linear(features, hidden), "output": nn.Linear(hidden, features)}
        self.mlp = nn.ModuleDict(layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp["output"](nn.functional.gelu(self.mlp["hidden"](self.norm2(x))))


def chain(**modules: nn.Module) -> nn.Sequential:
    return nn.Sequential(OrderedDict(modules))


def swap() -> Last:
    return Last(lambda x: x.transpose(1, 2))


def deepsea(length_bp: int = 1000, n_outputs: int = 919, filters: Any = (320, 480, 960), kernel_size: int = 8,
            pool_size: int = 4, dense_units: int = 925, **_: Any) -> Built:  # fmt: skip
    a, b, c = filters
    left = ((length_bp - kernel_size + 1) // pool_size - kernel_size + 1) // pool_size - kernel_size + 1
    return chain(
        conv1=nn.Conv1d(4, a, kernel_size), relu1=nn.ReLU(), pool1=nn.MaxPool1d(pool_size),
        conv2=nn.Conv1d(a, b, kernel_size), relu2=nn.ReLU(), pool2=nn.MaxPool1d(pool_size),
        conv3=nn.Conv1d(b, c, kernel_size), relu3=nn.ReLU(), flatten=nn.Flatten(),
        dense=nn.Linear(c * left, dense_units), relu4=nn.ReLU(), output=nn.Linear(dense_units, n_outputs),
    )  # fmt: skip


def _head(features: int, units: int, n_outputs: int, eps: float) -> dict[str, nn.Module]:
    """Two dense layers with batch normalisation, and the output."""
    return {
        "flatten": nn.Flatten(),
        "dense1": nn.Linear(features, units), "dense_norm1": nn.BatchNorm1d(units, eps), "r1": nn.ReLU(),
        "dense2": nn.Linear(units, units), "dense_norm2": nn.BatchNorm1d(units, eps), "r2": nn.ReLU(),
        "output": nn.Linear(units, n_outputs),
    }  # fmt: skip


def basset(length_bp: int = 600, n_outputs: int = 164, filters: Any = (300, 200, 200),
           kernel_sizes: Any = (19, 11, 7), pool_sizes: Any = (3, 4, 4), dense_units: int = 1000,
           **_: Any) -> Built:  # fmt: skip
    layers, inputs, left = dict[str, nn.Module](), 4, length_bp
    for i, (size, kernel, pool) in enumerate(zip(filters, kernel_sizes, pool_sizes, strict=True), 1):
        layers |= {
            f"conv{i}": nn.Conv1d(inputs, size, kernel), f"norm{i}": nn.BatchNorm1d(size),
            f"relu{i}": nn.ReLU(), f"pool{i}": nn.MaxPool1d(pool, ceil_mode=True),
        }  # fmt: skip
        inputs, left = size, -(-(left - kernel + 1) // pool)
    return chain(**layers, **_head(inputs * left, dense_units, n_outputs, 1e-5))


def danq(length_bp: int = 1000, n_outputs: int = 919, filters: int = 320, kernel_size: int = 26,
         pool_size: int = 13, hidden: int = 320, dense_units: int = 925, **_: Any) -> Built:  # fmt: skip
    left = (length_bp - kernel_size + 1) // pool_size
    return chain(
        conv=nn.Conv1d(4, filters, kernel_size), relu=nn.ReLU(), pool=nn.MaxPool1d(pool_size), swap=swap(),
        lstm=States(filters, hidden), flatten=nn.Flatten(),
        dense=nn.Linear(left * 2 * hidden, dense_units), relu2=nn.ReLU(),
        output=nn.Linear(dense_units, n_outputs),
    )  # fmt: skip


def deepbind(n_outputs: int = 1, filters: int = 16, kernel_size: int = 16, pooling: str = "max",
             dense_units: int = 32, **_: Any) -> Built:  # fmt: skip
    def pool(x: torch.Tensor) -> torch.Tensor:
        found = torch.amax(x, dim=2)
        return found if pooling == "max" else torch.cat([found, x.mean(dim=2)], dim=1)

    features = filters if pooling == "max" else 2 * filters
    return chain(
        conv=nn.Conv1d(4, filters, kernel_size, padding=kernel_size - 1), relu=nn.ReLU(), pool=Last(pool),
        dense=nn.Linear(features, dense_units), relu2=nn.ReLU(), output=nn.Linear(dense_units, n_outputs),
    )  # fmt: skip


def deepstarr(length_bp: int = 249, n_outputs: int = 2, filters: Any = (256, 60, 60, 120),
              kernel_sizes: Any = (7, 3, 5, 3), dense_units: int = 256, **_: Any) -> Built:  # fmt: skip
    layers, inputs = dict[str, nn.Module](), 4
    for i, (size, kernel) in enumerate(zip(filters, kernel_sizes, strict=True), 1):
        layers |= {
            f"conv{i}": nn.Conv1d(inputs, size, kernel, padding="same"),
            f"norm{i}": nn.BatchNorm1d(size, 1e-3), f"relu{i}": nn.ReLU(), f"pool{i}": nn.MaxPool1d(2),
        }  # fmt: skip
        inputs = size
    return chain(**layers, **_head(inputs * (length_bp // 16), dense_units, n_outputs, 1e-3))


def bpnet(tracks: int = 1, profile_length_bp: int = 1000, filters: int = 64, kernel_size: int = 21,
          dilated_layers: int = 8, profile_kernel_size: int = 75, **_: Any) -> Built:  # fmt: skip
    def middle(x: torch.Tensor) -> torch.Tensor:
        start = (x.shape[2] - profile_length_bp) // 2
        return x[:, :, start : start + profile_length_bp].flatten(1)

    profile = chain(conv=nn.Conv1d(filters, tracks, profile_kernel_size), middle=Last(middle))
    counts = chain(mean=Last(lambda x: x.mean(dim=2)), dense=nn.Linear(filters, tracks))
    dilated = {f"dilated{i}": Dilated(filters, 2**i) for i in range(1, dilated_layers + 1)}
    heads = Both({"profile": profile, "counts": counts})
    return chain(conv=nn.Conv1d(4, filters, kernel_size), relu=nn.ReLU(), **dilated, heads=heads)


def deepromoter(length_bp: int = 300, n_outputs: int = 1, filters: int = 32, kernel_sizes: Any = (27, 14, 7),
                pool_size: int = 6, hidden: int = 32, dense_units: int = 128, **_: Any) -> Built:  # fmt: skip
    scan = Both()
    for i, kernel in enumerate(kernel_sizes, 1):
        # padding="same" in full, of which PyTorch warns where widths are even: the odd zero is on the right
        pads = nn.ConstantPad1d(((kernel - 1) // 2, kernel // 2), 0.0)
        scan[f"width{i}"] = chain(
            pad=pads, conv=nn.Conv1d(4, filters, kernel), relu=nn.ReLU(), pool=nn.MaxPool1d(pool_size)
        )
    return chain(
        scan=scan, swap=swap(), lstm=States(filters * len(kernel_sizes), hidden), flatten=nn.Flatten(),
        dense=nn.Linear(length_bp // pool_size * 2 * hidden, dense_units), relu=nn.ReLU(),
        output=nn.Linear(dense_units, n_outputs),
    )  # fmt: skip


def attention_cnn(n_outputs: int = 1, filters: int = 64, kernel_size: int = 15, pool_size: int = 8,
                  blocks: int = 2, heads: int = 4, hidden: int = 128, **_: Any) -> Built:  # fmt: skip
    return chain(
        scan=nn.Conv1d(4, filters, kernel_size, bias=False), pool=nn.MaxPool1d(pool_size),
        norm=nn.BatchNorm1d(filters), relu=nn.ReLU(), swap=swap(),
        **{f"block{i}": Block(filters, heads, hidden) for i in range(1, blocks + 1)},
        last_norm=nn.LayerNorm(filters), mean=Last(lambda x: x.mean(dim=1)),
        output=nn.Linear(filters, n_outputs),
    )  # fmt: skip


NETWORKS: dict[str, Callable[..., Built]] = {
    "attention_cnn": attention_cnn,
    "basset": basset,
    "bpnet": bpnet,
    "danq": danq,
    "deepbind": deepbind,
    "deepromoter": deepromoter,
    "deepsea": deepsea,
    "deepstarr": deepstarr,
}


def named_parameters(network: Built) -> Iterator[tuple[str, nn.Parameter, bool]]:
    """(name in genoml, parameter, whether genoml holds its transpose).

    A second bias of an LSTM has no place in genoml, where one stands for the sum of both: it is left out, and
    is to be zero.
    """
    norms = {"weight": "gamma", "bias": "beta"}
    for path, module in network.named_modules():
        for name, value in module.named_parameters(recurse=False):
            if isinstance(module, nn.LSTM):
                kind, which, *back = name.replace("_l0", "").split("_")
                if (kind, which) == ("bias", "hh"):
                    continue
                ours = "bias" if kind == "bias" else "weights_input" if which == "ih" else "weights_recurrent"
                yield f"{path}.{'backward' if back else 'forward'}.{ours}", value, kind == "weight"
            elif isinstance(module, nn.BatchNorm1d | nn.LayerNorm):
                yield f"{path}.{norms[name]}", value, False
            elif ".attention." in path:
                start, _, part = path.rpartition(".")
                yield f"{start}.{part}_{'bias' if name == 'bias' else 'weights'}", value, name == "weight"
            else:
                linear = isinstance(module, nn.Linear) and name == "weight"
                yield f"{path}.{'bias' if name == 'bias' else 'weights'}", value, linear
