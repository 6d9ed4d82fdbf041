from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genoml.io import Motif, jaspar_motifs, read_meme, write_meme
from genoml.sequence import PWM, base_codes, reverse_complement
from genoml.sequence.motifs.bank import stack_log_probabilities
from genoml.sequence.motifs.score_distribution import ScoreDistribution

SITES = ["TGACTCA", "TGAGTCA", "TGACTCA", "TTACTCA"]
SKEWED = (0.3, 0.2, 0.1, 0.4)


def random_pwm(seed: int, width: int, background: tuple[float, ...] = (0.25,) * 4) -> PWM:
    counts = np.random.default_rng(seed).integers(0, 20, (width, 4))
    return PWM.from_counts(counts, pseudocount=0.5, background=background)


def windows_of(width: int) -> list[str]:
    return ["".join(letters) for letters in itertools.product("ACGT", repeat=width)]


def probability(window: str, background: tuple[float, ...]) -> float:
    return float(np.prod([background["ACGT".index(letter)] for letter in window]))


# ------------------------------------------------------------ construction


def test_log_odds_are_those_of_counts_with_the_pseudocount() -> None:
    pwm = PWM.from_sequences(SITES, pseudocount=0.5, background=SKEWED)
    counts = np.array([[site[i] for site in SITES].count(base) for i in range(7) for base in "ACGT"]).reshape(
        7, 4
    )
    expected = (counts + 0.5) / (4 + 4 * 0.5)
    np.testing.assert_allclose(pwm.probabilities, expected, rtol=1e-14)
    np.testing.assert_allclose(pwm.log_odds, np.log2(expected / np.array(SKEWED)), rtol=1e-12)
    same = PWM.from_counts(counts, pseudocount=0.5, background=SKEWED)
    np.testing.assert_array_equal(pwm.log_odds, same.log_odds)
    assert pwm.n_sites == 4
    assert pwm.consensus == "TGACTCA"


def test_a_pseudocount_may_follow_the_background() -> None:
    pwm = PWM.from_counts(np.zeros((2, 4)), pseudocount=[2.0 * q for q in SKEWED], background=SKEWED)
    np.testing.assert_allclose(pwm.log_odds, 0.0, atol=1e-12)


def test_ambiguous_letters_of_sites_count_in_equal_shares() -> None:
    pwm = PWM.from_sequences(["R", "A"], pseudocount=0)
    np.testing.assert_allclose(pwm.probabilities, [[0.75, 0.0, 0.25, 0.0]])


def test_sites_may_be_base_codes() -> None:
    np.testing.assert_array_equal(
        PWM.from_sequences(base_codes(SITES)).log_odds, PWM.from_sequences(SITES).log_odds
    )


def test_motifs_of_counts_and_of_probabilities_give_the_same_matrix() -> None:
    counts = np.array([[8.0, 1, 1, 0], [0, 0, 10, 0]])
    from_counts = PWM.from_motif(Motif("a", counts, "counts"))
    from_probabilities = PWM.from_motif(Motif("a", counts / 10, n_sites=10))
    np.testing.assert_allclose(from_counts.log_odds, from_probabilities.log_odds, rtol=1e-12)
    without = PWM.from_motif(Motif("a", counts / 10))
    np.testing.assert_allclose(without.probabilities, (2 * counts + 0.25) / 21.0, rtol=1e-12)


def test_a_matrix_goes_through_a_file(tmp_path: Path) -> None:
    pwm = PWM.from_sequences(SITES, name="AP1")
    write_meme(tmp_path / "motif.meme", [pwm.to_motif()])
    (motif,) = read_meme(tmp_path / "motif.meme")
    assert (motif.name, motif.n_sites) == ("AP1", 4)
    np.testing.assert_array_equal(motif.matrix, pwm.probabilities)


def test_the_arrays_of_a_matrix_cannot_be_changed() -> None:
    pwm = PWM.from_sequences(SITES)
    with pytest.raises(ValueError, match="read-only"):
        pwm.log_odds[0, 0] = 1.0


# ------------------------------------------------------------ properties


