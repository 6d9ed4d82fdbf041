"""The commands on CuPy write what they write on NumPy: train, evaluate, predict, scan, align."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from support.backends import open_variant
from support.cupy_on_host import DEVICE_NAME
from support.planted import SMALL_TOML, run_genoml, write_fasta_pair

pytestmark = pytest.mark.backend


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two FASTA files, and the runs ``numpy``, ``cupy`` and ``graphs``, trained alike."""
    made = tmp_path_factory.mktemp("commands")
    pair, settings = write_fasta_pair(made, 40), made / "small.toml"
    settings.write_text(SMALL_TOML)
    with open_variant("cupy-on-host") as opened:
        backend: Any = opened
        for name in ("numpy", "cupy", "graphs"):
            flag = "numpy" if name == "numpy" else "cupy"
            options = (
                "--out",
                made / name,
                "--epochs",
                4,
                "--config",
                settings,
                "--backend",
                flag,
                "--quiet",
            )
            backend.graphs = name == "graphs"
            try:
                assert run_genoml("train", *pair, *options) == 0
            finally:
                backend.graphs = False
        yield made


def on_both(folder: Path, tmp_path: Path, *arguments: object) -> tuple[str, str]:
    """What a command writes on NumPy and on CuPy."""
    written = []
    for flag in ("numpy", "cupy"):
        assert run_genoml(*arguments, "--backend", flag, "--out", tmp_path / flag) == 0
        written.append((tmp_path / flag).read_text())
    return written[0], written[1]


def weights_of(run: Path) -> dict[str, np.ndarray]:
    return load_file(run / "weights.safetensors")


def test_training_gives_the_same_weights_but_for_rounding(folder: Path) -> None:
    expected, found = weights_of(folder / "numpy"), weights_of(folder / "cupy")
    assert expected.keys() == found.keys()
    for path, values in expected.items():
        np.testing.assert_allclose(found[path], values, rtol=1e-2, atol=1e-3, err_msg=path)
    assert DEVICE_NAME in (folder / "cupy" / "run.json").read_text()


def test_training_by_graphs_gives_the_same_bits_and_says_so(folder: Path) -> None:
    expected, found = weights_of(folder / "cupy"), weights_of(folder / "graphs")
    assert [path for path in expected if not np.array_equal(expected[path], found[path])] == []
    assert "with CUDA graphs" in (folder / "graphs" / "run.json").read_text()


def test_evaluate_and_predict_give_the_numbers_of_numpy(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    scores = []
    for flag in ("numpy", "cupy"):
        pair = (folder / "pos.fa", folder / "neg.fa")
        assert run_genoml("evaluate", folder / "numpy", *pair, "--json", "--backend", flag) == 0
        scores.append(json.loads(capsys.readouterr().out))
    for name in ("auroc", "aupr", "brier", "ece"):
        assert scores[1][name] == pytest.approx(scores[0][name], abs=1e-5)
    tables = on_both(folder, tmp_path, "predict", folder / "numpy", folder / "pos.fa")
    values = [[float(line.split("\t")[1]) for line in table.splitlines()[1:]] for table in tables]
    assert len(values[0]) == 40
    assert values[1] == pytest.approx(values[0], abs=1e-5)


def test_scan_and_align_write_the_same_files(folder: Path, tmp_path: Path) -> None:
    hits = on_both(folder, tmp_path, "scan", folder / "pos.fa", "--motif", "FOS::JUN", "--motif", "CTCF")
    assert hits[0] == hits[1]
    assert hits[0].count("\n") > 40
    pairs = (folder / "pos.fa", folder / "neg.fa")
    scores = on_both(folder, tmp_path, "align", *pairs, "--score-only")
    assert scores[0] == scores[1]
    assert scores[0].count("\n") == 41
