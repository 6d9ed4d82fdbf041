"""Hits of a scan by sums of bytes, compiled by Numba, against the standard version."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml.ops.conv1d import conv1d_hits
from genoml.sequence import PWM, MotifScanner
from genoml_numpy import compiled
from genoml_numpy.compiled import bases
from ops.test_compiled_bases import one_hot_rows
from support.backends import CompiledNumpyBackend

_HITS = compiled.TWINS["conv1d_hits"]


def places_of(found: np.ndarray) -> list[int]:
    return sorted(found[1 : 1 + int(found[0])].tolist())


@settings(max_examples=60, deadline=None)
@given(
    kernel=st.integers(2, 40),
    extra=st.integers(0, 60),
    filters=st.sampled_from([1, 7, 64, 65, 130]),
    share=st.sampled_from([0.0, 0.5, 0.99, 1.0]),
    seed=st.integers(0, 1000),
)
def test_hits_by_sums_of_bytes_are_those_of_the_standard_version(
    kernel: int, extra: int, filters: int, share: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    x = one_hot_rows(rng, 1, kernel + extra)
    # in 256ths, so that sums are exact and a score equal to the limit is a hit of both
    w = (rng.integers(-2000, 500, (kernel, 4, filters)) / 256).astype(np.float32)
    scores = np.lib.stride_tricks.sliding_window_view(x[0], (kernel, 4))[:, 0]
    scores = np.einsum("lkc,kcf->lf", scores, w)
    limits = np.quantile(scores, share, axis=0, method="nearest").astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bases, "_LEAST", 1)
        found = _HITS(x, w, limits, 10**6)
    assert places_of(found) == np.flatnonzero(scores >= limits).tolist()


@pytest.mark.parametrize("limit", [-np.inf, 0.0, np.inf, np.nan])
@pytest.mark.parametrize("value", [0.0, 1.5, np.nan, np.inf])
def test_limits_and_kernels_without_an_end_give_what_the_standard_version_does(
    limit: float, value: float
) -> None:
    x = one_hot_rows(np.random.default_rng(1), 1, 900)
    w = np.zeros((4, 4, 30), np.float32)
    w[2, 1, 7] = value
    limits = np.full(30, limit, np.float32)
    with np.errstate(invalid="ignore"):
        assert places_of(_HITS(x, w, limits, 10**6)) == places_of(conv1d_hits.standard(x, w, limits, 10**6))


@pytest.mark.parametrize("kernel", [1, 3, 200])
def test_rows_of_half_bases_and_very_wide_kernels_are_left_to_the_convolution(kernel: int) -> None:
    rng = np.random.default_rng(2)
    x = one_hot_rows(rng, 1, 700)
    x[0, 5] = 0.25
    w, limits = rng.standard_normal((kernel, 4, 40)).astype(np.float32), np.ones(40, np.float32)
    assert places_of(_HITS(x, w, limits, 10**6)) == places_of(conv1d_hits.standard(x, w, limits, 10**6))


@pytest.mark.parametrize("letters", ["ACGT", "ACGTNR"])
def test_a_scan_finds_the_same_with_and_without_numba(letters: str) -> None:
    rng = np.random.default_rng(3)
    motifs = [PWM.from_counts(rng.gamma(0.2, 10.0, (width, 4))) for width in (1, 3, 6, 9, 15, 31)]
    sequences = ["".join(rng.choice(list("ACGT" * 50 + letters), size)) for size in (5, 70_000, 3000)]
    ours, theirs = (
        MotifScanner(motifs, p_value=1e-3, backend=backend).scan(sequences)
        for backend in (CompiledNumpyBackend(), "numpy")
    )
    assert ours.motif.size > 100
    for column, expected in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(column, expected)
