"""The command design: its files, its settings, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from genoml.design import Avoid, MostEdits, NoRun, design
from genoml.io import read_fasta
from genoml.nn import Conv1D, Dense, GlobalMaxPool1D, Sequential
from genoml.runs import load_run, save_run
from genoml.runs.design_settings import read_design
from genoml.sequence import base_codes, decode
from genoml.train import Profile, Regression
from support.planted import run_genoml

SETTINGS = """
rounds = 4
[constraints]
avoid = ["BsaI", "EcoRI"]
no_run = 4
most_edits = 3
"""


def test_the_files_hold_what_design_returns(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "design.toml").write_text(SETTINGS)
    start, out, table = tmp_path / "start.fa", tmp_path / "out.fa", tmp_path / "out.tsv"
    given = list(read_fasta(trained / "neg.fa"))[:5]
    start.write_text("".join(f">{each.id} more\n{each.sequence}\n" for each in given))
    options = ["--start", start, "--config", tmp_path / "design.toml", "--out", out, "--table", table]
    assert run_genoml("design", trained / "run", *options) == 0
    assert "5 of 5 sequences designed by evolve" in capsys.readouterr().err
    codes = base_codes([each.sequence for each in given])
    expected = design(
        load_run(trained / "run").model,
        codes,
        constraints=[NoRun(4), Avoid(["BsaI", "EcoRI"]), MostEdits(3)],
        rounds=4,
    )
    records = list(read_fasta(out))
    assert [each.sequence for each in records] == decode(expected.codes)
    assert [each.id for each in records] == [each.id for each in given]
    told = f"prediction={expected.predictions[0, 0]:.6g} edits={','.join(expected.edits[0])}"
    assert records[0].name == f"{given[0].id} {told}"
    rows = [line.split("\t") for line in table.read_text().splitlines()]
    assert rows[0] == ["name", "status", "n_edits", "edits", "score", "before", "predicted", "violations"]
    assert [row[:4] for row in rows[1:]] == [
        [each.id, "designed", str(len(edits)), ",".join(edits)]
        for each, edits in zip(given, expected.edits, strict=True)
    ]
    assert rows[1][5:7] == [f"{expected.before[0, 0]:.6g}", f"{expected.predictions[0, 0]:.6g}"]


def two_tasks(folder: Path, seed: int = 0) -> Path:
    model = Sequential([Conv1D(4, 3, 8), GlobalMaxPool1D(), Dense(3, 2)], seed=seed)
    objective = Regression(task_names=("dev", "hk"))
    return save_run(
        model, folder / f"run{seed}", objective=objective, length_bp=20, reverse_complement=False
    ).path


def test_a_start_that_fails_is_in_the_table_and_not_in_the_fasta(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.fa").write_text(">bad\nACGAATTCACGTACTGACTG\n>good\nACGTACTGACTGACTGACTG\n")
    (tmp_path / "d.toml").write_text('rounds = 2\n[constraints]\navoid = ["EcoRI"]\nfixed = [[0, 10]]\n')
    out, table, page = tmp_path / "o.fa", tmp_path / "o.tsv", tmp_path / "o.html"
    options = ["--start", tmp_path / "a.fa", "--config", tmp_path / "d.toml", "--out", out, "--table", table]
    goal = ["--goal", "specific", "--task", "hk", "--report", page]
    assert run_genoml("design", two_tasks(tmp_path), two_tasks(tmp_path, 1), *options, *goal) == 0
    err = capsys.readouterr().err
    assert "warning: bad: not designed: Avoid(EcoRI): GAATTC at 2; Fixed(0, 10) and Avoid(EcoRI)" in err
    (record,) = read_fasta(out)
    assert record.id == "good"
    assert "prediction=dev:" in record.name
    assert ",hk:" in record.name
    rows = [line.split("\t") for line in table.read_text().splitlines()]
    assert rows[0][5:] == ["before_dev", "before_hk", "predicted_dev", "predicted_hk", "violations"]
    assert rows[1][:5] == ["bad", "failed", "", "", ""]
    assert rows[1][-1].startswith("Avoid(EcoRI): GAATTC at 2")
    text = page.read_text()
    assert "1 of 2 sequences designed" in text
    assert "The path of the score" in text
    assert "What the edits change" in text


def test_settings_become_goals_constraints_and_methods(tmp_path: Path) -> None:
    path = tmp_path / "d.toml"
    path.write_text(
        """
        method = "insert"
        motifs = ["TGACTCA"]
        ensemble = 1.5
        [goal]
        kind = "target"
        values = { dev = 5.0 }
        [constraints]
        keep = [[3, 9]]
        gc = [{ low = 0.3, high = 0.6 }, { low = 0.2, high = 0.8, window = 10 }]
        no_repeat = 9
        translate = [{ protein = "MK", start = 3 }]
        """
    )
    settings = read_design(path, {"seed": 7, "goal": {}})
    assert (settings.seed, settings.ensemble, settings.goal.values) == (7, 1.5, {"dev": 5.0})
    assert list(map(str, settings.constraints.build())) == [
        "Keep((3, 9))",
        "GC(0.3, 0.6)",
        "GC(0.2, 0.8, window=10)",
        "NoRepeat(9)",
        "Translate(MK, start=3)",
    ]
    assert str(settings.build_method()) == "Insert(motifs=['TGACTCA'])"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("roundz = 3", "d.toml, line 1: roundz: unknown key; did you mean rounds?"),
        ("rounds = 0", "d.toml, line 1: rounds: "),
        (
            "\n[constraints]\nno_runs = 3",
            "d.toml, line 3: constraints.no_runs: unknown key; did you mean no_run",
        ),
        (
            "\n[constraints]\ngc = [{ low = 0.1, hihg = 0.4 }]",
            "line 3: constraints.gc[0].hihg: unknown key; did",
        ),
        (
            '[constraints]\navoid = ["BsmB1"]',
            "line 2: constraints.avoid: no enzyme is named 'BsmB1'; did you mean",
        ),
        (
            '[constraints]\ntranslate = [{ protein = "MO" }]',
            "line 2: constraints.translate: Translate expects",
        ),
        ('[goal]\nkind = "target"', "line 1: goal: expects values"),
        ('[goal]\nagainst = ["a"]', "line 1: goal: expects against with the kind specific only"),
        ('[goal]\nkind = "best"', "line 2: goal.kind: invalid"),
        ('method = "insert"', "line 1: motifs: the method insert expects some"),
        ("penalty = 0.1", "line 1: penalty: is of the method gradient, got method evolve"),
        ('motifs = ["ACGT"]', "line 1: motifs: are of the method insert, got method evolve"),
        ("rounds = ", "d.toml, line 1: not valid TOML"),
    ],
)
def test_settings_that_are_refused_are_named_with_their_line(
    text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "d.toml").write_text(text)
    options = ["--start", "a.fa", "--config", tmp_path / "d.toml", "--out", tmp_path / "o.fa"]
    assert run_genoml("design", "run", *options) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("sequence", "arguments", "message"),
    [
        ("ACGTACTGACTGACTGACTG", "--task liver", "no output is named 'liver'; there are dev, hk"),
        ("ACGTACTGACTGACTG", "", "expects 20 bp, as the model reads, got 16 bp"),
        ("ACGTACTGACTGACTGACTGACGT", "", "expects 20 bp, as the model reads, got 24 bp"),
        ("ACGTACTGACTGNCTGACTG", "", "expects A, C, G and T, got 'N' at position 12"),
        ("ACGTACTGACTGACTGACTG", "--out nowhere/o.fa", "expects a file name in a folder that exists"),
        ("ACGTACTGACTGACTGACTG", "--goal best", "'best' is not one of"),
    ],
)
def test_what_is_refused(
    sequence: str,
    arguments: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.fa").write_text(f">one\n{sequence}\n")
    assert run_genoml("design", two_tasks(tmp_path), *f"--start a.fa --out o.fa {arguments}".split()) == 2
    assert message in capsys.readouterr().err
    assert not Path("o.fa").exists()


def test_the_counts_of_a_profile_are_a_goal_by_their_track(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = Sequential([Conv1D(4, 3, 8), GlobalMaxPool1D(), Dense(3, 2 * 6)], seed=1)
    objective = Profile(2, 5, strands="+-", count_weight=1.0, task_names=("plus", "minus"))
    run = save_run(model, tmp_path / "run", objective=objective, length_bp=20).path
    (tmp_path / "a.fa").write_text(">one\nACGTACTGACTGACTGACTG\n")
    options = ["--start", tmp_path / "a.fa", "--out", tmp_path / "o.fa", "--rounds", 2]
    for name in ("minus", "counts:minus"):
        page = tmp_path / f"{name[:6]}.html"
        assert run_genoml("design", run, *options, "--task", name, "--report", page) == 0
    assert run_genoml("design", run, *options, "--task", "profile:minus") == 2
    assert run_genoml("design", run, *options) == 2
    err = capsys.readouterr().err
    assert "a goal expects the counts of one track, one of plus, minus, got profile:minus" in err
    assert "one of plus, minus, got none" in err
