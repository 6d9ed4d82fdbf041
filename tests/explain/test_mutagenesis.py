"""In-silico mutagenesis: windows give what computing every mutant gives, on random networks and on all of ours."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from time import sleep

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml.explain import in_silico_mutagenesis, mutation_reach
from genoml.explain.mutants import readout
from genoml.explain.mutants.readout import Maximum
from genoml.explain.mutants.windows import Changed
from genoml.models import build_model
from genoml.nn import (
    AttentionPool1D,
    AveragePool1D,
    BatchNorm1D,
    Conv1D,
    CroppedResidual,
    CropTo,
    Dense,
    Dropout,
    Exp,
    Flatten,
    GlobalAveragePool1D,
    GlobalMaxPool1D,
    Graph,
    Layer,
    MaxPool1D,
    MotifLayer,
    Node,
    Parallel,
    RCBatchNorm1D,
    RCConv1D,
    RCGlobalPool1D,
    ReLU,
    Residual,
    Sequential,
    StrandSymmetric,
    Sum,
    Transpose,
)
from genoml.nn import SelfAttention as Attention
from genoml.nn.layer import EVALUATION
from genoml.ops.windows import Reach

LENGTH = 41


def random_codes(n: int, length: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4, (n, length)).astype(np.uint8)


def settled(model: Layer, seed: int = 0, *, params: bool = True) -> Layer:
    """The model with statistics, and parameters unless told otherwise, that are not those of the start."""
    rng = np.random.default_rng(seed)
    for table in (model.params, model.state) if params else (model.state,):
        for name, value in table.items():
            shape = tuple(value.shape)
            drawn = rng.uniform(0.5, 1.5, shape) if name.endswith("var") else 0.3 * rng.normal(size=shape)
            table[name] = model.backend.asarray(drawn, dtype=model.dtype)
    return model


def plainly(model: Layer, codes: np.ndarray, task: int = 0) -> np.ndarray:
    """Each mutant in turn, in the order of the positions."""
    backend, n, length = model.backend, *codes.shape

    def score(one: np.ndarray) -> float:
        x = backend.asarray(np.eye(5)[np.minimum(one, 4)][None, :, :4], dtype=model.dtype)
        y, _ = model.vjp(backend.xp.permute_dims(x, (0, 2, 1)))
        return float(backend.to_numpy(y).reshape(-1)[task])

    scores = np.zeros((n, length, 4))
    for row in range(n):
        own = score(codes[row])
        for place in np.flatnonzero(codes[row] != 15):
            for base in range(4):
                mutant = codes[row].copy()
                mutant[place] = base
                scores[row, place, base] = score(mutant) - own
    return scores


def check(model: Layer, length: int = LENGTH, n: int = 2) -> None:
    codes = random_codes(n, length)
    found = in_silico_mutagenesis(model, codes)
    expected = in_silico_mutagenesis(model, codes, windows=False)
    assert np.abs(expected).max() > 1e-4
    np.testing.assert_allclose(found, expected, atol=1e-5 * max(1.0, np.abs(expected).max()))


def conv(channels: int, out: int = 6, size: int = 5, **options: object) -> Conv1D:
    return Conv1D(channels, out, size, **options)


NETWORKS = {
    "global maximum": (lambda: [conv(4), GlobalMaxPool1D(), Dense(6, 2)], "GlobalMaxPool1D"),
    "both poolings": (
        lambda: [
            conv(4, activation=None, bias=False),
            MaxPool1D(3),
            BatchNorm1D(6),
            Exp(ceiling=4.0),
            conv(6, padding="same"),
            Parallel([GlobalMaxPool1D(), GlobalAveragePool1D()]),
            Dropout(0.5),
            Dense(12, 1),
        ],
        "Parallel",
    ),
    "flattened": (
        lambda: [
            conv(4, padding="same"),
            BatchNorm1D(6),
            AveragePool1D(3, 2),
            ReLU(),
            Flatten(),
            Dense(120, 3, "relu"),
            Dense(3, 1),
        ],
        "Flatten, Dense",
    ),
    "partial pooling": (
        lambda: [
            conv(4),
            MaxPool1D(5, 3, ceil_mode=True),
            conv(6, size=3),
            GlobalAveragePool1D(),
            Dense(6, 1),
        ],
        "GlobalAveragePool1D",
    ),
    "strides and dilations": (
        lambda: [
            conv(4, stride=2, padding=3),
            conv(6, size=3, dilation=3, padding="same", activation="gelu"),
            GlobalMaxPool1D(),
            Dense(6, 1),
        ],
        "GlobalMaxPool1D",
    ),
    "shortcuts": (
        lambda: [
            conv(4),
            Residual([conv(6, size=4, padding="same"), BatchNorm1D(6)]),
            CroppedResidual([conv(6, size=3, dilation=2)]),
            CropTo(25),
            GlobalAveragePool1D(),
            Dense(6, 1),
        ],
        "GlobalAveragePool1D",
    ),
    "branches of maps": (
        lambda: [
            Parallel([conv(4, 3, 3, padding="same"), conv(4, 3, 7, padding="same")]),
            ReLU(),
            GlobalMaxPool1D(),
            Dense(6, 1),
        ],
        "GlobalMaxPool1D",
    ),
    "branches with ends of their own": (
        lambda: [
            conv(4),
            Parallel(
                [
                    Sequential([conv(6, 2, 3, activation=None), CropTo(20), Flatten()]),
                    Sequential([GlobalAveragePool1D(), Dense(6, 2)]),
                ]
            ),
        ],
        "Parallel",
    ),
    "sum of skips": (
        lambda: [
            conv(4),
            Sum([conv(6, size=1), CroppedResidual([conv(6, size=3, dilation=2)])], crop=True),
            GlobalMaxPool1D(),
            Dense(6, 1),
        ],
        "GlobalMaxPool1D",
    ),
    "graph": (
        lambda: [
            Graph(
                [
                    Node("conv", conv(4)),
                    Node("skip", conv(6, 6, 1), "conv"),
                    Node("a", conv(6, 6, 3), "conv"),
                    Node("b", conv(6, 6, 4), "a"),
                    Node("gated", "multiply", ["a", "b"], crop=True),
                    Node("all", "mean", ["skip", "b", "gated"], crop=True),
                    Node("pool", MaxPool1D(2), "all"),
                    Node("max", GlobalMaxPool1D(), "pool"),
                    Node("mean", GlobalAveragePool1D(), "pool"),
                    Node("both", "concatenate", ["max", "mean"]),
                    Node("dense", Dense(12, 1), "both"),
                ]
            )
        ],
        "Branches",
    ),
    "motifs": (
        lambda: [MotifLayer(5, 6, threshold=1.0, activation="relu"), GlobalMaxPool1D(), Dense(5, 1)],
        "GlobalMaxPool1D",
    ),
    "equivariant": (
        lambda: [
            RCConv1D(4, 6, 5, padding="same"),
            RCBatchNorm1D(6),
            ReLU(),
            RCConv1D(6, 4, 3),
            RCGlobalPool1D("mean"),
            Dense(2, 1),
        ],
        "RCGlobalPool1D",
    ),
    "attention pooling": (
        lambda: [conv(4), AttentionPool1D(6, 3), GlobalMaxPool1D(), Dense(6, 1)],
        "GlobalMaxPool1D",
    ),
    "attention behind": (
        lambda: [conv(4), MaxPool1D(4), Transpose(), Attention(6, 2), Flatten(), Dense(54, 1)],
        "",
    ),
    "normalised when flat": (
        lambda: [conv(4), MaxPool1D(3), Flatten(), BatchNorm1D(72), Dense(72, 1)],
        "",
    ),
    "reach of everything": (lambda: [conv(4, size=39), GlobalMaxPool1D(), Dense(6, 1)], ""),
    "maps as outputs": (lambda: [conv(4), conv(6, 1, 3)], ""),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_windows_give_what_whole_mutants_give(name: str) -> None:
    layers, end = NETWORKS[name]
    model = settled(Sequential(layers()))
    check(model)
    assert mutation_reach(model, LENGTH).end == end


def test_whole_mutants_are_those_of_a_plain_loop() -> None:
    model = settled(Sequential(NETWORKS["both poolings"][0]()))
    codes = random_codes(1, 23)
    codes[0, 4], codes[0, -1] = 14, 15  # N, and padding
    expected = plainly(model, codes)
    for windows in (True, False):
        found = in_silico_mutagenesis(model, codes, windows=windows)
        np.testing.assert_allclose(found, expected, atol=2e-6)
    assert not found[0, -1].any()
    assert np.count_nonzero(found[0, 4]) == 4


def test_the_size_of_a_batch_changes_nothing() -> None:
    model = settled(Sequential(NETWORKS["both poolings"][0]()))
    codes = random_codes(5, LENGTH)
    whole = in_silico_mutagenesis(model, codes)
    for size in (1, 7, 100):
        np.testing.assert_allclose(in_silico_mutagenesis(model, codes, batch_size=size), whole, atol=1e-6)


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_windows_hold_for_random_networks(data: st.DataObject) -> None:
    draw = data.draw
    layers: list[Layer] = []
    channels, length = 4, draw(st.integers(20, 50))
    start, seed = length, draw(st.integers(0, 99))
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["conv", "max", "average", "norm", "residual"]))
        if kind == "conv":
            size, dilation = draw(st.integers(1, 4)), draw(st.integers(1, 2))
            if length < 8:
                break
            options = {
                "stride": draw(st.integers(1, 2)),
                "padding": draw(st.sampled_from(["valid", "same", 0, 2])),
                "dilation": dilation,
                "activation": draw(st.sampled_from([None, "relu", "tanh"])),
            }
            layers.append(Conv1D(channels, 5, size, **options))
            channels = 5
            length = tuple(
                layers[-1].vjp(np.zeros((1, layers[-1].in_channels, length), np.float32))[0].shape
            )[2]
        elif kind in ("max", "average"):
            size, stride = draw(st.integers(1, 3)), draw(st.integers(1, 3))
            if length < 6:
                break
            partial = kind == "max" and draw(st.booleans())
            layers.append(
                MaxPool1D(size, stride, ceil_mode=partial) if kind == "max" else AveragePool1D(size, stride)
            )
            length = tuple(layers[-1].vjp(np.zeros((1, channels, length), np.float32))[0].shape)[2]
        elif kind == "norm":
            layers.append(BatchNorm1D(channels))
        else:
            layers.append(Residual([Conv1D(channels, channels, draw(st.integers(1, 4)), padding="same")]))
    end = draw(st.sampled_from(["max", "mean", "flat"]))
    layers += {
        "max": [GlobalMaxPool1D(), Dense(channels, 2)],
        "mean": [GlobalAveragePool1D(), Dense(channels, 2)],
        "flat": [Flatten(), Dense(channels * length, 2)],
    }[end]
    model = settled(Sequential(layers), seed)
    codes = random_codes(2, start, seed)
    found = in_silico_mutagenesis(model, codes, task=1)
    expected = in_silico_mutagenesis(model, codes, task=1, windows=False)
    np.testing.assert_allclose(found, expected, atol=1e-5 * max(1.0, np.abs(expected).max()))


@pytest.mark.parametrize(
    ("name", "options", "length"),
    [
        ("motif_cnn", {"pool_size": 4, "filters": 16, "second_filters": 8}, 60),
        ("basset", {"length_bp": 130, "filters": (8, 6, 6), "dense_units": 5, "n_outputs": 1}, 130),
        ("deepstarr", {"length_bp": 40, "filters": (8, 6, 6, 6), "dense_units": 5}, 40),
        ("attention_cnn", {"filters": 8, "heads": 2, "hidden": 8, "blocks": 1}, 40),
        ("bpnet", {"filters": 4, "dilated_layers": 2, "profile_length_bp": 10, "profile_kernel_size": 5}, 60),
    ],
)
def test_our_networks(name: str, options: dict[str, object], length: int) -> None:
    check(settled(build_model(name, options), params=False), length, n=1)


def test_both_strands_are_the_mean_of_the_two() -> None:
    model = settled(Sequential(NETWORKS["global maximum"][0]()))
    codes = random_codes(2, LENGTH)
    wrapped = StrandSymmetric(model)
    expected = in_silico_mutagenesis(wrapped, codes, windows=False)
    for found in (
        in_silico_mutagenesis(model, codes, both_strands=True),
        in_silico_mutagenesis(wrapped, codes),
    ):
        np.testing.assert_allclose(found, expected, atol=1e-5)
    assert not mutation_reach(wrapped, LENGTH).covers
    assert mutation_reach(StrandSymmetric(model, "max"), LENGTH).covers


def test_every_backend_gives_the_same(backend) -> None:
    model = settled(Sequential(NETWORKS["both poolings"][0]()))
    codes = random_codes(2, 30)
    found = in_silico_mutagenesis(model, codes)
    expected = in_silico_mutagenesis(model, codes, windows=False)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_sequences_computed_together_are_read_from_the_device_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scores of all their mutants; in threads each reads its own."""
    model = settled(Sequential(NETWORKS["both poolings"][0]()))
    reads, to_numpy = list[int](), model.backend.to_numpy
    monkeypatch.setattr(model.backend, "to_numpy", lambda array: [reads.append(1), to_numpy(array)][1])
    in_silico_mutagenesis(model, random_codes(2, 30), batch_size=12)
    assert 1 <= len(reads) <= model.backend.threads


