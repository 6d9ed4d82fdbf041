"""``genoml train`` as a person uses it."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
from pathlib import Path

import pytest

from support.backends import installed_variants
from support.planted import GENOML, SMALL_TOML, run_genoml, write_fasta_pair

#: the CPU backends besides NumPy that are installed
OTHERS = [name for name in ("torch", "jax") if name in installed_variants()]
LOG_KEYS = [
    "epoch", "step", "loss", "learning_rate", "seconds", "sequences_per_second",
    "validation_loss", "validation_auroc", "validation_aupr",
]  # fmt: skip


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(SMALL_TOML)
    write_fasta_pair(tmp_path)
    return "pos.fa", "neg.fa"


def record_of(run: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(Path(run, "run.json").read_text())
    return found


def log_of(run: str) -> list[dict[str, float]]:
    return [json.loads(line) for line in Path(run, "log.jsonl").read_text().splitlines()]


def test_a_run_folder_holds_record_weights_and_log(
    pair: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run_genoml("train", *pair, "--out", "run", "--epochs", 3, "--seed", 5, "--config", "small.toml") == 0
    )
    out, err = capsys.readouterr()
    assert out == ""
    record = record_of("run")
    assert record["status"] == "finished"
    assert record["seed"] == 5
    assert record["length_bp"] == 30
    assert record["data"] == {
        "positives": "pos.fa", "negatives": "neg.fa", "n_positives": 60, "n_negatives": 60,
        "ambiguous_bases": 0, "n_training": 108, "n_validation": 12, "hashes": record["data"]["hashes"],
        "working_folder": "..",
    }  # fmt: skip
    config = record["config"]
    assert isinstance(config, dict)
    assert (config["epochs"], config["seed"], config["batch_size"]) == (3, 5, 16)
    log = log_of("run")
    assert [list(line) for line in log] == [LOG_KEYS] * 3
    best = max(log, key=lambda line: line["validation_auroc"])
    assert record["best"] == best
    assert record["best_epoch"] == best["epoch"]
    lines = err.splitlines()
    assert lines[0] == "108 sequences of 30 bp to train on, 12 to validate; promoter_cnn on numpy"
    number = r"\d\.\d{4}"
    epoch_line = (
        rf"epoch   \d/3  loss {number}  validation loss {number}  AUROC {number} [* ]  "
        r"[\d,]+ sequences/s(  \d\d:\d\d left)?"
    )
    assert all(re.fullmatch(epoch_line, line) for line in lines[1:4])
    assert re.fullmatch(
        r"finished after \d+ s; best epoch \d, AUROC \d\.\d{4} in validation "
        r"\(6-mer logistic regression \d\.\d{4}\); run folder run",
        lines[4],
    )
    assert len(lines) == 5


def test_three_processes_with_one_seed_give_the_same_bytes_and_another_seed_others(
    pair: tuple[str, str],
) -> None:
    for run, seed in (("a", "1"), ("b", "1"), ("c", "2"), ("d", "1")):
        arguments = ["train", *pair, "--out", run, "--epochs", "2", "--seed", seed, "--config", "small.toml"]
        subprocess.run([*GENOML, *arguments], check=True, capture_output=True, timeout=60)
    content = {run: Path(run, "weights.safetensors").read_bytes() for run in "abcd"}
    assert content["a"] == content["b"] == content["d"] != content["c"]
    timed = ("seconds", "sequences_per_second")
    logs = {
        run: [{k: v for k, v in line.items() if k not in timed} for line in log_of(run)] for run in "abcd"
    }
    assert logs["a"] == logs["b"] == logs["d"] != logs["c"]


def test_gzipped_fasta_fastq_and_standard_input_give_the_same_run_as_plain_files(
    pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with gzip.open("pos.fa.gz", "wb") as file:
        file.write(Path("pos.fa").read_bytes())
    records = Path("neg.fa").read_text().split(">")[1:]
    pairs = [record.split("\n")[:2] for record in records]
    Path("neg.fq").write_text("".join(f"@{name}\n{s}\n+\n{'I' * len(s)}\n" for name, s in pairs))
    options = ["--epochs", "1", "--config", "small.toml"]
    assert run_genoml("train", *pair, "--out", "plain", *options) == 0
    assert run_genoml("train", "pos.fa.gz", "neg.fq", "--out", "packed", *options) == 0
    with open("pos.fa", "rb") as stream:
        done = subprocess.run(
            [*GENOML, "train", "-", "neg.fa", "--out", "piped", *options],
            stdin=stream,
            capture_output=True,
            timeout=60,
        )
    assert done.returncode == 0
    plain, packed, piped = (
        Path(run, "weights.safetensors").read_bytes() for run in ("plain", "packed", "piped")
    )
    assert plain == packed == piped


def test_shuffled_positives_serve_as_negatives(pair: tuple[str, str]) -> None:
    assert (
        run_genoml("train", "pos.fa", "shuffle", "--out", "run", "--epochs", 1, "--config", "small.toml") == 0
    )
    data = record_of("run")["data"]
    assert isinstance(data, dict)
    assert data["negatives"] == "shuffle"
    assert data["n_negatives"] == 60


def test_chromosomes_can_be_held_out(pair: tuple[str, str]) -> None:
    Path("chr.toml").write_text(SMALL_TOML + 'validation_chromosomes = ["chr2", "chr3"]')
    assert run_genoml("train", *pair, "--out", "run", "--epochs", 1, "--config", "chr.toml") == 0
    data = record_of("run")["data"]
    assert isinstance(data, dict)
    assert (data["n_training"], data["n_validation"]) == (60, 60)


def test_balanced_classes_and_ambiguous_letters_are_taken(pair: tuple[str, str]) -> None:
    records = Path("neg.fa").read_text().split(">")[1:21]
    Path("few.fa").write_text("".join(f">{record}" for record in records).replace("AC", "NR"))
    Path("balanced.toml").write_text(SMALL_TOML + 'class_weight = "balanced"\nambiguous = "iupac"')
    assert (
        run_genoml("train", "pos.fa", "few.fa", "--out", "run", "--epochs", 1, "--config", "balanced.toml")
        == 0
    )
    data = record_of("run")["data"]
    assert isinstance(data, dict)
    assert data["ambiguous_bases"] > 0


def test_duplicate_names_and_ragged_lengths_are_taken(pair: tuple[str, str]) -> None:
    Path("ragged.fa").write_text(">a\nACGTACGTACGT\n>a\nACGTACGTACGTACGT\n>a\nACGTACGTA\n")
    assert (
        run_genoml("train", "pos.fa", "ragged.fa", "--out", "run", "--epochs", 1, "--config", "small.toml")
        == 0
    )


def test_the_environment_chooses_the_backend_and_the_option_wins(
    pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENOML_BACKEND", OTHERS[0])
    options = ["--epochs", "1", "--config", "small.toml"]
    assert run_genoml("train", *pair, "--out", "a", *options) == 0
    assert run_genoml("train", *pair, "--out", "b", *options, "--backend", "numpy") == 0
    names = [record_of(run)["backend"] for run in "ab"]
    assert [name["name"] for name in names if isinstance(name, dict)] == [OTHERS[0], "numpy"]


def test_backends_train_to_the_same_scores_and_read_each_others_runs(
    pair: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    # one shape for training, validation and prediction, since JAX compiles every operation for each
    write_fasta_pair(Path.cwd(), 20, 20)
    Path("half.toml").write_text(SMALL_TOML.replace("= 16", "= 20") + "validation_fraction = 0.5")
    tables = []
    for trained in ("numpy", *OTHERS):
        options = ["--epochs", "1", "--config", "half.toml", "--backend", trained]
        assert run_genoml("train", *pair, "--out", trained, *options) == 0
        for scored in ("numpy", OTHERS[0]):
            assert run_genoml("predict", trained, "pos.fa", "--out", "-", "--backend", scored) == 0
            rows = capsys.readouterr().out.splitlines()[1:]
            tables.append([float(row.split("\t")[1]) for row in rows])
    assert run_genoml("predict", "numpy", "pos.fa", "--out", "-", "--backend", OTHERS[-1]) == 0
    tables.append([float(row.split("\t")[1]) for row in capsys.readouterr().out.splitlines()[1:]])
    for scores in tables:
        assert scores == pytest.approx(tables[0], abs=1e-3)


def test_the_help_of_every_command_explains_its_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_genoml() == 0
    assert "genoml demo" in capsys.readouterr().out
    for command, words in {
        "train": ("POSITIVES", "NEGATIVES", "shuffle", "--out", "gzipped", "Ctrl-C"),
        "evaluate": ("RUN", "POSITIVES", "--json", "AUROC"),
        "predict": ("RUN", "SEQUENCES", "--out", "probabilities", "padded"),
        "backends": ("flag",),
    }.items():
        assert run_genoml(command, "--help") == 0
        text = capsys.readouterr().out
        assert all(word in text for word in words)
