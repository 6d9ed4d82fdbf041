"""The command discover: its folder, what it prints, and what it refuses."""

from __future__ import annotations

import re
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from genoml.io import read_bed, read_motifs
from support.planted import run_genoml
from support.sites import LONG, attributions


def test_motifs_their_sites_and_a_page_are_found_in_planted_contributions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    attributions(200).save(tmp_path / "x.npz")
    out = tmp_path / "out"
    assert run_genoml("discover", tmp_path / "x.npz", "--out", out, "--h5", tmp_path / "x.h5") == 0
    names = ["hits.bed", "motifs.meme", "motifs.npz", "report.html", "seqlets.bed"]
    assert sorted(path.name for path in out.iterdir()) == names
    assert (tmp_path / "x.h5").is_file()
    motifs = read_motifs(out / "motifs.meme")
    letters = {"".join("ACGT"[base] for base in motif.probabilities.argmax(axis=1)) for motif in motifs}
    long = "".join(LONG[0])
    turned = long[::-1].translate(str.maketrans("ACGT", "TGCA"))
    assert any(word[2:10] in long + " " + turned for word in letters)
    hits = read_bed(out / "hits.bed")
    assert set(hits.columns["name"].tolist()) == {motif.name for motif in motifs}
    said = capsys.readouterr()
    assert said.out.startswith("200 peaks: ")
    assert "negative seqlets: 0, which is fewer than 100" in (out / "report.html").read_text().replace(
        "N", "n"
    )
    assert said.err.rstrip().endswith("report.html")


def test_known_motifs_and_hits_can_be_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    attributions(20).save(tmp_path / "x.npz")
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert run_genoml("discover", "x.npz", "--out", "out", "--motifs", "none", "--no-hits") == 0
    said = capsys.readouterr().err
    assert re.search(r"^genoml: warning: x\.npz: positive seqlets: \d+, which is fewer than 100;", said)
    assert not (tmp_path / "out" / "hits.bed").exists()
    assert "no motif was found" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.filterwarnings("ignore::genoml.io.FormatWarning")  # of few seqlets
def test_files_of_shards_are_searched_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole, options = attributions(20), ("--motifs", "none", "--no-hits")
    whole.save(tmp_path / "whole.npz")
    for name, rows in (("a", slice(15)), ("b", slice(15, 15)), ("c", slice(15, None))):
        arrays = {each: vars(whole)[each][rows] for each in ("names", "codes", "hypothetical", "actual")}
        replace(whole, **arrays).save(tmp_path / f"{name}.npz")
    said = []
    for out, given in (
        ("joined", [tmp_path / f"{name}.npz" for name in "abc"]),
        ("alone", [tmp_path / "whole.npz"]),
    ):
        assert run_genoml("discover", *given, "--out", tmp_path / out, *options) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]
    assert said[0].startswith("20 peaks: ")
    assert (tmp_path / "joined" / "seqlets.bed").read_bytes() == (
        tmp_path / "alone" / "seqlets.bed"
    ).read_bytes()


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        ({"hypothetical": None}, "", "x.npz: holds no array hypothetical, but genoml, names, codes, actual"),
        ({"hypothetical": None}, "", "genoml attribute RUN SEQUENCES --out FILE.npz"),
        ({"actual": np.zeros((20, 80), np.float32)}, "", "x.npz: all contributions are 0; the model's output"),
        ({"hypothetical": np.zeros((20, 4, 80))}, "", "x.npz: hypothetical expects the shape (20, 80, 4)"),
        ({"hypothetical": np.full((20, 80, 4), np.nan)}, "", "x.npz: hypothetical is nan at [0, 0, 0]"),
        ({}, "--fdr 0.1", "x.npz: holds no control for --fdr"),
        ({}, "--motifs x.meme", "x.meme"),
        ({}, "--out full", "full: already exists; choose another folder"),
        ({}, "--h5 nowhere/x.h5", "nowhere/x.h5: --h5 expects a name in a folder that exists"),
        ({}, "--out nowhere/out", "nowhere/out: --out expects a name in a folder that exists"),
    ],
)  # fmt: skip
def test_what_is_refused_writes_nothing(
    change: dict[str, np.ndarray | None], arguments: str, message: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    attributions(20).save("whole.npz")
    with np.load("whole.npz") as file:
        arrays = {name: array for name, array in (dict(file) | change).items() if array is not None}
    np.savez("x.npz", **arrays)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    before = sorted(path.name for path in tmp_path.iterdir())
    assert run_genoml("discover", "x.npz", "--out", "out", *arguments.split()) == 2
    assert message in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == before
