"""``genoml train --h5ad`` and what follows it: scores by cell type, predictions as a layer, the page, resuming."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas
import pytest

from genoml.runs import load_run, open_run
from genoml.sequence import base_codes
from support.planted import MOTIF, SMALL_TOML, Halt, run_genoml
from support.tasks import write_genome

TYPES = ("T", "B", "NK")
SMALL = SMALL_TOML.replace("0.05", "0.02")


def regions() -> tuple[list[str], np.ndarray]:
    """Names of the regions of ``all.bed``, and whether each has the planted motif."""
    rows = [line.split("\t") for line in Path("all.bed").read_text().splitlines()]
    names = [f"{chrom}:{start}-{end}" for chrom, start, end, *_ in rows]
    return names, np.arange(len(rows)) % 3 == 0


def write(path: str | Path, values: np.ndarray, *, types: tuple[str, ...] = TYPES, **more: Any) -> None:
    names = more.pop("names", None) or regions()[0]
    var = pandas.DataFrame({"note": [f"n{i}" for i in range(len(names))], **more.pop("var", {})}, index=names)
    obs = pandas.DataFrame({"depth": range(len(types))} | more.pop("obs", {}), index=list(types))
    anndata.AnnData(X=values.astype(np.float32), obs=obs, var=var, **more).write_h5ad(path)


def activities() -> np.ndarray:
    """(3, regions): T where the motif is, B elsewhere, NK everywhere alike."""
    peak = regions()[1]
    rng = np.random.default_rng(0)
    values = np.stack([0.1 + peak, 1.1 - peak, np.full(len(peak), 0.5)])
    return np.asarray(values * rng.uniform(0.8, 1.2, values.shape))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cell_types")
    (folder / "small.toml").write_text(SMALL)
    write_genome(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write("regions.h5ad", activities(), layers={"twice": 2 * activities().astype(np.float32)})
        assert train("run", epochs=30) == 0
    return folder


@pytest.fixture(autouse=True)
def inside(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(files)


def train(out: str | Path, *options: object, h5ad: str = "regions.h5ad", epochs: int = 2) -> int:
    given = ("--h5ad", h5ad, "--genome", "genome.fa", *options)
    return run_genoml("train", *given, "--out", out, "--epochs", epochs, "--config", "small.toml", "--quiet")


def scores_of(capsys: pytest.CaptureFixture[str], *words: object) -> dict[str, Any]:
    capsys.readouterr()
    assert run_genoml("evaluate", *words, "--json") == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_run_records_cell_types_and_scores_each_and_their_specificity(
    capsys: pytest.CaptureFixture[str],
) -> None:
    record = load_run("run").record
    assert (record.task.kind, record.task.names) == ("cell_types", list(TYPES))
    assert record.task.log_multiplier == 1000.0
    assert record.notes[1] == "cell types: values of 0.575 in the mean; logarithms are of 1 + 1000 value"
    assert record.data["hashes"].keys() == {"h5ad", "genome"}
    scores = scores_of(capsys, "run")
    assert scores["tasks"].keys() == set(TYPES)
    assert scores["tasks"]["T"].keys() == {"pearson", "spearman", "specificity"}
    assert scores["tasks"]["T"]["pearson"] > 0.7
    assert {"pearson_across", "gini", "top_cell_type"} <= scores.keys()
    assert scores["pearson_across"] == pytest.approx(record.best["validation_pearson_across"], abs=1e-6)
    assert "5-mer" in record.task.baseline
    assert scores["baseline"]["pearson"] > 0.0
    assert run_genoml("evaluate", "run") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["mean", *TYPES]
    assert any(line.startswith("Pearson's r across cell types 0.") for line in lines)


def test_settings_say_the_same_as_options_and_a_layer_is_learned(tmp_path: Path) -> None:
    data = '\n[data]\nh5ad = "regions.h5ad"\ngenome = "genome.fa"\nlayer = "twice"\ntargets = ["B", "T"]\n'
    Path("data.toml").write_text(SMALL + data)
    words = ("train", "--config", "data.toml", "--epochs", 1, "--quiet", "--out", tmp_path / "a")
    assert run_genoml(*words) == 0
    assert train(tmp_path / "b", "--layer", "twice", "--targets", "B,T", epochs=1) == 0
    first, second = (Path(tmp_path, run, "weights.safetensors").read_bytes() for run in "ab")
    assert first == second
    task = load_run(tmp_path / "a").record.task
    assert task.names == ["B", "T"]
    assert task.mean == pytest.approx([1.5, 0.85], abs=0.2), "of the layer"


def test_the_first_prediction_is_the_mean_of_each_cell_type(tmp_path: Path) -> None:
    Path("still.toml").write_text(SMALL_TOML.replace("0.05", "1e-9"))
    words = (
        "--h5ad",
        "regions.h5ad",
        "--genome",
        "genome.fa",
        "--config",
        "still.toml",
        "--epochs",
        1,
        "--quiet",
    )
    assert run_genoml("train", *words, "--out", tmp_path / "run") == 0
    run = load_run(tmp_path / "run")
    np.testing.assert_allclose(run.predict(["ACGT" * 10])[0], run.record.task.mean, rtol=1e-4)


def test_predictions_are_a_layer_of_a_copy_whose_names_are_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names, _ = regions()
    # rows in another order, and one that the run does not know; regions turned round
    values = activities()[:, ::-1]
    write(tmp_path / "other.h5ad", np.stack([values[1], values[0], values[2], values[2]]),
          types=("B", "T", "other", "NK"), names=names[::-1])  # fmt: skip
    out = tmp_path / "out.h5ad"
    words = ("predict", "run", "--h5ad", tmp_path / "other.h5ad", "--out", out)
    capsys.readouterr()
    assert run_genoml(*words, "--layer", "mine") == 0
    said = f"{len(names)} regions scored in 3 cell types; 1 rows have no output of the run; {out}"
    assert capsys.readouterr().err.splitlines() == [said]
    found, before = (anndata.read_h5ad(path) for path in (out, tmp_path / "other.h5ad"))
    assert list(found.obs_names) == ["B", "T", "other", "NK"]
    assert list(found.var_names) == names[::-1]
    np.testing.assert_array_equal(found.X, before.X)
    assert list(found.var["note"]) == list(before.var["note"])
    assert np.isnan(found.layers["mine"][2]).all()
    genome = dict(
        zip((f"chr{i}" for i in range(1, 5)), Path("genome.fa").read_text().split("\n")[1::2], strict=True)
    )
    chrom, span = names[-1].split(":")
    start, end = map(int, span.split("-"))
    run = load_run("run")
    expected = run.predict([genome[chrom][start:end]])[0]
    np.testing.assert_allclose(found.layers["mine"][[1, 0, 3], 0], expected, rtol=1e-5)
    for given, message in (
        (words, f"{out}: already exists; choose another name"),
        ((*words[:-1], tmp_path / "x.tsv"), "with --h5ad --out expects a file ending in .h5ad"),
        ((*words[:-1], tmp_path / "x.h5ad", "--regions", "a.bed"), "--h5ad expects no other sequences"),
        (("predict", "run", "pos.fa", "--layer", "x"), "--layer has a meaning with --h5ad only"),
        (("predict", "run", "--h5ad", out, "--layer", "mine", "--out", tmp_path / "x.h5ad"),
         f"{out}: has a layer 'mine' already; choose another name"),
    ):  # fmt: skip
        assert run_genoml(*given) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "x.h5ad").exists()
    assert (
        scores_of(capsys, "run", "--h5ad", tmp_path / "other.h5ad", "--targets", "T,B,NK")["n_examples"] > 0
    )


def test_the_order_of_cell_types_in_another_file_does_not_matter(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = activities()
    write(tmp_path / "turned.h5ad", values[::-1], types=TYPES[::-1])
    first = scores_of(capsys, "run", "--h5ad", "regions.h5ad")
    assert scores_of(capsys, "run", "--h5ad", tmp_path / "turned.h5ad") == first
    write(tmp_path / "few.h5ad", values[:2], types=TYPES[:2])
    assert run_genoml("evaluate", "run", "--h5ad", tmp_path / "few.h5ad") == 2
    assert "few.h5ad: has no cell type 'NK'; there are T, B" in capsys.readouterr().err
    write(tmp_path / "none.h5ad", values, types=("x", "y", "z"))
    out = tmp_path / "out.h5ad"
    assert run_genoml("predict", "run", "--h5ad", tmp_path / "none.h5ad", "--out", out) == 2
    assert "(x, y, z) and the outputs of the run (T, B, NK) have no name in common" in capsys.readouterr().err


def test_cells_are_averaged_by_their_type_and_sequences_come_from_var(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    values = activities()
    codes = rng.integers(0, 4, (values.shape[1], 30), dtype=np.uint8)
    codes[regions()[1], 5:13] = base_codes([MOTIF])[0]
    letters = ["".join("ACGT"[code] for code in row) for row in codes]
    kinds = pandas.Categorical(["T", "B", "T", "B"])
    cells = np.stack([values[0] * 2, values[1], values[0] * 0, values[1]])
    write(tmp_path / "cells.h5ad", cells, types=("c1", "c2", "c3", "c4"), obs={"kind": kinds},
          var={"letters": letters})  # fmt: skip
    words = (
        "--h5ad",
        tmp_path / "cells.h5ad",
        "--by",
        "kind",
        "--sequence",
        "letters",
        "--out",
        tmp_path / "run",
    )
    assert run_genoml("train", *words, "--epochs", 2, "--config", "small.toml", "--quiet") == 0
    record = load_run(tmp_path / "run").record
    assert (record.task.names, record.length_bp) == (["B", "T"], 30)
    assert record.task.mean == pytest.approx([values[1].mean(), values[0].mean()], abs=0.1)


def test_a_stopped_run_goes_on_to_the_same_bits_where_its_file_has_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("moving.h5ad", activities())
    assert train(tmp_path / "whole", h5ad="moving.h5ad", epochs=2) == 0
    with Halt(monkeypatch, 12):
        assert train(tmp_path / "stopped", h5ad="moving.h5ad", epochs=2) == 0
    assert open_run(tmp_path / "stopped").record.status == "interrupted"
    Path("moving.h5ad").rename(tmp_path / "moved.h5ad")
    words = ("train", "--resume", tmp_path / "stopped", "--h5ad", tmp_path / "moved.h5ad", "--quiet")
    assert run_genoml(*words) == 0
    first, second = (Path(tmp_path, run, "weights.safetensors").read_bytes() for run in ("whole", "stopped"))
    assert first == second


def test_the_page_has_each_cell_type_and_specificity(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "page.html"
    capsys.readouterr()
    assert run_genoml("report", "run", "--held-out", "--top", 1, "--explain", "B", "--out", out) == 0
    assert capsys.readouterr().err == "bases are explained for z, of the activity log(1 + exp(z)) of B\n"
    page = out.read_text()
    assert "T: predicted against true values" in page
    assert "Specificity: Gini index over the cell types" in page
    assert "Pearson&#39;s\u00a0r of specificity" in page
    assert "predicted value of B" in page
    assert run_genoml("report", "run", "--held-out", "--explain", "Z", "--out", out) == 2
    assert "no output is named 'Z'; there are T, B, NK" in capsys.readouterr().err


def _values(change: Callable[[np.ndarray], None]) -> np.ndarray:
    values = activities()
    change(values)
    return values


def _negative(values: np.ndarray) -> None:
    values[1, 4] = -2.0


def _counts(values: np.ndarray) -> None:
    values[:] = np.round(values * 5)


def _of_no_activity(values: np.ndarray) -> None:
    values[2] = 0.0


def _not_a_number(values: np.ndarray) -> None:
    values[0, 3] = np.nan


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (_negative, ("--task", "cell_types"), "bad.h5ad: target B expects 0 or more with task cell_types "
         "(--task regression takes any number), got -2 of chr1:500-540"),
        (_not_a_number, (), "bad.h5ad: region chr1:400-440, cell type T: expects a finite number, got nan"),
        (_of_no_activity, (), "cell type NK is 0 in the whole training part; leave it out"),
        (_counts, (), "say whether they are counts or numbers: --task counts or --task regression (data.task in the "
         "settings); --task cell_types for activities in cell types"),
        (None, ("--task", "counts"), "bad.h5ad: target T expects whole numbers of 0 or more with task counts"),
        (None, ("--layer", "x"), "bad.h5ad: has no layer 'x'; layers: none"),
        (None, ("--by", "x"), "bad.h5ad: obs has no column 'x'; columns: depth"),
        (None, ("--targets", "T,X"), "bad.h5ad: has no cell type 'X'; there are T, B, NK"),
        (None, ("--targets", "T", "--task", "cell_types"), "task cell_types: expects two cell types or more, got 1"),
        (None, ("--sequence", "note"), "bad.h5ad: expects a genome or a column of sequences, got both"),
        (None, ("--window-bp", 4), "windows of 4 bp are shorter than the model reads (at least 8 bp)"),
        (None, ("--table", "x.tsv"), "data expects one source of sequences"),
        (None, ("--signal", "x.bw"), "data.signal: has no meaning with h5ad; leave it out"),
        (None, ("--genome", "absent.fa"), "absent.fa: no such file (genome)"),
        (None, ("--genome", "other.fa"), "chr2"),
        (None, ("--classes", "note"), "data.classes: has no meaning with h5ad"),
    ],
)  # fmt: skip
def test_what_cannot_be_learned_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Any, options: tuple[object, ...], message: str
) -> None:
    write("bad.h5ad", activities() if change is None else _values(change))
    Path("other.fa").write_text(Path("genome.fa").read_text().replace(">chr2", ">chrII"))
    capsys.readouterr()
    assert train(tmp_path / "run", *options, h5ad="bad.h5ad") == 2
    lines = capsys.readouterr().err.splitlines()
    assert message in lines[-1]
    assert not (tmp_path / "run").exists()


def test_regions_without_a_genome_or_sequences_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_genoml("train", "--h5ad", "regions.h5ad", "--out", "refused") == 2
    message = "regions.h5ad: expects --genome FILE, which its regions are windows of, or --sequence COL"
    assert message in capsys.readouterr().err
    assert run_genoml("train", "--h5ad", "absent.h5ad", "--genome", "genome.fa", "--out", "refused") == 2
    assert "absent.h5ad: no such file (h5ad); check the path" in capsys.readouterr().err
    Path("wrong.toml").write_text(SMALL_TOML + "log_multiplier = 10.0\n")
    words = (
        "--h5ad",
        "regions.h5ad",
        "--genome",
        "genome.fa",
        "--task",
        "regression",
        "--config",
        "wrong.toml",
    )
    assert run_genoml("train", *words, "--out", "refused") == 2
    assert "log_multiplier: has a meaning for the task cell_types only" in capsys.readouterr().err
