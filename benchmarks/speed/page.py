"""The generated parts of docs/performance.md, from the kept results alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.speed.plots import AXES, draw_growth
from benchmarks.speed.profile_table import loop_table, profile_tables
from benchmarks.speed.rows import Row, rows

ROOT = Path(__file__).resolve().parents[2]
PAGE, IMAGES = ROOT / "docs" / "performance.md", ROOT / "docs" / "images"
RESULTS = Path(__file__).with_name("results.json")

Record = dict[str, Any]
Results = dict[str, Any]

#: heading of each side's column
SIDES = {"eager": "PyTorch", "fused": "with fused AdamW", "compiled": "torch.compile", "jax": "JAX (jit)"}
KINDS = {"step": "Training step", "infer": "Inference"}


def load() -> Results:
    """What was measured last, by section; empty if nothing was."""
    found: Results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    return found


def save(results: Results) -> None:
    """Keep the results, a record a line, so that a change shows as lines."""
    parts = []
    for name, section in results.items():
        if isinstance(section, list):
            lines = ",\n".join(json.dumps(record) for record in section)
            parts.append(f"{json.dumps(name)}: [\n{lines}\n]")
        else:
            parts.append(f"{json.dumps(name)}: {json.dumps(section)}")
    RESULTS.write_text("{\n" + ",\n".join(parts) + "\n}\n")


def markdown(header: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *body]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


# ---------------------------------------------------------------- speed


def speed_section(results: Results) -> str:
    """Training step and inference, beside every other side and beside a direct convolution at full rate."""
    records = results.get("speed", [])
    parts = [machine_line(results)]
    for threads in sorted({record["threads"] for record in records if "threads" in record}):
        chosen = [record for record in records if record.get("threads") == threads]
        for kind, title in KINDS.items():
            parts.append(f"### {title}, {threads} thread{'s' if threads > 1 else ''}")
            parts.append(speed_table(chosen, kind, with_target=threads > 1))
        rates = [record["rate"] / 1e9 for record in chosen if record.get("kind") == "ceiling"]
        if rates:
            parts.append(
                f"NumPy's matrix product on {threads} thread{'s' if threads > 1 else ''}, measured beside each row: "
                f"{min(rates):.0f} to {max(rates):.0f} GFLOP/s."
            )
    failed = [record for record in records if "threads" not in record]
    parts += [f"{record['row']}: {record['failed']}" for record in failed]
    return "\n\n".join(parts)


def machine_line(results: Results) -> str:
    machine = results.get("machine", {})
    return ", ".join(f"{name} {value}".strip() for name, value in machine.items()) + "."


def speed_table(records: Sequence[Record], kind: str, *, with_target: bool) -> str:
    present = [side for side in SIDES if any(a.get("side") == side and a["kind"] == kind for a in records)]
    header = ["network", "genoml, ms", *(f"{SIDES[side]}, ms: ratio (range)" for side in present)]
    header += ["to reach", "reached"] if with_target else []
    header += ["direct at full rate, ms", "over genoml's"]
    body = []
    for row in rows():
        own = {a["side"]: a for a in records if a["row"] == row.name and a.get("side") and a["kind"] == kind}
        if not own:
            continue
        # PyTorch's process comes first, if there is one
        times = [a["ours"] for a in own.values() if "ours" in a]
        ceiling = next((a[kind] for a in records if a["row"] == row.name and a["kind"] == "ceiling"), None)
        body.append(
            [row.name, _ms(times[0] if times else None), *(_versus(own.get(side)) for side in present)]
            + ([f"{row.target:g}", reached(row, own)] if with_target else [])
            + [_ms(ceiling), "-" if ceiling is None or not times else f"{ceiling / times[0]:.2f}"]
        )
    return markdown(header, body)


def reached(row: Row, own: dict[str, Record]) -> str:
    """``yes``, or the sides against which the ratio is below the target."""
    short = [
        SIDES[side]
        for side in SIDES
        if "ratio" in own.get(side, {}) and own[side]["ratio"] < (row.target or 0)
    ]
    measured = [side for side in own if "ratio" in own[side]]
    if not measured:
        return "-"
    return f"no: {', '.join(short)}" if short else "yes"


def _versus(record: Record | None) -> str:
    if record is None:
        return "-"
    if "failed" in record:
        return str(record["failed"])
    return f"{_ms(record['theirs'])}: **{record['ratio']:.2f}** ({record['low']:.2f} to {record['high']:.2f})"


def _ms(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{1e3 * seconds:.1f}" if seconds < 1.0 else f"{1e3 * seconds:.0f}"


# ---------------------------------------------------------------- memory and start


def memory_section(results: Results) -> str:
    """Peak memory and time to the first step, each side alone in a fresh process."""
    records = [record for record in results.get("fresh", []) if "side" in record]
    names = {"genoml": "genoml", "plain": "without Numba", "eager": "PyTorch", "jax": "JAX"}
    present = [side for side in names if any(record["side"] == side for record in records)]
    # JAX's side holds genoml's network too, so its memory would say little
    held = [side for side in present if side != "jax"]
    header = ["network"]
    header += [f"peak memory, MB: {names[side]}" if side == held[0] else names[side] for side in held]
    header += [f"beyond imports, MB: {names[side]}" if side == held[0] else names[side] for side in held]
    header += [f"first step, s: {names[side]}" if side == present[0] else names[side] for side in present]
    header += [f"a step, ms: {names[side]}" if side == present[0] else names[side] for side in present]
    body = []
    for row in rows():
        own = {record["side"]: record for record in records if record["row"] == row.name}
        if own:
            cells = [_plain(own.get(side, {}).get("peak_mb"), 0) for side in held]
            cells += [_plain(own.get(side, {}).get("beyond_imports_mb"), 0) for side in held]
            cells += [_plain(own.get(side, {}).get("first_step_s"), 2) for side in present]
            cells += [_ms(own.get(side, {}).get("step_s")) for side in present]
            body.append([row.name, *cells])
    threads = sorted({record["threads"] for record in records})
    return f"Threads: {', '.join(map(str, threads))}.\n\n" + markdown(header, body)


def _plain(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def install_section(results: Results) -> str:
    """Import time and installed size."""
    found = results.get("install", {})
    body = [
        [row["module"], f"{row['import_s']:.2f}", _plain(row.get("installed_mb"), 0)]
        for row in found.get("modules", [])
    ]
    parts = [markdown(["package", "import, s", "installed with what it requires, MB"], body)]
    fresh = found.get("fresh")
    if fresh:
        parts.append(
            f"`pip install` of genoml into a new environment: {fresh['mb']:.0f} MB in {fresh['seconds']:.0f} s."
        )
    return "\n\n".join(parts)


# ---------------------------------------------------------------- growth


def growth_section(results: Results) -> str:
    """The plots, and the numbers behind them."""
    records = results.get("growth", [])
    draw_growth(records, IMAGES)
    parts = []
    for axis, title in AXES.items():
        if any(record["axis"] == axis for record in records):
            parts.append(f"![Time of a training step against {title}](images/speed_{axis}.svg)")
    return "\n\n".join(parts)


# ---------------------------------------------------------------- the page

SECTIONS: dict[str, Callable[[Results], str]] = {
    "table": speed_section,
    "memory": memory_section,
    "install": install_section,
    "growth": growth_section,
    "profile": profile_tables,
    "loop": loop_table,
}


def markers(name: str) -> tuple[str, str]:
    return f"<!-- {name} -->", f"<!-- end of {name} -->"


def write_page(results: Results) -> None:
    """Replace what stands between each section's markers; the prose around them stays."""
    text = PAGE.read_text()
    for name, section in SECTIONS.items():
        start, end = markers(name)
        head, found, rest = text.partition(start)
        _, closed, tail = rest.partition(end)
        if not found or not closed:
            raise ValueError(f"{PAGE.name} expects the markers {start} and {end}")
        text = f"{head}{start}\n{section(results)}\n{end}{tail}"
    PAGE.write_text(text)


def sections_text(results: Results) -> Iterator[str]:
    """What the page would show, for a run that leaves it alone."""
    for name, section in SECTIONS.items():
        if name != "growth":
            yield section(results)
