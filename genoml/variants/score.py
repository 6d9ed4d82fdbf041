"""Scores of variants: predictions for both alleles, effects, and how they compare with shuffled surroundings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from genoml.genome import GenomeStore, open_genome
from genoml.io.files import FilePath
from genoml.nn.layer import Layer
from genoml.runs import Run
from genoml.sequence.variants import Variants
from genoml.train import Objective
from genoml.variants.effects import EffectKind
from genoml.variants.scorer import Scorer, VariantScores


def score_variants(
    model: Layer | Run,
    genome: GenomeStore | FilePath,
    variants: Variants,
    *,
    length_bp: int | None = None,
    effect: EffectKind | None = None,
    objective: Objective | None = None,
    both_strands: bool | None = None,
    anchor: str = "middle",
    null: int = 0,
    tasks: Sequence[str] | None = None,
    batch_size: int = 256,
    windows: bool = True,
    share_bp: int = 0,
    seed: int = 0,
    **options: Any,
) -> VariantScores:
    """Score variants: what each ALT changes in a model's output.

    REF is compared with the genome first. Only variants with status ``ok`` (and, if asked for, ``swapped``) are scored.
    A window is centred on the middle of REF, trimmed to its shortest form. Windows of an insertion or deletion have one
    left flank, and the right end is filled up from the genome, so that both have the full length.

    Only what a variant changes is computed again: the reference's maps are computed once, for all ALTs at a position,
    and substitutions of any width in windows of them. Insertions and deletions are computed whole.

    Parameters
    ----------
    model : Layer or Run
        A trained model, or a run.
    genome : GenomeStore or path
        The genome; of FASTA a store is made beside it.
    variants : Variants
        Such as :func:`genoml.io.read_vcf` gives.
    length_bp : int, optional
        Length of a window; that of the training.
    effect : {"difference", "log2_ratio", "profile"} or callable, optional
        See :class:`genoml.variants.Effect`; ``"profile"`` for models of profiles, else ``"difference"``.
    objective : Objective, optional
        What the outputs mean; as in training.
    both_strands : bool, optional
        Outputs are means of both strands; as in training.
    anchor : {"middle", "both"}
        ``"both"``: effects of insertions and deletions are means of windows that share the left flank and of windows
        that share the right one.
    null : int
        Shuffles of each window's dinucleotides in which the same REF and ALT are scored.
    tasks : sequence of str, optional
        Names of the tasks, all if None.
    batch_size : int
        Windows computed at a time.
    windows : bool
        False computes both alleles whole: to compare, at many times the cost.
    share_bp : int
        Variants within the same stretch of so many bp share a window around the middle of the stretch, which moves
        them off the centre by half of it at most; 0: each variant has its own.
    seed : int
        Of the shuffles.
    **options
        Those of :class:`genoml.variants.CheckOptions`: ``score_swapped``, ``edges``, ``most_n``, ``normalise``,
        ``regions``.

    Raises
    ------
    ValueError
        For options out of range, a task that the model does not have, or where the model gives a NaN.
    """
    found = model.model if isinstance(model, Run) else model
    store = genome if isinstance(genome, GenomeStore) else open_genome(genome)
    with Scorer(
        found, store, length_bp=length_bp, effect=effect, objective=objective, both_strands=both_strands,
        anchor=anchor, null=null, tasks=tasks, batch_size=batch_size, windows=windows, share_bp=share_bp, seed=seed,
        **options,
    ) as scorer:  # fmt: skip
        return scorer.score(variants)
