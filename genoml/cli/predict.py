"""``genoml predict``: write a trained model's scores of sequences."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from genoml.cli.options import backend_option, examples, open_backend
from genoml.io.files import write_whole
from genoml.runs import Run, load_run
from genoml.train.predict import score_names

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
    help="TSV file to write, or - for standard output: name (its first word), then one score per output.",
)
@backend_option
def command(run: Path, sequences: str, out: Path, backend_name: str | None) -> None:
    """Write the score that the model in the folder RUN gives each of SEQUENCES, a FASTA or FASTQ file.

    RUN is what `genoml train` made; SEQUENCES may be gzipped, and - is standard input. Scores are
    probabilities of the positive class, in the order of the file, averaged over both strands if RUN was
    trained on both. A sequence shorter than those of the training is padded to their length; a longer one is
    read whole. Where probabilities are so near 0 or 1 that different sequences get the same, columns of their logits
    follow, which tell them apart.
    """
    if out != _STANDARD_OUTPUT and (out.is_dir() or not out.absolute().parent.is_dir()):
        raise ValueError(f"{out}: expects a file name in a folder that exists; choose another --out")
    loaded_run = load_run(run, open_backend(backend_name))
    loaded = loaded_run.read(sequences)
    table = _table(loaded.ids, _columns(loaded_run, loaded_run.outputs(loaded)))
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


def _columns(run: Run, outputs: np.ndarray) -> dict[str, np.ndarray]:
    """Scores by the name of their column, and logits where the scores of different outputs are the same."""
    scores = run.objective.predictions(outputs).astype(outputs.dtype)
    logits = run.objective.logits(outputs)
    names = score_names(scores.shape[1], run.objective.task_names)
    columns = dict(zip(names, scores.T, strict=True))
    if logits is not None and any(map(_saturates, scores.T, logits.T)):
        logits = logits.astype(outputs.dtype)
        columns |= dict(zip([f"logit{name.removeprefix('score')}" for name in names], logits.T, strict=True))
    return columns


def _saturates(scores: np.ndarray, logits: np.ndarray) -> bool:
    """Whether probabilities near 0 or 1 are the same for different logits."""
    ends = (scores < 1e-30) | (scores > 1 - 1e-6)
    return len(np.unique(scores[ends])) < len(np.unique(logits[ends]))


def _table(names: list[str], columns: dict[str, np.ndarray]) -> bytes:
    """The lines of the TSV file; each number with as many digits as tell it from every other of its dtype."""
    lines = ["\t".join(["name", *(name.replace("\t", " ") for name in columns)])]
    for name, *row in zip(names, *columns.values(), strict=True):
        lines.append("\t".join([name, *map(str, row)]))
    return ("\n".join(lines) + "\n").encode()
