"""Tasks of runs: where networks begin, what objectives say of them, and weights of classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from genoml.backend import Backend, use_backend
from genoml.data import SequenceData
from genoml.evaluation import Calibration
from genoml.models import bias_factorised, build_model
from genoml.nn import Ensemble
from genoml.runs.assess import label_offsets
from genoml.runs.config import TrainConfig
from genoml.runs.make_task import class_weights, make_task
from genoml.runs.tasks import TaskRecord, begin_at_mean
from genoml.train import CellTypes, Counts, Profile
from genoml.train.objectives import BinaryClassification, MultiClassification, Objective, Regression
from genoml.train.predict import encode_batch

SIZES = {
    "tracks": 2, "profile_length_bp": 20, "filters": 4, "kernel_size": 5, "dilated_layers": 1, "profile_kernel_size": 5,
}  # fmt: skip
CODES = np.random.default_rng(0).integers(0, 4, (3, 40), dtype=np.uint8)


def outputs_of(model: Any) -> np.ndarray:
    x = encode_batch(CODES, model.backend, model.dtype, "zero")
    return np.asarray(model.backend.to_numpy(model(x)))


@pytest.mark.parametrize("kind", ["plain", "controls", "members", "bias"])
def test_the_counts_of_a_profile_network_begin_at_their_mean(kind: str, backend: Backend) -> None:
    task = TaskRecord(kind="profile", strands="+-", profile_bp=20, mean=[4.5, 6.25])
    with use_backend(backend):
        model = build_model("bpnet", SIZES | ({"control_tracks": 1} if kind == "controls" else {}))
        if kind == "members":
            model = Ensemble([model, build_model("bpnet", SIZES, seed=1)])
        if kind == "bias":
            model = bias_factorised(model, build_model("bpnet", SIZES), 2)
        before = outputs_of(model)
        begin_at_mean(model, task)
    found = outputs_of(model)
    np.testing.assert_array_equal(found[:, :40], before[:, :40])
    if kind == "bias":  # log(exp(4.5) + the reads of the bias)
        assert (found[:, 40:] > [4.5, 6.25]).all()
        assert (found[:, 40:] < [5.0, 6.5]).all()
    else:
        np.testing.assert_allclose(found[:, 40:], [[4.5, 6.25]] * 3)


def test_activities_in_cell_types_begin_at_their_mean() -> None:
    model = build_model("promoter_cnn", {"n_outputs": 3})
    begin_at_mean(model, TaskRecord(kind="cell_types", mean=[0.001, 1.0, 250.0]))
    values = CellTypes().predictions(outputs_of(model).astype(np.float64))
    np.testing.assert_allclose(values, [[0.001, 1.0, 250.0]] * 3, rtol=1e-4)


@pytest.mark.parametrize(
    ("objective", "kind", "names"),
    [
        (BinaryClassification(), "binary", []),
        (BinaryClassification(task_names=("a", "b")), "multilabel", ["a", "b"]),
        (MultiClassification(task_names=("x", "y")), "classes", ["x", "y"]),
        (Regression("squared", 1.0, (2.0,), (3.0,)), "regression", []),
        (Counts(), "counts", []),
        (Profile(2, 30, 1.0, "+-"), "profile", []),
        (Profile(2, 30, 1.0), "profile", []),
        (CellTypes(10.0, task_names=("a", "b")), "cell_types", ["a", "b"]),
    ],
)
def test_the_task_of_an_objective_has_this_objective(
    objective: Objective, kind: str, names: list[str]
) -> None:
    task = TaskRecord.of_objective(objective)
    assert (task.kind, task.names) == (kind, names)
    again = task.objective()
    assert type(again) is type(objective)
    assert not again.contradicts(objective)


def test_a_profile_network_without_a_recorded_mean_begins_with_no_reads() -> None:
    model = build_model("bpnet", SIZES)
    begin_at_mean(model, TaskRecord(kind="profile", strands="+-", profile_bp=20))
    np.testing.assert_array_equal(outputs_of(model)[:, 40:], np.zeros((3, 2)))


def labels(columns: np.ndarray, mask: np.ndarray | None = None) -> SequenceData:
    codes = np.zeros((len(columns), 10), np.uint8)
    names = tuple("abc"[: columns.shape[1]])
    extras = {} if mask is None else {"mask": mask}
    return SequenceData(codes, columns.astype(np.float32), extras=extras, target_names=names)


def test_each_label_has_weights_of_its_own_classes_by_the_examples_that_are_known() -> None:
    config = TrainConfig(class_weight="balanced")
    columns = np.array([[1, 0, 1], [0, 0, 1], [0, 1, 1], [0, 0, 1]])
    mask = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1], [1, 0, 1]])
    data = labels(columns, mask)
    task, _ = make_task(data, config)
    assert task.kind == "multilabel"
    weights = class_weights(config, task, data)
    assert weights == ((0.5 / 0.75, 1.0, 1.0), (2.0, 1.0, 1.0))
    objective = task.objective(config, class_weight=weights)
    loss, grad = objective.loss(np.zeros((4, 3)), columns, mask=mask)
    assert float(loss) == pytest.approx(np.log(2.0) * (4 + 2 + 4) / 10)
    assert float(grad[0, 0]) == pytest.approx(-0.5 * 2.0 / 10)
    with pytest.raises(ValueError, match="class_weight: expects none beside focal_gamma"):
        make_task(data, TrainConfig(class_weight="balanced", focal_gamma=2.0))


def test_weighed_labels_that_fit_the_data_are_calibrated_label_by_label() -> None:
    # four groups of sequences, told apart by the network, and the share of each label in each; a label of one class
    shares = np.array([[0.01, 0.5, 0.0], [0.02, 0.9, 0.0], [0.1, 0.8, 0.0], [0.03, 0.6, 0.0]])
    groups = np.repeat(np.arange(4), 200)
    targets = np.zeros((800, 3), np.float32)
    for group, label in np.ndindex(4, 3):
        targets[200 * group : 200 * group + round(200 * shares[group, label]), label] = 1.0
    mask = np.ones_like(targets)
    mask[::7, 1] = 0.0
    data = SequenceData(np.zeros((800, 10), np.uint8), targets, extras={"mask": mask})
    config = TrainConfig(class_weight="balanced")
    task, said = make_task(data, config)
    weights = class_weights(config, task, data)
    objective = task.objective(config, class_weight=weights)
    assert isinstance(objective, BinaryClassification)
    known = [[mask[groups == group, label] == 1 for label in range(2)] for group in range(4)]
    own = np.array(
        [[targets[groups == g, t][known[g][t]].mean(dtype=float) for t in range(2)] for g in range(4)]
    )
    # the minimum of the weighed loss in each group: w1 p / (w0 (1 - p)); there its gradient is zero
    low, high = np.asarray(weights)[:, :2]
    logits = np.full((800, 3), -3.0)
    logits[:, :2] = np.log(high * own / (low * (1.0 - own)))[groups]
    _, grad = objective.loss(logits, targets.astype(np.float64), mask=mask.astype(np.float64))
    for group in range(4):
        np.testing.assert_allclose(np.asarray(grad)[groups == group, :2].sum(axis=0), 0.0, atol=1e-12)
    predicted = task.objective(calibration=label_offsets(config, task, data)).predictions(logits)
    np.testing.assert_allclose(predicted[:, :2], own[groups], rtol=1e-12)
    np.testing.assert_allclose(predicted[:, 2], 1.0 / (1.0 + np.exp(3.0)))
    assert said[-1].startswith("class_weight: probabilities are moved back")
    # without weights nothing is moved
    assert label_offsets(TrainConfig(), task, data) == Calibration()
