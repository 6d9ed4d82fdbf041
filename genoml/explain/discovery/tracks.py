"""Contributions at seqlets, read from those of whole sequences."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Sites(NamedTuple):
    """Places in sequences: row, first position (it may lie before the sequence), and strand (1 or -1)."""

    example: NDArray[np.int64]
    start: NDArray[np.int64]
    strand: NDArray[np.int8]

    def take(self, rows: NDArray[Any]) -> Sites:
        """The sites at these indices."""
        return Sites(*(column[rows] for column in self))

    def moved(self, by: NDArray[Any] | int, turned: NDArray[np.bool_], width: int, new: int) -> Sites:
        """Sites of width ``new`` that start ``by`` positions later, as the old ones (turned where so) read.

        Turning happens first: of a site of ``width`` positions it changes the strand.
        """
        strand = np.where(turned, -self.strand, self.strand).astype(np.int8)
        start = np.where(strand > 0, self.start + by, self.start + width - by - new)
        return Sites(self.example, start.astype(np.int64), strand)

    def widened(self, by: int, width: int) -> Sites:
        """Sites with so many positions more on either side."""
        return self.moved(-by, np.zeros(len(self.start), bool), width, width + 2 * by)

    def once(self) -> NDArray[np.int64]:
        """Indices of the first site at each place, whatever its strand."""
        place = np.stack([self.example, self.start])
        return np.sort(np.unique(place, axis=1, return_index=True)[1])


def concatenated(several: list[Sites]) -> Sites:
    """All sites, one after another."""
    return Sites(*(np.concatenate(columns) for columns in zip(*several, strict=True)))


class Tracks:
    """Hypothetical contributions and codes of sequences.

    Shapes
    ------
    hypothetical : (n, length, 4);  codes : (n, length), 4 is no base
    """

    def __init__(self, hypothetical: NDArray[Any], codes: NDArray[np.uint8]) -> None:
        self.hypothetical, self.codes = hypothetical, codes

    def read(self, sites: Sites, width: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Hypothetical contributions (sites, width, 4) and codes (sites, width), as the strand reads.

        Beyond a sequence there are zeros and code 4.
        """
        length = self.codes.shape[1]
        offset = np.where(sites.strand[:, None] > 0, np.arange(width), np.arange(width)[::-1])
        position = sites.start[:, None] + offset
        inside = (position >= 0) & (position < length)
        position = np.clip(position, 0, length - 1)
        codes = self.codes[sites.example[:, None], position]
        values = self.hypothetical[sites.example[:, None], position].astype(np.float32, copy=False)
        turned = sites.strand < 0
        codes[turned] = np.where(codes[turned] < 4, 3 - codes[turned], 4)
        values[turned] = values[turned][:, :, ::-1]
        codes[~inside] = 4
        values[~inside] = 0
        return values, codes

    def pair(self, sites: Sites, width: int) -> NDArray[np.float32]:
        """Contributions and hypothetical contributions side by side, each of absolute sum 1: (sites, width, 8)."""
        values, codes = self.read(sites, width)
        return scaled(values * (codes[:, :, None] == np.arange(4)), values)


def scaled(contributions: NDArray[Any], hypothetical: NDArray[Any]) -> NDArray[np.float32]:
    """Both side by side, (n, width, 8), each divided by its absolute sum."""
    found = []
    for track in (contributions, hypothetical):
        size = np.abs(track).sum(axis=(1, 2), keepdims=True)
        found.append(track / np.where(size > 0, size, 1))
    return np.concatenate(found, axis=2).astype(np.float32)


def turned(pairs: NDArray[np.float32]) -> NDArray[np.float32]:
    """The reverse complements of pairs of tracks."""
    by_track = pairs.reshape(*pairs.shape[:2], 2, 4)
    return np.ascontiguousarray(by_track[:, ::-1, :, ::-1]).reshape(pairs.shape)
