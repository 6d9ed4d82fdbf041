"""Scores of variants: those of both alleles computed whole, on every kind of network and for every kind of change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from genoml.backend import Backend, use_backend
from genoml.genome import GenomeStore
from genoml.io import Variants
from genoml.models import build_model
from genoml.nn import (
    Conv1D,
    Dense,
    Flatten,
    GlobalAveragePool1D,
    MaxPool1D,
    ReLU,
    Sequential,
    StrandSymmetric,
)
from genoml.sequence import base_codes, decode, dinucleotide_shuffle
from genoml.train import BinaryClassification, Counts, Profile, Regression
from genoml.train.predict import predict_outputs
from genoml.variants import CheckOptions, VariantScores, allele_windows, check_variants, score_variants
from support.calls import LENGTH, Row, letters_of, other, small_genome, small_model, some_variants

BELOW_0 = Regression(mean=(-9.0,) * 2, scale=(0.1,) * 2)


@pytest.fixture(scope="module")
def genome(tmp_path_factory: pytest.TempPathFactory) -> GenomeStore:
    return small_genome(tmp_path_factory.mktemp("genome"))


def variants_of(rows: list[Row]) -> Variants:
    chrom, pos, ref, alt = zip(*rows, strict=True)
    return Variants.of(chrom, [p - 1 for p in pos], ref, alt)


def scores(model: Any, genome: GenomeStore, rows: list[Row], **options: Any) -> VariantScores:
    return score_variants(
        model, genome, variants_of(rows), **{"length_bp": LENGTH, "both_strands": False, **options}
    )


def windows_by_hand(genome: GenomeStore, row: Row, *, right: bool = False) -> tuple[str, str]:
    """Both alleles' windows as text, from a chromosome with the allele in it."""
    _, pos, ref, alt = row
    before, after = (
        letters_of(genome, "chr1", 0, pos - 1),
        letters_of(genome, "chr1", pos - 1 + len(ref), 3000),
    )
    start = pos - 1 + len(ref) // 2 - LENGTH // 2
    shift = len(alt) - len(ref) if right else 0
    whole, changed = before + ref + after, before + alt + after
    return whole[start : start + LENGTH], changed[start + shift : start + shift + LENGTH]


def difference_by_hand(model: Any, pairs: list[tuple[str, str]], **options: Any) -> np.ndarray:
    outputs = [predict_outputs(model, base_codes(list(side)), **options) for side in zip(*pairs, strict=True)]
    return outputs[1] - outputs[0]


def close(found: np.ndarray, expected: np.ndarray, tolerance: float = 1e-5) -> None:
    np.testing.assert_allclose(found, expected, atol=tolerance * np.abs(expected).max(), rtol=0)


def test_effects_are_those_of_windows_made_by_hand(genome: GenomeStore) -> None:
    rows, model = some_variants(genome, 24), small_model(2)
    found = scores(model, genome, rows)
    expected = difference_by_hand(model, [windows_by_hand(genome, row) for row in rows], both_strands=False)
    assert found.status.tolist() == ["ok"] * 24
    close(found.effect, expected)
    assert found.columns == ["effect_0", "effect_1"]
    outputs = predict_outputs(
        model, base_codes([windows_by_hand(genome, row)[1] for row in rows]), both_strands=False
    )
    np.testing.assert_allclose(found.alternative, 1 / (1 + np.exp(-outputs)), rtol=1e-5)


def test_both_anchors_are_the_mean_of_windows_that_share_either_flank(genome: GenomeStore) -> None:
    rows, model = some_variants(genome, 12, kinds="ID"), small_model()
    pairs = [[windows_by_hand(genome, row, right=right) for row in rows] for right in (False, True)]
    expected = np.mean([difference_by_hand(model, each, both_strands=False) for each in pairs], axis=0)
    close(scores(model, genome, rows, anchor="both").effect, expected)


