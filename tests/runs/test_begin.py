from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genoml.nn import Ensemble
from genoml.runs import RunError, load_run, resume_run, train_files
from genoml.runs.config import TrainConfig
from support.planted import run_genoml, write_fasta_pair

SMALL: dict[str, Any] = {
    "model": "promoter_cnn", "model_options": {"filters": 4, "kernel_size": 8}, "epochs": 2, "batch_size": 16,
    "threads": 1,
}  # fmt: skip


class StopAt:
    """Callback that stops a training at a step, as Ctrl-C does."""

    def __init__(self, at: int) -> None:
        self.at = at

    def step(self, step: int, loss: float, examples: int) -> None:
        if step == self.at:
            raise KeyboardInterrupt

    def epoch(self, record: dict[str, float], improved: bool) -> None:
        pass


@pytest.fixture
def pair(tmp_path: Path) -> tuple[str, str]:
    return write_fasta_pair(tmp_path)


def weights(run: Path) -> dict[str, np.ndarray]:
    model = load_run(run).model
    return {
        path: model.backend.to_numpy(value) for path, value in [*model.params.items(), *model.state.items()]
    }


def same(first: Path, second: Path) -> list[str]:
    a, b = weights(first), weights(second)
    return [path for path in a if np.array_equal(a[path], b[path])]


def test_members_are_one_run_whose_predictions_are_the_mean(tmp_path: Path, pair: tuple[str, str]) -> None:
    train_files(*pair, tmp_path / "run", TrainConfig(**SMALL, members=3))
    run = load_run(tmp_path / "run")
    assert isinstance(run.model, Ensemble)
    assert len(run.model) == 3
    outputs = run.outputs(pair[0])
    assert outputs.shape == (60, 1)
    assert run.record.training.title == "3 x promoter_cnn"
    assert run.evaluate(*pair, no_checks=["trained"])["auroc"] > 0.5


def test_a_run_with_members_weights_of_another_and_frozen_ones_resumes_bitwise(
    tmp_path: Path, pair: tuple[str, str]
) -> None:
    train_files(*pair, tmp_path / "first", TrainConfig(**SMALL, members=2))
    config = TrainConfig(
        **SMALL, members=2, init=str(tmp_path / "first"), freeze=["conv*"], learning_rates={"dense*": 0.1}
    )
    train_files(*pair, tmp_path / "whole", config)
    stopped = train_files(*pair, tmp_path / "stopped", config, callback=StopAt(9))
    assert stopped.record.status == "interrupted"
    resume_run(tmp_path / "stopped")
    assert len(same(tmp_path / "whole", tmp_path / "stopped")) == len(weights(tmp_path / "whole"))
    assert same(tmp_path / "whole", tmp_path / "first") == [
        f"{member}.conv.{name}" for member in range(2) for name in ("weights", "bias")
    ]


def test_a_run_that_was_killed_before_its_first_checkpoint_begins_with_the_same_weights(
    tmp_path: Path, pair: tuple[str, str]
) -> None:
    train_files(*pair, tmp_path / "first", TrainConfig(**SMALL))
    config = TrainConfig(**SMALL, init=str(tmp_path / "first"))
    train_files(*pair, tmp_path / "whole", config)
    for name in ("stopped", "other"):
        train_files(*pair, tmp_path / name, config, callback=StopAt(1))
        shutil.rmtree(tmp_path / name / "checkpoint")
    resume_run(tmp_path / "stopped")
    assert len(same(tmp_path / "whole", tmp_path / "stopped")) == len(weights(tmp_path / "whole"))
    shutil.rmtree(tmp_path / "first")
    train_files(*pair, tmp_path / "first", TrainConfig(**SMALL, seed=1))
    with pytest.raises(RunError, match=r"first: has other weights than .*other was begun with; train anew"):
        resume_run(tmp_path / "other")


