from __future__ import annotations

import gzip
import io
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from weakref import ref

import numpy as np
import pytest

from genoml.cli import predict as predict_command
from genoml.cli.predict import _table
from genoml.data import NamedSequences, SequenceData
from genoml.io import read_fasta
from genoml.nn import Conv1D, Dense, GlobalMaxPool1D, Sequential
from genoml.runs import load_run, save_run
from genoml.runs.score import trained_of
from genoml.sequence import base_codes, decode, reverse_complement
from genoml.train import FitOptions, MultiClassification, Regression, fit
from genoml.train.predict import predict
from support.planted import GENOML, run_genoml, sharded


def scores_of(run: Path, records: list[tuple[str, str]], folder: Path) -> list[float]:
    (folder / "in.fa").write_text("".join(f">{name}\n{sequence}\n" for name, sequence in records))
    assert run_genoml("predict", run, folder / "in.fa", "--out", folder / "out.tsv") == 0
    header, *rows = (folder / "out.tsv").read_text().splitlines()
    assert header == "name\tscore"
    assert [row.split("\t")[0] for row in rows] == [name for name, _ in records]
    return [float(row.split("\t")[1]) for row in rows]


def test_the_table_has_a_row_a_sequence_in_the_files_order(trained: Path, tmp_path: Path) -> None:
    records = list(read_fasta(trained / "pos.fa"))
    found = scores_of(trained / "run", [(record.name, record.sequence) for record in records], tmp_path)
    model = load_run(trained / "run").model
    expected = predict(model, base_codes([record.sequence for record in records]))[:, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.filterwarnings("ignore:.*sequences have up to")
def test_a_score_does_not_depend_on_what_else_is_in_the_file(trained: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    records = [
        (f"s{i}", "".join(rng.choice(list("ACGT"), length)))
        for i, length in enumerate([30, 31, 8, 29, 9, 30, 200, 31, 47, 1000])
    ]
    together = scores_of(trained / "run", records, tmp_path)
    alone = [scores_of(trained / "run", [record], tmp_path)[0] for record in records]
    assert together == pytest.approx(alone, abs=2e-6)
    assert len(set(together)) == len(records)


def test_a_sequence_of_any_length_scores_as_its_reverse_complement(trained: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    records = [("a", "".join(rng.choice(list("ACGTN"), length))) for length in range(8, 60)]
    turned = [(name, reverse_complement(sequence)) for name, sequence in records]
    assert scores_of(trained / "run", records, tmp_path) == scores_of(trained / "run", turned, tmp_path)


def test_the_motif_raises_the_score(trained: Path, tmp_path: Path) -> None:
    without, with_motif = scores_of(
        trained / "run", [("without", "ACACACACAC" * 3), ("with", "ACACACACACATGACTCATACACACACACA")], tmp_path
    )
    assert with_motif > without


def test_names_are_the_first_words_of_headers(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "in.fa").write_text(">a b\tc\nACGTACGTACGT\n>a b\tc\nACGTACGTACGT\n>é\nACGTACGTACGT\n")
    assert run_genoml("predict", trained / "run", tmp_path / "in.fa", "--out", tmp_path / "out.tsv") == 0
    rows = [row.split("\t") for row in (tmp_path / "out.tsv").read_text(encoding="utf-8").splitlines()]
    assert [len(row) for row in rows] == [2, 2, 2, 2]
    assert [row[0] for row in rows] == ["name", "a", "a", "é"]


@pytest.mark.parametrize(
    "command",
    [
        "predict run in.fa", "kmers in.fa -k 2 --per-sequence", "kmers in.fa -k 2 --per-sequence --sparse",
        "orfs in.fa --min-length 12 --format tsv", "orfs in.fa --min-length 12 --format gff3",
        "align in.fa in.fa --format tsv", "scan in.fa --motifs m.meme --p-value 1", "shuffle in.fa", "translate in.fa",
        "revcomp in.fa",
    ],
)  # fmt: skip
def test_the_first_word_of_a_header_is_the_name_for_every_command(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in.fa").write_text(">s1\tsecond third\nATGACGTACGTTTAA\n")
    Path("m.meme").write_text(
        "MEME version 4\n\nALPHABET= ACGT\n\nMOTIF m\n"
        "letter-probability matrix: alength= 4 w= 2 nsites= 9 E= 0\n0.7 0.1 0.1 0.1\n0.1 0.7 0.1 0.1\n"
    )
    assert run_genoml(*command.replace("run", str(trained / "run")).split(), "--out", "out") == 0
    rows = [line for line in Path("out").read_text().splitlines() if "s1" in line]
    assert rows
    for row in rows:
        first, *others = re.split(r"[\t ]", row.removeprefix(">"))
        assert first in ("s1", "s1_shuffle1", "##sequence-region")  # of GFF3
        assert row.startswith(">") or not {"second", "third"} & set(others)


def test_gzip_fastq_standard_input_and_output_give_the_same_table(trained: Path, tmp_path: Path) -> None:
    content = (trained / "pos.fa").read_bytes()
    (tmp_path / "in.fa.gz").write_bytes(gzip.compress(content))
    records = list(read_fasta(trained / "pos.fa"))
    (tmp_path / "in.fq").write_text(
        "".join(f"@{r.name}\n{r.sequence}\n+\n{'#' * len(r.sequence)}\n" for r in records)
    )
    tables = []
    for name in ("in.fa.gz", "in.fq"):
        assert run_genoml("predict", trained / "run", tmp_path / name, "--out", tmp_path / "out.tsv") == 0
        tables.append((tmp_path / "out.tsv").read_bytes())
    done = subprocess.run(
        [*GENOML, "predict", str(trained / "run"), "-", "--out", "-"],
        input=content,
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0
    assert tables[0] == tables[1] == done.stdout


def test_an_earlier_table_is_replaced_and_a_gz_name_is_compressed(trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.tsv"
    out.write_text("old")
    assert run_genoml("predict", trained / "run", trained / "pos.fa", "--out", out) == 0
    assert run_genoml("predict", trained / "run", trained / "pos.fa", "--out", tmp_path / "out.tsv.gz") == 0
    assert gzip.decompress((tmp_path / "out.tsv.gz").read_bytes()) == out.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.tsv", "out.tsv.gz"]


def test_a_reader_that_stops_early_is_no_error(trained: Path) -> None:
    command = f"{' '.join(GENOML)} predict {trained / 'run'} {trained / 'pos.fa'} --out - | true"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr
    assert "rror" not in done.stderr


def test_scores_have_as_many_digits_as_tell_float32_values_apart() -> None:
    near = np.nextafter(np.float32(1), np.float32(0), dtype=np.float32)
    scores = np.array([near, 1.0, 0.1234567, 0.12345671, 1e-12], np.float32)
    _, *rows = _table(list("abcde"), {"score": scores}).decode().splitlines()
    assert np.array_equal(np.array([row.split("\t")[1] for row in rows], np.float32), scores)


def test_where_probabilities_saturate_a_column_of_logits_ranks_the_sequences(tmp_path: Path) -> None:
    model = Sequential([Conv1D(4, 2, 3), GlobalMaxPool1D(), Dense(2, 1)])
    model.params["2.weights"] = 200 * np.abs(model.params["2.weights"])
    run = save_run(model, tmp_path / "run", length_bp=30)
    letters = decode(np.random.default_rng(0).integers(0, 4, (50, 30), dtype=np.uint8))
    (tmp_path / "in.fa").write_text("".join(f">{i}\n{each}\n" for i, each in enumerate(letters)))
    assert run_genoml("predict", tmp_path / "run", tmp_path / "in.fa", "--out", tmp_path / "out.tsv") == 0
    header, *rows = (tmp_path / "out.tsv").read_text().splitlines()
    assert header == "name\tscore\tlogit"
    scores, logits = np.array([row.split("\t")[1:] for row in rows], np.float32).T
    outputs = run.outputs(letters)[:, 0]
    assert np.array_equal(logits, outputs)
    assert len(np.unique(scores)) < len(np.unique(outputs)) == len(np.unique(logits))


def test_the_columns_of_several_tasks_have_their_names(tmp_path: Path) -> None:
    model = Sequential([Conv1D(4, 2, 3), GlobalMaxPool1D(), Dense(2, 2)])
    fit(
        model,
        SequenceData(["ACGT", "TTTT"], np.eye(2, dtype=np.float32), target_names=("acceptor", "donor")),
        options=FitOptions(epochs=1, objective=MultiClassification()),
    )
    save_run(model, tmp_path / "run")
    (tmp_path / "in.fa").write_text(">a\nACGT\n")
    assert run_genoml("predict", tmp_path / "run", tmp_path / "in.fa", "--out", tmp_path / "out.tsv") == 0
    assert (tmp_path / "out.tsv").read_text().startswith("name\tscore_acceptor\tscore_donor\n")


def test_scores_go_to_standard_output_unless_a_file_is_named(
    trained: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_genoml("predict", trained / "run", trained / "pos.fa") == 0
    out, err = capfd.readouterr()
    assert out.splitlines()[0] == "name\tscore"
    assert len(out.splitlines()) == 61
    assert err == "60 sequences scored; standard output\n"


@pytest.mark.parametrize("count", [1, 2, 5])
def test_shards_of_a_prediction_make_up_the_whole_byte_for_byte(
    count: int, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("genoml.cli.predict.BLOCK", "genoml.runs.score.BLOCK"):
        monkeypatch.setattr(place, 16)
    rng, whole = np.random.default_rng(0), tmp_path / "whole.tsv"
    records = [f">s{i}\n{''.join(rng.choice(list('ACGT'), rng.integers(25, 35)))}\n" for i in range(40)]
    (tmp_path / "in.fa").write_text("".join(records))
    given = "predict", trained / "run", tmp_path / "in.fa"
    assert run_genoml(*given, "--out", whole) == 0
    assert sharded(tmp_path, count, *given) == whole.read_bytes()
    assert run_genoml(*given, "--out", whole, "--logits") == 0
    assert whole.read_text().startswith("name\tscore\tlogit\n")
    assert sharded(tmp_path, count, *given, "--logits") == whole.read_bytes()


def test_shards_of_a_table_make_up_the_whole(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genoml.cli.predict.BLOCK", 2)
    letters = decode(np.random.default_rng(0).integers(0, 4, (5, 30), dtype=np.uint8))
    (tmp_path / "in.tsv").write_text("sequence\n" + "".join(f"{each}\n" for each in letters))
    given = "predict", trained / "run", "--table", tmp_path / "in.tsv"
    assert run_genoml(*given, "--out", tmp_path / "whole.tsv") == 0
    whole = (tmp_path / "whole.tsv").read_bytes()
    assert [line.split(b"\t")[0] for line in whole.splitlines()] == [b"name", b"1", b"2", b"3", b"4", b"5"]
    assert sharded(tmp_path, 2, *given) == whole


def test_a_shard_whose_scores_saturate_says_how_to_tell_them_apart(tmp_path: Path, capfd) -> None:
    model = Sequential([Conv1D(4, 2, 3), GlobalMaxPool1D(), Dense(2, 1)])
    model.params["2.weights"] = 200 * np.abs(model.params["2.weights"])
    save_run(model, tmp_path / "run", length_bp=30)
    letters = decode(np.random.default_rng(0).integers(0, 4, (50, 30), dtype=np.uint8))
    (tmp_path / "in.fa").write_text("".join(f">{i}\n{each}\n" for i, each in enumerate(letters)))
    found = sharded(tmp_path, 2, "predict", tmp_path / "run", tmp_path / "in.fa")
    assert found.startswith(b"name\tscore\n")
    assert "their logits tell them apart: --logits, for every shard" in capfd.readouterr().err


@pytest.mark.parametrize("shard", ["0/3", "4/3", "1", "a/b", "1/0"])
def test_a_shard_is_one_of_so_many(shard: str, trained: Path, tmp_path: Path, capfd) -> None:
    given = "predict", trained / "run", trained / "pos.fa", "--out", tmp_path / "out.tsv"
    assert run_genoml(*given, "--shard", shard) == 2
    assert f"expects I/N with I from 1 to N, such as 3/16, got {shard}" in capfd.readouterr().err


def test_a_shard_of_what_cannot_be_shared_out_is_refused(trained: Path, tmp_path: Path, capfd) -> None:
    given = "predict", trained / "run", "--out", tmp_path / "out.tsv", "--shard", "1/2"
    assert run_genoml(*given, "-") == 2
    assert "-: with --shard expects a file" in capfd.readouterr().err
    assert run_genoml(*given, "--h5ad", "regions.h5ad") == 2
    assert "--shard expects SEQUENCES, --table or --genome: parts of an .h5ad" in capfd.readouterr().err
    assert run_genoml(*given[:2], "--logits", "--genome", "genome.fa") == 2
    assert "--logits expects SEQUENCES or --table" in capfd.readouterr().err


def test_logits_of_what_has_none_are_refused(tmp_path: Path, capfd) -> None:
    model = Sequential([Conv1D(4, 2, 3), GlobalMaxPool1D(), Dense(2, 1)])
    save_run(model, tmp_path / "run", length_bp=30, objective=Regression())
    (tmp_path / "in.fa").write_text(">a\nACGTACGTACGT\n")
    assert run_genoml("predict", tmp_path / "run", tmp_path / "in.fa", "--logits") == 2
    assert "--logits: the scores of" in capfd.readouterr().err


@pytest.mark.parametrize("given", ["in.fa", "in.fa --shard 1/3", "-", "--table in.tsv"])
def test_a_bad_record_of_a_later_block_is_named_by_its_place_in_the_file_and_nothing_is_written(
    given: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd
) -> None:
    monkeypatch.setattr("genoml.cli.predict.BLOCK", 4)
    monkeypatch.chdir(tmp_path)
    letters = ["ACGTACGTAC" if number != 6 else "ACGTACGUAC" for number in range(12)]
    content = "".join(f">s{number}\n{each}\n" for number, each in enumerate(letters))
    Path("in.fa").write_text(content)
    Path("in.tsv").write_text("sequence\n" + "\n".join(letters))
    Path("out.tsv").write_text("older")
    for out in ("-", "out.tsv"):
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(content.encode())))
        assert run_genoml("predict", trained / "run", *given.split(), "--out", out) == 2
        found = capfd.readouterr()
        place = "in.tsv, line 8" if "--table" in given else "record 7 (s6): has both T and U"
        assert place in found.err
        assert found.out == ""
    assert Path("out.tsv").read_text() == "older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.fa", "in.tsv", "out.tsv"]


def test_ambiguous_records_of_all_blocks_are_counted(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd
) -> None:
    monkeypatch.setattr("genoml.cli.predict.BLOCK", 2)
    monkeypatch.setattr(
        "genoml.runs.score.trained_of", lambda record: replace(trained_of(record), ambiguous="error")
    )
    letters = ["ACGTACGTAC", "ACGTACGTAC", "ACGTACGTAC", "ACGTNCGTAC", "ACGTACGTAC", "ACGTNCGTAC"]
    (tmp_path / "in.fa").write_text("".join(f">s{number}\n{each}\n" for number, each in enumerate(letters)))
    for source in (tmp_path / "in.fa", "-"):
        monkeypatch.setattr(
            "sys.stdin", SimpleNamespace(buffer=io.BytesIO((tmp_path / "in.fa").read_bytes()))
        )
        assert run_genoml("predict", trained / "run", source) == 2
        found = capfd.readouterr()
        assert "record 4 (s3): ambiguous letter 'N', and 2 record(s) in all have one" in found.err
        assert found.out == ""


def test_a_prediction_holds_a_block_of_the_file_at_a_time(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genoml.cli.predict.BLOCK", 4)
    blocks = list[ref[NamedSequences]]()

    def watched(run: Any, with_logits: bool | None, block: NamedSequences) -> Any:
        blocks.append(ref(block))
        assert sum(each() is not None for each in blocks) <= 2
        return scored(run, with_logits, block)

    scored = predict_command._scored
    monkeypatch.setattr(predict_command, "_scored", watched)
    assert run_genoml("predict", trained / "run", trained / "pos.fa", "--out", tmp_path / "out.tsv") == 0
    assert len((tmp_path / "out.tsv").read_text().splitlines()) == 61


def test_a_shard_of_a_pipe_is_refused(trained: Path, tmp_path: Path, capfd) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert run_genoml("predict", trained / "run", tmp_path / "pipe", "--shard", "1/2") == 2
    assert "with --shard expects a file, which all shards read, got a pipe" in capfd.readouterr().err
