from __future__ import annotations

import numpy as np
import pytest

from genoml.io import (
    FormatError,
    Motif,
    jaspar_motifs,
    read_jaspar,
    read_meme,
    read_motifs,
    read_transfac,
    write_meme,
)
from genoml.sequence.motifs.motif import consensus
from support.mutations import mutations, refusals

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
        ("\t10.0\t", "\tx\t", "got 'x'; expects a finite number, 0 or above", 8, "MA0001.1"),
        ("\n02\t", "\n03\t", "row 03 where 02 is due; a row is missing or repeated", 8, "MA0001.1"),
        ("\tA\tC\tG\tT", "\tA\tG\tC\tT", "expects A C G T", 6, "MA0001.1"),
        ("\t10.0\t", "\t0.0\t", "a position of zeros", 8, "MA0001.1"),
        ("\t10.0\t", "\t-10.0\t", "got '-10.0'; expects a finite number", 8, "MA0001.1"),
        ("\t10.0\t", "\tnan\t", "got 'nan'", 8, "MA0001.1"),
        ("\t10.0\t", "\tInfinity\t", "got 'Infinity'", 8, "MA0001.1"),
        ("\t10.0\t", "\t1e400\t", "got '1e400'", 8, "MA0001.1"),
        ("\t10.0\t", "\t1_0\t", "got '1_0'", 8, "MA0001.1"),
        ("\t10.0\t", "\t\u0661\t", "got '\u0661'", 8, "MA0001.1"),
        ("01\t1.0\t2.0", "01\t1.7e308\t1.7e308", "expects finite entries", 12, "MA0001.1"),
        ("//\n", "", "the file ends within a record; expects records that end with //", 11, "MA0001.1"),
        ("PO\tA\tC\tG\tT\n", "", "row 01 without columns; expects a PO line", 6, "MA0001.1"),
        ("01\t1.0\t2.0\t3.0\t4.0\n02\t10.0\t0.0\t0.0\t0.0\n", "", "the motif has no matrix", 10, "MA0001.1"),
        ("AC MA0001.1\nXX\nID TEST\n", "", "the motif has no AC line", 9, None),
        (TRANSFAC, "hello\n", "no motif", 1, None),
        ("02\t10.0", "XX\n02\t10.0", "row 02 below the matrix; expects it below the PO line", 9, "MA0001.1"),
        ("XX\nCC tax", "PO A C G T\nCC tax", "a second matrix in a record", 9, "MA0001.1"),
        ("CC tax", "Cc tax", "got 'Cc tax_group:none'; expects a key of two capital letters", 10, "MA0001.1"),
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
        ("w= 2", "W= 2", "expects alength= 4 w= WIDTH", 11, "M1"),
        ("nsites= 20", "nsite= 20", "expects alength= 4 w= WIDTH nsites= N", 11, "M1"),
        ("w= 2", "w=", "expects alength= 4 w= WIDTH", 11, "M1"),
        ("w= 2", "w= 1", r"got '1\.0 0\.0 0\.0 0\.0' after the matrix; expects as many rows", 13, None),
        ("alength= 4 w= 2 nsites= 20 E= 0", "\n1 0 0 0\n\n", r"got '0\.1 0\.2.*' after the matrix", 15, None),
        ("alength= 4 w= 2 nsites= 20 E= 0", "\n1 0 0 0\n1 0 O 0", r"got 'O'", 13, "M1"),
        ("alength= 4 w= 2 nsites= 20 E= 0", "\n\nURL none", "the file ends within a matrix", 13, "M1"),
        ("MOTIF M2", "MOTFI M2", r"got 'MOTFI M2' \(did you mean 'MOTIF'\?\)", 16, None),
        ("ALPHABET", "ALPHABT", r"did you mean 'ALPHABET'", 3, None),
        (
            "probability matrix: alength= 4 w= 2",
            "probabilty matrix:",
            "mean 'letter-probability matrix'",
            11,
            "M1",
        ),
        (
            "probability matrix: alength= 4 w= 2",
            "probability matrx:",
            "did you mean 'letter-probability matrix'",
            11,
            "M1",
        ),
        ("w= 2", "w= 0", "alength 4, w 0", 11, "M1"),
        ("alength= 4 w= 2", "alength= 20 w= 2", "alength 20, w 2; expects alength 4", 11, "M1"),
        ("w= 2", "w= 3", "got 'URL none'; expects four numbers", 14, "M1"),
        ("0.1 0.2", "0.5 0.2", "the row sums to 1.4; expects probabilities that sum to 1", 12, "M1"),
        ("1.0 0.0 0.0 0.0", "1.0 0.0 0.0 z", "got 'z'; expects a finite number", 13, "M1"),
        ("1.0 0.0 0.0 0.0", "1.0 0.0 0.0 -0.1", "got '-0.1'; expects a finite number, 0 or above", 13, "M1"),
        ("0.1 0.2", "nan 0.2", "got 'nan'", 12, "M1"),
        ("0.1 0.2", "1e400 0.2", "got '1e400'", 12, "M1"),
        ("nsites= 20", "nsites= inf", "got 'inf'", 11, "M1"),
        ("nsites= 20", "nsites= -1", "got '-1'", 11, "M1"),
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


