from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml.config import make_config
from genoml.io import FormatError
from genoml.search import Choice, Integer, LogInteger, LogUniform, Range, Uniform, make_ranges, read_ranges
from genoml.typed import SettingError
from support.mutations import mutations, refusals

SOUND = """
model = { choice = ["motif_cnn", "promoter_cnn"] }
epochs = 9
learning_rate = { log_uniform = [1e-4, 1e-1] }
warmup = { uniform = [0.0, 0.5] }
batch_size = { choice = [32, 64] }
[model_options]
filters = { log_integer = [8, 128] }
kernel_size = { integer = [7, 19] }
"""


TWO_MODELS = 'model = { choice = ["motif_cnn", "promoter_cnn"] }\n'


def generator(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize(
    "own",
    [Uniform(0.001, 0.0012), LogUniform(1e-5, 1e-1), Integer(3, 7), LogInteger(1, 1000), LogInteger(5, 6)],
)
def test_a_range_gives_values_within_its_bounds_and_all_over_it(own: Range) -> None:
    drawn = [own.draw(generator(seed)) for seed in range(300)]
    low, high = own.low, own.high  # type: ignore[attr-defined]
    assert all(low <= value <= high for value in drawn)
    whole = isinstance(low, int)
    assert all(type(value) is (int if whole else float) for value in drawn)
    if whole and high - low < 10:
        assert set(drawn) == set(range(low, high + 1))


@given(
    st.floats(1e-12, 1e12).flatmap(lambda low: st.tuples(st.just(low), st.floats(low * 1.0001, low * 1e6))),
    st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None)
def test_a_number_that_is_made_short_stays_within_its_range(bounds: tuple[float, float], seed: int) -> None:
    for kind in (Uniform, LogUniform):
        assert bounds[0] <= kind(*bounds).draw(generator(seed)) <= bounds[1]


def test_logarithmic_ranges_give_as_many_values_in_each_decade() -> None:
    for own in (LogUniform(1e-4, 1.0), LogInteger(1, 9999)):
        drawn = np.log10([own.draw(generator(seed)) for seed in range(2000)])
        counts, _ = np.histogram(drawn - drawn.min(), bins=4)
        # 500 expected in each; 4 standard deviations
        assert np.all(np.abs(counts - 500) < 4 * math.sqrt(375))


def test_a_choice_gives_each_of_its_values() -> None:
    own = Choice(("a", [1, 2], True))
    drawn = [own.draw(generator(seed)) for seed in range(60)]
    assert all(value in drawn for value in own.values)


def test_what_a_trial_draws_depends_on_seed_trial_and_key_alone(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(SOUND)
    found = read_ranges(tmp_path / "r.toml")
    fewer = make_ranges({"learning_rate": {"log_uniform": [1e-4, 1e-1]}})
    assert fewer.draw(3, 5)["learning_rate"] == found.draw(3, 5)["learning_rate"]
    assert found.draw(3, 5) == found.draw(3, 5) != found.draw(4, 5) != found.draw(4, 6)
    config = found.config(found.draw(3, 5))
    assert config.epochs == 9
    assert config.model_options == {
        key.removeprefix("model_options."): value
        for key, value in found.draw(3, 5).items()
        if key.startswith("model_options.")
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "lerning_rate = { uniform = [0.1, 1] }",
            "line 1: lerning_rate: unknown key; did you mean learning_rate?",
        ),
        (
            "learning_rate = { loguniform = [0.1, 1] }",
            "learning_rate.loguniform: unknown key (kind of range); did you mean",
        ),
        (
            "learning_rate = { uniform = [0.1, 1], choice = [1.0] }",
            "integer, log_integer, choice, got 2 of them",
        ),
        ("learning_rate = {}", "integer, log_integer, choice, got 0 of them"),
        ("learning_rate = { uniform = [0, 1] }", "learning_rate.uniform[0]: expects a number above 0, got 0"),
        (
            "learning_rate = { uniform = [1, 0.1] }",
            "learning_rate.uniform: expects [low, high] with low < high, got [1, 0.1]",
        ),
        (
            "learning_rate = { uniform = [0.1, 0.2, 0.3] }",
            "learning_rate.uniform: expects [low, high] with low < high, got [0.1, 0.2, 0.3]",
        ),
        ("learning_rate = { uniform = 3 }", "learning_rate.uniform: expects a list, got 3"),
        (
            "batch_size = { integer = [1, 9999999999999999999] }",
            "batch_size.integer: expects numbers below 2**62",
        ),
        ("learning_rate = { choice = [] }", "learning_rate.choice: expects a list, got []"),
        (
            "learning_rate = { integer = [1, 5] }",
            "takes a number above 0; expects uniform, log_uniform or choice, got integer",
        ),
        (
            "weight_decay = { log_uniform = [0, 1] }",
            "weight_decay.log_uniform[0]: expects a number above 0, got 0.0",
        ),
        (
            "batch_size = { uniform = [1, 5] }",
            "takes a whole number of at least 1; expects integer, log_integer or choice",
        ),
        (
            "batch_size = { uniform = [1.5, 5] }",
            "batch_size.uniform[0]: expects a whole number of at least 1, got 1.5",
        ),
        (
            'batch_size = { choice = [32, "64"] }',
            'batch_size.choice[1]: expects a whole number of at least 1, got "64"',
        ),
        ("shift_bp = { log_integer = [0, 9] }", "shift_bp.log_integer[0]: expects a number above 0, got 0"),
        ('ambiguous = { choice = ["zero", "x"] }', "ambiguous.choice[1]: expects one of"),
        ('model = { choice = ["cnn"] }', "model.choice[0]: unknown model 'cnn'"),
        (
            "[model_options]\n\nfilter = { integer = [1, 5] }",
            "line 3: model_options.filter: unknown key of model motif_cnn; did you mean filters?",
        ),
        (
            "[model_options]\nfilters = { integer = [0, 5] }",
            "line 2: model_options.filters.integer[0]: expects a whole number of at least 1, got 0",
        ),
        (
            "[model_options]\ndropout = { uniform = [0.1, 0.5] }",
            "model_options.dropout.uniform[0]: expects a list of 3, each",
        ),
        (
            TWO_MODELS + "[model_options]\nsecond_filters = { integer = [4, 9] }",
            "line 3: model_options.second_filters: unknown key of model promoter_cnn",
        ),
        (
            TWO_MODELS + "[model_options]\nsecond_filters = 4",
            "model_options.second_filters: unknown key of model promoter_cnn",
        ),
        ("epochs = 3", "ranges: expects at least one, such as learning_rate"),
        (
            "epochs = 0\nlearning_rate = { uniform = [0.1, 1] }",
            "line 1: epochs: expects a whole number of at least 1, got 0",
        ),
        ("seed = { integer = [0, 9] }", "seed: decides what trials are scored on, and expects one value"),
        (
            "validation_fraction = { uniform = [0.1, 0.5] }",
            "validation_fraction: decides what trials are scored on",
        ),
    ],
)
def test_ranges_that_cannot_be_are_refused_with_the_keys_path(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "ranges.toml"
    path.write_text(text)
    with pytest.raises(FormatError, match=re.escape(message)) as caught:
        read_ranges(path)
    assert str(caught.value).startswith(f"{path}")


def test_damaged_ranges_are_refused_by_name_or_read(tmp_path: Path) -> None:
    damaged = mutations(SOUND.encode(), 88, seed=1)
    assert refusals(lambda path: [read_ranges(path)], tmp_path, damaged) > 40


def test_ranges_from_python_are_checked_alike() -> None:
    wrong: dict[str, Any] = {"model_options": {"filters": {"integer": [5, 5]}}}
    with pytest.raises(SettingError, match=r"^model_options\.filters\.integer: expects \[low, high\]"):
        make_ranges(wrong)
    found = make_ranges({"model_options": {"dropout": {"choice": [[0, 0, 0], [0.1, 0.2, 0.3]]}}})
    values = {found.config(found.draw(trial, 0)).model_options["dropout"] for trial in range(20)}
    assert values == {(0.0, 0.0, 0.0), (0.1, 0.2, 0.3)}
    assert make_config({"model_options": {"dropout": [0.1, 0.2, 0.3]}}).model == "motif_cnn"
