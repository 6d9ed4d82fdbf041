"""Runs from Python: trained, taken up again, evaluated, predicted with, reported on, saved and loaded."""

from __future__ import annotations

import json
import signal
import threading
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import genoml
from genoml.checkpoint import CheckpointError, host_weights
from genoml.data import Augmentation, SequenceData, split_random
from genoml.explain import saliency
from genoml.io.processes import signals_as_ctrl_c
from genoml.nn import Conv1D, Dense, Dropout, GlobalMaxPool1D, Layer, Sequential
from genoml.report import write_report
from genoml.runs import Run, RunError, open_run, read_log, resume_run, train_files
from genoml.runs.config_text import read_config
from genoml.runs.network import NetworkSettings
from genoml.sequence import base_codes, decode
from genoml.train import FitOptions, Trained, fit
from genoml.train.objectives import Regression
from genoml.train.predict import predict
from support.planted import SMALL_TOML, planted_data, run_genoml, write_fasta_pair


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(SMALL_TOML)
    write_fasta_pair(tmp_path, 30)
    return tmp_path


def train(out: str, **options: Any) -> Run:
    config = read_config(Path("small.toml"), {"epochs": 2})
    return train_files("pos.fa", "neg.fa", out, config, **options)


class StopAt:
    """Ctrl-C at a step."""

    def __init__(self, at: int) -> None:
        self.at = at

    def step(self, step: int, loss: float, examples: int) -> None:
        if step == self.at:
            raise KeyboardInterrupt

    def epoch(self, record: dict[str, float], improved: bool) -> None:
        pass


def same_weights(first: Layer, second: Layer) -> bool:
    expected, found = host_weights(first), host_weights(second)
    return expected.keys() == found.keys() and all(
        np.array_equal(expected[name], found[name]) for name in expected
    )


def network() -> Sequential:
    layers = {
        "conv": Conv1D(4, 6, 8),
        "drop": Dropout(0.3),
        "pool": GlobalMaxPool1D(),
        "dense": Dense(6, 1),
    }
    return Sequential(layers, seed=7)


# ------------------------------------------------------------ what the command has


def test_python_trains_the_same_run_as_the_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = train("python")
    assert capsys.readouterr() == ("", "")
    arguments = ["--config", "small.toml", "--epochs", "2", "--quiet"]
    assert run_genoml("train", "pos.fa", "neg.fa", "--out", "command", *arguments) == 0
    command = genoml.load_run("command")
    assert same_weights(run.model, command.model)
    assert run.settings == command.settings
    assert run.record.held_out == command.record.held_out
    assert (run.record.status, run.record.best_epoch) == ("finished", command.record.best_epoch)
    assert [line["loss"] for line in run.history()] == [line["loss"] for line in read_log("command")]


def test_python_takes_a_run_up_again_to_the_same_bits(folder: Path) -> None:
    unbroken = train("unbroken")
    stopped = train("stopped", callback=StopAt(5))
    assert stopped.record.status == "interrupted"
    assert open_run("stopped").record.status == "interrupted"
    resumed = resume_run("stopped")
    assert resumed.record.status == "finished"
    assert same_weights(unbroken.model, resumed.model)
    with pytest.raises(RunError, match="is finished"):
        resume_run("stopped")


