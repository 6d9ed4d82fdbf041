"""Constraints: their masks are what counting each changed sequence gives, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from genoml.design import (
    GC,
    Avoid,
    Constraint,
    Fixed,
    Keep,
    MostEdits,
    NoRepeat,
    NoRun,
    Origin,
    Translate,
)
from genoml.design.constraints import allowed_changes, counted_after
from genoml.sequence import base_codes, reverse_complement, translate

CONSTRAINTS = [
    Fixed(1, 4),
    Keep([(0, 2), (3, 4, 7)]),
    MostEdits(1),
    MostEdits(4),
    GC(0.3, 0.6),
    GC(0.45, 0.55),
    GC(0.4, 0.6, window=5),
    Avoid(["EcoRI", "GGTC", "CCW"]),
    NoRun(1),
    NoRun(3),
    NoRepeat(2),
    NoRepeat(3),
    NoRepeat(6),
    Translate("MK", start=2),
]


def sequences(length: int, n: int = 40) -> tuple[np.ndarray, Origin]:
    """Random sequences, a third of them of two letters, and what they were made of."""
    rng = np.random.default_rng(length)
    codes = rng.integers(0, 4, (n, length)).astype(np.uint8)
    codes[: n // 3] = rng.integers(0, 2, (n // 3, length))
    start = codes.copy()
    start[:, ::3] = rng.integers(0, 4, start[:, ::3].shape)
    return codes, Origin(start, np.arange(n))


def one(text: str) -> np.ndarray:
    return base_codes([text])


@pytest.mark.parametrize("length", [8, 21])
@pytest.mark.parametrize("constraint", CONSTRAINTS, ids=str)
def test_what_is_wrong_after_a_change_is_counted_of_the_changed_sequence(
    constraint: Constraint, length: int
) -> None:
    codes, origin = sequences(length)
    constraint.check(*codes.shape)
    assert np.array_equal(constraint.after(codes, origin), counted_after(constraint, codes, origin))


def test_a_sequence_that_satisfies_all_has_the_changes_after_which_it_still_does() -> None:
    some = [GC(0.3, 0.7), NoRun(2), Avoid(["GAC"]), NoRepeat(4)]
    codes, origin = sequences(16, 200)
    good = sum(each.count(codes, origin) for each in some) == 0
    assert good.sum() > 10
    codes, origin = codes[good], origin.take(np.flatnonzero(good))
    after = sum(counted_after(each, codes, origin) for each in some)
    change = np.arange(4) != codes[:, :, None]
    assert np.array_equal(allowed_changes(some, codes, origin), (after == 0) & change)


def test_a_sequence_that_violates_one_has_the_changes_that_mend_it_and_break_nothing() -> None:
    codes = one("AAAAAGTC")
    allowed = allowed_changes([NoRun(3), Avoid(["GTC"]), Fixed(0, 2)], codes, Origin.of(codes))[0]
    expected = np.zeros((8, 4), dtype=bool)
    expected[2, 1:] = expected[3, 1:] = True  # the run broken behind the fixed bases
    expected[4, 1:] = True  # which leaves a run of four, less wrong than one of five
    expected[5] = [False, True, False, True]  # the site, but not with an A, which makes the run longer
    expected[6] = [False, True, True, False]  # nor with GAC, which is the site on the other strand
    expected[7] = [True, False, True, True]
    assert np.array_equal(allowed, expected)


def test_sites_are_found_on_both_strands_and_enzymes_by_name() -> None:
    text = "TTGGTCTCAATTTGAGACCTT"
    origin = Origin.of(one(text))
    assert Avoid(["BsaI"]).count(one(text), origin).tolist() == [2]
    assert Avoid(["bsai", "GGTCTC"]).count(one(text), origin).tolist() == [2]
    assert Avoid(["BsaI"]).violations(one(text)) == ["Avoid(BsaI): GGTCTC at 2, GAGACC at 13"]
    assert Avoid(["EcoRI"]).count(one("GAATTC"), Origin.of(one("GAATTC"))).tolist() == [1]


def test_a_repeat_on_the_other_strand_is_one_and_a_palindrome_is_not() -> None:
    word = "GATTACAC"
    for text, repeats in ((word + "T" + word, 1), (word + "T" + str(reverse_complement(word)), 1)):
        assert NoRepeat(8).count(one(text), Origin.of(one(text))).tolist() == [repeats]
    assert NoRepeat(6).count(one("TGAATTCA"), Origin.of(one("TGAATTCA"))).tolist() == [1]  # TGAATT, AATTCA
    assert NoRepeat(6).count(one("CGAATTC"), Origin.of(one("CGAATTC"))).tolist() == [0]


def test_allowed_changes_of_a_gene_are_the_synonymous_ones() -> None:
    codes = one("AATGAAACTGTAA")
    constraint = Translate("MKL*", start=1)
    allowed = constraint.allowed(codes)[0]
    for place, base in np.argwhere(allowed):
        changed = codes[0].copy()
        changed[place] = base
        assert translate(changed[1:]) == "MKL*"
    assert np.argwhere(allowed[1:]).tolist() == [[5, 2], [6, 3], [8, 0], [8, 1], [8, 3], [10, 2], [11, 2]]
    assert constraint.violations(one("AATGAAACCGTAA")) == [
        "Translate(MKL*, start=1): CCG at 7 does not code for L"
    ]


def test_words_tell_what_is_wrong() -> None:
    codes = one("GGGGGGATAT")
    origin = Origin(one("GGGGTTATAT"), np.array([0]))
    told = [
        text
        for each in (Fixed(4, 6), MostEdits(1), GC(0.0, 0.5), GC(0.2, 0.8, window=5), NoRun(5), NoRepeat(3))
        for text in each.violations(codes, origin)
    ]
    assert told == [
        "Fixed(4, 6): bases that are to stay differ from the start",
        "MostEdits(1): has more edits",
        "GC(0, 0.5): has 0.6",
        "GC(0.2, 0.8, window=5): has 0.2 to 1",
        "NoRun(5): GGGGGG at 0",
        "NoRepeat(3): ATA at 6 occurs again",
    ]
    assert NoRun(8).violations(codes) == [""]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Fixed(3, 3).check(2, 10), r"Fixed\(3, 3\) expects positions within 0 to 10"),
        (lambda: Keep([(8, 12)]).check(2, 10), "expects positions within 0 to 10"),
        (lambda: Keep([(2, 1, 3)]).check(2, 10), "expects a sequence from 0 to 1"),
        (lambda: Keep([(1,)]).check(2, 10), "Keep expects"),
        (lambda: GC(0.51, 0.54).check(2, 10), "a whole number of bases between them"),
        (lambda: GC(0.4, 0.6, window=11).check(2, 10), "a window of at most 10 bp"),
        (lambda: GC(0.4, 1.6), "GC expects 0 <= high <= 1"),
        (lambda: NoRun(0), "NoRun expects longest >= 1"),
        (lambda: NoRepeat(24), "at most 23"),
        (lambda: Avoid(["BsaJJI"]), "no enzyme is named 'BsaJJI'; did you mean BsaI"),
        (lambda: Avoid(["Qqq"]), "no enzyme is named 'Qqq'; give its site"),
        (lambda: Translate("MKV").check(1, 8), "whose codons end within 8 bases, got 9"),
        (lambda: Translate("MOK"), "expects amino acids of genetic code 1, got 'O' at 1"),
    ],
)
def test_what_constraints_refuse(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator]


def test_one_site_in_place_of_a_list_is_refused() -> None:
    with pytest.raises(TypeError, match=r"a list of sites, got 'BsaI'"):
        Avoid("BsaI")
