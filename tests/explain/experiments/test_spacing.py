"""Motifs at distances: joint effects, cooperativity, periods, and what does not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from genoml.explain import amplitudes, profile_task, space
from genoml.explain.tasks import Task
from genoml.sequence import base_codes, reverse_complement
from genoml.train.predict import predict_outputs
from support.experiments import CODES, NETWORKS, network, random_codes, small


def test_predictions_are_those_of_tangermeme_which_are_written_down() -> None:
    found = space(small(), CODES, "TGACT", "CCGG", [0, 3, 11], orientations=["++"], position=6, task=1)
    joint = [
        [-1.02026264, -1.04395718, -0.81899007],
        [-0.88214421, -1.24655923, -1.24681672],
        [-0.85079166, -0.93286761, -1.05961531],
    ]
    second = [
        [-1.0493023, -0.52938512, -0.80942051],
        [-0.94821247, -1.05484026, -1.29641192],
        [-0.81919794, -0.59579157, -1.01563743],
    ]
    np.testing.assert_allclose(found.joint[0], joint, atol=1e-8)
    np.testing.assert_allclose(found.first[0], [[-0.85359358, -0.95212701, -1.22549758]] * 3, atol=1e-8)
    np.testing.assert_allclose(found.second[0], second, atol=1e-8)


@pytest.mark.parametrize("fixed", ["first", "second"])
def test_every_arrangement_is_the_prediction_of_its_sequence(fixed: Any) -> None:
    model, letters = small(), ("TGACG", "CCA")
    found = space(model, CODES, *letters, [1, 6], fixed=fixed, position=14, both_strands=True)
    assert found.orientations == ("++", "+-", "-+", "--")

    def f(codes: np.ndarray) -> np.ndarray:
        return predict_outputs(model, codes, both_strands=True)[:, 0]

    for row, strands in enumerate(found.orientations):
        each = [m if s == "+" else reverse_complement(m) for m, s in zip(letters, strands, strict=True)]
        for column, distance in enumerate((1, 6)):
            starts = (14, 14 + 5 + distance) if fixed == "first" else (14 - distance - 5, 14)
            copies = [CODES.copy() for _ in range(3)]
            for number, (motif, start) in enumerate(zip(each, starts, strict=True)):
                for copy in (copies[number], copies[2]):
                    copy[:, start : start + len(motif)] = base_codes([motif])[0]
            np.testing.assert_allclose(found.first[row, column], f(copies[0]), atol=1e-12)
            np.testing.assert_allclose(found.second[row, column], f(copies[1]), atol=1e-12)
            np.testing.assert_allclose(found.joint[row, column], f(copies[2]), atol=1e-12)
    expected = found.joint - found.first - found.second + f(CODES)
    np.testing.assert_allclose(found.cooperativity, expected, atol=1e-12)
    assert found.statistics.mean.shape == found.statistics.fdr.shape == (4, 2)


@pytest.mark.parametrize("name", NETWORKS)
def test_windows_give_what_whole_sequences_give(name: str) -> None:
    task: Task | None = profile_task(tracks=2) if name == "bpnet" else None
    options: dict[str, Any] = {"task": task, "both_strands": name != "deepbind", "batch_size": 20}
    found, whole = (
        space(
            network(name),
            random_codes(3, 60),
            "TGACTCA",
            "NGGAA",
            range(0, 40, 3),
            windows=w,
            **options,
        )
        for w in (True, False)
    )
    for part in ("joint", "first", "second", "neither"):
        expected = getattr(whole, part)
        np.testing.assert_allclose(
            getattr(found, part), expected, atol=3e-6 * np.abs(whole.joint).max(), rtol=0
        )


def test_the_widest_arrangement_is_in_the_middle() -> None:
    first, second = (
        space(small(), CODES, "TGACG", "CCA", [0, 20], fixed=fixed) for fixed in ("first", "second")
    )
    assert (first.position, second.position) == (2, 27)
    np.testing.assert_allclose(first.joint[:, 1], second.joint[:, 1], atol=1e-12)


@pytest.mark.parametrize(
    ("distances", "options", "message"),
    [
        ([5, 25], {}, "distance 25 does not fit motifs of 5 and 3 bp in backgrounds of 32 bp; the largest .* is 24"),
        ([20], {"position": 10}, "distance 20 does not fit .*; the largest that does is 14"),
        ([9], {"position": 10, "fixed": "second"}, "the largest that does is 5"),
        ([0], {"position": 30}, "motifs of 5 and 3 bp do not fit backgrounds of 32 bp with the first at 30"),
        ([0], {"position": 30, "fixed": "second"}, "do not fit backgrounds of 32 bp with the second at 30"),
        ([3, -2], {}, "at distance -2 the motifs overlap; expects distances of 0 or more"),
        ([], {}, "space expects at least one distance, got none"),
        ([1], {"orientations": ["+*"]}, r"orientations expects 'all' or some of \+\+, \+-, -\+, --"),
        ([1], {"task": 5}, "task expects an output from 0 to 1, got 5"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(distances: list[int], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        space(small(), CODES, "TGACG", "CCA", distances, **options)


def test_motifs_longer_than_the_backgrounds_are_named() -> None:
    with pytest.raises(ValueError, match="motifs of 20 and 20 bp do not fit backgrounds of 32 bp"):
        space(small(), CODES, "A" * 20, "C" * 20, [0])


def test_one_background_says_that_it_has_no_standard_error() -> None:
    with pytest.warns(UserWarning, match="space: one background has no standard error"):
        space(small(), CODES[:1], "TGACG", "CCA", [1])


def test_the_amplitude_of_a_wave_is_found_at_its_period_beside_a_trend() -> None:
    distances = np.arange(150)
    curves = np.stack([0.3 * np.cos(2 * np.pi * distances / 10.5 + 1), 0.0 * distances])
    curves += 2.0 - 0.01 * distances
    periods = np.linspace(4, 30, 53)
    found = amplitudes(distances, curves, periods)
    assert periods[found[0].argmax()] == 10.5
    np.testing.assert_allclose(found[0].max(), 0.3, rtol=0.01)
    np.testing.assert_allclose(found[1], 0.0, atol=1e-12)
    some = np.sort(np.random.default_rng(0).choice(150, 90, replace=False))
    assert abs(periods[amplitudes(some, curves[0, some], periods).argmax()] - 10.5) <= 0.5


def test_amplitudes_need_three_distances() -> None:
    with pytest.raises(ValueError, match="3 distances or more and periods above 0, got 2"):
        amplitudes([1, 2], [0.0, 1.0], [10.0])
