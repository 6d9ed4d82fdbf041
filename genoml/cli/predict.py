"""``genoml predict``: write a trained model's scores of sequences."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import SpooledTemporaryFile

import click
import numpy as np

from genoml.cli.options import backend_option, examples, expect_file, open_output, open_run, shard_option
from genoml.cli.tile import scan_genome
from genoml.data import NamedSequences
from genoml.data.files import sequence_blocks, table_blocks
from genoml.parallel import Shard
from genoml.runs import DataSettings, Run
from genoml.runs.read_cell_types import predict_h5ad
from genoml.runs.score import BLOCK, outputs_of, readable_blocks
from genoml.train.predict import score_names

_STANDARD_OUTPUT = Path("-")
#: of the lines of scores, which wait for the last one, so much in memory
_SPOOL_BYTES = 1 << 24


@click.command(
    "predict",
    epilog=examples(
        "genoml predict RUN sequences.fa > scores.tsv",
        "genoml predict RUN sequences.fa.gz --out scores.tsv",
        "genoml predict RUN sequences.fa.gz --out 3.tsv --shard 3/16",
        "genoml predict RUN --table data.tsv --sequence seq --name id --out scores.tsv",
        "genoml predict RUN --genome genome.fa --regions peaks.bed --out scores.bed",
        "genoml predict RUN --genome genome.fa --step 100 --out scores.bw --resume",
        "genoml predict RUN --genome genome.fa --step 100 --out 3.bed --shard 3/16",
        "genoml predict RUN --h5ad regions.h5ad --out predicted.h5ad",
    ),
)
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("sequences", required=False, type=click.Path())
@click.option("--table", metavar="FILE", help="CSV or TSV with a column of sequences, in place of SEQUENCES.")
@click.option("--sequence", metavar="COL", help="Its column of sequences (as in training, or sequence).")
@click.option("--name", metavar="COL", help="Its column of names (as in training; without any, row numbers).")
@click.option(
    "--out",
    default="-",
    show_default=True,
    type=click.Path(path_type=Path),
    help="TSV file to write, or - for standard output: name (its first word), then one score per output. "
    "With --genome also BED (.bed) or bigWig (.bw); with --h5ad the copy of the file (.h5ad).",
)
@click.option(
    "--h5ad",
    metavar="FILE",
    help="AnnData file of regions; a copy of it gets the scores as a layer (extra scverse).",
)
@click.option("--layer", metavar="NAME", help="With --h5ad: name of the new layer (genoml).")
@click.option("--genome", metavar="FILE", help="FASTA or store of a genome, in place of SEQUENCES.")
@click.option("--regions", metavar="BED", help="With --genome: windows around these; else along all of it.")
@click.option(
    "--step",
    "step_bp",
    type=click.IntRange(min=1),
    metavar="BP",
    help="With --genome: distance of windows (their length; that of a profile).",
)
@click.option(
    "--resume",
    is_flag=True,
    help="With --genome: go on where an interrupted prediction stopped, to the same bytes.",
)
@click.option(
    "--logits",
    is_flag=True,
    help="Write columns of logits too; without --shard they come by themselves where scores are the same.",
)
@shard_option
@backend_option
def command(
    run: Path,
    sequences: str | None,
    table: str | None,
    sequence: str | None,
    name: str | None,
    out: Path,
    h5ad: str | None,
    layer: str | None,
    genome: str | None,
    regions: str | None,
    step_bp: int | None,
    resume: bool,
    logits: bool,
    shard: Shard | None,
    backend_name: str | None,
) -> None:
    """Write the score that the model in the folder RUN gives each of SEQUENCES, a FASTA or FASTQ file.

    RUN is what `genoml train` made; SEQUENCES may be gzipped, and - is standard input. Scores are
    probabilities of the positive class, in the order of the file, averaged over both strands if RUN was
    trained on both; a column a task or class, of a regression values in the unit of its targets, of counts rates,
    the means of counts whose offset is 0. A sequence shorter than those of the training is padded to their length; a
    longer one is read whole. Where probabilities are so near 0 or 1 that different sequences get the same, columns of
    their logits follow, which tell them apart.

    With --genome windows of the training's length are scored, centred on the regions or along the genome, block by
    block: a table of scores by name, BED, or bigWig, as --out ends. Of profiles the table has the expected reads of
    each track, and bigWig those at each base.

    With --h5ad a copy of an AnnData file is written, with the scores of its regions as a layer: in each row of obs
    those of the run's output of this name. The regions are windows of --genome, or have a --sequence column of var, as
    in training if left out.
    """
    if out != _STANDARD_OUTPUT and (out.is_dir() or not out.absolute().parent.is_dir()):
        raise ValueError(f"{out}: expects a file name in a folder that exists; choose another --out")
    loaded_run = open_run(run, backend_name)
    if layer is not None and h5ad is None:
        raise click.UsageError("--layer has a meaning with --h5ad only")
    if shard is not None and h5ad is not None:
        raise click.UsageError(
            "--shard expects SEQUENCES, --table or --genome: parts of an .h5ad cannot be joined"
        )
    if logits and (h5ad is not None or genome is not None):
        raise click.UsageError("--logits expects SEQUENCES or --table")
    part = expect_file(shard, next((path for path in (sequences, table, regions) if path is not None), None))
    if h5ad is not None:
        if part.ranks.count > 1:
            raise ValueError("--h5ad is written by one process; start it without mpiexec or srun")
        if any((sequences, table, regions, step_bp, resume, name)):
            raise click.UsageError(
                "--h5ad expects no other sequences, and no --regions, --step, --resume and --name"
            )
        if out.suffix != ".h5ad":
            raise ValueError(f"{out}: with --h5ad --out expects a file ending in .h5ad, the copy of {h5ad}")
        found = predict_h5ad(loaded_run, h5ad, out, genome=genome, sequence=sequence, layer=layer or "genoml")
        missing = f"; {found[2]} rows have no output of the run" if found[2] else ""
        click.echo(f"{found[0]} regions scored in {found[1]} cell types{missing}; {out}", err=True)
        return
    if genome is None and (regions is not None or step_bp is not None or resume):
        raise click.UsageError("--regions, --step and --resume have a meaning with --genome only")
    if genome is not None:
        if sequences is not None or table is not None:
            raise click.UsageError("expects one of SEQUENCES, --table and --genome")
        scan_genome(loaded_run, genome, out, regions=regions, step_bp=step_bp, resume=resume, shard=part)
        return
    if (sequences is None) == (table is None):
        raise click.UsageError(f"expects SEQUENCES or --table, got {'neither' if table is None else 'both'}")
    if table is None:
        path, blocks = str(sequences), _record_blocks
    else:
        path, blocks = table, partial(_row_blocks, loaded_run, sequence, name)
    wanted = True if logits else None if shard is None else False
    count = _write_scores(
        loaded_run, _units(loaded_run, path, blocks, part), out, shard=part, with_logits=wanted
    )
    click.echo(f"{count} sequences scored; {'standard output' if out == _STANDARD_OUTPUT else out}", err=True)


def _record_blocks(path: str) -> Iterator[NamedSequences]:
    """The records of a file under the first words of their headers."""
    return (replace(block, names=block.ids) for block in sequence_blocks(path, BLOCK))


def _row_blocks(run: Run, sequence: str | None, name: str | None, path: str) -> Iterator[NamedSequences]:
    """The sequences of a table, from the columns that are named, or that the run was trained on."""
    config = run.record.config
    known = DataSettings() if config is None else config.data
    columns = [part.strip() for part in sequence.split(",")] if sequence else known.sequence or ["sequence"]
    return table_blocks(path, BLOCK, columns, name or known.name)


def _units(
    run: Run, path: str, blocks: Callable[[str], Iterator[NamedSequences]], shard: Shard
) -> Iterator[NamedSequences]:
    """The shard's blocks of a file, which is read twice: all of it is checked before anything is computed."""
    if not os.path.isfile(path):  # standard input, or a pipe, can be read once
        return readable_blocks(run.record, blocks(path))
    own = shard.of(shard.ranks.on_first(lambda: sum(1 for _ in readable_blocks(run.record, blocks(path)))))
    return islice(blocks(path), own.start, own.stop)


