"""Rows of the special functions: how accurate they are."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from scipy import special as scipy_special

from genoml.backend import Backend
from genoml.ops import special
from proof.entry import Entry, Section


def _mp(function: Callable[[Any, Any], Any]) -> Callable[[np.ndarray], np.ndarray]:
    """A function of (mpmath, number), with 40 digits, for each number."""

    def values(x: np.ndarray) -> np.ndarray:
        import mpmath

        with mpmath.workdps(40):
            return np.array([float(function(mpmath, mpmath.mpf(float(number)))) for number in x])

    return values


def _binet(m: Any, x: Any) -> Any:
    return m.loggamma(x) - (x - 0.5) * m.log(x) + x - 0.5 * m.log(2 * m.pi)


#: name -> the function, its reference, its points, whether the error is relative to the value, or to 1 + |value|
FUNCTIONS: dict[str, Any] = {"erf": special.erf, "lgamma": special.lgamma, "digamma": special.digamma}
_WIDE = np.geomspace(1e-6, 1e6, 3001)
ACCURACY: dict[str, tuple[Any, Callable[[np.ndarray], np.ndarray], np.ndarray, bool]] = {
    "erf, -6 <= x <= 30": (
        special.erf,
        scipy_special.erf,
        np.concatenate([np.geomspace(1e-30, 30.0, 2001), -np.linspace(1e-3, 6.0, 1001)]),
        True,
    ),
    "lgamma, 1e-6 <= x <= 1e6": (special.lgamma, scipy_special.gammaln, _WIDE, False),
    "lgamma, 1e6 <= x <= 1e30": (special.lgamma, scipy_special.gammaln, np.geomspace(1e6, 1e30, 1001), True),
    "digamma, 1e-6 <= x <= 1e6": (special.digamma, scipy_special.digamma, _WIDE, False),
    "binet, 1e-6 <= x <= 8": (special.binet, _mp(_binet), np.geomspace(1e-6, 8.0, 201), False),
    "binet, 8 <= x <= 1e12": (special.binet, _mp(_binet), np.geomspace(8.0, 1e12, 201), True),
    "digamma_excess, 1e-6 <= x <= 8": (
        special.digamma_excess,
        _mp(lambda m, x: m.digamma(x) - m.log(x)),
        np.geomspace(1e-6, 8.0, 201),
        False,
    ),
    "digamma_excess, 8 <= x <= 1e12": (
        special.digamma_excess,
        _mp(lambda m, x: m.digamma(x) - m.log(x)),
        np.geomspace(8.0, 1e12, 201),
        True,
    ),
}


@cache
def _expected(name: str, dtype: str) -> np.ndarray:
    _, reference, points, _ = ACCURACY[name]
    return reference(points.astype(dtype).astype(np.float64))


def accuracy_entry(name: str) -> Entry:
    """The largest error over the points, which are rounded to the dtype before the reference reads them."""
    function, _, points, relative = ACCURACY[name]

    def error(backend: Backend, dtype: str) -> float:
        got = backend.to_numpy(function(backend.asarray(points, dtype))).astype(np.float64)
        expected = _expected(name, dtype)
        return float(np.max(np.abs(got - expected) / (np.abs(expected) + (0.0 if relative else 1.0))))

    return Entry(name, on=error)


def special_functions() -> Section:
    """Accuracy of erf, log-gamma, digamma and the differences of the latter two."""
    return Section(
        "Special functions",
        "The largest error against SciPy, for `binet` and `digamma_excess` against mpmath with 40 digits: relative to "
        "the value for erf and in the rows of large x, to 1 + |value| in the others, which pass a zero. PyTorch, JAX "
        "and CuPy run their own erf, lgamma and digamma, the others the portable series of genoml/ops/special.py.",
        tuple(accuracy_entry(name) for name in ACCURACY),
        frozenset(FUNCTIONS),
        frozenset(name.split(",")[0] for name in ACCURACY),
    )
