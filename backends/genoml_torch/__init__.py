"""The PyTorch backend, for comparisons with PyTorch and for data that are tensors already.

Autograd is not used: tensors require no gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from genoml.backend import Array, Backend

try:
    import array_api_compat.torch as xp
    import torch
except ImportError as error:
    raise ImportError(f"PyTorch is not installed ({error}); pip install 'genoml-xp[torch]'") from error


class TorchBackend(Backend):
    """Backend whose arrays are ``torch.Tensor`` on the CPU, or on the given device."""

    name = "torch"

    def __init__(self, device: str = "cpu") -> None:
        self.xp = xp
        self.device = torch.device(device)

    @property
    def twins(self) -> Mapping[str, Callable[..., Any]]:
        """The library's own special functions."""
        from genoml_torch import special

        return {"erf": special.erf, "lgamma": special.lgamma, "digamma": special.digamma}

    def owns(self, array: object) -> bool:
        """Whether ``array`` is a tensor."""
        return isinstance(array, torch.Tensor)

    def asarray(self, values: Any, dtype: str | None = None) -> Array:
        """Copy to a tensor: sharing memory with a read-only NumPy array is undefined in PyTorch."""
        if isinstance(values, torch.Tensor):
            return values.to(self.device, self.dtype(dtype) if dtype else values.dtype)
        # in C order, since PyTorch has no negative strides
        return torch.from_numpy(np.array(values, dtype=dtype, order="C")).to(self.device)

    def to_numpy(self, array: Array) -> np.ndarray:
        """The tensor's values on the host."""
        return np.asarray(array.detach().cpu())

    def synchronize(self) -> None:
        """Wait for a CUDA device; on the CPU there is nothing to wait for."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def describe(self) -> dict[str, str]:
        """Device and PyTorch's version."""
        return {"device": str(self.device), "version": str(torch.__version__)}
