"""``genoml align``: align the sequences of two files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain, islice, zip_longest
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import click

from genoml.cli.options import backend_option, examples, open_backend, open_output, out_option

if TYPE_CHECKING:
    from genoml.io import FastaRecord
    from genoml.sequence import Alignment, SubstitutionMatrix

    Pair: TypeAlias = tuple[FastaRecord, FastaRecord]

#: pairs whose scores are computed together
_BATCH = 4096
_COLUMNS = (
    "query", "target", "score", "identity", "identities", "positives", "gaps", "columns", "query_start",
    "query_end", "query_length", "target_start", "target_end", "target_length", "cigar",
)  # fmt: skip


@click.command(
    "align",
    epilog=examples(
        "genoml align reads.fa targets.fa",
        "genoml align a.fa b.fa --mode local --matrix BLOSUM62 --format tsv --out pairs.tsv",
    ),
)
@click.argument("queries", metavar="A", type=click.Path())
@click.argument("targets", metavar="B", type=click.Path())
@out_option
@click.option(
    "--mode", type=click.Choice(["global", "local", "semiglobal"]), default="global", show_default=True
)
@click.option(
    "--matrix",
    metavar="WHICH",
    help="BLOSUM45, BLOSUM62, BLOSUM80, PAM30, PAM250 or NUC.4.4; a file in NCBI's format; or two numbers, the scores "
    "of a match and a mismatch, such as 2,-3.  [default: NUC.4.4 or BLOSUM62, as the first pair asks for]",
)
@click.option(
    "--gap-open", type=float, help="Cost of the first letter of a gap.  [default: 10 NUC.4.4, 11 BLOSUM62]"
)
@click.option("--gap-extend", type=float, help="Cost of each further letter of a gap.  [default: 1]")
@click.option(
    "--overhang",
    type=click.Choice(["both", "a", "b"]),
    default="both",
    show_default=True,
    help="In semiglobal mode, whose ends may hang over at no cost.",
)
@click.option("--all", "everything", is_flag=True, help="Align every record of A with every record of B.")
@click.option(
    "--format", type=click.Choice(["text", "tsv"]), default="text", show_default=True, help="Of the output."
)
@click.option("--score-only", is_flag=True, help="Write a TSV of scores alone, computed many pairs at once.")
@backend_option
def command(
    queries: str,
    targets: str,
    out: str,
    matrix: str | None,
    everything: bool,
    format: str,
    score_only: bool,
    backend_name: str | None,
    **options: Any,
) -> None:
    """Align the records of A with those of B, the first with the first, the second with the second.

    A and B are FASTA or FASTQ of nucleotides or amino acids, plain or gzipped; one of them may be -, standard input.
    A gap of n letters costs gap-open + (n - 1) gap-extend. In the TSV, coordinates count from 0 and ends are not
    included; the text counts from 1. In the CIGAR A is the query: I is a letter of A alone, D one of B.
    """
    if queries == targets == "-":
        raise ValueError("standard input (-) can be only one of A and B; name a file for the other")
    if backend_name is not None and not score_only:
        raise ValueError("--backend expects --score-only: alignments themselves are computed with NumPy")
    pairs = _pairs(queries, targets, everything)
    first = next(pairs)
    options["matrix"] = _matrix(matrix, first)
    checked = (_checked(pair, options["matrix"], (queries, targets)) for pair in chain([first], pairs))
    backend = open_backend(backend_name) if score_only else None
    with open_output(out) as stream:
        if score_only:
            _write_scores(stream, checked, {**options, "backend": backend})
        else:
            _write_alignments(stream, checked, options, format)


def _pairs(queries: str, targets: str, everything: bool) -> Iterator[Pair]:
    from genoml.io import read_sequences

    records = [read_sequences(path, letters="protein") for path in (queries, targets)]
    if everything:
        against = list(records[1])
        return ((query, target) for query in records[0] for target in against)
    return _side_by_side(records, (queries, targets))


def _side_by_side(records: list[Iterator[FastaRecord]], paths: tuple[str, str]) -> Iterator[Pair]:
    for number, (query, target) in enumerate(zip_longest(*records)):
        if query is None or target is None:
            shorter, longer = paths if query is None else paths[::-1]
            raise ValueError(
                f"{longer} has more records than the {number} of {shorter}; give as many, or --all to align each "
                "with each"
            )
        yield query, target


def _matrix(name: str | None, first: Pair) -> SubstitutionMatrix:
    """The matrix of ``--matrix``, or the default for the first pair."""
    from genoml.io import read_substitution_matrix
    from genoml.sequence.align.scoring import choose_matrix

    if name is None:
        return choose_matrix(None, [record.sequence for record in first])
    numbers = name.split(",")
    if len(numbers) == 2:
        try:
            return choose_matrix((float(numbers[0]), float(numbers[1])), [])
        except ValueError:
            raise ValueError(f"--matrix expects two numbers, such as 2,-3, got {name!r}") from None
    if os.path.exists(name):
        return read_substitution_matrix(name)
    return choose_matrix(name, [])


def _checked(pair: Pair, matrix: SubstitutionMatrix, paths: tuple[str, str]) -> Pair:
    """Return the pair if the matrix has all its letters; otherwise raise an error with file and record."""
    for record, path in zip(pair, paths, strict=True):
        place = "standard input" if path == "-" else path
        matrix.encode([record.sequence], f"{place}, record {record.id}:")
    return pair


def _write_alignments(stream: BinaryIO, pairs: Iterator[Pair], options: dict[str, Any], format: str) -> None:
    from genoml.sequence import align

    if format == "tsv":
        stream.write(_line(*_COLUMNS))
    for number, (query, target) in enumerate(pairs):
        alignment = align(query.sequence, target.sequence, **options)
        if format == "tsv":
            stream.write(_row(query.id, target.id, alignment))
        else:
            text = alignment.format(query.id, target.id)
            stream.write(f"{text}\n".encode() if number == 0 else f"\n\n{text}\n".encode())


def _row(query: str, target: str, alignment: Alignment) -> bytes:
    counts = (alignment.identities, alignment.positives, alignment.gaps, len(alignment))
    place_a = (alignment.start_a, alignment.end_a, alignment.length_a)
    place_b = (alignment.start_b, alignment.end_b, alignment.length_b)
    score = _number(alignment.score)
    return _line(
        query, target, score, f"{alignment.identity:.4f}", *counts, *place_a, *place_b, alignment.cigar
    )


def _write_scores(stream: BinaryIO, pairs: Iterator[Pair], options: dict[str, Any]) -> None:
    from genoml.sequence import align_scores

    stream.write(_line("query", "target", "score"))
    while batch := list(islice(pairs, _BATCH)):
        queries, targets = zip(*batch, strict=True)
        on_device = align_scores(
            [query.sequence for query in queries], [target.sequence for target in targets], **options
        )
        scores = options["backend"].to_numpy(on_device).tolist()
        stream.writelines(
            _line(query.id, target.id, _number(score))
            for query, target, score in zip(queries, targets, scores, strict=True)
        )


def _number(score: float) -> str:
    return f"{score:.12g}"


def _line(*fields: object) -> bytes:
    return ("\t".join(map(str, fields)) + "\n").encode()
