"""What is BPNet's own: two heads in one array, and outputs that lie where their bases lie."""

from __future__ import annotations

import re

import numpy as np
import pytest

from genoml.backend import Backend
from genoml.losses import multinomial_profile_loss
from genoml.models import build_model, join_profile, split_profile
from genoml.models.bpnet import bpnet_windows
from genoml.nn.layer import Pass
from genoml.ops.windows import shortest_length
from genoml.optim import Adam
from support.models import SMALL, small_input, small_model


def test_the_published_sizes_turn_2114_bp_into_a_profile_of_1000() -> None:
    assert shortest_length(bpnet_windows(), 1000) == 2114
    y = build_model("bpnet", {"filters": 2, "tracks": 2})(np.zeros((1, 4, 2114), np.float32))
    profile, log_counts = split_profile(y, 2)
    assert profile.shape == (1, 2, 1000)
    assert log_counts.shape == (1, 2)


def test_the_heads_are_taken_apart_and_joined_again(backend: Backend) -> None:
    y = backend.asarray(np.arange(2.0 * 3 * 6).reshape(2, 18), "float32")
    profile, log_counts = split_profile(y, 3)
    assert backend.to_numpy(profile)[0].tolist() == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11, 12, 13, 14]]
    assert backend.to_numpy(log_counts).tolist() == [[15, 16, 17], [33, 34, 35]]
    np.testing.assert_array_equal(backend.to_numpy(join_profile(profile, log_counts)), backend.to_numpy(y))


@pytest.mark.parametrize(("shape", "tracks"), [((2, 7), 2), ((2, 2), 2), ((2, 4, 2), 1), ((2, 4), 0)])
def test_an_output_of_another_shape_is_not_taken_apart(shape: tuple[int, ...], tracks: int) -> None:
    with pytest.raises(ValueError, match=re.escape(f"(batch, {tracks} (length + 1)), got {shape}")):
        split_profile(np.zeros(shape), tracks)
    with pytest.raises(ValueError, match=r"a profile of \(2, 3, 4\), got \(3, 2\)"):
        join_profile(np.zeros((2, 3, 4)), np.zeros((3, 2)))


@pytest.mark.parametrize("extra", [0, 5, 6])
def test_a_base_changes_the_profile_around_itself_only(extra: int) -> None:
    options = SMALL["bpnet"] | {"profile_length_bp": 41}
    model = build_model("bpnet", options).to(dtype="float64")
    reach = sum(reach.span - 1 for reach in bpnet_windows(**options)) // 2
    length = 41 + 2 * reach + extra
    x = np.random.default_rng(0).standard_normal((1, 4, length))
    before, _ = split_profile(model(x), 2)
    for at in (reach, length // 2, length - reach - 1):
        other = x.copy()
        other[0, :, at] += 5.0
        after, _ = split_profile(model(other), 2)
        changed = np.flatnonzero(np.any(after != before, axis=(0, 1))) + (length - 41) // 2
        assert len(changed)
        assert changed.min() >= at - reach
        assert changed.max() <= at + reach
        assert at in changed or at not in range((length - 41) // 2, (length - 41) // 2 + 41)


def test_training_on_profiles_lowers_the_loss() -> None:
    model, x = small_model("bpnet"), small_input("bpnet", 16)
    rng, optimizer, losses = np.random.default_rng(0), Adam(0.01), []
    counts = rng.poisson(1.0 + 6.0 * x[:, :2, 8:15]).astype(np.float64)
    for _ in range(40):
        y, pullback = model.vjp(x, Pass(training=True, step=0))
        profile, log_counts = split_profile(y, 2)
        loss, (grad_profile, grad_counts) = multinomial_profile_loss(profile, log_counts, counts)
        _, grads = pullback(join_profile(grad_profile, grad_counts), need_x=False)
        optimizer.update(model.params, grads)
        losses.append(float(loss))
    assert losses[-1] < 0.8 * losses[0]