@pytest.mark.parametrize("keys", ["", " alength= 4", " alength= 4 nsites= 20 E= 0"])
@pytest.mark.parametrize("end", ["\nURL none", "URL none", ""])
def test_a_matrix_of_meme_may_do_without_width(keys, end, tmp_path):
    text = MEME.replace(" alength= 4 w= 2 nsites= 20 E= 0", keys).replace("URL none", end)
    first, second = read_motifs(written(tmp_path, text.replace(" alength= 4 w= 1", keys)))
    np.testing.assert_array_equal(first.matrix, [[0.1, 0.2, 0.3, 0.4], [1, 0, 0, 0]])
    np.testing.assert_array_equal(second.matrix, [[0.25] * 4])
    assert first.n_sites == (20 if "nsites" in keys else None)


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
    np.testing.assert_array_equal(first.matrix, motifs[0].probabilities)
    assert (first.name, first.symbol, first.n_sites) == ("M1", "ONE", 10)
    assert (second.name, second.symbol, second.n_sites) == ("M2", "", 7)


@pytest.mark.parametrize(("name", "symbol"), [("", ""), ("a b", ""), ("a", "b c"), (" a", ""), ("a\0", "")])
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


# ------------------------------------------------------------ TRANSFAC beyond JASPAR


def test_transfac_of_transfac_itself_is_read(tmp_path):
    """Spaces for tabs, P0 for PO, a consensus letter behind each row, and a record that only heads the file."""
    head = "VV  TRANSFAC MATRIX TABLE, Release 7.0\nXX\n//\n"
    record = "AC  M00001\nXX\nID  V$MYOD_01\nXX\nNA  MyoD\nXX\nP0      A      C      G      T\n"
    rows = "01      1      2      2      0      S\n02      2      1      2      0      R\nXX\n//\n"
    (motif,) = read_transfac(written(tmp_path, head + record + rows))
    assert (motif.name, motif.symbol) == ("M00001", "V$MYOD_01")
    np.testing.assert_array_equal(motif.matrix, [[1, 2, 2, 0], [2, 1, 2, 0]])


def test_rows_of_transfac_may_be_numbered_from_0_and_be_named_by_id(tmp_path):
    """As HOCOMOCO 9 has them."""
    text = "VV  TABLE\nXX\n//\nID  AHR_si\nXX\nNA  AHR\nXX\nP0      A      C      G      T\n"
    text += "00     41     18     56     39\n01     11     12     35     96\nXX\n//\n"
    (motif,) = read_motifs(written(tmp_path, text))
    assert (motif.name, motif.symbol) == ("AHR_si", "AHR")
    np.testing.assert_array_equal(motif.matrix, [[41, 18, 56, 39], [11, 12, 35, 96]])
    with pytest.raises(FormatError, match="row 02 where 01 is due"):
        read_motifs(written(tmp_path, text.replace("01  ", "02  ")))


def test_the_crosslinks_of_mcross_are_no_rows_of_the_matrix(tmp_path):
    text = "AC\tK562.X\nXX\nID\tK562.X\nXX\nP0\tA\tC\tG\tT\n01\t3\t2\t4\t45\tN\n02\t4\t1\t5\t44\tN\n"
    (motif,) = read_motifs(written(tmp_path, text + "XX\nXL\n00\t36\n01\t2\nXX\n//\n"))
    np.testing.assert_array_equal(motif.matrix, [[3, 2, 4, 45], [4, 1, 5, 44]])


def test_fractions_of_transfac_are_probabilities_and_sum_to_1(tmp_path):
    shares = TRANSFAC.replace("1.0\t2.0\t3.0\t4.0", "0.1\t0.2\t0.3\t0.4").replace("10.0", "1.0")
    assert read_transfac(written(tmp_path, shares))[0].kind == "probabilities"
    with pytest.raises(FormatError, match=r"position 1 sums to 0\.8; expects probabilities that sum to 1"):
        read_transfac(written(tmp_path, shares.replace("0.3", "0.1")))