def test_weights_sum_the_outputs() -> None:
    model = settled(Sequential(NETWORKS["global maximum"][0]()))
    codes = random_codes(1, LENGTH)
    parts = [in_silico_mutagenesis(model, codes, task=task) for task in range(2)]
    found = in_silico_mutagenesis(model, codes, task=[2.0, -1.0])
    np.testing.assert_allclose(found, 2 * parts[0] - parts[1], atol=1e-5)


def test_reach_is_told() -> None:
    model = Sequential([Conv1D(4, 8, 5), GlobalMaxPool1D(), Dense(8, 1)])
    reach = mutation_reach(model, 100)
    assert str(reach) == "changed positions: Conv1D 5 of 96, GlobalMaxPool1D; whole: Dense"
    assert str(mutation_reach(model, 6)) == "every mutant of 6 bp is computed whole"


@pytest.mark.parametrize(
    ("codes", "options", "words"),
    [
        (np.zeros((0, 9), np.uint8), {}, "expects uint8 codes"),
        (np.zeros((1, 9), np.int64), {}, "expects uint8 codes"),
        (np.zeros((1, 9), np.uint8), {"task": 1}, "expects an output from 0 to 0, got 1"),
        (np.zeros((1, 9), np.uint8), {"task": [1.0, 2.0]}, "expects 1 finite weights"),
        (np.zeros((1, 9), np.uint8), {"batch_size": 0}, "batch_size >= 1"),
    ],
)
def test_bad_input_is_named(codes: np.ndarray, options: dict[str, object], words: str) -> None:
    model = Sequential([Conv1D(4, 2, 3), GlobalMaxPool1D(), Dense(2, 1)])
    with pytest.raises(ValueError, match=words):
        in_silico_mutagenesis(model, codes, **options)


