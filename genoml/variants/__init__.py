"""Variant effects: VCF to scores, REF always checked."""

from genoml.variants.check import STATUSES, Checked, CheckOptions, check_variants
from genoml.variants.chromosomes import Chromosomes
from genoml.variants.effects import Change, Effect
from genoml.variants.files import score_file
from genoml.variants.normalise import normalise, trimmed
from genoml.variants.saturate import saturate_regions
from genoml.variants.score import score_variants
from genoml.variants.scorer import Scorer, VariantScores
from genoml.variants.writer import Summary

__all__ = [
    "STATUSES",
    "Change",
    "CheckOptions",
    "Checked",
    "Chromosomes",
    "Effect",
    "Scorer",
    "Summary",
    "VariantScores",
    "check_variants",
    "normalise",
    "saturate_regions",
    "score_file",
    "score_variants",
    "trimmed",
]
