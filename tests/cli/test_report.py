"""``genoml report`` as a person runs it: its parts, its names, and what it refuses."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from urllib.parse import unquote

import pytest

from genoml.io import read_motifs
from genoml.runs import load_run
from support.planted import run_genoml


def page_of(trained: Path, out: Path, *arguments: object) -> str:
    assert run_genoml("report", trained / "run", *arguments, "--out", out) == 0
    return out.read_text(encoding="utf-8")


def sections(page: str) -> list[str]:
    return re.findall(r'<section id="(\w+)"', page)


def test_labelled_sequences_give_every_part(trained: Path, tmp_path: Path) -> None:
    page = page_of(trained, tmp_path / "all.html", trained / "pos.fa", trained / "neg.fa", "--top", 2)
    expected = ["metrics", "validation", "curves", "probabilities", "false_calls", "composition", "motifs"]
    expected += ["sequences", "filters", "training", "downloads", "details"]
    assert [name for name in sections(page) if name != "false_calls"] == [
        name for name in expected if name != "false_calls"
    ]
    assert page.count("what each base adds to the output in comparison with shuffles") == 1
    assert len(re.findall(r"DeepLIFT and mutagenesis agree with r = 0\.\d\d", page)) == 2
    assert page.count('id="sequence') > 0
    assert len(re.findall(r"<figure class=\"card\">\s*<figcaption>\s*<h3>", page)) >= 2
    assert "p = " in page
    assert not re.search(r"(src|href)=[\"'](https?:|//)", page)
    images = re.findall(r"<img[^>]*>", page)
    assert len(images) >= 10
    assert all(re.search(r'alt="[^"]+"', tag) for tag in images)
    assert len(page.encode()) < 3_000_000


def test_a_run_alone_gives_its_curves(trained: Path, tmp_path: Path) -> None:
    assert sections(page_of(trained, tmp_path / "run.html")) == ["validation", "training", "details"]


def test_named_sequences_are_explained_without_labels(trained: Path, tmp_path: Path) -> None:
    name = (trained / "pos.fa").read_text().split("\n", 1)[0].lstrip(">").split()[0]
    arguments = ("--sequences", trained / "pos.fa", "--show", name)
    page = page_of(trained, tmp_path / "one.html", *arguments)
    expected = ["validation", "motifs", "sequences", "filters", "training", "downloads", "details"]
    assert sections(page) == expected
    assert "No motifs were looked for: that takes 100 sequences or more, and here are 60." in page
    assert f"<h3>{name}</h3>" in page


def test_the_same_run_gives_the_same_page(trained: Path, tmp_path: Path) -> None:
    files = ("--sequences", trained / "pos.fa", "--top", 1)
    assert page_of(trained, tmp_path / "a.html", *files) == page_of(trained, tmp_path / "b.html", *files)


def test_the_first_line_says_what_was_trained_on_what_is_reached_and_what_is_looked_for(
    trained: Path, tmp_path: Path
) -> None:
    page = page_of(trained, tmp_path / "all.html", trained / "pos.fa", trained / "neg.fa", "--top", 0)
    (line,) = re.findall(r'<p class="summary">(.*)</p>', page)
    assert line.startswith(
        "Trained on pos.fa against neg.fa, promoter_cnn tells 60 positives from 60 negatives"
    )
    assert re.search(
        r"AUROC [01]\.\d{3} \[[01]\.\d{3}, [01]\.\d{3}\] and AUPR [01]\.\d{3}; in validation it reaches AUROC "
        r"[01]\.\d{3} \(6-mer logistic regression [01]\.\d{3}\)\.",
        line,
    )
    assert re.search(r"It looks for .*\(MA\d{4}\.\d\)\.$", line)


def test_the_page_says_how_it_was_made_and_holds_its_numbers(trained: Path, tmp_path: Path) -> None:
    page = page_of(trained, tmp_path / "all.html", trained / "pos.fa", trained / "neg.fa", "--top", 0)
    record = load_run(trained / "run").record
    words = shlex.join(
        map(str, ("report", trained / "run", trained / "pos.fa", trained / "neg.fa", "--top", 0))
    )
    facts = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page))
    assert facts["command"] == f"genoml {words}"
    assert facts["hash of the weights"] == record.weights[0]
    assert facts["hashes of the data"] == ", ".join(
        f"{role} {digest}" for role, digest in record.data["hashes"].items()
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", facts["trained"])
    files = {
        name: unquote(address.partition(",")[2])
        for name, address in re.findall(r'<a download="(.*?)" href="(data:.*?)">', page)
    }
    rows = [line.split("\t") for line in files["predictions.tsv"].splitlines()]
    assert rows[0] == ["name", "label", "probability"]
    assert [row[1] for row in rows[1:]] == ["1"] * 60 + ["0"] * 60
    assert files["scores.tsv"].startswith("\tauroc\taupr")
    (tmp_path / "filters.meme").write_text(files["filters.meme"])
    assert all(motif.width == 8 for motif in read_motifs(tmp_path / "filters.meme"))


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
    assert sections(page) == ["validation", "training", "details"]
    monkeypatch.setattr("genoml.cli.report.sys.stdout.isatty", lambda: True, raising=False)
    assert run_genoml("report", trained / "run") == 2
    assert b"name a file with --out, or redirect the output" in capsysbinary.readouterr().err


def test_the_negatives_of_a_page_may_be_shuffles(trained: Path, tmp_path: Path) -> None:
    page = page_of(trained, tmp_path / "all.html", trained / "pos.fa", "shuffle", "--top", 0)
    assert "60 positives from 60 negatives" in page
