"""The commands under ``mpiexec``: one process's bits, one voice, and every end of a job."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genoml.genome import open_genome
from genoml.sequence import decode
from genoml.sequence.intervals import Intervals
from support.planted import run_genoml, write_fasta_pair
from support.ranks import job, run
from support.subprocesses import run_python, wait_for
from support.tasks import CHROMOSOMES, SIZE, write_genome

#: batches of so many numbers that threads share them as ranks do
TOML = """
model = "motif_cnn"
model_options = { filters = 64, second_filters = 48 }
batch_size = 128
checkpoint_steps = 2
baseline = false
patience = 1000
"""
EPOCHS = 12
TRAIN = ("train", "pos.fa", "neg.fa", "--config", "small.toml", "--epochs", EPOCHS)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with files to train on, and the run ``one`` of one process with two threads."""
    folder = tmp_path_factory.mktemp("ranks")
    write_fasta_pair(folder, 140, 150)
    (folder / "small.toml").write_text(TOML)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("GENOML_THREADS", "2")
        assert run_genoml(*TRAIN, "--out", "one", "--quiet") == 0
    return folder


def record_of(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "run.json").read_text())
    return found


def result(run: Path) -> tuple[Any, ...]:
    """What a run came to, without times."""
    timed = ("seconds", "sequences_per_second")
    log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    kept = [{key: value for key, value in epoch.items() if key not in timed} for epoch in log]
    record = record_of(run)
    return (run / "weights.safetensors").read_bytes(), kept, record["held_out"], record["status"]


@pytest.mark.mpi
def test_two_ranks_train_the_bits_of_two_threads_and_one_speaks(unbroken: Path, tmp_path: Path) -> None:
    code, said = run(unbroken, (*TRAIN, "--out", tmp_path / "two"))
    assert code == 0, said
    assert result(tmp_path / "two") == result(unbroken / "one")
    assert record_of(tmp_path / "two")["ranks"] == 2
    assert said.count("motif_cnn on numpy, 2 ranks x 1 thread") == 1
    assert said.count("epoch   2/12") == said.count("finished after") == 1


#: ends of a job: the signal, the rank that gets it or the launcher, exit codes, status, and a line
ENDS = [
    ("SIGINT", "launcher", {0}, "interrupted", "interrupted after"),
    ("SIGTERM", 1, {143}, "interrupted", "interrupted after"),
    ("SIGKILL", 1, None, "running", ""),
    ("SIGKILL", "launcher", None, "running", ""),
    ("SIGSTOP", 1, None, "running", "rank 0 of 2 has waited 12 s for"),
]


