"""Each layer of genoml written with PyTorch's own functions, to be differentiated by its autograd."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name

from genoml import nn
from genoml.nn.layer import Pass
from parity import counterparts_motif as motif
from parity.counterparts_attention import ATTENTION
from parity.counterparts_profile import PROFILE
from parity.counterparts_recurrent import RECURRENT

ACTIVATIONS: dict[str | None, Callable[[torch.Tensor], torch.Tensor]] = {
    None: lambda z: z,
    "linear": lambda z: z,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "gelu": F.gelu,
    "silu": F.silu,
}


@dataclass
class Call:
    """What a counterpart needs beside x: the layer, and its parameters and state as tensors, by name."""

    layer: Any
    arrays: dict[str, torch.Tensor]
    training: bool

    def child(self, name: str) -> Call:
        """The same for one layer of a container."""
        start = f"{name}."
        arrays = {
            key.removeprefix(start): value for key, value in self.arrays.items() if key.startswith(start)
        }
        return Call(self.layer[name], arrays, self.training)


def conv1d(call: Call, x: torch.Tensor) -> torch.Tensor:
    layer, arrays = call.layer, call.arrays
    pads = (0, 0)
    if isinstance(layer.padding, int):
        pads = (layer.padding, layer.padding)
    elif layer.padding == "same":  # TensorFlow's rule: ceil(L / stride) outputs, the odd zero on the right
        length, span = x.shape[2], (layer.kernel_size - 1) * layer.dilation + 1
        total = max((-(-length // layer.stride) - 1) * layer.stride + span - length, 0)
        pads = (total // 2, total - total // 2)
    z = F.conv1d(
        F.pad(x, pads),
        arrays["weights"],
        arrays.get("bias"),
        stride=layer.stride,
        dilation=layer.dilation,
        groups=layer.groups,
    )
    return ACTIVATIONS[layer.activation](z)


def dense(call: Call, x: torch.Tensor) -> torch.Tensor:
    z = F.linear(x, call.arrays["weights"].T, call.arrays["bias"])
    return ACTIVATIONS[call.layer.activation](z)


def batch_norm(call: Call, x: torch.Tensor) -> torch.Tensor:
    """In training it writes the running statistics into ``call.arrays``."""
    a, layer = call.arrays, call.layer
    statistics = a["running_mean"], a["running_var"]
    return F.batch_norm(x, *statistics, a["gamma"], a["beta"], call.training, layer.momentum, layer.eps)


def dropout(call: Call, x: torch.Tensor) -> torch.Tensor:
    """The random bits are genoml's own, so the mask is taken from it; the rest is PyTorch's."""
    if not call.training:
        return x
    ones = call.layer.backend.asarray(np.ones(tuple(x.shape)))
    factor = call.layer.backend.to_numpy(call.layer.vjp(ones, Pass(training=True, step=0))[0])
    return x * torch.tensor(factor != 0) / (1.0 - call.layer.rate)


def exp(call: Call, x: torch.Tensor) -> torch.Tensor:
    ceiling = call.layer.ceiling
    return torch.exp(x if ceiling is None else torch.clamp(x, max=ceiling))


def sequential(call: Call, x: torch.Tensor) -> torch.Tensor:
    for name in call.layer.named_layers:
        x = forward(call.child(name), x)
    return x


def residual(call: Call, x: torch.Tensor) -> torch.Tensor:
    return x + sequential(call, x)


def cropped_residual(call: Call, x: torch.Tensor) -> torch.Tensor:
    y = sequential(call, x)
    before = (x.shape[2] - y.shape[2]) // 2
    return y + x[:, :, before : before + y.shape[2]]


def parallel(call: Call, x: torch.Tensor) -> torch.Tensor:
    return torch.cat([forward(call.child(name), x) for name in call.layer.named_layers], dim=1)


def graph(call: Call, x: torch.Tensor) -> torch.Tensor:
    found = {"input": x}
    for node in call.layer.nodes:
        read = [found[source] for source in node.sources]
        if node.layer is None:
            found[node.name] = forward(call.child(node.name), read[0])
            continue
        if node.crop:
            length = min(each.shape[2] for each in read)
            read = [each[:, :, (each.shape[2] - length) // 2 :][:, :, :length] for each in read]
        found[node.name] = JOINS[node.layer](read, node.axis)
    return found[call.layer.nodes[-1].name]


JOINS: dict[str, Callable[[list[torch.Tensor], int], torch.Tensor]] = {
    "add": lambda each, axis: torch.stack(each).sum(dim=0),
    "mean": lambda each, axis: torch.stack(each).mean(dim=0),
    "multiply": lambda each, axis: torch.stack(each).prod(dim=0),
    "maximum": lambda each, axis: torch.stack(each).max(dim=0).values,
    "concatenate": lambda each, axis: torch.cat(each, dim=axis),
}


def ensemble(call: Call, x: torch.Tensor) -> torch.Tensor:
    each = torch.stack([forward(call.child(name), x) for name in call.layer.named_layers], dim=1)
    return each if call.training else each.mean(dim=1)


COUNTERPARTS: dict[type[nn.Layer], Callable[[Call, torch.Tensor], torch.Tensor]] = {
    nn.Conv1D: conv1d,
    nn.Dense: dense,
    nn.BatchNorm1D: batch_norm,
    nn.Dropout: dropout,
    nn.MaxPool1D: lambda call, x: F.max_pool1d(
        x, call.layer.pool_size, call.layer.stride, ceil_mode=call.layer.ceil_mode
    ),
    nn.AveragePool1D: lambda call, x: F.avg_pool1d(x, call.layer.pool_size, call.layer.stride),
    nn.CropTo: lambda call, x: x[:, :, (x.shape[2] - call.layer.length) // 2 :][:, :, : call.layer.length],
    nn.Pad: lambda call, x: F.pad(x, (call.layer.before, call.layer.after)),
    nn.SpatialDropout1D: dropout,
    nn.LearnedDispersion: lambda call, x: torch.cat(
        [x, call.arrays["log_dispersion"].expand(len(x), -1)], dim=1
    ),
    nn.GlobalMaxPool1D: lambda call, x: torch.max(x, dim=2).values,
    nn.GlobalAveragePool1D: lambda call, x: torch.mean(x, dim=2),
    nn.Flatten: lambda call, x: torch.flatten(x, 1),
    nn.ReLU: lambda call, x: torch.relu(x),
    nn.Sigmoid: lambda call, x: torch.sigmoid(x),
    nn.LeakyReLU: lambda call, x: F.leaky_relu(x, call.layer.slope),
    nn.ELU: lambda call, x: F.elu(x, call.layer.alpha),
    nn.GELU: lambda call, x: F.gelu(x, approximate=call.layer.approximate),
    nn.SiLU: lambda call, x: F.silu(x),
    nn.Tanh: lambda call, x: torch.tanh(x),
    nn.Softplus: lambda call, x: F.softplus(x, threshold=1e9),
    nn.Exp: exp,
    nn.Sequential: sequential,
    nn.Parallel: parallel,
    nn.Ensemble: ensemble,
    nn.Graph: graph,
    nn.Sum: graph,
    nn.MotifLayer: motif.motif_layer,
    nn.RCConv1D: motif.rc_conv,
    nn.RCBatchNorm1D: motif.rc_batch_norm,
    nn.RCGlobalPool1D: motif.rc_global_pool,
    nn.StrandSymmetric: motif.strand_symmetric,
    nn.Residual: residual,
    nn.CroppedResidual: cropped_residual,
    **ATTENTION,
    **RECURRENT,
    **PROFILE,
}

#: layers that PyTorch has no functions for, with the reason
WITHOUT_COUNTERPART: dict[type[nn.Layer], str] = {}


def forward(call: Call, x: torch.Tensor) -> torch.Tensor:
    """The output by PyTorch."""
    return COUNTERPARTS[type(call.layer)](call, x)


def tree(layer: nn.Layer) -> set[type[nn.Layer]]:
    """The classes that a layer is made of."""
    children = getattr(layer, "named_layers", {}).values()
    return {type(layer)}.union(*(tree(child) for child in children))
