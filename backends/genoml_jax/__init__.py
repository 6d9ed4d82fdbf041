"""The JAX backend: arrays are used eagerly, without jit and autodiff."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from genoml.backend import Array, Backend

try:
    import jax
    import jax.numpy as jnp
except ImportError as error:
    raise ImportError(f"JAX is not installed ({error}); pip install 'genoml-xp[jax]'") from error


class JaxBackend(Backend):
    """Backend whose arrays are ``jax.Array`` on JAX's first device. float64 needs ``JAX_ENABLE_X64=1``."""

    name = "jax"
    asynchronous = True

    def __init__(self) -> None:
        self.xp = jnp
        self.device = jax.devices()[0]

    @property
    def twins(self) -> Mapping[str, Callable[..., Any]]:
        """The library's own special functions."""
        from genoml_jax import special

        return {"erf": special.erf, "lgamma": special.lgamma, "digamma": special.digamma}

    def owns(self, array: object) -> bool:
        """Whether ``array`` is a JAX array."""
        return isinstance(array, jax.Array)

    def asarray(self, values: Any, dtype: str | None = None) -> Array:
        """The values on the device.

        Raises
        ------
        ValueError
            For 64-bit floats if JAX's x64 mode is off: JAX itself would round them silently.
        """
        if isinstance(values, jax.Array):
            return values if dtype is None else values.astype(dtype)
        host = np.asarray(values, dtype=dtype)
        if host.dtype == np.float64 and not jax.config.read("jax_enable_x64"):
            if dtype == "float64":
                raise ValueError(
                    "JAX rounds float64 to float32 here; set JAX_ENABLE_X64=1 in the environment"
                )
            host = host.astype(np.float32)
        # copied, since JAX may share a NumPy buffer that its owner changes later
        return jnp.array(host, device=self.device)

    def to_numpy(self, array: Array) -> np.ndarray:
        """The array's values on the host."""
        return np.asarray(array)

    def synchronize(self) -> None:
        """Wait for all queued work."""
        jax.effects_barrier()
        jnp.zeros(()).block_until_ready()

    def describe(self) -> dict[str, str]:
        """Device and JAX's version."""
        return {"device": str(self.device), "version": jax.__version__}
