"""Files of predictions along a genome: a table by name, BED, and bigWig."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias

import numpy as np

from genoml.data.tracks import strands_of, turn_tracks
from genoml.genome.store import GenomeStore
from genoml.genome.windows import centre
from genoml.io.bigwig import write_bigwig
from genoml.io.files import write_whole
from genoml.runs.run import Run
from genoml.sequence.intervals import Intervals
from genoml.train import Profile
from genoml.train.predict import score_names

#: what is written: scores by name, by place, or along the genome
Kind: TypeAlias = Literal["tsv", "bed", "bigwig"]
#: suffixes of files -> what is written into them
KINDS: dict[str, Kind] = {".tsv": "tsv", ".txt": "tsv", ".bed": "bed", ".bw": "bigwig", ".bigwig": "bigwig"}
#: windows whose lines are made together
_BLOCK = 1024


def write_predictions(
    run: Run,
    store: GenomeStore,
    windows: Intervals,
    outputs: np.ndarray,
    out: Path,
    kind: Kind,
    *,
    header: bool,
) -> list[Path]:
    """Write outputs (n, outputs) of a run for windows of a genome, see ``predict_windows``; the files."""
    names = score_names(run.objective.numbers(outputs[:1]).shape[1], run.objective.task_names)
    if kind == "bigwig":
        return [
            _write_track(run, store, windows, outputs, track, path)
            for track, path in enumerate(_track_paths(out, names))
        ]
    with write_whole(out) as file:
        if kind == "tsv" and header:
            file.write(("\t".join(["name", *(name.replace("\t", " ") for name in names)]) + "\n").encode())
        for first in range(0, len(windows), _BLOCK):
            _write_lines(
                file, run, windows[first : first + _BLOCK], outputs[first : first + _BLOCK], kind == "bed"
            )
    return [out]


def _write_lines(file: BinaryIO, run: Run, windows: Intervals, outputs: np.ndarray, bed: bool) -> None:
    numbers = run.objective.numbers(outputs).astype(np.float32)
    shares = numbers.max(axis=1) if run.objective.logits(outputs[:1]) is not None else np.zeros(len(numbers))
    named = windows.columns.get("name")
    places = [f"{windows.place(row)}({windows.strand[row]})" for row in range(len(windows))]
    labels = [
        place if name in ("", ".") else str(name)
        for place, name in zip(places, places if named is None else named, strict=True)
    ]
    lines = []
    for row, (label, values) in enumerate(zip(labels, numbers, strict=True)):
        cells = [label]
        if bed:
            score = str(round(1000 * float(shares[row])))
            start, end = str(max(0, int(windows.start[row]))), str(int(windows.end[row]))
            cells = [str(windows.chrom[row]), start, end, label, score, str(windows.strand[row])]
        lines.append("\t".join([*cells, *map(str, values)]))
    file.write(("\n".join(lines) + "\n").encode())


def _track_paths(out: Path, names: list[str]) -> list[Path]:
    """A file for each output: ``out`` itself for one, else with its name before the suffix."""
    if len(names) == 1:
        return [out]
    return [out.with_name(f"{out.stem}.{name.removeprefix('score_')}{out.suffix}") for name in names]


def _write_track(
    run: Run, store: GenomeStore, windows: Intervals, outputs: np.ndarray, track: int, path: Path
) -> Path:
    objective = run.objective
    if not isinstance(objective, Profile):
        write_track(
            path, store, windows, lambda row: float(objective.numbers(outputs[row : row + 1])[0, track])
        )
        return path

    def reads(row: int) -> np.ndarray:
        found = objective.predictions(outputs[row : row + 1].astype(np.float64))
        if windows.strand[row] == "-":
            found = turn_tracks(found, strands_of(objective.strands, objective.tracks))
        values: np.ndarray = found[0, track]
        return values

    write_track(path, store, centre(windows, objective.length_bp), reads)
    return path


def write_track(
    path: Path, store: GenomeStore, windows: Intervals, values_of: Callable[[int], float | np.ndarray]
) -> None:
    """Write a bigWig file of windows of a genome; each base has the value of the window whose middle is nearest.

    ``values_of(row)`` is one value for all bases of a window, or one a base, in the order of the plus strand.
    """
    number = {name: place for place, name in enumerate(store.names)}
    place = np.array([number[name] for name in windows.names], np.int64)[windows.codes]
    order = np.lexsort((windows.start, place))
    spans = _apart(windows[order], store)
    used = {store.names[code]: store.sizes[store.names[code]] for code in np.unique(place).tolist()}

    def values() -> Iterator[tuple[str, int, int, float]]:
        for row, (start, end) in zip(order.tolist(), spans, strict=True):
            if start >= end:
                continue
            chrom, first, found = str(windows.chrom[row]), int(windows.start[row]), values_of(row)
            if isinstance(found, float):
                yield chrom, start, end, found
                continue
            for base in range(start, end):
                yield chrom, base, base + 1, float(found[base - first])

    write_bigwig(path, used, values())


def _apart(windows: Intervals, store: GenomeStore) -> list[tuple[int, int]]:
    """Starts and ends of windows in order, on their chromosomes, cut in the middle between the centres that overlap."""
    spans = [
        [max(0, start), min(end, store.sizes[chrom])]
        for chrom, start, end in zip(
            windows.chrom.tolist(), windows.start.tolist(), windows.end.tolist(), strict=True
        )
    ]
    middles = (windows.start + windows.end) // 2
    for row, (one, other) in enumerate(pairwise(spans)):
        if windows.codes[row] == windows.codes[row + 1] and one[1] > other[0]:
            cut = int(middles[row] + middles[row + 1]) // 2
            one[1], other[0] = min(one[1], cut), max(other[0], cut)
    return [(start, end) for start, end in spans]
