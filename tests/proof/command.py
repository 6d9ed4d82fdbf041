"""``python -m tests.proof``: write docs/proof.md, hold genoml to it, or measure a backend on its hardware."""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from genoml.backend import BackendError, get_backend
from proof.entry import Section
from proof.measure import Table, measure, variant_column
from proof.page import machine, read_page, write_page
from proof.sections import all_sections
from proof.tolerances import failures
from support.backends import OWN_VARIANTS, default_variants, suite_of

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "proof.md"
VERIFIED = ROOT / "backends" / "verified"


def page_columns(root: Path = ROOT) -> tuple[list[str], list[str]]:
    """The variants of the page: those of the CPU, and those that need hardware, of the backends that live here."""
    content = tomllib.loads((root / "pyproject.toml").read_text())
    flags = content["project"]["entry-points"]["genoml.backends"]
    own = [name for name in OWN_VARIANTS if not suite_of(name).hardware]  # CuPy on the CPU has no column
    names = ["numpy", *own, *sorted(set(flags) - {"numpy"})]
    hardware = [name for name in names if suite_of(name).hardware]
    return [name for name in names if name not in hardware], hardware


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 1 if the proof does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.proof", description=__doc__)
    parser.add_argument("--check", action="store_true", help="measure anew and compare with the page")
    parser.add_argument("--backend", help="measure this backend alone, and record it under backends/verified")
    parser.add_argument("--into", type=Path, default=VERIFIED, metavar="FOLDER",
                        help="with --backend, where to record it [backends/verified]")  # fmt: skip
    parser.add_argument("--keep", action="append", default=[], metavar="VARIANT",
                        help="take this column's figures from the page where it has them")  # fmt: skip
    options = parser.parse_args(arguments)
    if options.backend:
        try:
            found = record(all_sections(), options.backend, options.into)
        except BackendError as error:
            parser.error(str(error))
    elif options.check:
        found = check(all_sections(), PAGE.read_text() if PAGE.exists() else "")
    else:
        found = write(all_sections(), options.keep)
    for text in found:
        print(text, file=sys.stderr)
    print("the proof does not hold" if found else "the proof holds")
    return 1 if found else 0


def _report(text: str) -> None:
    print(text, flush=True)


def unshown(sections: Sequence[Section]) -> list[str]:
    """What genoml exports and no row shows, in words."""
    return [f"{section.title}: no row for {name}" for section in sections for name in section.missing]


def write(sections: Sequence[Section], keep: Sequence[str]) -> list[str]:
    """Measure everything and write the page; what does not hold."""
    columns, hardware = page_columns()
    old = read_page(PAGE.read_text()) if keep else {}
    table = measure(sections, [name for name in columns if name not in keep], _report)
    for variant in keep:
        _keep(sections, table, old, variant)
    verified = {name: VERIFIED / f"{name}.json" for name in hardware}
    elsewhere = {name: add_verified(table, name, file) for name, file in verified.items()}
    PAGE.write_text(write_page(sections, table, [*columns, *hardware], machine(), elsewhere))
    return unshown(sections) + failures(table)


def _keep(sections: Sequence[Section], table: Table, old: Table, variant: str) -> None:
    """Old figures of a variant, and new ones of the rows that have none."""
    for section in sections:
        rows = old.get(section.title, {})
        new = [entry for entry in section.entries if variant not in rows.get(entry.name, {})]
        part = Section(section.title, "", tuple(new), frozenset(), frozenset())
        fresh = variant_column([part], variant, _report)[section.title] if new else {}
        for entry in section.entries:
            cell = fresh.get(entry.name) or rows[entry.name][variant]
            table[section.title][entry.name][variant] = cell


def add_verified(table: Table, name: str, file: Path) -> str:
    """The recorded figures of a backend on its hardware; where they come from."""
    if not file.exists():
        return f"not run: no machine with {suite_of(name).hardware} was at hand"
    content = json.loads(file.read_text())
    for title, rows in table.items():
        for row, cells in rows.items():
            cells[name] = content["figures"].get(title, {}).get(row, "not run")
    return f"recorded on {content['device']}, {content['made_on']}"


def record(sections: Sequence[Section], variant: str, folder: Path) -> list[str]:
    """Measure one backend and write folder/NAME.json; what does not hold."""
    column = variant_column(sections, variant, _report)
    facts: dict[str, Any] = get_backend(variant).describe()
    content = {"backend": variant, **facts, "made_on": machine(("numpy",)), "figures": column}
    folder.mkdir(exist_ok=True)
    (folder / f"{variant}.json").write_text(json.dumps(content, indent=1) + "\n")
    table: Table = {
        title: {row: {variant: cell} for row, cell in rows.items()} for title, rows in column.items()
    }
    return failures(table)


def check(sections: Sequence[Section], page: str) -> list[str]:
    """What does not hold: today's figures, the rows of the page, and the figures that it records."""
    columns, _ = page_columns()
    recorded = read_page(page)
    found = unshown(sections) + outdated(sections, recorded, columns)
    found += [f"docs/proof.md records {text}" for text in failures(recorded)]
    quick = [name for name in default_variants() if name in columns]
    return found + failures(measure(sections, quick))


def outdated(sections: Sequence[Section], recorded: Table, columns: Sequence[str]) -> list[str]:
    """Rows and columns that the page lacks, or has too many, in words."""
    found = []
    for section in sections:
        today, rows = [entry.name for entry in section.entries], recorded.get(section.title, {})
        found += [f"no row {section.title}, {name}" for name in today if name not in rows]
        found += [f"a row {section.title}, {name}, that is gone" for name in rows if name not in today]
        if any(entry.on is not None for entry in section.entries):
            shown = {column for cells in rows.values() for column in cells}
            found += [f"no column {name} in {section.title}" for name in columns if name not in shown]
    return [f"docs/proof.md has {text}: run nox -s proof" for text in found]
