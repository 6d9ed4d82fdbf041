"""Imported runs: made of files of other tools, and read like those of a training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genoml.convert import ConvertError
from genoml.explain import saliency
from genoml.report import write_report
from genoml.runs import RunError, import_weights, load_run
from genoml.runs.evaluate import data_of_run, evaluate_data
from support.planted import run_genoml

SPECIMENS = Path(__file__).parents[1] / "convert" / "specimens"
PLAIN, SPLICE = SPECIMENS / "plain-3.keras", SPECIMENS / "splice.pb"
SEQUENCES = ["ACGT" * 10, "AACGTTGCAG" * 4, "GATTACA" * 5]


def known(file: Path) -> tuple[np.ndarray, np.ndarray]:
    arrays = np.load(f"{file}.npz")
    return arrays["x"], arrays["y"]


def letters_of(x: np.ndarray) -> list[str]:
    codes = np.where(x.sum(axis=2) == 0, 4, x.argmax(axis=2))
    return ["".join("ACGTN"[code] for code in row) for row in codes]


def test_predictions_are_the_outputs_of_the_original(tmp_path: Path) -> None:
    x, y = known(PLAIN)
    run = import_weights(PLAIN, tmp_path / "run", check=(x, y))
    np.testing.assert_allclose(run.predict(letters_of(x)), y, atol=1e-6)
    np.testing.assert_allclose(load_run(tmp_path / "run").predict(letters_of(x)), y, atol=1e-6)


def test_the_record_says_where_the_network_came_from(tmp_path: Path) -> None:
    x, y = known(PLAIN)
    import_weights(PLAIN, tmp_path / "run", licence="MIT", tasks=["a", "b", "c"], check=(x, y))
    record = load_run(tmp_path / "run").record
    assert record.source is not None
    assert record.source.files == ["plain-3.keras"]
    assert len(record.source.sha256[0]) == 64
    assert (record.source.licence, record.source.bases, record.source.last) == ("MIT", "ACGT", "softmax")
    assert record.source.fixed_length
    assert record.source.difference is not None
    assert record.source.difference < 1e-5
    assert (record.length_bp, record.task.kind, record.task.names) == (40, "classes", ["a", "b", "c"])


def test_a_sigmoid_becomes_the_objective_of_labels(tmp_path: Path) -> None:
    file = SPECIMENS / "recurrent-3.keras"
    run = import_weights(file, tmp_path / "run")
    x, y = known(file)
    np.testing.assert_allclose(run.predict(letters_of(x)), y, atol=1e-6)
    assert run.record.task.kind == "binary"
    scores = run.evaluate(SEQUENCES[:2], SEQUENCES[2:])
    assert scores["n_positives"] == 2


def test_chrombpnet_of_keras_predicts_reads_along_the_sequence(tmp_path: Path) -> None:
    file = SPECIMENS / "chrombpnet-2.h5"
    with pytest.raises(ConvertError, match=r"layer logcount_predictions .* holds code"):
        import_weights(file, tmp_path / "run")
    arrays = np.load(f"{file}.npz")
    profile, total = arrays["y0"], arrays["y1"]
    run = import_weights(
        file,
        tmp_path / "run",
        recipe="chrombpnet",
        check=(arrays["x"], np.concatenate([profile, total], axis=1)),
    )
    assert (run.record.task.kind, run.record.task.profile_bp) == ("profile", 20)
    shares = np.exp(profile) / np.exp(profile).sum(axis=1, keepdims=True)
    expected = np.expm1(total) * shares
    found = run.predict(letters_of(arrays["x"]))
    np.testing.assert_allclose(np.reshape(found, expected.shape), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("check", ["array", "letters"])
def test_bases_in_another_order_than_declared_are_found_by_the_check(check: str, tmp_path: Path) -> None:
    x, y = known(PLAIN)
    given: Any = x if check == "array" else letters_of(x)
    with pytest.raises(
        ValueError, match=r"--check: the outputs differ by up to .* in another order \(--bases\)"
    ):
        import_weights(PLAIN, tmp_path / "run", bases="AGCT", check=(given, y))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.zeros((5, 40)), np.zeros((5, 3)), r"--check: sequences have shape \(5, 40\)"),
        (np.zeros((5, 4, 40)), np.zeros((5, 3)), r"--check: sequences have shape \(5, 4, 40\)"),
        (
            np.zeros((5, 40, 4)),
            np.zeros((5, 4)),
            r"the outputs have shape \(5, 4\), and the network gives \(5, 3\)",
        ),
        (np.zeros((5, 40, 4)), np.full((5, 3), np.nan), "the outputs differ by up to nan"),
    ],
)
def test_arrays_that_are_not_those_of_the_original_are_refused(
    x: np.ndarray, y: np.ndarray, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        import_weights(PLAIN, tmp_path / "run", check=(x, y))


def test_outputs_with_positions_are_those_of_the_original(tmp_path: Path) -> None:
    x, y = known(SPLICE)
    run = import_weights(SPLICE, tmp_path / "run", length_bp=40, check=(x, y))
    np.testing.assert_allclose(run.outputs(letters_of(x)).transpose(0, 2, 1), y, atol=1e-6)
    with pytest.raises(ValueError, match="expects sequences of one length"):
        run.outputs(["ACGT" * 10, "ACGT" * 11])


def test_a_last_function_is_kept_where_outputs_have_positions(tmp_path: Path) -> None:
    run = import_weights(SPLICE, tmp_path / "run", length_bp=40, outputs=[softmax()])
    np.testing.assert_allclose(run.outputs(SEQUENCES[:2]).sum(axis=1), 1.0, atol=1e-6)


def softmax() -> str:
    """Name of one network's softmax in the frozen graph."""
    from genoml.io import read_weights

    return next(node.name for node in read_weights(SPLICE).topology or () if node.operation == "Softmax")


