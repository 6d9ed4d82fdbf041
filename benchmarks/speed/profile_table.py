"""Tables of the profiles and of the rest of the loop."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

Record = dict[str, Any]


def profile_tables(results: dict[str, Any]) -> str:
    """For each profiled network the share of each kind of work, and of each layer."""
    parts = []
    for record in results.get("profile", []):
        if "shares" not in record:
            continue
        threads = record["threads"]
        parts.append(
            f"**{record['row']}**, {threads} thread{'s' if threads > 1 else ''}: "
            f"{1e3 * record['step_s']:.0f} ms a step, of the time of all threads"
        )
        parts.append(_by_kind(record["shares"]))
        parts.append(_by_layer(record["shares"]))
    return "\n\n".join(parts)


def _by_kind(shares: list[list[Any]]) -> str:
    total: defaultdict[str, float] = defaultdict(float)
    for _, kind, share in shares:
        total[kind] += share
    lines = ["| work | share |", "| --- | --- |"]
    for kind, share in sorted(total.items(), key=lambda item: -item[1]):
        if share >= 0.0005:
            lines.append(f"| {kind} | {100 * share:.1f} % |")
    return "\n".join(lines)


def _by_layer(shares: list[list[Any]]) -> str:
    """Layers in the network's order, those that take no time left out."""
    found: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for path, kind, share in shares:
        if path:
            found[path][kind.endswith("gradients")] += share
    lines = ["| layer | forward | gradients |", "| --- | --- | --- |"]
    for path, (forward, gradients) in sorted(found.items(), key=lambda item: -sum(item[1])):
        if forward + gradients >= 0.005:
            lines.append(f"| `{path}` | {100 * forward:.1f} % | {100 * gradients:.1f} % |")
    return "\n".join(lines)


def loop_table(results: dict[str, Any]) -> str:
    """The rest of the loop, row by row."""
    lines = [
        "| network | step in `fit`, ms | rest of the loop, of a step | validation scores, of an epoch |",
        "| --- | --- | --- | --- |",
    ]
    for record in results.get("loop", []):
        if "rest" in record:
            lines.append(
                f"| {record['row']} | {1e3 * record['step_s']:.1f} | {100 * record['rest']:.1f} % | "
                f"{100 * record['scores']:.1f} % |"
            )
    return "\n".join(lines)
