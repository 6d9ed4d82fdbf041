"""torch.optim and its schedules with the settings of genoml's optimisers and schedules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch.optim import lr_scheduler

from genoml.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop

#: genoml's optimiser and PyTorch's parameter groups -> PyTorch's optimiser
COUNTERPARTS: dict[type[Optimizer], Callable[[Any, Any], torch.optim.Optimizer]] = {
    SGD: lambda o, p: torch.optim.SGD(p, lr=o.learning_rate, momentum=o.momentum, nesterov=o.nesterov),
    Adam: lambda o, p: torch.optim.Adam(p, lr=o.learning_rate, betas=(o.beta1, o.beta2), eps=o.eps),
    AdamW: lambda o, p: torch.optim.AdamW(p, lr=o.learning_rate, betas=(o.beta1, o.beta2), eps=o.eps),
    Adagrad: lambda o, p: torch.optim.Adagrad(
        p, lr=o.learning_rate, lr_decay=o.lr_decay, initial_accumulator_value=o.initial, eps=o.eps
    ),
    RMSprop: lambda o, p: torch.optim.RMSprop(
        p, lr=o.learning_rate, alpha=o.rho, eps=o.eps, momentum=o.momentum, centered=o.centred
    ),
}


def run_both(
    ours: Optimizer, draws: Callable[[int], dict[str, np.ndarray]], steps: int = 50
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """The parameters after these steps, by name: genoml's and PyTorch's. The rate changes as under a schedule."""
    params = draws(0)
    leaves = {name: torch.nn.Parameter(torch.tensor(value)) for name, value in params.items()}
    # decay falls on weights alone by default, which in PyTorch takes two groups
    groups = [
        {
            "params": [leaf for name, leaf in leaves.items() if name.endswith("weights") == decays],
            "weight_decay": rate,
        }
        for decays, rate in ((True, ours.weight_decay), (False, 0.0))
    ]
    theirs = COUNTERPARTS[type(ours)](ours, groups)
    for step in range(steps):
        rate = ours.learning_rate * (0.97 if step % 2 else 1.01)
        ours.learning_rate = rate
        for group in theirs.param_groups:
            group["lr"] = rate
        grads = draws(step + 1)
        for name, leaf in leaves.items():
            leaf.grad = torch.tensor(grads[name])
        ours.update(params, grads)
        theirs.step()
    for name, leaf in leaves.items():
        yield name, params[name], np.asarray(leaf.detach())


def _plateau(optimizer: torch.optim.Optimizer, maximise: bool) -> lr_scheduler.ReduceLROnPlateau:
    return lr_scheduler.ReduceLROnPlateau(
        optimizer,
        mode="max" if maximise else "min",
        factor=0.5,
        patience=2,
        cooldown=1,
        threshold=0.01,
        min_lr=1e-3,
    )


def _in_turn(optimizer: torch.optim.Optimizer, start: float, rise: int, then: Any) -> Any:
    """A linear rise to 1 over ``rise`` steps, then another schedule."""
    first = lr_scheduler.LinearLR(optimizer, start_factor=start, total_iters=rise)
    return lr_scheduler.SequentialLR(optimizer, [first, then(optimizer)], milestones=[rise])


#: entry of support.schedules -> PyTorch's schedule of an optimiser whose rate is 1
SCHEDULES: dict[str, Callable[[torch.optim.Optimizer], Any]] = {
    "constant": lambda o: lr_scheduler.ConstantLR(o, factor=1.0),
    "step_decay": lambda o: lr_scheduler.StepLR(o, 7, 0.3),
    "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, 50),
    "cosine with an end": lambda o: lr_scheduler.CosineAnnealingLR(o, 50, eta_min=0.1),
    "one_cycle": lambda o: _in_turn(
        o, 0.04, 12, lambda o: lr_scheduler.CosineAnnealingLR(o, 38, eta_min=1e-3)
    ),
    "warm_up": lambda o: lr_scheduler.LinearLR(o, start_factor=0.2 + 0.8 / 11, total_iters=10),
    "warm_up, then cosine": lambda o: _in_turn(
        o, 1.0 / 11, 10, lambda o: lr_scheduler.CosineAnnealingLR(o, 40)
    ),
    "ReduceOnPlateau": lambda o: _plateau(o, False),
    "ReduceOnPlateau, maximising": lambda o: _plateau(o, True),
}


def rates_by_torch(name: str, scores: list[float]) -> list[float]:
    """The rates of as many steps as there are scores; the scores are for the schedules that listen."""
    stepped = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule, rates = SCHEDULES[name](stepped), []
    listens = isinstance(schedule, lr_scheduler.ReduceLROnPlateau)
    for score in scores:
        rates.append(stepped.param_groups[0]["lr"])
        stepped.step()
        schedule.step(*([score] if listens else []))
    return rates
