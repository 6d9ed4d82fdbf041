"""Codes that are read when they are asked for: views, joins, memory maps, and training on them."""

from __future__ import annotations

import pickle
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr

from genoml.data import (
    Augmentation,
    CodeRows,
    Codes,
    GenomeCodes,
    JoinedCodes,
    LazyCodes,
    SequenceData,
    ShuffledNegatives,
    shared_sequences,
    split_random,
)
from genoml.data.codes import as_codes
from genoml.genome import GenomeStore, Intervals
from genoml.models import build_model
from genoml.train import FitOptions, fit
from genoml.train.predict import predict
from support.planted import planted_data

CODES = np.random.default_rng(0).integers(0, 4, (50, 12), dtype=np.uint8)
INDICES = [
    slice(None),
    slice(40, 3, -2),
    slice(7, 7),
    np.array([3, 3, -1, 0]),
    np.zeros(0, np.int64),
    np.arange(50) % 3 == 0,
]


class Counted(LazyCodes):
    """Codes that count how many rows were asked for at most."""

    def __init__(self, codes: np.ndarray) -> None:
        super().__init__(*codes.shape)
        self.codes, self.most = codes, 0

    def fetch(self, rows: np.ndarray) -> np.ndarray:
        self.most = max(self.most, len(rows))
        return self.codes[rows]


class Ascending:
    """An array-like that gives rows by a slice or by ascending numbers, each once, and by nothing else."""

    shape, dtype = CODES.shape, CODES.dtype

    def __getitem__(self, index: Any) -> list[list[int]]:
        if not isinstance(index, slice):
            assert isinstance(index, np.ndarray)
            assert (np.diff(index) > 0).all()
        return [[int(code) for code in row] for row in CODES[index]]


def foreign_forms(folder: Path) -> dict[str, Any]:
    file = h5py.File(folder / "codes.h5", "w")
    stored = zarr.create_array(
        str(folder / "codes.zarr"), shape=CODES.shape, dtype=CODES.dtype, chunks=(7, 12)
    )
    stored[:] = CODES
    hdf5 = file.create_dataset("codes", data=CODES, chunks=(8, 12), compression="gzip")
    return {"hdf5": hdf5, "zarr": stored, "an array-like": Ascending()}


def lazy_forms(folder: Path) -> dict[str, Any]:
    np.save(folder / "codes.npy", CODES)
    turned = np.random.default_rng(1).permutation(50)
    return {
        "rows": CodeRows(CODES),
        "rows of rows": CodeRows(CodeRows(CODES[turned]), np.argsort(turned)),
        "map": np.load(folder / "codes.npy", mmap_mode="r"),
        "rows of a map": CodeRows(np.load(folder / "codes.npy", mmap_mode="r")),
        "joined": JoinedCodes([CODES[:20], CodeRows(CODES, np.arange(20, 20)), CodeRows(CODES)[20:]]),
        "a subclass": Counted(CODES),
        **{name: as_codes(codes) for name, codes in foreign_forms(folder).items()},
    }


def test_every_lazy_form_is_indexed_as_the_array_is(tmp_path: Path) -> None:
    for name, codes in lazy_forms(tmp_path).items():
        assert codes.shape == (50, 12), name
        assert codes.dtype == np.uint8
        assert len(codes) == 50
        for index in INDICES:
            found = codes[index]
            assert isinstance(found, np.ndarray)
            np.testing.assert_array_equal(found, CODES[index], name)
        np.testing.assert_array_equal(codes[7], CODES[7])
        np.testing.assert_array_equal(np.asarray(codes), CODES)
        assert [row.tolist() for row in codes] == CODES.tolist()


def test_rows_that_do_not_exist_are_refused() -> None:
    codes = CodeRows(CODES)
    for index in (np.array([0, 50]), np.array([-51]), 50):
        with pytest.raises(IndexError, match="numbers below 50"):
            codes[index]
    with pytest.raises(IndexError, match="a mask of 50 rows is expected, got one of 3"):
        codes[np.array([True, False, True])]
    for wrong in (np.array([0.5]), "chr1", np.zeros((2, 2), int)):
        with pytest.raises(TypeError, match="a slice, a mask or whole numbers"):
            codes[wrong]  # type: ignore[index]
    with pytest.raises(ValueError, match="expects copy=None or True"):
        np.asarray(codes, copy=False)
    with pytest.raises(ValueError, match=r"expect one length, got \[5, 12\]"):
        JoinedCodes([CODES, CODES[:, :5]])
    with pytest.raises(NotImplementedError, match="LazyCodes must define fetch"):
        LazyCodes(1, 1)[:]


def test_splits_of_codes_that_are_not_in_memory_are_views(tmp_path: Path) -> None:
    targets = np.arange(50, dtype=np.float32)[:, None] % 2
    for name, codes in lazy_forms(tmp_path).items():
        data = SequenceData(codes, targets, names=np.array([f"s{i}" for i in range(50)], dtype=object))
        rest, held = split_random(data, 0.3, seed=2)
        again = rest.take(np.array([4, 1]))
        plain, _ = split_random(SequenceData(CODES, targets), 0.3, seed=2)
        for part in (rest, held, again):
            assert isinstance(part.codes, CodeRows), name
        np.testing.assert_array_equal(np.asarray(rest.codes), plain.codes)
        np.testing.assert_array_equal(again.codes[:], np.asarray(plain.codes)[[4, 1]])
        assert again.names is not None
        assert again.names.tolist() == [rest.name_of(4), rest.name_of(1)]


