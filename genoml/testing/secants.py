"""Checks of ``between``, the rule of attributions: multipliers times differences sum to the change of the output.

For random multipliers m of the output, and M^T m those of the input, <M^T m, x - r> must be <m, f(x) - f(r)>; and where
the reference is x itself, M^T m must be the gradient that the pullback gives.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from genoml.backend import Array, Backend, use_backend
from genoml.nn.layer import Layer
from genoml.random import host_generator
from genoml.testing.cases import LayerCase
from genoml.testing.gradients import expect

#: sizes of the differences of x and its references
DIFFERENCES = (1e-9, 1e-3, 1.0, 5.0)


def references(x: np.ndarray, size: float, count: int, dtype: str) -> np.ndarray:
    """References of each x, (n count, ...), apart by normal numbers of this size; none below 0 if x has none."""
    repeated = np.repeat(x, count, axis=0)
    moved = repeated + size * host_generator(2, f"references {size}").standard_normal(repeated.shape)
    return (np.abs(moved) if x.min(initial=0.0) >= 0.0 else moved).astype(dtype)


def sums(layer: Layer, x: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For random m and each reference: <m, f(x) - f(r)>, <M^T m, x - r>, and the sum of the latter's absolute terms."""
    on, dtype, count = layer.backend, layer.dtype, len(reference) // max(len(x), 1)
    y, y_r, back = layer.between(on.asarray(x, dtype), on.asarray(reference, dtype))
    shape = tuple(y_r.shape)
    m = host_generator(1, "multipliers").standard_normal(shape).astype(dtype)
    multipliers = back(on.asarray(m, dtype))
    expect(tuple(multipliers.shape) == reference.shape, f"multipliers of shape {tuple(multipliers.shape)}")
    expect(multipliers.dtype == on.dtype(dtype), f"multipliers are {multipliers.dtype}, expected {dtype}")
    rise = m.astype(np.float64) * (np.repeat(_host(on, y), count, axis=0) - _host(on, y_r))
    parts = _host(on, multipliers) * (np.repeat(x.astype(np.float64), count, axis=0) - reference)
    return tuple(np.sum(own, axis=tuple(range(1, own.ndim))) for own in (rise, parts, np.abs(parts)))


def _host(on: Backend, values: Array) -> np.ndarray:
    return on.to_numpy(values).astype(np.float64)


def has_rule(case: LayerCase) -> bool:
    """Whether the layer, with all layers inside it, has a rule; an input of integers has no differences."""
    if case.integer:
        return False
    with use_backend("numpy") as home:
        layer, x = case.build(home, "float64"), case.array(home, "float64")
    try:
        layer.between(x, x)
    except NotImplementedError:
        return False
    return True


def secant_error(case: LayerCase, on: Backend, dtype: str) -> float | None:
    """The largest |<m, f(x) - f(r)> - <M^T m, x - r>| / (1 + |<m, f(x) - f(r)>|); None of a layer without a rule."""
    if not has_rule(case):
        return None
    layer, x = case.build(on, dtype), case.input().astype(dtype)
    errors = [0.0]
    for size in DIFFERENCES:
        rise, total, _ = sums(layer, x, references(x, size, 3, dtype))
        errors += list(np.abs(rise - total) / (1.0 + np.abs(rise)))
    return float(max(errors)) if all(map(math.isfinite, errors)) else math.inf


def check_secants(
    case: LayerCase,
    on: Backend,
    dtype: str,
    limit: float,
    no_host_read: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> None:
    """The sum at small and large differences, of edge shapes, of one changed number; the gradient where r is x.

    Reads within ``no_host_read()`` raise, as in ``check_layer``. A layer without a rule passes: it is an error in
    ``deeplift`` that names it.
    """
    if not has_rule(case):
        return
    error = secant_error(case, on, dtype)
    expect(
        error is not None and error <= limit,
        f"multipliers miss the change by {error:.3g}, allowed {limit:.3g}",
    )
    layer, x = case.build(on, dtype), case.input().astype(dtype)
    one = x.copy()
    one.reshape(-1)[one.size // 2] += 0.5
    far = references(x, 50.0, 2, dtype)
    shapes = [np.zeros(shape, dtype) for shape in case.edges if len(shape) > 1]
    pairs = [(x, one), (x, far), (x, x), *((own, references(own, 1.0, 2, dtype)) for own in shapes)]
    for given, reference in pairs:
        with np.errstate(over="ignore", invalid="ignore"):
            found = sums(layer, given, reference)
        rise, total, terms = (
            own[np.isfinite(found[0])] for own in found
        )  # an exponential may overflow far away
        # large terms that cancel lose the digits that they have above their sum
        error = np.max(np.abs(rise - total) / (1.0 + np.abs(rise) + terms), initial=0.0)
        expect(error <= limit, f"multipliers miss the change by {error:.3g}, allowed {limit:.3g}")
    same = on.asarray(x, dtype)
    y, pullback = layer.vjp(same)
    m = on.asarray(host_generator(1, "multipliers").standard_normal(tuple(y.shape)), dtype)
    with no_host_read():
        found = layer.between(same, same)[2](m)
    got, expected = on.to_numpy(found), on.to_numpy(pullback(m, need_params=False)[0])
    worst = float(np.max(np.abs(got - expected), initial=0.0)) / (
        1.0 + float(np.max(np.abs(expected), initial=0.0))
    )
    expect(worst <= {"float64": 1e-9, "float32": 1e-4}[dtype], f"at r = x, multipliers differ by {worst:.3g}")
