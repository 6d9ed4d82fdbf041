"""Data sets of windows of a genome against letters cut out by hand."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from genoml.data import GenomeCodes, SequenceData, ShuffledNegatives, genome_data, split_by_group
from genoml.data.peaks import matched_windows
from genoml.genome import GenomeStore, Intervals, base_composition, concat, overlaps_any
from genoml.io import FormatError
from genoml.models import build_model
from genoml.sequence import decode, gc_content, kmer_counts, reverse_complement
from genoml.train import FitOptions, fit

RNG = np.random.default_rng(3)
# rich in G and C at the beginning, poor at the end
SHARES = ([0.2, 0.3, 0.3, 0.2], [0.35, 0.15, 0.15, 0.35])
GENOME = {
    name: "".join("".join(RNG.choice(list("ACGT"), 2500, p=share)) for share in SHARES)
    for name in ("chr1", "chr2")
} | {"chrM": "ACGTACGTAC"}
PEAKS = Intervals(
    ["chr1", "chr2", "chr1", "chr2"], [100, 400, 3000, 20], [161, 500, 3100, 30], ["+", "-", ".", "-"],
    name=["a", "b", "a", "c"], score=[1.0, np.nan, 3.0, 4.0], peak=[-1, 10, 99, 0],
)  # fmt: skip
MIDDLES = [130, 410, 3099, 20]


@pytest.fixture(scope="module")
def fasta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("genome") / "genome.fa"
    path.write_text("".join(f">{name}\n{letters}\n" for name, letters in GENOME.items()))
    return path


@pytest.fixture(scope="module")
def store(fasta: Path) -> GenomeStore:
    return GenomeStore.build(fasta, fasta.with_name("other.store"))


def windows_by_hand(length: int) -> list[str]:
    made = []
    for chrom, strand, middle in zip(PEAKS.chrom, PEAKS.strand, MIDDLES, strict=True):
        letters = GENOME[chrom][middle - length // 2 : middle - length // 2 + length]
        made.append(reverse_complement(letters) if strand == "-" else letters)
    return made


def letters_of(data: SequenceData) -> list[str]:
    return [str(decode(row)) for row in np.asarray(data.codes)]


@pytest.mark.parametrize("length", [1, 24, 35])
def test_windows_lie_around_summits_or_middles_on_the_peaks_strand(store: GenomeStore, length: int) -> None:
    data = genome_data(store, PEAKS, length_bp=length)
    assert letters_of(data) == windows_by_hand(length)
    assert data.targets.tolist() == [[1.0]] * 4
    assert data.groups is not None
    assert data.groups.tolist() == PEAKS.chrom.tolist()
    assert data.intervals is not None
    assert data.intervals.length_bp.tolist() == [length] * 4
    assert data.name_of(1) == f"chr2:{410 - length // 2}-{410 - length // 2 + length}"


def test_fasta_and_bed_files_do_as_well(fasta: Path, tmp_path: Path) -> None:
    peaks, negatives = tmp_path / "peaks.narrowPeak", tmp_path / "negatives.bed"
    peaks.write_text("chr1\t100\t160\ta\t7\t-\t3.5\t-1\t-1\t40\n")
    negatives.write_text("chr2\t1000\t1010\nchr2\t1100\t1111\n")
    data = genome_data(fasta, str(peaks), length_bp=8, negatives=negatives)
    minus = reverse_complement(GENOME["chr1"][136:144])
    assert letters_of(data) == [minus, GENOME["chr2"][1001:1009], GENOME["chr2"][1101:1109]]
    assert data.targets[:, 0].tolist() == [1.0, 0.0, 0.0]
    assert Path(f"{fasta}.store").is_file()
    signal = genome_data(fasta, str(peaks), length_bp=8, targets=["signal_value", "score"])
    assert signal.targets.tolist() == [[3.5, 7.0]]
    assert signal.target_names == ("signal_value", "score")


def test_a_file_that_does_not_fit_the_genome_is_refused_by_line(store: GenomeStore, tmp_path: Path) -> None:
    peaks = tmp_path / "peaks.bed"
    peaks.write_text("chr1\t5\t9\n2\t5\t9\n")
    with pytest.raises(FormatError, match=r"peaks\.bed, line 2: .*did you mean 'chr2'"):
        genome_data(store, peaks, length_bp=4)
    peaks.write_text("chr1\t5\t9\nchr1\t4990\t5001\n")
    with pytest.raises(FormatError, match=r"line 2: the end \(5001\) is past the end of chr1"):
        genome_data(store, PEAKS, length_bp=4, negatives=peaks)


def test_windows_past_an_edge_are_refused_or_left_out_or_padded(store: GenomeStore) -> None:
    message = r"peaks: 1 of 4 windows of 60 bp reach past .* chr2:-10-50 around row 3, on 5000 bp"
    with pytest.raises(ValueError, match=message):
        genome_data(store, PEAKS, length_bp=60)
    array = np.arange(4.0)
    with pytest.warns(UserWarning, match="peaks: 1 of 4 windows of 60 bp .* left out"):
        data = genome_data(store, PEAKS, length_bp=60, edges="drop", targets=array)
    assert data.targets[:, 0].tolist() == [0.0, 1.0, 2.0]
    padded = genome_data(store, PEAKS, length_bp=60, edges="pad", targets=array)
    assert np.asarray(padded.codes)[3, 50:].tolist() == [15] * 10  # the minus strand ends before base 0
    assert letters_of(padded)[3] == reverse_complement(GENOME["chr2"][:50])
    none = "at least one window of 60 bp within its chromosome, got none of peaks"
    with pytest.raises(ValueError, match=none), pytest.warns(UserWarning, match="1 of 1 windows"):
        genome_data(store, Intervals(["chrM"], [0], [10]), length_bp=60, edges="drop")


def test_columns_give_targets_and_a_mask_where_they_have_none(store: GenomeStore) -> None:
    data = genome_data(store, PEAKS, length_bp=10, targets="score")
    assert data.targets[:, 0].tolist() == [1.0, 0.0, 3.0, 4.0]
    assert data.extras["mask"][:, 0].tolist() == [1.0, 0.0, 1.0, 1.0]


def test_a_function_gives_targets_of_all_windows(store: GenomeStore) -> None:
    negatives = Intervals("chr1", [2000], [2010])
    data = genome_data(
        store,
        PEAKS,
        length_bp=10,
        negatives=negatives,
        targets=lambda windows: np.stack([windows.start] * 2, 1),
    )
    assert data.targets[:, 0].tolist() == [125, 405, 3094, 15, 2000]
    assert data.targets.shape == (5, 2)


def test_shuffles_are_drawn_anew_each_epoch_whatever_the_order_of_batches(store: GenomeStore) -> None:
    data = genome_data(store, PEAKS, length_bp=40, negatives="shuffle", ratio=2)
    assert isinstance(data, ShuffledNegatives)
    assert data.targets[:, 0].tolist() == [1.0] * 4 + [0.0] * 8
    assert data.intervals is not None
    assert data.name_of(5) == f"shuffle of {data.name_of(1)}"
    _, held = split_by_group(data, ["chr2"])
    whole = np.asarray(data.for_epoch(1, seed=7).codes)
    part = held.for_epoch(1, seed=7)
    np.testing.assert_array_equal(np.asarray(part.codes), whole[data.groups == "chr2"])
    backwards = data.for_epoch(1, seed=7).codes[np.arange(11, -1, -1)]
    np.testing.assert_array_equal(backwards[::-1], whole)
    for row in range(12):
        counts = [kmer_counts([codes], 2) for codes in (whole[row], whole[row % 4])]
        np.testing.assert_array_equal(*counts)
    others = [data.for_epoch(2, seed=7), data.for_epoch(1, seed=8), data]
    for other in others:
        assert (np.asarray(other.codes)[4:] != whole[4:]).any(axis=1).all()
        np.testing.assert_array_equal(np.asarray(other.codes)[:4], whole[:4])
    assert (whole[4:8] != whole[8:]).any(axis=1).all()


def test_matched_negatives_have_the_gc_content_of_the_peaks_and_touch_none(store: GenomeStore) -> None:
    starts = np.arange(200, 1800, 50)
    peaks = Intervals("chr1", starts, starts + 20, "+")
    avoid = Intervals("chr1", [0], [100])
    data = genome_data(store, peaks, length_bp=100, negatives="gc", ratio=3, avoid=avoid, seed=5)
    assert data.intervals is not None
    positives, negatives = data.intervals[: len(peaks)], data.intervals[len(peaks) :]
    assert len(negatives) == 3 * len(peaks)
    assert set(negatives.chrom) == {"chr1"}
    assert not overlaps_any(negatives, concat([positives, avoid])).any()
    assert set(negatives.strand) == {"+", "-"}
    gc = gc_content(data.codes[: len(data)])
    assert abs(gc[: len(peaks)].mean() - gc[len(peaks) :].mean()) < 0.01
    same = genome_data(store, peaks, length_bp=100, negatives="gc", ratio=3, avoid=avoid, seed=5)
    assert same.intervals == data.intervals


def test_gc_content_that_the_genome_does_not_have_again_is_refused(store: GenomeStore) -> None:
    gc, _ = base_composition(store, Intervals("chr1", np.arange(4900), np.arange(4900) + 40))
    best = int(np.argmax(gc))
    only = Intervals("chr1", [best], [best + 40])
    with pytest.raises(ValueError, match="candidates too few"):
        matched_windows(store, only, Intervals("chr1", [best - 60], [best + 100]), ratio=40)


def test_training_on_windows_of_a_genome_runs(store: GenomeStore) -> None:
    starts = np.arange(100, 4500, 60)
    data = genome_data(store, Intervals("chr1", starts, starts + 10), length_bp=50, negatives="shuffle")
    model = build_model("promoter_cnn", {"filters": 4, "kernel_size": 8}, seed=0)
    history = fit(model, data, validation=data.take(np.arange(0, len(data), 5)), options=FitOptions(epochs=2))
    assert len(history.epochs) == 2
    assert np.isfinite(history.epochs[-1]["validation_loss"])


def test_a_data_set_can_be_pickled(store: GenomeStore) -> None:
    data = genome_data(store, PEAKS, length_bp=20, negatives="shuffle")
    again = pickle.loads(pickle.dumps(data))
    np.testing.assert_array_equal(np.asarray(again.codes), np.asarray(data.codes))


def test_what_does_not_fit_together_is_refused(store: GenomeStore) -> None:
    with pytest.raises(ValueError, match=r"no chromosome '1' \(did you mean 'chr1'"):
        genome_data(store, Intervals("1", [5], [9]), length_bp=4)
    with pytest.raises(ValueError, match="'drop' or 'pad', got 'clip'"):
        genome_data(store, PEAKS, length_bp=4, edges="clip")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="negatives=None, or a function"):
        genome_data(store, PEAKS, length_bp=4, targets="score", negatives="gc")
    with pytest.raises(ValueError, match="expects targets=None"):
        genome_data(store, PEAKS, length_bp=4, targets=lambda w: w.start, negatives="shuffle")
    with pytest.raises(ValueError, match="a row for each of 4 peaks, got 3"):
        genome_data(store, PEAKS, length_bp=4, targets=np.zeros((3, 1)))
    with pytest.raises(
        ValueError, match=r"column 'signal' expects one of numbers \(score\), got no such column"
    ):
        genome_data(store, PEAKS, length_bp=4, targets="signal")
    with pytest.raises(ValueError, match=r"column 'name' expects .* got text"):
        genome_data(store, PEAKS, length_bp=4, targets="name")
    with pytest.raises(ValueError, match=r"got inf at \(1, 0\)"):
        genome_data(store, PEAKS, length_bp=4, targets=np.array([0, np.inf, 0, 0]))
    with pytest.raises(ValueError, match=r"ShuffledNegatives\.of expects ratio >= 1, got 0"):
        genome_data(store, PEAKS, length_bp=4, negatives="shuffle", ratio=0)
    with pytest.raises(ValueError, match="one length, got 4 to 5 bp"):
        GenomeCodes(store, Intervals("chr1", [0, 0], [4, 5]))
    with pytest.raises(ValueError, match="got no intervals"):
        GenomeCodes(store, PEAKS[:0])
    assert GenomeCodes(store, PEAKS[:1])[:0].shape == (0, 61)
    mixed = Intervals(["chrUn", "chr1"], [5, 5], [9, 9])
    assert len(genome_data(store, mixed[1:], length_bp=4)) == 1, "names that no row has do not matter"
