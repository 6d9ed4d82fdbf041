"""Predictions along a genome: the same numbers as for the sequences, and the same bytes after an interruption."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genoml.data import coverage, profile_data
from genoml.genome import GenomeStore, Intervals, open_genome
from genoml.models import build_model
from genoml.nn import Conv1D, Dense, GlobalMaxPool1D, Sequential
from genoml.runs import Run, regions, save_run
from genoml.runs.regions import predict_windows, windows_of
from genoml.train import FitOptions, Profile, fit
from support.planted import run_genoml, sharded
from support.profiles import Planted, planted_profiles

LENGTH = 60


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    return planted_profiles(tmp_path_factory.mktemp("planted"), 6)


@pytest.fixture(scope="module")
def store(planted: Planted) -> GenomeStore:
    return open_genome(planted.genome)


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Run:
    model = Sequential([Conv1D(4, 3, 8), GlobalMaxPool1D(), Dense(3, 2)], seed=2)
    return save_run(model, tmp_path_factory.mktemp("runs") / "labels", length_bp=LENGTH)


@pytest.fixture(scope="module")
def profiles(planted: Planted, tmp_path_factory: pytest.TempPathFactory) -> Run:
    sizes = {"profile_length_bp": 30, "filters": 3, "kernel_size": 7, "dilated_layers": 1}
    model = build_model("bpnet", {**sizes, "profile_kernel_size": 9, "tracks": 2})
    data = profile_data(
        planted.genome, planted.sites, [planted.plus, planted.minus], strands="+-", length_bp=LENGTH,
        profile_bp=30, outlier_quantile=None,
    )  # fmt: skip
    fit(model, data, options=FitOptions(epochs=1, objective=Profile(2, 30)))
    return save_run(model, tmp_path_factory.mktemp("runs") / "profiles")


def test_a_table_and_a_bed_file_have_the_scores_of_the_sequences(
    labels: Run, store: GenomeStore, planted: Planted, tmp_path: Path
) -> None:
    sites = planted.sites.with_columns(name=np.array([f"site {i}" for i in range(12)], object))
    windows = windows_of(labels, store, sites)
    expected = labels.predict([str(s) for s in _letters(store, windows)])
    predict_windows(labels, store, windows, tmp_path / "scores.tsv")
    lines = [line.split("\t") for line in (tmp_path / "scores.tsv").read_text().splitlines()]
    assert lines[0] == ["name", "score_0", "score_1"]
    assert lines[3][0] == "site 2"
    np.testing.assert_allclose(np.array([line[1:] for line in lines[1:]], float), expected, rtol=1e-6)
    predict_windows(labels, store, windows, tmp_path / "scores.bed", kind="bed")
    cells = (tmp_path / "scores.bed").read_text().splitlines()[2].split("\t")
    start = int(windows.start[2])
    assert cells[:4] == ["chr1", str(start), str(start + LENGTH), "site 2"]
    assert int(cells[4]) == round(1000 * expected[2].max())
    assert cells[5:] == [".", *lines[3][1:]]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scores.bed", "scores.tsv"]


def _letters(store: GenomeStore, windows: Intervals) -> list[str]:
    return ["".join("ACGT"[code] for code in row) for row in store.fetch(windows)]


def test_along_the_genome_each_base_has_the_score_of_the_nearest_window(
    labels: Run, store: GenomeStore, tmp_path: Path
) -> None:
    windows = windows_of(labels, store, step_bp=20)
    files = predict_windows(labels, store, windows, tmp_path / "scores.bw", kind="bigwig")
    assert [file.name for file in files] == ["scores.0.bw", "scores.1.bw"]
    scores = labels.objective.predictions(labels.outputs([str(s) for s in _letters(store, windows[:4])]))
    found = coverage(files[1], Intervals("chr1", [0], [100]), bins=100)[0]
    # windows 0-60, 20-80, 40-100, 60-120: middles 30, 50, 70, 90
    expected = np.repeat(scores[:, 1], [40, 20, 20, 20])
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_profile_lies_at_its_bases_on_both_strands(
    profiles: Run, store: GenomeStore, planted: Planted, tmp_path: Path
) -> None:
    windows = windows_of(profiles, store)
    assert np.unique(np.diff(windows.start[:20])).tolist() == [30]
    files = predict_windows(profiles, store, windows, tmp_path / "reads.bw", kind="bigwig")
    reads = profiles.predict(_letters(store, windows[5:6]))
    start = int(windows.start[5]) + 15
    place = Intervals("chr1", [start], [start + 30])
    for track, file in enumerate(files):
        np.testing.assert_allclose(coverage(file, place, bins=30)[0], reads[0, track], rtol=1e-4)
    turned = Intervals("chr1", [start - 15], [start + 45], "-")
    predict_windows(profiles, store, turned, tmp_path / "turned.bw", kind="bigwig")
    for track, name in enumerate(("0", "1")):
        found = coverage(tmp_path / f"turned.{name}.bw", place, bins=30)[0]
        np.testing.assert_allclose(found, reads[0, track], rtol=1e-3)
    predict_windows(profiles, store, windows[5:6], tmp_path / "totals.tsv")
    totals = (tmp_path / "totals.tsv").read_text().splitlines()[1].split("\t")[1:]
    np.testing.assert_allclose(np.array(totals, float), reads[0].sum(axis=1), rtol=1e-4)


@pytest.mark.parametrize("kind", ["tsv", "bed", "bigwig"])
def test_an_interrupted_prediction_ends_with_the_bytes_of_a_whole_one(
    labels: Run, store: GenomeStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Any
) -> None:
    monkeypatch.setattr(regions, "BLOCK", 8)
    windows = windows_of(labels, store, step_bp=20)
    whole = predict_windows(labels, store, windows, tmp_path / "whole.out", kind=kind)
    computed = regions.finite_outputs
    calls = []

    def stopping(*arguments: Any, **options: Any) -> np.ndarray:
        calls.append(len(arguments[1]))
        if len(calls) == 4:
            raise KeyboardInterrupt
        return computed(*arguments, **options)

    monkeypatch.setattr(regions, "finite_outputs", stopping)
    with pytest.raises(KeyboardInterrupt):
        predict_windows(labels, store, windows, tmp_path / "part.out", kind=kind)
    partial = tmp_path / "part.out.partial"
    with partial.open("ab") as file:
        file.write(b"cut in the middle of a row")
    with pytest.raises(
        ValueError, match=r"part.out.partial: an interrupted prediction is there; go on .*--resume"
    ):
        predict_windows(labels, store, windows, tmp_path / "part.out", kind=kind)
    shutil.copy(partial, tmp_path / "other.out.partial")
    with pytest.raises(ValueError, match="is of another prediction"):
        predict_windows(labels, store, windows[1:], tmp_path / "other.out", kind=kind, resume=True)
    calls.clear()
    monkeypatch.setattr(regions, "finite_outputs", lambda *a, **o: calls.append(1) or computed(*a, **o))
    parts = predict_windows(labels, store, windows, tmp_path / "part.out", kind=kind, resume=True)
    assert len(calls) == -(-len(windows) // 8) - 3
    assert [part.read_bytes() for part in parts] == [file.read_bytes() for file in whole]
    assert not partial.exists()


@pytest.mark.parametrize(("kind", "count"), [("tsv", 3), ("bed", 100)])
def test_shards_of_a_prediction_along_a_genome_make_up_the_whole_byte_for_byte(
    labels: Run, planted: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, count: int
) -> None:
    for place in ("genoml.runs.regions.BLOCK", "genoml.cli.tile.BLOCK"):
        monkeypatch.setattr(place, 8)
    given = "predict", labels.path, "--genome", planted.genome, "--step", 50
    assert run_genoml(*given, "--out", tmp_path / f"whole.{kind}") == 0
    whole = (tmp_path / f"whole.{kind}").read_bytes()
    assert whole.count(b"\n") > 4 * 8
    assert sharded(tmp_path, count, *given, suffix=f".{kind}") == whole
    assert not [path for path in tmp_path.iterdir() if path.suffix in (".partial", ".lock")]


def test_a_shard_of_a_bigwig_is_refused(labels: Run, planted: Planted, tmp_path: Path, capsys) -> None:
    given = "predict", labels.path, "--genome", planted.genome, "--out", tmp_path / "a.bw"
    assert run_genoml(*given, "--shard", "1/2") == 2
    assert "a.bw: bigWig files cannot be joined; with --shard write .bed or .tsv" in capsys.readouterr().err


def test_the_command_tiles_a_genome_and_scores_it(
    labels: Run, planted: Planted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_genoml("tile", planted.genome, "--length", 60, "--step", 50, "--out", tmp_path / "w.bed") == 0
    rows = (tmp_path / "w.bed").read_text().splitlines()
    size = len(planted.reads["chr1"][0])
    assert rows[:2] == ["chr1\t0\t60", "chr1\t50\t110"]
    assert len(rows) == 2 * ((size - 60) // 50 + 1)
    common = ("predict", labels.path, "--genome", planted.genome)
    assert run_genoml(*common, "--regions", tmp_path / "w.bed", "--out", tmp_path / "a.tsv") == 0
    assert run_genoml(*common, "--step", 50, "--out", tmp_path / "b.tsv") == 0
    assert (tmp_path / "a.tsv").read_bytes() == (tmp_path / "b.tsv").read_bytes()
    assert f"{len(rows)} windows of 60 bp scored" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--genome", "GENOME"), "expects a file ending in .tsv, .txt, .bed, .bw, .bigwig"),
        (("--genome", "GENOME", "--out", "OUT.npy"), "expects a file ending in"),
        (("seq.fa", "--genome", "GENOME", "--out", "OUT.bw"), "one of SEQUENCES, --table and --genome"),
        (("seq.fa", "--resume"), "have a meaning with --genome only"),
        (("--genome", "GENOME", "--regions", "SITES", "--step", "5", "--out", "OUT.bw"), "whole genome only"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    labels: Run,
    planted: Planted,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: Any,
    message: str,
) -> None:
    (tmp_path / "sites.bed").write_text("chr1\t500\t510\n")
    named = {"GENOME": planted.genome, "SITES": tmp_path / "sites.bed", "OUT.bw": tmp_path / "out.bw"}
    assert run_genoml("predict", labels.path, *(named.get(word, word) for word in words)) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
