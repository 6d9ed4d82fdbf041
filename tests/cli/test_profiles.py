"""``genoml train --task profile`` and what follows it: evaluation, predictions, the page, a bias model, resuming."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genoml.runs import load_run, save_run
from support.planted import run_genoml
from support.profiles import Planted, planted_profiles, write_track

TOML = """
model = "bpnet"
model_options = { filters = 4, kernel_size = 7, dilated_layers = 1, profile_kernel_size = 9 }
validation_chromosomes = ["chr2"]
batch_size = 16
shift_bp = 4
epochs = 2
"""


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    folder = tmp_path_factory.mktemp("planted")
    found = planted_profiles(folder, 20)
    rows = zip(found.sites.chrom, found.sites.start, found.sites.end, strict=True)
    (folder / "sites.bed").write_text("".join(f"{chrom}\t{start}\t{end}\n" for chrom, start, end in rows))
    (folder / "small.toml").write_text(TOML)
    return found


def words(planted: Planted, *more: Any) -> list[Any]:
    folder = planted.genome.parent
    return [
        "train", "--genome", planted.genome, "--regions", folder / "sites.bed", "--signal", planted.plus,
        planted.minus, "--strands", "+-", "--task", "profile", "--window-bp", 60, "--config",
        folder / "small.toml", *more,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def run(planted: Planted, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    assert run_genoml(*words(planted, "--control", planted.minus, "--out", out)) == 0
    return out


def test_a_run_records_what_its_profiles_are(run: Path) -> None:
    record = load_run(run).record
    assert record.task.kind == "profile"
    assert record.task.names == ["plus", "minus"]
    assert (record.task.strands, record.task.profile_bp, record.length_bp) == ("+-", 42, 60)
    assert record.training.model_options["control_tracks"] == 1
    assert {"genome", "signal", "signal 2", "control"} <= record.data["hashes"].keys()
    assert record.best is not None
    assert "validation_profile_jsd" in record.best
    # the counts begin at the mean of log(1 + reads), not at none
    assert record.task.count_weight > 0.5
    assert len(record.task.mean) == 2
    history = load_run(run).history()
    assert history[0]["loss"] < 3.0 * history[-1]["loss"]


def test_a_run_is_scored_on_its_held_out_part_with_its_controls(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_genoml("evaluate", run, "--json") == 0
    scores = json.loads(capsys.readouterr().out)
    record = load_run(run).record
    assert record.best is not None
    for name in ("profile_jsd", "counts_pearson", "mean_profile_jsd"):
        assert scores[name] == pytest.approx(record.best[f"validation_{name}"], rel=1e-5)
    assert scores["tasks"].keys() == {"plus", "minus"}
    assert scores["n_examples"] == 20


@pytest.mark.parametrize(
    "words",
    [
        "predict RUN one.fa --out one.tsv",
        "attribute RUN one.fa --out one.npz --method saliency",
        "variants RUN calls.vcf one.fa --out one.tsv --edges pad",
        "saturate RUN one.fa one.bed --out one.tsv --edges pad",
    ],
)
def test_commands_without_the_controls_of_the_training_say_so(
    words: str, run: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("one.fa").write_text(">one\n" + "ACGT" * 15 + "\n")
    Path("one.bed").write_text("one\t30\t31\n")
    head = "##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    Path("calls.vcf").write_text(f"{head}one\t30\t.\tC\tT\t.\t.\t.\n")
    capsys.readouterr()
    assert run_genoml(*(str(run) if word == "RUN" else word for word in words.split())) == 0
    said = "warning: the network was trained with control tracks, which are read as 0 here"
    assert capsys.readouterr().err.splitlines()[0] == said


def test_the_page_has_counts_and_profiles_and_names_what_it_explains(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("report", run, "--held-out", "--top", 1, "--out", tmp_path / "page.html")
    capsys.readouterr()
    assert run_genoml(*words) == 0
    counts = "the logarithm of the counts of plus, minus, in the mean"
    assert capsys.readouterr().err.splitlines()[0] == f"bases are explained for {counts}"
    page = (tmp_path / "page.html").read_text()
    assert "plus: predicted against true values" in page
    assert "minus: mean profile of the windows with the most predicted reads" in page
    assert f"The output that is explained: {counts}." in page
    assert "predicted reads of all tracks" in page
    assert run_genoml(*words, "--explain", "profile:minus") == 0
    page = (tmp_path / "page.html").read_text()
    assert "The output that is explained: the shape of the profile of minus." in page
    assert "DeepLIFT above, mutagenesis below" in page
    capsys.readouterr()
    assert run_genoml(*words, "--explain", "shape") == 2
    known = "counts, counts:plus, counts:minus, profile, profile:plus, profile:minus"
    assert f"no output is named 'shape'; there are {known}" in capsys.readouterr().err


def test_long_windows_of_profiles_have_contributions_alone(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genoml.report.views._LONGEST_MUTATED", 50)
    assert run_genoml("report", run, "--held-out", "--top", 1, "--out", tmp_path / "page.html") == 0
    page = (tmp_path / "page.html").read_text()
    assert "DeepLIFT: what each base adds" in page
    assert "in-silico mutagenesis" not in page


def test_another_replicate_stands_beside_the_model_on_the_page(
    planted: Planted, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("report", run, "--held-out", "--top", 0, "--out", tmp_path / "page.html")
    assert run_genoml(*words, "--replicate", planted.plus, planted.minus) == 0
    page = re.sub(r"<[^>]*>", " ", (tmp_path / "page.html").read_text())
    # the data themselves: no distance
    assert re.search(r"plus, the replicate\s+(–\s+)?0\.000", page)
    assert "minus, the replicate" in page
    capsys.readouterr()
    assert run_genoml("report", run, "--replicate", planted.plus, "--out", tmp_path / "page.html") == 2
    assert "--replicate expects --held-out, or the data" in capsys.readouterr().err


def test_another_replicate_is_scored_beside_the_model(
    planted: Planted, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run_genoml("evaluate", run, "--replicate", planted.plus, planted.minus, "--json") == 0
    scores = json.loads(capsys.readouterr().out)
    same = scores["replicate"]["plus"]  # the data themselves
    assert same["profile_jsd"] == pytest.approx(0.0, abs=1e-5)
    assert same["counts_pearson"] == pytest.approx(1.0)
    assert scores["replicate"].keys() == scores["tasks"].keys()
    assert run_genoml("evaluate", run, "--replicate", planted.minus, planted.plus) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("the replicate, plus: distance of profiles 0.") for line in lines)
    assert run_genoml("evaluate", run, "--replicate", planted.minus) == 2
    assert "a replicate expects 2 bigWig file(s), one a track, got 1" in capsys.readouterr().err


def test_a_profile_network_made_by_hand_is_scored_on_regions_of_a_genome(
    planted: Planted, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_run(load_run(run).model, tmp_path / "hand")
    words = ("--genome", planted.genome, "--regions", planted.genome.parent / "sites.bed", "--signal", planted.plus,
             planted.minus, "--control", planted.minus, "--window-bp", 60)  # fmt: skip
    scores = []
    for path in (run, tmp_path / "hand"):
        capsys.readouterr()
        assert run_genoml("evaluate", path, *words, "--json") == 0
        scores.append(json.loads(capsys.readouterr().out))
    assert scores[1]["profile_jsd"] == pytest.approx(scores[0]["profile_jsd"])
    assert scores[1]["tasks"] == scores[0]["tasks"]


def test_a_bias_model_is_frozen_in_the_run_that_is_trained_with_it(
    planted: Planted, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_genoml(*words(planted, "--out", tmp_path / "bias")) == 0
    assert run_genoml(*words(planted, "--bias", tmp_path / "bias", "--out", tmp_path / "whole")) == 0
    bias, whole = load_run(tmp_path / "bias").model, load_run(tmp_path / "whole").model
    for name, value in bias.params.items():
        np.testing.assert_array_equal(whole.state[f"bias.params.{name}"], value)
    said = capsys.readouterr().err
    assert f"bias model: bpnet of {tmp_path / 'bias'}, frozen" in said
    assert "warning: 40 of 40 sequences have trained the bias model too" in said
    assert "[--no-checks bias]" in said
    record = load_run(tmp_path / "whole").record
    assert record.data["bias_weights"] == load_run(tmp_path / "bias").record.weights[0]
    assert "bias" in record.warnings
    assert run_genoml("evaluate", tmp_path / "whole") == 0
    capsys.readouterr()
    assert run_genoml(*words(planted, "--bias", run, "--out", tmp_path / "other")) == 2
    assert "without --control and --bias" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_a_bias_model_stands_in_each_member_and_is_of_one_network_and_the_same_strands(
    planted: Planted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def made(name: str, *more: Any) -> int:
        return run_genoml(*words(planted, "--epochs", 1, "--out", tmp_path / name, *more))

    assert made("bias", "--quiet") == 0
    assert made("two", "--members", 2, "--bias", tmp_path / "bias", "--no-checks", "bias") == 0
    assert "have trained the bias model" not in capsys.readouterr().err
    bias, two = load_run(tmp_path / "bias").model, load_run(tmp_path / "two").model
    for name, value in bias.params.items():
        for member in range(2):
            np.testing.assert_array_equal(two.state[f"{member}.bias.params.{name}"], value)
    assert made("members", "--members", 2, "--quiet") == 0
    assert made("other", "--bias", tmp_path / "members") == 2
    assert "expects one network, got 2; train it with --members 1" in capsys.readouterr().err
    assert made("other", "--bias", tmp_path / "bias", "--strands", "..") == 2
    assert "was trained with --strands +-, and the data have .." in capsys.readouterr().err


def test_signals_without_reads_in_the_regions_are_refused(
    planted: Planted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_track(
        tmp_path / "none.bw", {name: np.eye(1, reads.shape[1])[0] for name, reads in planted.reads.items()}
    )
    given = words(planted, "--out", tmp_path / "run")
    given[given.index(planted.minus)] = tmp_path / "none.bw"
    assert run_genoml(*given) == 2
    assert "none.bw: has no reads in any of 40 windows" in capsys.readouterr().err


def test_a_profile_network_behind_the_mean_profile_says_so(
    planted: Planted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_genoml(*words(planted, "--epochs", 1, "--out", tmp_path / "run")) == 0
    best = load_run(tmp_path / "run").record.best
    behind = best["validation_profile_jsd"] > best["validation_mean_profile_jsd"]
    last = capsys.readouterr().err.splitlines()[-1]
    assert behind == ("; behind the mean profile, whose distance is " in last)


@pytest.mark.filterwarnings("default::genoml.io.errors.FormatWarning")
def test_windows_that_are_left_out_of_an_evaluation_are_said(
    planted: Planted, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "edge.bed").write_text("chr1\t0\t4\n" + (planted.genome.parent / "sites.bed").read_text())
    assert run_genoml("evaluate", run, "--regions", tmp_path / "edge.bed", "--json") == 0
    said = capsys.readouterr()
    assert "warning: regions: 1 of 41 windows of 60 bp reach past an end of their chromosome" in said.err
    assert json.loads(said.out)["n_examples"] == 40


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--strands": None}, "2 signals: expects --strands (data.strands), a letter each"),
        ({"--window-bp": 12}, "windows of 12 bp are shorter than the model reads (at least 19 bp)"),
        ({"--profile-bp": 41}, "shorter by an even number of bp, got windows of 60 bp"),
        ({"--negatives": "gc"}, "task profile: negatives have no value"),
        ({"--task": "regression"}, "data.strands: has a meaning with task profile only"),
        ({"--model": "basset"}, "expects bpnet for the task profile"),
    ],
)
def test_what_profiles_cannot_be_is_said_in_one_line(
    planted: Planted, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any], message: str
) -> None:
    given = words(planted, "--out", tmp_path / "run")
    for option, value in change.items():
        if option in given:
            at = given.index(option)
            del given[at : at + 2]
        if value is not None:
            given += [option, value]
    if "--model" in change:
        (tmp_path / "none.toml").write_text("batch_size = 16\n")
        given[given.index("--config") + 1] = tmp_path / "none.toml"
    assert run_genoml(*given) == 2
    error = capsys.readouterr().err
    assert message in error.splitlines()[-1]
    assert not (tmp_path / "run").exists()
