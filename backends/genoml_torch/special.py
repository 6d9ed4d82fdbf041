"""PyTorch's special functions."""

from __future__ import annotations

import math

import torch

from genoml.backend import Array


def _not_negative(x: Array, values: Array) -> Array:
    """The values, with NaN where x < 0 as in the standard version."""
    return torch.where(x >= 0, values, math.nan)


def erf(x: Array) -> Array:
    """See genoml.ops.special.erf."""
    return torch.special.erf(x)


def lgamma(x: Array) -> Array:
    """See genoml.ops.special.lgamma."""
    return _not_negative(x, torch.special.gammaln(x))


def digamma(x: Array) -> Array:
    """See genoml.ops.special.digamma."""
    return _not_negative(x, torch.special.digamma(x))
