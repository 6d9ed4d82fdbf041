"""``genoml report`` as a person runs it: its parts, its names, and what it refuses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.planted import run_genoml


def page_of(trained: Path, out: Path, *arguments: object) -> str:
    assert run_genoml("report", trained / "run", *arguments, "--out", out) == 0
    return out.read_text(encoding="utf-8")


def sections(page: str) -> list[str]:
    return re.findall(r'<section id="(\w+)"', page)


def test_labelled_sequences_give_every_part(trained: Path, tmp_path: Path) -> None:
    page = page_of(trained, tmp_path / "all.html", trained / "pos.fa", trained / "neg.fa", "--top", 2)
    expected = ["metrics", "curves", "probabilities", "sequences", "filters", "training", "details"]
    assert sections(page) == expected
    assert page.count("gradient times input") == 1
    assert page.count('id="sequence') > 0
    assert len(re.findall(r"<figure class=\"card\">\s*<figcaption>\s*<h3>", page)) >= 2
    assert "p = " in page
    assert not re.search(r"(src|href)=[\"'](https?:|//)", page)
    images = re.findall(r"<img[^>]*>", page)
    assert len(images) >= 10
    assert all(re.search(r'alt="[^"]+"', tag) for tag in images)
    assert len(page.encode()) < 3_000_000


def test_a_run_alone_gives_its_curves(trained: Path, tmp_path: Path) -> None:
    assert sections(page_of(trained, tmp_path / "run.html")) == ["training", "details"]


def test_named_sequences_are_explained_without_labels(trained: Path, tmp_path: Path) -> None:
    name = (trained / "pos.fa").read_text().split("\n", 1)[0].lstrip(">").split()[0]
    arguments = ("--sequences", trained / "pos.fa", "--show", name)
    page = page_of(trained, tmp_path / "one.html", *arguments)
    assert sections(page) == ["sequences", "filters", "training", "details"]
    assert f"<h3>{name}</h3>" in page


def test_the_same_run_gives_the_same_page(trained: Path, tmp_path: Path) -> None:
    files = ("--sequences", trained / "pos.fa", "--top", 1)
    assert page_of(trained, tmp_path / "a.html", *files) == page_of(trained, tmp_path / "b.html", *files)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["pos.fa"], "POSITIVES and NEGATIVES, both or none"),
        (["pos.fa", "neg.fa", "--sequences", "pos.fa"], "not both"),
        (["--show", "one"], "--show expects"),
        (["--sequences", "pos.fa", "--show", "absent"], "no sequence is named absent"),
        (["--sequences", "missing.fa"], "missing.fa"),
        (["-", "-"], "standard input"),
    ],
)
def test_bad_requests_are_one_line(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    given = [str(trained / word) if word.endswith(".fa") else word for word in arguments]
    out = tmp_path / "report.html"
    assert run_genoml("report", trained / "run", *given, "--out", out) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize("place", ["", "absent/report.html"])
def test_a_page_that_cannot_be_written_is_named(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    assert run_genoml("report", trained / "run", "--out", tmp_path / place) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_page_goes_to_standard_output_but_to_no_terminal(
    trained: Path, capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_genoml("report", trained / "run") == 0
    page = capsysbinary.readouterr().out.decode()
    assert page.startswith("<!")
    assert sections(page) == ["training", "details"]
    monkeypatch.setattr("genoml.cli.report.sys.stdout.isatty", lambda: True, raising=False)
    assert run_genoml("report", trained / "run") == 2
    assert b"name a file with --out, or redirect the output" in capsysbinary.readouterr().err


def test_the_negatives_of_a_page_may_be_shuffles(trained: Path, tmp_path: Path) -> None:
    page = page_of(trained, tmp_path / "all.html", trained / "pos.fa", "shuffle", "--top", 0)
    assert "60 positives from 60 negatives" in page
