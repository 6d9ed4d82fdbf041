"""VCF and tables of variants: what is read, as pysam 0.24 reads it, and what is refused with its line."""

from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path

import numpy as np
import pytest

from genoml.io import FormatError, FormatWarning, Variants, open_vcf, read_vcf, table
from support.bgzf import bgzf_block
from support.calls import HEADER, vcf_text

KILO_GENOMES = """##fileformat=VCFv4.3
##contig=<ID=20,length=62435964,assembly=B36>
##INFO=<ID=AF,Number=A,Type=Float,Description="Allele Frequency">
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO	FORMAT	NA00001	NA00002
20	14370	rs6054257	G	A	29	PASS	NS=3;DP=14;AF=0.5;DB;H2	GT:GQ	0|0:48	1|0:48
20	1110696	rs6040355	A	G,T	67	PASS	AF=0.333,0.667;AA=T	GT:GQ	1|2:21	2|1:2
20	1230237	.	T	.	47	PASS	NS=3;DP=13;AA=T	GT:GQ	0|0:54	0|0:48
20	1234567	microsat1	gtc	G,GTCt	50	PASS	NS=3;AA=G	GT:GQ	0/1:35	0/2:17
"""
GVCF = """##fileformat=VCFv4.2
##ALT=<ID=NON_REF,Description="Any other allele">
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO	FORMAT	S1
chr1	100	.	N	<NON_REF>	.	.	END=120	GT:DP	0/0:3
chr1	121	.	C	T,<NON_REF>	9.1	.	.	GT:DP	0/1:9
chr1	122	.	TAA	T,*	9.1	.	.	GT:DP	1/2:9
chr2	7	bnd	G	G]17:198982],]13:123456]T,.A,G.	6	PASS	SVTYPE=BND	GT:DP	0/1:9
"""
#: what pysam 0.24.1 gives of the two, a row an ALT: chrom, 0-based start, REF in upper case, ALT
PYSAM = {
    KILO_GENOMES: [
        ("20", 14369, "G", "A"),
        ("20", 1110695, "A", "G"),
        ("20", 1110695, "A", "T"),
        ("20", 1230236, "T", "."),
        ("20", 1234566, "GTC", "G"),
        ("20", 1234566, "GTC", "GTCT"),
    ],
    GVCF: [
        ("chr1", 99, "N", "<NON_REF>"),
        ("chr1", 120, "C", "T"),
        ("chr1", 120, "C", "<NON_REF>"),
        ("chr1", 121, "TAA", "T"),
        ("chr1", 121, "TAA", "*"),
        ("chr2", 6, "G", "G]17:198982]"),
        ("chr2", 6, "G", "]13:123456]T"),
        ("chr2", 6, "G", ".A"),
        ("chr2", 6, "G", "G."),
    ],
}


def rows_of(variants: Variants) -> list[tuple[str, int, str, str]]:
    return list(zip(variants.chrom, variants.pos.tolist(), variants.ref, variants.alt, strict=True))


def packed(text: str, how: str) -> bytes:
    if how == "crlf":
        return text.replace("\n", "\r\n").encode()
    if how == "gzip":
        return gzip.compress(text.encode())
    return (
        bgzf_block(text.encode()[:300]) + bgzf_block(text.encode()[300:]) + bgzf_block(b"")
        if how == "bgzip"
        else text.encode()
    )


@pytest.mark.parametrize("how", ["plain", "crlf", "gzip", "bgzip"])
@pytest.mark.parametrize("text", PYSAM, ids=["1000 Genomes", "gVCF"])
def test_records_are_those_of_pysam(tmp_path: Path, text: str, how: str) -> None:
    (tmp_path / "calls.vcf").write_bytes(packed(text, how))
    found = read_vcf(tmp_path / "calls.vcf")
    assert rows_of(found) == PYSAM[text]
    lines = text.splitlines()
    for row in range(len(found)):
        fields = lines[found.line[row] - 1].split("\t")
        assert (fields[0], int(fields[1]) - 1, fields[2]) == (found.chrom[row], found.pos[row], found.id[row])
        assert fields[4].upper().split(",")[found.alt_index[row] - 1] == found.alt[row].upper()
    assert found.record.tolist() == np.unique(found.line, return_inverse=True)[1].tolist()


