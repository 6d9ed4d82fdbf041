"""Scorer of splicing: which variants lie in which genes, and what each does there."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from genoml.explain.mutants.cones import Edit
from genoml.genome import GenomeStore
from genoml.io.genes import Gene, Genes
from genoml.sequence.alphabet import BYTE_TO_CODE
from genoml.sequence.intervals import nearest
from genoml.sequence.variants import Variants
from genoml.variants.check import CheckOptions, check_variants
from genoml.variants.chromosomes import Chromosomes
from genoml.variants.splice import InGene, SpliceEffect, SpliceOptions, splice_effects
from genoml.variants.splice_networks import SpliceNetwork

#: numbers of a variant, largest over its genes
COLUMNS = ("DS_AG", "DS_AL", "DS_DG", "DS_DL")


@dataclass(frozen=True, eq=False)
class SpliceScores:
    """Delta scores of a block of variants.

    Attributes
    ----------
    variants : Variants
        A row an ALT.
    status : numpy.ndarray
        (n,) str: one of ``genoml.variants.STATUSES``, or ``no_gene``.
    effect : numpy.ndarray
        (n, 4), the largest scores over all genes; NaN where not scored.
    found : list of list
        For each ALT its genes, and the effect in each.
    reference, alternative : numpy.ndarray
        (n, 0): there is no single prediction for an allele.
    tasks, columns : tuple of str
        Names of the columns of these, and of ``effect``.
    """

    variants: Variants
    status: np.ndarray
    effect: np.ndarray
    found: list[list[tuple[Gene, SpliceEffect]]] = field(default_factory=list)
    tasks: tuple[str, ...] = ()
    columns: tuple[str, ...] = COLUMNS

    @property
    def reference(self) -> np.ndarray:
        return np.zeros((len(self.variants), 0))

    alternative = reference


class SpliceScorer:
    """Scores blocks of variants by networks of one context, in the genes of an annotation.

    Parameters
    ----------
    networks : sequence of SpliceNetwork
        One or more.
    genome : GenomeStore
        The genome.
    genes : Genes
        Such as :func:`genoml.io.genes.read_genes` gives.
    options : SpliceOptions, optional
        Distance and mask.

    Raises
    ------
    ValueError
        If the networks differ in context, or a gene lies beyond the end of its chromosome.
    """

    def __init__(
        self,
        networks: Sequence[SpliceNetwork],
        genome: GenomeStore,
        genes: Genes,
        options: SpliceOptions | None = None,
    ) -> None:
        contexts = sorted({network.context_bp for network in networks})
        if len(contexts) != 1:
            raise ValueError(f"expects networks of one context, got {contexts}")
        self.networks, self.genome, self.genes = tuple(networks), genome, genes
        self.options = options or SpliceOptions()
        # an allele may be as long as the window; genes end within chromosomes, and N is read as nothing
        window = contexts[0] + 2 * self.options.distance + 1
        self.check = CheckOptions(2 * window, edges="pad", most_n=1.0)
        self._refuse_outside()

    def _refuse_outside(self) -> None:
        """Raise for a gene beyond the end of its chromosome, or if no gene is on one of the genome's."""
        sizes = {Genes.key(name): size for name, size in self.genome.sizes.items()}
        for gene in self.genes.genes:
            size = sizes.get(Genes.key(gene.chrom))
            if size is not None and gene.end > size:
                raise ValueError(
                    f"gene {gene.name} ends at {gene.chrom}:{gene.end}, but the chromosome has {size} bp in "
                    f"{self.genome.path}; an annotation of another genome build?"
                )
        first = self.genes.genes[0].chrom
        if not any(self.genes.on(name) for name in self.genome.names):
            raise ValueError(
                f"no gene is on a chromosome of {self.genome.path} (first: {first}"
                f"{nearest(first, self.genome.names)}); names are compared without chr"
            )

    def facts(self) -> tuple[Any, ...]:
        """What scores follow from beside the variants, as values that have a text."""
        genes = hashlib.sha256()
        for gene in self.genes.genes:
            genes.update(repr((gene.name, gene.chrom, gene.start, gene.end, gene.strand)).encode())
            genes.update(gene.boundaries.tobytes())
        networks = [(network.name, network.digest(), network.layer.backend.name) for network in self.networks]
        return (self.genome.digest, genes.hexdigest(), networks, self.options)

    def score(self, variants: Variants, chromosomes: Chromosomes | None = None) -> SpliceScores:
        """Check and score variants, in each gene that holds the position of their record."""
        checked = check_variants(self.genome, variants, self.check, chromosomes)
        status = checked.status.copy()
        held, rows = list[InGene](), list[int]()
        alleles = checked.alleles
        for number, row in enumerate(checked.chosen.tolist()):
            chrom, pos = alleles.names[alleles.codes[number]], int(variants.pos[row])
            found = self.genes.at(chrom, pos)
            if not found:
                status[row] = "no_gene"
            bases = np.frombuffer(alleles.alt[number].encode().translate(BYTE_TO_CODE["DNA"]), np.uint8)
            edit = Edit(int(alleles.pos[number]), len(alleles.ref[number]), bases)
            held += [InGene(gene, chrom, pos, edit) for gene in found]
            rows += [row] * len(found)
        scores = SpliceScores(variants, status, np.full((len(variants), len(COLUMNS)), np.nan))
        scores.found.extend([] for _ in range(len(variants)))
        effects = splice_effects(self.networks, self.genome, held, self.options)
        for row, each, effect in zip(rows, held, effects, strict=True):
            scores.found[row].append((each.gene, effect))
            scores.effect[row] = np.fmax(scores.effect[row], effect.scores.scores)
        return scores
