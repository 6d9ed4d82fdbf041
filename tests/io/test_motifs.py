from __future__ import annotations

import numpy as np
import pytest

from genoml.io import FormatError, Motif, jaspar_motifs, read_meme, read_transfac, write_meme

TRANSFAC = """AC MA0001.1
XX
ID TEST
XX
DE MA0001.1 TEST ; from a test
PO\tA\tC\tG\tT
01\t1.0\t2.0\t3.0\t4.0
02\t10.0\t0.0\t0.0\t0.0
XX
CC tax_group:none
XX
//
"""
MEME = """MEME version 4

ALPHABET= ACGT

strands: + -

Background letter frequencies
A 0.25 C 0.25 G 0.25 T 0.25

MOTIF M1 TEST
letter-probability matrix: alength= 4 w= 2 nsites= 20 E= 0
0.1 0.2\t0.3 0.4
1.0 0.0 0.0 0.0
URL none

MOTIF M2
letter-probability matrix: alength= 4 w= 1
 0.25 0.25 0.25 0.25
"""


def written(tmp_path, text: str):
    path = tmp_path / "motifs"
    path.write_text(text)
    return path


def test_transfac_gives_counts_and_names(tmp_path):
    first, second = read_transfac(written(tmp_path, TRANSFAC + TRANSFAC.replace("0001.1", "0002.1")))
    assert (first.name, first.symbol, first.kind, first.width) == ("MA0001.1", "TEST", "counts", 2)
    np.testing.assert_array_equal(first.matrix, [[1, 2, 3, 4], [10, 0, 0, 0]])
    np.testing.assert_allclose(first.probabilities, [[0.1, 0.2, 0.3, 0.4], [1, 0, 0, 0]])
    assert second.name == "MA0002.1"


@pytest.mark.parametrize(
    ("old", "new", "message", "line", "record"),
    [
        ("02\t10.0\t0.0\t0.0\t0.0", "02\t10.0\t0.0\t0.0", "expects four numbers: A, C, G, T", 8, "MA0001.1"),
        ("\t10.0\t", "\tx\t", "got 'x 0.0 0.0 0.0'; expects four numbers", 8, "MA0001.1"),
        ("\n02\t", "\n03\t", "row 03 where 02 is due; a row is missing or repeated", 8, "MA0001.1"),
        ("\tA\tC\tG\tT", "\tA\tG\tC\tT", "expects A C G T", 6, "MA0001.1"),
        ("\t10.0\t", "\t0.0\t", "no row of zeros", 12, "MA0001.1"),
        ("\t10.0\t", "\t-10.0\t", "none negative", 12, "MA0001.1"),
        ("\t10.0\t", "\tnan\t", "expects finite entries", 12, "MA0001.1"),
        ("//\n", "", "the file ends within a record; expects records that end with //", 11, "MA0001.1"),
        ("PO\tA\tC\tG\tT\n", "", "the motif has no matrix; expects a PO line", 11, "MA0001.1"),
        ("AC MA0001.1\nXX\nID TEST\n", "", "the motif has no AC line", 9, None),
        (TRANSFAC, "hello\n", "no motif", 1, None),
    ],
)
def test_malformed_transfac_is_refused(old, new, message, line, record, tmp_path):
    path = written(tmp_path, TRANSFAC.replace(old, new))
    with pytest.raises(FormatError, match=message) as caught:
        read_transfac(path)
    assert (caught.value.path, caught.value.line, caught.value.record) == (str(path), line, record)


def test_meme_gives_probabilities_names_and_sites(tmp_path):
    first, second = read_meme(written(tmp_path, MEME))
    assert (first.name, first.symbol, first.kind, first.n_sites) == ("M1", "TEST", "probabilities", 20)
    np.testing.assert_array_equal(first.matrix, [[0.1, 0.2, 0.3, 0.4], [1, 0, 0, 0]])
    assert (second.name, second.symbol, second.n_sites, second.width) == ("M2", "", None, 1)


