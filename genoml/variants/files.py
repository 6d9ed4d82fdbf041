"""Files of variants to files of scores: a table, and an annotated VCF."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from genoml.genome import GenomeStore
from genoml.io.files import write_whole
from genoml.io.vcf import VcfFile
from genoml.parallel import WHOLE_RUN, Shard
from genoml.runs import Run
from genoml.sequence.variants import Variants, join_variants
from genoml.variants.check import CheckOptions, check_variants, refuse_another_build
from genoml.variants.chromosomes import Chromosomes
from genoml.variants.lines import annotated_header, annotated_lines, table_header, table_lines
from genoml.variants.partial import Partial
from genoml.variants.scorer import Scorer, VariantScores
from genoml.variants.writer import Block, Summary, Writer

#: records that are scored and kept together, and records by which another build is noticed
BLOCK = 4096
_FIRST = 10_000


def score_file(
    run: Run,
    genome: GenomeStore,
    calls: VcfFile,
    out: str | Path | BinaryIO,
    *,
    annotated: str | Path | None = None,
    least_match: float = 0.95,
    resume: bool = False,
    shard: Shard = WHOLE_RUN,
    **options: Any,
) -> Summary:
    """Score all variants of a file, and write a row an ALT in its order.

    Memory does not depend on the number of records. Blocks that were scored are kept in ``OUT.partial`` until all are
    there; then the files are made, and get their names.

    Parameters
    ----------
    run : Run
        A run.
    genome : GenomeStore
        The genome.
    calls : VcfFile
        Of :func:`genoml.io.open_vcf`.
    out : path, or binary stream
        Table to write, with columns ``chrom pos id ref alt status``, predictions for REF and ALT and effects of each
        task, and ``line``; a stream gets its lines at once.
    annotated : path, optional
        VCF to write: the input byte for byte, with one INFO key and its header line.
    least_match : float
        If fewer of the first 10,000 records have a REF that is the genome's, nothing is scored.
    resume : bool
        Go on with ``OUT.partial``, which an interrupted scoring left, if it is there.
    shard : Shard
        Score only this one's blocks of 4,096 records; the files of all shards, one after the other, are the whole.
    **options
        Those of :func:`genoml.variants.score_variants`.

    Raises
    ------
    FormatError
        For a file that is no VCF, and one of another genome build.
    ValueError
        As ``score_variants``; if a partial file is there and not to be resumed, or is of another scoring.
    """
    with Scorer(run.model, genome, **options) as scorer:
        chromosomes, all_blocks = checked_blocks(
            calls, genome, scorer.check, least_match, with_lines=annotated is not None, size=BLOCK
        )
        writer = Writer(scorer, chromosomes, calls.path)
        empty = writer.empty()
        own = shard.own(lambda: -(-calls.count_records() // BLOCK))
        head = table_header(empty) if shard.first else b""
        if not isinstance(out, str | Path):
            return writer.stream(
                all_blocks, out, head, lambda _, scores: [table_lines(scores)], own, shard.ranks
            )
        files = [(Path(out), head)]
        if annotated is not None:
            header = annotated_header(calls.header, empty, run.path.name, calls.path)
            files.append((Path(annotated), header if shard.first else b""))

        def parts_of(lines: list[bytes], scores: VariantScores) -> list[bytes]:
            parts = [table_lines(scores)]
            return [*parts, annotated_lines(lines, scores)] if annotated is not None else parts

        def finish(partial: Partial) -> None:
            for number, (path, head) in enumerate(files):
                write_parts(path, head, partial, number)

        facts = (run.record.weights, files[-1][1])
        return writer.write(
            all_blocks, Path(out), parts_of, finish, resume=resume, facts=facts, own=own, ranks=shard.ranks
        )


def checked_blocks(
    calls: VcfFile,
    genome: GenomeStore,
    options: CheckOptions,
    least_match: float,
    *,
    with_lines: bool,
    size: int,
) -> tuple[Chromosomes, Iterator[Block]]:
    """The rule for the names of a file's chromosomes, and its blocks of ``size`` records.

    Raises
    ------
    FormatError
        If too few REF alleles of the first 10,000 records are the genome's.
    """
    if not 0 <= least_match <= 1:
        raise ValueError(f"least_match expects a share from 0 to 1, got {least_match}")
    blocks = _regular(calls.with_lines() if with_lines else (([], variants) for variants in calls), size)
    first, records = list[Block](), 0
    for block in blocks:
        first.append(block)
        records += len(set(block[1].record.tolist()))
        if records >= _FIRST:
            break
    beginning = join_variants(variants for _, variants in first)
    chromosomes = Chromosomes.match(genome, beginning)
    checked = check_variants(genome, beginning, options, chromosomes)
    refuse_another_build(beginning, checked, calls.path, genome, least_match)
    return chromosomes, chain(first, blocks)


def write_parts(path: Path, head: bytes, partial: Partial, number: int) -> None:
    """Write a file of a part of each block."""
    with write_whole(path) as file:
        file.write(head)
        file.writelines(partial.part(number))


def _regular(blocks: Iterable[Block], size: int) -> Iterator[Block]:
    """Blocks of the same number of records each, however they come."""
    lines, parts = list[bytes](), list[Variants]()
    held = 0
    for more, variants in blocks:
        rest, held_lines = variants, more
        while len(rest):
            first = int(rest.record[0])
            room = size - held
            cut = int(np.searchsorted(rest.record, first + room))
            parts.append(rest[:cut])
            taken = int(rest.record[cut - 1]) - first + 1
            lines += held_lines[:taken]
            held, rest, held_lines = held + taken, rest[cut:], held_lines[taken:]
            if held == size:
                yield lines, join_variants(parts)
                lines, parts, held = [], [], 0
    if parts:
        yield lines, join_variants(parts)
