"""``genoml train`` on tables, genomes and several files, by task, and what the other commands make of such runs."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genoml.genome import open_genome
from genoml.io.errors import FormatWarning
from genoml.models import build_model
from genoml.runs import begin_run, load_run, open_run, reseal, save_run
from genoml.runs.config import TrainConfig
from genoml.train.objectives import BinaryClassification, MultiClassification, Objective, Regression
from support.planted import SMALL_TOML, Halt, planted_data, run_genoml, write_fasta_pair
from support.tasks import write_genome, write_signal, write_table


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tasks")
    (folder / "small.toml").write_text(SMALL_TOML)
    write_table(folder)
    peaks = write_genome(folder)
    write_signal(folder / "plus.bw", peaks)
    write_signal(folder / "minus.bw", peaks[::2], height=3.0)
    write_fasta_pair(folder)
    return folder


@pytest.fixture(autouse=True)
def inside(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(files)


TABLE = ("--table", "table.tsv", "--sequence", "seq")
COUNTS = ("--targets-table", "counts.tsv")
GENOME = ("--genome", "genome.fa", "--regions")


def train(out: str, *options: object, epochs: int = 3) -> int:
    return run_genoml(
        "train", *options, "--out", out, "--epochs", epochs, "--config", "small.toml", "--quiet"
    )


def record_of(run: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(run, "run.json").read_text())
    return found


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert run_genoml(*arguments) == 0
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *options: object) -> str:
    capsys.readouterr()
    assert run_genoml("train", *options, "--out", "refused", "--config", "small.toml") == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    assert not Path("refused").exists()
    return lines[0]


def test_a_regression_of_two_columns_is_standardised_and_turned_back(
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = (*TABLE, "--targets", "strength,other", "--name", "id")
    assert run_genoml("train", *options, "--out", "numbers", "--epochs", 12, "--config", "small.toml") == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].endswith("promoter_cnn on numpy; regression, strength, other")
    assert lines[1] == "task: regression, guessed from the targets of strength, other; --task says otherwise"
    assert "Pearson's r" in lines[-1]
    assert "5-mer ridge regression" in lines[-1]
    record = record_of("numbers")
    assert (record["task"]["kind"], record["task"]["names"]) == ("regression", ["strength", "other"])
    assert record["task"]["mean"] == pytest.approx([105.0, -0.105], rel=0.02)
    assert record["config"]["data"]["table"] == "table.tsv"
    assert list(record["data"]["hashes"]) == ["table"]
    assert len(record["data"]["hashes"]["table"]) == 64
    run = load_run("numbers")
    predicted = run.predict([*["ACGTTGACTCATTTGACCATTGCAAGTCCA"] * 2])
    assert 90.0 < predicted[0, 0] < 120.0, "in the unit of the table"
    assert predicted[0, 1] == pytest.approx(-predicted[0, 0] / 1000, rel=0.1)
    table = said(capsys, "predict", "numbers", "--table", "table.tsv")
    head, first, *_ = table.splitlines()
    assert head.split("\t") == ["name", "score_strength", "score_other"]
    assert first.startswith("s0\t")
    scores = json.loads(said(capsys, "evaluate", "numbers", "--json"))
    assert scores["tasks"]["strength"]["pearson"] == pytest.approx(
        record["best"]["validation_pearson_strength"], abs=1e-6
    )
    assert scores["tasks"]["other"]["mse"] < 1.0 < scores["tasks"]["strength"]["mse"]
    assert scores["n_examples"] == record["data"]["n_validation"]
    text = said(capsys, "evaluate", "numbers").splitlines()
    assert text[0].split() == ["mean", "strength", "other"]
    assert text[1].startswith("Pearson's r")


def test_counts_choose_their_distribution_and_say_which(capsys: pytest.CaptureFixture[str]) -> None:
    options = (*TABLE, "--targets", "reads", "--offset", "log_depth")
    message = refused(capsys, *options)
    assert "say whether they are counts or numbers: --task counts or --task regression" in message
    assert (
        run_genoml(
            "train", *options, "--task", "counts", "--out", "counts", "--epochs", 3, "--config", "small.toml"
        )
        == 0
    )
    lines = capsys.readouterr().err.splitlines()
    assert lines[1].startswith("counts: negative binomial, as advised. The counts vary more than a Poisson's")
    task = record_of("counts")["task"]
    assert (task["kind"], task["offset"], task["names"]) == ("counts", "log_depth", ["reads"])
    run = load_run("counts")
    assert np.isfinite(run.predict(["ACGTTGACTCATTTGACCATTGCAAGTCCA"])).all()
    assert "log_dispersion" in " ".join(run.model.params)
    scores = json.loads(said(capsys, "evaluate", "counts", "--json"))
    assert {"deviance_explained", "pearson", "spearman"} <= scores.keys()
    (Path("poisson.toml")).write_text(SMALL_TOML + 'count_distribution = "poisson"\n')
    assert (
        run_genoml(
            "train",
            *options,
            "--task",
            "counts",
            "--out",
            "poisson",
            "--epochs",
            1,
            "--config",
            "poisson.toml",
            "--quiet",
        )
        == 0
    )
    assert record_of("poisson")["task"]["distribution"] == "poisson"
    assert load_run("poisson").predict(["ACGTTGACTCATTTGACCATTGCAAGTCCA"]).shape == (1, 1)


def test_classes_have_a_probability_each_and_a_confusion(capsys: pytest.CaptureFixture[str]) -> None:
    assert train("kinds", *TABLE, "--classes", "kind", "--name", "id") == 0
    record = record_of("kinds")
    assert (record["task"]["kind"], record["task"]["names"]) == ("classes", ["mid", "strong", "weak"])
    scores = json.loads(said(capsys, "evaluate", "kinds", "--json"))
    assert np.sum(scores["confusion"]) == scores["n_examples"] == record["data"]["n_validation"]
    assert scores["accuracy"] == pytest.approx(np.trace(scores["confusion"]) / scores["n_examples"])
    assert scores["accuracy"] == pytest.approx(record["best"]["validation_accuracy"])
    rows = said(capsys, "predict", "kinds", "--table", "table.tsv").splitlines()
    assert rows[0].split("\t") == ["name", "score_mid", "score_strong", "score_weak"]
    assert sum(map(float, rows[1].split("\t")[1:])) == pytest.approx(1.0, abs=1e-6)


def test_labels_of_one_column_are_binary_and_of_two_multilabel(capsys: pytest.CaptureFixture[str]) -> None:
    assert train("one", *TABLE, "--targets", "bound", epochs=12) == 0
    assert record_of("one")["task"] == {"names": ["bound"]}
    one = json.loads(said(capsys, "evaluate", "one", "--json"))
    assert one["auroc"] > 0.9
    assert one["n_positives"] + one["n_negatives"] == record_of("one")["data"]["n_validation"]
    assert train("two", *TABLE, "--targets", "bound,free") == 0
    assert record_of("two")["task"] == {"kind": "multilabel", "names": ["bound", "free"]}
    two = json.loads(said(capsys, "evaluate", "two", "--json"))
    assert two["tasks"].keys() == {"bound", "free"}
    assert two["auroc"] == pytest.approx(np.mean([each["auroc"] for each in two["tasks"].values()]))
    assert train("kept", *TABLE, "--targets", "bound", "--group", "chrom") == 0
    assert record_of("kept")["data"]["n_validation"] == 48, "a whole chromosome of each class"


def test_labels_are_weighed_by_the_share_of_each(capsys: pytest.CaptureFixture[str]) -> None:
    Path("weighed.toml").write_text(SMALL_TOML + 'class_weight = "balanced"\n')
    words = (*TABLE, "--targets", "bound,free", "--epochs", 1, "--quiet", "--out")
    assert run_genoml("train", *words, "weighed", "--config", "weighed.toml") == 0
    line = "class_weight: probabilities are moved back to each label's share in the training part"
    assert line in record_of("weighed")["notes"]
    assert len(record_of("weighed")["held_out"]["calibration"]["offset"]) == 2
    assert run_genoml("evaluate", "weighed") == 0


@pytest.mark.parametrize(
    ("objective", "columns", "score"),
    [
        (BinaryClassification(task_names=("bound", "free")), (), "auroc"),
        (Regression(task_names=("strength", "other")), ("--targets", "strength,other"), "pearson"),
        (MultiClassification(task_names=("mid", "strong", "weak")), ("--classes", "kind"), "accuracy"),
        (BinaryClassification(), ("--targets", "bound"), "auroc"),
    ],
)
def test_a_network_made_by_hand_is_scored_on_a_table(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    objective: Objective,
    columns: tuple[str, ...],
    score: str,
) -> None:
    model = build_model("promoter_cnn", {"n_outputs": max(1, len(objective.task_names))})
    save_run(model, tmp_path / "hand", length_bp=30, objective=objective)
    words = ("evaluate", tmp_path / "hand", *TABLE, *columns)
    scores = json.loads(said(capsys, *words, "--json"))
    assert scores.get("n_examples", 96) == 96
    assert 0.0 <= abs(scores[score]) <= 1.0
    if len(objective.task_names) > 1:
        assert tuple(scores["tasks"]) == objective.task_names
    assert said(capsys, *words).splitlines()
    assert run_genoml("evaluate", tmp_path / "hand") == 2
    assert "does not say which data it was trained on; name the data" in capsys.readouterr().err


def test_regions_of_a_genome_with_drawn_negatives_are_binary(capsys: pytest.CaptureFixture[str]) -> None:
    assert train("peaks", *GENOME, "a.bed", "--negatives", "gc", epochs=8) == 0
    record = record_of("peaks")
    assert record["task"] == {}
    assert list(record["data"]["hashes"]) == ["genome", "regions"]
    assert record["length_bp"] == 40
    scores = json.loads(said(capsys, "evaluate", "peaks", "--json"))
    assert {"auroc", "f1", "at_half"} <= scores.keys()
    again = json.loads(
        said(capsys, "evaluate", "peaks", "--regions", "a.bed", "--negatives", "none.bed", "--json")
    )
    assert again["n_positives"] > 0
    assert "trained" in again["warnings"]
    bed = Path("a.bed").read_text().splitlines()
    rows = [line.split("\t") for line in bed]
    Path("near.bed").write_text("".join(f"{row[0]}\t{int(row[1]) + 5}\t{int(row[2]) + 5}\n" for row in rows))
    near = ("evaluate", "peaks", "--regions", "near.bed", "--negatives", "shuffle")
    line = json.loads(said(capsys, *near, "--json"))["warnings"]["overlap"]
    assert line.startswith(f"{len(rows)} of {2 * len(rows)} windows (")
    assert run_genoml(*near) == 0
    assert f"warning: {line} [--no-checks overlap]" in capsys.readouterr().err
    for other in ("build.fa", "copy.fa"):
        Path(other).write_text(
            Path("genome.fa").read_text().lower() + ">chrUn\nACGT\n" * (other == "build.fa")
        )
        open_genome(other).close()
    found = json.loads(said(capsys, *near, "--genome", "build.fa", "--json"))["warnings"]
    assert "overlap" not in found
    assert "build.fa is another genome than that of the training, or another build of it" in found["genome"]
    assert "overlap" in json.loads(said(capsys, *near, "--genome", "copy.fa", "--json"))["warnings"]
    assert train("shuffled", *GENOME, "a.bed", "--negatives", "shuffle", epochs=1) == 0
    assert record_of("shuffled")["config"]["epochs"] == 1


def test_several_bed_files_are_tasks_of_one_network(capsys: pytest.CaptureFixture[str]) -> None:
    assert train("both", *GENOME, "a.bed", "b.bed", "--negatives", "none.bed", "--task", "multilabel") == 0
    record = record_of("both")
    assert record["task"] == {"kind": "multilabel", "names": ["a", "b"]}
    assert record["config"]["data"]["regions"] == ["a.bed", "b.bed"]
    assert list(record["data"]["hashes"]) == ["negatives", "genome", "regions", "regions 2"]
    table = said(capsys, "evaluate", "both").splitlines()
    assert table[0].split() == ["mean", "a", "b"]
    assert not [note for note in record["notes"] if "nothing to learn" in note]
    assert train("alike", *GENOME, "all.bed", "a.bed", "--window-bp", 40, epochs=1) == 0
    assert "target all is 1 throughout the training part: nothing to learn" in record_of("alike")["notes"]
    assert run_genoml("report", "alike", "--held-out", "--top", 0, "--out", "alike.html") == 0
    assert ", in the mean over 1 of 2 tasks" in Path("alike.html").read_text()


@pytest.mark.parametrize(
    ("name", "options", "kind", "tasks"),
    [
        ("mean", ("--signal", "plus.bw", "minus.bw"), "regression", ["plus", "minus"]),
        ("sum", ("--signal", "plus.bw", "--task", "counts"), "counts", ["plus"]),
        ("columns", ("--targets", "score", "--task", "regression"), "regression", ["score"]),
        ("table", (*COUNTS, "--targets", "reads", "--task", "counts", "--offset", "log_depth"), "counts", ["reads"]),
        ("all", (*COUNTS, "--key", "name", "--task", "regression"), "regression", ["reads", "other", "log_depth"]),
    ],
)  # fmt: skip
def test_numbers_of_regions_come_from_bigwig_tables_and_columns(
    capsys: pytest.CaptureFixture[str], name: str, options: tuple[str, ...], kind: str, tasks: list[str]
) -> None:
    # the signal's means are not whole numbers, so that their task is guessed
    extra = ("--window-bp", "50") if kind == "regression" else ()
    assert train(name, *GENOME, "all.bed", *options, *extra, epochs=2) == 0
    record = record_of(name)
    assert (record["task"]["kind"], record["task"]["names"]) == (kind, tasks)
    scores = json.loads(said(capsys, "evaluate", name, "--json"))
    assert scores["n_examples"] == record["data"]["n_validation"]
    assert scores["pearson"] == pytest.approx(record["best"].get("validation_pearson"), abs=1e-6)


def test_lists_and_patterns_of_files_are_read_as_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("parts").mkdir()
    for name in ("pos", "neg"):
        lines = Path(f"{name}.fa").read_text().splitlines(keepends=True)
        Path(f"parts/{name}1.fa").write_text("".join(lines[:40]))
        Path(f"parts/{name}2.fa").write_text("".join(lines[40:]))
    assert train("whole", "pos.fa", "neg.fa", epochs=1) == 0
    listed = ("--positives", "parts/pos1.fa", "parts/pos2.fa", "--negatives", "parts/neg*.fa")
    assert train("listed", *listed, epochs=1) == 0
    for file in ("weights.safetensors",):
        assert Path("whole", file).read_bytes() == Path("listed", file).read_bytes()
    first, second = record_of("whole")["data"], record_of("listed")["data"]
    assert second["positives"] == "parts/pos1.fa, parts/pos2.fa"
    assert first["hashes"] == second["hashes"]
    assert json.loads(said(capsys, "evaluate", "listed", "--json")) == json.loads(
        said(capsys, "evaluate", "whole", "--json")
    )
    assert json.loads(Path("listed/run.json").read_text())["config"]["data"]["negatives"] == [
        "parts/neg1.fa",
        "parts/neg2.fa",
    ]
    # a pattern that matches one file, and a run that is scored from another folder
    assert train("single", "--positives", "po*.fa", "--negatives", "parts/neg*.fa", epochs=1) == 0
    monkeypatch.chdir("parts")
    scores = json.loads(said(capsys, "evaluate", "../single", "--json"))
    assert scores == json.loads(said(capsys, "evaluate", "../whole", "--json"))
    monkeypatch.chdir("..")
    assert "no file matches parts/x*.fa" in refused(capsys, "parts/x*.fa", "neg.fa")


def test_rna_is_read_on_one_strand_and_a_line_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = write_table(tmp_path, letters="ACGU")
    options = ("--table", table, "--sequence", "seq", "--targets", "strength")
    assert (
        run_genoml("train", *options, "--out", tmp_path / "rna", "--epochs", 1, "--config", "small.toml") == 0
    )
    line = "RNA (letter U): one strand is read, by the network and by the baseline"
    assert line in capsys.readouterr().err.splitlines()
    record = record_of(str(tmp_path / "rna"))
    assert record["notes"][-1] == line
    assert record["config"]["reverse_complement"] is False
    other = "the sequences are DNA, and the run was trained on RNA: T is read as U"
    found = json.loads(said(capsys, "evaluate", tmp_path / "rna", "--table", "table.tsv", "--json"))[
        "warnings"
    ]
    assert found["letters"] == other
    assert (
        "letters"
        not in json.loads(said(capsys, "evaluate", tmp_path / "rna", "--table", table, "--json"))["warnings"]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("always", FormatWarning)
        assert run_genoml("predict", tmp_path / "rna", "pos.fa", "--out", tmp_path / "x.tsv") == 0
    assert f"genoml: warning: pos.fa: {other}\n" in capsys.readouterr().err
    assert run_genoml("predict", tmp_path / "rna", "--table", table, "--out", tmp_path / "y.tsv") == 0
    assert "trained on RNA" not in capsys.readouterr().err
    assert (
        run_genoml("report", tmp_path / "rna", "--held-out", "--top", 0, "--out", tmp_path / "page.html") == 0
    )
    assert (
        "in bits; known motifs, which are of DNA, are not compared." in (tmp_path / "page.html").read_text()
    )


def test_settings_say_the_same_as_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert train("by_option", *TABLE, "--targets", "strength") == 0
    data = '\n[data]\ntable = "table.tsv"\nsequence = ["seq"]\ntargets = ["strength"]\n'
    Path("data.toml").write_text(SMALL_TOML + data)
    command = ("train", "--config", "data.toml", "--epochs", 3, "--quiet")
    assert run_genoml(*command, "--out", "by_settings") == 0
    same = [Path(run, "weights.safetensors").read_bytes() for run in ("by_option", "by_settings")]
    assert same[0] == same[1]
    assert run_genoml("train", "--config", "by_option/config.toml", "--out", "again", "--quiet") == 0
    assert Path("again/weights.safetensors").read_bytes() == same[0]
    # a source on the command line leaves that of the file out
    assert run_genoml(*command, "pos.fa", "neg.fa", "--out", "other") == 0
    assert record_of("other")["data"]["positives"] == "pos.fa"
    Path("wrong.toml").write_text("[data]\ntabel = 'x'\n")
    assert "wrong.toml, line 2: data.tabel: unknown key; did you mean table?" in refused_with(
        capsys, "wrong.toml"
    )


def refused_with(capsys: pytest.CaptureFixture[str], config: str) -> str:
    capsys.readouterr()
    assert run_genoml("train", "--config", config, "--out", "refused") == 2
    return capsys.readouterr().err


def test_a_stopped_run_of_a_table_goes_on_to_the_same_bits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = (*TABLE, "--targets", "strength,other")
    assert train("unbroken", *options) == 0
    with Halt(monkeypatch, 10):
        assert train("stopped", *options) == 0
    assert record_of("stopped")["status"] == "interrupted"
    assert open_run("stopped").record.task.names == ["strength", "other"]
    Path("table.tsv").rename("elsewhere.tsv")
    try:
        assert run_genoml("train", "--resume", "stopped", "--quiet") == 2
        assert "table.tsv: no such file (table)" in capsys.readouterr().err
        assert run_genoml("train", "--resume", "stopped", "--table", "elsewhere.tsv", "--quiet") == 0
    finally:
        Path("elsewhere.tsv").rename("table.tsv")
    for run in ("stopped", "unbroken"):
        assert record_of(run)["status"] == "finished"
    same = [Path(run, "weights.safetensors").read_bytes() for run in ("stopped", "unbroken")]
    assert same[0] == same[1]


def test_a_changed_file_is_not_resumed_or_evaluated_as_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "small.toml").write_text(SMALL_TOML)
    write_table(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert train("run", *TABLE, "--targets", "strength", epochs=1) == 0
    with open("table.tsv", "a") as file:
        file.write(Path("table.tsv").read_text().splitlines()[1] + "\n")
    assert run_genoml("evaluate", "run") == 2
    assert "table.tsv: has other data than run was begun with" in capsys.readouterr().err


def test_checks_of_every_task_are_said_and_kept_in_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "small.toml").write_text(SMALL_TOML)
    monkeypatch.chdir(tmp_path)
    path = write_table(tmp_path)
    rows = [line.split("\t") for line in path.read_text().splitlines()]
    rows[1][2] = "NA"  # of strength
    for row in rows[1:]:  # G and C of those that are bound
        if row[4] == "1":
            row[1] = row[1].replace("A", "G").replace("T", "C")
    rows.append([*rows[2][:4], "0", "1", *rows[2][6:]])  # the same sequence with another label
    path.write_text("\n".join("\t".join(row) for row in rows) + "\n")
    assert train("labels", *TABLE, "--targets", "bound,free", epochs=1) == 0
    warnings = record_of("labels")["warnings"]
    assert warnings["classes"].endswith("stand with different labels")
    assert warnings["gc"].startswith("bound: positives have")
    assert "and so in 1 more task" in warnings["gc"]
    assert train("numbers", *TABLE, "--targets", "strength,other", epochs=1) == 0
    warnings = record_of("numbers")["warnings"]
    assert warnings["missing"] == "1 of 194 values are missing, and are left out: strength 1"
    assert warnings["gc"].startswith("strength: the GC content alone goes with the targets (Spearman's r 0.")
    capsys.readouterr()
    assert (
        run_genoml(
            "train",
            *TABLE,
            "--targets",
            "strength",
            "--no-checks",
            "gc",
            "--out",
            "quiet",
            "--epochs",
            1,
            "--config",
            "small.toml",
        )
        == 0
    )
    assert "goes with the targets" not in capsys.readouterr().err


# ------------------------------------------------------------ bad input


def changed_table(tmp_path: Path, line: int, column: int, value: str) -> Path:
    path = write_table(tmp_path)
    rows = [each.split("\t") for each in path.read_text().splitlines()]
    rows[line - 1][column] = value
    path.write_text("\n".join("\t".join(row) for row in rows) + "\n")
    return path


def test_text_among_numbers_is_named_by_file_line_and_column(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = changed_table(tmp_path, 7, 2, "high")
    message = refused(capsys, "--table", path, "--sequence", "seq", "--targets", "strength")
    assert f"{path}, line 7: column 'strength' expects a finite number" in message
    assert "'high'" in message


def test_some_records_with_u_classes_by_case_and_one_long_sequence_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "small.toml").write_text(SMALL_TOML)
    monkeypatch.chdir(tmp_path)
    rows = [line.split("\t") for line in write_table(tmp_path).read_text().splitlines()]
    rows[1][1] = rows[1][1].replace("T", "U")
    rows[2][1] *= 5
    classes = rows[0].index("kind")
    for row in rows[1::2]:
        row[classes] = row[classes].title()
    names = {row[classes].casefold(): row[classes] for row in rows[1:]}
    Path("table.tsv").write_text("\n".join("\t".join(row) for row in rows) + "\n")
    assert train("said", *TABLE, "--classes", "kind", epochs=1) == 0
    notes = record_of("said")["notes"]
    known = len(rows) - 1
    assert f"1 sequences have the letter U, and {known - 1} have T: all are read as RNA" in " ".join(notes)
    assert f"all sequences are padded to the longest, {len(rows[2][1])} bp; half have" in " ".join(notes)
    assert any("differ in case alone, and are two classes" in note for note in notes), names


def test_a_letter_u_in_one_file_of_two_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    positives = Path("pos.fa").read_text().splitlines()
    uracil = [line if line.startswith(">") else line.replace("T", "U") for line in positives]
    (tmp_path / "rna.fa").write_text("\n".join(uracil) + "\n")
    assert train(str(tmp_path / "run"), str(tmp_path / "rna.fa"), "neg.fa", epochs=1) == 0
    assert "have the letter U, and" in " ".join(record_of(str(tmp_path / "run"))["notes"])


def test_a_target_without_any_value_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_table(tmp_path)
    rows = [each.split("\t") for each in path.read_text().splitlines()]
    for row in rows[1:]:
        row[2] = "NA"
    path.write_text("\n".join("\t".join(row) for row in rows) + "\n")
    message = refused(capsys, "--table", path, "--sequence", "seq", "--targets", "strength")
    assert f"target strength has no value in any of {len(rows) - 1} examples; leave it out" in message


def test_weights_of_nothing_but_0_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_table(tmp_path)
    rows = [each.split("\t") for each in path.read_text().splitlines()]
    for row in rows[1:]:
        row[3] = "0"
    path.write_text("\n".join("\t".join(row) for row in rows) + "\n")
    options = ("--table", path, "--sequence", "seq", "--targets", "strength", "--weight", "other")
    assert "weight other is 0 throughout the training part" in refused(capsys, *options)
    path.write_text("\n".join("\t".join(row) for row in rows[:2]) + "\n")
    assert "training needs at least 2 examples, got 1; add some" in refused(capsys, *options[:-2])


def test_one_region_is_too_few(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "one.bed").write_text(Path("a.bed").read_text().splitlines(True)[0])
    message = refused(capsys, *GENOME, tmp_path / "one.bed", "--negatives", "gc")
    assert "training needs at least 2 examples of each label, got 1 of label 0; add some" in message


def test_the_store_that_training_makes_is_said_once_with_its_place_and_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    genome = tmp_path / "new.fa"
    genome.write_text(Path("genome.fa").read_text())
    options = (
        "--genome",
        genome,
        "--regions",
        "a.bed",
        "--negatives",
        "gc",
        "--epochs",
        1,
        "--config",
        "small.toml",
    )
    line = f"making {genome}.store from {genome}, about {genome.stat().st_size / 1e6:,.1f} MB; later commands read it"
    for out, said_now in (("a", True), ("b", False)):
        assert run_genoml("train", *options, "--out", tmp_path / out) == 0
        assert (line in capsys.readouterr().err) is said_now
    Path(f"{genome}.store").unlink()
    assert run_genoml("train", *options, "--out", tmp_path / "c", "--json") == 0
    event = json.loads(capsys.readouterr().out.splitlines()[0])
    assert event["event"] == "note"
    assert event["line"].startswith(line)
    Path(f"{genome}.store").unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("always", FormatWarning)
        assert run_genoml("evaluate", tmp_path / "a") == 0
    assert line in capsys.readouterr().err


@pytest.mark.parametrize("value", ["-3", "2.5"])
def test_counts_that_are_none_are_named_by_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], value: str
) -> None:
    path = changed_table(tmp_path, 9, 6, value)
    message = refused(capsys, "--table", path, "--sequence", "seq", "--targets", "reads", "--task", "counts")
    assert f"{path}, line 9: column 'reads' expects whole numbers of 0 or more with task counts" in message
    assert f"(--task regression takes any number), got '{value}'" in message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("pos.fa", "neg.fa", "--table", "table.tsv"), "pos.fa and --table are given; expects one source"),
        (("--table", "table.tsv", "--genome", "genome.fa"), "one source of sequences"),
        (TABLE, "expects targets (columns of numbers) or classes (a column of labels), got neither"),
        ((*TABLE, "--targets", "strenght"), "expects a column 'strenght' (did you mean 'strength'?)"),
        ((*TABLE, "--targets", "strength", "--task", "binary"), "line 2: column 'strength' expects 0 or 1 with task"),
        ((*TABLE, "--targets", "strength", "--task", "classes"), "task classes: expects a column of labels, --classes"),
        ((*TABLE, "--targets", "bound,free", "--task", "binary"), "choose --task multilabel"),
        ((*TABLE, "--targets", "strength", "--offset", "log_depth"), "data.offset: has a meaning for the task counts"),
        ((*TABLE, "--targets", "reads", "--task", "counts", "--offset", "strength"), "expects logarithms, got 1"),
        ((*TABLE, "--targets", "strength", "--window-bp", "30"), "data.window_bp: has no meaning with table"),
        (("--table", "none.tsv", "--targets", "x"), "none.tsv: no such file (table); check the path"),
        (("--genome", "genome.fa"), "a genome expects regions"),
        ((*GENOME, "a.bed"), "regions alone have no labels: add --negatives gc"),
        ((*GENOME, "a.bed", "b.bed", "--negatives", "shuffle"), "shuffles have no place in the genome"),
        ((*GENOME, "a.bed", "--negatives", "gc", "--window-bp", "5"), "windows of 5 bp are shorter than the"),
        ((*GENOME, "a.bed", "--signal", "other.bw"), "differ from the genome's in size: chr1 (3900 bp, not 4000)"),
        ((*GENOME, "all.bed", "--signal", "plus.bw", "--classes", "name"), "one place, got signal and classes"),
        ((*GENOME, "all.bed", "--targets", "score", "--negatives", "gc"), "negatives have no value in targets"),
        ((*GENOME, "a.bed", "--negatives", "gc", "--window-bp", "4100"), "one window of 4100 bp within its chromosome"),
        ((*GENOME, "a.bed", "b.bed", "a.bed"), "regions: a.bed is given twice; leave out one of them"),
        ((*GENOME, "a.bed", "--signal", "plus.bw", "plus.bw"), "signal: plus.bw is given twice"),
        (("--positives", "pos.fa", "pos.fa", "--negatives", "shuffle"), "positives: pos.fa is given twice"),
        ((*GENOME, "a.bed", "--signal", "some.bw"), "leave out the regions of chromosomes without values"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ",
)  # fmt: skip
def test_bad_input_gets_one_line(
    capsys: pytest.CaptureFixture[str], options: tuple[str, ...], message: str
) -> None:
    if "other.bw" in options:
        write_signal(Path("other.bw"), [(f"chr{i}", 100) for i in range(1, 5)], size=3900)
    if "some.bw" in options:
        write_signal(Path("some.bw"), [("chr1", 100)])
    assert message in refused(capsys, *options)


def test_a_class_that_is_too_small_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = changed_table(tmp_path, 3, 8, "rare")
    message = refused(capsys, "--table", path, "--sequence", "seq", "--classes", "kind")
    assert "class rare: training needs at least 2 examples of each class, got 1" in message


def test_evaluation_of_other_tasks_or_longer_windows_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert train("tasks", *TABLE, "--targets", "strength,other", epochs=1) == 0
    capsys.readouterr()
    assert run_genoml("evaluate", "tasks", "--table", "table.tsv", "--targets", "strength") == 2
    assert (
        "the run has 2 task(s) (strength, other), and the data have 1 (strength)" in capsys.readouterr().err
    )
    exchanged = ("evaluate", "tasks", "--table", "table.tsv", "--targets")
    assert run_genoml(*exchanged, "other,strength") == 2
    assert (
        "the tasks are other, strength, and those of the run strength, other; name" in capsys.readouterr().err
    )
    found = json.loads(said(capsys, *exchanged, "bound,free", "--json"))["warnings"]
    assert found["names"] == "bound, free are scored as the run's strength, other, in this order"
    assert "names" not in json.loads(said(capsys, *exchanged, "strength,other", "--json"))["warnings"]


# ------------------------------------------------------------ pages and search


@pytest.mark.parametrize(
    ("options", "section", "alt"),
    [
        (("--targets", "strength,other"), "numbers", "strength: predicted against true values"),
        (("--targets", "reads", "--task", "counts"), "numbers", "reads: mean counts against predicted means"),
        (("--classes", "kind"), "classes", "Confusion of 3 classes"),
        (("--targets", "bound,free"), "curves", "ROC curves"),
    ],
    ids=["regression", "counts", "classes", "multilabel"],
)
def test_the_page_of_each_task_shows_its_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], section: str, alt: str
) -> None:
    assert train(str(tmp_path / "run"), *TABLE, *options, epochs=2) == 0
    page = tmp_path / "page.html"
    assert run_genoml("report", tmp_path / "run", "--held-out", "--top", 1, "--out", page) == 0
    text = page.read_text()
    assert f'<section id="{section}"' in text
    assert alt in text
    assert "guessed from the targets" in text or "counts: negative binomial, as advised" in text
    assert run_genoml("report", tmp_path / "run", "--table", "table.tsv", "--top", 0, "--out", page) == 0
    line = re.search(r'<p class="summary">(.*)</p>', page.read_text())
    assert line is not None
    assert line[1].startswith("Trained on table.tsv, promoter_cnn reaches ")
    assert " on 96 examples" in line[1]


def test_a_search_takes_the_same_options_and_compares_by_the_tasks_score(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("optuna")
    ranges = tmp_path / "ranges.toml"
    drawn = SMALL_TOML.replace("learning_rate = 0.05", "learning_rate = { uniform = [0.01, 0.1] }")
    ranges.write_text(f"{drawn}epochs = 2\n")
    head, *rows = Path("table.tsv").read_text().splitlines()
    few = tmp_path / "few.tsv"
    cells = rows[0].split("\t")
    few.write_text("\n".join([head, *rows, "\t".join([*cells[:2], "NA", *cells[3:]])]) + "\n")
    options = (
        "--table",
        few,
        "--sequence",
        "seq",
        "--targets",
        "strength",
        "--ranges",
        ranges,
        "--trials",
        2,
        "--processes",
        1,
    )
    assert run_genoml("search", *options, "--out", tmp_path / "search") == 0
    head, *rows = (tmp_path / "search/trials.tsv").read_text().splitlines()
    assert head.split("\t")[4] == "validation_pearson"
    assert [row.split("\t")[2] for row in rows] == ["finished"] * 2
    told = capsys.readouterr().err
    assert "numpy; task regression\n" in told
    assert "Pearson's r" in told
    assert "\n1 of 97 examples have no value of strength, and are left out\n" in told
    best = (tmp_path / "search/best.toml").read_text()
    assert f'table = "{few}"' in best
    command = ("train", "--config", tmp_path / "search/best.toml")
    assert run_genoml(*command, "--out", tmp_path / "best", "--quiet") == 0


# ------------------------------------------------------------ runs of before, and of one label


def test_a_run_of_an_older_version_is_read_scored_and_predicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(SMALL_TOML)
    write_fasta_pair(tmp_path)
    assert train("run", "pos.fa", "neg.fa", epochs=4) == 0
    expected = said(capsys, "evaluate", "run", "--json")
    assert json.loads(expected)["auroc"] == pytest.approx(record_of("run")["best"]["validation_auroc"])
    record = record_of("run")
    for key in ("seal", "task", "notes"):
        del record[key]
    for key in ("data", "huber_delta", "count_distribution"):
        del record["config"][key]
    Path("run/run.json").write_text(json.dumps(record))
    reseal("run")
    assert said(capsys, "evaluate", "run", "--json") == expected
    assert len(said(capsys, "predict", "run", "pos.fa").splitlines()) == 61


@pytest.mark.filterwarnings("default::genoml.io.errors.FormatWarning")
def test_examples_without_their_one_value_are_left_out_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [line.split("\t") for line in Path("table.tsv").read_text().splitlines()]
    for row in rows[1:9]:
        row[4] = "NA"
    path = tmp_path / "some.tsv"
    path.write_text("\n".join("\t".join(row) for row in rows) + "\n")
    assert (
        train(str(tmp_path / "some"), "--table", path, "--sequence", "seq", "--targets", "bound", epochs=1)
        == 0
    )
    record = record_of(str(tmp_path / "some"))
    assert record["notes"][-1] == "8 of 96 examples have no value of bound, and are left out"
    assert record["data"]["n_training"] + record["data"]["n_validation"] == 88
    capsys.readouterr()
    assert run_genoml("evaluate", tmp_path / "some", "--table", path, "--json") == 0
    shown = capsys.readouterr()
    assert "warning: 8 of 96 examples have no value of bound, and are left out" in shown.err
    scores = json.loads(shown.out)
    assert scores["n_positives"] + scores["n_negatives"] == 88


def test_a_page_shows_the_held_out_part_of_two_files_and_of_a_genome(tmp_path: Path) -> None:
    assert train(str(tmp_path / "pair"), "pos.fa", "neg.fa", epochs=1) == 0
    assert train(str(tmp_path / "genome"), *GENOME, "a.bed", "--negatives", "none.bed", epochs=1) == 0
    for run in ("pair", "genome"):
        page = tmp_path / f"{run}.html"
        assert run_genoml("report", tmp_path / run, "--held-out", "--top", 1, "--out", page) == 0
        assert '<section id="probabilities">' in page.read_text()


def test_a_run_that_does_not_know_its_files_asks_for_the_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin_run(
        tmp_path / "run", planted_data(), planted_data(seed=1), TrainConfig(model="promoter_cnn", epochs=1)
    )
    assert run_genoml("evaluate", tmp_path / "run") == 2
    assert "its record does not say which data it was trained on; name the data" in capsys.readouterr().err


def test_positives_and_negatives_do_not_score_a_run_of_another_task(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert train("labels", *TABLE, "--targets", "bound,free", epochs=1) == 0
    capsys.readouterr()
    for command in ("evaluate", "report"):
        out = ("--out", "page.html") if command == "report" else ()
        assert run_genoml(command, "labels", "pos.fa", "neg.fa", *out) == 2
        assert "of one label 0 or 1, got one of the task multilabel" in capsys.readouterr().err
    assert train("label", *TABLE, "--targets", "bound", epochs=1) == 0
    assert json.loads(said(capsys, "evaluate", "label", "pos.fa", "neg.fa", "--json"))["n_positives"] == 60


def test_the_logarithm_of_a_column_is_an_offset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [line.split("\t") for line in Path("table.tsv").read_text().splitlines()]
    for row in rows[1:]:
        row[7] = repr(float(np.exp(float(row[7]))))
    path = tmp_path / "depth.tsv"
    path.write_text("\n".join("\t".join(row) for row in rows) + "\n")
    options = ("--sequence", "seq", "--targets", "reads", "--task", "counts")
    assert (
        train(str(tmp_path / "log"), "--table", path, *options, "--offset", "log(log_depth)", epochs=1) == 0
    )
    assert train(str(tmp_path / "plain"), *TABLE, *options[2:], "--offset", "log_depth", epochs=1) == 0
    first, second = (record_of(str(tmp_path / run)) for run in ("log", "plain"))
    assert first["task"]["offset"] == "log(log_depth)"
    assert first["task"]["log_rate"] == pytest.approx(second["task"]["log_rate"], abs=1e-5)
    rows[4][7] = "0"
    path.write_text("\n".join("\t".join(row) for row in rows) + "\n")
    message = refused(capsys, "--table", path, *options, "--offset", "log(log_depth)")
    assert "offset log(log_depth): expects numbers above 0, got 0 of example 3" in message


def test_a_network_of_one_length_refuses_windows_of_another(capsys: pytest.CaptureFixture[str]) -> None:
    Path("fixed.toml").write_text(
        'model = "deepstarr"\nmodel_options = { filters = [4, 4, 4, 4], dense_units = 4 }\nepochs = 1\n'
    )
    options = (*GENOME, "all.bed", "--targets", "score", "--task", "regression", "--window-bp", 64)
    assert run_genoml("train", *options, "--out", "fixed", "--config", "fixed.toml", "--quiet") == 0
    capsys.readouterr()
    assert run_genoml("evaluate", "fixed", "--window-bp", 70) == 2
    assert "windows of 70 bp: this deepstarr was trained on and reads 64 bp" in capsys.readouterr().err


def test_a_line_of_json_has_the_task_and_what_was_said(capsys: pytest.CaptureFixture[str]) -> None:
    options = (*TABLE, "--targets", "strength", "--out", "lines", "--epochs", 1, "--config", "small.toml")
    first = json.loads(said(capsys, "train", *options, "--json").splitlines()[0])
    assert first["task"] == "regression"
    assert first["notes"] == ["task: regression, guessed from the targets of strength; --task says otherwise"]


def test_many_tasks_are_cut_in_text_and_whole_in_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [line.split("\t") for line in Path("table.tsv").read_text().splitlines()]
    names = [f"t{i}" for i in range(12)]
    rng = np.random.default_rng(0)
    lines = ["\t".join([*rows[0], *names])]
    lines += ["\t".join([*row, *map(str, rng.poisson(float(row[2]) - 90.0, 12))]) for row in rows[1:]]
    path = tmp_path / "many.tsv"
    path.write_text("\n".join(lines) + "\n")
    options = ("--table", path, "--sequence", "seq", "--targets", ",".join(names), "--task", "counts")
    assert train(str(tmp_path / "many"), *options, epochs=1) == 0
    scores = json.loads(said(capsys, "evaluate", tmp_path / "many", "--json"))
    assert list(scores["tasks"]) == names
    text = said(capsys, "evaluate", tmp_path / "many").splitlines()
    assert text[0].split() == ["mean", *names[:10]]
    assert "10 of 12 shown; --json has all" in text
