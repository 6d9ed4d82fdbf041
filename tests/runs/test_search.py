"""Searches in real processes, on sequences with a planted motif."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import msgspec
import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from genoml.cli.search import terminal_table
from genoml.parallel import Shard
from genoml.runs import RunError, read_record, search_process
from genoml.runs import search as search_module
from genoml.runs.search import file_hashes, open_search, read_search, run_search
from genoml.runs.search_journal import load_study
from genoml.runs.search_ranges import SearchRecord
from genoml.runs.search_table import Result, ranked, write_table
from support.planted import GENOML, run_genoml, write_fasta_pair
from support.subprocesses import BLOCK, hearing_ctrl_c, output_of, process, run_python, wait_for

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
#: with which the first three random trials of those are one of each kind
SEED_OF_EACH = 0


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


def test_halving_stops_those_behind_and_trains_the_others_as_genoml_train_does(
    pair: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--trials", 4, "--halving", "--factor", 2, "--processes", 2, "--json")
    assert run_genoml(*search_command(pair, "out", *options)) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events] == ["start", *["trial"] * 4, "end"]
    assert (events[0]["factor"], events[0]["sampler"], events[-2]["done"]) == (2, "tpe", 4)
    rows = table_of("out")
    assert [row["rank"] for row in rows] == ["1", "2", "3", "4"]
    epochs = [int(row["epochs"]) for row in rows]
    assert epochs == sorted(epochs, reverse=True)
    for row in rows:
        stopped = row["status"] == "pruned"
        assert (int(row["epochs"]) < 3) == stopped == (row["run"] == "") != Path(row["run"] or "no").exists()
    assert {row["status"] for row in rows} == {"finished", "pruned"}
    assert events[-1]["trial"] == int(rows[0]["trial"])
    assert Path("out/best.toml").read_bytes() == Path(rows[0]["run"], "config.toml").read_bytes()
    assert_trained_alike(pair, "out", sum(row["status"] == "finished" for row in rows))


def assert_trained_alike(pair: tuple[str, str], folder: str, count: int) -> None:
    """Each run has the bits of a single ``genoml train`` with its settings, whatever ran beside it."""
    runs = sorted(Path(folder).glob("trials/*/weights.safetensors"))
    assert len(runs) == count
    for number, weights in enumerate(runs):
        again = f"{folder}-again-{number}"
        settings = weights.with_name("config.toml")
        assert run_genoml("train", *pair, "--out", again, "--config", settings, "--quiet") == 0
        assert Path(again, "weights.safetensors").read_bytes() == weights.read_bytes()


def asked(folder: Path, count: int, **more: Any) -> list[dict[str, Any]]:
    """The settings of the first trials of a search that trains nothing: each scores its learning rate."""
    folder.mkdir()
    record = record_of(("pos.fa", "neg.fa"), RANGES, count, **more)
    search = open_search(folder, record, resume=False)
    found = []
    with search.at_work():
        while (trial := search.ask()) is not None:
            found.append(trial.params)
            search.study.tell(trial, trial.params["learning_rate"])
    return found


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_the_seed_decides_the_trials_and_more_of_them_begin_with_the_same(
    pair: tuple[str, str], sampler: str
) -> None:
    few, many, other = (
        asked(Path(name), count, seed=seed, sampler=sampler)
        for name, count, seed in (("few", 12, 1), ("many", 18, 1), ("other", 12, 2))
    )
    assert many[:12] == few != other
    assert len({trial["learning_rate"] for trial in many}) == 18


def test_tpe_draws_more_where_the_scores_were_high_than_random_does(pair: tuple[str, str]) -> None:
    best = {
        sampler: sum(trial["learning_rate"] for trial in asked(Path(sampler), 30, sampler=sampler)[15:])
        for sampler in ("tpe", "random")
    }
    assert best["tpe"] > 1.3 * best["random"]


def test_trials_that_fail_are_recorded_with_their_reason_and_the_others_go_on(pair: tuple[str, str]) -> None:
    Path("ranges.toml").write_text(FAILING)
    # a seed whose first three trials are one of each kind
    options = ("--trials", 3, "--seed", SEED_OF_EACH, "--sampler", "random", "--processes", 2, "--quiet")
    assert run_genoml(*search_command(pair, "out", *options)) == 0
    rows = table_of("out")
    assert {(row["learning_rate"], row["model_options.filters"]) for row in rows} == {
        ("0.05", "4"), ("1e+30", "4"), ("0.05", "1000000000000"),
    }  # fmt: skip
    for row in rows:
        if row["model_options.filters"] != "4":
            assert (row["status"], row["rank"]) == ("failed", "")
            assert row["error"].startswith("out of memory (Unable to allocate")
        elif row["learning_rate"] == "1e+30":
            assert row["status"] == "diverged"
            assert "not finite" in row["error"]
        else:
            assert (row["status"], row["error"]) == ("finished", "")
    # the trial that finished comes first, and is the only one with a run folder
    assert rows[0]["status"] == "finished"
    assert [path for path in Path("out/trials").iterdir() if path.is_dir()] == [Path(rows[0]["run"])]


def record_of(pair: tuple[str, str], ranges: str, trials: int, **more: Any) -> SearchRecord:
    return SearchRecord(
        positives=pair[0], negatives=pair[1], data=file_hashes(*pair), ranges=msgspec.toml.decode(ranges),
        trials=trials, threads=1, backend="numpy", **more,
    )  # fmt: skip


def states(folder: str) -> list[str]:
    storage = JournalStorage(JournalFileBackend(f"{folder}/journal.log"))
    study = optuna.load_study(storage=storage, study_name="genoml")
    return [trial.state.name for trial in study.trials]


def trainings(folder: str) -> list[int]:
    """The processes that train a trial of a search in this folder."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = place.read_bytes().split(b"\0")
            here = os.path.samefile(place.with_name("cwd"), ".")
        except OSError:  # it has just ended
            continue
        if (
            here
            and b"train" in words
            and any(word.startswith(f"{folder}/trials/".encode()) for word in words)
        ):
            found.append(int(place.parent.name))
    return found