def test_two_sets_of_lazy_codes_become_positives_and_negatives() -> None:
    data = SequenceData.binary(CodeRows(CODES, np.arange(3)), CODES[3:5])
    np.testing.assert_array_equal(np.asarray(data.codes), CODES[:5])
    assert data.targets[:, 0].tolist() == [1, 1, 1, 0, 0]
    pickled = pickle.loads(pickle.dumps(data))
    np.testing.assert_array_equal(np.asarray(pickled.codes), CODES[:5])


def test_training_asks_for_a_batch_at_a_time_and_gives_the_same_weights() -> None:
    data = planted_data(40)
    weights = []
    lazy = Counted(np.asarray(data.codes))
    for codes in (data.codes, lazy):
        model = build_model("promoter_cnn", {"filters": 4, "kernel_size": 8}, seed=1)
        options = FitOptions(
            epochs=2, batch_size=16, augmentation=Augmentation(True, 2), no_checks=("copies",)
        )
        part = SequenceData(codes, data.targets, data.groups)
        fit(model, part, validation=part.take(np.arange(24)), options=options)
        weights.append(np.concatenate([np.ravel(value) for value in model.params.values()]))
        scores = predict(model, part.codes, batch_size=16)
        weights[-1] = np.append(weights[-1], scores)
    np.testing.assert_array_equal(weights[0], weights[1])
    assert lazy.most == 16, "training takes 16 at a time, validation its 24 in two runs"


def test_codes_of_hdf5_zarr_and_array_likes_are_taken_by_lists_in_any_order(tmp_path: Path) -> None:
    targets = np.arange(50, dtype=np.float32)[:, None] % 2
    plain = SequenceData(CODES, targets)
    for name, codes in foreign_forms(tmp_path).items():
        data = SequenceData(codes, targets, list(map(str, range(50))), names=list(map(str, range(50))))
        for rows in ([4, 1, 1, -1], [], [True] * 2 + [False] * 48):
            taken = data.take(rows)
            np.testing.assert_array_equal(np.asarray(taken.codes), plain.take(rows).codes, name)
            assert taken.targets.tolist() == plain.take(rows).targets.tolist()
        again = data.take([7, 3, 9]).take([2, 0, 2])
        np.testing.assert_array_equal(again.codes[:], CODES[[9, 7, 9]])
        assert list(again.names) == list(again.groups) == ["9", "7", "9"]
        both = SequenceData.binary(codes, codes).take([60, 3, 60])
        np.testing.assert_array_equal(np.asarray(both.codes), CODES[[10, 3, 10]])
        shuffled = ShuffledNegatives.of(codes, seed=3).take([55, 5, 55])
        expected = ShuffledNegatives.of(CODES, seed=3).take([55, 5, 55])
        np.testing.assert_array_equal(np.asarray(shuffled.codes), expected.codes)
        assert shared_sequences(codes, CODES[::-1].copy()).second.tolist() == list(range(49, -1, -1))


def test_training_on_hdf5_and_zarr_gives_the_weights_of_the_array(tmp_path: Path) -> None:
    targets = np.arange(50, dtype=np.float32)[:, None] % 2
    weights = []
    for codes in (CODES, *foreign_forms(tmp_path).values()):
        model = build_model("promoter_cnn", {"filters": 2, "kernel_size": 4}, seed=1)
        rest, held = split_random(SequenceData(codes, targets), 0.3, seed=2)
        fit(model, rest, validation=held, options=FitOptions(epochs=2, batch_size=16))
        weights.append([np.array(value) for value in model.params.values()])
    for other in weights[1:]:
        for first, second in zip(weights[0], other, strict=True):
            np.testing.assert_array_equal(first, second)


def mapped(folder: Path) -> Codes:
    codes = np.lib.format.open_memmap(folder / "codes.npy", "w+", np.uint8, (20_000, 500))
    codes[:] = np.arange(500, dtype=np.uint8) % 4
    return codes


def windows(folder: Path) -> Codes:
    (folder / "genome.fa").write_text(">chr1\n" + "ACGGTTACAT" * 3000 + "\n")
    starts = np.arange(20_000)
    store = GenomeStore.build(folder / "genome.fa", folder / "genome.store")
    return GenomeCodes(store, Intervals("chr1", starts, starts + 500, "-"))


@pytest.mark.parametrize("made", [mapped, windows])
def test_training_holds_no_copy_of_codes_that_are_read_on_demand(
    made: Callable[[Path], Codes], tmp_path: Path
) -> None:
    codes = made(tmp_path)
    targets = (np.arange(len(codes)) % 2).astype(np.float32)[:, None]
    model = build_model("promoter_cnn", {"filters": 1, "kernel_size": 2}, seed=0)
    tracemalloc.start()
    try:
        rest, _ = split_random(SequenceData(codes, targets), 0.99, seed=0)
        fit(model, rest, options=FitOptions(epochs=1, batch_size=32))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    bases = len(codes) * codes.shape[1]
    assert peak < bases / 2, f"{peak} bytes for {bases} bases"
