"""The commands marginalise, space and ablate: their tables and pages, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from genoml.explain import ablate, backgrounds, marginalise, pairs, space
from genoml.io import read_fasta, write_meme
from genoml.runs import load_run
from genoml.sequence.motifs.motif import Motif
from support.planted import MOTIF, run_genoml


def table_of(path: Path) -> dict[str, list[str]]:
    header, *rows = (line.split("\t") for line in path.read_text().splitlines())
    return dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))


def numbers(values: list[str]) -> np.ndarray:
    return np.array(values, np.float64)


def letters_of(path: Path) -> list[str]:
    return [record.sequence for record in read_fasta(path)]


def test_marginalise_writes_the_effects_of_motifs_and_a_page(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    planted = Motif("M1", np.eye(4)[["ACGT".index(base) for base in MOTIF]], symbol="AP1")
    write_meme(tmp_path / "m.meme", [planted, Motif("M2", np.full((5, 4), 0.25))])
    out, page = tmp_path / "effects.tsv", tmp_path / "page.html"
    given = [
        "--motifs",
        tmp_path / "m.meme",
        "--backgrounds",
        trained / "neg.fa",
        "--shuffle",
        9,
        "--seed",
        4,
    ]
    assert run_genoml("marginalise", trained / "run", *given, "--out", out, "--report", page) == 0
    found = table_of(out)
    codes = backgrounds("shuffle", letters_of(trained / "neg.fa"), 9, seed=4)
    expected = marginalise(load_run(trained / "run").model, codes, [planted, "AAAAA"], seed=4)
    assert (found["motif"], found["symbol"], found["width_bp"]) == (["M1", "M2"], ["AP1", "."], ["8", "5"])
    np.testing.assert_allclose(numbers(found["effect"]), expected.statistics.mean, rtol=1e-4)
    np.testing.assert_allclose(numbers(found["p_value"]), expected.statistics.p_value, rtol=1e-4)
    np.testing.assert_allclose(numbers(found["effect_reverse"]), expected.by_strand[:, 1], rtol=1e-4)
    assert set(found["backgrounds"]) == {"9"}
    assert numbers(found["effect"])[0] > 5 * abs(numbers(found["effect"])[1])
    text = page.read_text()
    assert "Of 2 motifs AP1 (M1) does most: put into 9 backgrounds it raises the output by" in text
    assert "Logo of AP1 (M1)." in text
    assert "of 2 motifs in 9 backgrounds" in capsys.readouterr().err


def test_marginalise_takes_letters_and_random_backgrounds(
    trained: Path, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    arguments = ["--motif", "tgastca", "--motif", "MA0139.2", "--count", 3, "--strand", "+", "--position", 2]
    assert run_genoml("marginalise", trained / "run", *arguments) == 0
    header, *rows = capsysbinary.readouterr().out.decode().splitlines()
    assert "effect_forward" in header
    assert "effect_reverse" not in header
    assert [row.split("\t")[:4] for row in rows] == [
        ["TGASTCA", ".", "7", "2"],
        ["MA0139.2", "CTCF", "15", "2"],
    ]


def test_marginalise_draws_windows_of_a_genome(trained: Path, tmp_path: Path) -> None:
    letters = "".join(np.random.default_rng(2).choice(list("ACGT"), 3000))
    (tmp_path / "g.fa").write_text(f">chr1\n{letters}\n")
    given = [
        "--genome",
        tmp_path / "g.fa",
        "--count",
        5,
        "--backgrounds",
        trained / "pos.fa",
        "--motif",
        "TGACTCA",
    ]
    assert run_genoml("marginalise", trained / "run", *given, "--out", tmp_path / "o.tsv") == 0
    assert table_of(tmp_path / "o.tsv")["backgrounds"] == ["5"]


def test_space_writes_a_row_for_each_arrangement_and_a_page(trained: Path, tmp_path: Path) -> None:
    out, page = tmp_path / "spacing.tsv", tmp_path / "page.html"
    given = [
        "TGACT",
        "CAT",
        "--backgrounds",
        trained / "neg.fa",
        "--distances",
        "0:22",
        "--orientation",
        "+-",
    ]
    assert run_genoml("space", trained / "run", *given, "--out", out, "--report", page) == 0
    found, codes = table_of(out), letters_of(trained / "neg.fa")
    model = load_run(trained / "run").model
    expected = space(model, codes, "TGACT", "CAT", range(22), orientations=["+-"])
    assert (set(found["orientation"]), found["distance_bp"]) == ({"+-"}, [str(d) for d in range(22)])
    mean = expected.statistics.mean
    np.testing.assert_allclose(numbers(found["cooperativity"]), mean[0], rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(numbers(found["joint"]), expected.joint[0].mean(axis=1), rtol=1e-4)
    text = page.read_text()
    assert "Together TGACT and CAT add up to" in text
    assert "10.5 bp" in text


def test_ablate_writes_the_effects_of_sites_their_pairs_and_a_page(trained: Path, tmp_path: Path) -> None:
    records = list(read_fasta(trained / "pos.fa"))[:6]
    rows = [
        (row, at, at + 8) for row, record in enumerate(records) if (at := record.sequence.find(MOTIF)) >= 0
    ]
    rows.append((0, 0, 4) if rows[0][1] >= 4 else (0, 26, 30))
    (tmp_path / "sites.bed").write_text(
        "".join(f"{records[row].id}\t{start}\t{end}\ts{end - start}\n" for row, start, end in rows)
    )
    out, page, both = tmp_path / "e.tsv", tmp_path / "p.html", tmp_path / "pairs.tsv"
    given = ["--repeats", 4, "--seed", 3, "--pairs", both, "--out", out, "--report", page]
    assert run_genoml("ablate", trained / "run", trained / "pos.fa", tmp_path / "sites.bed", *given) == 0
    found, model, letters = table_of(out), load_run(trained / "run").model, letters_of(trained / "pos.fa")
    expected = ablate(model, letters, rows, n=4, seed=3)
    assert found["sequence"] == [records[row].id for row, _, _ in rows]
    assert found["site"] == ["s8"] * (len(rows) - 1) + ["s4"]
    np.testing.assert_allclose(numbers(found["effect"]), expected.statistics.mean, rtol=1e-3, atol=1e-6)
    joint = pairs(model, letters, rows, n=4, seed=3)
    np.testing.assert_allclose(
        numbers(table_of(both)["epistasis"]), joint.statistics.mean, rtol=1e-3, atol=1e-6
    )
    text = page.read_text()
    assert "the output falls by" in text
    assert "Contributions of the bases around" in text


def test_one_background_is_told(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--motif", "TGA", "--count", 1, "--out", tmp_path / "o.tsv", "--report", tmp_path / "p.html"]
    assert run_genoml("marginalise", trained / "run", *given) == 0
    assert "warning: marginalise: one background has no standard error, nor a test" in capsys.readouterr().err
    assert table_of(tmp_path / "o.tsv")["standard_error"] == ["nan"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("marginalise run --motif XYZ1", "JASPAR 2024 vertebrates: no motif is named 'XYZ1' among 879"),
        ("marginalise run --motif CTCF", "motif MA1929.2 of 31 bp is longer than the backgrounds of 30 bp"),
        ("marginalise run --motif TGA --shuffle 3", "--shuffle expects --backgrounds to shuffle, and no --genome"),
        ("marginalise run --motif TGA --explain other", "no output is named 'other'"),
        ("marginalise run --motif TGA --report none/p.html", "none: no such folder"),
        ("marginalise run --motif TGA --position 28", "the last that does is 27"),
        ("space run TGA CTCF", "CTCF is the symbol of 3 motifs; choose one of MA0139.2, MA1929.2, MA1930.2"),
        ("space run TGA TGA --distances 0-9", "--distances expects FROM:TO or FROM:TO:STEP, such as 0:150, got '0-9'"),
        ("space run TGA TGA", "distance 149 does not fit motifs of 3 and 3 bp in backgrounds of 30 bp; the largest"),
        ("ablate run pos.fa bad.bed", "bad.bed: chr9:1-4 is on no sequence"),
        ("ablate run pos.fa none.bed", "none.bed: no such file; check the path"),
    ],
)  # fmt: skip
def test_what_is_refused(
    arguments: str, message: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    for name in ("run", "pos.fa"):
        (tmp_path / name).symlink_to(trained / name)
    (tmp_path / "bad.bed").write_text("chr9\t1\t4\n")
    assert run_genoml(*arguments.split()) == 2
    assert message in capsys.readouterr().err
