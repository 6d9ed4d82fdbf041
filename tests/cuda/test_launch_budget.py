"""A training step of each network keeps within its budget of launches and waits for nothing; the page says so."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from counts import PAGE, PLACE, ROOT, table
from genoml.backend import Backend
from support.cupy_on_host import counting
from support.optimizers import OPTIMIZERS

#: kernels and products of a step; who needs more says why
BUDGETS = {
    "promoter CNN, 64 x 1000, 32 filters of 8": 13,
    "promoter CNN, 64 x 300, 32 filters of 8": 13,
    "deepsea, 64 x 1000": 42,
    "basset, 64 x 600": 75,
    "danq, 64 x 1000": 638,
    "deepstarr, 128 x 249": 90,
    "bpnet, 16 x 2114": 155,
    "spliceai, 1 x 10101": 804,
    "attention, 8 x 512, 128 wide, 8 heads, without weights": 25,
    "attention, 1 x 4096, 128 wide, 8 heads, without weights": 25,
    "LSTM, 64 x 75, 320 to 320": 308,
    "motif_cnn in fit, 64 x 1000": 129,
}
pytestmark = pytest.mark.backend


@pytest.fixture(scope="module")
def counted() -> dict[str, dict[str, float]]:
    """In a process of its own, where the emulated GPU computes nothing."""
    command = [sys.executable, "-m", "tests.counts", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, float]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", BUDGETS)
def test_a_step_keeps_within_its_budget(counted: dict[str, dict[str, float]], name: str) -> None:
    assert counted[name]["launches"] + counted[name]["products"] <= BUDGETS[name]


def test_every_network_has_a_budget_and_none_waits_or_reads(counted: dict[str, dict[str, float]]) -> None:
    assert set(counted) == set(BUDGETS)
    assert not {name: of for name, of in counted.items() if of["waits"] or of["to_host"]}


def test_the_page_says_what_is_counted(counted: dict[str, dict[str, float]]) -> None:
    """All but the last column, the time of the machine that made it."""
    shown = PLACE.search(PAGE.read_text(encoding="utf-8"))
    assert shown, "docs/gpu.md has no place for the table"
    lines = [line for line in shown[0].splitlines() if line.startswith("|")]
    assert list(map(without_time, lines)) == list(map(without_time, table(counted).splitlines())), (
        "python -m tests.counts --page"
    )


def without_time(line: str) -> str:
    return line.rsplit("|", 2)[0]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimiser_updates_all_parameters_in_one_launch(cuda: Backend, name: str) -> None:
    optimizer = OPTIMIZERS[name].make()
    params = {f"{at}.weights": cuda.asarray(np.ones((2, 3), np.float32)) for at in range(20)}
    grads = {path: value + 0.5 for path, value in params.items()}
    optimizer.update(params, grads)  # makes what it keeps
    with counting() as found:
        optimizer.update(params, grads)
    assert (found["launches"], found["products"], found["sets"]) == (1, 0, 0)
