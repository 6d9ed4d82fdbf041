"""Outputs of edited sequences by cones are those of computing every edited sequence whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml.explain import Edit, TracedMaps, trace_maps
from genoml.models import build_model
from genoml.nn import (
    AveragePool1D,
    BatchNorm1D,
    Conv1D,
    CroppedResidual,
    CropTo,
    Dense,
    Flatten,
    GlobalAveragePool1D,
    Graph,
    Layer,
    MaxPool1D,
    Node,
    Parallel,
    ReLU,
    Residual,
    Sequential,
    Sum,
    Transpose,
)

F64: dict[str, Any] = {"dtype": "float64"}


def conv(channels: int, out: int = 6, width: int = 3, **options: Any) -> Conv1D:
    return Conv1D(channels, out, width, **({"activation": None} | options), **F64)


def block(width: int, dilation: int) -> CroppedResidual:
    """SpliceAI's residual block."""
    convs = [conv(6, 6, width, dilation=dilation) for _ in range(2)]
    norms = [BatchNorm1D(6, **F64) for _ in range(2)]
    return CroppedResidual([norms[0], ReLU(**F64), convs[0], norms[1], ReLU(**F64), convs[1]])


def splice_sums() -> Sequential:
    """SpliceAI with two groups of blocks, as sums in sums."""
    inner = Sum([conv(6, 6, 1), Sequential([block(5, 3), conv(6, 6, 1)])], crop=True)
    outer = Sum([conv(6, 6, 1), Sequential([block(3, 1), block(3, 2), inner])], crop=True)
    return Sequential([conv(4, 6, 1), outer, conv(6, 3, 1)])


def splice_graph() -> Graph:
    """The same shape as a graph: a trunk whose maps the skips share, padded, and cut off at its ends."""
    nodes = [Node("first", conv(4, 6, 1)), Node("skip0", conv(6, 6, 1), "first")]
    trunk, total = "first", "skip0"
    for i, (width, dilation) in enumerate([(3, 1), (3, 2), (5, 3)]):
        layers: list[Layer] = []
        for _ in range(2):
            layers += [
                BatchNorm1D(6, **F64),
                ReLU(**F64),
                conv(6, 6, width, dilation=dilation, padding="same"),
            ]
        nodes += [
            Node(f"f{i}", Sequential(layers), trunk),
            Node(f"h{i}", "add", [f"f{i}", trunk]),
            Node(f"skip{i + 1}", conv(6, 6, 1), f"h{i}"),
            Node(f"sum{i}", "add", [total, f"skip{i + 1}"]),
        ]
        trunk, total = f"h{i}", f"sum{i}"
    return Graph([*nodes, Node("cut", CropTo(60, **F64), total), Node("last", conv(6, 3, 1), "cut")])


NETWORKS: dict[str, Callable[[], Layer]] = {
    "valid convolutions": lambda: Sequential([conv(4, activation="relu"), BatchNorm1D(6, **F64), conv(6, 2, 4)]),
    "padded convolutions": lambda: Sequential(
        [conv(4, padding="same", activation="relu"), Residual([conv(6, padding="same", dilation=3)]), conv(6, 2, 4)]
    ),
    "splice sums": splice_sums,
    "splice graph": splice_graph,
    "strides": lambda: Sequential(
        [conv(4, stride=2, padding=2, activation="relu"), MaxPool1D(3, 2, **F64), conv(6, 2, 2, padding="same")]
    ),
    "pooling of every position": lambda: Sequential(
        [conv(4, activation="tanh"), AveragePool1D(3, 1, **F64), MaxPool1D(4, 1, **F64), conv(6, 2, 1)]
    ),
    "groups": lambda: Sequential([conv(4), conv(6, 6, 3, groups=2, padding="same"), ReLU(**F64), conv(6, 2, 3)]),
    "diamond": lambda: Graph(
        [
            Node("stem", conv(4, 6, 5)),
            Node("gate", conv(6, 6, 3, activation="sigmoid"), "stem"),
            Node("gated", "multiply", ["stem", "gate"], crop=True),
            Node("both", "concatenate", ["gated", "stem"], crop=True),
            Node("y", "mean", ["both", "both"]),
        ]
    ),
    "crop, then padding": lambda: Sequential([conv(4), CropTo(21, **F64), conv(6, 2, 5, padding="same")]),
    "profile and counts": lambda: Sequential(
        [
            conv(4, activation="relu"),
            Parallel(
                [
                    Sequential([conv(6, 1, 3), CropTo(20, **F64), Flatten(**F64)]),
                    Sequential([GlobalAveragePool1D(**F64), Dense(6, 1, **F64)]),
                ]
            ),
        ]
    ),
    "joined behind the maps": lambda: Graph(
        [
            Node("a", conv(4, 6, 3)),
            Node("t", Transpose(**F64), "a"),
            Node("u", Transpose(**F64), "t"),
            Node("y", "add", ["a", "u"]),
        ]
    ),
}  # fmt: skip


