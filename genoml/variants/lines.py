"""Scores of variants as lines: of a table, and of VCF with one more INFO key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from genoml.sequence.variants import Variants
from genoml.variants.scorer import VariantScores

#: the INFO key of an annotated VCF
KEY = "GENOML"
CellT = TypeVar("CellT")
_FIXED = ("chrom", "pos", "id", "ref", "alt", "status")


def number_names(scores: VariantScores) -> list[str]:
    """Names of the columns of numbers, in their order in a line."""
    tails = [f"_{name}" if name else "" for name in scores.tasks]
    names = [f"{allele}{tail}" for tail in tails for allele in ("reference", "alternative")]
    names += scores.columns
    for kind, table in (("z", scores.z), ("p", scores.p)):
        if table is not None:
            names += [
                "_".join(filter(None, [kind, name.removeprefix("effect").lstrip("_")]))
                for name in scores.columns
            ]
    return [name.replace("\t", " ") for name in names]


def table_header(scores: VariantScores) -> bytes:
    """The first line of a table."""
    return ("\t".join([*_FIXED, *number_names(scores), "line"]) + "\n").encode()


def table_lines(scores: VariantScores) -> bytes:
    """A line an ALT: where it is, its status, its numbers (``nan`` where not scored), and its line in the input."""
    variants = scores.variants
    columns = [
        variants.chrom.tolist(), (variants.pos + 1).astype(str).tolist(), variants.id.tolist(), variants.ref.tolist(),
        variants.alt.tolist(), scores.status.tolist(), *_numbers(scores).T.tolist(), variants.line.astype(str).tolist(),
    ]  # fmt: skip
    return "".join("\t".join(row) + "\n" for row in zip(*columns, strict=True)).encode(
        "utf-8", "surrogateescape"
    )


def _numbers(scores: VariantScores) -> np.ndarray:
    """The numbers as text, each with as many digits as tell it from every other of its type."""
    pairs = np.stack([scores.reference, scores.alternative], axis=2).reshape(len(scores.variants), -1)
    tables = [table for table in (pairs, scores.effect, scores.z, scores.p) if table is not None]
    return np.concatenate(tables, axis=1).astype(np.float32).astype(str)


def annotated_header(header: bytes, scores: VariantScores, run: str, path: str) -> bytes:
    """The header of a VCF file with a line for the key, see ``with_key``."""
    what = "|".join(["status", *number_names(scores)])
    return with_key(header, KEY, ".", f"genoml variants, run {run}, for each ALT: {what}", path)


def with_key(header: bytes, key: str, number: str, description: str, path: str) -> bytes:
    """The header of a VCF file with a line for one more INFO key, of text.

    Raises
    ------
    ValueError
        If it has the key already.
    """
    if f"##INFO=<ID={key},".encode() in header:
        raise ValueError(
            f"{path}: has INFO key {key} already; remove it with bcftools annotate -x INFO/{key}"
        )
    text = description.replace("\\", "\\\\").replace('"', '\\"')
    end = b"\r\n" if header.endswith(b"\r\n") else b"\n"
    line = f'##INFO=<ID={key},Number={number},Type=String,Description="{text}">'.encode() + end
    last = header.rindex(b"#CHROM")
    return header[:last] + line + header[last:]


def annotated_lines(lines: Sequence[bytes], scores: VariantScores) -> bytes:
    """The records of a VCF file as they are, with the scores of their ALTs under one more INFO key."""
    numbers = _numbers(scores)
    numbers[numbers == "nan"] = "."
    cells = ["|".join(row) for row in zip(scores.status.tolist(), *numbers.T.tolist(), strict=True)]
    values = by_record(scores.variants, cells, len(lines))
    return b"".join(
        with_entry(line, f"{KEY}={','.join(own)}") for line, own in zip(lines, values, strict=True)
    )


def by_record(variants: Variants, cells: Sequence[CellT], records: int) -> list[list[CellT]]:
    """Something for each ALT of a block, as lists for each record."""
    values: list[list[CellT]] = [[] for _ in range(records)]
    for record, cell in zip((variants.record - variants.record[:1]).tolist(), cells, strict=True):
        values[record].append(cell)
    return values


def with_entry(line: bytes, entry: str) -> bytes:
    """The line of a record with one more entry in its INFO column."""
    fields = line.split(b"\t", 8)
    info = fields[7]
    end = info.find(b"\n") if len(fields) == 8 else len(info)
    end = len(info) if end < 0 else end
    end -= info[end - 1 : end] == b"\r"
    fields[7] = (entry.encode() if info[:end] == b"." else info[:end] + b";" + entry.encode()) + info[end:]
    return b"\t".join(fields)
