"""``genoml config``, and the settings that a run folder keeps."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from genoml.runs import read_record
from genoml.runs.config import TrainConfig
from genoml.runs.config_text import read_config
from support.planted import run_genoml, write_fasta_pair


def test_the_printed_settings_are_the_defaults_and_name_every_option(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_genoml("config") == 0
    path = tmp_path / "settings.toml"
    path.write_text(capsys.readouterr().out)
    assert read_config(path, {}) == TrainConfig()
    assert run_genoml("config", "--model", "deepbind") == 0
    text = capsys.readouterr().out
    assert 'model = "deepbind"' in text
    assert '#   pooling = "max"  (one of "max", "max_and_mean")' in text


def test_a_file_is_checked_and_printed_with_what_it_leaves_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("seed = 7\n[model_options]\ndropout = [0, 0.1, 0.2]\n")
    assert run_genoml("config", path) == 0
    shown = tomllib.loads(capsys.readouterr().out)
    assert (shown["seed"], shown["learning_rate"]) == (7, 0.01)
    assert "batch_size" not in shown  # depends on the data
    assert shown["model_options"] == {"dropout": [0, 0.1, 0.2]}
    path.write_text("\n[model_options]\nfilter = 7\n")
    assert run_genoml("config", path) == 2
    assert capsys.readouterr().err == (
        f"genoml: error: {path}, line 3: model_options.filter: unknown key of model motif_cnn; did you mean "
        "filters?\n"
    )


@pytest.mark.parametrize("negatives", ["neg.fa", "shuffle"])
def test_the_settings_that_a_run_keeps_repeat_it_to_the_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, negatives: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_fasta_pair(tmp_path, 20, 60)
    Path("small.toml").write_text(
        "model_options = { filters = 4, second_filters = 4, dropout = [0.1, 0.2, 0.3] }\n"
        'batch_size = 8\naverage_decay = 0.9\nclass_weight = "balanced"'
    )
    first = ["train", "pos.fa", negatives, "--out", "first", "--config", "small.toml", "--quiet"]
    assert run_genoml(*first, "--epochs", 2, "--seed", 3) == 0
    again = ["train", "pos.fa", negatives, "--out", "again", "--config", "first/config.toml", "--quiet"]
    monkeypatch.setenv("GENOML_THREADS", "3")  # another number of threads would give other bits
    assert run_genoml(*again) == 0
    for name in ("weights.safetensors", "config.toml"):
        assert Path("first", name).read_bytes() == Path("again", name).read_bytes()
    config = read_record("first").config
    assert read_config(Path("first/config.toml"), {}) == config
    # what was left open is filled in
    assert (config.epochs, config.seed, config.shift_bp) == (2, 3, 3)
    assert config.model_options["pool_size"] == 2
    assert config.threads is not None
