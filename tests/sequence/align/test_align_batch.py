"""Scores of many pairs against the alignments of one pair each, on every backend."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml.backend import Backend
from genoml.sequence import align, align_scores

RULES = [
    ("global", "both"),
    ("local", "both"),
    ("semiglobal", "both"),
    ("semiglobal", "a"),
    ("semiglobal", "b"),
]
LENGTHS = [(0, 0), (0, 3), (4, 0), (1, 1), (9, 4), (4, 9), (17, 60), (40, 38), (60, 1), (2, 2)]


def random_pairs(lengths: list[tuple[int, int]], letters: str, seed: int) -> tuple[list[str], list[str]]:
    rng = np.random.default_rng(seed)
    both = [tuple("".join(rng.choice(list(letters), n)) for n in pair) for pair in lengths]
    return [pair[0] for pair in both], [pair[1] for pair in both]


@pytest.mark.parametrize(("mode", "overhang"), RULES)
def test_scores_on_every_backend_equal_those_of_align(mode: str, overhang: str, backend: Backend) -> None:
    queries, targets = random_pairs(LENGTHS, "ACGTN", 1)
    found = align_scores(queries, targets, mode, overhang=overhang, gap_open=5)
    assert backend.owns(found)
    assert found.dtype == backend.dtype("int32")
    expected = [
        align(*pair, mode, overhang=overhang, gap_open=5).score for pair in zip(queries, targets, strict=True)
    ]
    assert backend.to_numpy(found).tolist() == expected


def test_decimals_give_float32(backend: Backend) -> None:
    queries, targets = random_pairs(LENGTHS, "ARNDCEQGHILK", 2)
    options = {"matrix": "BLOSUM62", "gap_open": 10, "gap_extend": 0.5}
    found = align_scores(queries, targets, **options)
    assert found.dtype == backend.dtype("float32")
    expected = [align(*pair, **options).score for pair in zip(queries, targets, strict=True)]
    assert backend.to_numpy(found).tolist() == expected


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.text("AC", max_size=70), st.text("ACG", max_size=70)), max_size=6),
    st.sampled_from(RULES),
    st.integers(0, 4),
    st.integers(0, 6),
    st.sampled_from([(1, -1), (5, -4), (0, -2), (2, 1)]),
    st.sampled_from([None, 1, 3]),
)
def test_random_batches_equal_align(
    pairs: list[tuple[str, str]],
    rule: tuple[str, str],
    extend: int,
    extra: int,
    numbers: tuple[int, int],
    pairs_at_once: int | None,
) -> None:
    options = {"matrix": numbers, "gap_open": extend + extra, "gap_extend": extend, "overhang": rule[1]}
    queries, targets = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    found = align_scores(queries, targets, rule[0], **options, pairs_at_once=pairs_at_once, backend="numpy")
    assert found.tolist() == [align(*pair, rule[0], **options).score for pair in pairs]


def test_many_computations_come_back_in_order() -> None:
    queries, targets = random_pairs([(n % 23, (7 * n) % 31) for n in range(200)], "ACGT", 3)
    whole = align_scores(queries, targets, pairs_at_once=200, backend="numpy")
    for pairs_at_once in (None, 1, 7):
        found = align_scores(queries, targets, pairs_at_once=pairs_at_once, backend="numpy")
        np.testing.assert_array_equal(found, whole)


def test_no_pairs_give_no_scores(backend: Backend) -> None:
    found = align_scores([], [])
    assert found.shape == (0,)
    assert found.dtype == backend.dtype("int32")


def test_an_asymmetric_matrix_keeps_its_sides() -> None:
    pairs = {("A", "A"): 1, ("C", "C"): 1, ("A", "C"): 5, ("C", "A"): -5}
    options = {"matrix": pairs, "gap_open": 9, "gap_extend": 9, "backend": "numpy"}
    assert align_scores(["AA", "CCC"], ["CCC", "AA"], "local", **options).tolist() == [10, 0]


@pytest.mark.parametrize(
    ("queries", "targets", "options", "message"),
    [
        (["A"], ["A", "C"], {}, "one target a query, got 1 queries and 2 targets"),
        (["AC", "AJ"], ["A", "C"], {"matrix": "NUC.4.4"}, "query 1 has 'J' at position 1"),
        (["A"], ["A"], {"mode": "free"}, "mode expects"),
        (["A"], ["A"], {"pairs_at_once": 0}, "pairs_at_once expects 1 or more, got 0"),
        (
            ["A" * 400],
            ["A" * 400],
            {"matrix": (1e6, 0), "gap_open": 1, "gap_extend": 1},
            "counts to 134217727",
        ),
    ],
)
def test_refusals(queries: list[str], targets: list[str], options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        align_scores(queries, targets, **options)


def test_one_sequence_in_place_of_a_list_is_refused() -> None:
    with pytest.raises(TypeError, match="queries expects a list of sequences, got one str"):
        align_scores("ACGT", ["ACGT"])
