"""Readers and writers of FASTA, FASTQ, BED and motif files; errors name file, line and record."""

from __future__ import annotations

from genoml.io.bed import bed_intervals, read_bed, read_narrowpeak, write_bed, write_narrowpeak
from genoml.io.errors import FormatError, FormatWarning
from genoml.io.fasta import FastaRecord, read_fasta, write_fasta
from genoml.io.fastq import FastqRecord, detect_encoding, read_fastq
from genoml.io.fastq_writer import write_fastq
from genoml.io.features import OrfsOf, write_orfs
from genoml.io.genes import Gene, Genes, read_genes
from genoml.io.h5ad import RegionMatrix, read_h5ad, write_h5ad_layer
from genoml.io.motifs import jaspar_motifs, read_jaspar, read_meme, read_motifs, read_transfac, write_meme
from genoml.io.pairs import read_pairs
from genoml.io.qualities import EncodingGuess, convert_qualities, error_probabilities
from genoml.io.records import read_sequences
from genoml.io.substitution import read_substitution_matrix
from genoml.io.summary import Summary, summarise
from genoml.io.trim import (
    expected_errors,
    filter_reads,
    mean_quality,
    quality_trim_ends,
    trim_quality,
    trim_window,
)
from genoml.io.vcf import VcfFile, open_vcf, read_vcf
from genoml.io.weights import WeightsFile, read_weights
from genoml.sequence.motifs.motif import Motif
from genoml.sequence.variants import Variants

__all__ = [
    "EncodingGuess",
    "FastaRecord",
    "FastqRecord",
    "FormatError",
    "FormatWarning",
    "Gene",
    "Genes",
    "Motif",
    "OrfsOf",
    "RegionMatrix",
    "Summary",
    "Variants",
    "VcfFile",
    "WeightsFile",
    "bed_intervals",
    "convert_qualities",
    "detect_encoding",
    "error_probabilities",
    "expected_errors",
    "filter_reads",
    "jaspar_motifs",
    "mean_quality",
    "open_vcf",
    "quality_trim_ends",
    "read_bed",
    "read_fasta",
    "read_fastq",
    "read_genes",
    "read_h5ad",
    "read_jaspar",
    "read_meme",
    "read_motifs",
    "read_narrowpeak",
    "read_pairs",
    "read_sequences",
    "read_substitution_matrix",
    "read_transfac",
    "read_vcf",
    "read_weights",
    "summarise",
    "trim_quality",
    "trim_window",
    "write_bed",
    "write_fasta",
    "write_fastq",
    "write_h5ad_layer",
    "write_meme",
    "write_narrowpeak",
    "write_orfs",
]
