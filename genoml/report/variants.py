"""Variants on a page: the contributions of the bases around each, for both alleles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from genoml.explain import saliency
from genoml.explain.tasks import Task
from genoml.genome import GenomeStore
from genoml.report.content import VariantView
from genoml.runs import Run
from genoml.runs.explained import explained_output
from genoml.sequence.alphabet import PAD_CODE
from genoml.sequence.codes import decode
from genoml.sequence.variants import Variants
from genoml.train import Profile
from genoml.variants import CheckOptions, allele_windows, check_variants

#: bases of a logo on each side of the variant
_FLANK_BP = 50


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


def _strongest_column(run: Run, effects: Mapping[str, float]) -> tuple[str, Task]:
    """The column with the largest effect, and the model's output that it is of."""
    column = max(effects, key=lambda name: abs(effects[name]))
    name = column.partition("_")[2]
    if isinstance(run.objective, Profile):
        return column, explained_output(run, f"counts:{name}" if name else None).task
    names = run.objective.task_names or run.record.task.names
    return column, explained_output(run, name).task if name in names else int(name or 0)


def _contributions(run: Run, codes: np.ndarray, task: Task, cut: slice) -> tuple[str, np.ndarray]:
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
