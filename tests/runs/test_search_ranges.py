from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoml.io import FormatError
from genoml.runs.search_ranges import Range, SearchRecord, make_ranges, planned, read_ranges
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


def drawn_of(count: int = 300, **own: Any) -> list[Any]:
    """Values that Optuna draws at random from a range."""
    found = Range(**own)
    sampler = optuna.samplers.RandomSampler(0)
    study = optuna.create_study(sampler=sampler)
    asked = [study.ask({"x": found.distribution()}) for _ in range(count)]
    return [found.setting(trial.params["x"]) for trial in asked]


@pytest.mark.parametrize(
    "own",
    [
        {"uniform": (0.001, 0.0012)},
        {"log_uniform": (1e-5, 1e-1)},
        {"integer": (3, 7)},
        {"log_integer": (1, 1000)},
        {"log_integer": (5, 6)},
    ],
)
def test_a_range_gives_values_within_its_bounds_and_all_over_it(own: dict[str, tuple[Any, Any]]) -> None:
    drawn = drawn_of(**own)
    ((low, high),) = own.values()
    assert all(low <= value <= high for value in drawn)
    whole = isinstance(low, int)
    assert all(type(value) is (int if whole else float) for value in drawn)
    if whole and high - low < 10:
        assert set(drawn) == set(range(low, high + 1))


@given(
    st.floats(1e-12, 1e12).flatmap(lambda low: st.tuples(st.just(low), st.floats(low * 1.0001, low * 1e6))),
    st.floats(0.0, 1.0),
)
@settings(max_examples=60, deadline=None)
def test_a_number_that_is_made_short_stays_within_its_range(bounds: tuple[float, float], at: float) -> None:
    low, high = bounds
    value = min(low + at * (high - low), high)
    found = Range(uniform=bounds).setting(value)
    assert low <= found <= high
    assert found == pytest.approx(value, rel=1e-3)


def test_logarithmic_ranges_give_as_many_values_in_each_decade() -> None:
    for own in ({"log_uniform": (1e-4, 1.0)}, {"log_integer": (1, 9999)}):
        drawn = np.log10(drawn_of(1000, **own))
        counts, _ = np.histogram(drawn, bins=4)
        # 250 expected in each; 4 standard deviations
        assert np.all(np.abs(counts - 250) < 4 * math.sqrt(188))


def test_a_choice_gives_each_of_its_values() -> None:
    values = ["a", [1, 2], True]
    drawn = drawn_of(60, choice=values)
    assert all(value in drawn for value in values)