def test_information_is_the_relative_entropy_and_the_mean_score_of_sites() -> None:
    pwm = random_pwm(1, 5, SKEWED)
    expected = sum(
        np.prod([pwm.probabilities[i, "ACGT".index(base)] for i, base in enumerate(window)])
        * pwm.score(window)
        for window in windows_of(5)
    )
    assert float(pwm.information_content.sum()) == pytest.approx(expected, rel=1e-12)
    conserved = PWM.from_counts([[1, 0, 0, 0], [1, 1, 1, 1]], pseudocount=0)
    np.testing.assert_allclose(conserved.information_content, [2.0, 0.0], atol=1e-15)


def test_the_reverse_complement_scores_the_other_strand() -> None:
    pwm = random_pwm(2, 6)
    turned = pwm.reverse_complement()
    for window in ("ACGTTG", "TTTACA", "RRNACG"):
        assert turned.score(window) == pytest.approx(pwm.score(reverse_complement(window)), abs=1e-12)
    assert turned.consensus == reverse_complement(pwm.consensus)
    np.testing.assert_array_equal(turned.reverse_complement().log_odds, pwm.log_odds)


def test_the_best_window_has_the_maximal_score() -> None:
    pwm = random_pwm(3, 8)
    assert pwm.score(pwm.consensus) == pytest.approx(pwm.max_score)
    assert "bits" in repr(pwm)


@pytest.mark.parametrize(
    ("counts", "letter"),
    [
        ([51, 25, 12, 12], "A"),
        ([50, 20, 20, 10], "N"),  # not more than half, and no two above 75 %
        ([52, 26, 11, 11], "M"),  # not more than twice the second
        ([40, 35, 25, 0], "V"),  # two bases are exactly 75 %
        ([40, 36, 24, 0], "M"),
        ([1, 1, 1, 1], "N"),
        ([0, 30, 35, 35], "B"),
        ([0, 0, 0, 3], "T"),
    ],
)
def test_the_degenerate_consensus_follows_cavener(counts: list[int], letter: str) -> None:
    assert PWM.from_counts([counts], pseudocount=0).degenerate_consensus == letter


def test_the_degenerate_consensus_is_that_of_biopython() -> None:
    from Bio.motifs import Motif as BioMotif

    for motif in jaspar_motifs()[::20]:
        columns = dict(zip("ACGT", motif.matrix.T.tolist(), strict=True))
        expected = str(BioMotif(alphabet="ACGT", counts=columns).degenerate_consensus)
        assert PWM.from_motif(motif, pseudocount=0).degenerate_consensus == expected, motif.name


# ------------------------------------------------------------ scores


def test_a_score_is_the_sum_of_the_log_odds() -> None:
    pwm = random_pwm(4, 4)
    expected = sum(pwm.log_odds[i, "ACGT".index(base)] for i, base in enumerate("GATC"))
    assert pwm.score("GATC") == pytest.approx(expected, rel=1e-12)
    assert isinstance(pwm.score("gatc"), float)
    assert pwm.score(b"GATC") == pwm.score(base_codes(["GATC"])[0]) == pwm.score("GATC")
    np.testing.assert_array_equal(pwm.score(["GATC", "AAAA"]), [pwm.score("GATC"), pwm.score("AAAA")])


def test_an_ambiguous_letter_scores_as_the_worst_of_its_bases() -> None:
    pwm = random_pwm(5, 3)
    assert pwm.score("ARC") == min(pwm.score("AAC"), pwm.score("AGC"))
    assert pwm.score("ANC") == min(pwm.score(f"A{base}C") for base in "ACGT")


def test_window_scores_are_those_of_each_window_on_each_strand() -> None:
    pwm, sequence = random_pwm(6, 4), "GATTACANNGATC"
    windows = [sequence[i : i + 4] for i in range(len(sequence) - 3)]
    np.testing.assert_allclose(pwm.window_scores(sequence), [pwm.score(w) for w in windows], rtol=1e-12)
    turned = [pwm.score(reverse_complement(w)) for w in windows]
    np.testing.assert_allclose(pwm.window_scores(sequence, "-"), turned, rtol=1e-12)
    assert pwm.window_scores("ACG").shape == (0,)


