from __future__ import annotations

import re
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml import find_orfs, read_fasta, reverse_complement, translate
from genoml.sequence import ORF, base_codes, subsequence
from support.orfs import GENOMES, getorf, loop_orfs, phix174

# stops and starts are frequent, so that short sequences have ORFs of every kind
BITS = st.lists(st.sampled_from(["ATG", "TAA", "CAT", "TTA", "GTG", "A", "C", "G", "T", "N"]), max_size=25)
SEQUENCES = BITS.map("".join)


def places(orfs: list[ORF]) -> set[tuple[int, int, str, bool, bool]]:
    found = [(orf.start, orf.end, orf.strand, orf.partial_start, orf.partial_end) for orf in orfs]
    assert len(set(found)) == len(found)
    return set(found)


@settings(max_examples=60)
@given(SEQUENCES, st.integers(0, 12), st.sampled_from(["none", "end", "both"]), st.booleans())
def test_orfs_from_start_codons_are_those_of_a_plain_loop(sequence, min_length, partial, nested):
    for starts in ("ATG", ["GTG", "ATG"]):
        found = find_orfs(sequence, min_length, starts=starts, partial=partial, nested=nested)
        codons = ("ATG",) if starts == "ATG" else starts
        assert places(found) == loop_orfs(sequence, min_length, codons, partial=partial, nested=nested)


@settings(max_examples=60)
@given(SEQUENCES, st.integers(0, 12), st.sampled_from(["none", "end", "both"]))
def test_orfs_between_stops_are_those_of_a_plain_loop(sequence, min_length, partial):
    found = find_orfs(sequence, min_length, starts="any", partial=partial)
    assert places(found) == loop_orfs(sequence, min_length, None, partial=partial)


@settings(max_examples=60)
@given(SEQUENCES, st.integers(0, 12), st.sampled_from(["none", "both"]), st.booleans())
def test_orfs_of_a_circular_sequence_are_those_of_a_plain_loop(sequence, min_length, partial, nested):
    found = find_orfs(sequence, min_length, circular=True, partial=partial, nested=nested)
    assert places(found) == loop_orfs(sequence, min_length, ("ATG",), circular=True, nested=nested)
    found = find_orfs(sequence, min_length, starts="any", circular=True, partial=partial)
    assert places(found) == loop_orfs(sequence, min_length, None, circular=True)


@settings(max_examples=30)
@given(SEQUENCES, st.booleans())
def test_protein_and_frame_are_those_of_the_letters_at_the_coordinates(sequence, circular):
    for orf in find_orfs(sequence, 3, starts=["ATG", "GTG"], circular=circular):
        letters = subsequence(sequence, orf.start, orf.end, orf.strand, circular=circular)
        assert orf.protein == "M" + translate(letters)[1:]
        begin = orf.start if orf.strand == "+" else (len(sequence) - orf.end) % len(sequence)
        assert orf.frame == (begin % 3 + 1) * (1 if orf.strand == "+" else -1)
        assert orf.length_bp == len(letters) == 3 * len(orf.protein)


@settings(max_examples=30)
@given(SEQUENCES)
def test_the_other_strand_has_the_mirrored_orfs(sequence):
    mirrored = {
        (len(sequence) - orf.end, len(sequence) - orf.start, "-" if orf.strand == "+" else "+", orf.protein)
        for orf in find_orfs(reverse_complement(sequence, alphabet="DNA"), 3)
    }
    assert mirrored == {(orf.start, orf.end, orf.strand, orf.protein) for orf in find_orfs(sequence, 3)}


@settings(max_examples=30)
@given(SEQUENCES, st.integers(0, 80))
def test_where_a_circle_is_cut_does_not_matter(sequence, at):
    size = max(len(sequence), 1)
    turned = sequence[at % size :] + sequence[: at % size]
    shifted = {
        ((orf.start + at) % size, orf.length_bp, orf.strand, orf.protein)
        for orf in find_orfs(turned, 3, circular=True)
    }
    expected = {
        (orf.start % size, orf.length_bp, orf.strand, orf.protein)
        for orf in find_orfs(sequence, 3, circular=True)
    }
    assert shifted == expected


@pytest.mark.parametrize(("find", "starts"), [(0, "any"), (1, "table")])
def test_proteins_of_phix174_equal_those_of_getorf(find, starts):
    expected = getorf(f"getorf.phix.find{find}.min90.table11.fa.gz")
    found = find_orfs(phix174(), 90, table=11, starts=starts)
    assert {(orf.start, orf.end, orf.strand): orf.protein for orf in found} == expected


