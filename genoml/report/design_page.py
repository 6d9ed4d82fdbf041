"""Page about designed sequences."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from genoml.report.content import ReportData
from genoml.report.design import design_views
from genoml.report.html import build_report
from genoml.report.page import expect_writable, run_details
from genoml.runs import Run
from genoml.runs.design import DesignFiles

__all__ = ["write_design_report"]


def write_design_report(run: Run, result: DesignFiles, out: str | PathLike[str], *, top: int = 5) -> Path:
    """Write a page about designed sequences: one HTML file, to open anywhere and offline.

    It draws the path of the goal's score over the rounds, and for the sequences with the highest scores the
    contributions of the bases before and after.

    Parameters
    ----------
    run : Run
        The run that designed them; of several the first.
    result : DesignFiles
        Result of :func:`genoml.runs.design.design_sequences`.
    out : path
        HTML file to write.
    top : int
        Number of sequences.

    Returns
    -------
    Path
        ``out``.

    Raises
    ------
    ValueError
        If Matplotlib or Jinja is not installed; if ``out`` is a folder, or in none.
    """
    out = Path(out)
    expect_writable(out)
    found = result.found
    edits = sorted(set(map(len, found.edits)))
    spread = f", with {' to '.join(map(str, dict.fromkeys((edits[0], edits[-1]))))} edits" if edits else ""
    failed = f" {len(found.failed)} could not be made to satisfy the constraints." if found.failed else ""
    data = ReportData(
        title=f"Sequences designed by {run.path.resolve().name}",
        summary=f"{len(found.rows)} of {len(found.start)} sequences designed{spread}.{failed}",
        path=found.history,
        designs=design_views(run.model, result, top),
        details=run_details(run.record),
    )
    build_report(out, data)
    return out
