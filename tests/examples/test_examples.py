"""The examples run as they stand, on the backends that are installed."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BACKENDS = ["numpy", *(name for name in ("torch", "jax") if importlib.util.find_spec(name))]


def run(*command: str) -> str:
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", BACKENDS)
def test_seed_promoter_leaves_one_out(name: str) -> None:
    out = run("examples/seed_promoter.py", "--backend", name, "--folds", "3", "--steps", "100")
    assert f"errors on 3 of 106 sequences, backend {name}" in out
    assert int(out.splitlines()[1].split()[0]) <= 1
    assert "KBANN" in out


@pytest.mark.parametrize("name", BACKENDS)
def test_train_motif_cnn_finds_the_planted_site(name: str) -> None:
    out = run("examples/train_motif_cnn.py", "--backend", name, "--epochs", "6")
    scores = next(line for line in out.splitlines() if line.startswith("{"))
    assert float(scores.split("'auroc': ")[1].split(",")[0]) > 0.95
    assert "GATA" in out.upper().rsplit("FILTER", 3)[1]


@pytest.mark.parametrize("name", BACKENDS)
def test_promoter_counts_are_predicted_better_with_the_sequence(name: str) -> None:
    small = ["--folds", "1", "--epochs", "3", "--promoters", "800"]
    out = run("examples/promoter_counts.py", "--backend", name, *small)
    assert "negative_binomial_loss with dispersion near 0.652" in out
    last = out.splitlines()[-1]
    with_sequence, without = (float(word) for word in last.split() if word[0].isdigit())
    assert with_sequence < without - 0.1


# without jax, on which the checks compile for long; tests/nn/test_all_layers.py runs them there
@pytest.mark.parametrize("name", [name for name in BACKENDS if name != "jax"])
def test_own_layer_is_proven_trains_and_comes_back_from_a_file(name: str) -> None:
    out = run("examples/own_layer.py", "--backend", name)
    assert "every check passed" in out
    errors = [float(line.split()[-1]) for line in out.splitlines() if "central differences" in line]
    assert len(errors) == 2
    assert max(errors) < 1e-8
    scores = {
        line.split()[2]: float(line.split()[-1]) for line in out.splitlines() if line.startswith("AUROC")
    }
    assert scores["PositionPool"] > 0.9
    assert scores["max"] < 0.6
    assert "the same numbers: True" in out


def test_an_example_refuses_a_backend_that_does_not_exist() -> None:
    done = subprocess.run(
        [sys.executable, "examples/seed_promoter.py", "--backend", "abacus"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "unknown backend 'abacus'" in done.stderr
