from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml.io.errors import FormatError
from genoml.models import MODELS, option_struct
from genoml.runs.config import TrainConfig
from genoml.runs.config_text import (
    config_text,
    key_table,
    make_config,
    option_tables,
    options_text,
    read_config,
    toml_value,
)
from genoml.train.objectives import BinaryClassification
from support.configuration_page import PAGE, page_with_tables
from support.mutations import mutations, refusals


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "settings.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_without_a_file_the_defaults_hold() -> None:
    assert read_config(None, {}) == TrainConfig()


def test_every_key_and_every_option_of_every_model_is_described() -> None:
    assert key_table().count("\n") == len(TrainConfig.__struct_fields__) + 2
    rows = [row for row in (key_table() + option_tables()).splitlines() if row.startswith("| `")]
    assert len(rows) == len(TrainConfig.__struct_fields__) + sum(
        len(option_struct(name).__struct_fields__) for name in MODELS
    )
    assert all(row.split(" | ")[-1].strip("| ") for row in rows)


def test_the_documentation_lists_all_keys_and_options_as_they_are() -> None:
    text = PAGE.read_text()
    assert page_with_tables(text) == text
    assert key_table() in text
    assert option_tables() in text


def test_the_printed_defaults_read_back_as_the_defaults(tmp_path: Path) -> None:
    assert read_config(written(tmp_path, config_text(TrainConfig())), {}) == TrainConfig()
    assert (
        options_text("deepsea")
        == "\n".join(line for line in options_text("deepsea").splitlines() if line.startswith("#")) + "\n"
    )


rates = st.floats(0.0, 1.0, exclude_max=True)
configs = st.builds(
    TrainConfig,
    model=st.just("motif_cnn"),
    model_options=st.fixed_dictionaries(
        {}, optional={"filters": st.integers(1, 2**40), "dropout": st.tuples(rates, rates, rates).map(list)}
    ),
    epochs=st.none() | st.integers(1, 10**6),
    learning_rate=st.floats(0.0, 1e300, exclude_min=True),
    average_decay=rates,
    validation_chromosomes=st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=3),
    reverse_complement=st.booleans(),
    ambiguous=st.sampled_from(["zero", "uniform", "iupac", "error"]),
    seed=st.integers(0, 2**63 - 1),
)


@given(configs)
@settings(max_examples=50, deadline=None)
def test_every_configuration_is_the_same_after_it_was_written_and_read(config: TrainConfig) -> None:
    assert make_config(tomllib.loads(config_text(config))) == config


values = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(values)
@settings(max_examples=100, deadline=None)
def test_every_value_is_the_same_after_it_was_written_as_toml_and_read(value: object) -> None:
    assert tomllib.loads(f"key = {toml_value(value)}")["key"] == value


def test_the_line_of_what_is_not_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"line 2: not valid TOML \(Expected '='") as caught:
        read_config(written(tmp_path, "epochs = 3\nseed 3"), {})
    assert caught.value.line == 2


def test_a_key_of_the_command_line_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "model_options = { filters = 3, second_filters = 4 }")
    with pytest.raises(ValueError, match=r"^epochs: expects a whole number >= 1"):
        read_config(path, {"epochs": 0})
    # the file's options are those of the model that is chosen on the command line
    with pytest.raises(
        FormatError,
        match=r"settings\.toml, line 1: model_options\.second_filters: unknown key of model deepbind",
    ):
        read_config(path, {"model": "deepbind"})


def test_settings_made_in_python_are_checked_as_those_of_a_file() -> None:
    with pytest.raises(ValueError, match=r"^epochs: expects a whole number >= 1$"):
        TrainConfig(epochs=0)
    with pytest.raises(ValueError, match=r"^ambiguous: invalid value 'maybe', expects 'error' or 'iupac' or"):
        TrainConfig(ambiguous="maybe")  # type: ignore[arg-type]
    assert isinstance(TrainConfig(learning_rate=1).learning_rate, float)


def test_damaged_files_of_settings_are_refused_by_name_or_read(tmp_path: Path) -> None:
    sound = config_text(TrainConfig(model_options={"dropout": [0.1, 0.2, 0.3]})).encode()
    damaged = list(mutations(sound, 110, seed=0))
    assert refusals(lambda path: [read_config(path, {})], tmp_path, damaged) > 40


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 5000, "a" + ".a" * 1000 + "=1", "seed = " + "9" * 5000, "#" * (1 << 21)]
)
def test_files_made_to_exhaust_the_reader_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(FormatError, match=r"settings\.toml"):
        read_config(written(tmp_path, text), {})


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
        ("lerning_rate = 0.1", "lerning_rate: unknown key; did you mean learning_rate?"),
        ("zzz = 1", "zzz: unknown key; there are model, model_options, epochs"),
        ("[training]\nepochs = 3", "training: unknown key"),
        ('epochs = "3"', "epochs: expects a whole number, got text"),
        ("epochs = 3.5", "epochs: expects a whole number, got a number"),
        ("reverse_complement = 1", "reverse_complement: expects true or false, got a whole number"),
        ("model_options = 3", "model_options: expects a table, got a whole number"),
        ('validation_chromosomes = "chr1"', "validation_chromosomes: expects a list, got text"),
        ("validation_chromosomes = [1]", "validation_chromosomes[0]: expects text, got a whole number"),
        ('model = "cnn"', "model: unknown model 'cnn'; models: attention_cnn, basset"),
        (
            'ambiguous = "maybe"',
            "ambiguous: invalid value 'maybe', expects 'error' or 'iupac' or 'uniform' or 'zero'",
        ),
        ('class_weight = "yes"', "class_weight: invalid value 'yes', expects 'balanced' or 'none'"),
        ("epochs = 0", "epochs: expects a whole number >= 1"),
        ("batch_size = -1", "batch_size: expects a whole number >= 1"),
        ("patience = 0", "patience: expects a whole number >= 1"),
        ("seed = -1", "seed: expects a whole number >= 0"),
        ("seed = 99999999999999999999", "seed: expects a whole number <= 9223372036854775807"),
        ("learning_rate = 0", "learning_rate: expects a number > 0.0"),
        ("learning_rate = nan", "learning_rate: expects a number > 0.0"),
        ("learning_rate = inf", "learning_rate: expects a number that is finite"),
        ("max_grad_norm = -1.0", "max_grad_norm: expects a number > 0.0"),
        ("weight_decay = nan", "weight_decay: expects a number >= 0.0"),
        ("shift_bp = -1", "shift_bp: expects a whole number >= 0"),
        ("warmup = 1.0", "warmup: expects a number < 1.0"),
        ("average_decay = nan", "average_decay: expects a number >= 0.0"),
        ("label_smoothing = -0.1", "label_smoothing: expects a number >= 0.0"),
        ("validation_fraction = 0.0", "validation_fraction: expects a number > 0.0"),
        ("model_options = { filters = 0 }", "model_options.filters: expects a whole number >= 1"),
        ("model_options.dropout = [0, 1, 0]", "model_options.dropout[1]: expects a number < 1.0"),
        ("model_options.dropout = [0, 1]", "model_options.dropout: expects a list of length 3, got 2"),
        ('"a\\nb" = 1', "a\\nb: unknown key"),
        ("a b", "not valid TOML"),
        (b"epochs = \xff", "not valid TOML"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_its_name_and_the_key(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(FormatError, match=re.escape(message)) as caught:
        read_config(path, {})
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


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
