"""Recurrent layers under masks, over long sequences, and as people type them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from genoml import nn
from genoml.backend import Backend
from genoml.testing import check_gradients
from support.backends import has_float64
from support.guard import no_host_read

LENGTHS = [4, 1, 6]
MAKERS: dict[str, Callable[..., nn.Layer]] = {
    "LSTM": lambda **options: nn.LSTM(3, 4, **options),
    "GRU": lambda **options: nn.GRU(3, 4, **options),
    "Bidirectional LSTM": lambda **options: nn.Bidirectional(nn.LSTM(3, 4, **options)),
    "Bidirectional GRU": lambda **options: nn.Bidirectional(nn.GRU(3, 4, **options)),
}
EVERY = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
ONE_WAY = pytest.mark.parametrize("make", [MAKERS["LSTM"], MAKERS["GRU"]], ids=["LSTM", "GRU"])


def dtype_of(backend: Backend) -> str:
    return "float64" if has_float64(backend) else "float32"


def limit(backend: Backend) -> float:
    return 1e-12 if has_float64(backend) else 1e-5


def padded(fill: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Sequences of LENGTHS, padded on the right with ``fill``, and their mask."""
    x = np.random.default_rng(0).standard_normal((len(LENGTHS), max(LENGTHS), 3))
    mask = np.arange(max(LENGTHS))[None, :] < np.array(LENGTHS)[:, None]
    return np.where(mask[:, :, None], x, fill), mask


class Masking(nn.Layer):
    """A layer under a fixed mask, for the checks that know no masks."""

    def __init__(self, layer: nn.Layer, mask: np.ndarray) -> None:
        super().__init__(dtype=layer.dtype, backend=layer.backend)
        self.layer, self.mask = layer, mask

    def _table(self, name: str) -> Any:
        return getattr(self.layer, name)

    def vjp(self, x: Any, run: nn.Pass = nn.EVALUATION) -> tuple[Any, nn.Pullback]:
        return self.layer.vjp(x, nn.Pass(mask=self.mask))


# ---------------------------------------------------------------- masks


@EVERY
@pytest.mark.parametrize("fill", [7.0, np.nan])
def test_a_masked_sequence_gives_what_it_gives_alone(
    make: Callable[..., nn.Layer], fill: float, backend: Backend
) -> None:
    layer, (x, mask) = make(dtype=dtype_of(backend)), padded(fill)
    grad = np.where(mask[:, :, None], np.random.default_rng(1).standard_normal((*mask.shape, 8)), 0.0)
    y = layer(backend.asarray(x, dtype_of(backend)), mask=mask)  # type: ignore[call-arg]
    grad = grad[:, :, : y.shape[2]]
    grad_x = backend.to_numpy(layer.backward(backend.asarray(grad, dtype_of(backend))))
    total = {name: np.zeros(tuple(value.shape)) for name, value in layer.params.items()}
    found = {name: backend.to_numpy(value) for name, value in layer.grads.items()}
    for n, length in enumerate(LENGTHS):
        alone = layer(backend.asarray(x[n : n + 1, :length], dtype_of(backend)))
        np.testing.assert_allclose(
            backend.to_numpy(y)[n, :length], backend.to_numpy(alone)[0], atol=limit(backend)
        )
        expected = layer.backward(backend.asarray(grad[n : n + 1, :length], dtype_of(backend)))
        np.testing.assert_allclose(
            grad_x[n, :length], backend.to_numpy(expected)[0], atol=10 * limit(backend)
        )
        np.testing.assert_array_equal(grad_x[n, length:], 0.0)
        for name, value in layer.grads.items():
            total[name] += backend.to_numpy(value)
    for name, value in total.items():
        np.testing.assert_allclose(found[name], value, atol=20 * limit(backend), err_msg=name)