@pytest.mark.parametrize(
    ("old", "new", "message", "line", "record"),
    [
        ("MEME version 4", "MAME version 4", "no 'MEME version' line; expects MEME format", 1, None),
        ("ACGT\n", "ACDEFGHIKLMNPQRSTVWY\n", "expects ALPHABET= ACGT", 3, None),
        ("MOTIF M1 TEST\n", "MOTIF\n", "the motif has no name", 10, None),
        ("MOTIF M1 TEST\n", "", "a matrix without a MOTIF line", 10, None),
        ("w= 2", "w= x", "expects alength= 4 w= WIDTH", 11, "M1"),
        ("w= 2", "", "expects alength= 4 w= WIDTH", 11, "M1"),
        ("w= 2", "w= 0", "alength 4, w 0", 11, "M1"),
        ("alength= 4 w= 2", "alength= 20 w= 2", "alength 20, w 2; expects alength 4", 11, "M1"),
        ("w= 2", "w= 3", "got 'URL none'; expects four numbers", 14, "M1"),
        ("0.1 0.2", "0.5 0.2", "probabilities that sum to 1", 13, "M1"),
        ("1.0 0.0 0.0 0.0", "1.0 0.0 0.0 z", "expects four numbers", 13, "M1"),
        (" 0.25 0.25 0.25 0.25\n", "", "the file ends within a matrix", 17, "M2"),
        (MEME[MEME.index("MOTIF") :], "", "no motif", 9, None),
        ("letter-probability matrix: alength= 4 w= 1", "", "the motif has no matrix", 18, "M2"),
        ("letter-probability matrix: alength= 4 w= 2 nsites", "x", "the motif has no matrix", 16, "M1"),
    ],
)
def test_malformed_meme_is_refused(old, new, message, line, record, tmp_path):
    path = written(tmp_path, MEME.replace(old, new))
    with pytest.raises(FormatError, match=message) as caught:
        read_meme(path)
    assert (caught.value.path, caught.value.line, caught.value.record) == (str(path), line, record)


def test_rna_alphabet_of_meme_is_read(tmp_path):
    assert len(read_meme(written(tmp_path, MEME.replace("ACGT\n", "ACGU\n")))) == 2


@pytest.mark.parametrize("name", ["a.meme", "a.meme.gz"])
def test_what_is_written_reads_back(name, tmp_path):
    motifs = [
        Motif("M1", np.array([[1, 2, 3, 4], [0, 0, 5, 5]]), "counts", "ONE"),
        Motif("M2", np.full((3, 4), 0.25), n_sites=7),
    ]
    write_meme(tmp_path / name, motifs)
    first, second = read_meme(tmp_path / name)
    np.testing.assert_allclose(first.matrix, motifs[0].probabilities, atol=1e-8)
    assert (first.name, first.symbol, first.n_sites) == ("M1", "ONE", 10)
    assert (second.name, second.symbol, second.n_sites) == ("M2", "", 7)


@pytest.mark.parametrize(("name", "symbol"), [("", ""), ("a b", ""), ("a", "b c")])
def test_names_that_would_not_read_back_are_not_written(name, symbol, tmp_path):
    with pytest.raises(ValueError, match="without white space"):
        write_meme(tmp_path / "a.meme", [Motif(name, np.full((1, 4), 0.25), symbol=symbol)])


@pytest.mark.parametrize("shape", [(0, 4), (3, 5), (4,)])
def test_matrix_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"motif M expects a matrix \(width >= 1, 4\)"):
        Motif("M", np.ones(shape), "counts")


def test_unknown_kind_of_matrix_is_refused():
    with pytest.raises(ValueError, match="kind expects 'counts' or 'probabilities', got 'weights'"):
        Motif("M", np.ones((2, 4)), "weights")


def test_matrix_is_a_copy_that_cannot_be_written_to():
    matrix = np.full((2, 4), 0.25)
    motif = Motif("M", matrix)
    matrix[:] = 1
    np.testing.assert_array_equal(motif.matrix, 0.25)
    assert not motif.matrix.flags.writeable


def test_jaspar_motifs_hold_ctcf():
    motifs = {motif.name: motif for motif in jaspar_motifs()}
    assert len(motifs) == 879
    ctcf = motifs["MA0139.2"]
    assert (ctcf.symbol, ctcf.width, ctcf.kind) == ("CTCF", 15, "counts")
    np.testing.assert_array_equal(ctcf.matrix[1], [56, 800, 21, 36])
