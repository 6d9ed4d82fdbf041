"""Checks of labelled sequences say what is wrong with them, and nothing of data that are sound."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from genoml.data import CodeRows, NamedSequences, SequenceData, ShuffledNegatives
from genoml.data.checks import check_evaluated, check_split, check_windows
from genoml.data.leaks import sequence_hashes
from genoml.data.traits import TrainedOn, Traits
from genoml.sequence import decode, reverse_complement
from genoml.sequence.intervals import Intervals

RNG = np.random.default_rng(0)


def random_letters(count: int, length: int, gc: float = 0.5) -> list[str]:
    shares = [(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2]
    return decode(RNG.choice(4, (count, length), p=shares).astype(np.uint8))


def named(letters: list[str], prefix: str) -> NamedSequences:
    return NamedSequences(f"{prefix}.fa", [f"{prefix}{i} of a file" for i in range(len(letters))], letters)


def traits(positives: list[str], negatives: list[str], *, both_strands: bool = True) -> Traits:
    return Traits.of_files(named(positives, "p"), named(negatives, "n"), both_strands=both_strands)


def test_sound_data_get_no_warning() -> None:
    training = traits(random_letters(100, 50), random_letters(100, 50))
    validation = traits(random_letters(20, 50), random_letters(20, 50))
    assert check_split(training, validation) == {}
    assert check_evaluated(validation, TrainedOn(training.hashes)) == {}
    assert check_evaluated(validation, None) == {}


def test_copies_on_either_strand_are_counted_and_the_first_is_named() -> None:
    letters = random_letters(40, 30)
    held = [random_letters(1, 30)[0], letters[3], reverse_complement(letters[7])]
    training = traits(letters[:20], letters[20:])
    validation = traits(held, random_letters(3, 30))
    assert check_split(training, validation) == {
        "copies": "2 of 6 validation sequences (p1 is the first) are copies of training sequences; "
        "scores in validation are too high"
    }
    one_strand = traits(letters[:20], letters[20:], both_strands=False)
    validation = traits(held, random_letters(3, 30), both_strands=False)
    assert check_split(one_strand, validation)["copies"].startswith("1 of 6 validation sequences (p1 ")
    assert check_split(one_strand, validation, skip=["copies"]) == {}


def test_sequences_that_were_trained_on_are_counted_whatever_their_padding_and_case() -> None:
    known = random_letters(30, 40)
    trained = TrainedOn(sequence_hashes(traits_codes(known, 64)))
    new = traits([known[4].lower(), *random_letters(2, 25)], [known[9], reverse_complement(known[5])])
    assert check_evaluated(new, trained) == {
        "trained": "3 of 5 sequences (p0 is the first) were in the data of the training; "
        "the scores say little about new sequences"
    }
    assert check_evaluated(new, trained, skip=["trained"]) == {}


def traits_codes(letters: list[str], length_bp: int) -> np.ndarray:
    return named(letters, "p").codes(length_bp)


def test_a_sequence_in_both_classes_is_said_within_and_across_the_parts() -> None:
    letters = random_letters(40, 30)
    line = "3 of 42 sequences (p0 is the first) stand in both classes"
    assert check_evaluated(traits(letters[:20], [*letters[20:], letters[0], letters[0]]), None) == {
        "classes": line
    }
    training = traits(letters[:20], letters[20:])
    validation = traits(random_letters(1, 30), [reverse_complement(letters[0])])
    found = check_split(training, validation)
    assert found["classes"] == "2 of 42 sequences (p0 is the first) stand in both classes"
    assert list(found) == ["copies", "classes"]


def test_length_alone_is_said_with_its_auroc_in_either_direction() -> None:
    short, long = random_letters(50, 60), random_letters(50, 100)
    line = "positives are 60 bp, negatives 100 bp in the median: the length alone tells them apart (AUROC 1.0000)"
    assert check_evaluated(traits(short, long), None) == {"length": line}
    assert check_evaluated(traits(long, short), None)["length"].startswith("positives are 100 bp")
    assert check_evaluated(traits(short, long), None, skip=["length"]) == {}
    codes = np.concatenate([traits_codes(part, 100) for part in (short, long)])
    targets = np.repeat([1.0, 0.0], 50).astype(np.float32)[:, None]
    data = Traits.of_data(SequenceData(codes, targets))
    assert check_split(data, data)["length"] == line


def test_gc_content_alone_is_said_with_its_auroc() -> None:
    found = check_evaluated(traits(random_letters(50, 100, gc=0.7), random_letters(50, 100, gc=0.4)), None)
    assert list(found) == ["gc"]
    assert "negatives 40." in found["gc"] or "negatives 39." in found["gc"]
    assert found["gc"].endswith("% in the median: the GC content alone tells them apart (AUROC 1.0000)")
    rows = traits(["N" * 40, *random_letters(50, 40)], random_letters(51, 40))
    assert np.isnan(rows.gc[0])
    assert check_evaluated(rows, None) == {}, "a sequence without a base has no GC content"


def test_what_chance_explains_in_few_sequences_is_not_said() -> None:
    assert check_evaluated(traits(random_letters(3, 60), random_letters(3, 61)), None) == {}
    assert list(check_evaluated(traits(random_letters(9, 60), random_letters(9, 61)), None)) == ["length"]


def test_codes_read_on_demand_have_the_traits_of_the_array_and_hashes_do_not_depend_on_width() -> None:
    codes = RNG.integers(0, 4, (50, 30), dtype=np.uint8)
    targets = np.zeros((50, 1), np.float32)
    plain, lazy = (Traits.of_data(SequenceData(each, targets)) for each in (codes, CodeRows(codes)))
    letters = traits(decode(codes), random_letters(1, 400))
    for name in ("hashes", "length_bp", "gc"):
        np.testing.assert_array_equal(getattr(plain, name), getattr(lazy, name))
        np.testing.assert_array_equal(getattr(plain, name), getattr(letters, name)[:50])


def test_no_sequences_have_no_traits_and_no_warnings() -> None:
    none = Traits.of_data(SequenceData(np.zeros((0, 5), np.uint8), np.zeros((0, 1), np.float32)))
    assert len(none) == 0
    assert check_split(none, none) == {}


@pytest.mark.parametrize("escape", ["\x1b[2J", "\u2028"])
def test_a_name_cannot_write_to_the_terminal(escape: str) -> None:
    letters = random_letters(1, 30)
    rows = Traits.of_files(NamedSequences("a", [f"a{escape}b"], letters), named(letters, "n"))
    line = check_evaluated(rows, None)["classes"]
    assert line.isprintable()


def test_the_checks_of_twenty_thousand_sequences_take_less_than_a_second() -> None:
    codes = RNG.integers(0, 4, (20_000, 200), dtype=np.uint8)
    data = SequenceData(codes, (np.arange(20_000) % 2).astype(np.float32)[:, None])
    seconds = []
    for _ in range(3):
        start = time.process_time()
        parts = [Traits.of_data(data.take(np.arange(*ends))) for ends in ((0, 18_000), (18_000, 20_000))]
        check_split(*parts)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 1.0


def windows(*starts: int, length_bp: int = 20) -> Intervals:
    return Intervals(["chr1"] * len(starts), starts, np.add(starts, length_bp))


def placed(places: Intervals) -> SequenceData:
    codes = RNG.integers(0, 4, (len(places), int(places.length_bp[0])), dtype=np.uint8)
    return SequenceData(codes, np.ones((len(places), 1), np.float32), intervals=places)


def test_windows_that_lie_in_training_windows_by_half_are_counted_and_shuffles_are_not() -> None:
    training = placed(windows(0, 100))
    assert check_windows(training, placed(windows(20, 111, 200))) == {}
    found = check_windows(training, placed(windows(111, 110, 90)))
    assert found["overlap"].startswith(
        "2 of 3 validation windows (chr1:110-130 is the first) share half their bases"
    )
    assert check_windows(training, replace(placed(windows(100)), intervals=None)) == {}
    shuffled = ShuffledNegatives.of(training.codes)
    both = replace(shuffled, intervals=training.intervals[shuffled.source.rows])
    assert check_windows(both.take([0, 1]), both.take([2, 3])) == {}
    assert check_windows(both.take([0, 1]), both.take([1, 2])).keys() == {"overlap"}


def test_windows_near_those_of_the_training_are_counted_whatever_their_length() -> None:
    parts = [placed(windows(0, 100)), placed(windows(500))]
    known = TrainedOn.of_parts(parts, [Traits.of_data(part).hashes for part in parts])
    known = TrainedOn.from_arrays(known.arrays())
    new = placed(windows(85, 104, 505, 900, length_bp=30))
    found = check_evaluated(Traits.of_data(new), known, new)
    assert found == {
        "overlap": "3 of 4 windows (chr1:85-115 is the first) share half their bases or more with windows of the "
        "training; the scores say little about new sequences"
    }
    assert check_evaluated(Traits.of_data(new), known, new, skip=["overlap"]) == {}
    again = check_evaluated(Traits.of_data(parts[0]), known, parts[0])
    assert again.keys() == {"trained"}, "the same windows are counted once"
    shuffled = ShuffledNegatives.of(new.codes)
    both = replace(shuffled, intervals=new.intervals[shuffled.source.rows])
    assert check_evaluated(Traits.of_data(both), known, both)["overlap"].startswith(
        "3 of 8 windows (chr1:85-115 "
    )
    assert TrainedOn.of_parts([replace(parts[0], intervals=None)], [known.hashes]).windows is None


def test_a_mark_for_missing_values_among_numbers_is_said_and_skewed_numbers_are_not() -> None:
    values = RNG.normal(size=(60, 2))
    values[[7, 30], 1] = -999.0
    numbers = SequenceData(RNG.integers(0, 4, (60, 30), dtype=np.uint8), values.astype(np.float32))
    found = check_evaluated(Traits.of_data(numbers, "numbers"), None)
    assert found["outliers"].startswith("target 1: 2 of 60 values (-999 is the first) lie ")
    assert check_evaluated(Traits.of_data(numbers, "numbers"), None, skip=["outliers"]) == {}
    skewed = replace(numbers, targets=np.exp(2 * RNG.normal(size=(60, 1))).astype(np.float32))
    constant = replace(numbers, targets=np.eye(60, 1, dtype=np.float32))
    for sound in (skewed, constant):
        assert "outliers" not in check_evaluated(Traits.of_data(sound, "numbers"), None)