def test_auto_is_recorded_with_its_baselines_and_takes_the_network_of_init(
    tmp_path: Path, pair: tuple[str, str]
) -> None:
    pair = write_fasta_pair(tmp_path, 120, 40)
    config = TrainConfig(epochs=1, threads=1, validation_fraction=0.2)
    record = train_files(*pair, tmp_path / "run", config).record
    assert record.training.model in ("motif_cnn", "promoter_cnn", "site_cnn")
    assert record.training.batch_size == 32
    assert {"6-mers", "base at each position"} <= record.baselines.keys()
    assert record.auto[0].startswith("auto: AUROC of baselines in validation")
    train_files(*pair, tmp_path / "small", TrainConfig(**SMALL))
    again = train_files(*pair, tmp_path / "again", TrainConfig(epochs=1, init=str(tmp_path / "small"))).record
    assert again.training.model == "promoter_cnn"
    assert again.training.model_options["filters"] == 4
    assert again.auto == [f"auto: promoter_cnn, the network of {tmp_path / 'small'}"]
    assert again.notes[-1] == f"begun with {tmp_path / 'small'}: 4 of 4 arrays taken"


def test_a_run_to_begin_with_that_does_not_fit_leaves_nothing(tmp_path: Path, pair: tuple[str, str]) -> None:
    train_files(*pair, tmp_path / "run", TrainConfig(**SMALL))
    config = TrainConfig(model="deepbind", epochs=1, init=str(tmp_path / "run"))
    with pytest.raises(ValueError, match=r"run: init: no array of it fits the model"):
        train_files(*pair, tmp_path / "other", config)
    with pytest.raises(RunError, match="no such run folder"):
        train_files(*pair, tmp_path / "other", TrainConfig(**SMALL, init=str(tmp_path / "none")))
    with pytest.raises(ValueError, match=r"freeze: 'scan\*' matches no parameter; there are conv.weights"):
        train_files(*pair, tmp_path / "other", TrainConfig(**SMALL, freeze=["scan*"]))
    assert not (tmp_path / "other").exists()


def test_the_command_takes_the_same_options(
    tmp_path: Path, pair: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    train_files(*pair, tmp_path / "first", TrainConfig(**SMALL))
    common = ["train", *pair, "--epochs", 1, "--init", tmp_path / "first"]
    code = run_genoml(
        *common, "--out", tmp_path / "run", "--freeze", "conv.weights", "--freeze", "conv.bias",
        "--learning-rates", "dense*=0.02",
    )  # fmt: skip
    said = capsys.readouterr().err
    assert code == 0
    assert f"begun with {tmp_path / 'first'}: 4 of 4 arrays taken" in said
    record = load_run(tmp_path / "run").record
    assert record.training.freeze == ["conv.weights", "conv.bias"]
    assert record.training.learning_rates == {"dense*": 0.02}
    assert record.frozen == ["conv.weights", "conv.bias"]
    assert record.rates == {"dense.weights": 0.02, "dense.bias": 0.02}
    assert "frozen, 2 of 4 arrays of parameters: conv.weights, conv.bias\n" in said
    assert "learning rate 0.02: dense.weights, dense.bias\n" in said
    assert same(tmp_path / "run", tmp_path / "first") == ["conv.weights", "conv.bias"]
    code = run_genoml(
        "train", *pair, "--model", "promoter_cnn", "--epochs", 1, "--freeze", "conv*", "--out", tmp_path / "a"
    )
    assert code == 0
    assert "conv.weights, conv.bias; these are random, as there is no init\n" in capsys.readouterr().err
    twice = ["--learning-rates", "dense*=0.1", "--learning-rates", "dense*=0.2"]
    assert run_genoml(*common, "--out", tmp_path / "bad", *twice) != 0
    assert "--learning-rates names 'dense*' twice; leave out one of them" in capsys.readouterr().err
    assert run_genoml(*common, "--out", tmp_path / "bad", "--learning-rates", "dense*=-1") != 0
    assert "a rate above 0, got 'dense*=-1'" in capsys.readouterr().err
    assert run_genoml(*common, "--out", tmp_path / "bad", "--learning-rates", "dense") != 0
    assert (
        "--learning-rates expects PATTERN=RATE such as 'dense*=0.02', a rate above 0, got 'dense'"
        in capsys.readouterr().err
    )
