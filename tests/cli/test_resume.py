"""``genoml train --resume``: runs that were stopped, killed, moved."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genoml.runs import HeldOut, RunFolder, open_run, read_log, read_record, reseal
from restarts.kills import SETTINGS, outcome
from support.planted import GENOML, Halt, run_genoml, write_fasta_pair
from support.subprocesses import process, wait_for


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(SETTINGS)
    write_fasta_pair(tmp_path, 40)
    return tmp_path


def train(run: str, *arguments: object) -> int:
    return run_genoml("train", "pos.fa", "neg.fa", "--config", "small.toml", "--out", run, *arguments)


def stopped_run(monkeypatch: pytest.MonkeyPatch, run: str = "run", at: int = 15) -> None:
    with Halt(monkeypatch, at):
        assert train(run) == 0
    assert json.loads(Path(run, "run.json").read_text())["status"] == "interrupted"


@pytest.mark.parametrize("at", [1, 9, 15])
def test_a_run_stopped_by_ctrl_c_goes_on_to_the_same_bits(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], at: int
) -> None:
    assert train("unbroken") == 0
    stopped_run(monkeypatch, at=at)
    capsys.readouterr()
    assert run_genoml("train", "--resume", "run") == 0
    lines = capsys.readouterr().err.splitlines()
    done = (at - 1) // 9
    assert lines[0].startswith(
        f"resuming run after {done} epoch{'' if done == 1 else 's'}: 72 sequences of 30 bp"
    )
    assert [line.split()[1] for line in lines[1:-1]] == [f"{epoch}/4" for epoch in range(done + 1, 5)]
    assert outcome(Path("run")) == outcome(Path("unbroken"))
    assert sorted(os.listdir("run")) == sorted(os.listdir("unbroken"))
    assert json.loads(Path("run/run.json").read_text())["resumed"] == [{}]


@pytest.mark.parametrize("name", ["pos.fa", "neg.fa"])
def test_a_pipe_that_the_record_names_is_not_opened(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    stopped_run(monkeypatch)
    (folder / name).rename(folder / "moved.fa")
    os.mkfifo(folder / name)
    capsys.readouterr()
    assert run_genoml("train", "--resume", "run") == 2
    message = f"genoml: error: run: its record names {name}, which is no file; name the files to train on\n"
    assert capsys.readouterr().err == message
    moved = [other.replace(name, "moved.fa") for other in ("pos.fa", "neg.fa")]
    assert run_genoml("train", "--resume", "run", *moved) == 0


def test_a_finished_run_and_one_that_diverged_say_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("run", "--epochs", 1) == 0
    (folder / "wild.toml").write_text(
        "learning_rate = 1e30\nmodel_options = { filters = 4, second_filters = 4 }"
    )
    assert run_genoml("train", "pos.fa", "neg.fa", "--config", "wild.toml", "--out", "wild") == 2
    capsys.readouterr()
    assert run_genoml("train", "--resume", "run") == 2
    assert capsys.readouterr().err.startswith("genoml: error: run: is finished, after 1 epoch")
    assert run_genoml("train", "--resume", "wild") == 2
    assert "wild: its loss was not finite, and would be so again" in capsys.readouterr().err


def test_changed_data_are_refused_by_the_name_of_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped_run(monkeypatch)
    before = sorted((path, path.stat().st_mtime_ns) for path in Path("run").rglob("*"))
    sound = Path("neg.fa").read_text()
    Path("neg.fa").write_text(sound.replace("A", "C", 1))
    capsys.readouterr()
    assert run_genoml("train", "--resume", "run") == 2
    assert capsys.readouterr().err == (
        "genoml: error: neg.fa: has other sequences than run was begun with; restore it, or train anew\n"
    )
    Path("neg.fa").unlink()
    assert run_genoml("train", "--resume", "run") == 2
    assert "neg.fa: no such file" in capsys.readouterr().err
    assert sorted((path, path.stat().st_mtime_ns) for path in Path("run").rglob("*")) == before


def test_files_that_moved_are_named_anew_and_may_be_compressed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert train("unbroken") == 0
    stopped_run(monkeypatch)
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    shutil.move("run", elsewhere / "moved")
    with gzip.open(elsewhere / "p.fa.gz", "wb") as file:
        file.write(Path("pos.fa").read_bytes())
    shutil.move("neg.fa", elsewhere / "n.fa")
    monkeypatch.chdir(elsewhere)
    assert run_genoml("train", "p.fa.gz", "n.fa", "--resume", "moved") == 0
    assert outcome(elsewhere / "moved") == outcome(folder / "unbroken")


@pytest.mark.parametrize(
    "words", [("--epochs", "3"), ("--out", "x"), ("--seed", "1"), ("--config", "small.toml")]
)
def test_settings_beside_resume_are_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, str]
) -> None:
    assert run_genoml("train", "--resume", "run", *words) == 2
    assert f"--resume takes its settings from the run; leave out {words[0]}" in capsys.readouterr().err


def test_what_is_no_run_is_said_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_genoml("train", "--resume", "none") == 2
    assert "none: no such run folder" in capsys.readouterr().err
    assert run_genoml("train", "--resume", ".") == 2
    assert "not a run folder, it has no run.json" in capsys.readouterr().err
    assert run_genoml("train", "pos.fa") == 2
    assert "Missing argument 'NEGATIVES'" in capsys.readouterr().err
    assert run_genoml("train", "pos.fa", "neg.fa") == 2
    assert "Missing option '--out'" in capsys.readouterr().err


def test_other_versions_than_a_run_was_begun_with_are_said_and_recorded(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped_run(monkeypatch)
    record = Path("run/run.json")
    record.write_text(record.read_text().replace(f'"numpy": "{np.__version__}"', '"numpy": "1.0"'))
    reseal("run")
    capsys.readouterr()
    assert run_genoml("train", "--resume", "run") == 0
    assert "begun with other numpy, so numbers may differ by rounding" in capsys.readouterr().err
    assert json.loads(record.read_text())["resumed"] == [{"numpy": np.__version__}]


def test_sigterm_saves_where_training_stands(folder: Path) -> None:
    assert train("unbroken") == 0
    (folder / "small.toml").write_text(SETTINGS.replace("epochs = 4", "epochs = 4000"))
    command = [*GENOML, "train", "pos.fa", "neg.fa", "--config", "small.toml", "--out", "run"]
    with process(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as training:
        wait_for(Path("run/checkpoint").exists, training)
        training.send_signal(signal.SIGTERM)
        _, err = training.communicate(timeout=60)
    assert training.returncode == -signal.SIGTERM, err
    assert "interrupted after" in err
    assert json.loads(Path("run/run.json").read_text())["status"] == "interrupted"
    assert len(list(Path("run/checkpoint").glob("manifest-*.json"))) == 1


@pytest.mark.timeout(600)  # many processes, one after the other
def test_runs_killed_at_random_instants_end_bitwise_equal() -> None:
    # a process of its own, which forks: it must not have the threads of the libraries that other tests load
    done = subprocess.run(
        [sys.executable, "-m", "tests.restarts", "--kills", "8", "--processes", "0", "--seed", "1"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    tally = done.stdout.splitlines()[-1]
    print(tally)
    assert tally.startswith("8 kills: ")
    assert "8 ended bitwise equal" in tally


def test_changed_runs_races_and_killed_commands_do_no_damage() -> None:
    counts = ("--files", "0", "--flips", "40", "--cuts", "20", "--pairs", "2", "--kills", "8", "--seed", "2")
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile", *counts],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 pairs of processes on one run: 0 damaged" in done.stdout
    assert "8 kills of commands: 0 left a file" in done.stdout


class Killed(BaseException):
    """The end of a process, for all that a test in one process can tell."""


@pytest.mark.parametrize("moment", ["assess", "before the record", "after the record"])
def test_a_run_killed_while_it_is_being_finished_goes_on_to_the_same_result(
    folder: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    assert train("unbroken") == 0
    stopped_run(monkeypatch, at=9)  # with a calibration of the first epoch
    save = RunFolder.save_record

    def killed(*_: object) -> None:
        raise Killed

    def save_final(run: RunFolder) -> None:
        if run.record.status != "finished":
            save(run)
        elif moment == "after the record":
            save(run)
            killed()
        else:
            killed()

    with monkeypatch.context() as patch:
        if moment == "assess":
            patch.setattr("genoml.runs.train_run.assess", killed)
        else:
            patch.setattr(RunFolder, "save_record", save_final)
        with pytest.raises(Killed):
            run_genoml("train", "--resume", "run")
    record = read_record("run")
    if moment == "after the record":
        assert run_genoml("train", "--resume", "run") == 2  # is finished, and what is left of it goes
    else:
        assert record.status == "running"
        assert record.held_out == HeldOut()
        assert run_genoml("train", "--resume", "run") == 0
    assert outcome(Path("run")) == outcome(Path("unbroken"))


def test_a_run_is_resumed_from_another_working_folder_as_is_a_hard_linked_copy_of_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert train("unbroken") == 0
    stopped_run(monkeypatch)
    shutil.copytree("run", "copy", copy_function=os.link)
    before = read_log("run")
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    Path("pos.fa").write_text(">other\nACGT\n")  # of the same name, which the run was not begun with
    assert run_genoml("train", "--resume", "../copy") == 0
    assert outcome(folder / "copy") == outcome(folder / "unbroken")
    assert read_log(folder / "run") == before
    folder.rename(folder.with_name("moved"))
    monkeypatch.chdir(folder.with_name("moved") / "elsewhere")
    assert run_genoml("train", "--resume", "../run") == 0
    assert outcome(Path("../run")) == outcome(Path("../unbroken"))


def test_of_two_processes_that_resume_one_run_one_does(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert train("unbroken") == 0
    stopped_run(monkeypatch)
    command = [*GENOML, "train", "--resume", "run", "--quiet"]
    options: dict[str, Any] = {"stderr": subprocess.PIPE, "text": True}
    with process(command, **options) as first, process(command, **options) as second:
        errors = [each.communicate(timeout=120)[1] for each in (first, second)]
    codes = sorted((first.returncode, second.returncode))
    assert codes == [0, 2], errors
    (said,) = filter(None, errors)
    assert re.fullmatch(
        r"genoml: error: run: (is being written by process \d+ on .*|has changed since .*|is finished, .*)\n",
        said,
    )
    assert outcome(Path("run")) == outcome(Path("unbroken"))


def test_a_pipe_or_link_in_the_place_of_a_runs_lock_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped_run(monkeypatch)
    os.mkfifo("run/in-use.lock")
    capsys.readouterr()
    assert run_genoml("train", "--resume", "run") == 2
    assert "run/in-use.lock: this is a device, pipe or socket; remove it" in capsys.readouterr().err
    Path("run/in-use.lock").unlink()
    Path("run/in-use.lock").symlink_to(Path("pos.fa").absolute())
    before = Path("pos.fa").read_bytes()
    assert run_genoml("train", "--resume", "run") == 2
    assert "run/in-use.lock: cannot be written (Too many levels of symbolic links)" in capsys.readouterr().err
    assert Path("pos.fa").read_bytes() == before


def test_a_run_that_is_being_written_is_not_taken_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped_run(monkeypatch)
    before = sorted((path, path.stat().st_mtime_ns) for path in Path("run").rglob("*") if path.is_file())
    with open_run("run").writing():
        capsys.readouterr()
        assert run_genoml("train", "--resume", "run") == 2
        who = f"process {os.getpid()} on {socket.gethostname()}"
        assert capsys.readouterr().err == (
            f"genoml: error: run: is being written by {who}; wait until it has ended\n"
        )
    after = sorted((path, path.stat().st_mtime_ns) for path in Path("run").rglob("*") if path.is_file())
    assert after == before


def test_settings_of_a_run_that_were_edited_are_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped_run(monkeypatch)
    settings = Path("run/config.toml")
    edited = settings.read_text().replace("epochs = 4", "epochs = 9")
    settings.write_text(edited)
    capsys.readouterr()
    assert run_genoml("train", "--resume", "run") == 2
    assert "run/config.toml, line 1: not as it was written" in capsys.readouterr().err
    settings.write_text(edited.partition("\n")[2])
    assert run_genoml("train", "--resume", "run") == 2
    assert "run/config.toml: has other settings than run.json" in capsys.readouterr().err
    reseal("run")
    assert run_genoml("train", "--resume", "run") == 0


def test_a_record_that_names_a_device_or_a_pipe_opens_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped_run(monkeypatch)
    os.mkfifo("pipe.fa")
    for name in ("/dev/zero", "pipe.fa"):
        record = json.loads(Path("run/run.json").read_text())
        record["data"]["positives"] = name
        Path("run/run.json").write_text(json.dumps(record))
        reseal("run")
        capsys.readouterr()
        assert run_genoml("train", "--resume", "run") == 2
        assert f"run: its record names {name}, which is no file" in capsys.readouterr().err
    assert run_genoml("train", "pos.fa", "neg.fa", "--resume", "run") == 0
