"""A layer added as an exercise: one file and one entry, and all of genoml works with it; nothing else is touched."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from genoml import Conv1D, Dense, GlobalMaxPool1D, Sequential, auroc
from genoml.backend import Backend
from genoml.checkpoint import load_weights, save_weights
from genoml.data import split_random
from genoml.explain import in_silico_mutagenesis, mutation_reach, saliency
from genoml.optim import AdamW
from genoml.testing import LayerCase, check_layer
from genoml.train import FitOptions, fit
from genoml.train.predict import predict
from proof.entry import Section
from proof.measure import FORMULA, GRADIENT, Cell, variant_column
from proof.networks import layer_entry
from proof.tolerances import failures
from support.backends import has_float64
from support.guard import no_host_read
from support.planted import MOTIF, planted_data

LAYER = '''
"""A gate of each channel."""

from array_api_compat import array_namespace

from genoml.nn import EVALUATION, Gradient, Layer, Parameter
from genoml.nn.layer import expect_shape
from genoml.nn.reach import sees_itself
from genoml.random import constant

__all__ = ["SoftGate"]


class SoftGate(Layer):
    """y[n, c, l] = x[n, c, l] s,  s = 1 / (1 + exp(-slope[c] x[n, c, l]))"""

    slope, slope_grad = Parameter(), Gradient()  # (channels,)

    def __init__(self, channels, *, start=1.0, **options):
        super().__init__(**options)
        self.channels, self.start = channels, start

    def initial_params(self):
        return {"slope": constant((self.channels,), self.start)}

    reach = sees_itself

    def vjp(self, x, run=EVALUATION):
        ok = x.ndim == 3 and x.shape[1] == self.channels
        expect_shape(self, x, ok, f"(batch, {self.channels}, length)")
        xp, slope = array_namespace(x), self.slope[None, :, None]
        s = 1.0 / (1.0 + xp.exp(-(slope * x)))

        def pullback(grad, *, need_x=True, need_params=True):
            # ds/d(slope x) = s (1 - s):  dy/dx = s + slope x s (1 - s),  dy/dslope = x^2 s (1 - s)
            steep = s * (1.0 - s)
            grads = {"slope": xp.sum(grad * (x * x * steep), axis=(0, 2))} if need_params else {}
            return (grad * (s + slope * x * steep) if need_x else None), grads

        return x * s, pullback
'''


@pytest.fixture(scope="module")
def layer_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The file of the new layer, where a user would have it: on the import path, outside genoml."""
    folder: Path = tmp_path_factory.mktemp("own")
    (folder / "soft_gate.py").write_text(LAYER)
    sys.path.insert(0, str(folder))
    yield import_module("soft_gate")
    sys.path.remove(str(folder))
    del sys.modules["soft_gate"]


def loop(arrays: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    y = np.zeros_like(x)
    for n, c, position in np.ndindex(*x.shape):
        value = x[n, c, position]
        y[n, c, position] = value / (1.0 + np.exp(-arrays["slope"][c] * value))
    return y


@pytest.fixture(scope="module")
def entry(layer_file: ModuleType) -> LayerCase:
    """The one entry."""
    return LayerCase(
        lambda: layer_file.SoftGate(3),
        (2, 3, 7),
        edges=[(0, 3, 7), (1, 3, 1)],
        errors=[((2, 4, 7), "SoftGate expects (batch, 3, length), got (2, 4, 7)")],
        reference=loop,
    )


def network(layer_file: ModuleType) -> Sequential:
    layers = {
        "scan": Conv1D(4, 8, 8, activation=None),
        "gate": layer_file.SoftGate(8, start=2.0),
        "pool": GlobalMaxPool1D(),
        "head": Dense(8, 1),
    }
    return Sequential(layers, seed=1)


@pytest.fixture(scope="module")
def trained(layer_file: ModuleType) -> Sequential:
    model, data = network(layer_file), planted_data(120)
    train, validation = split_random(data, 0.25, seed=1)
    options = FitOptions(epochs=15, batch_size=32, optimizer=AdamW(0.02), seed=1)
    fit(model, train, validation=validation, options=options)
    return model


def test_the_layer_passes_the_list_of_checks(entry: LayerCase, backend: Backend) -> None:
    check_layer(entry, float64=has_float64(backend), no_host_read=lambda: no_host_read(backend))


def test_the_entry_makes_a_row_of_the_proof_within_its_limits(entry: LayerCase) -> None:
    names, row = frozenset({"SoftGate"}), layer_entry("SoftGate", entry)
    section = Section("Layers", "", (row,), names, names)
    figures: dict[str, Cell] = {
        GRADIENT: {"float64": float(row.gradient())},
        FORMULA: {"float64": float(row.formula())},
        **{name: variant_column([section], name)["Layers"]["SoftGate"] for name in ("numpy", "strictest")},
    }
    assert failures({"Layers": {"SoftGate": figures}}) == []


def test_a_network_with_it_is_trained(trained: Sequential, layer_file: ModuleType) -> None:
    unseen = planted_data(60, seed=5)
    assert float(auroc(predict(trained, unseen.codes), unseen.targets)) > 0.95
    assert not np.array_equal(trained["gate"].slope, network(layer_file)["gate"].slope)


def test_it_is_saved_and_loaded_copied_and_shown(
    trained: Sequential, layer_file: ModuleType, tmp_path: Path
) -> None:
    save_weights(tmp_path / "weights.safetensors", trained)
    codes, other = planted_data(10, seed=6).codes, network(layer_file)
    load_weights(tmp_path / "weights.safetensors", other)
    for model in (other, copy.deepcopy(trained)):
        np.testing.assert_array_equal(predict(model, codes), predict(trained, codes))
    assert repr(trained["gate"]) == "SoftGate(8, start=2.0)"
    assert trained.summary(30).rows[2].output == (8, 23)


def test_a_network_with_it_is_explained_and_the_motif_found(trained: Sequential) -> None:
    data = planted_data(20, seed=7)
    codes = data.codes[data.targets[:, 0] == 1]
    found = saliency(trained, codes).actual
    scores = in_silico_mutagenesis(trained, codes)
    assert ("SoftGate", 8, 23) in mutation_reach(trained, 30).steps, (
        "only what a change reaches is computed again"
    )
    np.testing.assert_allclose(scores, in_silico_mutagenesis(trained, codes, windows=False), atol=1e-5)
    pattern = np.array(["ACGT".index(base) for base in MOTIF])
    for row, sequence in enumerate(codes):
        windows = np.lib.stride_tricks.sliding_window_view(sequence, len(MOTIF))
        start = int(np.argmax(np.all(windows == pattern, axis=1)))
        inside = np.zeros(len(sequence), dtype=bool)
        inside[start : start + len(MOTIF)] = True
        assert found[row][inside].sum() > found[row][~inside].sum()
        assert scores[row][inside].min() < scores[row][~inside].min()
