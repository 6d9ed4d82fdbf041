"""CuPy: the CUDA backend. One GPU a process, chosen by ``CUDA_VISIBLE_DEVICES``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from genoml.backend import Array, Backend, BackendError

try:
    import array_api_compat.cupy as xp
    import cupy
except ImportError as error:
    raise ImportError(
        f"CuPy is not installed ({error}); pip install 'genoml-xp[cuda12]' or 'genoml-xp[cuda13]', "
        "whichever CUDA version nvidia-smi shows"
    ) from error


class CupyBackend(Backend):
    """Arrays are ``cupy.ndarray`` on the current CUDA device."""

    name = "cupy"
    asynchronous = True

    def __init__(self) -> None:
        # CuPy imports without a GPU, and fails at the first allocation with a driver's message
        if not cupy.cuda.is_available():
            raise BackendError(
                "backend 'cupy' needs a CUDA GPU and its driver, and none was found; check nvidia-smi, "
                "or use --backend numpy"
            )
        self.xp = xp
        self.device = cupy.cuda.Device()

    @property
    def twins(self) -> Mapping[str, Callable[..., Any]]:
        """The library's own special functions."""
        from genoml_cupy import special

        return {"erf": special.erf, "lgamma": special.lgamma, "digamma": special.digamma}

    def owns(self, array: object) -> bool:
        """Whether it is a CuPy array."""
        return isinstance(array, cupy.ndarray)

    def asarray(self, values: Any, dtype: str | None = None) -> Array:
        """Copy host values to the GPU."""
        return cupy.asarray(values, dtype=dtype)

    def to_numpy(self, array: Array) -> np.ndarray:
        """Copy to the host; this waits for the GPU."""
        return np.asarray(cupy.asnumpy(array))

    def synchronize(self) -> None:
        """Wait for the current stream."""
        cupy.cuda.get_current_stream().synchronize()

    def describe(self) -> dict[str, str]:
        """The GPU's name, its driver, and CuPy's version."""
        properties = cupy.cuda.runtime.getDeviceProperties(self.device.id)
        driver = cupy.cuda.runtime.driverGetVersion()
        return {
            "device": f"{properties['name'].decode()} (CUDA driver {driver // 1000}.{driver % 1000 // 10})",
            "version": cupy.__version__,
        }