def _write_scores(
    run: Run, units: Iterator[NamedSequences], out: Path, *, shard: Shard, with_logits: bool | None
) -> int:
    """Write the table of blocks of sequences once all are scored, and return the number of sequences, 0 on other ranks.

    Logits are written if ``with_logits`` is True, and for None where different sequences have the same score.
    """
    count, ends = 0, list[tuple[set[float], set[float]]]()
    with SpooledTemporaryFile(_SPOOL_BYTES) as table:
        for lines, found in shard.ranks.map(partial(_scored, run, with_logits), units):
            table.write(lines if shard.first and not count else lines.partition(b"\n")[2])
            count += lines.count(b"\n") - 1
            ends = ends or [(set(), set()) for _ in found]
            for kept, new in zip(ends, found, strict=True):
                if len(kept[0]) == len(kept[1]):  # not known to be the same
                    kept[0].update(new[0].tolist())
                    kept[1].update(new[1].tolist())
        if not shard.ranks.first:
            return 0
        same = any(len(scores) < len(logits) for scores, logits in ends)
        if same and with_logits is False:  # another shard cannot know it, and all have the same columns
            hint = "their logits tell them apart: --logits, for every shard"
            click.echo(f"warning: different sequences get the same score, near 0 or 1; {hint}", err=True)
        dropped = len(ends) if with_logits is None and not same else 0
        table.seek(0)
        try:
            with open_output(str(out)) as file:
                file.writelines(line[:-1].rsplit(b"\t", dropped)[0] + b"\n" for line in table)
        except BrokenPipeError:  # the reader of the output has closed it
            raise
        except OSError as error:
            raise ValueError(f"{out}: cannot be written ({error.strerror or error})") from error
    return count


