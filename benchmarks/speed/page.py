"""The generated parts of docs/performance.md, from the kept results alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.speed.other_work import WORK
from benchmarks.speed.plots import AXES, draw_growth
from benchmarks.speed.profile_table import loop_table, profile_tables
from benchmarks.speed.rows import rows

ROOT = Path(__file__).resolve().parents[2]
PAGE, IMAGES = ROOT / "docs" / "performance.md", ROOT / "docs" / "images"
RESULTS = Path(__file__).with_name("results.json")

Record = dict[str, Any]
Results = dict[str, Any]

#: heading of each side's column
SIDES = {"eager": "PyTorch", "fused": "with fused AdamW", "compiled": "torch.compile", "jax": "JAX (jit)"}
#: what other work is measured beside
OTHERS = {"eager": "PyTorch"}
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
    groups = {(a["kernels"], a["threads"]) for a in records if "threads" in a}
    for kernels, threads in sorted(groups, key=lambda group: (group[0] != "native", group[1])):
        chosen = [a for a in records if (a.get("kernels"), a.get("threads")) == (kernels, threads)]
        on = f"{threads} thread{'s' if threads > 1 else ''}" + (
            f", held to {kernels}" if kernels != "native" else ""
        )
        for kind, title in KINDS.items():
            parts.append(f"### {title}, {on}")
            parts.append(speed_table(chosen, kind))
        rates = [record["rate"] / 1e9 for record in chosen if record.get("kind") == "ceiling"]
        if rates:
            parts.append(
                f"NumPy's matrix product on {on}, measured beside each row: "
                f"{min(rates):.0f} to {max(rates):.0f} GFLOP/s."
            )
        used = {f"{a['side']}: {a['in use']}": None for a in chosen if "in use" in a}
        parts += [f"Kernels in use: {'; '.join(used)}."] if used else []
    failed = [record for record in records if "threads" not in record]
    parts += [f"{record['row']}: {record['failed']}" for record in failed]
    return "\n\n".join(parts)


def machine_line(results: Results) -> str:
    machine = results.get("machine", {})
    return ", ".join(f"{name} {value}".strip() for name, value in machine.items()) + "."


def speed_table(records: Sequence[Record], kind: str) -> str:
    """A line for each row, with the fastest of the other sides."""
    own = {row.name: sides_of(records, row.name, kind) for row in rows()}
    present = [side for side in SIDES if any(side in sides for sides in own.values())]
    header = ["network", "genoml, ms", *(f"{SIDES[side]}, ms: ratio (range)" for side in present)]
    header += ["fastest / genoml", "to reach", "direct at full rate, ms", "over genoml's"]
    body = []
    for row in rows():
        measured = [a for a in own[row.name].values() if "ours" in a]
        if not own[row.name]:
            continue
        ours = measured[0]["ours"] if measured else None
        ceiling = next((a[kind] for a in records if a["row"] == row.name and a["kind"] == "ceiling"), None)
        body.append(
            [
                row.name,
                _ms(ours),
                *(_versus(own[row.name].get(side)) for side in present),
                least_of(measured),
                f"{row.targets[list(KINDS).index(kind)] or '-'}",
                _ms(ceiling),
                "-" if ceiling is None or ours is None else f"{ceiling / ours:.2f}",
            ]
        )
    return markdown(header, body)


def sides_of(records: Sequence[Record], row: str, kind: str) -> dict[str, Record]:
    """What was measured, or what failed, of a row by side."""
    return {
        a["side"]: a
        for a in records
        if (a["row"], a["kind"]) == (row, kind) and a.get("side") in SIDES and ("ours" in a or "failed" in a)
    }


def least_of(measured: Sequence[Record]) -> str:
    """The least ratio: that of the fastest other side."""
    return f"{min(a['ratio'] for a in measured):.2f}" if measured else "-"


def other_section(results: Results) -> str:
    """Explaining, scanning and reading."""
    records = results.get("other", [])
    header = ["work", "threads", "genoml, ms", "beside", "its, ms: ratio (range)", "to reach"]
    body = []
    for name, work in WORK.items():
        for a in records:
            if a["row"] == name and a.get("side") not in (None, "genoml") and "in use" not in a:
                cells = [name.replace("<", "&lt;"), str(a["threads"]), _ms(a.get("ours"))]
                cells += [OTHERS.get(a["side"], a["side"]), _versus(a), f"{work.target or '-'}"]
                body.append(cells)
    failed = [f"{a['row']}: {a['failed']}" for a in records if "side" not in a and "failed" in a]
    return "\n\n".join([markdown(header, body), *failed])


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
    "other": other_section,
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
