"""Explain a trained model: what its first-layer filters look for, and which known motifs those are."""

from genoml.explain.filters import FilterMotif, filter_motifs
from genoml.explain.information import base_probabilities, information_content
from genoml.explain.match import Match, chance_similarity, match_motif, match_motifs

__all__ = [
    "FilterMotif",
    "Match",
    "base_probabilities",
    "chance_similarity",
    "filter_motifs",
    "information_content",
    "match_motif",
    "match_motifs",
]