def test_blocks_give_the_same_rows_and_the_bytes_of_each_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [("chr1", 5 + i, "ACGT"[i % 4], "G,T" if i % 3 else "C") for i in range(40)]
    text = vcf_text(rows).replace("v7\t", "v7\t", 1).replace("\tv9\t", "\tv9\t")
    text = text.replace("chr1\t20\t", "\n \nchr1\t20\t") + "\n\n"
    path = tmp_path / "calls.vcf"
    path.write_text(text)
    whole = read_vcf(path)
    monkeypatch.setattr(table, "_BLOCK_BYTES", 64)
    parts = list(open_vcf(path))
    assert len(parts) > 5
    assert [row for part in parts for row in rows_of(part)] == rows_of(whole)
    assert [line for part in parts for line in part.line.tolist()] == whole.line.tolist()
    file = open_vcf(path)
    blocks = list(file.with_lines())
    assert file.header == HEADER.encode()
    assert file.header + b"".join(line for lines, _ in blocks for line in lines) == text.encode()
    assert all(len(lines) == len(set(variants.record.tolist())) for lines, variants in blocks)


def test_standard_input_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(KILO_GENOMES.encode()))))
    assert rows_of(read_vcf("-")) == PYSAM[KILO_GENOMES]


def test_a_file_without_records_warns(tmp_path: Path) -> None:
    (tmp_path / "none.vcf").write_text(HEADER)
    with pytest.warns(FormatWarning, match=r"none\.vcf: has no records"):
        assert len(read_vcf(tmp_path / "none.vcf")) == 0


@pytest.mark.parametrize("comma", [",", "\t", ";"])
def test_a_table_with_named_columns_is_read(tmp_path: Path, comma: str) -> None:
    lines = ["SNP|CHR|BP|A2|A1|P", "rs1|1|100|g|a|", 'rs2|"X"|7|T|TA|0.5', "", "rs3|1|9|C|.|1"]
    (tmp_path / "snps.txt").write_text("\n".join(lines).replace("|", comma) + "\n")
    columns = {"chrom": "CHR", "pos": "BP", "ref": "A2", "alt": "A1", "id": "SNP"}
    found = read_vcf(tmp_path / "snps.txt", columns=columns)
    assert rows_of(found) == [("1", 99, "G", "A"), ("X", 6, "T", "TA"), ("1", 8, "C", ".")]
    assert found.id.tolist() == ["rs1", "rs2", "rs3"]
    assert found.line.tolist() == [2, 3, 5]
    del columns["id"]
    assert read_vcf(tmp_path / "snps.txt", columns=columns).id.tolist() == [".", ".", "."]


def refused(path: Path, **options: object) -> FormatError:
    with pytest.raises(FormatError) as caught:
        read_vcf(path, **options)  # type: ignore[arg-type]
    return caught.value


