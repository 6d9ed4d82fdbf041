"""Tracks of reads along sequences: their strands, and their values read from bigWig files on demand.

Tracks have strands, a letter each: ``"+-"`` are the plus and the minus strand of one experiment, which change places
when the sequence is turned, ``"."`` is a track without strands, ``"+-+-."`` five tracks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from genoml.data.codes import LazyRows, row_numbers
from genoml.data.coverage import base_values
from genoml.genome.windows import shifted
from genoml.io.bigwig import BigWig
from genoml.io.errors import FormatError
from genoml.sequence.intervals import Intervals


def opposite_tracks(strands: str) -> list[int]:
    """For each track the one that takes its place when the sequence is turned: [1, 0] for ``"+-"``.

    Raises
    ------
    ValueError
        For other letters, or a strand without the other one.
    """
    if not re.fullmatch(r"(\+-|\.)+", strands):
        raise ValueError(
            f"strands expect '+-' for each pair of tracks and '.' for each other one, got {strands!r}"
        )
    swap = {"+": 1, "-": -1, ".": 0}
    return [track + swap[strand] for track, strand in enumerate(strands)]


def strands_of(strands: str | None, tracks: int, what: str = "tracks") -> str:
    """The strands of so many tracks; ``"."`` for one if they are not given.

    Raises
    ------
    ValueError
        If they are not given for several, or for another number.
    """
    if strands is None and tracks == 1:
        return "."
    if strands is None or len(strands) != tracks:
        raise ValueError(
            f"{tracks} {what} expect strands, a letter each ('+-': the two strands of one experiment, '.': a track "
            f"without strands), got {strands!r}"
        )
    opposite_tracks(strands)
    return strands


def control_strands(strands: str, controls: int) -> str:
    """Strands of control tracks: those of the tracks if there are as many, or none if there is one control.

    Raises
    ------
    ValueError
        For another number.
    """
    if controls not in (1, len(strands)):
        each = f", or {len(strands)}, one for each track" if len(strands) > 1 else ""
        raise ValueError(f"expects 1 control track{each}, got {controls}")
    return strands if controls == len(strands) else "."


def turn_tracks(profiles: np.ndarray, strands: str) -> np.ndarray:
    """Profiles (n, tracks, length) as they are along the reverse complement."""
    return profiles[:, opposite_tracks(strands), ::-1]


class SignalTracks(LazyRows):
    """Values of bigWig files at the bases of intervals of one length, read on demand: (n, tracks, length) float32.

    On strand ``-`` positions are turned, and the two strands of an experiment exchanged. Bases without a value, or
    beyond an end of the chromosome, are 0.

    Parameters
    ----------
    files : sequence of BigWig
        One a track; they stay open.
    intervals : Intervals
        All of one length.
    strands : str
        A letter a track.
    """

    def __init__(self, files: Sequence[BigWig], intervals: Intervals, strands: str) -> None:
        self.files = tuple(files)
        self.intervals = intervals
        self.strands = strands
        length = int(intervals.length_bp[0]) if len(intervals) else 0
        super().__init__((len(intervals), len(self.files), length), np.float32)

    def fetch(self, rows: np.ndarray) -> np.ndarray:
        return self.fetch_shifted(rows, 0)

    def fetch_shifted(self, rows: np.ndarray, offsets: np.ndarray | int) -> np.ndarray:
        """The values of these rows, each interval moved by its offset towards the end of the chromosome.

        Raises
        ------
        FormatError
            For a negative value, whose place it names.
        """
        windows = shifted(self.intervals[rows], offsets)
        found = np.zeros((len(rows), *self.shape[1:]), np.float32)
        for track, file in enumerate(self.files):
            for row, values in base_values(file, windows, 0.0):
                if values.min() < 0.0:
                    raise FormatError(
                        f"a negative value ({values.min():g}) in {windows.place(row)}", path=file.path,
                        fix="profiles are counts of reads; turn the sign of a minus strand that is kept as negative",
                    )  # fmt: skip
                found[row, track] = values
        minus = windows.strand == "-"
        found[minus] = found[minus][:, opposite_tracks(self.strands)]
        return found

    def take(self, index: Any) -> SignalTracks:
        """Some of the rows, which are still read on demand."""
        return SignalTracks(self.files, self.intervals[row_numbers(index, len(self))], self.strands)
