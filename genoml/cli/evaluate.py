"""``genoml evaluate``: score a trained model on labelled sequences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from genoml.cli.options import (
    NegativesPath,
    backend_option,
    echo_warnings,
    examples,
    no_checks_option,
    open_backend,
)
from genoml.runs import load_run


@click.command(
    "evaluate",
    epilog=examples(
        "genoml evaluate RUN test_pos.fa test_neg.fa", "genoml evaluate RUN test_pos.fa shuffle --json"
    ),
)
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("positives", type=click.Path())
@click.argument("negatives", type=NegativesPath())
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for scripts.")
@click.option(
    "--intervals", is_flag=True, help="Also 95 % intervals of AUROC and AUPR, from 1000 bootstrap resamples."
)
@no_checks_option("trained", "classes", "length", "gc")
@backend_option
def command(
    run: Path,
    positives: str,
    negatives: str,
    as_json: bool,
    intervals: bool,
    no_checks: list[str] | None,
    backend_name: str | None,
) -> None:
    """Score the model in the folder RUN on labelled sequences.

    RUN is what `genoml train` made. POSITIVES and NEGATIVES are FASTA or FASTQ files, plain or gzipped; - is
    standard input. NEGATIVES may be the word `shuffle`: exact dinucleotide shuffles of the positives, keyed by the
    run's seed. Use sequences that the model was not trained on. Predictions are averaged over both
    strands, and calibrated if RUN is.

    Prints AUROC, AUPR, F1 at probability 0.5; Brier's score and the expected calibration error; and the calls at
    0.5 and at the threshold that training chose on its validation data. Warns on standard error of sequences that
    were trained on or stand in both classes, and of classes that length or GC content alone tells apart.
    """
    loaded = load_run(run, open_backend(backend_name))
    result = loaded.evaluate(positives, negatives, intervals=intervals, no_checks=no_checks or ())
    if not as_json:
        echo_warnings(result["warnings"])
    click.echo(json.dumps(result) if as_json else "\n".join(_lines(result)))


_LABELS = {"auroc": "AUROC", "aupr": "AUPR", "f1": "F1", "brier": "Brier", "ece": "ECE"}


def _lines(result: dict[str, Any]) -> list[str]:
    """The scores as lines of text."""
    lines = []
    for name, label in _LABELS.items():
        line = f"{label:6} {_number(result[name])}"
        if f"{name}_interval" in result:
            line += "  (95 % from {} to {})".format(*map(_number, result[f"{name}_interval"]))
        lines.append(line)
    lines += _calls(result["at_half"], "0.5")
    if "at_threshold" in result:
        chosen = result["at_threshold"]
        lines += _calls(chosen, f"{chosen['threshold']:.4g}, chosen in validation")
    for who, label in (("model", "model"), ("baseline", "6-mer logistic regression")):
        if "validation" in result:
            scores = result["validation"][who]
            text = f"AUROC {_number(scores['auroc'])}, AUPR {_number(scores['aupr'])}"
            lines.append(f"in validation, {label}: {text}")
    lines.append(f"{result['n_positives']} positives, {result['n_negatives']} negatives")
    return lines


def _calls(calls: dict[str, Any], threshold: str) -> list[str]:
    negatives, positives = calls["confusion"]
    true_negatives, false_positives = negatives
    false_negatives, true_positives = positives
    words = ("f1", "F1"), ("mcc", "MCC"), ("sensitivity", "sensitivity"), ("specificity", "specificity")
    return [
        f"at {threshold}: " + ", ".join(f"{label} {_number(calls[key])}" for key, label in words),
        f"    {true_positives} true and {false_positives} false positives, "
        f"{true_negatives} true and {false_negatives} false negatives",
    ]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
