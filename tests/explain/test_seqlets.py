"""Seqlets: p-values by enumeration, the rule of the spans word by word, TF-MoDISco's windows, and error rates."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from genoml.explain import Seqlets, call_seqlets
from genoml.explain.discovery import candidates, windows
from genoml.io import read_bed

_BOTH = pytest.mark.parametrize("method", ["spans", "windows"])


def coarse(seed: int, n: int = 4, length: int = 12) -> np.ndarray:
    """Contributions of four values, each of which is the edge of a bin of its own."""
    rng = np.random.default_rng(seed)
    found = rng.choice([0.0, 341.0, 682.0, 1023.0], size=(n, length), p=[0.3, 0.4, 0.2, 0.1])
    found[0, :2] = 0.0, 1023.0
    return found


def planted(seed: int, n: int = 100, length: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Noise, and in each sequence a site of 8 positions, negative in every second one; with its start."""
    rng = np.random.default_rng(seed)
    contributions, starts = 0.1 * rng.normal(size=(n, length)), rng.integers(25, length - 32, n)
    for row, start in enumerate(starts):
        contributions[row, start : start + 8] += 1.0 - 2.0 * (row % 2)
    return contributions, starts


def enumerated(values: np.ndarray, span: np.ndarray, sign: int) -> float:
    """Share of all draws, one of all contributions for each position, whose sum is as far out."""
    sums = [sum(draw) for draw in product(values.ravel().tolist(), repeat=len(span))]
    return float(np.mean(sign * np.array(sums) >= sign * span.sum()))


def by_the_rule(values: np.ndarray, threshold: float, shortest: int, longest: int, sign: int) -> list:
    """Spans chosen as the rule says, with p-values from all sums of draws."""
    # of each width: all sums, and how many draws give them
    chances = {0: (np.zeros(1), np.ones(1))}
    for width in range(1, longest + 1):
        sums, numbers = chances[width - 1]
        kinds, inverse = np.unique((sums[:, None] + values.ravel()).ravel(), return_inverse=True)
        chances[width] = kinds, np.bincount(inverse, np.repeat(numbers, values.size)) / values.size
    n, length = values.shape
    found = []
    for row in range(n):

        def p(start: int, width: int, row: int = row) -> float:
            own = values[row, start : start + width].sum()
            sums, shares = chances[width]
            return float(shares[sign * sums >= sign * own].sum())

        spans = [
            (-width, round(p(start, width), 12), start)
            for width in range(shortest, longest + 1)
            for start in range(length - width + 1)
            if all(
                p(inner, size) < threshold
                for size in range(shortest, width + 1)
                for inner in range(start, start + width - size + 1)
            )
        ]
        taken = np.zeros(length, bool)
        for negative_width, chance, start in sorted(spans):
            own = slice(start, start - negative_width)
            if not taken[own].any():
                taken[own] = True
                found.append((row, own.start, own.stop, chance))
    return sorted(found)


def listed(found: Seqlets) -> list:
    return sorted(
        zip(
            found.example.tolist(),
            found.start.tolist(),
            found.end.tolist(),
            found.p_value.round(12).tolist(),
            strict=True,
        )
    )


@pytest.mark.parametrize("width", [1, 2, 3])
@pytest.mark.parametrize("signs", ["positive", "negative"])
def test_p_values_are_those_of_all_draws_enumerated(width, signs):
    values = coarse(width, 3, 8)
    found = call_seqlets(values, p_value=1.0, shortest=width, longest=width, signs=signs)
    assert len(found) > 3
    for row, start, end, p in listed(found):
        assert p == pytest.approx(
            enumerated(values, values[row, start:end], 1 if signs == "positive" else -1)
        )


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("sign", [1, -1])
def test_spans_are_those_that_the_rule_says(seed, sign):
    values = coarse(seed, 3, 8)
    found = call_seqlets(
        values, p_value=0.45, shortest=1 + seed % 2, longest=4, signs="positive" if sign == 1 else "negative"
    )
    assert listed(found) == by_the_rule(values, 0.45, 1 + seed % 2, 4, sign)


