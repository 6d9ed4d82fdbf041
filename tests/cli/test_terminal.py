"""What people and programs see of a training: a terminal, a pipe, ``--quiet`` and ``--json``."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from genoml.runs import Progress, RunFolder, RunRecord, read_log
from genoml.runs.config import TrainConfig
from support.planted import GENOML, SMALL_TOML, run_genoml, write_fasta_pair
from support.terminals import in_terminal, screen_of

TRAIN = [*GENOML, "train", "pos.fa", "neg.fa", "--epochs", "2", "--config", "small.toml", "--out", "run"]
#: control characters but for the end of a line
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
LOG_KEYS = [
    "epoch", "step", "loss", "learning_rate", "seconds", "sequences_per_second",
    "validation_loss", "validation_auroc", "validation_aupr",
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("small.toml").write_text(SMALL_TOML)
    write_fasta_pair(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("columns", "bar", "line"),
    [
        (
            100,
            r"epoch 1/2 +\d+% \|.*\| loss \d\.\d{4}  \d\d:\d\d left, run \d\d:\d\d *",
            r"epoch   1/2  loss \d\.\d{4}  validation loss \d\.\d{4}  AUROC \d\.\d{4} [* ] +"
            r"[\d,]+ sequences/s  \d\d:\d\d left",
        ),
        (30, r"1/2 +\d+% \d\d:\d\d left *", r"epoch   1/2  AUROC \d\.\d{4} ?\*?"),
    ],
)
def test_a_terminal_of_any_width_shows_a_bar_that_gives_way_to_the_epochs_line(
    folder: Path, columns: int, bar: str, line: str
) -> None:
    shown = in_terminal(TRAIN, columns)
    drawn = [part for part in re.split(r"[\r\n]+", shown) if re.fullmatch(bar, part)]
    # 7 steps of an epoch, each drawn
    assert len(drawn) == 7
    # a line that is as long as the terminal is wide would not be overwritten but pushed up
    assert max(map(len, drawn)) < columns
    screen = screen_of(shown, columns)
    epochs = [row for row in screen if re.match(r"epoch +[12]/2 ", row)]
    assert re.fullmatch(line, epochs[0])
    assert len(epochs) == 2
    assert "%" not in "".join(screen)


def test_a_terminal_that_can_erase_nothing_gets_lines_alone(folder: Path) -> None:
    shown = in_terminal(TRAIN, 80, TERM="dumb")
    assert not CONTROL.search(shown.replace("\r\n", "\n"))
    assert len(shown.splitlines()) == 4


def test_without_a_terminal_there_are_lines_alone(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_genoml(*TRAIN[3:]) == 0
    out, err = capfd.readouterr()
    assert out == ""
    assert not CONTROL.search(err)
    first, *epochs, last = err.splitlines()
    assert first.startswith("108 sequences of 30 bp to train on, 12 to validate")
    assert [line[:11] for line in epochs] == ["epoch   1/2", "epoch   2/2"]
    assert last.startswith("finished after ")


def test_quiet_says_nothing_but_errors(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    options = ["train", "pos.fa", "neg.fa", "--epochs", 1, "--config", "small.toml", "--quiet"]
    assert run_genoml(*options, "--out", "run") == 0
    assert capfd.readouterr() == ("", "")
    assert run_genoml(*options, "--out", "run") == 2
    assert capfd.readouterr() == (
        "", "genoml: error: run: already exists; choose another folder, or remove it\n"
    )  # fmt: skip
    assert run_genoml(*options, "--json", "--out", "other") == 2
    assert "--quiet and --json: choose one of them" in capfd.readouterr().err


def test_json_is_an_object_a_line_on_standard_output(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    options = ["train", "pos.fa", "neg.fa", "--epochs", 2, "--config", "small.toml", "--json"]
    assert run_genoml(*options, "--out", "run") == 0
    out, err = capfd.readouterr()
    assert err == ""
    start, *epochs, end = [json.loads(line) for line in out.splitlines()]
    assert start == {
        "event": "start", "run": "run", "model": "promoter_cnn", "backend": "numpy", "length_bp": 30,
        "n_training": 108, "n_validation": 12, "epochs": 2, "warnings": {},
    }  # fmt: skip
    logged = [json.loads(line) for line in Path("run/log.jsonl").read_text().splitlines()]
    for event, record in zip(epochs, logged, strict=True):
        assert event["event"] == "epoch"
        assert {key: event[key] for key in LOG_KEYS} == record
        assert isinstance(event["improved"], bool)
        assert event["seconds_left"] >= 0
    assert epochs[-1]["seconds_left"] == 0
    assert (end["event"], end["status"], end["run"]) == ("end", "finished", "run")
    assert end["best"] == logged[end["best_epoch"] - 1]


def test_json_of_a_run_that_diverges_ends_with_its_status(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("wild.toml").write_text(SMALL_TOML.replace("0.05", "1e30"))
    assert run_genoml("train", "pos.fa", "neg.fa", "--out", "run", "--config", "wild.toml", "--json") == 2
    out, err = capfd.readouterr()
    assert json.loads(out.splitlines()[-1])["status"] == "diverged"
    assert err.startswith("genoml: error: the loss is not finite")
    assert err.count("\n") == 1


def test_every_line_of_the_log_has_the_same_keys_and_null_for_what_is_undefined(folder: Path) -> None:
    log = RunFolder(folder, RunRecord(config=TrainConfig(), length_bp=30))
    records = [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.4, "validation_auroc": 0.9}]
    for record in records:
        log.log(record)
    lines = [json.loads(line) for line in Path("log.jsonl").read_text().splitlines()]
    assert [list(line) for line in lines] == [LOG_KEYS] * 2
    assert [line["validation_auroc"] for line in lines] == [None, 0.9]
    assert read_log(folder) == records


def test_the_time_left_counts_the_epochs_of_this_process_alone() -> None:
    progress = Progress(10, 100, first=4)
    assert progress.seconds_left == float("inf")
    progress.step(1, 0.5, 50)
    progress._start -= 100.0
    # half of one of six epochs
    assert progress.seconds_left == pytest.approx(1100.0, rel=0.01)
    progress.epoch({"epoch": 5}, True)
    assert progress.seconds_left == pytest.approx(500.0, rel=0.01)
    progress.epoch({"epoch": 10}, False)
    assert progress.seconds_left == 0