def test_a_search_that_was_killed_goes_on_where_it_was(pair: tuple[str, str]) -> None:
    arguments = search_command(pair, "out", "--trials", 2, "--processes", 1, "--quiet")
    with process([*GENOML, *arguments], stderr=subprocess.PIPE) as killed:
        wait_for(lambda: list(Path("out").glob("trials/002.try1/weights.safetensors")), killed)
        killed.send_signal(signal.SIGKILL)
    before = Path("out/trials/001/weights.safetensors").stat()
    found = run_search(open_search("out", record_of(pair, RANGES, 2), resume=True))
    assert [result.status for result in found] == ["finished"] * 2
    assert states("out") == ["COMPLETE", "FAIL", "COMPLETE"]
    assert_trained_alike(pair, "out", 2)
    # what was done was not done again, and nothing half done is left
    assert Path("out/trials/001/weights.safetensors").stat().st_mtime_ns == before.st_mtime_ns
    wait_for(lambda: not trainings("out"))
    assert sorted(path.name for path in Path("out/trials").iterdir() if path.is_dir()) == ["001", "002"]


def test_of_two_searches_begun_in_one_folder_one_does(
    pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    both_looked, outcomes = threading.Barrier(2), list[str]()
    looked = threading.local()
    refuse = search_module._refuse_existing

    def look(folder: Path) -> None:
        refuse(folder)
        if not hasattr(looked, "once"):
            looked.once = True
            both_looked.wait(30)

    def begin(seed: int) -> None:
        try:
            open_search("out", record_of(pair, RANGES, 2, seed=seed), resume=False)
            outcomes.append("begun")
        except RunError as error:
            outcomes.append(str(error))

    monkeypatch.setattr(search_module, "_refuse_existing", look)
    threads = [threading.Thread(target=begin, args=(seed,)) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [
        "begun",
        "out: already exists; add --resume to go on with it, or choose another folder",
    ]
    assert len(states("out")) == 0


def test_a_search_that_goes_on_tries_what_it_would_have_tried(pair: tuple[str, str]) -> None:
    whole = asked(Path("whole"), 14)
    record = record_of(pair, RANGES, 14)
    search = open_search("out", record, resume=False)
    with search.at_work():
        for _ in range(11):
            trial = search.ask()
            search.study.tell(trial, trial.params["learning_rate"])
        under_way = search.ask()
        # which another process leaves alone as long as this one lives
        other = open_search("out", record, resume=True)
        with other.at_work():
            beside = other.ask()
        assert (under_way.user_attrs["trial"], beside.user_attrs["trial"]) == (12, 13)
    found = []
    search = open_search("out", record, resume=True)
    with search.at_work():
        while (trial := search.ask()) is not None:
            found.append((trial.user_attrs["trial"], trial.params))
            search.study.tell(trial, trial.params["learning_rate"])
    assert sorted(number for number, _ in found) == [12, 13, 14]
    assert dict(found)[12] == whole[11]


def test_another_process_takes_part_in_a_search(pair: tuple[str, str]) -> None:
    arguments = search_command(pair, "out", "--trials", 3, "--processes", 1, "--quiet", "--sampler", "random")
    with process([*GENOML, *arguments], stderr=subprocess.PIPE) as first:
        wait_for(lambda: list(Path("out").glob("trials/001.toml")), first)
        found = run_search(open_search("out", record_of(pair, RANGES, 3, sampler="random"), resume=True))
        assert first.wait(timeout=60) == 0
    assert states("out") == ["COMPLETE"] * 3
    assert 1 <= len(found) <= 3
    assert len(table_of("out")) == 3
    assert not list(Path("out/at-work").iterdir())
    # both drew from the same trials
    assert sorted(row["learning_rate"] for row in table_of("out")) == sorted(
        f"{trial['learning_rate']:.4g}" for trial in asked(Path("alone"), 3, sampler="random")
    )


def test_a_shard_trains_every_nth_trial_and_resume_trains_the_others_and_writes_the_table(
    pair: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("ranges.toml").write_text(RANGES.replace("epochs = 3", "epochs = 1"))
    options = ("--trials", 2, "--processes", 1, "--sampler", "random")
    for number in (2, 3):  # the third has no trial
        assert run_genoml(*search_command(pair, "out", *options, "--shard", f"{number}/3", "--json")) == 0
        events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert events[-1]["shard"] == f"{number}/3"
        assert events[-1]["trials"] == [2][: 3 - number]
    assert [path.name for path in Path("out/trials").iterdir() if path.is_dir()] == ["002"]
    assert not Path("out/trials.tsv").exists()
    assert not Path("out/best.toml").exists()
    before = Path("out/trials/002/weights.safetensors").stat().st_mtime_ns
    assert run_genoml(*search_command(pair, "out", *options, "--resume", "--quiet")) == 0
    assert Path("out/trials/002/weights.safetensors").stat().st_mtime_ns == before
    drawn = {row["trial"]: row["learning_rate"] for row in table_of("out")}
    alone = asked(Path("alone"), 2, sampler="random")
    assert drawn == {str(number): f"{trial['learning_rate']:.4g}" for number, trial in enumerate(alone, 1)}
    assert Path("out/best.toml").exists()


def test_shards_that_begin_at_once_share_one_search(pair: tuple[str, str]) -> None:
    record, begun = record_of(pair, RANGES, 7), dict[int, list[int]]()

    def begin(number: int) -> None:
        search = open_search("out", record, resume=False, shard=Shard(number, 3))
        with search.at_work():
            trials = []
            while (trial := search.ask()) is not None:
                trials.append(trial.user_attrs["trial"])
                search.study.tell(trial, 0.5)
        begun[number] = trials

    threads = [threading.Thread(target=begin, args=(number,)) for number in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert begun == {1: [1, 4, 7], 2: [2, 5], 3: [3, 6]}
    with pytest.raises(RunError, match="out: holds a search with another seed"):
        open_search("out", record_of(pair, RANGES, 7, seed=5), resume=False, shard=Shard(1, 3))
    with pytest.raises(RunError, match="out: already exists"):
        open_search("out", record, resume=False)


def test_a_shard_tries_its_own_failed_trials_again_and_no_others(pair: tuple[str, str]) -> None:
    record = record_of(pair, RANGES, 2)
    first, second = (open_search("out", record, resume=False, shard=Shard(number, 2)) for number in (1, 2))
    with first.at_work(), second.at_work():
        trial = first.ask()
        first.study.tell(trial, state=optuna.trial.TrialState.FAIL)
        second.retry_failed()
        assert second.ask().user_attrs["trial"] == 2
        assert second.ask() is None
        first.retry_failed()
        assert first.ask().user_attrs["trial"] == 1


def test_processes_get_the_devices_in_turn(pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    all_begun, given = threading.Barrier(3), list[str]()

    def start(*arguments: Any, env: dict[str, str], **options: Any) -> None:
        given.append(env["CUDA_VISIBLE_DEVICES"])
        all_begun.wait(30)
        raise OSError("not started")

    monkeypatch.setattr(search_process.subprocess, "Popen", start)
    search = open_search("out", record_of(pair, RANGES, 3), resume=False)
    with pytest.raises(OSError, match="not started"):
        run_search(search, processes=3, devices=["4", "GPU-7"])
    assert sorted(given) == ["4", "4", "GPU-7"]


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(pair: tuple[str, str]) -> None:
    Path("ranges.toml").write_text(RANGES.replace("epochs = 3", "epochs = 100000"))
    arguments = search_command(pair, "out", "--trials", 2, "--processes", 1, "--quiet")
    with hearing_ctrl_c(), process([*GENOML, *arguments], stderr=subprocess.PIPE) as stopped:
        wait_for(lambda: trainings("out"), stopped)
        stopped.send_signal(signal.SIGINT)
        _, said = stopped.communicate(timeout=60)
    assert stopped.returncode == 130
    assert said.decode().splitlines()[0] == "genoml: what is done is kept in out; go on with --resume"
    # what was ended with it is to be tried again, and nothing half done is left
    assert states("out") == ["FAIL", "WAITING"]
    assert not [path for path in Path("out/trials").iterdir() if path.is_dir()]
    assert not trainings("out")


def test_ctrl_c_that_reaches_another_thread_of_the_search_ends_it_too(
    pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    search = open_search("out", record_of(pair, RANGES, 2), resume=False)

    def work(*_: object) -> None:
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)  # does not wake the thread that waits
        wait_for(lambda: search._stopping)

    monkeypatch.setattr(search, "work", work)
    with hearing_ctrl_c(), pytest.raises(KeyboardInterrupt):
        run_search(search)


def test_a_process_killed_while_it_writes_the_journal_blocks_nobody(pair: tuple[str, str]) -> None:
    open_search("out", record_of(pair, RANGES, 2), resume=False)
    code = """
        from pathlib import Path
        from genoml.runs.search_journal import load_study
        study = load_study(Path("out"))
        study._storage._backend._lock.acquire()
        print("held", flush=True)
        input()
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    with process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
    study = load_study(Path("out"))
    assert study.ask().number == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["in-use.lock", "journal.log", "trials"]


@pytest.mark.parametrize("name", ["at-work/x-1-01234567", "trials/001.toml", "trials.tsv", "in-use.lock"])
@pytest.mark.parametrize("kind", ["pipe", "link"])
def test_a_search_with_anything_but_files_and_folders_is_not_opened(
    pair: tuple[str, str], name: str, kind: str
) -> None:
    record = record_of(pair, RANGES, 2)
    open_search("out", record, resume=False)
    place = Path("out", name)
    place.parent.mkdir(exist_ok=True)
    place.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to(Path("pos.fa").absolute())
    with pytest.raises(RunError, match=f"out/{name}: is a link, device or pipe; expects a file"):
        open_search("out", record, resume=True)


def test_a_pipe_in_the_place_of_the_lock_is_not_waited_for(pair: tuple[str, str]) -> None:
    Path("out").mkdir()
    os.mkfifo("out/in-use.lock")
    with pytest.raises(ValueError, match=r"out/in-use\.lock: this is a device, pipe or socket; remove it"):
        open_search("out", record_of(pair, RANGES, 2), resume=False)


def test_names_in_a_journal_reach_no_other_file(pair: tuple[str, str]) -> None:
    record = record_of(pair, RANGES, 2)
    search = open_search("out", record, resume=False)
    os.mkfifo("pipe")
    Path("out/at-work").mkdir()
    for name in ("../../pipe", "../../pos.fa", "a/b-1-01234567", 7, None, [1]):
        trial = search.ask()
        trial.set_user_attr("process", name)
    search = open_search("out", record, resume=True)
    with search.at_work():
        assert search.ask().user_attrs["trial"] == 1
    assert "RUNNING" not in states("out")
    search.study.ask().set_user_attr("trial", "../../pos")
    with pytest.raises(
        RunError, match=r"journal\.log: damaged, or not of a search \(a trial has the number '\.\./\.\./pos'"
    ):
        open_search("out", record, resume=True)


def test_the_table_leaves_to_the_file_what_finds_no_place(pair: tuple[str, str]) -> None:
    drawn = {"learning_rate": 0.02, "model_options.filters": 3}
    results = [
        Result(
            trial=number, settings=drawn, status="finished", epochs=3, score=number / 4, best_epoch=2, run="r"
        )
        for number in (1, 2)
    ]
    results.append(Result(trial=3, settings=drawn, status="failed", epochs=1, error="out of\tmemory"))
    best = ranked(results, halving=True)
    wide, narrow = (terminal_table(best, columns).splitlines() for columns in (100, 35))
    assert wide[0].split() == ["rank", "trial", "epochs", "AUROC", "learning_rate", "filters"]
    assert wide[1].split()[:4] == ["1", "2", "3", "0.500000"]
    assert narrow[0].split() == ["rank", "trial", "epochs", "AUROC"]
    write_table(Path(), [results[2]])
    (row,) = table_of(".")
    assert (row["rank"], row["status"], row["error"]) == ("", "failed", "out of memory")


def test_the_best_come_first_and_failures_last() -> None:
    known = [(1, 3, 0.5), (2, 1, 0.9), (3, 3, None), (4, 3, 0.7), (5, 3, 0.7)]
    results = [
        Result(
            trial=number, settings={}, status="failed" if score is None else "finished", epochs=n, score=score
        )
        for number, n, score in known
    ]
    assert [own.trial for own in ranked(results, halving=True)] == [4, 5, 1, 2, 3]
    assert [own.trial for own in ranked(results, halving=False)] == [2, 4, 5, 1, 3]


def test_a_training_ends_with_the_process_that_began_it(pair: tuple[str, str]) -> None:
    # more epochs than the test waits for
    Path("ranges.toml").write_text(RANGES.replace("epochs = 3", "epochs = 100000"))
    arguments = search_command(pair, "out", "--trials", 1, "--processes", 1, "--quiet")
    with process([*GENOML, *arguments], stderr=subprocess.PIPE) as killed:
        wait_for(lambda: list(Path("out").glob("trials/001.try0/weights.safetensors")), killed)
        assert trainings("out")
        killed.send_signal(signal.SIGKILL)
    wait_for(lambda: not trainings("out"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 9}, "holds a search with another seed (0, now 9)"),
        ({"trials": 1}, "another trials (2, now 1)"),
        ({"factor": 3}, "another factor (None, now 3)"),
        ({"data": {"positives": "0", "negatives": "1"}}, "another data"),
        ({"sampler": "random"}, "another sampler (tpe, now random)"),
    ],
)
def test_another_search_is_not_taken_for_the_one_in_the_folder(
    pair: tuple[str, str], change: dict[str, Any], message: str
) -> None:
    record = record_of(pair, RANGES, 2)
    open_search("out", record, resume=False)
    changed = msgspec.structs.replace(record, **change)
    with pytest.raises(RunError) as caught:
        run_search(open_search("out", changed, resume=True))
    assert message in str(caught.value)
    assert read_search("out") == record
    grown = msgspec.structs.replace(record, trials=5, positives="elsewhere/pos.fa", threads=2)
    open_search("out", grown, resume=True)
    assert read_search("out") == grown


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
        ("pos.fa neg.fa --ranges ranges.toml --out o --halving --shard 1/2", "--halving compares each trial"),
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


@pytest.mark.parametrize("content", [b"{", b"x\ny\n", b'{"op_code": 0}\n', b"[]\n[]\n", b"\xff\n\n"])
def test_a_damaged_journal_is_refused_by_name(pair: tuple[str, str], content: bytes) -> None:
    open_search("out", record_of(pair, RANGES, 1), resume=False)
    Path("out/journal.log").write_bytes(content)
    with pytest.raises(RunError, match=r"out/journal\.log: damaged"):
        read_search("out")


def test_a_trial_in_the_journal_without_its_values_is_refused_by_name(pair: tuple[str, str]) -> None:
    record = record_of(pair, RANGES, 2)
    search = open_search("out", record, resume=False)
    search.study.add_trial(optuna.trial.create_trial(value=0.5, user_attrs={"trial": 1}))
    lacking = r"out/journal\.log: damaged, .*trial 1 has no learning_rate, model_options\.filters"
    with pytest.raises(RunError, match=lacking):
        open_search("out", record, resume=True)


def test_without_optuna_the_error_says_how_to_get_it(pair: tuple[str, str]) -> None:
    arguments = ", ".join(map(repr, search_command(pair, "out")))
    done = run_python(BLOCK.format(library="optuna") + f"from genoml.cli import main; main([{arguments}])")
    assert done.returncode == 2
    assert done.stderr == "genoml: error: genoml search needs Optuna: pip install 'genoml-xp[search]'\n"
    assert not Path("out").exists()


def test_optuna_is_imported_by_no_other_command() -> None:
    seen = output_of(
        "import sys, genoml, genoml.cli.search, genoml.cli.train; print('optuna' in sys.modules)"
    )
    assert seen == "False"


def test_a_search_without_a_trial_that_finished_says_why(
    pair: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("ranges.toml").write_text(RANGES.replace("kernel_size = 8", "kernel_size = 31"))
    assert run_genoml(*search_command(pair, "out", "--trials", 1, "--quiet")) == 2
    assert "no trial finished; trial 1: pos.fa, record 1" in capsys.readouterr().err
    assert read_search("out").trials == 1
    assert table_of("out")[0]["status"] == "failed"
    with pytest.raises(RunError):
        read_record("out/trials/001")
