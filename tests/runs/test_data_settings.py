"""The description of a run's data: one source, files by their role, and changes that do not mix sources."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from genoml.data import SequenceData
from genoml.runs import DataSettings
from genoml.runs.config import TrainConfig
from genoml.runs.data_settings import found_files
from genoml.runs.make_task import make_task
from genoml.runs.read_data import _stems
from genoml.runs.split import split_validation, uneven_groups
from genoml.runs.tasks import guess_task


def test_a_source_is_known_by_its_key_and_other_keys_are_refused() -> None:
    assert DataSettings(positives=["a"], negatives=["b"]).source == "files"
    assert DataSettings(table="t").source == "table"
    assert DataSettings(genome="g", regions=["r"]).source == "genome"
    with pytest.raises(ValueError, match="got none"):
        DataSettings(task="counts").source  # noqa: B018
    with pytest.raises(ValueError, match="got table and genome"):
        DataSettings(table="t", genome="g").source  # noqa: B018
    with pytest.raises(ValueError, match=r"data\.signal: has no meaning with table"):
        DataSettings(table="t", signal=["x.bw"]).source  # noqa: B018
    with pytest.raises(ValueError, match=r"data\.window_bp: expects a whole number >= 1"):
        DataSettings(window_bp=0)


def test_a_new_source_leaves_the_keys_of_another_one_out() -> None:
    table = DataSettings(task="regression", table="t", targets=["a"], group="g")
    assert table.changed({"table": "u"}) == DataSettings(
        task="regression", table="u", targets=["a"], group="g"
    )
    genome = table.changed({"genome": "g", "regions": ["r"]})
    assert genome.given == {"task": "regression", "genome": "g", "regions": ["r"], "targets": ["a"]}
    assert table.changed({"group": None}).group is None


def test_it_is_the_same_through_json_and_files_have_roles(tmp_path: Path) -> None:
    for name in ("a1.bed", "a2.bed", "b.bed"):
        (tmp_path / name).touch()
    settings = DataSettings(genome="g", regions=[f"{tmp_path}/a*.bed", f"{tmp_path}/b.bed"], negatives=["gc"])
    assert msgspec.json.decode(msgspec.json.encode(settings), type=DataSettings) == settings
    assert list(settings.files()) == ["genome", "regions", "regions 2", "regions 3"]
    assert found_files([f"{tmp_path}/a*.bed"], "regions") == [f"{tmp_path}/a1.bed", f"{tmp_path}/a2.bed"]
    moved = settings.with_files(lambda name: f"x/{name}")
    assert moved.negatives == ["gc"], "a word, no file"
    assert moved.genome == "x/g"


def data(targets: object, groups: list[str] | None = None) -> SequenceData:
    values = np.array(targets, np.float32)
    codes = np.random.default_rng(0).integers(0, 4, (len(values), 20), dtype=np.uint8)
    return SequenceData(codes, values, groups)


def test_the_targets_say_the_task_or_it_is_asked_for() -> None:
    assert guess_task(data([[0], [1]])) == "binary"
    assert guess_task(data([[0, 1], [1, 1]])) == "multilabel"
    assert guess_task(data([[0, 1], [1, 0]])) == "classes"
    assert guess_task(data([[0, 1], [1, 0]]), columns=True) == "multilabel"
    assert guess_task(data([[0.5], [-1.0]])) == "regression"
    with pytest.raises(ValueError, match="whole numbers from 0 to 7; say whether"):
        guess_task(data([[0], [7]]))


def test_settings_that_would_do_nothing_for_a_task_are_refused() -> None:
    numbers = data([[0.5], [-1.0], [2.0]])
    for change, message in (
        ({"focal_gamma": 1.0}, "focal_gamma: has a meaning for the task binary and multilabel only"),
        ({"sampling": "balanced"}, "sampling: has a meaning"),
        ({"calibrate": "platt"}, "calibrate: has a meaning for the task binary only, got task regression"),
        ({"count_distribution": "poisson"}, "count_distribution: has a meaning"),
    ):
        with pytest.raises(ValueError, match=message):
            make_task(numbers, TrainConfig(**change))
    with pytest.raises(ValueError, match="target 0 is one number in the training part"):
        make_task(data([[0.5], [0.5]]), TrainConfig())
    task, notes = make_task(numbers, TrainConfig())
    assert (task.mean, notes) == ([0.5], ["task: regression, guessed from the targets"])


def test_counts_that_vary_no_more_than_a_poissons_get_a_poisson() -> None:
    counts = data(np.random.default_rng(0).poisson(7.0, (300, 2)))
    config = TrainConfig(data=DataSettings(task="counts"))
    task, (line,) = make_task(counts, config)
    assert task.distribution == "poisson"
    assert line.startswith("counts: poisson, as advised. 0: The counts vary no more than a Poisson's")
    assert task.log_rate == pytest.approx(np.log(counts.targets.mean(axis=0)))
    forced, (line,) = make_task(
        counts, TrainConfig(data=DataSettings(task="counts"), count_distribution="negative_binomial")
    )
    assert (forced.distribution, forced.dispersion > 0) == ("negative_binomial", True)
    assert "as count_distribution says" in line
    with pytest.raises(ValueError, match="target 0 expects a count above 0"):
        make_task(data([[0], [0]]), config)


def test_groups_of_a_table_and_shares_of_classes_are_kept_in_a_random_split() -> None:
    numbers = data(np.random.default_rng(0).normal(size=(40, 1)), [f"g{i // 8}" for i in range(40)])
    config = TrainConfig(data=DataSettings(table="t", group="g"), validation_fraction=0.2)
    rest, held = split_validation(numbers, config)
    assert not set(rest.groups) & set(held.groups)
    assert len(held) == 8
    assert uneven_groups(len(rest), len(held), config) == []
    (line,) = uneven_groups(38, 2, config)
    assert line.startswith("groups of g are kept whole: 2 of 40 examples are held out, not 0.2 of them")
    classes = data(np.eye(3)[[0] * 60 + [1] * 30 + [2] * 10])
    rest, held = split_validation(classes, TrainConfig(validation_fraction=0.2))
    assert held.targets.sum(axis=0).tolist() == [12, 6, 2]
    with pytest.raises(ValueError, match="class 2: training needs at least 2 examples of each class, got 1"):
        split_validation(data(np.eye(3)[[0, 0, 1, 1, 2]]), TrainConfig())


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a/plus.bw", "b/minus.bw"], ("plus", "minus")),
        (["x.plus.bw", "x.minus.bw"], ("x.plus", "x.minus")),
        (["a/x.bw", "b/x.bw"], ("a/x.bw", "b/x.bw")),
        (["a/x.bw", "a/x.bw"], ("a/x.bw", "a/x.bw")),
    ],
)
def test_tasks_are_named_by_what_tells_their_files_apart(paths: list[str], names: tuple[str, ...]) -> None:
    assert _stems(paths) == names