@pytest.mark.parametrize(("find", "starts"), [(2, "any"), (3, "table")])
def test_nucleotides_of_phix174_equal_those_of_getorf(find, starts):
    expected = getorf(f"getorf.phix.find{find}.min90.table11.fa.gz")
    sequence = phix174()
    found = [orf[:3] for orf in find_orfs(sequence, 90, table=11, starts=starts)]
    assert {place: subsequence(sequence, *place) for place in found} == expected


def test_orfs_of_circular_phix174_equal_those_of_getorf_but_for_its_truncated_copies():
    """getorf begins to read at the origin, and so gives an ORF across it a second time, cut short."""
    expected = getorf("getorf.phix.find1.min90.table11.circular.fa.gz")
    sequence = phix174()
    found = find_orfs(sequence, 90, table=11, starts="table", circular=True)
    proteins = {(orf.start, orf.end, orf.strand): orf.protein for orf in found}
    across = [orf for orf in found if orf.end > len(sequence)]
    copies = set(expected) - set(proteins)
    assert {place: expected[place] for place in proteins} == proteins
    assert copies == {(7, 133, "+"), (5195, 5333, "-"), (5218, 5380, "-")}
    stops = {(orf.strand, orf.end - len(sequence) if orf.strand == "+" else orf.start) for orf in across}
    assert {(strand, end if strand == "+" else start) for start, end, strand in copies} <= stops


@pytest.mark.parametrize(("find", "starts"), [(0, "any"), (1, "table")])
def test_orfs_of_the_first_of_lambda_equal_those_of_getorf(find, starts):
    table = (GENOMES / f"getorf.lambda_12kb.find{find}.min90.table11.tsv").read_text().splitlines()
    expected = {(int(start), int(end), strand) for start, end, strand in map(str.split, table[1:])}
    sequence = next(read_fasta(GENOMES / "lambda_12kb.fa")).sequence
    assert {orf[:3] for orf in find_orfs(sequence, 90, table=11, starts=starts)} == expected


def test_letters_bytes_codes_case_and_rna_agree():
    sequence = phix174()[:900]
    expected = find_orfs(sequence, 30)
    assert expected
    assert find_orfs(sequence.lower(), 30) == expected
    assert find_orfs(sequence.encode(), 30) == expected
    assert find_orfs(base_codes([sequence])[0], 30) == expected
    assert find_orfs(sequence.replace("T", "U"), 30) == expected


def test_a_plain_orf():
    assert find_orfs("CCATGGCTTAGC", 6) == [ORF(2, 8, "+", 3, False, False, "MA")]
    assert find_orfs("CCATGGCTTAGC", 6, include_stop=True) == [ORF(2, 11, "+", 3, False, False, "MA")]
    assert find_orfs("CCATGGCTTAGC", 7) == []


def test_the_stop_is_taken_in_on_the_minus_strand_and_across_the_origin():
    sequence = "GCTAAGCCATGG"  # TAG GCT ATG on the other strand
    (orf,) = find_orfs(sequence, 6, include_stop=True, strand="-")
    assert subsequence(sequence, *orf[:3]) == "ATGGCTTAG"
    (orf,) = find_orfs("GCTTAGCCCATG", 6, circular=True, include_stop=True, strand="+")
    assert orf[:2] == (9, 18)
    assert subsequence("GCTTAGCCCATG", *orf[:3], circular=True) == "ATGGCTTAG"


def test_the_longest_orf_is_one_of_the_nested():
    sequence = "ATGAAAATGAAATGA"
    assert [orf[:2] for orf in find_orfs(sequence, 6, strand="+")] == [(0, 12)]
    assert [orf[:2] for orf in find_orfs(sequence, 6, strand="+", nested=True)] == [(0, 12), (6, 12)]


def test_partial_ends_are_reported_as_asked():
    sequence = "CCCAAATAACCCATGCCC"
    found = {
        partial: [(orf.start, orf.end, orf.partial_start, orf.partial_end) for orf in orfs]
        for partial in ("none", "end", "both")
        for orfs in [[o for o in find_orfs(sequence, 3, strand="+", partial=partial) if o.frame == 1]]
    }
    assert found["none"] == []
    assert found["end"] == [(12, 18, False, True)]
    assert found["both"] == [(0, 6, True, False), (12, 18, False, True)]


