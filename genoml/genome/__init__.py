"""Genomes: interval operations, windows, and a store from which bases are fetched."""

from __future__ import annotations

from genoml.genome.opening import open_genome
from genoml.genome.overlaps import (
    count_overlaps,
    exclude,
    intersect,
    merge,
    overlap_pairs,
    overlaps_any,
    subtract,
)
from genoml.genome.store import GenomeStore
from genoml.genome.windows import base_composition, centre, jitter, sample_windows, tile
from genoml.sequence.intervals import Interval, Intervals, concat, whole_chromosomes

__all__ = [
    "GenomeStore",
    "Interval",
    "Intervals",
    "base_composition",
    "centre",
    "concat",
    "count_overlaps",
    "exclude",
    "intersect",
    "jitter",
    "merge",
    "open_genome",
    "overlap_pairs",
    "overlaps_any",
    "sample_windows",
    "subtract",
    "tile",
    "whole_chromosomes",
]
