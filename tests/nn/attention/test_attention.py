"""What attention promises beyond its formula: masks, positions, weights, and the same numbers in blocks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from genoml import nn, testing
from genoml.backend import Backend
from genoml.nn.attention.positions import Rotary, sinusoids
from genoml.nn.attention.relative import distance_bases, skew, unskew
from genoml.testing import forward_backward
from genoml.testing.layers.attention import POSITIONS
from genoml.testing.layers.attention_loops import loop_attention, loop_bases, loop_block, loop_sinusoids
from support.backends import has_float64
from support.guard import no_host_read

#: the last example has nothing to attend to; the second has padding on the left
REAL = np.array([[1, 1, 1, 1, 1], [0, 0, 1, 1, 1], [1, 1, 1, 0, 0], [0, 0, 0, 0, 0]], dtype=bool)
BLOCKS = pytest.mark.parametrize("block_size", [None, 1, 2, 5, 9], ids=lambda size: f"block {size}")
CAUSAL = pytest.mark.parametrize("causal", [False, True], ids=["both ways", "causal"])
POSITION = pytest.mark.parametrize("position", POSITIONS, ids=str)


class WithMask(nn.SelfAttention):
    """SelfAttention under one fixed mask, for the checks that know no masks."""

    def vjp(self, x: Any, run: nn.Pass = nn.EVALUATION) -> Any:
        return super().vjp(x, replace(run, mask=REAL[: x.shape[0], : x.shape[1]]))


def build(backend: Backend, kind: type[nn.SelfAttention] = nn.SelfAttention, **options: Any) -> Any:
    """A small layer in the widest dtype of the backend, its parameters away from zero."""
    options = {"heads": 2, **POSITIONS.get(options.get("position"), {}), **options}
    case = testing.LayerCase(lambda: kind(6, **options), (4, 5, 6))
    return case.build(backend, "float64" if has_float64(backend) else "float32")


def sequences(seed: int = 0, shape: tuple[int, ...] = (4, 5, 6)) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def tolerance(backend: Backend) -> float:
    return 1e-11 if has_float64(backend) else 2e-5


# ---------------------------------------------------------------- masks


@BLOCKS
@CAUSAL
@POSITION
def test_masked_output_equals_the_loop_and_its_gradients_the_differences(
    position: str | None, causal: bool, block_size: int | None
) -> None:
    with_numpy = build(nn.ReLU().backend, WithMask, position=position, causal=causal, block_size=block_size)
    x = sequences()
    expected, _ = loop_attention(with_numpy, dict(with_numpy.params), x, REAL)
    np.testing.assert_allclose(with_numpy(x), expected, rtol=1e-11, atol=1e-12)
    testing.check_gradients(with_numpy, x)


@CAUSAL
@POSITION
def test_weights_equal_the_loop_and_sum_to_one(position: str | None, causal: bool, backend: Backend) -> None:
    layer = build(backend, position=position, causal=causal)
    x, dtype = sequences(), layer.dtype
    arrays = {name: backend.to_numpy(a) for name, a in layer.params.items()}
    _, expected = loop_attention(layer, arrays, x, REAL)
    weights = backend.to_numpy(layer.attention(backend.asarray(x, dtype), mask=REAL))
    np.testing.assert_allclose(weights, expected, atol=tolerance(backend))
    assert np.all(weights[:, :, ~np.tri(5, dtype=bool)] == 0) or not causal
    assert np.all(np.broadcast_to(~REAL[:, None, None, :], weights.shape) <= (weights == 0))
    seen = REAL[:, None, :] & (np.tri(5, dtype=bool) if causal else True)
    total = np.broadcast_to(seen.any(axis=2)[:, None, :], weights.shape[:3])
    np.testing.assert_allclose(weights.sum(axis=3), total, atol=1e-6)


@BLOCKS
def test_a_row_with_nothing_to_attend_to_gives_the_output_bias(
    block_size: int | None, backend: Backend
) -> None:
    layer = build(backend, block_size=block_size)
    y = backend.to_numpy(layer(backend.asarray(sequences(), layer.dtype), mask=REAL))
    bias = np.broadcast_to(backend.to_numpy(layer.output_bias), (5, 6))
    np.testing.assert_array_equal(y[3], bias)
    grad_x = backend.to_numpy(layer.backward(backend.asarray(np.ones((4, 5, 6)), layer.dtype)))
    assert np.all(grad_x[3] == 0.0)
    assert np.all(np.isfinite(grad_x))


@BLOCKS
def test_no_value_of_a_padded_position_reaches_a_real_one(block_size: int | None, backend: Backend) -> None:
    layer, x = build(backend, block_size=block_size), sequences()
    other = np.where(REAL[:, :, None], x, 1e6 * sequences(1))
    y, z = (backend.to_numpy(layer(backend.asarray(a, layer.dtype), mask=REAL)) for a in (x, other))
    np.testing.assert_array_equal(y[REAL], z[REAL])


@BLOCKS
def test_a_causal_output_does_not_depend_on_what_follows(block_size: int | None, backend: Backend) -> None:
    layer, x = build(backend, causal=True, block_size=block_size), sequences()
    y = backend.to_numpy(layer(backend.asarray(x, layer.dtype)))
    x[:, 3:] += 1.0
    z = backend.to_numpy(layer(backend.asarray(x, layer.dtype)))
    np.testing.assert_array_equal(y[:, :3], z[:, :3])
    assert not np.allclose(y[:, 3:], z[:, 3:])


def test_a_mask_may_be_booleans_numbers_or_a_device_array(backend: Backend) -> None:
    layer = build(backend)
    x = backend.asarray(sequences(), layer.dtype)
    masks = (
        REAL,
        REAL.tolist(),
        REAL.astype(np.float32),
        backend.asarray(REAL),
        backend.asarray(REAL, "float32"),
    )
    outputs = [backend.to_numpy(layer(x, mask=mask)) for mask in masks]
    for y in outputs[1:]:
        np.testing.assert_array_equal(y, outputs[0])


def test_a_mask_of_another_shape_is_refused(backend: Backend) -> None:
    layer = build(backend)
    x = backend.asarray(sequences(), layer.dtype)
    with pytest.raises(ValueError, match=r"SelfAttention mask expects \(4, 5\), got \(5, 4\)"):
        layer(x, mask=REAL.T)
    with pytest.raises(ValueError, match=r"mask expects \(4, 5\), got \(5,\)"):
        layer.attention(x, mask=REAL[0])


def test_a_transformer_block_passes_the_mask_on(backend: Backend) -> None:
    case = testing.LayerCase(lambda: nn.TransformerBlock(6, 2, hidden_features=5), (4, 5, 6))
    block: Any = case.build(backend, "float64" if has_float64(backend) else "float32")
    arrays = {name: backend.to_numpy(a) for name, a in block.params.items()}
    y = backend.to_numpy(block(backend.asarray(sequences(), block.dtype), mask=REAL))
    np.testing.assert_allclose(y, loop_block(block, arrays, sequences(), REAL), atol=tolerance(backend) * 10)


# ---------------------------------------------------------------- blocks


@CAUSAL
@POSITION
@pytest.mark.parametrize("block_size", [1, 3, 4, 64])
@pytest.mark.parametrize("length", [1, 2, 11])
def test_blocks_give_the_numbers_of_the_whole_matrix(
    length: int, block_size: int, position: str | None, causal: bool
) -> None:
    layer = build(nn.ReLU().backend, position=position, causal=causal)
    x = sequences(shape=(2, length, 6))
    whole = forward_backward(layer, x)
    layer.block_size = block_size
    for name, value in forward_backward(layer, x).items():
        np.testing.assert_allclose(value, whole[name], rtol=1e-10, atol=1e-12, err_msg=name)


def test_large_scores_do_not_overflow_in_either_path(backend: Backend) -> None:
    layer = build(backend)
    for name in ("query_weights", "key_weights"):
        layer.params[name] = layer.params[name] * 100.0
    x = backend.asarray(sequences(), layer.dtype)
    whole = forward_backward(layer, x)
    layer.block_size = 2
    blocks = forward_backward(layer, x)
    for name, value in whole.items():
        assert np.all(np.isfinite(value)), name
        scale = 1.0 + np.max(np.abs(value))
        np.testing.assert_allclose(blocks[name], value, atol=1e3 * tolerance(backend) * scale, err_msg=name)


@POSITION
def test_nothing_is_read_on_the_host_with_a_mask_and_in_blocks(
    position: str | None, backend: Backend
) -> None:
    layer = build(backend, position=position, causal=True, block_size=2)
    x, mask = backend.asarray(sequences(), layer.dtype), backend.asarray(REAL)
    grad = backend.asarray(np.ones((4, 5, 6)), layer.dtype)
    layer.params  # noqa: B018 - drawn on the host, once
    with no_host_read(backend):
        _, pullback = layer.vjp(x, nn.Pass(training=True, step=0, mask=mask))
        pullback(grad)
        layer.attention(x, mask=mask)


# ---------------------------------------------------------------- positions


def test_sinusoids_have_the_values_of_the_formula(backend: Backend) -> None:
    like = backend.asarray(np.zeros(1), "float64" if has_float64(backend) else "float32")
    for features in (1, 2, 5, 8):
        found = backend.to_numpy(sinusoids(like, 7, features))
        np.testing.assert_allclose(found, loop_sinusoids(7, features), atol=tolerance(backend))


@pytest.mark.parametrize("shift", [1, 4, 50])
def test_rotary_scores_depend_on_the_distance_only(shift: int) -> None:
    rng = np.random.default_rng(3)
    q, k = (np.broadcast_to(rng.standard_normal(6), (1, 1, 60, 6)) for _ in range(2))
    rotary = Rotary(q, 60, 6)
    scores = (rotary.rotate(q) @ np.swapaxes(rotary.rotate(k), 2, 3))[0, 0]
    np.testing.assert_allclose(scores[shift:, shift:], scores[:-shift, :-shift], atol=1e-12)
    assert np.std(scores[0]) > 0.1


def test_rotation_keeps_lengths_and_turns_back() -> None:
    x = sequences(shape=(2, 3, 7, 4))
    rotary = Rotary(x, 7, 4)
    np.testing.assert_allclose(
        np.linalg.norm(rotary.rotate(x), axis=3), np.linalg.norm(x, axis=3), rtol=1e-13
    )
    np.testing.assert_allclose(rotary.rotate_back(rotary.rotate(x)), x, atol=1e-14)


@pytest.mark.parametrize("position", ["relative", "relative_basis", "rotary"])
def test_relative_positions_do_not_see_a_shift_of_the_sequence(position: str) -> None:
    layer = build(nn.ReLU().backend, position=position)
    x = sequences(shape=(1, 8, 6))
    moved = np.concatenate([np.zeros((1, 3, 6)), x], axis=1)
    y = layer(x)
    z = layer(moved, mask=np.arange(11)[None, :] >= 3)
    np.testing.assert_allclose(z[:, 3:], y, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("position", ["sinusoidal", "rotary", "relative", "relative_basis"])
def test_only_a_position_makes_order_matter(position: str) -> None:
    x, backend = sequences(), nn.ReLU().backend
    for kind, ordered in ((None, False), (position, True)):
        layer = build(backend, position=kind)
        same = np.allclose(layer(x[:, ::-1])[:, ::-1], layer(x))
        assert same != ordered, kind


def test_distances_beyond_the_table_share_its_ends() -> None:
    layer: Any = nn.SelfAttention(4, position="relative", max_length=2, dtype="float64")
    layer.relative_bias = np.array([[-1.0], [0.0], [2.0]])
    layer.query_weights = np.zeros((4, 4))
    weights = layer.attention(np.ones((1, 4, 4)))[0, 0]
    powers = np.exp(np.array([[0, 2, 2, 2], [-1, 0, 2, 2], [-1, -1, 0, 2], [-1, -1, -1, 0]]))
    np.testing.assert_allclose(weights, powers / powers.sum(axis=1, keepdims=True), rtol=1e-13)


@pytest.mark.parametrize(("length", "reach", "bases"), [(1, 2, 1), (6, 6, 2), (9, 4, 3), (40, 64, 5)])
def test_distance_bases_have_the_values_of_their_definitions(
    length: int, reach: int, bases: int, backend: Backend
) -> None:
    like = backend.asarray(np.zeros(1), "float64" if has_float64(backend) else "float32")
    found = backend.to_numpy(distance_bases(like, length, reach, bases))
    expected = np.array([loop_bases(d, reach, bases) for d in range(1 - length, length)])
    np.testing.assert_allclose(found, expected, atol=10 * tolerance(backend))
    assert np.max(found) <= 1.0 + 1e-6


@pytest.mark.parametrize(("queries", "keys"), [(1, 1), (1, 4), (4, 1), (2, 2), (2, 5), (5, 3)])
def test_unskew_is_the_transpose_of_skew(queries: int, keys: int, backend: Backend) -> None:
    rows, matrix = sequences(0, (2, queries, queries + keys - 1)), sequences(1, (2, queries, keys))
    skewed = backend.to_numpy(skew(backend.asarray(rows, "float32"), keys))
    expected = [[[row[i, j - i + queries - 1] for j in range(keys)] for i in range(queries)] for row in rows]
    np.testing.assert_allclose(skewed, expected, rtol=1e-6)
    spread = backend.to_numpy(unskew(backend.asarray(matrix, "float32")))
    np.testing.assert_allclose(np.sum(spread * rows), np.sum(skewed * matrix), rtol=1e-4)
    assert np.count_nonzero(spread) == matrix.size


# ---------------------------------------------------------------- options


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"heads": 4},
            "heads that divide the features, or key_size and value_size; got 6 features and 4 heads",
        ),
        ({"heads": 0}, "expects heads >= 1, got 0"),
        ({"key_size": 0}, "expects key_size >= 1, got 0"),
        ({"block_size": 0}, "expects block_size >= 1, got 0"),
        ({"max_length": 1}, "expects max_length >= 2, got 1"),
        ({"position": "absolute"}, "got 'absolute'"),
        ({"position": "rotary", "key_size": 3}, "expects an even key_size for 'rotary', got 3"),
    ],
    ids=str,
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        nn.SelfAttention(6, **options)


def test_heads_need_not_divide_the_features_when_sizes_are_given() -> None:
    layer = nn.SelfAttention(5, 3, key_size=2, value_size=4, out_features=7)
    assert layer.attention(np.zeros((2, 3, 5), np.float32)).shape == (2, 3, 3, 3)
    assert layer(np.zeros((2, 3, 5), np.float32)).shape == (2, 3, 7)


@pytest.mark.parametrize(
    ("groups", "channels", "words"),
    [
        (0, 4, "groups >= 1, got 0"),
        (3, 4, "groups that divide the channels, got 3 and 4"),
        (2, 0, "channels >= 1, got 0"),
    ],
)
def test_groups_that_do_not_divide_the_channels_are_refused(groups: int, channels: int, words: str) -> None:
    with pytest.raises(ValueError, match=f"GroupNorm expects {words}"):
        nn.GroupNorm(groups, channels)


def test_attention_pooling_begins_close_to_the_maximum_and_the_mean() -> None:
    x = np.abs(10.0 * sequences(shape=(2, 6, 8)))
    pool = nn.AttentionPool1D(6, 2, dtype="float64")
    mean = nn.AttentionPool1D(6, 2, per_channel=False, dtype="float64")
    np.testing.assert_allclose(mean(x), x.reshape(2, 6, 4, 2).mean(axis=3), rtol=1e-13)
    largest = x.reshape(2, 6, 4, 2).max(axis=3)
    assert np.all((pool(x) <= largest) & (pool(x) > largest - 0.3))


@pytest.mark.parametrize("options", [{}, {"causal": True}, {"position": "relative"}, {"block_size": 3}])
def test_output_and_weights_in_one_pass_equal_the_two_calls(
    options: dict[str, Any], backend: Backend
) -> None:
    layer = nn.SelfAttention(6, 2, backend=backend, **options)
    x = backend.asarray(np.random.default_rng(0).standard_normal((2, 7, 6)), "float32")
    y, weights = layer.with_weights(x)
    grad = layer.backward(y)
    expected_y, expected = layer(x), layer.attention(x)
    pairs = [(y, expected_y), (weights, expected), (grad, layer.backward(expected_y))]
    for got, wanted in pairs:
        np.testing.assert_allclose(backend.to_numpy(got), backend.to_numpy(wanted), rtol=1e-5, atol=1e-6)