def test_several_files_are_averaged(tmp_path: Path) -> None:
    file = SPECIMENS / "recurrent-3.keras"
    both = import_weights([file, SPECIMENS / "recurrent-2.h5"], tmp_path / "both")
    each = [
        import_weights(f, tmp_path / f.stem).predict(SEQUENCES) for f in (file, SPECIMENS / "recurrent-2.h5")
    ]
    np.testing.assert_allclose(both.predict(SEQUENCES), np.mean(each, axis=0), atol=1e-6)
    with pytest.raises(ConvertError, match="expects networks that read one length and have the same outputs"):
        import_weights([file, SPLICE], tmp_path / "other", length_bp=40)


def test_longer_sequences_than_the_network_reads_are_refused_by_name(tmp_path: Path) -> None:
    run = import_weights(PLAIN, tmp_path / "run")
    with pytest.raises(
        ValueError, match=r"41 bp is longer than the 40 bp that this network of plain-3.keras"
    ):
        run.predict(["A" * 41])


def test_a_run_is_evaluated_on_a_table(tmp_path: Path) -> None:
    run = import_weights(PLAIN, tmp_path / "run", tasks=["a", "b", "c"])
    table = tmp_path / "t.tsv"
    rows = [f"{letters}\t{'abc'[i % 3]}" for i, letters in enumerate(letters_of(known(PLAIN)[0]))]
    table.write_text("\n".join(["seq\tlabel", *rows]) + "\n")
    data = data_of_run(run, {"table": str(table), "sequence": ["seq"], "classes": "label"})
    result = evaluate_data(run, data)
    assert result["task"] == "classes"
    assert np.sum(result["confusion"]) == 5


def test_a_report_and_attributions_are_made(tmp_path: Path) -> None:
    run = import_weights(PLAIN, tmp_path / "run", licence="MIT", tasks=["a", "b", "c"])
    page = write_report(run, out=tmp_path / "report.html")
    assert "plain-3.keras" in Path(page).read_text()
    assert saliency(run.model, SEQUENCES[:2], task=1).actual.shape == (2, 40)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tasks": ["a"]}, "--tasks names 1, and the network has 3 outputs"),
        ({"bases": "ACG"}, "--bases expects A, C, G and T in the file's order"),
        ({"length_bp": 50}, "reads 40 bp, --length says 50"),
        ({"recipe": "basset"}, "the arrays are not those of basset: 0.weight is missing, expected .* more"),
        ({"topology": PLAIN}, "no JSON of a Keras model"),
    ],
)
def test_options_that_do_not_fit_are_refused_and_nothing_is_written(
    options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        import_weights(PLAIN, tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_a_folder_that_exists_is_left_alone(tmp_path: Path) -> None:
    import_weights(PLAIN, tmp_path / "run")
    with pytest.raises(RunError):
        import_weights(PLAIN, tmp_path / "run")


def test_attributions_variants_and_saturation_read_an_imported_run(tmp_path: Path) -> None:
    run = import_weights(PLAIN, tmp_path / "run", tasks=["a", "b", "c"]).path
    genome = "".join(np.random.default_rng(4).choice(list("ACGT"), 300))
    (tmp_path / "g.fa").write_text(f">chr1\n{genome}\n")
    (tmp_path / "r.bed").write_text("chr1\t100\t103\n")
    other = "A" if genome[149] != "A" else "C"
    head = "##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    (tmp_path / "c.vcf").write_text(f"{head}chr1\t150\t.\t{genome[149]}\t{other}\t.\t.\t.\n")
    at = ["--genome", tmp_path / "g.fa", "--regions", tmp_path / "r.bed", "--explain", "b"]
    assert run_genoml("attribute", run, *at, "--out", tmp_path / "a.npz", "--references", 2) == 0
    assert (
        run_genoml("variants", run, tmp_path / "c.vcf", tmp_path / "g.fa", "--out", tmp_path / "v.tsv") == 0
    )
    files = [tmp_path / "g.fa", tmp_path / "r.bed"]
    assert run_genoml("saturate", run, *files, "--out", tmp_path / "s.tsv") == 0
    header, row = (line.split("\t") for line in (tmp_path / "v.tsv").read_text().splitlines())
    found = dict(zip(header, row, strict=True))
    window = genome[129:169]
    expected = load_run(run).predict([window, window[:20] + other + window[21:]])
    assert found["status"] == "ok"
    np.testing.assert_allclose(
        [float(found["reference_b"]), float(found["alternative_b"])], expected[:, 1], atol=1e-5
    )
    assert len((tmp_path / "s.tsv").read_text().splitlines()) == 10
