"""Bad input gets one line that says what, where and what to do, exit code 2, and leaves nothing behind."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from genoml.checkpoint.files import seal_json, unseal_json
from genoml.train import NotFiniteError
from support.planted import GENOML, SMALL_TOML, run_genoml, write_fasta_pair

GOOD = ">{}\nACGTACGTACGTACGTACGTACGTACGTAC\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(SMALL_TOML)
    write_fasta_pair(tmp_path, 20)
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line; nothing in the current folder may have changed."""
    before = sorted(str(path) for path in Path.cwd().rglob("*"))
    assert run_genoml(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("genoml: error: ")
    assert err.count("\n") == 1, err
    assert sorted(str(path) for path in Path.cwd().rglob("*")) == before
    return err.removeprefix("genoml: error: ").strip()


BAD_FILES: list[tuple[str, bytes | None, str]] = [
    ("missing.fa", None, "missing.fa: no such file; check the path"),
    ("empty.fa", b"", "empty.fa, line 1: the file is empty"),
    ("blank.fa", b"\n\n", "blank.fa, line 1: the file is empty"),
    ("raw.fa", b"ACGT\n", "raw.fa, line 1: text before the first '>'"),
    ("none.fa", b">a\nACGT\n>b\n>c\nACGT\n", "none.fa, line 3, record b: the record has no sequence"),
    (
        "letter.fa",
        b">a\nACGT\nAC!T\n",
        "letter.fa, line 3, record a: '!' is not a nucleotide letter (column 3)",
    ),
    ("gap.fa", b">a\nAC-T\n", "gap.fa, line 2, record a: gap '-'"),
    (
        "mixed.fa",
        GOOD.format("a").encode() + b">b\nACGUACGTACGT\n",
        "mixed.fa, record 2 (b): has both T and U",
    ),
    ("short.fa", GOOD.format("a").encode() + b">b c\nACGT\n", "short.fa, record 2 (b): 4 bp is shorter"),
    ("bad.fq", b"@a\nACG\n+\nII\n", "bad.fq, line 4, record a"),
    ("cut.fq", b"@a\nACG\n+\n", "cut.fq, line"),
    ("trimmed.fq", b"@a\n\n+\n\n", "trimmed.fq, record 1 (a): has no sequence"),
    (
        "cut.fa.gz",
        gzip.compress(GOOD.format("a").encode() * 9)[:-7],
        "cut.fa.gz, line 19: the gzip stream ends too early",
    ),
    ("x.fa.bz2", b"BZh91AY", "compressed with bzip2"),
]


@pytest.mark.parametrize(("name", "content", "message"), BAD_FILES, ids=[row[0] for row in BAD_FILES])
def test_files_that_cannot_be_read(
    folder: Path,
    trained: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: bytes | None,
    message: str,
) -> None:
    if content is not None:
        (folder / name).write_bytes(content)
    train, run = ("--out", "run", "--config", "small.toml"), trained / "run"
    for arguments in (
        ("train", name, "neg.fa", *train),
        ("train", "pos.fa", name, *train),
        ("evaluate", run, "pos.fa", name),
        ("predict", run, name, "--out", "out.tsv"),
    ):
        assert message in refused(capsys, *arguments)


def test_a_class_of_one_sequence(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "one.fa").write_text(GOOD.format("a"))
    for pair in (("one.fa", "neg.fa"), ("pos.fa", "one.fa"), ("one.fa", "shuffle")):
        found = refused(capsys, "train", *pair, "--out", "run", "--config", "small.toml")
        assert found == "one.fa: training needs at least 2 sequences of each class, got 1; add some"


def test_ambiguous_letters_where_they_are_errors(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "n.fa").write_text(GOOD.format("a") + ">b\nACGTNACGTNACGT\n>c\nACGTNACGTNACGT\n")
    (folder / "strict.toml").write_text(SMALL_TOML + 'ambiguous = "error"')
    found = refused(capsys, "train", "pos.fa", "n.fa", "--out", "run", "--config", "strict.toml")
    assert found.startswith("n.fa, record 2 (b): ambiguous letter 'N', and 2 record(s) in all have one; ")
    assert (
        run_genoml("train", "pos.fa", "neg.fa", "--out", "run", "--epochs", 1, "--config", "strict.toml") == 0
    )
    capsys.readouterr()
    assert "n.fa, record 2 (b)" in refused(capsys, "predict", "run", "n.fa", "--out", "out.tsv")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (("--epochs", 0), "'--epochs': 0 is not in the range x>=1; see genoml train --help"),
        (("--epochs", -3), "'--epochs': -3 is not in the range"),
        (("--epochs", "two"), "'--epochs': 'two' is not a valid integer"),
        (("--batch-size", 0), "'--batch-size': 0 is not in the range"),
        (("--seed", -1), "'--seed': -1 is not in the range"),
        (("--epoch", 3), "No such option '--epoch'"),
        (("--model", "cnn"), "unknown model 'cnn'; models: attention_cnn, basset, "),
        (("--backend", "abacus"), "unknown backend 'abacus'; installed backends: cupy, jax, numpy, torch"),
        (("--config", "none.toml"), "none.toml: cannot be read (No such file or directory)"),
        (("--config", "."), ".: cannot be read (Is a directory)"),
        (("--config", "pos.fa"), "pos.fa, line 1: not valid TOML"),
    ],
)
def test_options_that_cannot_be(
    folder: Path, capsys: pytest.CaptureFixture[str], option: tuple[object, ...], message: str
) -> None:
    assert message in refused(capsys, "train", "pos.fa", "neg.fa", "--out", "run", *option)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("lerning_rate = 1", "bad.toml, line 1: lerning_rate: unknown key; did you mean learning_rate?"),
        ('epochs = "3"', "bad.toml, line 1: epochs: expects a whole number, got text"),
        (
            "model_options = { filters = 0 }",
            "model_options.filters: expects a whole number >= 1",
        ),
        ('validation_chromosomes = ["chr9"]', "no sequence is on chr9; there are chr1, chr2, chr3, chr4"),
        ('validation_chromosomes = ["chr1", "chr2", "chr3", "chr4"]', "leaves nothing on one side"),
        ("shift_bp = 30", "shift_bp = 30 moves sequences of 30 bp out of view"),
        (
            "model_options = { kernel_size = 31 }\nmodel = 'promoter_cnn'",
            "30 bp is shorter than the model reads",
        ),
    ],
)
def test_settings_that_cannot_be(
    folder: Path, capsys: pytest.CaptureFixture[str], setting: str, message: str
) -> None:
    (folder / "bad.toml").write_text(setting)
    assert message in refused(capsys, "train", "pos.fa", "neg.fa", "--out", "run", "--config", "bad.toml")