@pytest.mark.parametrize("start", [0, 1, 191, 192])
def test_a_site_at_either_end_of_a_sequence_is_found_whole(start):
    contributions = 0.01 * np.random.default_rng(0).normal(size=(50, 200))
    contributions[7, start : start + 8] += 1.0
    contributions[9, start : start + 8] -= 1.0
    # 8 of 10,000 positions are as high: with single positions below this, no other is part of a span
    found = call_seqlets(contributions, p_value=8.5e-4, shortest=1)
    assert sorted(found.example.tolist()) == [7, 9]
    assert found.start.tolist() == [start] * 2
    assert found.end.tolist() == [start + 8] * 2
    np.testing.assert_array_equal(found.sign, 8 - found.example)
    np.testing.assert_allclose(found.score, contributions[found.example, start : start + 8].sum(axis=1))


def test_the_smallest_p_values_are_no_rounding():
    contributions = np.zeros((100, 100))
    contributions[:, 0] = 1.0
    contributions[3, 20:30] = 1.0
    found = call_seqlets(contributions, p_value=1e-18, shortest=10, signs="positive")
    assert (found.example[0], found.start[0], found.end[0]) == (3, 20, 30)
    np.testing.assert_allclose(found.p_value[0], (110 / 10_000 - 1 / 10_000) ** 10, rtol=0.2)


@_BOTH
def test_planted_sites_of_both_signs_are_found_and_sorted_by_p_value(method):
    contributions, starts = planted(0)
    found = call_seqlets(contributions, method)
    assert (np.diff(found.p_value) >= 0).all()
    best = {row: index for index, row in reversed(list(enumerate(found.example.tolist())))}
    index = np.array([best[row] for row in range(100)])
    assert (found.start[index] <= starts + 1).all()
    assert (found.end[index] >= starts + 7).all()
    np.testing.assert_array_equal(found.sign[index], np.where(np.arange(100) % 2, -1, 1))


@_BOTH
@pytest.mark.parametrize("signs", ["positive", "negative"])
def test_one_sign_alone_is_called_where_it_is_asked_for(method, signs):
    found = call_seqlets(planted(1)[0], method, signs=signs)
    assert len(found)
    assert (found.sign == (1 if signs == "positive" else -1)).all()


@_BOTH
def test_seqlets_are_the_same_whatever_is_worked_on_at_a_time(method, monkeypatch):
    contributions, control = planted(2)[0], 0.1 * np.random.default_rng(5).normal(size=(40, 60))
    whole = call_seqlets(contributions, method, control=control)
    monkeypatch.setattr(candidates, "_POSITIONS_AT_ONCE", 700)
    assert listed(call_seqlets(contributions, method, control=control)) == listed(whole)


@_BOTH
@pytest.mark.parametrize("flank", [0, 3, 12])
def test_a_flank_is_added_on_either_side_and_not_to_the_score(method, flank):
    contributions = planted(3)[0]
    found = call_seqlets(contributions, method, flank=flank)
    assert found.start.min() >= 0
    assert found.end.max() <= 100
    inner = found.start + flank, found.end - flank
    whole = (found.start > 0) & (found.end < 100)
    sums = [contributions[row, a:b].sum() for row, a, b in zip(found.example, *inner, strict=True)]
    np.testing.assert_allclose(found.score[whole], np.array(sums)[whole])
    if method == "windows":
        assert (found.end - found.start == 21 + 2 * flank).all()
        order = np.lexsort((found.start, found.example))
        near = np.diff(found.example[order]) == 0
        assert (np.diff(found.start[order])[near] >= 11 + flank).all()


#: of planted(0, 12, 160) by modisco-lite 2.5.2: example, start and end, in its order
_MODISCO = [
    (0, 52, 93),
    (1, 79, 120),
    (2, 62, 103),
    (3, 64, 105),
    (4, 58, 99),
    (5, 50, 91),
    (6, 22, 63),
    (7, 26, 67),
    (8, 14, 55),
    (9, 85, 126),
    (10, 76, 117),
    (11, 20, 61),
]


def test_windows_are_those_of_modisco_lite_in_its_order():
    found = call_seqlets(planted(0, 12, 160)[0], "windows")
    order = np.lexsort((-np.abs(found.score), found.example))
    columns = (found.example[order].tolist(), found.start[order].tolist(), found.end[order].tolist())
    assert list(zip(*columns, strict=True)) == _MODISCO


