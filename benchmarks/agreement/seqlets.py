"""Seqlets beside tangermeme's and modisco-lite's; motif discovery beside modisco-lite and on planted motifs.

    pip install tangermeme==1.6.0
    python -m benchmarks.discovery DIR/discovery --modisco PYTHON
    python -m benchmarks.agreement seqlets --data DIR

where PYTHON has modisco-lite 3.0.0; its extraction: benchmarks/discovery/modisco_side.py SET RESULT --seqlets.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tangermeme.seqlet import recursive_seqlets

from benchmarks.agreement.table import Table
from genoml.explain import Seqlets, call_seqlets
from genoml.explain.discovery.candidates import blocks, chosen
from genoml.explain.discovery.spans import Spans

#: sets, and what they are
SETS = {
    "ctcf": "3,000 CTCF peaks of 100 bp, the network of `genoml demo`",
    "starr_dev": "3,000 windows of 249 bp, examples/starr_two_tasks.py, developmental",
    "planted_0": "2,000 sequences of 200 bp with five planted motifs",
}
THRESHOLDS = (1e-2, 1e-4)


def tables(data: Path) -> list[Table]:
    """Spans, and windows."""
    folder = data / "discovery"
    actual = {name: np.load(folder / "sets" / f"{name}.npz")["actual"] for name in SETS}
    return [_spans(actual), _windows(actual, folder)]


def _spans(actual: dict[str, NDArray[Any]]) -> Table:
    rows = []
    for name, values in actual.items():
        for threshold in THRESHOLDS:
            ours = call_seqlets(values, p_value=threshold, signs="positive")
            found = recursive_seqlets(values.astype(np.float64), threshold=threshold, n_bins=1024)
            theirs = found[["example_idx", "start", "end"]].to_numpy()
            p_value = dict(zip(map(tuple, theirs.tolist()), found["p-value"], strict=True))
            mine = dict(zip(_places(ours), ours.p_value.tolist(), strict=True))
            same = [place for place in mine if place in p_value]
            ratios = [mine[place] / p_value[place] for place in same if p_value[place] > 1e-12]
            bases = _bases(values.shape, theirs), _bases(values.shape, np.array(_places(ours)))
            jaccard = (bases[0] & bases[1]).sum() / (bases[0] | bases[1]).sum()
            by_their_rule = sum(place in p_value for place in _in_their_order(values, threshold))
            cells = len(theirs), len(mine), len(same), by_their_rule, f"{jaccard:.4f}", _range(ratios)
            rows.append((SETS[name], threshold, *cells))
    return Table(
        "Seqlets beside tangermeme",
        '`call_seqlets(contributions, "spans", p_value=..., signs="positive")` beside `recursive_seqlets(..., '
        f"n_bins=1024)` of tangermeme {version('tangermeme')}.",
        (
            "set", "p below", "tangermeme's", "genoml's", "equal", "equal, in tangermeme's order",
            "bases in both, of those in either", "p-value, genoml's / tangermeme's, where equal",
        ),
        rows,
        NOTES,
    )  # fmt: skip


NOTES = (
    "Of spans of one length, genoml chooses the smallest p-value first; tangermeme orders them by the largest p-value "
    "of the spans that start where they do, and so takes another one where several overlap. In that order (the column "
    "before the last two) genoml's are tangermeme's.",
    "tangermeme calls positive seqlets alone.",
)


def _in_their_order(values: NDArray[Any], threshold: float) -> list[tuple[int, int, int]]:
    """Places of spans, those of one length by the largest p-value of spans with the same start."""
    caller, found = Spans(values, 4, 25, (1,)), []
    for first, rows in blocks(values):
        levels, largest = [], np.zeros(len(rows) * (rows.shape[1] + 1))
        for level in caller.levels(rows, threshold):
            largest[level.start] = np.maximum(largest[level.start], level.p)
            levels.append(level._replace(rank=largest[level.start]))
        for level in chosen(levels, rows):
            row, start = np.divmod(level.start, rows.shape[1] + 1)
            found += list(
                zip((first + row).tolist(), start.tolist(), (start + level.width).tolist(), strict=True)
            )
    return found


def _places(found: Seqlets) -> list[tuple[int, int, int]]:
    return list(zip(found.example.tolist(), found.start.tolist(), found.end.tolist(), strict=True))


def _bases(shape: tuple[int, ...], places: NDArray[Any]) -> NDArray[np.bool_]:
    within = np.zeros(shape, bool)
    for row, start, end in places.tolist():
        within[row, start:end] = True
    return within


def _range(values: list[float]) -> str:
    return f"{min(values):.3g} to {max(values):.3g}" if values else ""


def _windows(actual: dict[str, NDArray[Any]], folder: Path) -> Table:
    rows, tool = [], ""
    for name, values in actual.items():
        with np.load(folder / "seqlets" / f"{name}.npz") as file:
            theirs, tool = file["extracted"], f"modisco-lite {file['version']}"
        ours = call_seqlets(values, "windows")
        # modisco goes from sequence to sequence, in each by absolute sum
        order = np.lexsort((ours.start, -np.abs(ours.score), ours.example))
        places = np.array(_places(ours))[order]
        same = len(set(map(tuple, places.tolist())) & set(map(tuple, theirs.tolist())))
        rows.append(
            (SETS[name], len(theirs), len(places), same, "yes" if np.array_equal(places, theirs) else "no")
        )
    return Table(
        "Seqlets beside modisco-lite",
        f'`call_seqlets(contributions, "windows")` beside `extract_seqlets` of {tool}, with the defaults of '
        "`TFMoDISco`.",
        ("set", "modisco's", "genoml's", "equal: example, start and end", "in the same order"),
        rows,
        ("genoml sorts by p-value; put into modisco's order, sequence by sequence and by absolute sum.",),
    )
