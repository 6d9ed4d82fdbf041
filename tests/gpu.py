"""``python -m tests.gpu --into FOLDER``: everything that a GPU has to show, in one command, under ten minutes.

For a machine that has Python, CuPy and PyTorch and no network: ``--wheels`` installs the rest, and genoml is used as
it lies here. What the device can do at most, the check of layers and losses, the suite, the proof sheet, the speed,
the demo and compute-sanitizer are processes of their own, each with a limit of time. What they find goes into
FOLDER/NAME.json after each, failures too, and what they say into FOLDER/NAME.log. The exit code is 1 if a part
failed or ran out of time. To rehearse: ``--smoke`` with ``--backend numpy``, or with CuPy on the CPU by
``python tests/support/cupy_on_host python -m tests.gpu --smoke --into FOLDER``.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

ROOT = Path(__file__).resolve().parents[1]
VERIFIED = ROOT / "backends" / "verified"
#: what the whole may take
LIMIT_S = 575.0
#: between the request to end and the end by force: pytest still writes what it has found
GRACE_S = 10.0
#: processes of the suite, where pytest-xdist is there
PROCESSES = 10
#: without these no part but the speed says anything
NEEDED = ("pytest", "pytest_timeout", "hypothesis", "scipy", "mpmath")
#: what compute-sanitizer watches: each kernel at least once
WATCHED = "finite or models_have_it or adams_update or random_numbers or standardisation or rectifier"

Read = Callable[[str, Path], dict[str, Any]]


@dataclass(frozen=True)
class Part:
    """A command, the longest it may take, its file, and what is read of its output and of that file."""

    name: str
    command: list[str]
    limit_s: float
    read: Read
    file: Path = Path()
    environment: dict[str, str] = field(default_factory=dict)


def _check(output: str, file: Path) -> dict[str, Any]:
    right, of = re.findall(r"(\d+) of (\d+) layers and losses are right", output)[-1]
    return {"right": int(right), "of": int(of)}


def _content(output: str, file: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(file.read_text())
    return content


def _demo(output: str, file: Path) -> dict[str, Any]:
    rows = re.findall(r"^(\S.*?)  +([01]\.\d+)  ([01]\.\d+)  ([01]\.\d+)$", output, re.MULTILINE)
    return {name: dict(zip(("auroc", "aupr", "f1"), map(float, row), strict=True)) for name, *row in rows}


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


def imports(file: Path) -> set[str]:
    """What a file imports at its top, by full names."""
    body = ast.parse(file.read_bytes()).body
    names = {alias.name for node in body if isinstance(node, ast.Import) for alias in node.names}
    return names | {
        f"{n.module}.{alias.name}" for n in body if isinstance(n, ast.ImportFrom) for alias in n.names
    }


def lacking(tests: Path) -> dict[str, list[str]]:
    """Files of tests that import what is not here, themselves or by another file of tests, and what that is."""
    places = (tests, ROOT, ROOT / "backends")
    own, found = {path.stem for place in places for path in place.iterdir()}, {}
    of_helpers = {f"{file.parent.name}.{file.stem}": imports(file) for file in tests.glob("*/*.py")}
    for file in sorted(tests.rglob("test_*.py")):
        names, before = imports(file), set[str]()
        while names != before:
            before = names
            helpers = {".".join(name.split(".")[:2]) for name in names} & of_helpers.keys()
            names = names.union(*(of_helpers[helper] for helper in helpers))
        tops = {name.partition(".")[0] for name in names} - own
        tops |= {"numba" for name in names if f"{name}.".startswith("genoml_numpy.compiled.")}
        missing = sorted(top for top in tops if importlib.util.find_spec(top) is None)
        if missing:
            found[str(file.relative_to(ROOT))] = missing
    return found


def _left_out(found: dict[str, list[str]], output: str, file: Path) -> dict[str, Any]:
    return _suite(output, file) | {"left_out": found}


def _watched(output: str, file: Path) -> dict[str, Any]:
    return {"errors": re.findall(r"ERROR SUMMARY: (\d+) errors?", output), **_suite(output, file)}


def parts(backend: str, folder: Path, smoke: bool) -> list[Part]:
    """What runs, in order."""
    python, on = [sys.executable, "-m"], ["--backend", backend]
    quick = ["--smoke"] if smoke else []
    suite = [*python, "pytest", "-q", "-p", "no:cacheprovider", *on]
    of_suite, of_watched = folder / "suite.xml", folder / "sanitizer.xml"
    absent = lacking(ROOT / "tests")
    ignored = [f"--ignore={file}" for file in absent]
    spread = ["-n", str(PROCESSES)] if importlib.util.find_spec("xdist") and not smoke else []
    speed = [*python, "benchmarks.gpu", *on, *quick]
    found = [
        Part("ceilings", [*speed, "--ceilings", "--out", str(folder / "ceilings.json")], 15, _content,
             folder / "ceilings.json"),
        Part("check", [*python, "genoml.testing", *on], 100, _check),
        Part("suite", [*suite, "-m", "backend", *spread, *ignored, f"--junitxml={of_suite}",
                       *(["tests/ops/test_pool1d.py"] if smoke else [])], 170, partial(_left_out, absent), of_suite),
        Part("proof", [*python, "tests.proof", *on, "--into", str(folder)], 40, _content, folder / f"{backend}.json"),
        Part("speed", [*speed, "--compiled", "--seconds", "115", "--out", str(folder / "speed.json")], 130, _content,
             folder / "speed.json"),
        Part("demo", [*python, "genoml", "demo", *on, "--out", str(folder / "demo"),
                      *(["--epochs", "1"] if smoke else [])], 60, _demo),
    ]  # fmt: skip
    if backend == "cupy":
        watched = [*suite, "tests/cuda/test_twins.py", "-k", "finite" if smoke else WATCHED, "-p", "support.no_pool",
                   f"--junitxml={of_watched}"]  # fmt: skip
        if "GENOML_CUPY_ON_HOST" in os.environ:  # the emulated GPU watches itself
            environment = {"GENOML_CUPY_ON_HOST": "on,guarded"}
            found.append(Part("sanitizer", watched, 40, _watched, of_watched, environment))
        else:
            by = ["compute-sanitizer", "--target-processes", "all", "--error-exitcode", "9"]
            found.append(Part("sanitizer", [*by, *watched], 40, _watched, of_watched))
    return found


def run(part: Part, limit_s: float, log: BinaryIO) -> dict[str, Any]:
    """Its figures, its time, and whether it ended well; the end of what it said where it did not."""
    log.write(f"\n==== {part.name}: {' '.join(part.command)}\n".encode())
    log.flush()
    start, from_byte, said = time.monotonic(), log.tell(), ""
    try:
        ended = _end_of(part, limit_s, log)
        said = "" if ended is not None else f"\nstopped after {limit_s:.0f} s"
    except OSError as error:  # no such program
        ended, said = 1, f"{type(error).__name__}: {error}"
    output = Path(log.name).read_bytes()[from_byte:].decode(errors="replace") + said
    log.seek(0, os.SEEK_END)
    found: dict[str, Any] = {"ok": ended == 0, "seconds": round(time.monotonic() - start, 1)}
    try:
        found |= part.read(output, part.file)
    except (OSError, LookupError, ValueError, StopIteration, ElementTree.ParseError) as error:
        found |= {"ok": False, "unread": f"{type(error).__name__}: {error}"}
    return found if found["ok"] else found | {"output": output[-2000:]}


def _end_of(part: Part, limit_s: float, log: BinaryIO) -> int | None:
    """The exit code of the command, or None where it ran out of time; no process of it is left."""
    process = subprocess.Popen(
        part.command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"} | part.environment,
    )  # fmt: skip
    try:
        return process.wait(limit_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_S)
        return None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def install(wheels: Path, into: Path) -> None:
    """Unpack wheels into a folder and put it, and genoml beside it, on the path of all that follows."""
    files = sorted(map(str, wheels.glob("*.whl")))
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--no-compile"]
    subprocess.run([*command, "--target", str(into), *files], check=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    version = re.findall(r'__version__ = "(.+)"', (ROOT / "genoml" / "__init__.py").read_text())[0]
    # what an installation would say of genoml: a backend is found by its entry point
    facts = into / f"{project['name'].replace('-', '_')}-{version}.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {version}\n")
    points = "".join(f"{k} = {v}\n" for k, v in project["entry-points"]["genoml.backends"].items())
    (facts / "entry_points.txt").write_text(f"[genoml.backends]\n{points}")
    places = [str(into), str(ROOT), str(ROOT / "backends"), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(places)
    sys.path.insert(0, str(into))  # for the question which plugins of pytest there are


FACTS = """
import json, sys
from importlib.metadata import version
from genoml.backend import BackendError, get_backend
try:
    facts = get_backend(sys.argv[1]).describe()