def test_what_is_drawn_and_what_is_not_make_a_configuration(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(SOUND)
    found = make_ranges(read_ranges(tmp_path / "r.toml"))
    drawn = {
        "model": "promoter_cnn", "learning_rate": 0.012345678, "warmup": 0.25, "batch_size": 64,
        "model_options.filters": 9, "model_options.kernel_size": 11,
    }  # fmt: skip
    config = found.config(found.settings(drawn))
    assert (config.epochs, config.batch_size, config.learning_rate) == (9, 64, 0.01235)
    assert config.model_options == {"filters": 9, "kernel_size": 11}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lerning_rate = { uniform = [0.1, 1] }", "lerning_rate: unknown key; did you mean learning_rate?"),
        (
            "learning_rate = { loguniform = [0.1, 1] }",
            "learning_rate.loguniform: unknown key (kind of range); did you mean log_uniform?",
        ),
        (
            "learning_rate = { uniform = [0.1, 1], choice = [1.0] }",
            "learning_rate: expects one of uniform, log_uniform, integer, log_integer, choice, got 2 of them",
        ),
        ("learning_rate = {}", "integer, log_integer, choice, got 0 of them"),
        ("learning_rate = { uniform = [0, 1] }", "learning_rate: expects a number > 0.0"),
        (
            "learning_rate = { uniform = [1, 0.1] }",
            "learning_rate: expects [low, high] with low < high, got [1.0, 0.1]",
        ),
        (
            "learning_rate = { uniform = [0.1, 0.2, 0.3] }",
            "learning_rate.uniform: expects a list of length 2, got 3",
        ),
        ("learning_rate = { uniform = 3 }", "learning_rate.uniform: expects a list, got a whole number"),
        (
            "batch_size = { integer = [1, 9999999999999999999] }",
            "batch_size.integer[1]: expects a whole number <= 4611686018427387904",
        ),
        ("learning_rate = { choice = [] }", "learning_rate.choice: expects a list of length >= 1"),
        (
            "learning_rate = { uniform = [1, inf] }",
            "learning_rate.uniform[1]: expects a number that is finite",
        ),
        (
            "weight_decay = { log_uniform = [0, 1] }",
            "weight_decay: expects numbers above 0 for log_uniform, got",
        ),
        ("batch_size = { uniform = [1, 5] }", "batch_size: expects a whole number, got a number"),
        ("batch_size = { uniform = [1.5, 5] }", "batch_size: expects a whole number, got a number"),
        ('batch_size = { choice = [32, "64"] }', "batch_size: expects a whole number, got text"),
        ("shift_bp = { log_integer = [0, 9] }", "shift_bp: expects numbers above 0 for log_integer, got 0"),
        ('ambiguous = { choice = ["zero", "x"] }', "ambiguous: invalid value 'x', expects 'error' or"),
        ('model = { choice = ["cnn"] }', "model: unknown model 'cnn'"),
        ("model = { integer = [1, 2] }", "model: expects text, got a whole number"),
        (
            "[model_options]\n\nfilter = { integer = [1, 5] }",
            "model_options.filter: unknown key of model motif_cnn; did you mean filters?",
        ),
        (
            "[model_options]\nfilters = { integer = [0, 5] }",
            "model_options.filters: expects a whole number >= 1",
        ),
        (
            "[model_options]\ndropout = { uniform = [0.1, 0.5] }",
            "model_options.dropout: expects a list, got a number",
        ),
        ("model_options = 3\nseed = 1", "model_options: expects a table, got a whole number"),
        (
            TWO_MODELS + "[model_options]\nsecond_filters = { integer = [4, 9] }",
            "model_options.second_filters: unknown key of model promoter_cnn",
        ),
        (
            TWO_MODELS + "[model_options]\nsecond_filters = 4",
            "model_options.second_filters: unknown key of model promoter_cnn",
        ),
        ("epochs = 3", "ranges: expects at least one, such as learning_rate"),
        (
            "epochs = 0\nlearning_rate = { uniform = [0.1, 1] }",
            "epochs: expects a whole number >= 1",
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
    with pytest.raises(ValueError, match=r"^model_options\.filters: expects \[low, high\]"):
        make_ranges(wrong)
    found = make_ranges({"model_options": {"dropout": {"choice": [[0, 0, 0], [0.1, 0.2, 0.3]]}}})
    labels = found.ranges["model_options.dropout"].distribution().choices
    configs = [found.config(found.settings({"model_options.dropout": label})) for label in labels]
    assert [own.model_options["dropout"] for own in configs] == [[0, 0, 0], [0.1, 0.2, 0.3]]


RECORD: dict[str, Any] = {
    "positives": "p", "negatives": "n", "data": {}, "trials": 3, "threads": 1, "backend": "numpy",
    "ranges": {"learning_rate": {"uniform": [0.1, 1.0]}, "epochs": 3},
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trials": 0}, "trials expects at least 1, got 0"),
        ({"factor": 1}, "factor expects at least 2, got 1"),
        ({"factor": 3, "min_epochs": 0}, "min_epochs expects at least 1, got 0"),
        ({"factor": 3, "min_epochs": 4}, "min_epochs expects at most the epochs, 3, got 4"),
        (
            {"factor": 3, "ranges": {"epochs": {"integer": [1, 9]}}},
            "epochs: is what successive halving varies",
        ),
    ],
)
def test_numbers_that_cannot_be_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        planned(SearchRecord(**RECORD | change))


def test_epochs_and_baseline_are_filled_in_where_they_were_left_open() -> None:
    ranges = {"learning_rate": {"uniform": [0.1, 1.0]}}
    found = [planned(SearchRecord(**RECORD | {"ranges": ranges, "negatives": n})) for n in ("n", "shuffle")]
    assert [own.fixed for own in found] == [
        {"epochs": 20, "baseline": False},
        {"epochs": 40, "baseline": False},
    ]
    kept = {**ranges, "epochs": {"integer": [1, 9]}, "baseline": True}
    assert planned(SearchRecord(**RECORD | {"ranges": kept})).fixed == {"baseline": True}


def test_the_data_of_a_search_may_stand_among_the_ranges_and_say_its_score() -> None:
    described = {"table": "t.tsv", "targets": ["a"], "task": "counts"}
    values = {"learning_rate": {"uniform": [0.1, 1.0]}, "data": described}
    ranges = make_ranges(values)
    assert list(ranges.ranges) == ["learning_rate"]
    assert ranges.config({"learning_rate": 0.5}).data.table == "t.tsv"
    record = SearchRecord(**RECORD | {"positives": "", "negatives": "", "ranges": values})
    assert record.score == "validation_deviance_explained"
    assert SearchRecord(**RECORD).score == "validation_auroc"
    with pytest.raises(ValueError, match=r"data\.tabel: unknown key; did you mean table"):
        make_ranges({**values, "data": {"tabel": "t.tsv"}})
