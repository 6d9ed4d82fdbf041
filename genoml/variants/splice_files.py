"""Files of variants to VCF with delta scores of splicing, and tables of the probabilities that they are made of."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from genoml.io.vcf import VcfFile
from genoml.parallel import WHOLE_RUN, Shard
from genoml.variants.files import checked_blocks, write_parts
from genoml.variants.lines import by_record, with_entry, with_key
from genoml.variants.partial import Partial
from genoml.variants.splice_networks import names_of
from genoml.variants.splice_scorer import SpliceScorer, SpliceScores
from genoml.variants.splice_scores import ACCEPTOR, DONOR
from genoml.variants.writer import Summary, Writer

#: the INFO key; that of the statuses has ``_STATUS`` behind it
KEY = "SPLICE"
#: records that are scored and kept together, with windows of up to this many positions in all
_BLOCK = 256
_POSITIONS = 1 << 20
_FORMAT = "ALLELE|SYMBOL|DS_AG|DS_AL|DS_DG|DS_DL|DP_AG|DP_AL|DP_DG|DP_DL"
_RAW = (
    "chrom",
    "pos",
    "ref",
    "alt",
    "gene",
    "strand",
    "offset",
    "acceptor_ref",
    "acceptor_alt",
    "donor_ref",
    "donor_alt",
)


def score_splicing(
    scorer: SpliceScorer,
    calls: VcfFile,
    out: str | Path | BinaryIO,
    *,
    key: str = KEY,
    raw: str | Path | None = None,
    least_match: float = 0.95,
    resume: bool = False,
    shard: Shard = WHOLE_RUN,
) -> Summary:
    """Score all variants of a VCF file, and write it with delta scores as SpliceAI writes them.

    The records stay as they are. INFO gets ``key``, an entry for each gene of each ALT that is scored, and
    ``key_STATUS``, one for each ALT. Memory does not depend on the number of records. Blocks that were scored are kept
    in ``OUT.partial`` until all are there.

    Parameters
    ----------
    scorer : SpliceScorer
        Networks, genome, genes and options.
    calls : VcfFile
        Of :func:`genoml.io.open_vcf`.
    out : path, or binary stream
        VCF to write; a stream gets its lines at once.
    key : str
        The INFO key, for readers that look for another one.
    raw : path, optional
        Table to write: a line for each position, of both alleles' probabilities of acceptor and donor.
    least_match : float
        If fewer of the first 10,000 records have a REF that is the genome's, nothing is scored.
    resume : bool
        Go on with ``OUT.partial``, which an interrupted scoring left, if it is there.
    shard : Shard
        Score only this one's blocks of records; the files of all shards, one after the other, are the whole.

    Raises
    ------
    FormatError
        For a file that is no VCF, and one of another genome build.
    ValueError
        If the header has the key, or a partial file is there and not to be resumed, or is of another scoring.
    """
    size = max(1, min(_BLOCK, _POSITIONS // (2 * scorer.options.distance + 1)))
    chromosomes, blocks = checked_blocks(
        calls, scorer.genome, scorer.check, least_match, with_lines=True, size=size
    )
    writer = Writer(scorer, chromosomes, calls.path)
    own = shard.own(lambda: -(-calls.count_records() // size))
    header = _header(calls, scorer, key)
    head = header if shard.first else b""
    if not isinstance(out, str | Path):
        return writer.stream(
            blocks, out, head, lambda lines, scores: [_records(lines, scores, key)], own, shard.ranks
        )

    def parts_of(lines: list[bytes], scores: SpliceScores) -> list[bytes]:
        parts = [_records(lines, scores, key)]
        return parts if raw is None else [*parts, _raw_lines(scores)]

    def finish(partial: Partial) -> None:
        write_parts(Path(out), head, partial, 0)
        if raw is not None:
            write_parts(Path(raw), ("\t".join(_RAW) + "\n").encode() if shard.first else b"", partial, 1)

    return writer.write(
        blocks,
        Path(out),
        parts_of,
        finish,
        resume=resume,
        facts=(header, raw is None),
        own=own,
        ranks=shard.ranks,
    )


def _header(calls: VcfFile, scorer: SpliceScorer, key: str) -> bytes:
    options = scorer.options
    text = (
        f"Delta scores of splicing by genoml splice; networks: {names_of(scorer.networks)}; "
        f"context {scorer.networks[0].context_bp}, distance {options.distance}, "
        f"{'masked' if options.mask else 'not masked'}. Gain and loss of acceptors and donors (DS) and their positions "
        f"counted from POS (DP). Format: {_FORMAT}"
    )
    header = with_key(calls.header, key, ".", text, calls.path)
    return with_key(header, f"{key}_STATUS", "A", "What became of each ALT in genoml splice", calls.path)


def _records(lines: list[bytes], scores: SpliceScores, key: str) -> bytes:
    """The records of a block with their scores."""
    cells = [
        (str(status), [effect.scores.text(alt, quote(gene.name, safe=_SAFE)) for gene, effect in found])
        for status, alt, found in zip(scores.status, scores.variants.alt, scores.found, strict=True)
    ]
    written = []
    for line, own in zip(lines, by_record(scores.variants, cells, len(lines)), strict=True):
        entries = [entry for _, found in own for entry in found]
        status = f"{key}_STATUS={','.join(status for status, _ in own)}"
        written.append(with_entry(line, f"{key}={','.join(entries)};{status}" if entries else status))
    return b"".join(written)


#: characters of a gene's name that stay; others become %XX, as VCF 4.3 asks for
_SAFE = "!\"#$&'()*+-./:<>?@[]^_`{}~\\"


def _raw_lines(scores: SpliceScores) -> bytes:
    lines, variants = [], scores.variants
    chroms = variants.chrom
    for row, found in enumerate(scores.found):
        place = f"{chroms[row]}\t{variants.pos[row] + 1}\t{variants.ref[row]}\t{variants.alt[row]}"
        for gene, effect in found:
            middle = len(effect.reference) // 2
            for at, (one, other) in enumerate(zip(effect.reference, effect.alternative, strict=True)):
                numbers = (one[ACCEPTOR], other[ACCEPTOR], one[DONOR], other[DONOR])
                cells = "\t".join(f"{number:.6g}" for number in numbers)
                lines.append(f"{place}\t{gene.name}\t{gene.strand}\t{at - middle}\t{cells}\n")
    return "".join(lines).encode("utf-8", "surrogateescape")