def _networks() -> dict[str, Any]:
    return {
        "maximum": small_model(dtype="float64"),
        "mean": Sequential([Conv1D(4, 5, 7, dtype="float64"), GlobalAveragePool1D(), Dense(5, 2, dtype="float64")]),
        "two convolutions": Sequential(
            [Conv1D(4, 5, 5, padding="same", dtype="float64"), MaxPool1D(2), Conv1D(5, 3, 3, dtype="float64"), ReLU(),
             GlobalAveragePool1D(), Dense(3, 1, dtype="float64")]
        ),
        "dense": Sequential([Conv1D(4, 3, 7, dtype="float64"), Flatten(), Dense(3 * (LENGTH - 6), 1, dtype="float64")]),
        "both strands within": StrandSymmetric(small_model(dtype="float64")),
        "whole": Sequential([Flatten(), Dense(4 * LENGTH, 1, dtype="float64")]),
    }  # fmt: skip


@pytest.mark.parametrize("strands", [False, True], ids=["one strand", "both strands"])
@pytest.mark.parametrize("share_bp", [0, 20], ids=["own windows", "shared windows"])
@pytest.mark.parametrize("name", list(_networks()))
def test_what_changes_gives_the_numbers_of_both_alleles_whole(
    genome: GenomeStore, name: str, share_bp: int, strands: bool
) -> None:
    model, rows = _networks()[name], some_variants(genome, 40)
    rows += [(chrom, pos, ref, other(ref, 2)) for chrom, pos, ref, _ in rows[::8]] + rows[:2]
    options = {"both_strands": strands, "share_bp": share_bp}
    found, whole = (scores(model, genome, rows, windows=each, **options) for each in (True, False))
    close(found.effect, whole.effect, 1e-10)
    np.testing.assert_allclose(found.reference, whole.reference, rtol=1e-10)
    np.testing.assert_array_equal(found.effect[-2:], found.effect[:2])


def test_the_numbers_are_those_of_numpy_on_every_backend(genome: GenomeStore, backend: Backend) -> None:
    rows = some_variants(genome, 16)
    rows += [(chrom, pos, ref, other(ref, step)) for chrom, pos, ref, _ in rows[::4] for step in (2, 3)]

    def build() -> Sequential:
        return Sequential([Conv1D(4, 5, 7), MaxPool1D(2), GlobalAveragePool1D(), Dense(5, 1)], seed=2)

    model = build()
    with use_backend("numpy"):
        with_numpy = build()
    for both in (False, True):
        found = scores(model, genome, rows, both_strands=both)
        close(found.effect, scores(with_numpy, genome, rows, both_strands=both).effect, 1e-4)


