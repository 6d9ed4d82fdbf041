"""Substitution matrices: the shipped ones, files, and damaged files."""

from __future__ import annotations

import gzip
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import pytest

from genoml.io import FormatError, read_substitution_matrix
from genoml.sequence import SubstitutionMatrix, align
from genoml.sequence.align.substitution import MATRIX_NAMES
from support.mutations import mutations, refusals

SMALL = "# a comment\n   A  C g\nA  2 -1 0\nG  0 -1 2.5\n\nC -1  2 -1\n"


def test_a_file_is_read_whatever_the_order_of_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "small.mat"
    path.write_text(SMALL)
    found = read_substitution_matrix(path)
    assert (found.letters, found.name) == ("ACG", "small.mat")
    np.testing.assert_array_equal(found.scores, [[2, -1, 0], [-1, 2, -1], [0, -1, 2.5]])
    (tmp_path / "small.mat.gz").write_bytes(gzip.compress(SMALL.encode()))
    packed = read_substitution_matrix(tmp_path / "small.mat.gz")
    assert packed.name == "small.mat"
    np.testing.assert_array_equal(packed.scores, found.scores)
    assert align("ACG", "AG", matrix=found, gap_open=1, gap_extend=1).score == 3.5


@pytest.mark.parametrize("name", MATRIX_NAMES)
def test_every_shipped_matrix_is_what_the_reader_of_files_reads(name: str) -> None:
    with as_file(files("genoml") / "resources" / "matrices" / name) as path:
        read = read_substitution_matrix(path)
    shipped = SubstitutionMatrix.load(name)
    assert (shipped.letters, shipped.name) == (read.letters, name)
    np.testing.assert_array_equal(shipped.scores, read.scores)


@pytest.mark.parametrize("name", MATRIX_NAMES)
def test_every_shipped_matrix_is_symmetric_and_prefers_identity(name: str) -> None:
    matrix = SubstitutionMatrix.load(name.lower())
    np.testing.assert_array_equal(matrix.scores, matrix.scores.T)
    standard = [
        matrix.letters.index(letter) for letter in ("ACGT" if matrix.is_nucleotide else "ACDEFGHIKLMN")
    ]
    block = matrix.scores[np.ix_(standard, standard)]
    assert np.all(np.diag(block) == block.max(axis=1))


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("A C\nA 1 2\n", 2, "no row for C"),
        ("A C\nA 1 2\nC 1\n", 3, "got '1'; expects 2 numbers"),
        ("A C\nA 1 2\nC 1 2 3\n", 3, "got '1 2 3'; expects 2 numbers"),
        ("A C\nA 1 2\nC 1 x\n", 3, "got '1 x'; expects 2 numbers"),
        ("A C\nA 1 2\nC 1 nan\n", 3, "got '1 nan'"),
        ("A C\nA 1 2\nC 1 1e400\n", 3, "got '1 1e400'"),
        ("A C\nA 1 2\nC 1 1_0\n", 3, "got '1 1_0'"),
        ("A C\nA 1 2\nA 1 2\n", 3, "a second row A"),
        ("A C\nA 1 2\nT 1 2\n", 3, "a row 'T'; expects one of the columns, A C"),
        ("A C a\nA 1 2 3\n", 1, "expects each letter once"),
        ("A CC\nA 1 2\n", 1, "expects single letters"),
        ("# only comments\n", 1, "no line with the letters"),
        ("A C\nA 1 2\nC \u00e9 2\n", 3, "not ASCII"),
    ],
)
def test_a_file_of_another_kind_is_refused_by_line(
    tmp_path: Path, text: str, line: int, message: str
) -> None:
    path = tmp_path / "bad.mat"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(FormatError, match=message) as raised:
        read_substitution_matrix(path)
    assert (raised.value.path, raised.value.line) == (str(path), line)


def test_damaged_files_are_read_or_refused_by_name(tmp_path: Path) -> None:
    sound = (files("genoml") / "resources" / "matrices" / "NUC.4.4").read_bytes()
    refused = refusals(lambda path: [read_substitution_matrix(path)], tmp_path, mutations(sound, 66, 5))
    assert refused >= 22


@pytest.mark.parametrize(
    ("letters", "shape", "message"),
    [
        ("", (0, 0), "upper-case ASCII letters"),
        ("ac", (2, 2), "upper-case ASCII letters, got 'ac'"),
        ("A-", (2, 2), "upper-case ASCII letters, got 'A-'"),
        ("AA", (2, 2), "each letter once"),
        ("AC", (2, 3), r"scores \(2, 2\) for letters AC, got \(2, 3\)"),
    ],
)
def test_a_matrix_made_wrongly_is_refused(letters: str, shape: tuple[int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SubstitutionMatrix(letters, np.zeros(shape))