def test_a_circle_without_stops_has_no_orf():
    assert find_orfs("ATGCCC", 3, circular=True) == []
    assert find_orfs("ATGCCC", 3, strand="+")[0].partial_end


def test_an_orf_may_be_longer_than_a_circle_that_is_no_multiple_of_three():
    (orf,) = find_orfs("CCCTAACCCCAAC", 3, starts="any", circular=True, strand="+")
    assert orf[:2] == (6, 42)


def test_a_genetic_code_has_its_own_stops_and_starts():
    sequence = "ATGTGAGCTTAA"
    assert [orf.protein for orf in find_orfs(sequence, 3, strand="+")] == ["M"]
    assert [orf.protein for orf in find_orfs(sequence, 3, strand="+", table=4)] == ["MWA"]
    found = find_orfs("ATTGCTTAA", 3, strand="+", table="Vertebrate Mitochondrial", starts="table")
    assert [orf.protein for orf in found] == ["MA"]


def test_codons_that_stop_or_code_count_as_stops():
    assert [orf.protein for orf in find_orfs("ATGGCTTGAGCT", 3, strand="+", table=27)] == ["MA"]


def test_ambiguous_codons_are_stops_or_starts_if_all_that_they_can_be_are():
    assert [orf[:2] for orf in find_orfs("ATGGCTTARGCT", 3, strand="+", partial="none")] == [(0, 6)]
    assert find_orfs("ATGGCTTANGCT", 3, strand="+", partial="none") == []
    found = find_orfs("RTGGCTTAA", 3, strand="+", starts=["ATG", "GTG"])
    assert [orf.protein for orf in found] == ["MA"]
    assert find_orfs("NTGGCTTAA", 3, strand="+", starts=["ATG", "GTG"]) == []


@pytest.mark.parametrize("sequence", ["", "A", "AT", b"", np.empty(0, np.uint8)])
@pytest.mark.parametrize("circular", [False, True])
def test_a_sequence_shorter_than_a_codon_has_none(sequence, circular):
    assert find_orfs(sequence, 0, starts="any", circular=circular) == []


def test_both_strands_of_a_million_bases_take_well_under_a_second():
    codes = np.random.default_rng(0).integers(0, 4, 10**6, dtype=np.uint8)
    began = time.process_time()
    found = find_orfs(codes, 300, table=11, starts="table")
    assert time.process_time() - began < 1.0
    assert len(found) > 100


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_length": -1}, "min_length expects 0 bp or more, got -1"),
        ({"table": 7}, "got 7; NCBI merged 7 into 4"),
        ({"starts": "GTG"}, "starts expects 'ATG', 'table', 'any' or a list of codons, got 'GTG'"),
        ({"starts": ["AT"]}, "a codon expects three letters of A, C, G and T or U, got 'AT'"),
        ({"starts": []}, "at least one codon"),
        ({"starts": "any", "nested": True}, "nested expects start codons"),
        ({"partial": "left"}, "partial expects 'none', 'end' or 'both', got 'left'"),
        ({"strand": "."}, "strand expects 'both', '+' or '-', got '.'"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        find_orfs("ACGT", **options)


@pytest.mark.parametrize("min_length", [2**31, 2**63, 2**80])
def test_a_least_length_beyond_every_sequence_finds_nothing(min_length):
    assert find_orfs(phix174(), min_length) == []


@pytest.mark.parametrize(
    ("sequence", "error", "message"),
    [
        ("AC-T", ValueError, "letter '-' at position 2"),
        ("ACUT", ValueError, "both T and U"),
        (np.array([0, 15], np.uint8), ValueError, "got padding at position 1"),
        (np.array([0, 99], np.uint8), ValueError, "from 0 to 15, got 99"),
        (["ACGT"], TypeError, "find_orfs expects one str, bytes or uint8 array"),
        (np.zeros((2, 4), np.uint8), TypeError, "find_orfs expects one"),
        (5, TypeError, "got int"),
    ],
)
def test_bad_sequences_are_refused(sequence, error, message):
    with pytest.raises(error, match=message):
        find_orfs(sequence)


def test_min_length_is_a_number_of_bp():
    with pytest.raises(TypeError, match="min_length expects a number of bp, got float"):
        find_orfs("ACGT", 3.5)
