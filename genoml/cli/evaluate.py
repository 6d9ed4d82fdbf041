"""``genoml evaluate``: score a trained model on labelled sequences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from genoml.cli.data_options import SeveralWords, data_of, data_options
from genoml.cli.options import (
    NegativesPath,
    backend_option,
    echo_warnings,
    examples,
    no_checks_option,
    open_backend,
)
from genoml.runs import load_run
from genoml.runs.evaluate import data_of_run, evaluate_data
from genoml.runs.tasks import LABELS


@click.command(
    "evaluate",
    cls=SeveralWords,
    epilog=examples(
        "genoml evaluate RUN",
        "genoml evaluate RUN test_pos.fa test_neg.fa",
        "genoml evaluate RUN test_pos.fa shuffle --json",
        "genoml evaluate RUN --table test.tsv --json",
        "genoml evaluate RUN --regions test.bed",
        "genoml evaluate RUN --h5ad other.h5ad --layer mean",
    ),
)
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("labelled", nargs=-1, metavar="[POSITIVES NEGATIVES]", type=NegativesPath())
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for scripts.")
@click.option(
    "--intervals", is_flag=True, help="Also 95 % intervals of AUROC and AUPR, from 1000 bootstrap resamples."
)
@click.option(
    "--replicate",
    multiple=True,
    metavar="FILE...",
    help="Of profiles: bigWig of another replicate, one a track, which is scored beside the model.",
)
@no_checks_option(
    "trained",
    "overlap",
    "genome",
    "names",
    "letters",
    "long",
    "classes",
    "length",
    "gc",
    "missing",
    "outliers",
)
@data_options()
@backend_option
def command(
    run: Path,
    labelled: tuple[str, ...],
    as_json: bool,
    intervals: bool,
    replicate: tuple[str, ...],
    no_checks: list[str] | None,
    backend_name: str | None,
    **options: Any,
) -> None:
    """Score the model in the folder RUN on labelled sequences.

    RUN is what `genoml train` made. POSITIVES and NEGATIVES are FASTA or FASTQ files, plain or gzipped; - is
    standard input. NEGATIVES may be the word `shuffle`: exact dinucleotide shuffles of the positives, keyed by the
    run's seed. A run that was trained on a table or on regions of a genome is scored on others with the options that
    name them; what is left out, such as the columns, is as in training. Without any data RUN is scored on its own
    held-out part. Use sequences that the model was not trained on. Predictions are averaged over both
    strands, and calibrated if RUN is.

    Prints AUROC, AUPR, F1 at probability 0.5; Brier's score and the expected calibration error; and the calls at
    0.5 and at the threshold that training chose on its validation data. For other tasks than one label it prints their
    scores, a column a task: AUROC and AUPR, accuracy and the confusion of classes, Pearson's and Spearman's
    correlation, the deviance explained. Warns on standard error of sequences that
    were trained on or stand in both classes, and of classes that length or GC content alone tells apart.
    """
    if len(labelled) == 1:
        raise click.MissingParameter(param_type="argument", param_hint="'NEGATIVES'")
    if len(labelled) > 2:
        raise click.UsageError(f"expects POSITIVES and NEGATIVES, got {len(labelled)} files")
    values = data_of(options, labelled)
    loaded = load_run(run, open_backend(backend_name))
    skipped = no_checks or ()
    if len(labelled) == 2:
        if replicate:
            raise click.UsageError("--replicate has a meaning for profiles only")
        result = loaded.evaluate(*labelled, intervals=intervals, no_checks=skipped)
    else:
        data = data_of_run(loaded, values)
        result = evaluate_data(
            loaded, data, held_out=not values, intervals=intervals, no_checks=skipped, replicate=replicate
        )
    if not as_json:
        echo_warnings(result["warnings"])
    lines = _lines if loaded.record.task.kind == "binary" else _task_lines
    click.echo(json.dumps(result) if as_json else "\n".join(lines(result)))


#: tasks that have a column each, at most
_MOST_COLUMNS = 10


def _task_lines(result: dict[str, Any]) -> list[str]:
    """Scores of several tasks as lines: a table with a column a task, the confusion of classes, what training had."""
    tasks = dict(list(result["tasks"].items())[:_MOST_COLUMNS])
    scores = [key for key in LABELS if key in result]
    if result["task"] == "classes":
        lines = [f"{LABELS[key]} {_number(result[key])}" for key in scores]
        rows = [[key, *(_number(each[key]) for each in tasks.values())] for key in ("recall", "precision")]
        if len(tasks) == len(result["tasks"]):
            counts = zip(result["classes"], result["confusion"], strict=True)
            rows += [[f"true {name}, called", *map(str, row)] for name, row in counts]
        lines += _table([["", *tasks], *rows])
    else:
        mean = ["mean"] if len(tasks) > 1 else []
        rows = [["", *mean, *tasks]]
        whole = [key for key in scores if not any(key in each for each in tasks.values())]
        for key in (key for key in scores if key not in whole):
            of_each = [_number(each.get(key)) for each in tasks.values()]
            rows.append([LABELS[key], *([_number(result[key])] if mean else []), *of_each])
        lines = [*_table(rows), *(f"{LABELS[key]} {_number(result[key])}" for key in whole)]
    if len(tasks) < len(result["tasks"]):
        lines.append(f"{len(tasks)} of {len(result['tasks'])} shown; --json has all")
    for name, found in result.get("replicate", {}).items():
        known = [
            f"{LABELS[key]} {_number(found[key])}" for key in scores if key in found and "mean" not in key
        ]
        lines.append(f"the replicate, {name}: {', '.join(known)}")
    held_out = result.get("validation", {})
    for label, found in (
        ("in validation, model", held_out.get("model")),
        ("in validation, 5-mer ridge regression", held_out.get("baseline")),
        ("5-mer ridge regression", result.get("baseline")),
    ):
        if found:
            known = [f"{LABELS[key]} {_number(found[key])}" for key in LABELS if key in found]
            lines.append(f"{label}: {', '.join(known)}")
    lines.append(f"{result['n_examples']} examples")
    return lines


def _table(rows: list[list[str]]) -> list[str]:
    """Rows of cells as lines, the first column at the left and the others at the right of their place."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *cells in rows:
        line = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *line]).rstrip())
    return lines


_BINARY = ("auroc", "aupr", "f1", "brier", "ece")


def _lines(result: dict[str, Any]) -> list[str]:
    """The scores as lines of text."""
    lines = []
    for name in _BINARY:
        line = f"{LABELS[name]:6} {_number(result[name])}"
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
