from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from genoml.backend import Array
from genoml.nn import (
    LSTM,
    MLP,
    BatchNorm1D,
    Bidirectional,
    Conv1D,
    Dense,
    Dropout,
    Flatten,
    GlobalMaxPool1D,
    Layer,
    MaxPool1D,
    Parallel,
    RCBatchNorm1D,
    ReLU,
    Residual,
    Sequential,
    StrandSymmetric,
    TransformerBlock,
    Transpose,
)
from genoml.nn.layer import EVALUATION, Grads, Pass, Pullback

F64: dict[str, Any] = {"dtype": "float64"}
#: (batch, 4, 12) -> anything: every container of genoml.nn, one in another
NETWORKS = {
    "sequential": lambda: Sequential(
        {
            "trunk": Sequential([Conv1D(4, 6, 3, **F64), Residual([Conv1D(6, 6, 3, padding="same", **F64)])]),
            "pool": GlobalMaxPool1D(**F64),
            "head": Dense(6, 2, **F64),
        }
    ),
    "parallel": lambda: Sequential(
        {
            "both": Parallel([Conv1D(4, 3, width, padding="same", **F64) for width in (3, 5)]),
            "norm": BatchNorm1D(6, **F64),
            "relu": ReLU(**F64),
            "pool": MaxPool1D(2, **F64),
            "flatten": Flatten(**F64),
            "head": Dense(36, 1, **F64),
        }
    ),
    "strands": lambda: StrandSymmetric(
        Sequential([Conv1D(4, 5, 3, **F64), GlobalMaxPool1D(**F64), Dense(5, 1, **F64)])
    ),
    "recurrent": lambda: Sequential(
        [Transpose(**F64), Bidirectional(LSTM(4, 3, return_sequences=False, **F64)), Dense(6, 1, **F64)]
    ),
    "transformer": lambda: Sequential(
        [Transpose(**F64), MLP(4, 5, 8, **F64), TransformerBlock(8, 2, **F64), MLP(8, 6, **F64)]
    ),
}  # fmt: skip


def x_of(shape: tuple[int, ...] = (5, 4, 12)) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape)


def gradients(model: Layer, frozen: frozenset[str], x: np.ndarray, *, need_x: bool = False) -> Grads:
    y, pullback = model.vjp(model.backend.asarray(x, "float64"), Pass(frozen=frozen))
    cotangent = np.random.default_rng(1).normal(size=tuple(y.shape))
    return pullback(model.backend.asarray(cotangent, "float64"), need_x=need_x)


class Counting(Layer):
    """The identity; counts the gradients that come back through it."""

    def __init__(self) -> None:
        super().__init__()
        self.pulled = 0

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            self.pulled += 1
            return (grad if need_x else None), {}

        return x, pullback


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("need_x", [False, True])
def test_frozen_parameters_change_no_gradient_of_the_others(name: str, need_x: bool) -> None:
    model, x = NETWORKS[name](), x_of()
    paths = list(model.params)
    to_numpy = model.backend.to_numpy
    whole_x, whole = gradients(model, frozenset(), x, need_x=need_x)
    rng = np.random.default_rng(2)
    choices = [frozenset(paths[:cut]) for cut in range(len(paths))]
    choices += [frozenset(path for path in paths if rng.random() < 0.5) for _ in range(8)]
    for frozen in choices:
        part_x, part = gradients(model, frozen, x, need_x=need_x)
        assert set(part) >= set(paths) - frozen
        for path in set(paths) - frozen:
            np.testing.assert_array_equal(to_numpy(part[path]), to_numpy(whole[path]))
        assert (part_x is None) == (whole_x is None) == (not need_x)
        if need_x:
            np.testing.assert_array_equal(to_numpy(part_x), to_numpy(whole_x))


@pytest.mark.parametrize("name", NETWORKS)
def test_layers_that_are_frozen_whole_give_no_gradients(name: str) -> None:
    model = NETWORKS[name]()
    head = list(model.params)[-1].rpartition(".")[0]
    frozen = frozenset(path for path in model.params if path.rpartition(".")[0] != head)
    _, grads = gradients(model, frozen, x_of())
    assert set(grads) == set(model.params) - frozen


def test_backward_stops_above_the_lowest_layer_that_learns() -> None:
    below, above = Counting(), Counting()
    model = Sequential(
        {
            "below": below,
            "scan": Conv1D(4, 3, 3),
            "above": above,
            "pool": GlobalMaxPool1D(),
            "head": Dense(3, 1),
        }
    )
    run = Pass(training=True, frozen=frozenset({"scan.weights", "scan.bias"}))
    x = model.backend.asarray(x_of(), "float32")
    y, pullback = model.vjp(x, run)
    grad_x, grads = pullback(y, need_x=False)
    assert (below.pulled, above.pulled) == (0, 0)
    assert grad_x is None
    assert set(grads) == {"head.weights", "head.bias"}
    y, pullback = model.vjp(x, run)
    grad_x, _ = pullback(y)
    assert (below.pulled, above.pulled) == (1, 1)
    assert tuple(grad_x.shape) == tuple(x.shape)


@pytest.mark.parametrize("kind", [BatchNorm1D, RCBatchNorm1D])
@pytest.mark.parametrize("fused", [False, True])
def test_a_frozen_batch_normalisation_uses_its_running_statistics_and_keeps_them(
    kind: type[BatchNorm1D], fused: bool
) -> None:
    norm = kind(4)
    model = Sequential({"norm": norm, "end": ReLU() if fused else Dropout(0.0)})
    x = model.backend.asarray(x_of(), "float32")
    model(x, training=True)  # statistics of their own
    kept = dict(model.state)
    expected = model(x)
    y, pullback = model.vjp(x, Pass(training=True, frozen=frozenset(model.params)))
    np.testing.assert_array_equal(model.backend.to_numpy(y), model.backend.to_numpy(expected))
    assert all(model.state[path] is value for path, value in kept.items())
    _, evaluation = model.vjp(x, EVALUATION)
    np.testing.assert_array_equal(
        model.backend.to_numpy(pullback(y)[0]), model.backend.to_numpy(evaluation(y)[0])
    )


def test_a_batch_normalisation_that_is_frozen_in_part_is_trained_on() -> None:
    model = Sequential({"norm": BatchNorm1D(4)})
    x = model.backend.asarray(x_of(), "float32")
    kept = model.state["norm.running_mean"]
    model.vjp(x, Pass(training=True, frozen=frozenset({"norm.gamma"})))
    assert model.state["norm.running_mean"] is not kept
