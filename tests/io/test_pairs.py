from __future__ import annotations

import pytest

from genoml.io import FormatError, read_pairs
from genoml.io.pairs import are_mates


def put(path, *names: str):
    path.write_text("".join(f"@{name}\nACGT\n+\nIIII\n" for name in names))
    return path


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("r", "r"),
        ("r/1", "r/2"),
        ("r/1 words", "r/2 other words"),
        ("r 1:N:0:ACGT", "r 2:N:0:ACGT"),
        ("r 1:Y:18:ACGT+TTTT", "r 2:N:0:ACGT+TTTT"),
        ("SRR1.1 HWI:1 length=100", "SRR1.1 HWI:1 length=100"),
    ],
)
def test_names_of_a_pair(first, second):
    assert are_mates(first, second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("r", "s"),
        ("r1", "r2"),
        ("r.1", "r.2"),
        ("r/2", "r/1"),
        ("r/1", "r/1"),
        ("r/1", "r"),
        ("r 1:N:0:A", "r 1:N:0:A"),
        ("r 2:N:0:A", "r 1:N:0:A"),
        ("r 1:N:0:A", "s 2:N:0:A"),
    ],
)
def test_names_of_no_pair(first, second):
    assert not are_mates(first, second)


def test_two_files_are_read_together(tmp_path):
    pairs = read_pairs(put(tmp_path / "1.fq", "a/1", "b/1"), put(tmp_path / "2.fq", "a/2", "b/2"))
    assert [(one.name, two.name) for one, two in pairs] == [("a/1", "a/2"), ("b/1", "b/2")]


def test_an_interleaved_file_is_read_in_twos(tmp_path):
    pairs = read_pairs(put(tmp_path / "a.fq", "a/1", "a/2", "b/1", "b/2"))
    assert [(one.name, two.name) for one, two in pairs] == [("a/1", "a/2"), ("b/1", "b/2")]


@pytest.mark.parametrize(("names", "others"), [(["a", "b"], ["a"]), (["a"], ["a", "b"])])
def test_files_of_different_numbers_of_reads_are_refused_by_both_names(names, others, tmp_path):
    one, two = put(tmp_path / "1.fq", *names), put(tmp_path / "2.fq", *others)
    with pytest.raises(
        FormatError, match=r"the file ends after 1 reads, and .* goes on; expects as many"
    ) as caught:
        list(read_pairs(one, two))
    assert str(one) in str(caught.value)
    assert str(two) in str(caught.value)
    assert caught.value.path == str(one if len(names) < len(others) else two)
    assert caught.value.line == 4


def test_an_odd_number_of_interleaved_reads_is_refused(tmp_path):
    with pytest.raises(FormatError, match="line 9, record b: the last read has no second one"):
        list(read_pairs(put(tmp_path / "a.fq", "a", "a", "b")))


def test_reads_out_of_step_are_refused_by_both_names(tmp_path):
    one, two = put(tmp_path / "1.fq", "a", "b"), put(tmp_path / "2.fq", "a", "c")
    with pytest.raises(
        FormatError, match=r"line 5, record b: pair 2 has the names 'b' and 'c', the second in .*2\.fq"
    ):
        list(read_pairs(one, two))


def test_standard_input_is_not_both_files():
    with pytest.raises(ValueError, match=r"both reads of a pair cannot come from standard input"):
        read_pairs("-", "-")


@pytest.mark.parametrize("interleaved", [True, False])
def test_names_that_are_no_pair_are_refused_with_the_line_also_if_others_have_the_name(tmp_path, interleaved):
    first, second = "@a\nAC\nGT\n+\n@@>>\n@a\nAC\n+\nII\n", "@a\nAC\n+\nII\n@b\nAC\n+\nII\n"
    (tmp_path / "1.fq").write_text(first + (second if interleaved else ""))
    (tmp_path / "2.fq").write_text(second)
    others = [] if interleaved else [tmp_path / "2.fq"]
    with pytest.raises(FormatError, match="pair 2 has the names 'a' and 'b'") as raised:
        list(read_pairs(tmp_path / "1.fq", *others))
    assert raised.value.line == (10 if interleaved else 6)
