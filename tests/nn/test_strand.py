"""f(x) = f(reverse complement of x), for all that claim it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from genoml import nn
from genoml.backend import Array, Backend
from genoml.sequence import base_codes, one_hot, reverse_complement
from genoml.testing import check_gradients


def nudged(layer: nn.Layer, seed: int = 3) -> nn.Layer:
    """The layer with parameters and running statistics away from 0 and 1."""
    rng = np.random.default_rng(seed)
    for table in (layer.params, layer.state):
        for name in sorted(table):
            host = layer.backend.to_numpy(table[name])
            moved = host + 0.2 * np.abs(rng.standard_normal(host.shape))
            table[name] = layer.backend.asarray(moved, layer.dtype)
    return layer


def plain_model() -> nn.Layer:
    return nn.Sequential(
        [
            nn.Conv1D(4, 6, 5),
            nn.BatchNorm1D(6),
            nn.MaxPool1D(3),
            nn.Dropout(0.2),
            nn.Flatten(),
            nn.Dense(54, 2),
        ]
    )


def equivariant_layers() -> list[nn.Layer]:
    return [
        nn.RCConv1D(4, 8, 5),
        nn.RCBatchNorm1D(8),
        nn.RCConv1D(8, 6, 4, padding=2, dilation=2),
        nn.ReLU(),
        nn.RCConv1D(6, 6, 3, padding="same", activation="sigmoid"),
    ]


INVARIANT: dict[str, Callable[[], nn.Layer]] = {
    "StrandSymmetric mean": lambda: nn.StrandSymmetric(plain_model(), "mean"),
    "StrandSymmetric max": lambda: nn.StrandSymmetric(plain_model(), "max"),
    "equivariant, max": lambda: nn.Sequential([*equivariant_layers(), nn.RCGlobalPool1D(), nn.Dense(3, 2)]),
    "equivariant, mean": lambda: nn.Sequential(
        [*equivariant_layers(), nn.RCGlobalPool1D("mean"), nn.Dense(3, 2)]
    ),
    "motifs": lambda: nn.Sequential(
        [nn.MotifLayer(5, 6, threshold=1.0), nn.GlobalMaxPool1D(), nn.Dense(5, 2)]
    ),
    "motifs, mean": lambda: nn.Sequential([nn.MotifLayer(5, 6, activation="relu"), nn.GlobalAveragePool1D()]),
}

EQUIVARIANT: dict[str, Callable[[], nn.Layer]] = {
    "RCConv1D": lambda: nn.RCConv1D(4, 6, 4),
    "RCConv1D same": lambda: nn.RCConv1D(4, 6, 5, padding="same"),
    "RCConv1D padded, dilated": lambda: nn.RCConv1D(4, 2, 4, padding=3, dilation=3, activation=None),
    "RCBatchNorm1D": lambda: nn.RCBatchNorm1D(4),
    "stack": lambda: nn.Sequential(equivariant_layers()),
    "stack with pooling that tiles": lambda: nn.Sequential([nn.RCConv1D(4, 6, 2), nn.MaxPool1D(3)]),
}


def sequences(backend: Backend) -> tuple[Array, Array]:
    """One-hot sequences and their reverse complements, through the letters."""
    codes = np.random.default_rng(0).integers(0, 5, (4, 31), dtype=np.uint8)
    codes[codes == 4] = 14
    xp = backend.xp
    given = one_hot(codes, ambiguous="uniform", backend=backend)
    turned = one_hot(reverse_complement(codes), ambiguous="uniform", backend=backend)
    return xp.permute_dims(given, (0, 2, 1)), xp.permute_dims(turned, (0, 2, 1))


@pytest.mark.parametrize("name", INVARIANT)
def test_the_output_is_the_same_for_both_strands(name: str, backend: Backend) -> None:
    model = nudged(INVARIANT[name]())
    given, turned = (backend.to_numpy(model(x)) for x in sequences(backend))
    assert np.ptp(given, axis=0).min() > 1e-3
    np.testing.assert_allclose(turned, given, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", EQUIVARIANT)
@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
def test_turning_the_sequence_turns_the_output(name: str, training: bool, backend: Backend) -> None:
    given, turned = (
        backend.to_numpy(nudged(EQUIVARIANT[name]())(x, training=training)) for x in sequences(backend)
    )
    assert np.ptp(given) > 1e-3
    np.testing.assert_allclose(turned[:, ::-1, ::-1], given, rtol=1e-5, atol=1e-5)


def test_motif_scores_of_the_other_strand_are_the_same_in_reverse_order(backend: Backend) -> None:
    layer = nudged(nn.MotifLayer(4, 7))
    given, turned = (backend.to_numpy(layer(x)) for x in sequences(backend))
    np.testing.assert_allclose(turned[:, :, ::-1], given, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", INVARIANT)
def test_the_gradient_of_the_other_strand_is_the_gradient_turned(name: str) -> None:
    # not on letters: a palindrome scores the same on both strands, and the first of equals takes the gradient
    model = nudged(INVARIANT[name]().to("numpy", "float64"))
    x = np.random.default_rng(2).standard_normal((4, 4, 31))
    grads = []
    for sequence in (x, np.ascontiguousarray(x[:, ::-1, ::-1])):
        y, pullback = model.vjp(sequence)
        grads.append(pullback(np.ones(y.shape))[0])
    np.testing.assert_allclose(grads[1][:, ::-1, ::-1], grads[0], rtol=1e-9, atol=1e-12)


def test_batch_norm_in_a_symmetric_model_takes_its_statistics_over_both_strands() -> None:
    norm = nn.BatchNorm1D(4, momentum=1.0)
    model = nn.StrandSymmetric(nn.Sequential([norm, nn.GlobalAveragePool1D()]))
    codes = base_codes(["AAAACCCGGT", "AAAAAAAACC"])
    x = np.ascontiguousarray(one_hot(codes).transpose(0, 2, 1))
    model(x, training=True)
    both = np.concatenate([x, x[:, ::-1, ::-1]])
    np.testing.assert_allclose(norm.running_mean, both.mean(axis=(0, 2)), rtol=1e-6)
    np.testing.assert_allclose(norm.running_mean, norm.running_mean[::-1], rtol=1e-6)
    assert set(model.params) == {"model.0.gamma", "model.0.beta"}


def test_training_without_dropout_is_symmetric_too() -> None:
    layers = [nn.Conv1D(4, 3, 3), nn.BatchNorm1D(3), nn.GlobalMaxPool1D(), nn.Dense(3, 1)]
    model = nudged(nn.StrandSymmetric(nn.Sequential(layers)))
    x = np.random.default_rng(1).standard_normal((5, 4, 9)).astype(np.float32)
    turned = np.ascontiguousarray(x[:, ::-1, ::-1])
    np.testing.assert_allclose(model(x, training=True), model(turned, training=True), rtol=1e-5, atol=1e-5)


def test_of_equal_strands_the_given_one_takes_the_gradient() -> None:
    model = nn.StrandSymmetric(nn.Sequential([nn.Conv1D(4, 1, 2, activation=None), nn.Flatten()]), "max")
    x = np.ascontiguousarray(one_hot(base_codes(["AT"]), dtype="float32").transpose(0, 2, 1))
    y, pullback = model.vjp(x)
    grad_x, _ = pullback(np.ones_like(y))
    np.testing.assert_array_equal(grad_x, model["model"][0].weights)


def test_a_pair_of_channels_is_one_kernel_for_both_strands() -> None:
    layer = nn.RCConv1D(4, 2, 3, activation=None)
    weights = np.zeros((1, 4, 3), np.float32)
    weights[0, [0, 0, 2], [0, 1, 2]] = 1.0  # AAG, whose reverse complement is CTT
    layer.weights = weights
    x = np.ascontiguousarray(one_hot(base_codes(["TAAGTCTTA"])).transpose(0, 2, 1))
    y = layer(x)
    assert y.shape == (1, 2, 7)
    assert (int(y[0, 0].argmax()), int(y[0, 1].argmax())) == (1, 5)
    assert y[0, 0, 1] == y[0, 1, 5] == 3.0


def test_gradients_of_a_deep_equivariant_model_match_central_differences() -> None:
    layers = [*equivariant_layers(), nn.RCGlobalPool1D("mean"), nn.Dense(3, 1)]
    model = nn.Sequential(layers).to(dtype="float64")
    check_gradients(nudged(model), np.random.default_rng(5).standard_normal((3, 4, 14)))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: nn.StrandSymmetric(nn.Dense(4, 1), "sum"), "combine 'mean' or 'max', got 'sum'"),
        (lambda: nn.RCConv1D(4, 5, 3), "an even number of out_channels, got 5"),
        (lambda: nn.RCConv1D(4, 4, 4, padding="same"), "an odd kernel_size for 'same', got 4"),
        (lambda: nn.RCConv1D(4, 4, 3, padding="full"), "got 'full'"),
        (lambda: nn.RCConv1D(4, 4, 3, padding=-1), "padding >= 0, got -1"),
        (lambda: nn.RCConv1D(4, 4, 0), "RCConv1D expects kernel_size >= 1, got 0"),
        (lambda: nn.RCBatchNorm1D(3), "an even number of channels, got 3"),
        (lambda: nn.RCGlobalPool1D("sum"), "mode 'mean' or 'max', got 'sum'"),
    ],
)
def test_a_layer_that_cannot_be_symmetric_is_refused(make: Callable[[], nn.Layer], words: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared
        make()
    assert words in str(caught.value)


def test_a_model_with_a_length_axis_cannot_be_wrapped() -> None:
    model = nn.StrandSymmetric(nn.Conv1D(4, 2, 3))
    with pytest.raises(ValueError, match=r"expects a model that gives .*, got \(2, 2, 6\)"):
        model(np.zeros((1, 4, 8), np.float32))
