"""Operations on channels-last arrays by PyTorch, with their gradients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its usual name


def torch_conv(
    x: np.ndarray, w: np.ndarray, grad: np.ndarray, stride: int = 1, dilation: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """y, grad_x, grad_w of a cross-correlation."""
    xs = torch.tensor(x.transpose(0, 2, 1).copy(), requires_grad=True)
    ws = torch.tensor(w.transpose(2, 1, 0).copy(), requires_grad=True)
    y = F.conv1d(xs, ws, stride=stride, dilation=dilation)
    y.backward(torch.tensor(grad.transpose(0, 2, 1).copy()))
    found = y.detach().numpy(), xs.grad.numpy(), ws.grad.numpy()
    return found[0].transpose(0, 2, 1), found[1].transpose(0, 2, 1), found[2].transpose(2, 1, 0)


def torch_pool(
    x: np.ndarray, grad: np.ndarray, pool: Callable[[torch.Tensor], torch.Tensor]
) -> tuple[np.ndarray, np.ndarray]:
    """y and grad_x of a pooling of (batch, channels, length), all channels-last."""
    xs = torch.tensor(x.transpose(0, 2, 1).copy(), requires_grad=True)
    y = pool(xs)
    y.backward(torch.tensor(grad.transpose(0, 2, 1).copy()))
    return y.detach().numpy().transpose(0, 2, 1), xs.grad.numpy().transpose(0, 2, 1)


def torch_segment_sum(rows: np.ndarray, keys: np.ndarray, count: int) -> np.ndarray:
    return torch.zeros(count, rows.shape[1], dtype=torch.float64).index_add(
        0, torch.tensor(keys), torch.tensor(rows)
    ).numpy()  # fmt: skip
