"""Searches in real processes, on sequences with a planted motif."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from genoml.runs import RunError, read_record
from genoml.search import (
    Result,
    SearchFolder,
    SearchRecord,
    file_hashes,
    plan,
    ranked,
    read_search,
    run_search,
    terminal_table,
    write_table,
)
from support.planted import GENOML, run_genoml, write_fasta_pair
from support.subprocesses import hearing_ctrl_c

RANGES = """
model = "promoter_cnn"
batch_size = 16
shift_bp = 2
epochs = 3
threads = 1
learning_rate = { log_uniform = [0.01, 0.1] }
[model_options]
filters = { log_integer = [2, 16] }
kernel_size = 8
"""
#: a rate at which the loss overflows, a size that no memory holds, and what works
FAILING = """
model = "promoter_cnn"
batch_size = 16
epochs = 1
threads = 1
learning_rate = { choice = [0.05, 1e30] }
model_options = { kernel_size = 8, filters = { choice = [4, 1000000000000] } }
"""


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    monkeypatch.chdir(tmp_path)
    Path("ranges.toml").write_text(RANGES)
    write_fasta_pair(tmp_path)
    return "pos.fa", "neg.fa"


def search_command(pair: tuple[str, str], out: str, *options: object) -> list[str]:
    return ["search", *pair, "--ranges", "ranges.toml", "--out", out, *map(str, options)]


def table_of(folder: str, *without: str) -> list[dict[str, str]]:
    with open(Path(folder, "trials.tsv"), newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [{key: value for key, value in row.items() if key not in without} for row in rows]


def test_halving_in_two_processes_trains_what_genoml_train_does_and_goes_on_with_the_best(
    pair: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--trials", 2, "--halving", "--factor", 2, "--processes", 2, "--json")
    assert run_genoml(*search_command(pair, "out", *options)) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events] == ["start", *["trial"] * 3, "end"]
    assert events[0]["rounds"] == [[2, 2], [1, 3]]
    rows = table_of("out")
    assert [row["rank"] for row in rows] == ["1", "2"]
    assert [row["epochs"] for row in rows] == ["3", "2"]
    assert events[-1]["trial"] == int(rows[0]["trial"])
    # the one that went on had the highest score of the first round
    first = {event["trial"]: event["score"] for event in events[1:3]}
    assert first[int(rows[0]["trial"])] == max(first.values())
    assert Path("out/best.toml").read_bytes() == Path(rows[0]["run"], "config.toml").read_bytes()
    assert_trained_alike(pair, "out", 3)


def assert_trained_alike(pair: tuple[str, str], folder: str, count: int) -> None:
    """Each run has the bits of a single ``genoml train`` with its settings, whatever ran beside it."""
    runs = sorted(Path(folder).glob("trials/*/epochs-*/weights.safetensors"))
    assert len(runs) == count
    for number, weights in enumerate(runs):
        again = f"{folder}-again-{number}"
        settings = weights.with_name("config.toml")
        assert run_genoml("train", *pair, "--out", again, "--config", settings, "--quiet") == 0
        assert Path(again, "weights.safetensors").read_bytes() == weights.read_bytes()


def test_trials_that_fail_are_recorded_with_their_reason_and_the_others_go_on(pair: tuple[str, str]) -> None:
    Path("ranges.toml").write_text(FAILING)
    # a seed whose first three trials are one of each kind
    trials, _ = plan(record_of(pair, FAILING, 3, seed=12))
    assert len({(trial.config.learning_rate, trial.config.model_options["filters"]) for trial in trials}) == 3
    options = ("--trials", 3, "--seed", 12, "--processes", 2, "--quiet")
    assert run_genoml(*search_command(pair, "out", *options)) == 0
    rows = {int(row["trial"]): row for row in table_of("out")}
    for trial in trials:
        row, config = rows[trial.number], trial.config
        if config.model_options["filters"] > 4:
            assert (row["status"], row["rank"]) == ("failed", "")
            assert row["error"].startswith("out of memory (Unable to allocate")
        elif config.learning_rate > 1:
            assert row["status"] == "diverged"
            assert "not finite" in row["error"]
        else:
            assert (row["status"], row["error"]) == ("finished", "")
    # the trials that finished come first
    assert table_of("out")[0]["status"] == "finished"
    assert not list(Path("out").glob("trials/*/*.part*"))


def record_of(pair: tuple[str, str], ranges: str, trials: int, **more: Any) -> SearchRecord:
    return SearchRecord(
        positives=pair[0], negatives=pair[1], data=file_hashes(*pair), ranges=msgspec.toml.decode(ranges),
        trials=trials, threads=1, backend="numpy", **more,
    )  # fmt: skip


def test_a_search_that_was_killed_goes_on_to_the_same_end(pair: tuple[str, str]) -> None:
    arguments = search_command(pair, "out", "--trials", 2, "--processes", 1, "--quiet")
    with subprocess.Popen([*GENOML, *arguments], stderr=subprocess.PIPE) as killed:
        wait_for(lambda: list(Path("out").glob("trials/001/epochs-3")), killed)
        wait_for(lambda: list(Path("out").glob("trials/002/*.part")), killed)
        # no second search works in the folder at the same time
        with pytest.raises(RunError, match="out: another search is at work there"):
            run_search("out", read_search(Path("out")), resume=True)
        killed.send_signal(signal.SIGKILL)
    before = Path("out/trials/001/epochs-3/weights.safetensors").stat()
    found = run_search("out", record_of(pair, RANGES, 2), resume=True)
    assert [result.status for result in found] == ["finished"] * 2
    assert_trained_alike(pair, "out", 2)
    # what was done was not done again, and nothing half done is left
    assert Path("out/trials/001/epochs-3/weights.safetensors").stat().st_mtime_ns == before.st_mtime_ns
    assert not list(Path("out").glob("trials/*/*.part*"))


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(pair: tuple[str, str]) -> None:
    arguments = search_command(pair, "out", "--trials", 2, "--processes", 1, "--quiet")
    with hearing_ctrl_c(), subprocess.Popen([*GENOML, *arguments], stderr=subprocess.PIPE) as stopped:
        wait_for(lambda: list(Path("out").glob("trials/001/*.part.toml")), stopped)
        stopped.send_signal(signal.SIGINT)
        _, said = stopped.communicate(timeout=60)
    assert stopped.returncode == 130
    assert said.decode().splitlines()[0] == "genoml: what is done is kept in out; go on with --resume"
    # what was ended with it has not failed
    assert not list(Path("out").glob("trials/*/*.json"))


def test_the_table_leaves_to_the_file_what_finds_no_place(pair: tuple[str, str]) -> None:
    trials, _ = plan(record_of(pair, RANGES, 2))
    results = [Result(trial, 3, "finished", trial.number / 4, 2, 1.5, run="r") for trial in trials]
    results.append(Result(trials[0], 1, "failed", error="out of\tmemory"))
    wide, narrow = (terminal_table(ranked(results), columns).splitlines() for columns in (100, 35))
    assert wide[0].split() == ["rank", "trial", "epochs", "AUROC", "learning_rate", "filters"]
    assert wide[1].split()[:4] == ["1", "2", "3", "0.500000"]
    assert narrow[0].split() == ["rank", "trial", "epochs", "AUROC"]
    write_table(Path(), [results[2]])
    (row,) = table_of(".")
    assert (row["rank"], row["status"], row["error"]) == ("", "failed", "out of memory")


def wait_for(seen: Any, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while not seen():
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_worker_ends_with_the_process_that_began_it() -> None:
    blocked = """if True:
        import threading, time
        from genoml.cli.search_worker import end_with_parent
        threading.Thread(target=end_with_parent, daemon=True).start()
        print("up", flush=True)
        time.sleep(60)
    """
    reading, writing = os.pipe()
    with subprocess.Popen([sys.executable, "-c", blocked], stdin=reading, stdout=subprocess.PIPE) as process:
        os.close(reading)
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        os.close(writing)  # which the system does for a process that is killed
        assert process.wait(timeout=10) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 9}, "holds a search with another seed (0, now 9)"),
        ({"trials": 1}, "another trials (2, now 1)"),
        ({"factor": 3}, "another factor (None, now 3)"),
        ({"data": {"pos.fa": "0", "neg.fa": "1"}}, "another data"),
    ],
)
def test_another_search_is_not_taken_for_the_one_in_the_folder(
    pair: tuple[str, str], change: dict[str, Any], message: str
) -> None:
    record = record_of(pair, RANGES, 2)
    SearchFolder(Path("out")).open(record, resume=False)
    changed = msgspec.structs.replace(record, **change)
    with pytest.raises(RunError) as caught:
        run_search("out", changed, resume=True)
    assert message in str(caught.value)
    assert read_search(Path("out")) == record
    SearchFolder(Path("out")).open(msgspec.structs.replace(record, trials=5), resume=True)
    assert read_search(Path("out")).trials == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("pos.fa neg.fa --ranges none.toml --out o", "none.toml: cannot be read"),
        ("none.fa neg.fa --ranges ranges.toml --out o", "none.fa: no such file"),
        ("pos.fa - --ranges ranges.toml --out o", "-: every trial reads the sequences anew"),
        ("pos.fa neg.fa --ranges ranges.toml --out .", ".: already exists; choose another folder"),
        ("pos.fa neg.fa --ranges ranges.toml --out o --resume", "o: no search to resume"),
        (
            "pos.fa neg.fa --ranges ranges.toml --out o --min-epochs 9 --halving",
            "min_epochs expects at most the epochs, 3, got 9",
        ),
        ("pos.fa neg.fa --ranges epochs.toml --out o --halving", "epochs: is what successive halving varies"),
        ("pos.fa neg.fa --ranges ranges.toml --out o --quiet --json", "--quiet and --json: choose one"),
    ],
)
def test_what_cannot_be_searched_is_one_line_and_leaves_nothing(
    pair: tuple[str, str], capsys: pytest.CaptureFixture[str], arguments: str, message: str
) -> None:
    Path("epochs.toml").write_text("epochs = { integer = [2, 9] }")
    assert run_genoml("search", *arguments.split()) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert not Path("o").exists()


def test_a_damaged_record_of_a_failure_or_a_search_is_refused_by_name(pair: tuple[str, str]) -> None:
    record = record_of(pair, RANGES, 1)
    SearchFolder(Path("out")).open(record, resume=False)
    Path("out/trials/001").mkdir(parents=True)
    Path("out/trials/001/epochs-3.json").write_bytes(b"{")
    with pytest.raises(RunError, match=r"out/trials/001/epochs-3\.json: damaged"):
        run_search("out", record, resume=True)
    Path("out/search.json").write_bytes(b'{"trials": "x"}')
    with pytest.raises(RunError, match=r"out/search\.json: damaged or of another version"):
        read_search(Path("out"))


def test_a_search_without_a_trial_that_finished_says_why(
    pair: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("ranges.toml").write_text(RANGES.replace("kernel_size = 8", "kernel_size = 31"))
    assert run_genoml(*search_command(pair, "out", "--trials", 1, "--quiet")) == 2
    assert "no trial finished; trial 1: pos.fa, record 1" in capsys.readouterr().err
    assert read_search(Path("out")).trials == 1
    assert table_of("out")[0]["status"] == "failed"
    with pytest.raises(RunError):
        read_record("out/trials/001/epochs-3")
