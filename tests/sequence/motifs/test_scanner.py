from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from genoml.backend import Backend
from genoml.io import jaspar_motifs
from genoml.sequence import PWM, MotifHits, MotifScanner, base_codes, reverse_complement

Row = tuple[int, int, int, int, str]


def random_pwm(seed: int, width: int) -> PWM:
    return PWM.from_counts(np.random.default_rng(seed).integers(0, 12, (width, 4)), pseudocount=0.5)


def random_letters(seed: int, length: int, letters: str = "ACGT") -> str:
    return "".join(np.random.default_rng(seed).choice(list(letters), length))


def rows(hits: MotifHits) -> list[Row]:
    columns = (hits.sequence, hits.start, hits.motif, hits.end, hits.strand)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def hits_of_each(bank: list[PWM], sequences: list[str], **options: object) -> list[Row]:
    found = []
    for m, pwm in enumerate(bank):
        found += [(h.sequence, h.start, m, h.end, h.strand) for h in pwm.scan(sequences, **options)]  # type: ignore[arg-type]
    return sorted(found)


def by_windows(bank: list[PWM], letters: str, p_value: float) -> list[Row]:
    """Every window scored on the host, motif by motif."""
    found = []
    for m, pwm in enumerate(bank):
        grain, limit = pwm.distribution.granularity, pwm.distribution.threshold_bin(p_value)
        bins = np.rint(pwm.log_odds / grain)
        for strand in "+-":
            oriented = letters if strand == "+" else reverse_complement(letters)
            codes = base_codes([oriented])[0].astype(int)
            sums = sum(bins[k, codes[k : codes.size - pwm.width + 1 + k]] for k in range(pwm.width))
            starts = np.flatnonzero(np.asarray(sums) >= limit)
            starts = starts if strand == "+" else codes.size - pwm.width - starts
            found += [(0, int(start), m, int(start) + pwm.width, strand) for start in starts]
    return sorted(found)


# ------------------------------------------------------------ on every backend


