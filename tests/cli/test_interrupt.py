"""Ctrl-C and other signals to a real training, in the midst of an epoch."""

from __future__ import annotations

import json
import signal
import subprocess
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from support.planted import GENOML, run_genoml, write_fasta_pair
from support.subprocesses import hearing_ctrl_c, process, wait_for

SETTINGS = """
model_options = { filters = 8, kernel_size = 8, second_filters = 8 }
batch_size = 16
epochs = 1000
"""


def log_lines(run: Path) -> int:
    return len((run / "log.jsonl").read_bytes().splitlines()) if (run / "log.jsonl").exists() else 0


def train_until(
    folder: Path, ready: Callable[[Path], bool], number: signal.Signals
) -> subprocess.CompletedProcess[str]:
    """Train until the run folder is ready, and send the signal a moment later."""
    (folder / "settings.toml").write_text(SETTINGS)
    command = [*GENOML, "train", "pos.fa", "neg.fa", "--out", "run", "--config", "settings.toml"]
    with (
        hearing_ctrl_c(),
        process(command, cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as training,
    ):
        wait_for(lambda: ready(folder / "run"), training)
        time.sleep(0.15)
        training.send_signal(number)
        out, err = training.communicate(timeout=60)
    return subprocess.CompletedProcess(command, training.returncode, out, err)


def started(run: Path) -> bool:
    return (run / "run.json").exists()


def has_two_epochs(run: Path) -> bool:
    return log_lines(run) >= 2


def evaluated(folder: Path, capsys: pytest.CaptureFixture[str], status: str) -> dict[str, float]:
    """Scores of a run that is not finished, which the command says."""
    capsys.readouterr()
    pair = folder / "pos.fa", folder / "neg.fa"
    with warnings.catch_warnings(action="default"):
        assert run_genoml("evaluate", folder / "run", *pair, "--json") == 0
    out, err = capsys.readouterr()
    assert f"run: its training is {status}, not finished" in err
    found: dict[str, float] = json.loads(out)
    return found


def test_ctrl_c_keeps_the_best_epoch_so_far(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_fasta_pair(tmp_path, 300, 60)
    done = train_until(tmp_path, has_two_epochs, signal.SIGINT)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "interrupted after" in done.stderr.splitlines()[-1]
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["status"] == "interrupted"
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert record["best"] == max(log, key=lambda line: line["validation_auroc"])
    assert evaluated(tmp_path, capsys, "interrupted")["n_positives"] == 300
    assert not list((tmp_path / "run").glob("*.tmp"))


def test_ctrl_c_before_the_first_epoch_ends_leaves_a_usable_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_fasta_pair(tmp_path, 6000, 60)  # an epoch takes seconds
    done = train_until(tmp_path, started, signal.SIGINT)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "interrupted after" in done.stderr.splitlines()[-1]
    assert "no epoch ended" in done.stderr.splitlines()[-1]
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (record["status"], record["best_epoch"]) == ("interrupted", None)
    assert log_lines(tmp_path / "run") == 0
    assert 0.0 <= evaluated(tmp_path, capsys, "interrupted")["auroc"] <= 1.0


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, "interrupted"), (signal.SIGKILL, "running")])
def test_a_killed_training_leaves_a_readable_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], number: signal.Signals, status: str
) -> None:
    write_fasta_pair(tmp_path, 100, 60)
    done = train_until(tmp_path, has_two_epochs, number)
    assert done.returncode == -number
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == status
    assert evaluated(tmp_path, capsys, status)["n_negatives"] == 100


def test_ctrl_c_before_training_begins_leaves_nothing_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_fasta_pair(tmp_path, 10)

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("genoml.runs.from_files.read_pair", interrupted)
    pair = tmp_path / "pos.fa", tmp_path / "neg.fa"
    assert run_genoml("train", *pair, "--out", tmp_path / "run") == 130
    assert capsys.readouterr().err.strip() == "genoml: stopped"
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_a_command_and_leaves_no_file(tmp_path: Path, number: signal.Signals) -> None:
    command = [*GENOML, "revcomp", "-", "--out", "out.fa"]
    with (
        hearing_ctrl_c(),
        process(command, cwd=tmp_path, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as reading,
    ):
        assert reading.stdin is not None
        reading.stdin.write(b">a\nACGT\n" * 100_000)
        reading.stdin.flush()
        wait_for(lambda: list(tmp_path.glob("out.fa.*.tmp")), reading)
        reading.send_signal(number)
        _, err = reading.communicate(timeout=60)
    assert reading.returncode == (130 if number == signal.SIGINT else -number)
    assert err.strip() == b"genoml: stopped"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "redirected", ["2>/dev/full", "2>&-", "--json >/dev/full", "--json | head -1 >first"]
)
def test_training_goes_on_where_its_progress_cannot_be_written(tmp_path: Path, redirected: str) -> None:
    write_fasta_pair(tmp_path, 60)
    (tmp_path / "settings.toml").write_text(SETTINGS.replace("1000", "20"))
    words = " ".join([*GENOML, "train pos.fa neg.fa --out run --config settings.toml", redirected])
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", words], cwd=tmp_path, capture_output=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "finished"


def test_a_name_that_is_not_utf8_is_trained_on(tmp_path: Path) -> None:
    pair = write_fasta_pair(tmp_path, 60)
    odd = str(tmp_path / "p\udcff.fa")
    Path(pair[0]).rename(odd)
    (tmp_path / "settings.toml").write_text(SETTINGS.replace("1000", "2"))
    options = ["--out", tmp_path / "run\udcff", "--config", tmp_path / "settings.toml"]
    assert run_genoml("train", odd, pair[1], *options) == 0
    assert run_genoml("predict", tmp_path / "run\udcff", odd, "--out", tmp_path / "o\udcff.tsv") == 0
    record = json.loads((tmp_path / "run\udcff" / "run.json").read_text())
    assert record["data"]["positives"] == f"{tmp_path}/p\\udcff.fa"
