"""Twins compiled by Numba, in place of those written with NumPy: ``pip install genoml-xp[compiled]``.

They cover float32, in which networks train, and leave the rest to the NumPy twins. Numba compiles them at the first use
on a machine, in some seconds, and caches the result on disk.
"""

from collections.abc import Callable
from typing import Any

from genoml_numpy.compiled.bases import conv1d_max, conv1d_vjp
from genoml_numpy.compiled.rectify import rectified_vjp, squares_around

TWINS: dict[str, Callable[..., Any]] = {
    "conv1d_max": conv1d_max,
    "conv1d_vjp": conv1d_vjp,
    "rectified_vjp": rectified_vjp,
    "squares_around": squares_around,
}
