"""Outputs of edited sequences by cones are those of computing every edited sequence whole."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml.backend import Backend, use_backend
from genoml.explain import Edit, TracedMaps, trace_maps
from genoml.explain.mutants.geometry import cone_of, needs
from genoml.explain.mutants.operations import Network, network_of
from genoml.explain.mutants.stretches import trace
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
    edits = every_edit(rng, length, [0, 1, 20, 40, 63, 79, 80])
    count = outputs(model, codes).shape[-1]
    shorter = max(edit.removed for edit in edits)
    check(model, codes, edits, [(0, count)] * len(edits))
    for start, stop in ((0, 7), (count // 2 - 4, count // 2 + 4), (count - 8, count), (5, count - 5)):
        check(model, codes, edits, [(max(start, 0), max(stop, start + shorter + 1))] * len(edits))


def test_part_of_a_profile_is_computed_by_the_layers_up_to_it() -> None:
    options = {"filters": 4, "dilated_layers": 2, "profile_length_bp": 10, "profile_kernel_size": 5}
    model, rng = settled(build_model("bpnet", options).to(dtype="float64")), np.random.default_rng(1)
    head = model["heads"]["profile"]
    profile = Sequential([*model.layers[:-1], head["conv"], head["crop"]])
    codes = rng.integers(0, 4, 60, dtype=np.uint8)
    edits = [Edit(at, 1, (codes[at : at + 1] + 1) % 4) for at in range(60)]
    check(profile, codes, edits, [(4, 7)] * 60)
    np.testing.assert_allclose(
        trace_maps(profile, codes).outputs()[0], outputs(model, codes)[:10], atol=1e-12
    )


def splice(channels: int = 32) -> Sequential:
    """SpliceAI's network for 10,000 bp of context, without padding."""

    def body(groups: list[tuple[int, int]]) -> Layer:
        if not groups:
            return Conv1D(channels, channels, 1, activation=None)
        (width, dilation), *rest = groups
        blocks = [
            CroppedResidual(
                [
                    layer
                    for _ in range(2)
                    for layer in (
                        BatchNorm1D(channels),
                        ReLU(),
                        Conv1D(channels, channels, width, dilation=dilation, activation=None),
                    )
                ]
            )
            for _ in range(4)
        ]
        skip = Conv1D(channels, channels, 1, activation=None)
        return Sum([skip, Sequential([*blocks, body(rest)])], crop=True)

    trunk = body([(11, 1), (11, 4), (21, 10), (41, 25)])
    ends = Conv1D(4, channels, 1, activation=None), Conv1D(channels, 3, 1, activation=None)
    return Sequential([ends[0], trunk, ends[1]])


def test_a_variant_costs_what_both_cones_share() -> None:
    network = network_of(splice(), 10_101)

    def gflop(stretches: Sequence[tuple[int, int] | None]) -> float:
        operations = zip(network.operations, stretches, strict=True)
        each = [
            (own[1] - own[0]) * float(np.prod(operation.correlation.kernel.shape))
            for operation, own in operations
            if own is not None and operation.correlation is not None
        ]
        return 2e-9 * sum(each)

    assert gflop(needs(network, (0, 101))[1:]) == pytest.approx(9.03, rel=0.002)
    cone = cone_of(network, network, (5050, 5051), 0, (0, 101))
    computed = [None if own is None else (own.start, own.stop) for own in cone.computed]
    assert gflop(computed) == pytest.approx(2.39, rel=0.002)
    assert gflop([(0, 10_101)] * len(computed)) == pytest.approx(13.90, rel=0.01)


def test_variants_of_a_gene_share_its_maps_and_a_cone(monkeypatch: pytest.MonkeyPatch) -> None:
    model, rng = settled(splice_sums()), np.random.default_rng(0)
    codes = rng.integers(0, 4, 400, dtype=np.uint8)
    traced = trace_maps(model, codes, stretch=100)
    traces = list[tuple[int, int]]()

    def counted(network: Network, bases: Any, outputs: tuple[int, int]) -> Any:
        traces.append(outputs)
        return trace(network, bases, outputs)

    monkeypatch.setattr("genoml.explain.mutants.cones.trace", counted)
    places = list(range(60, 340, 3))
    flank = (400 - (traced.positions or 0)) // 2
    edits = [Edit(place, 1, (codes[place : place + 1] + 1) % 4) for place in places]
    asked = [(place - flank - 5, place - flank + 6) for place in places]
    reads, to_numpy = list[int](), model.backend.to_numpy
    monkeypatch.setattr(model.backend, "to_numpy", lambda array: [reads.append(1), to_numpy(array)][1])
    found = traced.changed(edits, asked)
    assert len(traces) == 4  # of 290 positions, 100 at a time
    # from the device, for each of these: its own outputs, and those of its copies, in one batch
    assert len(reads) == 2 * 4
    assert [len(cones) for cones in traced._plans._cones.values()] == [1]
    for which in (0, 40, len(places) - 1):
        expected = outputs(model, edits[which].apply(codes))[:, slice(*asked[which])]
        np.testing.assert_allclose(found[which][1], expected, atol=1e-10)
    np.testing.assert_allclose(traced.outputs(), outputs(model, codes), atol=1e-10)