def settled(model: Layer, seed: int = 0) -> Layer:
    """The network with random parameters and running statistics."""
    rng = np.random.default_rng(seed)
    for name, value in model.params.items():
        model.params[name] = model.backend.asarray(rng.standard_normal(value.shape) * 0.5, model.dtype)
    for name, value in model.state.items():
        model.state[name] = model.backend.asarray(rng.uniform(0.5, 2.0, value.shape), model.dtype)
    return model


def outputs(model: Layer, codes: np.ndarray) -> np.ndarray:
    x = model.backend.asarray(np.eye(5)[np.minimum(codes, 4)][None, :, :4], dtype=model.dtype)
    return model.backend.to_numpy(model.vjp(model.backend.xp.permute_dims(x, (0, 2, 1)))[0])[0]


def check(
    model: Layer, codes: np.ndarray, edits: Sequence[Edit], asked: Sequence[tuple[int, int]]
) -> TracedMaps:
    """Compare with whole computation; the traced maps."""
    traced = trace_maps(model, codes)
    own = outputs(model, codes)
    for edit, (start, stop), (before, after) in zip(edits, asked, traced.changed(edits, asked), strict=True):
        expected = outputs(model, edit.apply(codes))
        cut = slice(None) if traced.positions is None else (slice(None), slice(start, stop))
        np.testing.assert_allclose(before, own[cut], atol=1e-10, err_msg=f"{edit}")
        if traced.positions is not None:
            expected = expected[:, start : stop + expected.shape[1] - own.shape[1]]
        np.testing.assert_allclose(after, expected, atol=1e-10, err_msg=f"{edit} {start} {stop}")
    return traced


EDITS = [(1, 1), (3, 3), (0, 1), (0, 4), (1, 0), (5, 0), (3, 1), (2, 6), (0, 0)]  # bases removed, and put in


def every_edit(rng: np.random.Generator, length: int, places: Sequence[int]) -> list[Edit]:
    return [
        Edit(place, removed, rng.integers(0, 4, new, dtype=np.uint8))
        for removed, new in EDITS
        for place in places
        if place + removed <= length
    ]


@pytest.mark.parametrize("name", NETWORKS)
def test_edits_give_what_whole_sequences_give(name: str) -> None:
    model, rng, length = settled(NETWORKS[name]()), np.random.default_rng(1), 80
    codes = rng.integers(0, 4, length, dtype=np.uint8)
    edits = every_edit(rng, length, [0, 1, 20, 39, 40, 63, 78, 79, 80])
    count = outputs(model, codes).shape[-1]
    shorter = max(edit.removed for edit in edits)
    check(model, codes, edits, [(0, count)] * len(edits))
    for start, stop in ((0, 7), (count // 2 - 4, count // 2 + 4), (count - 8, count), (5, count - 5)):
        check(model, codes, edits, [(max(start, 0), max(stop, start + shorter + 1))] * len(edits))


def test_our_profile_network_gives_what_whole_sequences_give() -> None:
    options = {"filters": 4, "dilated_layers": 2, "profile_length_bp": 10, "profile_kernel_size": 5}
    model, rng = settled(build_model("bpnet", options).to(dtype="float64")), np.random.default_rng(1)
    codes = rng.integers(0, 4, 60, dtype=np.uint8)
    edits = every_edit(rng, 60, [0, 3, 30, 55])
    check(model, codes, edits, [(0, 0)] * len(edits))


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_edits_of_random_networks(data: st.DataObject) -> None:
    draw = data.draw
    layers: list[Layer] = [conv(4, 5, draw(st.integers(1, 4)))]
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["conv", "pool", "norm", "residual", "crop", "sum", "crop to"]))
        width, dilation = draw(st.integers(1, 4)), draw(st.integers(1, 3))
        if kind == "conv":
            padding = draw(st.sampled_from(["valid", "same", 0, 2]))
            layers.append(
                conv(5, 5, width, dilation=dilation, padding=padding, stride=draw(st.integers(1, 2)))
            )
        elif kind == "pool":
            layers.append(MaxPool1D(width, draw(st.integers(1, 2)), ceil_mode=draw(st.booleans()), **F64))
        elif kind == "norm":
            layers += [BatchNorm1D(5, **F64), ReLU(**F64)]
        elif kind == "residual":
            layers.append(Residual([conv(5, 5, width, padding="same", dilation=dilation)]))
        elif kind == "crop":
            layers.append(CroppedResidual([conv(5, 5, width, dilation=dilation)]))
        elif kind == "sum":
            layers.append(Sum([conv(5, 5, 1), Sequential([conv(5, 5, width), conv(5, 5, 2)])], crop=True))
        else:
            layers.append(CropTo(8, **F64))
    model, length = settled(Sequential(layers), draw(st.integers(0, 9))), draw(st.integers(120, 125))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    codes = rng.integers(0, 4, length, dtype=np.uint8)
    try:
        count = outputs(model, codes).shape[-1]
        least = outputs(model, codes[:-6]).shape[-1]
    except ValueError:  # a map shorter than a crop or a kernel
        return
    edits = every_edit(rng, length, [draw(st.integers(0, length)) for _ in range(3)])
    start = draw(st.integers(0, least - 1))
    stop = draw(st.integers(start + 1 + count - least, count))
    check(model, codes, edits, [(start, stop)] * len(edits))
