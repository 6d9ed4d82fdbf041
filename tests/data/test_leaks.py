"""Sequences in two data sets are found, whatever their padding and strand, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml.data import (
    CodeRows,
    SequenceData,
    duplicate_groups,
    k_folds,
    refuse_leaks,
    shared_sequences,
    without_shared,
)
from genoml.sequence import base_codes, reverse_complement

SHORT = st.lists(st.text("ACGTN", min_size=1, max_size=4), min_size=1, max_size=12)


def labelled(letters: list[str], length: int | None = None, prefix: str = "s") -> SequenceData:
    codes = base_codes(letters, pad="both", length=length)
    names = np.array([f"{prefix}{i}" for i in range(len(letters))], dtype=object)
    return SequenceData(codes, np.zeros((len(letters), 1), np.float32), names=names)


@settings(max_examples=60, deadline=None)
@given(SHORT, SHORT, st.booleans())
def test_what_is_shared_is_what_a_comparison_of_letters_says(
    first: list[str], second: list[str], both_strands: bool
) -> None:
    found = shared_sequences(labelled(first), labelled(second, 9), both_strands=both_strands)

    def same(a: str, b: str) -> bool:
        return a == b or (both_strands and a == reverse_complement(b))

    assert found.first.tolist() == [i for i, a in enumerate(first) if any(same(a, b) for b in second)]
    assert all(same(first[a], second[b]) for a, b in zip(found.first, found.second, strict=True))
    assert found.n_first == len(found.first)
    assert found.n_second == sum(any(same(a, b) for a in first) for b in second)


def test_the_report_names_the_first_few() -> None:
    train = labelled(["ACGTTA", "CCCCCC", "GGATCA", "CCCCCC"], prefix="train")
    test = labelled(["TGATCC", "CCCCCC", "AAAAAA"], prefix="test")
    found = shared_sequences(test, train)
    assert found.names == [("test0", "train2"), ("test1", "train1")]
    assert (found.n_first, found.n_second) == (2, 3)
    assert str(found) == "2 example(s) of the first set stand in the second: test0 = train2; test1 = train1"
    with pytest.raises(ValueError, match=r"but 2 of set 2 stand in set 0: test0 = train2; test1 = train1"):
        refuse_leaks(train, labelled(["ACACAC"]), test)
    kept = without_shared(test, train)
    assert kept.name_of(0) == "test2"
    refuse_leaks(train, kept)


def test_plain_and_lazy_codes_are_compared_as_well() -> None:
    codes = np.random.default_rng(0).integers(0, 4, (3000, 20), dtype=np.uint8)
    found = shared_sequences(codes[:2000], CodeRows(codes, np.arange(1990, 3000)))
    assert found.first.tolist() == list(range(1990, 2000))
    assert found.second.tolist() == list(range(10))
    assert found.names[0] == ("example 1990", "example 0")
    assert shared_sequences(codes, codes[:0]).n_first == 0


def test_groups_of_duplicates_keep_them_on_one_side() -> None:
    letters = ["ACGTTA", "CCCCCC", "GGATCA", "GGGGGG", "TAACGT", "ATATAC", "TTTTTA"]
    data = labelled(letters)
    groups = duplicate_groups(data)
    assert groups[0] == groups[4]
    assert groups[1] == groups[3]
    assert len(set(groups)) == 5
    assert len(set(duplicate_groups(data, both_strands=False))) == 7
    grouped = SequenceData(data.codes, data.targets, groups)
    for rest, held in k_folds(grouped, 3, by="group"):
        refuse_leaks(rest, held)
