"""K-mers counted the slow way, and random sequences and seeds to count them with."""

from __future__ import annotations

from collections import Counter

from hypothesis import strategies as st

from genoml.sequence import reverse_complement

SYMMETRIC_SEEDS = ["1", "11", "111", "11111", "101", "11011", "1001", "1101011"]


def dictionary_counts(sequence: str, pattern: str, *, canonical: bool = False) -> dict[str, int]:
    """Count the k-mers without an ambiguous base, one window after the other."""
    counts: Counter[str] = Counter()
    for start in range(len(sequence) - len(pattern) + 1):
        window = sequence[start : start + len(pattern)]
        kmer = "".join(base for base, sign in zip(window, pattern, strict=True) if sign == "1")
        if not set(kmer) <= set("ACGT"):
            continue
        counts[min(kmer, reverse_complement(kmer)) if canonical else kmer] += 1
    return dict(counts)


def letters(most: int) -> st.SearchStrategy[str]:
    """Sequences with some ambiguous bases."""
    return st.text(alphabet="ACGTACGTACGTNR", max_size=most)


def seeds(most_ones: int, longest: int) -> st.SearchStrategy[str]:
    """Spaced seeds with 1 to ``most_ones`` 1s."""
    inner = st.text(alphabet="01", max_size=longest - 2).filter(lambda text: text.count("1") <= most_ones - 2)
    return st.one_of(st.just("1"), inner.map(lambda text: f"1{text}1"))
