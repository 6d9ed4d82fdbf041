"""The safetensors format, beside the library of that name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, load_file, save_file

from genoml.checkpoint import CheckpointError
from genoml.checkpoint.files import open_tensors, pack_tensors

KINDS = ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?"]


@st.composite
def tables(draw: st.DrawFn) -> dict[str, np.ndarray]:
    found = {}
    for name in draw(st.lists(st.text(st.characters(codec="utf-8"), max_size=8), unique=True, max_size=5)):
        shape = draw(st.lists(st.integers(0, 4), max_size=3))
        rng = np.random.default_rng(draw(st.integers(0, 9)))
        found[name] = np.asarray(rng.random(shape) * 100).astype(draw(st.sampled_from(KINDS)))
    return {name: value for name, value in found.items() if name != "__metadata__"}


def read(path: Path) -> dict[str, np.ndarray]:
    with open_tensors(path) as file:
        arrays, _ = file.read()
    return arrays


def same(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> bool:
    return first.keys() == second.keys() and all(
        first[name].dtype == second[name].dtype and np.array_equal(first[name], second[name])
        for name in first
    )


@settings(max_examples=25, deadline=None)
@given(tables())
def test_the_library_reads_what_is_written_and_both_read_the_same(
    tmp_path_factory: pytest.TempPathFactory, arrays: dict[str, np.ndarray]
) -> None:
    folder = tmp_path_factory.mktemp("tensors")
    content = pack_tensors(arrays, {"a": "b"})
    (folder / "ours").write_bytes(content)
    assert same(load(content), arrays)
    assert same(read(folder / "ours"), arrays)
    save_file(arrays, folder / "theirs")
    assert same(read(folder / "theirs"), load_file(folder / "theirs"))


def test_an_array_begins_at_a_multiple_of_its_items_size() -> None:
    arrays = {"a": np.ones(3, np.int8), "b": np.ones(2, np.float64), "c": np.ones(1, np.float32)}
    content = pack_tensors(arrays, {})
    start = 8 + int.from_bytes(content[:8], "little")
    assert start % 8 == 0
    assert content[start:] == arrays["b"].tobytes() + arrays["c"].tobytes() + arrays["a"].tobytes()


def test_strides_and_order_of_the_array_do_not_matter(tmp_path: Path) -> None:
    value = np.arange(24, dtype=np.float32).reshape(4, 6)[::2, ::-1].T
    (tmp_path / "w").write_bytes(pack_tensors({"a": value}, {}))
    assert np.array_equal(read(tmp_path / "w")["a"], value)


def test_a_kind_that_numpy_lacks_is_named(tmp_path: Path) -> None:
    header = b'{"a":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}'
    (tmp_path / "w").write_bytes(len(header).to_bytes(8, "little") + header + b"\0\0")
    with pytest.raises(CheckpointError, match="'a' has dtype 'BF16'; known: F64"):
        read(tmp_path / "w")
