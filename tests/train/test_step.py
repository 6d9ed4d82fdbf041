"""One step of a training: its loss and gradients, whole and in parts."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from array_api_compat import array_namespace

from genoml import losses
from genoml.backend import Array, Backend
from genoml.data import SequenceData
from genoml.data.dataset import Rows
from genoml.nn import Dense, Ensemble, Flatten, Layer, Sequential
from genoml.parallel import Threads
from genoml.testing import has_float64
from genoml.train import (
    BinaryClassification,
    CellTypes,
    Counts,
    FitOptions,
    MultiClassification,
    Objective,
    Profile,
    Regression,
    Steps,
)

RNG = np.random.default_rng(3)
EXAMPLES, TASKS = 11, 2
LABELS = RNG.integers(0, 2, (EXAMPLES, TASKS)).astype(np.float32)
PROFILES = RNG.poisson(2.0, (EXAMPLES, TASKS, 5)).astype(np.float32)
WEIGHTS = RNG.random(EXAMPLES).astype(np.float32)
#: the first parts have no label at all
MASK = (RNG.random((EXAMPLES, TASKS)) < 0.6).astype(np.float32) * (np.arange(EXAMPLES) > 4)[:, None]

CASES: dict[str, tuple[Objective, int, np.ndarray, dict[str, np.ndarray]]] = {
    "labels": (BinaryClassification((0.3, 2.0), 0.1), 2, LABELS, {}),
    "focal": (BinaryClassification((0.3, 2.0), focal_gamma=1.5), 2, LABELS, {"mask": MASK}),
    "classes": (MultiClassification((1.0, 3.0), 0.1), 2, np.eye(2, dtype=np.float32)[LABELS[:, 0].astype(int)],
                {"mask": MASK[:, 0], "sample_weight": WEIGHTS}),
    "numbers": (Regression(mean=(1.0, 2.0), scale=(0.5, 3.0)), 2, LABELS, {"mask": MASK, "sample_weight": WEIGHTS}),
    "counts": (Counts("zero_inflated"), 6, PROFILES[:, :, 0], {"mask": MASK, "offset": 0.1 * LABELS}),
    "profiles": (Profile(TASKS, 5, 3.0), 12, PROFILES, {"mask": MASK}),
    "cell types": (CellTypes(), 2, LABELS, {"sample_weight": WEIGHTS}),
}  # fmt: skip


class Centred(BinaryClassification):
    """A loss that is no mean over labels: the cross-entropy of logits less their mean over the batch."""

    def loss(self, outputs: Array, targets: Any, **extras: Any) -> tuple[Array, Array]:
        xp = array_namespace(outputs)
        centred = outputs - xp.mean(outputs, axis=0, keepdims=True)
        loss, grad = losses.binary_cross_entropy_with_logits(centred, targets, **extras)
        return loss, grad - xp.mean(grad, axis=0, keepdims=True)


class SaysSo(Centred):
    in_parts: ClassVar[bool] = True


def step_of(model: Layer, objective: Objective, rows: Rows, threads: int) -> dict[str, np.ndarray]:
    """Loss and gradients of a step of these examples."""
    data = SequenceData(rows.codes, LABELS)
    steps = Steps(model, data, FitOptions(threads=threads, objective=objective))
    steps.threads = Threads(threads, least_input=1, least_work=1)
    with steps.threads:
        loss, grads = steps.gradients(rows, 0)
    return {name: model.backend.to_numpy(value) for name, value in {**grads, "loss": loss}.items()}


def expect_same_in_parts(
    backend: Backend, objective: Objective, outputs: int, rows: Rows, members: int = 0
) -> None:
    dtype = "float64" if has_float64(backend) else "float32"
    options: dict[str, Any] = {"dtype": dtype, "backend": backend}

    def model() -> Layer:
        networks = [
            Sequential([Flatten(**options), Dense(12, outputs, seed=seed, **options)])
            for seed in range(max(members, 1))
        ]
        return Ensemble(networks) if members else networks[0]

    whole = step_of(model(), objective, rows, 1)
    for threads in (2, 4):
        parts = step_of(model(), objective, rows, threads)
        for name, expected in whole.items():
            close = (1e-11, 1e-12) if dtype == "float64" else (1e-4, 1e-5)
            np.testing.assert_allclose(parts[name], expected, close[0], close[1], err_msg=name)


def rows_of(targets: np.ndarray, extras: dict[str, np.ndarray]) -> Rows:
    return Rows(np.random.default_rng(0).integers(0, 4, (EXAMPLES, 3), dtype=np.uint8), targets, extras)


@pytest.mark.parametrize("case", CASES)
def test_the_loss_of_every_objective_is_the_sum_of_its_shares(case: str, backend: Backend) -> None:
    objective, outputs, targets, extras = CASES[case]
    assert objective.in_parts
    expect_same_in_parts(backend, objective, outputs, rows_of(targets, extras))


def test_shares_of_an_ensembles_loss_are_those_of_its_members(backend: Backend) -> None:
    rows = rows_of(LABELS, {"mask": MASK, "sample_weight": WEIGHTS})
    expect_same_in_parts(backend, BinaryClassification(), TASKS, rows, members=3)


def test_a_loss_of_ones_own_is_given_the_whole_batch(backend: Backend) -> None:
    assert not Centred.in_parts
    assert SaysSo.in_parts
    expect_same_in_parts(backend, Centred(), TASKS, rows_of(LABELS, {}))


def test_a_batch_without_any_label_has_no_loss_in_parts_either(backend: Backend) -> None:
    objective, outputs, targets, _ = CASES["numbers"]
    expect_same_in_parts(backend, objective, outputs, rows_of(targets, {"mask": np.zeros_like(MASK)}))
