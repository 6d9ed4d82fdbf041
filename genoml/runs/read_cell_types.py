"""Regions by cell types from an AnnData file, as data of a run; and a run's predictions as a layer of such a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from genoml.data import GenomeCodes, NamedSequences, SequenceData, cell_type_data
from genoml.genome.opening import open_genome
from genoml.genome.windows import centre
from genoml.io.errors import FormatError, shown
from genoml.io.h5ad import RegionMatrix, read_h5ad, write_h5ad_layer
from genoml.parallel import ONE_RANK
from genoml.runs.data_settings import DataSettings
from genoml.runs.on_ranks import ready_files
from genoml.runs.run import Run
from genoml.runs.score import trained_of
from genoml.sequence.intervals import Intervals
from genoml.train.predict import finite_outputs

#: column of sequences where none is named
_SEQUENCE = "sequence"
#: bases in a batch, at most
_BATCH_BP = 1 << 18


def read_cell_types(settings: DataSettings, length_bp: int | None) -> SequenceData:
    """Regions of an AnnData file with their values in each cell type, or in those that ``targets`` names.

    Raises
    ------
    FormatError
        As ``read_h5ad``; for a cell type that the file lacks.
    ValueError
        Without a genome or a column of sequences; for regions of several lengths and no ``window_bp``.
    """
    path = str(settings.h5ad)
    matrix = read_h5ad(path, layer=settings.layer, by=settings.by)
    if settings.targets:
        matrix = _only(path, matrix, settings.targets)
    column = _column(path, matrix, settings)
    if column is not None:
        if settings.window_bp is not None:
            raise ValueError(
                "data.window_bp: has no meaning with sequences of var; leave it out, or name a genome"
            )
        return cell_type_data(matrix, sequence=column)
    width = settings.window_bp or length_bp or common_length([matrix.intervals])
    store = open_genome(str(settings.genome))
    return cell_type_data(matrix, store, length_bp=width, edges=settings.edges)


def _only(path: str, matrix: RegionMatrix, names: Sequence[str]) -> RegionMatrix:
    missing = [name for name in names if name not in matrix.cell_types]
    if missing:
        known = ", ".join(matrix.cell_types[:10]) + (", ..." if len(matrix.cell_types) > 10 else "")
        raise FormatError(f"has no cell type {shown(missing[0])!r}; there are {known}", path=path)
    chosen = [matrix.cell_types.index(name) for name in names]
    return replace(matrix, cell_types=tuple(names), values=np.ascontiguousarray(matrix.values[:, chosen]))


def _column(path: str, matrix: RegionMatrix, settings: DataSettings) -> str | None:
    """The column of var that holds the sequences; None: they are those of the genome."""
    if len(settings.sequence) > 1:
        raise ValueError(f"{path}: expects one column of sequences, got {', '.join(settings.sequence)}")
    if settings.sequence and settings.genome:
        raise ValueError(f"{path}: expects a genome or a column of sequences, got both; leave one out")
    if settings.genome:
        return None
    column = settings.sequence[0] if settings.sequence else _SEQUENCE
    if column not in matrix.intervals.columns:
        known = ", ".join(matrix.intervals.columns) or "none"
        raise ValueError(
            f"{path}: expects --genome FILE, which its regions are windows of, or --sequence COL, a column of var with "
            f"sequences; {shown(column)!r} is none of its columns: {known}"
        )
    return column


def common_length(parts: Sequence[Intervals]) -> int:
    """The one length of regions; ValueError if they have several."""
    lengths = np.unique(np.concatenate([part.length_bp for part in parts]))
    if len(lengths) != 1:
        raise ValueError(
            f"the regions have {lengths[0]} to {lengths[-1]} bp; say how long the windows around their summits or "
            "middles are: --window-bp (data.window_bp in the settings)"
        )
    return int(lengths[0])


def predict_h5ad(
    run: Run,
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    genome: str | None = None,
    sequence: str | None = None,
    layer: str = "genoml",
) -> tuple[int, int, int]:
    """Write a run's predictions for the regions of an AnnData file as a layer of a copy of it.

    Its values are not read. Names of ``obs`` and ``var`` and all else stay; rows of ``obs`` that the run has no output
    of the same name for are NaN in the layer. Windows past an end of a chromosome are padded.

    Parameters
    ----------
    run : Run
        Of several cell types; with one output of each.
    path, out : path
        The file, and its copy, which must not exist.
    genome, sequence : optional
        The genome of the regions, or the column of ``var`` with their sequences; as in training if both are None.
    layer : str
        Name of the new layer.

    Returns
    -------
    tuple
        Numbers of regions, of cell types that were predicted, and of rows without a prediction.

    Raises
    ------
    FormatError, OSError, ValueError
        For files that cannot be read or written, an ``out`` or a layer that is there already, or no name in common.
    """
    if os.path.lexists(out):
        raise ValueError(f"{os.fspath(out)}: already exists; choose another name")
    matrix = read_h5ad(path, values=False)
    names = list(run.objective.task_names) or run.record.task.names
    places = {name: place for place, name in enumerate(matrix.cell_types)}
    shared = [(number, places[name]) for number, name in enumerate(names) if name in places]
    if not shared:
        raise ValueError(
            f"{os.fspath(path)}: its rows ({', '.join(matrix.cell_types[:5])}) and the outputs of the run "
            f"({', '.join(names[:5])}) have no name in common; expects cell types of the run as rows"
        )
    known = DataSettings() if run.record.config is None else run.record.config.data
    if genome is None and sequence is None:
        genome, sequence = known.genome, known.sequence[0] if known.sequence else None
    given = DataSettings(h5ad=os.fspath(path), genome=genome, sequence=[sequence] if sequence else [])
    column = _column(os.fspath(path), matrix, given)
    if column is None:
        ready_files(ONE_RANK, given)
        store = open_genome(str(genome))
        outputs = _of_windows(run, GenomeCodes(store, centre(matrix.intervals, run.record.length_bp)))
    else:
        letters = matrix.intervals.columns[column].tolist()
        outputs = run.outputs(NamedSequences(os.fspath(path), matrix.region_names.tolist(), letters))
    found = np.full(matrix.values.shape, np.nan, np.float32)
    numbers = run.objective.numbers(outputs)
    for number, place in shared:
        found[:, place] = numbers[:, number]
    write_h5ad_layer(path, out, matrix, found, layer=layer)
    return len(matrix.region_names), len(shared), len(places) - len(shared)


def _of_windows(run: Run, codes: GenomeCodes) -> np.ndarray:
    trained = trained_of(run.record)
    batch_size = max(1, min(256, _BATCH_BP // codes.shape[1]))
    return finite_outputs(
        run.model,
        codes,
        batch_size=batch_size,
        ambiguous=trained.ambiguous,
        both_strands=trained.both_strands,
    )
