"""``genoml evaluate``."""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np

from genoml.cli.common import backend_option, encode_for_run, load_sequences, model_min_length, open_backend
from genoml.inference import predict, score_predictions
from genoml.runs import load_run


@click.command("evaluate")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("positives")
@click.argument("negatives")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@backend_option
def command(run: Path, positives: str, negatives: str, as_json: bool, backend_name: str | None) -> None:
    """Score the model in the folder RUN on labelled sequences: AUROC, AUPR, and F1 at probability 0.5.

    Predictions are averaged over both strands.
    """
    model, record = load_run(run, open_backend(backend_name))
    shortest = model_min_length(record.config.model, record.config.model_options)
    scores, targets = [], []
    for path, target in ((positives, 1.0), (negatives, 0.0)):
        codes = encode_for_run(load_sequences(path, shortest), record)
        scores.append(predict(model, codes, ambiguous=record.config.ambiguous)[:, 0])
        targets.append(np.full(len(codes), target))
    result = score_predictions(np.concatenate(scores), np.concatenate(targets))
    if as_json:
        click.echo(json.dumps(result))
        return
    click.echo(f"AUROC  {result['auroc']:.4f}")
    click.echo(f"AUPR   {result['aupr']:.4f}")
    click.echo(f"F1     {result['f1']:.4f}")
    click.echo(f"{result['n_positives']} positives, {result['n_negatives']} negatives")