RECORD = "chr1\t5\t.\tA\tC\t.\t.\t.\n"


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (HEADER.split("\n", 1)[1] + RECORD, 1, "##fileformat=VCFv4.1 to 4.5 as first line"),
        (HEADER.replace("v4.2", "v3.3") + RECORD, 1, "one of another version"),
        ("##fileformat=VCFv4.2\n" + RECORD, 2, "expects the line #CHROM before the first record"),
        ("##fileformat=VCFv4.2\n##contig=<ID=1>\n", 2, "expects the line #CHROM"),
        (HEADER.replace("\t", " ") + RECORD, 2, "tabs were lost"),
        (HEADER.replace("ALT\t", "") + RECORD, 2, "expects #CHROM POS ID REF ALT QUAL FILTER INFO"),
        (HEADER.replace("INFO\n", "INFO\tS1\n") + RECORD, 2, "and FORMAT before samples"),
        (HEADER + RECORD + RECORD.replace("\t", " "), 4, "has 1 column(s), but the lines before have 8"),
        (HEADER + RECORD.replace("\t.\n", "\n"), 3, "has 7 column(s), but the lines before have 8"),
        (HEADER + RECORD + HEADER + RECORD, 4, "expects a record, got '##fileformat"),
        (HEADER + RECORD.replace("\t5\t", "\t0\t"), 3, "column 2 (POS) expects a whole number from 1, got '0'"),
        (HEADER + RECORD.replace("\t5\t", "\t5.0\t"), 3, "column 2 (POS) expects a whole number"),
        (HEADER + RECORD.replace("\tA\t", "\tA-\t"), 3, "column 4 (REF) expects bases, A C G T N, got 'A-'"),
        (HEADER + RECORD.replace("\tA\t", "\tU\t"), 3, "column 4 (REF) expects bases"),
        (HEADER + RECORD.replace("\tC\t", "\tR\t"), 3, "column 5 (ALT) expects bases"),
        (HEADER + RECORD.replace("\tC\t", "\tC,\t"), 3, "column 5 (ALT) expects bases"),
        (HEADER + RECORD.replace("\tC\t", "\t<DEL\t"), 3, "column 5 (ALT) expects bases"),
        (HEADER + RECORD.replace("\tC\t", "\t\t"), 3, "column 5 (ALT) expects a value"),
        (HEADER + RECORD.replace("chr1", "chr 1"), 3, "column 1 (CHROM) expects a name without blanks"),
        (HEADER + RECORD.replace("\t5\t", "\t5\r\t"), 3, "a carriage return within a line"),
        ("BCF\2\2 and so on\n", None, "this is BCF; make text of it: bcftools view"),
        ("CRAM\3 and so on\n", None, "this is CRAM"),
        ("BAM\1 and so on\n", None, "this is BAM"),
        ("", 1, "the file is empty"),
    ],
)  # fmt: skip
def test_what_is_no_vcf_is_refused_with_its_line(
    tmp_path: Path, content: str, line: int | None, words: str
) -> None:
    path = tmp_path / "calls.vcf"
    path.write_bytes(content.encode())
    error = refused(path)
    assert words in str(error)
    assert error.line == line
    assert error.path == str(path)


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("c,p,r\n1,2,A\n", 1, "has no column 'a'; the columns are c, p, r"),
        ("c,p,r,a\n1,2,A\n", 2, "has 3 column(s), but the line of names has 4"),
        ('c,p,r,a\n1,2,A,C\n"1,2,A,C\n', 3, "unexpected end of data"),
        ("c,p\r,r,a\n1,2,A,C\n", 1, "a carriage return within a line"),
        ("c,p,r,a\n1,2\r,A,C\n", 2, "new-line character"),
        ("c,p,r,a\n1,x,A,C\n", 2, "column 2 (p) expects a whole number"),
        ("c,p,r,a\n1,2,A,C/T\n", 2, "column 4 (a) expects bases"),
        ('c,p,r,a\n"1\t",2,A,C\n', 2, "a field has a tab"),
    ],
)
def test_a_table_is_refused_with_its_line(tmp_path: Path, content: str, line: int, words: str) -> None:
    (tmp_path / "t.csv").write_text(content)
    error = refused(
        tmp_path / "t.csv", columns=dict(zip(("chrom", "pos", "ref", "alt"), "cpra", strict=True))
    )
    assert words in str(error)
    assert error.line == line


def test_columns_that_are_not_named_are_refused(tmp_path: Path) -> None:
    (tmp_path / "any.csv").write_text("c\n")
    for columns in ({"chrom": "c"}, dict.fromkeys(("chrom", "pos", "ref", "alt", "end"), "c")):
        with pytest.raises(ValueError, match="columns expects names for chrom, pos, ref, alt"):
            read_vcf(tmp_path / "any.csv", columns=columns)


def test_variants_in_memory_are_checked_and_have_places() -> None:
    found = Variants.of(["chr1", "chr2"], [4, 7], ["a", "C"], ["g", "C" * 30], id=["x", "y"])
    assert found.place(0) == "chr1:5 A>G"
    assert found[1:].place(0) == f"chr2:8 C>{'C' * 20}... (30 bp)"
    with pytest.raises(ValueError, match="of one length"):
        Variants.of(["chr1"], [-1], ["A"], ["C"])
