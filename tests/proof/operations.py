"""Rows of the operations that backends may have twins of."""

from __future__ import annotations

import importlib
import pkgutil

from genoml import ops
from genoml.ops.dispatch import Operation
from proof.accuracy import FUNCTIONS
from proof.entry import NONE, Entry, Figure, Section, forward_and_gradient, on_numpy, worst
from proof.operation_cases import OperationCase, cases


def operation_entry(name: str, case: OperationCase) -> Entry:
    """Outputs and gradients of one operation."""

    def by_torch() -> tuple[Figure, Figure]:
        if case.torch is None:
            return "none in PyTorch", NONE
        return forward_and_gradient(on_numpy(case.on), case.torch(case.inputs))

    return Entry(
        name,
        on=lambda backend, dtype: worst(case.on(backend, dtype), on_numpy(case.on)),
        formula=lambda: worst(on_numpy(case.on), case.loop(case.inputs)),
        torch=by_torch,
    )


def exported_operations() -> frozenset[str]:
    """Every operation of genoml.ops that a backend may have a twin of."""
    names = set()
    for module in pkgutil.iter_modules(ops.__path__, f"{ops.__name__}."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, Operation):
                names.add(value.name)
    return frozenset(names)


def operations() -> Section:
    """The operations that the standard lacks, but for the special functions."""
    return Section(
        "Operations",
        "What genoml adds to the standard, on channels-last arrays. NumPy runs its own twins here and the other "
        "variants the standard versions. The formula, of outputs and gradients, is a plain loop, to which those that "
        "PyTorch lacks are held instead; for `random_uniform` it is the standard version, whose bits "
        "tests/ops/test_threefry.py holds to published ones.",
        tuple(operation_entry(name, case) for name, case in cases().items()),
        exported_operations() - set(FUNCTIONS),
        frozenset(name.split(",")[0] for name in cases()),
    )
