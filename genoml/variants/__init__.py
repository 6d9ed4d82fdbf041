"""Variant effects: VCF to scores, REF always checked."""

from genoml.variants.check import STATUSES, Checked, CheckOptions, check_variants
from genoml.variants.normalise import normalise, trimmed

__all__ = ["STATUSES", "CheckOptions", "Checked", "check_variants", "normalise", "trimmed"]
