"""Letters: alphabets, base codes, one-hot arrays, k-mers, strands and shuffles."""

from __future__ import annotations

from genoml.sequence.codes import count_ambiguous, decode
from genoml.sequence.encode import base_codes, batch_encode, one_hot, one_hot_encode
from genoml.sequence.kmers import kmer_frequencies, kmer_index, kmer_names, kmer_tokens
from genoml.sequence.pwm import PWM, Hit
from genoml.sequence.shuffle import dinucleotide_shuffle
from genoml.sequence.strand import reverse_complement, reverse_complement_one_hot

__all__ = [
    "PWM",
    "Hit",
    "base_codes",
    "batch_encode",
    "count_ambiguous",
    "decode",
    "dinucleotide_shuffle",
    "kmer_frequencies",
    "kmer_index",
    "kmer_names",
    "kmer_tokens",
    "one_hot",
    "one_hot_encode",
    "reverse_complement",
    "reverse_complement_one_hot",
]
