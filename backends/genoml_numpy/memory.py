"""Freed memory kept for the next array.

glibc gives arrays of more than 128 kB back to the kernel when they are freed, and every training step then pays
for its pages again: a third of a step's time, measured. With these settings blocks up to 32 MB stay in the
process. ``GENOML_KEEP_MEMORY=0`` leaves malloc as it is.
"""

from __future__ import annotations

import ctypes
import os
import sys

# malloc.h
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_BLOCK = 32 << 20  # the most that glibc accepts


def keep_freed_memory() -> bool:
    """Tell glibc's malloc to keep freed blocks; False where there is no glibc, or it is not wanted."""
    if not sys.platform.startswith("linux") or os.environ.get("GENOML_KEEP_MEMORY") == "0":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _LARGEST_BLOCK) and mallopt(_M_TRIM_THRESHOLD, 1 << 30))
