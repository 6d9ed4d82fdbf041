"""What a user pays before the first line of work: import time beyond NumPy's, and installed size.

python benchmarks/install.py            in the environment at hand
python benchmarks/install.py --fresh    also a base install into a new environment, timed and weighed
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
import venv
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
#: what is weighed: name of the module -> name of the distribution
WEIGHED = {"genoml": "genoml-xp", "torch": "torch", "jax": "jax"}


def import_seconds(module: str, runs: int = 9) -> float:
    """Median time of a fresh interpreter that imports the module, less one that imports nothing."""

    def once(code: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return time.perf_counter() - start

    pairs = [once(f"import {module}") - once("pass") for _ in range(runs)]
    return statistics.median(pairs)


def needed(name: str) -> set[str]:
    """The distribution and all that it requires, without extras, of what is installed here."""
    found, waiting = set[str](), [name]
    while waiting:
        current = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        try:
            requirements = distribution(current).requires or []
        except PackageNotFoundError:  # for another platform
            continue
        if current not in found:
            found.add(current)
            waiting += [
                re.split(r"[\s;<>=!~\[(]", each)[0] for each in requirements if "extra ==" not in each
            ]
    return found


def installed_mb(name: str) -> float:
    """Size of a distribution with all that it requires, without compiled bytecode."""
    total = 0
    for each in needed(name):
        if each == WEIGHED["genoml"]:  # installed from its checkout, whose folders hold the files
            project = tomllib.loads((ROOT / "pyproject.toml").read_text())
            folders = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
            files = [file for folder in folders for file in (ROOT / folder).rglob("*")]
        else:
            files = [Path(str(file.locate())) for file in distribution(each).files or []]
        total += sum(f.stat().st_size for f in files if f.is_file() and f.suffix != ".pyc")
    return total / 1e6


def fresh_install() -> dict[str, float]:
    """A base install into a new environment: its seconds, and the sizes of what it brings, in MB."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / ("Scripts" if os.name == "nt" else "bin") / "python"
        ask = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
        packages = Path(subprocess.run(ask, check=True, capture_output=True, text=True).stdout.strip())
        there = set(packages.iterdir())  # pip itself
        start = time.perf_counter()
        subprocess.run([python, "-m", "pip", "install", "-q", "--no-compile", str(ROOT)], check=True)
        seconds = time.perf_counter() - start
        sizes = {path.name: folder_bytes(path) / 1e6 for path in set(packages.iterdir()) - there}
        return {"seconds": seconds, "mb": sum(sizes.values()), **sizes}


def folder_bytes(path: Path) -> int:
    files = [path] if path.is_file() else path.rglob("*")
    return sum(f.stat().st_size for f in files if f.is_file() and not f.is_symlink())


def measure(runs: int = 9) -> list[dict[str, Any]]:
    """Import time and installed size of genoml, PyTorch and JAX, of those that are here."""
    rows: list[dict[str, Any]] = [{"module": "numpy", "import_s": import_seconds("numpy", runs)}]
    for module, name in WEIGHED.items():
        if importlib.util.find_spec(module):
            rows.append(
                {
                    "module": module,
                    "import_s": import_seconds(module, runs),
                    "installed_mb": installed_mb(name),
                }
            )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fresh", action="store_true")
    arguments = parser.parse_args()
    for row in measure():
        size = f", {row['installed_mb']:.1f} MB with what it requires" if "installed_mb" in row else ""
        print(f"import {row['module']}: {row['import_s']:.3f} s{size}")
    if arguments.fresh:
        sizes = fresh_install()
        print(f"base install: {sizes.pop('mb'):.1f} MB in {sizes.pop('seconds'):.0f} s")
        for name, size in sorted(sizes.items(), key=lambda item: -item[1])[:6]:
            print(f"  {size:6.1f} MB  {name}")


if __name__ == "__main__":
    main()
