"""What layers say of what their outputs see: every layer does, and no change goes further than it says."""

from __future__ import annotations

import numpy as np
import pytest

from genoml.nn import (
    AveragePool1D,
    Conv1D,
    Dropout,
    Layer,
    MaxPool1D,
    Parallel,
    RCConv1D,
    Residual,
    Sequential,
    SpatialDropout1D,
)
from genoml.nn.layer import EVALUATION
from genoml.ops.windows import Reach
from genoml.testing import LayerCase, check_reach
from genoml.testing.layers import LAYERS


@pytest.mark.parametrize("case", LAYERS.values(), ids=LAYERS)
def test_every_layer_says_what_its_outputs_see(case) -> None:
    assert case.make().reach(case.shape[-1]) is not None


@pytest.mark.parametrize("case", LAYERS.values(), ids=LAYERS)
def test_no_change_goes_further_than_a_layer_says(case) -> None:
    check_reach(case)


class Short(AveragePool1D):
    """Says less than it sees."""

    def vjp(self, x, run=EVALUATION):
        return super().vjp(x, run)

    def reach(self, length: int) -> Reach:
        return Reach(self.pool_size - 1, after=-1)


class Centred(AveragePool1D):
    """Sees the whole sequence, and says otherwise."""

    def vjp(self, x, run=EVALUATION):
        return super().vjp(x - np.mean(x, axis=2, keepdims=True), run)

    def reach(self, length: int) -> Reach:
        return Reach(self.pool_size)


@pytest.mark.parametrize("kind", [Short, Centred])
def test_a_layer_that_sees_more_than_it_says_is_found(kind: type[AveragePool1D]) -> None:
    case = LayerCase(lambda: kind(3, 1), (2, 4, 12))
    with pytest.raises(AssertionError, match=r"changes .* said Reach"):
        check_reach(case)


def test_a_linear_layer_says_no_more_than_it_sees() -> None:
    layer, x = Conv1D(2, 3, 4, stride=2, padding=3, activation=None), np.zeros((1, 2, 12), np.float32)
    y, reach = layer.vjp(x)[0], layer.reach(12)
    for at in range(12):
        other = x.copy()
        other[:, :, at] = 1.0
        first, stop = reach.seen_by(at, at + 1)
        changed = np.flatnonzero((layer.vjp(other)[0] != y).any(axis=(0, 1)))
        assert list(changed) == list(range(max(first, 0), min(stop, reach.outputs(12))))


def test_rows_and_branches_see_what_their_layers_see() -> None:
    conv, pool = Conv1D(4, 4, 5, padding="same"), MaxPool1D(3)
    assert Sequential([conv, pool]).reach(30) == Reach(7, 3, before=2, after=2)
    assert Residual(conv).reach(30) == Reach(5, before=2, after=2)
    assert Parallel([conv, Conv1D(4, 2, 9, padding="same")]).reach(30) == Reach(9, before=4, after=4)
    assert Sequential([Dropout(0.5), SpatialDropout1D(0.5)]).reach(30) == Reach(copies=True)


def test_a_class_with_another_function_does_not_inherit_what_its_base_says() -> None:
    class Turned(Conv1D):
        def vjp(self, x, run=EVALUATION):
            return super().vjp(np.flip(x, axis=2), run)

    class Named(Conv1D):
        pass

    silent, named = Turned(4, 2, 3), Named(4, 2, 3)
    assert [silent.reach(9), silent.correlation()] == [None, None]
    assert named.reach(9) == Reach(3)
    assert named.correlation() is not None
    assert Sequential([named, silent]).reach(9) is None
    assert Layer.reach(silent, 9) is None


@pytest.mark.parametrize("kind", [Conv1D, RCConv1D])
def test_a_subclass_that_does_not_say_its_reach_computes_with_the_one_of_its_base(kind) -> None:
    class Turned(kind):
        def vjp(self, x, run=EVALUATION):
            return super().vjp(np.flip(x, axis=2), run)

    x = np.random.default_rng(0).standard_normal((2, 4, 9)).astype(np.float32)
    silent, plain = Turned(4, 2, 3, padding="same"), kind(4, 2, 3, padding="same")
    plain.params = silent.params
    np.testing.assert_array_equal(silent.vjp(x)[0], plain.vjp(np.flip(x, axis=2))[0])
