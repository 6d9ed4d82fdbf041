"""What the numbers of a run depend on beside its settings and data."""

from __future__ import annotations

import platform

import numpy as np

from genoml.backend import Backend


def versions(backend: Backend) -> dict[str, str]:
    """Of genoml, Python, NumPy and the backend's library."""
    from genoml import __version__

    return {
        "genoml": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        backend.name: backend.describe()["version"],
    }
