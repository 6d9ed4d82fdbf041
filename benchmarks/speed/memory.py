"""Memory of this process, from the kernel's own count."""

from __future__ import annotations

from pathlib import Path

STATUS = Path("/proc/self/status")


def peak_mb() -> float:
    """The most memory that this process has had in RAM.

    ``ru_maxrss`` would count what the parent had when it made this process; VmHWM begins with the program.
    """
    return _from_status("VmHWM")


def resident_mb() -> float:
    """The memory that this process has in RAM now."""
    return _from_status("VmRSS")


def _from_status(field: str) -> float:
    if not STATUS.exists():
        import resource
        import sys

        unit = 1e6 if sys.platform == "darwin" else 1e3
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field))
    return float(line.split()[1]) * 1024 / 1e6
