"""Outputs after replacements: windows give what computing every copy gives, for bases and for stretches."""

from __future__ import annotations

import numpy as np
import pytest

from genoml.backend import Backend
from genoml.explain import in_silico_mutagenesis, output_changes
from genoml.nn import (
    Conv1D,
    CroppedResidual,
    Dense,
    Flatten,
    GlobalAveragePool1D,
    GlobalMaxPool1D,
    Layer,
    MaxPool1D,
    Sequential,
    StrandSymmetric,
)
from genoml.train import Profile
from genoml.train.predict import predict_outputs
from genoml.train.trained import Trained

LENGTH = 37
NETWORKS = {
    "maximum": lambda: [Conv1D(4, 6, 5), GlobalMaxPool1D(), Dense(6, 3)],
    "flattened": lambda: [Conv1D(4, 6, 5, padding="same"), MaxPool1D(3), Flatten(), Dense(72, 3)],
    "mean": lambda: [
        Conv1D(4, 6, 5),
        CroppedResidual([Conv1D(6, 6, 3, dilation=2)]),
        MaxPool1D(4, 2),
        GlobalAveragePool1D(),
        Dense(6, 3),
    ],
    "whole": lambda: [Flatten(), Dense(4 * LENGTH, 3, "relu"), Dense(3, 3)],
}


def codes_of(n: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 4, (n, LENGTH)).astype(np.uint8)


def plainly(model: Layer, codes: np.ndarray, columns: list[int], stretches: np.ndarray) -> np.ndarray:
    """Each copy computed whole."""
    kinds, width = stretches.shape
    found = np.zeros((len(codes), LENGTH - width + 1, kinds, len(columns)))
    for row, place, kind in np.ndindex(*found.shape[:3]):
        copy = codes[row].copy()
        copy[place : place + width] = stretches[kind]
        pair = np.stack([copy, codes[row]])
        both = model.trained is not None and model.trained.both_strands
        outputs = predict_outputs(model, pair, both_strands=both).reshape(2, -1)[:, columns]
        found[row, place, kind] = outputs[0] - outputs[1]
    return found


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("width", [0, 2, 7])
def test_changes_are_those_of_whole_copies(name: str, width: int, backend: Backend) -> None:
    model, codes, columns = Sequential(NETWORKS[name](), seed=1), codes_of(2), [2, 0]
    stretches = np.random.default_rng(width).integers(0, 4, (3, width)).astype(np.uint8)
    found = output_changes(model, codes, columns, stretches=stretches if width else None, batch_size=60)
    bases = np.arange(4, dtype=np.uint8)[:, None]
    expected = plainly(model, codes, columns, stretches if width else bases)
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_one_output_is_in_silico_mutagenesis() -> None:
    model, codes = Sequential(NETWORKS["maximum"](), seed=1), codes_of()
    found = output_changes(model, codes, [1])[..., 0]
    np.testing.assert_allclose(found, in_silico_mutagenesis(model, codes, task=1), atol=1e-6)


@pytest.mark.parametrize("symmetric", [False, True])
def test_both_strands_are_averaged_and_their_outputs_turned(symmetric: bool) -> None:
    network = Sequential([Conv1D(4, 6, 5), GlobalMaxPool1D(), Dense(6, 2 * 4)], seed=1)
    model: Layer = StrandSymmetric(network) if symmetric else network
    if not symmetric:
        model.trained = Trained(Profile(2, 3, strands="+-", count_weight=1.0), True, LENGTH)
    stretches = np.array([[0, 1, 2, 2, 0], [3, 3, 0, 1, 0]], dtype=np.uint8)
    for given, every in ((None, np.arange(4, dtype=np.uint8)[:, None]), (stretches, stretches)):
        found = output_changes(model, codes_of(2), [0, 6, 7], stretches=given)
        np.testing.assert_allclose(found, plainly(model, codes_of(2), [0, 6, 7], every), atol=1e-5)


def test_an_output_or_stretch_that_does_not_fit_is_refused() -> None:
    model = Sequential(NETWORKS["maximum"](), seed=1)
    with pytest.raises(ValueError, match="expects outputs from 0 to 2, got 3"):
        output_changes(model, codes_of(), [3])
    with pytest.raises(ValueError, match="stretches of at most 37 bases, got 40"):
        output_changes(model, codes_of(), [0], stretches=np.zeros((1, 40), np.uint8))
