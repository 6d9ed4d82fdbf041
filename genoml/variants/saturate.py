"""All substitutions of single bases in regions of a genome, scored: a table, VCF, or tracks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from genoml.genome import GenomeStore, merge
from genoml.io.bigwig import write_bigwig
from genoml.parallel import WHOLE_RUN, Shard
from genoml.runs import Run
from genoml.sequence.intervals import Intervals
from genoml.sequence.variants import Variants, texts
from genoml.variants.chromosomes import Chromosomes
from genoml.variants.files import BLOCK, write_parts
from genoml.variants.lines import annotated_header, annotated_lines, table_header, table_lines
from genoml.variants.partial import Partial
from genoml.variants.scorer import Scorer, VariantScores
from genoml.variants.writer import Block, Summary, Writer

#: suffixes of files -> what is written into them
SATURATED = {".tsv": "tsv", ".txt": "tsv", ".vcf": "vcf", ".bw": "bigwig", ".bigwig": "bigwig"}
_LETTERS = np.array(list("ACGT"), dtype=object)
_TRACK = np.dtype([("chrom", "<i8"), ("pos", "<i8")])


def saturate_regions(
    run: Run,
    genome: GenomeStore,
    regions: Intervals,
    out: str | Path,
    *,
    resume: bool = False,
    shard: Shard = WHOLE_RUN,
    **options: Any,
) -> tuple[list[Path], Summary]:
    """Score every substitution of every base in regions, each in a window around it; see ``score_variants``.

    Bases of regions that overlap are scored once, and those that are none of A C G T left out.

    Parameters
    ----------
    run : Run
        A run.
    genome : GenomeStore
        The genome.
    regions : Intervals
        Such as :func:`genoml.io.read_bed` gives.
    out : path
        ``.tsv``: a row a substitution, as :func:`genoml.variants.score_file` writes. ``.vcf``, ``.vcf.gz``: a record a
        base. ``.bw``: what each base is worth, minus the mean effect of its three substitutions, a file for each
        column of effects, ``OUT.NAME.bw`` if there are several.
    resume : bool
        Go on with ``OUT.partial``, which an interrupted scoring left, if it is there.
    shard : Shard
        Score only this one's blocks of up to 4,096 bases; tables, and VCF files, of all shards, one after the other,
        are the whole.
    **options
        Those of :func:`genoml.variants.score_variants`.

    Returns
    -------
    files : list of Path
    summary : Summary

    Raises
    ------
    ValueError
        For another suffix, bigWig of a shard, a chromosome that the genome lacks, regions without bases, or as
        ``score_variants``.
    """
    path = Path(out)
    kind = SATURATED.get(path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix)
    if kind is None or (kind == "bigwig" and path.suffix == ".gz"):
        raise ValueError(f"{path}: expects a file ending in {', '.join(SATURATED)}")
    if kind == "bigwig" and shard.count > 1:
        raise ValueError(f"{path}: bigWig files cannot be joined; with --shard write .tsv or .vcf")
    places = merge(regions).sort(genome.names)
    with Scorer(run.model, genome, **options) as scorer:
        writer = Writer(
            scorer, Chromosomes({name: row for row, name in enumerate(genome.names)}), "the regions"
        )
        empty, files = writer.empty(), [path]
        if kind == "bigwig":
            files = _track_paths(path, empty.columns)
        header = (
            annotated_header(_vcf_header(genome), empty, run.path.name, str(path)) if kind == "vcf" else b""
        )

        def parts_of(lines: list[bytes], scores: VariantScores) -> list[bytes]:
            if kind == "vcf":
                return [annotated_lines(_records(scores.variants), scores)]
            return [table_lines(scores) if kind == "tsv" else _track_rows(scores)]

        def finish(partial: Partial) -> None:
            if kind != "bigwig":
                write_parts(path, (header or table_header(empty)) if shard.first else b"", partial, 0)
            used = {name: genome.sizes[name] for name in genome.names if name in set(places.names)}
            for column, file in enumerate(files if kind == "bigwig" else []):
                write_bigwig(file, used, _values(partial, genome.names, len(files), column))

        blocks = _substitutions(genome, places)
        own = shard.own(lambda: sum(1 for _ in _substitutions(genome, places)))
        facts = (run.record.weights, kind)
        return files, writer.write(
            blocks, path, parts_of, finish, resume=resume, facts=facts, own=own, ranks=shard.ranks
        )


def _substitutions(genome: GenomeStore, places: Intervals) -> Iterator[Block]:
    """The three substitutions of each base, in blocks of as many bases."""
    done = 0
    for row in range(len(places)):
        name = places.names[places.codes[row]]
        chrom, end = genome.names.index(name), int(places.end[row])
        for start in range(int(places.start[row]), end, BLOCK):
            codes = genome.fetch(Intervals(name, [start], [min(start + BLOCK, end)]))[0]
            known = np.flatnonzero(codes < 4)
            if not len(known):
                continue
            ref = np.repeat(codes[known], 3)
            alt = (codes[known][:, None] + np.arange(1, 4, dtype=np.uint8)).reshape(-1) % 4
            record = np.repeat(done + np.arange(len(known)), 3)
            done += len(known)
            yield [], Variants(
                genome.names, np.full(len(ref), chrom), np.repeat(start + known, 3), texts(["."] * len(ref)),
                _LETTERS[ref], _LETTERS[alt], record, np.tile([1, 2, 3], len(known)), np.zeros(len(ref), np.int64),
            )  # fmt: skip
    if not done:
        raise ValueError("expects regions with bases A C G T, got none")


def _vcf_header(genome: GenomeStore) -> bytes:
    contigs = [f"##contig=<ID={name},length={size}>" for name, size in genome.sizes.items()]
    names = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
    return "\n".join(["##fileformat=VCFv4.3", *contigs, names, ""]).encode()


def _records(variants: Variants) -> list[bytes]:
    """A record of VCF for the three substitutions of each base."""
    rows = range(0, len(variants), 3)
    chrom, pos, ref, alt = variants.chrom, variants.pos + 1, variants.ref, variants.alt
    return [
        f"{chrom[i]}\t{pos[i]}\t.\t{ref[i]}\t{','.join(alt[i : i + 3])}\t.\t.\t.\n".encode() for i in rows
    ]


def _track_rows(scores: VariantScores) -> bytes:
    """For each base with three scored substitutions: chromosome, position, and minus the mean of each effect."""
    variants, count = scores.variants, scores.effect.shape[1]
    means = -scores.effect.reshape(-1, 3, count).mean(axis=1)
    rows = np.empty(len(means), _with_values(count))
    rows["chrom"], rows["pos"], rows["values"] = variants.codes[::3], variants.pos[::3], means
    known = ~np.isnan(means).any(axis=1)
    return bytes(rows[known].tobytes())


def _with_values(count: int) -> np.dtype[Any]:
    return np.dtype([*_TRACK.descr, ("values", "<f4", (count,))])


def _values(
    partial: Partial, names: tuple[str, ...], count: int, column: int
) -> Iterator[tuple[str, int, int, float]]:
    for part in partial.part(0):
        for chrom, pos, values in np.frombuffer(part, _with_values(count)):
            yield names[chrom], int(pos), int(pos) + 1, float(values[column])


def _track_paths(out: Path, names: list[str]) -> list[Path]:
    """A file for each column of effects: ``out`` itself for one, else with its name before the suffix."""
    if len(names) == 1:
        return [out]
    return [out.with_name(f"{out.stem}.{name.removeprefix('effect_')}{out.suffix}") for name in names]
