"""The examples run as they stand, on the backends that are installed."""

from __future__ import annotations

import importlib.util
import os
import re
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


# without jax, which compiles for long
@pytest.mark.parametrize("name", [name for name in BACKENDS if name != "jax"])
def test_ctcf_profiles_lie_where_the_network_says(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    out = run("examples/ctcf_profiles.py", "--backend", name, "--epochs", "4", "--out", str(folder))
    of_network, of_mean = (float(part) for part in re.findall(r"profiles? (0\.\d+)", out))
    assert of_network < of_mean - 0.05
    assert (folder / "run.json").exists()


@pytest.mark.parametrize("path", sorted(ROOT.glob("examples/*.py")), ids=lambda path: path.stem)
def test_every_example_has_a_quick_form(path: Path) -> None:
    assert '"--quick"' in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name", ["cell_types", "own_layer", "promoter_counts", "seed_promoter", "train_motif_cnn"]
)
def test_the_quick_form_of_an_example_runs(name: str) -> None:
    assert run(f"examples/{name}.py", "--quick")


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


def test_rare_positives_are_found_by_no_one_who_says_no() -> None:
    lines = run("examples/rare_positives.py", "--quick").splitlines()
    assert "accuracy 0.9900, AUROC 0.5000, AUPR 0.0100, F1 0.0000, Brier 0.0099" in lines[1]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("| ")][1:]
    assert [row[0] for row in rows] == [
        "none: cross-entropy", "class weights", "focal loss, gamma 2", "balanced batches",
        "19 new negatives a positive, each epoch", "6-mer logistic regression",
    ]  # fmt: skip
    # so few steps teach nothing yet, but calibrated probabilities are as good as the share of positives
    assert all(float(row[6].split()[0]) < 0.0105 for row in rows)


def figures(line: str) -> list[float]:
    """The numbers of a line of results."""
    return [float(number) for number in re.findall(r"(?<![\w-])-?\d+\.\d+", line)]


# without jax, as own_layer.py
without_jax = pytest.mark.parametrize("name", [name for name in BACKENDS if name != "jax"])
# these two take PyTorch's small arrays a minute each
on_numpy = pytest.mark.parametrize("name", ["numpy"])


class TestWorkedExamples:
    @without_jax
    def test_tf_binding_is_predicted_on_other_chromosomes(self, name: str) -> None:
        lines = run("examples/tf_binding.py", "--backend", name, "--quick").splitlines()
        network, kmers, matrix = (figures(line)[0] for line in lines[2:5])
        assert network > kmers + 0.05
        assert matrix > 0.95
        assert "CTCF" in lines[-3]

    @on_numpy
    def test_peaks_become_named_motifs_with_sites_in_the_genome(self, name: str) -> None:
        lines = run("examples/peaks_to_motifs.py", "--backend", name, "--quick").splitlines()
        assert re.search(r"pos_0: \d+ seqlets, CTCF MA\d+\.\d, similarity 0\.[89]", lines[3])
        assert re.fullmatch(r"the first site: chr\w+ \d+ \d+ pos_\d \S+ [+-]", lines[-1])

    @on_numpy
    def test_splice_sites_of_three_classes_are_told_apart(self, name: str) -> None:
        lines = run("examples/splice_sites.py", "--backend", name, "--quick").splitlines()
        assert "3190 sequences of 60 bp, 60 ambiguous letters" in lines[0]
        network, linear, published = (figures(line) for line in lines[3:6])
        assert network[-1] > linear[-1]
        assert network[-1] > 0.92
        assert published == [7.56, 8.47, 4.62]

    @on_numpy
    def test_both_enhancer_activities_are_predicted(self, name: str) -> None:
        lines = run("examples/starr_two_tasks.py", "--backend", name, "--quick").splitlines()
        assert lines[1].split()[-2:] == ["developmental", "housekeeping"]
        network, ridge = (figures(line) for line in lines[2:4])
        assert len(network) == len(ridge) == 2
        assert sum(network) > 0.2
        assert min(ridge) > 0.25

    @without_jax
    def test_rna_binding_is_predicted_and_its_motif_found(self, name: str) -> None:
        lines = run("examples/rna_binding.py", "--backend", name, "--quick").splitlines()
        network, kmers = (figures(line)[0] for line in lines[1:3])
        assert network > kmers + 0.03
        # QKI binds ACUAAY
        assert any(word in line for line in lines[3:] for word in ("CUAA", "ACUA"))


def test_attention_on_trnas_finds_pairs_in_unseen_groups(tmp_path: Path) -> None:
    picture = tmp_path / "map.png"
    out = run("examples/trna_attention.py", "--quick", "--epochs", "12", "--out", str(picture))
    assert "every check of PairScores passed" in out
    words = out.split("held-out base pairs:")[1].split()
    precision, recall = (float(word.rstrip(",")) for word in words if word[0].isdigit())
    assert precision > 0.25  # of pairs drawn at random some 1 % are right
    assert recall > 0.1
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_an_example_refuses_a_backend_that_does_not_exist() -> None:
    done = subprocess.run(
        [sys.executable, "examples/seed_promoter.py", "--backend", "abacus"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "unknown backend 'abacus'" in done.stderr
