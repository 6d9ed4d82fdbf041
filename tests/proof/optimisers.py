"""Rows of the optimisers, of the limits on gradients and weights, and of the schedules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from genoml import optim
from genoml.backend import Backend
from genoml.optim import schedules
from proof.entry import NONE, Entry, Figure, Section, no_figure, on_numpy, worst
from support.optimizers import OPTIMIZERS, OptimizerCase, draws
from support.schedules import SCHEDULES, rates, scores


def optimiser_entry(name: str, case: OptimizerCase) -> Entry:
    """The parameters after 50 steps."""

    def by_torch() -> tuple[Figure, Figure]:
        from parity.counterparts_optim import run_both

        found = list(run_both(case.make(), draws))
        return worst({n: ours for n, ours, _ in found}, {n: theirs for n, _, theirs in found}), NONE

    return Entry(
        name,
        on=lambda backend, dtype: worst(case.run(backend, dtype), on_numpy(case.run)),
        formula=lambda: worst(on_numpy(case.run), case.expected()),
        torch=by_torch,
    )


def _clipped(arrays: dict[str, Any]) -> dict[str, Any]:
    found, norm = optim.clip_by_norm(arrays, 1.5)
    return found | {"norm": norm}


def _limited(arrays: dict[str, Any]) -> dict[str, Any]:
    params = dict(arrays)
    optim.limit_norms(params, 1.2)
    return params


def _clipped_by_torch(arrays: dict[str, Any], torch: Any) -> dict[str, Any]:
    # torch.nn.utils.clip_grad_norm_ divides by the norm plus 1e-6
    norm = torch.linalg.vector_norm(torch.cat([value.reshape(-1) for value in arrays.values()]))
    scale = torch.clamp(1.5 / norm, max=1.0)
    return {name: value * scale for name, value in arrays.items()} | {"norm": norm}


def _limited_by_torch(arrays: dict[str, Any], torch: Any) -> dict[str, Any]:
    def limited(value: Any) -> Any:
        axes = 0 if value.ndim == 2 else tuple(range(1, value.ndim))
        norm = torch.linalg.vector_norm(value, dim=axes, keepdim=True)
        return value * torch.clamp(1.2 / norm, max=1.0)

    return {name: limited(value) if name.endswith("weights") else value for name, value in arrays.items()}


Change = Callable[[dict[str, Any]], dict[str, Any]]
LIMITS: dict[str, tuple[Change, Callable[[dict[str, Any], Any], dict[str, Any]]]] = {
    "clip_by_norm": (_clipped, _clipped_by_torch),
    "clip_by_value": (
        lambda arrays: optim.clip_by_value(arrays, 0.5),
        lambda arrays, torch: {name: torch.clamp(value, -0.5, 0.5) for name, value in arrays.items()},
    ),
    "limit_norms": (_limited, _limited_by_torch),
}


def limit_entry(name: str) -> Entry:
    """Gradients or weights after the limit."""
    ours, theirs = LIMITS[name]

    def run(backend: Backend, dtype: str) -> dict[str, np.ndarray]:
        found = ours({key: backend.asarray(value, dtype) for key, value in draws(0).items()})
        return {key: backend.to_numpy(value) for key, value in found.items()}

    def by_torch() -> tuple[Figure, Figure]:
        import torch

        found = theirs({key: torch.tensor(value) for key, value in draws(0).items()}, torch)
        return worst(on_numpy(run), found), NONE

    return Entry(
        name,
        on=lambda backend, dtype: worst(run(backend, dtype), on_numpy(run)),
        torch=by_torch,
    )


def optimisers() -> Section:
    """Every optimiser, and what else acts on gradients and weights."""
    exported = {name for name in optim.__all__ if name != "Optimizer"}
    return Section(
        "Optimisers",
        "The parameters after 50 steps, without a gradient of their own; weight decay falls on weights. `clip_by_norm` "
        "and `limit_norms` are held to PyTorch's norms: its own versions add 1e-6 to them.",
        (
            *(optimiser_entry(name, case) for name, case in OPTIMIZERS.items()),
            *(limit_entry(name) for name in LIMITS),
        ),
        frozenset(exported),
        frozenset({type(case.make()).__name__ for case in OPTIMIZERS.values()} | set(LIMITS)),
    )


def schedule_entry(name: str) -> Entry:
    """The rates of 50 steps."""

    def by_torch() -> tuple[Figure, Figure]:
        from parity.counterparts_optim import rates_by_torch

        return worst({"rate": rates(name)}, {"rate": rates_by_torch(name, scores())}), NONE

    return Entry(name, on=None, gradient=no_figure, torch=by_torch)


def every_schedule() -> Section:
    """Every schedule."""
    return Section(
        "Schedules",
        "The learning rates of 50 steps, which are numbers of the host. `one_cycle` and `warm_up` are held to "
        "PyTorch's `LinearLR`, followed by its `CosineAnnealingLR`.",
        tuple(schedule_entry(name) for name in SCHEDULES),
        frozenset(schedules.__all__) - {"Schedule"},
        frozenset(name.split(",")[0].split(" ")[0] for name in SCHEDULES),
    )
