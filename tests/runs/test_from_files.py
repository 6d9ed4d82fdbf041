"""Training from files checks them: copies stay on one side, and what makes scores worthless is said and kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genoml.data import refuse_leaks
from genoml.runs import RunError, begin_run, load_run, read_record, reseal, train_files
from genoml.runs.config import TrainConfig
from genoml.runs.config_text import make_config
from genoml.runs.from_files import read_pair, split_validation
from genoml.sequence import decode, reverse_complement
from support.planted import planted_data, run_genoml

RNG = np.random.default_rng(1)
SMALL = {
    "model": "promoter_cnn",
    "model_options": {"filters": 4, "kernel_size": 8},
    "epochs": 1,
    "baseline": False,
}


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(
        'model = "promoter_cnn"\nmodel_options = { filters = 4, kernel_size = 8 }\nepochs = 1\nbaseline = false\n'
    )


def random_letters(count: int, length: int = 40) -> list[str]:
    return decode(RNG.integers(0, 4, (count, length), dtype=np.uint8))


def write(path: str, letters: Sequence[str], chromosome: str = "chr1") -> str:
    Path(path).write_text(
        "".join(f">{chromosome}:{i}-{i + len(s)}\n{s}\n" for i, s in enumerate(letters, start=1))
    )
    return path


def config(**changes: Any) -> TrainConfig:
    return make_config(SMALL | changes)


def three_times(letters: list[str]) -> list[str]:
    return [*letters, *letters, *map(reverse_complement, letters)]


def test_copies_and_reverse_complements_are_kept_on_one_side_of_the_split() -> None:
    pair = (
        write("pos.fa", three_times(random_letters(50))),
        write("neg.fa", three_times(random_letters(50))),
    )
    for seed in range(3):
        data, _ = read_pair(*pair, config(seed=seed))
        rest, held = split_validation(data, config(seed=seed))
        refuse_leaks(rest, held)
        assert (len(rest), len(held)) == (270, 30)
    run = train_files(*pair, "run", config())
    assert run.record.warnings == {}


def test_one_strand_counts_no_reverse_complement_as_a_copy() -> None:
    letters = random_letters(40)
    pair = write("pos.fa", [*letters, *map(reverse_complement, letters)]), write("neg.fa", random_letters(80))
    data, _ = read_pair(*pair, config(reverse_complement=False))
    rest, held = split_validation(data, config(reverse_complement=False))
    refuse_leaks(rest, held, both_strands=False)
    with pytest.raises(ValueError, match="expect no sequence in common"):
        refuse_leaks(rest, held)


def test_copies_on_held_out_chromosomes_are_named_and_kept_in_the_record(
    capsys: pytest.CaptureFixture[str],
) -> None:
    letters = random_letters(20)
    for name in ("pos.fa", "neg.fa"):
        own = random_letters(20)
        write(name, own)
        text = Path(name).read_text()
        write(name, own[:3] if name == "pos.fa" else letters[:5], "chr2")
        Path(name).write_text(text + Path(name).read_text())
    Path("chr.toml").write_text(Path("small.toml").read_text() + 'validation_chromosomes = ["chr2"]\n')
    line = (
        "3 of 8 validation sequences (chr2:1-41 is the first) are copies of training sequences; "
        "scores in validation are too high"
    )
    arguments = ["train", "pos.fa", "neg.fa", "--config", "chr.toml"]
    assert run_genoml(*arguments, "--out", "run") == 0
    assert f"warning: {line} [--no-checks copies]" in capsys.readouterr().err.splitlines()
    assert read_record("run").warnings == {"copies": line}
    assert run_genoml(*arguments, "--out", "json", "--json") == 0
    out, err = capsys.readouterr()
    assert json.loads(out.splitlines()[0])["warnings"] == {"copies": line}
    assert err == ""
    assert run_genoml(*arguments, "--out", "off", "--no-checks", "copies", "--no-checks", "gc") == 0
    assert "warning" not in capsys.readouterr().err
    record = read_record("off")
    assert record.warnings == {}
    assert record.training.no_checks == ["copies", "gc"]


def test_classes_of_one_sequence_each_are_split_nevertheless_and_the_copies_are_named() -> None:
    pair = write("pos.fa", random_letters(1) * 4), write("neg.fa", random_letters(1) * 4)
    assert "2 of 2 validation sequences" in train_files(*pair, "run", config()).record.warnings["copies"]


def test_the_same_sequence_in_both_classes_and_telling_lengths_are_said_by_training() -> None:
    letters = random_letters(30, 60)
    pair = write("pos.fa", letters), write("neg.fa", [*random_letters(29, 100), letters[0]])
    found = train_files(*pair, "run", config()).record.warnings
    assert found["classes"] == "2 of 60 sequences (chr1:1-61 is the first) stand in both classes"
    assert found["length"].startswith("positives are 60 bp, negatives 100 bp in the median: the length alone")
    found = train_files(*pair, "off", config(no_checks=["length", "classes"])).record.warnings
    assert "length" not in found


def test_a_run_from_arrays_is_checked_as_well() -> None:
    data = planted_data(30)
    run = begin_run("run", data, data.take(np.arange(10, 50)), config())
    assert run.record.warnings["copies"].startswith("40 of 40 validation sequences (example 0 is the first)")


def test_evaluation_says_how_many_sequences_were_trained_on(capsys: pytest.CaptureFixture[str]) -> None:
    positives, negatives = random_letters(20), random_letters(20)
    pair = write("pos.fa", positives), write("neg.fa", negatives)
    train_files(*pair, "run", config())
    write("new_pos.fa", [*random_letters(3), positives[4].lower()], "new")
    write("new_neg.fa", [*random_letters(3), reverse_complement(negatives[0])], "new")
    line = (
        "2 of 8 sequences (new:4-44 is the first) were in the data of the training; "
        "the scores say little about new sequences"
    )
    assert run_genoml("evaluate", "run", "new_pos.fa", "new_neg.fa") == 0
    assert capsys.readouterr().err == f"warning: {line} [--no-checks trained]\n"
    assert run_genoml("evaluate", "run", "new_pos.fa", "new_neg.fa", "--json") == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["warnings"] == {"trained": line}
    assert err == ""
    assert run_genoml("evaluate", "run", "new_pos.fa", "new_neg.fa", "--no-checks", "trained") == 0
    assert capsys.readouterr().err == ""
    run = load_run("run")
    assert run.evaluate(*pair)["warnings"]["trained"].startswith(
        "40 of 40 sequences (chr1:1-41 is the first)"
    )
    hashes = Path("run/sequences.safetensors")
    hashes.write_bytes(bytes([*(before := hashes.read_bytes())[:-1], before[-1] ^ 1]))
    with pytest.raises(RunError, match=r"sequences\.safetensors: has changed since the training; remove it"):
        run.evaluate(*pair)
    assert reseal("run").sequences == sha256(hashes.read_bytes()).hexdigest()
    assert load_run("run").evaluate(*pair)["warnings"].keys() == {"trained"}
    hashes.write_bytes(b"cut")
    with pytest.raises(RunError, match=r"sequences\.safetensors: damaged; remove it"):
        run.evaluate(*pair)
    hashes.unlink()
    assert run.evaluate(*pair)["warnings"] == {}


def test_evaluation_says_that_length_alone_tells_the_classes_apart() -> None:
    pair = write("pos.fa", random_letters(30)), write("neg.fa", random_letters(30))
    run = train_files(*pair, "run", config())
    found = run.evaluate(random_letters(20, 30), random_letters(20, 50))["warnings"]
    assert found == {
        "length": "positives are 30 bp, negatives 50 bp in the median: the length alone tells them apart (AUROC 1.0000)"
    }
