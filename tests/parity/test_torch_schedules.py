"""Schedules against torch.optim.lr_scheduler."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler

from genoml.optim.schedules import ReduceOnPlateau
from parity.counterparts_optim import SCHEDULES as COUNTERPARTS
from parity.counterparts_optim import rates_by_torch
from support.schedules import SCHEDULES, rates, scores


@pytest.mark.parametrize("name", SCHEDULES)
def test_50_steps_have_the_rates_of_torch(name: str) -> None:
    np.testing.assert_allclose(rates(name), rates_by_torch(name, scores()), rtol=1e-10, atol=1e-12)


def test_every_schedule_has_a_counterpart() -> None:
    assert set(COUNTERPARTS) == set(SCHEDULES)


@pytest.mark.parametrize("maximise", [False, True])
@pytest.mark.parametrize("cooldown", [0, 2])
@pytest.mark.parametrize("patience", [0, 3])
def test_the_plateau_rule_is_that_of_torch(patience: int, cooldown: int, maximise: bool) -> None:
    falling = np.array(scores())
    ours = ReduceOnPlateau(
        0.5, patience=patience, cooldown=cooldown, threshold=0.01, least=1e-3, maximise=maximise
    )
    stepped = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = lr_scheduler.ReduceLROnPlateau(
        stepped,
        mode="max" if maximise else "min",
        factor=0.5,
        patience=patience,
        cooldown=cooldown,
        threshold=0.01,
        min_lr=1e-3,
    )
    for score in falling if not maximise else -falling + 5.0:
        theirs.step(float(score))
        assert ours.report(float(score)) == pytest.approx(stepped.param_groups[0]["lr"])
    assert ours(0) < 1.0
