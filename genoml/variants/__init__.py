"""Variant effects: VCF to scores, REF always checked."""

from genoml.variants.check import STATUSES, Checked, CheckOptions, check_variants
from genoml.variants.chromosomes import Chromosomes
from genoml.variants.effects import Change, Effect
from genoml.variants.files import score_file
from genoml.variants.normalise import normalise, trimmed
from genoml.variants.saturate import saturate_regions
from genoml.variants.score import score_variants
from genoml.variants.scorer import Scorer, VariantScores
from genoml.variants.splice import InGene, SpliceEffect, SpliceOptions, splice_effects
from genoml.variants.splice_files import score_splicing
from genoml.variants.splice_networks import SpliceNetwork, load_networks
from genoml.variants.splice_scorer import SpliceScorer, SpliceScores
from genoml.variants.splice_scores import DeltaScores, delta_scores
from genoml.variants.windows import allele_windows
from genoml.variants.writer import Summary

__all__ = [
    "STATUSES",
    "Change",
    "CheckOptions",
    "Checked",
    "Chromosomes",
    "DeltaScores",
    "Effect",
    "InGene",
    "Scorer",
    "SpliceEffect",
    "SpliceNetwork",
    "SpliceOptions",
    "SpliceScorer",
    "SpliceScores",
    "Summary",
    "VariantScores",
    "allele_windows",
    "check_variants",
    "delta_scores",
    "load_networks",
    "normalise",
    "saturate_regions",
    "score_file",
    "score_splicing",
    "score_variants",
    "splice_effects",
    "trimmed",
]