def test_hits_scores_and_p_values_are_those_of_the_host_on_every_backend(backend: Backend) -> None:
    bank = [random_pwm(seed, width) for seed, width in enumerate((6, 11, 17, 9))]
    sequences = [random_letters(seed, 700, "ACGTACGTACGTACGTNRY") for seed in range(3)]
    found = MotifScanner(bank, p_value=1e-2).scan(sequences)
    expected = MotifScanner(bank, p_value=1e-2, backend="numpy").scan(sequences)
    assert found.motif.size > 20
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_where_nearly_every_window_is_a_candidate_none_is_lost(backend: Backend) -> None:
    bank = [random_pwm(seed, width) for seed, width in enumerate((7, 6, 7) * 11)]
    letters = random_letters(5, 400)
    found = MotifScanner(bank, threshold=-100.0).scan(letters)
    assert found.motif.size == 2 * sum(len(letters) - pwm.width + 1 for pwm in bank) > 2**14
    expected = MotifScanner(bank, threshold=-100.0, backend="numpy").scan(letters)
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_block_is_one_read_of_bounded_size(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    bank = [PWM.from_motif(motif) for motif in jaspar_motifs()[:70]]
    scanner, read = MotifScanner(bank), []
    plain = backend.to_numpy

    def noted(array: Any) -> np.ndarray:
        read.append(math.prod(array.shape))
        return plain(array)

    monkeypatch.setattr(backend, "to_numpy", noted)
    scanner.scan(random_letters(6, 3000))
    (size,) = read
    groups = math.ceil(2 * len(bank) / 64)
    assert groups < size <= groups * (1 + 2**14) < 3000 * 2 * len(bank)


# ------------------------------------------------------------ what is found


def test_many_motifs_at_once_find_what_each_finds_alone() -> None:
    bank = [random_pwm(seed, width) for seed, width in enumerate((5, 20, 8, 13, 8))]
    sequences = ["", "ACG", *(random_letters(seed, 40 + 130 * seed, "ACGTN") for seed in range(4))]
    assert rows(MotifScanner(bank, threshold=3.0).scan(sequences)) == hits_of_each(
        bank, sequences, threshold=3.0
    )
    forward = MotifScanner(bank, p_value=1e-2, both_strands=False).scan(sequences)
    assert rows(forward) == hits_of_each(bank, sequences, p_value=1e-2, both_strands=False)
    assert set(forward.strand.tolist()) == {"+"}


def test_a_long_sequence_is_cut_into_blocks_without_loss_or_repetition() -> None:
    bank = [random_pwm(seed, width) for seed, width in enumerate((6, 25))]
    letters = random_letters(5, 140_000)
    scanner = MotifScanner(bank, p_value=2e-3)
    blocks = list(scanner.blocks(letters))
    assert len(blocks) > 2
    found = rows(MotifHits.joined(blocks))
    assert found == sorted(found)
    assert found == by_windows(bank, letters, 2e-3)
    assert scanner.count_blocks(len(letters), 1) == len(blocks)
    parts = [*scanner.blocks(letters, range(1)), *scanner.blocks(letters, range(1, len(blocks)))]
    assert rows(MotifHits.joined(parts)) == found


def test_windows_do_not_straddle_two_sequences() -> None:
    pwm = PWM.from_sequences(["TTGACA"])
    scanner = MotifScanner([pwm], threshold=pwm.max_score)
    assert scanner.scan(["GGTTG", "ACAGG"]).motif.size == 0
    assert rows(scanner.scan(["GGTTGACA", "ACAGG"])) == [(0, 2, 0, 8, "+")]


def test_a_threshold_of_minus_infinity_gives_every_window_without_impossible_bases() -> None:
    pwm = PWM.from_sequences(["ACGT", "ACTT"], pseudocount=0)
    letters = random_letters(0, 300)
    everything = MotifScanner([random_pwm(0, 4), pwm], threshold=-np.inf).scan(letters)
    windows = [letters[i : i + 4] for i in range(297)]
    both = windows + [reverse_complement(window) for window in windows]
    assert int((everything.motif == 0).sum()) == len(both)
    assert int((everything.motif == 1).sum()) == sum(window in ("ACGT", "ACTT") for window in both)
    assert MotifScanner([pwm], threshold=np.inf).scan(letters).motif.size == 0


def test_a_motif_too_short_for_the_p_value_has_no_hits_unless_asked_for() -> None:
    bank = [PWM.from_sequences(["ACGG"]), random_pwm(3, 9)]
    letters = "TTACGGTT" + random_letters(1, 500) + bank[1].consensus
    strict = MotifScanner(bank).scan(letters)
    assert set(strict.motif.tolist()) == {1}
    best = MotifScanner(bank, best_if_short=True).scan(letters)
    assert (0, 2, 0, 6, "+") in rows(best)


def test_an_ambiguous_letter_is_a_hit_only_if_its_worst_base_is() -> None:
    pwm = PWM.from_counts([[20, 0, 20, 0], *np.eye(4)[[3, 1, 2, 0, 3]] * 40], pseudocount=0.1)
    scanner = MotifScanner([pwm], threshold=pwm.max_score - 0.01, both_strands=False)
    assert [scanner.scan(f"{first}TCGAT").motif.size for first in "AGRNYK"] == [1, 1, 1, 0, 0, 0]
    certain = MotifScanner([pwm], p_value=1e-3)
    assert certain.scan("N" * 300).motif.size == 0
    assert certain.scan("ATCGNT").motif.size == 0


def test_letters_bytes_and_codes_are_scanned_alike() -> None:
    bank, letters = [random_pwm(1, 7)], random_letters(2, 200)
    scanner = MotifScanner(bank, threshold=2.0)
    for form in (letters.lower(), letters.encode(), base_codes([letters])[0], base_codes([letters])):
        assert rows(scanner.scan(form)) == rows(scanner.scan([letters]))
    assert rows(scanner.scan(letters.replace("T", "U"))) == rows(scanner.scan(letters))
    assert scanner.scan([]).motif.size == 0


def test_p_values_of_hits_are_those_of_the_motif() -> None:
    bank = [PWM.from_motif(motif) for motif in jaspar_motifs()[5::300]]
    hits = MotifScanner(bank, p_value=1e-3).scan(random_letters(4, 3000))
    assert hits.p_value.max() <= 1e-3
    for motif, score, p_value in zip(hits.motif[:50], hits.score[:50], hits.p_value[:50], strict=True):
        pwm = bank[motif]
        # the rounded scores of the positions may add up to another bin than their rounded sum
        error = 0.5 * (pwm.width + 1) * pwm.distribution.granularity
        assert pwm.p_value(score + error) <= p_value <= pwm.p_value(score - error)


# ------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: MotifScanner([]), "at least one motif, got none"),
        (lambda: MotifScanner([random_pwm(0, 4)], p_value=0.0), "0 < p_value <= 1, got 0.0"),
        (lambda: MotifScanner([random_pwm(0, 4)], threshold=float("nan")), "a threshold in bits, got nan"),
        (lambda: MotifScanner([random_pwm(0, 4)]).scan(["ACX"]), "letter 'X' at position 2"),
    ],
)
def test_errors_say_what_was_expected_and_what_came(call: object, words: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared
        call()  # type: ignore[operator]
    assert words in str(caught.value)


def test_sites_are_the_letters_of_the_hits_on_their_strand() -> None:
    pwm = PWM.from_sequences(["AACG", "AACG"])
    sequences = ["tAACGt", "CCGUUC"]
    hits = MotifScanner([pwm], threshold=pwm.max_score).scan(sequences)
    assert hits.strand.tolist() == ["+", "-"]
    assert hits.sites(sequences) == ["AACG", "AACG"]
    assert hits.sites(["tAACGt", "CCGuuC"]) == ["AACG", "aaCG"]