# ------------------------------------------------------------ JASPAR

JASPAR = """>MA0004.1\tArnt
A  [ 4 19  0 ]
C  [16  0 20 ]
G  [ 0  1  0 ]
T  [ 0  0  0 ]
>MA0006.1 Ahr::Arnt
A [3 0]
C [8 0]
G [2 23]
T [11 1]
"""
PFM = """>MA0004.1 Arnt
 4 19  0
16  0 20
 0  1  0
 0  0  0
"""


@pytest.mark.parametrize("read", [read_jaspar, read_motifs])
def test_jaspar_gives_counts_and_names(read, tmp_path):
    first, second = read(written(tmp_path, JASPAR))
    assert (first.name, first.symbol, first.kind, first.width) == ("MA0004.1", "Arnt", "counts", 3)
    np.testing.assert_array_equal(first.matrix, [[4, 16, 0, 0], [19, 0, 1, 0], [0, 20, 0, 0]])
    assert (second.symbol, second.width) == ("Ahr::Arnt", 2)


def test_four_plain_rows_are_a_motif_with_or_without_a_header(tmp_path):
    (headed,) = read_jaspar(written(tmp_path, PFM))
    assert (headed.name, headed.symbol) == ("MA0004.1", "Arnt")
    path = tmp_path / "MA0004.1.pfm"
    path.write_text(PFM.split("\n", 1)[1])
    for read in (read_jaspar, read_motifs):
        (plain,) = read(path)
        assert (plain.name, plain.kind) == ("MA0004.1", "counts")
        np.testing.assert_array_equal(plain.matrix, headed.matrix)


def test_columns_of_fractions_that_sum_to_1_are_probabilities(tmp_path):
    (motif,) = read_jaspar(written(tmp_path, ">a\n0.5 0\n0.5 1\n0 0\n0 0\n"))
    assert motif.kind == "probabilities"
    (one_site,) = read_jaspar(written(tmp_path, ">a\n1 0\n0 1\n0 0\n0 0\n"))
    assert one_site.kind == "counts"


@pytest.mark.parametrize(
    ("old", "new", "message", "line", "record"),
    [
        (">MA0004.1\tArnt", ">", "the header has no name", 1, None),
        ("A  [ 4 19  0 ]\n", "", "row C where A is due; expects the rows A, C, G, T", 2, "MA0004.1"),
        ("T  [ 0  0  0 ]\n", "", "the motif ends after 3 row", 5, "MA0004.1"),
        ("T [11 1]\n", "", "the motif ends after 3 row", 9, "MA0006.1"),
        ("T  [ 0  0  0 ]\n", "T  [ 0  0  0 ]\n1 2 3\n", "got '1 2 3' after four rows", 6, None),
        ("[16  0 20 ]", "[16  0 ]", "row C has 2 numbers; expects 3 numbers", 3, "MA0004.1"),
        ("[ 4 19  0 ]", "[]", "row A has 0 numbers; expects one number a position", 2, "MA0004.1"),
        ("[16  0 20 ]", "[16  x 20 ]", "got 'x'; expects a finite number", 3, "MA0004.1"),
        ("[16  0 20 ]", "[16  -1 20 ]", "got '-1'", 3, "MA0004.1"),
        ("[16  0 20 ]", "[16  nan 20 ]", "got 'nan'", 3, "MA0004.1"),
        ("[16  0 20 ]", "[16  1e400 20 ]", "got '1e400'", 3, "MA0004.1"),
        ("[16  0 20 ]", "[16  0 0 ]", "position 3 is all zeros", 5, "MA0004.1"),
        (JASPAR, ">MA0004.1 Arnt\n", "the motif ends after 0 row", 1, "MA0004.1"),
        (JASPAR, "hello\n", "row h where A is due", 1, None),
    ],
)
def test_malformed_jaspar_is_refused(old, new, message, line, record, tmp_path):
    path = written(tmp_path, JASPAR.replace(old, new))
    with pytest.raises(FormatError, match=message) as caught:
        read_jaspar(path)
    assert (caught.value.path, caught.value.line, caught.value.record) == (str(path), line, record)


@pytest.mark.parametrize("wrong", ["0.5 0.3 0.2", "0.5 7 0.2"])
def test_probabilities_that_do_not_sum_to_1_are_refused(wrong, tmp_path):
    with pytest.raises(FormatError, match=r"position 2 sums to .*; expects probabilities that sum to 1"):
        read_jaspar(written(tmp_path, f">a\n0.5 0.5 0.2\n{wrong}\n0 0 0.5\n0 0 0.1\n"))