@EVERY
def test_the_last_state_is_that_of_the_last_real_step(
    make: Callable[..., nn.Layer], backend: Backend
) -> None:
    layer, (x, mask) = make(return_sequences=False, dtype=dtype_of(backend)), padded()
    y = backend.to_numpy(layer(backend.asarray(x, dtype_of(backend)), mask=mask))  # type: ignore[call-arg]
    for n, length in enumerate(LENGTHS):
        alone = layer(backend.asarray(x[n : n + 1, :length], dtype_of(backend)))
        np.testing.assert_allclose(y[n], backend.to_numpy(alone)[0], atol=limit(backend))


@ONE_WAY
def test_a_padded_step_repeats_the_state_before_it(make: Callable[..., nn.Layer], backend: Backend) -> None:
    layer, (x, _) = make(), padded()
    mask = np.ones(x.shape[:2], np.bool_)
    mask[:, 0] = mask[:, 3] = False
    y = backend.to_numpy(layer(backend.asarray(x, "float32"), mask=mask))  # type: ignore[call-arg]
    np.testing.assert_array_equal(y[:, 0], 0.0)
    np.testing.assert_array_equal(y[:, 3], y[:, 2])
    without = layer(backend.asarray(x[:, [1, 2, 4, 5]], "float32"))
    np.testing.assert_allclose(y[:, [1, 2, 4, 5]], backend.to_numpy(without), atol=1e-6)


@EVERY
@pytest.mark.parametrize("return_sequences", [True, False], ids=["sequences", "last"])
@pytest.mark.parametrize("kind", ["right", "anywhere"])
def test_gradients_under_a_mask_match_central_differences(
    make: Callable[..., nn.Layer], return_sequences: bool, kind: str
) -> None:
    layer = make(return_sequences=return_sequences, dtype="float64", backend="numpy")
    x, mask = padded()
    if kind == "anywhere":
        mask = np.random.default_rng(3).random(mask.shape) < 0.6
    check_gradients(Masking(layer, mask), x)


@EVERY
@pytest.mark.parametrize("dtype", ["bool", "int64", "float32"])
def test_a_mask_may_be_of_booleans_integers_or_floats(
    make: Callable[..., nn.Layer], dtype: str, backend: Backend
) -> None:
    layer, (x, mask) = make(), padded()
    moved = backend.asarray(x, "float32")
    expected = layer(moved, mask=mask.tolist())  # type: ignore[call-arg]
    found = layer(moved, mask=backend.asarray(mask.astype(dtype)))  # type: ignore[call-arg]
    np.testing.assert_array_equal(backend.to_numpy(found), backend.to_numpy(expected))


@EVERY
def test_a_mask_on_the_device_is_not_read_on_the_host(
    make: Callable[..., nn.Layer], backend: Backend
) -> None:
    layer, (x, mask) = make(), padded()
    moved, real = backend.asarray(x, "float32"), backend.asarray(mask)
    grad = backend.asarray(np.ones(tuple(layer(moved).shape)), "float32")
    with no_host_read(backend):
        _, pullback = layer.vjp(moved, nn.Pass(mask=real))
        pullback(grad)


@EVERY
def test_a_mask_of_another_shape_is_refused(make: Callable[..., nn.Layer], backend: Backend) -> None:
    layer, (x, mask) = make(), padded()
    with pytest.raises(ValueError, match=r"mask expects \(3, 6\), got \(3, 5\)"):
        layer(backend.asarray(x, "float32"), mask=mask[:, 1:])  # type: ignore[call-arg]


# ---------------------------------------------------------------- long sequences


@ONE_WAY
def test_gradients_over_300_steps_match_central_differences(make: Callable[..., nn.Layer]) -> None:
    layer = make(return_sequences=False, dtype="float64", backend="numpy")
    check_gradients(layer, np.random.default_rng(2).standard_normal((2, 300, 3)))


