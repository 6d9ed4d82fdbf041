from __future__ import annotations

import re
import warnings
from itertools import product

import numpy as np
import pytest
from Bio import BiopythonWarning
from Bio.Seq import Seq
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml import read_fasta, reverse_complement, translate
from genoml.sequence import base_codes, genetic_codes, six_frames
from genoml.sequence.alphabet import CODE_LETTERS
from support.orfs import GENOMES, phix174

LETTERS = CODE_LETTERS + CODE_LETTERS.lower()
EVERY_CODON = ["".join(codon) for codon in product(CODE_LETTERS, repeat=3)]


def by_biopython(sequence: str, table: int, **options: bool) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BiopythonWarning)  # partial codons, and codons that stop or code
        return str(Seq(sequence).translate(table=table, **options))


@pytest.mark.parametrize("table", list(genetic_codes()))
def test_every_codon_of_iupac_letters_is_translated_as_by_biopython(table):
    # the plain ones, and of the 3375 of any letters another part for each table
    plain = ["".join(codon) for codon in product("ACGT", repeat=3)]
    sequence = "".join(plain + EVERY_CODON[table % 9 :: 9])
    assert translate(sequence, table) == by_biopython(sequence, table)


def test_every_codon_of_iupac_letters_is_translated_as_by_biopython_in_the_standard_code():
    sequence = "".join(EVERY_CODON)
    assert translate(sequence) == by_biopython(sequence, 1)


@settings(max_examples=40)
@given(st.text(LETTERS, max_size=40), st.sampled_from(list(genetic_codes())))
def test_any_sequence_is_translated_as_by_biopython(sequence, table):
    assert translate(sequence, table) == by_biopython(sequence, table)


@settings(max_examples=40)
@given(st.text("ACGT", max_size=40))
def test_to_stop_and_frames_are_as_by_biopython(sequence):
    assert translate(sequence, to_stop=True) == by_biopython(sequence, 1, to_stop=True)
    other = reverse_complement(sequence)
    for frame in (1, 2, 3):
        assert translate(sequence, 11, frame=frame) == by_biopython(sequence[frame - 1 :], 11)
        assert translate(sequence, 11, frame=-frame) == by_biopython(other[frame - 1 :], 11)


@settings(max_examples=30)
@given(
    st.lists(st.text(CODE_LETTERS, max_size=20), max_size=6),
    st.sampled_from([1, 2, 3, -1, -2, -3]),
    st.sampled_from(["drop", "X"]),
    st.booleans(),
)
def test_a_batch_is_translated_as_each_of_it_alone(sequences, frame, partial, methionine):
    options = {"frame": frame, "partial": partial, "methionine": methionine}
    assert translate(sequences, 11, **options) == [translate(s, 11, **options) for s in sequences]


def test_coding_sequences_of_a_plasmid_give_their_proteins():
    coding = [record.sequence for record in read_fasta(GENOMES / "NC_005816.ffn")]
    proteins = [record.sequence for record in read_fasta(GENOMES / "NC_005816.faa", letters="protein")]
    assert translate(coding, 11, cds=True) == proteins
    assert len(proteins) == 10


def test_six_frames_of_phix174_equal_those_of_transeq():
    """Frames -1 to -3 of transeq lie over 1 to 3; ours begin at the end of the sequence."""
    sequence = phix174()
    path = GENOMES / "transeq.phix.frame6.table11.fa.gz"
    expected = [record.sequence for record in read_fasta(path, letters="protein")]
    frames = six_frames(sequence, 11, partial="X")
    over = [-((len(sequence) - first) % 3 + 1) for first in range(3)]
    assert [frames[frame] for frame in (1, 2, 3, *over)] == expected
    assert sorted(over) == [-3, -2, -1]


def test_letters_bytes_codes_case_and_rna_agree():
    assert translate("ATGGCNTAR") == "MA*"
    for same in (b"ATGGCNTAR", "auggcnuar", base_codes(["ATGGCNTAR"])[0]):
        assert translate(same) == "MA*"
    assert translate(base_codes(["ATGGCN", "ATGTAA"])) == ["MA", "M*"]
    assert translate(("ATGGCN", "ATGTAA")) == ["MA", "M*"]