@pytest.mark.parametrize("seed", range(8))
def test_the_threshold_of_windows_is_that_of_isotonic_regression(seed):
    rng = np.random.default_rng(seed)
    null = rng.exponential(size=200)
    values = np.concatenate([rng.exponential(size=300 * (seed % 3)), rng.gamma(6 - seed // 2, size=100)])
    merged, real = np.concatenate([values, null]), np.repeat([1.0, 0.0], [len(values), 200])
    weights = np.where(real, 1.0, len(values) / 200)
    y = IsotonicRegression().fit(merged, real, sample_weight=weights).predict(np.sort(merged))
    fraction = min(max(y[0] / max(1 - y[0], 1e-12), 0.95), 1.0)
    precision = 1 - fraction * (1 / np.maximum(y, 1e-7) - 1)
    ordered = np.sort(merged)
    reached = ordered[(precision >= 0.8) & np.isin(ordered, values)]
    expected = reached[0] if len(reached) else values.max()
    assert windows._isotonic_threshold(values, null) == expected


@_BOTH
def test_pure_noise_beside_pure_noise_gives_next_to_no_seqlets(method):
    calls = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        noise, control = rng.laplace(size=(60, 100)), rng.laplace(size=(180, 100))
        with pytest.warns(UserWarning, match="no threshold reaches a false discovery rate of 0.05: ") as told:
            calls.append(len(call_seqlets(noise, method, control=control)))
        assert told[0].filename == __file__
    assert calls == [0] * 10


@_BOTH
def test_of_planted_sites_no_more_are_false_than_the_rate_says(method):
    false = total = 0
    for seed in range(5):
        contributions, starts = planted(seed)
        control = 0.1 * np.random.default_rng(seed + 50).normal(size=(300, 100))
        found = call_seqlets(contributions, method, control=control, fdr=0.1)
        assert found.fdr is not None
        assert found.fdr <= 0.1
        site = starts[found.example]
        misses = (found.end <= site) | (found.start >= site + 8)
        assert len(np.unique(found.example[~misses])) == 100
        false, total = false + int(misses.sum()), total + len(found)
    assert false <= 0.12 * total


@pytest.mark.parametrize("options", [{}, {"shortest": 6, "longest": 6}, {"method": "windows"}])
def test_the_estimate_is_calls_of_the_control_and_one_scaled_to_the_positions(options):
    contributions, _ = planted(6)
    control = 0.1 * np.random.default_rng(0).normal(size=(70, 50))
    found = call_seqlets(contributions, control=control, fdr=0.2, **options)
    assert found.threshold is not None
    assert found.fdr is not None
    assert (found.p_value < found.threshold).all()
    false = found.fdr * len(found) / (100 * 100 / (70 * 50)) - 1
    assert false == pytest.approx(round(false))
    assert false >= 0
    if "method" not in options:
        assert listed(call_seqlets(contributions, p_value=found.threshold, **options)) == listed(found)


def _with(value: float) -> np.ndarray:
    contributions = np.ones((3, 60))
    contributions[1, 7] = value
    return contributions


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        (_with(np.nan), {}, "contributions is nan at sequence 1, position 7"),
        (_with(2.0), {"control": _with(np.inf)}, "control is inf at sequence 1, position 7"),
        (np.zeros((3, 60)), {}, "all are 0: the model's output does not depend on the sequences"),
        (np.ones((3, 60)), {}, "expects different values, all are 1"),
        (np.ones((3, 60, 4)), {}, r"contributions expects numbers \(n, length\), got float64 \(3, 60, 4\)"),
        (np.ones((0, 60)), {}, r"contributions expects numbers \(n, length\), got float64 \(0, 60\)"),
        (_with(2.0)[:, 5:8], {}, r"contributions expects at least 4 positions, got \(3, 3\)"),
        (_with(2.0)[:, :40], {"method": "windows"}, "contributions expects at least 41 positions"),
        (_with(2.0), {"control": np.ones((2, 3))}, "control expects at least 4 positions"),
        (_with(2.0), {"shortest": 5, "longest": 4}, "longest expects at least shortest = 5, got 4"),
        (_with(2.0), {"fdr": 0.1}, "fdr has a meaning with control only"),
        (
            _with(2.0),
            {"p_value": 0.1, "control": np.ones((2, 60))},
            "p_value has a meaning for method 'spans' without",
        ),
        (
            _with(2.0),
            {"p_value": 0.1, "method": "windows"},
            "p_value has a meaning for method 'spans' without",
        ),
        (
            _with(2.0),
            {"shortest": 5, "method": "windows"},
            "shortest and longest have a meaning for method 'spans'",
        ),
        (_with(2.0), {"p_value": 0.0}, "call_seqlets expects 0 < p_value <= 1"),
        (_with(2.0), {"method": "peaks"}, "call_seqlets expects method"),
    ],
)
def test_contributions_and_options_that_cannot_be_are_refused(given, options, message):
    with pytest.raises(ValueError, match=message):
        call_seqlets(given, **options)


def sites() -> Seqlets:
    contributions = 0.01 * np.random.default_rng(0).normal(size=(3, 200))
    for row, start in enumerate((10, 150, 0)):
        contributions[row, start : start + 6] += 1.0 - 0.1 * row
    # 18 of 600 positions are as high
    return call_seqlets(contributions, p_value=0.031, shortest=1, signs="positive")


def bed_rows(path) -> list:
    found = read_bed(path)
    rows = zip(found.chrom, found.start.tolist(), found.end.tolist(), found.strand, strict=True)
    return sorted((str(chrom), start, end, str(strand)) for chrom, start, end, strand in rows)


def test_a_bed_file_has_the_coordinates_of_the_genome_on_either_strand(tmp_path):
    sites().to_bed(["chr8:100-300", "chr8:1000-1200(-)", "HLA-A*01:01:7-207(+)"], tmp_path / "seqlets.bed")
    expected = [("HLA-A*01:01", 7, 13, "+"), ("chr8", 110, 116, "."), ("chr8", 1044, 1050, "-")]
    assert bed_rows(tmp_path / "seqlets.bed") == expected
    assert set(read_bed(tmp_path / "seqlets.bed").columns) == {"name", "score"}


def test_what_hangs_over_the_start_of_a_chromosome_is_cut_off(tmp_path):
    sites().to_bed(["chr1:-13-187", "chr2:0-200", "chr3:-50-150"], tmp_path / "seqlets.bed")
    assert bed_rows(tmp_path / "seqlets.bed") == [("chr1", 0, 3, "."), ("chr2", 150, 156, ".")]


def test_names_that_are_no_loci_give_coordinates_in_the_sequences_and_one_warning(tmp_path):
    with pytest.warns(
        UserWarning, match=r"coordinates are those in the sequences, since 'a' is no locus"
    ) as told:
        sites().to_bed(["a", "chr8:1000-1200(-)", "b"], tmp_path / "seqlets.bed")
    assert len(told) == 1
    assert bed_rows(tmp_path / "seqlets.bed") == [
        ("a", 10, 16, "."),
        ("b", 0, 6, "."),
        ("chr8:1000-1200(-)", 150, 156, "."),
    ]


def test_regions_that_repeat_another_are_told_with_their_number(tmp_path):
    with pytest.warns(UserWarning, match="2 of 3 regions repeat another: their seqlets count twice"):
        sites().to_bed(["chr8:100-300"] * 3, tmp_path / "seqlets.bed")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["chr8:100-300"], "expects a name for each of the 3 sequences, got 1"),
        (
            ["chr8:0-200", "chr8:101-300", "chr9:0-200"],
            "'chr8:101-300' is a locus of 199 bp, but the contributions have",
        ),
    ],
)
def test_names_that_do_not_fit_write_no_file(names, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        sites().to_bed(names, tmp_path / "seqlets.bed")
    assert not list(tmp_path.iterdir())


def test_no_seqlets_at_all_are_a_result_and_an_empty_file(tmp_path):
    found = call_seqlets(np.random.default_rng(0).normal(size=(3, 200)), p_value=1e-12)
    assert len(found) == 0
    found.to_bed(["chr1:0-200", "chr2:0-200", "chr3:0-200"], tmp_path / "seqlets.bed")
    assert (tmp_path / "seqlets.bed").read_text() == ""