def test_arguments_that_are_missing_or_wrong(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(capsys, "trian") == "No such command 'trian'; did you mean train? See genoml --help"
    assert "Missing argument 'NEGATIVES'" in refused(capsys, "train", "pos.fa", "--out", "run")
    assert "Missing option '--out'" in refused(capsys, "train", "pos.fa", "neg.fa")
    assert "only one of POSITIVES and NEGATIVES" in refused(capsys, "train", "-", "-", "--out", "run")


def test_chromosomes_asked_for_without_coordinates_or_without_both_classes(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "chr.toml").write_text(SMALL_TOML + 'validation_chromosomes = ["chr1"]')
    (folder / "plain.fa").write_text(GOOD.format("a") + GOOD.format("b"))
    (folder / "other.fa").write_text(GOOD.format("chr2:1-2") + GOOD.format("chr3:1-2"))
    train = ("--out", "run", "--config", "chr.toml")
    assert "needs headers of the form >chr8:100-300" in refused(capsys, "train", "plain.fa", "neg.fa", *train)
    assert "one class only on the validation" in refused(capsys, "train", "pos.fa", "other.fa", *train)


def test_the_gpu_backend_without_a_gpu(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from genoml.backend import BackendError

    def no_gpu(name: str | None = None) -> None:
        raise BackendError(f"backend {name!r} needs a CUDA GPU; use --backend numpy")

    monkeypatch.setattr("genoml.cli.options.get_backend", no_gpu)
    found = refused(capsys, "train", "pos.fa", "neg.fa", "--out", "run", "--backend", "cupy")
    assert found == "backend 'cupy' needs a CUDA GPU; use --backend numpy; see genoml backends"


def test_a_backend_from_the_environment_is_named_as_such(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENOML_BACKEND", "abacus")
    found = refused(capsys, "train", "pos.fa", "neg.fa", "--out", "run")
    assert found.startswith("GENOML_BACKEND: unknown backend 'abacus'")


def test_places_that_cannot_be_written(
    folder: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "full").mkdir()
    (folder / "full" / "file").write_text("x")
    train = ("train", "pos.fa", "neg.fa", "--config", "small.toml", "--epochs", 1, "--out")
    assert refused(capsys, *train, "full") == "full: already exists; choose another folder, or remove it"
    assert "already exists" in refused(capsys, *train, "pos.fa")
    assert "pos.fa/run: cannot be written (Not a directory)" in refused(capsys, *train, "pos.fa/run")
    # no one can make a folder there, not root either
    assert "/proc/none: cannot be written" in refused(capsys, *train, "/proc/none")
    predict = ("predict", trained / "run", "pos.fa", "--out")
    for out in ("none/out.tsv", "full", "pos.fa/out.tsv"):
        assert refused(capsys, *predict, out).startswith(
            f"{out}: expects a file name in a folder that exists"
        )
    assert refused(capsys, *predict, "/proc/none").startswith("/proc/none: cannot be written")


def test_damaged_run_folders(folder: Path, trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(name: str, content: bytes | None) -> str:
        run = folder / "run"
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(trained / "run", run)
        (run / name).unlink()
        if content is not None:
            (run / name).write_bytes(content)
        found = refused(capsys, "evaluate", "run", "pos.fa", "neg.fa")
        assert found == refused(capsys, "predict", "run", "pos.fa", "--out", "out.tsv")
        return found

    weights = (trained / "run" / "weights.safetensors").read_bytes()
    record = json.loads(unseal_json((trained / "run" / "run.json").read_bytes()) or b"")
    assert broken("run.json", None) == "run: not a run folder, it has no run.json"
    assert "run/run.json: damaged or of another version" in broken("run.json", b'{"format": 1, ')
    record["config"]["model_options"]["filters"] = 9
    assert "run/weights.safetensors: weights do not fit the model; conv." in broken(
        "run.json", seal_json(json.dumps(record).encode())
    )
    assert "run/weights.safetensors: no such file" in broken("weights.safetensors", None)
    assert "not a readable weights file" in broken("weights.safetensors", weights[:100])
    assert "not a readable weights file" in broken("weights.safetensors", b">a\nACGT\n")
    assert "checksum" in broken("weights.safetensors", weights[:-1] + bytes([weights[-1] ^ 1]))
    for name in ("none", "pos.fa"):
        assert f"{name}: no such run folder" in refused(capsys, "evaluate", name, "pos.fa", "neg.fa")


def test_a_training_that_diverges_keeps_a_usable_run(folder: Path) -> None:
    (folder / "wild.toml").write_text(
        "learning_rate = 1e30\nmodel_options = { filters = 4, second_filters = 4 }"
    )
    command = [*GENOML, "train", "pos.fa", "neg.fa", "--out", "run", "--config", "wild.toml"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    # what is trained, what became of it, and the error: no warning, no traceback
    first, end, last = done.stderr.splitlines()
    assert end.startswith("diverged after ")
    assert first.startswith("36 sequences of 30 bp to train on")
    assert last.startswith("genoml: error: the loss is not finite at step ")
    assert "layer" in last
    assert "smaller learning rate" in last
    assert json.loads((folder / "run" / "run.json").read_text())["status"] == "diverged"
    with warnings.catch_warnings(action="ignore"):
        assert run_genoml("evaluate", "run", "pos.fa", "neg.fa") == 0


def test_protein_is_refused_even_if_all_its_letters_could_be_bases(
    folder: Path, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "protein.fa").write_text(">p\nMKVTGGAGGSHVDRMGHVVDNMKVTGGAGG\n")
    assert run_genoml("predict", trained / "run", "protein.fa", "--out", "-") == 2
    assert capsys.readouterr().err == (
        "genoml: error: protein.fa, record 1 (p): 16 of 30 letters stand for two or three bases, as in protein; "
        "expects DNA or RNA\n"
    )


def limited(*arguments: str, limit: int) -> subprocess.CompletedProcess[str]:
    """The command where no file can grow beyond ``limit`` bytes, which fails as a full disk does."""

    code = (
        f"import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); "
        "from genoml.cli import main; main(sys.argv[1:])"
    )
    return subprocess.run(
        [sys.executable, "-B", "-c", code, *arguments], capture_output=True, text=True, timeout=60
    )


def test_a_full_disk_leaves_nothing_of_what_has_nothing_to_show(folder: Path, trained: Path) -> None:
    before = sorted(folder.rglob("*"))
    train = limited("train", "pos.fa", "neg.fa", "--out", "run", "--config", "small.toml", limit=300)
    assert train.returncode == 2
    assert train.stderr == (
        "genoml: error: run/config.toml: cannot be written (File too large); "
        "check space and permissions, or choose another folder\n"
    )
    predict = limited("predict", str(trained / "run"), "pos.fa", "--out", "out.tsv", limit=300)
    assert predict.returncode == 2
    assert predict.stderr == "genoml: error: out.tsv: cannot be written (File too large)\n"
    assert sorted(folder.rglob("*")) == before


def test_a_disk_that_fills_later_leaves_the_best_epoch_so_far(folder: Path) -> None:
    # weights and record stay below the limit, the log and the checkpoint's list of epochs grow beyond it
    done = limited(
        "train", "pos.fa", "neg.fa", "--out", "run", "--config", "small.toml", "--epochs", "200", limit=12_000
    )
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert re.match(
        r"genoml: error: run/(log|checkpoint/manifest-\d+)\.jsonl?: cannot be written \(File", last
    )
    assert "Traceback" not in done.stderr
    with warnings.catch_warnings(action="ignore"):
        assert run_genoml("evaluate", "run", "pos.fa", "neg.fa") == 0
    assert json.loads((folder / "run" / "run.json").read_text())["best_epoch"] is not None


def test_out_of_memory_is_one_line_and_leaves_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: object, **__: object) -> None:
        raise MemoryError("Unable to allocate 9 TiB")

    monkeypatch.setattr("genoml.train.Steps.run", exhausted)
    assert run_genoml("train", "pos.fa", "neg.fa", "--out", "run", "--config", "small.toml") == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("genoml: error: out of memory (Unable to allocate 9 TiB); choose")
    assert not (folder / "run").exists()


@pytest.mark.parametrize(
    "bug", [KeyError("x"), AttributeError("x"), TypeError("x"), RuntimeError("x"), IndexError()]
)
def test_a_fault_of_ours_shows_its_traceback(
    folder: Path, monkeypatch: pytest.MonkeyPatch, bug: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise bug

    monkeypatch.setattr("genoml.runs.train_run.fit", fail)
    from genoml.cli import main

    with pytest.raises(type(bug)):
        main(["train", "pos.fa", "neg.fa", "--out", "run", "--config", "small.toml"])
    assert not (folder / "run").exists()


def test_the_error_of_a_loss_names_step_and_layer() -> None:
    error = NotFiniteError(3, "layer 0.conv (Conv1D)")
    assert (error.step, error.layer) == (3, "layer 0.conv (Conv1D)")
    assert "step 3, first seen in layer 0.conv (Conv1D)" in str(error)


def test_bed_in_the_place_of_sequences_names_what_to_do(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "peaks.bed").write_text("chr1\t10\t200\tpeak\n")
    message = refused(capsys, "train", "peaks.bed", "shuffle", "--out", "run")
    assert message.startswith(
        "peaks.bed, line 1: expects FASTA, but this looks like BED; genoml fetch GENOME.fa"
    )
