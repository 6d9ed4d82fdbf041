from __future__ import annotations

import numpy as np
import pytest

from genoml import quality_encode
from genoml.io import FastqRecord
from genoml.sequence import batch_encode


def test_a_base_is_right_with_its_probability_and_wrong_in_equal_shares(backend):
    y = backend.to_numpy(quality_encode(["ACGT"], [[10, 20, 0, 93]]))
    p = 10 ** (-np.array([10, 20, 0, 93]) / 10)
    expected = np.where(np.eye(4, dtype=bool), 1 - p[:, None], p[:, None] / 3)[None]
    np.testing.assert_allclose(y, expected, rtol=1e-6)
    np.testing.assert_allclose(y.sum(axis=-1), 1, rtol=1e-6)


def test_every_score_gives_its_probability_in_double_precision():
    scores = np.arange(94)
    y = quality_encode(["C" * 94], [scores], dtype="float64", backend="numpy")
    p = 10 ** (-scores / 10)
    assert y.dtype == np.float64
    np.testing.assert_allclose(y[0], np.stack([p / 3, 1 - p, p / 3, p / 3], axis=1), rtol=1e-14, atol=1e-16)


def test_the_result_is_float32_on_the_default_backend(backend):
    y = quality_encode(["ACGT"], [[1, 2, 3, 4]])
    backend.check(y, "the result")
    assert y.dtype == backend.dtype("float32")


@pytest.mark.parametrize("policy", ["zero", "uniform", "iupac"])
def test_ambiguous_bases_follow_the_policy_whatever_their_quality(backend, policy):
    expected = backend.to_numpy(batch_encode(["NRB"], ambiguous=policy))
    for score in (0, 2, 40):
        y = quality_encode(["NRB"], [[score] * 3], ambiguous=policy)
        np.testing.assert_array_equal(backend.to_numpy(y), expected)


def test_ambiguous_bases_may_be_an_error():
    with pytest.raises(ValueError, match="ambiguous letter 'N' at position 1 of sequence 0"):
        quality_encode(["AN"], [[1, 1]], ambiguous="error")


@pytest.mark.parametrize("pad", ["left", "right", "both"])
def test_reads_of_different_lengths_are_padded_with_zero_rows(backend, pad):
    y = backend.to_numpy(quality_encode(["ACG", "T"], [[10, 20, 30], [10]], pad=pad, length=5))
    plain = backend.to_numpy(batch_encode(["ACG", "T"], pad=pad, length=5))
    assert y.shape == (2, 5, 4)
    np.testing.assert_array_equal(y.sum(axis=-1) > 0, plain.sum(axis=-1) > 0)
    np.testing.assert_allclose(y[plain == 1], 1 - 10 ** (-np.array([10, 20, 30, 10]) / 10), rtol=1e-6)


def test_scores_too_good_to_matter_give_the_one_hot_array(backend):
    y = backend.to_numpy(quality_encode(["ACGT"] * 2, np.full((2, 4), 93)))
    np.testing.assert_allclose(y, backend.to_numpy(batch_encode(["ACGT"] * 2)), atol=1e-9)


def test_codes_and_records_are_taken():
    record = FastqRecord("r", "ACg", "+5!")
    from_record = quality_encode([record.sequence], [record.phred], backend="numpy")
    from_codes = quality_encode(np.array([[0, 1, 2]], np.uint8), [[10, 20, 0]], backend="numpy")
    np.testing.assert_array_equal(from_record, from_codes)


def test_an_empty_batch_has_the_length_asked_for(backend):
    assert tuple(quality_encode([], [], length=7).shape) == (0, 7, 4)


@pytest.mark.parametrize(
    ("qualities", "message"),
    [
        ([[1, 2]], "expects one quality for each of the 3 bases of sequence 0, got shape .2,."),
        ([[1, 2, 3], [1]], "expects qualities for each of 1 sequences, got 2"),
        ([[1, 2, 94]], "Phred scores run from 0 to 93, got 1 to 94 for sequence 0"),
        ([[-1, 2, 3]], "Phred scores run from 0 to 93, got -1 to 3"),
    ],
)
def test_qualities_that_do_not_fit_are_refused(qualities, message):
    with pytest.raises(ValueError, match=message):
        quality_encode(["ACG"], qualities)


def test_qualities_that_are_no_integers_are_refused():
    with pytest.raises(TypeError, match="expects integer qualities, got float64 for sequence 0"):
        quality_encode(["ACG"], [[0.1, 0.2, 0.3]])
