from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from genoml.evaluation import Calibration
from genoml.io import read_fasta
from genoml.metrics import aupr, auroc
from genoml.runs import load_run, read_record
from genoml.sequence import dinucleotide_shuffle
from support.planted import run_genoml


def test_the_json_has_the_documented_keys_and_the_text_the_same_numbers(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = trained / "pos.fa", trained / "neg.fa"
    assert run_genoml("evaluate", trained / "run", *pair, "--json") == 0
    out, err = capsys.readouterr()
    assert err == ""
    found = json.loads(out)
    assert list(found) == [
        "auroc", "aupr", "f1", "n_positives", "n_negatives", "brier", "ece", "at_half", "at_threshold",
        "validation", "warnings",
    ]  # fmt: skip
    assert (found["n_positives"], found["n_negatives"]) == (60, 60)
    assert found["auroc"] > 0.8
    assert run_genoml("evaluate", trained / "run", *pair) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"AUROC  {found['auroc']:.4f}",
        f"AUPR   {found['aupr']:.4f}",
        f"F1     {found['f1']:.4f}",
        f"Brier  {found['brier']:.4f}",
        f"ECE    {found['ece']:.4f}",
        *calls(found["at_half"], "0.5"),
        *calls(found["at_threshold"], f"{found['at_threshold']['threshold']:.4g}, chosen in validation"),
        "in validation, model: " + areas(found["validation"]["model"]),
        "in validation, 6-mer logistic regression: " + areas(found["validation"]["baseline"]),
        "60 positives, 60 negatives",
    ]


def calls(scores: dict[str, Any], threshold: str) -> list[str]:
    (tn, fp), (fn, tp) = scores["confusion"]
    assert tn + fp == fn + tp == 60
    return [
        f"at {threshold}: F1 {scores['f1']:.4f}, MCC {scores['mcc']:.4f}, sensitivity "
        f"{scores['sensitivity']:.4f}, specificity {scores['specificity']:.4f}",
        f"    {tp} true and {fp} false positives, {tn} true and {fn} false negatives",
    ]


def areas(scores: dict[str, float]) -> str:
    return f"AUROC {scores['auroc']:.4f}, AUPR {scores['aupr']:.4f}"


def test_the_record_holds_what_was_learned_from_validation_data(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = read_record(trained / "run")
    assert run_genoml("evaluate", trained / "run", trained / "pos.fa", trained / "neg.fa", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["at_threshold"]["threshold"] == record.held_out.threshold
    assert found["validation"] == {"model": record.held_out.scores, "baseline": record.held_out.baseline}
    assert record.held_out.scores["auroc"] == record.best["validation_auroc"]
    assert record.held_out.calibration == Calibration()
    assert found["at_half"]["f1"] == found["f1"]


def test_intervals_hold_the_value(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair = trained / "pos.fa", trained / "neg.fa"
    assert run_genoml("evaluate", trained / "run", *pair, "--json", "--intervals") == 0
    found = json.loads(capsys.readouterr().out)
    for name in ("auroc", "aupr"):
        low, high = found[f"{name}_interval"]
        assert low < found[name] < high
    assert run_genoml("evaluate", trained / "run", *pair, "--intervals") == 0
    first = capsys.readouterr().out.splitlines()[0]
    low, high = found["auroc_interval"]
    assert first == f"AUROC  {found['auroc']:.4f}  (95 % from {low:.4f} to {high:.4f})"


def test_the_scores_are_those_of_predict(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair = trained / "pos.fa", trained / "neg.fa"
    scores, targets = [], []
    for path, target in zip(pair, (1.0, 0.0), strict=True):
        assert run_genoml("predict", trained / "run", path, "--out", "-") == 0
        rows = capsys.readouterr().out.splitlines()[1:]
        scores += [float(row.split("\t")[1]) for row in rows]
        targets += [target] * len(rows)
    assert run_genoml("evaluate", trained / "run", *pair, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    import numpy as np

    expected = np.array(scores), np.array(targets)
    # six digits in the table can tie what the model told apart
    assert found["auroc"] == pytest.approx(float(auroc(*expected)), abs=1e-3)
    assert found["aupr"] == pytest.approx(float(aupr(*expected)), abs=1e-3)


def test_swapped_classes_mirror_the_auroc(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair = trained / "pos.fa", trained / "neg.fa"
    found = []
    for first, second in (pair, pair[::-1]):
        assert run_genoml("evaluate", trained / "run", first, second, "--json") == 0
        found.append(json.loads(capsys.readouterr().out)["auroc"])
    assert sum(found) == pytest.approx(1.0, abs=1e-12)


def test_one_sequence_of_each_class_is_enough(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("pos.fa", "neg.fa"):
        record = next(iter(read_fasta(trained / name)))
        (tmp_path / name).write_text(f">{record.name}\n{record.sequence}\n")
    assert run_genoml("evaluate", trained / "run", tmp_path / "pos.fa", tmp_path / "neg.fa", "--json") == 0
    assert json.loads(capsys.readouterr().out)["auroc"] in (0.0, 0.5, 1.0)


def test_the_negatives_may_be_shuffles_of_the_positives(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = []
    for _ in range(2):
        assert run_genoml("evaluate", trained / "run", trained / "pos.fa", "shuffle", "--json") == 0
        found.append(json.loads(capsys.readouterr().out))
    assert found[0] == found[1]
    assert (found[0]["n_positives"], found[0]["n_negatives"]) == (60, 60)
    letters = [record.sequence for record in read_fasta(trained / "pos.fa")]
    run = load_run(trained / "run")
    assert run.evaluate(str(trained / "pos.fa"), "shuffle") == found[0]
    assert run.evaluate(letters, dinucleotide_shuffle(letters, seed=run.record.seed)) == run.evaluate(
        letters, "shuffle"
    )
    del found[0]["warnings"]  # they name a sequence
    assert found[0].items() <= run.evaluate(letters, "shuffle").items()
