"""Settings of the data of a run: the table ``[data]`` of a file of settings, options of commands, and the record."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from glob import glob, has_magic
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from genoml.io.errors import unicode_path
from genoml.io.settings import Count, check_fields, make_settings

#: Meaning of the targets, and with it the objective, the scores and the figures.
TaskKind: TypeAlias = Literal[
    "binary", "multilabel", "classes", "regression", "counts", "profile", "cell_types"
]
#: Where the sequences come from.
Source: TypeAlias = Literal["files", "table", "h5ad", "genome"]

#: the key that each source of sequences is known by
_KEY_OF: dict[Source, str] = {"files": "positives", "table": "table", "h5ad": "h5ad", "genome": "genome"}
#: keys that belong to each source; ``task`` belongs to all
_KEYS: dict[Source, frozenset[str]] = {
    "files": frozenset({"positives", "negatives"}),
    "table": frozenset(
        {"table", "sequence", "targets", "classes", "group", "name", "weight", "offset"},
    ),
    "h5ad": frozenset({"h5ad", "layer", "by", "genome", "sequence", "targets", "window_bp", "edges"}),
    "genome": frozenset(
        {
            "genome", "regions", "negatives", "ratio", "avoid", "signal", "statistic", "control", "strands",
            "profile_bp", "bias", "targets", "classes",
            "targets_table", "key", "weight", "offset", "window_bp", "edges",
        }
    ),
}  # fmt: skip
#: keys that name files
FILE_KEYS = (
    "positives",
    "negatives",
    "table",
    "h5ad",
    "genome",
    "regions",
    "avoid",
    "signal",
    "control",
    "targets_table",
)
#: those that name several
_LISTS = ("positives", "negatives", "regions", "signal", "control")
_LOGARITHM = re.compile(r"log\((.+)\)")
#: words that stand for negatives that are made
MADE = ("shuffle", "gc")


class DataSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Data of a run: FASTA files of two classes, a table with sequences, regions by cell types, or windows of a genome.

    All keys but ``task`` belong to one source of these; ``source`` says which it is.

    Raises
    ------
    ValueError
        If a value is of another type or out of range; the message begins with the key's path.
    """

    task: Annotated[
        TaskKind | None,
        Meta(description="meaning of the targets; left out: guessed, where the targets say it"),
    ] = None
    positives: Annotated[
        list[str], Meta(description="FASTA or FASTQ files of the positives; patterns such as pos/*.fa too")
    ] = []
    negatives: Annotated[
        list[str],
        Meta(
            description="files of the negatives: FASTA beside `positives`, BED beside `regions`; or the word "
            "shuffle, or with a genome gc (windows of the same GC content)"
        ),
    ] = []
    table: Annotated[str | None, Meta(description="CSV or TSV file with a column of sequences")] = None
    sequence: Annotated[
        list[str],
        Meta(
            description="column of the sequences in the table, several are joined; left out: sequence. Of an h5ad file "
            "a column of `var`, in place of a genome"
        ),
    ] = []
    targets: Annotated[
        list[str],
        Meta(
            description="columns of numbers, one a task: of the table, of `targets_table`, or of the BED; cell types "
            "of an h5ad file, left out: all"
        ),
    ] = []
    classes: Annotated[str | None, Meta(description="column of labels, of the table or of the BED")] = None
    group: Annotated[
        str | None, Meta(description="column of groups of the table, such as chromosomes, kept on one side")
    ] = None
    name: Annotated[str | None, Meta(description="column of the table with a name of each example")] = None
    weight: Annotated[str | None, Meta(description="column with the weight of each example")] = None
    offset: Annotated[
        str | None,
        Meta(
            description="column with the logarithm of what a count is relative to, such as the depth; or log(COLUMN)"
        ),
    ] = None
    h5ad: Annotated[
        str | None,
        Meta(description="AnnData file, cell types (or cells) by regions of a genome (extra scverse)"),
    ] = None
    layer: Annotated[str | None, Meta(description="its layer to learn; left out: X")] = None
    by: Annotated[
        str | None,
        Meta(
            description="column of `obs` with the type of each cell, to average by; left out: rows are cell types"
        ),
    ] = None
    genome: Annotated[str | None, Meta(description="FASTA file of a genome, or its store")] = None
    regions: Annotated[
        list[str], Meta(description="BED or narrowPeak files; several are tasks of one network")
    ] = []
    ratio: Annotated[Count, Meta(description="negatives for each region, where they are drawn")] = 1
    avoid: Annotated[
        str | None, Meta(description="BED file of places that no drawn negative overlaps, a blacklist")
    ] = None
    signal: Annotated[list[str], Meta(description="bigWig files, one a task")] = []
    statistic: Annotated[
        Literal["mean", "sum", "max"] | None,
        Meta(description="of the signal in a window; left out: sum for counts, else mean"),
    ] = None
    control: Annotated[
        list[str], Meta(description="bigWig files of a control beside profiles: one, or one for each signal")
    ] = []
    strands: Annotated[
        str | None,
        Meta(
            description="of the signals of profiles, a letter each: +- for two strands, . for a track without"
        ),
    ] = None
    profile_bp: Annotated[
        Count | None,
        Meta(description="positions of a profile; left out: as many as the network has from a window"),
    ] = None
    bias: Annotated[
        str | None,
        Meta(description="run folder of a network for the bias of the same experiment (ChromBPNet)"),
    ] = None
    targets_table: Annotated[str | None, Meta(description="CSV or TSV file with a row for each region")] = (
        None
    )
    key: Annotated[
        str, Meta(description="its column with the region's name, as in the BED, or else chrom:start-end")
    ] = "name"
    window_bp: Annotated[
        Count | None,
        Meta(description="length of the windows around summits or middles; left out: that of the regions"),
    ] = None
    edges: Annotated[
        Literal["drop", "pad", "error"],
        Meta(description="windows past an end of a chromosome: left out, padded, or refused"),
    ] = "drop"

    def __post_init__(self) -> None:
        check_fields(self, "data.")

    @property
    def given(self) -> dict[str, Any]:
        """The keys that are not at their defaults."""
        values: dict[str, Any] = msgspec.to_builtins(self)
        return values

    @property
    def is_given(self) -> bool:
        """Whether anything but the task is said."""
        return bool(self.given.keys() - {"task"})

    @property
    def offset_column(self) -> str | None:
        """The column of the offset, or the one that its logarithm is taken of."""
        found = _LOGARITHM.fullmatch(self.offset or "")
        return found[1].strip() if found else self.offset

    @property
    def source(self) -> Source:
        """Where the sequences come from.

        Raises
        ------
        ValueError
            If that is nothing, or several, or a key belongs to another source.
        """
        found = [source for source, key in _KEY_OF.items() if getattr(self, key)]
        if found == ["h5ad", "genome"]:
            found = ["h5ad"]  # whose regions are windows of the genome
        if len(found) != 1:
            got = " and ".join(_KEY_OF[source] for source in found) or "none"
            raise ValueError(
                "data expects one source of sequences: FASTA files (positives and negatives), a table, an h5ad file, "
                f"or a genome with regions; got {got}"
            )
        alien = sorted(self.given.keys() - _KEYS[found[0]] - {"task"})
        if alien:
            raise ValueError(f"data.{alien[0]}: has no meaning with {_KEY_OF[found[0]]}; leave it out")
        return found[0]

    def changed(self, values: Mapping[str, Any]) -> DataSettings:
        """These settings with others in the place of some (None: the default).

        A new source leaves the settings of another one out.

        Raises
        ------
        ValueError
            If a value cannot be.
        """
        sources = [source for source, key in _KEY_OF.items() if values.get(key)]
        if self.h5ad is not None and sources == ["genome"] and not values.get("regions"):
            sources = []  # another genome for the same regions
        kept = self.given
        if sources:
            allowed = frozenset[str]({"task"}).union(*(_KEYS[source] for source in sources))
            kept = {key: value for key, value in kept.items() if key in allowed}
        for one, other in (("targets", "classes"), ("classes", "targets")):
            if values.get(one) and not values.get(other):
                kept.pop(other, None)
        merged = {key: value for key, value in (kept | dict(values)).items() if value is not None}
        return make_settings(merged, DataSettings, "data")

    def with_files(self, change: Callable[[str], str]) -> DataSettings:
        """The settings with each name of a file replaced; words for negatives that are made are kept."""
        values: dict[str, Any] = {}
        for key in FILE_KEYS:
            value = getattr(self, key)
            if isinstance(value, list):
                values[key] = [
                    name if name in MADE and key == "negatives" else change(name) for name in value
                ]
            elif value is not None:
                values[key] = change(value)
        return msgspec.structs.replace(self, **values)

    def for_record(self) -> DataSettings:
        """The settings as JSON and TOML can hold them, with the files that patterns match now.

        Two files of sequences stand in the record itself.
        """
        lists = {key: found_files(getattr(self, key), key) for key in _LISTS}
        if len(lists["positives"]) == len(lists["negatives"]) == 1:
            return DataSettings(task=self.task)
        return msgspec.structs.replace(self, **lists).with_files(unicode_path)

    def files(self) -> dict[str, str]:
        """The files by their role: ``table``, or ``regions``, ``regions 2`` and so on, patterns resolved."""
        roles: dict[str, str] = {}
        for key in FILE_KEYS:
            value = getattr(self, key)
            names = found_files(value, key) if isinstance(value, list) else [] if value is None else [value]
            for number, name in enumerate(names):
                if not (key == "negatives" and name in MADE):
                    roles[key if number == 0 else f"{key} {number + 1}"] = name
        return roles


def found_files(names: list[str], what: str) -> list[str]:
    """Names of files, those that are patterns replaced by what they match, in order.

    Raises
    ------
    ValueError
        If a pattern matches no file.
    """
    found: list[str] = []
    for name in names:
        matched = (
            sorted(glob(name, recursive=True)) if has_magic(name) and not os.path.exists(name) else [name]
        )
        if not matched:
            raise ValueError(f"{what}: no file matches {name}; check the pattern")
        found += matched
    return found