def test_an_open_forget_gate_carries_the_gradient_over_300_steps(backend: Backend) -> None:
    layer = nn.LSTM(1, 1, return_sequences=False)
    bias = np.array([0.0, 20.0, 0.0, 5.0])  # input, forget, cell, output
    layer.bias = backend.asarray(bias, "float32")
    layer.weights_recurrent = backend.asarray(np.zeros((1, 4)), "float32")
    layer.weights_input = backend.asarray([[0.0, 0.0, 1e-3, 0.0]], "float32")
    x = backend.asarray(np.random.default_rng(0).standard_normal((1, 300, 1)), "float32")
    layer(x)
    grad_x = backend.to_numpy(layer.backward(backend.asarray([[1.0]], "float32")))[0, :, 0]
    np.testing.assert_allclose(grad_x, grad_x[-1], rtol=1e-3)
    assert grad_x[0] > 1e-4


@ONE_WAY
def test_extreme_inputs_neither_overflow_nor_give_nan(
    make: Callable[..., nn.Layer], backend: Backend
) -> None:
    layer = make()
    x = backend.asarray(np.array([1e6, -1e6, 0.0]) * np.ones((2, 4, 3)), "float32")
    y = layer(x)
    grad_x = layer.backward(backend.asarray(np.ones((2, 4, 4)), "float32"))
    assert np.all(np.isfinite(backend.to_numpy(y)))
    assert np.all(np.isfinite(backend.to_numpy(grad_x)))


# ---------------------------------------------------------------- by hand


def test_parameters_have_the_documented_names_and_shapes() -> None:
    lstm, gru = nn.LSTM(3, 4, backend="numpy"), nn.GRU(3, 4, backend="numpy")
    assert {name: value.shape for name, value in lstm.params.items()} == {
        "weights_input": (3, 16),
        "weights_recurrent": (4, 16),
        "bias": (16,),
    }
    assert {name: value.shape for name, value in gru.params.items()} == {
        "weights_input": (3, 12),
        "weights_recurrent": (4, 12),
        "bias": (12,),
        "bias_recurrent": (4,),
    }


def test_the_forget_gate_begins_open() -> None:
    bias = nn.LSTM(3, 2, backend="numpy").bias
    np.testing.assert_array_equal(bias, [0, 0, 1, 1, 0, 0, 0, 0])


def test_gradients_are_attributes_beside_the_parameters(backend: Backend) -> None:
    layer = nn.GRU(3, 4)
    layer(backend.asarray(np.ones((2, 5, 3)), "float32"))
    layer.backward(backend.asarray(np.ones((2, 5, 4)), "float32"))
    for name in ("weights_input", "weights_recurrent", "bias", "bias_recurrent"):
        assert getattr(layer, f"{name}_grad").shape == getattr(layer, name).shape


def test_the_two_directions_have_weights_of_their_own() -> None:
    layer = nn.Bidirectional(nn.LSTM(3, 4, backend="numpy"), seed=2)
    assert set(layer.params) == {
        f"{way}.{name}"
        for way in ("forward", "backward")
        for name in ("weights_input", "weights_recurrent", "bias")
    }
    assert not np.array_equal(layer.params["forward.weights_input"], layer.params["backward.weights_input"])


def test_one_pullback_serves_the_weights_it_was_made_with(backend: Backend) -> None:
    for layer in (nn.LSTM(3, 4), nn.GRU(3, 4)):
        x = backend.asarray(np.random.default_rng(0).standard_normal((2, 5, 3)), "float32")
        y, pullback = layer.vjp(x)
        expected, _ = pullback(y)
        layer.weights_recurrent = layer.weights_recurrent * 2.0
        found, _ = pullback(y)
        np.testing.assert_array_equal(backend.to_numpy(found), backend.to_numpy(expected))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: nn.LSTM(0, 4), ValueError, "LSTM expects in_features >= 1, got 0"),
        (lambda: nn.GRU(3, 0), ValueError, "GRU expects hidden >= 1, got 0"),
        (lambda: nn.Bidirectional(nn.Dense(3, 4)), TypeError, "expects layer, an LSTM or a GRU, got Dense"),  # type: ignore[arg-type]
    ],
)
def test_wrong_arguments_are_refused(make: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()
