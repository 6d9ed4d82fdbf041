"""Explain a trained model: its filters as motifs, contributions of bases to its outputs, and its attention."""

from genoml.explain.attention import attention_layers, attention_maps
from genoml.explain.deeplift import deeplift, integrated_gradients
from genoml.explain.discovery.discover import discover_motifs
from genoml.explain.discovery.hits import Hits, call_hits
from genoml.explain.discovery.motif import DiscoveredMotif
from genoml.explain.discovery.seqlets import Seqlets, call_seqlets
from genoml.explain.filters import FilterMotif, filter_motifs
from genoml.explain.match import Match, chance_similarity, match_motif, match_motifs, most_significant
from genoml.explain.mutagenesis import MutationReach, in_silico_mutagenesis, mutation_reach
from genoml.explain.mutants.cones import Edit, TracedMaps, trace_maps
from genoml.explain.references import Contributions
from genoml.explain.saliency import Saliency, saliency
from genoml.explain.tasks import ProfilePart, count_task, profile_task
from genoml.sequence.motifs.bank import base_probabilities, information_content

__all__ = [
    "Contributions",
    "DiscoveredMotif",
    "Edit",
    "FilterMotif",
    "Hits",
    "Match",
    "MutationReach",
    "ProfilePart",
    "Saliency",
    "Seqlets",
    "TracedMaps",
    "attention_layers",
    "attention_maps",
    "base_probabilities",
    "call_hits",
    "call_seqlets",
    "chance_similarity",
    "count_task",
    "deeplift",
    "discover_motifs",
    "filter_motifs",
    "in_silico_mutagenesis",
    "information_content",
    "integrated_gradients",
    "match_motif",
    "match_motifs",
    "most_significant",
    "mutation_reach",
    "profile_task",
    "saliency",
    "trace_maps",
]
