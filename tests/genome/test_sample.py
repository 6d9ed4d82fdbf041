from __future__ import annotations

import numpy as np
import pytest

from genoml.genome import GenomeStore, Intervals, base_composition, overlaps_any, sample_windows
from genoml.sequence import matched_sample


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    rng = np.random.default_rng(0)
    a, b = ("".join(rng.choice(list("ACGT"), length)) for length in (3000, 1000))
    (folder / "g.fa").write_text(f">a\n{a[:1000]}{'N' * 500}{a[1000:]}\n>b\n{b}\n>c\nACGTR\n")
    with GenomeStore.build(folder / "g.fa", folder / "g.store") as opened:
        yield opened


def test_composition_is_that_of_a_count_of_letters(store):
    intervals = Intervals(["c", "a", "a", "b", "c"], [0, 900, 1100, 0, 1], [5, 1010, 1200, 1000, 4])
    gc, ambiguous = base_composition(store, intervals)
    for row, codes in enumerate(store.fetch(intervals)):
        known = codes[codes < 4]
        share = np.isin(known, [1, 2]).mean() if known.size else np.nan
        np.testing.assert_allclose([gc[row], ambiguous[row]], [share, (codes > 3).mean()], atol=1e-12)
    assert np.isnan(gc[2])
    assert [len(values) for values in base_composition(store, intervals[:0])] == [0, 0]


def test_composition_does_not_depend_on_the_blocks(store, monkeypatch):
    intervals = Intervals("a", np.arange(100), np.arange(100) + np.arange(1, 101))
    whole = base_composition(store, intervals)
    monkeypatch.setattr("genoml.genome.windows._BLOCK_BASES", 64)
    np.testing.assert_array_equal(base_composition(store, intervals), whole)


def test_windows_avoid_what_they_shall_and_have_no_ambiguous_bases(store):
    avoid = Intervals(["a", "a", "b"], [100, 2000, 0], [300, 2600, 950])
    windows = sample_windows(store, 500, 40, avoid=avoid, strand="random", seed=4)
    assert len(windows) == 500
    assert (windows.length_bp == 40).all()
    assert not overlaps_any(windows, avoid).any()
    assert set(windows.strand) == {"+", "-"}
    gc, ambiguous = base_composition(store, windows)
    assert not ambiguous.any()
    np.testing.assert_array_equal(windows.columns["gc"], gc)
    np.testing.assert_array_equal(windows.columns["ambiguous"], ambiguous)


def test_every_possible_start_is_as_likely(store):
    # of b only the starts 0 to 9 and 990 are left to a window of 10 bp
    avoid = Intervals("b", [19], [990])
    windows = sample_windows(store, 11000, 10, chromosomes=["b"], avoid=avoid, seed=1)
    starts, counts = np.unique(windows.start, return_counts=True)
    assert starts.tolist() == [*range(10), 990]
    assert np.abs(counts - 1000).max() < 150


def test_the_seed_decides(store):
    first = sample_windows(store, 20, 30, seed=1, strand="random")
    assert sample_windows(store, 20, 30, seed=1, strand="random") == first
    assert sample_windows(store, 20, 30, seed=2, strand="random") != first
    assert len(sample_windows(store, 0, 30)) == 0


def test_some_ambiguous_bases_can_be_allowed(store):
    windows = sample_windows(store, 300, 100, chromosomes=["a"], max_ambiguous=0.5)
    assert 0 < windows.columns["ambiguous"].max() <= 0.5


def test_each_window_can_have_its_own_length(store):
    lengths = np.array([30, 10, 30, 500, 10])
    windows = sample_windows(store, 5, lengths, seed=3)
    assert windows.length_bp.tolist() == lengths.tolist()
    assert windows[[0, 2]].start.tolist() == sample_windows(store, 2, 30, seed=3).start.tolist()
    with pytest.raises(TypeError, match="length_bp expects integers"):
        sample_windows(store, 1, 5.0)


def test_negatives_are_matched_to_positives_by_gc_and_length(store):
    positives = sample_windows(store, 40, np.repeat([50, 80], 20), seed=1)
    pool = sample_windows(store, 2000, np.repeat([50, 80], 1000), avoid=positives, seed=2)
    matched = matched_sample(
        positives.columns["gc"], positives.length_bp, pool.columns["gc"], pool.length_bp, gc_step=0.1
    )
    negatives = pool[matched.index]
    assert negatives.length_bp.tolist() == positives.length_bp[matched.positive].tolist()
    assert not overlaps_any(negatives, positives).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length_bp": 0}, "length_bp expects 1 or more, got 0"),
        ({"length_bp": 2**62}, "length_bp expects at most 3500, the longest chromosome"),
        ({"length_bp": np.array([5, 6])}, r"length_bp expects one length or 3, got shape \(2,\)"),
        ({"length_bp": 3501}, "length_bp expects at most 3500, the longest chromosome, got 3501"),
        ({"chromosomes": ["chrb"]}, r"no chromosome 'chrb' \(did you mean 'b'\?\)"),
        ({"chromosomes": []}, "length_bp expects at most 0"),
        ({"chromosomes": ["b"], "avoid": Intervals("b", [5], [995])}, "no window of 10 bp fits between"),
        ({"chromosomes": ["c"], "length_bp": 5}, "0 of 3 windows of 5 bp had at most 0 ambiguous bases"),
        ({"count": -1}, "count expects 0 or more, got -1"),
        ({"strand": "x"}, "strand expects"),
    ],
)
def test_what_cannot_be_drawn_is_an_error(store, options, message):
    with pytest.raises(ValueError, match=message):
        sample_windows(store, **{"count": 3, "length_bp": 10} | options)