except BackendError as error:
    sys.exit(str(error))
print(json.dumps({**facts, "numpy": version("numpy")}))
"""


def facts_of(backend: str) -> dict[str, str]:
    """The device and the versions; exits with 2 where it cannot be used."""
    command = [sys.executable, "-c", FACTS, backend]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"tests.gpu: error: {done.stderr.strip()}", file=sys.stderr)
        raise SystemExit(2)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def measure(
    backend: str, into: Path, *, seconds: float, smoke: bool, only: list[str], folder: Path
) -> dict[str, Any]:
    """Every part, or those named, written as it comes; the proof's figures stand where docs/proof.md reads them."""
    end, facts = time.monotonic() + seconds, facts_of(backend)
    made_on = f"Python {platform.python_version()}, numpy {facts.pop('numpy')}, {platform.platform()}"
    result: dict[str, Any] = {"backend": backend, **facts, "made_on": made_on}
    result["date"] = datetime.now(UTC).strftime("%Y-%m-%d")
    if into == VERIFIED and "no GPU" in facts["device"]:
        print(f"tests.gpu: error: not recorded as verified: {facts['device']}", file=sys.stderr)
        raise SystemExit(2)
    into.mkdir(parents=True, exist_ok=True)
    with (into / f"{backend}.log").open("w+b") as log:
        for part in (part for part in parts(backend, folder, smoke) if not only or part.name in only):
            left = max(end - time.monotonic(), 1.0)
            found = run(part, left if smoke else min(part.limit_s, left), log)
            if part.name == "proof":
                result["figures"] = found.pop("figures", {})
                kept = ("ok", "seconds", "output", "unread")
                found = {key: value for key, value in found.items() if key in kept}
            result[part.name] = found
            _write(into / f"{backend}.json", result)
            print(f"{part.name}: {'ok' if found['ok'] else 'FAILED'}, {found['seconds']} s", flush=True)
    return result