class Neighbours(Layer):
    """A layer of one's own, tanh(x[l - 1] - 2 x[l + 1] + 1); beyond the ends stand the first and last position."""

    def vjp(self, x, run=EVALUATION):
        xp = self.backend.xp
        padded = xp.concat([x[:, :, :1], x, x[:, :, -1:]], axis=2)
        return xp.tanh(padded[:, :, :-2] - 2.0 * padded[:, :, 2:] + 1.0), None


class Spoken(Neighbours):
    def reach(self, length: int) -> Reach:
        return Reach(3, before=1, after=1)


def test_a_layer_of_ones_own_is_computed_in_windows_if_it_says_its_reach() -> None:
    model = settled(Sequential([conv(4), Spoken(), GlobalMaxPool1D(), Dense(6, 1)]))
    check(model)
    reach = mutation_reach(model, LENGTH)
    assert str(reach) == "changed positions: Conv1D 5 of 37, Spoken 7 of 37, GlobalMaxPool1D; whole: Dense"


def test_a_layer_that_does_not_say_its_reach_is_named_and_computed_whole() -> None:
    layers = [conv(4), Residual([Neighbours()]), GlobalMaxPool1D(), Dense(6, 1)]
    model = settled(Sequential(layers))
    reach = mutation_reach(model, LENGTH)
    assert reach.silent == ("Neighbours",)
    assert str(reach).endswith("whole: Residual, GlobalMaxPool1D, Dense (Neighbours does not say its reach)")
    words = "Neighbours does not say what its outputs see"
    with pytest.warns(UserWarning, match=words):
        found = in_silico_mutagenesis(model, random_codes(2, LENGTH))
    expected = in_silico_mutagenesis(model, random_codes(2, LENGTH), windows=False)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_threads_that_meet_in_a_readout_get_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a readout makes once, at the first need, is whole for every thread."""
    made = readout._running_maximum

    def slowly(rows: np.ndarray) -> np.ndarray:
        sleep(0.01)
        return made(rows)

    monkeypatch.setattr(readout, "_running_maximum", slowly)
    rows = np.random.default_rng(0).standard_normal((2, 60, 3))
    changed = [
        Changed(rows, ((start, start + 20), 9), 3, np.random.default_rng(start).standard_normal((12, 9, 3)))
        for start in range(4)
    ]
    layer = GlobalMaxPool1D(dtype="float64")
    expected = [Maximum(layer).trace(rows)[1](own) for own in changed]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            _, gather = Maximum(layer).trace(rows)
            meet = Barrier(4)

            def at_once(own: Changed, gather=gather, meet=meet) -> np.ndarray:
                meet.wait(10)
                return gather(own)

            for found, value in zip(pool.map(at_once, changed), expected, strict=True):
                assert np.array_equal(found, value)
