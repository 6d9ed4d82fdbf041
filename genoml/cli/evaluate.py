"""``genoml evaluate``."""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np

from genoml.cli.common import backend_option, open_backend, refuse_two_inputs, score_sequences
from genoml.inference import score_predictions
from genoml.runs import load_run


@click.command("evaluate")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("positives")
@click.argument("negatives")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for scripts.")
@backend_option
def command(run: Path, positives: str, negatives: str, as_json: bool, backend_name: str | None) -> None:
    """Score the model in the folder RUN on labelled sequences: AUROC, AUPR, and F1 at probability 0.5.

    RUN is what `genoml train` made. POSITIVES and NEGATIVES are FASTA or FASTQ files, plain or gzipped; - is
    standard input. Use sequences that the model was not trained on. Predictions are averaged over both
    strands.
    """
    refuse_two_inputs(positives, negatives)
    model, record = load_run(run, open_backend(backend_name))
    _, of_positives = score_sequences(model, record, positives)
    _, of_negatives = score_sequences(model, record, negatives)
    targets = np.concatenate([np.ones(len(of_positives)), np.zeros(len(of_negatives))])
    result = score_predictions(np.concatenate([of_positives, of_negatives])[:, 0], targets)
    if as_json:
        click.echo(json.dumps(result))
        return
    click.echo(f"AUROC  {result['auroc']:.4f}")
    click.echo(f"AUPR   {result['aupr']:.4f}")
    click.echo(f"F1     {result['f1']:.4f}")
    click.echo(f"{result['n_positives']} positives, {result['n_negatives']} negatives")