def test_scores_of_a_long_sequence_do_not_depend_on_how_it_is_cut_into_blocks() -> None:
    pwm = random_pwm(7, 9)
    codes = np.random.default_rng(0).integers(0, 4, 40_000, dtype=np.uint8)
    scores = pwm.window_scores(codes)
    assert scores.shape == (codes.size - 8,)
    for start in (0, 16_375, 16_383, 16_384, 32_767, scores.size - 1):
        assert scores[start] == pytest.approx(pwm.score(codes[start : start + 9]), rel=1e-12)


# ------------------------------------------------------------ p-values


@pytest.mark.parametrize("background", [(0.25,) * 4, SKEWED])
def test_p_values_are_those_of_all_windows_counted(background: tuple[float, ...]) -> None:
    pwm = random_pwm(8, 6, background)
    grain = pwm.distribution.granularity
    rounded = np.rint(pwm.log_odds / grain)
    found = {}
    for window in windows_of(6):
        bins = sum(rounded[i, "ACGT".index(base)] for i, base in enumerate(window))
        found[bins] = found.get(bins, 0.0) + probability(window, background)
    scores = sorted(found)
    for bins in [*scores[::97], scores[-1]]:
        expected = sum(found[other] for other in scores if other >= bins)
        assert pwm.p_value(bins * grain) == pytest.approx(expected, rel=1e-9)


def test_the_threshold_is_the_lowest_score_that_is_so_rare() -> None:
    pwm = random_pwm(9, 9)
    for p_value in (0.5, 1e-2, 1e-3, 1e-4):
        limit = pwm.threshold(p_value)
        assert pwm.p_value(limit) <= p_value < pwm.p_value(limit - pwm.distribution.granularity)
    assert pwm.threshold(1e-9) == np.inf
    assert pwm.p_value(np.inf) == 0.0
    assert pwm.p_value(-np.inf) == 1.0 == pwm.p_value(-1e6)
    assert pwm.p_value(1e6) == 0.0


def test_p_values_of_a_matrix_with_impossible_bases_count_the_possible_windows() -> None:
    pwm = PWM.from_sequences(["ACG", "ACT"], pseudocount=0)
    assert pwm.score("ACA") == -np.inf
    assert pwm.p_value(pwm.score("ACG")) == pytest.approx(2 / 64)
    assert pwm.threshold(1.0) == pytest.approx(pwm.score("ACG"), abs=1e-3)


def test_p_values_below_and_above_0_bits_are_of_one_distribution() -> None:
    pwm = random_pwm(11, 6, SKEWED)
    distribution = pwm.distribution
    bins = np.arange(distribution.lowest_bin, distribution.best_bin + 1)
    p_values = distribution.p_value(bins)
    assert p_values[0] == pytest.approx(1.0)
    assert np.all(np.diff(p_values) <= 0)
    positive = bins[bins >= 0]
    fresh = random_pwm(11, 6, SKEWED).distribution  # asked for the tail alone
    np.testing.assert_allclose(fresh.p_value(positive), p_values[bins >= 0], rtol=1e-12)
    np.testing.assert_array_equal(fresh.p_values_from(0), fresh.p_value(positive))
    assert fresh.p_values_from(distribution.best_bin + 1).size == 0


def test_coarser_bins_give_p_values_near_the_exact_ones() -> None:
    pwm = random_pwm(12, 8)
    coarse = ScoreDistribution(pwm.log_odds, pwm.background, granularity=0.1)
    assert coarse.granularity == 0.1
    for score in (0.0, 4.0, 8.0):
        error = 0.1 * (0.5 * pwm.width + 0.5)
        coarse_p = float(coarse.p_value(coarse.bins(np.array(score))))
        assert pwm.p_value(score + error) <= coarse_p <= pwm.p_value(score - error)