def test_padding_is_left_out():
    assert translate(base_codes(["ATGGCN", "ATG"], pad="both")) == ["MA", "M"]


def test_start_codons_give_methionine_if_asked():
    assert translate("GTGGTG", 11) == "VV"
    assert translate("GTGGTG", 11, methionine=True) == "MV"
    assert translate("GTGGTG", 1, methionine=True) == "VV"
    assert translate("CACCAC", 11, frame=-1, methionine=True) == "MV"
    assert translate(["", "GTGGTG", "AA", "TTGTTG"], 11, methionine=True) == ["", "MV", "", "ML"]


def test_partial_codons_are_dropped_or_read_or_refused():
    assert translate("ATGGC") == "M"
    assert translate("ATGGC", partial="X") == "MA"
    assert translate("ATGGA", partial="X") == "MX"
    assert translate("ATGG", partial="X") == "MX"
    assert translate(["ATGG", "", "C"], partial="X") == ["MX", "", "X"]
    with pytest.raises(ValueError, match="sequence 1 expects a multiple of three bases, got 4"):
        translate(["ATG", "ATGG"], partial="error")


def test_nothing_gives_nothing():
    assert translate("") == ""
    assert translate([]) == []
    assert translate("AT", frame=3) == ""
    assert set(six_frames("").values()) == {""}


def test_a_codon_that_stops_or_codes_gives_its_amino_acid_and_no_stop_can_be_looked_for():
    assert translate("ATGTGA", 27) == "MW"
    with pytest.raises(ValueError, match="TGA can also code for an amino acid"):
        translate("ATGTGA", 27, to_stop=True)


@pytest.mark.parametrize(
    ("sequence", "message"),
    [
        ("ATGGCTTA", "sequence 0 expects a multiple of three bases, got 8"),
        ("GCTGCTTAA", "to begin with a start codon in genetic code 1 (Standard), but sequence 0 has GCT"),
        ("ATGGCTGCT", "to end with a stop codon in genetic code 1 (Standard), but sequence 0 has GCT"),
        ("ATGTAGGCTTAA", "no stop but the last, sequence 0 has one at position 3"),
        ("", "sequence 0 has no codon"),
    ],
)
def test_what_is_no_coding_sequence_is_refused(sequence, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        translate(sequence, cds=True)
    with pytest.raises(ValueError, match=re.escape(message.replace("sequence 0", "sequence 1"))):
        translate(["ATGTAA", sequence], cds=True)


def test_a_coding_sequence_is_read_from_its_beginning():
    with pytest.raises(ValueError, match="cds expects frame 1"):
        translate("ATGTAA", cds=True, frame=2)


@pytest.mark.parametrize("frame", [0, 4, -4, True, "1", 2**63])
def test_an_unknown_frame_is_refused(frame):
    with pytest.raises(ValueError, match="frame expects 1, 2, 3, -1, -2 or -3, got"):
        translate("ATG", frame=frame)


@pytest.mark.parametrize(
    ("sequence", "error", "message"),
    [
        ("ATGE", ValueError, "letter 'E' at position 3 of sequence 0 is not a nucleotide"),
        ("AT-G", ValueError, "remove the gaps"),
        ("ATGU", ValueError, "both T and U"),
        (["ATG", "é"], ValueError, "letter 'é' at position 0 of sequence 1"),
        (5, TypeError, "translate expects str, bytes, uint8 codes or a list of them, got int"),
        (np.zeros(3), TypeError, "uint8 base codes"),
        ([1, 2], TypeError, "got int as sequence 0"),
    ],
)
def test_bad_sequences_are_refused(sequence, error, message):
    with pytest.raises(error, match=message):
        translate(sequence)


def test_an_unknown_rule_for_partial_codons_is_refused():
    with pytest.raises(ValueError, match="partial expects 'drop', 'X' or 'error', got 'N'"):
        translate("ATG", partial="N")
