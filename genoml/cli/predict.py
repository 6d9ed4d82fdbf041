"""``genoml predict``: write a trained model's scores of sequences."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from genoml.cli.options import backend_option, examples, open_backend
from genoml.io.files import write_whole
from genoml.runs import load_run

_STANDARD_OUTPUT = Path("-")


@click.command(
    "predict",
    epilog=examples(
        "genoml predict RUN sequences.fa > scores.tsv", "genoml predict RUN sequences.fa.gz --out scores.tsv"
    ),
)
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("sequences", type=click.Path())
@click.option(
    "--out",
    default="-",
    show_default=True,
    type=click.Path(path_type=Path),
    help="TSV file to write; - is standard output: name, then one probability per output.",
)
@backend_option
def command(run: Path, sequences: str, out: Path, backend_name: str | None) -> None:
    """Write the score that the model in the folder RUN gives each of SEQUENCES, a FASTA or FASTQ file.

    RUN is what `genoml train` made; SEQUENCES may be gzipped, and - is standard input. Scores are
    probabilities of the positive class, in the order of the file, averaged over both strands if RUN was
    trained on both. A sequence shorter than those of the training is padded to their length; a longer one is
    read whole.
    """
    if out != _STANDARD_OUTPUT and (out.is_dir() or not out.absolute().parent.is_dir()):
        raise ValueError(f"{out}: expects a file name in a folder that exists; choose another --out")
    loaded_run = load_run(run, open_backend(backend_name))
    loaded = loaded_run.read(sequences)
    table = _table(loaded.names, loaded_run.predict(loaded))
    if out == _STANDARD_OUTPUT:
        click.echo(table, nl=False)
    else:
        try:
            with write_whole(out) as file:
                file.write(table)
        except OSError as error:
            raise ValueError(f"{out}: cannot be written ({error.strerror or error})") from error
    click.echo(
        f"{len(loaded)} sequences scored; {'standard output' if out == _STANDARD_OUTPUT else out}", err=True
    )


def _table(names: list[str], scores: np.ndarray) -> bytes:
    """The lines of the TSV file."""
    outputs = ["score"] if scores.shape[1] == 1 else [f"score_{i}" for i in range(scores.shape[1])]
    lines = ["\t".join(["name", *outputs])]
    for name, row in zip(names, scores, strict=True):
        lines.append("\t".join([name.replace("\t", " "), *(f"{value:.6g}" for value in row)]))
    return ("\n".join(lines) + "\n").encode()
