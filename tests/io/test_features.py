from __future__ import annotations

import gzip
from urllib.parse import unquote

import pytest

from genoml.io import OrfsOf, read_fasta, write_orfs
from genoml.sequence import find_orfs, reverse_complement, subsequence
from support.orfs import phix174


def written(folder, results, **options):
    write_orfs(folder / "orfs", results, **options)
    return (folder / "orfs").read_text()


@pytest.fixture(scope="module")
def phix():
    sequence = phix174()
    return OrfsOf(
        "NC_001422.1 phiX174",
        sequence,
        find_orfs(sequence, 90, table=11, starts="table", circular=True),
        circular=True,
    )


def test_tsv_holds_every_field(tmp_path, phix):
    header, *rows = written(tmp_path, [phix], format="tsv", protein=True).splitlines()
    names = "sequence start end strand frame partial_start partial_end length_bp protein"
    assert header.split("\t") == names.split()
    cells = [row.split("\t") for row in rows]
    assert [cell[0] for cell in cells] == ["NC_001422.1"] * len(phix.orfs)
    assert [(int(c[1]), int(c[2]), c[3], int(c[4]), c[8]) for c in cells] == [
        (*orf[:4], orf.protein) for orf in phix.orfs
    ]


def test_fasta_holds_nucleotides_or_proteins_and_coordinates(tmp_path, phix):
    written(tmp_path, [phix], format="fasta")
    records = list(read_fasta(tmp_path / "orfs"))
    assert [record.sequence for record in records] == [
        subsequence(phix.sequence, *orf[:3], circular=True) for orf in phix.orfs
    ]
    first = phix.orfs[0]
    assert records[0].name == (
        f"NC_001422.1_1 NC_001422.1:{first.start}-{first.end}({first.strand}) frame={first.frame} "
        f"length_bp={first.length_bp} partial=no"
    )
    written(tmp_path, [phix], format="fasta", protein=True)
    proteins = [record.sequence for record in read_fasta(tmp_path / "orfs", letters="protein")]
    assert proteins == [orf.protein for orf in phix.orfs]


def test_fasta_of_rna_is_rna_on_both_strands(tmp_path):
    sequence = "CATGCCAUGCAU".replace("T", "U")
    orfs = find_orfs(sequence, 3)
    written(tmp_path, [OrfsOf("r", sequence, orfs)], format="fasta")
    for record, orf in zip(read_fasta(tmp_path / "orfs"), orfs, strict=True):
        other = reverse_complement(sequence)
        size = len(sequence)
        whole = sequence if orf.strand == "+" else other
        start = orf.start if orf.strand == "+" else size - orf.end
        assert record.sequence == whole[start : start + orf.length_bp]


def check_gff3(text, lengths):
    """What the specification asks of every line; the features, as (seqid, start, end, strand, attributes)."""
    first, *lines = text.splitlines()
    assert first == "##gff-version 3"
    features = []
    for line in lines:
        if line.startswith("##sequence-region "):
            _, seqid, begin, end = line.split(" ")
            assert (int(begin), int(end)) == (1, lengths[unquote(seqid)])
            continue
        seqid, source, kind, start, end, score, strand, phase, attributes = line.split("\t")
        pairs = dict(pair.split("=") for pair in attributes.split(";"))
        assert (source, score) == ("genoml", ".")
        assert 1 <= int(start) <= int(end)
        assert strand in "+-"
        assert phase == ("0" if kind == "ORF" else ".")
        features.append((unquote(seqid), kind, int(start), int(end), strand, pairs))
    identifiers = [feature[-1]["ID"] for feature in features]
    assert len(set(identifiers)) == len(identifiers)
    return features


def test_gff3_counts_from_one_and_marks_circles(tmp_path, phix):
    region, *features = check_gff3(written(tmp_path, [phix]), {"NC_001422.1": 5386})
    assert region[1:4] == ("region", 1, 5386)
    assert region[-1]["Is_circular"] == "true"
    assert [feature[2:5] for feature in features] == [
        (orf.start + 1, orf.end, orf.strand) for orf in phix.orfs
    ]
    assert max(feature[3] for feature in features) > 5386
    assert all("partial" not in feature[-1] for feature in features)


def test_gff3_escapes_names_and_says_which_end_is_open(tmp_path):
    name = "a;b=c,d&e%f>g\u00e9"
    sequence = "CCCATGCCC"
    orfs = find_orfs(sequence, 3, strand="+", partial="both")
    back = find_orfs(reverse_complement(sequence), 3, strand="-", partial="both")
    text = written(tmp_path, [OrfsOf(f"{name} x", sequence, orfs), OrfsOf("b", sequence, back)], protein=True)
    features = check_gff3(text, {name: 9, "b": 9})
    assert features[0][0] == name
    assert unquote(features[0][-1]["ID"]) == f"{name}_orf1"
    by_start = {(seqid, start): pairs for seqid, _, start, _, _, pairs in features}
    assert by_start[name, 1]["start_range"] == ".,1"
    assert by_start[name, 1]["end_range"] == "9,."
    assert by_start[name, 1]["partial"] == "true"
    assert by_start[name, 1]["translation"] == "PMP"
    plain = check_gff3(
        written(tmp_path, [OrfsOf("b", sequence, find_orfs(sequence, 3, strand="+"))]), {"b": 9}
    )
    assert "start_range" not in plain[0][-1]
    assert plain[0][-1]["end_range"] == "9,."
    turned = find_orfs(reverse_complement(sequence), 3, strand="-")
    plain = check_gff3(written(tmp_path, [OrfsOf("b", sequence, turned)]), {"b": 9})
    assert plain[0][-1]["start_range"] == ".,1"
    assert "end_range" not in plain[0][-1]


def test_a_sequence_without_orfs_leaves_a_valid_file(tmp_path):
    assert check_gff3(written(tmp_path, [OrfsOf("a", "CCC", [])]), {"a": 3}) == []
    assert written(tmp_path, [OrfsOf("a", "CCC", [])], format="tsv").count("\n") == 1
    assert written(tmp_path, [], format="fasta") == ""


def test_a_path_that_ends_in_gz_is_compressed(tmp_path, phix):
    write_orfs(tmp_path / "orfs.gff3.gz", [phix])
    assert gzip.decompress((tmp_path / "orfs.gff3.gz").read_bytes()).startswith(b"##gff-version 3\n")


def test_an_unknown_format_or_an_empty_name_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(ValueError, match="format expects one of fasta, gff3, tsv, got 'bed'"):
        write_orfs(tmp_path / "orfs", [], format="bed")
    with pytest.raises(ValueError, match="expect its name, got an empty one"):
        write_orfs(tmp_path / "orfs", [OrfsOf(" ", "ACGT", [])])
    assert list(tmp_path.iterdir()) == []