def _scored(
    run: Run, with_logits: bool | None, block: NamedSequences
) -> tuple[bytes, list[tuple[np.ndarray, np.ndarray]]]:
    """The table of a block, with logits unless False; and of each task the scores near 0 or 1, and their logits."""
    outputs = outputs_of(run.model, run.record, block)
    if outputs.ndim > 2:
        raise ValueError(
            f"{run.path}: its network has a value a position, {tuple(outputs.shape[1:])} each; a table has no place "
            "for them: read them in Python, genoml.load_run(RUN).outputs(sequences)"
        )
    scores = run.objective.numbers(outputs).astype(outputs.dtype)
    logits = run.objective.logits(outputs)
    names = score_names(scores.shape[1], run.objective.task_names)
    columns = dict(zip(names, scores.T, strict=True))
    if logits is None:
        if with_logits:
            raise ValueError(f"--logits: the scores of {run.path} are no probabilities; leave it out")
        return _table(block.names, columns), []
    near = (scores < 1e-30) | (scores > 1 - 1e-6)
    ends = [
        (np.unique(each[at]), np.unique(own[at]))
        for each, own, at in zip(scores.T, logits.T, near.T, strict=True)
    ]
    if with_logits is not False:
        named = [f"logit{name.removeprefix('score')}" for name in names]
        columns |= dict(zip(named, logits.astype(outputs.dtype).T, strict=True))
    return _table(block.names, columns), ends


def _table(names: list[str], columns: dict[str, np.ndarray]) -> bytes:
    """The lines of the TSV file; each number with as many digits as tell it from every other of its dtype."""
    lines = ["\t".join(["name", *(name.replace("\t", " ") for name in columns)])]
    for name, *row in zip(names, *columns.values(), strict=True):
        lines.append("\t".join([name, *map(str, row)]))
    return ("\n".join(lines) + "\n").encode()
