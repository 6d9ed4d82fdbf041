from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from genoml.runs import load_run
from support.planted import run_genoml

SPECIMENS = Path(__file__).parents[1] / "convert" / "specimens"
PLAIN, SPLICE = SPECIMENS / "plain-3.keras", SPECIMENS / "splice.pb"


@pytest.fixture
def arrays(tmp_path: Path) -> tuple[Path, Path]:
    """Sequences of a specimen and its outputs, as files of NumPy's."""
    known = np.load(f"{PLAIN}.npz")
    files = tmp_path / "x.npy", tmp_path / "y.npy"
    for file, key in zip(files, "xy", strict=True):
        np.save(file, known[key])
    return files


def test_a_checked_network_predicts_as_the_original(
    arrays: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert (
        run_genoml("import", PLAIN, "--out", run, "--tasks", "a,b,c", "--licence", "MIT", "--check", *arrays)
        == 0
    )
    said = capsys.readouterr().err
    assert "1 network: 783 numbers, 40 bp; " in said
    assert "outputs as the original's, to " in said
    (tmp_path / "s.fa").write_text(">one\n" + "ACGT" * 10 + "\n>two\n" + "AACGTTGCAG" * 4 + "\n")
    assert run_genoml("predict", run, tmp_path / "s.fa", "--out", tmp_path / "s.tsv") == 0
    header, *rows = (tmp_path / "s.tsv").read_text().splitlines()
    assert header == "name\tscore_a\tscore_b\tscore_c"
    found = [[float(cell) for cell in row.split("\t")[1:]] for row in rows]
    np.testing.assert_allclose(found, load_run(run).predict(["ACGT" * 10, "AACGTTGCAG" * 4]), rtol=1e-5)


def test_an_imported_run_is_evaluated_and_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, table = tmp_path / "run", tmp_path / "t.tsv"
    assert run_genoml("import", PLAIN, "--out", run, "--tasks", "a,b,c") == 0
    rows = [f"{letters * 10}\t{name}" for letters, name in (("ACGT", "a"), ("CCGT", "b"), ("AAGT", "c"))]
    table.write_text("\n".join(["seq\tlabel", *rows]) + "\n")
    data = ("--table", table, "--sequence", "seq", "--classes", "label")
    capsys.readouterr()
    assert run_genoml("evaluate", run, *data, "--json") == 0
    assert json.loads(capsys.readouterr().out)["n_examples"] == 3
    assert run_genoml("report", run, *data, "--out", tmp_path / "page.html") == 0
    assert "the network of plain-3.keras" in (tmp_path / "page.html").read_text()


def test_without_a_check_a_line_recommends_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_genoml("import", PLAIN, "--out", tmp_path / "run") == 0
    said = capsys.readouterr().err
    assert (
        "nothing was compared with the original's outputs, and the bases are taken to be ACGT; --check IN"
        in said
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--bases", "AGCT"], "--check: the outputs differ by up to"),
        (["--length", "41"], "plain-3.keras: import: input input_layer reads 40 bp, --length says 41"),
        (["--tasks", "a"], "--tasks names 1, and the network has 3 outputs"),
        (["--recipe", "nobody"], "import: no recipe 'nobody'; known: basset, "),
    ],
)
def test_what_does_not_fit_is_one_line_and_nothing_is_written(
    options: list[str],
    message: str,
    arrays: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_genoml("import", PLAIN, "--out", tmp_path / "run", "--check", *arrays, *options) == 2
    said = capsys.readouterr().err
    assert said.startswith("genoml: error: ")
    assert message in said
    assert said.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"PK\x03\x04"])
def test_a_check_that_is_no_array_is_refused(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.npy").write_bytes(content)
    check = ("--check", tmp_path / "x.npy", tmp_path / "x.npy")
    assert run_genoml("import", PLAIN, "--out", tmp_path / "run", *check) == 2
    assert "x.npy: no array of NumPy (.npy); save one with numpy.save" in capsys.readouterr().err


def test_predict_says_that_a_value_a_position_has_no_place_in_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_genoml("import", SPLICE, "--length", 40, "--out", tmp_path / "run") == 0
    (tmp_path / "s.fa").write_text(">one\n" + "ACGT" * 10 + "\n")
    capsys.readouterr()
    assert run_genoml("predict", tmp_path / "run", tmp_path / "s.fa") == 2
    assert "its network has a value a position, (3, 28) each; a table has no place" in capsys.readouterr().err


def test_a_file_without_its_package_says_how_to_get_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    assert run_genoml("import", PLAIN, "--out", tmp_path / "run") == 2
    assert "needs h5py; pip install 'genoml-xp[hdf5]'" in capsys.readouterr().err


def test_a_folder_of_tensorflow_is_answered_with_formats_that_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(b"")
    assert run_genoml("import", tmp_path / "saved", "--out", tmp_path / "run") == 2
    assert "SavedModel" in capsys.readouterr().err
