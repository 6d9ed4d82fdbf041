from __future__ import annotations

import pickle

import pytest

from genoml.io import FormatError


def test_message_is_one_line_with_path_line_record_fault_and_advice():
    error = FormatError("gap '-'", path="a.fa", line=7, record="chr1", fix="remove it")
    assert str(error) == "a.fa, line 7, record chr1: gap '-'; remove it"
    assert (error.path, error.line, error.record) == ("a.fa", 7, "chr1")


def test_what_is_unknown_is_left_out():
    error = FormatError("the file is empty", path="a.fa")
    assert str(error) == "a.fa: the file is empty"
    assert (error.line, error.record) == (None, None)


def test_it_is_a_value_error():
    with pytest.raises(ValueError, match=r"a\.fa: wrong"):
        raise FormatError("wrong", path="a.fa")


def test_long_and_unprintable_names_are_shown_on_one_line():
    message = str(FormatError("wrong", path="a.fa", line=1, record="x\n\x1b" + "y" * 500))
    assert message.startswith(r"a.fa, line 1, record x\n\x1byyy")
    assert len(message) < 100


def test_it_crosses_process_boundaries():
    error = FormatError("gap", path="a.fa", line=7, record="chr1", fix="remove it")
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.path, copy.line, copy.record) == (str(error), "a.fa", 7, "chr1")