def _write(file: Path, result: dict[str, Any]) -> None:
    """Whole or not at all; genoml's own way may not be installed yet."""
    made = file.with_suffix(".part")
    made.write_text(json.dumps(result, indent=1) + "\n")
    made.replace(file)


def main(arguments: list[str] | None = None) -> int:
    """Parse the arguments, run, and write; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.gpu", description=__doc__)
    parser.add_argument("--backend", default="cupy")
    parser.add_argument(
        "--into", type=Path, default=VERIFIED, help="folder for NAME.json [backends/verified]"
    )
    parser.add_argument("--wheels", type=Path, help="folder of wheels to use besides what is installed")
    parser.add_argument("--seconds", type=float, default=LIMIT_S, help="limit of the whole [575]")
    parser.add_argument("--smoke", action="store_true", help="only see that every part runs")
    parser.add_argument("--only", action="append", default=[], help="a part by its name; may be repeated")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.wheels is not None:
            install(options.wheels.resolve(), folder / "site")
        missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
        if missing:
            parser.error(f"needs {', '.join(missing)}: install it, or put its wheel into --wheels")
        os.environ.setdefault("CUPY_NVRTC_USE_PCH", "1")  # NVRTC compiles CuPy's headers once
        into = options.into.resolve()
        result = measure(
            options.backend,
            into,
            seconds=options.seconds,
            smoke=options.smoke,
            only=options.only,
            folder=folder,
        )
    wrong = [name for name, part in result.items() if isinstance(part, dict) and part.get("ok") is False]
    print(f"failed: {', '.join(wrong)}" if wrong else "all is well")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
