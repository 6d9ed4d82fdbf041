"""The command export: the file gives what the run predicts, for every task; and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from genoml.evaluation.calibration import Calibration
from genoml.models import build_model
from genoml.nn import Conv1D, Dense, GlobalMaxPool1D, Sequential
from genoml.random import host_generator
from genoml.runs import load_run, save_run
from genoml.sequence import decode
from genoml.sequence.encode import one_hot
from genoml.train import BinaryClassification, Counts, MultiClassification, Objective, Profile, Regression
from genoml.train.cell_types_objective import CellTypes
from support.planted import run_genoml

LENGTH = 30


def network(n_outputs: int) -> Sequential:
    return Sequential([Conv1D(4, 6, 8), GlobalMaxPool1D(), Dense(6, n_outputs)], seed=3)


def profiles() -> Any:
    options = {
        "tracks": 2,
        "profile_length_bp": 20,
        "filters": 8,
        "dilated_layers": 2,
        "profile_kernel_size": 5,
    }
    return build_model("bpnet", options)


#: task -> network, objective, length
RUNS: dict[str, tuple[Any, Objective, int]] = {
    "binary": (network(1), BinaryClassification(calibration=Calibration(0.7, -0.3)), LENGTH),
    "weighed labels": (
        network(2),
        BinaryClassification(calibration=Calibration(offset=(-2.0, 0.5)), task_names=("a", "b")),
        LENGTH,
    ),
    "classes": (network(3), MultiClassification(), LENGTH),
    "regression": (network(2), Regression(mean=(1.0, -2.0), scale=(0.5, 3.0)), LENGTH),
    "counts": (network(2), Counts(distribution="poisson", log_rate=(1.0, 2.0)), LENGTH),
    "dispersion": (network(4), Counts(), LENGTH),
    "cell types": (network(5), CellTypes(), LENGTH),
    "profile": (profiles(), Profile(tracks=2, length_bp=20, strands="+-"), 80),
}


def made(folder: Path, task: str, *, both: bool = True) -> Path:
    model, objective, length = RUNS[task]
    save_run(model, folder / "run", length_bp=length, objective=objective, reverse_complement=both)
    return folder / "run"


def outputs(file: Path, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(file.read_bytes(), providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run(None, {"sequences": x})[0]
    return found


def drawn(length: int) -> np.ndarray:
    return host_generator(0, "codes").integers(0, 4, (5, length)).astype(np.uint8)


def encoded(codes: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(one_hot(codes, backend="numpy").transpose(0, 2, 1))


@pytest.mark.parametrize("task", RUNS)
def test_the_file_gives_what_the_run_predicts(
    task: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = made(tmp_path, task)
    assert run_genoml("export", run, "--onnx", tmp_path / "m.onnx") == 0
    assert "onnxruntime gives the same to" in capsys.readouterr().err
    codes = drawn(RUNS[task][2])
    expected = load_run(run).predict([str(row) for row in decode(codes)])
    np.testing.assert_allclose(outputs(tmp_path / "m.onnx", encoded(codes)), expected, rtol=1e-4, atol=1e-5)


def test_logits_of_one_strand_from_codes(tmp_path: Path) -> None:
    run = made(tmp_path, "binary")
    file = tmp_path / "m.onnx"
    assert run_genoml("export", run, "--onnx", file, "--logits", "--one-strand", "--codes") == 0
    codes = drawn(LENGTH)
    codes[0, :5] = 15
    expected = np.asarray(RUNS["binary"][0].vjp(encoded(codes))[0])
    np.testing.assert_allclose(outputs(file, codes), expected, rtol=1e-5, atol=1e-6)
    notes = {entry.key: entry.value for entry in onnx.load(file).metadata_props}
    assert notes["strands"] == "as given"
    assert notes["outputs"].startswith("logits")
    assert notes["bases"] == "ACGT"
    assert json.loads(notes["tasks"]) == []


def test_other_lengths_where_the_network_can(tmp_path: Path) -> None:
    run = made(tmp_path, "binary")
    assert run_genoml("export", run, "--onnx", tmp_path / "m.onnx", "--length", "any") == 0
    codes = drawn(57)
    expected = load_run(run).predict([str(row) for row in decode(codes)])
    np.testing.assert_allclose(outputs(tmp_path / "m.onnx", encoded(codes)), expected, rtol=1e-5)


def test_without_onnxruntime_it_says_that_nothing_was_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    assert run_genoml("export", made(tmp_path, "binary"), "--onnx", tmp_path / "m.onnx") == 0
    assert "not compared with genoml's outputs: pip install onnxruntime" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--length", "0"], "expects a length in bp, or any; got '0'"),
        (["--length", "5"], "length >= 8"),
        (["--opset", "9"], "13<=x<=21"),
    ],
)
def test_bad_options_are_one_line(
    options: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_genoml("export", made(tmp_path, "binary"), "--onnx", tmp_path / "m.onnx", *options) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "m.onnx").exists()


def test_a_file_that_exists_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.onnx").write_text("mine")
    assert run_genoml("export", made(tmp_path, "binary"), "--onnx", tmp_path / "m.onnx") == 2
    assert "m.onnx exists; choose another name or remove it" in capsys.readouterr().err
    assert (tmp_path / "m.onnx").read_text() == "mine"


def test_a_file_that_gives_other_outputs_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from genoml.runs import export

    monkeypatch.setattr(export, "_predictions", lambda w, objective, y: y)
    assert run_genoml("export", made(tmp_path, "binary"), "--onnx", tmp_path / "m.onnx") == 2
    assert "onnxruntime's outputs differ from genoml's" in capsys.readouterr().err
    assert not (tmp_path / "m.onnx").exists()
