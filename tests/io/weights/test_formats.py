"""Each format is read as the framework that wrote it holds it."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from genoml.io import FormatError, WeightsFile, read_weights
from support.hostile_weights import (
    called,
    hdf5,
    packed,
    storage,
    table,
    tensor,
    text,
    torch_stream,
    torch_zip,
    whole,
)
from support.mutations import mutations, refusals
from support.weights_files import DEEPBIND, FOLDER, WEIGHTS, npz, onnx_model, sound_files, specimen

KERAS: Any = np.load(FOLDER / "expected.npz")
TORCH: Any = np.load(FOLDER / "expected_torch.npz")


def read(folder: Path, content: bytes, name: str = "file.bin") -> WeightsFile:
    """Read a file whose name says nothing."""
    (folder / name).write_bytes(content)
    return read_weights(folder / name)


def same(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.dtype == expected.dtype
    assert found.flags.owndata or found.base is None or found.base.flags.owndata
    np.testing.assert_array_equal(found, expected)


def in_order(found: WeightsFile, layer: str) -> list[np.ndarray]:
    """Arrays of a layer; of newer files the backward half comes first by name."""
    names = [name for name in found.tensors if name.startswith(f"{layer}/")]
    return [found.tensors[name] for name in sorted(names, key=lambda name: "backward" in name)]


@pytest.mark.parametrize("name", ["model.h5", "weights.h5", "model.weights.h5", "model.keras"])
def test_every_file_of_keras_has_the_arrays_of_its_layers(tmp_path: Path, name: str) -> None:
    found = read(tmp_path, specimen(name))
    assert found.format == "keras"
    for layer in ("motifs", "wide", "norm", "both", "head"):
        expected = [KERAS[key] for key in KERAS.files if key.startswith(f"{layer}/")]
        for array, other in zip(in_order(found, layer), expected, strict=True):
            same(array, other)
    assert len(found.tensors) == 18
    names = {"motifs/kernel", "head/hidden/bias", "both/forward_gru/gru_cell/kernel"}
    if "weights.h5" != name != "model.h5":
        names = {"motifs/0", "head/hidden/1", "both/forward_layer/cell/0"}
    assert names <= set(found.tensors)
    if name.startswith("model.") and "weights" not in name:
        assert isinstance(found.topology, dict)
        assert [layer["name"] for layer in found.topology["config"]["layers"]] == [
            "dna", "motifs", "wide", "norm", "both", "head",
        ]  # fmt: skip
        assert found.metadata["keras_version"] == "3.15.1"
    else:
        assert found.topology is None


@pytest.mark.parametrize("holder", ["layers", "_layer_checkpoint_dependencies"])
def test_layers_that_have_only_a_place_are_named_by_the_topology(tmp_path: Path, holder: str) -> None:
    archive = read(tmp_path, specimen("model.keras"))
    (tmp_path / "w.h5").write_bytes(specimen("model.weights.h5"))
    with h5py.File(tmp_path / "w.h5", "r+") as file:  # as Keras before 3.3, and TensorFlow before 2.16
        found: list[Any] = []
        file.visititems(lambda name, thing: found.append(thing))
        for thing in found:
            thing.attrs.pop("name", None)
        for group in [thing for thing in found if thing.name == "/layers/sequential"] + [file]:
            group.move("layers", "renamed")
            group.move("renamed", holder)
    content = packed(
        {
            "config.json": json.dumps(archive.topology).encode(),
            "model.weights.h5": (tmp_path / "w.h5").read_bytes(),
        }
    )
    other = read(tmp_path, content)
    assert set(other.tensors) == set(archive.tensors)
    for name, array in archive.tensors.items():
        same(other.tensors[name], array)


def test_the_names_of_older_layers_may_be_cut_in_parts_and_be_paths(tmp_path: Path) -> None:
    def write(file: h5py.File) -> None:
        file.attrs["layer_names0"] = np.array(["block/first"], "S20")
        file.attrs["layer_names1"] = np.array(["last"], "S20")
        for layer, name in (("block/first", "first_7/kernel:0"), ("last", "last/kernel:0")):
            group = file.create_group(layer)
            group.attrs["weight_names"] = np.array([name], "S20")
            group[name] = np.full(2, len(name))

    found = read(tmp_path, hdf5(write))
    assert {name: array[0] for name, array in found.tensors.items()} == {
        "block/first/first_7/kernel": 16, "last/kernel": 13,
    }  # fmt: skip


def test_compressed_and_half_precision_arrays_of_hdf5_are_read(tmp_path: Path) -> None:
    def write(file: h5py.File) -> None:
        group = file.create_group("a/vars")
        group.create_dataset("0", data=WEIGHTS, compression="gzip", shuffle=True, chunks=(1, 2, 5))
        group.create_dataset("1", data=WEIGHTS.astype(">f2"))
        for number in range(2, 12):
            group[str(number)] = np.int64(number)

    found = read(tmp_path, hdf5(write))
    same(found.tensors["a/0"], WEIGHTS)
    same(found.tensors["a/1"], WEIGHTS.astype(np.float16))
    assert [int(found.tensors[f"a/{number}"]) for number in range(2, 12)] == list(range(2, 12))
    assert list(found.tensors) == [f"a/{number}" for number in range(12)]


@pytest.mark.parametrize("name", ["frozen", "types"])
def test_constants_and_nodes_of_a_frozen_graph_are_those_of_tensorflow(tmp_path: Path, name: str) -> None:
    found = read(tmp_path, specimen(f"{name}.pb"))
    expected = {key.partition(":")[2]: KERAS[key] for key in KERAS.files if key.startswith(f"{name}:")}
    nodes = expected.pop("")
    assert isinstance(found.topology, tuple)
    assert [
        f"{node.operation} {node.name}" for node in found.topology if node.operation != "Const"
    ] == nodes.tolist()
    assert set(found.tensors) == set(expected)
    for key, array in expected.items():
        same(found.tensors[key], array)


def test_attributes_of_a_frozen_graph_are_numbers_text_lists_and_types(tmp_path: Path) -> None:
    found = read(tmp_path, specimen("frozen.pb"))
    assert found.metadata == {"inputs": {"x": (-1, 12, 4)}, "outputs": {"Identity": None}}
    assert isinstance(found.topology, tuple)
    node = next(node for node in found.topology if node.operation == "Conv2D")
    assert node.inputs[1] in {each.name for each in found.topology} | set(found.tensors)
    assert dict(node.attributes) == {
        "padding": "SAME", "explicit_paddings": [], "strides": [1, 1, 1, 1], "data_format": "NHWC", "T": "f4",
        "dilations": [1, 1, 1, 1], "use_cudnn_on_gpu": True,
    }  # fmt: skip


def test_nodes_and_arrays_of_onnx_are_read(tmp_path: Path) -> None:
    found = read(tmp_path, onnx_model())
    assert found.format == "onnx"
    same(found.tensors["w"], WEIGHTS)
    same(found.tensors["b"], np.arange(3.0))
    same(found.tensors["half"], np.array([1.5, -2], np.float32))
    same(found.tensors["many"], np.array([1, -2, 3], np.int32))
    same(found.tensors["shape"], np.array([0, -1]))
    assert isinstance(found.topology, tuple)
    convolution, reshape, odd = found.topology
    assert (convolution.name, convolution.operation) == ("conv", "Conv")
    assert (convolution.inputs, convolution.outputs) == (("x", "w", "b"), ("c",))
    assert dict(convolution.attributes) == {"kernel_shape": [5], "auto_pad": "SAME_UPPER"}
    assert (reshape.inputs, odd.operation) == (("c", "shape"), "made.up::Odd")
    assert dict(odd.attributes) == {"factor": 1.5, "names": ["a", "b"]}
    assert found.metadata == {
        "inputs": {"x": (-1, 4, 20)}, "outputs": {"y": (-1, 4, 20)}, "opsets": {"": 17, "made.up": 1}, "producer": "",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["zip.pt", "stream.pt"])
def test_both_formats_of_pytorch_have_the_tensors_of_the_state_dict(tmp_path: Path, name: str) -> None:
    found = read(tmp_path, specimen(name))
    assert found.format == "pytorch"
    assert found.metadata == {"epoch": 7, "note": "best"}
    assert list(found.tensors) == TORCH.files
    for key, array in found.tensors.items():
        same(array, TORCH[key])
    assert found.sha256 == hashlib.sha256(specimen(name)).hexdigest()


PAIR = {"a": tensor(start=2, shape=(2,), strides=(3,)), "b": tensor()}


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (table(**PAIR), ["a", "b"]),
        (table(model_state_dict=table(**PAIR), epoch=whole(3)), ["a", "b"]),
        (table(net=table(**PAIR), ema=table(a=tensor())), ["net.a", "net.b", "ema.a"]),
        (table(weight=tensor(), net=table(**PAIR)), ["weight", "net.a", "net.b"]),
        (called("collections.OrderedDict", b"](](" + text("a") + tensor() + b"ee"), ["a"]),
        (table(a=called("torch._utils._rebuild_parameter", tensor(), b"\x88", b"N")), ["a"]),
        (table(a=tensor(), optimizer=table(state=table(step=tensor()), lr=b"]")), ["a"]),
        (table(model=table(state_dict=table(**PAIR))), ["a", "b"]),
        (table(a=tensor(), deep=table(er=table(a=tensor()))), ["a", "deep.er.a"]),
        (b"}q\x01(" + text("self") + b"h\x01" + text("a") + tensor() + b"u", ["a"]),
    ],
)
def test_tensors_are_found_in_checkpoints_of_many_forms(
    tmp_path: Path, body: bytes, names: list[str]
) -> None:
    numbers = np.arange(6, dtype="<f4")
    stream = torch_stream(body, (6).to_bytes(8, "little") + numbers.tobytes())
    for content in (torch_zip(body, numbers.tobytes()), stream):
        found = read(tmp_path, content).tensors
        assert list(found) == names
        same(found[names[-1]], numbers.reshape(2, 3))
        if "b" in names:
            same(found["a"], np.array([2, 5], np.float32))


def test_high_bytes_first_and_storages_without_type_are_read(tmp_path: Path) -> None:
    numbers = np.arange(6, dtype=">f4")
    big = torch_zip(table(w=tensor()), numbers.tobytes(), **{"x/byteorder": b"big"})
    same(read(tmp_path, big).tensors["w"], numbers.reshape(2, 3).astype(np.float32))
    untyped = storage("torch.storage.UntypedStorage", size=24)
    body = called(
        "torch._utils._rebuild_tensor_v3", untyped, whole(1), b"(" + whole(5) + b"t", b"(" + whole(1) + b"t",
        b"\x89", called("collections.OrderedDict"), b"ctorch\nuint32\n", b"N",
    )  # fmt: skip
    found = read(tmp_path, torch_zip(table(w=body), np.arange(6, dtype="<u4").tobytes()))
    same(found.tensors["w"], np.arange(1, 6, dtype=np.uint32))


def test_a_refused_pickle_is_told_with_what_it_asked_for(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"weights.pt: refused: os.system; only tensors are read") as caught:
        read(tmp_path, torch_zip(called("os.system", text("true"))), "weights.pt")
    assert "torch.save(model.state_dict(), FILE)" in str(caught.value)


def test_arrays_of_numpy_are_read_whatever_their_order(tmp_path: Path) -> None:
    found = read(tmp_path, npz())
    assert found.format == "numpy"
    expected = {
        "w": WEIGHTS,
        "columns": WEIGHTS[0],
        "big": WEIGHTS,
        "is_up": WEIGHTS > 0.5,
        "one": np.array(3.0),
    }
    assert set(found.tensors) == set(expected)
    for name, array in expected.items():
        same(found.tensors[name], array)
    same(read(tmp_path, sound_files()["array.npy"]).tensors[""], WEIGHTS)


def test_safetensors_are_read_with_their_metadata(tmp_path: Path) -> None:
    found = read(tmp_path, sound_files()["state.safetensors"])
    assert (found.format, found.metadata) == ("safetensors", {"maker": "test"})
    same(found.tensors["w"], WEIGHTS)
    same(found.tensors["steps"], np.array([7]))
    header = b'{"w":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}'
    half = len(header).to_bytes(8, "little") + header + bytes([0xC0, 0x3F, 0x00, 0xC0])
    same(read(tmp_path, half).tensors["w"], np.array([1.5, -2], np.float32))


def test_a_table_of_deepbind_has_positions_bases_and_detectors_as_its_program(tmp_path: Path) -> None:
    found = read(tmp_path, DEEPBIND)
    assert found.format == "deepbind"
    assert found.metadata == {
        "reverse_complement": 1, "num_detectors": 2, "detector_len": 3, "has_avg_pooling": 1, "num_hidden": 3,
    }  # fmt: skip
    for position, base, detector in np.ndindex(
        3, 4, 2
    ):  # deepbind.c: detector + detectors * (base + 4 * position)
        place = detector + 2 * (base + 4 * position)
        assert found.tensors["detectors"][position, base, detector] == (place if place < 23 else -0.25)
    same(found.tensors["weights1"], np.arange(1, 13, dtype=np.float32).reshape(4, 3))
    assert {name: array.shape for name, array in found.tensors.items()} == {
        "detectors": (3, 4, 2), "thresholds": (2,), "weights1": (4, 3), "biases1": (3,), "weights2": (3,),
        "biases2": (1,),
    }  # fmt: skip


def test_arrays_can_be_changed(tmp_path: Path) -> None:
    for name, content in sound_files().items():
        for array in read(tmp_path, content, name).tensors.values():
            assert array.flags.writeable, name
            assert array.flags.c_contiguous, name


@pytest.mark.parametrize(
    ("library", "name", "extra"), [("h5py", "model.h5", "hdf5"), ("onnx", "model.onnx", "onnx")]
)
def test_a_missing_library_is_told_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str, name: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(
        ModuleNotFoundError, match=rf"{name}: needs {library}; pip install 'genoml-xp\[{extra}\]'"
    ):
        read(tmp_path, sound_files()[name], name)


def test_a_missing_file_and_a_saved_model_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"x\.pt: no such file; check the path"):
        read_weights(tmp_path / "x.pt")
    (tmp_path / "saved_model.pb").write_bytes(b"\x08\x01\x12\x00")
    for path in (tmp_path, tmp_path / "saved_model.pb"):
        with pytest.raises(
            FormatError, match=r"a SavedModel, which holds a program; .*model\.save\('FILE\.keras'\)"
        ):
            read_weights(path)


@pytest.mark.parametrize("name", [name for name in sound_files() if name not in ("model.h5", "model.keras")])
def test_damaged_files_are_read_or_refused(tmp_path: Path, name: str) -> None:
    damaged = mutations(sound_files()[name], 88, seed=5)
    refused = refusals(lambda path: [read_weights(path)], tmp_path, damaged, has_lines=False)
    assert refused >= 20
