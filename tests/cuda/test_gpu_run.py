"""The one command for a GPU records what its parts find, their failures too; and the benchmark runs on any backend."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import gpu
from gpu import ROOT, Part

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
        assert (backend, smoke) == ("numpy", True)
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
        written = f"open({str(folder / 'numpy.json')!r}, 'w').write('{{\"figures\": {{\"Layers\": {{}}}}}}')"
        return [
            Part("check", python("print('61 of 61 layers and losses are right on numpy')"), 60, gpu._check),
            Part("proof", python(written), 60, gpu._proof),
            Part("demo", python("print('genoml demo   0.9501  0.9402  0.8803')"), 60, gpu._demo),
            Part("speed", python("import time; time.sleep(60)"), 1.0, gpu._speed),
            Part("suite", [*pytest_command, f"--junitxml={folder / 'suite.xml'}", str(tmp_path / "test_some.py")],
                 60, gpu._suite),
        ]  # fmt: skip

    monkeypatch.setattr(gpu, "parts", parts)
    assert gpu.main(["--backend", "numpy", "--out", str(tmp_path / "verified"), "--smoke"]) == 1
    assert capsys.readouterr().out.endswith("failed: speed, suite\n")
    found = json.loads((tmp_path / "verified" / "numpy.json").read_text())
    assert found["backend"] == "numpy"
    assert found["device"] == "cpu"
    assert found["figures"] == {"Layers": {}}
    assert (found["check"]["ok"], found["check"]["right"]) == (True, 61)
    assert found["demo"]["genoml demo"] == {"auroc": 0.9501, "aupr": 0.9402, "f1": 0.8803}
    assert "stopped after 1 s" in found["speed"]["output"]
    suite = found["suite"]
    assert (suite["tests"], suite["passed"], suite["failures"], suite["skipped"]) == (3, 1, 1, 1)
    assert suite["failed"] == ["test_some::test_bad"]
    assert list((tmp_path / "verified").iterdir()) == [tmp_path / "verified" / "numpy.json"]


def test_its_parts_are_commands_of_this_repository(tmp_path: Path) -> None:
    found = gpu.parts("cupy", tmp_path, False)
    assert [part.name for part in found] == ["check", "proof", "demo", "speed", "suite"]
    assert sum(part.limit_s for part in found[:-1]) < 60 * gpu.LIMIT_MIN
    for part in found:
        assert part.command[:2] == [sys.executable, "-m"]
        assert part.command[part.command.index("--backend") + 1] == "cupy"


def test_a_gpu_that_is_not_there_is_an_error_and_nothing_is_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        gpu.main(["--backend", "abacus", "--out", str(tmp_path / "verified")])
    assert stopped.value.code == 2
    assert "unknown backend 'abacus'" in capsys.readouterr().err
    assert not (tmp_path / "verified").exists()


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
