from __future__ import annotations

import json

import pytest
from Bio.Data import CodonTable

from genoml.resources.make_genetic_codes import parse_gc_prt
from genoml.sequence import genetic_code, genetic_codes
from genoml.sequence.genes.genetic_codes import CODONS, codon_lookup
from support.orfs import GENOMES


def test_the_shipped_tables_are_those_of_gc_prt():
    content = parse_gc_prt((GENOMES / "gc.prt").read_text())
    assert content["version"] == "4.6"
    made = {
        (table["id"], tuple(table["names"]), table["amino_acids"], table["starts_and_stops"])
        for table in json.loads(json.dumps(content))["tables"]
    }
    assert made == {
        (code.id, code.names, code.amino_acids, code.starts_and_stops) for code in genetic_codes().values()
    }


def test_there_are_the_27_numbers_of_biopython():
    assert list(genetic_codes()) == sorted(CodonTable.unambiguous_dna_by_id)
    assert len(genetic_codes()) == 27


@pytest.mark.parametrize("number", list(genetic_codes()))
def test_a_table_equals_that_of_biopython(number):
    code, table = genetic_code(number), CodonTable.unambiguous_dna_by_id[number]
    coding = {codon: letter for codon, letter in zip(CODONS, code.amino_acids, strict=True) if letter != "*"}
    assert coding == table.forward_table
    assert set(code.start_codons) == set(table.start_codons)
    assert set(code.stop_codons) == set(table.stop_codons)
    assert set(code.dual_codons) == set(table.stop_codons) & set(table.forward_table)


@pytest.mark.parametrize(
    ("table", "number"),
    [
        (11, 11),
        ("11", 11),
        (" 4 ", 4),
        ("Standard", 1),
        ("vertebrate mitochondrial", 2),
        ("SGC1", 2),
        ("Bacterial, Archaeal and Plant Plastid", 11),
        ("bacterial", 11),
        ("Spiroplasma", 4),
        ("Balanophoraceae Plastid", 32),
    ],
)
def test_a_table_is_found_by_number_or_name(table, number):
    assert genetic_code(table).id == number
    assert genetic_code(genetic_code(table)) is genetic_code(number)


@pytest.mark.parametrize("table", [0, 7, 17, 34, -1, 2**63, "", "Martian", "1.0"])
def test_an_unknown_table_is_refused(table):
    with pytest.raises(ValueError, match="table expects an NCBI genetic code, one of 1, 2, 3, 4, 5, 6, 9"):
        genetic_code(table)


def test_a_withdrawn_number_says_what_took_its_place():
    with pytest.raises(ValueError, match="NCBI merged 8 into 1"):
        genetic_code(8)


@pytest.mark.parametrize("table", [True, 1.0, None, [1]])
def test_a_table_of_another_kind_is_refused(table):
    with pytest.raises(TypeError, match="table expects the number or name of a genetic code"):
        genetic_code(table)


def test_look_up_tables_cannot_be_written_to():
    code = genetic_code(1)
    for table in (code.letters, code.start_lookup, code.stop_lookup):
        assert table.shape == (4096,)
        assert not table.flags.writeable


def test_codons_may_be_written_as_rna_in_lower_case():
    assert codon_lookup(["aug"]).tolist() == codon_lookup(["ATG"]).tolist()
    assert codon_lookup(["ATG"]).sum() == 1


@pytest.mark.parametrize(
    ("codons", "error"), [("ATG", TypeError), ([1], TypeError), (["AT"], ValueError), (["ATN"], ValueError)]
)
def test_codons_that_are_none_are_refused(codons, error):
    with pytest.raises(error, match="expects"):
        codon_lookup(codons)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-- Version 4.6\nGenetic-code-table ::= { }",
        '{ name "Standard" , id 1 , ncbieaa "FF", sncbieaa "--" }',
        '-- Version 4.6\n{ name "Standard" , id 1 , ncbieaa "FF", sncbieaa "--" }',
    ],
)
def test_another_file_in_place_of_gc_prt_is_refused(text):
    with pytest.raises(ValueError, match=r"expects NCBI's gc\.prt"):
        parse_gc_prt(text)