def test_the_last_base_of_a_shared_stretch_is_still_in_the_window(genome: GenomeStore) -> None:
    bases = [(f"{pos}", letters_of(genome, "chr1", pos - 1, pos)) for pos in range(1200, 1222)]
    rows = [("chr1", int(pos), ref, other(ref)) for pos, ref in bases]
    model = small_model()
    found = scores(model, genome, rows, share_bp=LENGTH // 2)
    assert found.status.tolist() == ["ok"] * len(rows)
    assert len(np.unique(found.reference)) == 3  # of three stretches
    single = scores(model, genome, rows[:1], share_bp=LENGTH // 2)
    np.testing.assert_allclose(single.effect, found.effect[:1], rtol=1e-4, atol=1e-6)


def test_padded_windows_and_both_anchors_go_with_shuffles(genome: GenomeStore) -> None:
    ref = letters_of(genome, "chr1", 3, 8)
    rows = [("chr1", 4, ref[0], other(ref[0])), ("chr1", 4, ref, ref[0]), ("chr1", 4, ref[0], ref[0] + "GAT")]
    options: dict[str, Any] = {"edges": "pad", "anchor": "both", "null": 4}
    found, whole = (
        scores(small_model(dtype="float64"), genome, rows, windows=each, **options) for each in (True, False)
    )
    assert found.status.tolist() == ["ok"] * 3
    np.testing.assert_allclose(found.effect, whole.effect, rtol=1e-9)
    np.testing.assert_allclose(found.p, whole.p)


def test_what_is_not_scored_is_nan_and_in_its_row(genome: GenomeStore) -> None:
    rows = some_variants(genome, 6)
    rows[1:1] = [("chr1", 1500, "N", "A"), ("chr9", 5, "A", "C")]
    found = scores(small_model(), genome, rows)
    assert found.status.tolist() == ["ok", "ambiguous", "unknown_chromosome", *["ok"] * 5]
    missing = [False, True, True, *[False] * 5]
    for table in (found.effect, found.reference, found.alternative):
        assert np.isnan(table[:, 0]).tolist() == missing
    assert scores(small_model(), genome, rows[1:3]).effect.shape == (2, 1)


@pytest.mark.parametrize("effect", ["difference", "log2_ratio", "function"])
def test_a_swapped_variant_has_the_effect_of_its_own_alleles(genome: GenomeStore, effect: str) -> None:
    rows, model = some_variants(genome, 12), small_model()
    kind: Any = (lambda ref, alt: alt - 2 * ref) if effect == "function" else effect
    turned = [(chrom, pos, alt, ref) for chrom, pos, ref, alt in rows if len(ref) == len(alt)]
    given = [(chrom, pos, ref, alt) for chrom, pos, alt, ref in turned]
    found = scores(model, genome, turned, score_swapped=True, effect=kind)
    straight = scores(model, genome, given, effect=kind)
    assert set(found.status.tolist()) == {"swapped"}
    np.testing.assert_allclose(found.reference, straight.alternative, rtol=1e-6)
    np.testing.assert_allclose(found.alternative, straight.reference, rtol=1e-6)
    if effect != "function":
        np.testing.assert_allclose(found.effect, -straight.effect, rtol=1e-4, atol=1e-6)
    else:
        assert found.columns == ["effect"]


def test_objectives_say_what_a_difference_is_of(genome: GenomeStore) -> None:
    rows, model = some_variants(genome, 8), small_model(dtype="float64")
    plain = scores(model, genome, rows).effect
    rate = scores(model, genome, rows, objective=Counts("poisson", log_rate=(2.0,)))
    np.testing.assert_allclose(rate.effect, plain, rtol=1e-6)
    np.testing.assert_allclose(np.log(rate.alternative / rate.reference), plain, rtol=1e-6)
    value = scores(model, genome, rows, objective=Regression(mean=(1.0,), scale=(3.0,)))
    np.testing.assert_allclose(value.effect, 3 * plain, rtol=1e-6)
    ratio = scores(model, genome, rows, objective=Counts("poisson"), effect="log2_ratio").effect
    np.testing.assert_allclose(ratio, plain / np.log(2), rtol=1e-6)


def test_a_null_is_made_of_shuffles_of_the_window_with_both_alleles(genome: GenomeStore) -> None:
    rows, model = some_variants(genome, 8, seed=2), small_model(dtype="float64")
    found = scores(model, genome, rows, null=20)
    again = scores(model, genome, rows[::-1], null=20, windows=False)
    assert found.z is not None
    assert found.p is not None
    np.testing.assert_allclose(again.z[::-1], found.z, rtol=1e-6)
    np.testing.assert_array_equal(again.p[::-1], found.p)
    assert ((found.p >= 1 / 21) & (found.p <= 1)).all()
    np.testing.assert_allclose(found.p * 21, np.round(found.p * 21))
    assert not np.allclose(scores(model, genome, rows, null=20, seed=1).z, found.z)
    # other shuffles of one window have the same spread
    reference, _ = windows_by_hand(genome, rows[0])
    shuffled = decode(dinucleotide_shuffle(base_codes([reference] * 400), seed=5))
    middle, alt = LENGTH // 2, rows[0][3]
    pairs = [
        (s[:middle] + rows[0][2] + s[middle + 1 :], s[:middle] + alt + s[middle + 1 :]) for s in shuffled
    ]
    spread = difference_by_hand(model, pairs, both_strands=False)
    z = (found.effect[0, 0] - spread.mean()) / spread.std()
    assert abs(scores(model, genome, rows[:1], null=400).z[0, 0] - z) < 0.3 * max(1, abs(z))


def test_a_profile_has_counts_distance_and_their_product(genome: GenomeStore) -> None:
    sizes = {
        "profile_length_bp": 20,
        "filters": 4,
        "kernel_size": 5,
        "dilated_layers": 1,
        "profile_kernel_size": 5,
    }
    model = build_model("bpnet", {**sizes, "tracks": 2}, seed=1)
    objective = Profile(2, 20, strands="+-")
    rows = some_variants(genome, 12)
    found = scores(model, genome, rows, objective=objective, both_strands=True)
    parts = ("logfc", "jsd", "product")
    assert found.columns == [f"{part}_{track}" for track in (0, 1) for part in parts]
    for track in (0, 1):
        logfc, jsd, product = found.effect[:, 3 * track : 3 * track + 3].T
        np.testing.assert_allclose(
            logfc, np.log2((1 + found.alternative) / (1 + found.reference))[:, track], atol=1e-6
        )
        np.testing.assert_allclose(product, logfc * jsd)
        assert ((jsd >= 0) & (jsd < 1)).all()
    turned = [(chrom, pos, alt, ref) for chrom, pos, ref, alt in rows[::4]]
    other_way = scores(
        model, genome, turned, objective=objective, both_strands=True, score_swapped=True
    ).effect
    np.testing.assert_allclose(other_way, found.effect[::4] * np.tile([-1, 1, -1], 2), atol=1e-6)
    one = scores(model, genome, rows, objective=objective, both_strands=True, tasks=["1"])
    assert one.columns == [f"{part}_1" for part in parts]
    np.testing.assert_allclose(one.effect, found.effect[:, 3:], atol=1e-6)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"length_bp": None}, "expects length_bp, the length of a window"),
        ({"anchor": "left"}, "anchor expects 'middle' or 'both', got 'left'"),
        ({"null": 1}, "null expects 2 shuffles or more"),
        ({"null": -1}, "expects null >= 0"),
        ({"tasks": ["heart"]}, "the model has no task 'heart'; its tasks are 0, 1"),
        ({"effect": "ratio"}, "effect expects difference, log2_ratio, profile or a function, got 'ratio'"),
        ({"effect": "profile"}, "effect 'profile' expects a model of profiles, got BinaryClassification"),
        ({"effect": lambda ref, alt: ref[:3]}, r"effect expects \(4,\) or \(4, columns\), got \(3, 2\)"),
        (
            {"effect": "log2_ratio", "objective": Regression(mean=(-9.0,) * 2, scale=(0.1,) * 2)},
            "expects predictions above 0",
        ),
    ],
)
def test_options_that_make_no_sense_are_refused(
    genome: GenomeStore, options: dict[str, Any], words: str
) -> None:
    rows = some_variants(genome, 4, kinds="S")
    with pytest.raises(ValueError, match=words):
        scores(small_model(2), genome, rows, **options)


def test_a_model_that_gives_no_number_is_refused(genome: GenomeStore) -> None:
    model = Sequential([Conv1D(4, 5, 7), MaxPool1D(2), GlobalAveragePool1D(), Dense(5, 1)], seed=2)
    objective = BinaryClassification()
    rows = some_variants(genome, 4)
    scores(model, genome, rows, objective=objective)
    model["3"].weights = model["3"].weights * np.nan
    with pytest.raises(ValueError, match=r"the model gives no number \(NaN\)"):
        scores(model, genome, rows, objective=objective)


def test_windows_of_both_alleles_are_those_made_by_hand(genome: GenomeStore) -> None:
    rows = some_variants(genome, 12)
    checked = check_variants(genome, variants_of(rows), CheckOptions(LENGTH))
    reference, alternative, at = allele_windows(genome, checked.alleles, LENGTH)
    assert list(zip(decode(reference), decode(alternative), strict=True)) == [
        windows_by_hand(genome, row) for row in rows
    ]
    assert [window[start] for window, start in zip(decode(reference), at, strict=True)] == [
        allele[0] for allele in checked.alleles.ref
    ]
