"""A run that ranks train together: the bits of threads from every source of data, and one writer of its folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genoml.backend import Backend, get_backend
from genoml.data import GenomeCodes
from genoml.genome import open_genome
from genoml.parallel import ONE_RANK, Ranks, Shard, Threads
from genoml.runs import Run, RunError, RunRecord, load_run, read_log, resume_run, train_data
from genoml.runs.attribute import attribute
from genoml.runs.config import TrainConfig
from genoml.runs.config_text import read_config
from genoml.runs.on_ranks import threads_of
from genoml.runs.record import read_record
from genoml.runs.regions import predict_windows, windows_of
from support.planted import SMALL_TOML, Halt, write_fasta_pair
from support.profiles import planted_profiles
from support.tasks import write_genome, write_table
from support.thread_ranks import as_ranks

PROFILE_TOML = """
model = "bpnet"
model_options = { filters = 4, kernel_size = 7, dilated_layers = 1, profile_kernel_size = 9 }
batch_size = 8
shift_bp = 4
"""


@pytest.fixture(autouse=True)
def always_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Threads.__init__, "__kwdefaults__", {"least_input": 1, "least_work": 1})


def pair(folder: Path, count: int = 40) -> dict[str, Any]:
    positives, negatives = write_fasta_pair(folder, count)
    return {"data": {"positives": [positives], "negatives": [negatives]}}


def table(folder: Path) -> dict[str, Any]:
    data = {"table": str(write_table(folder)), "sequence": ["seq"], "targets": ["strength", "other"]}
    return {"data": data}


def genome(folder: Path) -> dict[str, Any]:
    write_genome(folder)
    regions = {"genome": "genome.fa", "regions": ["a.bed"], "negatives": ["gc"], "window_bp": 40}
    return {"data": regions}


def profile(folder: Path) -> dict[str, Any]:
    planted = planted_profiles(folder, 10)
    rows = zip(planted.sites.chrom, planted.sites.start, planted.sites.end, strict=True)
    (folder / "sites.bed").write_text("".join(f"{chrom}\t{start}\t{end}\n" for chrom, start, end in rows))
    tracks = {
        "signal": [str(planted.plus), str(planted.minus)],
        "control": [str(planted.minus)],
        "strands": "+-",
    }
    regions = {"genome": "genome.fa", "regions": ["sites.bed"], "window_bp": 60, "task": "profile"}
    return {"data": regions | tracks}


def train(
    out: str, words: dict[str, Any], ranks: Ranks = ONE_RANK, threads: int = 1, toml: str = SMALL_TOML
) -> Run:
    settings = Path(f"settings-{ranks.rank}.toml")
    settings.write_text(toml)
    config = read_config(settings, {"epochs": 2, "threads": threads, **words})
    return train_data(out, config, backend="numpy", ranks=ranks)


def result(out: str) -> tuple[Any, ...]:
    """What a run came to, without times: weights, log, validation, and lines of what was tried."""
    timed = ("seconds", "sequences_per_second")
    log = [{key: value for key, value in each.items() if key not in timed} for each in read_log(out)]
    record = read_record(Path(out))
    found = record.held_out, record.auto, record.notes, record.baselines
    return Path(out, "weights.safetensors").read_bytes(), log, found, record.status


@pytest.mark.parametrize(
    ("source", "toml"),
    [
        (pair, SMALL_TOML),
        (pair, SMALL_TOML + "members = 2"),
        (table, SMALL_TOML),
        (genome, SMALL_TOML),
        (profile, PROFILE_TOML),
    ],
    ids=["pair", "members", "table", "genome", "profile"],
)
def test_a_run_of_two_ranks_has_the_bits_of_two_threads(source: Any, toml: str, tmp_path: Path) -> None:
    words = source(tmp_path)
    train("one", words, threads=2, toml=toml)
    runs = as_ranks(2, lambda ranks: train("two", words, ranks, toml=toml))
    assert result("two") == result("one")
    assert [run.record.ranks for run in runs] == [2, 2]


def test_auto_tries_the_same_on_ranks_and_takes_the_same(tmp_path: Path) -> None:
    words = pair(tmp_path, 205) | {"epochs": 1}
    toml = "members = 1\nbatch_size = 64"
    train("one", words, threads=2, toml=toml)
    as_ranks(2, lambda ranks: train("two", words, ranks, toml=toml))
    assert result("two") == result("one")
    assert len(read_record(Path("two")).auto) > 3


def test_a_run_goes_on_with_any_number_of_ranks_and_the_same_bits_where_the_parts_are_as_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENOML_THREADS", "4")
    words = pair(tmp_path) | {"checkpoint_steps": 2, "baseline": False}
    train("one", words, threads=4)
    with Halt(monkeypatch, 5):
        as_ranks(2, lambda ranks: train("two", words, ranks, threads=2))
    assert read_record(Path("two")).status == "interrupted"
    with Halt(monkeypatch, 9):
        as_ranks(4, lambda ranks: resume_run("two", ranks=ranks))
    resume_run("two")
    assert result("two") == result("one")
    assert read_record(Path("two")).resumed == [{}, {}]


def test_other_parts_are_said_when_a_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENOML_THREADS", "1")
    with Halt(monkeypatch, 5):
        train("run", pair(tmp_path))
    as_ranks(2, lambda ranks: resume_run("run", ranks=ranks))
    assert read_record(Path("run")).resumed == [{"ranks": "2 parts"}]


def test_what_ranks_cannot_train_is_refused_on_all_and_nothing_is_left(tmp_path: Path) -> None:
    words = pair(tmp_path)

    def refused(change: Callable[[Ranks], dict[str, Any]], message: str) -> None:
        def each(ranks: Ranks) -> None:
            with pytest.raises(ValueError, match=message):
                train("run", {**words, **change(ranks)}, ranks)

        as_ranks(2, each)
        assert not Path("run").exists()

    refused(lambda ranks: {"batch_size": 1}, "a batch of 1 sequences .* gives some of 2 ranks none")
    refused(
        lambda ranks: {"learning_rate": 0.01 * (1 + ranks.rank)}, "rank 1 has other settings or sequences"
    )
    swapped = {"positives": words["data"]["negatives"], "negatives": words["data"]["positives"]}
    refused(lambda ranks: {"data": swapped} if ranks.rank else {}, "rank 1 has other settings or sequences")
    refused(lambda ranks: {"data": {**swapped, "positives": ["-"]}}, "each of 2 processes reads the data")


def test_a_folder_that_rank_0_cannot_make_is_an_error_of_all(tmp_path: Path) -> None:
    words = pair(tmp_path)
    Path("file").touch()
    for out, message in (("file", "already exists"), ("file/run", "cannot be written")):

        def each(ranks: Ranks, out: str = out, message: str = message) -> None:
            with pytest.raises(RunError, match=message):
                train(out, words, ranks)

        as_ranks(2, each)


def test_threads_of_a_resumed_run_keep_its_parts_as_far_as_there_are_cores() -> None:
    config = TrainConfig(model="promoter_cnn", threads=4)
    record = RunRecord(config=config, length_bp=30, ranks=2)

    class Given(Ranks):
        def __init__(self, count: int) -> None:
            self.count = count

        def threads(self, backend: Backend) -> int:
            return 4

    backend = get_backend("numpy")
    assert [threads_of(record, Given(count), backend) for count in (1, 2, 3, 4, 8, 16)] == [4, 4, 2, 2, 1, 1]


def test_contributions_and_windows_that_ranks_deal_out_are_those_of_one_process(tmp_path: Path) -> None:
    run = train("run", genome(tmp_path))
    store = open_genome("genome.fa")
    windows = windows_of(run, store, step_bp=7)
    codes = GenomeCodes(store, windows)[np.arange(500)]
    names = [f"w{row}" for row in range(500)]

    def computed(ranks: Ranks) -> Any:
        shard, loaded = Shard(ranks=ranks), load_run("run", "numpy")
        predict_windows(loaded, store, windows, f"{ranks.count}.tsv", shard=shard)
        return attribute(loaded, codes, names, method="saliency", control=1, shard=shard)

    one, (two, _, _) = computed(ONE_RANK), as_ranks(3, computed)
    assert Path("3.tsv").read_bytes() == Path("1.tsv").read_bytes()
    assert not list(Path().glob("*.partial")) + list(Path().glob("*.lock"))
    np.testing.assert_array_equal(two.actual, one.actual)
    np.testing.assert_array_equal(two.control_actual, one.control_actual)
