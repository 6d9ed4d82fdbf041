"""What a user pays before the first line of work: import time beyond NumPy's, and installed size.

python benchmarks/install.py            import time, in the environment at hand
python benchmarks/install.py --fresh    also a base install into a new environment, timed and weighed
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def import_seconds(module: str, runs: int = 9) -> float:
    """Median time of a fresh interpreter that imports the module, less one that imports nothing."""

    def once(code: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return time.perf_counter() - start

    pairs = [once(f"import {module}") - once("pass") for _ in range(runs)]
    return statistics.median(pairs)


def folder_bytes(path: Path) -> int:
    return sum(f.stat().st_size for f in path.rglob("*") if f.is_file() and not f.is_symlink())


def fresh_install() -> None:
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / ("Scripts" if os.name == "nt" else "bin") / "python"
        ask = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
        packages = Path(subprocess.run(ask, check=True, capture_output=True, text=True).stdout.strip())
        there = set(packages.iterdir())  # pip itself
        before, start = folder_bytes(packages), time.perf_counter()
        subprocess.run([python, "-m", "pip", "install", "-q", "--no-compile", str(ROOT)], check=True)
        seconds = time.perf_counter() - start
        print(f"base install: {(folder_bytes(packages) - before) / 1e6:.1f} MB in {seconds:.0f} s")
        for package in sorted(set(packages.iterdir()) - there, key=folder_bytes, reverse=True)[:6]:
            print(f"  {folder_bytes(package) / 1e6:6.1f} MB  {package.name}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fresh", action="store_true")
    arguments = parser.parse_args()
    numpy, genoml = import_seconds("numpy"), import_seconds("genoml")
    print(f"import numpy: {numpy:.3f} s; import genoml: {genoml:.3f} s, {genoml - numpy:.3f} s beyond NumPy")
    if arguments.fresh:
        fresh_install()


if __name__ == "__main__":
    main()