def test_rounding_stays_below_half_a_bin_a_position_in_motifs_of_jaspar() -> None:
    for motif in jaspar_motifs()[::200]:
        pwm = PWM.from_motif(motif)
        grain = pwm.distribution.granularity
        assert abs(pwm.distribution.best_bin * grain - pwm.max_score) <= 0.5 * grain * pwm.width
        assert pwm.p_value(-1e9) == 1.0


# ------------------------------------------------------------ scans


def brute_hits(pwm: PWM, sequence: str, threshold: float) -> list[tuple[int, int, str]]:
    found = []
    for start in range(len(sequence) - pwm.width + 1):
        window = sequence[start : start + pwm.width]
        for strand, oriented in (("+", window), ("-", reverse_complement(window))):
            if pwm.score(oriented) >= threshold:
                found.append((start, start + pwm.width, strand))
    return found


@given(st.text("ACGTNRY", max_size=60), st.floats(-4, 8), st.integers(0, 3))
def test_a_scan_finds_what_every_window_scored_by_itself_gives(
    sequence: str, threshold: float, seed: int
) -> None:
    pwm = random_pwm(seed, 5)
    hits = pwm.scan(sequence, threshold)
    assert [(hit.start, hit.end, hit.strand) for hit in hits] == brute_hits(pwm, sequence, threshold)
    for hit in hits:
        window = sequence[hit.start : hit.end]
        oriented = window if hit.strand == "+" else reverse_complement(window)
        assert hit.score == pytest.approx(pwm.score(oriented), abs=1e-9)
        assert hit.sequence == 0


def test_hits_have_half_open_coordinates_on_the_given_strand() -> None:
    pwm = PWM.from_sequences(["TTGACA"])
    sequence = "CCTTGACAGG" + reverse_complement("TTGACA")
    plus, minus = pwm.scan(sequence, pwm.max_score)
    assert (plus.start, plus.end, plus.strand) == (2, 8, "+")
    assert (minus.start, minus.end, minus.strand) == (10, 16, "-")
    assert plus.score == minus.score == pytest.approx(pwm.max_score)
    assert pwm.scan(sequence, pwm.max_score, both_strands=False) == [plus]


def test_a_palindrome_is_found_on_both_strands() -> None:
    pwm = PWM.from_sequences(["CACGTG"])
    assert [hit.strand for hit in pwm.scan("AACACGTGAA", pwm.max_score)] == ["+", "-"]


def test_hits_without_a_threshold_are_those_with_the_p_value() -> None:
    pwm = random_pwm(10, 7)
    codes = np.random.default_rng(1).integers(0, 4, 5000, dtype=np.uint8)
    hits = pwm.scan(codes, p_value=2e-3)
    assert hits
    everything = pwm.scan(codes, -np.inf)
    assert len(everything) == 2 * (5000 - 6)
    assert hits == [hit for hit in everything if hit.p_value <= 2e-3]
    share = len(hits) / len(everything)
    assert 1e-3 < share < 3e-3


def test_a_motif_too_short_for_the_p_value_finds_its_best_window_only() -> None:
    pwm = PWM.from_sequences(["ACGG"])
    assert pwm.threshold(1e-4) == np.inf
    (hit,) = pwm.scan("TTACGGTTACGA")
    assert (hit.start, hit.end, hit.p_value) == (2, 6, pytest.approx(1 / 256))


def test_a_batch_is_scanned_sequence_by_sequence() -> None:
    pwm = PWM.from_sequences(SITES)
    batch = ["AATGACTCAA", "TGAC", "TCATT", "", "TGACTCATGACTCA"]
    expected = [
        hit._replace(sequence=row) for row, sequence in enumerate(batch) for hit in pwm.scan(sequence, 3.0)
    ]
    assert pwm.scan(batch, 3.0) == expected
    assert {hit.sequence for hit in expected} == {0, 4}
    assert pwm.scan([], 3.0) == []


def test_a_stretch_of_n_or_of_padding_is_no_hit() -> None:
    # nearly every window scores far below 0, so that 0 bits would be rare
    pwm = PWM.from_counts(np.eye(4)[[0, 1, 2, 3, 0, 1, 2, 3]] * 1000, pseudocount=0.001)
    assert pwm.p_value(0.0) < 1e-4
    assert pwm.scan("N" * 30) == []
    assert pwm.scan(np.full((2, 30), 15, np.uint8)) == []
    assert [hit.start for hit in pwm.scan("NNACGTACGTNN", both_strands=False)] == [2]


