"""Rows of the losses."""

from __future__ import annotations

import inspect
from functools import cache

import numpy as np

from genoml import losses as exported_losses
from genoml.testing import LossCase, loss_differences, measure_loss
from proof.entry import NONE, Entry, Figure, Section, forward_and_gradient
from support.losses import LOSSES, TASK_LOSSES


def loss_entry(name: str, case: LossCase) -> Entry:
    """Gradients of the mean; everything else entry by entry."""
    measured = cache(lambda: measure_loss(case, backend="numpy"))

    def by_torch() -> tuple[Figure, Figure]:
        from parity.counterparts_losses import by_torch as run

        value, grads = case(*case.inputs, reduction="none")
        expected, expected_grads = run(name, "none")
        ours = {"y": value} | {str(i): np.asarray(grad) for i, grad in enumerate(grads)}
        return forward_and_gradient(
            ours, {"y": expected} | {str(i): grad for i, grad in enumerate(expected_grads)}
        )

    def formula() -> Figure:
        found = measured().formula
        return NONE if found is None else found

    def gradient() -> Figure:
        found = measured().gradient
        return NONE if found is None else found

    return Entry(
        name,
        on=lambda backend, dtype: max(loss_differences(case, backend, dtype).values()),
        gradient=gradient,
        formula=formula,
        torch=by_torch,
    )


def losses() -> Section:
    """Every entry of the losses' registry."""
    every = LOSSES | TASK_LOSSES
    exported = {
        name
        for name, value in vars(exported_losses).items()
        if inspect.isfunction(value) and {"targets", "reduction"} <= set(inspect.signature(value).parameters)
    }
    return Section(
        "Losses",
        "Each loss with several settings, and the gradients of all its inputs. The formula is written with SciPy; "
        "PyTorch's is its own loss or distribution where it has one, else the formula and its autograd.",
        tuple(loss_entry(name, case) for name, case in every.items()),
        frozenset(exported),
        frozenset(case.loss.__name__ for case in every.values()),
    )
