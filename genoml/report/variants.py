"""Page about variants: the contributions of the bases around each, for both alleles."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from genoml.explain import saliency
from genoml.genome import GenomeStore
from genoml.report.content import ReportData, VariantView
from genoml.report.page import build_report, expect_writable, run_details
from genoml.runs import Run
from genoml.sequence.alphabet import PAD_CODE
from genoml.sequence.codes import decode
from genoml.sequence.variants import Variants
from genoml.train import Profile
from genoml.variants import CheckOptions, Summary, allele_windows, check_variants

#: bases of a logo on each side of the variant
_FLANK_BP = 50


def write_variant_report(
    run: Run,
    genome: GenomeStore,
    summary: Summary,
    out: str | PathLike[str],
    *,
    top: int = 5,
    length_bp: int | None = None,
) -> Path:
    """Write a page about the variants with the largest effects: one HTML file, to open anywhere and offline.

    Parameters
    ----------
    run : Run
        The run that scored them.
    genome : GenomeStore
        The genome.
    summary : Summary
        Result of :func:`genoml.variants.score_file`.
    out : path
        HTML file to write.
    top : int
        Number of variants.
    length_bp : int, optional
        Length of a window; that of the training if None.

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
    strongest = summary.strongest[:top]
    statuses = ", ".join(
        f"{count:,} {name}" for name, count in sorted(summary.statuses.items(), key=lambda each: -each[1])
    )
    data = ReportData(
        title=f"Variants scored by {run.path.resolve().name}",
        summary=f"{summary.records:,} records, {summary.alts:,} alternative alleles: {statuses or 'none'}.",
        variants=variant_views(run, genome, strongest, length_bp or run.record.length_bp),
        details=run_details(run.record),
    )
    build_report(out, data)
    return out


def variant_views(
    run: Run, genome: GenomeStore, strongest: list[dict[str, Any]], length_bp: int
) -> list[VariantView]:
    """Contributions around variants, those of ``Summary.strongest``."""
    columns = [[row[name] for row in strongest] for name in ("chrom", "pos", "ref", "alt")]
    variants = Variants.of(*columns)
    options = CheckOptions(length_bp, score_swapped=True, edges="pad", most_n=1.0)
    checked = check_variants(genome, variants, options)
    reference, alternative, at = allele_windows(genome, checked.alleles, length_bp)
    views = []
    for place, row in enumerate(checked.chosen.tolist()):
        column, task = _strongest_column(run, strongest[row]["effect"])
        cut = slice(max(0, int(at[place]) - _FLANK_BP), int(at[place]) + _FLANK_BP + 1)
        shown = [_contributions(run, codes, task, cut) for codes in (reference[place], alternative[place])]
        alleles = checked.alleles.ref[place], checked.alleles.alt[place]
        views.append(
            VariantView(
                variants.place(row), _note(strongest[row], column), cut.start - int(at[place]), shown[0], shown[1],
                (len(alleles[0]), len(alleles[1])),
            )
        )  # fmt: skip
    return views


def _strongest_column(run: Run, effects: Mapping[str, float]) -> tuple[str, int]:
    """The column with the largest effect, and the model's output that it is of."""
    column = max(effects, key=lambda name: abs(effects[name]))
    names, objective = run.record.task.names, run.objective
    name = column.partition("_")[2]
    number = names.index(name) if name in names else int(name or 0)
    return column, number + objective.tracks * objective.length_bp if isinstance(
        objective, Profile
    ) else number


def _contributions(run: Run, codes: np.ndarray, task: int, cut: slice) -> tuple[str, np.ndarray]:
    """Letters and contributions of a part of a window; padding is N and adds nothing."""
    found = saliency(run.model, codes[None, :], task=task).actual[0, cut]
    shown = np.where(codes[cut] == PAD_CODE, 14, codes[cut]).astype(np.uint8)
    return str(decode(shown)), found


def _note(row: Mapping[str, Any], column: str) -> str:
    name = column.partition("_")[2]
    task = name if name in row["reference"] else next(iter(row["reference"]))
    before, after = row["reference"][task], row["alternative"][task]
    return (
        f"{column.replace('_', ' ', 1)} {row['effect'][column]:+.3g}; predicted {before:.3g} and {after:.3g}"
    )
