"""Experiments with a run: backgrounds of its length, motifs by name, and tables of effects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from genoml.evaluation.paired import PairedStatistics
from genoml.explain import Ablation, Marginalisation, PairEffects, Spacing, backgrounds
from genoml.explain.experiments.motifs import AnyMotif
from genoml.genome.store import GenomeStore
from genoml.runs.run import Run, SequenceSource
from genoml.sequence.motifs.motif import Motif

__all__ = ["EffectTable", "effect_table", "motifs_named", "run_backgrounds", "table_text"]

#: names of the columns, and the columns
EffectTable: TypeAlias = dict[str, Sequence[Any] | NDArray[Any]]


def run_backgrounds(
    run: Run,
    sequences: SequenceSource | None = None,
    *,
    shuffles: int = 0,
    genome: GenomeStore | None = None,
    count: int = 100,
    seed: int = 0,
) -> NDArray[np.uint8]:
    """Backgrounds of the length that the run was trained on, as base codes.

    Parameters
    ----------
    run : Run
        The run.
    sequences : iterable of str, or path, optional
        Backgrounds as they are; shorter ones are padded.
    shuffles : int
        Dinucleotide shuffles of the sequences in their place, in all; 0: none.
    genome : GenomeStore, optional
        ``count`` windows of it in their place, with their GC content where there are sequences.
    count : int
        Of the windows, or, with neither sequences nor genome, of sequences of equally likely bases.
    seed : int
        Of all draws.

    Raises
    ------
    ValueError
        For shuffles of no sequences, or as ``genoml.explain.backgrounds`` and ``Run.read``.
    """
    length = run.record.length_bp
    given = None
    if sequences is not None:
        named = run.read(sequences)
        given = named.codes(max(named.longest, length))
    if genome is not None:
        return backgrounds("gc", genome, count, length, like=given, seed=seed)
    if shuffles:
        if given is None:
            raise ValueError("shuffles expect sequences to shuffle: name a file of backgrounds")
        return backgrounds("shuffle", given, shuffles, seed=seed)
    return backgrounds("random", (0.25,) * 4, count, length, seed=seed) if given is None else given


def motifs_named(known: Sequence[Motif], words: Sequence[str], where: str) -> list[AnyMotif]:
    """The motifs of these names or symbols, or of these letters where no motif has such a name.

    Raises
    ------
    ValueError
        For a word that is neither.
    """
    found: list[AnyMotif] = []
    for word in words:
        named = [motif for motif in known if word in (motif.name, motif.symbol)]
        if not named and not set(word.upper()) <= set("ACGTURYSWKMBDHVN"):
            raise ValueError(
                f"{where}: no motif is named {word!r} among {len(known)}, and it is no IUPAC letters"
            )
        found += named or [word.upper()]
    return found


def effect_table(
    found: Marginalisation | Ablation | PairEffects | Spacing, names: Sequence[str] = ()
) -> EffectTable:
    """The columns of a table of effects; ``names`` are those of an ablation's sequences."""
    if isinstance(found, Marginalisation):
        return _marginal_table(found)
    if isinstance(found, Spacing):
        return _spacing_table(found)
    return _ablation_table(found, names) if isinstance(found, Ablation) else _pair_table(found, names)


def table_text(table: EffectTable) -> bytes:
    """Columns as a tab-separated table."""
    columns = [[_cell(value) for value in column] for column in table.values()]
    lines = ["\t".join(table), *("\t".join(row) for row in zip(*columns, strict=True))]
    return ("\n".join(lines) + "\n").encode()


def _cell(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float | np.floating) else str(value)


def _statistics(found: PairedStatistics, effect: str = "effect") -> EffectTable:
    return {
        effect: found.mean.reshape(-1),
        "standard_error": found.standard_error.reshape(-1),
        "t": found.t.reshape(-1),
        "p_value": found.p_value.reshape(-1),
        "fdr": found.fdr.reshape(-1),
    }


def _marginal_table(found: Marginalisation) -> EffectTable:
    count = len(found.motifs)
    words = {"+": "effect_forward", "-": "effect_reverse"}
    by_strand = {words[each]: found.by_strand[:, row] for row, each in enumerate(found.strands)}
    return {
        "motif": found.names,
        "symbol": [motif.symbol or "." for motif in found.motifs],
        "width_bp": [motif.width for motif in found.motifs],
        "start": found.start,
        **_statistics(found.statistics),
        **by_strand,
        "backgrounds": [found.n_backgrounds] * count,
        "gc": [float(np.nanmean(found.gc))] * count,
    }


def _spacing_table(found: Spacing) -> EffectTable:
    orientations, distances, n = found.joint.shape
    count = orientations * distances
    means = {name: getattr(found, name).mean(axis=2).reshape(-1) for name in ("joint", "first", "second")}
    return {
        "orientation": np.repeat(found.orientations, distances),
        "distance_bp": np.tile(found.distances, orientations),
        **means,
        "neither": [float(found.neither.mean())] * count,
        **_statistics(found.statistics, "cooperativity"),
        "backgrounds": [n] * count,
        "gc": [float(np.nanmean(found.gc))] * count,
    }


def _ablation_table(found: Ablation, names: Sequence[str]) -> EffectTable:
    sites = found.sites
    return {
        "sequence": [names[row] for row in sites.example],
        "start": sites.start,
        "end": sites.end,
        "site": [name or "." for name in sites.names],
        "how": [found.how] * len(sites),
        "before": found.before,
        **_statistics(found.statistics),
        "repeats": [found.after.shape[1]] * len(sites),
        "gc": found.gc,
    }


def _pair_table(found: PairEffects, names: Sequence[str]) -> EffectTable:
    sites, both = found.sites, (found.first, found.second)
    places = {
        f"{word}_{part}": getattr(sites, part)[rows]
        for word, rows in zip(("first", "second"), both, strict=True)
        for part in ("start", "end")
    }
    return {
        "sequence": [names[row] for row in sites.example[found.first]],
        **places,
        "first_site": [sites.names[row] or "." for row in found.first],
        "second_site": [sites.names[row] or "." for row in found.second],
        "joint": found.joint.mean(axis=1),
        "first": found.first_alone.mean(axis=1),
        "second": found.second_alone.mean(axis=1),
        **_statistics(found.statistics, "epistasis"),
        "repeats": [found.joint.shape[1]] * len(found.first),
        "gc": found.gc,
    }