# ------------------------------------------------------------ matrices with a row a position

HOMER = """>ACGA\t1-ACGA\t5.179177\t-342.61\t0\tT:22.0(48.77%),B:2.3(5.54%),P:1e-14
0.997\t0.001\t0.001\t0.001
0.001\t0.997\t0.001\t0.001
0.001\t0.001\t0.997\t0.001
0.997\t0.001\t0.001\t0.001
"""
PCM = """>AHR_HUMAN.H11MO.0.B
40.5\t18.25\t56.25\t39
10.75\t11.25\t34.75\t97.25
0\t3.5\t0.5\t150
"""
LONGER = "154\t0\t0\t0\n1\t2\t3\t148\n77\t77\t0\t0\n"
CLUSTER_BUSTER = (
    "# two motifs\n>one\n0 1 9 0\n10 0 0 0\n2 3 4 1\n>two /weight=1\n1 0 0 9\n# inside\n4 0 6 0\n"
)


def test_homer_is_read_with_a_row_a_position_even_if_there_are_four(tmp_path):
    (motif,) = read_motifs(written(tmp_path, HOMER))
    assert (motif.name, motif.symbol, motif.kind) == ("1-ACGA", "", "probabilities")
    assert motif.matrix[0].tolist() == [0.997, 0.001, 0.001, 0.001]
    assert consensus(motif.probabilities) == "ACGA"
    bare = HOMER.split("\n", 1)[1]
    for text in (bare, ">ACGA x\n" + bare):
        (same,) = read_motifs(written(tmp_path, text))
        np.testing.assert_array_equal(same.matrix, motif.matrix)
        with pytest.raises(FormatError, match="a row a position; read it with read_motifs"):
            read_jaspar(written(tmp_path, text))
    lettered = "".join(
        f"{base} {' '.join(row)}\n" for base, row in zip("ACGT", motif.matrix.T.astype(str), strict=True)
    )
    for read in (read_motifs, read_jaspar):
        np.testing.assert_array_equal(read(written(tmp_path, ">a\n" + lettered))[0].matrix, motif.matrix)


@pytest.mark.parametrize("rows", range(1, 7))
def test_counts_of_hocomoco_are_read_whatever_their_length(rows, tmp_path):
    lines = (PCM + LONGER).splitlines()[: rows + 1]
    (motif,) = read_motifs(written(tmp_path, "\n".join(lines)))
    assert (motif.name, motif.kind, motif.width) == ("AHR_HUMAN.H11MO.0.B", "counts", rows)
    np.testing.assert_array_equal(motif.matrix, [list(map(float, line.split())) for line in lines[1:]])


def test_cluster_buster_is_read_with_its_comments(tmp_path):
    first, second = read_motifs(written(tmp_path, CLUSTER_BUSTER))
    assert (first.name, first.width, second.name) == ("one", 3, "two")
    np.testing.assert_array_equal(second.matrix, [[1, 0, 0, 9], [4, 0, 6, 0]])


def test_four_rows_of_four_numbers_are_as_the_other_motifs_of_their_file(tmp_path):
    square = ">b\n1 2 3 4\n5 6 7 8\n9 1 2 3\n4 5 6 9\n"
    rows = [[1, 2, 3, 4], [5, 6, 7, 8], [9, 1, 2, 3], [4, 5, 6, 9]]
    np.testing.assert_array_equal(read_motifs(written(tmp_path, square + PCM))[0].matrix, rows)
    np.testing.assert_array_equal(read_motifs(written(tmp_path, square + PFM))[0].matrix, np.transpose(rows))
    np.testing.assert_array_equal(read_jaspar(written(tmp_path, square))[0].matrix, np.transpose(rows))
    with pytest.raises(
        FormatError, match=r"line 5, record b: four rows, which may be bases or positions"
    ) as caught:
        read_motifs(written(tmp_path, square))
    assert (caught.value.line, caught.value.record) == (5, "b")
    diagonal = ">a\n1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n"  # either way the same
    assert consensus(read_motifs(written(tmp_path, diagonal))[0].probabilities) == "ACGT"


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        (
            PCM + JASPAR,
            "a row a base, and a row a position in AHR_HUMAN.H11MO.0.B; expects one or the other",
            9,
        ),
        (PCM.replace("\t97.25", ""), "row 2 has 3 numbers; expects 4 numbers, as many as row 1 has", 3),
        (PCM.replace("97.25", "97.25\n"), r"got .* after a blank line; expects '>'", 5),
        (PCM.replace("97.25", "-2.5"), "got '-2.5'; expects a finite number, 0 or above", 3),
        (">a\n1 2 3\n4 5 6\n>b\n", "2 rows of 3 numbers; expects four rows, A, C, G, T, or rows of four", 3),
        (HOMER.replace("0.997\t0.001\t0.001\t0.001", "0.9\t0\t0\t0", 1), "probabilities that sum to 1", 5),
        ("# nothing\n\n", "no motif", 2),
    ],
)
def test_malformed_matrices_are_refused(text, message, line, tmp_path):
    path = written(tmp_path, text)
    with pytest.raises(FormatError, match=message) as caught:
        read_motifs(path)
    assert (caught.value.path, caught.value.line) == (str(path), line)


