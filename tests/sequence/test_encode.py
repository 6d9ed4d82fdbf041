from __future__ import annotations

import numpy as np
import pytest

from genoml.backend import get_backend
from genoml.sequence import base_codes, batch_encode, one_hot, one_hot_encode

ROWS = {
    "zero": {"R": [0, 0, 0, 0], "B": [0, 0, 0, 0], "N": [0, 0, 0, 0]},
    "uniform": {"R": [0.25] * 4, "B": [0.25] * 4, "N": [0.25] * 4},
    "iupac": {"R": [0.5, 0, 0.5, 0], "B": [0, 1 / 3, 1 / 3, 1 / 3], "N": [0.25] * 4},
}


def test_bases_become_unit_rows_in_the_order_acgt(backend):
    x = one_hot_encode("ACGT")
    assert x.shape == (4, 4)
    np.testing.assert_array_equal(backend.to_numpy(x), np.eye(4))


def test_the_default_is_float32_on_the_default_backend(backend):
    x = batch_encode(["ACGT"])
    backend.check(x, "the result")
    assert x.dtype == backend.dtype("float32")


def test_lower_case_and_rna_are_encoded_alike(backend):
    x = backend.to_numpy(batch_encode(["ACGT", "acgu"]))
    np.testing.assert_array_equal(x[0], x[1])


@pytest.mark.parametrize("policy", ROWS)
def test_ambiguous_bases_follow_the_policy(backend, policy):
    x = backend.to_numpy(one_hot_encode("".join(ROWS[policy]), ambiguous=policy))
    np.testing.assert_allclose(x, list(ROWS[policy].values()), rtol=1e-7)


@pytest.mark.parametrize("policy", ["zero", "uniform", "iupac"])
def test_padding_is_zero_under_every_policy(backend, policy):
    x = backend.to_numpy(batch_encode(["A", "ACG"], pad="right", ambiguous=policy))
    np.testing.assert_array_equal(x[0], [[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])


def test_error_names_letter_sequence_and_position():
    with pytest.raises(ValueError, match="ambiguous letter 'R' at position 2 of sequence 1"):
        batch_encode(["ACGT", "ACrN"], ambiguous="error")


def test_error_of_one_sequence_names_letter_and_position():
    with pytest.raises(ValueError, match="ambiguous letter 'N' at position 3 of sequence 0"):
        one_hot_encode("ACGN", ambiguous="error")


def test_error_takes_padding_and_plain_bases(backend):
    x = batch_encode(["AC", "ACG"], pad="left", ambiguous="error")
    assert backend.to_numpy(x).sum() == 5


def test_error_is_raised_for_codes_on_the_device(backend):
    codes = backend.asarray(np.array([[0, 1], [2, 14]], dtype=np.int32))
    with pytest.raises(ValueError, match="ambiguous letter 'N' at position 1 of sequence 1"):
        one_hot(codes, ambiguous="error")


@pytest.mark.parametrize("function", [one_hot_encode, lambda s, **kw: batch_encode([s], **kw)])
def test_unknown_policy_is_refused(function):
    with pytest.raises(ValueError, match="ambiguous expects one of zero, uniform, iupac, error, got 'skip'"):
        function("ACGT", ambiguous="skip")


@pytest.mark.parametrize("dtype", ["uint8", "int32"])
def test_host_codes_are_moved_to_the_device(backend, dtype):
    codes = np.array([[0, 3], [2, 15], [1, 1]], dtype=dtype)
    x = one_hot(codes)
    backend.check(x, "the result")
    expected = np.vstack([np.eye(4), np.zeros((12, 4))])[codes]
    np.testing.assert_array_equal(backend.to_numpy(x), expected)


def test_device_codes_stay_on_their_device(backend):
    codes = backend.asarray(np.array([[0, 3, 2]], dtype=np.int32))
    x = one_hot(codes, backend=backend)
    backend.check(x, "the result")
    np.testing.assert_array_equal(backend.to_numpy(x)[0], np.eye(4)[[0, 3, 2]])


def test_read_only_codes_are_taken(backend):
    codes = np.array([[0, 1]], dtype=np.uint8)
    codes.flags.writeable = False
    assert one_hot(codes).shape == (1, 2, 4)


def test_codes_that_are_not_contiguous_are_taken(backend):
    codes = np.arange(12, dtype=np.uint8).reshape(3, 4) % 4
    x = backend.to_numpy(one_hot(codes.T[::2]))
    np.testing.assert_array_equal(np.argmax(x, axis=-1), codes.T[::2])


@pytest.mark.parametrize("shape", [(0, 5), (3, 0), (0, 0), (0,), ()])
def test_any_shape_gains_a_last_axis_of_four(backend, shape):
    assert tuple(one_hot(np.zeros(shape, dtype=np.uint8)).shape) == (*shape, 4)


def test_empty_batch_has_the_length_asked_for(backend):
    assert tuple(batch_encode([], length=9).shape) == (0, 9, 4)


def test_empty_sequence_has_no_rows(backend):
    assert tuple(one_hot_encode("").shape) == (0, 4)


def test_codes_are_encoded_like_their_letters(backend):
    letters = ["ACGTN", "NNRYK"]
    codes = base_codes(letters)
    expected = backend.to_numpy(batch_encode(letters, ambiguous="iupac"))
    np.testing.assert_array_equal(backend.to_numpy(batch_encode(codes, ambiguous="iupac")), expected)
    np.testing.assert_array_equal(backend.to_numpy(one_hot_encode(codes[1], ambiguous="iupac")), expected[1])


def test_float64_is_given_when_asked_for():
    assert batch_encode(["ACGT"], dtype="float64", backend="numpy").dtype == np.float64


def test_backend_may_be_an_object():
    assert isinstance(one_hot_encode("A", backend=get_backend("numpy")), np.ndarray)


def test_result_of_numpy_can_be_written_to():
    assert one_hot_encode("ACGT", backend="numpy").flags.writeable


@pytest.mark.parametrize("codes", [np.array([16], np.uint8), np.array([-1], np.int64)])
def test_host_code_out_of_range_is_refused(codes):
    with pytest.raises(ValueError, match="base codes run from 0 to 15, got"):
        one_hot(codes)


def test_floating_codes_are_refused():
    with pytest.raises(TypeError, match="one_hot expects integer base codes, got an array of float64"):
        one_hot(np.zeros(3))


def test_list_in_place_of_codes_is_refused():
    with pytest.raises(TypeError, match="one_hot is on backend numpy and expects its arrays, got list"):
        one_hot([0, 1], backend="numpy")


def test_list_in_place_of_one_sequence_is_refused():
    with pytest.raises(TypeError, match=r"expects one sequence .* got list; for many, use batch_encode"):
        one_hot_encode(["ACGT"])


def test_illegal_letter_is_named():
    with pytest.raises(ValueError, match="letter 'E' at position 1 of sequence 1"):
        batch_encode(["ACGT", "AEGT"])


def test_ragged_batch_is_refused():
    with pytest.raises(ValueError, match=r"shortest has 1 bases \(sequence 1\)"):
        batch_encode(["ACGT", "A"])


def test_alphabet_is_passed_on():
    with pytest.raises(ValueError, match="letter 'U'"):
        one_hot_encode("ACGU", alphabet="DNA")


def test_the_batch_transposes_to_channels_first():
    assert batch_encode(["ACG", "TTT"], backend="numpy").transpose(0, 2, 1).shape == (2, 4, 3)
