"""What frozen graphs may hold that is not converted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from genoml.convert import ConvertError, convert_frozen_graph
from genoml.io.weights import GraphNode, WeightsFile

KERNEL = np.random.default_rng(0).normal(size=(1, 3, 4, 5))


def node(operation: str, name: str, *inputs: str, **attributes: Any) -> GraphNode:
    return GraphNode(name, operation, inputs, (name,), attributes)


def graph(*nodes: GraphNode, shape: Any = (-1, 8, 4), **tensors: Any) -> WeightsFile:
    """A placeholder ``x``, a convolution ``h`` of it (n, 6, 5), and these nodes."""
    first = [
        node("Placeholder", "x", shape=shape),
        node("ExpandDims", "e", "x", "axis"),
        node("Conv2D", "c", "e", "kernel", strides=[1, 1, 1, 1], padding="VALID"),
        node("Squeeze", "h", "c", "^x", squeeze_dims=[1]),
    ]
    arrays = {"axis": np.array(1), "kernel": KERNEL} | {
        key: np.asarray(value) for key, value in tensors.items()
    }
    return WeightsFile("m.pb", "tensorflow", arrays, (*first, *nodes), {}, "")


def test_a_graph_of_one_convolution_is_that_convolution() -> None:
    made = convert_frozen_graph(graph())
    assert made.outputs == ("h",)
    x = np.random.default_rng(1).normal(size=(2, 4, 8)).astype(np.float32)
    expected = sum(np.einsum("co,ncl->nol", KERNEL[0, k], x[:, :, k : k + 6]) for k in range(3))
    np.testing.assert_allclose(made.network(x), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (graph(node("SpaceToDepth", "conv1d_3/SpaceToDepth", "h")),
         r"node conv1d_3/SpaceToDepth \(SpaceToDepth\) is not supported; known: Add, AddV2, "),
        (graph(node("Max", "m", "h", "a", keep_dims=True), node("Relu", "r", "m"), a=[2]),
         r"node r \(Relu\): it reads a maximum, whose other operations are not there"),
        (graph(node("SpaceToBatchND", "s", "h", "k", "p"), node("Relu", "r", "s"), k=[2], p=[[1, 1]]),
         r"node r \(Relu\): it reads a space_to_batch"),
        (graph(node("BatchToSpaceND", "s", "h", "k", "p"), k=[2], p=[[0, 0]]), "it does not follow SpaceToBatchND"),
        (graph(node("StridedSlice", "s", "h", "b", "f", "t", end_mask=1), b=[0, 0], f=[0, 6], t=[1, 2]), "not a cut"),
        (graph(node("StridedSlice", "s", "h", "b", "f", "t", begin_mask=1, end_mask=1), b=[0, 7], f=[0, 9], t=[1, 1]),
         "it leaves nothing of 6 positions; give a greater length"),
        (graph(node("Sum", "s", "h", "a"), a=[1]), "a sum along positions"),
        (graph(node("Mean", "s", "h", "a"), a=[1, 2]), r"it reduces axes \[1, 2\]"),
        (graph(node("MatMul", "s", "h", "w", transpose_b=True), w=np.zeros((5, 5))), "a product of transposed"),
        (graph(node("Conv2D", "s", "c", "w", strides=[1] * 4, padding="VALID", data_format="NCHW"), w=KERNEL), "NCHW"),
        (graph(node("Conv2D", "s", "c", "w", strides=[1] * 4, padding="SAME"), w=np.zeros((3, 3, 5, 5))),
         "a convolution along more than one axis"),
        (graph(node("Add", "s", "h", "missing")), "s reads missing, which is not in the file"),
        (graph(node("Placeholder", "z", shape=(-1, 8, 4))), r"with one placeholder, got \['x', 'z'\]"),
        (graph(shape=(-1, -1, 4)), "input x has no fixed length"),
    ],
)  # fmt: skip
def test_what_is_not_supported_is_named(file: WeightsFile, message: str) -> None:
    with pytest.raises(ConvertError, match=message) as caught:
        convert_frozen_graph(file)
    assert str(caught.value).startswith("import: ")
    assert "\n" not in str(caught.value)
