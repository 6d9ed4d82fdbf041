"""The three encodings of FASTQ: scores, probabilities, conversions, and guessing which one a file has."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml.io import (
    FastqRecord,
    FormatError,
    FormatWarning,
    convert_qualities,
    detect_encoding,
    error_probabilities,
    read_fastq,
    write_fastq,
)
from genoml.io.qualities import SCORES, guess_encoding


def put(tmp_path, *encoded: bytes):
    path = tmp_path / "a.fq"
    path.write_bytes(b"".join(b"@r%d\n%s\n+\n%s\n" % (n, b"A" * len(q), q) for n, q in enumerate(encoded)))
    return path


def test_phred_scores_are_ten_times_the_negative_logarithm_of_the_error():
    np.testing.assert_allclose(error_probabilities(np.array([0, 10, 20, 93])), [1, 0.1, 0.01, 10**-9.3])


def test_solexa_scores_are_about_the_odds():
    p = error_probabilities(np.array([-5, 0, 10]), "solexa")
    np.testing.assert_allclose(-10 * np.log10(p / (1 - p)), [-5, 0, 10], atol=1e-12)


@pytest.mark.parametrize("encoding", SCORES)
@given(st.data())
@settings(max_examples=15, deadline=None)
def test_what_is_written_in_an_encoding_reads_back(encoding, tmp_path_factory, data):
    low, high = SCORES[encoding]
    scores = data.draw(st.lists(st.integers(low, high), max_size=40))
    dtype = np.int8 if encoding == "solexa" else np.uint8
    record = FastqRecord("r", "C" * len(scores), np.array(scores, dtype), encoding)
    path = tmp_path_factory.mktemp("encodings") / "a.fq"
    write_fastq(path, [record], encoding=encoding)
    (found,) = read_fastq(path, encoding=encoding)
    assert found == record
    assert found.qualities.dtype == dtype
    assert found.encoding == encoding


def test_solexa_scores_are_rounded_to_the_nearest_phred_score():
    # Cock et al. (2010): -5 is 1.19, 0 is 3.01, 10 is 10.41
    phred = convert_qualities(np.array([-5, -1, 0, 1, 9, 10, 62], np.int8), "solexa", "phred33")
    expected = [round(10 * math.log10(10 ** (q / 10) + 1)) for q in (-5, -1, 0, 1, 9, 10, 62)]
    assert phred.tolist() == expected == [1, 3, 3, 4, 10, 10, 62]


def test_the_worst_phred_scores_become_the_least_solexa_score():
    assert convert_qualities(np.arange(5), "phred33", "solexa").tolist() == [-5, -5, -2, 0, 2]


def test_scores_beyond_the_target_become_its_greatest():
    assert convert_qualities(np.array([62, 63, 93]), "phred33", "phred64").tolist() == [62, 62, 62]


def test_scores_out_of_range_are_not_converted():
    with pytest.raises(ValueError, match="phred64 scores run from 0 to 62, got 0 to 63"):
        convert_qualities(np.array([0, 63]), "phred64", "phred33")


def test_unknown_encoding_is_refused(tmp_path):
    with pytest.raises(ValueError, match="encoding expects one of phred33, phred64, solexa, got 'illumina'"):
        read_fastq(put(tmp_path, b"II"), encoding="illumina")


@pytest.mark.parametrize(
    ("encoding", "character", "range_"),
    [("phred64", b"?", "'@' to '~' .64 to 126"), ("solexa", b":", "';' to '~' .59 to 126")],
)
def test_a_character_of_another_encoding_is_refused(encoding, character, range_, tmp_path):
    with pytest.raises(FormatError, match=f"is not a quality character of {encoding}.*{range_}") as caught:
        list(read_fastq(put(tmp_path, b"hhh", b"h" + character), encoding=encoding))
    assert (caught.value.line, caught.value.record) == (8, "r1")


@pytest.mark.parametrize(
    ("qualities", "encoding", "sure", "possible"),
    [
        (b"#AAFFJ", "phred33", True, ["phred33"]),
        (b":", "phred33", True, ["phred33"]),
        (b"IIIIII", "phred33", False, ["phred33", "phred64", "solexa"]),
        (b"<=>?@AK", "phred33", False, ["phred33", "solexa"]),
        (b";@Bh", "solexa", False, ["phred33", "solexa"]),
        (b"Bbgh", "phred64", False, ["phred33", "phred64", "solexa"]),
        (b"", "phred33", False, ["phred33", "phred64", "solexa"]),
    ],
)
def test_the_guess_is_sure_only_if_no_other_encoding_is_possible(
    qualities, encoding, sure, possible, tmp_path
):
    guess = detect_encoding(put(tmp_path, qualities))
    assert (guess.encoding, guess.sure, list(guess.possible)) == (encoding, sure, possible)
    assert guess.n_records == 1
    assert guess_encoding([qualities]) == guess


def test_no_more_is_read_than_is_needed_or_allowed(tmp_path):
    path = put(tmp_path, *[b"hh"] * 50, b"#h")
    assert detect_encoding(path, n_records=50).encoding == "phred64"
    assert detect_encoding(path).sure


def test_auto_reads_without_a_word_where_it_is_sure(tmp_path):
    records = list(read_fastq(put(tmp_path, b"IIII", b"#III"), encoding="auto"))
    assert [record.encoding for record in records] == ["phred33", "phred33"]


def test_auto_warns_where_it_is_not_sure(tmp_path):
    path = put(tmp_path, b"Bhh", b"h@h")
    with pytest.warns(FormatWarning, match="could be phred33 or phred64 or solexa; taken as phred64") as seen:
        records = list(read_fastq(path, encoding="auto"))
    assert str(path) in str(seen[0].message)
    assert [record.qualities.tolist() for record in records] == [[2, 40, 40], [40, 0, 40]]


def test_auto_does_not_change_its_mind(tmp_path):
    path = put(tmp_path, *[b"hhh"] * 1000, *[b"h" * 50] * 2000, b"#h")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FormatWarning)
        with pytest.raises(FormatError, match="'#' is not a quality character of phred64") as caught:
            list(read_fastq(path, encoding="auto"))
    assert (caught.value.line, caught.value.record) == (12004, "r3000")


def test_a_record_knows_its_scale(tmp_path):
    (record,) = read_fastq(put(tmp_path, b";@h"), encoding="solexa")
    assert record.qualities.tolist() == [-5, 0, 40]
    assert record.phred.tolist() == [1, 3, 40]
    np.testing.assert_allclose(record.error_probabilities, 1 / (1 + 10 ** np.array([-0.5, 0, 4])))


def test_a_record_unpacks_and_compares_by_what_it_says():
    record = FastqRecord("r 1", "ACG", np.array([1, 2, 3], np.uint8))
    name, sequence, qualities = record
    assert (name, sequence, qualities.tolist(), record.id) == ("r 1", "ACG", [1, 2, 3], "r")
    assert record == FastqRecord("r 1", "ACG", '"#$')
    assert record == ("r 1", "ACG", np.array([1, 2, 3]))
    assert record != FastqRecord("r 1", "ACG", np.array([1, 2, 3], np.int8), "solexa")
    assert record != "r 1"


def test_writing_converts_from_the_scale_of_each_record(tmp_path):
    records = [
        FastqRecord("a", "AC", np.array([-5, 40], np.int8), "solexa"),
        FastqRecord("b", "AC", np.array([0, 40], np.uint8), "phred64"),
        ("c", "AC", np.array([2, 40])),
    ]
    write_fastq(tmp_path / "a.fq", records)
    assert [record.qualities.tolist() for record in read_fastq(tmp_path / "a.fq")] == [
        [1, 40],
        [0, 40],
        [2, 40],
    ]
