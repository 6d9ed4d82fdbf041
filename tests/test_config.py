from __future__ import annotations

import re
from pathlib import Path

import pytest

from genoml.config import TrainConfig, read_config
from genoml.objectives import BinaryClassification


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "settings.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_without_a_file_the_defaults_hold() -> None:
    assert read_config(None, {}) == TrainConfig()


def test_options_win_over_the_file_and_none_is_no_option(tmp_path: Path) -> None:
    path = written(tmp_path, 'epochs = 7\nseed = 3\nmodel_options = { filters = 4 }\nambiguous = "iupac"')
    config = read_config(path, {"epochs": 2, "seed": None})
    assert (config.epochs, config.seed, config.model_options, config.ambiguous) == (
        2,
        3,
        {"filters": 4},
        "iupac",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lerning_rate = 0.1", "unknown key lerning_rate; did you mean learning_rate?"),
        ("zzz = 1", "unknown key zzz; keys: model, model_options, epochs"),
        ("[training]\nepochs = 3", "unknown key training"),
        ('epochs = "3"', "epochs: Expected `int | null`, got `str`"),
        ("epochs = 3.5", "epochs: Expected `int | null`"),
        ("reverse_complement = 1", "reverse_complement: Expected `bool`, got `int`"),
        ("model_options = 3", "model_options: Expected `object`, got `int`"),
        ('validation_chromosomes = "chr1"', "validation_chromosomes: Expected `array`, got `str`"),
        ("validation_chromosomes = [1]", "validation_chromosomes[0]: Expected `str`, got `int`"),
        ('ambiguous = "maybe"', "ambiguous: Invalid enum value 'maybe'; choose zero, uniform, iupac, error"),
        ('class_weight = "yes"', "class_weight: Invalid enum value 'yes'; choose none, balanced"),
        ("epochs = 0", "epochs expects a number of at least 1, got 0"),
        ("batch_size = -1", "batch_size expects a number of at least 1, got -1"),
        ("patience = 0", "patience expects a number of at least 1, got 0"),
        ("seed = -1", "seed expects a number from 0 to"),
        ("seed = 99999999999999999999", "seed"),
        ("learning_rate = 0", "learning_rate expects a number above 0, got 0"),
        ("learning_rate = nan", "learning_rate expects a number above 0, got nan"),
        ("learning_rate = inf", "learning_rate expects a number above 0, got inf"),
        ("max_grad_norm = -1.0", "max_grad_norm expects a number above 0, got -1"),
        ("weight_decay = nan", "weight_decay expects a number of at least 0, got nan"),
        ("shift_bp = -1", "shift_bp expects a number of at least 0, got -1"),
        ("warmup = 1.0", "warmup expects a number from 0 to below 1, got 1.0"),
        ("average_decay = nan", "average_decay expects a number from 0 to below 1, got nan"),
        ("label_smoothing = -0.1", "label_smoothing expects a number from 0 to below 1, got -0.1"),
        ("validation_fraction = 0.0", "validation_fraction expects a number between 0 and 1, got 0.0"),
        ("a b", "not valid TOML"),
        (b"epochs = \xff", "not valid TOML"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_its_name_and_the_key(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        read_config(path, {})
    assert str(caught.value).startswith(f"{path}: ")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.toml: cannot be read \(No such file"):
        read_config(tmp_path / "none.toml", {})
    with pytest.raises(ValueError, match=r"cannot be read \(Is a directory"):
        read_config(tmp_path, {})


def test_what_depends_on_the_data_is_filled_in_where_it_was_left_open() -> None:
    config = TrainConfig().for_data(200)
    assert (config.shift_bp, config.epochs) == (10, 20)
    assert TrainConfig().for_data(200, shuffled=True).epochs == 40
    assert config.model_options == {"pool_size": 8}
    chosen = TrainConfig(shift_bp=0, model_options={"pool_size": 3}).for_data(200)
    assert (chosen.shift_bp, chosen.model_options) == (0, {"pool_size": 3})


def test_fit_options_carry_every_setting() -> None:
    config = TrainConfig(
        epochs=3, batch_size=10, learning_rate=0.5, weight_decay=0.2, max_grad_norm=2.0, label_smoothing=0.1,
        average_decay=0.9, patience=4, reverse_complement=False, shift_bp=6, ambiguous="iupac", seed=9,
        warmup=0.5, max_weight_norm=7.0, focal_gamma=2.0, threads=3,
    )  # fmt: skip
    options = config.fit_options(25, (1.0, 3.0))
    assert (options.epochs, options.batch_size, options.patience, options.seed) == (3, 10, 4, 9)
    assert (options.optimizer.learning_rate, options.optimizer.weight_decay) == (0.5, 0.2)
    assert (options.max_grad_norm, options.max_weight_norm, options.average_decay) == (2.0, 7.0, 0.9)
    assert (options.augmentation.reverse_complement, options.augmentation.shift_bp) == (False, 6)
    assert (options.ambiguous, options.threads) == ("iupac", 3)
    assert options.objective == BinaryClassification((1.0, 3.0), label_smoothing=0.1, focal_gamma=2.0)
    # 3 epochs of 3 batches: the rise ends at step 4
    assert options.schedule(4) == 1.0
    assert options.schedule(8) < options.schedule(5) < 1.0
