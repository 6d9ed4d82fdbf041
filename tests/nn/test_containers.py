"""Containers let go of what nobody will pull back."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from genoml import nn
from genoml.backend import Array
from genoml.nn.layer import EVALUATION, Grads, Pass, Pullback
from genoml.parallel import Threads
from genoml.train.predict import predict_outputs


class Kept:
    """Something that a pullback keeps."""


class Noting(nn.Layer):
    """The identity; notes how many pullbacks are alive when it is called, and when it is pulled back."""

    kept: list[weakref.ref[Kept]]
    alive: list[int]

    def vjp(self, x: Array, run: Pass = EVALUATION) -> tuple[Array, Pullback]:
        kept = Kept()
        self.alive.append(sum(ref() is not None for ref in self.kept))
        self.kept.append(weakref.ref(kept))

        def pullback(grad: Array, *, need_x: bool = True, need_params: bool = True) -> Grads:
            self.alive.append(sum(ref() is not None for ref in self.kept) + 0 * len(repr(kept)))
            return grad * 1.0, {}

        return x * 1.0, pullback


def noting() -> tuple[list[nn.Layer], list[int]]:
    """Four such layers with one list."""
    kept, alive, layers = list[weakref.ref[Kept]](), list[int](), [Noting() for _ in range(4)]
    for layer in layers:
        layer.kept, layer.alive = kept, alive
    return [*layers], alive


def in_a_graph(layers: list[nn.Layer]) -> nn.Layer:
    return nn.Graph([nn.Node(str(i), layer, str(i - 1) if i else "input") for i, layer in enumerate(layers)])


CONTAINERS = pytest.mark.parametrize("container", [nn.Sequential, in_a_graph])
X = np.ones((2, 3), np.float32)


@CONTAINERS
@pytest.mark.parametrize(
    ("pulls", "expected"),
    [(None, [0, 1, 2, 3, 4, 4, 4, 4]), (1, [0, 1, 2, 3, 4, 3, 2, 1]), (0, [0, 0, 0, 0])],
)
def test_what_a_layer_keeps_is_freed_when_it_is_not_pulled_back_again(
    container: Callable[..., nn.Layer], pulls: int | None, expected: list[int]
) -> None:
    layers, alive = noting()
    _, pullback = container(layers).vjp(X, Pass(pulls=pulls))
    if pulls != 0:
        pullback(X)
    assert alive == expected


@CONTAINERS
@pytest.mark.parametrize("pulls", [0, 1])
def test_a_pull_too_many_is_an_error(container: Callable[..., nn.Layer], pulls: int) -> None:
    _, pullback = container([nn.Tanh(), nn.Tanh()]).vjp(X, Pass(pulls=pulls))
    if pulls:
        pullback(X)
    with pytest.raises(RuntimeError, match="more often than `pulls` of its Pass says"):
        pullback(X)


def test_by_hand_a_backward_frees_layer_by_layer() -> None:
    layers, alive = noting()
    model = nn.Sequential(layers)
    model(X)
    model.backward(X)
    assert alive == [0, 1, 2, 3, 4, 3, 2, 1]


def test_a_prediction_keeps_nothing() -> None:
    layers, alive = noting()
    model = nn.Sequential([nn.Flatten(), nn.Dense(40, 1), *layers])
    predict_outputs(model, ["ACGTACGTAC"], both_strands=False, threads=1)
    assert alive == [0, 0, 0, 0]


def test_a_step_of_training_pulls_back_once() -> None:
    layers, alive = noting()

    def loss(y: Array, rows: slice, part: Any) -> tuple[Array, Array]:
        return np.sum(y), y

    with Threads(1) as threads:
        threads.gradients(nn.Sequential([nn.Dense(3, 3), *layers]), X, Pass(training=True, step=0), loss)
    assert alive == [0, 1, 2, 3, 4, 3, 2, 1]
