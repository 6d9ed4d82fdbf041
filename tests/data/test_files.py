"""Files of sequences read whole, with names for every message."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from genoml.data.files import NamedSequences, check_sequences, chromosomes, load_sequences

FASTA = ">chr1:0-8 a peak\nACGTACGT\n>chr2:5-9\nAC\nGN\n"


def test_names_ids_letters_and_codes_are_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.fa"
    path.write_text(FASTA)
    found = load_sequences(path)
    assert (len(found), found.longest) == (2, 8)
    assert found.names == ["chr1:0-8 a peak", "chr2:5-9"]
    assert found.ids == ["chr1:0-8", "chr2:5-9"]
    assert chromosomes(found.names) == ["chr1", "chr2"]
    assert found.place(1) == f"{path}, record 2 (chr2:5-9)"
    codes = found.codes(8)
    assert (codes.shape, codes.dtype) == ((2, 8), np.uint8)
    assert found.take([1]) == NamedSequences(str(path), ["chr2:5-9"], ["ACGN"])


def test_a_digest_is_of_names_and_letters_however_the_file_is_written(tmp_path: Path) -> None:
    (tmp_path / "a.fa").write_text(FASTA)
    (tmp_path / "b.fa.gz").write_bytes(gzip.compress(FASTA.replace("AC\nGN", "ACGN").encode()))
    (tmp_path / "c.fa").write_text(FASTA.replace("GN", "GT"))
    first, second, third = (load_sequences(tmp_path / name).digest() for name in ("a.fa", "b.fa.gz", "c.fa"))
    assert first == second != third


def test_names_without_coordinates_have_no_chromosomes() -> None:
    assert chromosomes(["chr1:0-8", "peak_2"]) is None


@pytest.mark.parametrize(
    ("letters", "ambiguous", "message"),
    [
        ("", "zero", r"here, record 2 \(b\): has no sequence"),
        ("ACTU", "zero", "has both T and U"),
        ("RYKMSWRYKMSW", "zero", "12 of 12 letters stand for two or three bases, as in protein"),
        ("ACGN", "error", r"here, record 2 \(b\): ambiguous letter 'N', and 1 record\(s\) in all"),
    ],
)
def test_what_is_no_dna_or_rna_is_named(letters: str, ambiguous: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_sequences(NamedSequences("here", ["a", "b c"], ["ACGT", letters]), ambiguous)
