"""Profiles at windows of a genome: against slices of the reads themselves."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from genoml.data import Augmentation, ProfileData, SequenceData, SignalTracks, profile_data, split_by_group
from genoml.data.tracks import control_strands, opposite_tracks
from genoml.genome import Intervals
from genoml.io import FormatError
from genoml.random import host_generator
from support.profiles import Planted, planted_profiles, write_track


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    return planted_profiles(tmp_path_factory.mktemp("planted"))


def data_of(planted: Planted, **options: object) -> ProfileData:
    settings = {"strands": "+-", "length_bp": 100, "profile_bp": 40, "outlier_quantile": None} | options
    return profile_data(planted.genome, planted.sites, [planted.plus, planted.minus], **settings)  # type: ignore[arg-type]


def test_profiles_are_the_reads_in_the_middle_of_each_window(planted: Planted) -> None:
    data = data_of(planted)
    assert data.targets.shape == (40, 2, 40)
    windows = data.intervals
    assert windows is not None
    for row in (0, 7, 39):
        start = int(windows.start[row]) + 30
        np.testing.assert_array_equal(
            data.targets[row], planted.reads[str(windows.chrom[row])][:, start : start + 40]
        )
    np.testing.assert_array_equal(data.totals, np.asarray(data.targets).sum(axis=2))
    assert data.targets.dtype == np.asarray(data.targets).dtype == np.float32


def test_a_window_on_the_minus_strand_is_turned_and_its_strands_exchanged(planted: Planted) -> None:
    sites = planted.sites
    turned = Intervals(list(sites.chrom), sites.start, sites.end, ["-"] * len(sites))
    plus, minus = data_of(planted), data_of(replace(planted, sites=turned))
    np.testing.assert_array_equal(np.asarray(minus.targets), np.asarray(plus.targets)[:, ::-1, ::-1])


def test_sequence_and_signal_are_read_at_the_same_shifted_place(planted: Planted) -> None:
    data = data_of(planted, control=[planted.minus])
    index = np.array([5, 0, 31])
    moves = Augmentation(False, shift_bp=25)
    rows = data.batch(index, moves, host_generator(3, "a"))
    _, offsets = moves.draw(3, host_generator(3, "a"))
    assert offsets is not None
    assert len(set(offsets.tolist())) > 1
    genome = dict(record.split("\n")[:2] for record in planted.genome.read_text().split(">")[1:])
    windows = data.intervals
    assert windows is not None
    for row, offset, codes, profile, control in zip(
        index,
        offsets,
        rows.codes,
        rows.targets,
        rows.control,
        strict=True,  # type: ignore[arg-type]
    ):
        name, start = str(windows.chrom[row]), int(windows.start[row]) - int(offset)
        assert "".join("ACGT"[code] for code in codes) == genome[name][start : start + 100]
        np.testing.assert_array_equal(profile, planted.reads[name][:, start + 30 : start + 70])
        np.testing.assert_array_equal(control[0], planted.reads[name][1, start : start + 100])


def test_a_turned_sequence_takes_its_profiles_and_controls_with_it(planted: Planted) -> None:
    data = data_of(planted, control=[planted.plus, planted.minus])
    index = np.arange(16)
    rows = data.batch(index, Augmentation(True), host_generator(0, "b"))
    plain = data.batch(index, Augmentation(False), host_generator(0, "b"))
    turned, _ = Augmentation(True).draw(16, host_generator(0, "b"))
    assert turned is not None
    assert 0 < turned.sum() < 16
    assert rows.control is not None
    assert plain.control is not None
    np.testing.assert_array_equal(rows.codes[turned], 3 - plain.codes[turned][:, ::-1])
    np.testing.assert_array_equal(rows.targets[turned], plain.targets[turned][:, ::-1, ::-1])
    np.testing.assert_array_equal(rows.control[turned], plain.control[turned][:, ::-1, ::-1])
    np.testing.assert_array_equal(rows.targets[~turned], plain.targets[~turned])


def test_arrays_in_memory_give_the_same_batches_as_files(planted: Planted) -> None:
    data = data_of(planted, control=[planted.minus])
    memory = replace(
        data, codes=np.asarray(data.codes), targets=np.asarray(data.targets), control=np.asarray(data.control)
    )
    for one, other in zip(
        data.batch(np.arange(9), Augmentation(), host_generator(1, "c")),
        memory.batch(np.arange(9), Augmentation(), host_generator(1, "c")),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="shift_bp expects windows that can be read elsewhere too"):
        memory.batch(np.arange(9), Augmentation(shift_bp=3), host_generator(1, "c"))


def test_a_part_reads_its_own_rows_and_stays_on_disk(planted: Planted) -> None:
    data = data_of(planted, control=[planted.minus])
    rest, held_out = split_by_group(data, ["chr2"])
    assert isinstance(rest.targets, SignalTracks)
    assert isinstance(held_out.control, SignalTracks)
    np.testing.assert_array_equal(np.asarray(held_out.targets), np.asarray(data.targets)[20:])
    again = pickle.loads(pickle.dumps(rest.targets))
    np.testing.assert_array_equal(again[:3], data.targets[:3])


def test_outliers_are_left_out_and_counted(planted: Planted, tmp_path: Path) -> None:
    values = {name: reads[0].copy() for name, reads in planted.reads.items()}
    site = int(planted.sites.start[4])
    values["chr1"][site : site + 5] += 5000.0
    write_track(tmp_path / "high.bw", values)
    with pytest.warns(
        UserWarning, match=r"1 of 40 regions have more than \d+ reads \(1.2 times the 0.97 quantile"
    ):
        data = profile_data(
            planted.genome,
            planted.sites,
            tmp_path / "high.bw",
            length_bp=100,
            profile_bp=40,
            outlier_quantile=0.97,
        )
    assert len(data) == 39
    assert data.n_outliers == 1
    assert data.strands == "."


def test_negative_and_fractional_values_are_not_taken_for_reads(planted: Planted, tmp_path: Path) -> None:
    write_track(tmp_path / "minus.bw", {name: -reads[1] for name, reads in planted.reads.items()})
    signal = [planted.plus, tmp_path / "minus.bw"]
    with pytest.raises(
        FormatError, match=r"minus.bw: .*negative value \(-\d+\) in chr1:\d+-\d+.*turn the sign"
    ):
        profile_data(planted.genome, planted.sites, signal, strands="+-", length_bp=100, profile_bp=40)
    write_track(tmp_path / "scaled.bw", {name: reads[0] / 3 for name, reads in planted.reads.items()})
    with pytest.warns(UserWarning, match="profiles are not whole numbers, first in chr1"):
        profile_data(planted.genome, planted.sites, tmp_path / "scaled.bw", length_bp=100, profile_bp=40)


def test_strands_that_make_no_sense_are_refused(planted: Planted) -> None:
    assert opposite_tracks(".+-+-") == [0, 2, 1, 4, 3]
    assert control_strands("+-+-", 1) == "."
    for strands in ("-+", "+", "++", "+-x", ""):
        with pytest.raises(ValueError, match="strands expect"):
            opposite_tracks(strands)
    with pytest.raises(ValueError, match="2 tracks expect strands, a letter each"):
        data_of(planted, strands=None)
    with pytest.raises(ValueError, match="1 control track, or 4"):
        control_strands("+-+-", 3)
    with pytest.raises(ValueError, match="ProfileData has profiles"):
        SequenceData(np.zeros((2, 9), np.uint8), np.zeros((2, 1, 5), np.float32))
    with pytest.raises(
        ValueError, match=r"an even number of bp of the 9 of the sequences around them, got \(2, 1, 4\)"
    ):
        ProfileData(codes=np.zeros((2, 9), np.uint8), targets=np.zeros((2, 1, 4), np.float32), strands=".")


def test_a_file_of_another_assembly_is_refused(planted: Planted, tmp_path: Path) -> None:
    write_track(tmp_path / "other.bw", {"chr1": np.ones(50), "chr2": planted.reads["chr2"][0]})
    with pytest.raises(FormatError, match=r"chr1 \(50 bp, not 3400\)"):
        profile_data(planted.genome, planted.sites, tmp_path / "other.bw", length_bp=100, profile_bp=40)
