from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from genoml.backend import Backend
from genoml.checkpoint import CheckpointError, host_weights, load_weights, save_weights
from genoml.nn import BatchNorm1D, Conv1D, Dense, GlobalMaxPool1D, Layer, Sequential
from genoml.nn.layer import Pass


def model(seed: int = 0, filters: int = 3, backend: str | Backend | None = None) -> Layer:
    return Sequential(
        [
            Conv1D(4, filters, 5, backend=backend),
            BatchNorm1D(filters, backend=backend),
            GlobalMaxPool1D(backend=backend),
            Dense(filters, 1, backend=backend),
        ],
        seed=seed,
    )


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_weights(tmp_path / "w.safetensors", model(seed=1))
    return tmp_path / "w.safetensors"


def test_parameters_and_state_come_back_bit_by_bit_on_every_backend(tmp_path: Path, backend: Backend) -> None:
    layer = model(seed=1, backend=backend)
    layer.vjp(backend.asarray(np.random.default_rng(0).random((4, 4, 9)), "float32"), Pass(training=True))
    save_weights(tmp_path / "w.safetensors", layer)
    loaded = model(seed=2, backend=backend)
    load_weights(tmp_path / "w.safetensors", loaded)
    expected, found = host_weights(layer), host_weights(loaded)
    assert expected.keys() == found.keys()
    assert "1.running_var" in found
    assert all(np.array_equal(expected[name], found[name]) for name in expected)
    assert all(backend.owns(value) for value in loaded.params.values())


def test_the_same_weights_give_the_same_bytes(saved: Path, tmp_path: Path) -> None:
    save_weights(tmp_path / "again", model(seed=1))
    assert saved.read_bytes() == (tmp_path / "again").read_bytes()


def refused(path: Path, message: str, layer: Layer | None = None) -> None:
    layer = layer or model()
    before = host_weights(layer)
    with pytest.raises(CheckpointError) as caught:
        load_weights(path, layer)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    after = host_weights(layer)
    assert all(np.array_equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.999])
def test_a_file_cut_short_is_refused(saved: Path, share: float) -> None:
    content = saved.read_bytes()
    saved.write_bytes(content[: int(share * len(content))])
    refused(saved, "not a readable weights file")


@pytest.mark.parametrize("content", [b">a\nACGT\n", b"\x00" * 100, b"\xff" * 100, b"PK\x03\x04" + b"x" * 50])
def test_a_file_of_another_kind_is_refused(saved: Path, content: bytes) -> None:
    saved.write_bytes(content)
    refused(saved, "not a readable weights file")


@pytest.mark.parametrize("where", ["weights", "checksum"])
def test_one_changed_bit_is_noticed(saved: Path, where: str) -> None:
    content = bytearray(saved.read_bytes())
    content[-3 if where == "weights" else content.index(b"checksum")] ^= 1
    saved.write_bytes(content)
    refused(saved, "checksum")


def test_a_missing_file_and_a_folder_are_refused(saved: Path, tmp_path: Path) -> None:
    refused(tmp_path / "none", "no such file")
    refused(tmp_path, "Is a directory")


def test_weights_of_another_model_are_refused(saved: Path) -> None:
    refused(saved, "expects shape (5, 4, 5), got (3, 4, 5)", model(filters=5))
    refused(saved, "missing ['bias', 'weights'], unknown ['0.bias'", Dense(3, 1))


def test_weights_of_other_origin_are_taken_if_they_fit(saved: Path) -> None:
    arrays = {name: value.astype(np.float64) for name, value in load_file(saved).items()}
    save_file(arrays, saved)
    layer = model()
    load_weights(saved, layer)
    assert np.array_equal(host_weights(layer)["0.weights"], arrays["0.weights"].astype(np.float32))
    assert layer.params["0.weights"].dtype == np.float32


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda value: np.full_like(value, np.nan), "not finite"),
        (lambda value: np.full_like(value, -np.inf), "not finite"),
        (lambda value: value.astype(np.int32), "expects floating-point numbers, got int32"),
    ],
)
def test_arrays_that_cannot_be_weights_are_refused(saved: Path, change: object, message: str) -> None:
    arrays = load_file(saved)
    arrays["3.bias"] = change(arrays["3.bias"])  # type: ignore[operator]
    save_file(arrays, saved)
    refused(saved, message)


def test_a_failure_while_writing_leaves_the_old_file(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = saved.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_weights(saved, model(seed=9))
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]
