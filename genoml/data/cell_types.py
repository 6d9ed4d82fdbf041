"""Data sets of regions with a value in each cell type."""

from __future__ import annotations

from dataclasses import replace

from genoml.data.dataset import SequenceData
from genoml.data.peaks import genome_data
from genoml.genome.store import Edges, GenomeStore
from genoml.io.files import FilePath
from genoml.io.h5ad import RegionMatrix


def cell_type_data(
    matrix: RegionMatrix,
    genome: GenomeStore | FilePath | None = None,
    *,
    length_bp: int | None = None,
    sequence: str | None = None,
    edges: Edges = "error",
) -> SequenceData:
    """Make a data set of the regions of ``read_h5ad``: one target a cell type, chromosomes as groups.

    Parameters
    ----------
    matrix : RegionMatrix
        Regions and values.
    genome : GenomeStore or path, optional
        The genome, from which the bases of windows around the regions' middles are read batch by batch.
    length_bp : int, optional
        Length of the windows; that of the first region if None.
    sequence : str, optional
        In place of a genome, the column of ``var`` that holds the sequences.
    edges : {"error", "drop", "pad"}
        See ``genome_data``.

    Raises
    ------
    ValueError
        For both or neither of genome and sequence, a column that is not there, and as ``genome_data``.
    """
    intervals, names = matrix.intervals, matrix.cell_types
    if (genome is None) == (sequence is None):
        raise ValueError("cell_type_data expects a genome, or sequence, the column of var that holds them")
    if genome is not None:
        width = int(intervals.length_bp[0]) if length_bp is None else length_bp
        data = genome_data(genome, intervals, length_bp=width, targets=matrix.values, edges=edges)
        return replace(data, target_names=names)
    if sequence not in intervals.columns:
        known = ", ".join(intervals.columns) or "none"
        raise ValueError(f"var has no column {sequence!r} of sequences; columns: {known}")
    letters = intervals.columns[sequence].tolist()
    return SequenceData(
        letters,
        matrix.values,
        intervals.chrom,
        names=matrix.region_names,
        intervals=intervals,
        target_names=names,
    )
