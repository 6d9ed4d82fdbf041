"""CuPy's special functions: one kernel each; the standard versions take about thirty."""

from __future__ import annotations

import cupy
from cupyx.scipy import special

from genoml.backend import Array


def erf(x: Array) -> Array:
    """See genoml.ops.special.erf."""
    return special.erf(x)


def lgamma(x: Array) -> Array:
    """See genoml.ops.special.lgamma."""
    return cupy.where(x >= 0, special.gammaln(x), cupy.nan).astype(x.dtype, copy=False)


def digamma(x: Array) -> Array:
    """See genoml.ops.special.digamma."""
    values = cupy.where(x > 0, special.digamma(x), cupy.where(x == 0, -cupy.inf, cupy.nan))
    return values.astype(x.dtype, copy=False)
