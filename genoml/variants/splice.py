"""Delta scores of variants in genes: which gene and stretch each is computed in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from genoml.explain.mutants.cones import Edit
from genoml.genome import GenomeStore, Intervals
from genoml.io.genes import Gene
from genoml.sequence.alphabet import PAD_CODE
from genoml.variants.splice_networks import SpliceNetwork
from genoml.variants.splice_scores import DeltaScores, aligned, bases_read, delta_scores, nearest_boundary


@dataclass(frozen=True)
class SpliceOptions:
    """Options of delta scores.

    Attributes
    ----------
    distance : int
        Bases on either side of a variant in which sites may be gained or lost.
    mask : bool
        Whether gains at the nearest exon boundary and losses anywhere else count 0.
    """

    distance: int = 50
    mask: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.distance <= 5000:
            raise ValueError(f"distance expects 0 to 5000 bases, got {self.distance}")


@dataclass(frozen=True, eq=False)
class InGene:
    """A variant in a gene.

    Attributes
    ----------
    gene : Gene
    chrom : str
        The genome's name of its chromosome.
    pos : int
        0-based position of its record, from which positions are counted.
    edit : Edit
        From REF to ALT in their shortest form, along the chromosome.
    """

    gene: Gene
    chrom: str
    pos: int
    edit: Edit

    @property
    def start(self) -> int:
        """Where the edit begins, counted from the record's position."""
        return self.edit.position - self.pos


@dataclass(frozen=True, eq=False)
class SpliceEffect:
    """What a variant does in a gene.

    Attributes
    ----------
    scores : DeltaScores
    reference, alternative : numpy.ndarray
        (2 distance + 1, 3), probabilities of neither, acceptor and donor by the positions of the reference.
    """

    scores: DeltaScores
    reference: np.ndarray
    alternative: np.ndarray


def splice_effects(
    networks: Sequence[SpliceNetwork],
    genome: GenomeStore,
    variants: Sequence[InGene],
    options: SpliceOptions | None = None,
) -> list[SpliceEffect]:
    """Effects of variants on the splice sites of their genes, averaged over networks of one context.

    Outside the gene the networks read nothing, as they were trained. Variants of one gene that are near one another
    share its reference maps; their order is of no importance. REF must be the genome's.

    Raises
    ------
    ValueError
        If the genome lacks a chromosome.
    """
    options = options or SpliceOptions()
    width = 2 * options.distance + 1
    reference = np.zeros((len(variants), width, 3), np.float32)
    alternative = np.zeros((len(variants), width, 3), np.float32)
    context = networks[0].context_bp
    for rows in _by_gene(variants):
        held = [variants[row] for row in rows]
        first, codes = _bases(genome, held, context, options.distance)
        edits = [replace(each.edit, position=each.edit.position - first) for each in held]
        windows = [_window(each, first, options.distance) for each in held]
        for network in networks:
            changed = network.changed(codes, held[0].gene.strand == "-", edits, windows)
            for row, each, (own, edited) in zip(rows, held, changed, strict=True):
                reference[row] += own[:width]
                alternative[row] += aligned(edited, each.start, each.edit, options.distance)
    reference /= len(networks)
    alternative /= len(networks)
    effects = []
    for row, each in enumerate(variants):
        nearest = nearest_boundary(each.gene, each.pos) if options.mask else None
        scores = delta_scores(reference[row], alternative[row], nearest=nearest)
        effects.append(SpliceEffect(scores, reference[row], alternative[row]))
    return effects


def _window(each: InGene, first: int, distance: int) -> tuple[int, int]:
    """The bases whose probabilities the scores need, counted from ``first``."""
    at = each.pos - first
    return at - distance, at + bases_read(each.start, each.edit, distance)


def _by_gene(variants: Sequence[InGene]) -> list[list[int]]:
    """Rows of the variants of each gene."""
    rows: dict[int, list[int]] = defaultdict(list)
    for row, each in enumerate(variants):
        rows[id(each.gene)].append(row)
    return list(rows.values())


def _bases(
    genome: GenomeStore, variants: Sequence[InGene], context_bp: int, distance: int
) -> tuple[int, np.ndarray]:
    """Where the stretch of these variants of a gene begins, and its base codes, none outside the gene."""
    gene, flank = variants[0].gene, context_bp // 2
    first = min(each.pos for each in variants) - distance - flank
    stop = (
        max(max(each.pos + distance + 1, each.edit.position + each.edit.removed) for each in variants) + flank
    )
    codes = np.full(stop - first, PAD_CODE, np.uint8)
    chrom = variants[0].chrom
    begin, end = max(first, gene.start), min(stop, gene.end, genome.size_of(chrom))
    codes[begin - first : end - first] = genome.fetch(Intervals(chrom, [begin], [end]))[0]
    return first, codes
