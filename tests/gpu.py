"""``python -m tests.gpu --backend cupy``: everything that a GPU has to show, in one command, under ten minutes.

The check of layers and losses, the proof sheet, the demo, the benchmark, and the suite, each a process of its own with
a limit of time; what they find goes into backends/verified/NAME.json, failures too. The exit code is 1 if a part
failed or ran out of time. On the CPU the same runs with ``--backend numpy --out FOLDER``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
VERIFIED = ROOT / "backends" / "verified"
#: what the whole may take, in minutes
LIMIT_MIN = 9.5


@dataclass(frozen=True)
class Part:
    """A command, the longest it may take, and what is read of its output and of its file."""

    name: str
    command: list[str]
    limit_s: float
    read: Callable[[str, Path], dict[str, Any]]


def _check(output: str, file: Path) -> dict[str, Any]:
    right, of = re.findall(r"(\d+) of (\d+) layers and losses are right", output)[-1]
    return {"right": int(right), "of": int(of)}


def _proof(output: str, file: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(file.read_text())
    return content


def _demo(output: str, file: Path) -> dict[str, Any]:
    rows = re.findall(r"^(\S.*?)  +([01]\.\d+)  ([01]\.\d+)  ([01]\.\d+)$", output, re.MULTILINE)
    return {name: dict(zip(("auroc", "aupr", "f1"), map(float, row), strict=True)) for name, *row in rows}


def _speed(output: str, file: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(file.read_text())
    return content


def _suite(output: str, file: Path) -> dict[str, Any]:
    """Counts of the tests, and the names of those that failed."""
    suite = next(ElementTree.parse(file).getroot().iter("testsuite"))
    counts = {key: int(suite.get(key, 0)) for key in ("tests", "failures", "errors", "skipped")}
    bad = [
        f"{case.get('classname')}::{case.get('name')}"
        for case in suite.iter("testcase")
        if case.find("failure") is not None or case.find("error") is not None
    ]
    passed = counts["tests"] - counts["failures"] - counts["errors"] - counts["skipped"]
    return {**counts, "passed": passed, "failed": bad}


def parts(backend: str, folder: Path, smoke: bool) -> list[Part]:
    """What runs, in order; the suite comes last and has the time that is left."""
    python, quick = [sys.executable, "-m"], ["--smoke"] if smoke else []
    tests = ["tests/ops/test_pool1d.py"] if smoke else []
    epochs = ["--epochs", "1"] if smoke else []
    return [
        Part("check", [*python, "genoml.testing", "--backend", backend], 60, _check),
        Part("proof", [*python, "tests.proof", "--backend", backend, "--into", str(folder)], 60, _proof),
        Part("demo", [*python, "genoml", "demo", "--backend", backend, "--out", str(folder / "demo"), *epochs],
             60, _demo),
        Part("speed", [*python, "benchmarks.gpu", "--backend", backend, "--seconds", "90",
                       "--out", str(folder / "speed.json"), *quick], 150, _speed),
        Part("suite", [*python, "pytest", "-q", "-p", "no:cacheprovider", "--backend", backend, "-m", "backend",
                       f"--junitxml={folder / 'suite.xml'}", *tests], 600, _suite),
    ]  # fmt: skip


def run(part: Part, file: Path, limit_s: float) -> dict[str, Any]:
    """Its figures, its time, and whether it ended well; the end of what it said where it did not."""
    start = time.monotonic()
    try:
        done = subprocess.run(
            part.command, cwd=ROOT, capture_output=True, text=True, timeout=limit_s, check=False,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        output, failed = done.stdout + done.stderr, done.returncode != 0
    except subprocess.TimeoutExpired as stopped:
        output, failed = (
            f"{_text(stopped.stdout)}{_text(stopped.stderr)}\nstopped after {limit_s:.0f} s",
            True,
        )
    found: dict[str, Any] = {"ok": not failed, "seconds": round(time.monotonic() - start, 1)}
    try:
        found |= part.read(output, file)
    except (OSError, LookupError, ValueError, StopIteration, ElementTree.ParseError) as error:
        found |= {"ok": False, "unread": f"{type(error).__name__}: {error}"}
    return found if found["ok"] else found | {"output": output[-2000:]}


def _text(output: str | bytes | None) -> str:
    return output.decode(errors="replace") if isinstance(output, bytes) else output or ""


def measure(backend: str, *, minutes: float, smoke: bool) -> dict[str, Any]:
    """Every part; the proof's figures stand where docs/proof.md reads them."""
    from genoml.backend import get_backend

    facts = get_backend(backend).describe()
    end, result = time.monotonic() + 60 * minutes, {"backend": backend, **facts}
    result["made_on"] = f"Python {platform.python_version()}, numpy {version('numpy')}, {platform.platform()}"
    result["date"] = datetime.now(UTC).strftime("%Y-%m-%d")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = {
            "proof": folder / f"{backend}.json",
            "speed": folder / "speed.json",
            "suite": folder / "suite.xml",
        }
        for part in parts(backend, folder, smoke):
            left = min(part.limit_s, max(end - time.monotonic(), 1.0))
            found = run(part, files.get(part.name, folder), left)
            if part.name == "proof":
                result["figures"] = found.pop("figures", {})
                found = {
                    key: value for key, value in found.items() if key in ("ok", "seconds", "output", "unread")
                }
            result[part.name] = found
            print(f"{part.name}: {'ok' if found['ok'] else 'FAILED'}, {found['seconds']} s", flush=True)
    return result


def main(arguments: list[str] | None = None) -> int:
    """Parse the arguments, run, and write; the exit code."""
    from genoml.backend import BackendError
    from genoml.io.files import write_whole

    parser = argparse.ArgumentParser(prog="python -m tests.gpu", description=__doc__)
    parser.add_argument("--backend", default="cupy")
    parser.add_argument("--out", type=Path, default=VERIFIED, help="folder for NAME.json [backends/verified]")
    parser.add_argument("--minutes", type=float, default=LIMIT_MIN, help="limit of the whole")
    parser.add_argument("--smoke", action="store_true", help="only see that every part runs")
    options = parser.parse_args(arguments)
    try:
        result = measure(options.backend, minutes=options.minutes, smoke=options.smoke)
    except BackendError as error:
        parser.error(str(error))
    options.out.mkdir(parents=True, exist_ok=True)
    with write_whole(options.out / f"{options.backend}.json") as stream:
        stream.write((json.dumps(result, indent=1) + "\n").encode())
    wrong = [name for name, part in result.items() if isinstance(part, dict) and part.get("ok") is False]
    print(f"failed: {', '.join(wrong)}" if wrong else "all is well")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