@pytest.mark.mpi
@pytest.mark.parametrize(("sent", "to", "codes", "status", "line"), ENDS)
def test_a_run_that_ends_early_goes_on_to_the_bits_of_the_unbroken_one(
    sent: str, to: Any, codes: set[int] | None, status: str, line: str,
    unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    log = tmp_path / "run" / "log.jsonl"
    # so long that ranks on a loaded machine meet in time
    patience = {"GENOML_MPI_TIMEOUT": "12"} if sent == "SIGSTOP" else {}
    with job(unbroken, (*TRAIN, "--out", tmp_path / "run"), **patience) as started:
        wait_for(lambda: log.exists() and log.stat().st_size, started.launcher)
        pids = started.pids()
        os.kill(started.launcher.pid if to == "launcher" else pids[to], getattr(signal, sent))
        code, said = started.end()
        assert code in codes if codes else code != 0, said
        wait_for(lambda: not started.pids() or sent == "SIGSTOP")
    assert line in said
    assert record_of(tmp_path / "run")["status"] == status
    monkeypatch.chdir(unbroken)
    monkeypatch.setenv("GENOML_THREADS", "2")
    assert run_genoml("train", "--resume", tmp_path / "run", "--quiet") == 0
    assert result(tmp_path / "run") == result(unbroken / "one")


@pytest.mark.mpi
def test_two_ranks_go_on_with_the_run_of_one_process(unbroken: Path, tmp_path: Path) -> None:
    with job(unbroken, (*TRAIN, "--out", tmp_path / "run"), ranks=1, GENOML_THREADS="2") as started:
        wait_for(lambda: (tmp_path / "run" / "checkpoint").exists(), started.launcher)
        os.kill(started.pids()[0], signal.SIGTERM)
        started.end()
    code, said = run(unbroken, ("train", "--resume", tmp_path / "run"))
    assert code == 0, said
    assert said.count("resuming") == 1
    assert "begun with other" not in said
    assert result(tmp_path / "run") == result(unbroken / "one")


@pytest.mark.mpi
def test_a_fault_on_one_rank_ends_the_job_with_its_message_and_its_number(
    unbroken: Path, tmp_path: Path
) -> None:
    out = ("--out", tmp_path / "run")
    start = time.monotonic()
    code, said = run(unbroken, (*TRAIN, *out), ("train", "missing.fa", *TRAIN[2:], *out))
    assert code != 0
    assert "genoml: error: rank 1 of 2 failed: missing.fa: no such file; check the path; the job ends" in said
    assert said.count("genoml: error") == 1
    assert time.monotonic() - start > 5
    assert not (tmp_path / "run").exists()


@pytest.mark.mpi
def test_other_sequences_on_a_rank_are_refused_on_all(unbroken: Path, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "run")
    code, said = run(unbroken, (*TRAIN, *out), ("train", "neg.fa", "pos.fa", *TRAIN[3:], *out))
    assert code == 2
    assert (
        said.count("genoml: error") == said.count("rank 1 has other settings or sequences than rank 0") == 1
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.mpi
def test_what_all_ranks_or_the_first_find_wrong_is_one_line(unbroken: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for words, line in (
        (
            ("train", "missing.fa", *TRAIN[2:], "--out", tmp_path / "run"),
            "missing.fa: no such file; check the path",
        ),
        ((*TRAIN, "--out", tmp_path / "file" / "run"), "cannot be written (Not a directory)"),
    ):
        code, said = run(unbroken, words)
        assert code == 2, said
        assert said.count("\n") == said.count("genoml: error") == said.count(line) == 1, said


@pytest.mark.mpi
def test_processes_without_mpi4py_say_what_to_install_once(unbroken: Path, tmp_path: Path) -> None:
    (tmp_path / "mpi4py.py").write_text("raise ImportError('no mpi4py here')")
    path = os.pathsep.join([str(tmp_path), *filter(None, __import__("sys").path)])
    code, said = run(unbroken, (*TRAIN, "--out", tmp_path / "run"), PYTHONPATH=path)
    assert code == 2
    assert said.count("genoml: error: started as 2 processes, which need mpi4py (no mpi4py here)") == 1
    assert said.count("genoml: error") == 1


def test_processes_of_another_launcher_are_refused_in_one_line(unbroken: Path) -> None:
    done = run_python("from genoml.cli import main\nmain(['train'])", OMPI_COMM_WORLD_SIZE="3")
    assert done.returncode == 2
    assert done.stderr.startswith(
        "genoml: error: started as 3 processes, and MPI sees 1: the launcher is not that of"
    )
    assert done.stderr.count("\n") == 1


def test_commands_that_do_not_share_out_are_refused_by_one_of_them(
    unbroken: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PMI_SIZE", "2")
    monkeypatch.setenv("MPI_LOCALRANKID", "0")
    assert run_genoml("stats", unbroken / "pos.fa") == 2
    found = capsys.readouterr()
    assert found.out == ""
    assert found.err == (
        "genoml: error: stats runs as one process, and 2 were started; start it without mpiexec or srun, or with "
        "GENOML_MPI=0\n"
    )
    monkeypatch.setenv("MPI_LOCALRANKID", "1")
    assert run_genoml("stats", unbroken / "pos.fa") == 0
    assert run_genoml("train", "--help") == 0
    assert capsys.readouterr() == ("", "")
    monkeypatch.setenv("GENOML_MPI", "0")
    assert run_genoml("stats", unbroken / "pos.fa") == 0
    assert capsys.readouterr().out


@pytest.fixture(scope="module")
def inputs(unbroken: Path) -> Path:
    """The same folder with sequences of several blocks, a genome, variants and peaks."""
    rng = np.random.default_rng(5)
    write_genome(unbroken)
    letters = decode(rng.integers(0, 4, (2500, 150), dtype=np.uint8))
    (unbroken / "many.fa").write_text("".join(f">s{i}\n{each}\n" for i, each in enumerate(letters)))
    (unbroken / "bad.fa").write_text(f">a\n{letters[0]}\n>b\nACGU!\n")
    with open_genome(unbroken / "genome.fa") as store:
        codes = store.fetch(Intervals(list(CHROMOSOMES), [0] * 4, [SIZE] * 4))
    records = [
        f"{name}\t{pos + 1}\t.\t{'ACGT'[own[pos]]}\t{'ACGT'[(own[pos] + 1) % 4]}\t.\t.\t."
        for name, own in zip(CHROMOSOMES, codes, strict=True)
        for pos in range(200, 3800, 3)
    ]
    head = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    (unbroken / "calls.vcf").write_text(head + "\n".join(records) + "\n")
    return unbroken


#: commands whose work is dealt out, what they write, and numbers of ranks
DEALT = [
    (("predict", "one", "many.fa"), "found.tsv", (2, 3)),
    (("scan", "many.fa", "--motif", "MA0139.2", "--motif", "JUN"), "found.bed", (2, 3)),
    (("variants", "one", "calls.vcf", "genome.fa", "--length", "150"), "found.tsv", (2,)),
]


@pytest.mark.mpi
@pytest.mark.parametrize(
    ("words", "name", "counts"), DEALT, ids=[" ".join(words[:3:2]) for words, _, _ in DEALT]
)
def test_ranks_write_the_bytes_of_one_process(
    words: tuple[str, ...], name: str, counts: tuple[int, ...],
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(inputs)
    assert run_genoml(*words, "--out", tmp_path / name) == 0
    lines = capfd.readouterr().err.splitlines()
    for count in counts:
        out = tmp_path / str(count)
        out.mkdir()
        code, said = run(inputs, (*words, "--out", out / name), ranks=count)
        assert code == 0, said
        assert said.splitlines() == [line.replace(str(tmp_path), str(out)) for line in lines]
        assert (out / name).read_bytes() == (tmp_path / name).read_bytes()
        assert [file.name for file in out.iterdir()] == [name]


@pytest.mark.mpi
def test_other_files_on_a_rank_are_refused_before_any_work(inputs: Path, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "found.tsv")
    code, said = run(inputs, ("predict", "one", "many.fa", *out), ("predict", "one", "pos.fa", *out))
    assert code == 2
    assert said == "genoml: error: rank 1 has other options or files than rank 0; give all ranks the same\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.mpi
def test_a_bad_record_is_said_once_and_nothing_is_written(inputs: Path, tmp_path: Path) -> None:
    code, said = run(inputs, ("predict", "one", "bad.fa", "--out", tmp_path / "found.tsv"))
    assert code == 2
    assert said.count("\n") == said.count("genoml: error: bad.fa, line 4") == 1, said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.mpi
def test_ctrl_c_ends_a_prediction_that_goes_on_to_the_same_bytes(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, partial = ("predict", "one", "--genome", "genome.fa", "--step", "2"), tmp_path / "two.bed.partial"
    with job(inputs, (*words, "--out", tmp_path / "two.bed")) as started:
        wait_for(lambda: partial.exists() and partial.stat().st_size, started.launcher)
        os.kill(started.launcher.pid, signal.SIGINT)
        code, said = started.end()
    assert code != 0
    assert said.count("genoml: stopped") == 1, said
    assert list(tmp_path.iterdir()) == [partial]
    code, said = run(inputs, (*words, "--out", tmp_path / "two.bed", "--resume"))
    assert code == 0, said
    monkeypatch.chdir(inputs)
    assert run_genoml(*words, "--out", tmp_path / "one.bed") == 0
    assert (tmp_path / "two.bed").read_bytes() == (tmp_path / "one.bed").read_bytes()


@pytest.mark.mpi
def test_a_shard_is_a_process_of_its_own_under_a_launcher(inputs: Path, tmp_path: Path) -> None:
    words = ("predict", "one", "many.fa", "--out")
    code, said = run(inputs, *((*words, tmp_path / f"{part}.tsv", "--shard", f"{part}/2") for part in (1, 2)))
    assert code == 0, said
    assert said.count("sequences scored") == 2
    assert (tmp_path / "2.tsv").stat().st_size
