"""Settings of malloc that keep freed memory for the next array.

glibc returns large arrays to the kernel when they are freed, and every training step then pays for its pages again:
measured, a third of a step's time for arrays of some MB, and a quarter for the gradients and moments of large dense
layers. With these settings all blocks come from one heap and stay in it, and threads that compute parts of a batch
share it. Free memory at its end beyond 1 GB is returned. ``GENOML_KEEP_MEMORY=0`` leaves malloc unchanged.
"""

from __future__ import annotations

import ctypes
import os
import sys

# malloc.h
_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4
_M_ARENA_MAX = -8


def keep_freed_memory() -> bool:
    """Make glibc's malloc keep freed blocks; False without glibc, or if it is switched off."""
    if not sys.platform.startswith("linux") or os.environ.get("GENOML_KEEP_MEMORY") == "0":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = ((_M_MMAP_MAX, 0), (_M_ARENA_MAX, 1), (_M_TRIM_THRESHOLD, 1 << 30))
    return all(bool(mallopt(option, value)) for option, value in settings)
