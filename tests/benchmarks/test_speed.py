"""The benchmark runs, and what it writes follows from its results; no time is asserted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from genoml import nn

ROOT = Path(__file__).resolve().parents[2]
ROW = "promoter CNN, 64 x 300, 32 filters of 8"


@pytest.fixture(autouse=True)
def from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


def cells(table: str, first: str) -> list[str]:
    line = next(line for line in table.splitlines() if line.startswith(f"| {first} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_smoke_run_compares_equal_networks_and_keeps_nothing() -> None:
    kept = {path: path.read_bytes() for path in (ROOT / "docs/performance.md",)}
    command = [sys.executable, "-m", "benchmarks.speed", "--smoke", "--threads", "1", "--rows", "64 x 300"]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "failed" not in done.stdout
    assert "differ" not in done.stdout
    for title, shown in (
        ("### Training step, 1 thread", "PyTorch, ms"),
        ("### Inference, 1 thread", "JAX (jit), ms"),
    ):
        table = done.stdout.split(title)[1].split("NumPy's")[0].split("###")[0]
        assert float(cells(table, ROW)[1]) > 0.0
        assert (shown in table) == bool(find_spec("torch") if "PyTorch" in shown else find_spec("jax"))
    assert all(path.read_bytes() == text for path, text in kept.items())


def test_a_network_s_multiply_adds_are_those_of_its_formulas() -> None:
    from benchmarks.speed.work import operations

    model = nn.Sequential(
        {
            "conv": nn.Conv1D(4, 6, 5, stride=2, padding=1),
            "other": nn.Conv1D(6, 8, 3, padding="same", groups=2),
            "pool": nn.GlobalMaxPool1D(),
            "dense": nn.Dense(8, 3),
        }
    )
    first, second, dense = 2 * 9 * 6 * 4 * 5, 2 * 9 * 8 * 3 * 3, 2 * 8 * 3
    step, infer = operations(model, np.zeros((2, 4, 19), dtype=np.float32))
    assert infer == 2 * (first + second + dense)
    # the network's input has no gradient
    assert step == 2 * (2 * first + 3 * second + 3 * dense)
    assert not any("vjp" in vars(layer) for layer in model.layers)


def test_ratios_are_of_neighbours_and_every_side_runs_as_often() -> None:
    from benchmarks.speed.measure import interleaved

    order: list[str] = []

    def side(name: str, seconds: float) -> Callable[[int], float]:
        def timed(repeats: int) -> float:
            order.append(name)
            return seconds

        return timed

    found = interleaved(side("a", 0.001), {"b": side("b", 0.004), "c": side("c", 0.002)}, 3, 0)
    assert order[-9:] == ["a", "b", "c"] * 3
    assert set(found) == {"b", "c"}
    assert found["b"].as_dict() == {"ours": 0.001, "theirs": 0.004, "ratio": 4.0, "low": 4.0, "high": 4.0}


def test_a_profile_s_shares_make_up_the_step_of_all_threads() -> None:
    from benchmarks.speed.profile import profile

    found = profile(ROW, 2, 20)
    shares = {(path, kind): share for path, kind, share in found["shares"]}
    expected = {
        "convolution with its maximum, forward",
        "convolution with its maximum, gradients",
        "optimiser",
    }
    assert expected <= {kind for _, kind in shares}
    # the processor's clocks are coarser than the wall's
    assert sum(shares.values()) == pytest.approx(1.0, abs=0.1)
    assert all(share >= 0.0 for share in shares.values())


def test_the_page_is_made_from_the_kept_results_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.speed import page

    time_of = {"ours": 0.1, "theirs": 0.3, "ratio": 3.0, "low": 2.9, "high": 3.2}
    speed = [
        {"row": ROW, "threads": 2, "kind": "step", "side": "eager", **time_of},
        {"row": ROW, "threads": 2, "kind": "step", "side": "jax", **time_of, "ratio": 5.5},
        {"row": ROW, "threads": 2, "kind": "step", "side": "compiled", "failed": "no C++ compiler"},
        {"row": ROW, "threads": 2, "kind": "ceiling", "rate": 1e11, "step": 0.05, "infer": 0.02},
    ]
    speed = [record | {"kernels": "native"} for record in speed]
    growth = [
        {"panel": panel, "axis": "batch", "value": value, "ours": 0.001 * value, "theirs": 0.002 * value}
        for panel in ("promoter CNN", "Basset")
        for value in (8, 16)
    ]
    monkeypatch.setattr(page, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(page, "PAGE", tmp_path / "performance.md")
    monkeypatch.setattr(page, "IMAGES", tmp_path / "images")
    (tmp_path / "performance.md").write_text((ROOT / "docs/performance.md").read_text())
    page.save({"machine": {"Some CPU": "(2 cores)"}, "speed": speed, "growth": growth})
    assert json.loads((tmp_path / "results.json").read_text())["speed"] == speed
    page.write_page(page.load())
    text = (tmp_path / "performance.md").read_text()
    row = cells(text, ROW)
    assert row[1:3] == ["100.0", "300.0: **3.00** (2.90 to 3.20)"]
    assert "no C++ compiler" in row
    # the fastest of the others, what is to be reached, and the operations at full rate
    assert row[-4:] == ["3.00", "4.0", "50.0", "0.50"]
    svg = (tmp_path / "images/speed_batch.svg").read_text()
    assert "sequences in a batch" in svg
    assert len(svg) < 60_000
    page.write_page(page.load())
    assert (tmp_path / "performance.md").read_text() == text


def test_the_rest_of_the_loop_is_a_share_of_a_real_step() -> None:
    from benchmarks.speed.loop import loop
    from benchmarks.speed.rows import row_by_name

    found = loop(row_by_name(ROW), 1, 4)
    assert 0.0 < found["rest"] < 1.0
    assert 0.0 < found["scores"] < 1.0


def test_a_row_measured_again_takes_the_place_of_its_old_records_only() -> None:
    from benchmarks.speed.suite import merge

    other = "LSTM, 64 x 75, 320 to 320"
    old = {"speed": [{"row": ROW, "ours": 1.0}, {"row": other, "ours": 2.0}], "install": {"modules": []}}
    found = merge(old, "speed", [{"row": ROW, "ours": 3.0}])
    assert found["speed"] == [{"row": ROW, "ours": 3.0}, {"row": other, "ours": 2.0}]
    assert found["install"] == old["install"]
    assert found["machine"]["Python"]