# ------------------------------------------------------------ any format, and files between formats


@pytest.mark.parametrize("letter", ["\0", "\x0b", "\x85", "\u2028"])
@pytest.mark.parametrize("text", [MEME, TRANSFAC, JASPAR, HOMER])
def test_control_characters_in_a_name_are_refused(text, letter, tmp_path):
    known = read_motifs(written(tmp_path, text))[0]
    name = known.symbol or known.name
    with pytest.raises(FormatError, match=r"line \d+.*: control character .* in the text"):
        read_motifs(written(tmp_path, text.replace(name, name[:1] + letter + name[1:])))


def test_formats_are_told_apart_by_how_a_file_begins(tmp_path):
    assert [motif.name for motif in read_motifs(written(tmp_path, MEME))] == ["M1", "M2"]
    assert [motif.name for motif in read_motifs(written(tmp_path, TRANSFAC))] == ["MA0001.1"]
    with pytest.raises(FormatError, match="line 1: got 'hello you'; expects MEME, JASPAR or TRANSFAC format"):
        read_motifs(written(tmp_path, "hello you\n"))


def test_probabilities_that_are_written_and_read_are_identical(tmp_path):
    rng = np.random.default_rng(0)
    motifs = [Motif(f"M{i}", rng.dirichlet([0.1] * 4, 12), n_sites=1 / 3 + i) for i in range(20)]
    motifs.append(Motif("rounded", [[0.333, 0.333, 0.333, 0.0], [1e-300, 0.5, 0.5, 0.0]]))
    write_meme(tmp_path / "a.meme", motifs)
    read = read_meme(tmp_path / "a.meme")
    for was, now in zip(motifs, read, strict=True):
        np.testing.assert_array_equal(now.matrix, was.matrix)
        assert now.n_sites == was.n_sites
    write_meme(tmp_path / "b.meme", read)
    assert (tmp_path / "b.meme").read_bytes() == (tmp_path / "a.meme").read_bytes()


def test_counts_of_jaspar_go_through_meme_exactly(tmp_path):
    motifs = jaspar_motifs()
    write_meme(tmp_path / "a.meme", motifs)
    for was, now in zip(motifs, read_meme(tmp_path / "a.meme"), strict=True):
        np.testing.assert_array_equal(now.matrix, was.probabilities)
        assert (now.name, now.symbol, now.n_sites) == (was.name, was.symbol, was.matrix.sum(axis=1).max())


@pytest.mark.parametrize("n_sites", [0, -1, np.nan, np.inf])
def test_a_number_of_sites_that_is_none_is_refused(n_sites):
    with pytest.raises(ValueError, match="n_sites above 0"):
        Motif("M", np.full((1, 4), 0.25), n_sites=n_sites)


def test_zero_sites_in_meme_are_sites_unknown(tmp_path):
    first, _ = read_meme(written(tmp_path, MEME.replace("nsites= 20", "nsites= 0")))
    assert first.n_sites is None


@pytest.mark.parametrize(
    ("read", "sound", "least"),
    [
        (read_meme, MEME, 15),
        (read_transfac, TRANSFAC + TRANSFAC.replace("0001.1", "0002.1"), 15),
        (read_jaspar, JASPAR, 15),
        (read_jaspar, PFM, 15),
        (read_motifs, JASPAR + PFM, 10),
        (read_motifs, HOMER, 10),
        (read_motifs, CLUSTER_BUSTER, 10),
    ],
)
def test_damaged_files_are_read_or_refused_by_name(read, sound, least, tmp_path):
    read(written(tmp_path, sound))
    refused = refusals(read, tmp_path, mutations(sound.encode(), 66, seed=len(sound)))
    assert least <= refused <= 66
