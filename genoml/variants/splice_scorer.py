"""Scorer of splicing: which variants lie in which genes, and what each does there."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from genoml.explain.mutants.cones import Edit
from genoml.genome import GenomeStore, Intervals
from genoml.io.errors import FormatWarning
from genoml.io.genes import Gene, Genes
from genoml.sequence.alphabet import BYTE_TO_CODE
from genoml.sequence.intervals import nearest
from genoml.sequence.variants import Variants
from genoml.variants.check import CheckOptions, check_variants
from genoml.variants.chromosomes import Chromosomes
from genoml.variants.splice import InGene, SpliceEffect, SpliceOptions, splice_effects
from genoml.variants.splice_networks import SpliceNetwork

#: genes that are compared with the genome, and the fewest boundaries, and share of splice sites, that are enough
_TRIED_GENES, _FEWEST_SITES, _LEAST_SITES = 200, 20, 0.5
#: strand -> base codes before an exon and behind one, read along the chromosome: AG and GT, or AC and CT
_SITES = {"+": ([0, 2], [2, 3]), "-": ([0, 1], [1, 3])}
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
        If the networks differ in context, or no gene is on a chromosome of the genome.

    Warns
    -----
    FormatWarning
        If fewer than half of the exons' ends inside genes are splice sites in the genome.
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
        self._check_genes()

    def _check_genes(self) -> None:
        """Raise if no gene is on a chromosome of the genome; warn if too few exons end at splice sites there."""
        known = {Genes.key(name): name for name in self.genome.names}
        held = [gene for gene in self.genes.genes if Genes.key(gene.chrom) in known]
        if not held:
            first = self.genes.genes[0].chrom
            raise ValueError(
                f"no gene is on a chromosome of {self.genome.path} (first: {first}"
                f"{nearest(first, self.genome.names)}); names are compared without chr"
            )
        sites, total = 0, 0
        for gene in held[:: max(1, len(held) // _TRIED_GENES)]:
            found, count = _splice_sites(self.genome, known[Genes.key(gene.chrom)], gene)
            sites, total = sites + found, total + count
        if total >= _FEWEST_SITES and sites < _LEAST_SITES * total:
            warnings.warn(
                FormatWarning(
                    f"{100 * sites / total:.0f} % of the exons' ends, of {total} looked at, are GT and AG in "
                    f"{self.genome.path}; genes of another genome build?"
                ),
                stacklevel=3,
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


def _splice_sites(genome: GenomeStore, chrom: str, gene: Gene) -> tuple[int, int]:
    """How many of a gene's inner exon boundaries lie beside GT or AG of its strand, and how many there are."""
    inner = gene.boundaries[1:-1]
    inner = inner[(inner >= 2) & (inner + 3 <= genome.sizes[chrom])]
    if not len(inner):
        return 0, 0
    codes = genome.fetch(Intervals(chrom, inner - 2, inner + 3))
    before, after = _SITES[gene.strand]
    found = (codes[:, :2] == before).all(axis=1) | (codes[:, 3:] == after).all(axis=1)
    return int(found.sum()), len(inner)
