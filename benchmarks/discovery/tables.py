"""The tables of motif discovery, from results in a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.agreement.table import Table
from benchmarks.discovery.compare import CORRELATION, LEAST_SEQLETS, OVERLAP, found_again, recovery
from benchmarks.discovery.found import Result

TOOLS = ("genoml", "modisco")


def tables(folder: Path, names: list[str]) -> list[Table]:
    """Planted motifs, motifs found again, time and memory."""
    found = {
        name: {tool: Result.read(path) for tool in TOOLS if (path := folder / tool / f"{name}.npz").exists()}
        for name in names
    }
    both = {name: results for name, results in found.items() if len(results) == len(TOOLS)}
    version = ""
    for name in both:
        with np.load(folder / "modisco" / f"{name}.npz") as file:
            version = f" {file['version']} (`n_leiden_runs={file['runs']}`)"
    made = (_planted(folder, found), _again(both, version), _cost(both, version))
    return [table for table in made if table.rows]


def _planted(folder: Path, found: dict[str, dict[str, Result]]) -> Table:
    rows = []
    for name, results in found.items():
        with np.load(folder / "sets" / f"{name}.npz") as file:
            truth = {key: file[key] for key in file.files if key.startswith(("site", "motif", "names"))}
        if "site_start" not in truth:
            continue
        for tool, result in results.items():
            row = recovery(result, truth)
            rows.append(
                (
                    name,
                    tool,
                    f"{row['found']} of {row['planted']}",
                    row["split"],
                    row["false"],
                    f"{row['correlation']:.3f}",
                    f"{row['sites']:.2f}",
                )
            )
    return Table(
        "Planted motifs",
        "`discover_motifs` on sets of benchmarks/discovery/sets.py: JASPAR motifs planted in random sequences, with "
        "contributions as a network that knows them would give, and Laplace noise. A motif is a planted one if at "
        "least half of its seqlets are at its sites, else it is false; a planted motif that several are is split.",
        ("set", "tool", "found", "split", "false", "least correlation", "share of sites"),
        rows,
        ("Sites at the edges of a sequence, and weak ones, are no seqlets in either tool.",),
    )


def _again(both: dict[str, dict[str, Result]], version: str) -> Table:
    rows = []
    for name, results in both.items():
        for number, seqlets, *values in found_again(results["modisco"], results["genoml"]):
            again = values[0] >= CORRELATION and values[2] >= OVERLAP
            cells = (f"{value:.3f}" for value in values)
            rows.append((name, number, seqlets, *cells, "yes" if again else "no"))
    return Table(
        "Motifs of modisco-lite found again",
        f"Motifs of modisco-lite{version}, `TFMoDISco` with its other defaults, of {LEAST_SEQLETS} seqlets or more, "
        "beside the motif of `discover_motifs` that is most like it, on the same contributions. Correlation: of the "
        "contributions, aligned, over all positions of either. Overlap: Jaccard index of the seqlets; two are the "
        "same if, aligned, they share half the motif.",
        (
            "set", "motif", "seqlets", "correlation", "overlap", "overlap where modisco's motif has room",
            f"found again (at least {CORRELATION}, and {OVERLAP} where it has room)",
        ),
        rows,
        (
            "modisco drops seqlets that overhang the sequence while it aligns and widens patterns, so that of a set of "
            "short sequences it keeps those in the middle; genoml keeps more. The second overlap leaves out those of "
            "genoml's before the first and behind the last place that modisco's have.",
            "On DeepSTARR's sample, whose network saw few windows, either tool finds the same motifs in other "
            "seqlets: of 1,570, 888 are in modisco's motifs and 1,160 in genoml's.",
        ),
    )  # fmt: skip


def _cost(both: dict[str, dict[str, Result]], version: str) -> Table:
    rows = []
    for name, results in both.items():
        ours, theirs = (results[tool] for tool in TOOLS)
        cells: list[object] = [name, len(theirs.extracted)]
        for pair in ((ours.seconds[1], theirs.seconds[1]), (ours.peak_mib, theirs.peak_mib)):
            cells += [*pair, f"{pair[0] / pair[1]:.2f}"]
        rows.append(tuple(cells))
    return Table(
        "Discovery: time and memory",
        f"modisco-lite{version}. Seconds of the processor, kernels compiled before; largest resident memory.",
        (
            "set",
            "seqlets",
            "genoml, s",
            "modisco, s",
            "ratio",
            "genoml, MiB",
            "modisco, MiB",
            "ratio of memory",
        ),
        rows,
    )
