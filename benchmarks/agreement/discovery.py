"""Motif discovery on planted motifs and beside modisco-lite; from the results of benchmarks/discovery.

    python -m benchmarks.discovery DIR/discovery --modisco PYTHON
    python -m benchmarks.agreement discovery --data DIR

where PYTHON is one that has modisco-lite 3.0.0.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.agreement.table import Table
from benchmarks.discovery.__main__ import SETS
from benchmarks.discovery.tables import tables as of_folder


def tables(data: Path) -> list[Table]:
    """Planted motifs, motifs found again, time and memory."""
    return of_folder(data / "discovery", [name for name in SETS if name != "warm"])
