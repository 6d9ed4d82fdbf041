"""``genoml evaluate``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np

from genoml.cli.common import backend_option, open_backend, refuse_two_inputs, score_sequences
from genoml.inference import score_predictions
from genoml.runs import RunRecord, load_run

#: metrics whose bootstrap intervals --intervals gives
_RESAMPLED = ("auroc", "aupr")


@click.command("evaluate")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("positives")
@click.argument("negatives")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for scripts.")
@click.option(
    "--intervals", is_flag=True, help="Also 95 % intervals of AUROC and AUPR, from 1000 bootstrap resamples."
)
@backend_option
def command(
    run: Path, positives: str, negatives: str, as_json: bool, intervals: bool, backend_name: str | None
) -> None:
    """Score the model in the folder RUN on labelled sequences.

    RUN is what `genoml train` made. POSITIVES and NEGATIVES are FASTA or FASTQ files, plain or gzipped; - is
    standard input. Use sequences that the model was not trained on. Predictions are averaged over both
    strands, and calibrated if RUN is.

    Prints AUROC, AUPR, F1 at probability 0.5; Brier's score and the expected calibration error; and the calls at
    0.5 and at the threshold that training chose on its validation data.
    """
    refuse_two_inputs(positives, negatives)
    model, record = load_run(run, open_backend(backend_name))
    _, of_positives = score_sequences(model, record, positives)
    _, of_negatives = score_sequences(model, record, negatives)
    targets = np.concatenate([np.ones(len(of_positives)), np.zeros(len(of_negatives))])
    probabilities = np.concatenate([of_positives, of_negatives])[:, 0]
    result = _scores(probabilities, targets, record, intervals=intervals)
    if as_json:
        click.echo(json.dumps(result))
    else:
        click.echo("\n".join(_lines(result)))


def _scores(
    probabilities: np.ndarray, targets: np.ndarray, record: RunRecord, *, intervals: bool
) -> dict[str, Any]:
    from genoml import metrics
    from genoml.calibration import brier_score, expected_calibration_error
    from genoml.resampling import bootstrap
    from genoml.thresholds import score_calls

    held_out = record.held_out
    result: dict[str, Any] = dict(score_predictions(probabilities, targets))
    result["brier"] = brier_score(probabilities, targets)
    result["ece"] = expected_calibration_error(probabilities, targets)
    result["at_half"] = score_calls(probabilities, targets, 0.5)
    if held_out.threshold is not None:
        result["at_threshold"] = score_calls(probabilities, targets, held_out.threshold)
    if held_out.baseline:
        result["validation"] = {"model": held_out.scores, "baseline": held_out.baseline}
    if intervals:
        for name in _RESAMPLED:
            found = bootstrap(getattr(metrics, name), probabilities, targets)
            result[f"{name}_interval"] = [found.low, found.high]
    # JSON has no NaN: what is undefined, such as the precision of no call, is null
    return {key: _defined(value) for key, value in result.items()}


def _defined(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _defined(part) for key, part in value.items()}
    return None if isinstance(value, float) and np.isnan(value) else value


_LABELS = {"auroc": "AUROC", "aupr": "AUPR", "f1": "F1", "brier": "Brier", "ece": "ECE"}


def _lines(result: dict[str, Any]) -> list[str]:
    """What a person reads."""
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
            found = f"AUROC {_number(scores['auroc'])}, AUPR {_number(scores['aupr'])}"
            lines.append(f"in validation, {label}: {found}")
    lines.append(f"{result['n_positives']} positives, {result['n_negatives']} negatives")
    return lines


def _calls(calls: dict[str, Any], threshold: str) -> list[str]:
    (true_negatives, false_positives), (false_negatives, true_positives) = calls["confusion"]
    words = ("f1", "F1"), ("mcc", "MCC"), ("sensitivity", "sensitivity"), ("specificity", "specificity")
    return [
        f"at {threshold}: " + ", ".join(f"{label} {_number(calls[key])}" for key, label in words),
        f"    {true_positives} true and {false_positives} false positives, "
        f"{true_negatives} true and {false_negatives} false negatives",
    ]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
