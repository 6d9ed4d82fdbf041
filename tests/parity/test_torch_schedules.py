"""Schedules against torch.optim.lr_scheduler."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler

from genoml.schedules import ReduceOnPlateau, Schedule, cosine, step_decay


def optimizer() -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (step_decay(7, 0.3), lambda o: lr_scheduler.StepLR(o, 7, 0.3)),
        (cosine(50), lambda o: lr_scheduler.CosineAnnealingLR(o, 50)),
        (cosine(50, end=0.1), lambda o: lr_scheduler.CosineAnnealingLR(o, 50, eta_min=0.1)),
    ],
    ids=["step", "cosine", "cosine with an end"],
)
def test_50_steps_have_the_rates_of_torch(ours: Schedule, theirs: Any) -> None:
    stepped = optimizer()
    schedule, rates = theirs(stepped), []
    for _ in range(50):
        rates.append(stepped.param_groups[0]["lr"])
        stepped.step()
        schedule.step()
    np.testing.assert_allclose([ours(step) for step in range(50)], rates, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("maximise", [False, True])
@pytest.mark.parametrize("cooldown", [0, 2])
@pytest.mark.parametrize("patience", [0, 3])
def test_the_plateau_rule_is_that_of_torch(patience: int, cooldown: int, maximise: bool) -> None:
    scores = 1.0 + np.exp(-np.arange(50) / 10.0) + 0.05 * np.random.default_rng(0).standard_normal(50)
    ours = ReduceOnPlateau(
        0.5, patience=patience, cooldown=cooldown, threshold=0.01, least=1e-3, maximise=maximise
    )
    stepped = optimizer()
    theirs = lr_scheduler.ReduceLROnPlateau(
        stepped,
        mode="max" if maximise else "min",
        factor=0.5,
        patience=patience,
        cooldown=cooldown,
        threshold=0.01,
        min_lr=1e-3,
    )
    for score in scores if not maximise else -scores + 5.0:
        theirs.step(float(score))
        assert ours.report(float(score)) == pytest.approx(stepped.param_groups[0]["lr"])
    assert ours(0) < 1.0
