"""The one command for a GPU records what its parts find, their failures too; and the benchmark runs on any backend."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import gpu
from gpu import ROOT, Part
from support import cupy_on_host
from support.subprocesses import output_of

#: ignores the request to end, and leaves a child that holds its output open
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
subprocess.run([sys.executable, "-c", "import time; time.sleep(600)"])
"""

PASS_AND_FAIL = """
import time, pytest

def test_good(): pass

def test_bad(): raise ValueError("bad")

@pytest.mark.skipif(True, reason="never")
def test_skipped(): pass
"""


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_what_the_parts_find_is_recorded_and_failures_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "test_some.py").write_text(PASS_AND_FAIL)

    def parts(backend: str, folder: Path, smoke: bool) -> list[Part]:
        assert (backend, smoke) == ("numpy", False)
        pytest_command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            str(tmp_path),
        ]
        figures, suite = folder / "numpy.json", folder / "suite.xml"
        written = f"open({str(figures)!r}, 'w').write('{{\"figures\": {{\"Layers\": {{}}}}}}')"
        return [
            Part("check", python("print('61 of 61 layers and losses are right on numpy')"), 200, gpu._check),
            Part("proof", python(written), 200, gpu._content, figures),
            Part("demo", python("print('genoml demo   0.9501  0.9402  0.8803')"), 200, gpu._demo),
            Part("sanitizer", ["no-such-program"], 200, gpu._suite, suite),
            Part("suite", [*pytest_command, f"--junitxml={suite}", str(tmp_path / "test_some.py")], 200, gpu._suite,
                 suite),
            Part("speed", python(STUBBORN), 2, gpu._content, folder / "speed.json"),
        ]  # fmt: skip

    monkeypatch.setattr(gpu, "parts", parts)
    monkeypatch.setattr(gpu, "GRACE_S", 0.1)
    into = tmp_path / "verified"
    assert gpu.main(["--backend", "numpy", "--into", str(into), "--seconds", "900"]) == 1
    assert capsys.readouterr().out.endswith("failed: sanitizer, suite, speed\n")
    found = json.loads((tmp_path / "verified" / "numpy.json").read_text())
    assert found["backend"] == "numpy"
    assert found["device"] == "cpu"
    assert found["figures"] == {"Layers": {}}
    assert (found["check"]["ok"], found["check"]["right"]) == (True, 61)
    assert found["demo"]["genoml demo"] == {"auroc": 0.9501, "aupr": 0.9402, "f1": 0.8803}
    assert re.search(r"stopped after 2 s", found["speed"]["output"])
    assert "FileNotFoundError" in found["sanitizer"]["output"]
    suite = found["suite"]
    assert (suite["tests"], suite["passed"], suite["failures"], suite["skipped"]) == (3, 1, 1, 1)
    assert suite["failed"] == ["test_some::test_bad"]
    assert sorted(path.name for path in into.iterdir()) == ["numpy.json", "numpy.log"]
    assert "61 of 61 layers" in (into / "numpy.log").read_text()


def test_its_parts_are_commands_of_this_repository_and_fit_into_ten_minutes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(cupy_on_host.SWITCH, raising=False)
    found = gpu.parts("cupy", tmp_path, False)
    assert [part.name for part in found] == [
        "ceilings",
        "check",
        "suite",
        "proof",
        "speed",
        "demo",
        "sanitizer",
    ]
    assert sum(part.limit_s for part in found) <= gpu.LIMIT_S <= 575
    for part in found:
        at = part.command.index(sys.executable)
        assert part.command[at + 1] == "-m"
        assert part.command[part.command.index("--backend") + 1] == "cupy"
    assert found[-1].command[0] == "compute-sanitizer"


def test_tests_that_need_what_is_not_there_are_left_out_by_name() -> None:
    """They would end the suite before its first test."""
    tests = ROOT / "tests"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gpu.importlib.util, "find_spec", lambda name: None if name == "sklearn" else name)
        found = gpu.lacking(tests)
    assert {"sklearn"} == {module for modules in found.values() for module in modules}
    assert "tests/metrics/test_ranking.py" in found


def test_without_what_every_part_needs_nothing_is_begun(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(gpu, "NEEDED", ("pytest", "abacus"))
    with pytest.raises(SystemExit):
        gpu.main(["--into", str(tmp_path / "verified")])
    assert "needs abacus: install it, or put its wheel into --wheels" in capsys.readouterr().err
    assert not (tmp_path / "verified").exists()


def test_wheels_and_genoml_itself_are_used_without_an_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels, site = tmp_path / "wheels", tmp_path / "site"
    wheels.mkdir()
    with zipfile.ZipFile(wheels / "planted-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("planted.py", "value = 3")
        wheel.writestr(
            "planted-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: planted\nVersion: 1.0\n"
        )
        wheel.writestr("planted-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr("planted-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(sys, "path", list(sys.path))
    gpu.install(wheels, site)
    code = """
    from importlib.metadata import distribution
    import planted, genoml
    from genoml.backend import backend_entry_points
    print(planted.value, sorted(backend_entry_points()), distribution("genoml-xp").version == genoml.__version__)
    """
    assert output_of(code) == "3 ['cupy', 'jax', 'numpy', 'torch'] True"


def test_the_emulated_gpu_is_not_recorded_as_verified(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(gpu, "facts_of", lambda backend: {"device": cupy_on_host.DEVICE_NAME, "numpy": "2"})
    with pytest.raises(SystemExit):
        gpu.main([])
    assert not (gpu.VERIFIED / "cupy.json").exists()


def test_a_gpu_that_is_not_there_is_an_error_and_nothing_is_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        gpu.main(["--backend", "abacus", "--into", str(tmp_path / "verified")])
    assert stopped.value.code == 2
    assert "unknown backend 'abacus'" in capsys.readouterr().err
    assert not (tmp_path / "verified").exists()


def test_rows_of_the_benchmark_are_of_batches_that_fit_into_memory() -> None:
    from benchmarks.gpu import sizes

    names = {row.name for row in sizes(False)}
    assert {"basset, 1024 x 600", "spliceai, 64 x 10101"} <= names
    assert "spliceai, 1024 x 10101" not in names


def test_the_benchmark_runs_on_numpy(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "benchmarks.gpu",
        "--backend",
        "numpy",
        "--smoke",
        "--out",
        str(tmp_path / "s"),
    ]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    found = json.loads((tmp_path / "s").read_text())
    (row,) = found["float32"]["rows"].values()
    assert {"genoml_ms"} <= set(row["step"]) <= {"genoml_ms", "torch_ms"}
    assert found["float32"]["ceilings"]["tflops"] > 0
    assert found["scan"]["bases_per_s"] > 0