def test_planted_sites_of_a_jaspar_motif_are_found() -> None:
    motif = next(motif for motif in jaspar_motifs() if motif.name.startswith("MA0139"))
    pwm = PWM.from_motif(motif)
    codes = np.random.default_rng(2).integers(0, 4, 2000, dtype=np.uint8)
    site = base_codes([pwm.consensus])[0]
    codes[500 : 500 + pwm.width] = site
    codes[900 : 900 + pwm.width] = reverse_complement(site)
    best = sorted(pwm.scan(codes, p_value=1e-6), key=lambda hit: -hit.score)[:2]
    assert {(hit.start, hit.strand) for hit in best} == {(500, "+"), (900, "-")}


# ------------------------------------------------------------ several as one array


def test_stacked_motifs_are_centred_with_the_background_around_them() -> None:
    bank = [PWM.from_sequences(["ACG"]), PWM.from_sequences(["TTTTTT"])]
    stacked = np.exp(stack_log_probabilities(bank, background=SKEWED))
    assert stacked.shape == (2, 4, 6)
    np.testing.assert_allclose(stacked[0, :, 1:4].T, bank[0].probabilities)
    np.testing.assert_allclose(stacked[0, :, [0, 4, 5]], np.tile(SKEWED, (3, 1)))
    np.testing.assert_allclose(stacked[1].T, bank[1].probabilities)


# ------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: PWM(np.ones((3, 4))), "rows sum to 1, got [4.0, 4.0, 4.0]; for counts use PWM.from_counts"),
        (lambda: PWM.from_counts(np.ones((4, 7))), "(width >= 1, 4), got (4, 7); transpose it"),
        (lambda: PWM.from_counts(np.ones((0, 4))), "got (0, 4)"),
        (lambda: PWM.from_counts([[1, 2, 3, -1]]), "none below 0"),
        (lambda: PWM.from_counts([[1, 2, 3, np.nan]]), "finite counts"),
        (lambda: PWM.from_counts([[1, 1, 1, 1], [0, 0, 0, 0]], pseudocount=0), "got none at 1"),
        (lambda: PWM.from_counts([[1, 1, 1, 1]], pseudocount=-1), "pseudocount >= 0, got -1"),
        (lambda: PWM.from_counts([[1, 1, 1, 1]], background=(0.5, 0.5, 0.0, 0.0)), "4 probabilities above 0"),
        (lambda: PWM.from_counts([[1, 1, 1, 1]], background=(0.5, 0.5, 0.5, 0.5)), "sum to 1"),
        (lambda: PWM.from_sequences(["ACG", "AC"]), "sites of one length, 1 or more, got [2, 3]"),
        (lambda: PWM.from_sequences([]), "got []"),
        (lambda: PWM.from_sequences(["ACX"]), "letter 'X' at position 2"),
        (
            lambda: PWM.from_sequences(SITES).score("ACG"),
            "sequences of 7 bases, got 3; PWM.scan finds windows",
        ),
        (lambda: PWM.from_sequences(SITES).scan("ACG", p_value=0.0), "0 < p_value <= 1, got 0.0"),
        (lambda: PWM.from_sequences(SITES).threshold(2.0), "got 2.0"),
        (lambda: PWM.from_sequences(SITES).window_scores("ACG", "*"), "'+' or '-', got '*'"),
        (lambda: stack_log_probabilities([]), "at least one motif"),
        (lambda: stack_log_probabilities([PWM.from_sequences(SITES)], 6), "at most 6 bases, got one of 7"),
        (lambda: stack_log_probabilities([PWM.from_sequences(SITES, pseudocount=0)]), "use a pseudocount"),
    ],
)
def test_errors_say_what_was_expected_and_what_came(call: object, words: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared
        call()  # type: ignore[operator]
    assert words in str(caught.value)
