"""Every network that gives one output, from ``genoml train`` to ``genoml predict``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from genoml.io.errors import FormatWarning
from genoml.runs import load_run
from support.models import ONE_LABEL
from support.planted import run_genoml, write_fasta_pair

LENGTH_BP = 43
#: networks whose dense layers fix the length
FIXED = ["basset", "danq", "deepromoter", "deepsea", "deepstarr"]


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    monkeypatch.chdir(tmp_path)
    write_fasta_pair(tmp_path, 20, LENGTH_BP)
    return "pos.fa", "neg.fa"


def write_settings(name: str) -> str:
    options = ", ".join(f"{key} = {json.dumps(value)}" for key, value in ONE_LABEL[name].items())
    Path("small.toml").write_text(f'model = "{name}"\nmodel_options = {{ {options} }}\nbatch_size = 16\n')
    return "small.toml"


@pytest.mark.parametrize("name", ONE_LABEL)
def test_a_network_is_trained_evaluated_and_predicts(
    name: str, pair: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    settings = write_settings(name)
    assert run_genoml("train", *pair, "--out", "run", "--epochs", 2, "--config", settings) == 0
    assert f"{name} on numpy" in capsys.readouterr().err
    assert run_genoml("evaluate", "run", *pair, "--json") == 0
    assert json.loads(capsys.readouterr().out)["n_positives"] == 20
    # shorter by an odd number, as data that another length was trained on often are
    Path("short.fa").write_text(f">a\n{'ACGT' * 10}\n>b\n{'ACGT' * 10}A\n")
    assert run_genoml("predict", "run", "short.fa", "--out", "scores.tsv") == 0
    scores = [line.split("\t") for line in Path("scores.tsv").read_text().splitlines()]
    assert [row[0] for row in scores] == ["name", "a", "b"]
    assert all(0.0 < float(row[1]) < 1.0 for row in scores[1:])


@pytest.mark.parametrize("name", FIXED)
def test_a_network_of_a_fixed_length_takes_that_of_the_data_and_refuses_longer_sequences(
    name: str, pair: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_genoml("train", *pair, "--out", "run", "--epochs", 1, "--config", write_settings(name)) == 0
    record = load_run("run").record
    assert record.config.model_options["length_bp"] == record.length_bp == LENGTH_BP
    Path("long.fa").write_text(f">a\n{'A' * LENGTH_BP}\n>b x\n{'A' * (LENGTH_BP + 1)}\n")
    capsys.readouterr()
    assert run_genoml("predict", "run", "long.fa", "--out", "scores.tsv") == 2
    error = capsys.readouterr().err
    assert "long.fa, record 2 (b): 44 bp is longer than the 43 bp that this" in error
    assert error.count("\n") == 1
    assert not Path("scores.tsv").exists()


def test_published_sizes_refuse_sequences_that_are_too_short_for_them(
    pair: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_genoml("train", *pair, "--out", "run", "--model", "deepsea") == 2
    error = capsys.readouterr().err
    assert "pos.fa, record 1 (chr1:0-43): 43 bp is shorter than the model reads (at least 163 bp)" in error
    assert not Path("run").exists()


def test_bpnet_is_refused_in_one_line(pair: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_genoml("train", *pair, "--out", "run", "--model", "bpnet") == 2
    error = capsys.readouterr().err
    assert "model bpnet predicts a profile along each sequence, and has no use for one label each" in error
    assert error.count("\n") == 1
    assert not Path("run").exists()


@pytest.mark.parametrize("name", ["danq", "deepromoter", "attention_cnn"])
def test_weights_that_are_not_finite_are_found_inside_composed_layers(
    name: str, pair: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Path(write_settings(name))
    settings.write_text(settings.read_text() + "learning_rate = 1e30\naverage_decay = 0.0\n")
    assert run_genoml("train", *pair, "--out", "run", "--epochs", 2, "--config", settings) == 2
    error = capsys.readouterr().err
    assert "the loss is not finite" in error
    assert "layer " in error
    with pytest.warns(FormatWarning, match="its training is diverged"):
        kept = load_run("run").model
    assert all(np.isfinite(value).all() for value in kept.params.values())
