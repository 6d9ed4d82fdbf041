"""The command attribute: its files, along a genome too, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genoml.explain import (
    call_seqlets,
    deeplift,
    in_silico_mutagenesis,
    integrated_gradients,
    saliency,
)
from genoml.io import FormatError, read_fasta
from genoml.io.bigwig import BigWig
from genoml.nn import Conv1D, Dense, GlobalMaxPool1D, Sequential
from genoml.runs import load_run, save_run
from genoml.runs.attribute import Attributions, attribute
from genoml.sequence import base_codes
from support.planted import run_genoml


def arrays_of(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as file:
        return dict(file)


def test_the_file_holds_contributions_that_sum_to_the_change(trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.npz"
    assert run_genoml("attribute", trained / "run", trained / "pos.fa", "--references", 3, "--out", out) == 0
    found, records = arrays_of(out), list(read_fasta(trained / "pos.fa"))
    model, codes = load_run(trained / "run").model, base_codes([record.sequence for record in records])
    expected = deeplift(model, codes, n_references=3)
    assert list(found["names"]) == [record.id for record in records]
    assert np.array_equal(found["codes"], codes)
    assert np.array_equal(found["hypothetical"], expected.hypothetical)
    assert np.array_equal(found["actual"], expected.actual)
    assert (str(found["method"]), int(found["references"]), int(found["seed"])) == ("deeplift", 3, 0)
    assert float(found["error"]) < 1e-4
    assert str(found["genoml"])


@pytest.mark.parametrize("method", ["saliency", "mutagenesis"])
def test_other_methods(method: str, trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.npz"
    assert run_genoml("attribute", trained / "run", trained / "pos.fa", "--method", method, "--out", out) == 0
    found, model = arrays_of(out), load_run(trained / "run").model
    codes = found["codes"]
    if method == "saliency":
        assert np.array_equal(found["actual"], saliency(model, codes).actual)
    else:
        changes = in_silico_mutagenesis(model, codes)
        own = changes - changes.mean(axis=2, keepdims=True)
        np.testing.assert_allclose(found["hypothetical"], own, atol=1e-6)
        picked = np.take_along_axis(own, codes[:, :, None].astype(int), axis=2)[:, :, 0]
        np.testing.assert_allclose(found["actual"], picked, atol=1e-6)


def test_integrated_gradients_sum_as_far_as_they_say(trained: Path, tmp_path: Path) -> None:
    arguments = ["--method", "integrated_gradients", "--references", 2, "--steps", 9]
    with pytest.warns(UserWarning, match="take more steps"):
        run_genoml(
            "attribute", trained / "run", trained / "pos.fa", *arguments, "--out", tmp_path / "out.npz"
        )
    found = Attributions.load(tmp_path / "out.npz")
    with pytest.warns(UserWarning, match="take more steps"):
        expected = integrated_gradients(load_run(trained / "run").model, found.codes, n_references=2, steps=9)
    assert np.array_equal(found.actual, expected.actual)
    assert (found.method, found.references) == ("integrated_gradients", 2)
    assert found.error == expected.error.max() > 0


def test_a_control_is_shuffled_sequences_by_the_same_method(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genoml.runs.attribute._CONTROL_SEQUENCES", 20)
    run = load_run(trained / "run")
    records = list(read_fasta(trained / "pos.fa"))
    letters, names = [record.sequence for record in records], [record.id for record in records]
    letters[0] = letters[0][:10] + "NNN" + letters[0][13:]
    alone = attribute(run, letters, names, method="saliency")
    found = attribute(run, letters, names, method="saliency", control=3)
    codes, control = found.codes, found.control_codes
    assert alone.control_codes is None
    assert np.array_equal(alone.actual, found.actual)
    assert control is not None
    assert control.shape == (60, codes.shape[1])
    assert np.array_equal(found.control_actual, saliency(run.model, control).actual)
    # three shuffles each of 20 of the sequences: the same bases in another order, N where it was
    kinds = {tuple(np.bincount(row, minlength=6)) for row in codes}
    assert {tuple(np.bincount(row, minlength=6)) for row in control} <= kinds
    assert len(np.unique(control, axis=0)) == 60
    assert np.array_equal(attribute(run, letters, names, method="saliency", control=3).control_codes, control)
    seqlets = call_seqlets(found.actual, control=found.control_actual, fdr=0.5)
    assert len(seqlets) > 0
    assert seqlets.fdr is not None
    assert seqlets.fdr <= 0.5


def test_what_is_written_is_read_back(trained: Path, tmp_path: Path) -> None:
    arguments = ["--references", 2, "--control", 1, "--out", tmp_path / "out.npz"]
    assert run_genoml("attribute", trained / "run", trained / "pos.fa", *arguments) == 0
    found, arrays = Attributions.load(tmp_path / "out.npz"), arrays_of(tmp_path / "out.npz")
    assert set(vars(found)) == set(arrays) - {"genoml"}
    for name, array in arrays.items():
        if name != "genoml":
            assert np.array_equal(getattr(found, name), array)
    assert [type(value) for value in (found.names, found.error, found.method)] == [list, float, str]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"codes": None}, "holds no array codes, but names, hypothetical, actual"),
        ({"codes": np.zeros((2, 8))}, "codes expects uint8, got float64"),
        ({"hypothetical": np.zeros((2, 4, 8))}, r"hypothetical expects the shape \(2, 8, 4\) beside actual"),
        ({"control_actual": np.zeros((3, 8))}, r"control_codes expects the shape \(3, 8\) .* got None"),
        ({"actual": np.full((2, 8), np.inf)}, r"actual is inf at \[0, 0\]"),
        ({"actual": np.zeros((2, 8), np.int8)}, "actual expects floats, got int8"),
        ({"codes": np.full((2, 8), 16, np.uint8)}, r"codes is 16 at \[0, 0\]"),
        (None, "is no NPZ file of contributions"),
    ],
)
def test_other_files_are_refused(change: dict[str, Any] | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    arrays = {"names": np.array(["a", "b"]), "codes": np.zeros((2, 8), np.uint8),
              "hypothetical": np.zeros((2, 8, 4)), "actual": np.zeros((2, 8))}  # fmt: skip
    if change is None:
        path.write_bytes(b"text")
    else:
        np.savez(path, **{name: array for name, array in (arrays | change).items() if array is not None})
    with pytest.raises(FormatError, match=message):
        Attributions.load(path)


def test_modisco_reads_channels_first(trained: Path, tmp_path: Path) -> None:
    arguments = ["--out", tmp_path / "out.npz", "--references", 2, "--modisco", tmp_path / "peaks"]
    assert run_genoml("attribute", trained / "run", trained / "pos.fa", *arguments) == 0
    found = arrays_of(tmp_path / "out.npz")
    x = arrays_of(tmp_path / "peaks.onehot.npz")["arr_0"]
    scores = arrays_of(tmp_path / "peaks.attributions.npz")["arr_0"]
    assert x.shape == scores.shape == (len(found["codes"]), 4, found["codes"].shape[1])
    assert np.array_equal(x.argmax(axis=1), found["codes"])
    assert np.array_equal(scores.transpose(0, 2, 1), found["hypothetical"].astype(np.float32))


def test_contributions_along_a_genome_are_those_of_the_windows(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    genome = "".join(rng.choice(list("ACGT"), 400))
    (tmp_path / "g.fa").write_text(f">chr1\n{genome}\n")
    (tmp_path / "r.bed").write_text("chr1\t100\t120\ta\t0\t+\nchr1\t200\t220\tb\t0\t-\n")
    model = Sequential([Conv1D(4, 3, 8), GlobalMaxPool1D(), Dense(3, 1)], seed=2)
    run = save_run(model, tmp_path / "run", length_bp=40).path
    out, track = tmp_path / "o.npz", tmp_path / "o.bw"
    options = [
        "--genome",
        tmp_path / "g.fa",
        "--regions",
        tmp_path / "r.bed",
        "--out",
        out,
        "--bigwig",
        track,
    ]
    assert run_genoml("attribute", run, *options, "--references", 2) == 0
    found = arrays_of(out)
    assert list(found["names"]) == ["chr1:90-130(+)", "chr1:190-230(-)"]
    with BigWig(track) as values:
        plus, minus = values.values("chr1", 90, 130), values.values("chr1", 190, 230)
    np.testing.assert_allclose(plus, found["actual"][0], rtol=1e-6)
    np.testing.assert_allclose(minus, found["actual"][1, ::-1], rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("run pos.fa --out x.txt", "expects a file name that ends in .npz"),
        ("run --out x.npz", "expects SEQUENCES, or --genome and --regions; got neither"),
        ("run pos.fa --genome g.fa --out x.npz", "got both"),
        ("run pos.fa --bigwig o.bw --out x.npz", "have a meaning with --genome only"),
        ("run --genome g.fa --out x.npz", "--genome expects --regions"),
        ("run pos.fa --explain other --out x.npz", "no output is named 'other'"),
        ("run pos.fa --method shap --out x.npz", "'shap' is not one of"),
    ],
)
def test_what_is_refused(
    arguments: str,
    message: str,
    trained: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(trained)
    assert run_genoml("attribute", *arguments.split()) == 2
    assert message in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore:integrated_gradients")  # of few steps
@pytest.mark.parametrize(
    ("method", "count"), [("deeplift", 3), ("integrated_gradients", 2), ("saliency", 2), ("mutagenesis", 9)]
)
def test_files_of_shards_are_read_as_the_whole_bit_for_bit(
    method: str, count: int, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genoml.runs.attribute.BLOCK", 12)
    letters = [record.sequence for record in read_fasta(trained / "pos.fa")]
    letters[30] = "N" + letters[30][1:]  # of which mutagenesis computes all four bases
    content = "".join(f">s{number}\n{each}\n" for number, each in enumerate(letters))
    (tmp_path / "in.fa").write_text(content)
    how = "--method", method, "--references", 3, "--steps", 4, "--seed", 1, "--control", 1
    given = "attribute", trained / "run", tmp_path / "in.fa", *how
    assert run_genoml(*given, "--out", tmp_path / "whole.npz") == 0
    parts = [tmp_path / f"part-{number}.npz" for number in range(1, count + 1)]
    for number, part in enumerate(parts, 1):
        assert run_genoml(*given, "--out", part, "--shard", f"{number}/{count}") == 0
    assert 0 < len(arrays_of(parts[0])["names"]) < 60
    whole, joined = Attributions.load(tmp_path / "whole.npz"), Attributions.load(*parts)
    for name, value in vars(whole).items():
        assert np.array_equal(getattr(joined, name), value), name


def test_sums_that_miss_are_told_once_by_the_number_of_the_worst_sequence(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genoml.runs.attribute.BLOCK", 12)
    run = load_run(trained / "run")
    named = run.read(trained / "pos.fa")
    whole = integrated_gradients(run.model, named.codes(30), steps=1, n_references=2, block=(0, 60))
    with pytest.warns(
        UserWarning, match=f"sequence {np.argmax(whole.error)} miss the change .*more steps"
    ) as caught:
        attribute(run, named.letters, named.ids, method="integrated_gradients", steps=1, references=2)
    assert len(caught) == 1


def test_files_that_do_not_go_together_are_refused(trained: Path, tmp_path: Path, capfd) -> None:
    given = "attribute", trained / "run", trained / "pos.fa"
    for name, *options in (
        ("a", "--method", "saliency"),
        ("b", "--references", 2),
        ("c", "--method", "saliency", "--control", 1),
    ):
        assert run_genoml(*given, *options, "--out", tmp_path / f"{name}.npz") == 0
    with pytest.raises(
        FormatError, match=r"b.npz: has another method than .*a.npz; join files of the same run"
    ):
        Attributions.load(tmp_path / "a.npz", tmp_path / "b.npz")
    with pytest.raises(FormatError, match=r"c.npz: has another control_codes"):
        Attributions.load(tmp_path / "a.npz", tmp_path / "c.npz")
    shard = "--out", tmp_path / "d.npz", "--shard", "1/2"
    assert run_genoml(*given, *shard, "--modisco", "peaks") == 2
    assert "--bigwig and --modisco are of all sequences" in capfd.readouterr().err
    assert run_genoml(*given[:2], "-", *shard) == 2
    assert "-: with --shard expects a file" in capfd.readouterr().err
