"""Writers of open reading frames: FASTA, GFF3 and TSV.

References
----------
Generic Feature Format version 3 (GFF3), specification 1.26,
https://github.com/The-Sequence-Ontology/Specifications.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Literal, NamedTuple, TypeAlias, get_args

from genoml.io.errors import first_word
from genoml.io.files import FilePath, write_whole
from genoml.sequence.genes.orfs import ORF
from genoml.sequence.strand import is_rna, subsequence

#: The formats of :func:`write_orfs`.
OrfFormat: TypeAlias = Literal["fasta", "gff3", "tsv"]
_WIDTH = 60


class OrfsOf(NamedTuple):
    """A sequence and its open reading frames.

    Attributes
    ----------
    name : str
        Of the sequence; its first word is written.
    sequence : str
        The plus strand.
    orfs : sequence of ORF
        As :func:`genoml.sequence.find_orfs` gives them.
    circular : bool
        Whether they were found on a circular sequence.
    """

    name: str
    sequence: str
    orfs: list[ORF]
    circular: bool = False


def write_orfs(
    path: FilePath, results: Iterable[OrfsOf], *, format: str = "gff3", protein: bool = False
) -> None:
    """Write the open reading frames of sequences; gzipped if the path ends in ``.gz``. A failed write leaves no file.

    Parameters
    ----------
    path : str or os.PathLike
        Written atomically.
    results : iterable of OrfsOf
        One entry per sequence, written in order.
    format : {"gff3", "fasta", "tsv"}
        GFF3: 1-based, inclusive, type ORF, phase 0. FASTA: headers ``>NAME_N NAME:START-END(STRAND) ...``,
        0-based, half-open. TSV: a header line, 0-based, half-open.
    protein : bool
        FASTA holds proteins in place of nucleotides; TSV has a column more; GFF3 has an attribute more.

    Raises
    ------
    ValueError
        For an unknown format, or a name that is empty.
    """
    check_format(format)
    with write_whole(path) as stream:
        stream_orfs(stream, results, format=format, protein=protein)


def stream_orfs(
    stream: BinaryIO, results: Iterable[OrfsOf], *, format: str = "gff3", protein: bool = False
) -> None:
    """As :func:`write_orfs`, to an open stream."""
    writer = {"fasta": _fasta, "gff3": _gff3, "tsv": _tsv}[check_format(format)]
    if format == "gff3":
        stream.write(b"##gff-version 3\n")
    if format == "tsv":
        columns = ["sequence", *ORF._fields[:-1], "length_bp", *(["protein"] if protein else [])]
        stream.write(("\t".join(columns) + "\n").encode())
    for result in results:
        identifier = first_word(result.name)
        if not identifier:
            raise ValueError("the ORFs of a sequence expect its name, got an empty one")
        stream.write("".join(writer(identifier, result, protein)).encode())


def check_format(format: str) -> OrfFormat:
    """Return ``format`` if it is a known one.

    Raises
    ------
    ValueError
        If it is not ``"fasta"``, ``"gff3"`` or ``"tsv"``.
    """
    for known in get_args(OrfFormat):
        if format == known:
            return known  # type: ignore[no-any-return]
    raise ValueError(f"format expects one of {', '.join(get_args(OrfFormat))}, got {format!r}")


def _partial(orf: ORF) -> str:
    return {(0, 0): "no", (1, 0): "start", (0, 1): "end", (1, 1): "both"}[orf.partial_start, orf.partial_end]


def _fasta(name: str, result: OrfsOf, protein: bool) -> Iterator[str]:
    alphabet = "RNA" if is_rna(result.sequence) else "DNA"  # of the whole sequence, not of each ORF
    for number, orf in enumerate(result.orfs, 1):
        letters = orf.protein
        if not protein:
            letters = subsequence(
                result.sequence,
                orf.start,
                orf.end,
                orf.strand,
                circular=result.circular,
                alphabet=alphabet,
            )
        lines = [letters[at : at + _WIDTH] for at in range(0, len(letters), _WIDTH)]
        head = (
            f">{name}_{number} {name}:{orf.start}-{orf.end}({orf.strand}) frame={orf.frame} "
            f"length_bp={orf.length_bp} partial={_partial(orf)}"
        )
        yield "\n".join([head, *lines, ""])


def _tsv(name: str, result: OrfsOf, protein: bool) -> Iterator[str]:
    for orf in result.orfs:
        flags = [str(int(flag)) for flag in (orf.partial_start, orf.partial_end)]
        cells = [name, str(orf.start), str(orf.end), orf.strand, str(orf.frame), *flags, str(orf.length_bp)]
        yield "\t".join([*cells, orf.protein] if protein else cells) + "\n"


# characters that GFF3 requires to be written as %XX: in column 1, and in values of attributes
_NOT_IN_SEQID = re.compile(r"[^a-zA-Z0-9.:^*$@!+_?|-]")
_NOT_IN_VALUE = re.compile(r"[\x00-\x1f\x7f%;=&,]")


def _escaped(text: str, illegal: re.Pattern[str]) -> str:
    return illegal.sub(lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), text)


def _gff3(name: str, result: OrfsOf, protein: bool) -> Iterator[str]:
    seqid = _escaped(name, _NOT_IN_SEQID)
    length = len(result.sequence)
    value = _escaped(name, _NOT_IN_VALUE)
    yield f"##sequence-region {seqid} 1 {length}\n"
    if result.circular:
        # features across the origin end beyond the length, which this line allows
        yield f"{seqid}\tgenoml\tregion\t1\t{length}\t.\t+\t.\tID={value};Is_circular=true\n"
    for number, orf in enumerate(result.orfs, 1):
        attributes = [f"ID={value}_orf{number}", f"frame={orf.frame}", *_open_ends(orf)]
        if protein:
            attributes.append(f"translation={orf.protein}")
        columns = [seqid, "genoml", "ORF", str(orf.start + 1), str(orf.end), ".", orf.strand, "0"]
        yield "\t".join([*columns, ";".join(attributes)]) + "\n"


def _open_ends(orf: ORF) -> list[str]:
    """GFF3 attributes, as NCBI writes them, of an ORF cut by the end of the sequence."""
    left, right = orf.partial_start, orf.partial_end
    if orf.strand == "-":
        left, right = right, left
    attributes = ["partial=true"] if left or right else []
    attributes += [f"start_range=.,{orf.start + 1}"] if left else []
    attributes += [f"end_range={orf.end},."] if right else []
    return attributes
