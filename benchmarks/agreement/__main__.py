"""Write docs/agreement.md: each topic's tables, made anew or, for topics not asked for, as they stood."""

from __future__ import annotations

import argparse
import importlib
import json
import platform
from pathlib import Path

import numpy

import genoml

TOPICS = (
    "fasta",
    "fastq",
    "translate",
    "orfs",
    "kmers",
    "align",
    "motifs",
    "genome",
    "profiles",
    "profiles_trained",
    "design",
    "attributions",
    "seqlets",
    "discovery",
    "experiments",
    "hits",
)
_FOLDER = Path(__file__).parent
_PAGE = _FOLDER.parents[1] / "docs" / "agreement.md"
_HEAD = """# Agreement with other tools

Results of genoml beside those of established tools, on real files and genomes. Every difference is
explained under its table. Written by `python -m benchmarks.agreement --data DIR`, where DIR holds the data that
each table names.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("topics", nargs="*", choices=[*TOPICS, []], help="default: all")
    parser.add_argument("--data", type=Path, required=True, help="folder with the data sets")
    options = parser.parse_args()
    parts = _FOLDER / "results"
    parts.mkdir(exist_ok=True)
    for topic in options.topics or TOPICS:
        module = importlib.import_module(f"benchmarks.agreement.{topic}")
        page = "\n".join(table.markdown() for table in module.tables(options.data))
        (parts / f"{topic}.json").write_text(
            json.dumps({"made_on": _machine(), "markdown": page}, indent=1) + "\n"
        )
        print(page)
    written = [
        json.loads((parts / f"{topic}.json").read_text())
        for topic in TOPICS
        if (parts / f"{topic}.json").exists()
    ]
    machines = "; ".join(sorted({part["made_on"] for part in written}))
    _PAGE.write_text(
        "\n".join([_HEAD, f"Machine and versions: {machines}.\n", *(part["markdown"] for part in written)])
    )


def _machine() -> str:
    return (
        f"genoml {genoml.__version__}, Python {platform.python_version()}, NumPy {numpy.__version__}, "
        f"{platform.system()} {platform.machine()}"
    )


if __name__ == "__main__":
    main()
