"""Rotary positions, written with PyTorch's functions."""

from __future__ import annotations

import torch


def rotate(x: torch.Tensor) -> torch.Tensor:
    """Pairs of features as complex numbers, turned by their position."""
    length, size = x.shape[-2:]
    frequencies = 10000.0 ** (-torch.arange(0, size, 2, dtype=x.dtype) / size)
    turn = torch.outer(torch.arange(length, dtype=x.dtype), frequencies)
    pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], size // 2, 2).contiguous())
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(turn), turn)).reshape(x.shape)
