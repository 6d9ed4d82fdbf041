"""Sequences as letters: alphabets, base codes, one-hot arrays, k-mers, motifs, alignments, translation, shuffles."""

from __future__ import annotations

from genoml.sequence.align.align import align
from genoml.sequence.align.alignment import Alignment
from genoml.sequence.align.batch import align_scores
from genoml.sequence.align.substitution import SubstitutionMatrix
from genoml.sequence.codes import count_ambiguous, decode
from genoml.sequence.encode import base_codes, batch_encode, one_hot, one_hot_encode
from genoml.sequence.genes.genetic_codes import GeneticCode, genetic_code, genetic_codes
from genoml.sequence.genes.orfs import ORF, find_orfs
from genoml.sequence.genes.transcribe import back_transcribe, transcribe
from genoml.sequence.genes.translate import six_frames, translate
from genoml.sequence.kmer_counter import KmerCounter
from genoml.sequence.kmer_sparse import SparseKmerRows, SparseKmers, sparse_kmers
from genoml.sequence.kmer_tokens import decode_kmer_tokens, kmer_tokens
from genoml.sequence.kmer_windows import kmer_index, kmer_strings
from genoml.sequence.kmers import canonical_columns, kmer_counts, kmer_frequencies, kmer_names
from genoml.sequence.matched import MatchedSample, gc_content, matched_sample
from genoml.sequence.motifs.compare import MotifComparison, compare_motifs
from genoml.sequence.motifs.pwm import PWM, Hit
from genoml.sequence.motifs.scanner import MotifHits, MotifScanner
from genoml.sequence.quality_encode import quality_encode
from genoml.sequence.shuffle import dinucleotide_shuffle, klet_shuffle
from genoml.sequence.strand import complement, reverse_complement, reverse_complement_one_hot, subsequence

__all__ = [
    "ORF",
    "PWM",
    "Alignment",
    "GeneticCode",
    "Hit",
    "KmerCounter",
    "MatchedSample",
    "MotifComparison",
    "MotifHits",
    "MotifScanner",
    "SparseKmerRows",
    "SparseKmers",
    "SubstitutionMatrix",
    "align",
    "align_scores",
    "back_transcribe",
    "base_codes",
    "batch_encode",
    "canonical_columns",
    "compare_motifs",
    "complement",
    "count_ambiguous",
    "decode",
    "decode_kmer_tokens",
    "dinucleotide_shuffle",
    "find_orfs",
    "gc_content",
    "genetic_code",
    "genetic_codes",
    "klet_shuffle",
    "kmer_counts",
    "kmer_frequencies",
    "kmer_index",
    "kmer_names",
    "kmer_strings",
    "kmer_tokens",
    "matched_sample",
    "one_hot",
    "one_hot_encode",
    "quality_encode",
    "reverse_complement",
    "reverse_complement_one_hot",
    "six_frames",
    "sparse_kmers",
    "subsequence",
    "transcribe",
    "translate",
]
