"""Explain a trained model: contributions of bases to its outputs, motifs, experiments, its filters and attention."""

from genoml.explain.attention import attention_layers, attention_maps
from genoml.explain.deeplift import deeplift, integrated_gradients
from genoml.explain.discovery.discover import discover_motifs
from genoml.explain.discovery.hits import Hits, call_hits
from genoml.explain.discovery.motif import DiscoveredMotif
from genoml.explain.discovery.seqlets import Seqlets, call_seqlets
from genoml.explain.experiments.ablation import Ablation, ablate
from genoml.explain.experiments.backgrounds import backgrounds
from genoml.explain.experiments.dependency import DependencyMap, dependency_map
from genoml.explain.experiments.epistasis import PairEffects, pairs
from genoml.explain.experiments.marginal import Marginalisation, marginalise
from genoml.explain.experiments.motifs import DrawnMotif
from genoml.explain.experiments.periods import HELICAL_BP, amplitudes
from genoml.explain.experiments.sites import Sites
from genoml.explain.experiments.spacing import Spacing, space
from genoml.explain.filters import FilterMotif, filter_motifs
from genoml.explain.match import Match, chance_similarity, match_motif, match_motifs, most_significant
from genoml.explain.mutagenesis import MutationReach, in_silico_mutagenesis, mutation_reach
from genoml.explain.mutants.cones import Edit, TracedMaps, trace_maps
from genoml.explain.references import Contributions
from genoml.explain.saliency import Saliency, saliency
from genoml.explain.tasks import ProfilePart, count_task, profile_task
from genoml.sequence.motifs.bank import base_probabilities, information_content

__all__ = [
    "HELICAL_BP",
    "Ablation",
    "Contributions",
    "DependencyMap",
    "DiscoveredMotif",
    "DrawnMotif",
    "Edit",
    "FilterMotif",
    "Hits",
    "Marginalisation",
    "Match",
    "MutationReach",
    "PairEffects",
    "ProfilePart",
    "Saliency",
    "Seqlets",
    "Sites",
    "Spacing",
    "TracedMaps",
    "ablate",
    "amplitudes",
    "attention_layers",
    "attention_maps",
    "backgrounds",
    "base_probabilities",
    "call_hits",
    "call_seqlets",
    "chance_similarity",
    "count_task",
    "deeplift",
    "dependency_map",
    "discover_motifs",
    "filter_motifs",
    "in_silico_mutagenesis",
    "information_content",
    "integrated_gradients",
    "marginalise",
    "match_motif",
    "match_motifs",
    "most_significant",
    "mutation_reach",
    "pairs",
    "profile_task",
    "saliency",
    "space",
    "trace_maps",
]