def test_another_sequence_of_the_same_length_shares_the_plan_alone() -> None:
    model, rng = settled(splice_sums()), np.random.default_rng(0)
    first, second, third = (rng.integers(0, 4, length, dtype=np.uint8) for length in (80, 80, 90))
    traced = trace_maps(model, first)
    edit = Edit(40, 1, np.zeros(1, np.uint8))
    before = traced.changed([edit])[0]
    for codes, plans in ((second, 1), (third, 2)):
        other = traced.on(codes)
        assert len({id(each._plans) for each in (traced, other)}) == plans
        np.testing.assert_allclose(other.changed([edit])[0][1], outputs(model, edit.apply(codes)), atol=1e-10)
    np.testing.assert_array_equal(traced.changed([edit])[0], before)


@pytest.mark.parametrize(("make", "moves"), [(splice_sums, True), (splice_graph, False)])
def test_the_sequence_keeps_all_that_edits_read(
    make: Callable[[], Layer], moves: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*arguments: Any) -> None:
        raise AssertionError(f"{arguments} is not computed by cones")

    monkeypatch.setattr(TracedMaps, "_apart", refused)
    model, rng = settled(make()), np.random.default_rng(1)
    codes = rng.integers(0, 4, 80, dtype=np.uint8)
    count = outputs(model, codes).shape[-1]
    # the graph's CropTo cuts off something else where the sequence is longer; and what is put in before the first
    # position that a crop keeps moves others into view
    edits = [edit for edit in every_edit(rng, 80, [20, 41]) if moves or not edit.longer]
    edits += [edit for edit in every_edit(rng, 80, [0, 79]) if not edit.longer]
    for own in ((10, 20), (0, count), (count - 7, count)):
        check(model, codes, edits, [own] * len(edits))


def test_every_backend_gives_the_same(backend: Backend) -> None:
    with use_backend("numpy"):
        made = splice_sums().to(dtype="float32")
    model, rng = settled(made.to(backend)), np.random.default_rng(1)
    codes = rng.integers(0, 4, 60, dtype=np.uint8)
    edits = [
        Edit(30, 1, codes[30:31] ^ 1),
        Edit(31, 1, codes[31:32] ^ 1),
        Edit(30, 0, codes[:3]),
        Edit(29, 2, codes[:0]),
    ]
    for edit, (own, edited) in zip(
        edits, trace_maps(model, codes).changed(edits, [(8, 20)] * 4), strict=True
    ):
        np.testing.assert_allclose(own, outputs(model, codes)[:, 8:20], rtol=1e-4, atol=1e-4)
        whole = outputs(model, edit.apply(codes))
        np.testing.assert_allclose(edited, whole[:, 8 : 20 + edit.longer], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("edit", "asked", "message"),
    [
        (Edit(79, 2, np.zeros(1, np.uint8)), (0, 5), "edit 0 expects bases of 0 to 80, got 79 to 81"),
        (Edit(-1, 1, np.zeros(1, np.uint8)), (0, 5), "edit 0 expects bases of 0 to 80, got -1 to 0"),
        (Edit(4, 1, np.zeros(1, np.uint8)), (70, 80), "expects outputs in 0 to 75, got 70 to 80"),
        (Edit(4, 1, np.zeros(1, np.uint8)), (5, 5), "expects outputs in 0 to 75, got 5 to 5"),
        (Edit(4, 6, np.zeros(1, np.uint8)), (5, 9), "in 0 to 75 that a deletion of 5 leaves, got 5 to 9"),
    ],
)
def test_edits_and_outputs_outside_of_the_sequence_are_refused(
    edit: Edit, asked: tuple[int, int], message: str
) -> None:
    traced = trace_maps(NETWORKS["valid convolutions"](), np.zeros(80, np.uint8))
    with pytest.raises(ValueError, match=re.escape(message)):
        traced.changed([edit], [asked])
    with pytest.raises(ValueError, match="expects outputs for 1 edits, got 2"):
        traced.changed([edit], [asked] * 2)
    with pytest.raises(ValueError, match=r"expects codes \(length,\) uint8, got \(2, 4\)"):
        trace_maps(traced.model, np.zeros((2, 4), np.uint8))


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
