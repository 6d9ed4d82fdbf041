"""JAX's special functions."""

from __future__ import annotations

import jax.numpy as jnp
from jax.scipy import special

from genoml.backend import Array


def erf(x: Array) -> Array:
    """See genoml.ops.special.erf."""
    return special.erf(x)


def lgamma(x: Array) -> Array:
    """See genoml.ops.special.lgamma."""
    return jnp.where(x >= 0, special.gammaln(x), jnp.nan)


def digamma(x: Array) -> Array:
    """See genoml.ops.special.digamma; JAX gives NaN at 0."""
    return jnp.where(x > 0, special.digamma(x), jnp.where(x == 0, -jnp.inf, jnp.nan))
