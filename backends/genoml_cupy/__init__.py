"""The CUDA backend, on CuPy: one GPU per process, chosen by ``CUDA_VISIBLE_DEVICES``; see docs/gpu.md."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from genoml.backend import Array, Backend, BackendError

R = TypeVar("R", bound=Any)


class CupyBackend(Backend):
    """Backend whose arrays are ``cupy.ndarray`` on the current CUDA device."""

    name = "cupy"
    asynchronous = True

    def __init__(self) -> None:
        # imported here, since the twins are imported and their kernels tested without CuPy
        try:
            import array_api_compat.cupy as xp
            import cupy
        except ImportError as error:
            raise ImportError(
                f"CuPy is not installed ({error}); pip install 'genoml-xp[cuda12]' or 'genoml-xp[cuda13]', "
                "whichever CUDA version nvidia-smi shows"
            ) from error
        # without a GPU, CuPy is imported and then fails at the first allocation with a driver's message
        if not cupy.cuda.is_available():
            raise BackendError(
                "backend 'cupy' needs a CUDA GPU and its driver, and none was found; check nvidia-smi, "
                "or use --backend numpy"
            )
        self.xp = xp
        self.cupy = cupy
        self.device = cupy.cuda.Device()
        #: what ``sums`` made of ranks
        self._sums: dict[Any, Any] = {}
        #: whether training steps are CUDA graphs, see docs/gpu.md; may be set
        self.graphs = os.environ.get("GENOML_CUDA_GRAPHS") == "1"

    @cached_property
    def _kernels(self) -> Any:
        from genoml_cupy.launch import Kernels

        return Kernels()

    @cached_property
    def _twins(self) -> dict[str, Callable[..., Any]]:
        from genoml_cupy.special import OWN
        from genoml_cupy.twins import twins_on

        return OWN | twins_on(self._kernels)

    @property
    def twins(self) -> Mapping[str, Callable[..., Any]]:
        """genoml's own kernels, and the library's own functions."""
        return self._twins

    def owns(self, array: object) -> bool:
        """Whether ``array`` is a CuPy array."""
        return isinstance(array, self.cupy.ndarray)

    def asarray(self, values: Any, dtype: str | None = None) -> Array:
        """Copy host values to the GPU."""
        return self.cupy.asarray(values, dtype=dtype)

    def to_numpy(self, array: Array) -> np.ndarray:
        """Copy to the host; this waits for the GPU."""
        return np.asarray(self.cupy.asnumpy(array))

    def repeated(self, function: Callable[..., Any], model: Any) -> Callable[..., Any]:
        """See Backend; with ``graphs`` the GPU repeats what the function queues."""
        if not self.graphs:
            return function
        from genoml_cupy.graph import StepGraph

        return StepGraph(self._kernels, model, function)

    def sums(self, ranks: R) -> R:
        """Ranks whose sums stay on the GPUs, by NCCL; where one has none, they meet on the host, with a warning."""
        if ranks.count > 1 and ranks not in self._sums:
            from genoml_cupy.nccl import NcclSums

            nccl, why = self._nccl()
            lacking = [f"rank {rank}: {why}" for rank, why in enumerate(ranks.gather(why)) if why]
            if lacking and ranks.first:
                warnings.warn(
                    f"sums over ranks go through the host, without NCCL ({lacking[0]}); "
                    "pip install 'genoml-xp[mpi-cuda12]'",
                    stacklevel=2,
                )
            self._sums[ranks] = ranks if lacking else NcclSums(ranks, self.cupy, nccl)
        found: R = self._sums.get(ranks, ranks)
        return found

    def _nccl(self) -> tuple[Any, str]:
        """CuPy's module nccl, and why it is none."""
        if os.environ.get("GENOML_NCCL") == "0":
            return None, "GENOML_NCCL=0"
        with warnings.catch_warnings(action="ignore"):  # of a library that is not there
            from cupy.cuda import nccl
        return nccl, "" if nccl.available else "libnccl.so.2 cannot be loaded"

    def synchronize(self) -> None:
        """Wait for the current stream."""
        self.cupy.cuda.get_current_stream().synchronize()

    def describe(self) -> dict[str, str]:
        """The GPU's name, its driver, CuPy's version, whether products round to TF32, and graphs."""
        runtime = self.cupy.cuda.runtime
        properties = runtime.getDeviceProperties(self.device.id)
        driver = runtime.driverGetVersion()
        return {
            "device": f"{properties['name'].decode()} (CUDA driver {driver // 1000}.{driver % 1000 // 10})",
            "version": self.cupy.__version__
            + (" with TF32" if self.tf32 else "")
            + (" with CUDA graphs" if self.graphs else ""),
        }

    @property
    def devices(self) -> Sequence[str]:
        """The visible GPUs, see Backend."""
        count = self.cupy.cuda.runtime.getDeviceCount()
        named = os.environ.get("CUDA_VISIBLE_DEVICES")
        # the driver ignores what follows a name that it does not know
        return (list(map(str, range(count))) if named is None else named.split(","))[:count]

    @property
    def tf32(self) -> bool:
        """Whether float32 matrix products round their factors to 10 bits, for tensor cores.

        Off unless the environment has ``CUPY_TF32=1``; may be set. It applies to products of two matrices, of which
        convolutions and dense layers consist.
        """
        from cupy._core import _routines_linalg as linalg

        return bool(linalg.get_compute_type("float32") == linalg.COMPUTE_TYPE_TF32)

    @tf32.setter
    def tf32(self, wanted: bool) -> None:
        from cupy._core import _routines_linalg as linalg

        kind = linalg.COMPUTE_TYPE_TF32 if wanted else linalg.COMPUTE_TYPE_DEFAULT
        linalg.set_compute_type("float32", kind)
