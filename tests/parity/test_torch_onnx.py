"""PyTorch models that their owner exports as ONNX: the same outputs as PyTorch's."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - its usual name

from genoml.convert import convert_onnx
from genoml.io import read_weights


class Classifier(nn.Module):
    """Convolutions of all kinds, normalisation, pooling, and dense layers behind a view."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv1d(4, 8, 7, padding="same"), nn.BatchNorm1d(8)
        self.conv2 = nn.Conv1d(8, 8, 4, stride=2, padding=1, groups=2)
        self.conv3 = nn.Conv1d(8, 6, 3, dilation=2, padding="same")
        self.dense1, self.norm2, self.dense2 = nn.Linear(30, 7), nn.BatchNorm1d(7), nn.Linear(7, 3)
        self.dropout = nn.Dropout()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = F.max_pool1d(F.relu(self.norm1(self.conv1(x))), 2)
        h = F.avg_pool1d(F.leaky_relu(F.gelu(self.conv3(F.elu(self.conv2(h)))), 0.2), 2)
        h = torch.tanh(self.norm2(self.dense1(self.dropout(h.view(h.size(0), -1)))))
        return torch.softmax(self.dense2(h), 1)


class Profile(nn.Module):
    """BPNet's plan: dilated residual convolutions, and a head for the profile and one for the total."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(4, 6, 5, padding=2)
        self.dilated = nn.ModuleList([nn.Conv1d(6, 6, 3, padding=2**i, dilation=2**i) for i in range(3)])
        self.profile, self.total = nn.Conv1d(6, 2, 5, padding=2), nn.Linear(6, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        h = F.relu(self.conv(x))
        for conv in self.dilated:
            h = h + F.silu(conv(h))
        return self.profile(h)[:, :, 4:-4], self.total(h.mean(2))


class Recurrent(nn.Module):
    """LSTM in both directions, GRU, layer normalisation, the last state beside a maximum."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(4, 6, 4, stride=4)
        self.lstm = nn.LSTM(6, 5, batch_first=True, bidirectional=True)
        self.gru = nn.GRU(10, 4, batch_first=True)
        self.norm, self.dense, self.last = nn.LayerNorm(4), nn.Linear(4, 4), nn.Linear(8, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        states, _ = self.lstm(self.conv(x).transpose(1, 2))
        h, last = self.gru(states)
        h = F.gelu(self.dense(self.norm(h)), approximate="tanh")
        return torch.sigmoid(self.last(torch.cat([h.amax(1), last[-1]], 1)))


class Images(nn.Module):
    """Convolutions of images one position high, as DeepSEA's."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2, self.dense = (
            nn.Conv2d(4, 8, (1, 8)),
            nn.Conv2d(8, 5, (1, 4)),
            nn.Linear(35, 3),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = F.max_pool2d(F.relu(self.conv1(x.unsqueeze(2))), (1, 4))
        h = F.pad(F.relu(self.conv2(h)).squeeze(2), (1, 1))
        return self.dense(torch.flatten(h, 1))


class Attention(nn.Module):
    """Queries, keys and values of one array, with PyTorch's causal attention, and a block by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv1d(4, 8, 3, padding=1), nn.LayerNorm(8)
        self.first = nn.ModuleList(nn.Linear(8, 8) for _ in range(4))
        self.second = nn.ModuleList(nn.Linear(8, 8, bias=False) for _ in range(4))
        self.last = nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.conv(x).transpose(1, 2)
        *three, joined = self.first
        q, k, v = (dense(h).view(h.shape[0], -1, 2, 4).transpose(1, 2) for dense in three)
        read = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        h = self.norm(h + joined(read.transpose(1, 2).reshape(h.shape[0], -1, 8)))
        *three, joined = self.second
        q, k, v = (dense(h) for dense in three)
        h = h + joined((q @ k.transpose(1, 2) / 8**0.5).softmax(-1) @ v)
        return self.last(h.mean(1))


@pytest.mark.parametrize("kind", [Classifier, Profile, Recurrent, Images, Attention])
def test_outputs_equal_those_of_the_exported_model(kind: type[nn.Module], tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = kind().eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2.0)
    x = torch.randn(3, 4, 40)
    file = tmp_path / "m.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter that needs no further package
        torch.onnx.export(
            model,
            (x,),
            str(file),
            opset_version=17,
            dynamo=False,
            input_names=["x"],
            dynamic_axes={"x": {0: "n"}},
        )
    with torch.no_grad():
        found = model(x)
    parts = found if isinstance(found, tuple) else (found,)
    expected = torch.cat([torch.flatten(part, 1) for part in parts], 1).numpy()
    np.testing.assert_allclose(
        convert_onnx(read_weights(file)).network(x.numpy()), expected, rtol=1e-5, atol=1e-5
    )
