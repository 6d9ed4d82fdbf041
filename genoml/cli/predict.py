"""``genoml predict``."""

from __future__ import annotations

from pathlib import Path

import click

from genoml.cli.common import backend_option, encode_for_run, load_sequences, model_min_length, open_backend
from genoml.inference import predict
from genoml.io.files import write_whole
from genoml.runs import load_run


@click.command("predict")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("sequences")
@click.option("--out", required=True, help="TSV file to write: name, then one probability per output.")
@backend_option
def command(run: Path, sequences: str, out: str, backend_name: str | None) -> None:
    """Write the score that the model in the folder RUN gives each of SEQUENCES, a FASTA or FASTQ file.

    Scores are probabilities, averaged over both strands, in the order of the file.
    """
    model, record = load_run(run, open_backend(backend_name))
    shortest = model_min_length(record.config.model, record.config.model_options)
    loaded = load_sequences(sequences, shortest)
    scores = predict(model, encode_for_run(loaded, record), ambiguous=record.config.ambiguous)
    header = ["name", *(["score"] if scores.shape[1] == 1 else [f"score_{i}" for i in range(scores.shape[1])])]
    with write_whole(out) as file:
        file.write(("\t".join(header) + "\n").encode())
        for name, row in zip(loaded.names, scores, strict=True):
            cells = [name.replace("\t", " "), *(f"{value:.6g}" for value in row)]
            file.write(("\t".join(cells) + "\n").encode())
    click.echo(f"{len(loaded)} sequences scored; {out}", err=True)
