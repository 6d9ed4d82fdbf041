"""Networks that Keras 2, Keras 3 and TensorFlow wrote: the same outputs as theirs. make_specimens.py made the files."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from genoml.backend import Backend, use_backend
from genoml.convert import Converted, convert_file, keras, tensorflow, with_bases
from genoml.io import WeightsFile, read_weights
from genoml.nn import Sequential

HERE = Path(__file__).parent / "specimens"
NAMES = sorted(path.name.removesuffix(".npz") for path in HERE.glob("*.npz"))


@cache
def weights(name: str) -> WeightsFile:
    """The file, read once: HDF5 takes a process of its own."""
    return read_weights(HERE / name)


def specimen(name: str) -> tuple[Converted, np.ndarray, list[np.ndarray]]:
    """The converted network, sequences (n, length, 4), and the framework's outputs."""
    arrays = np.load(HERE / f"{name}.npz")
    recipe = "chrombpnet" if name.startswith("chrombpnet") else None  # for a layer that holds code
    with use_backend("numpy"):
        converted = convert_file(weights(name), recipe=recipe, length_bp=arrays["x"].shape[1])
    return converted, arrays["x"], [arrays[key] for key in arrays.files if key != "x"]


def in_the_frameworks_axes(converted: Converted, y: np.ndarray) -> np.ndarray:
    return y.transpose(converted.axes) if y.ndim == len(converted.axes) else y


@pytest.mark.parametrize("name", NAMES)
def test_outputs_equal_those_of_the_framework(name: str, backend: Backend) -> None:
    converted, x, expected = specimen(name)
    network = converted.network.to(backend)
    given = backend.asarray(np.ascontiguousarray(x.transpose(0, 2, 1)))
    found = in_the_frameworks_axes(converted, backend.to_numpy(network(given)))
    whole = (
        expected[0] if len(expected) == 1 else np.concatenate([y.reshape(len(y), -1) for y in expected], 1)
    )
    np.testing.assert_allclose(found, whole, rtol=1e-5, atol=1e-5)


def test_a_row_of_layers_becomes_a_sequential_whose_relus_are_activations() -> None:
    network = specimen("plain-3.keras")[0].network
    assert isinstance(network, Sequential)
    assert network.layers[0].activation == "relu"


@pytest.mark.parametrize("name", ["branched-3.keras", "splice.pb", "mmsplice-intron3.h5"])
def test_a_network_of_any_length_reads_other_lengths(name: str) -> None:
    converted, x, _ = specimen(name)
    assert not converted.fixed_length
    longer = np.ascontiguousarray(np.concatenate([x, x], axis=1).transpose(0, 2, 1))
    assert converted.network(longer).shape[0] == len(x)


def test_a_network_of_one_length_says_so() -> None:
    converted = specimen("recurrent-2.h5")[0]
    assert converted.fixed_length
    assert converted.length_bp == 40


@pytest.mark.parametrize("name", ["plain-2.h5", "recurrent-3.keras"])
def test_a_last_function_is_cut_off_on_request(name: str) -> None:
    whole, x, (expected,) = specimen(name)
    cut = convert_file(read_weights(HERE / name), cut=True)
    assert cut.last == ("softmax" if name.startswith("plain") else "sigmoid")
    given = np.ascontiguousarray(x.transpose(0, 2, 1))
    np.testing.assert_allclose(cut.with_last().network(given), expected, atol=1e-6)
    assert np.abs(cut.network(given) - whole.network(given)).max() > 1e-3


@pytest.mark.parametrize("name", ["plain-2.h5", "branched-3.keras", "recurrent-2.h5"])
def test_bases_in_another_order_are_put_into_ours(name: str) -> None:
    converted, x, _ = specimen(name)
    given = np.ascontiguousarray(x.transpose(0, 2, 1))
    expected = np.asarray(converted.network(np.ascontiguousarray(given[:, [0, 2, 1, 3], :])))
    moved = with_bases(specimen(name)[0], "AGCT")
    np.testing.assert_allclose(moved.network(given), expected, atol=1e-6)


def test_one_network_of_several_in_a_graph_is_named_by_its_node() -> None:
    file = read_weights(HERE / "splice.pb")
    nodes = [node.name for node in file.topology if node.operation == "Softmax"]
    assert len(nodes) == 2
    x = np.ascontiguousarray(np.load(HERE / "splice.pb.npz")["x"].transpose(0, 2, 1))
    each = [tensorflow(file, length_bp=40, outputs=[name])(x) for name in nodes]
    np.testing.assert_allclose(np.mean(each, axis=0), specimen("splice.pb")[0].network(x), atol=1e-6)


def test_a_topology_and_its_arrays_are_converted_without_a_file() -> None:
    file = read_weights(HERE / "plain-3.keras")
    x = np.ascontiguousarray(np.load(HERE / "plain-3.keras.npz")["x"].transpose(0, 2, 1))
    np.testing.assert_array_equal(
        keras(file.topology, file.tensors)(x), specimen("plain-3.keras")[0].network(x)
    )
