from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from genoml.io import FormatError, Gene, read_genes

GTF = """#!genome-build x
chr1\tENSEMBL\tgene\t11\t90\t.\t+\t.\tgene_id "G1"; gene_name "ONE";
chr1\tENSEMBL\texon\t11\t20\t.\t+\t.\tgene_id "G1"; transcript_id "T1"; gene_name "ONE";
chr1\tENSEMBL\texon\t41\t60\t.\t+\t.\tgene_id "G1"; transcript_id "T1"; gene_name "ONE";
chr1\tENSEMBL\texon\t11\t30\t.\t+\t.\tgene_id "G1"; transcript_id "T2"; gene_name "ONE";
chr1\tENSEMBL\texon\t51\t90\t.\t-\t.\tgene_id "G2"; exon_number 1
"""
GFF3 = """##gff-version 3
chr1\tx\tgene\t11\t60\t.\t+\t.\tID=gene1;Name=ONE%3B
chr1\tx\tmRNA\t11\t60\t.\t+\t.\tID=t1;Parent=gene1
chr1\tx\tmRNA\t11\t60\t.\t+\t.\tID=t2;Parent=gene1
chr1\tx\texon\t11\t20\t.\t+\t.\tParent=t1,t2
chr1\tx\texon\t41\t60\t.\t+\t.\tID=e2;Parent=t1
chr1\tx\texon\t11\t30\t.\t+\t.\tParent=t2
chr1\tx\texon\t51\t90\t.\t-\t.\tParent=lonely
##FASTA
>chr1
ACGT
"""
TABLE = "#NAME\tCHROM\tSTRAND\tTX_START\tTX_END\tEXON_START\tEXON_END\nONE\t1\t+\t10\t60\t10,40,\t30,60,\n"


def read(folder: Path, text: str) -> list[Gene]:
    (folder / "genes.gz").write_bytes(gzip.compress(text.encode()))
    return list(read_genes(folder / "genes.gz").genes)


@pytest.mark.parametrize(("text", "names"), [(GTF, ["ONE", "G2"]), (GFF3, ["ONE;", "lonely"])])
def test_genes_of_gtf_and_gff3_have_the_boundaries_of_all_their_transcripts(
    text: str, names: list[str], tmp_path: Path
) -> None:
    one, two = read(tmp_path, text)
    assert [one.name, two.name] == names
    assert (one.chrom, one.start, one.end, one.strand) == ("chr1", 10, 60, "+")
    assert (two.start, two.end, two.strand) == (50, 90, "-")
    np.testing.assert_array_equal(one.boundaries, [10, 19, 29, 40, 59])


def test_the_table_of_spliceai_is_zero_based_and_half_open(tmp_path: Path) -> None:
    (one,) = read(tmp_path, TABLE)
    assert (one.name, one.chrom, one.start, one.end, one.strand) == ("ONE", "1", 10, 60, "+")
    np.testing.assert_array_equal(one.boundaries, [10, 29, 40, 59])


def test_genes_are_found_by_position_with_and_without_chr_in_the_order_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "genes").write_text(GTF + GTF.replace("chr1", "chrM").replace("G1", "G3").replace("ONE", "M"))
    genes = read_genes(tmp_path / "genes")
    found = {at: [gene.name for gene in genes.at("1", at)] for at in (9, 10, 55, 59, 60, 89, 90)}
    assert found == {9: [], 10: ["ONE"], 55: ["ONE", "G2"], 59: ["ONE", "G2"], 60: ["G2"], 89: ["G2"], 90: []}
    assert [gene.name for gene in genes.at("MT", 10)] == ["M"]
    assert genes.at("chr7", 10) == []
    assert genes.on("chr1")
    assert not genes.on("2")


EXON = "chr1\tx\texon\t11\t20\t.\t+\t.\tgene_id 1\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a b c\n",
            "line 1: expects the 9 columns of GTF or GFF3, or SpliceAI's table with its header, got 1",
        ),
        (EXON.replace("\t11", "\t0"), "line 1: the start expects a whole number from 1 on, got '0'"),
        (EXON.replace("\t11", "\t21"), "line 1: the end (20) is before the start (21); exchange them"),
        (EXON + EXON.replace("+", "."), "line 2: the strand of a gene expects + or -, got '.'"),
        (EXON.replace("gene_id", "gene"), "line 1: an exon expects gene_id in its ninth column"),
        ("##gff-version 3\n" + EXON, "line 2: an exon expects Parent= in its ninth column"),
        (EXON.replace("exon", "CDS"), "there is no gene in it; expects lines of exons"),
        (TABLE.replace(",40", ""), "line 2: EXON_START and EXON_END expect as many numbers"),
        (TABLE.replace("60,", "x,"), "line 2: EXON_END expects a whole number from 0 on, got 'x'"),
        (TABLE.replace("\t10\t60", "\t60\t10"), "line 2: TX_START expects less than TX_END, got 60 and 10"),
        (TABLE.replace("\t10,40,", ""), "line 2: expects 7 columns"),
    ],
)
def test_what_is_no_annotation_is_refused_by_file_and_line(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "genes").write_text(text)
    with pytest.raises(FormatError) as error:
        read_genes(tmp_path / "genes")
    assert str(tmp_path / "genes") in str(error.value)
    assert message in str(error.value)