def test_python_evaluates_and_predicts_as_the_command_does(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train("run")
    assert run_genoml("evaluate", "run", "pos.fa", "neg.fa", "--json", "--intervals") == 0
    assert run.evaluate("pos.fa", "neg.fa", intervals=True) == json.loads(capsys.readouterr().out)
    letters = [record.sequence for record in genoml.read_fasta("pos.fa")]
    scores = run.predict(letters)
    assert scores.shape == (30, 1)
    assert np.array_equal(scores, run.predict("pos.fa"))
    assert np.array_equal(scores, run.predict(run.read(Path("pos.fa"))))
    # alone or among longer ones, a sequence has one score
    assert run.predict([letters[3], "ACGT" * 30])[0] == pytest.approx(scores[3], abs=1e-6)


@pytest.mark.parametrize(
    ("sequences", "message"),
    [
        ("ACGTACGTNN", r"expects a list of sequences, or the name of a file, got 'ACGTACGTNN'"),
        ([], "sequences: expects at least one sequence, got none"),
        (["ACGT" * 9, ""], r"sequences, record 2 \(sequence_2\): has no sequence"),
        (["ACGTU" * 9], r"record 1 \(sequence_1\): has both T and U"),
        (["AC"], "2 bp is shorter than the model reads"),
    ],
)
def test_sequences_that_cannot_be_read_are_named(
    folder: Path, sequences: list[str] | str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        train("run").predict(sequences)


def test_python_writes_the_report_of_the_command(folder: Path) -> None:
    run = train("run")
    page = write_report(run, "page.html", "pos.fa", "neg.fa", top=1).read_text()
    assert run_genoml("report", "run", "pos.fa", "neg.fa", "--top", "1", "--out", "command.html") == 0
    words = "promoter_cnn tells 30 positives from 30 negatives"
    assert words in page
    assert words in Path("command.html").read_text()
    with pytest.raises(ValueError, match="expects positives and negatives, both or none"):
        write_report(run, "page.html", "pos.fa")
    with pytest.raises(ValueError, match="no sequence is named x"):
        write_report(run, "page.html", sequences="pos.fa", show=["x"])


def test_a_signal_is_caught_where_it_can_be(folder: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with signals_as_ctrl_c():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(train("run").record.status))
    thread.start()
    thread.join()
    assert found == ["finished"]


# ------------------------------------------------------------ networks made by hand


def test_a_network_made_by_hand_is_saved_and_loaded_whole(tmp_path: Path) -> None:
    rest, held = split_random(planted_data(40), 0.2, 0)
    model = network()
    history = fit(model, rest, validation=held, options=FitOptions(epochs=2, batch_size=16))
    saved = genoml.save_run(
        model, tmp_path / "run", length_bp=30, history=history, data={"source": "planted"}
    )
    loaded = genoml.load_run(tmp_path / "run")
    assert same_weights(model, loaded.model)
    assert loaded.record == saved.record
    assert loaded.history() == read_log(tmp_path / "run")
    assert loaded.record.best_epoch == history.best_epoch
    assert isinstance(loaded.settings, NetworkSettings)
    sequences = ["ACGTACGTTGACTCATACGTACGTACGTAC", "ACGTACGTTGACTCAT"]
    assert np.array_equal(saved.predict(sequences), loaded.predict(sequences))
    assert ((saved.predict(sequences) > 0) & (saved.predict(sequences) < 1)).all()
    # and training goes on with the same masks of dropout
    options = partial(FitOptions, epochs=1, batch_size=16)
    fit(model, rest, options=options())
    fit(loaded.model, rest, options=options())
    assert same_weights(model, loaded.model)


def test_the_commands_read_a_network_made_by_hand(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    genoml.save_run(network(), "run", length_bp=30)
    assert run_genoml("predict", "run", "pos.fa", "--out", "scores.tsv") == 0
    assert run_genoml("evaluate", "run", "pos.fa", "neg.fa", "--json") == 0
    assert run_genoml("report", "run", "pos.fa", "neg.fa", "--top", "1", "--out", "page.html") == 0
    assert len(Path("scores.tsv").read_text().splitlines()) == 31
    capsys.readouterr()
    assert run_genoml("train", "--resume", "run") == 2
    assert "was not made by genoml train" in capsys.readouterr().err


def test_a_run_moves_between_backends(tmp_path: Path) -> None:
    model = network()
    genoml.save_run(model, tmp_path / "run", length_bp=30)
    loaded = genoml.load_run(tmp_path / "run", "jax")
    assert loaded.model.backend.name == "jax"
    assert same_weights(model, loaded.model)


def test_a_model_of_numbers_predicts_them_and_is_not_evaluated_as_a_classifier(tmp_path: Path) -> None:
    saved = genoml.save_run(network(), tmp_path / "run", length_bp=30, objective=Regression())
    loaded = genoml.load_run(tmp_path / "run")
    assert loaded.objective == Regression()
    assert np.array_equal(saved.predict(["ACGT" * 8]), loaded.predict(["ACGT" * 8]))
    with pytest.raises(
        ValueError, match="evaluate expects a model of one label 0 or 1, got one of Regression"
    ):
        loaded.evaluate(["ACGT" * 8], ["TTTT" * 8])


class Own(Dense):
    """A class of one's own, which no description can name."""


def test_a_layer_of_ones_own_is_refused_or_must_be_at_hand(tmp_path: Path) -> None:
    def make() -> Sequential:
        return Sequential({"pool": GlobalMaxPool1D(), "own": Own(4, 1)}, seed=2)

    model = make()
    model["own"].params["bias"] = np.ones(1, np.float32)
    with pytest.raises(ValueError, match=r"layer own \(Own\) cannot be described.*standalone=False"):
        genoml.save_run(model, tmp_path / "run", length_bp=30)
    assert not (tmp_path / "run").exists()
    genoml.save_run(model, tmp_path / "run", length_bp=30, standalone=False)
    with pytest.raises(RunError, match=r"run\.json: its network cannot be described; load it with model="):
        genoml.load_run(tmp_path / "run")
    assert same_weights(genoml.load_run(tmp_path / "run", model=make()).model, model)
    with pytest.raises(CheckpointError, match="do not fit the model"):
        genoml.load_run(tmp_path / "run", model=network())
    with pytest.raises(ValueError, match="expects backend or model"):
        genoml.load_run(tmp_path / "run", "numpy", model=make())


def test_nothing_in_a_run_is_code(tmp_path: Path) -> None:
    genoml.save_run(network(), tmp_path / "run", length_bp=30)
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "log.jsonl",
        "run.json",
        "weights.safetensors",
    ]
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["network"]["layers"]["layers"]["conv"] == {
        "kind": "Conv1D",
        "options": {
            "in_channels": 4, "out_channels": 6, "kernel_size": 8, "stride": 1, "padding": "valid", "dilation": 1,
            "groups": 1, "bias": True, "activation": "relu", "seed": 7,
        },
    }  # fmt: skip


def test_what_exists_is_not_overwritten_by_a_saved_network(tmp_path: Path) -> None:
    genoml.save_run(network(), tmp_path / "run", length_bp=30)
    with pytest.raises(RunError, match="already exists; choose another folder"):
        genoml.save_run(network(), tmp_path / "run", length_bp=30)


def test_a_run_keeps_what_its_model_was_trained_for(tmp_path: Path) -> None:
    model = Sequential([Conv1D(4, 6, 8), GlobalMaxPool1D(), Dense(6, 1)])
    data = planted_data(30)
    named = SequenceData(data.codes, data.targets, target_names=("bound",))
    options = FitOptions(
        epochs=1,
        objective=Regression(),
        ambiguous="iupac",
        augmentation=Augmentation(reverse_complement=False),
    )
    fit(model, named, options=options)
    left = model.trained
    run = genoml.save_run(model, tmp_path / "run")
    loaded = genoml.load_run(tmp_path / "run")
    assert left == Trained(Regression(task_names=("bound",)), False, 30, "DNA", "iupac")
    assert left == run.model.trained == loaded.model.trained
    assert np.array_equal(loaded.predict(decode(data.codes)), predict(model, data.codes))
    assert np.array_equal(predict(loaded.model, data.codes), predict(model, data.codes))


def test_what_is_saved_otherwise_than_it_was_trained_is_said(tmp_path: Path) -> None:
    model = Sequential([Conv1D(4, 6, 8), GlobalMaxPool1D(), Dense(6, 1)])
    with pytest.raises(ValueError, match="save_run expects length_bp"):
        genoml.save_run(model, tmp_path / "none")
    fit(model, planted_data(10), options=FitOptions(epochs=1))
    with pytest.raises(ValueError, match="trained for BinaryClassification"):
        genoml.save_run(model, tmp_path / "none", objective=Regression())
    with pytest.warns(UserWarning, match="trained on both strands"):
        genoml.save_run(model, tmp_path / "one", reverse_complement=False)
    fit(model, planted_data(10), options=FitOptions(epochs=1))
    with pytest.warns(UserWarning, match="trained on 30 bp, and is read with length_bp = 200"):
        genoml.save_run(model, tmp_path / "long", length_bp=200)


def test_the_model_of_a_run_predicts_and_is_explained_as_the_run(folder: Path) -> None:
    (folder / "small.toml").write_text(SMALL_TOML + 'calibrate = "platt"\nreverse_complement = false\n')
    run = train("run")
    letters = run.read("pos.fa").letters
    for each in (run, genoml.load_run("run")):
        assert not each.model.trained.both_strands
        np.testing.assert_allclose(predict(each.model, letters), run.predict(letters), rtol=1e-6)
        one = saliency(each.model, letters[:2], both_strands=False)
        assert np.array_equal(saliency(each.model, letters[:2]).actual, one.actual)


@pytest.mark.parametrize(
    "form", [tuple, np.array, base_codes, lambda given: [each.encode() for each in given]]
)
def test_a_run_reads_sequences_of_any_form(folder: Path, form: Any) -> None:
    run = train("run")
    letters = run.read("pos.fa").letters
    assert np.array_equal(run.predict(form(letters)), run.predict(letters))


class Frame(dict[str, Any]):
    """A data frame, as pandas has it; a dict for brevity."""

    columns = property(list)

    def assign(self, **more: Any) -> Frame:
        return Frame({**self, **more})


def test_a_run_names_what_cannot_be_sequences_and_scores_a_column_of_a_data_frame(folder: Path) -> None:
    run = train("run")
    letters = run.read("pos.fa").letters
    frame = Frame(dna=letters)
    for given, kind in ((frame, "Frame"), ({"ACGT"}, "set"), ([1], "int"), (3, "int")):
        with pytest.raises(TypeError, match=f"got (a )?{kind}"):
            run.predict(given)  # type: ignore[arg-type]
    found = run.predict_frame(frame, sequence="dna")
    assert np.array_equal(found["score"], run.predict(letters)[:, 0])


def test_rna_is_read_on_one_strand_by_network_and_baseline_unless_told_otherwise(folder: Path) -> None:
    rng = np.random.default_rng(0)
    site = {"pos.fa": "UGUAAAUA", "neg.fa": "UAUUUACA"}  # reverse complements of each other
    for name, motif in site.items():
        letters = ["".join(rng.choice(list("ACGU"), 24)) for _ in range(150)]
        lines = [f">{i}\n{each[: 4 + i % 9]}{motif}{each[4 + i % 9 :]}\n" for i, each in enumerate(letters)]
        (folder / name).write_text("".join(lines))
    config = read_config(Path("small.toml"), {"epochs": 8})
    run = train_files("pos.fa", "neg.fa", "one", config)
    assert (run.record.alphabet, run.record.training.reverse_complement) == ("RNA", False)
    assert run.record.held_out.scores["auroc"] > 0.95
    assert run.record.held_out.baseline["auroc"] > 0.95
    assert genoml.load_run("one").model.trained == run.model.trained
    assert (run.model.trained.alphabet, run.model.trained.both_strands) == ("RNA", False)
    told = msgspec.structs.replace(config, reverse_complement=True)
    both = train_files("pos.fa", "neg.fa", "both", told).record
    assert max(both.held_out.scores["auroc"], both.held_out.baseline["auroc"]) < 0.8
