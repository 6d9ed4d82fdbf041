"""Every layer of the registry through the whole list of checks, on every variant."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from genoml import nn, testing
from genoml.backend import Backend, get_backend
from genoml.nn.activations import Activation
from genoml.testing import LayerCase
from genoml.testing.layers import LAYERS
from support.backends import foreign_arrays, has_float64
from support.guard import no_host_read

CASES = pytest.mark.parametrize("case", LAYERS.values(), ids=LAYERS)

#: layers whose length is axis 1, not the last
CHANNELS_LAST = (
    nn.Bidirectional,
    nn.Embedding,
    nn.GRU,
    nn.LSTM,
    nn.LayerNorm,
    nn.MLP,
    nn.SelfAttention,
    nn.SinusoidalPositions,
    nn.TransformerBlock,
)
#: layers that see one position at a time
ALONE = (
    Activation,
    nn.BatchNorm1D,
    nn.Dropout,
    nn.Embedding,
    nn.Exp,
    nn.Flatten,
    nn.LayerNorm,
    nn.LogSoftmax,
    nn.MLP,
    nn.SinusoidalPositions,
    nn.Softmax,
    nn.Transpose,
)

ANY_SHAPE = {name: case for name, case in LAYERS.items() if not case.errors}


def dtype_of(backend: Backend) -> str:
    return "float64" if has_float64(backend) else "float32"


@CASES
def test_forward_equals_the_formula_as_a_loop(case: LayerCase, backend: Backend) -> None:
    testing.check_forward(case, backend, dtype_of(backend))


@CASES
def test_backward_matches_central_differences(case: LayerCase, backend: Backend) -> None:
    if has_float64(backend):
        testing.check_gradients(case.build(backend, "float64"), case.input(), training=case.training)
    else:  # single precision is too coarse for differences: the gradients must be NumPy's
        testing.check_same_numbers(case, backend, "float32")


@CASES
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_equal_those_on_numpy_and_repeat_bitwise(
    case: LayerCase, backend: Backend, dtype: str
) -> None:
    testing.check_same_numbers(case, backend, dtype if has_float64(backend) else "float32")


@CASES
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_output_gradients_and_state_keep_the_dtype(case: LayerCase, backend: Backend, dtype: str) -> None:
    testing.check_dtypes(case, backend, dtype if has_float64(backend) else "float32")


@CASES
def test_inputs_stay_unchanged_and_nothing_is_read_on_the_host(case: LayerCase, backend: Backend) -> None:
    testing.check_pure(case, backend, dtype_of(backend), lambda: no_host_read(backend))


@CASES
def test_a_layer_says_how_many_numbers_it_will_draw(case: LayerCase) -> None:
    layer = case.make()
    announced = layer.undrawn()
    layer.draw()
    assert layer.undrawn() == 0
    assert announced == sum(
        math.prod(value.shape) for value in [*layer.params.values(), *layer.state.values()]
    )


@CASES
def test_a_gradient_asked_for_alone_is_the_same(case: LayerCase, backend: Backend) -> None:
    testing.check_needs(case, backend, dtype_of(backend))


@CASES
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_multipliers_sum_to_the_change_of_the_output_and_nothing_is_read_on_the_host(
    case: LayerCase, backend: Backend, dtype: str
) -> None:
    dtype = dtype if has_float64(backend) else "float32"
    limit = testing.LIMITS.secant[dtype]
    testing.check_secants(case, backend, dtype, limit, lambda: no_host_read(backend))


@CASES
def test_edge_sizes_and_memory_layouts(case: LayerCase, backend: Backend) -> None:
    testing.check_edges(case, backend, dtype_of(backend))


@CASES
@pytest.mark.parametrize("training", [False, True])
def test_an_axis_of_size_0_gives_an_empty_result_or_a_refusal_that_says_so(
    case: LayerCase, training: bool, backend: Backend
) -> None:
    for axis in range(1, len(case.shape)):
        shape = (*case.shape[:axis], 0, *case.shape[axis + 1 :])
        layer, x = case.build(backend, "float32"), case.array(backend, "float32", shape)
        try:
            found = testing.forward_backward(layer, x, training=training)
        except ValueError as error:
            assert re.fullmatch(r"(\"[\w.]+\" )?\w+ expects .*, got \([\d, ]+\)", str(error))  # noqa: PT017
        else:
            assert all(np.all(np.isfinite(value)) for value in found.values())
            assert case.integer or found["grad_x"].shape == shape


def takes_length_0(case: LayerCase, training: bool) -> bool:
    axis = 1 if isinstance(case.make(), CHANNELS_LAST) else len(case.shape) - 1
    layer = case.build(get_backend("numpy"), "float32")
    x = case.array(layer.backend, "float32", (*case.shape[:axis], 0, *case.shape[axis + 1 :]))
    try:
        testing.forward_backward(layer, x, training=training)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("training", [False, True])
def test_a_length_of_0_is_taken_where_each_position_is_seen_alone(training: bool) -> None:
    kinds = {name: type(case.make()) for name, case in LAYERS.items()}
    taken = {name for name, case in LAYERS.items() if takes_length_0(case, training)}
    alone = {name for name, kind in kinds.items() if issubclass(kind, ALONE)}
    alone -= {"Softmax", "BatchNorm1D matrix"}  # the one goes along the length, the other has none
    statistics = {name for name, kind in kinds.items() if issubclass(kind, nn.BatchNorm1D)}
    assert taken == alone - (statistics if training else set())


@CASES
def test_bad_inputs_are_refused_with_what_was_expected_and_what_came(
    case: LayerCase, backend: Backend
) -> None:
    foreign = foreign_arrays(backend, case.input())
    testing.check_errors(case, backend, dtype_of(backend), foreign)


@pytest.mark.parametrize("case", ANY_SHAPE.values(), ids=ANY_SHAPE)
@pytest.mark.parametrize("shape", [(), (2,), (2, 0), (2, 3, 4, 2)])
def test_an_entry_without_bad_shapes_takes_all_edge_sizes(
    case: LayerCase, shape: tuple[int, ...], backend: Backend
) -> None:
    dtype = dtype_of(backend)
    found = testing.forward_backward(case.build(backend, dtype), case.array(backend, dtype, shape))
    assert found["y"].shape[: len(shape)] == shape
    assert all(np.all(np.isfinite(value)) for value in found.values())


@CASES
def test_parameters_come_back_from_a_file(case: LayerCase, backend: Backend) -> None:
    testing.check_saved(case, backend, dtype_of(backend))


@CASES
def test_a_deep_copy_is_equal_and_shares_nothing(case: LayerCase, backend: Backend) -> None:
    testing.check_copied(case, backend, dtype_of(backend))


def test_every_public_layer_has_an_entry() -> None:
    classes = {cls for cls in vars(nn).values() if isinstance(cls, type) and issubclass(cls, nn.Layer)}
    tested = {type(case.make()) for case in LAYERS.values()}
    assert classes - tested <= {nn.Layer, Activation}
